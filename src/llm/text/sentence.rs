//! Where sentences end, in Korean and in English.

use super::{is_alphanumeric, is_hangul};

/// Brackets and quotes within which no sentence ends, if they close again.
const ASIDES: [(char, char); 13] = [
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('“', '”'),
    ('‘', '’'),
    ('「', '」'),
    ('『', '』'),
    ('《', '》'),
    ('〈', '〉'),
    ('【', '】'),
    ('（', '）'),
    ('«', '»'),
    ('"', '"'),
];
/// Characters that a bracket or a quote may span and still be an aside; a longer one holds sentences of its own.
const LONGEST_ASIDE: usize = 300;
/// Words that go on after their full stop, always.
const NEVER_LAST: [&str; 12] = ["vs", "e.g", "i.e", "eg", "ie", "cf", "ex", "approx", "dr", "mr", "mrs", "prof"];
/// Words whose full stop ends a sentence only before a capital letter.
const SELDOM_LAST: [&str; 2] = ["etc", "al"];
/// Words that go on before a number.
const BEFORE_NUMBERS: [&str; 8] = ["no", "fig", "sec", "ch", "eq", "ver", "vol", "p"];
/// What makes a quoted sentence part of the sentence around it.
const QUOTATIVES: [&str; 8] = ["라고", "라는", "라며", "이라고", "이라는", "하고", "란 ", "이란 "];
/// Syllables that end a Korean sentence.
const ENDINGS: [char; 5] = ['다', '요', '죠', '까', '오'];
/// Syllables that end a Korean note (`설명이 부족함`).
const NOTE_ENDINGS: [char; 4] = ['음', '함', '됨', '임'];
/// Endings of a Korean question.
const ASKING: [&str; 6] = ["까", "까요", "나요", "가요", "인가", "는가"];
/// What counts the points of a Korean list.
const KOREAN_NUMBERS: &str = "가나다라마바사아자차카타파하";

/// The whole sentences of `text`, a single line, in order and with their marks; an unfinished last one is left out.
///
/// A last sentence that lacks only its full stop (`좋은 답변입니다`) gets one, unless the text was `truncated`: then more
/// might have followed, as after `3.` or `Node.` at the very end.
pub fn split(text: &str, truncated: bool) -> Vec<String> {
    let line = Line::new(text);
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for &(mark, c) in &line.signs {
        if mark < end || !is_mark(c) {
            continue;
        }
        let closing = line.skip(mark, is_mark);
        end = line.skip(closing, is_closing);
        if line.ends(&Candidate { start, mark, closing, end }, truncated) {
            sentences.push(line.slice(start, end).to_owned());
            start = line.skip(end, char::is_whitespace);
        }
    }
    if !truncated {
        sentences.extend(finished(line.rest(start)));
    }
    sentences
}

/// Whether `sentence` ends with the mark of a sentence, brackets and quotes after it aside.
pub fn is_marked(sentence: &str) -> bool {
    sentence.trim_end().trim_end_matches(is_closing).ends_with(is_mark)
}

/// `rest` with the mark that it lacks, if it ends as a Korean sentence does.
pub fn finished(rest: &str) -> Option<String> {
    let rest = rest.trim_end_matches(is_ornament);
    let words = rest.trim_end_matches(is_closing);
    let last = words.chars().next_back()?;
    if !ENDINGS.contains(&last) && !NOTE_ENDINGS.contains(&last) && !is_question(words) {
        return None;
    }
    Some(format!("{rest}{}", if is_question(words) { '?' } else { '.' }))
}

/// Whether `words`, without their mark, ask something in Korean.
pub fn is_question(words: &str) -> bool {
    ASKING.iter().any(|ending| words.ends_with(ending))
}

fn is_mark(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

fn is_strong(c: char) -> bool {
    matches!(c, '!' | '?' | '。' | '！' | '？')
}

fn is_closing(c: char) -> bool {
    matches!(c, '\'' | '`' | '*') || ASIDES.iter().any(|(_, close)| *close == c)
}

/// What may follow a sentence without being part of it: emoji, tildes.
fn is_ornament(c: char) -> bool {
    c.is_whitespace() || matches!(c, '~' | '^') || (c > '\u{2000}' && !c.is_alphanumeric() && !is_closing(c))
}

/// A place where a sentence may end, as positions in the text.
struct Candidate {
    start: usize,
    /// The first mark.
    mark: usize,
    /// After the last mark, where closing quotes and brackets may follow.
    closing: usize,
    end: usize,
}

struct Line<'a> {
    text: &'a str,
    /// Whatever is neither a letter nor a digit nor a space, with its position.
    signs: Vec<(usize, char)>,
    /// For each position, whether an aside is open right before it.
    inside: Vec<bool>,
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let text = text.trim();
        let signs: Vec<_> = text.char_indices().filter(|(_, c)| !is_alphanumeric(*c) && *c != ' ').collect();
        let inside = inside_asides(text, &signs);
        Self { text, signs, inside }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn before(&self, at: usize) -> Option<char> {
        self.slice(0, at).chars().next_back()
    }

    /// The first position from `at` on whose character is not one that `passes`.
    fn skip(&self, at: usize, passes: fn(char) -> bool) -> usize {
        self.text.len() - self.rest(at).trim_start_matches(passes).len()
    }

    fn ends(&self, here: &Candidate, truncated: bool) -> bool {
        let says_something = self.slice(here.start, here.mark).contains(|c: char| is_hangul(c) || c.is_alphabetic());
        if !says_something || self.inside.get(here.end).is_some_and(|inside| *inside) {
            return false;
        }
        let mut rest = self.rest(here.end).chars();
        match rest.next() {
            None => self.ends_text(here, truncated),
            Some(next) if next.is_whitespace() => self.ends_before_space(here, rest.as_str()),
            Some(next) => self.ends_before(here, next),
        }
    }

    fn ends_text(&self, here: &Candidate, truncated: bool) -> bool {
        if self.is_strong(here) {
            return true;
        }
        let before = self.before(here.mark);
        if self.is_ellipsis(here) {
            return before.is_some_and(|c| ENDINGS.contains(&c));
        }
        // In a Korean text a full stop after `Node` or `3` most likely was to become `Node.js` or `3.5`.
        let more_may_follow = || {
            before.is_some_and(|c| c.is_ascii_alphanumeric()) && self.slice(here.start, here.mark).contains(is_hangul)
        };
        let goes_on = NEVER_LAST.contains(&self.word(here).as_str()) || self.is_number(here);
        !(goes_on || (truncated && more_may_follow()))
    }

    /// Before a space and what comes `next`.
    fn ends_before_space(&self, here: &Candidate, next: &str) -> bool {
        let quoted = here.closing < here.end;
        if quoted && QUOTATIVES.iter().any(|particle| next.starts_with(particle)) {
            return false;
        }
        if self.is_strong(here) {
            return true;
        }
        if self.is_ellipsis(here) {
            return self.before(here.mark).is_some_and(|c| ENDINGS.contains(&c));
        }
        let capital = next.starts_with(|c: char| c.is_ascii_uppercase());
        let digit = next.starts_with(|c: char| c.is_ascii_digit());
        let word = self.word(here);
        let initial = capital && word.len() == 1 && self.before(here.mark).is_some_and(|c| c.is_ascii_uppercase());
        !(NEVER_LAST.contains(&word.as_str())
            || self.is_number(here)
            || initial
            || (!capital && (SELDOM_LAST.contains(&word.as_str()) || is_dotted(&word)))
            || (digit && BEFORE_NUMBERS.contains(&word.as_str())))
    }

    /// Without a space, only between two Korean sentences: `좋습니다.그러나`.
    fn ends_before(&self, here: &Candidate, next: char) -> bool {
        let ended = self.before(here.mark).is_some_and(|c| ENDINGS.contains(&c));
        here.closing == here.end && ended && is_hangul(next)
    }

    fn is_strong(&self, here: &Candidate) -> bool {
        self.slice(here.mark, here.closing).contains(is_strong)
    }

    fn is_ellipsis(&self, here: &Candidate) -> bool {
        let marks = self.slice(here.mark, here.closing);
        marks.chars().nth(1).is_some() || marks.contains('…')
    }

    /// The word before the mark in lower case, without brackets and quotes before it.
    fn word(&self, here: &Candidate) -> String {
        let words = self.slice(here.start, here.mark);
        let before = words.trim_end_matches(|c| is_alphanumeric(c) || c == '.');
        words.get(before.len()..).unwrap_or_default().to_lowercase()
    }

    /// Whether the mark follows the number of a list's point (`가.`), which begins a sentence and does not end it.
    fn is_number(&self, here: &Candidate) -> bool {
        let mut before = self.slice(here.start, here.mark).chars();
        before.next().is_some_and(|c| KOREAN_NUMBERS.contains(c)) && before.next().is_none()
    }
}

/// Whether `word` is an abbreviation of single letters: `a.m`, `u.s`.
fn is_dotted(word: &str) -> bool {
    word.contains('.') && word.split('.').all(|part| part.len() == 1 && part.chars().all(|c| c.is_ascii_alphabetic()))
}

/// For each position in `text`, and the one after the last, whether an aside is open right before it.
fn inside_asides(text: &str, signs: &[(usize, char)]) -> Vec<bool> {
    let mut inside = vec![false; text.len() + 1];
    for (open, close) in ASIDES {
        let mut opened: Vec<usize> = Vec::new();
        for &(at, c) in signs {
            if c == close
                && let Some(from) = opened.pop()
            {
                let short = text.get(from..at).is_some_and(|aside| aside.chars().nth(LONGEST_ASIDE).is_none());
                if short && let Some(span) = inside.get_mut(from + 1..=at) {
                    span.fill(true);
                }
            } else if c == open {
                opened.push(at);
            }
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Vec<String> {
        split(text, false)
    }

    #[test]
    fn korean_and_english_sentences_are_told_apart() {
        let text = "핵심을 짚었습니다. 왜 그럴까요? 좋아요! 그렇죠. It is slow. Why?";
        assert_eq!(whole(text), ["핵심을 짚었습니다.", "왜 그럴까요?", "좋아요!", "그렇죠.", "It is slow.", "Why?"]);
    }

    #[test]
    fn an_unfinished_last_sentence_is_left_out() {
        assert_eq!(whole("핵심을 짚었습니다. 하지만 TCP의"), ["핵심을 짚었습니다."]);
        assert_eq!(split("핵심을 짚었습니다. 하지만 아쉽습니다", true), ["핵심을 짚었습니다."]);
        assert!(whole("하지만").is_empty());
        assert!(whole("").is_empty());
    }

    #[test]
    fn a_last_sentence_that_lacks_only_its_mark_gets_it() {
        assert_eq!(whole("핵심을 짚었습니다. 예시도 좋아요 😊"), ["핵심을 짚었습니다.", "예시도 좋아요."]);
        assert_eq!(whole("설명이 부족함"), ["설명이 부족함."]);
        assert_eq!(whole("어떤 역할을 맡으셨나요"), ["어떤 역할을 맡으셨나요?"]);
    }

    #[test]
    fn decimals_versions_addresses_and_file_names_do_not_end_a_sentence() {
        for text in [
            "응답이 3.5초에서 1.2초로 줄었습니다.",
            "Node.js와 v1.2를 씁니다.",
            "https://a.kr/b?c=d.e 를 보세요.",
            "이력서.docx와 main.rs를 엽니다.",
        ] {
            assert_eq!(whole(text), [text]);
        }
    }

    #[test]
    fn abbreviations_do_not_end_a_sentence() {
        for text in [
            "TCP vs. UDP를 비교합니다.",
            "예시(e.g. Kafka)가 있습니다.",
            "예를 들면 e.g. Redis가 있습니다.",
            "TLS, HTTP etc. 를 씁니다.",
            "Fig. 3 is clear.",
            "J. Smith wrote it.",
        ] {
            assert_eq!(whole(text), [text]);
        }
        assert_eq!(whole("Use TLS, HTTP etc. Then stop."), ["Use TLS, HTTP etc.", "Then stop."]);
        assert!(whole("TCP vs.").is_empty());
    }

    #[test]
    fn a_number_of_a_list_belongs_to_the_sentence_after_it() {
        assert_eq!(whole("1. 빠릅니다. 2. 쉽습니다. 가. 좋습니다."), ["1. 빠릅니다.", "2. 쉽습니다.", "가. 좋습니다."]);
    }

    #[test]
    fn an_ellipsis_ends_a_sentence_only_after_an_ending() {
        assert_eq!(whole("음... 좋습니다… 그런데 여러 가지..."), ["음... 좋습니다…"]);
        assert_eq!(whole("TCP는... 느립니다."), ["TCP는... 느립니다."]);
    }

    #[test]
    fn closing_quotes_and_brackets_belong_to_their_sentence() {
        assert_eq!(whole("\"좋습니다.\" 끝났습니다.) 네."), ["\"좋습니다.\"", "끝났습니다.)", "네."]);
        let quoted = "\"왜 느린가?\" 라는 질문에 \"모릅니다.\"라고 답했습니다.";
        assert_eq!(whole(quoted), [quoted]);
    }

    #[test]
    fn no_sentence_ends_within_brackets_or_quotes() {
        let text = "예시(빠릅니다. 안전합니다.)가 \"좋습니다. 훌륭합니다.\"처럼 있습니다.";
        assert_eq!(whole(text), [text]);
    }

    #[test]
    fn a_bracket_that_never_closes_swallows_nothing() {
        assert_eq!(whole("예시(빠릅니다. 안전합니다."), ["예시(빠릅니다.", "안전합니다."]);
    }

    #[test]
    fn korean_sentences_without_a_space_between_them_are_told_apart() {
        assert_eq!(whole("좋습니다.그러나 짧습니다.끝"), ["좋습니다.", "그러나 짧습니다."]);
    }

    #[test]
    fn a_full_stop_that_may_go_on_does_not_end_a_truncated_text() {
        assert_eq!(split("좋습니다. 예를 들어 Node.", true), ["좋습니다."]);
        assert_eq!(split("좋습니다. 응답은 3.", true), ["좋습니다."]);
        assert_eq!(split("좋습니다. 예를 들어 Node.", false).len(), 2);
        assert_eq!(split("It is slow.", true), ["It is slow."]);
    }
}
