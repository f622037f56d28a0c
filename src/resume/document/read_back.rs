//! A document as a reader sees it, paragraph by paragraph.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use quick_xml::events::{BytesStart, Event};

/// A paragraph, or a row of a table with its cells parted by ` | `.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub style: String,
    /// With the number of its list in front; spaces are squeezed.
    pub text: String,
    pub listed: bool,
    pub row: bool,
    /// Pieces of it that are formatted so.
    pub bold: Vec<String>,
    pub italic: Vec<String>,
    pub struck: Vec<String>,
    pub code: bool,
}

impl Block {
    /// `h`, `li` or `p`; `row` for one of a table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self { row: true, .. } => "row",
            Self { listed: true, .. } => "li",
            Self { style, .. } if style.starts_with("Heading") => "h",
            _ => "p",
        }
    }
}

/// What stands below the first table, without empty paragraphs.
pub fn below_the_facts(docx: &[u8]) -> Vec<Block> {
    let mut blocks = blocks(docx);
    let facts = blocks.iter().position(|block| block.style == "AfterTable").unwrap();
    blocks.drain(..=facts);
    blocks.retain(|block| !block.text.is_empty());
    blocks
}

/// The addresses that the document links to.
pub fn links(docx: &[u8]) -> Vec<String> {
    let relationships = part(docx, "word/_rels/document.xml.rels");
    let targets = relationships.split("/hyperlink\" Target=\"").skip(1);
    targets.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&")).collect()
}

pub fn part(docx: &[u8], path: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    let mut text = String::new();
    archive.by_name(path).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// All paragraphs and rows.
pub fn blocks(docx: &[u8]) -> Vec<Block> {
    let mut numbers = Numbers::read(&part(docx, "word/numbering.xml"));
    let text = part(docx, "word/document.xml");
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut blocks, mut block, mut run) = (Vec::new(), Block::default(), RunFormat::default());
    let (mut list, mut row): (Option<(usize, usize)>, Option<Vec<Block>>) = (None, None);
    let mut level = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                b"w:p" => (block, list) = (Block::default(), None),
                b"w:tr" => row = Some(Vec::new()),
                b"w:pStyle" => block.style = value(&tag),
                b"w:ilvl" => level = value(&tag).parse().unwrap(),
                b"w:numId" => list = Some((value(&tag).parse().unwrap(), level)),
                b"w:r" => run = RunFormat::default(),
                b"w:b" => run.bold = value(&tag) != "0",
                b"w:i" => run.italic = true,
                b"w:strike" => run.struck = true,
                b"w:rStyle" => block.code |= value(&tag) == "InlineCode",
                b"w:br" | b"w:tab" => block.text.push(' '),
                _ => {}
            },
            Event::Text(text) => run.text.push_str(&text.decode().unwrap()),
            Event::GeneralRef(name) => run.text.push(match &*name {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                other => panic!("{other:?}"),
            }),
            Event::End(tag) => match tag.name().as_ref() {
                b"w:t" => {
                    block.text.push_str(&run.text);
                    let text = std::mem::take(&mut run.text);
                    let formats = [(run.bold, &mut block.bold), (run.italic, &mut block.italic)];
                    for (_, pieces) in formats.into_iter().filter(|(is, _)| *is) {
                        pieces.push(text.clone());
                    }
                    if run.struck {
                        block.struck.push(text);
                    }
                }
                b"w:p" => {
                    let number = list.and_then(|(id, level)| numbers.next(id, level));
                    let text = [number.unwrap_or_default(), std::mem::take(&mut block.text)].concat();
                    block.text = squeezed(&text);
                    block.listed = list.is_some();
                    block.code |= block.style == "CodeBlock";
                    let finished = std::mem::take(&mut block);
                    match &mut row {
                        Some(cells) => cells.push(finished),
                        None => blocks.push(finished),
                    }
                }
                b"w:tr" => {
                    let cells = row.take().unwrap();
                    let text = cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ");
                    blocks.push(Block { text, row: true, style: cells[0].style.clone(), ..Block::default() });
                }
                _ => {}
            },
            Event::Eof => return blocks,
            _ => {}
        }
    }
}

pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct RunFormat {
    bold: bool,
    italic: bool,
    struck: bool,
    text: String,
}

fn value(tag: &BytesStart<'_>) -> String {
    let value = tag.attributes().map(Result::unwrap).find(|attribute| attribute.key.as_ref() == b"w:val");
    value.map(|value| String::from_utf8(value.value.into_owned()).unwrap()).unwrap_or_default()
}

/// The numbers that numbered lists are at.
struct Numbers(HashMap<(usize, usize), usize>);

impl Numbers {
    fn read(numbering: &str) -> Self {
        let instances = numbering.split("<w:num w:numId=\"").skip(1).filter_map(|instance| {
            let id = instance.split('"').next()?.parse().ok()?;
            let level = instance.split_once("<w:lvlOverride w:ilvl=\"")?.1.split('"').next()?.parse().ok()?;
            let start = instance.split_once("<w:startOverride w:val=\"")?.1.split('"').next()?.parse().ok()?;
            Some(((id, level), start))
        });
        Self(instances.collect())
    }

    /// As it stands in front of the paragraph; `None` for a bullet.
    fn next(&mut self, id: usize, level: usize) -> Option<String> {
        let number = self.0.get_mut(&(id, level))?;
        *number += 1;
        Some(match level % 3 {
            0 => format!("{}. ", *number - 1),
            1 => format!("{}. ", char::from(b'a' + u8::try_from((*number - 2) % 26).unwrap())),
            _ => "i. ".to_owned(),
        })
    }
}
