//! Blanks that a model leaves for the member to fill in.

use crate::llm::text::phrases::blank;

/// Longer brackets hold sentences.
const MAX_BLANK: usize = 40;

/// The line without its blanks, or `None` when nothing is left of it.
pub fn fill_in(line: &str) -> Option<String> {
    let trimmed = line.trim();
    if trimmed.starts_with('|') {
        return table_row(line, trimmed);
    }
    if trimmed.is_empty() || !trimmed.contains(char::is_alphanumeric) && !trimmed.contains(['○', '◯', '〇', '[']) {
        // Rules and blank lines. A line of underscores is a rule too.
        return Some(line.to_owned());
    }
    let text = trimmed.trim_start_matches(['#', '-', '*', '+', '>', ' ']);
    if is_no_value(text) {
        return None;
    }
    let heading = trimmed.starts_with('#');
    let (left, blank) = without_blanks(line, heading);
    if !blank {
        return Some(left);
    }
    let value = left.split_once([':', '：']).map_or(left.as_str(), |(_, value)| value);
    let marker = value.trim_start().trim_end_matches(|c: char| !c.is_alphanumeric());
    // "1." is the marker of a list, not a text.
    let seen = !marker.is_empty() && !marker.chars().all(|c| c.is_ascii_digit());
    seen.then(|| left.trim_end().to_owned())
}

fn table_row(line: &str, row: &str) -> Option<String> {
    let cells = row.trim_matches('|').split('|').map(|cell| without_blanks(cell, true)).collect::<Vec<_>>();
    if !cells.iter().any(|(cell, blank)| *blank || is_no_value(cell)) {
        return Some(line.to_owned());
    }
    let values = cells.iter().skip(1).any(|(cell, _)| cell.contains(char::is_alphanumeric) && !is_no_value(cell));
    let cells = cells.iter().map(|(cell, _)| cell.as_str()).collect::<Vec<_>>();
    values.then(|| format!("|{}|", cells.join("|")))
}

/// Whether a text, or the value behind its label, says that there is no value.
fn is_no_value(text: &str) -> bool {
    let (label, value) = text.split_once([':', '：']).unwrap_or(("", text));
    let value = squeeze(value);
    let is = |names: &[&str]| names.contains(&value.as_str());
    let of_a_person = || label.is_empty() || blank::NAME_LABELS.contains(&squeeze(label).as_str());
    is(blank::NO_VALUES) || is(blank::ANYBODY) && of_a_person()
}

/// Letters and digits only, in lower case.
fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The text without its blanks, and whether there were any. `strict` takes no blank for a label.
fn without_blanks(text: &str, strict: bool) -> (String, bool) {
    let (left, bracketed) = without_brackets(text, strict);
    let mut words = false;
    let kept = left.split_inclusive(' ').filter(|word| {
        let blank = is_blank_word(word.trim());
        words |= blank;
        !blank
    });
    let kept = kept.collect::<String>();
    (kept, bracketed || words)
}

fn without_brackets(text: &str, strict: bool) -> (String, bool) {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    let mut first = true;
    while let Some(start) = rest.find(['[', '(', '（', '{', '<']) {
        let (before, bracket) = rest.split_at_checked(start).unwrap_or((rest, ""));
        left.push_str(before);
        first &= !before.contains(char::is_alphanumeric);
        let mut characters = bracket.chars();
        let open = characters.next().unwrap_or_default();
        let close = match open {
            '[' => ']',
            '(' => ')',
            '（' => '）',
            '{' => '}',
            _ => '>',
        };
        let inside: String = characters.by_ref().take_while(|&c| c != close).take(MAX_BLANK + 1).collect();
        let after = bracket.get(open.len_utf8() + inside.len() + close.len_utf8()..).unwrap_or_default();
        if inside.chars().count() <= MAX_BLANK && is_blank(open, &inside, after, first && !strict) {
            found = true;
            rest = without_particle(after);
        } else {
            left.push(open);
            rest = bracket.get(open.len_utf8()..).unwrap_or_default();
        }
    }
    left.push_str(rest);
    (left, found)
}

fn is_blank(open: char, inside: &str, after: &str, may_be_label: bool) -> bool {
    let inside = inside.trim().to_lowercase();
    if matches!(open, '(' | '（') {
        return blank::REMARKS.iter().any(|remark| inside.contains(remark));
    }
    // `[text](address)` and `[text][reference]` are links.
    if open == '[' && after.starts_with(['(', '[']) {
        return false;
    }
    let squeezed = squeeze(&inside);
    let label = || may_be_label && after.starts_with([' ', ':']) && after.contains(char::is_alphanumeric);
    let named = |names: &[&str]| names.contains(&squeezed.as_str());
    named(blank::SURE_NAMES)
        || blank::REQUESTS.iter().any(|request| inside.contains(request))
        || (named(blank::NAMES) || blank::REQUEST_ENDS.iter().any(|end| inside.ends_with(end))) && !label()
        || is_blank_word(&inside.to_uppercase())
}

fn without_particle(text: &str) -> &str {
    let word_ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    blank::PARTICLES
        .iter()
        .filter_map(|particle| text.strip_prefix(particle))
        .find(|rest| word_ends(rest))
        .unwrap_or(text)
}

/// Whether a word is a blank: `OO대학교`, `20XX.03`, `010-0000-0000`, `example@email.com`, `____`.
fn is_blank_word(word: &str) -> bool {
    if word.contains(['`', '●']) || word.contains("://") {
        return false;
    }
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !"○◯〇_@".contains(c));
    !word.is_empty()
        && (is_mask(word) || is_sample_phone(word) || is_sample_mail(word) || word.chars().all(|c| c == '_'))
}

/// Whether letters stand for what is not known: two or more circles or crosses, not within a Latin word.
fn is_mask(word: &str) -> bool {
    if ["20XX", "20xx", "YYYY"].iter().any(|year| word.contains(year)) {
        return true;
    }
    let mut before = None;
    let mut characters = word.chars().peekable();
    while let Some(c) = characters.next() {
        let mut length = 1;
        while characters.next_if_eq(&c).is_some() {
            length += 1;
        }
        let alone = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric());
        let mask = match c {
            'O' | 'X' => alone(before) && alone(characters.peek().copied()),
            '○' | '◯' | '〇' => true,
            _ => false,
        };
        if mask && length >= 2 {
            return true;
        }
        before = Some(c);
    }
    false
}

fn is_sample_phone(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let [area, middle, last] = groups.as_slice() else { return false };
    let sample = |group: &str| matches!(group, "0000" | "000" | "1234" | "5678" | "XXXX" | "xxxx");
    area.starts_with('0') && sample(middle) && sample(last)
}

fn is_sample_mail(word: &str) -> bool {
    let Some((user, host)) = word.split_once('@') else { return false };
    let (user, host) = (squeeze(user), host.to_lowercase());
    host.starts_with("example.")
        || host.starts_with("email.")
        || host.starts_with("domain.")
        || matches!(user.as_str(), "example" | "email" | "yourname" | "youremail" | "your")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_holds_only_a_blank_is_dropped() {
        for line in [
            "- **이름:** [이름]",
            "이름: OOO",
            "- 이름: ○○○",
            "- 이름: 홍길동",
            "Name: [Your Name]",
            "- 연락처: 010-0000-0000",
            "* 전화: 000-0000-0000",
            "- 이메일: example@email.com",
            "Email: your.email@example.com",
            "- 학력: (작성 필요)",
            "- 기간: 20XX.03 ~ 20XX.02",
            "- 이름: ________",
            "- 자격증: 해당 없음",
            "# [이름]",
            "| 이름 | [이름] |",
            "| 연락처 | 010-XXXX-XXXX |",
            "- [회사명]",
            "1. [프로젝트명]",
            "- 비고: N/A",
            "[여기에 자기소개를 입력하세요]",
            "- XX%",
            "- 학교: <학교명>",
            "## 홍길동",
        ] {
            assert_eq!(fill_in(line), None, "{line}");
        }
    }

    #[test]
    fn a_blank_in_a_sentence_goes_with_its_particle() {
        for (line, left) in [
            ("[이름]은 3년 경력의 개발자입니다.", "3년 경력의 개발자입니다."),
            ("- 2023년 [회사명]에서 개발", "- 2023년  개발"),
            ("- OO대학교 컴퓨터공학과 졸업", "- 컴퓨터공학과 졸업"),
            ("- Kafka 도입 (작성 필요)", "- Kafka 도입"),
            ("| 회사 | [회사명] | 백엔드 |", "| 회사 |  | 백엔드 |"),
        ] {
            assert_eq!(fill_in(line).as_deref().map(str::trim), Some(left), "{line}");
        }
    }

    #[test]
    fn legitimate_text_is_kept() {
        for line in [
            "- [기간] 2023.01 ~ 2024.02",
            "[우아한형제들] 백엔드 개발자",
            "- [x] 정보처리기사",
            "- [ ] AWS SAA",
            "[이름](https://a.kr)",
            "- OOP, OOM 분석, XML",
            "- HTTP 4xx/5xx 처리",
            "- 숙련도: ●●●○○",
            "- `OOO` 문법",
            "a@b.kr",
            "- 연락처: 010-2345-9876",
            "---",
            "____",
            "List<String>",
            "```",
            "",
            "| 언어 | Java |",
            "|---|---|",
            "메시지 큐(예: Kafka)",
            "- 없음이 아니라 있음",
            "- 100명 [팀원 4명]",
            "홍길동 님과 협업",
            "- https://a.kr/OOO",
        ] {
            assert_eq!(fill_in(line).as_deref(), Some(line), "{line}");
        }
    }
}
