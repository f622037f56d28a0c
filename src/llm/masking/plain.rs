//! A text as whoever looks for numbers reads it: digits, hyphens and the like have many forms, and mean the same.

use std::ops::Range;

/// A text's characters in their plain form, and where they stand.
pub(super) struct Text {
    chars: Vec<(usize, char)>,
    bytes: usize,
}

impl Text {
    pub fn read(text: &str) -> Self {
        Self { chars: text.char_indices().map(|(at, c)| (at, plain(c))).collect(), bytes: text.len() }
    }

    /// How many characters it has.
    pub fn len(&self) -> usize {
        self.chars.len()
    }

    pub fn get(&self, at: usize) -> Option<char> {
        self.chars.get(at).map(|(_, c)| *c)
    }

    /// The one before `at`.
    pub fn before(&self, at: usize) -> Option<char> {
        self.get(at.checked_sub(1)?)
    }

    /// Where these characters stand in the text.
    pub fn bytes(&self, chars: Range<usize>) -> Range<usize> {
        let byte = |at: usize| self.chars.get(at).map_or(self.bytes, |(byte, _)| *byte);
        byte(chars.start)..byte(chars.end)
    }

    /// These characters.
    pub fn text(&self, chars: Range<usize>) -> String {
        self.chars.get(chars).unwrap_or_default().iter().map(|(_, c)| *c).collect()
    }
}

/// A character as it is meant.
fn plain(c: char) -> char {
    let moved =
        |from: char, to: char| u32::from(c).checked_sub(from.into()).and_then(|by| char::from_u32(u32::from(to) + by));
    match c {
        // As wide as Hangul.
        '！'..='～' => moved('！', '!').map_or(c, plain),
        // For formulas, in five faces.
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((u32::from(c) - 0x1_d7ce) % 10, 10).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' | '\u{fe63}' | 'ㅡ' | 'ー' => '-',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '●' | '○' | '•' | '◦' | '∗' | '×' => '*',
        c => c,
    }
}
