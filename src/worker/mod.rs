//! A record's way through the worker: received, ordered by member, worked, settled, its offset released.

pub mod lanes;
pub mod offsets;
