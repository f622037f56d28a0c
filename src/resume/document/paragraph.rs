//! Paragraphs with ids of their own.

use docx_rs::{Paragraph, ParagraphChild, ParagraphProperty};

/// Makes a document's paragraphs, numbered from 1, since Word wants their ids to differ.
///
/// docx-rs would take the ids from a counter of the thread, which one document leaves behind for the next: the same
/// résumé would not give the same bytes twice.
#[derive(Default)]
pub struct Paragraphs {
    made: usize,
}

impl Paragraphs {
    /// A paragraph of the named style; an empty name stands for ordinary text.
    pub fn make(&mut self, style: &str, property: ParagraphProperty, children: Vec<ParagraphChild>) -> Paragraph {
        self.made = self.made.saturating_add(1);
        let property = if style.is_empty() { property } else { property.style(style) };
        Paragraph { id: format!("{:08X}", self.made), children, property, has_numbering: false }
    }

    /// How many were made.
    pub fn made(&self) -> usize {
        self.made
    }
}
