//! What was asked for, and what came, as an item of the report. Pure.

use std::fmt::Write as _;
use std::path::Path;

use crate::eval::asking::{Came, Wanted, Worked};
use crate::eval::cases::{FeedbackCase, Member};
use crate::eval::check::{Check, Finding, Kind};
use crate::eval::judging;
use crate::eval::phrase::Rules;
use crate::eval::report::{About, Item};
use crate::events::outcome::FailureCode;

/// The items of an evaluation, in their order.
pub fn wanted<'a>(feedback: &'a [FeedbackCase], members: &'a [Member]) -> Vec<Wanted<'a>> {
    let turns = |member: &'a Member| {
        let questions = (0..member.questions.len()).map(move |before| Wanted::Question(member, before));
        questions.chain([Wanted::Resume(member)])
    };
    feedback.iter().map(Wanted::Feedback).chain(members.iter().flat_map(turns)).collect()
}

/// An item of the report.
pub fn item(wanted: Wanted<'_>, worked: Worked, rules: &Rules, documents: &Path) -> Item {
    let Worked { came, calls, took } = worked;
    let (id, kind, about) = match wanted {
        Wanted::Feedback(case) => (case.id.clone(), Kind::Feedback, about_feedback(case)),
        Wanted::Question(member, before) => {
            (format!("{}/{}", member.id, before + 1), Kind::Question, about_member(member, before))
        }
        Wanted::Resume(member) => (member.id.clone(), Kind::Resume, about_member(member, member.questions.len())),
    };
    let findings = match (wanted, &came) {
        (Wanted::Feedback(case), Came::Feedback(feedback)) => judging::feedback::judge(case, rules, feedback, &calls),
        (Wanted::Question(member, before), Came::Question(question)) => {
            judging::question::judge(member, before, question, &calls)
        }
        // It knew enough: there is nothing to be judged.
        (Wanted::Question(..), Came::Enough) => vec![Finding::of(Check::Answered, None)],
        (Wanted::Resume(member), Came::Resume { markdown, .. }) => {
            judging::resume::judge(member, rules, markdown.as_deref(), &calls)
        }
        (_, came) => failed(came),
    };
    let (mut read, mut failure, mut document) = (None, None, None);
    match came {
        Came::Feedback(text) | Came::Question(text) => read = Some(text),
        Came::Enough => {}
        Came::Resume { markdown, object_key } => {
            read = markdown;
            document = Some(documents.join(object_key).display().to_string());
        }
        Came::Failure(code) => failure = Some(code.to_owned()),
    }
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Item { id, kind, about, read, failure, document, millis, calls, findings, opinion: None }
}

fn failed(came: &Came) -> Vec<Finding> {
    let code = match came {
        Came::Failure(code) => code,
        Came::Feedback(_) | Came::Question(_) | Came::Enough | Came::Resume { .. } => "다른 것이 나옴",
    };
    let mut findings = vec![Finding::of(Check::Answered, Some(code.to_owned()))];
    if code == FailureCode::LlmBadOutput.name() {
        findings.push(Finding::of(Check::FirstTry, Some("쓸 수 있는 응답이 없음".to_owned())));
    }
    findings
}

fn about_feedback(case: &FeedbackCase) -> About {
    let given = [("질문", &case.question), ("답변", &case.answer)].map(|(name, text)| (name.to_owned(), text.clone()));
    let points = case.points.iter().map(|wordings| wordings.join(" / "));
    let wrong = case.wrong_claims.iter().map(|wrong| format!("틀림: {}", wrong.claim));
    About { given: given.into(), wanted: points.chain(wrong).collect(), note: about_note(&case.field, &case.note) }
}

fn about_note(field: &str, note: &str) -> String {
    if field.is_empty() { note.to_owned() } else { format!("[{field}] {note}") }
}

/// What a member gave in so many exchanges.
fn about_member(member: &Member, exchanges: usize) -> About {
    let inputs = serde_json::to_string_pretty(&member.inputs).unwrap_or_default();
    let mut dialogue = String::new();
    for (question, answer) in member.questions.iter().zip(&member.answers).take(exchanges) {
        // Writing to a string cannot fail.
        let _ = write!(dialogue, "Q. {question}\nA. {answer}\n\n");
    }
    let given = [("입력", inputs), ("문답", dialogue)].into_iter().filter(|(_, text)| !text.is_empty());
    About {
        given: given.map(|(name, text)| (name.to_owned(), text)).collect(),
        wanted: member.facts.iter().map(|wordings| wordings.join(" / ")).collect(),
        note: member.note.clone(),
    }
}
