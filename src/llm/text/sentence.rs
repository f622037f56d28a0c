//! Where sentences end, in Korean and in English.
//!
//! A text is read from left to right, mark by mark; whether one ends a sentence is told by the words before it and by the
//! few characters behind it. Only brackets and quotes look further, and no further than `LONGEST_ASIDE`.

use super::ornament::{self, is_ornament};
use super::{is_alphanumeric, is_hangul, names_a_sign};

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
const NEVER_LAST: [&str; 24] = [
    "vs", "e.g", "i.e", "eg", "ie", "cf", "ex", "approx", "dr", "mr", "mrs", "ms", "prof", "st", "mt", "jr", "sr",
    "viz", "resp", "esp", "incl", "w.r.t", "a.k.a", "ph.d",
];
/// Words whose full stop ends a sentence only before a capital letter.
const SELDOM_LAST: [&str; 7] = ["etc", "al", "inc", "ltd", "corp", "co", "dept"];
/// Words that go on before a number.
const BEFORE_NUMBERS: [&str; 26] = [
    "no", "nos", "fig", "figs", "sec", "ch", "eq", "ver", "v", "vol", "p", "pp", "art", "rev", "jan", "feb", "mar",
    "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];
/// What makes a quoted sentence part of the sentence around it.
const QUOTATIVES: [&str; 8] = ["라고", "라는", "라며", "이라고", "이라는", "하고", "란 ", "이란 "];
/// Syllables that end a Korean sentence.
const ENDINGS: [char; 5] = ['다', '요', '죠', '까', '오'];
/// Those that hardly anything else ends with.
const SURE_ENDINGS: [&str; 18] = [
    "니다", "니까", "세요", "시오", "해요", "어요", "아요", "에요", "예요", "네요", "군요", "나요", "가요", "까요",
    "지요", "죠", "져요", "돼요",
];
/// Syllables that end a Korean note (`설명이 부족함`).
const NOTE_ENDINGS: [char; 4] = ['음', '함', '됨', '임'];
/// Endings of a Korean question.
const ASKING: [&str; 7] = ["까", "까요", "나요", "가요", "인가", "는가", "는지요"];
/// What counts the points of a Korean list,
const KOREAN_NUMBERS: &str = "가나다라마바사아자차카타파하ㄱㄴㄷㄹㅁㅂㅅ";
/// and spells them out.
const ORDINALS: [&str; 10] =
    ["첫째", "둘째", "셋째", "넷째", "다섯째", "첫 번째", "두 번째", "세 번째", "네 번째", "다섯 번째"];
/// What counts stands before.
const COUNTERS: [&str; 5] = ["단계", "번", "번째", "장", "절"];
/// Characters of the longest such number with its name (`Step 1`, `개선점 2`).
const LONGEST_POINT: usize = 12;
/// Characters of the longest word that is looked at.
const LONGEST_WORD: usize = 24;
/// Characters behind a sentence, and what closes it, that may still be looked at: a space and a quotative.
const LOOK_AHEAD: usize = 4;

/// The whole sentences of `text`, a single line, in order and with their marks; an unfinished last one is left out.
///
/// A last sentence that lacks only its full stop (`좋은 답변입니다`) gets one, unless the text was `truncated`: then more
/// might have followed, as after `3.` or `Node.` at the very end. So does one that ends with an emoji in its place.
pub fn split(text: &str, truncated: bool) -> Vec<String> {
    let line = Line::new(text);
    let (mut sentences, rest) = line.sentences(truncated, text.len());
    if !truncated {
        sentences.extend(finished(line.rest(rest)));
    }
    sentences
}

/// The whole sentences of `text`, whose end is still to come, that are the same whatever comes.
///
/// Those are followed by as much as tells that they are over, and no bracket or quote is open in which they might stand.
pub fn settled(text: &str) -> Vec<String> {
    let line = Line::new(text);
    line.sentences(true, line.settled()).0
}

/// Whether `sentence` ends with the mark of a sentence, brackets, quotes and ornaments after it aside.
pub fn is_marked(sentence: &str) -> bool {
    sentence.trim_end_matches(is_ornament).trim_end_matches(is_closing).ends_with(is_mark)
}

/// `rest` with the mark that it lacks, if it ends as a Korean sentence does.
pub fn finished(rest: &str) -> Option<String> {
    let rest = ornament::without(rest);
    let words = rest.trim_end_matches(is_closing);
    let last = words.chars().next_back()?;
    if !ENDINGS.contains(&last) && !NOTE_ENDINGS.contains(&last) && !is_question(words) {
        return None;
    }
    Some(format!("{rest}{}", if is_question(words) { '?' } else { '.' }))
}

/// Whether `words`, without their mark, surely are a whole Korean sentence.
pub fn is_whole(words: &str) -> bool {
    SURE_ENDINGS.iter().any(|ending| words.ends_with(ending))
}

/// Whether `words`, without their mark, ask something in Korean.
pub fn is_question(words: &str) -> bool {
    ASKING.iter().any(|ending| words.ends_with(ending))
}

fn is_mark(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '‼' | '⁉')
}

fn is_strong(c: char) -> bool {
    matches!(c, '!' | '?' | '。' | '！' | '？' | '‼' | '⁉')
}

fn is_closing(c: char) -> bool {
    matches!(c, '\'' | '`' | '*') || ASIDES.iter().any(|(_, close)| *close == c)
}

fn is_opening(c: char) -> bool {
    ASIDES.iter().any(|(open, close)| *open == c && open != close)
}

/// What was read of a sentence.
#[derive(Clone, Copy)]
struct SoFar {
    start: usize,
    /// Up to where it was read.
    read: usize,
    has_letters: bool,
    has_hangul: bool,
}

impl SoFar {
    fn at(start: usize) -> Self {
        Self { start, read: start, has_letters: false, has_hangul: false }
    }

    fn read(&mut self, line: &Line<'_>, to: usize) {
        let more = line.slice(self.read, to);
        self.read = self.read.max(to);
        self.has_hangul = self.has_hangul || more.contains(is_hangul);
        self.has_letters = self.has_letters || self.has_hangul || more.contains(char::is_alphabetic);
    }
}

/// A place where a sentence may end, as positions in the text.
struct Candidate {
    so_far: SoFar,
    /// The first mark.
    mark: usize,
    /// After the last mark, where closing quotes and brackets may follow.
    closing: usize,
    end: usize,
    /// After the ornaments that follow all that.
    after: usize,
}

struct Line<'a> {
    text: &'a str,
    /// Whatever is neither a letter nor a digit nor a space, with its position.
    signs: Vec<(usize, char)>,
    /// For each position, whether an aside is open right before it.
    inside: Vec<bool>,
    /// Where the first aside begins that may still close.
    waiting: Option<usize>,
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let text = text.trim();
        let signs: Vec<_> = text.char_indices().filter(|(_, c)| !is_alphanumeric(*c) && *c != ' ').collect();
        let (inside, waiting) = asides(text, &signs);
        Self { text, signs, inside, waiting }
    }

    /// The whole sentences up to `until`, and where what follows them begins.
    fn sentences(&self, truncated: bool, until: usize) -> (Vec<String>, usize) {
        let mut sentences = Vec::new();
        let mut so_far = SoFar::at(self.begin(0));
        let mut end = 0;
        for &(at, c) in &self.signs {
            if at < end.max(so_far.start) {
                continue;
            }
            if is_mark(c) {
                let closing = self.skip(at, is_mark);
                end = self.skip(closing, is_closing);
                so_far.read(self, at);
                let here = Candidate { so_far, mark: at, closing, end, after: self.skip_ornaments(end) };
                if here.after > until {
                    break;
                }
                if self.ends(&here, truncated) {
                    sentences.push(self.slice(so_far.start, end).to_owned());
                    so_far = SoFar::at(self.begin(here.after));
                }
            } else if let Some((sentence, after)) = self.ends_in_ornament(so_far.start, at) {
                if after > until {
                    break;
                }
                sentences.push(sentence);
                end = after;
                so_far = SoFar::at(self.begin(after));
            }
        }
        (sentences, so_far.start)
    }

    /// Up to where the text is known well enough to tell its sentences, whatever is behind it.
    fn settled(&self) -> usize {
        let looked_at = self.text.char_indices().rev().nth(LOOK_AHEAD - 1).map_or(0, |(at, _)| at);
        // One that follows a sentence right away may belong to it.
        let before = |open: usize| self.slice(0, open).trim_end().len().saturating_sub(1);
        self.waiting.map_or(looked_at, |open| looked_at.min(before(open)))
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

    fn skip_ornaments(&self, at: usize) -> usize {
        self.text.len() - ornament::skip(self.rest(at)).len()
    }

    /// Where the sentence after `at` begins: spaces, ornaments, and marks that belong to nothing, stand before it.
    fn begin(&self, at: usize) -> usize {
        let mut begin = at;
        loop {
            let spaces = self.skip(begin, char::is_whitespace);
            let marks = self.skip(spaces, is_mark);
            let stray =
                marks > spaces && self.rest(marks).starts_with(char::is_whitespace) && !names_a_sign(self.rest(marks));
            let next = self.skip_ornaments(if stray { marks } else { spaces });
            if next == begin {
                return begin;
            }
            begin = next;
        }
    }

    fn ends(&self, here: &Candidate, truncated: bool) -> bool {
        if !here.so_far.has_letters || self.inside.get(here.end).is_some_and(|inside| *inside) {
            return false;
        }
        // `.` alone, or `Node.`, is code.
        let code = self.slice(here.closing, here.end).starts_with('`') && !self.follows_ending(here.mark);
        if code && !self.is_strong(here) {
            return false;
        }
        let mut rest = self.rest(here.after).chars();
        match rest.next() {
            None => self.ends_text(here, truncated),
            Some(next) if next.is_whitespace() => self.ends_before_space(here, rest.as_str().trim_start()),
            Some(_) if here.after > here.end => self.is_strong(here) || self.follows_ending(here.mark),
            Some(next) => self.ends_before(here, next),
        }
    }

    fn follows_ending(&self, mark: usize) -> bool {
        self.before(mark).is_some_and(|c| ENDINGS.contains(&c))
    }

    fn ends_text(&self, here: &Candidate, truncated: bool) -> bool {
        if self.is_strong(here) {
            return true;
        }
        if self.is_ellipsis(here) {
            return self.follows_ending(here.mark);
        }
        // In a Korean text a full stop after `Node` or `3` most likely was to become `Node.js` or `3.5`.
        let before = self.before(here.mark);
        let more_may_follow = here.so_far.has_hangul && before.is_some_and(|c| c.is_ascii_alphanumeric());
        let goes_on = NEVER_LAST.contains(&self.word(here).as_str()) || self.is_point(here);
        !(goes_on || (truncated && more_may_follow))
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
            return self.follows_ending(here.mark);
        }
        let capital = next.starts_with(|c: char| c.is_ascii_uppercase());
        let digit = next.starts_with(|c: char| c.is_ascii_digit());
        let word = self.word(here);
        let initial = capital && word.len() == 1 && self.before(here.mark).is_some_and(|c| c.is_ascii_uppercase());
        // `2021. 5. 27. 표준이`: a number ends no Korean sentence.
        let number = !quoted && is_number(&word) && (here.so_far.has_hangul || !(capital || next.is_empty()));
        !(NEVER_LAST.contains(&word.as_str())
            || number
            || self.is_point(here)
            || initial
            || (!capital && (SELDOM_LAST.contains(&word.as_str()) || is_dotted(&word)))
            || (digit && BEFORE_NUMBERS.contains(&word.as_str())))
    }

    /// Without a space, only between two sentences one of which is Korean: `좋습니다.그러나`.
    fn ends_before(&self, here: &Candidate, next: char) -> bool {
        let begins = next.is_ascii_uppercase() || next.is_numeric() || is_opening(next);
        let ended = self.follows_ending(here.mark) && is_hangul(next)
            || begins && is_whole(self.slice(here.so_far.start, here.mark));
        // Where Chinese or Japanese sentences end, no space follows.
        let wide = self.slice(here.mark, here.closing).ends_with(['。', '！', '？']) && is_alphanumeric(next);
        here.closing == here.end && (ended || wide)
    }

    /// The sentence from `start` that ends in an emoji or the like at `at`, instead of a mark, and what is behind that.
    fn ends_in_ornament(&self, start: usize, at: usize) -> Option<(String, usize)> {
        let after = self.skip_ornaments(at);
        if after == at || self.inside.get(at).is_some_and(|inside| *inside) {
            return None;
        }
        let words = self.slice(start, at).trim_end();
        let ends = is_whole(words) && self.rest(after).chars().next().is_none_or(|c| c.is_whitespace() || is_hangul(c));
        ends.then(|| finished(words)).flatten().map(|sentence| (sentence, after))
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
        let words = self.slice(here.so_far.start, here.mark);
        let in_word = |c: &char| is_alphanumeric(*c) || *c == '.';
        let len: usize = words.chars().rev().take(LONGEST_WORD).take_while(in_word).map(char::len_utf8).sum();
        words.get(words.len() - len..).unwrap_or_default().to_lowercase()
    }

    /// Whether the mark follows the number of a list's point (`가.`, `Step 1.`, `II.`), which begins a sentence and does
    /// not end it.
    fn is_point(&self, here: &Candidate) -> bool {
        let point = self.slice(here.so_far.start, here.mark);
        point.len() <= 3 * LONGEST_POINT && here.closing == here.end && is_point(point)
    }
}

fn is_point(point: &str) -> bool {
    if ORDINALS.contains(&point) || (point.chars().count() == 1 && KOREAN_NUMBERS.contains(point)) {
        return true;
    }
    let mut words = point.rsplit(' ');
    let Some(last) = words.next().filter(|_| words.next().is_none() || words.next().is_none()) else { return false };
    let number = last.trim_start_matches(|c: char| c.is_ascii_digit());
    let counted = number.len() < last.len() && COUNTERS.contains(&number);
    let numbered = (1..=2).contains(&last.len()) && last.chars().all(|c| c.is_ascii_digit());
    let letter = last == point && last.len() == 1 && last.chars().all(|c| c.is_ascii_alphabetic());
    let roman =
        last.len() <= 4 && !last.is_empty() && last.chars().all(|c| matches!(c.to_ascii_uppercase(), 'I' | 'V' | 'X'));
    let one_sign = last == point && last.chars().all(|c| matches!(c, '\u{2160}'..='\u{217F}'));
    counted || numbered || letter || roman || one_sign
}

/// Whether `word` is a number, a date or a version: `27`, `2021.05`.
fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Whether `word` is an abbreviation of single letters: `a.m`, `u.s`.
fn is_dotted(word: &str) -> bool {
    word.contains('.') && word.split('.').all(|part| part.len() == 1 && part.chars().all(|c| c.is_ascii_alphabetic()))
}

/// For each position in `text`, and the one after the last, whether an aside is open right before it; and where the first
/// begins that may still close.
fn asides(text: &str, signs: &[(usize, char)]) -> (Vec<bool>, Option<usize>) {
    let mut inside = vec![false; text.len() + 1];
    let mut waiting: Option<usize> = None;
    let is_short =
        |from: usize, to: usize| text.get(from..to).is_some_and(|aside| aside.chars().nth(LONGEST_ASIDE).is_none());
    for (open, close) in ASIDES {
        let mut opened: Vec<usize> = Vec::new();
        for &(at, c) in signs {
            if c == close
                && let Some(from) = opened.pop()
            {
                if is_short(from, at)
                    && let Some(span) = inside.get_mut(from + 1..=at)
                {
                    span.fill(true);
                }
            } else if c == open {
                opened.push(at);
            }
        }
        let first = opened.into_iter().find(|from| is_short(*from, text.len()));
        waiting = waiting.into_iter().chain(first).min();
    }
    (inside, waiting)
}

#[cfg(test)]
mod tests;
