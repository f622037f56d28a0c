//! Bulleted and numbered lists, as Word's own numbering.

use docx_rs::{
    AbstractNumbering, Level, LevelJc, LevelOverride, LevelText, NumberFormat, Numbering, Numberings,
    SpecialIndentType, Start,
};

/// Word knows nine levels; what is nested deeper stays on the last.
const LEVELS: usize = 9;
/// How much each level is indented, in twentieths of a point.
pub const INDENT: i32 = 400;
/// The highest number that Word lets a list start with.
const MAX_START: u64 = 32_767;

// docx-rs always writes a definition 1 of its own, so ours come after it.
const BULLETS: usize = 2;
const NUMBERS: usize = 3;

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
    pub id: usize,
    pub level: usize,
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
        let Some(start) = list.start else { return Some(Marker { id: BULLETS, level, ordered: false }) };
        let id = *list.id.get_or_insert_with(|| {
            self.numbered.push((level, usize::try_from(start.min(MAX_START)).unwrap_or_default()));
            BULLETS + self.numbered.len()
        });
        Some(Marker { id, level, ordered: true })
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
    pub fn numberings(&self) -> Numberings {
        let bullets = definition(BULLETS, |level| {
            let bullet = ["•", "◦", "▪"].get(level % 3).copied().unwrap_or("•");
            (NumberFormat::new("bullet"), LevelText::new(bullet))
        });
        let numbers = definition(NUMBERS, |level| {
            let format = ["decimal", "lowerLetter", "lowerRoman"].get(level % 3).copied().unwrap_or("decimal");
            (NumberFormat::new(format), LevelText::new(format!("%{}.", level + 1)))
        });
        let instances = self.numbered.iter().enumerate().map(|(index, &(level, start))| {
            Numbering::new(BULLETS + 1 + index, NUMBERS).add_override(LevelOverride::new(level).start(start))
        });
        Numberings {
            abstract_nums: vec![bullets, numbers],
            numberings: std::iter::once(Numbering::new(BULLETS, BULLETS)).chain(instances).collect(),
        }
    }
}

fn definition(id: usize, marker: impl Fn(usize) -> (NumberFormat, LevelText)) -> AbstractNumbering {
    let mut definition = AbstractNumbering::new(id);
    definition.multi_level_type = Some("hybridMultilevel".to_owned());
    let mut left = 0;
    for level in 0..LEVELS {
        left += INDENT;
        let (format, text) = marker(level);
        definition = definition.add_level(Level::new(level, Start::new(1), format, text, LevelJc::new("left")).indent(
            Some(left),
            Some(SpecialIndentType::Hanging(INDENT)),
            None,
            None,
        ));
    }
    definition
}
