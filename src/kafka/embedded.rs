//! A broker inside the process, for trying things out: librdkafka's mock broker. It keeps everything in memory, at
//! most 5 MiB a partition, and knows neither admin calls nor transactions.

use std::time::Duration;

use rdkafka::bindings;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError as RdKafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::kafka::error::KafkaError;

/// The broker; it ends when this is dropped.
pub struct EmbeddedBroker {
    /// Nothing is sent with it: its client carries the broker.
    carrier: BaseProducer,
}

impl EmbeddedBroker {
    /// Starts a broker on a free port of 127.0.0.1.
    pub fn start() -> Result<Self, KafkaError> {
        let carrier: BaseProducer = ClientConfig::new().set("test.mock.num.brokers", "1").create()?;
        // SAFETY: the handle belongs to the carrier's client, which lives through the call.
        unsafe {
            let cluster = bindings::rd_kafka_handle_mock_cluster(carrier.client().native_ptr());
            // A first member does not wait three seconds for others.
            bindings::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
        Ok(Self { carrier })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<String, KafkaError> {
        let cluster = self.carrier.client().mock_cluster().ok_or(NO_CLUSTER)?;
        Ok(cluster.bootstrap_servers())
    }

    /// Makes a topic.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), KafkaError> {
        Ok(self.carrier.client().mock_cluster().ok_or(NO_CLUSTER)?.create_topic(topic, partitions, 1)?)
    }

    /// The next member that shows a sign of life is told that its group went on without it: its partitions are lost.
    pub fn expel_a_member(&self) -> Result<(), KafkaError> {
        let cluster = self.carrier.client().mock_cluster().ok_or(NO_CLUSTER)?;
        let went_on = RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
        cluster.request_errors(RDKafkaApiKey::Heartbeat, &[went_on]);
        Ok(())
    }

    /// The next member that shows a sign of life is told that another one has its name.
    pub fn fence_a_member(&self) -> Result<(), KafkaError> {
        let cluster = self.carrier.client().mock_cluster().ok_or(NO_CLUSTER)?;
        cluster.request_errors(RDKafkaApiKey::Heartbeat, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID]);
        Ok(())
    }

    /// From now on nobody may read anything, or everybody again: its ACL is gone, or back.
    pub fn deny_reading(&self, denied: bool) -> Result<(), KafkaError> {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        self.refuse(RDKafkaApiKey::Fetch, denied.then_some(refusal))
    }

    /// From now on nobody may join a group, or everybody again: its ACL is gone, or back.
    pub fn deny_groups(&self, denied: bool) -> Result<(), KafkaError> {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        self.refuse(RDKafkaApiKey::JoinGroup, denied.then_some(refusal))
    }

    /// From now on nobody may write idempotently, or everybody again: its ACL is gone, or back.
    pub fn deny_writing(&self, denied: bool) -> Result<(), KafkaError> {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
        self.refuse(RDKafkaApiKey::InitProducerId, denied.then_some(refusal))
    }

    fn refuse(&self, what: RDKafkaApiKey, refusal: Option<RDKafkaRespErr>) -> Result<(), KafkaError> {
        let cluster = self.carrier.client().mock_cluster().ok_or(NO_CLUSTER)?;
        match refusal {
            // More than anybody tries.
            Some(refusal) => cluster.request_errors(what, &[refusal; 1_000]),
            None => cluster.clear_request_errors(what),
        }
        Ok(())
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        // Best effort: there is nothing in its queue.
        let _ = self.carrier.flush(Duration::ZERO);
    }
}

const NO_CLUSTER: RdKafkaError = RdKafkaError::MockCluster(RDKafkaErrorCode::Fail);
