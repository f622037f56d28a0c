//! Listens to a feedback while it is written, and tells each sentence that stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::written::{Habit, Written};
use crate::flow_control::progress::Progress;
use crate::llm::Listener;

/// What the model has said so far.
pub struct Listening<'a> {
    progress: &'a dyn Progress,
    habit: &'a Arc<Habit>,
    written: Mutex<Written>,
}

impl<'a> Listening<'a> {
    /// Nothing yet.
    pub fn new(progress: &'a dyn Progress, habit: &'a Arc<Habit>) -> Self {
        Self { progress, habit, written: Mutex::default() }
    }

    /// The reply is whole.
    pub fn ends(&self) {
        if self.progress.is_wanted() {
            self.written().ends();
        }
    }

    /// Who hears the model, where anybody wants to know.
    pub fn listener(&self) -> Option<&dyn Listener> {
        self.progress.is_wanted().then_some(self)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Listening<'_> {
    fn begins(&self) {
        *self.written() = Written::by(self.habit.clone());
    }

    fn hears(&self, more: &str) {
        let mut written = self.written();
        written.push(more);
        // Reading costs more than listening: it is done when something may be told.
        if self.progress.is_due()
            && let Some(text) = written.more()
        {
            self.progress.wrote(text);
        }
    }
}
