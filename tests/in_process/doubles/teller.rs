//! A teller that keeps what it is told.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use ssammu_worker::kafka::outgoing::OutgoingRecord;
use ssammu_worker::kafka::telling::{Dropped, Teller};

use super::Calls;
use super::producer::Sent;

/// A [`Teller`] that is heard, and behind, when a test wants.
pub struct StagedTeller {
    told: Calls<Sent>,
    is_heard: AtomicBool,
    is_behind: AtomicBool,
}

impl StagedTeller {
    pub fn new() -> Self {
        Self { told: Calls::new(), is_heard: AtomicBool::new(true), is_behind: AtomicBool::new(false) }
    }

    /// Whether there is a topic to tell anything in.
    pub fn heard(&self, is_heard: bool) {
        self.is_heard.store(is_heard, Ordering::Relaxed);
    }

    /// From now on it drops everything.
    pub fn falls_behind(&self) {
        self.is_behind.store(true, Ordering::Relaxed);
    }

    /// What was told so far of a member's requests.
    pub fn told(&self, member: i64) -> Vec<Value> {
        of(&self.told.all(), member)
    }

    /// What was told of a member's requests, as soon as it is so much.
    pub async fn tells(&self, member: i64, count: usize) -> Vec<Value> {
        let what = format!("progress {count} of member {member}");
        self.told.find(&what, |told| Some(of(told, member)).filter(|found| found.len() >= count)).await
    }
}

fn of(told: &[Sent], member: i64) -> Vec<Value> {
    told.iter().map(Sent::json).filter(|told| told["memberId"] == member).collect()
}

impl Teller for StagedTeller {
    fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    fn tell(&self, record: &OutgoingRecord) -> Result<(), Dropped> {
        if self.is_behind.load(Ordering::Relaxed) {
            return Err(Dropped::Behind);
        }
        self.told.push(Sent(record.clone()));
        Ok(())
    }
}
