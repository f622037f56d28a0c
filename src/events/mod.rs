//! What goes over the wire: requests, outcomes, their headers and ids. The only place that knows JSON names.

pub mod request;
