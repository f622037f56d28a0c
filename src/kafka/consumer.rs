//! A member of a consumer group whose partitions are read one by one, so that each can be held back on its own.
//!
//! Every partition has a queue of its own, which is read only while there is room; the main queue is always polled,
//! which keeps the membership alive however slow the work is. A queue says when it is no longer empty; should that
//! word be lost, the caller's next look finds the record all the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError as RdKafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::events::record::{Record, RequestKind};
use crate::failpoint;
use crate::kafka::asking::{self, Committed, Ends};
use crate::kafka::client::{self, BrokerReAdd, Connection, Heard, PlainContext, SilentContext};
use crate::kafka::error::KafkaError;
use crate::kafka::position::{MAP_PREFIX, Partition, Position, Start};
use crate::kafka::snapshot;
use crate::kafka::wire;

/// What the group tells its member. Each assignment and revocation has to be answered.
#[derive(Debug)]
pub enum GroupEvent {
    /// Answer with [`GroupConsumer::assign`].
    Assigned(Vec<Partition>),
    /// Answer with [`GroupConsumer::unassign`]. When the partitions are `lost` they have another owner already, and
    /// nothing may be committed for them.
    Revoked { partitions: Vec<Partition>, lost: bool },
    /// Something is wrong, in words; the client goes on trying.
    Trouble(String),
    /// The membership is over for good; the consumer has to be opened anew.
    Fatal(FatalError),
}

/// Why a membership ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FatalError {
    #[error("another member has the same group.instance.id")]
    Fenced,
    /// Under the protocol that the broker leads, who comes first keeps the name, though it be dead, until its session ends.
    #[error("the broker still has a member with the same group.instance.id, whose session has not ended")]
    NotReleased,
    #[error("{0}")]
    Other(String),
}

/// How long leaving a group may take; a dead broker does not keep the program.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the group waits for. Until it is answered nothing else comes, and the member cannot leave.
enum Owed {
    Assign,
    Unassign(Vec<Partition>),
}

/// A member of a consumer group.
pub struct GroupConsumer {
    consumer: Arc<BaseConsumer<GroupContext>>,
    group: String,
    connection: Connection,
    kinds: BTreeMap<Arc<str>, RequestKind>,
    queues: BTreeMap<Partition, PartitionQueue<GroupContext>>,
    events: mpsc::UnboundedReceiver<GroupEvent>,
    wake: Arc<Notify>,
    /// Questions to brokers that are out; they hold the client while they last.
    asking: Vec<JoinHandle<()>>,
}

impl GroupConsumer {
    /// Joins `group` for `topics`. `wake` is notified whenever there is something to read or to answer.
    pub fn open(
        connection: &Connection,
        group: &str,
        topics: &[(Arc<str>, RequestKind)],
        wake: Arc<Notify>,
    ) -> Result<Self, KafkaError> {
        let (sender, events) = mpsc::unbounded_channel();
        let context = GroupContext {
            events: sender,
            wake: wake.clone(),
            owed: Mutex::default(),
            closing: AtomicBool::new(false),
            refuses_maps: AtomicBool::new(false),
            re_add: BrokerReAdd::default(),
            heard: Heard::default(),
            commits_fail: AtomicBool::new(false),
        };
        let mut consumer = BaseConsumer::from_config_and_context(&settings(connection, group), context)?;
        let main = wake.clone();
        consumer.set_nonempty_callback(move || main.notify_one());
        let names: Vec<&str> = topics.iter().map(|(topic, _)| topic.as_ref()).collect();
        consumer.subscribe(&names)?;
        Ok(Self {
            consumer: Arc::new(consumer),
            group: group.to_owned(),
            connection: connection.clone(),
            kinds: topics.iter().cloned().collect(),
            queues: BTreeMap::new(),
            events,
            wake,
            asking: Vec::new(),
        })
    }

    /// Keeps the membership alive, and gives the next thing that the group has to say.
    pub fn poll(&mut self) -> Option<GroupEvent> {
        // Partitions have queues of their own, so that what comes here is events and errors.
        match self.consumer.poll(Duration::ZERO) {
            None => {}
            Some(Ok(message)) => {
                // It was fetched before its partition had a queue: ours only through that queue.
                tracing::error!(offset = rdkafka::Message::offset(&message), "a record came past its queue");
                let error = FatalError::Other("a record came past its partition's queue".to_owned());
                return Some(GroupEvent::Fatal(error));
            }
            Some(Err(RdKafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId))) => {
                return Some(GroupEvent::Fatal(FatalError::Fenced));
            }
            Some(Err(RdKafkaError::MessageConsumptionFatal(RDKafkaErrorCode::UnreleasedInstanceId))) => {
                return Some(GroupEvent::Fatal(FatalError::NotReleased));
            }
            Some(Err(RdKafkaError::MessageConsumptionFatal(code))) => {
                return Some(GroupEvent::Fatal(FatalError::Other(code.to_string())));
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "Kafka consumer error");
                return Some(GroupEvent::Trouble(self.consumer.context().heard.explain(error)));
            }
        }
        self.consumer.context().re_add.run(self.consumer.client(), &self.connection.bootstrap);
        self.events.try_recv().ok()
    }

    /// What the group has committed for `partitions`. Blocks no thread of the runtime, and may be awaited while the consumer
    /// is polled.
    pub fn committed(
        &mut self,
        partitions: Vec<Partition>,
        is_last_try: bool,
    ) -> oneshot::Receiver<Result<Committed, KafkaError>> {
        let consumer = self.consumer.clone();
        self.ask(move || asking::committed(&consumer, &partitions, is_last_try))
    }

    /// Where each partition ends now. Blocks no thread of the runtime.
    pub fn ends(&mut self, partitions: Vec<Partition>) -> oneshot::Receiver<Result<Ends, KafkaError>> {
        let consumer = self.consumer.clone();
        self.ask(move || asking::ends(&consumer, &partitions))
    }

    /// Whether any record lies between these offsets, read by a client of its own. Blocks no thread of the runtime.
    pub fn holds_any(
        &mut self,
        partition: Partition,
        from: i64,
        end: i64,
    ) -> oneshot::Receiver<Result<bool, KafkaError>> {
        let connection = self.connection.clone();
        self.ask(move || snapshot::holds_any(&connection, &partition, from, end))
    }

    /// How many members the group has, this one among them. Blocks no thread of the runtime.
    pub fn members(&mut self) -> oneshot::Receiver<Result<usize, KafkaError>> {
        let (consumer, group) = (self.consumer.clone(), self.group.clone());
        self.ask(move || asking::members(&consumer, &group))
    }

    /// Asks a broker something on a thread of its own.
    fn ask<T: Send + 'static>(&mut self, ask: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
        let (answer, answered) = oneshot::channel();
        let asking = tokio::task::spawn_blocking(move || {
            // Nobody waits for it when the consumer is being closed.
            let _ = answer.send(ask());
        });
        self.asking.retain(|earlier| !earlier.is_finished());
        self.asking.push(asking);
        answered
    }

    /// Answers an assignment: reads each partition from its start, in a queue of its own.
    pub fn assign(&mut self, partitions: &[(Partition, Start)]) -> Result<(), KafkaError> {
        self.consumer.context().take_owed();
        let mut list = TopicPartitionList::new();
        for (partition, start) in partitions {
            let offset = match start {
                Start::At { position, .. } => Offset::Offset(position.offset),
                Start::Anew { .. } => Offset::Beginning,
                Start::Never => Offset::Invalid,
                Start::Unknown => Offset::Stored,
            };
            list.add_partition_offset(&partition.topic, partition.number, offset)?;
            if let Some(mut queue) = self.consumer.split_partition_queue(&partition.topic, partition.number) {
                let wake = self.wake.clone();
                queue.set_nonempty_callback(move || wake.notify_one());
                self.queues.insert(partition.clone(), queue);
            }
        }
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list)?,
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.assign(&list)?,
        }
        Ok(())
    }

    /// Answers a revocation. What was [stored](Self::store) for the partitions before is committed with it.
    pub fn unassign(&mut self, partitions: &[Partition]) -> Result<(), KafkaError> {
        for partition in partitions {
            self.queues.remove(partition);
        }
        self.consumer.context().take_owed();
        Ok(unassign(&self.consumer, &list(partitions))?)
    }

    /// The next record of a partition, if one is there.
    pub fn take(&self, partition: &Partition) -> Option<Record> {
        let queue = self.queues.get(partition)?;
        let kind = *self.kinds.get(&partition.topic)?;
        match queue.poll(Duration::ZERO)? {
            Ok(message) => {
                failpoint::reach("received");
                Some(wire::record(kind, &partition.topic, &message))
            }
            Err(error) => {
                if client::is_news(&format!("{} {error}", partition.topic)) {
                    tracing::warn!(topic = %partition.topic, partition = partition.number, %error, "Kafka fetch error");
                }
                None
            }
        }
    }

    /// Goes on reading a partition at an offset. What was fetched before and not [taken](Self::take) yet never comes.
    pub fn seek(&self, partition: &Partition, offset: i64) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(offset))?;
        // Without waiting: librdkafka drops older messages from here on by a version number.
        let sought = self.consumer.seek_partitions(list, Duration::ZERO)?;
        for element in sought.elements() {
            match element.error() {
                Ok(()) | Err(RdKafkaError::OffsetFetch(RDKafkaErrorCode::InProgress)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Notes positions for the next commit. Only partitions that are ours are taken.
    pub fn store(&self, positions: &[(Partition, Position)]) {
        if let Err(error) = self.consumer.store_offsets(&self.positions_list(positions)) {
            tracing::debug!(%error, "positions were not stored: the partitions are no longer ours");
        }
    }

    /// Commits positions of partitions that are ours, without waiting for the answer. What was
    /// [stored](Self::store) is committed anyhow, but only when the offset has moved: this is for a map that has grown
    /// behind the same offset. No answer says whether it worked; the next commit makes up for it.
    pub fn commit(&self, positions: &[(Partition, Position)]) {
        if let Err(error) = self.consumer.commit(&self.positions_list(positions), CommitMode::Async) {
            tracing::debug!(%error, "positions were not committed");
        }
    }

    fn positions_list(&self, positions: &[(Partition, Position)]) -> TopicPartitionList {
        let takes_maps = !self.consumer.context().refuses_maps.load(Ordering::Acquire);
        let mut list = TopicPartitionList::new();
        for (partition, position) in positions {
            let mut element = list.add_partition(&partition.topic, partition.number);
            if element.set_offset(Offset::Offset(position.offset)).is_ok() {
                element.set_metadata(if takes_maps { &position.metadata } else { MAP_PREFIX });
            }
        }
        list
    }

    /// Leaves the group; what was stored is committed first. Nobody hears of it while the coordinator is away, and then
    /// librdkafka may follow a pointer to where it was (it does so up to 2.14.1): until it answers nothing is left.
    pub async fn close(mut self) {
        let leaving = async move {
            for asking in self.asking.drain(..) {
                let _ = asking.await;
            }
            let leave = move || {
                if let Some(topic) = self.kinds.keys().next() {
                    asking::wait_for_coordinator(&self.consumer, topic);
                }
                // This polls until the group has let go, which takes about 100 ms.
                drop(self);
            };
            let _ = tokio::task::spawn_blocking(leave).await;
        };
        if timeout(LEAVE_TIMEOUT, leaving).await.is_err() {
            tracing::warn!("the group could not be left in time");
        }
    }
}

impl Drop for GroupConsumer {
    /// From here on nobody answers the group: what it asks is answered on the spot, or dropping the client would wait
    /// for ever.
    fn drop(&mut self) {
        let context = self.consumer.context().clone();
        context.closing.store(true, Ordering::Release);
        // Leaving waits for the answer to what came before.
        let answered = match context.take_owed() {
            Some(Owed::Assign) => self.assign(&[]),
            Some(Owed::Unassign(partitions)) => self.unassign(&partitions),
            None => Ok(()),
        };
        if let Err(error) = answered {
            tracing::debug!(%error, "the group was not answered before leaving it");
        }
        self.queues.clear();
    }
}

/// How many members a group has that one is not a member of. Blocks until a broker has answered.
///
/// # Errors
/// When none does.
pub fn members_of(connection: &Connection, group: &str) -> Result<usize, KafkaError> {
    let config = connection.config(&[("group.id", group)]);
    let consumer = BaseConsumer::from_config_and_context(&config, PlainContext)?;
    asking::members(&consumer, group)
}

/// Where the member of a group is that has this connection's `group.instance.id`. Nobody, as far as who asks is concerned,
/// under the protocol that the broker leads: to join takes the name from nobody there. Blocks until a broker has answered.
///
/// # Errors
/// When none does.
pub fn namesake(connection: &Connection, group: &str) -> Result<Option<String>, KafkaError> {
    let name = connection.property("group.instance.id").filter(|_| !uses_consumer_protocol(connection));
    let Some(name) = name else { return Ok(None) };
    let config = connection.config(&[("group.id", group)]);
    let consumer = BaseConsumer::from_config_and_context(&config, PlainContext)?;
    asking::address_of(&consumer, group, name)
}

/// Whether the group is one of the protocol that the broker leads (KIP-848).
fn uses_consumer_protocol(connection: &Connection) -> bool {
    connection.property("group.protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
}

fn settings(connection: &Connection, group: &str) -> ClientConfig {
    let mut ours = vec![
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("isolation.level", "read_committed"),
        // Stored positions are committed so often, at a revocation and at the end: what is done and not committed is sent
        // once more after a kill.
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "200"),
        ("enable.auto.offset.store", "false"),
        ("allow.auto.create.topics", "false"),
        // New partitions are found after so long, not after five minutes.
        ("topic.metadata.refresh.interval.ms", "30000"),
        // A broker that has nothing answers after so long; a partition is read from elsewhere with the question after.
        ("fetch.wait.max.ms", "100"),
        // Prefetch, per partition. A full queue is looked at again soon, not after a second.
        ("queued.max.messages.kbytes", "512"),
        ("fetch.queue.backoff.ms", "10"),
        // An answer of the broker's is in memory as a whole. A larger record comes all the same, by itself.
        ("fetch.max.bytes", "1048576"),
        ("max.partition.fetch.bytes", "262144"),
    ];
    if !uses_consumer_protocol(connection) {
        ours.extend([
            ("partition.assignment.strategy", "cooperative-sticky"),
            // A killed worker's partitions move after this long: the least that brokers take by themselves. Two cores with
            // forty processes computing beside it lost no membership.
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "1000"),
        ]);
    }
    connection.config(&ours)
}

/// Why no member of a group can be made of these properties, if none can.
pub fn problem(connection: &Connection) -> Option<String> {
    let config = settings(&connection.to_nowhere(), "any");
    let made: KafkaResult<BaseConsumer<SilentContext>> = config.create_with_context(SilentContext);
    made.err().map(|error| connection.conflict(error))
}

fn list(partitions: &[Partition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.number);
    }
    list
}

fn unassign(consumer: &BaseConsumer<GroupContext>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

struct GroupContext {
    events: mpsc::UnboundedSender<GroupEvent>,
    wake: Arc<Notify>,
    owed: Mutex<Option<Owed>>,
    /// Nobody answers any more: the final revocation is answered on the spot, or closing would hang.
    closing: AtomicBool,
    /// The broker takes less metadata than a map needs: offsets are committed without.
    refuses_maps: AtomicBool,
    re_add: BrokerReAdd,
    heard: Heard,
    /// That commits fail was told.
    commits_fail: AtomicBool,
}

impl GroupContext {
    /// What the group waits for; whoever takes it answers.
    fn take_owed(&self) -> Option<Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.heard.note_line(facility, line);
        client::log(level, facility, line);
    }

    fn error(&self, error: RdKafkaError, reason: &str) {
        self.re_add.note(&error);
        self.heard.note(&error, reason);
        tracing::debug!(%error, reason, "Kafka consumer error");
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = || {
            let elements = list.elements();
            elements.iter().map(|e| Partition { topic: e.topic().into(), number: e.partition() }).collect()
        };
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = unassign(consumer, list) {
                tracing::debug!(%error, "the last revocation could not be answered");
            }
            return;
        }
        let (event, owed) = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            (GroupEvent::Assigned(partitions()), Owed::Assign)
        } else {
            let revoked = GroupEvent::Revoked { partitions: partitions(), lost: consumer.assignment_lost() };
            (revoked, Owed::Unassign(partitions()))
        };
        *self.owed.lock().unwrap_or_else(PoisonError::into_inner) = Some(owed);
        if self.events.send(event).is_ok() {
            self.wake.notify_one();
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => {
                failpoint::reach("committed");
                tracing::trace!(partitions = offsets.count(), "offsets committed");
                if self.commits_fail.swap(false, Ordering::Relaxed) {
                    tracing::info!("offsets are committed again");
                }
            }
            Err(RdKafkaError::ConsumerCommit(RDKafkaErrorCode::OffsetMetadataTooLarge)) => {
                if !self.refuses_maps.swap(true, Ordering::AcqRel) {
                    tracing::warn!(
                        "the broker's offset.metadata.max.bytes is too small for maps of what is done: offsets are committed without, and what is done behind them is sent again after a crash"
                    );
                }
            }
            // Tried again with the next commit; what was done meanwhile is in the journal.
            Err(error) if self.commits_fail.swap(true, Ordering::Relaxed) => {
                tracing::debug!(%error, "offsets could not be committed");
            }
            Err(error) => tracing::warn!(%error, "offsets could not be committed; trying again"),
        }
    }
}
