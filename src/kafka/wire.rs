//! Between librdkafka's messages and our records. Header names need not be UTF-8, which rdkafka's own reading of
//! headers panics on, so they are read and written as bytes here.

use std::ffi::CStr;
use std::ptr;

use rdkafka::bindings::{self, rd_kafka_resp_err_t};
use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders, Timestamp};

use crate::events::record::{Coordinates, Header, Record, RecordTime, RequestKind};

/// Copies a message out of librdkafka.
pub fn record(kind: RequestKind, topic: &std::sync::Arc<str>, message: &BorrowedMessage<'_>) -> Record {
    Record {
        kind,
        at: Coordinates { topic: topic.clone(), partition: message.partition(), offset: message.offset() },
        time: time(message.timestamp()),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers(message),
    }
}

pub fn time(timestamp: Timestamp) -> Option<RecordTime> {
    match timestamp {
        Timestamp::CreateTime(millis) if millis >= 0 => Some(RecordTime::Create(millis)),
        Timestamp::LogAppendTime(millis) if millis >= 0 => Some(RecordTime::LogAppend(millis)),
        Timestamp::CreateTime(_) | Timestamp::LogAppendTime(_) | Timestamp::NotAvailable => None,
    }
}

/// A message's headers, as they are.
pub fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let mut native = ptr::null_mut();
    // SAFETY: the message lives while we borrow it; the headers belong to it.
    let found = unsafe { bindings::rd_kafka_message_headers(message.ptr(), &mut native) };
    let mut headers = Vec::new();
    if found != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return headers;
    }
    loop {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0_usize);
        // SAFETY: the pointers are ours to be filled; librdkafka says when the index is past the end.
        let found =
            unsafe { bindings::rd_kafka_header_get_all(native, headers.len(), &mut name, &mut value, &mut size) };
        if found != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return headers;
        }
        // SAFETY: a header's name ends with a NUL, and its value has `size` bytes unless it is null; both live as
        // long as the message.
        let (name, value) = unsafe {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size).to_vec());
            (CStr::from_ptr(name).to_bytes().to_vec().into(), value)
        };
        headers.push(Header { name, value });
    }
}

/// Headers for a message to be sent.
pub fn owned_headers(headers: &[Header]) -> OwnedHeaders {
    let owned = OwnedHeaders::new_with_capacity(headers.len());
    let native = ptr::from_ref(owned.as_borrowed()).cast::<bindings::rd_kafka_headers_t>().cast_mut();
    for Header { name, value } in headers {
        let (value, size) = match value {
            Some(value) => (value.as_ptr().cast(), isize::try_from(value.len()).unwrap_or(0)),
            None => (ptr::null(), -1),
        };
        let name_size = isize::try_from(name.len()).unwrap_or(0);
        // SAFETY: a borrowed view of headers is librdkafka's own pointer to them; name and value are copied.
        unsafe { bindings::rd_kafka_header_add(native, name.as_ptr().cast(), name_size, value, size) };
    }
    owned
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Headers;

    #[test]
    fn headers_are_written_with_null_empty_and_odd_values() {
        let headers = owned_headers(&[
            Header { name: b"null".into(), value: None },
            Header { name: b"empty".into(), value: Some(vec![]) },
            Header { name: "한글".as_bytes().into(), value: Some(vec![0, 255]) },
        ]);
        let read: Vec<(&str, Option<&[u8]>)> = headers.iter().map(|header| (header.key, header.value)).collect();
        assert_eq!(read, [("null", None), ("empty", Some(&[][..])), ("한글", Some(&[0, 255][..]))]);
    }
}
