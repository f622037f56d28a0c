//! One membership of a consumer group: reads its records, gives each its turn, and releases its offset when it is done.
//!
//! One task, the async shell around a group's bookkeeping: [`Assignments`] knows how far each partition is, [`Lanes`]
//! whose turn it is. It reads a partition only while there is room (backpressure), starts records in the order of their
//! members' lanes, and stores a partition's position as records finish. A revocation is answered as soon as the
//! partitions' work is done, or after a second; what is still in work then goes on, and its saved result is found by
//! the next owner. What only waits is left to that one at once.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::failpoint;
use crate::flow_control::slots::{GroupSlots, Slot, Slots};
use crate::kafka::consumer::{Committed, Ends, FatalError, GroupConsumer, GroupEvent};
use crate::kafka::position::Partition;
use crate::telemetry::group::GroupMetrics;
use crate::telemetry::metrics::Metrics;
use crate::worker::assignments::{Assignments, Read, Ticket};
use crate::worker::lanes::Lanes;
use crate::worker::letting_go::LettingGo;
use crate::worker::place::Place;
use crate::worker::work::{Job, Lane, Worked, Worker};

/// How long work that is nearly done may hold up a revocation. All partitions of the member stand still meanwhile.
const REVOKE_GRACE: Duration = Duration::from_secs(1);

/// How often positions are stored, and everything is looked at even if nobody said that it changed.
const TICK: Duration = Duration::from_millis(100);

/// How often maps of what is done behind the committed offsets are committed. Offsets that move are committed by
/// librdkafka as often; it does not see that a map has grown.
const MAP_TICK: Duration = Duration::from_secs(1);

/// How long what is in work may go on before the partitions are let go of.
const LET_GO_GRACE: Duration = Duration::from_secs(5);

/// How often the lag is measured, and whether the partitions are better off elsewhere.
const LAG_TICK: Duration = Duration::from_secs(5);

/// Records that may have begun beyond those that are in work. They hold no slot: they wait for a lock, a model or a store,
/// or, their outcomes saved, for acknowledgements.
const BEGUN_MAX: usize = 4_000;

/// Bytes of all records that have begun and are not done, before nothing more is begun.
const BEGUN_MAX_BYTES: usize = 32 << 20;

const COMMITTED_RETRY: Duration = Duration::from_secs(1);

/// A consumer group, and what its members work with.
pub struct Group {
    pub name: String,
    pub worker: Arc<Worker>,
    pub slots: Arc<Slots>,
    pub metrics: Arc<Metrics>,
    /// Whether the group has given this member its partitions (perhaps none), or why not.
    pub joined: watch::Sender<Result<(), String>>,
}

impl Group {
    /// Tells whether it is joined.
    fn stand(&self, joined: Result<(), String>) {
        let _before = self.joined.send_replace(joined);
    }
}

/// What asks a membership to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    No,
    /// Finish what is in work, until the moment given.
    Until(Instant),
}

/// Why a membership ended.
#[derive(Debug)]
pub enum Ended {
    Stopped,
    /// The partitions are let go to other members.
    LetGo,
    Fatal(FatalError),
}

struct Revocation {
    partitions: Vec<Partition>,
    deadline: Instant,
}

/// A record whose task has ended.
pub struct Done {
    lane: Lane,
    ticket: Ticket,
    bytes: usize,
    worked: Worked,
}

/// Something that is waited for.
type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// One membership of a group.
pub struct Membership<'a> {
    group: &'a Group,
    metrics: GroupMetrics<'a>,
    consumer: GroupConsumer,
    wake: Arc<Notify>,
    assignments: Assignments,
    lanes: Lanes<Lane, Partition, (Job, Ticket)>,
    /// Of the records that have begun.
    tasks: JoinSet<Done>,
    /// Their size.
    begun_bytes: usize,
    revocation: Option<Revocation>,
    /// An assignment whose committed positions are being asked for.
    assigning: Pending<(Vec<Partition>, Committed)>,
    /// Where the partitions end is being asked for.
    measuring: Pending<Ends>,
    /// How many members the group has is being asked for.
    counting: Pending<Option<usize>>,
    /// Until when what is in work may go on before the partitions are let go of.
    letting_go: Option<Instant>,
    /// A slot that is being waited for; kept while there is something to start, so as not to lose its turn.
    acquiring: Pending<Slot>,
    slots: GroupSlots,
    /// The group was given an answer that it did not take: it would wait for ever.
    broken: Option<FatalError>,
}

impl<'a> Membership<'a> {
    /// What `consumer` has joined; it notifies `wake`.
    pub fn new(group: &'a Group, consumer: GroupConsumer, wake: Arc<Notify>) -> Self {
        Self {
            group,
            metrics: GroupMetrics { metrics: &group.metrics, group: &group.name },
            consumer,
            wake,
            assignments: Assignments::default(),
            lanes: Lanes::default(),
            tasks: JoinSet::new(),
            begun_bytes: 0,
            revocation: None,
            assigning: None,
            measuring: None,
            counting: None,
            letting_go: None,
            acquiring: None,
            slots: group.slots.of_group(),
            broken: None,
        }
    }

    /// Reads and works until told to stop, or until the group is through with this member.
    ///
    /// # Errors
    /// When a record's task panicked outside of what is caught there.
    pub async fn run(&mut self, stop: &mut watch::Receiver<Stop>, needs: &mut LettingGo) -> Result<Ended, JoinError> {
        let mut ticks = interval(TICK);
        let mut map_ticks = interval(MAP_TICK);
        let mut lag_ticks = interval(LAG_TICK);
        for ticks in [&mut ticks, &mut map_ticks, &mut lag_ticks] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            while let Some(event) = self.consumer.poll() {
                match event {
                    GroupEvent::Assigned(partitions) => self.ask_committed(partitions),
                    GroupEvent::Revoked { partitions, lost } => self.on_revoked(partitions, lost),
                    GroupEvent::Trouble(reason) => self.on_trouble(reason),
                    GroupEvent::Fatal(error) => self.broken = Some(error),
                }
            }
            if let Some(error) = self.broken.take() {
                // Another member works these partitions now, or soon; what is saved here is found there.
                return Ok(Ended::Fatal(error));
            }
            let stopping = match *stop.borrow_and_update() {
                Stop::No => None,
                Stop::Until(deadline) => Some(deadline),
            };
            if let Some(deadline) = self.letting_go.filter(|_| stopping.is_none()) {
                self.forget_waiting();
                if self.tasks.is_empty() || Instant::now() >= deadline {
                    self.store();
                    self.commit_maps();
                    return Ok(Ended::LetGo);
                }
            } else if let Some(deadline) = stopping {
                self.forget_waiting();
                if self.tasks.is_empty() || Instant::now() >= deadline {
                    self.finish_stopping().await?;
                    return Ok(Ended::Stopped);
                }
            } else {
                self.read();
                self.start_what_can();
            }
            self.answer_revocation();
            if self.acquiring.is_none() && self.may_begin() {
                self.acquiring = Some(Box::pin(self.slots.acquire()));
            }
            let revoke_at = self.revocation.as_ref().map(|revocation| revocation.deadline);
            let wake_at = [stopping, self.letting_go, revoke_at].into_iter().flatten().min();
            tokio::select! {
                Some(done) = self.tasks.join_next() => {
                    self.on_done(done)?;
                    while let Some(done) = self.tasks.try_join_next() {
                        self.on_done(done)?;
                    }
                }
                slot = wait_for(&mut self.acquiring) => {
                    self.acquiring = None;
                    self.start(slot);
                }
                (partitions, committed) = wait_for(&mut self.assigning) => {
                    self.assigning = None;
                    self.on_committed(partitions, committed);
                }
                () = self.wake.notified() => {}
                _ = ticks.tick() => self.store(),
                _ = map_ticks.tick() => self.commit_maps(),
                _ = lag_ticks.tick() => {
                    self.ask_ends();
                    self.count_members(needs);
                }
                members = wait_for(&mut self.counting) => {
                    self.counting = None;
                    self.on_counted(members, needs);
                }
                ends = wait_for(&mut self.measuring) => {
                    self.measuring = None;
                    self.on_ends(ends);
                }
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
                changed = stop.changed() => if changed.is_err() { return Ok(Ended::Stopped) },
            }
        }
    }

    fn on_revoked(&mut self, partitions: Vec<Partition>, lost: bool) {
        self.lanes.drop_partitions(&partitions);
        self.assignments.revoke(&partitions);
        let grace = if lost { Duration::ZERO } else { REVOKE_GRACE };
        if lost {
            tracing::warn!(group = self.group.name, partitions = partitions.len(), "partitions were lost");
            // Another member may have them already: nothing is stored for them any more.
            self.forget(&partitions);
            self.group.stand(Err("its partitions were lost, and it is not a member again yet".to_owned()));
        }
        self.revocation = Some(Revocation { partitions, deadline: Instant::now() + grace });
    }

    /// What keeps it from being a member; one that is works on.
    fn on_trouble(&self, reason: String) {
        if self.group.joined.borrow().is_err() {
            self.group.stand(Err(reason));
        }
    }

    fn ask_committed(&mut self, partitions: Vec<Partition>) {
        let asking = self.consumer.committed(partitions.clone());
        self.assigning = Some(Box::pin(async move {
            let committed = asking.await.unwrap_or_else(|panicked| Err(panicked.into()));
            if committed.is_err() {
                tokio::time::sleep(COMMITTED_RETRY).await;
            }
            (partitions, committed)
        }));
    }

    fn on_committed(&mut self, partitions: Vec<Partition>, committed: Committed) {
        let positions = match committed {
            Ok(positions) => positions,
            Err(error) => {
                tracing::debug!(group = self.group.name, %error, "committed offsets could not be read; asking again");
                self.group.stand(Err(format!("its offsets cannot be read: {error}")));
                return self.ask_committed(partitions);
            }
        };
        let from: Vec<(Partition, Option<i64>)> = positions
            .iter()
            .map(|(partition, position)| (partition.clone(), position.as_ref().map(|position| position.offset)))
            .collect();
        if let Err(error) = self.consumer.assign(&from) {
            self.broken = Some(FatalError::Other(format!("an assignment could not be taken: {error}")));
            return;
        }
        self.assignments.assign(positions);
        self.group.stand(Ok(()));
        self.metrics.assigned(self.assignments.len());
        tracing::info!(
            group = self.group.name,
            added = from.len(),
            now = self.assignments.len(),
            "partitions assigned"
        );
    }

    fn ask_ends(&mut self) {
        if self.measuring.is_some() || self.assignments.is_empty() {
            return;
        }
        let asking = self.consumer.ends(self.assignments.partitions());
        self.measuring = Some(Box::pin(async { asking.await.unwrap_or_else(|panicked| Err(panicked.into())) }));
    }

    fn on_ends(&self, ends: Ends) {
        match ends {
            Ok(ends) => {
                for (partition, end) in ends {
                    if let Some(lag) = self.assignments.lag(&partition, end) {
                        self.metrics.lag(&partition.topic, partition.number, lag);
                    }
                }
            }
            Err(error) => tracing::debug!(group = self.group.name, %error, "the lag could not be measured"),
        }
    }

    /// Asks whether anybody could take the partitions over, where they are better off elsewhere.
    fn count_members(&mut self, needs: &mut LettingGo) {
        if needs.is_due(Instant::now()) && self.counting.is_none() && self.letting_go.is_none() {
            let asking = self.consumer.members();
            self.counting = Some(Box::pin(async { asking.await.ok()?.ok() }));
        }
    }

    fn on_counted(&mut self, members: Option<usize>, needs: &mut LettingGo) {
        if members.is_some_and(|members| members > 1) && needs.is_away() {
            tracing::warn!(
                group = self.group.name,
                members,
                "the model or the document store cannot be reached from here; the partitions are left to the other members"
            );
            needs.goes();
            self.letting_go = Some(Instant::now() + LET_GO_GRACE);
        }
    }

    /// Answers a revocation once its partitions are at rest, or its time is over.
    fn answer_revocation(&mut self) {
        let Some(revocation) = &self.revocation else { return };
        if self.assignments.is_in_work(&revocation.partitions) && Instant::now() < revocation.deadline {
            return;
        }
        let Some(revocation) = self.revocation.take() else { return };
        self.store();
        self.commit_maps();
        self.forget(&revocation.partitions);
        if let Err(error) = self.consumer.unassign(&revocation.partitions) {
            self.broken = Some(FatalError::Other(format!("a revocation could not be answered: {error}")));
        }
        self.metrics.assigned(self.assignments.len());
        let (gone, left) = (revocation.partitions.len(), self.assignments.len());
        tracing::info!(group = self.group.name, gone, now = left, "partitions revoked");
    }

    fn forget(&mut self, partitions: &[Partition]) {
        self.assignments.forget(partitions);
        for partition in partitions {
            self.metrics.forget_lag(&partition.topic, partition.number);
        }
    }

    /// Leaves the group; nothing is ours any more. What is still in work goes on until it is dropped.
    pub async fn close(mut self) -> JoinSet<Done> {
        self.forget(&self.assignments.partitions());
        self.metrics.assigned(self.assignments.len());
        self.consumer.close().await;
        self.group.stand(Err("it has left its group".to_owned()));
        self.tasks
    }

    /// Reads from every partition that has room.
    fn read(&mut self) {
        let partitions = self.assignments.len();
        for (partition, assigned) in self.assignments.readable() {
            while !self.lanes.load(partition).is_full(partitions) {
                let Some(record) = assigned.take_held().or_else(|| self.consumer.take(partition)) else { break };
                match assigned.read(record) {
                    Read::Hold => break,
                    Read::Skip => self.metrics.skipped(&partition.topic),
                    Read::Work(record) => {
                        self.metrics.received(&partition.topic);
                        let (bytes, ticket) = (record.size(), Ticket::new(&record.at, assigned.generation()));
                        let job = Job::new(record);
                        failpoint::reach("decoded");
                        self.lanes.push(job.lane(), partition.clone(), bytes, (job, ticket));
                    }
                }
            }
        }
    }

    /// Whether there is something to begin. Who waits holds no slot, but does not pile up without end either.
    fn may_begin(&self) -> bool {
        let has_room = self.tasks.len() < self.slots.max().saturating_add(BEGUN_MAX);
        self.lanes.has_ready() && has_room && self.begun_bytes < BEGUN_MAX_BYTES
    }

    fn start_what_can(&mut self) {
        while self.acquiring.is_none() && self.may_begin() {
            let Some(slot) = self.slots.try_acquire() else { return };
            self.start(slot);
            // What has just made room is read when there is nothing else to start.
            if !self.lanes.has_ready() {
                self.read();
            }
        }
    }

    fn start(&mut self, slot: Slot) {
        // Without a ready record the slot is free again at once.
        let Some((lane, (job, ticket))) = self.lanes.start_next() else { return };
        let mut place = Place::new(self.slots.clone(), slot, self.assignments.begin(&ticket));
        let bytes = job.record.size();
        self.begun_bytes += bytes;
        let worker = self.group.worker.clone();
        self.tasks.spawn(async move {
            let worked = worker.work(&job, &mut place).await;
            Done { lane, ticket, bytes, worked }
        });
    }

    fn on_done(&mut self, done: Result<Done, JoinError>) -> Result<(), JoinError> {
        let done = done?;
        self.begun_bytes = self.begun_bytes.saturating_sub(done.bytes);
        self.lanes.finish(done.lane);
        match done.worked {
            Worked::Done => self.assignments.finish(&done.ticket),
            Worked::LeftToTheNext => self.assignments.leave(&done.ticket),
        }
        Ok(())
    }

    /// Stores the positions that changed; they are committed with the next commit.
    fn store(&mut self) {
        let changed = self.assignments.take_changed();
        if !changed.is_empty() {
            self.metrics.longest_map(changed.iter().map(|(_, position)| position.metadata.len()).max().unwrap_or(0));
            self.consumer.store(&changed);
            failpoint::reach("stored");
        }
        let partitions = self.assignments.len();
        let held_back = self.assignments.held_back(|partition| self.lanes.load(partition).is_full(partitions));
        self.metrics.held_back(held_back);
        self.metrics.waiting(self.lanes.waiting());
    }

    fn commit_maps(&self) {
        let mapped = self.assignments.mapped();
        if !mapped.is_empty() {
            self.consumer.commit(&mapped);
        }
    }

    /// What has not begun is left to whoever reads next, and so is what has and only waits.
    fn forget_waiting(&mut self) {
        let partitions = self.assignments.partitions();
        self.lanes.drop_partitions(&partitions);
        self.assignments.revoke(&partitions);
        self.acquiring = None;
    }

    async fn finish_stopping(&mut self) -> Result<(), JoinError> {
        while let Some(done) = self.tasks.try_join_next() {
            self.on_done(done)?;
        }
        if !self.tasks.is_empty() {
            let left = self.tasks.len();
            tracing::warn!(group = self.group.name, left, "stopping; what is still in work will be redelivered");
        }
        self.tasks.shutdown().await;
        self.store();
        self.commit_maps();
        Ok(())
    }
}

/// The result of a future that may not be there.
async fn wait_for<T>(future: &mut Pending<T>) -> T {
    match future {
        Some(future) => future.as_mut().await,
        None => std::future::pending().await,
    }
}
