//! Where Redis is: what `REDIS_URL` may say.

use std::fmt;
use std::str::FromStr;

use fred::rustls::crypto::{CryptoProvider, aws_lc_rs};
use fred::types::config::{Config, ServerConfig};

/// The address of a Redis server, cluster or sentinel group, with credentials and database.
///
/// - `redis://[[user]:password@]host[:port][/database]`, `rediss://` with TLS
/// - `redis-cluster://[[user]:password@]host[:port][?node=host:port&...]`
/// - `redis-sentinel://[[user]:password@]host[:port][/database]?sentinelServiceName=name[&node=host:port&...]
///   [&sentinelUsername=...&sentinelPassword=...]`, host and nodes being sentinels
///
/// `rediss-cluster://` and `rediss-sentinel://` add TLS. Shown without its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress(Config);

const SCHEMES: [&str; 6] = ["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];

/// Why an address cannot be used. The text never holds the address, which may contain a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Redis address: {0}")]
pub struct InvalidAddress(String);

impl RedisAddress {
    /// The client's configuration: it keeps trying when nobody answers.
    pub(super) fn config(&self) -> Config {
        Config { fail_fast: false, ..self.0.clone() }
    }
}

impl FromStr for RedisAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if !SCHEMES.contains(&scheme) {
            return Err(InvalidAddress(format!("it must begin with one of {}://", SCHEMES.join("://, "))));
        }
        if is_cut_short(text) {
            return Err(InvalidAddress(ENCODED.to_owned()));
        }
        // Reading `rediss` sets TLS up, which panics where several providers are compiled in and none is chosen.
        if CryptoProvider::get_default().is_none() {
            // Failing means that somebody else has chosen one just now.
            let _ = aws_lc_rs::default_provider().install_default();
        }
        // The client's parser names the part that is wrong and quotes hosts and numbers at most.
        Config::from_url(text).map(Self).map_err(|error| InvalidAddress(error.details().to_owned()))
    }
}

const ENCODED: &str =
    "characters such as # / ? @ % in a user's name or password are percent-encoded: %23 %2F %3F %40 %25";

/// Whether the part with the credentials seems to end in the middle of them.
fn is_cut_short(text: &str) -> bool {
    let address = text.split_once("://").map_or("", |(_, address)| address);
    let beyond = address.find(['/', '?', '#']).and_then(|end| address.get(end..)).unwrap_or_default();
    let (path, query) = beyond.split_once('?').unwrap_or((beyond, ""));
    let first_name = query.split(['=', '&']).next().unwrap_or_default();
    beyond.contains('#') || path.contains('@') || first_name.contains('@')
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0.server {
            ServerConfig::Centralized { .. } => "server",
            ServerConfig::Clustered { .. } => "cluster",
            ServerConfig::Sentinel { .. } => "sentinels",
        };
        write!(f, "{kind}")?;
        for host in self.0.server.hosts() {
            write!(f, " {}:{}", host.host, host.port)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Config {
        text.parse::<RedisAddress>().unwrap().0
    }

    #[test]
    fn a_password_that_ends_the_address_early_is_told_without_it() {
        for password in ["57#Wc", "5/7Wc", "5?7Wc", "5#7@Wc", "Wc#"] {
            let error = format!("redis://user:{password}@127.0.0.1:6379/0").parse::<RedisAddress>().unwrap_err();
            assert_eq!(error, InvalidAddress(ENCODED.to_owned()), "{password}");
        }
        for fine in [
            "redis://:57%23Wc@127.0.0.1:6379/0",
            "redis-sentinel://:a@h:26379/1?sentinelServiceName=m&sentinelUsername=u&sentinelPassword=a@b",
        ] {
            assert!(fine.parse::<RedisAddress>().is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_single_server_has_credentials_and_a_database() {
        let config = parse("redis://worker:p%40ss@cache.example:6380/3");
        assert_eq!(config.server, ServerConfig::new_centralized("cache.example", 6380));
        assert_eq!((config.username.as_deref(), config.password.as_deref()), (Some("worker"), Some("p@ss")));
        assert_eq!(config.database, Some(3));
        assert!(!config.uses_tls());
    }

    #[test]
    fn a_cluster_and_sentinels_list_their_nodes() {
        let cluster = parse("redis-cluster://a:7001?node=b:7002&node=c:7003");
        assert!(matches!(cluster.server, ServerConfig::Clustered { ref hosts, .. } if hosts.len() == 3));
        let sentinels = parse("redis-sentinel://:secret@a:26379/1?sentinelServiceName=main&node=b:26379");
        assert!(matches!(
            sentinels.server,
            ServerConfig::Sentinel { ref hosts, ref service_name, .. } if hosts.len() == 2 && service_name == "main"
        ));
    }

    #[test]
    fn a_second_s_asks_for_tls() {
        for scheme in ["rediss", "rediss-cluster"] {
            assert!(parse(&format!("{scheme}://cache:6380")).uses_tls());
        }
    }

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        let address: RedisAddress = "redis://user:hunter2@cache:6379".parse().unwrap();
        assert_eq!(address.to_string(), "server cache:6379");
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for wrong in [
            "http://:hunter2@cache:6379",
            ":hunter2@cache",
            "redis://:hunter2@cache:port",
            "redis://:hunter2@cache/zero",
            "redis-sentinel://:hunter2@cache?node=b:26379",
        ] {
            let error = wrong.parse::<RedisAddress>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
