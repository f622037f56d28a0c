//! Who holds the locks of a process: a token says which instance it is, and which of its starts.
//!
//! A worker that is a static member of its groups (`group.instance.id`) comes back under the name of the one before it.
//! That one is dead, or has been fenced by the broker and pays for nothing any more, so that nothing waits for it: the
//! locks of an earlier start of the same instance are free to be taken, and never back again. Starts are told apart by
//! their time; should the clock be behind that of the start before, its locks expire instead. Who has no such name is an
//! instance of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use time::OffsetDateTime;
use uuid::Uuid;

const NAMESPACE: Uuid = Uuid::from_u128(0x5b1f_3a0e_7c64_4d0d_9a53_0c7e_61d2_84b7);

/// Characters of a token that name the instance, and after them those that name its start. `begin.lua` knows them, too.
const INSTANCE: usize = 13;
const START: usize = 28;

/// One start of an instance.
#[derive(Debug)]
pub struct Holder {
    instance: [u8; 6],
    /// Its time, in milliseconds since 1970.
    start: [u8; 6],
    claims: AtomicU32,
}

impl Holder {
    /// The start that this process is, at this time, of the instance of this name.
    pub fn started(instance: Option<&str>, at: OffsetDateTime) -> Self {
        let named = instance.map_or_else(Uuid::new_v4, |name| Uuid::new_v5(&NAMESPACE, name.as_bytes()));
        let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let [_, _, start @ ..] = millis.to_be_bytes();
        let [a, b, c, d, e, f, ..] = named.into_bytes();
        Self { instance: [a, b, c, d, e, f], start, claims: AtomicU32::new(0) }
    }

    /// A token that no other claim has.
    pub fn token(&self) -> Uuid {
        let claim = self.claims.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let bytes = self.instance.into_iter().chain(self.start).chain(claim);
        let mut token = [0; 16];
        token.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Uuid::from_bytes(token)
    }
}

/// Whether `token` is of a later start of the instance that holds a lock with `holder`.
pub fn is_succeeded(holder: &str, token: &str) -> bool {
    let (instance, start) = (0..INSTANCE, INSTANCE..START);
    holder.get(instance.clone()) == token.get(instance) && holder.get(start.clone()) < token.get(start)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_earlier_start_of_the_same_instance_is_succeeded_and_nobody_else() {
        let (then, now) = (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::now_utc());
        let named = |name| [then, now, now + Duration::from_millis(1)].map(|at| Holder::started(Some(name), at));
        let ([first, second, third], [other, ..]) = (named("worker-1"), named("worker-2"));
        let nameless = [then, now].map(|at| Holder::started(None, at));
        let succeeds =
            |holder: &Holder, next: &Holder| is_succeeded(&holder.token().to_string(), &next.token().to_string());
        assert!(succeeds(&first, &second) && succeeds(&second, &third));
        assert!(!succeeds(&third, &second) && !succeeds(&second, &first), "what was taken over stays taken over");
        assert!(!succeeds(&second, &second) && !succeeds(&other, &second) && !succeeds(&nameless[0], &nameless[1]));
        assert!(!is_succeeded("from another program", &second.token().to_string()));
    }
}
