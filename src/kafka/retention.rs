//! How long topics keep what is in them.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;

use crate::kafka::client::{Connection, PlainContext};
use crate::kafka::error::KafkaError;

const PATIENCE: Duration = Duration::from_secs(30);

/// What some topics keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Their shortest `retention.ms`; `None` where all of them keep everything.
    pub shortest: Option<Duration>,
    /// Those with a limit of size, which may keep less.
    pub by_size: Vec<String>,
}

/// How long these topics keep what is in them.
///
/// # Errors
/// When the brokers do not tell.
pub async fn kept(connection: &Connection, topics: &[String]) -> Result<Kept, KafkaError> {
    let client = AdminClient::from_config_and_context(&connection.config(&[]), PlainContext)?;
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let mut all = Kept::default();
    for described in client.describe_configs(&resources, &AdminOptions::new().request_timeout(Some(PATIENCE))).await? {
        let config = described?;
        let limit = |name| {
            let value = config.get(name).and_then(|entry| entry.value.as_ref()?.parse::<i64>().ok());
            value.ok_or_else(|| {
                KafkaError::Request("a topic's retention is not told (DescribeConfigs is denied)".to_owned())
            })
        };
        // -1: for ever.
        let kept = u64::try_from(limit("retention.ms")?).ok().map(Duration::from_millis);
        all.shortest = all.shortest.into_iter().chain(kept).min();
        if let (0.., OwnedResourceSpecifier::Topic(topic)) = (limit("retention.bytes")?, &config.specifier) {
            all.by_size.push(topic.clone());
        }
    }
    Ok(all)
}
