//! One membership of a consumer group: reads its records, gives each its turn, and releases its offset when it is done.
//!
//! One task, the async shell around a group's bookkeeping: [`Assignments`] knows how far each partition is, [`Lanes`]
//! whose turn it is. It reads a partition only while there is room (backpressure), starts records in the order of their
//! members' lanes, and stores a partition's position as records finish. A revocation is answered as soon as the
//! partitions' work is done, or after a second; what is still in work then goes on, and its saved result is found by
//! the next owner. What only waits is left to that one at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::waiting::Waiting;
use crate::events::consent::allows_overseas;
use crate::failpoint;
use crate::flow_control::place::Place;
use crate::flow_control::reach::Reach;
use crate::flow_control::slots::{GroupSlots, Slot, Slots};
use crate::kafka::asking::{Committed, Ends, TopicIds};
use crate::kafka::consumer::{FatalError, GroupConsumer, GroupEvent};
use crate::kafka::error::KafkaError;
use crate::kafka::position::{Partition, Position};
use crate::telemetry::group::GroupMetrics;
use crate::telemetry::metrics::Metrics;
use crate::worker::assigned::Read;
use crate::worker::assignments::{Assignments, Ticket};
use crate::worker::lanes::Lanes;
use crate::worker::letting_go::LettingGo;
use crate::worker::pending::{Pending, wait_for};
use crate::worker::progress::Reports;
use crate::worker::work::{Job, Lane, Worked, Worker};

mod lag;
pub mod rebalance;
mod waiting;

/// How often positions are stored, and everything is looked at even if nobody said that it changed.
const TICK: Duration = Duration::from_millis(100);

/// How often maps of what is done behind the committed offsets are committed where they have grown. Offsets that move are
/// committed by librdkafka as often; it does not see that a map has grown. What is done and not committed is sent once
/// more after a kill.
const MAP_TICK: Duration = Duration::from_millis(200);

/// How long what is in work may go on before the partitions are let go of.
const LET_GO_GRACE: Duration = Duration::from_secs(5);

/// How often the lag is measured, and whether the partitions are better off elsewhere.
const LAG_TICK: Duration = Duration::from_secs(5);

/// Records that may have begun beyond those that are in work. They hold no slot: they wait for a lock, a model or a store,
/// or, their outcomes saved, for acknowledgements.
const BEGUN_MAX: usize = 4_000;

/// Bytes of all records that have begun and are not done, before nothing more is begun.
const BEGUN_MAX_BYTES: usize = 32 << 20;

/// Records that are read of one partition before everything else is looked at again.
const READ_AT_ONCE: usize = 256;

/// A consumer group, and what its members work with.
pub struct Group {
    pub name: String,
    pub worker: Arc<Worker>,
    pub slots: Arc<Slots>,
    pub metrics: Arc<Metrics>,
    /// Who tells how far requests are, where anybody wants to know.
    pub reports: Option<Arc<Reports>>,
    /// How long an answered request is remembered.
    pub outcome_ttl: Duration,
    /// How long work that is nearly done may hold up a revocation.
    pub revoke_grace: Duration,
    /// Whether the group has given this member its partitions (perhaps none), or why not.
    pub joined: watch::Sender<Result<(), String>>,
}

impl Group {
    /// Tells whether it is joined.
    pub fn stand(&self, joined: Result<(), String>) {
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

/// A record whose task has ended.
pub struct Done {
    lane: Lane,
    ticket: Ticket,
    bytes: usize,
    worked: Worked,
}

/// One membership of a group.
pub struct Membership<'a> {
    group: &'a Group,
    metrics: GroupMetrics<'a>,
    consumer: GroupConsumer,
    wake: Arc<Notify>,
    assignments: Assignments,
    lanes: Lanes<Lane, Partition, Waiting>,
    /// Of the records that have begun.
    tasks: JoinSet<Done>,
    /// Their size.
    begun_bytes: usize,
    revocation: Option<rebalance::Revocation>,
    /// An assignment whose committed positions are being asked for.
    assigning: Pending<(Vec<Partition>, u32, Result<Committed, KafkaError>)>,
    /// Where the partitions end is being asked for.
    measuring: Pending<Result<Ends, KafkaError>>,
    /// A partition of which nothing comes is being looked at.
    looking: Pending<(Partition, i64, Result<bool, KafkaError>)>,
    /// Nothing comes of a partition, although something is there.
    is_quiet: bool,
    /// The topics that are read, as far as anybody told.
    topics: TopicIds,
    /// Since when partitions are ours, in milliseconds since 1970.
    ours_since: HashMap<Partition, i64>,
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
            looking: None,
            is_quiet: false,
            counting: None,
            letting_go: None,
            ours_since: HashMap::new(),
            topics: TopicIds::new(),
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
                    GroupEvent::Assigned(partitions) => self.ask_committed(partitions, 1),
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
            let ending = stopping.or(self.letting_go);
            if let Some(deadline) = ending {
                self.forget_waiting();
                if self.tasks.is_empty() || Instant::now() >= deadline {
                    return self.finish(stopping.is_some()).await;
                }
            } else {
                if self.read() {
                    // More is there; it is read after all that happened meanwhile.
                    self.wake.notify_one();
                }
                self.start_what_can();
            }
            self.answer_revocation();
            if self.acquiring.is_none() && self.may_begin() {
                self.acquiring = Some(Box::pin(self.slots.acquire()));
            }
            let revoke_at = self.revocation.as_ref().map(|revocation| revocation.deadline);
            let wake_at = [ending, revoke_at].into_iter().flatten().min();
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
                (partitions, tries, committed) = wait_for(&mut self.assigning) => {
                    self.assigning = None;
                    self.on_committed(partitions, tries, committed);
                }
                () = self.wake.notified() => {}
                _ = ticks.tick() => self.store(),
                _ = map_ticks.tick() => self.commit_grown(),
                _ = lag_ticks.tick() => {
                    // No answer says whether a commit worked.
                    self.commit_maps();
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
                (partition, end, holds_any) = wait_for(&mut self.looking) => {
                    self.looking = None;
                    self.on_looked(partition, end, holds_any);
                }
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
                changed = stop.changed() => if changed.is_err() { return Ok(Ended::Stopped) },
            }
        }
    }

    /// As old as outcomes are remembered, in milliseconds since 1970.
    fn oldest(&self) -> i64 {
        let oldest = OffsetDateTime::now_utc() - self.group.outcome_ttl;
        i64::try_from(oldest.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    }

    /// Asks whether anybody could take the partitions over, where they are better off elsewhere.
    fn count_members(&mut self, needs: &mut LettingGo) {
        if needs.is_due(Instant::now()) && self.counting.is_none() && self.letting_go.is_none() {
            let asking = self.consumer.members();
            self.counting = Some(Box::pin(async { asking.await.ok()?.ok() }));
        }
    }

    fn on_counted(&mut self, members: Option<usize>, needs: &mut LettingGo) {
        if needs.goes(&self.group.name, members.unwrap_or(0)) {
            self.letting_go = Some(Instant::now() + LET_GO_GRACE);
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

    /// Reads from every partition that has room. Says whether there may be more of it now.
    fn read(&mut self) -> bool {
        let (partitions, now, oldest) = (self.assignments.len(), Instant::now(), self.oldest());
        let (mut is_more, mut is_dropped) = (false, false);
        for (partition, assigned) in self.assignments.readable() {
            let mut read = 0;
            while !self.lanes.load(partition).is_full(partitions) {
                if let Some(offset) = assigned.turn(now)
                    && let Err(error) = self.consumer.seek(partition, offset)
                {
                    self.broken =
                        Some(FatalError::Other(format!("a partition could not be read from {offset}: {error}")));
                    return false;
                }
                if read == READ_AT_ONCE {
                    is_more = true;
                    break;
                }
                let Some(record) = assigned.take_held().or_else(|| self.consumer.take(partition)) else { break };
                read += 1;
                let generation = assigned.generation();
                match assigned.read(record, oldest) {
                    Read::Hold => break,
                    Read::Skip => self.metrics.skipped(&partition.topic),
                    Read::Pass => {}
                    Read::Old { is_first } => {
                        self.metrics.outdated(&partition.topic);
                        if is_first {
                            tracing::warn!(
                                topic = %partition.topic, partition = partition.number,
                                "records older than OUTCOME_TTL are skipped: the group begins here, or its offsets were reset"
                            );
                        }
                    }
                    Read::Anew => {
                        tracing::warn!(topic = %partition.topic, partition = partition.number, "the log begins anew");
                        self.lanes.drop_partitions(std::slice::from_ref(partition));
                        is_dropped = true;
                    }
                    Read::Work(record) => {
                        self.metrics.received(&partition.topic);
                        let (bytes, ticket) = (record.size(), Ticket::new(&record.at, generation));
                        let (offset, job) = (record.at.offset, Job::new(record));
                        failpoint::reach("decoded");
                        let lane = job.lane();
                        if assigned.has_parked(lane) || !self.lanes.has_room(lane, partition, partitions) {
                            assigned.park(lane, offset);
                        } else {
                            let since = self.ours_since.get(partition).copied();
                            let waiting =
                                Waiting::new(self.group.reports.as_ref(), job, ticket, since, assigned.tenure());
                            self.lanes.push(lane, partition.clone(), bytes, waiting);
                        }
                    }
                    Read::Parked(record) => {
                        let (bytes, ticket) = (record.size(), Ticket::new(&record.at, generation));
                        let (offset, job) = (record.at.offset, Job::new(record));
                        let lane = job.lane();
                        if assigned.take_up(offset, self.lanes.has_room(lane, partition, partitions)) {
                            let since = self.ours_since.get(partition).copied();
                            let waiting =
                                Waiting::new(self.group.reports.as_ref(), job, ticket, since, assigned.tenure());
                            self.lanes.push(lane, partition.clone(), bytes, waiting);
                        }
                    }
                }
            }
        }
        if is_dropped {
            self.make_room_for_all();
        }
        is_more
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
            if !self.lanes.has_ready() && self.read() {
                self.wake.notify_one();
            }
        }
    }

    fn start(&mut self, slot: Slot) {
        // Without a ready record the slot is free again at once.
        let Some((lane, Waiting { job, ticket, progress })) = self.lanes.start_next() else { return };
        let reach = if allows_overseas(&job.record) { Reach::Overseas } else { Reach::Home };
        let place = Place::new(self.slots.clone(), slot, self.assignments.begin(&ticket), progress);
        let mut place = place.reaching(reach);
        self.make_room(lane);
        let bytes = job.record.size();
        self.begun_bytes += bytes;
        let worker = self.group.worker.clone();
        // In a box: it is large, and the runtime moves what it is given about.
        self.tasks.spawn(Box::pin(async move {
            let worked = worker.work(&job, &mut place).await;
            Done { lane, ticket, bytes, worked }
        }));
    }

    /// Of this member less waits than before.
    fn make_room(&mut self, lane: Lane) {
        let partitions = self.assignments.len();
        self.assignments.make_room(lane, |partition| self.lanes.is_low(lane, partition, partitions));
    }

    /// What waited was dropped: of members that are parked elsewhere nothing may be left that would make room for them.
    fn make_room_for_all(&mut self) {
        let partitions = self.assignments.len();
        self.assignments.make_room_where(|lane, partition| self.lanes.is_low(lane, partition, partitions));
    }

    fn on_done(&mut self, done: Result<Done, JoinError>) -> Result<(), JoinError> {
        let done = done?;
        self.begun_bytes = self.begun_bytes.saturating_sub(done.bytes);
        self.lanes.finish(done.lane);
        match done.worked {
            Worked::Done => self.assignments.finish(&done.ticket),
            Worked::LeftToTheNext => self.assignments.leave(&done.ticket),
        }
        self.make_room(done.lane);
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
        self.metrics.waiting(self.lanes.waiting() + self.assignments.parked());
    }

    fn commit_maps(&self) {
        self.commit(&self.assignments.to_commit());
    }

    fn commit_grown(&mut self) {
        let grown = self.assignments.grown();
        self.commit(&grown);
    }

    fn commit(&self, positions: &[(Partition, Position)]) {
        if !positions.is_empty() {
            self.consumer.commit(positions);
        }
    }

    /// What has not begun is left to whoever reads next, and so is what has and only waits.
    fn forget_waiting(&mut self) {
        let partitions = self.assignments.partitions();
        self.lanes.drop_partitions(&partitions);
        self.assignments.revoke(&partitions);
        self.acquiring = None;
    }

    /// Ends the membership. What is still in work when the worker stops is cancelled; else it goes on.
    async fn finish(&mut self, is_stopping: bool) -> Result<Ended, JoinError> {
        while let Some(done) = self.tasks.try_join_next() {
            self.on_done(done)?;
        }
        if is_stopping {
            let left = self.tasks.len();
            if left > 0 {
                tracing::warn!(group = self.group.name, left, "stopping; what is still in work will be redelivered");
            }
            self.tasks.shutdown().await;
        }
        self.store();
        self.commit_maps();
        Ok(if is_stopping { Ended::Stopped } else { Ended::LetGo })
    }
}
