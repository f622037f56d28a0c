//! A request's turn, and what the request takes along to its next one where it has to begin again.
//!
//! Who cannot go on now holds nothing while it waits, neither a slot nor the member's lock: it says what it
//! [`Needs`], and begins again from what is stored once that is there.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::graph::Opened;
use crate::documents::retrying::{RetryingDocuments, Upload};
use crate::events::expiry::Expiry;
use crate::events::outcome::{Failure, FailureCode, SavedOutcome};
use crate::flow_control::gate::GatePermit;
use crate::flow_control::place::Place;
use crate::llm::Model;
use crate::state::Claim;

/// Model replies that are paid for, for one step of a request, however often it begins again.
pub const PAID_MAX: u32 = 3;

/// How often who asks for a record that is no longer ours looks whether that is still of use.
const LOOK: Duration = Duration::from_millis(500);

/// One request's turn.
pub struct Turn<'a, 'w> {
    pub claim: &'a Claim,
    pub opened: Opened,
    /// Until when it may begin.
    pub expiry: Expiry,
    pub carried: &'a mut Carried<'w>,
}

/// What a request cannot go on without, and that is not to be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Model,
    Store,
}

/// Why a turn did not reach an outcome of its own.
#[derive(Debug)]
pub enum Interrupt {
    Failed(Failure),
    /// Somebody else answered the request meanwhile.
    Answered(SavedOutcome),
    /// Somebody else changed the session meanwhile.
    BeginAgain,
    /// Nothing that is not saved was paid for.
    WaitFor(Needs),
    /// The record is not ours any more, and no model is to be had here, or this worker has a successor.
    LeftToTheNext,
}

impl From<Failure> for Interrupt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Needs> for Interrupt {
    fn from(needs: Needs) -> Self {
        Self::WaitFor(needs)
    }
}

/// What the model is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Question,
    Resume,
}

/// What a request takes along from one turn to the next.
pub struct Carried<'w> {
    /// Where its record stands.
    place: Place,
    /// Cancelled when a successor does anew what this worker has not finished.
    fenced: CancellationToken,
    /// Cancelled when another worker has the member's lock, for which this one has it.
    lost: CancellationToken,
    model: Option<GatePermit>,
    store: Option<GatePermit>,
    /// The document that is to be stored, from its first try on.
    upload: Option<Upload<'w>>,
    questions: u32,
    resumes: u32,
    /// The model has been asked for the résumé, in vain: it is laid out without one.
    pub is_laid_out: bool,
}

impl<'w> Carried<'w> {
    /// For a request that has not begun, in its place; the token is cancelled when this worker has a successor.
    pub fn new(place: Place, fenced: CancellationToken) -> Self {
        let (model, store, upload, lost) = (None, None, None, CancellationToken::new());
        Self { place, fenced, lost, model, store, upload, questions: 0, resumes: 0, is_laid_out: false }
    }

    /// The member's lock is had; the token is cancelled when another worker has it.
    pub fn locked(&mut self, lost: CancellationToken) {
        self.lost = lost;
    }

    /// Where its record stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Waits for what the request needs; without end, unless it expires.
    pub async fn wait_for(&mut self, needs: Needs, model: &dyn Model, store: &'w RetryingDocuments, expiry: &Expiry) {
        match needs {
            // What is paid for is not too late: it would begin again at once, and again.
            Needs::Model if self.is_paid_for() => self.model = Some(model.admit(self.place.reach()).await),
            Needs::Model => self.model = expiry.wait_for(model.admit(self.place.reach())).await,
            // What waits for the store is finished: who asked comes back for it.
            Needs::Store => self.store = Some(self.upload.get_or_insert_with(|| store.upload()).admit().await),
        }
    }

    /// A permit to ask the model, if it can be had now. One that only says that the model worked when it was given is not
    /// enough: the slot may have been long in coming.
    ///
    /// # Errors
    /// [`Needs::Model`] while there is none.
    pub fn admit(&mut self, model: &dyn Model) -> Result<GatePermit, Needs> {
        let trial = self.model.take().filter(GatePermit::is_trial);
        trial.or_else(|| model.admit(self.place.reach()).now_or_never()).ok_or(Needs::Model)
    }

    /// Waits for who asks the model; once the record is no longer ours, not while the model is away for others: its next
    /// owner may reach one. Who found it away after it was let in would otherwise be at it until its deadline. And not at
    /// all once this worker was fenced, or asleep for longer than its lock lasts: whoever has taken that over asks itself.
    ///
    /// # Errors
    /// [`Interrupt::LeftToTheNext`] or [`Interrupt::BeginAgain`].
    pub async fn ask<T>(&self, model: &dyn Model, asking: impl Future<Output = T>) -> Result<T, Interrupt> {
        let in_vain = async {
            self.place.tenure().cancelled().await;
            // While it is away nobody is let in, or one who is to find out whether it is back.
            while model.admit(self.place.reach()).now_or_never().is_some_and(|permit| !permit.is_trial()) {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            reply = asking => Ok(reply),
            () = in_vain => Err(Interrupt::LeftToTheNext),
            () = self.fenced.cancelled() => Err(Interrupt::LeftToTheNext),
            () = self.lost.cancelled() => Err(Interrupt::BeginAgain),
        }
    }

    /// An upload to the store, and a permit for it, if it can be had now.
    ///
    /// # Errors
    /// [`Needs::Store`] while there is none.
    pub fn upload(&mut self, store: &'w RetryingDocuments) -> Result<(&Upload<'w>, Option<GatePermit>), Needs> {
        let trial = self.store.take().filter(GatePermit::is_trial);
        let upload = self.upload.get_or_insert_with(|| store.upload());
        if trial.is_none() && upload.has_to_wait() {
            return Err(Needs::Store);
        }
        Ok((upload, trial))
    }

    /// Whether the request has been paid for, or is waiting with what was: it is not too late for it any more.
    pub fn is_paid_for(&self) -> bool {
        self.questions > 0 || self.resumes > 0 || self.upload.is_some()
    }

    /// The model is asked once more.
    ///
    /// # Errors
    /// `INTERNAL` where the request has begun again so often that it was paid for enough.
    pub fn pay(&mut self, step: Step) -> Result<(), Failure> {
        let paid = match step {
            Step::Question => &mut self.questions,
            Step::Resume => &mut self.resumes,
        };
        *paid += 1;
        if *paid <= PAID_MAX {
            return Ok(());
        }
        let reason = format!("it was begun again until {PAID_MAX} replies were paid for");
        Err(Failure::new(FailureCode::Internal, reason))
    }
}
