//! Synchronous replication (`WAIT`): an outcome counts as saved once so many replicas have it (`REDIS_WAIT_REPLICAS`), so
//! that a failover does not lose what a member was shown.
//!
//! `WAIT` stops its whole connection and covers what was written on that one before. So there is a connection for this
//! alone, on which outcomes are written once more, as they are: that covers them whichever connection, or process, saved
//! them first. A connection that is replaced between the two has written nothing, and its `WAIT` covers nothing: then both
//! are done again. All callers of a server share a `WAIT`; in a cluster each server is asked for what it was given.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, ClusterInterface, EventInterface};
use fred::types::cluster::ClusterRouting;
use fred::types::config::Server;
use fred::types::scripts::Script;
use fred::types::{ClusterHash, CustomCommand, Key};
use futures_util::future::try_join_all;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::address::RedisAddress;
use super::connection::Connection;
use super::shared_script::{TOGETHER, evaluate};
use crate::state::StateError;

/// How long replicas may take; then whoever saved tries again. Shorter than a command may take.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// The keys under which an outcome is, if it is; none to find out whether there are enough replicas at all.
type Keys = Vec<String>;
type Answer = Result<(), StateError>;

struct Call {
    keys: Keys,
    slot: u16,
    answer: oneshot::Sender<Answer>,
}

/// Those who write to one server.
struct Queue {
    calls: mpsc::UnboundedSender<Call>,
    _runner: AbortOnDropHandle<()>,
}

/// The replicas that have to have an outcome.
pub(super) struct Replicas {
    asking: Arc<Asking>,
    /// By server; in a cluster there are several.
    queues: Mutex<HashMap<Option<Server>, Queue>>,
}

struct Asking {
    connection: Connection,
    script: Script,
    wanted: u32,
}

impl Replicas {
    /// Begins to connect and returns at once.
    pub fn open(address: &RedisAddress, wanted: u32) -> Self {
        let (connection, script) = (Connection::open(address), Script::from_lua(include_str!("keep.lua")));
        Self { asking: Arc::new(Asking { connection, script, wanted }), queues: Mutex::default() }
    }

    /// Waits until enough replicas have the outcome that is under one of these keys.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] while they do not, and where the outcome is not there any more.
    pub async fn have(&self, keys: [String; 2]) -> Answer {
        let slot = ClusterRouting::hash_key(keys[0].as_bytes());
        self.ask(keys.into(), slot).await
    }

    /// Whether every server has enough replicas now.
    pub async fn check(&self) -> Answer {
        let slots = match self.cluster()? {
            Some(cluster) => cluster.unique_hash_slots(),
            None => vec![0],
        };
        try_join_all(slots.into_iter().map(|slot| self.ask(Keys::new(), slot))).await.map(|_| ())
    }

    async fn ask(&self, keys: Keys, slot: u16) -> Answer {
        let server = self.cluster()?.and_then(|cluster| cluster.get_server(slot).cloned());
        let (answer, answered) = oneshot::channel();
        self.send(server, Call { keys, slot, answer });
        answered.await.unwrap_or_else(|_| Err(StateError::Unavailable("Redis is not asked any more".to_owned())))
    }

    fn cluster(&self) -> Result<Option<ClusterRouting>, StateError> {
        Ok(self.asking.connection.client()?.cached_cluster_state())
    }

    fn send(&self, server: Option<Server>, call: Call) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(server).or_insert_with(|| {
            let (calls, waiting) = mpsc::unbounded_channel();
            Queue { calls, _runner: AbortOnDropHandle::new(tokio::spawn(serve(self.asking.clone(), waiting))) }
        });
        // A runner that is gone drops the call, and with it the answer.
        let _ = queue.calls.send(call);
    }
}

/// The connections on which something is written from here on.
struct WrittenOn {
    /// Whatever connects after this has not written it.
    connects: broadcast::Receiver<Server>,
    servers: Vec<Option<Server>>,
}

impl WrittenOn {
    fn begin(client: &Client, calls: &[Call]) -> Self {
        Self { connects: client.reconnect_rx(), servers: servers_of(client, calls) }
    }

    /// Whether a `WAIT` that was answered by now covers it.
    fn still_there(mut self, client: &Client, calls: &[Call]) -> Answer {
        let is_new = !matches!(self.connects.try_recv(), Err(broadcast::error::TryRecvError::Empty));
        if is_new || self.servers != servers_of(client, calls) {
            return Err(StateError::Unavailable("the connection to Redis was replaced meanwhile".to_owned()));
        }
        Ok(())
    }
}

/// Which server of a cluster has each caller's outcome.
fn servers_of(client: &Client, calls: &[Call]) -> Vec<Option<Server>> {
    let cluster = client.cached_cluster_state();
    calls.iter().map(|call| cluster.as_ref()?.get_server(call.slot).cloned()).collect()
}

/// One after the other: who comes while a `WAIT` is out shares the next one.
async fn serve(asking: Arc<Asking>, mut waiting: mpsc::UnboundedReceiver<Call>) {
    let mut calls = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut calls, TOGETHER).await > 0 {
        let kept = asking.keep(&calls).await;
        for (index, call) in calls.drain(..).enumerate() {
            let answer = match &kept {
                Ok(kept) if kept.get(index) == Some(&true) => Ok(()),
                Ok(_) => Err(StateError::Unavailable("the store has lost an outcome again".to_owned())),
                Err(error) => Err(error.clone()),
            };
            // Who has stopped waiting misses nothing.
            let _ = call.answer.send(answer);
        }
    }
}

impl Asking {
    /// For each caller whether its outcome is there, once enough replicas have what is.
    async fn keep(&self, calls: &[Call]) -> Result<Vec<bool>, StateError> {
        let client = self.connection.client()?;
        let written_on = WrittenOn::begin(client, calls);
        let (there, slots) = if client.is_clustered() {
            // A script may touch one member's keys only.
            let touched = try_join_all(calls.iter().map(|call| self.touch(std::slice::from_ref(call)))).await?;
            (touched.concat(), calls.iter().map(|call| call.slot).collect())
        } else {
            (self.touch(calls).await?, BTreeSet::from([0]))
        };
        try_join_all(slots.into_iter().map(|slot| self.wait(client, slot))).await?;
        written_on.still_there(client, calls).map(|()| there)
    }

    /// Writes the outcomes once more; says for each caller whether its own is there.
    async fn touch(&self, calls: &[Call]) -> Result<Vec<bool>, StateError> {
        let keys = || calls.iter().flat_map(|call| &call.keys).map(Key::from).collect::<Vec<_>>();
        let kept = if keys().is_empty() {
            Vec::new()
        } else {
            let touched = evaluate(&self.connection, &self.script, keys, Vec::new).await;
            // The outcome is saved all the same.
            touched.map_err(|error| StateError::Unavailable(error.to_string()))?
        };
        let mut kept = kept.iter().map(|kept| kept.as_i64() == Some(1));
        Ok(calls.iter().map(|call| call.keys.is_empty() || kept.next() == Some(true)).collect())
    }

    async fn wait(&self, client: &Client, slot: u16) -> Answer {
        let wait = CustomCommand::new_static("WAIT", ClusterHash::Custom(slot), false);
        let arguments = vec![i64::from(self.wanted), i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX)];
        let have: Result<i64, Error> = client.custom(wait, arguments).await;
        let (wanted, setting) = (self.wanted, "REDIS_WAIT_REPLICAS");
        match have {
            Ok(have) if have >= i64::from(wanted) => Ok(()),
            Ok(have) => {
                Err(StateError::Unavailable(format!("{have} replicas have what was saved, {setting} is {wanted}")))
            }
            // The outcome is saved all the same: this is for a person to mend.
            Err(error) => match self.connection.failed(&error) {
                StateError::Unavailable(text) | StateError::Fault(text) | StateError::AnsweredUnreadably(text) => {
                    Err(StateError::Unavailable(format!("replicas cannot be waited for ({setting}): {text}")))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Agrees to everything: outcomes are there, and as many replicas as anybody wants have what was written, which is so
    /// where nothing was.
    async fn agree(stream: TcpStream) {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let reply = match line.as_str() {
                "EVALSHA" => "*1\r\n:1\r\n",
                "WAIT" => ":9\r\n",
                "INFO" => "$19\r\nredis_version:7.2.0\r\n",
                "CLIENT" | "PING" | "HELLO" | "AUTH" | "SELECT" => "+OK\r\n",
                _ => continue,
            };
            writing.write_all(reply.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_that_was_replaced_after_the_write_covers_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("redis://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(agree(stream));
            }
        });
        let replicas = Replicas::open(&address, 1);
        while replicas.asking.connection.client().is_err() {
            tokio::task::yield_now().await;
        }
        let client = replicas.asking.connection.client().unwrap();
        let (written_on, again) = (WrittenOn::begin(client, &[]), WrittenOn::begin(client, &[]));
        replicas.asking.wait(client, 0).await.unwrap();
        written_on.still_there(client, &[]).unwrap();
        client.force_reconnection().await.unwrap();
        replicas.asking.wait(client, 0).await.unwrap();
        assert!(matches!(again.still_there(client, &[]), Err(StateError::Unavailable(_))));
        let keys = ["resume:{7}:outcome:1", "resume:{7}:outcome:2"].map(str::to_owned);
        // Both are done again.
        replicas.have(keys).await.unwrap();
        serving.abort();
    }
}
