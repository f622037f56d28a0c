//! What goes over the wire: requests, outcomes, progress, their headers and ids. The only place that knows JSON names.

pub mod consent;
pub mod decode;
pub mod expiry;
pub mod header_names;
pub mod headers;
pub mod json;
pub mod names;
pub mod open_enum;
pub mod outcome;
pub mod progress;
pub mod record;
pub mod request;
