//! The sections of a résumé: the title of the whole, the one that repeats the basic facts, and those that nothing is left of.

use std::collections::HashSet;

use super::line::{Line, unmarked};
use super::names::{is_facts, is_section, is_title};
use super::phrases::{section, talk};
use super::words::{squeeze, without_number};

/// Drops the titles of the whole that come first: the document has its own.
pub fn drop_title(lines: &mut Vec<Line>) {
    while let Some(at) = lines.iter().position(|line| line.heading().is_some()) {
        if !lines.get(at).and_then(Line::heading).is_some_and(|(_, title)| is_title(title)) {
            return;
        }
        lines.remove(at);
    }
}

/// Drops what repeats the basic facts: in a section of them, up to the next heading of any level, and before the first
/// section. What the document does not say itself stays.
pub fn drop_facts(lines: &mut Vec<Line>) {
    let mut kept: Vec<Line> = Vec::with_capacity(lines.len());
    let mut heading: Option<Line> = None;
    let mut before = true;
    let mut within = false;
    let all: Vec<Line> = std::mem::take(lines);
    for (at, line) in all.iter().enumerate() {
        let line = line.clone();
        if let Some((_, title)) = line.heading() {
            (before, within) = (false, is_facts(title) || holds_facts_alone(all.get(at + 1..).unwrap_or_default()));
            heading = within.then(|| line.clone());
            if !within {
                kept.push(line);
            }
        } else if within {
            if let Some(line) = beyond_the_facts(&line) {
                kept.extend(heading.take());
                kept.push(line);
            }
        } else if !(before && repeats_a_fact(&line)) {
            kept.push(line);
        }
    }
    *lines = kept;
}

/// Whether the section that begins here has none but the basic facts, whatever its name is.
fn holds_facts_alone(lines: &[Line]) -> bool {
    let section = lines.iter().take_while(|line| line.heading().is_none());
    let mut said = section.filter(|line| line.text.contains(char::is_alphanumeric)).peekable();
    let is_sure = |line: &Line| {
        let label = label_and_value(line).map(|(label, _)| squeeze(&label)).unwrap_or_default();
        section::SURE_FACT_LABELS.contains(&label.as_str())
            || line.is_row() && ["항목", "구분"].contains(&label.as_str())
    };
    said.peek().is_some() && said.all(is_sure)
}

/// Label and value of a line, or of a table's row.
fn label_and_value(line: &Line) -> Option<(String, String)> {
    if line.is_row() {
        let cells = super::tables::cells(&line.text);
        return Some((cells.first()?.clone(), cells.get(1..)?.join(" ")));
    }
    let (label, value) = unmarked(&line.text).split_once([':', '：'])?;
    (!label.contains("http")).then(|| (label.to_owned(), value.to_owned()))
}

fn repeats_a_fact(line: &Line) -> bool {
    !line.code
        && label_and_value(line).is_some_and(|(label, _)| section::FACT_LABELS.contains(&squeeze(&label).as_str()))
}

/// What a line in the section of the basic facts says beyond them.
fn beyond_the_facts(line: &Line) -> Option<Line> {
    let digits = line.text.chars().filter(char::is_ascii_digit).count();
    match label_and_value(line) {
        Some(_) if repeats_a_fact(line) => None,
        Some((_, value)) if !value.contains(char::is_alphanumeric) => None,
        // The header of a table.
        Some((label, value)) if line.is_row() => {
            let names = |text: &str| ["항목", "구분", "내용", "값", "상세", "정보"].contains(&squeeze(text).as_str());
            (!names(&label) && !names(&value)).then(|| Line::prose(format!("- {label}: {value}")))
        }
        Some(_) => Some(line.clone()),
        None => (line.text.contains("://") || digits >= 9 && !line.text.contains('@')).then(|| line.clone()),
    }
}

/// Headings that had nothing below from the start, and are no names of sections: they are what is told (`## 정보처리기사`).
pub fn bare_headings(lines: &[Line]) -> HashSet<String> {
    let seen: Vec<&Line> = lines.iter().filter(|line| !line.is_blank() && !line.is_rule()).collect();
    let bare = seen.iter().enumerate().filter_map(|(at, line)| {
        let (level, title) = line.heading()?;
        let next = seen.get(at + 1).map(|line| line.heading());
        let nothing_below = match next {
            None => true,
            Some(next) => next.is_some_and(|(next, _)| next <= level),
        };
        let name = squeeze(without_number(title));
        let is_remark = talk::HEADINGS.contains(&name.as_str()) || talk::PERHAPS_HEADINGS.contains(&name.as_str());
        let says = !is_section(title) && !is_facts(title) && !is_title(title) && !is_remark;
        (nothing_below && says && level > 1).then(|| line.text.clone())
    });
    bare.collect()
}

/// Drops headings that have nothing below them any more.
pub fn drop_empty(lines: &mut Vec<Line>, bare: &HashSet<String>) {
    // From the end: the level of the heading that follows, unless there is text in between.
    let mut follows = Some(0);
    let mut kept: Vec<Line> = lines
        .drain(..)
        .rev()
        .filter(|line| match (line.heading(), follows) {
            (Some((level, _)), Some(next)) if next <= level && !bare.contains(&line.text) => false,
            (Some((level, _)), _) => {
                follows = Some(level);
                true
            }
            (None, _) => {
                if !line.is_blank() && !line.is_rule() {
                    follows = None;
                }
                true
            }
        })
        .collect();
    kept.reverse();
    *lines = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_facts(text: &str) -> String {
        let mut lines = Line::all(text);
        drop_facts(&mut lines);
        super::super::line::join(&lines)
    }

    #[test]
    fn what_the_document_does_not_say_itself_stays() {
        assert_eq!(without_facts("# 연락처\n\n- 이메일: a@b.kr\n\n# 소개"), "# 소개");
        assert_eq!(
            without_facts("# 연락처\n- **이메일:** a@b.kr\n- GitHub: https://a.kr\n- 전공: 비전공\n# 소개"),
            "# 연락처\n- GitHub: https://a.kr\n# 소개"
        );
        assert_eq!(without_facts("# 프로필\n\n- 이메일: a@b.kr\n- 희망 직무: 백엔드\n# 소개"), "# 소개");
        assert_eq!(without_facts("# 경력\n- 회사: 가나\n- 직책: 리드"), "# 경력\n- 회사: 가나\n- 직책: 리드");
        assert_eq!(
            without_facts("이메일: a@b.kr\n3년차입니다.\n# 소개\n이메일: 발송기\n가"),
            "3년차입니다.\n# 소개\n이메일: 발송기\n가"
        );
        assert_eq!(
            without_facts("# 기본 정보\n| 항목 | 내용 |\n|---|---|\n| 이메일 | a |\n| 블로그 | b.kr |\n# 소개"),
            "# 기본 정보\n- 블로그: b.kr\n# 소개"
        );
    }

    #[test]
    fn headings_go_with_what_was_below_them() {
        let mut lines = Line::all("# 자격\n## 정보처리기사\n## SQLD\n# 학력\n## 상세\n가");
        let bare = bare_headings(&lines);
        assert_eq!(bare, ["## 정보처리기사", "## SQLD"].map(str::to_owned).into());
        lines.pop();
        drop_empty(&mut lines, &bare);
        assert_eq!(super::super::line::join(&lines), "# 자격\n## 정보처리기사\n## SQLD");
    }
}
