//! Markdown as models write it, turned into plain lines.
//!
//! A Markdown parser would lose what interview answers are full of (`__init__`, `2**10`, `List<String>`) and, by its own
//! rules, keep the asterisks of `**"인용"**은`. So only what is surely markup goes.

use std::borrow::Cow;

use super::{is_hangul, without};

/// What a line was before its markup was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A point of a list.
    Item,
    /// A heading, or a line that is bold as a whole.
    Heading,
    Blank,
}

/// A line without its markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: Kind,
    pub text: String,
}

/// The lines of `text` without markup. Rules, and the marks of code blocks, are blank lines.
pub fn lines(text: &str) -> Vec<Line> {
    text.lines().map(line).collect()
}

fn line(line: &str) -> Line {
    let mut text = line.trim();
    let mut kind = Kind::Text;
    if is_code_mark(text) || is_rule(text) {
        text = "";
    }
    loop {
        if let Some(quoted) = text.strip_prefix('>').filter(|rest| rest.is_empty() || rest.starts_with([' ', '>'])) {
            text = quoted.trim_start();
        } else if let Some(heading) = without_heading(text) {
            (text, kind) = (heading, Kind::Heading);
        } else if let Some(item) = without_bullet(text) {
            (text, kind) = (item, Kind::Item);
        } else {
            break;
        }
    }
    if kind != Kind::Heading && is_bold(text) {
        kind = Kind::Heading;
    }
    let text = inline(text.trim_matches('|').trim());
    Line { kind: if text.is_empty() { Kind::Blank } else { kind }, text }
}

/// `line` without the mark of a list's point that it begins with, or `None` when it begins with none.
pub fn without_bullet(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix(['-', '*', '+', '•', '▪', '·', '‣', '●', '○', '■', '◦', '※']) {
        Some(rest) => rest,
        None => match line.strip_prefix(|c| matches!(c, '①'..='⑳')) {
            Some(rest) => return Some(rest.trim_start()),
            None => without_number(line)?,
        },
    };
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
}

/// After `1.`, `1)`, `(1)`, `가.` or `가)`.
fn without_number(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('(').unwrap_or(line);
    let after_digits = inner.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = inner.len() - after_digits.len();
    let after = if (1..=2).contains(&digits) {
        after_digits
    } else {
        inner.strip_prefix(|c| "가나다라마바사아자차카타파하".contains(c))?
    };
    if inner.len() < line.len() { after.strip_prefix(')') } else { after.strip_prefix(['.', ')']) }
}

fn without_heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let heading = (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with(' '));
    heading.then(|| rest.trim().trim_end_matches('#').trim_end())
}

fn is_code_mark(line: &str) -> bool {
    ["```", "~~~"].into_iter().any(|mark| {
        line.strip_prefix(mark)
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || "`~-_+".contains(c)))
    })
}

/// A line across the page, below a heading, or between the rows of a table.
fn is_rule(line: &str) -> bool {
    line.len() >= 3 && line.chars().all(|c| matches!(c, '-' | '*' | '_' | '=' | '|' | ':' | ' '))
}

fn is_bold(line: &str) -> bool {
    let inner = line.trim_end_matches([':', ' ']).strip_prefix("**").and_then(|rest| rest.strip_suffix("**"));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains("**"))
}

/// `text` without the marks of bold, italic, struck and code text and of links. The words stay.
pub fn inline(text: &str) -> String {
    // Most lines hold no such mark.
    if !text.bytes().any(is_inline_mark) {
        return text.trim().to_owned();
    }
    let text = without_links(text);
    let text = without_pairs(text, "**", |before, inner, _| {
        let operator = before.is_some_and(|c| c.is_ascii_alphanumeric() || c == ')')
            && inner.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '(');
        is_tight(inner) && !operator && inner.matches('`').count() % 2 == 0
    });
    let text = without_pairs(text, "*", |before, inner, after| {
        let opens = before.is_none_or(|c| c.is_whitespace() || "([\"'“‘".contains(c));
        let closes = after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '*');
        is_tight(inner) && opens && closes
    });
    let text = without_pairs(text, "__", |before, inner, after| {
        let within_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = inner.chars().all(within_word);
        is_tight(inner) && !name && !before.is_some_and(within_word) && !after.is_some_and(within_word)
    });
    let text = without_pairs(text, "~~", |_, inner, _| is_tight(inner));
    let text = without_pairs(without(text, "```"), "`", |_, _, _| true);
    without_strays(text).trim().to_owned()
}

/// Whether `byte` is part of a mark: each of those for bold, italic, struck and code text, and each link, has one of these.
fn is_inline_mark(byte: u8) -> bool {
    matches!(byte, b'*' | b'_' | b'~' | b'`' | b']')
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
        let beyond = after.split_once(')').filter(|(url, _)| address && !url.contains(char::is_whitespace));
        match (out.rfind('['), beyond) {
            (Some(bracket), Some((_, beyond))) => {
                out.remove(bracket);
                if out.get(..bracket).is_some_and(|before| before.ends_with('!')) {
                    out.remove(bracket - 1);
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

/// `text` without a `**` whose partner is missing, where it touches Hangul and so is no operator.
fn without_strays(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("**") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, after)) = rest.split_once("**") {
        out.push_str(before);
        let touches = out.chars().next_back().is_some_and(is_hangul) || after.chars().next().is_some_and(is_hangul);
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

    fn read(text: &str) -> Vec<(Kind, String)> {
        lines(text).into_iter().map(|line| (line.kind, line.text)).collect()
    }

    #[test]
    fn lines_lose_their_marks_and_keep_their_kind() {
        let text = "## 핵심 ##\n- 하나\n2) 둘\n① 셋\n가. 넷\n> 다섯\n**여섯**:\n---\n```text\n본문";
        let kinds: Vec<Kind> = lines(text).iter().map(|line| line.kind).collect();
        let texts: Vec<String> = lines(text).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["핵심", "하나", "둘", "셋", "넷", "다섯", "여섯:", "", "", "본문"]);
        use Kind::{Blank, Heading, Item, Text};
        assert_eq!(kinds, [Heading, Item, Item, Item, Item, Text, Heading, Blank, Blank, Text]);
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        for text in ["-5도입니다", "3.5배", "#include", "C# 언어", "2024. 1.", "* "] {
            let expected = if text == "* " { "" } else { text };
            assert_eq!(read(text).pop().map(|(_, text)| text).unwrap(), expected);
        }
    }

    #[test]
    fn bold_italic_struck_and_code_lose_their_marks() {
        assert_eq!(
            inline("**TCP**는 *느리고* __안전 합니다__ ~~아님~~ `volatile`"),
            "TCP는 느리고 안전 합니다 아님 volatile"
        );
        assert_eq!(inline("**\"연결 지향\"**은 [문서](https://a.kr/b)를 봅니다"), "\"연결 지향\"은 문서를 봅니다");
        assert_eq!(inline("**`ACK`** 번호"), "ACK 번호");
    }

    #[test]
    fn code_that_looks_like_markup_stays() {
        for text in [
            "2**10 과 3**2",
            "a ** b ** c",
            "*args와 **kwargs",
            "__init__ 메서드",
            "snake_case_name",
            "List<String>[i](x)",
            "int *p = *q",
            "2*3*4",
            "O(n * m)",
        ] {
            assert_eq!(inline(text), text);
        }
    }

    #[test]
    fn a_bold_mark_without_its_partner_is_dropped() {
        assert_eq!(inline("좋습니다. **핵심을 짚었고"), "좋습니다. 핵심을 짚었고");
    }

    #[test]
    fn rows_of_a_table_lose_their_frame() {
        assert_eq!(
            read("| TCP | 느림 |\n|---|:-:|"),
            [(Kind::Text, "TCP | 느림".to_owned()), (Kind::Blank, String::new())]
        );
    }
}
