//! Paragraphs with ids of their own.

use std::io;

use super::inline::Piece;
use super::xml::Part;

/// A paragraph of the body or of a table's cell.
pub struct Paragraph {
    /// From 1, since Word wants ids to differ.
    id: usize,
    style: &'static str,
    format: Format,
    text: Vec<Piece>,
}

/// What a paragraph has beyond its style.
#[derive(Default)]
pub struct Format {
    /// On one page with the paragraph behind it.
    pub keep_next: bool,
    pub numbering: Option<Numbering>,
    pub indent: Option<Indent>,
    /// As the schema names it: `center`, `right`.
    pub alignment: Option<&'static str>,
}

/// The list whose bullet or number stands in front of a paragraph.
#[derive(Clone, Copy)]
pub struct Numbering {
    pub id: usize,
    pub level: usize,
}

/// In twentieths of a point.
#[derive(Clone, Copy, Default)]
pub struct Indent {
    pub left: i32,
    pub right: i32,
    /// How far the first line stands out to the left of the others.
    pub hanging: Option<i32>,
}

impl Indent {
    pub fn write(self, part: &mut Part) -> io::Result<()> {
        let (left, right) = (self.left.to_string(), self.right.to_string());
        let hanging = self.hanging.map(|hanging| hanging.to_string());
        let mut attributes = vec![("w:left", left.as_str()), ("w:right", right.as_str())];
        attributes.extend(hanging.iter().map(|hanging| ("w:hanging", hanging.as_str())));
        part.empty("w:ind", &attributes)
    }
}

impl Paragraph {
    /// Whether it is part of a list.
    pub fn is_listed(&self) -> bool {
        self.style.starts_with("List")
    }

    pub fn write(&self, part: &mut Part) -> io::Result<()> {
        part.element("w:p", &[("w14:paraId", &format!("{:08X}", self.id))], |part| {
            if !self.style.is_empty() || !self.format.is_plain() {
                part.element("w:pPr", &[], |part| self.write_properties(part))?;
            }
            self.text.iter().try_for_each(|piece| piece.write(part))
        })
    }

    fn write_properties(&self, part: &mut Part) -> io::Result<()> {
        if !self.style.is_empty() {
            part.property("w:pStyle", self.style)?;
        }
        if self.format.keep_next {
            part.empty("w:keepNext", &[])?;
        }
        if let Some(Numbering { id, level }) = self.format.numbering {
            part.element("w:numPr", &[], |part| {
                part.property("w:ilvl", level)?;
                part.property("w:numId", id)
            })?;
        }
        if let Some(indent) = self.format.indent {
            indent.write(part)?;
        }
        self.format.alignment.map_or(Ok(()), |alignment| part.property("w:jc", alignment))
    }
}

impl Format {
    fn is_plain(&self) -> bool {
        let Self { keep_next, numbering, indent, alignment } = self;
        !keep_next && numbering.is_none() && indent.is_none() && alignment.is_none()
    }
}

/// Makes a document's paragraphs.
#[derive(Default)]
pub struct Paragraphs {
    made: usize,
}

impl Paragraphs {
    /// A paragraph of the named style; an empty name stands for ordinary text.
    pub fn make(&mut self, style: &'static str, format: Format, text: Vec<Piece>) -> Paragraph {
        self.made = self.made.saturating_add(1);
        Paragraph { id: self.made, style, format, text }
    }

    /// How many were made.
    pub fn made(&self) -> usize {
        self.made
    }
}
