//! What `ssammu-worker dev` brings along so that nothing has to be installed.

pub mod model;
