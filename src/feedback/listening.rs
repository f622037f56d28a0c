//! Listens to a feedback while it is written, and tells each sentence that stays.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::written::Written;
use crate::flow_control::progress::Progress;
use crate::llm::Listener;

/// What the model has said so far.
pub struct Listening<'a> {
    progress: &'a dyn Progress,
    written: Mutex<Written>,
}

impl<'a> Listening<'a> {
    /// Nothing yet.
    pub fn new(progress: &'a dyn Progress) -> Self {
        Self { progress, written: Mutex::default() }
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
        *self.written() = Written::new();
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
