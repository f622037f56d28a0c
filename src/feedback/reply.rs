//! What of a model's reply becomes the feedback.

mod settled;

use std::borrow::Cow;

use crate::feedback::prompt;
use crate::llm::text::markup::{self, Kind, Line};
use crate::llm::text::object::{self, Object, Value};
use crate::llm::text::phrases::{key, label};
use crate::llm::text::{
    beginning, boilerplate, envelope, is_alphanumeric, is_foreign, is_hangul, is_readable, one_line, sentence, visible,
};

pub use self::settled::settled;

/// Sentences of a feedback, at most.
const MAX_SENTENCES: usize = 5;
/// Characters of a feedback, at most: the product's column holds no more.
const MAX_CHARS: usize = 1_000;
/// Characters of a reply that are looked at: enough for any feedback with all its envelope.
const MAX_READ: usize = 20_000;
/// Passes until nothing changes any more; two do for nearly all replies.
const MAX_PASSES: usize = 16;
/// Characters of a point's name (`핵심 파악`) above the text that belongs to it.
const LONGEST_NAME: usize = 25;
/// Letters from which on a sentence of hardly any different ones is garbage.
const GARBAGE_LETTERS: usize = 20;
/// Question marks in a row that stand for letters.
const LOST_LETTERS: usize = 4;
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
    feedback(text, if truncated { End::CutOff } else { End::Whole })
}

/// How a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As its writer meant it to.
    Whole,
    /// There was no room for more.
    CutOff,
    /// It is still being written.
    Open,
    /// So is this one, whose sentences are whole and settled.
    Begun,
}

impl End {
    fn goes_on(self) -> bool {
        matches!(self, Self::Open | Self::Begun)
    }
}

fn feedback(text: &str, end: End) -> Option<String> {
    let mut text = Cow::Borrowed(beginning(text, MAX_READ).trim());
    let mut end = end;
    // What was in an envelope may be in another one. Nearly every pass but the first only takes away.
    for _ in 0..MAX_PASSES {
        let feedback = pass(&text, end)?;
        if feedback == text {
            return Some(feedback);
        }
        (text, end) = (Cow::Owned(feedback), if end.goes_on() { End::Begun } else { End::Whole });
    }
    None
}

/// Takes one envelope away.
fn pass(text: &str, end: End) -> Option<String> {
    let text = visible(text);
    let reply = envelope::turn(&text);
    if boilerplate::is_error(&reply) || (end.goes_on() && boilerplate::may_be_error(&reply)) {
        return None;
    }
    let is_held = |reply: &str| end.goes_on() && envelope::may_be_enclosed(reply);
    if is_held(&reply) && surely_feedback(&reply).is_none() {
        return None;
    }
    let (reply, end) = match unwrapped(&reply) {
        Unwrapped::Text(text, _) if end.goes_on() => (Cow::Owned(text), End::Open),
        Unwrapped::Text(text, broken) => (Cow::Owned(text), if broken { End::CutOff } else { End::Whole }),
        Unwrapped::Plain => (reply, end),
        Unwrapped::Nothing => return None,
    };
    if is_held(&reply) {
        return None;
    }
    let mut lines = own_lines(&reply, end);
    if end == End::Open {
        lines.truncate(settled::lines(&lines));
    }
    let text = flow(&lines, end != End::Whole);
    let text = envelope::without_quotes(&text);
    let whole = match end {
        End::Whole => sentence::split(text, false),
        End::CutOff | End::Begun => sentence::split(text, true),
        End::Open => sentence::settled(text),
    };
    let mut sentences: Vec<&str> = Vec::new();
    let mut first = None;
    let mut garbage = false;
    let whole = whole.iter().map(|sentence| without_bullets(sentence)).take_while(|sentence| {
        garbage = is_garbage(sentence);
        let waits = end.goes_on() && settled::is_open(sentence);
        !garbage && !waits
    });
    let whole: Vec<&str> = whole.filter(|sentence| !is_foreign(sentence)).collect();
    if boilerplate::is_refusal(&whole) {
        return None;
    }
    // What a model says in English before a Korean feedback is to itself.
    let korean = whole.iter().any(|sentence| sentence.contains(is_hangul));
    for sentence in whole.iter().copied() {
        if sentences.len() == MAX_SENTENCES {
            break;
        }
        let leads_in = sentences.is_empty() || !sentence.ends_with([':', '：']);
        let announces = leads_in && boilerplate::is_announcement(sentence);
        let thinks = sentences.is_empty() && korean && is_english(sentence);
        if !announces && !boilerplate::is_polite(sentence) {
            first.get_or_insert(sentence);
        }
        let again = || sentences.iter().any(|earlier| words(earlier) == words(sentence));
        let says_nothing = announces || thinks || boilerplate::is_polite(sentence) || prompt::is_said_again(sentence);
        if !says_nothing && !again() {
            sentences.push(sentence);
        }
    }
    if end.goes_on() && !settled::is_reply(&whole, first) {
        return None;
    }
    let feedback = fit(&sentences);
    let feedback = without_half_quotes(&feedback).trim();
    feedback.chars().any(is_readable).then(|| feedback.to_owned())
}

/// `sentence` without its marks.
fn words(sentence: &str) -> &str {
    sentence.trim_end_matches(|c: char| !is_alphanumeric(c))
}

/// Whether `sentence` is English, and more than terms.
fn is_english(sentence: &str) -> bool {
    let words = || sentence.split(' ').filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    !sentence.contains(is_hangul) && (words().nth(1).is_some() || sentence.ends_with('!'))
}

/// `feedback` without a quote at one of its ends whose partner is not there.
fn without_half_quotes(feedback: &str) -> &str {
    let opened = feedback.strip_prefix(['"', '“']).filter(|rest| !rest.contains(['"', '”']));
    let closed = feedback.strip_suffix(['"', '”']).filter(|rest| !rest.contains(['"', '“']));
    opened.or(closed).unwrap_or(feedback)
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
    let reply = &object::unescaped(reply);
    let text = |value: &Value| Unwrapped::Text(as_lines(value), value.is_broken());
    if reply.starts_with('[')
        && let Some(list) = object::value(reply).map(points).filter(|list| list.texts().len() > 1)
    {
        return text(&list);
    }
    if let Some(value) = surely_feedback(reply) {
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
    match object::value(bare).map(points) {
        Some(value @ Value::Text(_)) => text(&value),
        Some(value @ Value::List(_)) if !value.texts().is_empty() => text(&value),
        _ => Unwrapped::Plain,
    }
}

/// What JSON in `reply` calls the feedback, whatever stands around it.
fn surely_feedback(reply: &str) -> Option<Value> {
    object::objects(reply).find_map(|object| named(object.with_any(key::SURELY_FEEDBACK)?, key::SURELY_FEEDBACK))
}

/// What stands in `object` under the first of `names` that it has.
fn named(object: &Object, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| object.get(name)).cloned()
}

/// What stands under such a name in each object of a list, one point each: `[{"feedback": "…"}, {"feedback": "…"}]`.
fn points(list: Value) -> Value {
    let Value::List(values) = list else { return list };
    let names = || key::SURELY_FEEDBACK.iter().chain(key::FEEDBACK).copied().collect::<Vec<_>>();
    let point = |value| match value {
        Value::Object(object) => named(&object, &names()).unwrap_or(Value::Object(object)),
        value => value,
    };
    Value::List(values.into_iter().map(point).collect())
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
fn own_lines(reply: &str, end: End) -> Vec<Line> {
    let reply = envelope::without_quotes(reply);
    // While it is bold yet, it is told from a word.
    let unlabelled = envelope::without_label(reply, label::SURELY_FEEDBACK).unwrap_or(reply);
    let mut lines = if end == End::Open { markup::settled(unlabelled) } else { markup::lines(unlabelled) };
    let first = lines.iter().position(|line| line.kind != Kind::Blank).unwrap_or(lines.len());
    if lines.get(first).is_some_and(envelope::is_other_turn) && !lines.get(first).is_some_and(is_labelled) {
        // The question and the answer again: the feedback begins where a label says so.
        let label = lines.iter().position(|line| {
            envelope::without_label(&line.text, label::SURELY_FEEDBACK).is_some() || envelope::is_own_turn(line)
        });
        lines.drain(..label.unwrap_or(lines.len()));
    }
    lines.drain(..preamble(&lines, end));
    let mut own: Vec<Line> = Vec::new();
    let mut begun = false;
    for mut line in lines {
        if !begun {
            unlabel(&mut line);
        } else if envelope::is_next_turn(&line) {
            break;
        }
        if let Some(words) = envelope::before_stuck_role(&line.text) {
            line.text = words.to_owned();
            own.push(line);
            break;
        }
        begun = begun || line.kind != Kind::Blank;
        own.push(line);
    }
    own
}

/// How many of `lines` stand before the reply proper, when both have labels: `생각: … 피드백: …`. What is labelled as a
/// thought ends without one, too: where a paragraph begins that is no list. As long as the second label may come, all of them
/// may.
fn preamble(lines: &[Line], end: End) -> usize {
    let begins = |line: &Line, names: &[&str]| {
        (line.kind == Kind::Heading || line.text.contains([':', '：']))
            && envelope::without_label(&line.text, names).is_some()
    };
    let first = lines.iter().position(|line| line.kind != Kind::Blank).unwrap_or(lines.len());
    let thinks = lines.get(first).is_some_and(|line| begins(line, label::THOUGHTS));
    if !(thinks || lines.get(first).is_some_and(|line| begins(line, label::BEFORE))) {
        return 0;
    }
    let below = lines.get(first + 1..).unwrap_or_default();
    let proper = below.iter().position(|line| begins(line, label::PROPER));
    let paragraph = || {
        let mut pairs = below.iter().zip(below.iter().skip(1));
        pairs.position(|(above, line)| above.kind == Kind::Blank && line.kind == Kind::Text).map(|at| at + 1)
    };
    match proper {
        None if end.goes_on() => lines.len(),
        proper => proper.or_else(|| thinks.then(paragraph).flatten()).map_or(0, |at| first + 1 + at),
    }
}

/// Whether `line` begins with a label of the feedback.
fn is_labelled(line: &Line) -> bool {
    envelope::without_label(&line.text, label::FEEDBACK).is_some()
}

/// Takes labels, the model's name and an announcement off the first line.
fn unlabel(line: &mut Line) {
    while let Some(rest) = envelope::without_label(&line.text, label::FEEDBACK)
        .or_else(|| envelope::without_speaker(&line.text))
        .or_else(|| envelope::without_long_label(&line.text, label::LONG_FEEDBACK))
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

/// The text of `lines` as it flows. Headings and the names of points are dropped, and a point or a paragraph that lacks its
/// mark gets one, unless it is the last: that one is judged as the end of the text.
fn flow(lines: &[Line], truncated: bool) -> String {
    let mut text = String::new();
    // What is above and below each line, blank ones aside.
    let mut above = None;
    let mut below: Vec<Option<Kind>> = lines
        .iter()
        .rev()
        .scan(None, |below, line| {
            let here = *below;
            *below = if line.kind == Kind::Blank { here } else { Some(line.kind) };
            Some(here)
        })
        .collect();
    for (at, line) in lines.iter().enumerate() {
        let around = Around { above, next: lines.get(at + 1).map(|line| line.kind), below: below.pop().flatten() };
        line_in_flow(line, &around, truncated, &mut text);
        if line.kind != Kind::Blank {
            above = Some(line.kind);
        }
    }
    one_line(&text).into_owned()
}

/// What stands around a line.
struct Around {
    /// The next one that is not blank, above it and below.
    above: Option<Kind>,
    below: Option<Kind>,
    /// The one right below.
    next: Option<Kind>,
}

fn line_in_flow(line: &Line, around: &Around, truncated: bool, text: &mut String) {
    let next = around.next;
    if line.kind == Kind::Blank {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    if sentence::is_marked(&line.text) {
        text.push_str(&line.text);
        return;
    }
    let words = line.text.trim_end_matches(|c: char| !is_alphanumeric(c));
    let ends = next != Some(Kind::Text) || line.kind == Kind::Heading || sentence::is_whole(words);
    let closes = around.below.is_some() && ends;
    if let Some(sentence) = sentence::finished(&line.text) {
        text.push_str(if closes { &sentence } else { &line.text });
        return;
    }
    // A name holds no sentence.
    let names = sentence::split(&line.text, true).is_empty();
    let short = names && line.text.chars().nth(LONGEST_NAME).is_none();
    let named = line.kind == Kind::Item && next == Some(Kind::Text) && short;
    // A title, or a score: it is no sentence, and begins none.
    let titles = line.kind == Kind::Text
        && next == Some(Kind::Blank)
        && around.below.is_some()
        && short
        && !line.text.ends_with([':', '：', ',']);
    if (line.kind == Kind::Heading && names) || named || titles {
        return;
    }
    text.push_str(&line.text);
    let listed = line.kind == Kind::Item && line.text.ends_with(is_alphanumeric);
    let last = around.below.is_none() && !truncated && around.above == Some(Kind::Item);
    if listed && (closes || last) {
        text.push(if around.below == Some(Kind::Item) { ',' } else { '.' });
    }
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
    // What a wrong encoding leaves of a text.
    let (marks, letters) = (sentence.matches('?').count(), sentence.chars().filter(|c| is_alphanumeric(*c)).count());
    if marks > LOST_LETTERS && marks > letters {
        return true;
    }
    let mut words: Vec<&str> = Vec::with_capacity(32);
    words.extend(sentence.split(' '));
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
pub mod tests;
