//! What of a feedback is settled while its reply is still being written: the same reading, which holds back what may become
//! something else by what comes.

use super::{End, LONGEST_NAME, feedback};
use crate::llm::text::markup::{Kind, Line};
use crate::llm::text::{before_open_reference, boilerplate, html, inline, is_hangul, sentence};

/// What opens a block of code, and closes it.
const CODE: &str = "```";
/// How a model begins that thinks.
const MUSINGS: [&str; 7] = ["음", "흠", "좋아", "자,", "먼저 사용자", "우선 사용자", "사용자"];
/// Words of English sentences, which Korean ones with English terms do not have.
const ENGLISH: [&str; 14] =
    ["the", "is", "a", "an", "to", "i", "and", "so", "let", "me", "need", "should", "user", "they"];

/// How a feedback begins whose reply begins with `text`, as far as that is known whatever comes: whole sentences, or `None`
/// when there are none yet. [`written`](crate::feedback::written) says what it cannot know.
pub fn settled(text: &str) -> Option<String> {
    feedback(before_open_marks(text), End::Open)
}

/// `text` up to a mark whose partner would take everything behind it away, or would leave it as it is; without a mark at its
/// very end, which is read by what is behind it.
fn before_open_marks(text: &str) -> &str {
    let text = before_open_reference(text).trim_end_matches(['*', '_', '~', '=', '`', '$', '|', '\\', '<']);
    let link = text.rsplit_once("](").filter(|(_, address)| !address.contains(|c: char| c == ')' || c.is_whitespace()));
    let text = link.map_or(text, |(before, _)| before);
    let block = text.matches(CODE).count() % 2 == 1;
    text.rsplit_once(CODE).filter(|_| block).map_or(text, |(before, _)| before)
}

/// How many of `lines` there are without a last one of which it is not known what it will be, where that says what the line
/// above it is.
pub fn lines(lines: &[Line]) -> usize {
    let mut said = lines.iter().enumerate().rev().filter(|(_, line)| line.kind != Kind::Blank);
    let last = said.next().filter(|(_, line)| line.text.chars().nth(LONGEST_NAME).is_none());
    // A title is dropped, whatever is below it.
    let is_title = |line: &Line| line.kind == Kind::Heading && sentence::finished(&line.text).is_none();
    let above = said.next().is_some_and(|(_, above)| !sentence::is_marked(&above.text) && !is_title(above));
    last.filter(|_| above).map_or(lines.len(), |(at, _)| at)
}

/// Whether a mark in `sentence` may have its partner in what comes.
pub fn is_open(sentence: &str) -> bool {
    let half = sentence.strip_suffix(['"', '”']).is_some_and(|rest| !rest.contains(['"', '“']));
    half || inline::is_open(sentence) || html::is_open(sentence)
}

/// Whether a reply with the sentences `said` surely is one: neither an error, nor a refusal, nor what a model thinks before
/// it replies. `first` is the first that neither announces it nor is polite.
pub fn is_reply(said: &[&str], first: Option<&str>) -> bool {
    let is_proper = |sentence: &&str| sentence.contains(is_hangul) && !boilerplate::may_be_refusal(sentence);
    said.iter().any(is_proper) && !first.is_some_and(is_musing)
}

/// Whether a model that writes `sentence` may be thinking: to itself it speaks plainly, or in English.
fn is_musing(sentence: &str) -> bool {
    let words = sentence.trim_end_matches(|c: char| !is_hangul(c));
    let plainly = (words.ends_with('다') && !words.ends_with("니다")) || words.ends_with('자');
    let is_english = |word: &&str| ENGLISH.iter().any(|english| word.eq_ignore_ascii_case(english));
    plainly
        || MUSINGS.iter().any(|start| sentence.starts_with(start))
        || sentence.split(' ').filter(is_english).nth(1).is_some()
}
