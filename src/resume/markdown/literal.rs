//! Text that Markdown would take for something else, and marks that only a chat shows: dates that look like numbers of a list,
//! labels that look like the targets of links, names of elements, formulas, footnotes, citations.

use std::collections::HashMap;

use super::line::{Line, MAX_LINE, indentation, marker};
use super::words::protected;
use crate::llm::text::is_hangul;

/// Digits of a number that counts no list.
const YEAR: usize = 3;
/// Characters of a citation, a formula or a footnote's name at most.
const MAX_MARK: usize = 60;

/// The lines with their leading dates escaped: `2023. 03.` begins no list. Whatever looks at lists comes after this.
pub fn dates_escaped(lines: &mut [Line]) {
    for line in lines.iter_mut().filter(|line| !line.code) {
        let mut at = indentation(&line.text);
        while let Some(rest) = line.text.get(at..) {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let after = rest.get(digits..).unwrap_or_default();
            let behind = after.strip_prefix(['.', ')']).filter(|behind| behind.is_empty() || behind.starts_with(' '));
            let counts = behind.is_some() && (1..YEAR).contains(&digits);
            let is_date = behind.is_some_and(|behind| digits >= YEAR || digits == 2 && is_month(behind));
            if is_date {
                line.text.insert(at + digits, '\\');
                break;
            }
            // Behind the marker of an item there may be a date, too.
            let is_item = counts || ["- ", "* ", "+ ", "> ", "• "].iter().any(|marker| rest.starts_with(marker));
            let Some((_, item)) = rest.split_once(' ').filter(|_| is_item) else { break };
            at = line.text.len() - item.trim_start().len();
        }
    }
}

/// Whether a text begins with a month and what goes on from it: ` 03. ~`, ` 3월`, ` 03 - `.
fn is_month(text: &str) -> bool {
    let text = text.trim_start();
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let month: Option<u8> = text.get(..text.len() - rest.len()).and_then(|month| month.parse().ok());
    month.is_some_and(|month| (1..=12).contains(&month)) && rest.trim_start().starts_with(['.', '~', '-', '–', '월'])
}

/// The lines without citations and formula marks, with footnotes where they are referred to.
pub fn marks_dropped(lines: &mut Vec<Line>) {
    let notes = footnotes(lines);
    for line in lines.iter_mut().filter(|line| !line.code && line.text.len() <= MAX_LINE) {
        if line.text.contains(['【', '[']) || line.text.contains(":content") {
            line.text = without_citations(&line.text, &notes);
        }
        if line.text.contains('$') || line.text.contains("\\(") || line.text.contains("\\[") {
            line.text = without_formula_marks(&line.text);
        }
    }
    // `> [!NOTE]`, and the marks around a formula on lines of their own.
    lines.retain(|line| {
        let text = line.text.trim_start_matches(['>', ' ']);
        line.code
            || !(matches!(text, "[TOC]" | "[toc]" | "[[toc]]" | "$$" | "\\[" | "\\]")
                || text.starts_with("[!") && text.ends_with(']') && text.len() < MAX_MARK)
    });
}

/// Takes the footnotes that something refers to out of the lines: their text by their name. Others stay as text.
fn footnotes(lines: &mut Vec<Line>) -> HashMap<String, String> {
    let name_and_text = |line: &Line| {
        let (name, text) = line.text.trim().strip_prefix("[^")?.split_once("]:")?;
        Some((name.to_owned(), text.trim().to_owned()))
    };
    let mut notes: HashMap<String, String> = HashMap::new();
    for (name, text) in lines.iter().filter(|line| !line.code).filter_map(name_and_text) {
        let refers = |line: &&Line| name_and_text(line).is_none() && line.text.contains(&format!("[^{name}]"));
        notes.insert(name.clone(), if lines.iter().any(|line| refers(&line)) { text } else { String::new() });
    }
    lines.retain_mut(|line| match name_and_text(line).filter(|_| !line.code) {
        Some((name, text)) => {
            line.text = text;
            notes.get(&name).is_none_or(String::is_empty)
        }
        None => true,
    });
    notes
}

fn without_citations(text: &str, notes: &HashMap<String, String>) -> String {
    let is_code = protected(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let seen = !is_code.get(at).copied().unwrap_or_default();
        if let Some((length, note)) = citation(rest, text.get(..at).unwrap_or_default(), notes).filter(|_| seen) {
            if !note.is_empty() {
                out.extend([" (", note, ")"]);
            }
            at += length;
            continue;
        }
        let c = rest.chars().next().unwrap_or_default();
        out.push(c);
        at += c.len_utf8();
    }
    out
}

/// The length of the citation that a text begins with, and what its footnote says.
fn citation<'a>(rest: &str, before: &str, notes: &'a HashMap<String, String>) -> Option<(usize, &'a str)> {
    let inside = |open: &str, close: &str| {
        let inside = rest.strip_prefix(open)?.split_once(close)?.0;
        (inside.chars().count() <= MAX_MARK).then_some((open.len() + inside.len() + close.len(), inside))
    };
    if let Some((length, name)) = inside("[^", "]") {
        return Some((length, notes.get(name).map_or("", String::as_str)));
    }
    if let Some((length, source)) = inside("【", "】") {
        let numbered = source.trim().chars().all(|c| c.is_ascii_digit() || ":,- †".contains(c));
        return (source.contains('†') || numbered || source.contains("source")).then_some((length, ""));
    }
    if let Some((length, _)) = inside(":contentReference[", "]") {
        let index = rest.get(length..).filter(|rest| rest.starts_with("{index=")).and_then(|rest| rest.find('}'));
        return Some((length + index.map_or(0, |end| end + 1), ""));
    }
    let (length, source) = inside("[", "]")?;
    let after = rest.get(length..).unwrap_or_default();
    let named =
        ["citation:", "cite:", "oaicite:", "source:", "출처:", "출처 "].iter().any(|name| source.starts_with(name));
    let number = source.len() <= 5
        && source.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' '))
        && !source.trim().is_empty();
    // `[1]` behind a word, but `scores[1]` is code, and `[1] 주문` counts.
    let mut before = before;
    while let Some((earlier, number)) = before.strip_suffix(']').and_then(|before| before.rsplit_once('[')) {
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
            break;
        }
        before = earlier;
    }
    let behind = before.ends_with(|c: char| c.is_alphanumeric() && !c.is_ascii_alphanumeric() || ".!?)。%".contains(c))
        && !beyond_numbers(after).starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '(' | '[' | ':'));
    (named || number && behind).then_some((length, ""))
}

/// What follows the numbers in brackets that a text begins with.
fn beyond_numbers(mut text: &str) -> &str {
    while let Some((number, beyond)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
            break;
        }
        text = beyond;
    }
    text
}

/// The text with its formulas (`$O(n)$`) as plain text.
fn without_formula_marks(text: &str) -> String {
    let mut text = text.to_owned();
    for (open, close) in [("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"), ("$", "$")] {
        let mut from = 0;
        while let Some((start, end)) = formula(&text, from, open, close) {
            let (inner_start, inner_end) = (start + open.len(), end - close.len());
            let inner = plain_formula(text.get(inner_start..inner_end).unwrap_or_default().trim());
            text.replace_range(start..end, &inner);
            from = start + inner.len();
        }
    }
    text
}

/// The next formula between these marks, as positions in the text.
fn formula(text: &str, from: usize, open: &str, close: &str) -> Option<(usize, usize)> {
    let is_code = if open.starts_with('\\') { Vec::new() } else { protected(text) };
    let mut searched = from;
    loop {
        let start = searched + text.get(searched..)?.find(open)?;
        searched = start + open.len();
        let inner = text.get(searched..)?;
        let Some(length) = inner.find(close) else { continue };
        let end = searched + length + close.len();
        let (inner, after) = (inner.get(..length)?, text.get(end..)?);
        let before = text.get(..start)?;
        let tight =
            !inner.is_empty() && !inner.starts_with(' ') && !inner.ends_with(' ') && inner.len() <= 2 * MAX_MARK;
        // Two sums of money, or two variables of a shell, are no formula.
        let money = open == "$"
            && (after.starts_with(|c: char| c.is_ascii_alphanumeric())
                || before.ends_with(|c: char| c.is_ascii_alphanumeric()));
        // `\(주\)` is a parenthesis that somebody escaped.
        let escape = open.starts_with('\\') && inner.contains(is_hangul);
        let fits = if open == "$" { tight && !money } else { !inner.trim().is_empty() && !escape };
        if fits && !is_code.get(start).copied().unwrap_or_default() {
            return Some((start, end));
        }
    }
}

/// A formula without the commands of TeX.
fn plain_formula(formula: &str) -> String {
    let mut text = formula.to_owned();
    for (command, sign) in [
        ("\\times", "×"),
        ("\\cdot", "·"),
        ("\\leq", "≤"),
        ("\\le", "≤"),
        ("\\geq", "≥"),
        ("\\ge", "≥"),
        ("\\approx", "≈"),
        ("\\rightarrow", "→"),
        ("\\to", "→"),
        ("\\neq", "≠"),
        ("\\pm", "±"),
        ("\\sim", "~"),
        ("\\infty", "∞"),
        ("\\sum", "∑"),
        ("\\alpha", "α"),
        ("\\beta", "β"),
        ("\\lambda", "λ"),
        ("\\mu", "μ"),
        ("\\sigma", "σ"),
        ("\\theta", "θ"),
        ("\\%", "%"),
        ("\\_", "_"),
        ("\\,", " "),
        ("\\text", ""),
        ("\\mathrm", ""),
        ("\\mathbf", ""),
        ("\\left", ""),
        ("\\right", ""),
    ] {
        text = text.replace(command, sign);
    }
    while let Some((before, rest)) = text.split_once("\\frac{") {
        let Some((above, rest)) = rest.split_once("}{") else { break };
        let Some((below, rest)) = rest.split_once('}') else { break };
        text = [before, above, "/", below, rest].concat();
    }
    text.replace(['{', '}'], "").replace('\\', "")
}

/// The lines with what Markdown would take for something else escaped: the last thing that is done to them.
pub fn escaped(lines: &mut [Line]) {
    let text = lines.iter().filter(|line| !line.code).map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    for line in lines.iter_mut().filter(|line| !line.code) {
        line.text = label_escaped(&line.text, &text);
        line.text = names_escaped(&line.text);
    }
}

/// `[기간]: 2023` is a label, unless something refers to it.
fn label_escaped(line: &str, text: &str) -> String {
    let at = marker(line);
    let (markers, item) = line.split_at_checked(at).unwrap_or(("", line));
    let label = item.strip_prefix('[').and_then(|rest| rest.split_once("]:")).map(|(label, _)| label);
    let Some(label) = label.filter(|label| !label.contains([']', '['])) else { return line.to_owned() };
    let reference = format!("[{label}]");
    let refers = |at: usize| !text.get(at + reference.len()..).is_some_and(|rest| rest.starts_with(':'));
    if text.match_indices(&reference).any(|(at, _)| refers(at)) {
        return line.to_owned();
    }
    format!("{markers}\\{item}")
}

/// `<main>` is a name by now, as all that was markup is Markdown. Only `<br>` in a table's cell is left, and addresses.
fn names_escaped(line: &str) -> String {
    if !line.contains('<') {
        return line.to_owned();
    }
    let is_code = protected(line);
    let in_row = line.trim_start().starts_with('|');
    let mut out = String::with_capacity(line.len() + 8);
    for (at, c) in line.char_indices() {
        let rest = line.get(at + 1..).unwrap_or_default();
        let opens = c == '<' && rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        let address = rest.split_once('>').is_some_and(|(inside, _)| {
            inside.starts_with("http://")
                || inside.starts_with("https://")
                || inside.contains('@') && inside.contains('.') && !inside.contains([' ', '=', '/'])
        });
        let row_break = in_row && (rest.starts_with("br>") || rest.starts_with("br/>") || rest.starts_with("br />"));
        if opens && !address && !row_break && !is_code.get(at).copied().unwrap_or_default() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str) -> String {
        let mut lines = Line::all(text);
        dates_escaped(&mut lines);
        super::super::line::join(&lines)
    }

    fn marks(text: &str) -> String {
        let mut lines = Line::all(text);
        marks_dropped(&mut lines);
        super::super::line::join(&lines)
    }

    fn literally(text: &str) -> String {
        let mut lines = Line::all(text);
        escaped(&mut lines);
        super::super::line::join(&lines)
    }

    #[test]
    fn a_year_begins_no_list() {
        assert_eq!(dates("2023. 03 ~ 2024. 05 가나"), "2023\\. 03 ~ 2024. 05 가나");
        assert_eq!(dates("- 2023. 03. 자격\n  1. 2021. 9월"), "- 2023\\. 03. 자격\n  1. 2021\\. 9월");
        assert_eq!(dates("21. 03. ~ 22. 05. 가나"), "21\\. 03. ~ 22. 05. 가나");
        for text in ["1. 가\n2. 나", "10. 가", "2023.03 가", "12. 3개 서버", "```\n2023. 03\n```"] {
            assert_eq!(dates(text), text);
        }
    }

    #[test]
    fn citations_go_and_footnotes_stand_where_they_belong() {
        for (text, left) in [
            ("서버 개발【4†source】", "서버 개발"),
            ("10만 건 처리[1], 개발[2].", "10만 건 처리, 개발."),
            ("개발했습니다.[^1]", "개발했습니다."),
            ("3배[^a]\n\n[^a]: 2023년 기준", "3배 (2023년 기준)\n"),
            ("처리 :contentReference[oaicite:0]{index=0}", "처리 "),
            ("처리 [citation:3]", "처리 "),
        ] {
            assert_eq!(marks(text), left, "{text}");
        }
        for text in ["scores[1]", "[1] 주문 서버", "【주문】 서버", "`처리[1]`", "[x] 완료", "처리[1](https://a.kr)"]
        {
            assert_eq!(marks(text), text);
        }
    }

    #[test]
    fn formulas_lose_their_marks_alone() {
        assert_eq!(marks("복잡도는 $O(n)$ 입니다. $x \\times 2^{10}$"), "복잡도는 O(n) 입니다. x × 2^10");
        assert_eq!(marks("$$\\frac{a}{b}$$ \\(n\\)"), "a/b n");
        for text in ["$100 ~ $200", "$HOME과 $PATH", "`$a$`", "US$10, A$20"] {
            assert_eq!(marks(text), text);
        }
    }

    #[test]
    fn labels_and_names_of_elements_are_text() {
        assert_eq!(literally("- [기간]: 2023\n[가]: 나_다"), "- \\[기간]: 2023\n\\[가]: 나_다");
        assert_eq!(literally("[가][b]\n\n[b]: https://a.kr"), "[가][b]\n\n[b]: https://a.kr");
        assert_eq!(
            literally("<main>, List<String>, a < b, <https://a.kr> `<a>`"),
            "\\<main>, List\\<String>, a < b, <https://a.kr> `<a>`"
        );
        assert_eq!(literally("| a<br>b | <b> |"), "| a<br>b | \\<b> |");
    }
}
