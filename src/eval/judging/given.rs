//! What a member gave: every number and name of a résumé is found in it, or was made up. In doubt nobody is accused: a
//! name that is written in Korean and without quotes is not told from other words.

use std::collections::HashSet;

use crate::eval::phrase::plain;

/// Numbers as Korean writes them before what they count.
const WORDS: [(&str, &str); 14] = [
    ("두", "2"),
    ("둘", "2"),
    ("세", "3"),
    ("셋", "3"),
    ("석", "3"),
    ("네", "4"),
    ("넷", "4"),
    ("다섯", "5"),
    ("여섯", "6"),
    ("일곱", "7"),
    ("여덟", "8"),
    ("아홉", "9"),
    ("열", "10"),
    ("스무", "20"),
];
/// What makes a number larger, from the largest.
const POWERS: [(char, f64); 4] = [('억', 1e8), ('만', 1e4), ('천', 1e3), ('백', 1e2)];
/// Latin words that are no names: units, and what every résumé may say.
const COMMON: [&str; 34] = [
    "ms",
    "s",
    "sec",
    "min",
    "h",
    "b",
    "kb",
    "mb",
    "gb",
    "tb",
    "px",
    "rps",
    "tps",
    "qps",
    "fps",
    "it",
    "sw",
    "hw",
    "pc",
    "vs",
    "etc",
    "skill",
    "skills",
    "experience",
    "project",
    "projects",
    "summary",
    "about",
    "education",
    "career",
    "key",
    "and",
    "the",
    "x",
];
/// Quotes around names.
const QUOTES: [(char, char); 6] = [('\'', '\''), ('‘', '’'), ('“', '”'), ('「', '」'), ('『', '』'), ('"', '"')];
/// Characters behind a number that may belong to it.
const BEHIND: usize = 12;
/// Characters of a quoted name, at most.
const NAME: usize = 30;
/// Numbers up to this count headings (`프로젝트 2`).
const ORDINALS: f64 = 9.0;

/// What a member gave.
pub struct Given {
    plain: String,
    numbers: HashSet<String>,
}

impl Given {
    /// All that may be said: inputs, answers, and names that may appear beside them.
    pub fn new(texts: &[String]) -> Self {
        let text = texts.join("\n");
        let mut numbers = HashSet::from(["1".to_owned()]);
        for number in numbers_in(&text) {
            numbers.extend(number.values());
        }
        for word in text.split_whitespace() {
            let known = WORDS.iter().filter(|(name, _)| {
                let rest = word.strip_prefix(name);
                // Before a counter, as in `두 명` or `세명`; longer words begin so by chance.
                rest.is_some_and(|rest| rest.chars().count() <= 1)
            });
            numbers.extend(known.map(|(_, value)| (*value).to_owned()));
        }
        Self { plain: String::from_iter(plain(&text)), numbers }
    }

    /// Numbers and names of `markdown` that the member did not give, in their order.
    pub fn invented(&self, markdown: &str) -> Vec<String> {
        let mut invented: Vec<String> = Vec::new();
        for line in markdown.lines() {
            let line = without_counts(line);
            let numbers = numbers_in(line).into_iter().filter(|number| !self.has(number)).map(|number| number.shown);
            let words = latin_words(line).into_iter().filter(|word| !self.names(word));
            let quoted = quoted_names(line).into_iter().filter(|name| !self.names(name));
            invented.extend(numbers.chain(words).chain(quoted));
        }
        let mut seen = HashSet::new();
        invented.retain(|name| seen.insert(name.clone()));
        invented
    }

    fn has(&self, number: &Number) -> bool {
        let has = |value: &String| self.numbers.contains(value);
        match &number.whole {
            Some(whole) => has(whole),
            None => has(&number.simple) || number.pieces.len() > 1 && number.pieces.iter().all(has),
        }
    }

    fn names(&self, name: &str) -> bool {
        let name = String::from_iter(plain(name));
        COMMON.contains(&name.as_str()) || self.plain.contains(&name) || {
            let bare = |text: &str| text.replace([' ', '-', '.', '_', '/'], "");
            bare(&self.plain).contains(&bare(&name))
        }
    }
}

/// A line without the number that it has in a list, or that counts its heading.
fn without_counts(line: &str) -> &str {
    let line = line.trim();
    let counted = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let line = match counted.strip_prefix(['.', ')']) {
        Some(rest) if counted.len() < line.len() && rest.starts_with(' ') => rest,
        _ => line,
    };
    if !line.starts_with('#') {
        return line;
    }
    let heading = line.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_ordinal = line
        .strip_prefix(heading)
        .and_then(|number| number.parse::<f64>().ok())
        .is_some_and(|number| number <= ORDINALS && heading.ends_with(' '));
    if is_ordinal { heading } else { line }
}

/// A number as it is written, and what it may mean.
struct Number {
    shown: String,
    /// As digits, without what separates thousands.
    simple: String,
    /// With the powers behind it: `1만 2천` is 12000.
    whole: Option<String>,
    /// Of a date, a time or a version.
    pieces: Vec<String>,
}

impl Number {
    fn values(&self) -> Vec<String> {
        let alone = if self.pieces.len() > 1 { &self.pieces[..] } else { &[] };
        [self.simple.clone()].into_iter().chain(self.whole.clone()).chain(alone.iter().cloned()).collect()
    }
}

/// The numbers of a text, but for those within names (`S3`, `B2B`).
fn numbers_in(text: &str) -> Vec<Number> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\n');
    let mut numbers = Vec::new();
    let mut start = 0;
    while start < chars.len() {
        if !at(start).is_ascii_digit() {
            start += 1;
            continue;
        }
        let is_in_name = start.checked_sub(1).is_some_and(|before| at(before).is_ascii_alphabetic());
        let mut end = start;
        while at(end).is_ascii_digit() || matches!(at(end), '.' | ',') && at(end + 1).is_ascii_digit() {
            end += 1;
        }
        if !is_in_name {
            let shown: String = chars.iter().skip(start).take(end - start).collect();
            let behind: String = chars.iter().skip(end).take(BEHIND).collect();
            let (number, more) = number(&shown, &behind);
            numbers.push(number);
            end += more;
        }
        start = end;
    }
    numbers
}

/// A number, and how many of the characters behind it belong to it.
fn number(shown: &str, behind: &str) -> (Number, usize) {
    let simple = bare(&shown.replace(',', ""));
    let pieces = shown.split(['.', ',']).map(bare).collect();
    let (whole, more) = whole(&simple, behind).unzip();
    let more = more.unwrap_or_default();
    let shown = shown.chars().chain(behind.chars().take(more)).collect();
    (Number { shown, whole, simple, pieces }, more)
}

/// Digits without zeros that say nothing.
fn bare(digits: &str) -> String {
    let bare = digits.trim_start_matches('0');
    let bare = if bare.contains('.') { bare.trim_end_matches('0').trim_end_matches('.') } else { bare };
    match bare.chars().next() {
        None => "0".to_owned(),
        Some('.') => format!("0{bare}"),
        Some(_) => bare.to_owned(),
    }
}

/// What a number is with the powers behind it, and how many characters these take.
fn whole(digits: &str, behind: &str) -> Option<(String, usize)> {
    let (mut factor, mut rest) = (digits.parse::<f64>().ok()?, behind);
    let (mut sum, mut least, mut taken) = (0.0, f64::MAX, 0);
    loop {
        // `천만` is one.
        let powers: Vec<f64> = rest.chars().map_while(power_of).collect();
        let power: f64 = powers.iter().product();
        if powers.is_empty() || power >= least {
            break;
        }
        (sum, least) = (sum + factor * power, power);
        rest = rest.char_indices().nth(powers.len()).and_then(|(at, _)| rest.get(at..)).unwrap_or_default();
        taken = behind.chars().count() - rest.chars().count();
        let next = rest.trim_start();
        let digits: String = next.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse() else { break };
        (factor, rest) = (number, next.strip_prefix(digits.as_str()).unwrap_or_default());
    }
    (least < f64::MAX).then(|| (format!("{}", sum.round()), taken))
}

fn power_of(name: char) -> Option<f64> {
    POWERS.into_iter().find(|(other, _)| *other == name).map(|(_, power)| power)
}

/// Words of Latin letters, with what belongs to them (`Node.js`, `C++`, `CI/CD`).
fn latin_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#');
    for run in line.split(|c: char| !(is_part(c) || matches!(c, '.' | '-' | '_' | '/' | ':' | '@'))) {
        let run = run.trim_matches(|c: char| !is_part(c)).trim_start_matches(['#', '+']);
        let word = run.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '/'));
        if word.chars().filter(char::is_ascii_alphabetic).count() >= 2 {
            words.push(word.to_owned());
        }
    }
    words
}

/// What stands between quotes, where it is short enough for a name.
fn quoted_names(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (open, close) in QUOTES {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(open) {
            let opens = before.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            match after.split_once(close).filter(|_| opens) {
                Some((name, behind)) => {
                    let length = name.chars().count();
                    if (2..=NAME).contains(&length) && name.contains(char::is_alphanumeric) {
                        names.push(name.to_owned());
                    }
                    rest = behind;
                }
                None => rest = after,
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invented(given: &str, resume: &str) -> Vec<String> {
        Given::new(&[given.to_owned()]).invented(resume)
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn numbers_that_were_given_are_known_however_they_are_written() {
        for (given, resume) in [
            ("4,200곳", "4200곳"),
            ("12000건", "1만 2천 건"),
            ("1억 5천만 원은 아니고 1.5억", "1.5억"),
            ("1만 2천 건", "12,000건"),
            ("2023년 3월부터", "2023.03 ~"),
            ("2023-03-05", "2023년 3월 5일"),
            ("두 명이 세 달", "2명이 3달"),
            ("0.50초", "0.5초"),
            ("S3와 B2B", "S3와 B2B"),
        ] {
            assert_eq!(invented(given, resume), NOTHING, "{given} and {resume}");
        }
    }

    #[test]
    fn a_number_that_nobody_gave_is_found() {
        assert_eq!(invented("90분에서 7분으로", "- 90분을 7분으로 줄여 92% 단축"), ["92"]);
        assert_eq!(invented("2023년", "2023.11"), ["2023.11"]);
        assert_eq!(invented("7만 건", "7만 2천 건"), ["7만 2천"]);
        assert_eq!(invented("", "3천만 원"), ["3천만"]);
        assert_eq!(invented("세미나에 갔습니다", "발표 3회"), ["3"]);
    }

    #[test]
    fn what_counts_a_list_or_a_heading_is_no_fact() {
        assert_eq!(invented("", "## 프로젝트 2\n1. 서버를 맡음\n3) 배포"), NOTHING);
        assert_eq!(invented("", "## 매출 300"), ["300"]);
    }

    #[test]
    fn names_that_nobody_gave_are_found_and_units_are_none() {
        let given = "Spring Boot와 Node.js로 '오늘식단'을 만들고 https://a.test/x 에 올려 380KB로 줄였습니다";
        let resume = "- SpringBoot, node.js, 380KB, https://a.test/x, '오늘식단'";
        assert_eq!(invented(given, resume), NOTHING);
        assert_eq!(invented(given, "- Kubernetes와 ‘내일식단’, Spring"), ["Kubernetes", "내일식단"]);
        assert_eq!(invented("", "응답을 ms 단위로"), NOTHING);
    }
}
