//! Tables.

use docx_rs::{
    AlignmentType, ParagraphChild, ParagraphProperty, Shading, Table, TableCell, TableLayoutType, TableRow, WidthType,
};
use pulldown_cmark::Alignment;

use super::inline::Inline;
use super::paragraph::Paragraphs;

/// The width between the margins, in twentieths of a point.
const TEXT_WIDTH: usize = 9_638;
/// Columns beyond this would be narrower than a word: their text goes into the last one.
const MAX_COLUMNS: usize = 12;
/// What a column counts for at least and at most, in Latin letters, when the width is shared out.
const MIN_LETTERS: usize = 6;
const MAX_LETTERS: usize = 48;
const SHADE: &str = "DEEAF6";

/// A Markdown table as it grows, the first row being its header.
pub struct TableBuilder {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<Cell>>,
    cells: usize,
}

#[derive(Default)]
struct Cell {
    text: Vec<ParagraphChild>,
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
            row.push(Cell { text: text.finish(), width });
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
            row.resize_with(columns, Cell::default);
            let cells = row.into_iter().zip(&widths).zip(&self.alignments).map(|((cell, &width), alignment)| {
                let property = match alignment {
                    Alignment::Center => ParagraphProperty::new().align(AlignmentType::Center),
                    Alignment::Right => ParagraphProperty::new().align(AlignmentType::Right),
                    Alignment::Left | Alignment::None => ParagraphProperty::new(),
                };
                table_cell(paragraphs, index == 0, width, property, cell.text)
            });
            let row = TableRow::new(cells.collect());
            // Becomes the mark of a header row when the document is put in order.
            if index == 0 { row.cant_split() } else { row }
        });
        let rows = rows.collect();
        grid(rows, widths)
    }
}

/// A table of labels and their values, without a header.
pub fn label_table(paragraphs: &mut Paragraphs, rows: &[(&str, &str)]) -> Table {
    let widths = vec![TEXT_WIDTH / 5, TEXT_WIDTH - TEXT_WIDTH / 5];
    let rows = rows.iter().map(|texts| {
        let texts = [texts.0, texts.1].into_iter().zip(&widths).enumerate();
        let cells = texts.map(|(column, (text, &width))| {
            let mut inline = Inline::default();
            inline.plain(text);
            table_cell(paragraphs, column == 0, width, ParagraphProperty::new(), inline.finish())
        });
        TableRow::new(cells.collect())
    });
    let rows = rows.collect();
    grid(rows, widths)
}

fn table_cell(
    paragraphs: &mut Paragraphs,
    heading: bool,
    width: usize,
    property: ParagraphProperty,
    text: Vec<ParagraphChild>,
) -> TableCell {
    let style = if heading { "TableHeading" } else { "TableText" };
    let cell = TableCell::new().width(width, WidthType::Dxa);
    let cell = if heading { cell.shading(Shading::new().fill(SHADE)) } else { cell };
    cell.add_paragraph(paragraphs.make(style, property, text))
}

fn grid(rows: Vec<TableRow>, widths: Vec<usize>) -> Table {
    Table::without_borders(rows)
        .style("TableGrid")
        .width(widths.iter().sum(), WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
        .set_grid(widths)
}
