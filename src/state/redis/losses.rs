//! What the server may lose, told to people when the worker starts: everything that was paid for is in it.

use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::{ClientLike, ClusterInterface};
use fred::types::{ClusterHash, CustomCommand};

use super::connection::Connection;

/// How often to look whether there is a connection.
const LOOK: Duration = Duration::from_millis(500);

/// A way for saved data to go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    /// What `maxmemory-policy` says.
    Evicts(String),
    KeepsNothing,
}

/// Warns once, as soon as the server answers. One that does not say is left in peace: it may be a service that somebody
/// else looks after.
pub(super) async fn tell(connection: Arc<Connection>) {
    let client = loop {
        match connection.client() {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    };
    let mut found = Vec::new();
    match client.cached_cluster_state() {
        // What one server keeps says nothing of another.
        Some(cluster) => {
            for server in cluster.unique_primary_nodes() {
                found.extend(losses_of(&client.with_cluster_node(server)).await);
            }
        }
        None => found = losses_of(client).await,
    }
    found.sort_unstable();
    found.dedup();
    for loss in found {
        match loss {
            Loss::Evicts(policy) => tracing::warn!(
                policy,
                "Redis is set to evict keys when its memory is full (maxmemory-policy): interviews and outcomes that were \
                 paid for may go. noeviction keeps them"
            ),
            Loss::KeepsNothing => tracing::warn!(
                "Redis keeps nothing when it ends: it has no append-only file, no snapshots and no replica. Interviews and \
                 outcomes that were paid for go with it (appendonly yes keeps them)"
            ),
        }
    }
}

/// Of one server, as it says itself.
async fn losses_of(server: &impl ClientLike) -> Vec<Loss> {
    let info: String = match server.info(None).await {
        Ok(info) => info,
        Err(error) => {
            tracing::debug!(reason = error.details(), "Redis does not say what it keeps");
            return Vec::new();
        }
    };
    let config = CustomCommand::new_static("CONFIG", ClusterHash::Random, false);
    let snapshots: Option<Vec<String>> = server.custom(config, vec!["GET", "save"]).await.ok();
    losses(&info, snapshots.as_ref().and_then(|save| save.get(1)).map(String::as_str))
}

/// By the server's `INFO`, and its setting `save` where that may be seen.
fn losses(info: &str, snapshots: Option<&str>) -> Vec<Loss> {
    let field = |name: &str| info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    let policy = field("maxmemory_policy").filter(|policy| *policy != "noeviction");
    let is_alone = field("aof_enabled") == Some("0") && field("connected_slaves") == Some("0");
    let keeps_nothing = is_alone && snapshots.is_some_and(str::is_empty);
    let evicts = policy.map(|policy| Loss::Evicts(policy.to_owned()));
    evicts.into_iter().chain(keeps_nothing.then_some(Loss::KeepsNothing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(policy: &str, aof: u8, replicas: u8) -> String {
        format!(
            "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:{policy}\r\n\r\n# Persistence\r\naof_enabled:{aof}\r\n\r\n\
             # Replication\r\nrole:master\r\nconnected_slaves:{replicas}\r\n"
        )
    }

    #[test]
    fn a_server_that_evicts_is_told_of() {
        let policy = "allkeys-lru".to_owned();
        assert_eq!(losses(&info(&policy, 1, 0), Some("")), [Loss::Evicts(policy)]);
        assert_eq!(losses(&info("noeviction", 1, 0), Some("")), []);
    }

    #[test]
    fn a_server_that_keeps_nothing_is_told_of_and_not_one_of_which_that_is_unknown() {
        assert_eq!(losses(&info("noeviction", 0, 0), Some("")), [Loss::KeepsNothing]);
        for (aof, replicas, snapshots) in [(1, 0, Some("")), (0, 1, Some("")), (0, 0, Some("3600 1")), (0, 0, None)] {
            assert_eq!(losses(&info("noeviction", aof, replicas), snapshots), []);
        }
        assert_eq!(losses("", Some("")), []);
    }
}
