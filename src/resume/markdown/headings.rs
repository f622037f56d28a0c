//! Headings as models write them: `##소개`, underlined, bold, in brackets, behind a sign or a number. They become lines with
//! `#`.

use super::html::as_markdown;
use super::line::Line;
use super::names::{is_facts, is_section, is_title};
use super::words::without_number;

/// A longer line is a sentence.
const MAX_TITLE: usize = 40;
/// A bold line names an entry (`**가나상사** | 백엔드 개발자 | 2022.03 ~ 2024.02`), which takes more.
const MAX_ENTRY: usize = 80;

/// Headings of every kind as lines with `#`.
pub fn made_plain(lines: Vec<Line>) -> Vec<Line> {
    let mut lines = underlined(lines.into_iter().map(with_space).collect());
    if !has_sections(&lines) {
        decorated(&mut lines);
    }
    bold_ones(&mut lines);
    lines
}

/// The name of the usual section that a line by itself is the heading of, and whether it has a `#`.
pub fn section(line: &str) -> Option<(String, bool)> {
    let markdown = as_markdown(line);
    let line = with_space(Line::prose(markdown.trim().to_owned()));
    let (title, signed) = match line.heading() {
        Some((_, title)) => (title.to_owned(), true),
        None => (decoration(&line)?.1, false),
    };
    (is_section(&title) && !is_facts(&title) && !is_title(&title)).then(|| (name_of(&title), signed))
}

/// `title` without its number and the marks around it.
fn name_of(title: &str) -> String {
    let start = title.find(without_number(title)).unwrap_or_default();
    let name = title.get(start..).unwrap_or_default();
    name.trim_end_matches(|c: char| !c.is_alphanumeric() && c != ')').to_owned()
}

/// Whether there is a heading other than the title of the whole.
fn has_sections(lines: &[Line]) -> bool {
    lines.iter().filter_map(Line::heading).any(|(_, title)| !is_title(title))
}

/// `##소개`, `### **소개** ###` as `## 소개`. A single `#` before a word may be a tag (`#Spring #Kafka`) or a directive.
fn with_space(line: Line) -> Line {
    let text = line.text.trim();
    let title = text.trim_start_matches('#');
    let level = text.len() - title.len();
    if line.code || !(1..=6).contains(&level) {
        return line;
    }
    let is_tag = level == 1
        && !title.starts_with(' ')
        && (title.contains(" #") || title.starts_with(|c: char| c.is_ascii_lowercase()));
    let begins = title.trim_start().starts_with(|c: char| c.is_alphabetic() || !c.is_ascii())
        || title.starts_with(' ')
        || level > 1 && title.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '*' | '[' | '(' | '`'));
    if is_tag || !begins {
        return line;
    }
    let title = title.trim().trim_end_matches('#').trim_end();
    // `소개 {#intro}`
    let attributes =
        title.rsplit_once(" {").filter(|(_, rest)| rest.starts_with(['#', '.', ':']) && rest.ends_with('}'));
    let title = attributes.map_or(title, |(title, _)| title.trim_end());
    let title = bold(title).unwrap_or(title).trim();
    let title = title.strip_suffix([':', '：']).unwrap_or(title).trim_end();
    Line::prose(if title.is_empty() { String::new() } else { format!("{} {title}", "#".repeat(level)) })
}

/// Lines with a line of `=` or `-` below. A rule below a paragraph is a rule, and would be none right below it.
fn underlined(lines: Vec<Line>) -> Vec<Line> {
    let mut plain: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        let mark = line.text.trim();
        let marks = |c: char| mark.len() >= 3 && mark.chars().all(|mark| mark == c);
        let below = plain.last().is_some_and(Line::is_plain);
        let first = plain.len() < 2 || plain.get(plain.len() - 2).is_some_and(|line| !line.is_plain());
        if !line.code && below && (marks('=') || marks('-') && first) {
            let above = plain.last_mut().filter(|above| marks('=') || is_name(&above.text, MAX_TITLE));
            if let Some(above) = above {
                let title = above.text.trim();
                above.text = format!("{} {}", if marks('=') { "#" } else { "##" }, bold(title).unwrap_or(title));
                continue;
            }
        }
        if line.is_rule() && below {
            plain.push(Line::prose(String::new()));
        }
        plain.push(line);
    }
    plain
}

/// How a line shows that it is a heading, where no line has a `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decoration {
    Bold,
    Bracket(char),
    Sign(char),
    Number,
    Colon,
    Bare,
}

/// Takes the lines for headings that are decorated as one with the name of a section is.
fn decorated(lines: &mut [Line]) {
    let found: Vec<Option<(Decoration, String)>> = lines.iter().map(decoration).collect();
    let names: Vec<Decoration> =
        found.iter().flatten().filter(|(_, title)| is_section(title)).map(|(decoration, _)| *decoration).collect();
    let follows = |at: usize| {
        let blank = |at: usize| lines.get(at).is_none_or(Line::is_blank);
        // An item of a list that goes on is none.
        at.checked_sub(1).is_none_or(blank) || !found.get(at - 1).is_some_and(Option::is_some)
    };
    let headings: Vec<(usize, String)> = found
        .iter()
        .enumerate()
        .filter_map(|(at, found)| Some((at, found.as_ref()?)))
        .filter(|(at, (decoration, title))| match decoration {
            Decoration::Bold => true,
            Decoration::Colon | Decoration::Bare => is_section(title),
            _ => names.contains(decoration) && follows(*at),
        })
        .map(|(at, (_, title))| (at, format!("## {title}")))
        .collect();
    // One that has nothing below would head nothing: then it is the text itself.
    for (at, heading) in headings {
        if has_text_below(lines, at)
            && let Some(line) = lines.get_mut(at)
        {
            line.text = heading;
        }
    }
}

fn decoration(line: &Line) -> Option<(Decoration, String)> {
    let text = line.text.trim();
    if line.code || line.text.starts_with("   ") || text.is_empty() || line.heading().is_some() {
        return None;
    }
    let (decoration, title) = if let Some(title) = bold(text.trim_end_matches([':', ' '])) {
        (Decoration::Bold, title)
    } else if let Some((open, title)) = bracketed(text) {
        (Decoration::Bracket(open), title)
    } else if let Some(sign) = text.chars().next().filter(|c| is_sign(*c)) {
        (Decoration::Sign(sign), text.trim_start_matches(sign))
    } else if without_number(text).len() < text.len()
        && text.starts_with(|c: char| {
            c.is_ascii_digit() || "IVXABC가나다라마".contains(c) || !c.is_alphanumeric() && !"-*+|>".contains(c)
        })
    {
        (Decoration::Number, without_number(text))
    } else if let Some(title) = text.strip_suffix([':', '：']) {
        (Decoration::Colon, title)
    } else {
        (Decoration::Bare, text)
    };
    let title = title.trim().trim_end_matches([':', '：']).trim();
    let title = bold(title).unwrap_or(title).trim().trim_end_matches([':', '：']);
    (is_name(title, MAX_TITLE) && !line.text.starts_with(['-', '*', '+'])
        || decoration == Decoration::Bold && is_name(title, MAX_TITLE))
    .then(|| (decoration, title.to_owned()))
}

fn bracketed(text: &str) -> Option<(char, &str)> {
    [
        ('[', ']'),
        ('【', '】'),
        ('<', '>'),
        ('《', '》'),
        ('〈', '〉'),
        ('「', '」'),
        ('『', '』'),
        ('(', ')'),
        ('［', '］'),
    ]
    .into_iter()
    .find_map(|(open, close)| {
        let title = text.strip_prefix(open)?.strip_suffix(close)?;
        (!title.contains([open, close])).then_some((open, title))
    })
}

fn is_sign(c: char) -> bool {
    matches!(
        c,
        '■' | '□'
            | '◆'
            | '◇'
            | '▶'
            | '▷'
            | '►'
            | '●'
            | '○'
            | '◎'
            | '★'
            | '☆'
            | '▣'
            | '▪'
            | '※'
            | '♦'
            | '❖'
            | '•'
    ) || u32::from(c) >= 0x1F000
        || matches!(c, '\u{2600}'..='\u{27BF}')
}

/// Bold lines that stand alone head what follows them, one level below the heading above.
fn bold_ones(lines: &mut [Line]) {
    let mut level = 1;
    let mut above_is_bold = false;
    for at in 0..lines.len() {
        let Some(line) = lines.get(at) else { break };
        if let Some((found, _)) = line.heading() {
            level = found;
            above_is_bold = false;
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| lines.get(at));
        let begins = before.is_none_or(|before| before.is_blank() || before.heading().is_some() || before.is_item());
        let entry = line.text.trim().to_owned();
        let is_entry =
            line.is_plain() && begins && !line.text.starts_with("  ") && !above_is_bold && is_bold_entry(&entry);
        let section =
            bracketed(&entry).filter(|(open, title)| *open == '[' && line.is_plain() && begins && is_section(title));
        if line.is_blank() {
            continue;
        }
        above_is_bold = false;
        if (is_entry || section.is_some()) && has_text_below(lines, at) {
            let title = match section {
                Some((_, title)) => title.to_owned(),
                None => without_bold(&entry),
            };
            if let Some(line) = lines.get_mut(at) {
                line.text = format!("{} {}", "#".repeat((level + 1).clamp(2, 6)), title);
                above_is_bold = true;
            }
        }
    }
}

/// `**가나**`, `**가나:**`, `**가나** | 백엔드 | 2022.03 ~`, `**가나** (2022.03 ~ 2024.02)`.
fn is_bold_entry(text: &str) -> bool {
    if !is_name(text, MAX_ENTRY) {
        return false;
    }
    let Some((name, rest)) = text.strip_prefix("**").and_then(|text| text.split_once("**")) else { return false };
    let rest = rest.trim();
    let name_is_whole = !name.trim().is_empty() && !name.trim_end().ends_with('.');
    let closes = |rest: &str| {
        rest.strip_prefix('(').is_some_and(|rest| rest.ends_with(')') && rest.contains(|c: char| c.is_ascii_digit()))
    };
    name_is_whole && (rest.is_empty() || rest == ":" || rest.starts_with(['|', '｜']) || closes(rest))
}

fn without_bold(text: &str) -> String {
    let text = text.replace("**", "");
    text.trim().trim_end_matches([':', '：']).trim_end().to_owned()
}

/// The content of a text that is bold as a whole.
fn bold(text: &str) -> Option<&str> {
    let inside = ["**", "__"].iter().find_map(|mark| Some((mark, text.strip_prefix(*mark)?.strip_suffix(*mark)?)));
    let identifier = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    inside
        .filter(|(mark, inside)| {
            let name = **mark == "__" && identifier(inside);
            !name && !inside.trim().is_empty() && !inside.contains(**mark)
        })
        .map(|(_, inside)| inside)
}

/// Whether a text may be the name of something: short, and no sentence.
fn is_name(text: &str, longest: usize) -> bool {
    let text = text.trim_end_matches(['*', ' ']);
    let sentence = text.ends_with(['.', '!', '?', ',', ';', '다', '요']) && !text.ends_with("..");
    text.chars().count() <= longest && text.contains(char::is_alphanumeric) && !(sentence && text.chars().count() > 8)
}

/// Whether text follows before the next heading, bold line or end.
fn has_text_below(lines: &[Line], at: usize) -> bool {
    let next = lines.iter().skip(at + 1).find(|line| !line.is_blank() && !line.is_rule());
    next.is_some_and(|line| line.heading().is_none() && !(line.is_plain() && bold(line.text.trim()).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        super::super::line::join(&made_plain(Line::all(text)))
    }

    #[test]
    fn headings_are_known_however_they_are_written() {
        for heading in [
            "##소개",
            "## **소개**",
            "## 소개 ##",
            "## 소개:",
            "소개\n----",
            "**소개**",
            "**소개:**",
            "__소개__",
            "[소개]",
            "【소개】",
            "## 소개 {#intro}",
            "<소개>",
            "■ 소개",
            "▶소개",
            "1. 소개",
            "I. 소개",
            "소개:",
            "소개",
            "📌 소개",
        ] {
            let text = format!("{heading}\n결제 서버를 개발했습니다.");
            assert!(plain(&text).starts_with("## 소개\n결제"), "{text}: {}", plain(&text));
        }
        assert_eq!(plain("#소개\n가"), "# 소개\n가");
        assert_eq!(plain("소개\n===\n가"), "# 소개\n가");
    }

    #[test]
    fn what_only_looks_like_a_heading_stays() {
        for text in [
            "# 가\n#Spring #Kafka\n나",
            "# 가\n#include <stdio.h>\n나",
            "# 가\n문장입니다.\n\n---\n나",
            "# 가\n1. 소개\n2. 경력",
            "# 가\n\n나 **굵게** 다\n\n라",
            "# 자격\n\n**정보처리기사**\n\n**SQLD**",
            "# 가\n\n**이것은 굵게 쓴 문장으로 끝까지 강조합니다.**\n\n라",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn bold_lines_head_what_follows_them() {
        assert_eq!(plain("# 경력\n\n**1. 주문 플랫폼**\n\n- 가"), "# 경력\n\n## 1. 주문 플랫폼\n\n- 가");
        assert_eq!(
            plain("## 경력\n**가나상사** | 백엔드 | 2022.03 ~ 현재\n가"),
            "## 경력\n### 가나상사 | 백엔드 | 2022.03 ~ 현재\n가"
        );
    }
}
