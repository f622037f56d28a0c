//! JSON as models write it: with the slips that a JSON reader refuses.
//!
//! Whatever is JSON is read as JSON. Beside that: keys and texts in other quotes or none, quotes within a text that were
//! not escaped, line ends within a text, Python's `True` and `None`, comments, a comma too many or too few, and an end
//! that is missing, since the model ran out of room.

use std::borrow::Cow;

use super::written::unit;

/// Objects within objects that are looked into.
const MAX_DEPTH: usize = 16;
/// Places in a text where an object is looked for.
const MAX_OBJECTS: usize = 16;
/// Characters of a key.
const LONGEST_KEY: usize = 40;
/// Quotes, and what closes them.
const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];
/// What parts fields; in YAML they are points of a list.
const COMMAS: [char; 4] = [',', ';', '，', '-'];
const YES: [&str; 3] = ["true", "yes", "예"];
const NO: [&str; 3] = ["false", "no", "아니요"];
const NOTHING: [&str; 3] = ["null", "none", "undefined"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// A text that broke off.
    Broken(String),
    Flag(bool),
    Nothing,
    /// A number, or what nobody knows.
    Other,
    List(Vec<Value>),
    Object(Object),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    fields: Vec<(String, Value)>,
    /// Its closing bracket came.
    pub whole: bool,
}

impl Object {
    /// What stands under `name`, whatever the case of its letters, and what its words are parted by.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| is_same_key(key, name)).map(|(_, value)| value)
    }

    /// This object, or the first within it, that has a field of one of `names`.
    pub fn with_any(&self, names: &[&str]) -> Option<&Self> {
        if names.iter().any(|name| self.get(name).is_some()) {
            return Some(self);
        }
        self.fields.iter().find_map(|(_, value)| value.with_any(names))
    }

    /// All texts in it, in order.
    pub fn texts(&self) -> Vec<&str> {
        self.fields.iter().flat_map(|(_, value)| value.texts()).collect()
    }
}

impl Value {
    fn with_any(&self, names: &[&str]) -> Option<&Object> {
        match self {
            Self::Object(object) => object.with_any(names),
            Self::List(values) => values.iter().find_map(|value| value.with_any(names)),
            _ => None,
        }
    }

    /// All texts in it, in order.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) | Self::Broken(text) => vec![text],
            Self::List(values) => values.iter().flat_map(Self::texts).collect(),
            Self::Object(object) => object.texts(),
            Self::Flag(_) | Self::Nothing | Self::Other => Vec::new(),
        }
    }

    /// Whether a text in it broke off.
    pub fn is_broken(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::List(values) => values.iter().any(Self::is_broken),
            Self::Object(object) => object.fields.iter().any(|(_, value)| value.is_broken()),
            Self::Text(_) | Self::Flag(_) | Self::Nothing | Self::Other => false,
        }
    }
}

/// The objects in `text`, one after the other, whatever stands around them.
pub fn objects(text: &str) -> impl Iterator<Item = Object> {
    let mut rest = text;
    let next = move || {
        rest = rest.get(rest.find('{')?..)?;
        let mut reader = Reader { rest, depth: 0 };
        let object = reader.object();
        rest = if object.is_some() { reader.rest } else { rest.get(1..)? };
        Some(object)
    };
    std::iter::from_fn(next).take(MAX_OBJECTS).flatten()
}

/// The object whose fields `text` begins with though its bracket is missing, as in YAML, when the first is one of `names`.
pub fn fields(text: &str, names: &[&str]) -> Option<Object> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '-');
    let (first, _) = key(text)?;
    let mut reader = Reader { rest: text, depth: 1 };
    names.iter().any(|name| is_same_key(first, name)).then(|| reader.fields()).flatten()
}

/// `text` with the quotes of an object that was escaped as a whole.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains("{\\\"") { Cow::Owned(text.replace("\\\"", "\"")) } else { Cow::Borrowed(text) }
}

fn is_same_key(one: &str, other: &str) -> bool {
    let letters = |key| str::chars(key).filter(|c| !matches!(c, ' ' | '_' | '-')).map(|c| c.to_ascii_lowercase());
    letters(one).eq(letters(other))
}

/// The value that `text` is as a whole, when it is an object, a list or a text in quotes.
pub fn value(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.trim(), depth: 0 };
    let value = match reader.rest.chars().next()? {
        '{' => Value::Object(reader.object()?),
        '[' => reader.list()?,
        _ => reader.quoted(Within::Nothing)?,
    };
    reader.space();
    reader.rest.is_empty().then_some(value)
}

/// What a text in quotes is part of, which says what may follow it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Object,
    List,
    Nothing,
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes spaces and comments.
    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let after = if let Some(comment) = self.rest.strip_prefix("/*") {
                comment.split_once("*/").map_or("", |(_, after)| after)
            } else if self.rest.starts_with("//") || self.rest.starts_with("# ") {
                self.rest.split_once('\n').map_or("", |(_, after)| after)
            } else {
                return;
            };
            self.rest = after;
        }
    }

    /// `None` when it is none: its first key must look like one.
    fn object(&mut self) -> Option<Object> {
        if self.depth == MAX_DEPTH || !self.take('{') {
            return None;
        }
        self.depth += 1;
        self.fields()
    }

    fn fields(&mut self) -> Option<Object> {
        let mut object = Object::default();
        loop {
            self.space();
            while COMMAS.iter().any(|comma| self.take(*comma)) {
                self.space();
            }
            if self.take('}') {
                object.whole = true;
                break;
            }
            if self.rest.is_empty() {
                break;
            }
            let Some(key) = self.key() else {
                if object.fields.is_empty() {
                    return None;
                }
                // What no one can read ends the object.
                self.rest = self.rest.split_once('}').map_or("", |(_, after)| after);
                break;
            };
            self.space();
            let value = if self.rest.is_empty() { Value::Broken(String::new()) } else { self.value(Within::Object)? };
            object.fields.push((key, value));
        }
        self.depth -= 1;
        Some(object)
    }

    fn list(&mut self) -> Option<Value> {
        let mut values = Vec::new();
        if self.depth == MAX_DEPTH || !self.take('[') {
            return None;
        }
        self.depth += 1;
        loop {
            self.space();
            while self.take(',') {
                self.space();
            }
            // A closing brace is the end of what it stands in.
            if self.take(']') || self.rest.is_empty() || self.rest.starts_with('}') {
                break;
            }
            values.push(self.value(Within::List)?);
        }
        self.depth -= 1;
        Some(Value::List(values))
    }

    /// A key with the colon behind it.
    fn key(&mut self) -> Option<String> {
        let (key, rest) = key(self.rest)?;
        self.rest = rest;
        Some(key.to_owned())
    }

    fn value(&mut self, within: Within) -> Option<Value> {
        match self.rest.chars().next()? {
            '{' => self.object().map(Value::Object),
            '[' => self.list(),
            _ => self.quoted(within).or_else(|| self.bare(within)),
        }
    }

    /// A text in quotes, or `None` when none begins here.
    fn quoted(&mut self, within: Within) -> Option<Value> {
        let (_, close) = QUOTES.into_iter().find(|(open, _)| self.rest.starts_with(*open))?;
        let first = self.rest.chars().next()?;
        let thrice = self.rest.strip_prefix("\"\"\"").and_then(|rest| rest.split_once("\"\"\""));
        if let Some((text, rest)) = thrice {
            self.rest = rest;
            return Some(Value::Text(text.to_owned()));
        }
        self.take(first);
        let mut text = String::new();
        while let Some(c) = self.rest.chars().next() {
            self.take(c);
            if c == '\\' {
                self.escape(&mut text);
            } else if c == close && closes(self.rest, within) {
                return Some(Value::Text(text));
            } else {
                text.push(c);
            }
        }
        Some(Value::Broken(text))
    }

    /// What follows a backslash.
    fn escape(&mut self, text: &mut String) {
        let Some(c) = self.rest.chars().next() else { return };
        self.take(c);
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' | 'b' | 'f' => text.push(' '),
            '"' | '\'' | '\\' | '/' => text.push(c),
            'u' => match self.unit() {
                Some(high @ 0xD800..0xDC00) if self.rest.starts_with("\\u") => {
                    self.rest = self.rest.strip_prefix("\\u").unwrap_or(self.rest);
                    let low = self.unit().unwrap_or_default();
                    text.extend(char::decode_utf16([high, low]).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
                }
                Some(unit) => text.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER)),
                None => text.push_str("\\u"),
            },
            c => text.extend(['\\', c]),
        }
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let (unit, rest) = unit(self.rest)?;
        self.rest = rest;
        Some(unit)
    }

    /// A value without quotes, up to the comma, bracket or line end behind it.
    fn bare(&mut self, within: Within) -> Option<Value> {
        let end = self.rest.char_indices().find(|(at, c)| match c {
            '}' | ']' | '\n' => true,
            ',' if within == Within::List => true,
            ',' | ';' | '，' => self.rest.get(at + c.len_utf8()..).is_none_or(|rest| key(rest.trim_start()).is_some()),
            // The comma was forgotten.
            ' ' => self.rest.get(at + 1..).is_some_and(|rest| rest.starts_with(['"', '\'']) && key(rest).is_some()),
            '/' => self.rest.get(at + 1..).is_some_and(|rest| rest.starts_with(['/', '*'])),
            _ => false,
        });
        let (text, rest) = self.rest.split_at_checked(end.map_or(self.rest.len(), |(at, _)| at))?;
        self.rest = rest;
        let word = text.trim().trim_end_matches(',').to_lowercase();
        let is = |words: &[&str]| words.contains(&word.as_str());
        Some(match () {
            () if is(&YES) => Value::Flag(true),
            () if is(&NO) => Value::Flag(false),
            () if is(&NOTHING) || word.is_empty() => Value::Nothing,
            () if word.parse::<f64>().is_ok() => Value::Other,
            () if end.is_some() => Value::Text(text.trim().to_owned()),
            () => Value::Broken(text.trim().to_owned()),
        })
    }
}

/// Whether a quote with `rest` behind it closes its text, or was to be escaped.
fn closes(rest: &str, within: Within) -> bool {
    let next = rest.trim_start();
    let Some(c) = next.chars().next() else { return true };
    let behind = || next.get(c.len_utf8()..).unwrap_or_default().trim_start();
    match within {
        Within::Nothing => false,
        Within::Object => match c {
            '}' => true,
            ',' | ';' | '，' => behind().is_empty() || behind().starts_with(['}', '/']) || key(behind()).is_some(),
            '/' => next.starts_with("//") || next.starts_with("/*"),
            '"' if rest.starts_with(' ') => key(next).is_some(),
            _ => key(next).is_some() && rest.trim_start_matches([' ', '\r', '\t']).starts_with('\n'),
        },
        Within::List => match c {
            ']' => true,
            ',' => behind().is_empty() || !behind().starts_with(char::is_alphabetic) || is_word(behind()),
            _ => false,
        },
    }
}

fn is_word(rest: &str) -> bool {
    ["true", "false", "null", "True", "False", "None"].iter().any(|word| rest.starts_with(word))
}

/// The key that `text` begins with, and what follows its colon.
fn key(text: &str) -> Option<(&str, &str)> {
    let quotes = QUOTES.into_iter().find(|(open, _)| text.starts_with(*open));
    let (key, rest) = match quotes {
        Some((open, close)) => {
            let inner = text.strip_prefix(open)?;
            let end = inner.char_indices().take(LONGEST_KEY).find(|(_, c)| *c == close || *c == '\n')?.0;
            let (key, rest) = inner.split_at_checked(end)?;
            (key, rest.strip_prefix(close)?)
        }
        None => {
            let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            (text.get(..text.len() - rest.len())?, rest)
        }
    };
    let rest = rest.trim_start();
    let equals = || rest.strip_prefix("=>").or_else(|| rest.strip_prefix('=')).filter(|rest| begins_value(rest));
    let rest = rest.strip_prefix([':', '：']).or_else(equals)?;
    // `https://` is no key.
    let address = quotes.is_none() && rest.starts_with('/');
    (!key.is_empty() && key.len() <= 3 * LONGEST_KEY && !address).then_some((key, rest))
}

/// Whether what stands behind a `=` is a value, and not the rest of a sentence.
fn begins_value(rest: &str) -> bool {
    let rest = rest.trim_start();
    QUOTES.iter().any(|(open, _)| rest.starts_with(*open))
        || YES
            .iter()
            .chain(&NO)
            .any(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests;
