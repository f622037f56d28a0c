//! Who may ask, and how often, whoever it is: this keeps foreign web pages out of the gateway (cross-site
//! requests, DNS rebinding), and one client from taking all of it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderMap, Method, header};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::gateway::client::Client;
use crate::gateway::refusal::Refusal;
use crate::gateway::site;
use crate::http::Group;

/// Clients that are remembered before those are dropped that were quiet for a while.
const CLIENTS: usize = 10_000;
/// Refusals that the log tells in a minute: enough to find out why, whoever floods.
pub const TOLD_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
/// Most of a foreign host or origin that the log shows, in bytes.
const TOLD_MAX_BYTES: usize = 100;

/// Checks what comes before anything is done for it.
pub struct Guard {
    /// Names under which the gateway may be asked for, besides loopback names and addresses.
    hosts: Vec<String>,
    /// Other origins whose pages may ask.
    origins: Vec<String>,
    /// `None`: as often as they like.
    rates: Option<DefaultKeyedRateLimiter<Group>>,
    clock: DefaultClock,
    told: DefaultDirectRateLimiter,
}

impl Guard {
    /// A guard that knows these host names, without ports, and these origins, and lets one client ask so often a
    /// second (0: without limit), and twice as often at once.
    pub fn new(hosts: Vec<String>, origins: Vec<String>, client_rate: u32) -> Self {
        let quota = |rate| Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self {
            hosts,
            origins,
            rates: NonZeroU32::new(client_rate).map(|rate| RateLimiter::keyed(quota(rate))),
            clock: DefaultClock::default(),
            told: RateLimiter::direct(Quota::per_minute(TOLD_PER_MINUTE)),
        }
    }

    /// The `Host` that was asked for.
    ///
    /// # Errors
    /// When it is not one of ours, or when a page of another origin asks that may not.
    pub fn host<'a>(&self, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
        let Some(host) = only(headers, header::HOST).filter(|host| is_own(host, &self.hosts)) else {
            self.tell(headers, "the Host is not one of this gateway's: GATEWAY_ALLOWED_HOSTS names more");
            return Err(Refusal::foreign_host());
        };
        if headers.contains_key(header::ORIGIN)
            && !only(headers, header::ORIGIN).is_some_and(|from| self.is_welcome(from, host))
        {
            self.tell(headers, "a page of another origin asks: GATEWAY_ALLOWED_ORIGINS names those that may");
            return Err(Refusal::foreign_origin());
        }
        Ok(host)
    }

    /// # Errors
    /// When a page of another site has made a browser ask.
    pub fn site(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        if site::is_of_another(method, path, headers, !self.origins.is_empty()) {
            self.tell(headers, "a page of another site asks: GATEWAY_ALLOWED_ORIGINS names those that may");
            return Err(Refusal::foreign_origin());
        }
        Ok(())
    }

    /// Whether a page of this origin may ask: it is the host's own, or has one of our names (a proxy before us may put
    /// another `Host` in its place), or an operator allowed it.
    fn is_welcome(&self, origin: &str, host: &str) -> bool {
        let from = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
        let name = from.map(|from| from.rsplit_once(':').map_or(from, |(name, _)| name));
        from.is_some_and(|from| from.eq_ignore_ascii_case(host))
            || name.is_some_and(|name| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name)))
            || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }

    /// Tells a person who set it up why a request was refused; seldom, for anybody can make such requests.
    fn tell(&self, headers: &HeaderMap, why: &str) {
        if self.told.check().is_err() {
            return;
        }
        let shown = |name: header::HeaderName| {
            let text = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            text.map(|text| text.get(..text.floor_char_boundary(TOLD_MAX_BYTES)).unwrap_or_default().to_owned())
        };
        let (host, origin) = (shown(header::HOST), shown(header::ORIGIN));
        tracing::warn!(?host, ?origin, "refused: {why}");
    }

    /// Counts a request of this client.
    ///
    /// # Errors
    /// When there were too many.
    pub fn rate(&self, client: &Client) -> Result<(), Refusal> {
        let Some(rates) = &self.rates else { return Ok(()) };
        if rates.len() > CLIENTS {
            rates.retain_recent();
        }
        rates.check_key(&client.group()).map_err(|early| {
            let pause = early.wait_time_from(self.clock.now());
            Refusal::full(pause.max(Duration::from_secs(1)))
        })
    }
}

/// The one value of a header; nothing when there are several.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether a `Host` is a loopback name, a literal address, or one of `hosts`. A page that points its own name at our
/// address (DNS rebinding) has none of these.
fn is_own(host: &str, hosts: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            return address.parse::<Ipv6Addr>().is_ok() && port.strip_prefix(':').map_or(port.is_empty(), is_port);
        }
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.strip_suffix(".localhost").is_some_and(|rest| rest.bytes().all(is_of_name))
        || name.parse::<Ipv4Addr>().is_ok()
        || hosts.iter().any(|host| host.eq_ignore_ascii_case(&name))
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::gateway::client::Trusted;

    fn guard() -> Guard {
        let origins = vec!["https://www.careerbee.example".to_owned(), "http://localhost:3000".to_owned()];
        Guard::new(vec!["gateway".to_owned(), "demo.example".to_owned()], origins, 50)
    }

    fn passes(host: &'static str, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
        guard().host(&headers).is_ok()
    }

    #[test]
    fn loopback_names_addresses_and_allowed_names_are_our_own() {
        let own = ["localhost", "LocalHost:8000", "a.localhost:1", "127.0.0.1:8000", "192.168.0.7", "[::1]:8000"];
        for host in own.into_iter().chain(["[::1]", "gateway:8000", "Demo.Example"]) {
            assert!(passes(host, None), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "demo.example.evil",
            "localhost:80:80",
            "localhost:+80",
            "localhost:",
            "<b>.localhost",
            "[::1",
            "[::1]x",
            "[evil]",
            "",
        ] {
            assert!(!passes(host, None), "{host}");
        }
        assert!(guard().host(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        assert!(passes("localhost:8000", Some("http://localhost:8000")));
        assert!(passes("demo.example", Some("https://demo.example")));
        for origin in
            ["http://localhost:8001", "http://127.0.0.1:8000", "http://evil.example", "null", "", "localhost:8000"]
        {
            assert!(!passes("localhost:8000", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_page_of_an_allowed_origin_or_name_is_welcome() {
        for origin in [
            "https://www.careerbee.example",
            "HTTPS://www.CareerBee.example",
            "http://localhost:3000",
            // A proxy has put our own name in place of its own.
            "https://demo.example",
            "https://demo.example:8443",
        ] {
            assert!(passes("gateway:8000", Some(origin)), "{origin}");
        }
        for origin in [
            "http://www.careerbee.example",
            "https://www.careerbee.example:8443",
            "https://www.careerbee.example.evil.example",
            "https://evil.example/demo.example",
            "demo.example",
            "ftp://demo.example",
        ] {
            assert!(!passes("gateway:8000", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn two_hosts_or_origins_are_none() {
        let two = |name: header::HeaderName, value: &'static str| {
            let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
            headers.append(name.clone(), HeaderValue::from_static(value));
            headers.append(name, HeaderValue::from_static(value));
            headers
        };
        assert!(guard().host(&two(header::HOST, "localhost")).is_err());
        assert!(guard().host(&two(header::ORIGIN, "http://localhost")).is_err());
    }

    #[test]
    fn one_client_is_slowed_down_and_others_are_not() {
        let guard = guard();
        let client = |address: &str| Trusted::default().client(address.parse().unwrap(), &HeaderMap::new());
        let (one, other) = (client("2001:db8::1"), client("2001:db8:0:1::1"));
        let refused = (0..10_000).find_map(|_| guard.rate(&one).err()).unwrap();
        let neighbour = client("2001:db8::2");
        assert!((0..50).any(|_| guard.rate(&neighbour).is_err()), "one site's network is one client");
        assert_eq!((refused.status.as_u16(), refused.code), (503, "OVERLOADED"));
        assert!(refused.retry_after.unwrap() >= Duration::from_secs(1));
        assert_eq!(guard.rate(&other), Ok(()));
        let unlimited = Guard::new(Vec::new(), Vec::new(), 0);
        assert!((0..10_000).all(|_| unlimited.rate(&one).is_ok()));
    }
}
