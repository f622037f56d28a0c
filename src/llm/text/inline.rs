//! The marks within a line: bold, italic, struck and code text, links, escapes, formulas and citations. The words stay.
//!
//! What must not be read as a mark is lifted out first: code, characters behind a backslash, formulas. Each leaves a
//! character in its place that no text holds, and comes back when all marks are gone.

use std::borrow::Cow;

use super::formula;
use super::html;
use super::{beginning, is_alphanumeric, is_hangul};

/// The first of the characters that stand for what was lifted out. They are for private use, and
/// [`visible`](super::visible) leaves none in a text.
const LIFTED: u32 = 0xF_0000;
/// Pieces that may be lifted out of a line.
const MAX_LIFTED: usize = 1_000;
/// How sources begin that are named in parentheses.
const SOURCES: [&str; 3] = ["(출처", "(Source:", "(source:"];
/// Characters of a link's text, and of its address.
const LONGEST_TEXT: usize = 300;
const LONGEST_ADDRESS: usize = 2_000;
/// Characters of a citation between its brackets.
const LONGEST_CITATION: usize = 40;

/// `text` without marks.
pub fn plain(text: &str) -> String {
    // Most lines hold no such mark.
    if !text.bytes().any(is_mark) && !text.contains(['】', '］', '〕']) {
        return text.trim().to_owned();
    }
    let mut lifted = Vec::new();
    let text = lift(text, &mut lifted);
    let text = without_citations(&without_links(&text)).into_owned();
    let text = without_emphasis(Cow::Owned(text));
    put_back(text.trim(), &lifted)
}

/// Whether a mark in `text` may have its partner behind it.
pub fn is_open(text: &str) -> bool {
    if !text.bytes().any(is_mark) {
        return false;
    }
    // Without its partner it would be dropped.
    let block = text.matches("```").count() % 2 == 1;
    let text = lift(text, &mut Vec::new());
    // What a formula, a link or a piece of code would begin with was not lifted.
    let spans = block || text.contains(['`', '$']) || text.contains("\\(") || text.contains("\\[");
    let opens = |mark: &str, may_stand_behind: fn(char) -> bool| {
        text.rsplit_once(mark).is_some_and(|(before, after)| {
            !after.is_empty()
                && !after.starts_with(char::is_whitespace)
                && before.chars().next_back().is_none_or(may_stand_behind)
        })
    };
    spans
        || opens("**", |_| true)
        || opens("*", |c| c.is_whitespace() || "([\"'“‘*".contains(c))
        || opens("_", |c| !is_alphanumeric(c))
        || opens("~~", |_| true)
        || opens("==", |c| !is_alphanumeric(c))
}

/// Whether `byte` is part of a mark: each has one of these.
fn is_mark(byte: u8) -> bool {
    matches!(byte, b'*' | b'_' | b'~' | b'`' | b']' | b'\\' | b'$' | b'=' | b'^' | b'(')
}

/// `text` with code, escaped characters and formulas lifted out.
fn lift(text: &str, lifted: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['`', '\\', '$']) {
        let (before, here) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let before = out.chars().next_back();
        let found = code(here)
            .or_else(|| formula::read(here, before))
            .or_else(|| formula::symbol(here, before))
            .or_else(|| escaped(here));
        match found.filter(|_| lifted.len() < MAX_LIFTED) {
            Some((piece, after)) => {
                out.extend(u32::try_from(lifted.len()).ok().and_then(|number| char::from_u32(LIFTED + number)));
                lifted.push(piece);
                rest = after;
            }
            None => {
                let marks = here.len() - here.trim_start_matches('`').len();
                let (mark, after) = here.split_at_checked(marks.max(1)).unwrap_or((here, ""));
                // Three of them are the mark of a block that stands in the wrong place.
                out.push_str(if marks < 3 { mark } else { "" });
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn put_back(text: &str, lifted: &[String]) -> String {
    if lifted.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let piece = u32::from(c).checked_sub(LIFTED).and_then(|number| lifted.get(usize::try_from(number).ok()?));
        match piece {
            Some(piece) => out.push_str(piece),
            None => out.push(c),
        }
    }
    out
}

/// The code that `text` begins with, and what follows it. Its backticks go, unless what is between them would be read as
/// something else without them, or is signs alone.
fn code(text: &str) -> Option<(String, &str)> {
    let opened = text.trim_start_matches('`');
    let marks = text.get(..text.len() - opened.len()).filter(|marks| !marks.is_empty())?;
    let (code, rest) = opened.split_once(marks)?;
    let is_sure = !code.contains('\n') && !code.is_empty() && !rest.starts_with('`');
    let stays = || {
        !code.contains(is_alphanumeric)
            || ["`", "\\n", "\\r", "\\t"].iter().any(|sign| code.contains(sign))
            || html::plain(code) != code
            || plain(code) != code
    };
    is_sure.then(|| if stays() { ([marks, code, marks].concat(), rest) } else { (code.to_owned(), rest) })
}

/// The character behind the backslash that `text` begins with, where it was to be kept from being a mark.
fn escaped(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('\\')?;
    let c = rest.chars().next().filter(|c| "*_~`[](){}#>+-.!|$\"'<&=".contains(*c))?;
    Some((c.to_string(), rest.get(c.len_utf8()..)?))
}

fn without_emphasis(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = without_pairs(text, "**", |before, inner, _| {
        let operator = before.is_some_and(|c| c.is_ascii_alphanumeric() || c == ')')
            && inner.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '(');
        is_tight(inner) && !operator
    });
    let text = without_pairs(text, "*", |before, inner, after| {
        let opens = before.is_none_or(|c| c.is_whitespace() || "([\"'“‘".contains(c));
        let closes = after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '*');
        is_tight(inner) && opens && closes
    });
    let within_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let text = without_pairs(text, "__", |before, inner, after| {
        let name = inner.chars().all(within_word);
        is_tight(inner) && !name && !before.is_some_and(within_word) && !after.is_some_and(within_word)
    });
    let text = without_pairs(text, "_", |before, inner, after| {
        let name = inner.chars().all(within_word);
        is_tight(inner) && !name && !before.is_some_and(is_alphanumeric) && !after.is_some_and(within_word)
    });
    let text = without_pairs(text, "~~", |_, inner, _| is_tight(inner));
    let text = without_pairs(text, "==", |before, inner, _| {
        is_tight(inner) && inner.contains(is_hangul) && !before.is_some_and(|c| is_alphanumeric(c) || c == '=')
    });
    without_strays(text)
}

fn is_tight(inner: &str) -> bool {
    !inner.is_empty() && !inner.starts_with(char::is_whitespace) && !inner.ends_with(char::is_whitespace)
}

/// `text` without each pair of `mark` that is markup, judged by the character before it, what it encloses, and the
/// character after it.
fn without_pairs<'a>(
    text: Cow<'a, str>,
    mark: &str,
    is_markup: impl Fn(Option<char>, &str, Option<char>) -> bool,
) -> Cow<'a, str> {
    if !text.contains(mark) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, opened)) = rest.split_once(mark) {
        out.push_str(before);
        let pair = opened
            .split_once(mark)
            .filter(|(inner, after)| is_markup(out.chars().next_back(), inner, after.chars().next()));
        match pair {
            Some((inner, after)) => {
                out.push_str(inner);
                rest = after;
            }
            None => {
                out.push_str(mark);
                rest = opened;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `[text](https://...)` becomes `text`.
fn without_links(text: &str) -> Cow<'_, str> {
    if !text.contains("](") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        out.push_str(before);
        let address = ["http://", "https://"].into_iter().any(|scheme| after.starts_with(scheme));
        let end = address.then(|| after.char_indices().take(LONGEST_ADDRESS).find(|(_, c)| *c == ')')).flatten();
        let beyond = end.and_then(|(end, _)| after.split_at_checked(end));
        let beyond = beyond
            .filter(|(url, _)| !url.contains(char::is_whitespace))
            .map(|(url, rest)| (url, rest.strip_prefix(')').unwrap_or(rest)));
        match (beyond.is_some().then(|| open_bracket(&out)).flatten(), beyond) {
            (Some(bracket), Some((_, beyond))) => {
                let text = out.split_off(bracket);
                let text = text.strip_prefix('[').unwrap_or(&text);
                if out.ends_with('!') {
                    // A picture.
                    out.pop();
                } else if text.chars().all(|c| c.is_ascii_digit()) {
                    // A citation.
                    out.push_str(&["[", text, "]"].concat());
                } else {
                    out.push_str(text);
                }
                rest = beyond;
            }
            _ => {
                out.push_str("](");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the bracket is that `before` leaves open: a link's text begins there.
fn open_bracket(before: &str) -> Option<usize> {
    let mut closed = 0;
    let bracket = before.char_indices().rev().take(LONGEST_TEXT).find(|(_, c)| {
        closed += usize::from(*c == ']');
        let opens = *c == '[' && closed == 0;
        closed -= usize::from(*c == '[' && closed > 0);
        opens
    });
    bracket.map(|(at, _)| at)
}

/// `text` without the numbers of sources: `[1]`, `[^1]`, `【4†source】` and their like, behind a sentence or a word that
/// ends one.
fn without_citations(text: &str) -> Cow<'_, str> {
    if !text.contains([']', '】', '^', '］', '〕']) && !SOURCES.iter().any(|source| text.contains(source)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '【', '［', '〔', ':', '^', '(']) {
        let (before, here) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let Some((after, surely)) = citations(here) else {
            let first = here.chars().next().map_or(0, char::len_utf8);
            out.push_str(here.get(..first).unwrap_or_default());
            rest = here.get(first..).unwrap_or_default();
            continue;
        };
        if !surely && !is_cited(&out, after) {
            out.push_str(here.get(..here.len() - after.len()).unwrap_or_default());
        } else if after.is_empty() || after.starts_with(['.', '!', '?', ',', '…']) {
            // A space before them was for them.
            out.truncate(out.trim_end_matches(' ').len());
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What follows the citations that `text` begins with, and whether they can be nothing else.
fn citations(text: &str) -> Option<(&str, bool)> {
    let mut rest = text;
    let mut surely = false;
    while let Some((after, sure)) = citation(rest) {
        (rest, surely) = (after, surely || sure);
    }
    (rest.len() < text.len()).then_some((rest, surely))
}

fn citation(text: &str) -> Option<(&str, bool)> {
    // ChatGPT's, where its interface was to read them.
    if let Some(reference) = text.strip_prefix(":contentReference[") {
        return reference.split_once('}').map(|(_, after)| (after, true));
    }
    if let Some(source) = SOURCES.iter().find_map(|source| text.strip_prefix(source)) {
        let (source, after) = source.split_once(')')?;
        return (source.chars().count() <= LONGEST_CITATION).then_some((after, true));
    }
    if let Some(number) = text.strip_prefix('^') {
        let after = number.trim_start_matches(|c: char| c.is_ascii_digit());
        let ends = after.len() < number.len() && !after.starts_with(is_alphanumeric);
        return ends.then_some((after, false));
    }
    const BRACKETS: [(&str, &str); 5] = [("[[", "]]"), ("[", "]"), ("【", "】"), ("［", "］"), ("〔", "〕")];
    let (inner, close) = BRACKETS.iter().find_map(|(open, close)| Some((text.strip_prefix(open)?, *close)))?;
    let (source, _) = beginning(inner, LONGEST_CITATION).split_once(close)?;
    let after = inner.get(source.len() + close.len()..)?;
    let numbers = |source: &str| {
        !source.is_empty() && source.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' ' | '-' | '–'))
    };
    if source.contains('†')
        || source
            .strip_prefix('^')
            .is_some_and(|name| !name.is_empty() && name.chars().all(char::is_alphanumeric) && !name.starts_with('0'))
    {
        return Some((after, true));
    }
    let lower = source.to_lowercase();
    let named = ["출처", "source", "citation", "doc", "ref", "참고", "웹", "web", "p."].iter().any(|word| {
        lower.strip_prefix(word).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || " _:-".contains(c)))
    });
    (numbers(source) || named || lower == "citation needed").then_some((after, named))
}

/// Whether numbers between `before` and `after` cite something for the sentence before them, and are neither an index
/// (`a[1]`) nor the number of a point.
fn is_cited(before: &str, after: &str) -> bool {
    let words = before.trim_end();
    let last = words.chars().next_back();
    if last.is_some_and(|c| matches!(c, '.' | '!' | '?' | '…')) {
        // `끝. [2] 다음`: the number of a point, unless it touches its sentence.
        return words.len() == before.len() || after.trim().is_empty();
    }
    let closes = after.is_empty() || after.starts_with(['.', '!', '?', ',', '…']);
    closes && last.is_some_and(is_hangul)
}

/// `text` without a `**` whose partner is missing, where it touches Hangul and so is no operator.
fn without_strays(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("**") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, after)) = rest.split_once("**") {
        out.push_str(before);
        let ends = |c: char| is_hangul(c) || matches!(c, '.' | '!' | '?');
        let touches = out.chars().next_back().is_some_and(ends) || after.chars().next().is_some_and(is_hangul);
        if !touches {
            out.push_str("**");
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_italic_struck_and_code_lose_their_marks() {
        assert_eq!(
            plain("**TCP**는 *느리고* __안전 합니다__ ~~아님~~ ==강조==는 `volatile`"),
            "TCP는 느리고 안전 합니다 아님 강조는 volatile"
        );
        assert_eq!(plain("**\"연결 지향\"**은 [문서](https://a.kr/b)를 봅니다"), "\"연결 지향\"은 문서를 봅니다");
        assert_eq!(plain("**`ACK`** 번호와 ***핵심***, _핵심_을"), "ACK 번호와 핵심, 핵심을");
    }

    #[test]
    fn code_that_looks_like_markup_stays() {
        for text in [
            "2**10 과 3**2",
            "a ** b ** c",
            "*args와 **kwargs",
            "__init__ 메서드",
            "_id_와 _name",
            "snake_case_name",
            "List<String>[i](x)",
            "int *p = *q",
            "2*3*4",
            "O(n * m)",
            "a == b == c",
            "C:\\temp\\new와 \\d+",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn code_keeps_the_backticks_that_it_needs() {
        assert_eq!(plain("`#` 선택자와 `a > b`, `**kwargs`, `*a*`"), "`#` 선택자와 a > b, **kwargs, `*a*`");
        assert_eq!(plain("`<b>굵게</b>`와 ``a`b``"), "`<b>굵게</b>`와 ``a`b``");
    }

    #[test]
    fn a_bold_mark_without_its_partner_is_dropped() {
        assert_eq!(plain("좋습니다. **핵심을 짚었고"), "좋습니다. 핵심을 짚었고");
    }

    #[test]
    fn escapes_and_formulas_become_their_characters() {
        assert_eq!(plain("max\\_connections와 \\*args, 1\\. 다"), "max_connections와 *args, 1. 다");
        assert_eq!(plain("시간은 $O(n \\log n)$이고 \\(n^{2}\\)은 아닙니다"), "시간은 O(n log n)이고 n^2은 아닙니다");
    }

    #[test]
    fn citations_are_dropped_and_indexes_stay() {
        for (cited, text) in [
            ("짚었습니다.[1] 없습니다.[2][3]", "짚었습니다. 없습니다."),
            ("짚었습니다【4†source】. 없습니다 [1, 2].", "짚었습니다. 없습니다."),
            ("짚었습니다.[^1] 없습니다[출처].", "짚었습니다. 없습니다."),
            ("짚었습니다. [1]", "짚었습니다."),
            ("짚었습니다.^1 없습니다.[2](https://a.kr)", "짚었습니다. 없습니다."),
            ("짚었습니다 (출처: 위키백과). ![그림](https://a.kr/b.png)끝", "짚었습니다. 끝"),
            ("좋습니다:contentReference[oaicite:0]{index=0}.", "좋습니다."),
            ("짚었습니다.[[1]] 없습니다［2］. 끝〔3〕.", "짚었습니다. 없습니다. 끝."),
            ("짚었습니다 (Source: RFC 793). 없습니다 [웹:1].", "짚었습니다. 없습니다."),
        ] {
            assert_eq!(plain(cited), text);
        }
        for text in [
            "a[1]과 배열[0]의 값",
            "arr[9].",
            "[x] 할 일",
            "[1] 핵심입니다. [2] 예시입니다.",
            "정규식 [^0-9]",
            "2^10과 x^2.",
            "행렬 [[1, 2], [3, 4]]의 값",
        ] {
            assert_eq!(plain(text), text);
        }
    }
}
