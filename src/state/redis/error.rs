//! What Redis errors mean for the caller.

use fred::error::{Error, ErrorKind};

use crate::state::StateError;

/// Codes of replies that pass, or that a person can heal while the worker waits: another try can succeed.
const PASSING: [&str; 15] = [
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "READONLY",
    "TRYAGAIN",
    "BUSY",
    "UNKILLABLE",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
];

/// What servers say, without a code of its own, of a command inside a script that the user has no right to: Redis 7.0 and
/// before, and those after it.
const DENIED_IN_SCRIPT: [&str; 2] = ["The user executing the script can't", "ACL failure in script"];

/// The fate of an error that a command ended with.
pub(super) fn classify(error: &Error) -> StateError {
    let text = describe(error);
    match error.kind() {
        ErrorKind::Auth => StateError::Unavailable(format!("Redis does not accept the credentials: {text}")),
        ErrorKind::Config => StateError::Unavailable(format!("REDIS_URL does not fit the server: {text}")),
        ErrorKind::Cluster if names(error.details(), &["MOVED", "ASK"]) => StateError::Unavailable(format!(
            "the server is one of a cluster, and REDIS_URL has to say so (redis-cluster://): {text}"
        )),
        // Why is told to nobody: each of them is tried in turn.
        ErrorKind::Sentinel if error.details().contains("all sentinel nodes") => StateError::Unavailable(format!(
            "no sentinel of REDIS_URL lets us in (their addresses, sentinelUsername and sentinelPassword): {text}"
        )),
        // Neither is what the server said in place of keys: most often, that it may not be asked.
        ErrorKind::Protocol if error.details().contains("SCAN") => StateError::Unavailable(format!(
            "the keys cannot be listed, as where the user has no right to SCAN: {text}"
        )),
        ErrorKind::IO
        | ErrorKind::Timeout
        | ErrorKind::Canceled
        | ErrorKind::Tls
        | ErrorKind::Routing
        | ErrorKind::Cluster
        | ErrorKind::Sentinel
        | ErrorKind::Protocol
        | ErrorKind::Backpressure => StateError::Unavailable(text),
        ErrorKind::InvalidArgument
        | ErrorKind::InvalidCommand
        | ErrorKind::Parse
        | ErrorKind::NotFound
        | ErrorKind::Url => StateError::Fault(text),
        ErrorKind::Unknown if is_server_reply(error.details()) && !passes(error.details()) => StateError::Fault(text),
        ErrorKind::Unknown => StateError::Unavailable(text),
    }
}

/// Whether something inside a script was refused and it is not said what: so it is before Redis 7.2.
pub(super) fn names_no_command(error: &StateError) -> bool {
    let [unnamed, _] = DENIED_IN_SCRIPT;
    matches!(error, StateError::Unavailable(text) if text.contains(unnamed))
}

/// Whether the connection should be replaced: it may be dead without TCP having noticed (a timeout), or lead to a
/// server that is no longer the primary.
pub(super) fn asks_for_new_connection(error: &Error) -> bool {
    *error.kind() == ErrorKind::Timeout || names(error.details(), &["READONLY"])
}

/// An error in words, without the arguments that Redis repeats when it does not know a command, and without the place in a
/// script that it came from.
pub(super) fn describe(error: &Error) -> String {
    let details = error.details();
    let details = details.split_once("with args").map_or(details, |(before, _)| before);
    let details = match details.rsplit_once(" script: ") {
        Some((before, place)) if begins_with_hash(place) => before,
        Some(_) | None => details,
    };
    format!("{} ({})", details.trim_end_matches([',', ' ']), error.kind().to_str())
}

/// Whether it says where in which script: one that was refused something may have "script: " among its own words.
fn begins_with_hash(place: &str) -> bool {
    let hash = place.split([',', ' ']).next().unwrap_or_default();
    !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Redis begins its errors with a code in capital letters; the client's own begin like a sentence.
fn is_server_reply(details: &str) -> bool {
    let code = details.split(' ').next().unwrap_or_default();
    code.len() > 1 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Before Redis 7 an error inside a script came as `ERR Error running script (...): -OOM ...`.
fn passes(details: &str) -> bool {
    details.contains("max number of clients")
        || DENIED_IN_SCRIPT.iter().any(|denied| details.contains(denied))
        || names(details, &PASSING)
}

/// Whether one of these codes is in an error, perhaps inside what a script made of it.
fn names(details: &str, codes: &[&str]) -> bool {
    details.split(' ').any(|word| codes.contains(&word.trim_start_matches('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_passing(kind: ErrorKind, details: &'static str) -> bool {
        matches!(classify(&Error::new(kind, details)), StateError::Unavailable(_))
    }

    #[test]
    fn a_server_that_is_away_or_busy_is_waited_for() {
        assert!(is_passing(ErrorKind::IO, "Connection refused"));
        assert!(is_passing(ErrorKind::Timeout, "Request timed out."));
        assert!(is_passing(ErrorKind::Canceled, "Connection closed unexpectedly."));
        assert!(is_passing(ErrorKind::Cluster, "CLUSTERDOWN The cluster is down"));
        assert!(is_passing(ErrorKind::Auth, "WRONGPASS invalid username-password pair or user is disabled."));
        assert!(is_passing(ErrorKind::Unknown, "NOPERM this user has no permissions to run the 'evalsha' command"));
        assert!(is_passing(ErrorKind::Unknown, "Client is not initialized."));
        assert!(is_passing(ErrorKind::Unknown, "ERR max number of clients reached"));
        for code in PASSING {
            assert!(is_passing(ErrorKind::Unknown, format!("{code} because").leak()), "{code}");
        }
    }

    #[test]
    fn an_error_inside_a_script_of_redis_6_keeps_its_meaning() {
        let oom = "ERR Error running script (call to f_1): @user_script:9: -OOM command not allowed";
        assert!(is_passing(ErrorKind::Unknown, oom));
        let wrong = "ERR Error running script (call to f_1): @user_script:9: WRONGTYPE Operation against a key";
        assert!(!is_passing(ErrorKind::Unknown, wrong));
    }

    #[test]
    fn a_right_that_a_script_lacks_is_waited_for() {
        let denied = "ERR The user executing the script can't run this command or subcommand script: \
                      f59a7e, on @user_script:9.";
        assert!(is_passing(ErrorKind::Unknown, denied));
        let newer = "ERR ACL failure in script: User half has no permissions to run the 'set' command script: f59a7e";
        assert!(is_passing(ErrorKind::Unknown, newer));
        for (denied, words) in [(denied, "can't run this command"), (newer, "no permissions to run the 'set' command")]
        {
            let told = classify(&Error::new(ErrorKind::Unknown, denied)).to_string();
            assert!(told.contains(words) && !told.contains("f59a7e"), "{told}");
        }
    }

    #[test]
    fn keys_that_may_not_be_listed_are_told() {
        let error = classify(&Error::new(ErrorKind::Protocol, "Expected bulk string array from SCAN."));
        assert!(error.to_string().contains("no right to SCAN"), "{error}");
    }

    #[test]
    fn a_demoted_primary_is_left_also_where_a_script_says_so() {
        let demoted = |details: &'static str| asks_for_new_connection(&Error::new(ErrorKind::Unknown, details));
        assert!(demoted("READONLY You can't write against a read only replica."));
        assert!(demoted("ERR Error running script (call to f_1): @user_script:9: -READONLY You can't write"));
        assert!(!demoted("OOM command not allowed"));
    }

    #[test]
    fn a_cluster_behind_a_plain_address_is_told() {
        let error = classify(&Error::new(ErrorKind::Cluster, "MOVED 7 127.0.0.1:7001"));
        assert!(error.to_string().contains("redis-cluster://") && matches!(error, StateError::Unavailable(_)));
    }

    #[test]
    fn sentinels_that_let_nobody_in_are_told_with_what_lets_one_in() {
        let error = classify(&Error::new(ErrorKind::Sentinel, "Failed to connect to all sentinel nodes."));
        assert!(error.to_string().contains("sentinelPassword") && matches!(error, StateError::Unavailable(_)));
    }

    #[test]
    fn what_another_try_cannot_change_is_a_fault() {
        assert!(!is_passing(ErrorKind::InvalidArgument, "WRONGTYPE Operation against a key"));
        assert!(!is_passing(ErrorKind::Unknown, "ERR user_script:3: attempt to index a nil value"));
        assert!(!is_passing(ErrorKind::Parse, "Could not convert to array."));
    }

    #[test]
    fn arguments_that_redis_repeats_are_left_out() {
        let details = "ERR unknown command 'EVALSHA', with args beginning with: 'what a member wrote'";
        let error = classify(&Error::new(ErrorKind::Unknown, details));
        assert_eq!(error.to_string(), "state store fault: ERR unknown command 'EVALSHA' (Unknown Error)");
    }
}
