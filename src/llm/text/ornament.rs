//! Ornaments: emoji, emoticons and other signs that stand around a sentence and are no part of it.

use super::is_alphanumeric;

/// Emoticons of ASCII signs and of Korean ones.
const EMOTICONS: [&str; 16] =
    [":)", ":-)", ":D", ":-D", ":(", ":-(", ";)", ";-)", "=)", "^^", "^_^", "^.^", "ㅎㅎ", "ㅋㅋ", "ㅠㅠ", "<3"];

/// `text` without the ornaments that it begins with.
pub fn skip(text: &str) -> &str {
    let mut rest = text;
    loop {
        let emoticon = EMOTICONS.iter().find_map(|emoticon| rest.strip_prefix(emoticon));
        let next = match emoticon {
            // More of the same: `^^^`, `ㅋㅋㅋ`.
            Some(next) => next.trim_start_matches(['^', ')', 'ㅎ', 'ㅋ', 'ㅠ']),
            None => without_tildes(rest.trim_start_matches(is_emoji)),
        };
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
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
        '\u{B2}' | '\u{B3}' | '\u{B9}' | '\u{2070}'..='\u{2079}'
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
        for text in ["🙂", "✨👨\u{200D}💻", "❤\u{FE0F}", ":)", "^^", "~~", "★☆", "ㅎㅎㅎ", "👍🏽:)"]
        {
            assert_eq!(skip(&format!("{text}다음")), "다음", "{text}");
            assert_eq!(without(&format!("좋습니다 {text} ")), "좋습니다", "{text}");
        }
        for text in ["→ 다음", "~/.bashrc", "다음", ": 다음", "(다음)", "1", "…"] {
            assert_eq!(skip(text), text);
        }
    }
}
