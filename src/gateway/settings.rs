//! The gateway's own settings, besides the worker's for Kafka, topics and S3.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use tokio::sync::Semaphore;
use url::{Position, Url};

use crate::config::read_duration;
use crate::gateway::Options;
use crate::gateway::auth::Auth;
use crate::gateway::auth::settings::{AuthSettings, Parts};
use crate::gateway::client::Network;
use crate::http::Room;
use crate::http::server::Limits;

/// How long an event stream is open at most, a tenth more or less.
const STREAM_AGE: Duration = Duration::from_secs(600);
/// Connections beside those of callers and streams.
const SPARE_CONNECTIONS: usize = 1_024;

/// How a gateway behaves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Gateway")]
pub struct GatewaySettings {
    /// Where to listen. Beyond loopback it starts only where a setting says who may ask, or that everybody may
    #[arg(long = "addr", env = "GATEWAY_ADDR", hide_env_values = true, default_value = "127.0.0.1:8000")]
    pub addr: String,
    /// How far back to read when it starts, so that members are told what they missed; what is older is forgotten
    #[arg(long = "replay", env = "GATEWAY_REPLAY", hide_env_values = true, default_value = "30m",
        value_parser = read_duration)]
    pub replay: Duration,
    /// How long a caller waits for an outcome; the outcome comes by events all the same
    #[arg(long = "timeout", env = "GATEWAY_TIMEOUT", hide_env_values = true, default_value = "90s",
        value_parser = read_duration)]
    pub timeout: Duration,
    /// Host names under which it may be asked for, without port, separated by commas; loopback names and literal
    /// addresses always work
    #[arg(long = "allowed-hosts", env = "GATEWAY_ALLOWED_HOSTS", hide_env_values = true, value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may call it from browsers, with credentials, such as https://www.example.com, separated by
    /// commas; its own page always may
    #[arg(long = "allowed-origins", env = "GATEWAY_ALLOWED_ORIGINS", hide_env_values = true, value_delimiter = ',',
        value_parser = origin)]
    pub allowed_origins: Vec<String>,
    /// What links to documents begin with, such as https://demo.example [default: what the browser asked for, as a
    /// proxy's X-Forwarded-Proto and -Host or Forwarded say]
    #[arg(long = "public-url", env = "GATEWAY_PUBLIC_URL", hide_env_values = true, default_value = "",
        value_parser = address)]
    pub public_url: Address,
    /// The server that did this job before, such as http://old:8000: what this one does not serve is passed on to it
    #[arg(long = "pass-to", env = "GATEWAY_PASS_TO", hide_env_values = true, default_value = "",
        value_parser = address)]
    pub pass_to: Address,
    /// Calls of one client address a second, and twice as many at once; 0: no limit. A backend is one address
    #[arg(long = "client-rate", env = "GATEWAY_CLIENT_RATE", hide_env_values = true, default_value_t = 1_000)]
    pub client_rate: u32,
    /// Proxies before it whose X-Forwarded-For, -Proto and -Host or Forwarded are believed, and servers that ask for many
    /// clients, as addresses or networks (10.0.0.0/8), separated by commas; this machine always is
    #[arg(long = "trusted-proxies", env = "GATEWAY_TRUSTED_PROXIES", hide_env_values = true, value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Callers that may wait at once; the next is told to come again (503)
    #[arg(long = "callers", env = "GATEWAY_CALLERS", hide_env_values = true, default_value = "4096",
        value_parser = places)]
    pub callers: usize,
    /// Event streams that may be open at once; the next is told to come again (503)
    #[arg(long = "streams", env = "GATEWAY_STREAMS", hide_env_values = true, default_value = "4096",
        value_parser = places)]
    pub streams: usize,
    /// Callers of one client address that may wait at once, its documents and what is passed on too; 0: no limit. It binds no
    /// server that shows a token, no trusted proxy, and nobody on this machine
    #[arg(long = "client-callers", env = "GATEWAY_CLIENT_CALLERS", hide_env_values = true, default_value_t = 16)]
    pub client_callers: usize,
    /// Event streams of one client address that may be open at once, as GATEWAY_CLIENT_CALLERS
    #[arg(long = "client-streams", env = "GATEWAY_CLIENT_STREAMS", hide_env_values = true, default_value_t = 32)]
    pub client_streams: usize,
    #[command(flatten)]
    pub auth: AuthSettings,
}

/// Where a server is, if anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address(pub Option<Url>);

impl Address {
    /// As it stands before a path: without a `/` at its end.
    pub fn base(&self) -> Option<String> {
        self.0.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned())
    }
}

impl GatewaySettings {
    /// The defaults, whatever the environment says.
    ///
    /// # Errors
    /// Never, as long as every setting has a default.
    pub fn defaults() -> Result<Self, clap::Error> {
        let command = Self::augment_args(Command::new("defaults")).mut_args(|arg| arg.env(None::<&'static str>));
        Self::from_arg_matches(&command.try_get_matches_from(["defaults"])?)
    }

    /// How a gateway with these settings is run.
    ///
    /// # Errors
    /// What is wrong with them, all of it.
    pub fn check(self) -> Result<Options, Vec<String>> {
        let mut mistakes = Vec::new();
        let (auth, parts) = self.auth.clone().check(&self.addr, self.pass_to.0.is_some(), &mut mistakes);
        if mistakes.is_empty() { Ok(self.options(auth, parts)) } else { Err(mistakes) }
    }

    fn options(self, auth: Auth, parts: Parts) -> Options {
        let settings = self;
        let given = |names: Vec<String>| {
            let names = names.into_iter().map(|name| name.trim().to_owned());
            names.filter(|name| !name.is_empty()).collect()
        };
        let limits = Limits::default();
        let places = settings.callers.saturating_add(settings.streams).saturating_add(SPARE_CONNECTIONS);
        Options {
            replay: Some(settings.replay),
            timeout: settings.timeout,
            allowed_hosts: given(settings.allowed_hosts),
            allowed_origins: given(settings.allowed_origins),
            public_url: settings.public_url.base(),
            pass_to: settings.pass_to.0,
            client_rate: settings.client_rate,
            trusted_proxies: settings.trusted_proxies,
            callers: settings.callers,
            streams: settings.streams,
            client_callers: settings.client_callers,
            client_streams: settings.client_streams,
            stream_age: STREAM_AGE,
            http: Limits { room: Room { places, ..limits.room }, ..limits },
            auth,
            parts,
        }
    }
}

fn places(text: &str) -> Result<usize, &'static str> {
    let places = text.trim().parse().ok().filter(|places| (1..=Semaphore::MAX_PERMITS).contains(places));
    places.ok_or("not a whole number from 1")
}

/// An origin as browsers send it: scheme, host and port, and nothing else.
fn origin(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let url = web(text).filter(|url| matches!(url[Position::BeforePath..].as_ref(), "" | "/"));
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.map(|url| url.origin().ascii_serialization()).ok_or("not an origin, such as https://www.example.com")
}

fn address(text: &str) -> Result<Address, &'static str> {
    if text.trim().is_empty() {
        return Ok(Address(None));
    }
    let url = web(text.trim()).filter(|url| url.query().is_none() && url.fragment().is_none());
    url.map(|url| Address(Some(url))).ok_or("not an address, such as http://old:8000")
}

fn web(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, expected) in [
            (" https://WWW.example.com/ ", "https://www.example.com"),
            ("https://www.example.com:443", "https://www.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("", ""),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(expected), "{text}");
        }
        for wrong in ["*", "null", "www.example.com", "https://a.b/c", "https://a.b?c", "file:///", "https://u:p@a.b"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_may_have_a_path() {
        let base = |text| address(text).map(|address| address.base());
        assert_eq!(base("http://old:8000"), Ok(Some("http://old:8000".to_owned())));
        assert_eq!(base(" https://demo.example/ssammu/ "), Ok(Some("https://demo.example/ssammu".to_owned())));
        assert_eq!(base(""), Ok(None));
        for wrong in ["old:8000", "ftp://old", "http://", "http://old/?a", "http://old/#a"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn there_is_room_for_somebody() {
        assert_eq!((places("1"), places(" 4096 ")), (Ok(1), Ok(4_096)));
        for wrong in ["0", "-1", "many", "", "18446744073709551615"] {
            assert!(places(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn host_names_are_trimmed_and_empty_ones_left_out() {
        let allowed_hosts = ["a", " b ", "", " "].map(str::to_owned).to_vec();
        let settings = GatewaySettings { allowed_hosts, ..GatewaySettings::defaults().unwrap() };
        assert_eq!(settings.check().unwrap().allowed_hosts, ["a", "b"]);
    }
}
