//! Writing a part of the document, element by element.
//!
//! The order of children is the order of the calls, and WordprocessingML demands one (ECMA-376, part 1, annex A): a strict
//! reader such as Word refuses a file that has another. The tests hold every part against that schema.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// The namespace of WordprocessingML.
pub const WORD: (&str, &str) = ("xmlns:w", "http://schemas.openxmlformats.org/wordprocessingml/2006/main");

/// What every part that depends on the résumé is written to.
///
/// Any text may be given: what XML forbids is left out, the rest is escaped.
pub struct Part(Writer<Vec<u8>>);

impl Part {
    /// The bytes of a part with this root element.
    pub fn build(
        root: &str,
        namespaces: &[(&str, &str)],
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        let mut part = Self(Writer::new(Vec::new()));
        part.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), Some("yes"))))?;
        part.element(root, namespaces, content)?;
        Ok(part.0.into_inner())
    }

    /// An element with what `content` writes.
    pub fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.0.write_event(Event::Start(start(name, attributes)))?;
        content(self)?;
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.0.write_event(Event::Empty(start(name, attributes)))
    }

    /// A property of WordprocessingML: an element whose value is its attribute `w:val`.
    pub fn property(&mut self, name: &str, value: impl Display) -> io::Result<()> {
        self.empty(name, &[("w:val", &value.to_string())])
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        let text = printable(text);
        let text = BytesText::from_escaped(partial_escape(text.as_ref()));
        self.element(name, attributes, |part| part.0.write_event(Event::Text(text)))
    }
}

fn start<'a>(name: &'a str, attributes: &[(&str, &str)]) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, printable(value).as_ref()));
    }
    start
}

fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_xml_char) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|&c| is_xml_char(c)).collect())
}

/// Whether XML 1.0 allows the character. Word refuses a file that holds any other, even escaped.
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_lose_what_xml_forbids_and_keep_emoji() {
        let odd = "a\0\u{b}\u{1b}\u{FFFE}b<&>\"\u{1F680}";
        let part = Part::build("r", &[("a", odd)], |part| part.text("t", &[], odd)).unwrap();
        assert_eq!(
            String::from_utf8(part).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
             <r a=\"ab&lt;&amp;&gt;&quot;\u{1F680}\"><t>ab&lt;&amp;&gt;\"\u{1F680}</t></r>"
        );
    }
}
