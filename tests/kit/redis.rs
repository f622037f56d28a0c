//! A look into Redis, as an operator has it.

use fred::prelude::*;
use fred::types::{ClusterHash, CustomCommand};

use crate::kit::services::Services;

/// A connection to the run's Redis, or to a test's own.
pub struct Redis {
    client: Client,
}

impl Redis {
    pub async fn connect(services: &Services) -> Self {
        Self::at(services.redis_port).await
    }

    /// A connection to a Redis on this machine.
    pub async fn at(port: u16) -> Self {
        let url = format!("redis://127.0.0.1:{port}");
        let client = Builder::from_config(Config::from_url(&url).expect("a Redis URL")).build().expect("a client");
        client.init().await.expect("Redis answers");
        Self { client }
    }

    /// A command and its arguments, with whatever it answers.
    pub async fn run<T: FromValue>(&self, command: &'static str, arguments: &[&str]) -> T {
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.client.custom(command, arguments).await.expect("Redis takes the command")
    }

    /// The session of a member as other programs may read it.
    pub async fn session(&self, member: i64) -> Option<serde_json::Value> {
        let text: Option<String> = self.run("GET", &[&format!("resume:{{{member}}}")]).await;
        text.map(|text| serde_json::from_str(&text).expect("the session is JSON"))
    }
}
