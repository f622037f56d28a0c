//! Text on its way to a model and back: fencing what a member wrote, and taking a reply out of its envelope.
//!
//! A reply's way: [`visible`] drops what nobody can see, [`turn`] keeps what the model says itself, between special
//! [`tokens`], [`envelope`] takes away an echo of our prompt, roles and labels, [`object`] reads JSON with slips,
//! [`markup`] turns Markdown into plain lines ([`html`] and [`inline`] with [`formula`] are its parts), and [`sentence`]
//! finds where its sentences end, [`ornament`]s aside. [`boilerplate`] knows what is no reply at all, by the [`phrases`]
//! that models use.
//!
//! Each of them reads a text once, from left to right, and looks no further ahead than a constant says, so that a reader of
//! a reply that is still coming can be made of the same parts. What looks back: a thought that closes without having been
//! opened, and the reply proper behind its mark ([`turn`]); a block of code that ends ([`markup`]).

pub mod boilerplate;
pub mod brackets;
#[cfg(test)]
pub mod cases;
pub mod envelope;
pub mod fence;
pub mod formula;
pub mod html;
pub mod inline;
pub mod markup;
pub mod object;
pub mod ornament;
#[rustfmt::skip]
pub mod phrases;
pub mod sentence;
pub mod tokens;
pub mod turn;
pub mod written;

use std::borrow::Cow;

/// `text` without what a reader cannot see: control characters but line ends, and the invisible characters that reorder,
/// split or hide text. Line ends become `\n`, a tab becomes a space, and Hangul that was taken apart is put together.
/// Joiners stay, since emoji need them.
pub fn visible(text: &str) -> Cow<'_, str> {
    // Most characters are of these two ranges; the others take longer to tell.
    let is_seen = |c: char| {
        matches!(c, ' '..='~' | '가'..='힣') || (shown(c) == Some(c) && !JOINERS.contains(&c) && !written::is_part(c))
    };
    if text.chars().all(is_seen) {
        return Cow::Borrowed(text);
    }
    let text: String = without_references(&text.replace("\r\n", "\n")).chars().filter_map(shown).collect();
    let text = if text.contains(JOINERS) { without_idle_joiners(&text) } else { text };
    Cow::Owned(written::composed(&text).into_owned())
}

/// What encloses a reference.
const REFERENCE: (char, char) = ('\u{E200}', '\u{E201}');

/// `text` without references to sources as ChatGPT marks them, with characters for private use, for its own interface.
fn without_references(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed("");
    let mut rest = text;
    while let Some((before, (reference, after))) =
        rest.split_once(REFERENCE.0).and_then(|(before, opened)| Some((before, opened.split_once(REFERENCE.1)?)))
    {
        // One that was opened twice was never closed.
        let open = reference.rsplit(REFERENCE.0).next().map_or(0, str::len);
        let kept = reference.get(..reference.len() - open).unwrap_or_default();
        out.to_mut().push_str(before);
        out.to_mut().push_str(kept);
        rest = after;
    }
    if out.is_empty() && rest.len() == text.len() { Cow::Borrowed(text) } else { out + rest }
}

/// `text`, whose end is still to come, without a reference that is open.
pub fn before_open_reference(text: &str) -> &str {
    let open = text.rsplit_once(REFERENCE.0).filter(|(_, reference)| !reference.contains(REFERENCE.1));
    open.map_or(text, |(before, _)| before)
}

/// Characters that join, or keep apart, those beside them.
const JOINERS: [char; 2] = ['\u{200C}', '\u{200D}'];

/// `text` without joiners but those between emoji and the like: in a word of Hangul or Latin they only hide something.
fn without_idle_joiners(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let joins = |c: char| c >= '\u{2000}' && !is_hangul(c) && !JOINERS.contains(&c) && !c.is_whitespace();
        let idle = !(out.chars().next_back().is_some_and(joins) && rest.peek().copied().is_some_and(joins));
        if !(JOINERS.contains(&c) && idle) {
            out.push(c);
        }
    }
    out
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

/// Whether nobody sees `c`, or sees something else by it.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}' | '\u{1160}'
        | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'
        | '\u{200E}' | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0D}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFD}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
        // For private use: nobody else knows what they are.
        || matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..)
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

/// Whether `text` begins with a word for a sign, which what stands before it is then: `# 기호`, `> 연산자`.
pub fn names_a_sign(text: &str) -> bool {
    const WORDS: [&str; 14] = [
        "기호",
        "연산자",
        "선택자",
        "결합자",
        "문자",
        "부호",
        "표기",
        "구문",
        "파이프",
        "와일드카드",
        "옵션",
        "플래그",
        "명령어",
        "operator",
    ];
    WORDS.iter().any(|word| text.trim_start().starts_with(word))
}

/// Whether most of `text` is in another script than those that members read, or in letters that come of a wrong encoding.
/// A term or two in Latin letters do not make it theirs. Greek letters are those of formulas.
pub fn is_foreign(text: &str) -> bool {
    let (mut hangul, mut words, mut accents, mut foreign) = (0, 0, 0, 0);
    let mut in_word = false;
    for c in text.chars() {
        let accent = matches!(c, '\u{C0}'..'\u{250}' | '\u{1E00}'..='\u{1EFF}');
        let latin = accent || c.is_ascii_alphabetic();
        words += usize::from(latin && !in_word);
        in_word = latin;
        match c {
            _ if c.is_ascii() => {}
            _ if is_hangul(c) => hangul += 1,
            _ if accent => accents += 1,
            '\u{400}'..='\u{20FF}' | '\u{2E80}'..='\u{FDFF}' | '\u{20000}'.. if c.is_alphabetic() => foreign += 1,
            _ => {}
        }
    }
    // Vietnamese has one of them in nearly each word, and a wrong encoding several.
    foreign > hangul + words || 4 * accents > 4 * hangul + 3 * words
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
        assert_eq!(visible("T\u{200D}C\u{200C}P"), "TCP");
        assert_eq!(visible("T\u{200B}C\u{0}P\u{202E}\u{FEFF}\u{FFFD}\u{E0041}\u{FFFF}"), "TCP");
        assert_eq!(visible("👩\u{200D}💻"), "👩\u{200D}💻");
        assert_eq!(visible("T\u{200D}C\u{200C}P\u{3164}\u{2800}\u{E200}"), "TCP");
        assert_eq!(visible("TCP\u{E200}cite\u{E202}turn0\u{E201}는"), "TCP는");
        assert_eq!(visible("\u{1112}\u{200B}\u{1161}\u{200D}\u{11AB}"), "한");
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
    fn a_text_in_another_script_is_foreign_and_one_with_a_word_of_it_is_not() {
        for text in [
            "Câu trả lời của bạn rất tốt.",
            "你的回答抓住了TCP的核心。",
            "Это ответ.",
            "您在Kafka项目中担任什么角色?",
            "íķµìĭ¬ìĿĦ",
        ] {
            assert!(is_foreign(text), "{text}");
        }
        for text in [
            "共有(공유) 자원을 설명했습니다.",
            "It is right.",
            "Θ(n)과 α는 다릅니다.",
            "Café is open.",
            "A naïve résumé from São Paulo is fine.",
            "",
            "123",
        ] {
            assert!(!is_foreign(text), "{text}");
        }
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
