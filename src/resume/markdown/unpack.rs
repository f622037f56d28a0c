//! What a model wrapped the résumé in: special tokens and thoughts, JSON, front matter, a code fence around it all.

use serde_json::Value;

use super::html::is_element;
use super::line::{Fence, Line, join};
use super::names::is_title;
use crate::llm::text::envelope::turn;
use crate::llm::text::{beginning, object, visible};

/// Languages of a fence that is no program's.
const PROSE: &[&str] = &["", "markdown", "md", "text", "txt", "plaintext", "plain", "mdx", "resume", "html", "json"];
/// Those that say that it is Markdown.
const MARKDOWN: &[&str] = &["markdown", "md", "mdx"];
/// Marks of code blocks at most: more are no résumé's.
const MAX_FENCES: usize = 200;
/// Lines of front matter at most.
const MAX_FRONT_MATTER: usize = 40;

/// The résumé without what it was wrapped in.
pub fn unpacked(reply: &str) -> String {
    let text = visible(&reply.replace('\t', "    ")).replace('\u{A0}', " ");
    let text = turn(&text);
    // One line in which line ends are written out was escaped as a whole.
    let text = if text.contains('\n') { text.into_owned() } else { text.replace("\\n", "\n") };
    let text = unfenced(before_next_turn(&text));
    let text = match from_json(&text) {
        Some(text) => unfenced(&text),
        None => text,
    };
    unquoted(without_front_matter(unwrapped(&text)))
}

/// The text up to where the model goes on with the other side's turn.
fn before_next_turn(text: &str) -> &str {
    const TURNS: [&str; 6] = ["human:", "user:", "사용자:", "### instruction", "### user", "### human"];
    let mut at = 0;
    let mut after_blank = false;
    let mut code = false;
    for line in text.split_inclusive('\n') {
        let said = line.trim();
        code ^= Fence::of(said).is_some();
        let lower = beginning(said, 16).to_lowercase();
        let is_turn = matches!(lower.as_str(), "user" | "human") || TURNS.iter().any(|turn| lower.starts_with(turn));
        if after_blank && !code && is_turn {
            return text.get(..at).unwrap_or(text);
        }
        after_blank = said.is_empty() && at > 0;
        at += line.len();
    }
    text
}

/// The text without the fences around what is no code.
fn unfenced(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    // Each is looked behind to the end: a model that writes nothing else is no reason to look for ever.
    if lines.iter().filter(|line| Fence::of(line).is_some()).count() > MAX_FENCES {
        return text.to_owned();
    }
    let mut kept: Vec<&str> = Vec::with_capacity(lines.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let opened = Fence::of(line).filter(|fence| PROSE.contains(&fence.language.to_lowercase().as_str()));
        let Some(opened) = opened else {
            let end = Fence::of(line).map_or(at + 1, |fence| end_of_code(&lines, at, &fence));
            kept.extend(lines.get(at..end).unwrap_or_default());
            at = end;
            continue;
        };
        let close = closing(&lines, at, &opened);
        let end = close.unwrap_or(lines.len());
        let inside = lines.get(at + 1..end).unwrap_or_default();
        let around = [lines.get(..at).unwrap_or_default(), lines.get(end..).unwrap_or_default()].concat();
        let says_markdown = MARKDOWN.contains(&opened.language.to_lowercase().as_str());
        if says_markdown
            || holds_sections(inside) && !holds_sections(&around)
            || around.iter().all(|line| is_mark(line))
        {
            // Blank lines where the marks were: what is around is no part of what is inside.
            kept.push("");
            kept.extend(inside);
            kept.push("");
            at = close.map_or(end, |close| close + 1);
        } else {
            let end = end_of_code(&lines, at, &opened);
            kept.extend(lines.get(at..end).unwrap_or_default());
            at = end;
        }
    }
    kept.join("\n")
}

/// Behind the block of code that begins at a line.
fn end_of_code(lines: &[&str], at: usize, opened: &Fence<'_>) -> usize {
    let closes = |line: &&str| Fence::of(line).is_some_and(|fence| fence.closes(opened));
    let length = lines.get(at + 1..).unwrap_or_default().iter().position(closes);
    length.map_or(at + 1, |length| at + length + 2)
}

/// Where a fence closes that there may be code blocks within: they come with fences of their own, which open and close.
fn closing(lines: &[&str], at: usize, opened: &Fence<'_>) -> Option<usize> {
    let mut depth = 0_usize;
    let mut bare: Vec<usize> = Vec::new();
    for (index, line) in lines.iter().enumerate().skip(at + 1) {
        let Some(fence) = Fence::of(line).filter(|fence| fence.is_like(opened)) else { continue };
        if !fence.language.is_empty() {
            if MARKDOWN.contains(&fence.language.to_lowercase().as_str()) && !bare.is_empty() {
                break;
            }
            depth += 1;
        } else if depth > 0 {
            depth -= 1;
        } else {
            bare.push(index);
        }
    }
    if bare.len() % 2 == 1 { bare.last().copied() } else { None }
}

fn is_mark(line: &str) -> bool {
    line.trim().is_empty() || Fence::of(line).is_some()
}

/// Whether there are headings, other than the title of the whole.
fn holds_sections(lines: &[&str]) -> bool {
    lines.iter().any(|line| {
        let line = line.trim();
        let title = line.trim_start_matches('#');
        let heading = (1..=6).contains(&(line.len() - title.len())) || line.starts_with("<h") || line.starts_with("**");
        heading && !title.starts_with('!') && !is_title(title)
    })
}

/// The résumé within a JSON string or object: its longest text.
fn from_json(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '"', '[']) {
        return None;
    }
    let found = match serde_json::from_str::<Value>(text) {
        Ok(value) => longest_text(&value).map(str::to_owned),
        // With the slips that models make.
        Err(_) => object::objects(text).next().and_then(|object| longest(&object)),
    };
    found.filter(|text| text.contains('\n'))
}

fn longest(object: &object::Object) -> Option<String> {
    object.texts().into_iter().max_by_key(|text| text.len()).map(str::to_owned)
}

fn longest_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(values) => values.iter().filter_map(longest_text).max_by_key(|text| text.len()),
        Value::Object(fields) => fields.values().filter_map(longest_text).max_by_key(|text| text.len()),
        _ => None,
    }
}

/// The text between lines of quotes, or between a tag of the model's own making and its partner, that enclose all of it.
fn unwrapped(text: &str) -> &str {
    let whole = text.trim();
    let inner = |text: &'_ str| -> Option<(usize, usize)> {
        let (first, rest) = text.split_once('\n')?;
        let (inside, last) = rest.rsplit_once('\n')?;
        let (first, last) = (first.trim(), last.trim());
        let quotes = ["\"\"\"", "'''"].iter().any(|quotes| {
            let language = first.strip_prefix(quotes).map(str::to_lowercase);
            language.is_some_and(|language| PROSE.contains(&language.as_str())) && last == *quotes
        });
        let name = first.strip_prefix('<').and_then(|first| first.strip_suffix('>')).unwrap_or_default();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let tags = is_name && !is_element(&name.to_lowercase()) && last == format!("</{name}>");
        let start = text.len() - rest.len();
        (quotes || tags).then_some((start, start + inside.len()))
    };
    inner(whole).and_then(|(from, to)| whole.get(from..to)).unwrap_or(text)
}

/// The text below its front matter, in YAML (`---`) or TOML (`+++`).
fn without_front_matter(text: &str) -> &str {
    let body = text.trim_start();
    let Some((mark, rest)) = ["---", "+++"].into_iter().find_map(|mark| Some((mark, body.strip_prefix(mark)?))) else {
        return text;
    };
    let Some(rest) = rest.trim_start_matches(' ').strip_prefix('\n') else { return text };
    let mut at = 0;
    let mut fields = 0;
    for line in rest.split_inclusive('\n').take(MAX_FRONT_MATTER) {
        at += line.len();
        let line = line.trim_end();
        if line == mark || line == "..." {
            return if fields > 0 { rest.get(at..).unwrap_or_default() } else { text };
        }
        let key = line.split_once([':', '=']).map(|(key, _)| key.trim());
        let is_field = key.is_some_and(|key| {
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        });
        let goes_on = fields > 0 && (line.starts_with([' ', '-', '#', ']', '}']) || line.is_empty());
        if !is_field && !goes_on {
            return text;
        }
        fields += usize::from(is_field);
    }
    text
}

/// The text without the marks of a quote that all of it stands in.
fn unquoted(text: &str) -> String {
    let mut lines = Line::all(text);
    let is_quoted = |line: &Line| line.is_blank() || line.text.starts_with('>');
    if lines.iter().all(is_quoted) {
        for line in &mut lines {
            let inside = line.text.strip_prefix('>').unwrap_or(&line.text);
            line.text = inside.strip_prefix(' ').unwrap_or(inside).to_owned();
        }
    }
    join(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_around_the_whole_are_taken_off_and_those_of_code_stay() {
        for (text, inside) in [
            ("```markdown\n# 소개\n가\n```", "# 소개\n가"),
            ("````md\n# 소개\n```sh\nmake\n```\n````", "# 소개\n```sh\nmake\n```"),
            ("```\n# 소개\n```\nmake\n```\n```", "# 소개\n```\nmake\n```"),
            ("~~~markdown\n# 소개\n가\n~~~", "# 소개\n가"),
            ("다음:\n```\n# 소개\n가\n```\n끝", "다음:\n\n# 소개\n가\n\n끝"),
            ("# 소개\n```\n# install\nmake\n```", "# 소개\n```\n# install\nmake\n```"),
            ("```markdown\n# 소개\n가", "# 소개\n가"),
            ("```markdown\n# 가\n```\n그리고\n```markdown\n# 나\n```", "# 가\n\n그리고\n\n# 나"),
        ] {
            assert_eq!(unfenced(text).trim(), inside, "{text}");
        }
    }

    #[test]
    fn a_made_up_next_turn_is_cut_off() {
        for next in ["user\n다음", "Human: 다음", "### Instruction:\n다음", "사용자: 다음"] {
            assert_eq!(unpacked(&format!("# 소개\n가\n\n{next}")).trim(), "# 소개\n가", "{next}");
        }
        for text in ["# 소개\n가\n\n사용자 수 10만", "# 소개\n\n```\na\n\nuser: root\n```"] {
            assert_eq!(unpacked(text), text);
        }
    }

    #[test]
    fn front_matter_is_dropped_and_rules_stay() {
        assert_eq!(without_front_matter("---\nlayout: page\ntags:\n  - a\n---\n# 가"), "# 가");
        assert_eq!(without_front_matter("+++\ntitle = \"a\"\n+++\n# 가"), "# 가");
        for text in ["---\n# 가\n---\n나", "---\n\n# 가", "# 가\n---\na: b\n---\n"] {
            assert_eq!(without_front_matter(text), text);
        }
    }

    #[test]
    fn json_and_quotes_around_the_whole_are_taken_off() {
        assert_eq!(unpacked(r##"{"resume": "# 소개\n가", "title": "이력서"}"##), "# 소개\n가");
        assert_eq!(unpacked("```json\n{\"resume\": \"# 소개\\n가\"}\n```"), "# 소개\n가");
        assert_eq!(unpacked("{'resume': '# 소개\\n가'}"), "# 소개\n가");
        assert_eq!(unpacked("{\"resume\": \"# 소개\n가"), "# 소개\n가");
        assert_eq!(unpacked("# 소개\\n가"), "# 소개\n가");
        assert_eq!(unpacked("> # 소개\n>\n> 가"), "# 소개\n\n가");
        assert_eq!(unpacked("\"\"\"markdown\n# 소개\n가\n\"\"\""), "# 소개\n가");
        assert_eq!(unpacked("<resume>\n# 소개\n가\n</resume>"), "# 소개\n가");
    }
}
