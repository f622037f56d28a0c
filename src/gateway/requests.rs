//! From a request of the old HTTP API to a record for the worker.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::consent;
use crate::events::decode::{MEMBER_ID, QUESTION_ID, Undecodable, decode, names_nobody_but};
use crate::events::header_names::{
    CE_EXPIRYTIME, CE_ID, CE_OVERSEASCONSENT, CE_SOURCE, CE_SPECVERSION, CE_TIME, CE_TYPE, CONTENT_TYPE, TRACEPARENT,
    TRACESTATE,
};
use crate::events::headers::{JSON, SPEC_VERSION};
use crate::events::outcome::timestamp;
use crate::events::record::{Header, RequestKind};
use crate::events::request::{MemberId, Request};
use crate::gateway::refusal::Refusal;
use crate::kafka::outgoing::OutgoingRecord;
use crate::kafka::topics::Topics;

/// The `ce_source` of what the gateway produces.
const SOURCE: &str = "/ssammu-gateway";
/// Longest `Idempotency-Key`, in bytes.
const KEY_MAX_BYTES: usize = 128;
/// Longest header that is passed through, in bytes.
const TRACE_MAX_BYTES: usize = 512;
/// Members that are made up begin here, far from any real one.
const MADE_UP_MEMBERS: i64 = 1 << 62;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// As CloudEvents write `ce_overseasconsent` in HTTP.
const OVERSEAS_CONSENT: HeaderName = HeaderName::from_static("ce-overseasconsent");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What a request gets when it brings none of its own.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    pub id: Uuid,
    /// Any number; a member is made of it for feedback that names none.
    pub number: i64,
    pub now: OffsetDateTime,
    /// How long the caller waits for the outcome.
    pub patience: Duration,
    /// The member that the caller has proven to be; `None`: it may be any.
    pub proven: Option<MemberId>,
}

/// How a caller spells the member; it is answered in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Camel,
    Snake,
}

impl Spelling {
    /// The field's name.
    fn member(self) -> &'static str {
        let [camel, snake] = MEMBER_ID;
        match self {
            Self::Camel => camel,
            Self::Snake => snake,
        }
    }
}

/// A request as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub kind: RequestKind,
    pub member: MemberId,
    /// How the caller spelled the member; `None` when it named none.
    pub spelling: Option<Spelling>,
    pub id: String,
    /// Whether it is an answer that does not say to which question.
    pub answers_unnamed: bool,
    /// Whether the caller wants to have the outcome by events alone (RFC 7240).
    pub respond_async: bool,
    value: Vec<u8>,
    headers: Vec<Header>,
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// What to answer when there is nothing in it that the worker could answer.
    pub fn read(kind: RequestKind, headers: &HeaderMap, body: &[u8], fresh: &Fresh) -> Result<Self, Refusal> {
        if !is_json(headers) {
            return Err(Refusal::wrong_content_type());
        }
        let id = match headers.get(IDEMPOTENCY_KEY) {
            Some(key) => idempotency_key(key.as_bytes())?,
            None => fresh.id.to_string(),
        };
        let own = fresh.proven.map(|member| own(member, body)).transpose()?.flatten();
        let (named, body) = (own.is_none(), own.as_deref().unwrap_or(body));
        let mut answers_unnamed = false;
        let (member, spelling, value) = match decode(kind, Some(body)) {
            // As it came, to the byte.
            Ok(decoded) => {
                answers_unnamed =
                    matches!(&decoded.request, Ok(Request::ResumeAnswer(answer)) if answer.question_id.is_none());
                (decoded.member, named.then(|| spelling(body)), body.to_vec())
            }
            Err(Undecodable::NoMember) if kind == RequestKind::FeedbackRequested => {
                let (member, value) = made_up(body, fresh.number)?;
                (member, None, value)
            }
            Err(Undecodable::NoMember) => return Err(Refusal::no_member()),
            Err(Undecodable::Empty | Undecodable::NotAnObject | Undecodable::TooDeep) => {
                return Err(Refusal::not_json());
            }
        };
        let mut carried = vec![
            Header::new(CE_SPECVERSION, SPEC_VERSION),
            Header::new(CE_ID, id.as_str()),
            Header::new(CE_SOURCE, SOURCE),
            Header::new(CE_TYPE, kind.name()),
            Header::new(CE_TIME, timestamp(fresh.now)),
            Header::new(CONTENT_TYPE, JSON),
        ];
        for name in [TRACEPARENT, TRACESTATE] {
            let value = headers.get(name).map(|value| value.as_bytes());
            if let Some(value) = value.filter(|value| value.len() <= TRACE_MAX_BYTES) {
                carried.push(Header::new(name, value));
            }
        }
        if headers.get_all(OVERSEAS_CONSENT).iter().next_back().is_some_and(|said| said == consent::YES) {
            carried.push(Header::new(CE_OVERSEASCONSENT, consent::YES));
        }
        let respond_async = respond_async(headers);
        if !respond_async {
            // Nobody hears of it later, so nothing should come of it later.
            carried.push(Header::new(CE_EXPIRYTIME, timestamp(fresh.now + fresh.patience)));
        }
        Ok(Self { kind, member, spelling, id, answers_unnamed, respond_async, value, headers: carried })
    }

    /// Says which question it answers.
    pub fn name_question(&mut self, id: Uuid) {
        self.value = with_field(&self.value, QUESTION_ID, &Value::from(id.to_string()));
    }

    /// The record to be sent.
    pub fn outgoing(&self, topics: &Topics) -> OutgoingRecord {
        OutgoingRecord {
            topic: topics.request(self.kind).clone(),
            partition: None,
            key: Some(self.member.to_string().into_bytes()),
            value: Some(self.value.clone()),
            headers: self.headers.clone(),
        }
    }
}

/// Whether nobody has this member's number: nobody can ask for its events.
pub fn is_made_up(member: MemberId) -> bool {
    member.get() >= MADE_UP_MEMBERS
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(JSON)
}

fn idempotency_key(key: &[u8]) -> Result<String, Refusal> {
    match std::str::from_utf8(key) {
        Ok(key) if (1..=KEY_MAX_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(key.to_owned())
        }
        _ => Err(Refusal::invalid("Idempotency-Key", "Idempotency-Key는 보이는 ASCII 문자 1~128자여야 합니다.")),
    }
}

fn respond_async(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split(','))
        .any(|preference| preference.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("respond-async"))
}

/// What a member asks that does not say who it is, with its own id; `None` where it says so itself.
fn own(member: MemberId, body: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
    if !names_nobody_but(member, body) {
        return Err(Refusal::other_member());
    }
    let is_named = MEMBER_ID.into_iter().any(|name| has_field(body, name));
    Ok((!is_named && fields(body).is_some()).then(|| with_field(body, Spelling::Camel.member(), &member.get().into())))
}

/// Feedback for somebody without a member id gets one of its own, so that such requests do not wait for each other.
fn made_up(body: &[u8], number: i64) -> Result<(MemberId, Vec<u8>), Refusal> {
    if [Spelling::Camel, Spelling::Snake].into_iter().any(|spelling| has_field(body, spelling.member())) {
        return Err(Refusal::no_member());
    }
    let member = MemberId::new(MADE_UP_MEMBERS | (number & i64::MAX)).ok_or_else(Refusal::no_member)?;
    Ok((member, with_field(body, Spelling::Camel.member(), &Value::from(member.get()))))
}

/// The spelling that counts: the first that is there.
fn spelling(body: &[u8]) -> Spelling {
    if has_field(body, Spelling::Camel.member()) { Spelling::Camel } else { Spelling::Snake }
}

/// Whether a JSON object has a field that is not null.
fn has_field(object: &[u8], name: &str) -> bool {
    fields(object).is_some_and(|fields| fields.get(name).is_some_and(|value| value.get() != "null"))
}

/// The fields of a JSON object; like the worker, it reads past a byte order mark.
fn fields(object: &[u8]) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_slice(object.strip_prefix(b"\xef\xbb\xbf").unwrap_or(object)).ok()
}

/// A JSON object with one more field at its end, where it counts for more than one of the same name before it. All
/// else stays as it is, to the byte.
fn with_field(object: &[u8], name: &str, value: &Value) -> Vec<u8> {
    let Some(end) = object.iter().rposition(|byte| *byte == b'}') else { return object.to_vec() };
    let (before, after) = object.split_at(end);
    let comma = if fields(object).is_some_and(|fields| fields.is_empty()) { "" } else { "," };
    [before, format!("{comma}{}:{value}", Value::from(name)).as_bytes(), after].concat()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::events::record::text_header;
    use crate::gateway::entry::tests::topics;

    fn headers(extra: &[(&'static str, &'static str)]) -> HeaderMap {
        let all = [("content-type", "application/json; charset=utf-8")].iter().chain(extra);
        all.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn read_with(
        kind: RequestKind,
        extra: &[(&'static str, &'static str)],
        body: impl AsRef<[u8]>,
    ) -> Result<Asked, Refusal> {
        let now = time::macros::datetime!(2026-11-22 10:00 UTC);
        Asked::read(
            kind,
            &headers(extra),
            body.as_ref(),
            &Fresh { id: Uuid::nil(), number: -5, now, patience: Duration::from_secs(90), proven: None },
        )
    }

    fn refused(kind: RequestKind, body: impl AsRef<[u8]>) -> (StatusCode, Option<&'static str>) {
        let refusal = read_with(kind, &[], body).unwrap_err();
        assert_eq!(refusal.code, "INVALID_REQUEST");
        (refusal.status, refusal.field)
    }

    #[test]
    fn a_request_becomes_a_record_with_the_body_as_it_came() {
        let body = r#"{ "member_id": "7", "inputs": {"email": "a@b.kr"}, "extra": [1e2, 18446744073709551616] }"#;
        let asked = read_with(RequestKind::ResumeInit, &[], body).unwrap();
        let outgoing = asked.outgoing(&topics());
        assert_eq!((asked.member.get(), asked.id.as_str()), (7, "00000000-0000-0000-0000-000000000000"));
        assert_eq!((outgoing.topic.as_ref(), outgoing.key.as_deref()), ("ResumeInit", Some(b"7".as_slice())));
        assert_eq!(outgoing.value.as_deref(), Some(body.as_bytes()));
        for (name, value) in [
            ("ce_specversion", "1.0"),
            ("ce_id", "00000000-0000-0000-0000-000000000000"),
            ("ce_source", "/ssammu-gateway"),
            ("ce_type", "ResumeInit"),
            ("ce_time", "2026-11-22T10:00:00Z"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(text_header(&outgoing.headers, name), Some(value), "{name}");
        }
        assert_eq!(text_header(&outgoing.headers, "traceparent"), None);
    }

    #[test]
    fn that_a_member_has_agreed_to_the_overseas_fallback_is_passed_on_and_nothing_else_is() {
        let body = r#"{"memberId":7,"answer":"a"}"#;
        let consent = |extra: &[_]| {
            let asked = read_with(RequestKind::ResumeAnswer, extra, body).unwrap();
            text_header(&asked.headers, "ce_overseasconsent").map(str::to_owned)
        };
        assert_eq!(consent(&[("ce-overseasconsent", "true")]).as_deref(), Some("true"));
        for said in ["", "false", "True", "1"] {
            assert_eq!(consent(&[("ce-overseasconsent", said)]), None, "{said}");
        }
        assert_eq!(consent(&[]), None);
    }

    #[test]
    fn a_request_expires_with_its_caller_unless_that_waits_for_events() {
        let body = r#"{"memberId":7,"answer":"a"}"#;
        let expiry = |extra: &[_]| {
            let asked = read_with(RequestKind::ResumeAnswer, extra, body).unwrap();
            text_header(&asked.headers, CE_EXPIRYTIME).map(str::to_owned)
        };
        assert_eq!(expiry(&[]).as_deref(), Some("2026-11-22T10:01:30Z"));
        assert_eq!(expiry(&[("prefer", "respond-async")]), None);
    }

    #[test]
    fn a_member_is_answered_in_the_spelling_of_the_request() {
        for (body, expected) in [
            (r#"{"memberId":7}"#, Some(Spelling::Camel)),
            ("\u{feff}{\"memberId\":7}", Some(Spelling::Camel)),
            (r#"{"member_id":7,"memberId":7}"#, Some(Spelling::Camel)),
            (r#"{"memberId":null,"member_id":"7"}"#, Some(Spelling::Snake)),
            (r#"{"question":"q"}"#, None),
        ] {
            let asked = read_with(RequestKind::FeedbackRequested, &[], body).unwrap();
            assert_eq!(asked.spelling, expected, "{body}");
        }
    }

    #[test]
    fn an_answer_can_be_told_to_which_question_and_keeps_all_else() {
        let id = Uuid::from_u128(1);
        for (body, expected) in [
            (r#"{"memberId":7,"answer":"a"} "#, r#"{"memberId":7,"answer":"a","questionId":"ID"} "#),
            (
                r#"{"memberId":7,"questionId":null,"x":1e400}"#,
                r#"{"memberId":7,"questionId":null,"x":1e400,"questionId":"ID"}"#,
            ),
            (r#"{"memberId":7,"question_id":" "}"#, r#"{"memberId":7,"question_id":" ","questionId":"ID"}"#),
        ] {
            let expected = expected.replace("ID\"", &format!("{id}\""));
            let mut asked = read_with(RequestKind::ResumeAnswer, &[], body).unwrap();
            assert!(asked.answers_unnamed, "{body}");
            asked.name_question(id);
            assert_eq!(asked.outgoing(&topics()).value.as_deref(), Some(expected.as_bytes()));
            let Ok(Request::ResumeAnswer(answer)) =
                decode(RequestKind::ResumeAnswer, Some(&asked.value)).unwrap().request
            else {
                panic!("an answer")
            };
            assert_eq!(answer.question_id, Some(id.to_string()), "{body}");
        }
        let named = read_with(RequestKind::ResumeAnswer, &[], r#"{"memberId":7,"question_id":"mine"}"#).unwrap();
        assert!(!named.answers_unnamed);
        assert_eq!(with_field(b"\xef\xbb\xbf{ }", "a", &json!(1)), b"\xef\xbb\xbf{ \"a\":1}");
    }

    #[test]
    fn feedback_without_a_member_gets_one_that_nobody_has() {
        for body in [r#"{"question":"q","answer":"a"}"#, r#"{"memberId":null,"question":"q","answer":"a"}"#] {
            let asked = read_with(RequestKind::FeedbackRequested, &[], body).unwrap();
            assert!(is_made_up(asked.member));
            let value: Value = serde_json::from_slice(&asked.outgoing(&topics()).value.unwrap()).unwrap();
            assert_eq!(value, json!({"question": "q", "answer": "a", "memberId": asked.member.get()}));
        }
    }

    #[test]
    fn who_has_proven_who_it_is_asks_for_itself_and_need_not_say_so() {
        let own = |kind, body: &str| {
            let now = time::macros::datetime!(2026-11-22 10:00 UTC);
            let fresh = Fresh { id: Uuid::nil(), number: 0, now, patience: Duration::ZERO, proven: MemberId::new(7) };
            Asked::read(kind, &headers(&[]), body.as_bytes(), &fresh)
        };
        let asked = own(RequestKind::ResumeAnswer, r#"{"member_id": "7", "answer": "a"}"#).unwrap();
        assert_eq!((asked.member.get(), asked.spelling), (7, Some(Spelling::Snake)));
        for body in [r#"{"answer":"a"}"#, r#"{"memberId":null,"member_id":null,"answer":"a"}"#] {
            let asked = own(RequestKind::ResumeAnswer, body).unwrap();
            assert_eq!((asked.member.get(), asked.spelling, asked.answers_unnamed), (7, None, true), "{body}");
            let value = asked.outgoing(&topics()).value.unwrap();
            assert_eq!(decode(RequestKind::ResumeAnswer, Some(&value)).unwrap().member.get(), 7, "{body}");
        }
        let asked = own(RequestKind::FeedbackRequested, r#"{"question":"q","answer":"a"}"#).unwrap();
        assert_eq!(asked.member.get(), 7, "nobody is made up");
        for body in [r#"{"memberId":8}"#, r#"{"memberId":7,"member_id":8}"#, r#"{"memberId":0}"#, r#"{"memberId":[]}"#]
        {
            assert_eq!(own(RequestKind::FeedbackRequested, body).unwrap_err().code, "FORBIDDEN_MEMBER", "{body}");
        }
        for body in ["[]", "{", "7"] {
            assert_eq!(own(RequestKind::FeedbackRequested, body).unwrap_err().code, "INVALID_REQUEST", "{body}");
        }
    }

    #[test]
    fn what_names_no_valid_member_is_refused() {
        let member = (StatusCode::BAD_REQUEST, Some("memberId"));
        for body in [r#"{"memberId": 0}"#, r#"{"memberId": "x"}"#, r#"{"member_id": 1.5}"#] {
            assert_eq!(refused(RequestKind::FeedbackRequested, body), member, "{body}");
            assert_eq!(refused(RequestKind::ResumeAnswer, body), member, "{body}");
        }
        assert_eq!(refused(RequestKind::ResumeInit, "{}"), member);
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        let deep = "[".repeat(200);
        for body in ["", "{", "[]", "1", "{\"a\":1}x", "\"text\"", &format!("{{\"a\":{deep}")] {
            assert_eq!(refused(RequestKind::FeedbackRequested, body), (StatusCode::BAD_REQUEST, None), "{body}");
        }
        assert_eq!(refused(RequestKind::ResumeInit, [0xff, 0xfe]), (StatusCode::BAD_REQUEST, None));
    }

    #[test]
    fn the_idempotency_key_is_the_requests_id() {
        let body = r#"{"memberId":7,"question":"q","answer":"a"}"#;
        let key = |key| read_with(RequestKind::FeedbackRequested, &[("idempotency-key", key)], body);
        assert_eq!(key("click-1").unwrap().id, "click-1");
        for wrong in ["", "a b"] {
            assert_eq!(key(wrong).unwrap_err().field, Some("Idempotency-Key"), "{wrong}");
        }
        assert!(idempotency_key(&[b'x'; 128]).is_ok());
        assert!(idempotency_key(&[b'x'; 129]).is_err());
        assert!(idempotency_key("가".as_bytes()).is_err());
    }

    #[test]
    fn the_trace_is_passed_through() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let extra = [("traceparent", trace), ("tracestate", "a=b")];
        let asked = read_with(RequestKind::ResumeAnswer, &extra, r#"{"memberId":7}"#).unwrap();
        assert_eq!(text_header(&asked.headers, "traceparent"), Some(trace));
        assert_eq!(text_header(&asked.headers, "tracestate"), Some("a=b"));
    }

    #[test]
    fn a_caller_may_prefer_events() {
        for (value, expected) in [
            ("respond-async", true),
            ("wait=10, Respond-Async", true),
            ("respond-async;x=1", true),
            ("return=minimal", false),
        ] {
            assert_eq!(respond_async(&headers(&[("prefer", value)])), expected, "{value}");
        }
        assert!(!respond_async(&headers(&[])));
    }

    #[test]
    fn another_content_type_is_refused() {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert!(!is_json(&headers), "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
