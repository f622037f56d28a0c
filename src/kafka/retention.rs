//! How long topics keep what is in them.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;

use crate::kafka::client::{Connection, PlainContext};
use crate::kafka::error::KafkaError;

const PATIENCE: Duration = Duration::from_secs(30);

/// The shortest `retention.ms` of these topics; `None` where all of them keep everything.
///
/// # Errors
/// When the brokers do not tell.
pub async fn shortest(connection: &Connection, topics: &[String]) -> Result<Option<Duration>, KafkaError> {
    let client = AdminClient::from_config_and_context(&connection.config(&[]), PlainContext)?;
    let topics: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let mut shortest = None;
    for described in client.describe_configs(&topics, &AdminOptions::new().request_timeout(Some(PATIENCE))).await? {
        let config = described?;
        let value = config.get("retention.ms").and_then(|entry| entry.value.as_ref()?.parse::<i64>().ok());
        let value = value.ok_or_else(|| KafkaError::Request("a topic's retention is not told".to_owned()))?;
        // -1: for ever.
        let kept = u64::try_from(value).ok().map(Duration::from_millis);
        shortest = shortest.into_iter().chain(kept).min();
    }
    Ok(shortest)
}
