//! E-mail addresses.

use super::plain::Text;
use super::{Found, Kind};

/// Longest parts of an address before and behind the `@`, as mail has it.
const LOCAL: usize = 64;
const DOMAIN: usize = 255;
/// Longest name in Hangul before the `@`.
const HANGUL: usize = 20;
/// Ends of domains that tell an address where blanks stand around the `@`: there it may as well be an annotation.
const USUAL: [&str; 18] = [
    "com", "net", "org", "kr", "io", "dev", "me", "ai", "co", "edu", "gov", "info", "app", "jp", "us", "cn", "biz",
    "xyz",
];

/// All addresses, in order.
pub(super) fn all(text: &Text) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for at in (0..text.len()).filter(|at| text.get(*at) == Some('@')) {
        let from = found.last().map_or(0, |last| last.chars.end);
        found.extend(around(text, at, from));
    }
    found
}

/// The address whose `@` stands at `at`; it begins at `from` at the earliest.
fn around(text: &Text, at: usize, from: usize) -> Option<Found> {
    let space = |at: Option<char>| at == Some(' ');
    let end = if space(text.before(at)) { at - 1 } else { at };
    let begin = if space(text.get(at + 1)) { at + 2 } else { at + 1 };
    let is_spaced = end != at || begin != at + 1;
    let start = local(text, from, end).or_else(|| hangul(text, from, end).filter(|_| !is_spaced))?;
    let (stop, last) = domain(text, begin)?;
    let is_one = !is_spaced || USUAL.contains(&last.to_ascii_lowercase().as_str());
    is_one.then_some(Found { kind: Kind::Email, chars: start..stop, comes_back: true })
}

/// Where the part before the `@` begins.
fn local(text: &Text, from: usize, end: usize) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let mut start = run(text, from, end, LOCAL, is_part);
    // A hyphen before it is that of a list.
    while start < end && text.get(start).is_some_and(|c| matches!(c, '.' | '-' | '+' | '%')) {
        start += 1;
    }
    (start < end).then_some(start)
}

fn hangul(text: &Text, from: usize, end: usize) -> Option<usize> {
    let start = run(text, from, end, HANGUL, |c| ('가'..='힣').contains(&c));
    (start < end).then_some(start)
}

/// Where the characters of a kind begin that end before `end`, of so many at most.
fn run(text: &Text, from: usize, end: usize, most: usize, is_part: impl Fn(char) -> bool) -> usize {
    let least = end.saturating_sub(most).max(from);
    let other = (least..end).rev().find(|at| !text.get(*at).is_some_and(&is_part));
    other.map_or(least.min(end), |other| other + 1)
}

/// Where the domain ends that begins at `begin`, and its last label.
fn domain(text: &Text, begin: usize) -> Option<(usize, String)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || ('가'..='힣').contains(&c);
    let most = begin.saturating_add(DOMAIN).min(text.len());
    let mut end = (begin..most).find(|at| !text.get(*at).is_some_and(is_part)).unwrap_or(most);
    // What is behind the last label is no part of it: `a@b.kr입니다`, `a@b.kr.`
    loop {
        let whole = text.text(begin..end);
        let dot = begin + whole.chars().rev().position(|c| c == '.').map(|behind| end - begin - behind - 1)?;
        let label = text.text(dot + 1..end);
        let letters = label.chars().take_while(char::is_ascii_alphabetic).count();
        let follows = label.chars().nth(letters);
        let is_whole = follows.is_none_or(|c| !c.is_ascii_alphanumeric());
        if letters >= 2 && is_whole && dot > begin {
            let last = label.chars().take(letters).collect();
            return Some((dot + 1 + letters, last));
        }
        // What ends in a number is a version or an address of the network.
        if !label.is_empty() && !label.starts_with(|c| ('가'..='힣').contains(&c)) {
            return None;
        }
        end = dot;
    }
}
