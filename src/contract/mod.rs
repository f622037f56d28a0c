//! The contract as files: AsyncAPI and JSON Schemas, made from the types, settings and constants that the program itself
//! uses. It stands above everything that it describes.

pub mod asyncapi;
pub mod schema;
mod yaml;
