//! Which topic has a name now. A topic that is deleted and made again has the name of the one before and another id; librdkafka
//! goes on reading it where it was in the other, and tells nobody.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::{self, rd_kafka_admin_op_t, rd_kafka_t};
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::error::KafkaError;

/// A topic's id, two halves of a UUID.
pub type TopicId = (i64, i64);

/// The ids of those topics that are there, as this broker knows them. Blocks for up to `patience`.
///
/// # Safety
/// `client` has to live until this returns.
pub unsafe fn topic_ids(
    client: *mut rd_kafka_t,
    broker: i32,
    topics: &[Arc<str>],
    patience: Duration,
) -> Result<HashMap<Arc<str>, TopicId>, KafkaError> {
    let names: Vec<CString> = topics.iter().filter_map(|topic| CString::new(topic.as_ref()).ok()).collect();
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let mut ids = HashMap::new();
    // SAFETY: the client lives; names are copied; what is made here is destroyed here, and what belongs to the event is
    // read before that.
    unsafe {
        let queue = bindings::rd_kafka_queue_new(client);
        let options =
            bindings::rd_kafka_AdminOptions_new(client, rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        bindings::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        // Without one the controller is asked, which not every cluster has always.
        bindings::rd_kafka_AdminOptions_set_broker(options, broker, ptr::null_mut(), 0);
        let collection = bindings::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        bindings::rd_kafka_DescribeTopics(client, collection, options, queue);
        bindings::rd_kafka_TopicCollection_destroy(collection);
        bindings::rd_kafka_AdminOptions_destroy(options);
        let event = bindings::rd_kafka_queue_poll(queue, millis);
        let error = if event.is_null() {
            Some(RDKafkaErrorCode::OperationTimedOut)
        } else {
            let code: RDKafkaErrorCode = bindings::rd_kafka_event_error(event).into();
            (code != RDKafkaErrorCode::NoError).then_some(code)
        };
        if error.is_none() {
            let result = bindings::rd_kafka_event_DescribeTopics_result(event);
            let mut count = 0;
            let described = bindings::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            for at in 0..count {
                let topic = *described.add(at);
                let code = bindings::rd_kafka_error_code(bindings::rd_kafka_TopicDescription_error(topic));
                let id = bindings::rd_kafka_TopicDescription_topic_id(topic);
                if RDKafkaErrorCode::from(code) == RDKafkaErrorCode::NoError && !id.is_null() {
                    let halves = (
                        bindings::rd_kafka_Uuid_most_significant_bits(id),
                        bindings::rd_kafka_Uuid_least_significant_bits(id),
                    );
                    let name = CStr::from_ptr(bindings::rd_kafka_TopicDescription_name(topic)).to_string_lossy();
                    // A broker that knows no ids says nothing but zeros.
                    if halves != (0, 0) {
                        ids.insert(name.as_ref().into(), halves);
                    }
                }
            }
        }
        if !event.is_null() {
            bindings::rd_kafka_event_destroy(event);
        }
        bindings::rd_kafka_queue_destroy(queue);
        match error {
            None => Ok(ids),
            Some(error) => Err(error.into()),
        }
    }
}
