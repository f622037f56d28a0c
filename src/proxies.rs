//! Proxies that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), as our HTTP clients read them.

use axum::http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Who stands between us and others.
pub struct Proxies(Matcher);

impl Proxies {
    pub fn of_environment() -> Self {
        Self(Matcher::from_env())
    }

    /// The proxy before an address, as host and port; `None` where there is none.
    pub fn before(&self, url: &str) -> Option<String> {
        let proxy = self.0.intercept(&url.parse::<Uri>().ok()?)?;
        // Without the credentials that may stand before them.
        let port = proxy.uri().port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}{port}", proxy.uri().host()?))
    }

    /// Tells where calls go through a proxy; `part` is whom they are meant for.
    pub fn tell(&self, part: &str, url: &str) {
        let Some(proxy) = self.before(url) else { return };
        if url.starts_with("https:") {
            tracing::info!(part, proxy, "calls go through a proxy");
        } else {
            tracing::warn!(
                part,
                proxy,
                "calls go through a proxy, which can read what members wrote: the address is no https://"
            );
        }
    }

    /// Tells that a part is called directly where the environment would have a proxy for it.
    pub fn tell_unused(&self, part: &str, url: &str, setting: &str) {
        if let Some(proxy) = self.before(url) {
            tracing::info!(part, proxy, "calls do not go through the environment's proxy; {setting} lets them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_credentials_and_only_where_it_stands() {
        let matcher = Matcher::builder().http("http://user:s3cret@proxy.example:3128").no("direct.example").build();
        let proxies = Proxies(matcher);
        assert_eq!(proxies.before("http://gpu:8001/v1").as_deref(), Some("proxy.example:3128"));
        for direct in ["http://direct.example/", "https://api.openai.com/v1", "no URL"] {
            assert_eq!(proxies.before(direct), None, "{direct}");
        }
    }
}
