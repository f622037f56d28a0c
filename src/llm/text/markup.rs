//! Markdown as models write it, turned into plain lines.
//!
//! A Markdown parser would lose what interview answers are full of (`__init__`, `2**10`, `List<String>`) and, by its own
//! rules, keep the asterisks of `**"인용"**은`. So only what is surely markup goes.

use std::borrow::Cow;
use std::ops::Range;

use super::{html, inline, is_alphanumeric, is_hangul, names_a_sign, ornament, sentence};

/// Characters of a title in brackets.
const LONGEST_TITLE: usize = 25;
/// Marks of a list's points, besides numbers.
const BULLETS: [char; 31] = [
    '|', '-', '*', '+', '•', '▪', '▫', '·', '‣', '⁃', '●', '○', '■', '□', '◦', '※', '▶', '▷', '►', '◆', '◇', '★', '☆',
    '➤', '➜', '→', '–', '—', 'ㆍ', '∙', '⦁',
];

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
///
/// A block of code that holds no sentence is left out where there is text beside it.
pub fn lines(text: &str) -> Vec<Line> {
    read(text, false)
}

/// Those of a text whose end is still to come, without what may become something else by it: a block of code that is open,
/// and a last line that may be a heading as a whole.
pub fn settled(text: &str) -> Vec<Line> {
    read(text, true)
}

fn read(text: &str, goes_on: bool) -> Vec<Line> {
    let text = with_line_ends(text);
    let text = html::plain(&text);
    let mut lines: Vec<Line> = Vec::new();
    let mut blocks: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    let mut beside = false;
    for raw in text.lines() {
        let line = line(raw);
        if is_code_mark(raw.trim()) {
            match open.take() {
                Some(start) => blocks.push(start..lines.len()),
                None => open = Some(lines.len()),
            }
        }
        beside = beside || (open.is_none() && line.kind != Kind::Blank);
        lines.push(line);
    }
    if goes_on {
        let framed = text.lines().next_back().is_some_and(may_become_heading);
        lines.truncate(open.take().unwrap_or(lines.len() - usize::from(framed)));
    }
    // One that broke off, or whose end was forgotten, holds what comes after it as well.
    blocks.extend(open.map(|start| start..lines.len()).filter(|block| {
        lines.get(block.clone()).is_some_and(|block| !block.iter().any(|line| line.text.contains(is_hangul)))
    }));
    for block in blocks.into_iter().filter(|_| beside) {
        if let Some(block) = lines.get_mut(block).filter(|block| !block.iter().any(Line::is_prose)) {
            block.fill(Line { kind: Kind::Blank, text: String::new() });
        }
    }
    lines
}

impl Line {
    /// Whether it ends as a Korean sentence does.
    fn is_prose(&self) -> bool {
        let words = self.text.trim_end_matches(|c: char| !c.is_alphanumeric());
        words.ends_with(is_hangul) && (sentence::is_marked(&self.text) || sentence::is_whole(words))
    }
}

/// `text` with the line ends that were written out as two characters, as in a text that was escaped once too often.
fn with_line_ends(text: &str) -> Cow<'_, str> {
    const WRITTEN: [(&str, &str); 4] = [("\\n", "\n"), ("\\r", "\n"), ("\\t", " "), ("/n", "\n")];
    if !WRITTEN.iter().any(|(written, _)| text.contains(written)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '/']) {
        let (before, here) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let found =
            WRITTEN.iter().find_map(|(written, becomes)| Some((*written, *becomes, here.strip_prefix(written)?)));
        match found.filter(|(written, _, after)| ends_line(&out, written, after)) {
            Some((_, becomes, after)) => {
                // It was escaped more than once.
                out.truncate(out.trim_end_matches('\\').len());
                out.push_str(becomes);
                rest = after;
            }
            None => {
                let (first, after) = here.split_at_checked(1).unwrap_or((here, ""));
                out.push_str(first);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether `written` between `before` and `after` stands for a line end. In code, and in a path (`C:\\new`), it does not.
fn ends_line(before: &str, written: &str, after: &str) -> bool {
    const WORDS_BEFORE: usize = 16;
    // As much of what comes before as tells.
    let tail = before.char_indices().rev().nth(WORDS_BEFORE).map_or(0, |(at, _)| at);
    let tail = before.get(tail..).unwrap_or_default().trim_end_matches('\\');
    let words = tail.trim_end_matches(ornament::is_ornament);
    let sentence = sentence::is_marked(words) || sentence::is_whole(words);
    if written.starts_with('/') {
        return sentence && !after.starts_with(|c: char| c.is_ascii_alphanumeric());
    }
    let begins = words.is_empty()
        || words.ends_with(['*', '#', '-'])
        || words.strip_suffix(':').is_some_and(|words| words.ends_with(is_hangul));
    (sentence || begins || after.starts_with(['\\', '-', '#', '*'])) && !after.starts_with('`') && !tail.ends_with('`')
}

fn line(line: &str) -> Line {
    let mut text = line.trim();
    if is_code_mark(text) || is_rule(text) || is_formula_mark(text) || is_note(text) {
        text = "";
    }
    // A line that begins with a sign may be about it.
    let about_a_sign = names_a_sign(text.trim_start_matches(|c: char| !is_alphanumeric(c)));
    let (mut kind, text) = if about_a_sign { (Kind::Text, text) } else { without_marks(text) };
    if kind != Kind::Heading && (is_bold(text) || is_framed(text)) {
        kind = Kind::Heading;
    }
    let text = inline::plain(text);
    Line { kind: if text.is_empty() { Kind::Blank } else { kind }, text }
}

/// What a line is by the marks at its ends, and what is between them.
fn without_marks(line: &str) -> (Kind, &str) {
    let mut kind = Kind::Text;
    let mut text = line.trim_matches('|').trim_end_matches('\\').trim();
    loop {
        text = ornament::skip(text).trim_start();
        if let Some(quoted) = text.strip_prefix('>').filter(|rest| rest.is_empty() || rest.starts_with([' ', '>'])) {
            text = quoted.trim_start();
        } else if let Some(heading) = without_heading(text) {
            (text, kind) = (heading, Kind::Heading);
        } else if let Some(item) = without_bullet(text) {
            (text, kind) = (item, Kind::Item);
        } else {
            return (kind, text);
        }
    }
}

/// `line` without the mark of a list's point that it begins with, or `None` when it begins with none.
pub fn without_bullet(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix(BULLETS) {
        Some(rest) => rest,
        None => match line.strip_prefix(|c| matches!(c, '①'..='⑳' | '❶'..='❿' | '➀'..='➓')) {
            Some(rest) => return Some(rest.trim_start()),
            None => without_number(line)?,
        },
    };
    let item = (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())?;
    if names_a_sign(item) {
        return None;
    }
    Some(["[ ] ", "[x] ", "[X] "].iter().find_map(|task| item.strip_prefix(task)).unwrap_or(item))
}

/// After `1.`, `1)`, `(1)`, `[1]`, `1️⃣`, `가.` or `가)`, unless it is a date's (`5. 27.`).
fn without_number(line: &str) -> Option<&str> {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if let Some(rest) = line.strip_prefix('[') {
        let after = rest.get(digits(rest)..)?.strip_prefix(']')?;
        return (1..=2).contains(&digits(rest)).then_some(after);
    }
    let is_number = |number: &str| (1..=2).contains(&number.len()) && digits(number) == number.len();
    let keycap = line.split_once('\u{20E3}').filter(|(number, _)| is_number(number.trim_end_matches('\u{FE0F}')));
    if let Some((_, after)) = keycap {
        return Some(after);
    }
    let rest = after_number(line)?;
    let next = rest.trim_start();
    let date = digits(next) > 0
        && next.get(digits(next)..).is_some_and(|rest| rest.starts_with('.'))
        && !line.starts_with('(');
    (!date || line.starts_with(is_hangul)).then_some(rest)
}

fn after_number(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('(').unwrap_or(line);
    let after_digits = inner.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = inner.len() - after_digits.len();
    let after = if (1..=2).contains(&digits) {
        after_digits
    } else {
        inner.strip_prefix(|c| "가나다라마바사아자차카타파하ㄱㄴㄷㄹㅁㅂㅅ".contains(c))?
    };
    if inner.len() < line.len() { after.strip_prefix(')') } else { after.strip_prefix(['.', ')']) }
}

fn without_heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let heading = (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with(' '));
    heading.then(|| rest.trim().trim_end_matches('#').trim_end())
}

/// What stands around a formula of its own.
fn is_formula_mark(line: &str) -> bool {
    matches!(line, "$$" | "\\[" | "\\]")
}

/// Where a source is told that a citation names: `[^1]: …`, `[1] https://…`.
fn is_note(line: &str) -> bool {
    let named = line.strip_prefix('[').and_then(|line| line.split_once(']'));
    named.is_some_and(|(name, rest)| {
        let number = name.trim_start_matches('^');
        let numbered = !number.is_empty() && number.chars().all(|c| c.is_ascii_alphanumeric());
        numbered
            && ((name.starts_with('^') && rest.starts_with(':'))
                || rest.trim_start_matches([':', ' ']).starts_with("http"))
    })
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

/// Whether brackets or rules enclose a short line as a whole: `[피드백 시작]`, `--- 피드백 ---`.
fn is_framed(line: &str) -> bool {
    const FRAMES: [(&str, &str); 9] = [
        ("[", "]"),
        ("<", ">"),
        ("(", ")"),
        ("【", "】"),
        ("《", "》"),
        ("〈", "〉"),
        ("=", "="),
        ("--", "--"),
        ("~", "~"),
    ];
    let frame = FRAMES.iter().find(|(open, _)| line.starts_with(open));
    let inner = frame
        .and_then(|(open, close)| line.strip_prefix(open)?.strip_suffix(close).filter(|inner| !inner.contains(open)));
    inner.is_some_and(|inner| inner.chars().nth(LONGEST_TITLE).is_none() && inner.contains(is_alphanumeric))
}

fn is_bold(line: &str) -> bool {
    let inner = line.trim_end_matches([':', ' ']).strip_prefix("**").and_then(|rest| rest.strip_suffix("**"));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains("**"))
}

/// Whether a line that begins like this may be bold or framed as a whole, or is no line of text at all.
fn may_become_heading(line: &str) -> bool {
    let (kind, text) = without_marks(line);
    let bold = text.strip_prefix("**").is_some_and(|rest| {
        let beyond = rest.split_once("**").map_or("", |(_, beyond)| beyond);
        !beyond.contains(is_alphanumeric)
    });
    let framed = text.starts_with(['[', '<', '(', '【', '《', '〈', '=', '-', '~'])
        && text.chars().nth(LONGEST_TITLE + 2 * "--".len()).is_none();
    kind != Kind::Heading && (bold || framed || !text.contains(is_alphanumeric))
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
    fn dates_are_no_numbers_of_points() {
        for text in ["5. 27. 표준이 되었습니다.", "2023. 3. 부터입니다.", "3.5배입니다."] {
            assert_eq!(without_bullet(text), None, "{text}");
        }
        assert_eq!(without_bullet("1. 표준과 2\u{FE0F}\u{20E3} 구현"), Some("표준과 2\u{FE0F}\u{20E3} 구현"));
        for text in ["5. 표준", "[2] 표준", "2\u{FE0F}\u{20E3} 표준", "- [x] 표준", "▶ 표준", "가. 표준"]
        {
            assert_eq!(without_bullet(text), Some("표준"), "{text}");
        }
    }

    #[test]
    fn line_ends_that_were_written_out_end_a_line_and_other_code_stays() {
        let texts = |text: &str| read(text).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts("짚었습니다.\\n\\n- 예시입니다\\n더하세요."), ["짚었습니다.", "", "예시입니다", "더하세요."]);
        assert_eq!(
            texts("짚었습니다.\\\\n예시입니다./n더하세요.\\t끝."),
            ["짚었습니다.", "예시입니다.", "더하세요. 끝."]
        );
        assert_eq!(texts("`\\n`은 C:\\new와 다릅니다."), ["`\\n`은 C:\\new와 다릅니다."]);
    }

    #[test]
    fn a_block_of_code_beside_a_text_is_left_out() {
        let texts = |text: &str| read(text).into_iter().map(|(_, text)| text).collect::<String>();
        assert_eq!(texts("보세요.\n```java\nint a = 1;\n```\n좋습니다."), "보세요.좋습니다.");
        assert_eq!(texts("음\n```\n핵심을 짚었습니다.\n```"), "음핵심을 짚었습니다.");
        assert_eq!(texts("```\nIt is right.\n```"), "It is right.");
    }

    #[test]
    fn rows_of_a_table_lose_their_frame() {
        assert_eq!(
            read("| TCP | 느림 |\n|---|:-:|"),
            [(Kind::Text, "TCP | 느림".to_owned()), (Kind::Blank, String::new())]
        );
    }
}
