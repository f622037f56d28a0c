//! The period at the end of a heading: `카카오 | 백엔드 개발자 | 2022.03 ~ 2024.02`, or how long it was: `카카오 | 35개월`.

/// What may stand between a name and a period.
const SEPARATORS: &[char] = &[' ', '|', '｜', ',', '·', '/', '—', '–', '-', ':', '('];
/// What parts the ends of a period.
const UNTIL: &[&str] = &["~", "∼", "〜", "～", "–", "—", "-", "부터", "to "];
/// Where it goes on.
const STILL: &[&str] =
    &["현재", "재직중", "재직 중", "재직", "진행중", "진행 중", "지금", "present", "now", "current", "ongoing"];
/// What happened at a date.
const EVENTS: &[&str] =
    &["취득", "졸업", "졸업예정", "수료", "수상", "입학", "입사", "합격", "예정", "발급", "이수", "까지"];

/// A text and the period behind it, without what parts them. There is a name in front of a period: in the text, or before it.
pub fn split_off(text: &str, named: bool) -> Option<(&str, &str)> {
    let text = text.trim_end();
    let found = match text.strip_suffix([')', '）', ']']) {
        Some(inner) => {
            let at = inner.rfind(['(', '（', '['])?;
            let (before, period) = inner.split_at_checked(at)?;
            let period = period.get(period.chars().next()?.len_utf8()..)?;
            // `2022.03 ~ 2024.02 (1년 11개월)`
            match read(period) {
                Some(_) => Some((before, period)),
                None => split_bare(text).or_else(|| is_length(period).then_some((before, period))),
            }
        }
        None => split_bare(text).or_else(|| split_length(text)),
    };
    let (before, period) = found?;
    let before = before.trim_end_matches(SEPARATORS);
    (named || before.contains(char::is_alphabetic)).then_some((before, period.trim()))
}

fn split_bare(text: &str) -> Option<(&str, &str)> {
    let starts = text.char_indices().filter(|(_, c)| matches!(c, '1' | '2' | '\'' | '’'));
    starts.map(|(at, _)| text.split_at(at)).find(|(before, period)| {
        let parts = before.ends_with(SEPARATORS);
        let firmly = before.trim_end().ends_with(['|', '｜', ',', '·']);
        let goes_on = before.trim_end().ends_with(['~', '–', '—', '-']);
        parts && read(period).is_some_and(|read| read.ranged || (read.month || firmly) && !goes_on)
    })
}

/// How long it was, behind a bar: in other places such words are part of a name (`사내 스터디 1년`).
fn split_length(text: &str) -> Option<(&str, &str)> {
    let (before, length) = text.rsplit_once(['|', '｜'])?;
    is_length(length).then_some((before, length))
}

/// `35개월`, `약 2년 11개월`. Days are rather a result than a time in a post (`응답 지연 (3일)`).
fn is_length(text: &str) -> bool {
    let text = text.trim();
    is_duration(text) && text.ends_with(['년', '월', '주', '간']) && !text.contains('일')
}

/// What a period turned out to be.
struct Period {
    ranged: bool,
    month: bool,
}

fn read(text: &str) -> Option<Period> {
    let (rest, month) = date(text.trim())?;
    let rest = rest.trim_start();
    let until = UNTIL.iter().find_map(|until| rest.strip_prefix(*until));
    let Some(rest) = until else {
        return (is_event(rest) || is_duration(rest)).then_some(Period { ranged: false, month });
    };
    let rest = rest.trim_start();
    let lower = rest.to_lowercase();
    let beyond = match date(rest) {
        Some((beyond, _)) => beyond,
        None => {
            let still = STILL.iter().find(|still| lower.starts_with(**still)).map_or(0, |still| still.len());
            rest.get(still..)?
        }
    };
    (is_event(beyond) || is_duration(beyond)).then_some(Period { ranged: true, month })
}

fn is_event(rest: &str) -> bool {
    rest.trim().is_empty() || EVENTS.contains(&rest.trim())
}

/// `(1년 11개월)`, `, 약 2년`
fn is_duration(rest: &str) -> bool {
    rest.contains(|c: char| c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_digit() || " ()（）,약총년개월간주일·".contains(c))
}

/// What follows the date that a text begins with, and whether it names a month.
fn date(text: &str) -> Option<(&str, bool)> {
    let year = match text.strip_prefix(['\'', '’']) {
        Some(rest) => digits(rest, 2..=2)?,
        None => digits(text, 4..=4).filter(|(year, _)| (1950..2100).contains(year))?,
    };
    let mut rest = year.1;
    let mut found = 0;
    for unit in ["월", "일"] {
        let after = rest.trim_start().trim_start_matches(['.', '/', '-', '년', '월']).trim_start();
        let separated = after.len() < rest.len();
        let highest = if unit == "월" { 12 } else { 31 };
        match digits(after, 1..=2).filter(|(number, _)| separated && (1..=highest).contains(number)) {
            Some((_, beyond)) => rest = beyond.strip_prefix(unit).unwrap_or(beyond),
            None => break,
        }
        found += 1;
    }
    // `2023.`, `2023년`
    let rest = rest.strip_prefix(['.', '년']).unwrap_or(rest);
    Some((rest, found > 0))
}

/// The number that a text begins with, and what follows.
fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<(u32, &str)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    length.contains(&digits).then_some(())?;
    Some((text.get(..digits)?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_split_off_however_they_are_written() {
        for (text, wanted) in [
            ("카카오 | 백엔드 | 2022.03 ~ 2024.02", ("카카오 | 백엔드", "2022.03 ~ 2024.02")),
            ("카카오 (2022.03 ~ 2024.02)", ("카카오", "2022.03 ~ 2024.02")),
            ("카카오, 2022.03 - 현재", ("카카오", "2022.03 - 현재")),
            ("카카오 2022년 3월 ~ 2024년 2월", ("카카오", "2022년 3월 ~ 2024년 2월")),
            ("카카오 | 2022. 03. ~", ("카카오", "2022. 03. ~")),
            ("카카오 (2022 - 2024)", ("카카오", "2022 - 2024")),
            ("카카오 | 2022.03 ~ 2024.02 (1년 11개월)", ("카카오", "2022.03 ~ 2024.02 (1년 11개월)")),
            ("카카오 (2022.03 ~ 2024.02, 1년 11개월)", ("카카오", "2022.03 ~ 2024.02, 1년 11개월")),
            ("정보처리기사 (2023.03.15)", ("정보처리기사", "2023.03.15")),
            ("정보처리기사 2023.03 취득", ("정보처리기사", "2023.03 취득")),
            ("카카오 | '22.03 ~ '24.02", ("카카오", "'22.03 ~ '24.02")),
            ("Kakao | Mar 2022 | 2022 – Present", ("Kakao | Mar 2022", "2022 – Present")),
            ("한국대학교 (2021)", ("한국대학교", "2021")),
            ("모아페이 | 백엔드 개발자 | 35개월", ("모아페이 | 백엔드 개발자", "35개월")),
            ("모아페이 | 약 2년 11개월", ("모아페이", "약 2년 11개월")),
            ("모아페이 (2년 11개월)", ("모아페이", "2년 11개월")),
            ("재고 관리 | 6주", ("재고 관리", "6주")),
        ] {
            assert_eq!(split_off(text, false), Some(wanted), "{text}");
        }
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "AWS re:Invent 2023",
            "주문 서버 (v1.2)",
            "카카오 | 백엔드",
            "2022.03 ~ 2024.02",
            "Java 17",
            "1. 주문 플랫폼",
            "주문 1200 건 처리",
            "반품 처리 | 5일에서 2일로",
            "주문 플랫폼 | 12",
            "사내 스터디 1년",
            "35개월",
            "응답 지연 (3일)",
        ] {
            assert_eq!(split_off(text, false), None, "{text}");
        }
    }
}
