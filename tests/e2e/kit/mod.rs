//! What the tests are made of: the worker's process, its Kafka neighbours, a model server, and ways to trouble them.

pub mod docx;
pub mod front;
pub mod gateway;
pub mod model;
pub mod offsets;
pub mod policy;
pub mod proxy;
pub mod redis;
pub mod s3;
pub mod schemas;
pub mod settings;
pub mod spring;
pub mod stage;
pub mod topics;
pub mod upstream;
pub mod wait;
pub mod worker;
