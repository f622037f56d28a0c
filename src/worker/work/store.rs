//! How the store is asked, and what it knows a request by.

use uuid::Uuid;

use crate::events::decode::Decoded;
use crate::events::outcome::Origin;
use crate::events::record::{first_id, first_sent, record_name, request_name};
use crate::flow_control::place::{LeftToTheNext, Place};
use crate::state::retrying::{StateFault, until_available};
use crate::state::{Claim, StateError};

/// Asks the state store. While that is away it holds no slot, and the record may be left to the next owner.
pub async fn reach<T, F>(place: &Place, ask: impl Fn() -> F) -> Result<Result<T, StateFault>, LeftToTheNext>
where
    F: Future<Output = Result<T, StateError>>,
{
    match ask().await {
        Ok(done) => Ok(Ok(done)),
        Err(error) => match StateFault::of(error) {
            Ok(fault) => Ok(Err(fault)),
            Err(_away) => {
                place.give_up_slot();
                place.wait(until_available(ask)).await
            }
        },
    }
}

/// What a request is known by in the store, and its lock with this token.
pub fn claim(origin: &Origin<'_>, decoded: &Decoded, token: Uuid) -> Claim {
    let first_id = first_id(origin.record, decoded.request_id.as_deref());
    Claim {
        flow: origin.record.kind.flow(),
        member: origin.member,
        request: request_name(origin.record, origin.digest, origin.member, &first_id),
        record: record_name(origin.record, origin.digest),
        sent_at: first_sent(origin.record),
        token,
    }
}
