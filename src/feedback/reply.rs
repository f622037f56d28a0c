//! What of a model's reply becomes the feedback.

use std::borrow::Cow;

use crate::llm::text::markup::{self, Kind, Line};
use crate::llm::text::object::{self, Object, Value};
use crate::llm::text::phrases::{key, label};
use crate::llm::text::{
    beginning, boilerplate, envelope, is_alphanumeric, is_foreign, is_hangul, is_readable, one_line, sentence, visible,
};

/// Sentences of a feedback, at most.
const MAX_SENTENCES: usize = 5;
/// Characters of a feedback, at most: the product's column holds no more.
const MAX_CHARS: usize = 1_000;
/// Characters of a reply that are looked at: enough for any feedback with all its envelope.
const MAX_READ: usize = 20_000;
/// Characters of a point's name (`핵심 파악`) above the text that belongs to it.
const LONGEST_NAME: usize = 25;
/// Letters from which on a sentence of hardly any different ones is garbage.
const GARBAGE_LETTERS: usize = 20;
/// Different letters that are hardly any.
const FEW_LETTERS: usize = 4;
/// Times that a word, or a few words in their order, may stand in a row.
const MAX_ECHOES: usize = 5;
/// Words, and letters of one long word, that may be a loop's.
const LONGEST_LOOP: usize = 6;
/// Letters of a word that may be a loop of its own.
const LOOPING_LETTERS: usize = 30;

/// The feedback in a model's reply, as a member should read it, or `None` when there is none.
///
/// Up to 5 whole sentences on one line, up to 1,000 characters (Unicode code points), without labels, markup, quotes or
/// an unfinished end; `truncated` says that the model ran out of room. The prompt asks for 3 sentences or more, but one
/// or two whole ones are still useful to the member and already paid for, so they count. Errors, refusals and text that
/// does not say anything do not. Reading a feedback again changes nothing.
pub fn read(text: &str, truncated: bool) -> Option<String> {
    let mut text = Cow::Borrowed(beginning(text, MAX_READ).trim());
    let mut truncated = truncated;
    // What was in an envelope may be in another one. Every pass but the first only takes away, so there is a last one.
    loop {
        let feedback = pass(&text, truncated)?;
        if feedback == text {
            return Some(feedback);
        }
        (text, truncated) = (Cow::Owned(feedback), false);
    }
}

/// Takes one envelope away.
fn pass(text: &str, truncated: bool) -> Option<String> {
    let text = visible(text);
    let reply = envelope::turn(&text);
    if boilerplate::is_error(&reply) {
        return None;
    }
    let (reply, truncated) = match unwrapped(&reply) {
        Unwrapped::Text(text, broken) => (Cow::Owned(text), broken),
        Unwrapped::Plain => (reply, truncated),
        Unwrapped::Nothing => return None,
    };
    let text = flow(&own_lines(&reply), truncated);
    let whole = sentence::split(envelope::without_quotes(&text), truncated);
    let mut sentences: Vec<&str> = Vec::new();
    let mut garbage = false;
    let whole = whole.iter().map(|sentence| without_bullets(sentence)).take_while(|sentence| {
        garbage = is_garbage(sentence);
        !garbage
    });
    let whole: Vec<&str> = whole.filter(|sentence| !is_foreign(sentence)).collect();
    if boilerplate::is_refusal(&whole) {
        return None;
    }
    // What a model says in English before a Korean feedback is to itself.
    let korean = whole.iter().any(|sentence| sentence.contains(is_hangul));
    for sentence in whole {
        let leads = sentences.is_empty()
            && (boilerplate::is_announcement(sentence) || (korean && !sentence.contains(is_hangul)));
        if !leads && !boilerplate::is_polite(sentence) && !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    let feedback = fit(&sentences);
    let unclosed = feedback.strip_prefix(['"', '“']).filter(|rest| !rest.contains(['"', '”']));
    let feedback = unclosed.unwrap_or(&feedback).trim();
    feedback.chars().any(is_readable).then(|| feedback.to_owned())
}

/// What is inside of JSON that a reply consists of.
enum Unwrapped {
    /// The feedback, and whether it broke off.
    Text(String, bool),
    /// The reply is no JSON.
    Plain,
    /// It is, and holds no feedback.
    Nothing,
}

fn unwrapped(reply: &str) -> Unwrapped {
    if !reply.contains(['{', '[', '"']) {
        return Unwrapped::Plain;
    }
    let text = |value: &Value| Unwrapped::Text(as_lines(value), value.is_broken());
    let surely =
        object::objects(reply).find_map(|object| named(object.with_any(key::SURELY_FEEDBACK)?, key::SURELY_FEEDBACK));
    if let Some(value) = surely {
        return text(&value);
    }
    let bare = envelope::without_code_fence(reply);
    if bare.starts_with('{') {
        let Some(object) = object::objects(bare).next() else { return Unwrapped::Plain };
        let named = object.with_any(key::FEEDBACK).and_then(|object| named(object, key::FEEDBACK));
        // Braces may begin a sentence as well.
        let whole = || object::value(bare).or_else(|| (!object.whole).then(|| Value::Object(object.clone())));
        return match named.or_else(whole) {
            Some(value) if value.texts().is_empty() => Unwrapped::Nothing,
            Some(value) => text(&value),
            None => Unwrapped::Plain,
        };
    }
    match object::value(bare) {
        Some(value @ Value::Text(_)) => text(&value),
        Some(value @ Value::List(_)) if !value.texts().is_empty() => text(&value),
        _ => Unwrapped::Plain,
    }
}

/// What stands in `object` under the first of `names` that it has.
fn named(object: &Object, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| object.get(name)).cloned()
}

/// The texts of `value` as lines, and as points of a list where there are several.
fn as_lines(value: &Value) -> String {
    match value.texts().as_slice() {
        [text] => (*text).to_owned(),
        texts => texts.iter().map(|text| format!("- {text}\n")).collect(),
    }
}

/// As many of `sentences` as a feedback may hold.
fn fit(sentences: &[&str]) -> String {
    let mut feedback = String::new();
    let mut chars = 0;
    for sentence in sentences.iter().take(MAX_SENTENCES) {
        let more = sentence.chars().count() + usize::from(!feedback.is_empty());
        if chars + more > MAX_CHARS {
            break;
        }
        if !feedback.is_empty() {
            feedback.push(' ');
        }
        feedback.push_str(sentence);
        chars += more;
    }
    feedback
}

/// The lines of the feedback itself: no label, no announcement, no echo of the prompt, no dialogue that goes on.
fn own_lines(reply: &str) -> Vec<Line> {
    let mut lines = markup::lines(envelope::without_quotes(reply));
    let first = lines.iter().position(|line| line.kind != Kind::Blank).unwrap_or(lines.len());
    if lines.get(first).is_some_and(envelope::is_other_turn) && !lines.get(first).is_some_and(is_labelled) {
        // The question and the answer again: the feedback begins where a label says so.
        let label = lines.iter().position(|line| {
            envelope::without_label(&line.text, label::SURELY_FEEDBACK).is_some() || envelope::is_own_turn(line)
        });
        lines.drain(..label.unwrap_or(lines.len()));
    }
    let mut own: Vec<Line> = Vec::new();
    for mut line in lines {
        if own.iter().all(|line| line.kind == Kind::Blank) {
            unlabel(&mut line);
        } else if envelope::is_next_turn(&line) {
            break;
        }
        if let Some(words) = envelope::before_stuck_role(&line.text) {
            line.text = words.to_owned();
            own.push(line);
            break;
        }
        own.push(line);
    }
    drop_title(&mut own);
    own
}

/// Whether `line` begins with a label of the feedback.
fn is_labelled(line: &Line) -> bool {
    envelope::without_label(&line.text, label::FEEDBACK).is_some()
}

/// Takes labels, the model's name and an announcement off the first line.
fn unlabel(line: &mut Line) {
    while let Some(rest) = envelope::without_label(&line.text, label::FEEDBACK)
        .or_else(|| envelope::without_speaker(&line.text))
        .or_else(|| envelope::without_long_label(&line.text, label::SURELY_FEEDBACK))
    {
        line.text = rest.to_owned();
    }
    if let Some(rest) = boilerplate::without_announcement(&line.text) {
        line.text = rest.to_owned();
    }
    if line.text.is_empty() {
        line.kind = Kind::Blank;
    }
}

/// Drops a title without marks above the feedback (`TCP 답변 피드백`).
fn drop_title(lines: &mut [Line]) {
    let Some(at) = lines.iter().position(|line| line.kind != Kind::Blank) else { return };
    let Some([title, below, ..]) = lines.get_mut(at..) else { return };
    let short = title.text.chars().count() <= LONGEST_NAME && !sentence::is_marked(&title.text);
    let lower = title.text.to_lowercase();
    if below.kind == Kind::Blank && short && label::SURELY_FEEDBACK.iter().any(|name| lower.ends_with(name)) {
        title.text.clear();
        title.kind = Kind::Blank;
    }
}

/// The text of `lines` as it flows. Headings and the names of points are dropped, and a point or a paragraph that lacks its
/// mark gets one, unless it is the last: that one is judged as the end of the text.
fn flow(lines: &[Line], truncated: bool) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let mut later = lines.iter().skip(at + 1);
        let next = later.clone().next().map(|line| line.kind);
        let following = later.find(|line| line.kind != Kind::Blank).map(|line| line.kind);
        let named = line.kind == Kind::Item && next == Some(Kind::Text) && line.text.chars().count() <= LONGEST_NAME;
        let whole = sentence::is_whole(line.text.trim_end_matches(|c: char| !c.is_alphanumeric()));
        let closes = following.is_some() && (next != Some(Kind::Text) || line.kind == Kind::Heading || whole);
        let listed = line.kind == Kind::Item && line.text.ends_with(char::is_alphanumeric);
        let last = following.is_none() && !truncated && at > 0;
        if sentence::is_marked(&line.text) {
            text.push_str(&line.text);
        } else if let Some(sentence) = sentence::finished(&line.text) {
            text.push_str(if closes { &sentence } else { &line.text });
        } else if line.kind != Kind::Heading && !named {
            text.push_str(&line.text);
            if listed && (closes || last) {
                text.push(if following == Some(Kind::Item) { ',' } else { '.' });
            }
        }
        text.push('\n');
    }
    one_line(&text).into_owned()
}

/// `sentence` without the number or mark of a list's point before it.
fn without_bullets(sentence: &str) -> &str {
    let mut sentence = sentence;
    while let Some(rest) = markup::without_bullet(sentence) {
        sentence = rest;
    }
    sentence
}

/// Whether a sentence repeats itself without end, as models do that have lost the thread.
fn is_garbage(sentence: &str) -> bool {
    let words: Vec<&str> = sentence.split(' ').collect();
    let looping = |word: &&str| {
        word.len() > LOOPING_LETTERS && {
            let letters: Vec<char> = word.chars().filter(|c| is_alphanumeric(*c)).collect();
            letters.len() > LOOPING_LETTERS && loops(&letters)
        }
    };
    loops(&words) || words.iter().any(looping) || has_few_letters(sentence)
}

/// Whether some of `parts` follow each other in the same order too often.
fn loops<T: PartialEq>(parts: &[T]) -> bool {
    (1..=LONGEST_LOOP).any(|len| {
        let mut row = 0;
        parts.iter().zip(parts.iter().skip(len)).any(|(part, next)| {
            row = if part == next { row + 1 } else { 0 };
            row >= len * MAX_ECHOES
        })
    })
}

/// Whether its many letters are hardly any different ones.
fn has_few_letters(sentence: &str) -> bool {
    let mut letters = 0;
    let mut different = Vec::with_capacity(FEW_LETTERS + 1);
    for c in sentence.chars().filter(|c| is_alphanumeric(*c)) {
        letters += 1;
        if !different.contains(&c) {
            different.push(c);
        }
        if different.len() > FEW_LETTERS {
            return false;
        }
    }
    letters >= GARBAGE_LETTERS
}

#[cfg(test)]
mod tests;
