//! Brackets of tokens that are written in another way: escaped for HTML, as wide as Hangul, or parted from the name, as a
//! member's forged ones are on their way to the model.

use std::borrow::Cow;

use super::{beginning, tokens};

/// Characters of a token's name behind the space that parts it from its bracket.
const PARTED: usize = 48;
/// How else the brackets of a token are written.
const BRACKETS: [(&str, &str); 2] = [("&lt;", "&gt;"), ("＜", "＞")];

/// `text` with tokens as they were before [`defused`](super::fence::defused) parted them from their bracket: what a member
/// wrote comes back so.
pub fn rearmed(text: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((bracket, after)) = parted(rest) {
        whole.push_str(bracket);
        rest = after;
    }
    if whole.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(whole + rest) }
}

/// Whether `text` says again what a member forged: a token that only [`defused`](super::fence::defused) leaves so.
pub fn repeats_a_forgery(text: &str) -> bool {
    parted(text).is_some()
}

/// The text up to the first bracket that is a token's but for the space behind it, and what follows that space. Tags that
/// people write by hand are code.
fn parted(text: &str) -> Option<(&str, &str)> {
    text.match_indices(' ').find_map(|(at, _)| {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let (open, close) = [('<', '>'), ('[', ']')].into_iter().find(|(open, _)| before.ends_with(*open))?;
        let (end, _) = after.char_indices().take(PARTED).find(|(_, c)| *c == close)?;
        let token = format!("{open}{}", after.get(..=end)?);
        let is_token = tokens::read(&token).is_some_and(|token| !token.is_tag() || token.text.contains('_'));
        is_token.then_some((before, after))
    })
}

/// `text` with the brackets of tokens as templates write them, where they were escaped for HTML or are as wide as Hangul.
pub fn plain(text: Cow<'_, str>) -> Cow<'_, str> {
    if !BRACKETS.iter().any(|(open, _)| text.contains(open)) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find(['&', '＜']) {
        let (before, here) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        rest = match bracketed(here) {
            Some((token, after)) => {
                out.push_str(&token);
                after
            }
            None => {
                let first = here.chars().next().map_or(0, char::len_utf8);
                out.push_str(here.get(..first).unwrap_or_default());
                here.get(first..).unwrap_or_default()
            }
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The token that `text` begins with in other brackets, and what follows it.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let (open, close) = BRACKETS.iter().find(|(open, _)| text.starts_with(open))?;
    let inner = text.strip_prefix(open)?;
    let (name, _) = beginning(inner, tokens::LONGEST).split_once(close)?;
    let token = ["<", name, ">"].concat();
    let is_whole = tokens::read(&token).is_some_and(|read| read.text == token);
    is_whole.then_some((token, inner.get(name.len() + close.len()..)?))
}
