//! Looking at words without their spaces and marks.

/// Letters and digits only, in lower case.
pub fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a squeezed text is nothing but `words`, one after the other.
pub fn is_made_of(text: &str, words: &[&str]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for at in 0..text.len() {
        if !reached.get(at).copied().unwrap_or_default() {
            continue;
        }
        let Some(rest) = text.get(at..) else { continue };
        for word in words.iter().filter(|word| rest.starts_with(**word)) {
            if let Some(end) = reached.get_mut(at + word.len()) {
                *end = true;
            }
        }
    }
    !text.is_empty() && reached.last().copied().unwrap_or_default()
}

/// The text without what counts it: `3. `, `(2) `, `IV. `, and without marks and emoji around it.
pub fn without_number(text: &str) -> &str {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let text = text.trim_start_matches(|c| matches!(c, '①'..='⑳' | '❶'..='❿')).trim_start();
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let roman = text.trim_start_matches(['I', 'V', 'X', 'Ⅰ', 'Ⅱ', 'Ⅲ', 'Ⅳ', 'Ⅴ', 'Ⅵ', 'Ⅶ', 'Ⅷ', 'Ⅸ', 'Ⅹ']);
    let counted = |rest: &&str| {
        rest.len() < text.len() && rest.starts_with(['.', ')', ' ', ']', ':', '-', '\u{FE0F}', '\u{20E3}'])
    };
    let rest = [digits, roman].into_iter().find(counted).unwrap_or(text);
    let letter = |c: char| c.is_ascii_uppercase() || "가나다라마바사아".contains(c);
    let rest = rest.strip_prefix(letter).filter(|rest| rest.starts_with(['.', ')'])).unwrap_or(rest);
    rest.trim_start_matches(|c: char| !c.is_alphanumeric())
}

/// The places of a line that are code, addresses or escapes, which nothing is looked for in: for each byte, whether it is.
pub fn protected(line: &str) -> Vec<bool> {
    let mut protected = vec![false; line.len()];
    let mut cover = |from: usize, to: usize| {
        if let Some(span) = protected.get_mut(from..to) {
            span.fill(true);
        }
    };
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        if ticks > 0 {
            let inside = rest.get(ticks..).unwrap_or_default();
            match code_end(inside, ticks) {
                Some(end) => {
                    cover(at, at + ticks + end);
                    at += ticks + end;
                }
                None => at += ticks,
            }
            continue;
        }
        if rest.starts_with("http://") || rest.starts_with("https://") {
            let end = rest.find(|c: char| c.is_whitespace() || "<>\"`|".contains(c)).unwrap_or(rest.len());
            cover(at, at + end);
            at += end;
            continue;
        }
        let mut characters = rest.chars();
        let c = characters.next().unwrap_or_default();
        let next = characters.next().filter(|next| c == '\\' && next.is_ascii_punctuation());
        let length = c.len_utf8() + next.map_or(0, char::len_utf8);
        if next.is_some() {
            cover(at, at + length);
        }
        at += length;
    }
    protected
}

/// Where a piece of code ends that as many backticks opened, behind those that close it.
fn code_end(inside: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = inside.get(at..)?.find('`').map(|found| at + found) {
        let rest = inside.get(found..)?;
        let length = rest.len() - rest.trim_start_matches('`').len();
        at = found + length;
        if length == ticks {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_of_words_however_they_are_cut() {
        for text in ["담당업무", "팀규모", "대학교명", "기간"] {
            assert!(is_made_of(text, super::super::phrases::blank::WORDS), "{text}");
        }
        for text in ["송장입력", "주문접수", "우아한형제들", ""] {
            assert!(!is_made_of(text, super::super::phrases::blank::WORDS), "{text}");
        }
    }

    #[test]
    fn numbers_and_marks_before_a_name_are_passed_over() {
        for text in
            ["소개", "1. 소개", "(2) 소개", "I. 소개", "📧 소개", "[소개]", "■ 소개", "A. 소개", "Ⅳ. 소개", "소개:"]
        {
            assert_eq!(without_number(text), "소개", "{text}");
        }
        assert_eq!(without_number("Vue 소개"), "Vue 소개");
        assert_eq!(without_number("2023년 소개"), "2023년 소개");
    }

    #[test]
    fn code_addresses_and_escapes_are_protected() {
        let seen = |line: &str| {
            let protected = protected(line);
            line.char_indices().map(|(at, c)| if protected[at] { '_' } else { c }).collect::<String>()
        };
        assert_eq!(seen("a `b` c ``d`e`` f ` g"), "a ___ c _______ f ` g");
        assert_eq!(seen("a https://a.kr/b c"), "a ______________ c");
        assert_eq!(seen(r"a \* b \c"), r"a __ b \c");
    }
}
