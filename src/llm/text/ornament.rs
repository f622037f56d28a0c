//! Ornaments: emoji, emoticons and other signs that stand around a sentence and are no part of it.

use super::is_alphanumeric;

/// Emoticons of ASCII signs and of Korean ones, and remarks that stand for one.
const EMOTICONS: [&str; 28] = [
    ":)", ":-)", ":D", ":-D", ":(", ":-(", ";)", ";-)", "=)", ":P", ":p", "XD", "xD", "^^;;", "^^;", "^^", "^_^",
    "^.^", "T_T", "ㅎㅎ", "ㅋㅋ", "ㅠㅠ", "ㅠ_ㅠ", "ㅜ_ㅜ", "<3", "(웃음)", "(박수)", "(미소)",
];
/// Characters of a face in parentheses, and of an emoji's name between colons.
const LONGEST_FACE: usize = 8;
const LONGEST_NAME: usize = 24;

/// `text` without the ornaments that it begins with.
pub fn skip(text: &str) -> &str {
    let mut rest = text;
    loop {
        let emoticon = EMOTICONS.iter().find_map(|emoticon| rest.strip_prefix(emoticon));
        let next = match emoticon {
            // More of the same: `^^^`, `ㅋㅋㅋ`.
            Some(next) => next.trim_start_matches(['^', ')', 'ㅎ', 'ㅋ', 'ㅠ']),
            None => match face(rest).or_else(|| named(rest)) {
                Some(next) => next,
                None => without_tildes(rest.trim_start_matches(is_emoji)),
            },
        };
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// What follows a face in parentheses: `(^_^)`, `(´▽`)`, `(>_<)`.
fn face(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?;
    let end = inner.char_indices().take(LONGEST_FACE).find(|(_, c)| *c == ')')?.0;
    let (face, rest) = inner.split_at_checked(end)?;
    let signs = face.chars().filter(|c| !is_alphanumeric(*c)).count();
    let looks = face.contains(['^', '_', '▽', '´', '`', 'ω', '・', '>', '<', ';']) && !face.contains(['=', ' ', ',']);
    (looks && signs >= 2 && !face.contains(|c: char| c.is_ascii_digit())).then(|| rest.strip_prefix(')'))?
}

/// What follows an emoji's name as chats write it: `:thumbsup:`.
fn named(text: &str) -> Option<&str> {
    let inner = text.strip_prefix(':')?;
    let end = inner.char_indices().take(LONGEST_NAME).find(|(_, c)| *c == ':')?.0;
    let (name, rest) = inner.split_at_checked(end)?;
    let is_name =
        name.len() > 1 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-".contains(c));
    (is_name && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '+')).then(|| rest.strip_prefix(':'))?
}

/// `~` draws a sentence out, and begins a path.
fn without_tildes(text: &str) -> &str {
    let rest = text.trim_start_matches('~');
    if rest.starts_with(|c: char| c.is_ascii() && !c.is_whitespace()) { text } else { rest }
}

/// `text` without the ornaments and spaces that it ends with.
pub fn without(text: &str) -> &str {
    let mut rest = text;
    loop {
        let next = rest.trim_end_matches(is_ornament);
        let next = next.trim_end_matches(['ㅎ', 'ㅋ', 'ㅠ', 'ㅜ']);
        let next = EMOTICONS.iter().find_map(|emoticon| next.strip_suffix(emoticon)).unwrap_or(next);
        let next = [('(', LONGEST_FACE), (':', LONGEST_NAME)]
            .iter()
            .find_map(|(open, longest)| {
                let mut before = next.char_indices().rev().take(longest + 2).skip(1);
                let at = before.find(|(_, c)| c == open)?.0;
                let ornament = next.get(at..)?;
                (face(ornament).or_else(|| named(ornament)) == Some("")).then(|| next.get(..at))?
            })
            .unwrap_or(next);
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// Whether `c` is an emoji, or part of one.
pub fn is_emoji(c: char) -> bool {
    matches!(c,
        // Numbers of footnotes.
        '\u{B2}' | '\u{B3}' | '\u{B9}' | '\u{2070}'..='\u{2079}' | '\u{207D}' | '\u{207E}' | '†' | '‡'
        | '\u{200D}' | '\u{20E3}' | '\u{FE0E}' | '\u{FE0F}'
        | '\u{25A0}'..='\u{2793}'
        | '\u{2795}'..='\u{2797}'
        | '\u{2B1B}' | '\u{2B1C}' | '\u{2B50}' | '\u{2B55}' | '\u{3030}'
        | '\u{1F000}'..='\u{1FAFF}')
}

/// What may follow a sentence without being part of it.
pub fn is_ornament(c: char) -> bool {
    let closing =
        matches!(c, '”' | '’' | '」' | '』' | '》' | '〉' | '】' | '）' | '…' | '。' | '！' | '？' | '‼' | '⁉');
    c.is_whitespace() || matches!(c, '~' | '^') || (c > '\u{2000}' && !is_alphanumeric(c) && !closing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ornaments_are_told_from_text() {
        for text in [
            "🙂",
            "✨👨\u{200D}💻",
            "❤\u{FE0F}",
            ":)",
            "^^",
            "^^;",
            "~~",
            "★☆",
            "ㅎㅎㅎ",
            "👍🏽:)",
            "(^_^)",
            "(>_<)",
            ":thumbsup:",
            ":+1:",
            "(웃음)",
        ] {
            assert_eq!(skip(&format!("{text}다음")), "다음", "{text}");
            assert_eq!(without(&format!("좋습니다 {text} ")), "좋습니다", "{text}");
        }
        for text in ["→ 다음", "~/.bashrc", "다음", ": 다음", "(다음)", "(a_b)", "(1^2)", "::", ":8080:", "1", "…"]
        {
            assert_eq!(skip(text), text);
        }
    }
}
