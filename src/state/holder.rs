//! Who holds the locks of a process: a token says which instance it is, and which of its starts.
//!
//! A worker that is a static member of its groups (`group.instance.id`) comes back under the name of the one before it.
//! That one has been fenced by the broker, or is dead, so that nothing waits for it: the locks of an earlier start of the
//! same instance are free to be taken. Who has no such name is an instance of its own.

use uuid::Uuid;

const NAMESPACE: Uuid = Uuid::from_u128(0x5b1f_3a0e_7c64_4d0d_9a53_0c7e_61d2_84b7);

/// Characters of a token that name the instance, and after them those that name its start. `begin.lua` knows them, too.
const INSTANCE: usize = 18;
const START: usize = 28;

/// One start of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    instance: [u8; 8],
    start: [u8; 4],
}

impl Holder {
    /// The start that this process is, of the instance of this name.
    pub fn started(instance: Option<&str>) -> Self {
        let named = instance.map_or_else(Uuid::new_v4, |name| Uuid::new_v5(&NAMESPACE, name.as_bytes()));
        Self { instance: first(named), start: first(Uuid::new_v4()) }
    }

    /// A token that no other claim has.
    pub fn token(&self) -> Uuid {
        let claim: [u8; 4] = first(Uuid::new_v4());
        let bytes = self.instance.into_iter().chain(self.start).chain(claim);
        let mut token = [0; 16];
        token.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Uuid::from_bytes(token)
    }
}

/// The first bytes of a UUID.
fn first<const N: usize>(uuid: Uuid) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(uuid.into_bytes()).for_each(|(place, byte)| *place = byte);
    bytes
}

/// Whether `token` is of a later start of the instance that holds a lock with `holder`.
pub fn is_succeeded(holder: &str, token: &str) -> bool {
    let same = |range: std::ops::Range<usize>| holder.get(range.clone()) == token.get(range);
    same(0..INSTANCE) && !same(INSTANCE..START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_start_of_the_same_instance_is_succeeded_and_nobody_else() {
        let [earlier, later] = [(); 2].map(|()| Holder::started(Some("worker-1")));
        let other = Holder::started(Some("worker-2"));
        let nameless = [(); 2].map(|()| Holder::started(None));
        let succeeds =
            |holder: Holder, next: Holder| is_succeeded(&holder.token().to_string(), &next.token().to_string());
        assert!(succeeds(earlier, later));
        assert!(!succeeds(later, later) && !succeeds(other, later) && !succeeds(nameless[0], nameless[1]));
        assert!(!is_succeeded("from another program", &later.token().to_string()));
    }
}
