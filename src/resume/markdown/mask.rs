//! Letters, digits and samples that stand for what the model does not know: `OO대학교`, `20XX.03`, `N%`, `010-0000-0000`.

use super::phrases::blank;
use super::words::{protected, squeeze};

/// Whether a word is a blank: `OO대학교`, `20XX.03`, `010-0000-0000`, `example@email.com`, `____`.
pub fn is_blank_word(word: &str) -> bool {
    if word.contains(['`', '●']) || word.contains("://") {
        return false;
    }
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !"○◯〇□■△?_@".contains(c));
    !word.is_empty()
        && (is_mask(word)
            || is_zeros(word)
            || is_sample_phone(word)
            || is_sample_mail(word)
            || word.len() > 2 && word.chars().all(|c| c == '_'))
}

/// Whether letters stand for what is not known: two or more circles or crosses, not within a Latin word.
fn is_mask(word: &str) -> bool {
    if ["20XX", "20xx", "19XX", "20OO"].iter().any(|year| word.contains(year)) {
        return true;
    }
    let mut before = None;
    let mut characters = word.chars().peekable();
    while let Some(c) = characters.next() {
        let mut length = 1;
        while characters.next_if_eq(&c).is_some() {
            length += 1;
        }
        let after = characters.peek().copied();
        let alone = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let mask = match c {
            'O' | 'X' => alone(before) && alone(after),
            // `xx` may be any name in a program.
            'x' | 'o' => alone(before) && alone(after) && length >= 3,
            '○' | '◯' | '〇' | 'ㅇ' | '□' | '■' | '△' | '?' => true,
            _ => false,
        };
        // `왜??` asks.
        let asks = c == '?' && before.is_some();
        if mask && length >= 2 && !asks {
            return true;
        }
        before = Some(c);
    }
    false
}

/// `00명`, `000 프로젝트` as `00`, but `00시` is midnight and `00:00` a time.
fn is_zeros(word: &str) -> bool {
    let zeros = word.len() - word.trim_start_matches('0').len();
    let after = word.get(zeros..).unwrap_or_default();
    let named = ["대학", "고등", "회사", "기업", "은행", "전자", "그룹", "팀", "부서", "프로젝트", "서비스"];
    let counted = ["%", "명", "건", "개월", "년", "배", "만", "점", "회", "개", "대", "월", "일"].contains(&after);
    zeros >= 2 && (counted || named.iter().any(|name| after.starts_with(name)))
        || zeros == 4 && (after.starts_with(".00") || after.starts_with("-00") || after.starts_with("년"))
}

fn is_sample_phone(word: &str) -> bool {
    let groups: Vec<&str> = word.split(['-', '.']).collect();
    let [area, middle, last] = groups.as_slice() else { return false };
    let sample = |group: &str| matches!(group, "0000" | "000" | "1234" | "5678" | "XXXX" | "xxxx" | "OOOO" | "1111");
    area.starts_with('0') && sample(middle) && sample(last)
}

fn is_sample_mail(word: &str) -> bool {
    let Some((user, host)) = word.split_once('@') else { return false };
    let (user, host) = (squeeze(user), host.to_lowercase());
    !user.is_empty() && (host.starts_with("example.") || host.starts_with("email.") || host.starts_with("domain."))
        || host.contains('.')
            && matches!(
                user.as_str(),
                "example" | "email" | "yourname" | "youremail" | "your" | "yourid" | "honggildong" | "johndoe"
            )
}

/// Whether a value is nothing but the mask of a date or of a period: `YYYY.MM ~ YYYY.MM`, `YYYY년 MM월`, `0000.00`.
pub fn is_date_mask(value: &str) -> bool {
    let value = value.trim().trim_matches(['*', '(', ')', '[', ']', '`']);
    let is_part = |c: char| {
        matches!(
            c,
            'Y' | 'M'
                | 'D'
                | 'y'
                | 'm'
                | 'd'
                | '0'
                | '년'
                | '월'
                | '일'
                | '현'
                | '재'
                | '.'
                | '-'
                | '~'
                | '–'
                | '/'
                | ' '
        )
    };
    (value.contains("YY") || value.contains("yy") || value.contains("0000")) && value.chars().all(is_part)
}

/// The text without numbers that a letter stands for, where they are the result of something: `처리량 N배 향상`. In `상위
/// N개` the letter means any number. What is left of the value behind a label may then say nothing.
pub fn without_counts(text: &str) -> (String, bool) {
    let is_code = protected(text);
    let mut left = String::with_capacity(text.len());
    let mut found = false;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let before = text.get(..at).unwrap_or_default();
        let code = is_code.get(at).copied().unwrap_or_default();
        if let Some(length) = count(rest, before).filter(|_| !code) {
            found = true;
            at += length;
            continue;
        }
        let c = rest.chars().next().unwrap_or_default();
        left.push(c);
        at += c.len_utf8();
    }
    (left, found)
}

/// The length of the count that a text begins with.
fn count(rest: &str, before: &str) -> Option<usize> {
    if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '(' | ':' | '+' | '$'))
        && !before.ends_with(": ")
    {
        return None;
    }
    let letter = rest.chars().next().filter(|c| matches!(c, 'N' | 'X' | 'n' | 'x' | 'Y' | '_'))?;
    let letters = rest.len() - rest.trim_start_matches(letter).len();
    if letter == '_' && letters < 2 {
        return None;
    }
    let after = rest.get(letters..)?;
    let unit = blank::COUNTED.iter().find(|unit| after.starts_with(**unit))?;
    let beyond = after.get(unit.len()..)?;
    let ends = !beyond.starts_with(|c: char| c.is_ascii_alphanumeric());
    let percent = matches!(*unit, "%" | "퍼센트" | "년차" | "년간");
    // The rest of the unit's word goes with it: `N명의`, `N% 이상`.
    let particle = beyond.find(|c: char| !c.is_alphanumeric()).unwrap_or(beyond.len());
    let word = beyond.get(..particle).unwrap_or_default();
    let loose = word.is_empty()
        || blank::PARTICLES.contains(&word)
        || matches!(word, "이상" | "가량" | "정도" | "이나" | "까지");
    let next = beyond.get(particle..)?.trim_start();
    let changed = blank::CHANGES.iter().any(|change| next.starts_with(change) || word.starts_with(change));
    let is_value = is_value_of_label(before) && (next.is_empty() || is_short(next));
    let length = letters + unit.len() + if loose { particle } else { 0 };
    (ends && (percent || changed || is_value) && (loose || changed)).then_some(length)
}

fn is_short(next: &str) -> bool {
    next.split_whitespace().count() <= 2
}

/// Whether a count would be all that the value of a label says: `규모: 사용자 N명`.
fn is_value_of_label(before: &str) -> bool {
    let Some((_, value)) = before.rsplit_once([':', '：']) else { return false };
    let squeezed = squeeze(value);
    squeezed.is_empty() || super::words::is_made_of(&squeezed, blank::EMPTY_WITHOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_samples_are_known() {
        for word in [
            "OO대학교",
            "OOO",
            "XX%",
            "xxx",
            "○○",
            "20XX.03",
            "00명",
            "010-1234-5678",
            "your@example.com",
            "??%",
            "□□은행",
            "____",
        ] {
            assert!(is_blank_word(word), "{word}");
        }
        for word in [
            "OOM", "XXE", "XML", "4xx", "100%", "00시", "1000명", "XX_LARGE", "a@b.kr", "왜?", "정말?!", "a?b", "o",
            "X", "foo",
        ] {
            assert!(!is_blank_word(word), "{word}");
        }
    }

    #[test]
    fn a_letter_in_the_place_of_a_result_goes() {
        for (text, left) in [
            ("처리량 N배 향상", "처리량  향상"),
            ("응답을 N% 이상 단축", "응답을  이상 단축"),
            ("성과: N% 향상", "성과:  향상"),
            ("규모: 사용자 N명", "규모: 사용자 "),
            ("비용 X%를 절감", "비용  절감"),
        ] {
            assert_eq!(without_counts(text), (left.to_owned(), true), "{text}");
        }
        for text in ["상위 N개 추출", "N+1 문제", "O(N)", "1:N 관계", "N명이 참여하는 방", "`N% 향상`", "Top N", "X축"]
        {
            assert_eq!(without_counts(text), (text.to_owned(), false), "{text}");
        }
    }
}
