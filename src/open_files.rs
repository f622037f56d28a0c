//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside requests: brokers, Redis, the store, the HTTP server's callers, the log.
const OTHERS: u64 = 200;

/// Lets the process open as many files as its starter allows at most: the usual limit, 1,024, is for programs that ask
/// `select` about them. Where that is too few for so many requests at once, it is the number that is needed and the number
/// that there is; a model that works would look like one that cannot be reached.
pub fn make_room(requests: usize) -> Option<(u64, u64)> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let raised = current.is_some() && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    // One connection to the model for each, and as many to the store.
    let needed = u64::try_from(requests).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHERS);
    limit.filter(|limit| *limit < needed).map(|limit| (needed, limit))
}

/// How many connections an HTTP server may have, of those that it would: a part of the files stays for whatever else is
/// opened.
pub fn most_connections(wanted: usize) -> usize {
    // `None` is no limit.
    let Some(limit) = getrlimit(Resource::Nofile).current else { return wanted };
    let room = usize::try_from(limit.saturating_sub(OTHERS) / 4 * 3).unwrap_or(usize::MAX);
    wanted.min(room.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_may_open_as_many_files_as_its_starter_allows_and_too_few_are_told() {
        assert_eq!(make_room(1), None);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        let told = make_room(usize::MAX).map(|(_, limit)| limit);
        assert_eq!(told, maximum);
        assert_eq!(most_connections(1), 1);
        assert!(maximum.is_none_or(|maximum| u64::try_from(most_connections(usize::MAX)).unwrap() < maximum));
    }
}
