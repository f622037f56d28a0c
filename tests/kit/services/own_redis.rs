//! A Redis of a test's own: it may be set up in another way, and get and lose replicas.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::kit::services::docker::{self, Container};
use crate::kit::services::janitor::Janitor;

/// It ends when it is dropped.
pub struct OwnRedis {
    pub port: u16,
    _server: Server,
}

enum Server {
    Process(Child),
    Container { _container: Box<Container> },
}

impl OwnRedis {
    pub fn process(janitor: &Janitor, port: u16, arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = janitor.folder().join(format!("redis-{port}"));
        fs::create_dir(&folder)?;
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"])
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(janitor.group())
            .spawn()?;
        Ok(Self { port, _server: Server::Process(child) })
    }

    pub async fn container(janitor: &Janitor, port: u16, arguments: &[&str]) -> anyhow::Result<Self> {
        let container = docker::start_redis_with(janitor, port, arguments).await?;
        Ok(Self { port, _server: Server::Container { _container: Box::new(container) } })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Process(child) = self {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
