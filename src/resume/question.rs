//! What a model's reply says about the next question.

use std::collections::HashMap;

use crate::llm::text::markup::{self, Kind, Line};
use crate::llm::text::object::{self, Object, Value};
use crate::llm::text::phrases::label;
use crate::llm::text::{beginning, boilerplate, envelope, is_foreign, is_readable, one_line, sentence, visible};

/// Characters of a question, at most.
const MAX_CHARS: usize = 500;
/// Characters of a reply that are looked at.
const MAX_READ: usize = 20_000;
/// Names of the fields of its object: those of the schema, and what models call them.
const FIELDS: [&str; 7] = ["enough", "question", "questions", "질문", "next_question", "다음 질문", "추가 질문"];
/// Options that a question may offer, and characters of one.
const MAX_OPTIONS: usize = 6;
const LONGEST_OPTION: usize = 60;
/// What stands before an example of an answer.
const EXAMPLES: [&str; 5] = ["예: ", "예시: ", "예) ", "ex) ", "예를 들어 "];
/// Words in which a request is polite: whatever follows them (`주시면 도움이 되겠습니다`), it asks.
const POLITE: [&str; 6] = ["부탁드", "부탁 드", "부탁합", "주시면", "주신다면", "주셨으면"];
/// How one ends that has none of them.
const POLITE_REQUESTS: [&str; 20] = [
    "바랍니다",
    "궁금합니다",
    "궁금해요",
    "궁금하네요",
    "궁금하군요",
    "궁금한데요",
    "듣고 싶습니다",
    "알고 싶습니다",
    "묻고 싶습니다",
    "여쭙고 싶습니다",
    "여쭤보고 싶습니다",
    "확인하고 싶습니다",
    "듣고 싶어요",
    "알고 싶어요",
    "고 싶네요",
    "고 싶은데요",
    "여쭙습니다",
    "여쭤봅니다",
    "해 주시죠",
    "해주시죠",
];
/// How a question ends that is not polite, where one syllable makes it so.
const PLAIN_ENDS: [&str; 11] = ["은가", "인가", "던가", "한가", "있나", "없나", "했나", "였나", "었나", "았나", "되나"];
/// Times that a question is read again until nothing changes any more.
const MAX_READINGS: usize = 8;
/// How much of two questions must be the same to make them one: of their pairs of characters, in percent.
const SAME_PERCENT: usize = 90;
/// The words that say that nothing more needs to be asked, without spaces and marks.
const ENOUGH: [&str; 6] = ["없음", "질문없음", "추가질문없음", "더이상질문없음", "enoughtrue", "enoughtruequestion"];
/// How a request ends that asks without a question mark.
const REQUESTS: [&str; 17] = [
    "주세요",
    "줘",
    "줘요",
    "주십시오",
    "보세요",
    "보십시오",
    "하십시오",
    "말씀하세요",
    "설명하세요",
    "작성하세요",
    "적으세요",
    "하시오",
    "주시오",
    "쓰세요",
    "소개하세요",
    "기술하세요",
    "공유하세요",
];
/// How an English request begins.
const ENGLISH_REQUESTS: [&str; 10] =
    ["please", "describe", "tell", "explain", "share", "could", "walk", "give", "elaborate", "summarize"];

/// What a model's reply comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The résumé can be written.
    Enough,
    /// One question, 1 to 500 characters, as a member should read it.
    Question(String),
    /// Neither: worth asking again.
    Unusable,
}

/// Reads a reply to [`question`](super::prompt::question); `earlier` are the questions already asked, `truncated` says that
/// the model ran out of room, and `may_end` that it was told how to say that it knows enough.
///
/// The reply counts as JSON when it holds an object with `enough` or `question`, whatever stands around it and whatever
/// slips are in it. `enough` then decides: when it is true a question beside it is ignored, because the schema makes the
/// model write something there. A model that may not end is taken at its question, and means enough when it leaves that
/// empty. Of several objects the first with a usable question counts, as drafts and echoes of the schema come first.
/// Otherwise the reply is read as plain text. `없음` means enough only when it is all that the reply says. Of several
/// questions the first counts, with the options that it offers. An object that breaks off, an unfinished question, an
/// error and a question that was asked before are unusable.
pub fn read(text: &str, truncated: bool, earlier: &[&str], may_end: bool) -> Reading {
    let text = visible(beginning(text, MAX_READ));
    let reply = envelope::turn(&text);
    if boilerplate::is_error(&reply) {
        return Reading::Unusable;
    }
    let mut enough = false;
    let mut ours = 0;
    for object in ours_in(&object::unescaped(&reply)) {
        ours += 1;
        match read_object(&object, truncated, earlier, may_end) {
            Reading::Unusable => {}
            Reading::Enough => enough = true,
            question @ Reading::Question(_) => return question,
        }
    }
    match ours {
        _ if enough => Reading::Enough,
        0 if !is_object_broken(&reply) => read_plain(&reply, truncated, earlier),
        _ => Reading::Unusable,
    }
}

/// The objects in `reply` that have what was asked for, whatever they are in.
fn ours_in(reply: &str) -> Vec<Object> {
    let ours = |object: Object| object.with_any(&FIELDS).cloned();
    let inside = |object: &Object| object.texts().into_iter().flat_map(object::objects).find_map(ours);
    let found =
        object::objects(reply).filter_map(|object| object.with_any(&FIELDS).cloned().or_else(|| inside(&object)));
    let found: Vec<Object> = found.collect();
    if found.is_empty() {
        return object::fields(envelope::without_code_fence(reply), &FIELDS).into_iter().collect();
    }
    found
}

fn read_object(object: &Object, truncated: bool, earlier: &[&str], may_end: bool) -> Reading {
    let enough = object.get("enough").is_some_and(is_true);
    if enough && may_end {
        return Reading::Enough;
    }
    let asked = FIELDS.iter().skip(1).find_map(|name| object.get(name)).map(Value::texts);
    match asked.as_deref() {
        // What is in quotes is whole, unless the model ran out of room before the object was.
        Some([question, ..]) if object.whole || !truncated => {
            let nothing = enough || (!may_end && question.trim().is_empty());
            match read_plain(&envelope::turn(&visible(question)), false, earlier) {
                Reading::Unusable if nothing => Reading::Enough,
                reading => reading,
            }
        }
        _ if enough => Reading::Enough,
        _ => Reading::Unusable,
    }
}

/// Whether `reply`, which holds no object of ours, was meant to be one.
fn is_object_broken(reply: &str) -> bool {
    let names_a_property = ["\"question\"", "\"enough\""].iter().any(|property| reply.contains(property));
    let plain = reply.trim_start_matches('`');
    let plain = plain.strip_prefix("json").unwrap_or(plain).trim_start();
    plain.starts_with('{') || (reply.contains('{') && names_a_property)
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Flag(enough) => *enough,
        Value::Text(enough) => matches!(enough.trim().to_lowercase().as_str(), "true" | "yes" | "예"),
        _ => false,
    }
}

fn read_plain(text: &str, truncated: bool, earlier: &[&str]) -> Reading {
    if says_enough(text) {
        return Reading::Enough;
    }
    match first_question(text, truncated).and_then(settled) {
        Some(question) if is_new(&question, earlier) => Reading::Question(question),
        _ => Reading::Unusable,
    }
}

/// `question` without what only came to light when something else was taken away, so that reading it again changes nothing.
fn settled(question: String) -> Option<String> {
    let mut question = question;
    for _ in 0..MAX_READINGS {
        let again = first_question(&envelope::turn(&visible(&question)), false)?;
        if again == question {
            return is_plain(&question).then_some(question);
        }
        question = again;
    }
    None
}

/// Whether a reply that consists of `question` is one.
fn is_plain(question: &str) -> bool {
    !(says_enough(question)
        || boilerplate::is_error(question)
        || is_object_broken(question)
        || !ours_in(&object::unescaped(question)).is_empty())
}

/// Whether `text` is one of [`ENOUGH`] alone, but for labels, markup and marks.
fn says_enough(text: &str) -> bool {
    let bare =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let unlabelled: String = markup::lines(text).iter().map(|line| unlabelled(&line.text).0).collect();
    [bare(text), bare(&unlabelled)].iter().any(|text| ENOUGH.contains(&text.as_str()))
}

/// `line` without the labels, numbers and speakers before it, and whether there were any.
fn unlabelled(line: &str) -> (String, bool) {
    let mut text = envelope::without_quotes(line);
    let mut labelled = false;
    while let Some(rest) = envelope::without_label(text, label::QUESTION)
        .or_else(|| envelope::without_speaker(text))
        .or_else(|| markup::without_bullet(text))
    {
        text = envelope::without_quotes(rest);
        labelled = true;
    }
    (text.to_owned(), labelled)
}

/// The first whole question, with the sentences that lead to it and the options that it offers.
fn first_question(text: &str, truncated: bool) -> Option<String> {
    let blocks = blocks(text);
    let last = blocks.len().checked_sub(1)?;
    blocks.iter().enumerate().find_map(|(at, block)| {
        // Only the last block can be the one that broke off.
        let sentences = sentence::split(&block.text, truncated && at == last);
        let sentences: Vec<String> = sentences.into_iter().filter(|sentence| !is_foreign(sentence)).collect();
        let asks = |sentence: &String| is_marked_question(sentence) && !boilerplate::is_polite(sentence);
        let end = sentences.iter().position(asks).or_else(|| sentences.iter().position(|text| is_request(text)))?;
        let asking = sentences.get(end)?;
        let lead: Vec<&str> = sentences.iter().take(end).map(String::as_str).collect();
        if boilerplate::is_refusal(&lead) {
            return None;
        }
        let lead = lead.into_iter().filter(|lead| !boilerplate::is_announcement(lead) && !boilerplate::is_polite(lead));
        let whole: Vec<&str> = lead.chain([asking.as_str()]).collect();
        let behind = offered(&block.text, asking).or_else(|| options(blocks.get(at + 1..)?));
        let offered = behind.map(|behind| [&whole.join(" "), " ", &behind].concat());
        offered
            .into_iter()
            .chain([whole.join(" "), asking.clone()])
            .map(|text| polite(unlabelled(&text).0))
            .find(|text| (1..=MAX_CHARS).contains(&text.chars().count()) && text.chars().any(is_readable))
    })
}

/// `question` in the form in which a member is asked: `무엇인가?` as `무엇인가요?`, `맡았는가?` as `맡았나요?`.
fn polite(question: String) -> String {
    let bare = question.trim_end_matches(['?', '？', ' ']);
    let marks = question.get(bare.len()..).unwrap_or_default();
    if !marks.contains(['?', '？']) {
        return question;
    }
    match bare.strip_suffix("는가") {
        Some(verb) => [verb, "나요", marks].concat(),
        None if PLAIN_ENDS.iter().any(|end| bare.ends_with(end)) => [bare, "요", marks].concat(),
        None => question,
    }
}

/// What the question `asking` offers in the same paragraph: `어떤 일을 맡으셨나요? (예: 설계, 구현)`, `… 1) 설계 2) 구현`.
fn offered(text: &str, asking: &str) -> Option<String> {
    let behind = text.get(text.find(asking)? + asking.len()..)?.trim_start();
    if let Some(inside) = behind.strip_prefix('(').filter(|_| after_mark(behind).is_none()) {
        let end = inside.find(['(', ')']).filter(|end| *end <= 3 * MAX_OPTIONS * LONGEST_OPTION)?;
        let example = behind.get(..end + 2)?;
        return (example.ends_with(')') && example.contains(char::is_alphanumeric)).then(|| example.to_owned());
    }
    if let Some(example) = EXAMPLES.iter().find_map(|label| behind.strip_prefix(label)) {
        let example = words(example).trim();
        let short = example.chars().count() <= MAX_OPTIONS * LONGEST_OPTION;
        return (short && !example.is_empty() && !example.contains(['?', '？'])).then(|| format!("(예: {example})"));
    }
    let mut points = Vec::new();
    let mut rest = behind;
    while let Some(point) = after_mark(rest) {
        let mut spaces = point.match_indices(' ').map(|(at, _)| at);
        let end =
            spaces.find(|at| after_mark(point.get(at + 1..).unwrap_or_default()).is_some()).unwrap_or(point.len());
        let (point, next) = point.split_at_checked(end)?;
        points.push(point);
        rest = next.trim_start();
    }
    listed(&points).filter(|_| rest.is_empty())
}

/// What follows the mark of a point: `1)`, `①`, `A.`.
fn after_mark(text: &str) -> Option<&str> {
    let letter = || {
        let inner = text.strip_prefix('(').unwrap_or(text);
        inner.strip_prefix(|c: char| c.is_ascii_uppercase())?.strip_prefix(['.', ')'])?.strip_prefix(' ')
    };
    markup::without_bullet(text).or_else(letter).map(str::trim_start).filter(|point| !point.is_empty())
}

/// The points of a list below a question.
fn options(below: &[Block]) -> Option<String> {
    let is_option = |block: &&Block| block.kind == Kind::Item && !block.labelled;
    let options: Vec<&str> = below.iter().take_while(is_option).map(|block| block.text.as_str()).collect();
    listed(&options)
}

/// `options` in parentheses, when they ask nothing themselves.
fn listed(options: &[&str]) -> Option<String> {
    let short = options.iter().all(|option| option.chars().count() <= LONGEST_OPTION && !asks(option));
    (short && (2..=MAX_OPTIONS).contains(&options.len())).then(|| {
        let options: Vec<&str> = options.iter().map(|option| words(option)).collect();
        format!("({})", options.join(", "))
    })
}

fn asks(text: &str) -> bool {
    is_marked_question(text) || is_request(text)
}

/// A part of a text that may hold a question: a paragraph, or a point of a list.
struct Block {
    kind: Kind,
    labelled: bool,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut begun = false;
    for line in markup::lines(envelope::without_quotes(text)) {
        if envelope::without_label(&line.text, label::ANSWER).is_some() || (begun && is_others(&line)) {
            break;
        }
        let stuck = envelope::before_stuck_role(&line.text);
        let (text, labelled) = unlabelled(stuck.unwrap_or(&line.text));
        begun = begun || !text.is_empty();
        if labelled || line.kind != Kind::Text || blocks.is_empty() {
            blocks.push(Block { kind: line.kind, labelled, text: String::new() });
        }
        if let Some(block) = blocks.last_mut() {
            block.text.push(' ');
            block.text.push_str(&text);
        }
        if stuck.is_some() {
            break;
        }
    }
    for block in &mut blocks {
        block.text = one_line(&block.text).into_owned();
    }
    blocks.retain(|block| !block.text.is_empty());
    blocks
}

/// Whether the other side's turn begins with `line`, below what was said. A question has the label of one itself.
fn is_others(line: &Line) -> bool {
    envelope::without_label(&line.text, label::QUESTION).is_none() && envelope::is_next_turn(line)
}

fn words(sentence: &str) -> &str {
    sentence.trim_end_matches(|c: char| !c.is_alphanumeric())
}

fn is_marked_question(sentence: &str) -> bool {
    let marks: &str = sentence.get(words(sentence).len()..).unwrap_or_default();
    marks.contains(['?', '？']) || sentence::is_question(words(sentence))
}

/// Whether `sentence` asks for something without asking a question (`구체적으로 알려 주세요.`).
fn is_request(sentence: &str) -> bool {
    if boilerplate::is_polite(sentence) {
        return false;
    }
    let words = words(sentence);
    let first = words.split(' ').next().unwrap_or_default();
    REQUESTS.iter().chain(&POLITE_REQUESTS).any(|ending| words.ends_with(ending))
        || POLITE.iter().any(|polite| words.contains(polite))
        || ENGLISH_REQUESTS.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Whether a reader would find the question among none of the `earlier` ones.
pub fn is_new(question: &str, earlier: &[&str]) -> bool {
    !earlier.iter().any(|earlier| is_same(earlier, question))
}

/// Whether two questions are the same to a reader: alike but for case, spaces and marks, or nearly so. Questions that
/// name different things in Latin letters or numbers (Kafka, Redis) never are.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let (a, b) = (bare(&one), bare(&other));
    if a == b {
        return true;
    }
    if terms(&one) != terms(&other) {
        return false;
    }
    let (pairs_a, pairs_b) = (pairs(&a), pairs(&b));
    let shared: usize = pairs_a.iter().map(|(pair, count)| (*count).min(pairs_b.get(pair).copied().unwrap_or(0))).sum();
    let all: usize = pairs_a.values().sum::<usize>() + pairs_b.values().sum::<usize>();
    2 * shared * 100 >= all * SAME_PERCENT && shared > 0
}

fn bare(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The words in Latin letters and digits, in order, each once.
fn terms(text: &str) -> Vec<&str> {
    let mut terms: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|term| !term.is_empty()).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

fn pairs(chars: &[char]) -> HashMap<(char, char), usize> {
    let mut pairs = HashMap::new();
    for (a, b) in chars.iter().zip(chars.iter().skip(1)) {
        *pairs.entry((*a, *b)).or_insert(0) += 1;
    }
    pairs
}

#[cfg(test)]
mod tests;
