//! What the topics are called.

use std::collections::HashMap;
use std::sync::Arc;

use crate::events::outcome::OutcomeKind;
use crate::events::record::RequestKind;

/// The names of the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    pub feedback_requested: Arc<str>,
    pub resume_init: Arc<str>,
    pub resume_answer: Arc<str>,
    pub outcomes: HashMap<OutcomeKind, Arc<str>>,
    /// `None` where nobody is to be told of progress.
    pub progress: Option<Arc<str>>,
    pub dead_letter_suffix: String,
}

impl Topics {
    /// The topic of a kind of request.
    pub fn request(&self, kind: RequestKind) -> &Arc<str> {
        match kind {
            RequestKind::FeedbackRequested => &self.feedback_requested,
            RequestKind::ResumeInit => &self.resume_init,
            RequestKind::ResumeAnswer => &self.resume_answer,
        }
    }

    /// The request topics, with what is in them.
    pub fn requests(&self) -> [(Arc<str>, RequestKind); 3] {
        RequestKind::ALL.map(|kind| (self.request(kind).clone(), kind))
    }

    /// The outcomes that are in this topic.
    pub fn outcome_kind(&self, topic: &str) -> Option<OutcomeKind> {
        self.outcomes.iter().find(|(_, name)| name.as_ref() == topic).map(|(kind, _)| *kind)
    }

    /// The topic of a request topic's dead letters.
    pub fn dead_letters(&self, request_topic: &str) -> String {
        format!("{request_topic}{}", self.dead_letter_suffix)
    }

    /// Every topic that the worker needs.
    pub fn needed(&self) -> Vec<String> {
        let requests = self.requests().map(|(topic, _)| topic);
        let outcomes = OutcomeKind::ALL.iter().filter_map(|kind| self.outcomes.get(kind)).map(ToString::to_string);
        let dead_letters = requests.iter().map(|topic| self.dead_letters(topic));
        requests.iter().map(ToString::to_string).chain(outcomes).chain(dead_letters).collect()
    }

    /// Every topic that it reads or writes: those that it needs, and that of progress.
    pub fn all(&self) -> Vec<String> {
        self.needed().into_iter().chain(self.progress.as_ref().map(ToString::to_string)).collect()
    }
}
