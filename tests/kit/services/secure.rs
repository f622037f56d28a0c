//! The broker's way with TLS, passwords and rights: its certificate, who may come in, and who may do what.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::bindings::*;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// Somebody whom the broker lets in.
#[derive(Clone, Copy)]
pub struct User {
    pub name: &'static str,
    pub password: &'static str,
}

/// May do everything. What is in the password has to be escaped in one place or the other.
pub const WORKER: User = User { name: "worker", password: r"a,b=c d\, #%'1" };
/// May know which topics there are, and nothing else.
pub const LOOKER: User = User { name: "looker", password: "looker" };
/// May do nothing.
pub const STRANGER: User = User { name: "stranger", password: "stranger" };

/// What the broker shows of itself.
pub struct Identity {
    key: String,
    certificate: String,
    /// Who trusts this trusts the broker.
    pub ca: PathBuf,
}

impl Identity {
    /// Made by openssl, for 127.0.0.1 alone.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        let (key, ca) = (folder.join("broker-key.pem"), folder.join("broker-ca.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&ca)
            .output()
            .context("openssl cannot be started")?;
        anyhow::ensure!(made.status.success(), "no certificate: {}", String::from_utf8_lossy(&made.stderr));
        // Kafka takes PEM in one line, which every way of configuring it keeps as it is.
        let line = |file: &Path| anyhow::Ok(std::fs::read_to_string(file)?.trim().replace('\n', " "));
        Ok(Self { key: line(&key)?, certificate: line(&ca)?, ca })
    }

    /// The settings of the listener SECURE.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let users = [WORKER, LOOKER, STRANGER]
            .map(|User { name, password }| format!("user_{name}=\"{}\"", password.replace('\\', "\\\\")));
        let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
        [
            ("listener.name.secure.sasl.enabled.mechanisms", "PLAIN".to_owned()),
            ("listener.name.secure.plain.sasl.jaas.config", format!("{module} required {};", users.join(" "))),
            ("listener.name.secure.ssl.keystore.type", "PEM".to_owned()),
            ("listener.name.secure.ssl.keystore.key", self.key.clone()),
            ("listener.name.secure.ssl.keystore.certificate.chain", self.certificate.clone()),
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned()),
            // Whoever comes without a password is a test.
            ("super.users", format!("User:ANONYMOUS;User:{}", WORKER.name)),
        ]
        .into()
    }
}

/// Lets a user know of every topic, and of its records nothing.
pub fn may_describe_topics(bootstrap: &str, user: User) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    let client = consumer.client().native_ptr();
    let principal = CString::new(format!("User:{}", user.name))?;
    // SAFETY: every pointer is made, used and destroyed here, and librdkafka copies the texts.
    unsafe {
        let binding = rd_kafka_AclBinding_new(
            rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
            c"*".as_ptr(),
            rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
            principal.as_ptr(),
            c"*".as_ptr(),
            rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_DESCRIBE,
            rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            ptr::null_mut(),
            0,
        );
        anyhow::ensure!(!binding.is_null(), "no such rule");
        let queue = rd_kafka_queue_new(client);
        let mut bindings = [binding];
        rd_kafka_CreateAcls(client, bindings.as_mut_ptr(), 1, ptr::null(), queue);
        let event = rd_kafka_queue_poll(queue, 30_000);
        anyhow::ensure!(!event.is_null(), "the broker does not answer");
        let failed = rd_kafka_event_error(event) != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let reason = rd_kafka_event_error_string(event);
        let reason = if failed { CStr::from_ptr(reason).to_string_lossy().into_owned() } else { String::new() };
        rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        rd_kafka_AclBinding_destroy(binding);
        anyhow::ensure!(!failed, "{reason}");
    }
    Ok(())
}
