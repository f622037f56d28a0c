//! Golden files: saved data, byte for byte as it was and is written (`tests/golden/`, named after kind and format).

use std::fs;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::format::{DRAFT, ENDED, Format, OUTCOME, SESSION};
use super::stored;
use crate::events::decode::{Invalid, Rule};
use crate::events::json::JsonText;
use crate::events::outcome::{Failure, Origin, Outcome, SavedOutcome};
use crate::events::record::{Coordinates, Record, RequestKind};
use crate::events::request::{MajorType, MemberId, PreferredJob, ResumeInputs, SKIPPED};
use crate::state::session::{Draft, Ended, Exchange, Session};

const CHANGED: &str = "What is stored looks different. Old and new workers share it while one replaces the other, so that \
    a format may only get optional fields, left out where they are empty. For anything else raise the format and add a \
    file: CONTRIBUTING.md, \"A change of what is saved\".";

const STARTED: OffsetDateTime = datetime!(2026-11-22 10:00:00.25 UTC);
const ID: Uuid = Uuid::from_u128(0x7d0f_6a52_8e1c_4b0e_9d3a_5a6f_2c41_b7e9);

/// A file as it was written in a format; `None` was before formats had numbers.
fn file(name: &str, format: Option<u32>) -> String {
    let format = format.map_or_else(|| "unnumbered".to_owned(), |number| number.to_string());
    fs::read_to_string(format!("tests/golden/{name}.{format}.json")).unwrap_or_else(|error| format!("{name}: {error}"))
}

/// All that this program reads of a kind, with the format of each.
fn files(name: &str, format: Format) -> impl Iterator<Item = (u32, String)> {
    let numbered = (1..=format.newest).map(Some);
    std::iter::once(None).chain(numbered).map(move |number| (number.unwrap_or(1), file(name, number)))
}

/// An interview in which one question was answered, one was skipped, and one is open.
fn session() -> Session {
    let inputs = ResumeInputs {
        email: "hong@example.kr".to_owned(),
        preferred_job: Some(PreferredJob::Backend),
        major_type: Some(MajorType::NonMajor),
        certification_count: 2,
        project_count: 3,
        work_period: 20,
        company_name: Some("주식회사 \"벌집\"".to_owned()),
        position: Some("백엔드 개발자".to_owned()),
        additional_experiences: Some("동아리를\n운영했습니다.".to_owned()),
    };
    let answers = [Some("캐시를 맡아 응답을 반으로 줄였습니다."), Some(SKIPPED), None];
    let exchanges = answers.into_iter().zip(1_u8..).map(|(answer, number)| {
        let question = format!("{number}번째로 여쭙니다: 직접 맡은 일은 무엇이었나요?");
        let asked_at = STARTED + Duration::minutes(number.into());
        let open = Exchange::open(Uuid::from_u128(u128::from(number) << 64), question, asked_at);
        Exchange { answer: answer.map(str::to_owned), ..open }
    });
    let begun = Session::begin(ID, inputs, STARTED);
    Session { version: 1_795_341_600_252, exchanges: exchanges.collect(), ..begun }
}

/// An interview that has just begun, of a member who said little.
fn first_question() -> Session {
    let inputs = ResumeInputs {
        preferred_job: Some(PreferredJob::Other("데이터 분석".to_owned())),
        ..crate::state::session::tests::inputs()
    };
    let exchanges = session().exchanges.into_iter().take(1).map(|asked| Exchange { answer: None, ..asked });
    let begun = Session::begin(ID, inputs, STARTED);
    Session { version: 1_795_341_600_250, exchanges: exchanges.collect(), ..begun }
}

/// The decision to write the résumé.
fn decision() -> Draft {
    Draft::of(&session(), None)
}

fn draft() -> Draft {
    Draft::of(&session(), Some("# 이력서\n\n- 캐시 \"설계\"\n".to_owned()))
}

fn ended() -> Ended {
    Ended::after(&session(), None, STARTED + Duration::hours(1))
}

/// One of each type, with the names of their files.
fn outcomes() -> [(&'static str, SavedOutcome); 4] {
    let (session_id, question_id) = (ID, Uuid::from_u128(1 << 64));
    let question = session().exchanges[0].question.clone();
    let object_key = session().object_key("resume/", member());
    let failure = Failure::from(Invalid { field: "inputs.email", rule: Rule::Email });
    let feedback = Outcome::Feedback { problem_id: Some(42), feedback: "좋아요.".to_owned() };
    let question = Outcome::Question { session_id, question_id, number: 1, max: 3, question };
    let completed = Outcome::Completed { session_id, object_key, degraded: true };
    let failed = Outcome::Failed { problem_id: None, failure };
    [
        ("feedback", saved(RequestKind::FeedbackRequested, feedback)),
        ("question", saved(RequestKind::ResumeInit, question)),
        ("completed", saved(RequestKind::ResumeAnswer, completed)),
        ("failed", saved(RequestKind::ResumeInit, failed)),
    ]
}

fn member() -> MemberId {
    MemberId::new(7).unwrap()
}

fn saved(kind: RequestKind, outcome: Outcome) -> SavedOutcome {
    let at = Coordinates { topic: kind.name().into(), partition: 3, offset: 42 };
    let record = Record { kind, at, time: None, key: None, value: None, headers: Vec::new() };
    // Nothing that reads it into numbers, names and texts would keep it as it is.
    let context: JsonText = serde_json::from_str(r#"{ "n": 1.50, "n": 12345678901234567890.0 }"#).unwrap();
    let digest = record.digest();
    let origin = Origin { record: &record, digest, member: member(), request_id: "id-1", context: Some(&context) };
    outcome.into_saved(&origin, STARTED).unwrap()
}

fn assert_written(name: &str, format: Format, written: &str) {
    if written != file(name, Some(format.written)) {
        let folder = std::env::temp_dir().join("golden");
        let now = folder.join(format!("{name}.{}.json", format.written));
        fs::create_dir_all(folder).and_then(|()| fs::write(&now, written)).unwrap();
        panic!("{CHANGED} What is written now is in {}", now.display());
    }
}

fn json_of(value: &impl Serialize) -> String {
    stored::to_json(value).unwrap()
}

fn read<T: DeserializeOwned>(format: Format, json: &str) -> Option<T> {
    stored::read(format, json.as_bytes()).unwrap()
}

#[test]
fn what_is_written_looks_as_its_format_says() {
    for (name, session) in [("session", session()), ("first_question", first_question())] {
        assert_written(name, SESSION, &json_of(&session));
    }
    for (name, draft) in [("decision", decision()), ("draft", draft())] {
        assert_written(name, DRAFT, &json_of(&draft));
    }
    assert_written("ended", ENDED, &json_of(&ended()));
    for (name, outcome) in outcomes() {
        assert_written(name, OUTCOME, &stored::entry(&outcome).unwrap());
    }
}

#[test]
fn what_any_program_before_has_written_is_read() {
    for (name, session) in [("session", session()), ("first_question", first_question())] {
        for (format, json) in files(name, SESSION) {
            assert_eq!(read(SESSION, &json), Some(Session { format, ..session.clone() }), "{json}");
        }
    }
    for (name, draft) in [("decision", decision()), ("draft", draft())] {
        for (format, json) in files(name, DRAFT) {
            assert_eq!(read(DRAFT, &json), Some(Draft { format, ..draft.clone() }), "{json}");
        }
    }
    for (format, json) in files("ended", ENDED) {
        assert_eq!(read(ENDED, &json), Some(Ended { format, ..ended() }), "{json}");
    }
    for (name, outcome) in outcomes() {
        for (_, json) in files(name, OUTCOME) {
            assert_eq!(stored::outcome(json.as_bytes()).unwrap(), outcome, "{json}");
        }
    }
}

#[test]
fn what_is_read_and_written_again_has_lost_nothing() {
    for name in ["session", "first_question"] {
        for (format, json) in files(name, SESSION) {
            let again = json_of(&read::<Session>(SESSION, &json).unwrap());
            assert_eq!(again, file(name, Some(format)), "what is changed keeps its format: {json}");
        }
    }
    for (format, json) in files("ended", ENDED) {
        assert_eq!(json_of(&read::<Ended>(ENDED, &json).unwrap()), file("ended", Some(format)), "{json}");
    }
}

/// A stored session or list with a field in it that this program does not know, at each of these places.
fn with_unknown(json: &str, places: &[&str]) -> Value {
    let mut stored: Value = serde_json::from_str(json).unwrap();
    for place in places {
        stored.pointer_mut(place).unwrap()["mood"] = json!({"at": place, "count": [i64::MIN, u64::MAX, 0.1, null]});
    }
    stored
}

#[test]
fn what_a_newer_program_stored_beside_survives_a_turn() {
    let places = ["", "/inputs", "/exchanges/0", "/exchanges/2"];
    let stored = with_unknown(&file("session", Some(1)), &places);
    let mut session: Session = read(SESSION, &stored.to_string()).unwrap();
    assert_eq!(session.fingerprint(), self::session().fingerprint(), "a draft is made of what is known");
    session.version += 1;
    session.exchanges[2].answer = Some("답변".to_owned());
    session.exchanges.push(Exchange::open(ID, "다음 질문?".to_owned(), STARTED));

    let written: Value = serde_json::from_str(&json_of(&session)).unwrap();
    for place in places {
        assert_eq!(written.pointer(place).unwrap()["mood"], stored.pointer(place).unwrap()["mood"], "{place}");
    }
    assert_eq!(written["exchanges"][2]["answer"], "답변");
    assert_eq!(written["exchanges"].as_array().map(Vec::len), Some(4));
}

#[test]
fn what_a_newer_program_stored_beside_survives_the_end_of_another_interview() {
    let stored = with_unknown(&file("ended", Some(1)), &[""]);
    let earlier: Ended = read(ENDED, &stored.to_string()).unwrap();
    let ended = Ended::after(&first_question(), Some(&earlier), STARTED);
    assert_eq!((ended.question_ids.len(), &ended.unknown["mood"]), (4, &stored["mood"]));
}

#[test]
fn what_a_newer_program_stored_beside_does_not_hinder_who_does_not_know_it() {
    let stored = with_unknown(&file("draft", Some(1)), &[""]);
    assert_eq!(read(DRAFT, &stored.to_string()), Some(draft()));
    for (name, outcome) in outcomes() {
        let stored = file(name, Some(1)).replacen('{', r#"{"mood":{"n":1e999},"#, 1);
        assert_eq!(stored::outcome(stored.as_bytes()).unwrap(), outcome);
    }
}
