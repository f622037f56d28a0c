//! The finished résumé as a Word document.
//!
//! What depends on the résumé is written here, in the order of the schema (see `xml`): body, numbering, links and
//! properties. The other parts are the same for everyone and lie in `template/`.
//!
//! The ordinary style of `template/styles.xml` takes away what Korean readers see as wrong spacing. `autoSpaceDE` and
//! `autoSpaceDN` (ECMA-376, part 1, 17.3.1.2 and 17.3.1.3) would otherwise put a gap between Latin letters, or digits, and
//! Hangul: `Kafka 를`; `wordWrap` (17.3.1.45) breaks lines between words and not within. Latin text is English to the
//! proofreader and to whoever breaks lines (`w:lang`, 17.3.2.20). That is how the standard has it, and Word's own Korean
//! template; LibreOffice 7.4 knows all but the automatic spaces.

mod blocks;
mod emphasis;
mod footer;
mod html;
mod inline;
mod lists;
mod paragraph;
mod period;
mod table;
mod xml;

use std::io::{self, Cursor, Write};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use zip::write::SimpleFileOptions;

use self::blocks::{Block, Head, body};
use self::inline::Links;
use self::xml::{Part, WORD};
use crate::events::request::{MajorType, ResumeInputs};
use crate::resume::markdown::months;

const TITLE: &str = "이력서";
const FACTS: &str = "기본 정보";
/// A4, a margin of 2 cm, and half of it for header and footer, in twentieths of a point. `table` reckons with what is
/// left of the width.
const PAGE: [(&str, &str); 2] = [("w:w", "11906"), ("w:h", "16838")];
const MARGINS: [(&str, &str); 7] = [
    ("w:top", "1134"),
    ("w:right", "1134"),
    ("w:bottom", "1134"),
    ("w:left", "1134"),
    ("w:header", "567"),
    ("w:footer", "567"),
    ("w:gutter", "0"),
];
/// Namespaces of the body beside Word's own: links, and the paragraphs' ids, which came with Word 2010 and which any
/// other reader may ignore.
const BODY: [(&str, &str); 5] = [
    WORD,
    ("xmlns:r", OFFICE),
    ("xmlns:w14", "http://schemas.microsoft.com/office/word/2010/wordml"),
    ("xmlns:mc", "http://schemas.openxmlformats.org/markup-compatibility/2006"),
    ("mc:Ignorable", "w14"),
];
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const RELATIONSHIPS: [(&str, &str); 1] = [("xmlns", "http://schemas.openxmlformats.org/package/2006/relationships")];
const PROPERTIES: [(&str, &str); 4] = [
    ("xmlns:cp", "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"),
    ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
    ("xmlns:dcterms", "http://purl.org/dc/terms/"),
    ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
];

/// What a document is made from.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    pub inputs: &'a ResumeInputs,
    /// What the member answered. Nothing else may be linked to but what they and the inputs name, or what the reader sees.
    pub answers: &'a [&'a str],
    /// The résumé below the basic facts; may be empty.
    pub markdown: &'a str,
    /// Shown in the document's properties.
    pub created: OffsetDateTime,
}

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the document could not be written: {0}")]
pub struct RenderError(#[from] io::Error);

/// Renders a résumé as a .docx file.
///
/// The same document gives the same bytes. Any text gives a file that opens: what XML forbids is left out, addresses
/// other than web and mail ones are shown as text, and what lies beyond 3,000 paragraphs is cut off.
///
/// # Errors
/// When the parts cannot be written or packed, which no input is known to cause.
pub fn render(document: &Document<'_>) -> Result<Vec<u8>, RenderError> {
    let inputs = document.inputs;
    let job = inputs.preferred_job.as_ref().map(|job| job.label().trim()).filter(|job| !job.is_empty());
    let facts = facts(inputs, job);
    let head = Head { title: TITLE, subtitle: job, facts_heading: FACTS, facts: &facts };
    let body = body(&head, document.markdown, Links::given(given(document)));
    let whose = [Some(inputs.email.as_str()), Some(" · "), job, job.and(Some(" ")), Some(TITLE)];
    let whose: String = whose.into_iter().flatten().collect();
    Ok(pack(&[
        ("[Content_Types].xml", include_bytes!("template/content_types.xml")),
        ("_rels/.rels", include_bytes!("template/rels.xml")),
        ("docProps/app.xml", include_bytes!("template/app.xml")),
        ("docProps/core.xml", &properties(document.created)?),
        ("word/_rels/document.xml.rels", &relationships(&body.links)?),
        ("word/document.xml", &text(&body.blocks)?),
        ("word/footer.xml", &footer::part(&whose)?),
        ("word/fontTable.xml", include_bytes!("template/font_table.xml")),
        ("word/numbering.xml", &body.lists.part()?),
        ("word/settings.xml", include_bytes!("template/settings.xml")),
        ("word/styles.xml", include_bytes!("template/styles.xml")),
    ])?)
}

/// What a recruiter looks for first. Who studied something else says so, or does not.
fn facts<'a>(inputs: &ResumeInputs, job: Option<&str>) -> Vec<(&'a str, String)> {
    let worked = (inputs.work_period > 0).then(|| months(inputs.work_period));
    let career = [inputs.company_name.as_deref(), inputs.position.as_deref(), worked.as_deref()];
    let career: Vec<&str> = career.into_iter().flatten().map(str::trim).filter(|text| !text.is_empty()).collect();
    let major = inputs.major_type.filter(|major| matches!(major, MajorType::Major));
    let mut facts = vec![("이메일", inputs.email.clone())];
    facts.push(("희망 직무", job.unwrap_or_default().to_owned()));
    facts.push(("최근 경력", career.join(" · ")));
    facts.push(("전공 여부", major.map(MajorType::label).unwrap_or_default().to_owned()));
    facts.retain(|(_, value)| !value.trim().is_empty());
    facts
}

/// All that the member wrote.
fn given<'a>(document: &Document<'a>) -> impl Iterator<Item = &'a str> {
    let inputs = document.inputs;
    let fields = [
        Some(&inputs.email),
        inputs.company_name.as_ref(),
        inputs.position.as_ref(),
        inputs.additional_experiences.as_ref(),
    ];
    fields.into_iter().flatten().map(String::as_str).chain(document.answers.iter().copied())
}

fn text(blocks: &[Block]) -> io::Result<Vec<u8>> {
    Part::build("w:document", &BODY, |part| {
        part.element("w:body", &[], |part| {
            blocks.iter().try_for_each(|block| block.write(part))?;
            part.element("w:sectPr", &[], |part| {
                part.empty("w:footerReference", &[("w:type", "default"), ("r:id", "footer")])?;
                part.empty("w:pgSz", &PAGE)?;
                part.empty("w:pgMar", &MARGINS)?;
                // The first page has a footer of its own, which there is none of (ECMA-376, part 1, 17.10.6).
                part.empty("w:titlePg", &[])
            })
        })
    })
}

fn relationships(links: &Links) -> io::Result<Vec<u8>> {
    Part::build("Relationships", &RELATIONSHIPS, |part| {
        for name in ["styles", "settings", "fontTable", "numbering", "footer"] {
            let (kind, target) = (format!("{OFFICE}/{name}"), format!("{name}.xml"));
            part.empty("Relationship", &[("Id", name), ("Type", &kind), ("Target", &target)])?;
        }
        let kind = format!("{OFFICE}/hyperlink");
        links.iter().try_for_each(|(id, url)| {
            let attributes = [("Id", id.as_str()), ("Type", &kind), ("Target", url), ("TargetMode", "External")];
            part.empty("Relationship", &attributes)
        })
    })
}

/// Without an author: that would be the member's address, and outlast what is taken off the page.
fn properties(created: OffsetDateTime) -> io::Result<Vec<u8>> {
    // Word knows whole seconds only. A year that RFC 3339 cannot write is left out.
    let created = created.checked_to_offset(UtcOffset::UTC).and_then(|time| time.replace_nanosecond(0).ok());
    let created = created.and_then(|time| time.format(&Rfc3339).ok());
    Part::build("cp:coreProperties", &PROPERTIES, |part| {
        part.text("dc:title", &[], TITLE)?;
        if let Some(time) = &created {
            for name in ["dcterms:created", "dcterms:modified"] {
                part.text(name, &[("xsi:type", "dcterms:W3CDTF")], time)?;
            }
        }
        part.text("dc:language", &[], "ko-KR")
    })
}

fn pack(parts: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, part) in parts {
        archive.start_file(*path, options)?;
        archive.write_all(part)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
pub mod read_back;
#[cfg(test)]
mod schema;
#[cfg(test)]
pub mod tests;
