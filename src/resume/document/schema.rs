//! What a strict reader such as Word demands of the XML beyond what docx-rs takes care of.

/// Properties whose children docx-rs writes in an order of its own, with the order that the schema (ECMA-376, part 1,
/// annex A) demands. Only what this program writes is listed; anything else keeps its place behind.
const ORDERED: [(&str, &[&str]); 4] = [
    ("numPr", &["ilvl", "numId"]),
    ("rPr", &["rStyle", "rFonts", "b", "bCs", "i", "iCs", "strike", "color", "sz", "szCs", "u", "shd"]),
    ("pPr", &["pStyle", "keepNext", "keepLines", "numPr", "pBdr", "shd", "spacing", "ind", "jc", "outlineLvl", "rPr"]),
    ("tblPr", &["tblStyle", "tblW", "jc", "tblInd", "tblBorders", "tblLayout", "tblCellMar"]),
];

/// Rewrites a part made by docx-rs so that it follows the schema: property elements in order, empty ones gone.
/// docx-rs has no header rows either, so a row that must not split ("cantSplit", used for nothing else) becomes one.
pub fn conform(part: &str) -> String {
    let mut part = part
        .replace("<w:rPr />", "")
        .replace("<w:tblBorders />", "")
        .replace("<w:trPr />", "")
        .replace("<w:pPr></w:pPr>", "")
        .replace("<w:cantSplit />", "<w:cantSplit /><w:tblHeader />");
    for (element, order) in ORDERED {
        part = sort_children(&part, element, order);
    }
    part
}

fn sort_children(part: &str, element: &str, order: &[&str]) -> String {
    let (start, end) = (format!("<w:{element}>"), format!("</w:{element}>"));
    let mut sorted = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, inside)) = rest.split_once(&start) {
        let Some((content, after)) = inside.split_once(&end) else { break };
        let mut children = children(content);
        children.sort_by_key(|(name, _)| order.iter().position(|known| known == name).unwrap_or(order.len()));
        sorted.push_str(before);
        sorted.push_str(&start);
        sorted.extend(children.into_iter().map(|(_, child)| child));
        sorted.push_str(&end);
        rest = after;
    }
    sorted.push_str(rest);
    sorted
}

/// The child elements of a property, each with its name without prefix. No child contains its own kind.
fn children(content: &str) -> Vec<(&str, &str)> {
    let mut children = Vec::new();
    let mut rest = content;
    while let Some(tag_end) = rest.find('>') {
        let tag = rest.get(..tag_end).unwrap_or_default();
        let name = tag.trim_start_matches("<w:").split([' ', '/']).next().unwrap_or_default();
        let mut length = tag_end + 1;
        if !tag.ends_with('/') {
            let end = format!("</w:{name}>");
            length = rest.find(&end).map_or(rest.len(), |at| at + end.len());
        }
        let (child, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        children.push((name, child));
        rest = after;
    }
    children
}

/// Whether XML 1.0 allows the character. Word refuses a file that holds any other, even escaped.
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// The text as it may stand between tags or in an attribute in double quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| is_xml_char(c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_put_in_the_order_of_the_schema() {
        let part = "<w:p><w:pPr><w:rPr /><w:pStyle w:val=\"a\" /><w:ind w:left=\"1\" /><w:numPr><w:numId w:val=\"2\" />\
                    <w:ilvl w:val=\"0\" /></w:numPr></w:pPr><w:r><w:rPr><w:strike /><w:b /><w:rStyle w:val=\"c\" /></w:rPr>\
                    <w:t>x</w:t></w:r></w:p>";
        assert_eq!(
            conform(part),
            "<w:p><w:pPr><w:pStyle w:val=\"a\" /><w:numPr><w:ilvl w:val=\"0\" /><w:numId w:val=\"2\" /></w:numPr>\
             <w:ind w:left=\"1\" /></w:pPr><w:r><w:rPr><w:rStyle w:val=\"c\" /><w:b /><w:strike /></w:rPr>\
             <w:t>x</w:t></w:r></w:p>"
        );
    }

    #[test]
    fn a_property_that_the_schema_list_lacks_is_kept_behind_the_others() {
        assert_eq!(
            conform("<w:rPr><w:new><w:x /></w:new><w:b /></w:rPr>"),
            "<w:rPr><w:b /><w:new><w:x /></w:new></w:rPr>"
        );
    }

    #[test]
    fn text_loses_what_xml_forbids_and_keeps_emoji() {
        assert_eq!(escape("a\0\u{b}\u{1b}\u{FFFE}b<&>\"\u{1F680}\n"), "ab&lt;&amp;&gt;&quot;\u{1F680}\n");
    }
}
