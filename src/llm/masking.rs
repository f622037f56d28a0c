//! What of a member's text does not leave the country, even with the text itself: resident numbers, phone numbers, e-mail
//! addresses, cards and passports. Each is replaced by a word in brackets, the same for the same (`[전화번호]`,
//! `[전화번호 2]`), and where a reply says that again, the member reads their own number: nothing is lost by the detour.
//! Resident numbers, cards and passports do not come back, as no feedback and no résumé needs one: there the word stands
//! alone. Pure.

mod addresses;
mod numbers;
mod plain;
mod restoring;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use self::plain::Text;
pub(super) use self::restoring::Restoring;
use super::{Ask, Prompt};

/// What is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Resident,
    Foreigner,
    Phone,
    Email,
    Card,
    Passport,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Resident, Self::Foreigner, Self::Phone, Self::Email, Self::Card, Self::Passport];

    fn word(self) -> &'static str {
        match self {
            Self::Resident => "주민등록번호",
            Self::Foreigner => "외국인등록번호",
            Self::Phone => "전화번호",
            Self::Email => "이메일",
            Self::Card => "카드번호",
            Self::Passport => "여권번호",
        }
    }
}

/// Something that was found, from one character to another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    kind: Kind,
    chars: Range<usize>,
    /// Whether a reply may have it.
    comes_back: bool,
}

/// What was hidden in one request, and how to get it back.
#[derive(Default)]
pub(super) struct Masks {
    /// Numbers of placeholders by what they stand for.
    numbers: HashMap<(Kind, String), u32>,
    /// What each placeholder stands for, where it comes back.
    originals: HashMap<(Kind, u32), Option<String>>,
    /// What members wrote themselves in the form of a placeholder.
    theirs: HashSet<(Kind, u32)>,
    last: HashMap<Kind, u32>,
}

/// Without what it hides.
impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masks({})", self.numbers.len())
    }
}

impl Masks {
    /// `text` without what is to be hidden.
    pub fn hide<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let read = Text::read(text);
        let found = found(&read);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        self.theirs.extend(placeholders(text).map(|placeholder| (placeholder.kind, placeholder.number)));
        let (mut hidden, mut from) = (String::with_capacity(text.len()), 0);
        for Found { kind, chars, comes_back } in found {
            let Range { start, end } = read.bytes(chars);
            let original = text.get(start..end).unwrap_or_default();
            hidden.push_str(text.get(from..start).unwrap_or_default());
            hidden.push_str(&written(kind, self.number(kind, original, comes_back)));
            from = end;
        }
        hidden.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(hidden)
    }

    /// The placeholder's number for `original`.
    fn number(&mut self, kind: Kind, original: &str, comes_back: bool) -> u32 {
        let key = (kind, original.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let last = self.last.entry(kind).or_default();
        *last += 1;
        while self.theirs.contains(&(kind, *last)) {
            *last += 1;
        }
        self.originals.insert((kind, *last), comes_back.then(|| original.to_owned()));
        self.numbers.insert(key, *last);
        *last
    }

    /// A reply that has ended with what its placeholders stand for, and without half of one at its end.
    pub fn whole(&self, reply: &str) -> String {
        restoring::without_half(&self.put_back(reply)).to_owned()
    }

    /// A part of a reply with what its placeholders stand for.
    fn put_back(&self, reply: &str) -> String {
        let (mut whole, mut from) = (String::with_capacity(reply.len()), 0);
        for Placeholder { kind, number, bytes } in placeholders(reply) {
            let instead = match self.originals.get(&(kind, number)) {
                Some(Some(original)) => original.as_str(),
                Some(None) => kind.word(),
                // One that the model has made up reads better as a word.
                None if self.last.contains_key(&kind) && !self.theirs.contains(&(kind, number)) => kind.word(),
                None => continue,
            };
            whole.push_str(reply.get(from..bytes.start).unwrap_or_default());
            whole.push_str(instead);
            from = bytes.end;
        }
        whole.push_str(reply.get(from..).unwrap_or_default());
        whole
    }
}

/// `ask` as it may leave the country, and what was hidden in it, if anything.
pub(super) fn masked(ask: &Ask) -> (Cow<'_, Ask>, Option<Arc<Masks>>) {
    let mut masks = Masks::default();
    let mut texts: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for Prompt { text, .. } in &ask.prompts {
        // Prompts that differ in their preamble alone share their text.
        if !texts.iter().any(|(known, _)| Arc::ptr_eq(known, text)) {
            let hidden = masks.hide(text).into();
            texts.push((text.clone(), hidden));
        }
    }
    if masks.numbers.is_empty() {
        return (Cow::Borrowed(ask), None);
    }
    let hidden = |text: &Arc<str>| {
        let known = texts.iter().find(|(known, _)| Arc::ptr_eq(known, text));
        known.map_or_else(|| text.clone(), |(_, hidden)| hidden.clone())
    };
    let prompts = ask.prompts.iter().map(|prompt| Prompt { text: hidden(&prompt.text), ..prompt.clone() }).collect();
    (Cow::Owned(Ask { prompts, ..ask.clone() }), Some(Arc::new(masks)))
}

/// All that is to be hidden, in order, and nothing twice.
fn found(text: &Text) -> Vec<Found> {
    let mut found = Vec::new();
    let mut addresses = addresses::all(text).into_iter().peekable();
    let mut at = 0;
    while at < text.len() {
        if let Some(address) = addresses.next_if(|address| address.chars.start <= at) {
            at = address.chars.end.max(at);
            found.push(address);
            continue;
        }
        let (number, next) = numbers::at(text, at);
        let before = addresses.peek().map_or(text.len(), |address| address.chars.start);
        match number.filter(|number| number.chars.end <= before) {
            Some(number) => {
                at = number.chars.end;
                found.push(number);
            }
            None => at = next.min(before.max(at + 1)),
        }
    }
    found
}

fn written(kind: Kind, number: u32) -> String {
    match number {
        1 => format!("[{}]", kind.word()),
        more => format!("[{} {more}]", kind.word()),
    }
}

/// A placeholder as a model may write it again.
struct Placeholder {
    kind: Kind,
    number: u32,
    bytes: Range<usize>,
}

/// Characters of the longest.
const LONGEST: usize = 32;

/// The placeholders in a text, ours or not.
fn placeholders(text: &str) -> impl Iterator<Item = Placeholder> {
    text.match_indices(['[', '［']).filter_map(move |(at, bracket)| {
        let inner = at + bracket.len();
        let (kind, number, rest) = inner_of(text.get(inner..)?)?;
        // Markdown may have put a backslash before either bracket, and JSON two.
        let start = text.get(..at)?.trim_end_matches('\\').len();
        Some(Placeholder { kind, number, bytes: start..text.len() - rest.len() })
    })
}

/// The word and the number in front of `text`, and what follows the bracket that closes.
fn inner_of(whole: &str) -> Option<(Kind, u32, &str)> {
    let text = whole.trim_start_matches(' ');
    let (kind, rest) = Kind::ALL.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind.word())?)))?;
    let rest = rest.trim_start_matches(' ');
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = rest.split_at_checked(digits)?;
    let number = if number.is_empty() { 1 } else { number.parse().ok()? };
    let rest = rest.trim_start_matches(' ').trim_start_matches('\\');
    let rest = rest.strip_prefix([']', '］'])?;
    // So many are kept of one that is being written.
    let taken = whole.len() - rest.len();
    (whole.get(..taken)?.chars().count() < LONGEST).then_some((kind, number, rest))
}

#[cfg(test)]
mod tests;
