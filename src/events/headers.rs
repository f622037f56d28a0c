//! The headers of outcomes (CloudEvents in binary mode, W3C trace) and of dead letters (Spring Kafka's encodings).

use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::header_names::{
    CE_CAUSATIONID, CE_CORRELATIONID, CE_ID, CE_SOURCE, CE_SPECVERSION, CE_SUBJECT, CE_TIME, CE_TYPE, CONTENT_TYPE,
    EXCEPTION_CAUSE_FQCN, EXCEPTION_FQCN, EXCEPTION_MESSAGE, EXCEPTION_PREFIXES, EXCEPTION_STACKTRACE,
    ORIGINAL_CONSUMER_GROUP, ORIGINAL_OFFSET, ORIGINAL_PARTITION, ORIGINAL_TIMESTAMP, ORIGINAL_TIMESTAMP_TYPE,
    ORIGINAL_TOPIC, TRACEPARENT, TRACESTATE,
};
use crate::events::outcome::{Origin, SavedOutcome, timestamp};
use crate::events::progress;
use crate::events::record::{Header, Record};

/// The `ce_specversion`.
pub const SPEC_VERSION: &str = "1.0";

/// The `content-type` of every outcome.
pub const JSON: &str = "application/json";

/// What Spring names the time of a record that has none.
pub const NO_TIMESTAMP_TYPE: &str = "NoTimestampType";

/// The `ce_source` of everything that the worker produces.
pub const SOURCE: &str = "/ssammu-worker";

/// Longest header that is carried over from a request to its outcome, in bytes; a longer one could make the outcome
/// too large for its topic and is left out.
pub const CARRIED_MAX_BYTES: usize = 1024;

/// Longest text of an exception header, in bytes.
pub const EXCEPTION_MAX_BYTES: usize = 1024;

/// Headers of an outcome (contract, section 4).
pub fn of_outcome(origin: &Origin<'_>, outcome: &SavedOutcome) -> Vec<Header> {
    of_event(origin, outcome.id, outcome.data().kind().name(), &outcome.time)
}

/// Headers of a progress record, which are those of an outcome.
pub fn of_progress(origin: &Origin<'_>, id: Uuid, now: OffsetDateTime) -> Vec<Header> {
    of_event(origin, id, progress::NAME, &timestamp(now))
}

fn of_event(origin: &Origin<'_>, id: Uuid, name: &str, time: &str) -> Vec<Header> {
    let mut headers = vec![
        Header::new(CE_SPECVERSION, SPEC_VERSION),
        Header::new(CE_ID, id.to_string()),
        Header::new(CE_SOURCE, SOURCE),
        Header::new(CE_TYPE, name),
        Header::new(CE_TIME, time),
        Header::new(CE_SUBJECT, origin.member.to_string()),
        Header::new(CONTENT_TYPE, JSON),
        Header::new(CE_CAUSATIONID, origin.request_id),
    ];
    if let Some(id) = carried(origin.record, CE_CORRELATIONID) {
        headers.push(Header::new(CE_CORRELATIONID, id));
    }
    if let Some(parent) = carried(origin.record, TRACEPARENT).and_then(|parent| child_of(parent, id)) {
        headers.push(Header::new(TRACEPARENT, parent));
        if let Some(state) = carried(origin.record, TRACESTATE) {
            headers.push(Header::new(TRACESTATE, state));
        }
    }
    headers
}

fn carried<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.text_header(name).filter(|text| text.len() <= CARRIED_MAX_BYTES)
}

/// The trace of a request, carried on (W3C trace context): the same trace id and flags, and a parent id that names the
/// work behind this event, whether or not a span is reported for it. That is what a participant does who is more than a
/// relay: consumers hang under the work, and not beside it. It is made of the event's id, so that a repeat carries the
/// same one.
fn child_of(parent: &str, event: Uuid) -> Option<String> {
    let mut parts = parent.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let nonzero = |text: &str| text.bytes().any(|byte| byte != b'0');
    let known = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let valid = known && hex(trace, 32) && nonzero(trace) && hex(span, 16) && nonzero(span) && hex(flags, 2);
    // The low half of a UUID starts with the variant bits, so it is never zero.
    let (_, low) = event.as_u64_pair();
    valid.then(|| format!("00-{trace}-{low:016x}-{flags}"))
}

/// Headers of a dead letter (contract, section 5): the record's own, without the exceptions of an earlier trip, then
/// where it came from and what went wrong.
pub fn of_dead_letter(record: &Record, group: &str, code: &str, message: &str, chain: &str) -> Vec<Header> {
    let mut headers: Vec<Header> = record.headers.iter().filter(|header| !is_exception(header)).cloned().collect();
    headers.push(Header::new(ORIGINAL_TOPIC, record.at.topic.as_bytes()));
    headers.push(Header::new(ORIGINAL_PARTITION, record.at.partition.to_be_bytes()));
    headers.push(Header::new(ORIGINAL_OFFSET, record.at.offset.to_be_bytes()));
    // Spring's own values for a record without a time.
    let (millis, kind) = record.time.map_or((-1, NO_TIMESTAMP_TYPE), |time| (time.millis(), time.kind()));
    headers.push(Header::new(ORIGINAL_TIMESTAMP, millis.to_be_bytes()));
    headers.push(Header::new(ORIGINAL_TIMESTAMP_TYPE, kind));
    headers.push(Header::new(ORIGINAL_CONSUMER_GROUP, group));
    headers.push(Header::new(EXCEPTION_FQCN, cut(code)));
    headers.push(Header::new(EXCEPTION_CAUSE_FQCN, cut(code)));
    headers.push(Header::new(EXCEPTION_MESSAGE, cut(message)));
    headers.push(Header::new(EXCEPTION_STACKTRACE, cut(chain)));
    headers
}

fn is_exception(header: &Header) -> bool {
    EXCEPTION_PREFIXES.iter().any(|prefix| header.name.starts_with(prefix.as_bytes()))
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(EXCEPTION_MAX_BYTES)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::samples;
    use crate::events::record::{Coordinates, RecordTime, RequestKind};
    use crate::events::request::MemberId;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn record(headers: Vec<Header>) -> Record {
        Record {
            kind: RequestKind::ResumeInit,
            at: Coordinates { topic: "ResumeInit".into(), partition: 258, offset: 66_051 },
            time: Some(RecordTime::Create(1_000)),
            key: Some(b"7".to_vec()),
            value: None,
            headers,
        }
    }

    fn outcome_headers(headers: Vec<Header>) -> Vec<(String, String)> {
        let record = record(headers);
        let (digest, member) = (record.digest(), MemberId::new(7).unwrap());
        let origin = Origin { record: &record, digest, member, request_id: "r", context: None };
        let (id, time) = (Uuid::from_u128(0x8000_0000_0000_0001), "2026-11-22T10:00:00Z".to_owned());
        let outcome = SavedOutcome::new(id, time, samples::completed("resume/7/a.docx")).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        of_outcome(&origin, &outcome)
            .iter()
            .map(|header| (text(&header.name), text(header.value.as_deref().unwrap())))
            .collect()
    }

    fn get<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
        headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_outcome_is_a_cloud_event() {
        let headers = outcome_headers(vec![Header::new("ce_correlationid", "c"), Header::new("__TypeId__", "x")]);
        assert_eq!(get(&headers, "ce_specversion"), Some("1.0"));
        assert_eq!(get(&headers, "ce_source"), Some("/ssammu-worker"));
        assert_eq!(get(&headers, "ce_type"), Some("ResumeCompleted"));
        assert_eq!(get(&headers, "ce_subject"), Some("7"));
        assert_eq!(get(&headers, "ce_causationid"), Some("r"));
        assert_eq!(get(&headers, "ce_correlationid"), Some("c"));
        assert_eq!(get(&headers, "content-type"), Some("application/json"));
        assert_eq!(get(&headers, "__TypeId__"), None);
        assert_eq!(get(&headers, "traceparent"), None);
    }

    #[test]
    fn progress_has_the_headers_of_an_outcome_with_a_type_of_its_own() {
        let record = record(vec![
            Header::new("ce_correlationid", "c"),
            Header::new("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")),
        ]);
        let (digest, member) = (record.digest(), MemberId::new(7).unwrap());
        let origin = Origin { record: &record, digest, member, request_id: "r", context: None };
        let outcome = SavedOutcome::new(Uuid::nil(), "x".to_owned(), samples::completed("resume/7/a.docx")).unwrap();
        let names = |headers: &[Header]| headers.iter().map(|header| header.name.clone()).collect::<Vec<_>>();
        let progress = of_progress(&origin, Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(names(&progress), names(&of_outcome(&origin, &outcome)));
        let value = |name: &str| progress.iter().find(|header| *header.name == *name.as_bytes()).unwrap().value.clone();
        assert_eq!(value("ce_type"), Some(b"RequestProgress".to_vec()));
        assert_eq!(value("ce_time"), Some(b"1970-01-01T00:00:00Z".to_vec()));
    }

    #[test]
    fn the_last_trace_is_carried_on_with_a_span_of_its_own() {
        let headers = outcome_headers(vec![
            Header::new("traceparent", "00-11111111111111111111111111111111-00f067aa0ba902b7-00"),
            Header::new("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")),
            Header::new("tracestate", "a=b"),
        ]);
        assert_eq!(get(&headers, "traceparent"), Some(format!("00-{TRACE}-8000000000000001-01").as_str()));
        assert_eq!(get(&headers, "tracestate"), Some("a=b"));
    }

    #[test]
    fn a_broken_trace_is_not_carried_on() {
        for broken in ["", "00", "00-x-y-01", &format!("ff-{TRACE}-b7ad6b7169203331-01"), &"0".repeat(5_000)] {
            let headers = outcome_headers(vec![Header::new("traceparent", broken), Header::new("tracestate", "a=b")]);
            assert_eq!((get(&headers, "traceparent"), get(&headers, "tracestate")), (None, None), "{broken}");
        }
    }

    #[test]
    fn a_huge_correlation_id_is_left_out() {
        let headers = outcome_headers(vec![Header::new("ce_correlationid", "x".repeat(2_000))]);
        assert_eq!(get(&headers, "ce_correlationid"), None);
    }

    #[test]
    fn a_dead_letter_says_where_it_came_from_in_springs_bytes() {
        let headers = of_dead_letter(&record(vec![Header::new("a", "b")]), "group", "INTERNAL", "why", "chain");
        let value = |name: &str| {
            headers
                .iter()
                .find(|header| header.name == name.as_bytes())
                .and_then(|header| header.value.clone())
                .unwrap()
        };
        assert_eq!(value("a"), b"b");
        assert_eq!(value("kafka_dlt-original-topic"), b"ResumeInit");
        assert_eq!(value("kafka_dlt-original-partition"), [0, 0, 1, 2]);
        assert_eq!(value("kafka_dlt-original-offset"), [0, 0, 0, 0, 0, 1, 2, 3]);
        assert_eq!(value("kafka_dlt-original-timestamp"), [0, 0, 0, 0, 0, 0, 3, 232]);
        assert_eq!(value("kafka_dlt-original-timestamp-type"), b"CreateTime");
        assert_eq!(value("kafka_dlt-original-consumer-group"), b"group");
        assert_eq!(value("kafka_dlt-exception-fqcn"), b"INTERNAL");
        assert_eq!(value("kafka_dlt-exception-cause-fqcn"), b"INTERNAL");
        assert_eq!(value("kafka_dlt-exception-message"), b"why");
        assert_eq!(value("kafka_dlt-exception-stacktrace"), b"chain");
    }

    #[test]
    fn on_a_second_trip_originals_are_appended_and_exceptions_replaced() {
        let first = of_dead_letter(&record(vec![]), "group", "INTERNAL", "first", "chain");
        let second = of_dead_letter(&record(first), "group", "LLM_UNAVAILABLE", "가".repeat(400).as_str(), "chain");
        let count = |name: &str| second.iter().filter(|header| header.name == name.as_bytes()).count();
        assert_eq!((count("kafka_dlt-original-topic"), count("kafka_dlt-exception-message")), (2, 1));
        let message = second.iter().find(|header| *header.name == *b"kafka_dlt-exception-message").unwrap();
        assert_eq!(message.value.as_ref().unwrap().len(), 1_023);
    }
}
