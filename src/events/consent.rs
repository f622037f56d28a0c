//! Whether a member has agreed that what the request holds leaves the country (contract, section 4).

use crate::events::header_names::CE_OVERSEASCONSENT;
use crate::events::record::Record;

/// How CloudEvents write that something is so.
pub const YES: &str = "true";

/// Whether the request says so. Whatever is not clearly a yes is a no; where it is said several times, the last counts, as
/// of any header.
pub fn allows_overseas(record: &Record) -> bool {
    record.text_header(CE_OVERSEASCONSENT).is_some_and(|text| text.trim() == YES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::record::{Coordinates, Header, RequestKind};

    fn says(values: &[Option<&[u8]>]) -> bool {
        let header = |value: &Option<&[u8]>| Header {
            name: CE_OVERSEASCONSENT.as_bytes().into(),
            value: value.map(<[u8]>::to_vec),
        };
        allows_overseas(&Record {
            kind: RequestKind::ResumeAnswer,
            at: Coordinates { topic: "ResumeAnswer".into(), partition: 0, offset: 1 },
            time: None,
            key: None,
            value: None,
            headers: values.iter().map(header).collect(),
        })
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(says(&[Some(b"true")]) && says(&[Some(b" true\n")]) && says(&[Some(b"no"), Some(b"true")]));
        for no in ["", " ", "false", "True", "TRUE", "\"true\"", "1", "yes", "true,true", "true false", "동의"] {
            assert!(!says(&[Some(no.as_bytes())]), "{no}");
        }
        assert!(!says(&[]) && !says(&[None]) && !says(&[Some(b"\xfftrue")]));
        assert!(!says(&[Some(b"true"), Some(b"false")]) && !says(&[Some(b"true"), None]), "the last counts");
    }
}
