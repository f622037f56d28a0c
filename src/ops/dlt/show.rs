//! `dlt show`.

use anyhow::{Context, bail};
use clap::Args;

use super::erased::Erasures;
use super::letter::{Letter, Summary, long};
use crate::config::Settings;
use crate::events::header_names::{ORIGINAL_OFFSET, ORIGINAL_PARTITION, ORIGINAL_TIMESTAMP};
use crate::events::record::{Coordinates, Header};
use crate::kafka::snapshot;
use crate::ops::audit::{Access, Looked};
use crate::ops::text;
use crate::print::say;

#[derive(Args)]
pub struct ShowArgs {
    /// Where it lies, as `dlt list` shows it
    #[arg(value_name = "TOPIC/PARTITION/OFFSET")]
    at: Coordinates,
    /// Show the value too: what the member wrote
    #[arg(long)]
    payload: bool,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    settings: Settings,
}

pub async fn run(args: ShowArgs) -> anyhow::Result<()> {
    let config = args.settings.check()?;
    super::start_log(&config)?;
    let dead_letters = config.topics.requests().map(|(topic, _)| config.topics.dead_letters(&topic));
    if !dead_letters.iter().any(|topic| **topic == *args.at.topic) {
        bail!("{} is not a dead-letter topic: those are {}", args.at.topic, dead_letters.join(", "));
    }
    let (kafka, at) = (config.kafka.clone(), args.at.clone());
    let seen = tokio::task::spawn_blocking(move || snapshot::read_one(&kafka, &at)).await??;
    let letter = seen.and_then(|seen| Letter::read(seen, &config.topics));
    let (letter, contents) = letter.with_context(|| format!("there is no record at {}", args.at))?;
    let looked = Looked { payload: args.payload, record: Some(args.at.to_string()), ..Looked::new("dlt show") };
    args.access.note(&looked.of(letter.member))?;
    let member_erased = Erasures::to_show(&config, std::iter::once(&letter)).await.holds(&letter);
    say!("{}", Summary { member_erased, ..letter.summary() })?;
    say!("request id  {}", text::printable(letter.id.as_bytes()))?;
    say!("key         {}", contents.key.as_deref().map_or_else(|| "none".to_owned(), text::printable))?;
    say!("headers")?;
    for header in &contents.headers {
        say!("  {} = {}", text::printable(&header.name), header_value(header))?;
    }
    match contents.value.as_deref() {
        None => say!("value       none")?,
        Some(value) if !args.payload => say!("value       {} bytes (--payload shows them)", value.len())?,
        Some(value) => say!("value\n{}", text::printable(value))?,
    }
    Ok(())
}

/// A header's value; numbers and times of Spring's headers as such.
fn header_value(header: &Header) -> String {
    let Some(value) = header.value.as_deref() else { return "null".to_owned() };
    let number = match std::str::from_utf8(&header.name) {
        Ok(ORIGINAL_PARTITION) => value.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).to_string()),
        Ok(ORIGINAL_OFFSET) => long(value).map(|offset| offset.to_string()),
        Ok(ORIGINAL_TIMESTAMP) => long(value).map(|millis| format!("{millis} ({})", text::instant(Some(millis)))),
        Ok(_) | Err(_) => None,
    };
    number.unwrap_or_else(|| text::printable(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn springs_numbers_are_shown_as_numbers() {
        let shown = |name: &'static str, value: &[u8]| header_value(&Header::new(name, value));
        assert_eq!(shown("kafka_dlt-original-partition", &3_i32.to_be_bytes()), "3");
        assert_eq!(shown("kafka_dlt-original-offset", &42_i64.to_be_bytes()), "42");
        assert_eq!(shown("kafka_dlt-original-timestamp", &1_000_i64.to_be_bytes()), "1000 (1970-01-01T00:00:01Z)");
    }

    #[test]
    fn other_headers_are_text_or_base64_or_null() {
        assert_eq!(header_value(&Header::new("a", "b\n")), "b\\n");
        assert_eq!(header_value(&Header::new("kafka_dlt-original-offset", vec![0xff])), "base64:/w==");
        assert_eq!(header_value(&Header { name: b"a".into(), value: None }), "null");
    }
}
