//! Where people's browsers find this gateway, for the links in events.

use std::net::Ipv6Addr;

use axum::http::{HeaderMap, header};

use crate::gateway::client::Client;

/// Makes what links begin with.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// As an operator says it, without a `/` at its end; `None`: as the request says it.
    public: Option<String>,
}

impl Links {
    /// Links that begin with `public`, or with whatever each request was made to.
    pub fn new(public: Option<String>) -> Self {
        Self { public }
    }

    /// What links begin with for whoever sent these headers, without a `/` at its end; `host` is its `Host`. Behind a
    /// trusted proxy that says so (RFC 7239, or the older `X-Forwarded-*`) it is the proxy's address.
    pub fn base(&self, headers: &HeaderMap, host: &str, client: &Client) -> String {
        if let Some(public) = &self.public {
            return public.clone();
        }
        if !client.is_forwarding {
            return format!("http://{host}");
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // The first is the one nearest to the browser.
        let first = |name: &str| text(name).and_then(|value| value.split(',').next()).map(str::trim);
        let forwarded = first(header::FORWARDED.as_str());
        let pair = |name: &str| {
            forwarded?.split(';').find_map(|pair| {
                let (key, value) = pair.trim().split_once('=')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim_matches('"'))
            })
        };
        let scheme = pair("proto").or_else(|| first("x-forwarded-proto"));
        let scheme =
            ["https", "http"].into_iter().find(|known| scheme.is_some_and(|it| it.eq_ignore_ascii_case(known)));
        let from = pair("host").or_else(|| first("x-forwarded-host")).filter(|host| is_host(host));
        format!("{}://{}", scheme.unwrap_or("http"), from.unwrap_or(host))
    }
}

/// Whether it is a name or an address, perhaps with a port.
fn is_host(text: &str) -> bool {
    let (is_named, rest) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) => (address.parse::<Ipv6Addr>().is_ok(), rest),
            None => return false,
        },
        None => {
            let (name, rest) = text.split_at_checked(text.find(':').unwrap_or(text.len())).unwrap_or((text, ""));
            let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            (!name.is_empty() && name.bytes().all(of_name), rest)
        }
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    is_named && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;
    use crate::gateway::client::Trusted;

    fn base(headers: &[(&'static str, &'static str)]) -> String {
        base_from("127.0.0.1", headers)
    }

    fn base_from(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let client = Trusted::default().client(peer.parse().unwrap(), &headers);
        Links::default().base(&headers, "gateway:8000", &client)
    }

    #[test]
    fn without_a_proxy_links_lead_to_the_host_that_was_asked() {
        assert_eq!(base(&[]), "http://gateway:8000");
    }

    #[test]
    fn behind_a_proxy_links_lead_to_the_proxy() {
        let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "demo.example")];
        assert_eq!(base(&forwarded), "https://demo.example");
        assert_eq!(base(&[("x-forwarded-proto", "https, http")]), "https://gateway:8000");
        assert_eq!(base(&[("forwarded", "for=192.0.2.1;proto=https;host=demo.example")]), "https://demo.example");
        assert_eq!(base(&[("forwarded", r#"host="[::1]:8443"; Proto=HTTPS, for=b;host=c"#)]), "https://[::1]:8443");
    }

    #[test]
    fn what_a_stranger_says_of_proxies_is_not_believed() {
        let forged =
            [("x-forwarded-proto", "https"), ("x-forwarded-host", "demo.example"), ("forwarded", "host=a.example")];
        assert_eq!(base_from("192.0.2.1", &forged), "http://gateway:8000");
    }

    #[test]
    fn what_is_no_host_or_scheme_is_left_out() {
        for host in ["", "a b", "a/b", "a@b", "\"", "a:b", "a:1:2", "[x]", "[::1", "[::1]x", "a:99999", "<x>"] {
            assert_eq!(base(&[("x-forwarded-host", host)]), "http://gateway:8000", "{host}");
        }
        assert_eq!(base(&[("x-forwarded-proto", "javascript")]), "http://gateway:8000");
    }

    #[test]
    fn a_setting_counts_for_more_than_headers() {
        let headers = HeaderMap::from_iter([(header::FORWARDED, HeaderValue::from_static("host=other.example"))]);
        let links = Links::new(Some("https://demo.example/ssammu".to_owned()));
        let client = Trusted::default().client([127, 0, 0, 1].into(), &headers);
        assert_eq!(links.base(&headers, "gateway:8000", &client), "https://demo.example/ssammu");
    }
}
