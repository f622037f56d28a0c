//! The names that the worker makes (UUIDs of version 5): the same parts give the same name in every worker, so that what
//! is done again meets what was done before.

use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

/// Root of the names of requests, records, outcomes and what belongs to them.
const NAMESPACE: Uuid = Uuid::from_u128(0x7d0f_6a52_8e1c_4b0e_9d3a_5a6f_2c41_b7e9);

/// A digest of a value: several names are made of the same one, and a value is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub Uuid);

impl Digest {
    pub fn of(value: &[u8]) -> Self {
        Self(uuid_of(NAMESPACE, value))
    }
}

/// A name of parts; the lengths keep two different lists from making the same name.
pub fn name_of(parts: &[&str]) -> Uuid {
    let mut name = String::with_capacity(parts.iter().map(|part| part.len() + 5).sum());
    for part in parts {
        name.push_str(&part.len().to_string());
        name.push(':');
        name.push_str(part);
    }
    uuid_of(NAMESPACE, name.as_bytes())
}

/// The UUID of a name within a namespace. [`Uuid::new_v5`] does the same without the processor's help.
fn uuid_of(namespace: Uuid, name: &[u8]) -> Uuid {
    let digest: [u8; 20] = Sha1::new().chain_update(namespace).chain_update(name).finalize().into();
    let [uuid @ .., _, _, _, _] = digest;
    Builder::from_sha1_bytes(uuid).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(name_of(&["ab", "c"]), name_of(&["a", "bc"]));
    }

    #[test]
    fn names_are_those_that_anybody_makes_by_the_standard() {
        for name in ["", "www.example.com", &"가".repeat(400)] {
            assert_eq!(
                uuid_of(Uuid::NAMESPACE_DNS, name.as_bytes()),
                Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes())
            );
        }
        assert_eq!(name_of(&["id", "가"]), Uuid::new_v5(&NAMESPACE, "2:id3:가".as_bytes()));
        assert_eq!(Digest::of(b"{}").0, Uuid::new_v5(&NAMESPACE, b"{}"));
    }
}
