//! A record's way through the worker: received, ordered by member, worked, settled, its offset released.

pub mod assigned;
pub mod assignments;
pub mod intake;
pub mod lanes;
pub mod letting_go;
pub mod locks;
pub mod membership;
pub mod offsets;
mod panicked;
pub mod parked;
mod pending;
pub mod progress;
pub mod screens;
mod settle;
pub mod work;
