//! Text on its way to a model and back: fencing what a member wrote, and taking a reply out of its envelope.
//!
//! A reply's way: [`visible`] drops what nobody can see, [`envelope`] takes away special [`tokens`], roles and labels,
//! [`markup`] turns Markdown into plain lines, and [`sentence`] finds where its sentences end. [`boilerplate`] knows what
//! is no reply at all, by the [`phrases`] that models use.

pub mod boilerplate;
pub mod envelope;
pub mod fence;
pub mod markup;
#[rustfmt::skip]
pub mod phrases;
pub mod sentence;
pub mod tokens;

use std::borrow::Cow;

/// `text` without what a reader cannot see: control characters but line ends, and the invisible characters that reorder,
/// split or hide text. Line ends become `\n`, a tab becomes a space. Joiners stay, since emoji need them.
pub fn visible(text: &str) -> Cow<'_, str> {
    // Most characters are of these two ranges; the others take longer to tell.
    if text.chars().all(|c| matches!(c, ' '..='~' | '가'..='힣') || shown(c) == Some(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").chars().filter_map(shown).collect())
}

/// What a reader sees of `c`.
fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' => Some(' '),
        c if c.is_control() || is_invisible(c) => None,
        c => Some(c),
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}'
        | '\u{61C}'
        | '\u{180E}'
        | '\u{200B}'
        | '\u{200E}' | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}'
        | '\u{FFF0}'..='\u{FFFD}'
        | '\u{E0000}'..='\u{E0FFF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// `text` with each run of whitespace as one space, and none at its ends.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !text.contains("  ") && !text.contains(|c: char| c.is_whitespace() && c != ' ') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `text` without any `part`.
fn without<'a>(text: Cow<'a, str>, part: &str) -> Cow<'a, str> {
    if text.contains(part) { Cow::Owned(text.replace(part, "")) } else { text }
}

/// The first `chars` characters of `text`.
pub fn beginning(text: &str, chars: usize) -> &str {
    let end = text.char_indices().nth(chars).map(|(end, _)| end);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Whether `c` is Hangul.
pub fn is_hangul(c: char) -> bool {
    matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}')
}

/// [`char::is_alphanumeric`], which alone takes long to tell for Hangul.
pub fn is_alphanumeric(c: char) -> bool {
    is_hangul(c) || c.is_alphanumeric()
}

/// Whether `c` is a letter that members read: Hangul or Latin.
pub fn is_readable(c: char) -> bool {
    is_hangul(c) || (c.is_alphabetic() && c < '\u{250}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_are_unified_and_tabs_become_spaces() {
        assert_eq!(visible("가\r\n나\r다\u{2028}라\t마"), "가\n나\n다\n라 마");
    }

    #[test]
    fn characters_that_nobody_sees_are_dropped_and_emoji_stay_whole() {
        assert_eq!(visible("T\u{200B}C\u{0}P\u{202E}\u{FEFF}\u{FFFD}\u{E0041}\u{FFFF}"), "TCP");
        assert_eq!(visible("👩\u{200D}💻"), "👩\u{200D}💻");
    }

    #[test]
    fn whitespace_of_every_kind_becomes_one_space() {
        assert_eq!(one_line(" 가\n\n나\u{A0}\u{3000}다 "), "가 나 다");
    }

    #[test]
    fn only_hangul_and_latin_letters_are_readable() {
        assert!(['가', 'ㅋ', 'a', 'é'].into_iter().all(is_readable));
        assert!(!['1', '.', '漢', 'ж', '😊'].into_iter().any(is_readable));
    }

    #[test]
    fn all_of_hangul_is_alphabetic() {
        assert!(('\0'..='힣').filter(|c| is_hangul(*c)).all(char::is_alphabetic));
    }

    proptest! {
        #[test]
        fn what_is_visible_holds_no_control_character_but_line_ends(text in any::<String>()) {
            let text = visible(&text);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
            prop_assert_eq!(visible(&text), text.as_ref());
        }
    }
}
