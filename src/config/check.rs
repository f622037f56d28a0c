//! The rules of single settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::DURATION_MAX;

/// Kafka's own limit for topic names.
const TOPIC_NAME_MAX: usize = 249;
/// S3's limit for keys is 1,024 bytes; the rest of ours takes less than 124.
const PREFIX_MAX_BYTES: usize = 900;
pub(super) const QUESTIONS_MAX: u32 = 20;

/// Collects mistakes. A wrong value is replaced by one that is never used.
#[derive(Default)]
pub(super) struct Check(pub Vec<String>);

impl Check {
    pub fn wrong(&mut self, name: &str, problem: impl fmt::Display) {
        self.0.push(format!("{name}: {problem}"));
    }

    pub fn not_empty(&mut self, name: &str, value: String) -> String {
        if value.trim().is_empty() {
            self.wrong(name, "must not be empty");
        }
        value
    }

    pub fn topic(&mut self, name: &str, topic: String, suffix: &str) -> Arc<str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let length = topic.len() + suffix.len();
        if topic.is_empty() || length > TOPIC_NAME_MAX || !topic.chars().chain(suffix.chars()).all(allowed) {
            self.wrong(name, "not a topic name: letters, digits, '.', '_' and '-', up to 249 with the suffix");
        }
        topic.into()
    }

    pub fn url(&mut self, name: &str, text: &str) -> Option<Url> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                self.wrong(name, "not an http:// or https:// URL");
                None
            }
        }
    }

    /// What keys begin with: a folder, or nothing.
    pub fn prefix(&mut self, name: &str, mut prefix: String) -> String {
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        if prefix.len() > PREFIX_MAX_BYTES || prefix.starts_with('/') {
            self.wrong(name, "at most 900 bytes, and no / at its beginning");
        }
        prefix
    }

    pub fn number<N: std::str::FromStr + PartialOrd + From<u8> + fmt::Display + Copy>(
        &mut self,
        name: &str,
        text: &str,
        max: N,
    ) -> N {
        match text.trim().parse::<N>() {
            Ok(number) if number >= N::from(1) && number <= max => number,
            _ => {
                self.wrong(name, format_args!("not a whole number from 1 to {max}"));
                N::from(1)
            }
        }
    }

    pub fn number_or_none(&mut self, name: &str, text: &str, max: u32) -> u32 {
        text.trim().parse().ok().filter(|number| *number <= max).unwrap_or_else(|| {
            self.wrong(name, format_args!("not a whole number from 0 to {max}"));
            0
        })
    }

    /// One that is no number is told as such, and so is a maximum: only two good ones can be held against each other.
    pub fn min_questions(&mut self, min: &str, max: &str) -> u32 {
        let max = max.trim().parse().ok().filter(|max| (1..=QUESTIONS_MAX).contains(max)).unwrap_or(QUESTIONS_MAX);
        min.trim().parse().ok().filter(|min| *min <= max).unwrap_or_else(|| {
            self.wrong("MIN_QUESTIONS", format_args!("not a whole number from 0 to {max}, the most that are asked"));
            0
        })
    }

    pub fn duration_or_none(&mut self, name: &str, text: &str) -> Duration {
        read_duration(text).unwrap_or_else(|wrong| {
            self.wrong(name, wrong);
            Duration::ZERO
        })
    }

    pub fn duration(&mut self, name: &str, text: &str) -> Duration {
        let before = self.0.len();
        let duration = self.duration_or_none(name, text);
        if duration.is_zero() && self.0.len() == before {
            self.wrong(name, "must be longer than nothing");
        }
        duration
    }

    pub fn switch(&mut self, name: &str, text: &str) -> bool {
        match text.trim() {
            "true" => true,
            "false" | "" => false,
            _ => {
                self.wrong(name, "true or false");
                false
            }
        }
    }

    pub fn address(&mut self, name: &str, text: String) -> String {
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            self.wrong(name, "not an address, such as 127.0.0.1:8080");
        }
        text
    }
}

/// A duration as settings and flags have it.
///
/// # Errors
/// What is wrong with it, without the text.
pub fn read_duration(text: &str) -> Result<Duration, &'static str> {
    let duration = humantime::parse_duration(text.trim()).ok().filter(|duration| *duration <= DURATION_MAX);
    duration.ok_or("not a duration up to a year, such as 500ms, 60s, 10m or 24h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_limited_to_what_can_be_added_to_the_clock() {
        assert_eq!(read_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(read_duration("0s"), Ok(Duration::ZERO));
        for wrong in ["", "soon", "-1s", "2y", "18446744073709551615s"] {
            assert!(read_duration(wrong).is_err(), "{wrong}");
        }
    }
}
