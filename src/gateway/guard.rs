//! Who may ask, and how often. The gateway is for trusted networks; this keeps foreign web pages out of it (cross-site
//! requests, DNS rebinding), and one client from taking all of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::gateway::refusal::Refusal;

/// Requests of one client: a second, and at once.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
/// Clients that are remembered before those are dropped that were quiet for a while.
const CLIENTS: usize = 10_000;

/// Checks what comes before anything is done for it.
pub struct Guard {
    /// Names under which the gateway may be asked for, besides loopback names and addresses.
    hosts: Vec<String>,
    rates: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Guard {
    /// A guard that knows these host names, without ports.
    pub fn new(hosts: Vec<String>) -> Self {
        let rates = RateLimiter::keyed(Quota::per_second(PER_SECOND).allow_burst(BURST));
        Self { hosts, rates, clock: DefaultClock::default() }
    }

    /// The `Host` that was asked for.
    ///
    /// # Errors
    /// When it is not one of ours, or when a page of another origin asks.
    pub fn host<'a>(&self, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
        let host = only(headers, header::HOST).ok_or_else(Refusal::foreign)?;
        if !is_own(host, &self.hosts) {
            return Err(Refusal::foreign());
        }
        if headers.contains_key(header::ORIGIN)
            && !only(headers, header::ORIGIN).is_some_and(|from| is_from(from, host))
        {
            return Err(Refusal::foreign());
        }
        Ok(host)
    }

    /// Counts a request of this client.
    ///
    /// # Errors
    /// When there were too many.
    pub fn rate(&self, client: IpAddr) -> Result<(), Refusal> {
        if self.rates.len() > CLIENTS {
            self.rates.retain_recent();
        }
        self.rates.check_key(&client).map_err(|early| {
            let pause = early.wait_time_from(self.clock.now());
            Refusal::too_many(pause.max(Duration::from_secs(1)))
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

/// Whether an `Origin` is the host's own.
fn is_from(origin: &str, host: &str) -> bool {
    let from = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
    from.is_some_and(|from| from.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn guard() -> Guard {
        Guard::new(vec!["gateway".to_owned(), "demo.example".to_owned()])
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
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let refused = (0..10_000).find_map(|_| guard.rate(one).err()).unwrap();
        assert_eq!(refused.code, "TOO_MANY_REQUESTS");
        assert!(refused.retry_after.unwrap() >= Duration::from_secs(1));
        assert_eq!(guard.rate(other), Ok(()));
    }
}
