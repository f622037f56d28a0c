//! Blanks that a model leaves for the member to fill in.

/// Blanks in brackets, without spaces and in lower case. In front of a value, `[기간] 2023` is a label.
const BLANKS: &[&str] = &[
    "이름",
    "성명",
    "성함",
    "본인이름",
    "지원자이름",
    "지원자",
    "연락처",
    "전화번호",
    "휴대폰",
    "휴대폰번호",
    "핸드폰번호",
    "이메일",
    "이메일주소",
    "주소",
    "거주지",
    "생년월일",
    "나이",
    "학교",
    "대학교",
    "대학",
    "학과",
    "전공",
    "학위",
    "졸업년도",
    "졸업연도",
    "입학년도",
    "입학연도",
    "회사",
    "기업",
    "직책",
    "직위",
    "직급",
    "부서",
    "기간",
    "근무기간",
    "시작일",
    "종료일",
    "날짜",
    "년도",
    "연도",
    "년월",
    "연월",
    "링크",
    "url",
    "깃허브",
    "깃허브링크",
    "github링크",
    "github주소",
    "포트폴리오링크",
    "블로그주소",
    "숫자",
    "수치",
    "내용",
    "성과",
    "점수",
    "발급기관",
    "취득일",
    "name",
    "fullname",
    "email",
    "emailaddress",
    "phone",
    "phonenumber",
    "address",
    "date",
    "company",
    "position",
    "university",
    "degree",
    "link",
    "number",
    "city",
];
/// Blanks in brackets even in front of text.
const NAMES: &[&str] = &[
    "회사명",
    "기업명",
    "학교명",
    "대학명",
    "대학교명",
    "학과명",
    "전공명",
    "프로젝트명",
    "자격증명",
    "직무명",
    "팀명",
    "부서명",
    "기술명",
    "서비스명",
    "기관명",
    "companyname",
    "projectname",
    "schoolname",
    "jobtitle",
];
/// What a blank in brackets asks for.
const REQUESTS: &[&str] = &["입력하", "기재하", "작성하", "여기에", "your ", "insert ", "enter "];
/// How such a request ends.
const REQUEST_ENDS: &[&str] = &["입력", "기재", "작성", "필요"];
/// Remarks in parentheses that ask the member to do the work.
const REMARKS: &[&str] = &[
    "작성 필요",
    "작성필요",
    "입력 필요",
    "입력필요",
    "기재 필요",
    "추가 필요",
    "확인 필요",
    "직접 입력",
    "직접 작성",
    "추후 작성",
    "추후 기재",
    "추후 입력",
    "추후 추가",
    "해당 시",
    "내용 입력",
    "정보 없음",
    "미기재",
    "미입력",
    "to be filled",
    "if applicable",
];
/// Values that say that there is none.
const NO_VALUES: &[&str] = &[
    "없음",
    "해당없음",
    "해당사항없음",
    "정보없음",
    "미기재",
    "미입력",
    "미제공",
    "미정",
    "작성필요",
    "입력필요",
    "기재필요",
    "추후작성",
    "추후기재",
    "확인필요",
    "제공되지않음",
    "입력되지않음",
    "기재되지않음",
    "na",
    "none",
    "tbd",
];
/// The names that stand for anybody.
const ANYBODY: &[&str] = &["홍길동", "johndoe", "janedoe", "honggildong"];
const NAME_LABELS: &[&str] = &["이름", "성명", "성함", "name"];
/// What may be left hanging on a blank that is taken out of a sentence.
const PARTICLES: &[&str] =
    &["에서는", "에서", "으로", "에게", "이며", "은", "는", "이", "가", "을", "를", "의", "에", "로", "와", "과", "님"];
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
    NO_VALUES.contains(&value.as_str())
        || ANYBODY.contains(&value.as_str()) && (label.is_empty() || NAME_LABELS.contains(&squeeze(label).as_str()))
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
    while let Some(start) = rest.find(['[', '(', '（', '{', '<']) {
        let (before, bracket) = rest.split_at_checked(start).unwrap_or((rest, ""));
        left.push_str(before);
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
        let first = !left.contains(char::is_alphanumeric);
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
        return REMARKS.iter().any(|remark| inside.contains(remark));
    }
    // `[text](address)` and `[text][reference]` are links.
    if open == '[' && after.starts_with(['(', '[']) {
        return false;
    }
    let squeezed = squeeze(&inside);
    let label = may_be_label && after.starts_with([' ', ':']) && after.contains(char::is_alphanumeric);
    NAMES.contains(&squeezed.as_str())
        || BLANKS.contains(&squeezed.as_str()) && !label
        || REQUESTS.iter().any(|request| inside.contains(request))
        || REQUEST_ENDS.iter().any(|end| inside.ends_with(end)) && !label
        || is_blank_word(&inside.to_uppercase())
}

fn without_particle(text: &str) -> &str {
    let word_ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    PARTICLES.iter().filter_map(|particle| text.strip_prefix(particle)).find(|rest| word_ends(rest)).unwrap_or(text)
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
