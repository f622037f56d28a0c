//! Listens to a résumé while it is written, and tells which section is under way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::flow_control::progress::Progress;
use crate::llm::Listener;
use crate::resume::markdown::Headings;

/// What the model has said so far.
pub struct Listening<'a> {
    progress: &'a dyn Progress,
    headings: Mutex<Headings>,
}

impl<'a> Listening<'a> {
    /// Nothing yet.
    pub fn new(progress: &'a dyn Progress) -> Self {
        Self { progress, headings: Mutex::default() }
    }

    /// Who hears the model, where anybody wants to know.
    pub fn listener(&self) -> Option<&dyn Listener> {
        self.progress.is_wanted().then_some(self)
    }

    fn headings(&self) -> MutexGuard<'_, Headings> {
        self.headings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how long it has become, as well as what is being written.
    pub fn tell(&self) {
        let headings = self.headings();
        if let Some(section) = headings.current() {
            self.progress.wrote_section(section, headings.chars());
        }
    }
}

impl Listener for Listening<'_> {
    fn begins(&self) {
        *self.headings() = Headings::new();
    }

    fn hears(&self, more: &str) {
        self.headings().push(more);
        if self.progress.is_due() {
            self.tell();
        }
    }
}
