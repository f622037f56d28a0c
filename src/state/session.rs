//! What is remembered of a member's résumé interview.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::macros::offset;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::events::names::name_of;
use crate::events::request::{MajorType, MemberId, PreferredJob, ResumeInputs};
use crate::state::format;

/// Fields that a newer program stored and this one does not know. What is read and changed here is written back with
/// them: old and new workers take turns on an interview while one replaces the other.
pub type Unknown = Map<String, Value>;

/// A member's interview: its inputs, and each question with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Of the stored form; it stays as it was found.
    #[serde(default = "format::unnumbered")]
    pub format: u32,
    /// Raised by one with every write; a writer that saw another version is refused.
    pub version: u64,
    pub session_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    pub inputs: StoredInputs,
    /// In the order asked; only the last one may lack its answer.
    pub exchanges: Vec<Exchange>,
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Session {
    /// A new interview.
    pub fn begin(session_id: Uuid, inputs: ResumeInputs, now: OffsetDateTime) -> Self {
        Self {
            format: format::SESSION.written,
            version: 0,
            session_id,
            started_at: now,
            inputs: inputs.into(),
            exchanges: Vec::new(),
            unknown: Unknown::new(),
        }
    }

    /// The question that waits for its answer, if there is one.
    pub fn open_question(&self) -> Option<&Exchange> {
        self.exchanges.last().filter(|exchange| exchange.answer.is_none())
    }

    /// The question that `inputs` asked for already: a double click or a reload, while the first question is
    /// unanswered.
    pub fn first_question_for(&self, inputs: &ResumeInputs) -> Option<&Exchange> {
        match self.exchanges.as_slice() {
            [first] if first.answer.is_none() && self.inputs.known == *inputs => Some(first),
            _ => None,
        }
    }

    /// The first question, where this interview was begun under this very id.
    pub fn begun_as(&self, session_id: Uuid) -> Option<&Exchange> {
        self.exchanges.first().filter(|_| self.session_id == session_id)
    }

    /// Names what a résumé would be made of: the inputs and the answers.
    pub fn fingerprint(&self) -> Uuid {
        let inputs = fingerprinted(&self.inputs.known);
        let answers = self
            .exchanges
            .iter()
            .flat_map(|exchange| [exchange.question_id.to_string(), exchange.answer.clone().unwrap_or_default()]);
        let parts: Vec<String> = std::iter::once(inputs).chain(answers).collect();
        name_of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Where its document is stored: it depends on the session alone, so that storing it again overwrites nothing
    /// else (contract, section 6).
    pub fn object_key(&self, prefix: &str, member: MemberId) -> String {
        let start = self.started_at.to_offset(SEOUL);
        let (date, time) = (start.date(), start.time());
        let id = self.session_id.simple().to_string();
        format!(
            "{prefix}{member}/resume_agent_{:04}{:02}{:02}_{:02}{:02}{:02}_{}.docx",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            id.get(..8).unwrap_or(&id),
        )
    }
}

/// The inputs as fingerprints have them: field by field, so that a release which knows more of them still knows its members'
/// drafts again. A field that is new goes in at the end, and only where it is set.
fn fingerprinted(inputs: &ResumeInputs) -> String {
    #[derive(Serialize)]
    struct Fingerprinted<'a> {
        email: &'a str,
        preferred_job: &'a Option<PreferredJob>,
        major_type: Option<MajorType>,
        certification_count: u64,
        project_count: u64,
        work_period: u64,
        company_name: &'a Option<String>,
        position: &'a Option<String>,
        additional_experiences: &'a Option<String>,
    }
    let ResumeInputs {
        email,
        preferred_job,
        major_type,
        certification_count,
        project_count,
        work_period,
        company_name,
        position,
        additional_experiences,
    } = inputs;
    let named = Fingerprinted {
        email,
        preferred_job,
        major_type: *major_type,
        certification_count: *certification_count,
        project_count: *project_count,
        work_period: *work_period,
        company_name,
        position,
        additional_experiences,
    };
    // Serialising plain data to a string cannot fail; an empty name would only make a draft worthless.
    serde_json::to_string(&named).unwrap_or_default()
}

/// `Asia/Seoul`, which has had no summer time since 1988.
pub const SEOUL: UtcOffset = offset!(+9);

/// The inputs as they are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredInputs {
    #[serde(flatten)]
    pub known: ResumeInputs,
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl From<ResumeInputs> for StoredInputs {
    fn from(known: ResumeInputs) -> Self {
        Self { known, unknown: Unknown::new() }
    }
}

impl Deref for StoredInputs {
    type Target = ResumeInputs;

    fn deref(&self) -> &ResumeInputs {
        &self.known
    }
}

/// One question, and what the member answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub question_id: Uuid,
    pub question: String,
    #[serde(with = "time::serde::rfc3339")]
    pub asked_at: OffsetDateTime,
    /// [`SKIPPED`](crate::events::request::SKIPPED) when the member skipped it; `None` while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Exchange {
    /// A question that waits for its answer.
    pub fn open(question_id: Uuid, question: String, asked_at: OffsetDateTime) -> Self {
        Self { question_id, question, asked_at, answer: None, unknown: Unknown::new() }
    }
}

/// What was paid for on the way to a document, saved before the document is rendered and stored. It is made whole, and
/// never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    #[serde(default = "format::unnumbered")]
    pub format: u32,
    /// Of the inputs and answers that the draft was made from; another fingerprint makes it worthless.
    pub fingerprint: Uuid,
    pub session_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The résumé, once it is written; until then only the decision to write it is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

impl Draft {
    /// What was paid for with this session's inputs and answers.
    pub fn of(session: &Session, markdown: Option<String>) -> Self {
        let Session { session_id, started_at, .. } = *session;
        Self { format: format::DRAFT.written, fingerprint: session.fingerprint(), session_id, started_at, markdown }
    }
}

/// What is kept of interviews that ended, so that a second click on their questions is known as such.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// Of the stored form; it stays as it was found.
    #[serde(default = "format::unnumbered")]
    pub format: u32,
    pub question_ids: Vec<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Most questions that are remembered of a member's ended interviews.
const REMEMBERED_MAX: usize = 64;

impl Ended {
    /// Nothing but these questions.
    pub fn of(question_ids: Vec<Uuid>, ended_at: OffsetDateTime) -> Self {
        Self { format: format::ENDED.written, question_ids, ended_at, unknown: Unknown::new() }
    }

    /// What to remember when `session` ends: its questions after those that ended before it.
    pub fn after(session: &Session, earlier: Option<&Self>, now: OffsetDateTime) -> Self {
        let mut ended = earlier.cloned().unwrap_or_else(|| Self::of(Vec::new(), now));
        ended.question_ids.extend(session.exchanges.iter().map(|exchange| exchange.question_id));
        ended.ended_at = now;
        ended.latest()
    }

    /// Without the oldest questions, where there are more than are remembered.
    pub fn latest(mut self) -> Self {
        self.question_ids.drain(..self.question_ids.len().saturating_sub(REMEMBERED_MAX));
        self
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use time::macros::datetime;

    pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    pub(crate) fn inputs() -> ResumeInputs {
        ResumeInputs {
            email: "a@b.kr".to_owned(),
            preferred_job: None,
            major_type: None,
            certification_count: 0,
            project_count: 0,
            work_period: 0,
            company_name: None,
            position: None,
            additional_experiences: None,
        }
    }

    /// A session with this many questions, all answered but the last.
    pub(crate) fn asked(questions: u128) -> Session {
        let exchanges = (1..=questions).map(|number| Exchange {
            answer: (number < questions).then(|| "답".to_owned()),
            ..Exchange::open(Uuid::from_u128(number), format!("질문 {number}?"), NOW)
        });
        Session { exchanges: exchanges.collect(), ..Session::begin(Uuid::from_u128(0xabcd_ef12 << 96), inputs(), NOW) }
    }

    #[test]
    fn the_object_key_depends_on_the_session_alone_and_says_seouls_time() {
        let key = asked(1).object_key("resume/", MemberId::new(7).unwrap());
        assert_eq!(key, "resume/7/resume_agent_20261122_190000_abcdef12.docx");
    }

    #[test]
    fn the_same_inputs_find_the_first_question_only_while_it_is_open() {
        assert!(asked(1).first_question_for(&inputs()).is_some());
        assert!(asked(2).first_question_for(&inputs()).is_none());
        assert!(asked(1).first_question_for(&ResumeInputs { work_period: 1, ..inputs() }).is_none());
    }

    #[test]
    fn another_answer_makes_another_fingerprint() {
        let mut other = asked(2);
        other.exchanges[0].answer = Some("다른 답".to_owned());
        assert_ne!(asked(2).fingerprint(), other.fingerprint());
        assert_eq!(asked(2).fingerprint(), asked(2).fingerprint());
    }

    /// Drafts are known by it, across releases.
    #[test]
    fn a_fingerprint_is_of_the_inputs_as_they_have_always_been_written() {
        let written = r#"{"email":"a@b.kr","preferred_job":"AI","major_type":"NON_MAJOR","certification_count":1,
            "project_count":2,"work_period":3,"company_name":null,"position":"개발자","additional_experiences":null}"#;
        let inputs: ResumeInputs = serde_json::from_str(written).unwrap();
        assert_eq!(fingerprinted(&inputs), written.replace("\n            ", ""));
    }

    #[test]
    fn ended_interviews_are_remembered_up_to_a_limit() {
        let first = Ended::after(&asked(3), None, NOW);
        let both = Ended::after(&asked(2), Some(&first), NOW);
        assert_eq!(both.question_ids.len(), 5);
        assert_eq!(Ended::after(&asked(100), Some(&both), NOW).question_ids.len(), REMEMBERED_MAX);
    }
}
