//! The gateway's own settings, besides the worker's for Kafka, topics and S3.

use std::time::Duration;

use clap::Args;

use crate::config::DURATION_MAX;
use crate::gateway::Options;

/// How a gateway behaves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Gateway")]
pub struct GatewaySettings {
    /// Where to listen. Whoever can reach it can ask for any member: it is for trusted networks
    #[arg(long = "addr", env = "GATEWAY_ADDR", hide_env_values = true, default_value = "127.0.0.1:8000")]
    pub addr: String,
    /// How far back to read when it starts, so that members are told what they missed
    #[arg(long = "replay", env = "GATEWAY_REPLAY", hide_env_values = true, default_value = "30m",
        value_parser = duration)]
    pub replay: Duration,
    /// How long a caller waits for an outcome; the outcome comes by events all the same
    #[arg(long = "timeout", env = "GATEWAY_TIMEOUT", hide_env_values = true, default_value = "90s",
        value_parser = duration)]
    pub timeout: Duration,
    /// Host names under which it may be asked for, without port, separated by commas; loopback names and literal
    /// addresses always work
    #[arg(long = "allowed-hosts", env = "GATEWAY_ALLOWED_HOSTS", hide_env_values = true, value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
}

impl From<GatewaySettings> for Options {
    fn from(settings: GatewaySettings) -> Self {
        let hosts = settings.allowed_hosts.iter().map(|host| host.trim().to_owned());
        Self {
            replay: Some(settings.replay),
            timeout: settings.timeout,
            allowed_hosts: hosts.filter(|host| !host.is_empty()).collect(),
        }
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = humantime::parse_duration(text.trim()).ok().filter(|duration| *duration <= DURATION_MAX);
    duration.ok_or("not a duration up to a year, such as 500ms, 90s or 30m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_limited_to_what_can_be_added_to_the_clock() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for wrong in ["", "soon", "-1s", "2y", "18446744073709551615s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn host_names_are_trimmed_and_empty_ones_left_out() {
        let settings = GatewaySettings {
            addr: String::new(),
            replay: Duration::ZERO,
            timeout: Duration::ZERO,
            allowed_hosts: ["a", " b ", "", " "].map(str::to_owned).to_vec(),
        };
        assert_eq!(Options::from(settings).allowed_hosts, ["a", "b"]);
    }
}
