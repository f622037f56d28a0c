//! Who may go on, and when: what limits the work at once, what holds it back while a service is away, and how long to
//! wait before the next try. Pure, or as good as: nothing in here knows what is done.

pub mod backoff;
pub mod breaker;
pub mod circuit;
pub mod gate;
pub mod place;
pub mod progress;
pub mod reach;
pub mod slots;
pub mod trouble;
