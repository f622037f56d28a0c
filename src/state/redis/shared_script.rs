//! A script that is run for several callers at once: calls that come at the same moment share a round trip, which costs
//! both sides a fraction of what a round trip for each would.

use std::sync::Arc;

use fred::interfaces::LuaInterface;
use fred::types::scripts::Script;
use fred::types::{Key, Value};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::connection::Connection;
use crate::state::StateError;

/// Callers that share a round trip, at most: the server does nothing else while it runs a script.
pub(super) const TOGETHER: usize = 64;

type Reply = Result<Vec<Value>, StateError>;

/// What one caller wants of the script.
struct Call {
    keys: Vec<Key>,
    /// How many keys and arguments there are, and the arguments.
    args: Vec<Value>,
    reply: oneshot::Sender<Reply>,
}

/// A script on a server.
pub(super) struct SharedScript {
    calls: mpsc::UnboundedSender<Call>,
    _runner: AbortOnDropHandle<()>,
}

impl SharedScript {
    /// A script with this text, which gets its keys and arguments as Redis gives them to any script.
    pub fn start(connection: Arc<Connection>, lua: &str) -> Self {
        let lua = format!("local function one(KEYS, ARGV)\n{lua}\nend\n{}", include_str!("shared_script.lua"));
        let script = Arc::new(Script::from_lua(lua));
        let (calls, waiting) = mpsc::unbounded_channel();
        Self { calls, _runner: AbortOnDropHandle::new(tokio::spawn(serve(connection, script, waiting))) }
    }

    /// Runs the script for this caller.
    pub async fn run(&self, keys: Vec<String>, args: Vec<String>) -> Reply {
        let (reply, replied) = oneshot::channel();
        let counts = [keys.len(), args.len()].map(|count| count.to_string());
        let args = counts.into_iter().chain(args).map(Value::from).collect();
        let keys = keys.into_iter().map(Key::from).collect();
        // A runner that is gone drops the call, and with it the reply.
        let _ = self.calls.send(Call { keys, args, reply });
        replied.await.unwrap_or_else(|_| Err(StateError::Unavailable("Redis is not asked any more".to_owned())))
    }
}

async fn serve(connection: Arc<Connection>, script: Arc<Script>, mut waiting: mpsc::UnboundedReceiver<Call>) {
    // In a cluster a script may touch one member's keys only.
    let together = if connection.is_clustered() { 1 } else { TOGETHER };
    let mut calls = Vec::with_capacity(together);
    while waiting.recv_many(&mut calls, together).await > 0 {
        // Nobody waits for those before: what is slow then delays what was sent with it, and nothing else.
        tokio::spawn(run(connection.clone(), script.clone(), std::mem::take(&mut calls)));
    }
}

async fn run(connection: Arc<Connection>, script: Arc<Script>, calls: Vec<Call>) {
    let keys = || calls.iter().flat_map(|call| &call.keys).cloned().collect();
    let args = || calls.iter().flat_map(|call| &call.args).cloned().collect();
    match evaluate(&connection, &script, keys, args).await {
        Ok(replies) => {
            for (call, reply) in calls.into_iter().zip(replies) {
                // Who has stopped waiting misses nothing.
                let _ = call.reply.send(Ok(reply.into_array()));
            }
        }
        // It may be the fault of one caller alone (its key holds something else): each is tried by itself.
        Err(StateError::Fault(_)) if calls.len() > 1 => {
            for call in calls {
                Box::pin(run(connection.clone(), script.clone(), vec![call])).await;
            }
        }
        Err(error) => {
            for call in calls {
                let _ = call.reply.send(Err(error.clone()));
            }
        }
    }
}

/// Runs the script once. A server that was restarted has forgotten it and is sent its text again.
pub(super) async fn evaluate(
    connection: &Connection,
    script: &Script,
    keys: impl Fn() -> Vec<Key>,
    args: impl Fn() -> Vec<Value>,
) -> Reply {
    let client = connection.client()?;
    let mut reply: Result<Value, _> = client.evalsha(script.sha1().clone(), keys(), args()).await;
    if let (Err(error), Some(lua)) = (&reply, script.lua())
        && error.details().starts_with("NOSCRIPT")
    {
        reply = client.eval(lua.clone(), keys(), args()).await;
    }
    reply.map(Value::into_array).map_err(|error| connection.failed(&error))
}
