//! The headers of each kind of record as JSON Schemas. A header is text in UTF-8 unless it says otherwise.

use serde_json::{Map, Value, json};

use crate::events::header_names::{
    CE_CAUSATIONID, CE_CORRELATIONID, CE_EXPIRYTIME, CE_ID, CE_OVERSEASCONSENT, CE_SOURCE, CE_SPECVERSION, CE_SUBJECT,
    CE_TIME, CE_TYPE, CONTENT_TYPE, EXCEPTION_CAUSE_FQCN, EXCEPTION_FQCN, EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE,
    ORIGINAL_CONSUMER_GROUP, ORIGINAL_OFFSET, ORIGINAL_PARTITION, ORIGINAL_TIMESTAMP, ORIGINAL_TIMESTAMP_TYPE,
    ORIGINAL_TOPIC, TRACEPARENT, TRACESTATE,
};
use crate::events::header_names::{REPLAY_COUNT, REPLAY_ORIGINAL_TIMESTAMP};
use crate::events::headers::{CARRIED_MAX_BYTES, EXCEPTION_MAX_BYTES, JSON, NO_TIMESTAMP_TYPE, SOURCE, SPEC_VERSION};
use crate::events::record::RecordTime;

/// Names of the schemas.
pub const REQUEST: &str = "RequestHeaders";
pub const OUTCOME: &str = "OutcomeHeaders";
pub const DEAD_LETTER: &str = "DeadLetterHeaders";

/// The three schemas, by name.
pub fn schemas() -> Map<String, Value> {
    let dead_letter = request().into_iter().chain(dead_letter()).collect::<Vec<_>>();
    [
        (REQUEST, object("None is needed. Where a header comes several times, the last counts.", request())),
        (OUTCOME, object("CloudEvents 1.0 in binary mode, and the request's W3C trace carried on.", outcome())),
        (
            DEAD_LETTER,
            object(
                "All headers of the request, then Spring Kafka's, in its encodings. On a second trip the original-* \
                headers are appended and the exception-* headers replaced, so the last value counts.",
                dead_letter,
            ),
        ),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}

/// A header: its name, whether it is always there, and its schema.
type Header = (&'static str, Presence, Value);

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Always,
    Sometimes,
}

use Presence::{Always, Sometimes};

fn request() -> Vec<Header> {
    vec![
        (
            CE_ID,
            Sometimes,
            text("The request's id; without it the payload's `requestId` or `eventId`, else its place."),
        ),
        (CE_CORRELATIONID, Sometimes, text("Carried over to the outcome.")),
        (
            CE_EXPIRYTIME,
            Sometimes,
            text("RFC 3339; a request whose turn comes later is DEADLINE_EXCEEDED, and nothing is done for it."),
        ),
        (
            CE_OVERSEASCONSENT,
            Sometimes,
            text(
                "`true`: the member has agreed that what the request holds leaves the country; anything else is a no. \
                It matters where the fallback is asked with consent alone.",
            ),
        ),
        (TRACEPARENT, Sometimes, text("W3C trace context; carried on in the outcome.")),
        (TRACESTATE, Sometimes, text("W3C trace context; carried on in the outcome.")),
        (
            REPLAY_COUNT,
            Sometimes,
            text("How often `dlt replay` has sent it back, in decimal; part of the request's id."),
        ),
        (
            REPLAY_ORIGINAL_TIMESTAMP,
            Sometimes,
            text("When a replayed request was first sent, in milliseconds since 1970."),
        ),
    ]
}

fn outcome() -> Vec<Header> {
    let carried = |what: &str| text(&format!("{what}; where the request had one of up to {CARRIED_MAX_BYTES} bytes."));
    vec![
        (CE_SPECVERSION, Always, json!({"type": "string", "const": SPEC_VERSION})),
        (
            CE_ID,
            Always,
            json!({"type": "string", "format": "uuid", "description": "The same request always gives the same id."}),
        ),
        (CE_SOURCE, Always, json!({"type": "string", "const": SOURCE})),
        (CE_TYPE, Always, text("The event's name, whatever its topic is called.")),
        (CE_TIME, Always, json!({"type": "string", "format": "date-time"})),
        (CE_SUBJECT, Always, text("The member id in decimal.")),
        (CONTENT_TYPE, Always, json!({"type": "string", "const": JSON})),
        (CE_CAUSATIONID, Always, text("The id of the request that this is about.")),
        (CE_CORRELATIONID, Sometimes, carried("The request's")),
        (TRACEPARENT, Sometimes, carried("The request's trace, with a span of its own")),
        (TRACESTATE, Sometimes, carried("The request's")),
    ]
}

fn dead_letter() -> Vec<Header> {
    let exception = |what: &str| text(&format!("{what}; up to {EXCEPTION_MAX_BYTES} bytes."));
    let (create, append) = (RecordTime::Create(0).kind(), RecordTime::LogAppend(0).kind());
    vec![
        (ORIGINAL_TOPIC, Always, text("The topic that it came from.")),
        (ORIGINAL_PARTITION, Always, bytes("The partition it came from, in 4 bytes, big-endian.")),
        (ORIGINAL_OFFSET, Always, bytes("The offset it had, in 8 bytes, big-endian.")),
        (ORIGINAL_TIMESTAMP, Always, bytes("Its time in milliseconds since 1970, in 8 bytes, big-endian.")),
        (ORIGINAL_TIMESTAMP_TYPE, Always, json!({"type": "string", "enum": [create, append, NO_TIMESTAMP_TYPE]})),
        (ORIGINAL_CONSUMER_GROUP, Always, text("The group that read it.")),
        (EXCEPTION_FQCN, Always, exception("The failure's code, or `UNDECODABLE`")),
        (EXCEPTION_CAUSE_FQCN, Always, exception("The same")),
        (EXCEPTION_MESSAGE, Always, exception("What went wrong, in English, without what the member wrote")),
        (EXCEPTION_STACKTRACE, Always, exception("The chain of errors and the record's place")),
    ]
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// Bytes that are no text. In examples each byte is the character with its number.
fn bytes(description: &str) -> Value {
    json!({"type": "string", "format": "binary", "description": description})
}

fn object(description: &str, headers: Vec<Header>) -> Value {
    let always = headers.iter().filter(|(_, presence, _)| *presence == Always);
    let required: Vec<&str> = always.map(|(name, ..)| *name).collect();
    let properties: Map<String, Value> =
        headers.iter().map(|(name, _, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "description": description, "properties": properties, "required": required})
}
