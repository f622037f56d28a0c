//! The finished résumé as a Word document.
//!
//! docx-rs builds what depends on the résumé (body and numbering). The other parts are the same for everyone and lie in
//! `template/`: docx-rs writes a second `Normal` style, no language, no header rows, and properties in an order that the
//! schema does not allow, so its own versions of them are not used (see `schema`).

mod blocks;
mod emphasis;
mod html;
mod inline;
mod lists;
mod paragraph;
mod schema;
mod table;

use std::io::{Cursor, Write};

use docx_rs::{BuildXML, PageMargin, PageSize, SectionProperty};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use zip::write::SimpleFileOptions;

use self::blocks::{Body, body};
use self::schema::{conform, escape};
use crate::events::request::ResumeInputs;

const TITLE: &str = "이력서";
const FACTS: &str = "기본 정보";
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
/// A margin of 2 cm, and half of it for header and footer, in twentieths of a point. `table` reckons with what is left
/// of the width of A4.
const MARGIN: i32 = 1_134;

/// What a document is made from.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    pub inputs: &'a ResumeInputs,
    /// The résumé below the basic facts; may be empty.
    pub markdown: &'a str,
    /// Shown in the document's properties.
    pub created: OffsetDateTime,
}

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the document could not be packed: {0}")]
pub struct RenderError(#[from] zip::result::ZipError);

/// Renders a résumé as a .docx file.
///
/// The same document gives the same bytes. Any text gives a file that opens: what XML forbids is left out, addresses
/// other than web and mail ones are shown as text, and what lies beyond 3,000 paragraphs is cut off.
///
/// # Errors
/// When the parts cannot be packed, which no input is known to cause.
pub fn render(document: &Document<'_>) -> Result<Vec<u8>, RenderError> {
    let inputs = document.inputs;
    let mut facts = vec![("이메일", inputs.email.as_str())];
    facts.extend(inputs.preferred_job.as_ref().map(|job| ("희망 직무", job.label())));
    facts.extend(inputs.major_type.map(|major| ("전공 여부", major.label())));
    facts.retain(|(_, value)| !value.trim().is_empty());
    let body = body(TITLE, FACTS, &facts, document.markdown);
    let relationships = relationships(&body);
    let numbering = xml(&body.numberings);
    let text = xml(&docx_rs::Document { children: body.blocks, section_property: section(), has_numbering: true });
    Ok(pack(&[
        ("[Content_Types].xml", include_str!("template/content_types.xml")),
        ("_rels/.rels", include_str!("template/rels.xml")),
        ("docProps/app.xml", include_str!("template/app.xml")),
        ("docProps/core.xml", &properties(&inputs.email, document.created)),
        ("word/_rels/document.xml.rels", &relationships),
        ("word/document.xml", &text),
        ("word/fontTable.xml", include_str!("template/font_table.xml")),
        ("word/numbering.xml", &numbering),
        ("word/settings.xml", include_str!("template/settings.xml")),
        ("word/styles.xml", include_str!("template/styles.xml")),
    ])?)
}

fn xml(part: &impl BuildXML) -> String {
    conform(&String::from_utf8_lossy(&part.build()))
}

fn section() -> SectionProperty {
    let margin = PageMargin {
        top: MARGIN,
        left: MARGIN,
        bottom: MARGIN,
        right: MARGIN,
        header: MARGIN / 2,
        footer: MARGIN / 2,
        gutter: 0,
    };
    // A4 is the default size.
    SectionProperty::new().page_size(PageSize::new()).page_margin(margin)
}

fn relationships(body: &Body) -> String {
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut part =
        format!("{XML}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
    for (id, target) in
        [("styles", "styles"), ("settings", "settings"), ("fontTable", "fontTable"), ("numbering", "numbering")]
    {
        part.push_str(&format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{id}\" Target=\"{target}.xml\"/>"));
    }
    for (id, url) in body.links.iter() {
        let url = escape(url);
        part.push_str(&format!(
            "<Relationship Id=\"{id}\" Type=\"{OFFICE}/hyperlink\" Target=\"{url}\" TargetMode=\"External\"/>"
        ));
    }
    part.push_str("</Relationships>");
    part
}

fn properties(author: &str, created: OffsetDateTime) -> String {
    // Word knows whole seconds only. A year that RFC 3339 cannot write is left out.
    let created = created.checked_to_offset(UtcOffset::UTC).and_then(|time| time.replace_nanosecond(0).ok());
    let times = created.and_then(|time| time.format(&Rfc3339).ok()).map(|time| {
        ["created", "modified"]
            .map(|name| format!("<dcterms:{name} xsi:type=\"dcterms:W3CDTF\">{time}</dcterms:{name}>"))
            .concat()
    });
    format!(
        "{XML}<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{TITLE}</dc:title>\
         <dc:creator>{}</dc:creator>{}<dc:language>ko-KR</dc:language></cp:coreProperties>",
        escape(author),
        times.unwrap_or_default(),
    )
}

fn pack(parts: &[(&str, &str)]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, part) in parts {
        archive.start_file(*path, options)?;
        archive.write_all(part.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests;
