//! Boilerplate: what models say around a résumé.

use crate::llm::text::phrases::resume;

/// Whether a paragraph before the first heading talks about the résumé instead of being part of it.
pub fn is_opening(paragraph: &str) -> bool {
    let text = plain(paragraph);
    resume::OPENINGS.iter().any(|opening| text.starts_with(opening))
        || resume::ANNOUNCEMENTS.iter().any(|words| text.contains(words))
        || text.ends_with([':', '：']) && !text.contains('\n')
}

/// Whether a paragraph of the last section talks about the résumé instead of being part of it.
pub fn is_closing(paragraph: &str) -> bool {
    let text = plain(paragraph);
    resume::REMARKS.iter().any(|remark| text.starts_with(remark))
        || resume::CLOSINGS.iter().any(|words| text.contains(words))
}

/// Whether a section with this heading, when it is the last one, speaks to the member.
pub fn is_remark_heading(heading: &str) -> bool {
    resume::REMARK_HEADINGS.contains(&heading)
}

/// The paragraph in lower case, without the marks that may stand in front of it.
fn plain(paragraph: &str) -> String {
    let marks = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '>' | '(' | '"' | '`');
    paragraph.trim_matches(marks).to_lowercase()
}
