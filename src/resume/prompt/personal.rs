//! Korean resident registration numbers: no résumé needs one, and no model server has to see it.

use std::borrow::Cow;

/// Digits before the hyphen, and behind it.
const BIRTH: usize = 6;
const SERIAL: usize = 7;

/// `text` without them (`990101-1000000`). Phone and account numbers, which look alike, stay: the first belong into a
/// résumé, and nobody can tell the others by their form.
pub fn removed(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = first(rest) {
        kept.push_str(before);
        rest = if before.ends_with(' ') || before.is_empty() { after.trim_start_matches(' ') } else { after };
    }
    if kept.is_empty() && rest.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(kept + rest) }
}

/// What stands before and behind the first of them.
fn first(text: &str) -> Option<(&str, &str)> {
    text.match_indices(['-', '–', '−', '‐', '‑']).find_map(|(at, hyphen)| {
        let (before, after) = (text.get(..at)?.trim_end(), text.get(at + hyphen.len()..)?.trim_start());
        let start = before.len().checked_sub(BIRTH)?;
        let (head, birth) = (before.get(..start)?, before.get(start..)?);
        let (serial, tail) = after.split_at_checked(SERIAL)?;
        let whole = !head.ends_with(|c: char| c.is_ascii_digit()) && !tail.starts_with(|c: char| c.is_ascii_digit());
        (whole && is_date(birth) && is_serial(serial)).then_some((head, tail))
    })
}

/// `YYMMDD`
fn is_date(digits: &str) -> bool {
    let two = |from: usize| digits.get(from..from + 2).and_then(|two| two.parse().ok()).unwrap_or(0_u32);
    digits.chars().all(|c| c.is_ascii_digit()) && (1..=12).contains(&two(2)) && (1..=31).contains(&two(4))
}

/// Sex and century, then six more, which people may have starred out.
fn is_serial(serial: &str) -> bool {
    serial.starts_with(|c| matches!(c, '1'..='8')) && serial.chars().all(|c| c.is_ascii_digit() || c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_numbers_are_removed_however_they_are_written() {
        for (text, left) in [
            ("안녕하세요 990101-1000000 박가온입니다.", "안녕하세요 박가온입니다."),
            ("주민번호: 051231 - 4******", "주민번호: "),
            ("(880229–2345678)과 990101-1000000", "()과 "),
        ] {
            assert_eq!(removed(text), left);
        }
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "010-0000-1234, 02-1234-5678",
            "계좌 123-456-789012",
            "991301-1000000",
            "주문번호 1990101-10000001",
            "2023-2024년, 100-200ms, 가-나",
            "990101-9000000",
        ] {
            assert_eq!(removed(text), text);
        }
    }
}
