//! The state in memory, with a gate before it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ssammu_worker::events::outcome::{SavedOutcome, Scope};
use ssammu_worker::events::record::Flow;
use ssammu_worker::events::request::MemberId;
use ssammu_worker::state::erasure::Erasure;
use ssammu_worker::state::memory::MemoryState;
use ssammu_worker::state::session::Session;
use ssammu_worker::state::{
    Begin, Change, Claim, Lifetimes, MemberState, Renewal, Saved, SessionChange, StateError, Write,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::Gate;

const LASTING: Duration = Duration::from_secs(3_600);

/// A [`MemoryState`] that can be made to wait with an answer, that somebody else can change, and that can forget.
pub struct StagedState {
    memory: Mutex<Arc<MemoryState>>,
    lock: Duration,
    gates: Mutex<VecDeque<Gate>>,
    /// What is said to the next changes, and then no more.
    replies: Mutex<VecDeque<Result<Saved, StateError>>>,
    /// Every answer meets a session that somebody else has just changed.
    conflicts: AtomicBool,
    /// The last session that was saved.
    session: Mutex<Option<Session>>,
    /// When locks were to be renewed.
    renewals: Mutex<Vec<Instant>>,
    refused_renewals: AtomicUsize,
    slow_renewal: Mutex<Option<Gate>>,
    /// Whoever begins panics, so often.
    panics: AtomicUsize,
}

impl StagedState {
    pub fn new() -> Self {
        Self::with_locks(LASTING)
    }

    /// With locks that hold nobody up, as if each worker had slept past its own.
    pub fn without_locks() -> Self {
        Self::with_locks(Duration::ZERO)
    }

    pub fn with_locks(lock: Duration) -> Self {
        let memory = Mutex::new(empty(lock));
        let (gates, replies, conflicts) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let (session, renewals, refused_renewals) = (Mutex::default(), Mutex::default(), AtomicUsize::new(0));
        let (slow_renewal, panics) = (Mutex::default(), AtomicUsize::new(0));
        Self { memory, lock, gates, replies, conflicts, session, renewals, refused_renewals, slow_renewal, panics }
    }

    fn memory(&self) -> Arc<MemoryState> {
        self.memory.lock().unwrap().clone()
    }

    /// The last session that was saved.
    pub fn session(&self) -> Session {
        self.session.lock().unwrap().clone().expect("a session was saved")
    }

    /// Everything is forgotten, as by a store that kept nothing.
    pub fn lose_everything(&self) {
        *self.memory.lock().unwrap() = empty(self.lock);
    }

    /// What came after this session of a member's is forgotten, as by a store that lost its last second.
    pub async fn roll_back(&self, member: i64, session: Session) {
        self.lose_everything();
        let change =
            SessionChange { expected: None, session: Write::Put(session), draft: Write::Keep, ended: Write::Keep };
        self.somebody_saves(member, change).await;
    }

    /// Erases a member at this moment, in milliseconds since 1970.
    pub async fn erase(&self, member: i64, at: i64) {
        self.memory().mark_erased(MemberId::new(member).unwrap(), at).await.unwrap();
        self.forget(member).await;
    }

    /// Forgets a member; how many entries there were.
    pub async fn forget(&self, member: i64) -> usize {
        let held = self.memory().forget(MemberId::new(member).unwrap()).await.unwrap();
        held.sessions + held.drafts + held.ended + held.outcomes
    }

    /// The next answer is saved when the gate is open.
    pub fn hold_next_answer(&self) -> Gate {
        let gate = Gate::shut();
        self.gates.lock().unwrap().push_back(gate.clone());
        gate
    }

    /// The next changes are refused, so many of them.
    pub fn refuse_changes(&self, count: usize) {
        let refused = (0..count).map(|_| Err(StateError::Fault("ERR a proxy between us".to_owned())));
        self.replies.lock().unwrap().extend(refused);
    }

    /// It is away for the next changes, so many of them.
    pub fn goes_away(&self, count: usize) {
        let away = (0..count).map(|_| Err(StateError::Unavailable("READONLY".to_owned())));
        self.replies.lock().unwrap().extend(away);
    }

    /// The next renewals of locks are refused, so many of them.
    pub fn refuse_renewals(&self, count: usize) {
        self.refused_renewals.store(count, Ordering::Relaxed);
    }

    /// The next renewal comes when the gate is open.
    pub fn hold_next_renewal(&self) -> Gate {
        let gate = Gate::shut();
        *self.slow_renewal.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Whoever begins next panics.
    pub fn panic_once(&self) {
        self.panics.store(1, Ordering::Relaxed);
    }

    /// When locks were to be renewed so far.
    pub fn renewals(&self) -> Vec<Instant> {
        self.renewals.lock().unwrap().clone()
    }

    /// From now on every answer meets a session that somebody else has just changed.
    pub fn conflict_for_ever(&self) {
        self.conflicts.store(true, Ordering::Relaxed);
    }

    /// Another worker, which does not end, has the member's lock.
    pub async fn lock(&self, flow: Flow, member: i64) -> Claim {
        let claim = claim(flow, member);
        assert!(matches!(self.memory().begin(&claim).await.unwrap(), Begin::Open { .. }));
        claim
    }

    /// Somebody else writes the member's session anew, as it is.
    pub async fn rewrite_session(&self, member: i64) {
        let session = self.session();
        let (expected, version) = (Some(session.version), session.version + 1);
        let session = Write::Put(Session { version, ..session });
        let change = SessionChange { expected, session, draft: Write::Keep, ended: Write::Keep };
        self.somebody_saves(member, change).await;
    }

    async fn somebody_saves(&self, member: i64, change: SessionChange) {
        let claim = claim(Flow::Resume, member);
        let saved = self.memory().save(&claim, &Change { session: Some(change), outcome: None }).await.unwrap();
        assert_eq!(saved, Saved::Done);
        self.memory().release(&claim).await.unwrap();
    }
}

/// Of a request that nobody sent.
fn claim(flow: Flow, member: i64) -> Claim {
    let [request, record, token] = [(); 3].map(|()| Uuid::new_v4());
    Claim { flow, member: MemberId::new(member).unwrap(), request, record, sent_at: Some(i64::MAX), token }
}

fn empty(lock: Duration) -> Arc<MemoryState> {
    Arc::new(MemoryState::new(Lifetimes { session: LASTING, outcome: LASTING, lock }))
}

#[async_trait]
impl MemberState for StagedState {
    async fn begin(&self, claim: &Claim) -> Result<Begin, StateError> {
        assert_eq!(self.panics.swap(0, Ordering::Relaxed), 0, "a test wants it so");
        self.memory().begin(claim).await
    }

    async fn save(&self, claim: &Claim, change: &Change) -> Result<Saved, StateError> {
        if let Some(reply) = self.replies.lock().unwrap().pop_front() {
            return reply;
        }
        if change.outcome.is_some() {
            if self.conflicts.load(Ordering::Relaxed) && change.session.is_some() {
                return Ok(Saved::Conflict);
            }
            let gate = self.gates.lock().unwrap().pop_front();
            if let Some(gate) = gate {
                gate.pass().await;
            }
        }
        if let Some(SessionChange { session: Write::Put(session), .. }) = &change.session {
            *self.session.lock().unwrap() = Some(session.clone());
        }
        self.memory().save(claim, change).await
    }

    async fn remember(&self, claim: &Claim, scope: Scope, outcome: &SavedOutcome) -> Result<SavedOutcome, StateError> {
        self.memory().remember(claim, scope, outcome).await
    }

    async fn is_answered(&self, claim: &Claim) -> Result<bool, StateError> {
        self.memory().is_answered(claim).await
    }

    async fn renew(&self, claim: &Claim) -> Result<Renewal, StateError> {
        self.renewals.lock().unwrap().push(Instant::now());
        let is_refused = |left: usize| left.checked_sub(1);
        if self.refused_renewals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_refused).is_ok() {
            return Err(StateError::Unavailable("away".to_owned()));
        }
        let gate = self.slow_renewal.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        self.memory().renew(claim).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        self.memory().release(claim).await
    }

    async fn check(&self) -> Result<(), StateError> {
        self.memory().check().await
    }
}
