//! The names of headers.

/// Headers of a CloudEvent in binary mode.
pub const CE_SPECVERSION: &str = "ce_specversion";
pub const CE_ID: &str = "ce_id";
pub const CE_SOURCE: &str = "ce_source";
pub const CE_TYPE: &str = "ce_type";
pub const CE_TIME: &str = "ce_time";
pub const CE_SUBJECT: &str = "ce_subject";
pub const CONTENT_TYPE: &str = "content-type";
/// Extension: the id of the request that an outcome answers.
pub const CE_CAUSATIONID: &str = "ce_causationid";
/// Extension: whatever the request brought under this name.
pub const CE_CORRELATIONID: &str = "ce_correlationid";
/// Extension: when whoever sent a request no longer waits for its outcome (RFC 3339).
pub const CE_EXPIRYTIME: &str = "ce_expirytime";
/// Extension: that the member has agreed that what a request holds leaves the country (`true`).
pub const CE_OVERSEASCONSENT: &str = "ce_overseasconsent";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
pub const TRACESTATE: &str = "tracestate";

/// Spring Kafka's headers of a dead letter.
pub const ORIGINAL_TOPIC: &str = "kafka_dlt-original-topic";
pub const ORIGINAL_PARTITION: &str = "kafka_dlt-original-partition";
pub const ORIGINAL_OFFSET: &str = "kafka_dlt-original-offset";
pub const ORIGINAL_TIMESTAMP: &str = "kafka_dlt-original-timestamp";
pub const ORIGINAL_TIMESTAMP_TYPE: &str = "kafka_dlt-original-timestamp-type";
pub const ORIGINAL_CONSUMER_GROUP: &str = "kafka_dlt-original-consumer-group";
pub const EXCEPTION_FQCN: &str = "kafka_dlt-exception-fqcn";
pub const EXCEPTION_CAUSE_FQCN: &str = "kafka_dlt-exception-cause-fqcn";
pub const EXCEPTION_MESSAGE: &str = "kafka_dlt-exception-message";
pub const EXCEPTION_STACKTRACE: &str = "kafka_dlt-exception-stacktrace";

/// How often a dead letter has been sent back to its topic (contract, section 5).
pub const REPLAY_COUNT: &str = "replay-count";
/// When a replayed request was first sent (ms since 1970).
pub const REPLAY_ORIGINAL_TIMESTAMP: &str = "replay-original-timestamp";

/// What Spring Kafka writes before every header of a dead letter, and before those that say what went wrong.
pub const DEAD_LETTER_PREFIX: &str = "kafka_dlt-";
pub const EXCEPTION_PREFIXES: [&str; 2] = ["kafka_dlt-exception-", "kafka_dlt-key-exception-"];
