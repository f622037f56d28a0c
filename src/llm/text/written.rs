//! Characters that are written in another way than members type them: Hangul taken apart, and `\uXXXX`.

use std::borrow::Cow;

use super::is_hangul;

/// Escapes from which on they are no example in a sentence about them.
const MIN_ESCAPES: usize = 3;

/// `text` with Korean letters that were taken apart (as file names of some systems are) as syllables: Unicode, 3.12.
pub fn composed(text: &str) -> Cow<'_, str> {
    const LEADS: u32 = 0x1100;
    const VOWELS: u32 = 0x1161;
    const TAILS: u32 = 0x11A7;
    const SYLLABLES: u32 = 0xAC00;
    if !text.contains(is_part) {
        return Cow::Borrowed(text);
    }
    let mut composed = String::with_capacity(text.len());
    for c in text.chars() {
        let code = u32::from(c);
        let last = composed.chars().next_back().map_or(0, u32::from);
        let syllable = match code {
            0x1161..=0x1175 if (LEADS..LEADS + 19).contains(&last) => {
                Some(SYLLABLES + ((last - LEADS) * 21 + (code - VOWELS)) * 28)
            }
            0x11A8..=0x11C2 if (SYLLABLES..0xD7A4).contains(&last) && (last - SYLLABLES).is_multiple_of(28) => {
                Some(last + (code - TAILS))
            }
            _ => None,
        };
        match syllable.and_then(char::from_u32) {
            Some(syllable) => {
                composed.pop();
                composed.push(syllable);
            }
            None => composed.push(c),
        }
    }
    Cow::Owned(composed)
}

/// Whether `c` is a vowel or a tail that a syllable is made of.
pub fn is_part(c: char) -> bool {
    matches!(c, '\u{1161}'..='\u{11C2}')
}

/// `text` with the characters that its `\uXXXX` stand for, where its Korean is written so. Those of ASCII stay, which may
/// be quotes within JSON; and so do all in a sentence about them.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    let escapes = text.matches("\\u").count();
    if escapes < MIN_ESCAPES || escapes < text.chars().filter(|c| is_hangul(*c)).count() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        out.push_str(before);
        match escaped(after) {
            Some((c, beyond)) => {
                // It was escaped more than once.
                out.truncate(out.trim_end_matches('\\').len());
                out.push(c);
                rest = beyond;
            }
            None => {
                out.push_str("\\u");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character whose digits `text` begins with, and what follows them.
fn escaped(text: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(text)?;
    if let Some(c) = char::from_u32(first.into()) {
        return (!c.is_ascii()).then_some((c, rest));
    }
    let (second, rest) = unit(rest.trim_start_matches('\\').strip_prefix('u')?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, rest))
}

/// Four hexadecimal digits.
pub fn unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_were_taken_apart_become_syllables() {
        assert_eq!(composed("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}이 a"), "한글이 a");
        for text in ["한글", "ㅎㅏㄴ", "\u{1161}\u{11A8}", "\u{1100}a\u{1161}"] {
            assert_eq!(composed(text), text);
        }
    }

    #[test]
    fn escapes_become_what_they_stand_for_and_stay_where_a_sentence_is_about_them() {
        assert_eq!(unescaped("\\ud575\\uC2EC\\uc744 \\ud83d\\ude42"), "핵심을 🙂");
        assert_eq!(unescaped("\\\\ud575\\\\uc2ec\\\\uc744"), "핵심을");
        assert_eq!(unescaped("{\"a\": \"\\u0022\\ud575\\uc2ec\\uc744\"}"), "{\"a\": \"\\u0022핵심을\"}");
        for text in ["\\uac00은 '가'입니다", "\\u \\u \\u", "\\ud800\\ud800\\ud800", "\\u+123\\u+123\\u+123", "\\u12"]
        {
            assert_eq!(unescaped(text), text);
        }
    }
}
