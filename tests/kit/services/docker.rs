//! The services as containers, where a Docker engine answers.

use std::process::{Command, Stdio};
use std::time::Duration;

use testcontainers::core::{Host, IntoContainerPort};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

use crate::kit::services::janitor::{Janitor, LABEL};
use crate::kit::services::kafka::{self, Ports};
use crate::kit::services::ready::listens;
use crate::kit::services::secure::Identity;

pub type Container = ContainerAsync<GenericImage>;

/// Whether a Docker engine answers.
pub fn engine_answers() -> bool {
    Command::new("docker")
        .arg("version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Labelled for the janitor, and with as long as pulling an image may take.
fn prepared(janitor: &Janitor, image: impl Into<ContainerRequest<GenericImage>>) -> ContainerRequest<GenericImage> {
    image.into().with_label(LABEL, janitor.run()).with_startup_timeout(Duration::from_secs(300))
}

/// Starts the broker; `ports` are those of this machine.
pub async fn start_kafka(janitor: &Janitor, ports: Ports, identity: &Identity) -> anyhow::Result<Container> {
    let mut image = prepared(janitor, GenericImage::new("apache/kafka", "4.3.1"))
        .with_mapped_port(ports.direct, 9092.tcp())
        .with_mapped_port(ports.troubled, 9093.tcp())
        .with_mapped_port(ports.secure, 9096.tcp())
        .with_env_var("KAFKA_HEAP_OPTS", "-Xmx512m")
        .with_env_var("CLUSTER_ID", "c3NhbW11LXdvcmtlci1lMg");
    for (name, value) in kafka::settings(ports, identity, "0.0.0.0", [9092, 9093, 9096, 9094, 9095]) {
        image = image.with_env_var(format!("KAFKA_{}", name.replace('.', "_").to_uppercase()), value);
    }
    let container = image.start().await?;
    kafka::answers(&format!("127.0.0.1:{}", ports.direct), || Ok(())).await?;
    Ok(container)
}

/// What containers call this machine.
pub const THIS_MACHINE: &str = "host.docker.internal";

/// Starts Redis on `port` of this machine, with these arguments.
pub async fn start_redis_with(janitor: &Janitor, port: u16, arguments: &[&str]) -> anyhow::Result<Container> {
    let command = ["redis-server", "--save", ""].iter().chain(arguments).copied();
    let image = prepared(janitor, GenericImage::new("redis", "8.10.2-alpine"))
        .with_mapped_port(port, 6379.tcp())
        .with_host(THIS_MACHINE, Host::HostGateway)
        .with_cmd(command);
    Ok(image.start().await?)
}

/// Starts Redis on `port` of this machine.
pub async fn start_redis(janitor: &Janitor, port: u16) -> anyhow::Result<Container> {
    let container = start_redis_with(janitor, port, &[]).await?;
    listens("Redis", port, || Ok(())).await?;
    Ok(container)
}

/// Starts an S3 server on `port` of this machine.
pub async fn start_s3(janitor: &Janitor, port: u16) -> anyhow::Result<Container> {
    let image = prepared(janitor, GenericImage::new("motoserver/moto", "5.2.1")).with_mapped_port(port, 5000.tcp());
    let container = image.start().await?;
    listens("the S3 server", port, || Ok(())).await?;
    Ok(container)
}
