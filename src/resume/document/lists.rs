//! Bulleted and numbered lists, as Word's own numbering.

use std::io;

use super::paragraph::{Indent, Numbering};
use super::xml::{Part, WORD};

/// Word knows nine levels; what is nested deeper stays on the last.
const LEVELS: usize = 9;
/// How much each level is indented, in twentieths of a point.
pub const INDENT: i32 = 400;
/// The highest number that Word lets a list start with.
const MAX_START: u64 = 32_767;

/// The two definitions. The instance that all bullets share has the number of its definition, those of numbered lists
/// come after it.
const BULLETS: usize = 1;
const NUMBERS: usize = 2;

/// The lists of a document: which are open, and the numbering that they need.
#[derive(Default)]
pub struct Lists {
    open: Vec<List>,
    /// Level and first number of each numbered list that has an item, in order.
    numbered: Vec<(usize, usize)>,
}

struct List {
    /// The first number of a numbered list.
    start: Option<u64>,
    /// The numbering instance, once the first item of a numbered list is there.
    id: Option<usize>,
    /// The current item still lacks its bullet or number.
    due: bool,
}

/// The bullet or number in front of a paragraph.
#[derive(Clone, Copy)]
pub struct Marker {
    pub numbering: Numbering,
    pub ordered: bool,
}

impl Lists {
    /// Begins a list inside the open ones; `start` is the first number of a numbered list.
    pub fn open(&mut self, start: Option<u64>) {
        // An item that begins with a list shows the markers of that list only, as on the web.
        if let Some(list) = self.open.last_mut() {
            list.due = false;
        }
        self.open.push(List { start, id: None, due: false });
    }

    /// Ends the innermost list.
    pub fn close(&mut self) {
        self.open.pop();
    }

    /// Begins an item of the innermost list: its first paragraph takes the marker.
    pub fn begin_item(&mut self) {
        if let Some(list) = self.open.last_mut() {
            list.due = true;
        }
    }

    /// Takes the marker of the current item where it is still due.
    pub fn take_marker(&mut self) -> Option<Marker> {
        let level = self.open.len().checked_sub(1)?.min(LEVELS - 1);
        let list = self.open.last_mut().filter(|list| list.due)?;
        list.due = false;
        let Some(start) = list.start else {
            return Some(Marker { numbering: Numbering { id: BULLETS, level }, ordered: false });
        };
        let id = *list.id.get_or_insert_with(|| {
            self.numbered.push((level, usize::try_from(start.min(MAX_START)).unwrap_or_default()));
            BULLETS + self.numbered.len()
        });
        Some(Marker { numbering: Numbering { id, level }, ordered: true })
    }

    /// Whether the current item still lacks its marker.
    pub fn is_marker_due(&self) -> bool {
        self.open.last().is_some_and(|list| list.due)
    }

    /// Where the text of the current item begins, in twentieths of a point from the margin; 0 outside of lists.
    pub fn indent(&self) -> i32 {
        (0..self.open.len().min(LEVELS)).map(|_| INDENT).sum()
    }

    /// The numbering part: one instance for all bullets, one per numbered list, each with its own first number.
    pub fn part(&self) -> io::Result<Vec<u8>> {
        Part::build("w:numbering", &[WORD], |part| {
            write_definition(part, BULLETS, |level| {
                let bullet = ["•", "◦", "▪"].get(level % 3).copied().unwrap_or("•");
                ("bullet", bullet.to_owned())
            })?;
            write_definition(part, NUMBERS, |level| {
                let format = ["decimal", "lowerLetter", "lowerRoman"].get(level % 3).copied().unwrap_or("decimal");
                (format, format!("%{}.", level + 1))
            })?;
            write_instance(part, BULLETS, BULLETS, None)?;
            let mut numbered = self.numbered.iter().enumerate();
            numbered.try_for_each(|(index, list)| write_instance(part, BULLETS + 1 + index, NUMBERS, Some(*list)))
        })
    }
}

/// What each level looks like: the format of its numbers, and the text that they stand in.
fn write_definition(part: &mut Part, id: usize, marker: impl Fn(usize) -> (&'static str, String)) -> io::Result<()> {
    part.element("w:abstractNum", &[("w:abstractNumId", &id.to_string())], |part| {
        part.property("w:multiLevelType", "hybridMultilevel")?;
        let mut left = 0;
        (0..LEVELS).try_for_each(|level| {
            left += INDENT;
            let (format, text) = marker(level);
            part.element("w:lvl", &[("w:ilvl", &level.to_string())], |part| {
                part.property("w:start", 1)?;
                part.property("w:numFmt", format)?;
                part.property("w:lvlText", text)?;
                part.property("w:lvlJc", "left")?;
                let indent = Indent { left, hanging: Some(INDENT), ..Indent::default() };
                part.element("w:pPr", &[], |part| indent.write(part))
            })
        })
    })
}

/// A list of the document, and for a numbered one the level and the number that it starts with.
fn write_instance(part: &mut Part, id: usize, definition: usize, first: Option<(usize, usize)>) -> io::Result<()> {
    part.element("w:num", &[("w:numId", &id.to_string())], |part| {
        part.property("w:abstractNumId", definition)?;
        let Some((level, start)) = first else { return Ok(()) };
        part.element("w:lvlOverride", &[("w:ilvl", &level.to_string())], |part| part.property("w:startOverride", start))
    })
}
