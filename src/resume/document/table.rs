//! Tables.

use std::io;

use pulldown_cmark::Alignment;

use super::inline::{Inline, Piece};
use super::paragraph::{Format, Paragraph, Paragraphs};
use super::xml::Part;

/// The width between the margins, in twentieths of a point.
const TEXT_WIDTH: usize = 9_638;
/// Columns beyond this: their text goes into the last one.
const MAX_COLUMNS: usize = 24;
/// With more columns, lines are too short to read: each row becomes a table of its own, of labels and values.
const MAX_BESIDE: usize = 6;
/// What a column counts for at least and at most, in Latin letters, when the width is shared out.
const MIN_LETTERS: usize = 6;
const MAX_LETTERS: usize = 48;
/// A table of so many rows stays on one page.
const MAX_WHOLE: usize = 8;
/// The width of a letter in twentieths of a point, in the sizes of the styles for cells, with some room; a Hangul syllable
/// counts as two.
const LETTER: usize = 115;
const SMALL_LETTER: usize = 92;
/// The margins at both sides of a cell.
const PADDING: usize = 216;
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
            part.element("w:trPr", &[], |part| {
                part.empty("w:cantSplit", &[])?;
                if self.is_header { part.empty("w:tblHeader", &[]) } else { Ok(()) }
            })?;
            self.cells.iter().zip(widths).try_for_each(|(cell, width)| cell.write(part, *width))
        })
    }
}

impl Cell {
    fn new(paragraphs: &mut Paragraphs, is_heading: bool, is_small: bool, format: Format, text: Vec<Piece>) -> Self {
        let style = match (is_heading, is_small) {
            (true, false) => "TableHeading",
            (false, false) => "TableText",
            (true, true) => "TableHeadingSmall",
            (false, true) => "TableTextSmall",
        };
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

#[derive(Clone, Default)]
struct Draft {
    text: Vec<Piece>,
    width: usize,
    longest_word: usize,
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
        let (width, longest_word) = (text.width(), text.longest_word());
        if row.len() < MAX_COLUMNS {
            row.push(Draft { text: text.finish(), width, longest_word });
            // A row of many cells repeats their labels.
            self.cells += if self.alignments.len() > MAX_BESIDE { 2 } else { 1 };
        } else if let Some(last) = row.last_mut().filter(|_| width > 0) {
            let mut separator = Inline::default();
            separator.plain(" / ");
            last.text.extend(separator.finish());
            last.text.extend(text.finish());
            last.width += width;
            last.longest_word = last.longest_word.max(longest_word);
        }
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The finished table, or one for each row where there are too many columns.
    pub fn finish(mut self, paragraphs: &mut Paragraphs) -> Vec<Table> {
        let columns = self.alignments.len().clamp(1, MAX_COLUMNS);
        self.rows.iter_mut().for_each(|row| row.resize_with(columns, Draft::default));
        if columns > MAX_BESIDE {
            return self.tables_of_labels(paragraphs);
        }
        let (widths, is_small) = self.widths(columns);
        let count = self.rows.len();
        let rows = self.rows.into_iter().enumerate().map(|(index, row)| {
            let is_header = index == 0;
            let keep_next = count <= MAX_WHOLE && index + 1 < count;
            let cells = row.into_iter().zip(&self.alignments).map(|(cell, alignment)| {
                let alignment = match alignment {
                    Alignment::Center => Some("center"),
                    Alignment::Right => Some("right"),
                    Alignment::Left | Alignment::None => None,
                };
                Cell::new(
                    paragraphs,
                    is_header,
                    is_small,
                    Format { keep_next, alignment, ..Format::default() },
                    cell.text,
                )
            });
            Row { is_header, cells: cells.collect() }
        });
        vec![Table { rows: rows.collect(), widths }]
    }

    /// Widths that break no word where that can be, if need be in smaller letters. What is left of the line is shared out
    /// by what the columns hold.
    fn widths(&self, columns: usize) -> (Vec<usize>, bool) {
        let mut letters = vec![MIN_LETTERS; columns];
        let mut words = vec![1; columns];
        for row in &self.rows {
            for ((most, longest), cell) in letters.iter_mut().zip(&mut words).zip(row) {
                *most = cell.width.clamp(*most, MAX_LETTERS);
                *longest = cell.longest_word.max(*longest);
            }
        }
        let share = |width: usize, by: &[usize]| {
            let total: usize = by.iter().sum();
            by.iter().map(|by| width * by / total.max(1)).collect::<Vec<_>>()
        };
        let by_share = share(TEXT_WIDTH, &letters);
        // Who has its longest word in a line already needs no more.
        let lacking: Vec<usize> =
            letters.iter().zip(&words).map(|(letters, word)| letters.saturating_sub(*word)).collect();
        let wanting = if lacking.iter().any(|lacking| *lacking > 0) { &lacking } else { &letters };
        for (letter, is_small) in [(LETTER, false), (SMALL_LETTER, true)] {
            let least: Vec<usize> = words.iter().map(|word| (word * letter).saturating_add(PADDING)).collect();
            if by_share.iter().zip(&least).all(|(width, least)| width >= least) {
                return (by_share, is_small);
            }
            let taken = least.iter().fold(0_usize, |sum, least| sum.saturating_add(*least));
            if let Some(left) = TEXT_WIDTH.checked_sub(taken) {
                return (least.iter().zip(share(left, wanting)).map(|(least, more)| least + more).collect(), is_small);
            }
        }
        (by_share, true)
    }

    fn tables_of_labels(self, paragraphs: &mut Paragraphs) -> Vec<Table> {
        let mut rows = self.rows.into_iter();
        let header = rows.next().unwrap_or_default();
        let labelled = |row: Vec<Draft>| {
            let cells = header.iter().zip(row).filter(|(_, cell)| cell.width > 0);
            let rows = cells.map(|(label, cell)| {
                let label = Cell::new(paragraphs, true, false, Format::default(), label.text.clone());
                let value = Cell::new(paragraphs, false, false, Format::default(), cell.text);
                Row { is_header: false, cells: vec![label, value] }
            });
            label_widths(rows.collect())
        };
        rows.map(labelled).filter(|table| !table.rows.is_empty()).collect()
    }
}

fn label_widths(rows: Vec<Row>) -> Table {
    Table { rows, widths: vec![TEXT_WIDTH / 5, TEXT_WIDTH - TEXT_WIDTH / 5] }
}

/// A table of labels and their values, without a header.
pub fn label_table(paragraphs: &mut Paragraphs, rows: &[(&str, String)]) -> Table {
    let rows = rows.iter().map(|(label, value)| {
        let cells = [(*label, true), (value, false)].map(|(text, is_heading)| {
            let mut inline = Inline::default();
            inline.plain(text);
            Cell::new(paragraphs, is_heading, false, Format::default(), inline.finish())
        });
        Row { is_header: false, cells: cells.into() }
    });
    label_widths(rows.collect())
}
