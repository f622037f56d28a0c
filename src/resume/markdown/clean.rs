//! A model's reply as usable Markdown.

use super::asked::drop_questions;
use super::html::as_markdown;
use super::line::{Line, join};
use super::names::is_section;
use super::placeholder::fill_in;
use super::sections::{bare_headings, drop_empty, drop_facts, drop_title};
use super::talk::{drop_openings, drop_talk};
use super::unpack::unpacked;
use super::{headings, lists, literal, tables};
use crate::llm::text::brackets::repeats_a_forgery;
use crate::llm::text::is_foreign;

/// Longer replies are no résumés: the model ran away.
const MAX_REPLY_BYTES: usize = 64 * 1024;
/// Letters and digits that make a résumé worth sending, names of sections aside.
const MIN_LETTERS: usize = 10;

/// Turns a model's reply into the Markdown of a résumé: without what it was wrapped in, talk about it, blanks to fill in, and
/// what the document says itself (its title, the basic facts); with its headings, lists and tables as Markdown knows them.
/// `None` when nothing is left that is worth sending.
pub fn clean(reply: &str) -> Option<String> {
    // What stands around a forged turn was forged as well: a career that the member made up for the model to write.
    if reply.len() > MAX_REPLY_BYTES || repeats_a_forgery(reply) {
        return None;
    }
    let mut lines = Line::all(&as_markdown(&unpacked(reply)));
    literal::dates_escaped(&mut lines);
    literal::marks_dropped(&mut lines);
    let lines = headings::made_plain(lists::outdented(lines));
    let mut lines = tables::made_plain(lists::marked(lines));
    drop_title(&mut lines);
    drop_openings(&mut lines);
    drop_talk(&mut lines);
    drop_facts(&mut lines);
    drop_questions(&mut lines);
    let bare = bare_headings(&lines);
    let mut lines = tables::made_plain(filled_in(lines));
    drop_empty(&mut lines, &bare);
    trim(&mut lines);
    literal::escaped(&mut lines);
    worth_sending(&lines).then(|| join(&lines) + "\n")
}

/// The lines without blanks. A table goes when nothing but its header is left.
fn filled_in(lines: Vec<Line>) -> Vec<Line> {
    let fill = |line: &Line| if line.code { Some(line.clone()) } else { fill_in(&line.text).map(Line::prose) };
    let mut filled = Vec::with_capacity(lines.len());
    for chunk in lines.chunk_by(|a, b| a.is_row() == b.is_row()) {
        let rows = |lines: &[Line]| lines.iter().filter(|line| !tables::is_delimiter(&line.text)).count();
        let left: Vec<Line> = chunk.iter().filter_map(fill).collect();
        let header_alone = rows(&left) == 1 && rows(chunk) > 1 && left.first() == chunk.first();
        if !(chunk.first().is_some_and(Line::is_row) && header_alone) {
            filled.extend(left);
        }
    }
    filled
}

/// Drops blank lines and rules at both ends, and blank lines that follow one another.
fn trim(lines: &mut Vec<Line>) {
    let edge = |line: &Line| line.is_blank() || line.is_rule();
    lines.truncate(lines.iter().rposition(|line| !edge(line)).map_or(0, |last| last + 1));
    lines.drain(..lines.iter().position(|line| !edge(line)).unwrap_or(lines.len()));
    lines.dedup_by(|line, before| line.is_blank() && before.is_blank() && !line.code);
}

fn worth_sending(lines: &[Line]) -> bool {
    let text = lines.iter().filter(|line| line.heading().is_none_or(|(_, title)| !is_section(title)));
    let letters = text.flat_map(|line| line.text.chars()).filter(|c| c.is_alphanumeric()).count();
    letters >= MIN_LETTERS && lines.iter().any(|line| line.heading().is_some()) && !is_foreign(&join(lines))
}
