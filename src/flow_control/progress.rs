//! What a request tells of how far it is while it is worked.

use uuid::Uuid;

/// Takes what a request tells of how far it is, for whoever waits for its outcome. Best effort: it waits for nothing, and what
/// is told may never be seen.
pub trait Progress: std::fmt::Debug + Send + Sync {
    /// Whether anybody wants to know. Replies are read as they are written only for who does.
    fn is_wanted(&self) -> bool;

    /// Whether something may be told now. What is told more often than this allows is left out, so who has to work for
    /// it asks first.
    fn is_due(&self) -> bool;

    /// The request has been begun: it is not answered yet, and nobody else is at it.
    fn opened(&self);

    /// Another worker is at its member's requests, and perhaps at this one.
    fn met_another(&self);

    /// Of which interview it is.
    fn of_session(&self, session: Uuid);

    /// From now on the request waits for its turn, for a model or for a store.
    fn waits(&self);

    /// It waits no longer.
    fn goes_on(&self);

    /// All whole sentences of its feedback so far.
    fn wrote(&self, text: &str);

    /// The heading of the résumé that is being written, and characters of the résumé so far.
    fn wrote_section(&self, heading: &str, chars: usize);

    /// Its document goes to the store, with what the model wrote last or without.
    fn stores(&self, is_as_written: bool);

    /// Its outcome is there: nothing more is told.
    fn ends(&self);
}

/// Nobody wants to know.
impl Progress for () {
    fn is_wanted(&self) -> bool {
        false
    }

    fn is_due(&self) -> bool {
        false
    }

    fn opened(&self) {}

    fn met_another(&self) {}

    fn of_session(&self, _: Uuid) {}

    fn waits(&self) {}

    fn goes_on(&self) {}

    fn wrote(&self, _: &str) {}

    fn wrote_section(&self, _: &str, _: usize) {}

    fn stores(&self, _: bool) {}

    fn ends(&self) {}
}
