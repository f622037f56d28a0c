//! What the suites of the state work with: members of their own, and things to store.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use ssammu_worker::events::outcome::{FeedbackGenerated, OutcomeData, SavedOutcome, Scope};
use ssammu_worker::events::record::Flow;
use ssammu_worker::events::request::{MemberId, ResumeInputs};
use ssammu_worker::state::session::{Draft, Ended, Exchange, Session};
use ssammu_worker::state::{Begin, Change, Claim, MemberState, Saved, SessionChange, Write};
use time::OffsetDateTime;
use uuid::Uuid;

/// A sentence, and the function that proves it.
pub type Test = (&'static str, for<'a> fn(&'a dyn MemberState) -> LocalBoxFuture<'a, ()>);

/// A list of [`Test`]s from the names of their functions.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$((stringify!($name), |state| Box::pin($name(state)))),*]
    };
}
pub(crate) use tests;

/// The holder of the lock of a member with a session at this version.
pub async fn with_session(state: &dyn MemberState, version: u64) -> Claim {
    let claim = claim(member());
    state.begin(&claim).await.unwrap();
    assert_eq!(state.save(&claim, &put_session(None, session(version))).await.unwrap(), Saved::Done);
    claim
}

/// A member that no other test knows.
pub fn member() -> MemberId {
    let (number, _) = Uuid::new_v4().as_u64_pair();
    MemberId::new((number >> 2) as i64).expect("a UUID's version is not zero")
}

/// When its requests are sent, in milliseconds since 1970.
pub const SENT: i64 = 1_795_341_600_250;

pub fn claim(member: MemberId) -> Claim {
    let [request, record, token] = [(); 3].map(|()| Uuid::new_v4());
    Claim { flow: Flow::Resume, member, request, record, sent_at: Some(SENT), token }
}

/// Another request of the same member.
pub fn another(first: &Claim) -> Claim {
    Claim { flow: first.flow, ..claim(first.member) }
}

pub fn open(session: Option<Session>, draft: Option<Draft>, ended: Option<Ended>) -> Begin {
    Begin::Open { session, draft, ended }
}

pub fn change(session: Option<SessionChange>, outcome: Option<(Scope, SavedOutcome)>) -> Change {
    Change { session, outcome }
}

pub fn nothing(expected: Option<u64>) -> SessionChange {
    SessionChange { expected, session: Write::Keep, draft: Write::Keep, ended: Write::Keep }
}

pub fn put_session(expected: Option<u64>, session: Session) -> Change {
    change(Some(SessionChange { session: Write::Put(session), ..nothing(expected) }), None)
}

pub fn request_outcome(number: u128) -> Option<(Scope, SavedOutcome)> {
    Some((Scope::Request, outcome(number)))
}

pub fn outcome(number: u128) -> SavedOutcome {
    let feedback = format!("잘했어요 {number}");
    let data = OutcomeData::Feedback(FeedbackGenerated { member_id: 7, problem_id: None, feedback, context: None });
    SavedOutcome::new(Uuid::from_u128(number), "2026-11-22T10:00:00Z".to_owned(), data).unwrap()
}

pub fn session(version: u64) -> Session {
    let inputs = ResumeInputs {
        email: "a@b.kr".to_owned(),
        preferred_job: None,
        major_type: None,
        certification_count: 1,
        project_count: 2,
        work_period: 3,
        company_name: None,
        position: None,
        additional_experiences: Some("동아리".to_owned()),
    };
    let begun = Session::begin(Uuid::from_u128(11), inputs, OffsetDateTime::UNIX_EPOCH);
    Session { version, exchanges: vec![exchange()], ..begun }
}

pub fn exchange() -> Exchange {
    let asked_at = OffsetDateTime::UNIX_EPOCH + Duration::from_millis(1_234);
    Exchange::open(Uuid::from_u128(12), "어떤 역할을 맡았나요?".to_owned(), asked_at)
}

pub fn draft() -> Draft {
    Draft::of(&session(1), Some("# 이력서".to_owned()))
}

pub fn ended(questions: u128) -> Ended {
    Ended::of((0..questions).map(Uuid::from_u128).collect(), OffsetDateTime::UNIX_EPOCH)
}
