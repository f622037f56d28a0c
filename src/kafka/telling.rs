//! The port for what nobody has to get: progress is told best effort, beside the outcomes and never in their way.

use crate::kafka::outgoing::OutgoingRecord;

/// Why a record was not told. Nothing is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// More waits to be sent than should.
    Behind,
    /// No broker took it in time.
    Late,
    /// The topic is gone, may not be written, or does not take it.
    Refused,
}

impl Dropped {
    pub const ALL: [Self; 3] = [Self::Behind, Self::Late, Self::Refused];

    /// In metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Late => "late",
            Self::Refused => "refused",
        }
    }
}

/// Tells what may be missed.
pub trait Teller: Send + Sync {
    /// Whether there is a topic to tell it in, as far as is known.
    fn is_heard(&self) -> bool;

    /// Hands a record over to be sent once, soon or never. It waits for nothing.
    ///
    /// # Errors
    /// [`Dropped`] where that is known at once.
    fn tell(&self, record: &OutgoingRecord) -> Result<(), Dropped>;
}
