//! Who asks: the address that is believed, and whether it stands for one client or for many.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use crate::gateway::AppState;
use crate::http::Group;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Addresses that begin alike, such as 10.0.0.0/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// An extension of requests whose sender has shown that it is a server of ours, which asks for many.
#[derive(Clone, Copy, Debug)]
pub struct Proven;

/// Who is believed when it says for whom it asks: proxies before us, and servers that ask for many.
#[derive(Clone, Debug, Default)]
pub struct Trusted(Vec<Network>);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Who asked first, as far as it is believed: what a trusted proxy says, else the other end of the connection.
    pub address: IpAddr,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether the other end is believed in what it says of others (`X-Forwarded-*`, `Forwarded`).
    pub is_forwarding: bool,
    /// Whether it asks for many, so that no one client's share binds it: it is trusted itself, or has proven itself.
    pub is_many: bool,
}

impl Client {
    /// To whom shares and rates are given: an address, or the part of an IPv6 address that one site has.
    pub fn group(&self) -> Group {
        Group::of(self.address)
    }
}

impl Trusted {
    /// These, and this machine itself.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether this address is one of them.
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.0.iter().any(|network| network.has(address))
    }

    /// Who asks, by the other end of the connection and the headers that it sent.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        let is_forwarding = self.has(peer);
        let address = if is_forwarding { self.first_of_others(peer, headers) } else { peer };
        Client { address, peer, is_forwarding, is_many: self.has(address) }
    }

    /// From the nearest on, the first whom nobody trusts: what stands before it is its own word. Where a proxy only knows
    /// one of the two headers it passes the other on as it came, so the one that most know is believed alone.
    fn first_of_others(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let is_older = headers.contains_key(FORWARDED_FOR);
        let name = if is_older { FORWARDED_FOR } else { header::FORWARDED };
        let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
        let mut nearest = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let named = if is_older { Some(hop) } else { said_for(hop) };
            let Some(address) = named.and_then(address_of) else { break };
            nearest = address;
            if !self.has(address) {
                break;
            }
        }
        nearest
    }
}

/// What one hop of `Forwarded` says of who asked it.
fn said_for(hop: &str) -> Option<&str> {
    hop.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

/// An address as proxies write it, perhaps with a port and in brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(address, _)| address);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, bits: u32| {
            let beyond = bits.saturating_sub(self.prefix);
            (one ^ other).checked_shr(beyond).unwrap_or(0) == 0
        };
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "not an address or a network, such as 10.0.0.7 or 10.0.0.0/8";
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| wrong)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| wrong)?;
        if prefix > longest {
            return Err(wrong);
        }
        Ok(Self { address, prefix })
    }
}

impl FromRequestParts<Arc<AppState>> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, Infallible> {
        // Whoever has no address is nobody in particular, and shares with all who have none.
        let unknown = IpAddr::from([0, 0, 0, 0]);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(unknown, |ConnectInfo(peer)| peer.ip());
        let mut client = app.trusted.client(peer, &parts.headers);
        client.is_many |= parts.extensions.get::<Proven>().is_some();
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> Client {
        let trusted = Trusted::new(["10.0.0.0/8", "2001:db8::7"].map(|text| text.parse().unwrap()).to_vec());
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, HeaderValue::from_static(value));
        }
        trusted.client(ip(peer), &all)
    }

    fn believed(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        client(peer, headers).address.to_string()
    }

    #[test]
    fn what_strangers_say_of_others_is_not_believed() {
        let forged = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
        let stranger = client("192.0.2.1", &forged);
        assert_eq!((stranger.address, stranger.is_forwarding, stranger.is_many), (ip("192.0.2.1"), false, false));
        assert_eq!(believed("::ffff:192.0.2.1", &forged), "192.0.2.1");
        // This machine and a trusted proxy are, in what the proxy itself has seen: what stands before is the client's word.
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "2001:db8::7"] {
            assert_eq!(
                believed(peer, &[("x-forwarded-for", "10.0.0.1, 203.0.113.9, 198.51.100.7, 10.0.0.2")]),
                "198.51.100.7"
            );
        }
        let of_a_proxy = client("10.1.2.3", &forged);
        assert!(of_a_proxy.is_forwarding && !of_a_proxy.is_many);
    }

    #[test]
    fn either_header_is_read_and_the_one_that_most_proxies_write_counts() {
        for (headers, expected) in [
            (vec![("forwarded", "for=192.0.2.1;proto=https, For=\"[2001:db8::1]:4711\"; host=a")], "2001:db8::1"),
            (vec![("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.2:80")], "192.0.2.2"),
            (vec![("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")], "192.0.2.2"),
            (vec![("x-forwarded-for", "192.0.2.1, unknown, 10.0.0.2")], "10.0.0.2"),
            (vec![("x-forwarded-for", "")], "10.0.0.1"),
            (vec![("forwarded", "for=_hidden")], "10.0.0.1"),
        ] {
            assert_eq!(believed("10.0.0.1", &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn who_is_trusted_and_asks_for_nobody_asks_for_many() {
        assert!(client("127.0.0.1", &[]).is_many && client("10.0.0.1", &[]).is_many);
        assert!(client("10.0.0.1", &[("x-forwarded-for", "10.0.0.2, 127.0.0.1")]).is_many);
        assert!(!client("192.0.2.1", &[]).is_many && !client("11.0.0.1", &[]).is_many);
    }

    #[test]
    fn a_network_is_an_address_or_a_prefix() {
        let has = |network: &str, address: &str| network.parse::<Network>().unwrap().has(ip(address));
        assert!(has("0.0.0.0/0", "192.0.2.1") && has("::/0", "2001:db8::1") && has("192.0.2.1", "192.0.2.1"));
        assert!(has(" 172.16.0.0/12 ", "172.31.255.255") && !has("172.16.0.0/12", "172.32.0.0"));
        assert!(has("2001:db8::/32", "2001:db8:ffff::1") && !has("2001:db8::/32", "2001:db9::1"));
        assert!(!has("0.0.0.0/0", "::1"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "proxy", "10.0.0.0/8/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
