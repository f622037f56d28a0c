//! Reads outcomes as the gateway does, and notes when each member's first one came.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{BorrowedMessage, Message};

use crate::bench_env::{PATIENCE, Set};
use crate::process::Process;

const LOOK: Duration = Duration::from_millis(100);

type Arrival = (u64, Instant);

/// A reader on a thread of its own.
pub struct Listener<'a> {
    set: &'a Set<'a>,
    arrivals: Receiver<anyhow::Result<Arrival>>,
    first: HashMap<u64, Instant>,
    /// What its client complained of last. It goes on by itself, so that this alone ends nothing.
    trouble: Option<anyhow::Error>,
    closing: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl<'a> Listener<'a> {
    /// Reads the topic that has `kind` as its default name from its beginning.
    pub fn open(set: &'a Set<'a>, kind: &str) -> anyhow::Result<Self> {
        let consumer = set.topic(kind).reader()?;
        let (sender, arrivals) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = closing.clone();
        let reader = thread::spawn(move || {
            while !closed.load(Ordering::Relaxed) {
                let Some(arrival) = next(&consumer) else { continue };
                if sender.send(arrival).is_err() {
                    return;
                }
            }
        });
        Ok(Self { set, arrivals, first: HashMap::new(), trouble: None, closing, reader: Some(reader) })
    }

    /// Waits until `count` members have their outcome; when each had it.
    ///
    /// # Errors
    /// When nobody gets one any more: a slow machine is waited for as long as there is progress.
    pub fn wait(&mut self, count: usize, processes: &mut [Process]) -> anyhow::Result<&HashMap<u64, Instant>> {
        let mut progress = Instant::now();
        while self.first.len() < count {
            match self.arrivals.recv_timeout(LOOK) {
                Ok(Ok((member, at))) => {
                    self.first.entry(member).or_insert_with(|| {
                        progress = at;
                        at
                    });
                }
                Ok(Err(trouble)) => self.trouble = Some(trouble),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the listener's thread has ended"),
            }
            if progress.elapsed() > LOOK {
                processes.iter_mut().try_for_each(Process::alive).map_err(|ended| self.lost(count, &ended, &[]))?;
            }
            if progress.elapsed() > PATIENCE {
                let why = format!("no other one got it for {PATIENCE:?}");
                return Err(self.lost(count, &why, processes));
            }
        }
        Ok(&self.first)
    }

    fn lost(&self, count: usize, why: &dyn std::fmt::Display, processes: &[Process]) -> anyhow::Error {
        let trouble = self.trouble.as_ref().map_or_else(String::new, |error| format!("; the listener met: {error:#}"));
        let what = format!("{} of {count} members have an outcome, {why}{trouble}", self.first.len());
        self.set.lost(&what, processes)
    }
}

/// The next outcome, or what went wrong.
fn next(consumer: &BaseConsumer) -> Option<anyhow::Result<Arrival>> {
    let message = consumer.poll(LOOK)?;
    let at = Instant::now();
    Some(message.map_err(Into::into).and_then(|message| Ok((member(&message)?, at))))
}

fn member(message: &BorrowedMessage<'_>) -> anyhow::Result<u64> {
    let key = message.key().context("an outcome has no key")?;
    std::str::from_utf8(key)?.parse().context("an outcome's key is no member")
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // Its panic, if there was one, was noticed as the channel's end.
            let _ = reader.join();
        }
    }
}
