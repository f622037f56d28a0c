//! Tables.

use std::io;

use pulldown_cmark::Alignment;

use super::inline::{Inline, Piece};
use super::paragraph::{Format, Paragraph, Paragraphs};
use super::xml::Part;

/// The width between the margins, in twentieths of a point.
const TEXT_WIDTH: usize = 9_638;
/// Columns beyond this would be narrower than a word: their text goes into the last one.
const MAX_COLUMNS: usize = 12;
/// What a column counts for at least and at most, in Latin letters, when the width is shared out.
const MIN_LETTERS: usize = 6;
const MAX_LETTERS: usize = 48;
const SHADE: &str = "DEEAF6";

/// A table whose columns have fixed widths.
pub struct Table {
    widths: Vec<usize>,
    rows: Vec<Row>,
}

struct Row {
    /// Shown again at the top of each page.
    is_header: bool,
    cells: Vec<Cell>,
}

struct Cell {
    is_heading: bool,
    text: Paragraph,
}

impl Table {
    pub fn write(&self, part: &mut Part) -> io::Result<()> {
        part.element("w:tbl", &[], |part| {
            part.element("w:tblPr", &[], |part| {
                part.property("w:tblStyle", "TableGrid")?;
                write_width(part, "w:tblW", self.widths.iter().sum())?;
                part.property("w:jc", "left")?;
                part.empty("w:tblLayout", &[("w:type", "fixed")])
            })?;
            part.element("w:tblGrid", &[], |part| {
                let mut widths = self.widths.iter();
                widths.try_for_each(|width| part.empty("w:gridCol", &[("w:w", &width.to_string())]))
            })?;
            self.rows.iter().try_for_each(|row| row.write(part, &self.widths))
        })
    }
}

impl Row {
    fn write(&self, part: &mut Part, widths: &[usize]) -> io::Result<()> {
        part.element("w:tr", &[], |part| {
            if self.is_header {
                part.element("w:trPr", &[], |part| {
                    part.empty("w:cantSplit", &[])?;
                    part.empty("w:tblHeader", &[])
                })?;
            }
            self.cells.iter().zip(widths).try_for_each(|(cell, width)| cell.write(part, *width))
        })
    }
}

impl Cell {
    fn new(paragraphs: &mut Paragraphs, is_heading: bool, format: Format, text: Vec<Piece>) -> Self {
        let style = if is_heading { "TableHeading" } else { "TableText" };
        Self { is_heading, text: paragraphs.make(style, format, text) }
    }

    fn write(&self, part: &mut Part, width: usize) -> io::Result<()> {
        part.element("w:tc", &[], |part| {
            part.element("w:tcPr", &[], |part| {
                write_width(part, "w:tcW", width)?;
                let shade = [("w:val", "clear"), ("w:color", "auto"), ("w:fill", SHADE)];
                if self.is_heading { part.empty("w:shd", &shade) } else { Ok(()) }
            })?;
            self.text.write(part)
        })
    }
}

fn write_width(part: &mut Part, name: &str, width: usize) -> io::Result<()> {
    part.empty(name, &[("w:w", &width.to_string()), ("w:type", "dxa")])
}

/// A Markdown table as it grows, the first row being its header.
pub struct TableBuilder {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<Draft>>,
    cells: usize,
}

#[derive(Default)]
struct Draft {
    text: Vec<Piece>,
    width: usize,
}

impl TableBuilder {
    pub fn new(alignments: Vec<Alignment>) -> Self {
        Self { alignments, rows: Vec::new(), cells: 0 }
    }

    pub fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub fn add_cell(&mut self, text: Inline) {
        let Some(row) = self.rows.last_mut() else { return };
        let width = text.width();
        if row.len() < MAX_COLUMNS {
            row.push(Draft { text: text.finish(), width });
            self.cells += 1;
        } else if let Some(last) = row.last_mut().filter(|_| width > 0) {
            let mut separator = Inline::default();
            separator.plain(" / ");
            last.text.extend(separator.finish());
            last.text.extend(text.finish());
            last.width += width;
        }
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The finished table.
    pub fn finish(self, paragraphs: &mut Paragraphs) -> Table {
        let columns = self.alignments.len().clamp(1, MAX_COLUMNS);
        let mut letters = vec![MIN_LETTERS; columns];
        for row in &self.rows {
            for (most, cell) in letters.iter_mut().zip(row) {
                *most = cell.width.clamp(*most, MAX_LETTERS);
            }
        }
        let total: usize = letters.iter().sum();
        let widths: Vec<usize> = letters.iter().map(|letters| TEXT_WIDTH * letters / total.max(1)).collect();
        let rows = self.rows.into_iter().enumerate().map(|(index, mut row)| {
            let is_header = index == 0;
            row.resize_with(columns, Draft::default);
            let cells = row.into_iter().zip(&self.alignments).map(|(cell, alignment)| {
                let alignment = match alignment {
                    Alignment::Center => Some("center"),
                    Alignment::Right => Some("right"),
                    Alignment::Left | Alignment::None => None,
                };
                Cell::new(paragraphs, is_header, Format { alignment, ..Format::default() }, cell.text)
            });
            Row { is_header, cells: cells.collect() }
        });
        Table { rows: rows.collect(), widths }
    }
}

/// A table of labels and their values, without a header.
pub fn label_table(paragraphs: &mut Paragraphs, rows: &[(&str, &str)]) -> Table {
    let rows = rows.iter().map(|(label, value)| {
        let cells = [(label, true), (value, false)].map(|(text, is_heading)| {
            let mut inline = Inline::default();
            inline.plain(text);
            Cell::new(paragraphs, is_heading, Format::default(), inline.finish())
        });
        Row { is_header: false, cells: cells.into() }
    });
    Table { rows: rows.collect(), widths: vec![TEXT_WIDTH / 5, TEXT_WIDTH - TEXT_WIDTH / 5] }
}
