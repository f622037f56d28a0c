//! Reads outcomes as the gateway does, and notes when each member's first one came.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::message::Message;

use crate::topic::Topic;

const LOOK: Duration = Duration::from_millis(100);

/// A reader on a thread of its own.
pub struct Listener {
    arrivals: Receiver<(u64, Instant)>,
    first: HashMap<u64, Instant>,
    closing: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Listener {
    /// Reads a topic from its beginning.
    pub fn open(topic: &Topic) -> anyhow::Result<Self> {
        let consumer = topic.reader()?;
        let (sender, arrivals) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = closing.clone();
        let reader = thread::spawn(move || {
            while !closed.load(Ordering::Relaxed) {
                let Some(Ok(message)) = consumer.poll(LOOK) else { continue };
                let member = message.key().and_then(|key| std::str::from_utf8(key).ok()?.parse().ok());
                let Some(member) = member else { continue };
                if sender.send((member, Instant::now())).is_err() {
                    return;
                }
            }
        });
        Ok(Self { arrivals, first: HashMap::new(), closing, reader: Some(reader) })
    }

    /// Waits until `count` members have their outcome, at most `limit`; when each had it.
    pub fn wait(&mut self, count: usize, limit: Duration) -> anyhow::Result<&HashMap<u64, Instant>> {
        let end = Instant::now() + limit;
        while self.first.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((member, at)) = self.arrivals.recv_timeout(left) else {
                anyhow::bail!("{} of {count} members have an outcome after {limit:?}", self.first.len());
            };
            self.first.entry(member).or_insert(at);
        }
        Ok(&self.first)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // It only reads; what it could say is known by what did not come.
            let _ = reader.join();
        }
    }
}
