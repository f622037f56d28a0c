//! What the end-to-end tests and the bench are made of: real services, the program's processes, their Kafka neighbours,
//! a model server, and ways to trouble them.

pub mod docx;
pub mod gateway_process;
pub mod login;
pub mod model;
pub mod offsets;
pub mod outcome_reader;
pub mod policy;
pub mod proxy;
pub mod redis;
pub mod request_producer;
pub mod s3;
pub mod schemas;
pub mod services;
pub mod settings;
pub mod test_env;
pub mod topics;
pub mod upstream;
pub mod wait;
pub mod worker_process;
