//! Markdown, block by block.

use std::io;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, TextMergeWithOffset};

use super::emphasis::{Mark, mark, marked};
use super::html::{self, Seen};
use super::inline::{Emphasis, Inline, Links};
use super::lists::{INDENT, Lists};
use super::paragraph::{Format, Indent, Paragraph, Paragraphs};
use super::table::{Table, TableBuilder, label_table};
use super::xml::Part;

/// Paragraphs and table cells of a document; nobody reads a résumé longer than this, and Word would choke on it.
const MAX_PARAGRAPHS: usize = 3_000;
/// Stands for what did not fit.
const CUT: &str = "(이하 생략)";
const HEADINGS: [&str; 6] = ["Heading1", "Heading2", "Heading3", "Heading4", "Heading5", "Heading6"];
/// Indents in twentieths of a point; the first one is also in the style.
const QUOTE_INDENT: i32 = 284;
const MAX_QUOTES: usize = 4;
const CODE_INDENT: i32 = 142;

/// What a document is made of.
pub struct Body {
    pub blocks: Vec<Block>,
    pub links: Links,
    pub lists: Lists,
}

pub enum Block {
    Paragraph(Paragraph),
    Table(Table),
}

impl Block {
    /// Whether it has hardly any space below.
    fn is_tight(&self) -> bool {
        matches!(self, Self::Paragraph(paragraph) if paragraph.is_listed())
    }

    pub fn write(&self, part: &mut Part) -> io::Result<()> {
        match self {
            Self::Paragraph(paragraph) => paragraph.write(part),
            Self::Table(table) => table.write(part),
        }
    }
}

/// What stands above the résumé.
pub struct Head<'a> {
    pub title: &'a str,
    /// What the member applies for.
    pub subtitle: Option<&'a str>,
    pub facts_heading: &'a str,
    /// Labels and values.
    pub facts: &'a [(&'a str, String)],
}

/// Writes head and Markdown as Word's own paragraphs, lists and tables. `links` knows which addresses may be linked to.
pub fn body(head: &Head<'_>, markdown: &str, links: Links) -> Body {
    let mut writer = Writer { links, ..Writer::default() };
    writer.line("Title", head.title);
    if let Some(subtitle) = head.subtitle {
        writer.line("Subtitle", subtitle);
    }
    writer.line(HEADINGS[0], head.facts_heading);
    let facts = label_table(&mut writer.paragraphs, head.facts);
    writer.push_table(facts);
    writer.markdown(&marked(markdown));
    Body { blocks: writer.blocks, links: writer.links, lists: writer.lists }
}

#[derive(Default)]
struct Writer {
    blocks: Vec<Block>,
    paragraphs: Paragraphs,
    links: Links,
    lists: Lists,
    quotes: usize,
    /// Markdown levels of the headings that the next block stands under, outermost first.
    outline: Vec<HeadingLevel>,
    open: Option<Open>,
    table: Option<TableBuilder>,
    /// The text of the code or HTML block that is being read.
    raw: Option<String>,
    /// That block is code that nothing fences.
    indented: bool,
}

/// A paragraph that is being read.
#[derive(Default)]
struct Open {
    style: &'static str,
    format: Format,
    text: Inline,
}

impl Writer {
    fn markdown(&mut self, markdown: &str) {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        let events = Parser::new_ext(markdown, options).into_offset_iter().map(|(event, range)| {
            // One tilde is no strikethrough: "2022~2023, 2024~2025" are periods.
            let struck = markdown.get(range.clone()).is_some_and(|source| source.starts_with("~~"));
            match event {
                Event::Start(Tag::Strikethrough) | Event::End(TagEnd::Strikethrough) if !struck => {
                    (Event::Text("~".into()), range)
                }
                event => (event, range),
            }
        });
        for (event, _) in TextMergeWithOffset::new(events) {
            if self.paragraphs.made() + self.table.as_ref().map_or(0, TableBuilder::cells) >= MAX_PARAGRAPHS {
                self.finish_table();
                self.close_paragraph();
                self.line("", CUT);
                return;
            }
            match event {
                Event::Start(tag) => self.start(tag),
                Event::End(tag) => self.end(tag),
                Event::Text(text) => match &mut self.raw {
                    Some(raw) => raw.push_str(&text),
                    None => self.text(&text),
                },
                Event::Code(code) => self.inline().code(&code),
                Event::Html(html) => match &mut self.raw {
                    Some(raw) => raw.push_str(&html),
                    None => self.text(&html::block(&html)),
                },
                Event::InlineHtml(tag) => match html::tag(&tag) {
                    Seen::Nothing => {}
                    Seen::LineBreak => self.inline().line_break(),
                    Seen::Text => self.text(&tag),
                },
                // A model ends its lines where it wants the reader to see them end.
                Event::SoftBreak | Event::HardBreak => self.inline().line_break(),
                Event::Rule => {
                    self.begin_block();
                    self.line("Rule", "");
                }
                Event::TaskListMarker(done) => self.check_box(done),
                // Their extensions are off.
                Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) => {}
            }
        }
        self.close_paragraph();
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => {
                self.close_paragraph();
                self.inline();
            }
            Tag::Heading { level, .. } => self.begin_heading(level),
            Tag::BlockQuote(_) => {
                self.begin_block();
                self.quotes += 1;
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => {
                self.close_paragraph();
                self.raw = Some(String::new());
                self.indented = true;
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_)) | Tag::HtmlBlock => {
                self.begin_block();
                self.raw = Some(String::new());
            }
            Tag::List(start) => {
                self.close_paragraph();
                self.lists.open(start);
            }
            Tag::Item => {
                self.close_paragraph();
                self.lists.begin_item();
            }
            Tag::Table(alignments) => {
                self.begin_block();
                self.table = Some(TableBuilder::new(alignments));
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.begin_row();
                }
            }
            Tag::TableCell => self.open = Some(Open::default()),
            Tag::Emphasis => self.inline().begin(Emphasis::Italic),
            Tag::Strong => self.inline().begin(Emphasis::Bold),
            Tag::Strikethrough => self.inline().begin(Emphasis::Strike),
            Tag::Link { link_type, dest_url, .. } => {
                let address = match link_type {
                    LinkType::Email => format!("mailto:{dest_url}"),
                    _ => dest_url.into_string(),
                };
                self.inline().begin_link(&address);
            }
            // The text inside an image is its description.
            Tag::Image { .. } => {}
            // Their extensions are off.
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item => self.close_paragraph(),
            TagEnd::BlockQuote(_) => {
                self.close_paragraph();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock if std::mem::take(&mut self.indented) => self.finish_indented(),
            TagEnd::CodeBlock => self.finish_code(),
            TagEnd::HtmlBlock => self.finish_html(),
            TagEnd::List(_) => {
                self.close_paragraph();
                self.lists.close();
            }
            TagEnd::Table => self.finish_table(),
            TagEnd::TableCell => {
                if let (Some(cell), Some(table)) = (self.open.take(), &mut self.table) {
                    table.add_cell(cell.text);
                }
            }
            TagEnd::Emphasis => self.inline().end(Emphasis::Italic),
            TagEnd::Strong => self.inline().end(Emphasis::Bold),
            TagEnd::Strikethrough => self.inline().end(Emphasis::Strike),
            TagEnd::Link => {
                let (inline, links) = self.inline_and_links();
                inline.end_link(links);
            }
            _ => {}
        }
    }

    fn begin_heading(&mut self, level: HeadingLevel) {
        self.close_paragraph();
        if self.lists.indent() > 0 || self.quotes > 0 {
            // It heads no section of the document.
            self.inline().begin(Emphasis::Bold);
            return;
        }
        while self.outline.last().is_some_and(|&above| above >= level) {
            self.outline.pop();
        }
        let depth = self.outline.len();
        self.outline.push(level);
        let style = HEADINGS.get(depth).or(HEADINGS.last()).copied().unwrap_or_default();
        self.open = Some(Open { style, ..Open::default() });
    }

    /// The paragraph that is being read; one is begun where there is none.
    fn inline(&mut self) -> &mut Inline {
        self.inline_and_links().0
    }

    fn inline_and_links(&mut self) -> (&mut Inline, &mut Links) {
        let Self { open, lists, quotes, links, .. } = self;
        (&mut open.get_or_insert_with(|| paragraph_here(lists, *quotes)).text, links)
    }

    fn text(&mut self, text: &str) {
        let (inline, links) = self.inline_and_links();
        let mut rest = text;
        while let Some((at, c, mark)) = rest.char_indices().find_map(|(at, c)| Some((at, c, mark(c)?))) {
            let (before, after) = rest.split_at(at);
            inline.text(before, links);
            match mark {
                Mark::Begin(emphasis) => inline.begin(emphasis),
                Mark::End(emphasis) => inline.end(emphasis),
            }
            rest = after.get(c.len_utf8()..).unwrap_or_default();
        }
        inline.text(rest, links);
    }

    fn check_box(&mut self, done: bool) {
        self.inline();
        let indent = Indent { left: self.lists.indent(), hanging: Some(INDENT), ..Indent::default() };
        if let Some(open) = &mut self.open {
            open.format = Format { indent: Some(indent), ..Format::default() };
            open.text.plain(if done { "☑\t" } else { "☐\t" });
        }
    }

    /// Ends what is being read, since a block follows that cannot take the marker of a list item.
    fn begin_block(&mut self) {
        self.close_paragraph();
        if self.lists.is_marker_due() {
            let open = paragraph_here(&mut self.lists, self.quotes);
            self.push(open);
        }
    }

    fn close_paragraph(&mut self) {
        if let Some(open) = self.open.take().filter(|open| !open.text.is_empty()) {
            self.push(open);
        }
    }

    fn push(&mut self, open: Open) {
        let text = if HEADINGS.contains(&open.style) { open.text.finish_heading() } else { open.text.finish() };
        let paragraph = self.paragraphs.make(open.style, open.format, text);
        self.blocks.push(Block::Paragraph(paragraph));
    }

    fn line(&mut self, style: &'static str, text: &str) {
        let mut open = Open { style, ..Open::default() };
        open.text.plain(text);
        self.push(open);
    }

    fn finish_code(&mut self) {
        let code = self.raw.take().unwrap_or_default();
        let mut open = Open { style: "CodeBlock", ..Open::default() };
        let indent = self.lists.indent();
        if indent > 0 {
            open.format.indent = Some(Indent { left: indent + CODE_INDENT, right: CODE_INDENT, hanging: None });
        }
        open.text.plain(code.trim_end());
        self.push(open);
    }

    /// What is indented is text: programs stand behind fences, and models indent whatever they like.
    fn finish_indented(&mut self) {
        let text = self.raw.take().unwrap_or_default();
        self.lines(&text);
    }

    fn finish_html(&mut self) {
        let seen = html::block(&self.raw.take().unwrap_or_default());
        self.lines(&seen);
    }

    /// A paragraph of these lines.
    fn lines(&mut self, text: &str) {
        for (index, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
            if index > 0 {
                self.inline().line_break();
            }
            self.text(line);
        }
        self.close_paragraph();
    }

    fn finish_table(&mut self) {
        if let Some(table) = self.table.take() {
            for table in table.finish(&mut self.paragraphs) {
                self.push_table(table);
            }
        }
    }

    fn push_table(&mut self, table: Table) {
        // A list ends right above what follows it.
        if self.blocks.last().is_some_and(Block::is_tight) {
            self.line("AfterTable", "");
        }
        self.blocks.push(Block::Table(table));
        // Word joins two tables that nothing parts.
        self.line("AfterTable", "");
    }
}

/// An empty paragraph as its place in lists and quotes demands.
fn paragraph_here(lists: &mut Lists, quotes: usize) -> Open {
    let mut open = Open::default();
    let indent = lists.indent();
    if let Some(marker) = lists.take_marker() {
        open.style = if marker.ordered { "ListNumber" } else { "ListBullet" };
        open.format.numbering = Some(marker.numbering);
    } else if quotes > 0 {
        let depth = i32::try_from(quotes.min(MAX_QUOTES)).unwrap_or_default();
        open.style = "Quote";
        open.format.indent = Some(Indent { left: indent + QUOTE_INDENT * depth, ..Indent::default() });
    } else if indent > 0 {
        open.style = "ListContinue";
        open.format.indent = Some(Indent { left: indent, ..Indent::default() });
    }
    open
}
