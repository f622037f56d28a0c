//! Reading requests: leniently about form, strictly about content (contract, section 2).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::events::json::{JsonText, whole_characters};
use crate::events::record::RequestKind;
use crate::events::request::{FeedbackRequest, MajorType, MemberId, PreferredJob, Request, ResumeAnswer, ResumeInputs};

/// Most levels that a value may nest.
pub const DEPTH_MAX: usize = 128;
/// Most characters of a field, in Unicode code points.
pub const QUESTION_MAX: usize = 1_000;
pub const ANSWER_MAX: usize = 4_000;
pub const EMAIL_MAX: usize = 254;
pub const COMPANY_NAME_MAX: usize = 200;
pub const POSITION_MAX: usize = 200;
pub const ADDITIONAL_EXPERIENCES_MAX: usize = 2_000;
/// Most bytes of a context, as the JSON that came.
pub const CONTEXT_MAX_BYTES: usize = 1_024;

/// How the field that names the member may be spelled; the first counts for more.
pub const MEMBER_ID: [&str; 2] = ["memberId", "member_id"];
/// The field of an answer that names its question.
pub const QUESTION_ID: &str = "questionId";

/// A value that names a member.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    pub member: MemberId,
    /// `requestId` or `eventId` of the value.
    pub request_id: Option<String>,
    /// Echoed in failures too.
    pub problem_id: Option<i64>,
    /// Echoed in every outcome.
    pub context: Option<JsonText>,
    pub request: Result<Request, Invalid>,
}

/// A value that names no member: there is nobody to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    #[error("the record has no value")]
    Empty,
    #[error("the value is not a JSON object in UTF-8")]
    NotAnObject,
    #[error("the value nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("memberId is missing or not a whole number above 0")]
    NoMember,
}

impl Undecodable {
    /// The code of its dead letter.
    pub const CODE: &str = "UNDECODABLE";
}

/// A broken field rule. It holds no part of the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule:?}")]
pub struct Invalid {
    /// As section 2 of the contract names it.
    pub field: &'static str,
    pub rule: Rule,
}

/// What a field breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Required,
    Text,
    TooLong(usize),
    TooManyBytes(usize),
    Email,
    WholeNumber,
    NotNegative,
    MajorType,
    Object,
}

impl Invalid {
    /// What the member may be shown, in Korean.
    pub fn message(&self) -> String {
        let field = self.field;
        match self.rule {
            Rule::Required => format!("{field}: 값을 입력해 주세요."),
            Rule::Text => format!("{field}: 글자로 입력해 주세요."),
            Rule::TooLong(max) => format!("{field}: {max}자까지 입력할 수 있습니다."),
            Rule::TooManyBytes(max) => format!("{field}: JSON으로 {max}바이트까지 보낼 수 있습니다."),
            Rule::Email => format!("{field}: @가 들어간 이메일 주소를 입력해 주세요."),
            Rule::WholeNumber => format!("{field}: 정수로 입력해 주세요."),
            Rule::NotNegative => format!("{field}: 0 이상의 정수로 입력해 주세요."),
            Rule::MajorType => format!("{field}: MAJOR 또는 NON_MAJOR만 입력할 수 있습니다."),
            Rule::Object => format!("{field}: JSON 객체로 보내 주세요."),
        }
    }
}

/// Reads a record's value as a request of `kind`.
///
/// # Errors
/// [`Undecodable`] when no member can be read from it. A readable member with any other fault is `Ok` with an
/// [`Invalid`] request.
pub fn decode(kind: RequestKind, value: Option<&[u8]>) -> Result<Decoded, Undecodable> {
    let fields = fields(value)?;
    let member = fields.member()?;
    let problem_id = match kind {
        RequestKind::FeedbackRequested => fields.get("problemId", "problem_id").and_then(whole_number),
        RequestKind::ResumeInit | RequestKind::ResumeAnswer => None,
    };
    let request = match kind {
        RequestKind::FeedbackRequested => feedback(&fields).map(Request::Feedback),
        RequestKind::ResumeInit => resume_init(&fields).map(Request::ResumeInit),
        RequestKind::ResumeAnswer => resume_answer(&fields).map(Request::ResumeAnswer),
    };
    // One that breaks its rule is not echoed, and any other is, whatever else is wrong.
    let (context, request) = match context(&fields) {
        Ok(context) => (context, request),
        Err(invalid) => (None, Err(invalid)),
    };
    Ok(Decoded { member, request_id: request_id(&fields), problem_id, context, request })
}

/// The member that a value names, whatever else stands in it.
///
/// # Errors
/// When it names none.
pub fn member(value: &[u8]) -> Result<MemberId, Undecodable> {
    fields(Some(value))?.member()
}

/// Whether a value names this member in each field that names one, or nobody. What cannot be read names nobody.
pub fn names_nobody_but(member: MemberId, value: &[u8]) -> bool {
    let names_it = |raw: &RawValue| whole_number(raw).and_then(MemberId::new) == Some(member);
    fields(Some(value))
        .map_or(true, |fields| MEMBER_ID.into_iter().filter_map(|name| fields.get(name, name)).all(names_it))
}

fn fields(value: Option<&[u8]>) -> Result<Fields<'_>, Undecodable> {
    let bytes = value.filter(|bytes| !bytes.is_empty()).ok_or(Undecodable::Empty)?;
    // Jackson reads past a byte order mark, so do we.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if nests_deeper_than(DEPTH_MAX, bytes) {
        return Err(Undecodable::TooDeep);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Undecodable::NotAnObject)?;
    Fields::read(text).ok_or(Undecodable::NotAnObject)
}

fn feedback(fields: &Fields<'_>) -> Result<FeedbackRequest, Invalid> {
    Ok(FeedbackRequest {
        question: required_text(fields.get("question", "question"), "question", QUESTION_MAX)?,
        answer: required_text(fields.get("answer", "answer"), "answer", ANSWER_MAX)?,
        problem_id: match fields.get("problemId", "problem_id") {
            None => None,
            Some(raw) => Some(whole_number(raw).ok_or(Invalid { field: "problemId", rule: Rule::WholeNumber })?),
        },
    })
}

fn resume_init(fields: &Fields<'_>) -> Result<ResumeInputs, Invalid> {
    let inputs = inputs(fields)?;
    let get = |camel, snake| inputs.as_ref().and_then(|inputs| inputs.get(camel, snake));
    let email = required_text(get("email", "email"), "inputs.email", EMAIL_MAX)?;
    if !email.contains('@') {
        return Err(Invalid { field: "inputs.email", rule: Rule::Email });
    }
    let preferred_job = optional_text(get("preferredJob", "preferred_job"), "preferred_job", usize::MAX)?;
    let major_type = match get("majorType", "major_type").map(text) {
        None => None,
        Some(Some(text)) if text == "MAJOR" => Some(MajorType::Major),
        Some(Some(text)) if text == "NON_MAJOR" => Some(MajorType::NonMajor),
        Some(_) => return Err(Invalid { field: "major_type", rule: Rule::MajorType }),
    };
    Ok(ResumeInputs {
        email,
        preferred_job: preferred_job.map(PreferredJob::from),
        major_type,
        certification_count: count(get("certificationCount", "certification_count"), "certification_count")?,
        project_count: count(get("projectCount", "project_count"), "project_count")?,
        work_period: count(get("workPeriod", "work_period"), "work_period")?,
        company_name: optional_text(get("companyName", "company_name"), "company_name", COMPANY_NAME_MAX)?,
        position: optional_text(get("position", "position"), "position", POSITION_MAX)?,
        additional_experiences: optional_text(
            get("additionalExperiences", "additional_experiences"),
            "additional_experiences",
            ADDITIONAL_EXPERIENCES_MAX,
        )?,
    })
}

fn resume_answer(fields: &Fields<'_>) -> Result<ResumeAnswer, Invalid> {
    let inputs = inputs(fields)?;
    let answer =
        inputs.as_ref().and_then(|inputs| inputs.get("answer", "answer")).or_else(|| fields.get("answer", "answer"));
    Ok(ResumeAnswer {
        answer: optional_text(answer, "answer", ANSWER_MAX)?,
        question_id: optional_text(fields.get(QUESTION_ID, "question_id"), QUESTION_ID, usize::MAX)?,
    })
}

fn inputs<'a>(fields: &Fields<'a>) -> Result<Option<Fields<'a>>, Invalid> {
    match fields.get("inputs", "inputs") {
        None => Ok(None),
        Some(raw) => Fields::read(raw.get()).map(Some).ok_or(Invalid { field: "inputs", rule: Rule::Object }),
    }
}

fn context(fields: &Fields<'_>) -> Result<Option<JsonText>, Invalid> {
    let invalid = |rule| Invalid { field: "context", rule };
    match fields.get("context", "context") {
        None => Ok(None),
        Some(raw) if !raw.get().starts_with('{') => Err(invalid(Rule::Object)),
        Some(raw) if raw.get().len() > CONTEXT_MAX_BYTES => Err(invalid(Rule::TooManyBytes(CONTEXT_MAX_BYTES))),
        Some(raw) => Ok(Some(raw.into())),
    }
}

/// The request's own id; whatever is neither text nor a whole number is no id.
fn request_id(fields: &Fields<'_>) -> Option<String> {
    [("requestId", "request_id"), ("eventId", "event_id")].into_iter().find_map(|(camel, snake)| {
        let raw = fields.get(camel, snake)?;
        match text(raw) {
            Some(text) => (!text.trim().is_empty()).then_some(text),
            None => whole_number(raw).map(|number| number.to_string()),
        }
    })
}

/// The fields of a JSON object, each still as its text: nothing is parsed that nobody asks for, and numbers keep
/// every digit.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    fn read(json: &'a str) -> Option<Self> {
        // Depth is checked before; values are skipped without recursion.
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let fields = BTreeMap::deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(Self(fields))
    }

    fn member(&self) -> Result<MemberId, Undecodable> {
        let [camel, snake] = MEMBER_ID;
        self.get(camel, snake).and_then(whole_number).and_then(MemberId::new).ok_or(Undecodable::NoMember)
    }

    /// A field by either spelling; `null` is the same as absent.
    fn get(&self, camel: &str, snake: &str) -> Option<&'a RawValue> {
        [camel, snake].into_iter().filter_map(|name| self.0.get(name).copied()).find(|raw| raw.get() != "null")
    }
}

fn text(raw: &RawValue) -> Option<String> {
    let read = |json: &str| serde_json::from_str(json).ok();
    // Browsers cut texts off in the middle of an emoji, and Jackson passes the half on.
    read(raw.get()).or_else(|| read(&whole_characters(raw.get(), "\u{FFFD}")))
}

fn optional_text(raw: Option<&RawValue>, field: &'static str, max: usize) -> Result<Option<String>, Invalid> {
    let Some(raw) = raw else { return Ok(None) };
    let text = text(raw).ok_or(Invalid { field, rule: Rule::Text })?;
    if text.chars().nth(max).is_some() {
        return Err(Invalid { field, rule: Rule::TooLong(max) });
    }
    Ok((!text.trim().is_empty()).then_some(text))
}

fn required_text(raw: Option<&RawValue>, field: &'static str, max: usize) -> Result<String, Invalid> {
    optional_text(raw, field, max)?.ok_or(Invalid { field, rule: Rule::Required })
}

fn count(raw: Option<&RawValue>, field: &'static str) -> Result<u64, Invalid> {
    let Some(raw) = raw else { return Ok(0) };
    let number = whole_number(raw).ok_or(Invalid { field, rule: Rule::WholeNumber })?;
    u64::try_from(number).map_err(|_| Invalid { field, rule: Rule::NotNegative })
}

/// A whole number, written as `2`, `2.0` or `"2"`. Exact: a `long` does not survive a trip through a double.
fn whole_number(raw: &RawValue) -> Option<i64> {
    match raw.get().as_bytes().first()? {
        b'"' => exact(&text(raw)?),
        _ => exact(raw.get()),
    }
}

fn exact(number: &str) -> Option<i64> {
    // As nearly all of them are written.
    if let (false, Ok(value)) = (number.starts_with('+'), number.parse()) {
        return Some(value);
    }
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || (mantissa.contains('.') && fraction.is_empty()) {
        return None;
    }
    let mut value: i128 = 0;
    // Digits after the point, once the exponent has moved it.
    let mut places = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    places -= i64::try_from(digits.len() - significant.len()).ok()?;
    for digit in significant.chars() {
        value = value.checked_mul(10)?.checked_add(i128::from(digit.to_digit(10)?))?;
    }
    if value == 0 {
        return Some(0);
    }
    if places > 0 {
        return None;
    }
    let value = value.checked_mul(10_i128.checked_pow(u32::try_from(-places).ok()?)?)?;
    i64::try_from(if negative { -value } else { value }).ok()
}

/// Whether arrays and objects nest deeper than `max`, found without recursion and before anything is parsed.
fn nests_deeper_than(max: usize, json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
