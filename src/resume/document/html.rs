//! HTML inside Markdown. Nothing of it is carried out: what a reader would have seen stays as text.

use crate::resume::markdown::is_element;

/// The elements after which a new line begins.
const LINES: &[&str] = &["div", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "summary", "tr"];

/// What is seen of one tag.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    Nothing,
    LineBreak,
    /// It is no HTML tag: the text itself is seen.
    Text,
}

/// What is seen of a tag (`<b>`, `</b>`, `<!-- -->`) in running text.
pub fn tag(tag: &str) -> Seen {
    if tag.starts_with("<!") || tag.starts_with("<?") {
        return Seen::Nothing;
    }
    match name(tag).as_str() {
        "br" => Seen::LineBreak,
        name if is_element(name) => Seen::Nothing,
        _ => Seen::Text,
    }
}

/// What is seen of a block of HTML; scripts and style sheets are left out with all they hold.
pub fn block(html: &str) -> String {
    let mut seen = String::new();
    let mut rest = html;
    while let Some((text, after)) = rest.split_once('<') {
        seen.push_str(text);
        if !after.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            // A sign of its own: `a < b`.
            seen.push('<');
            rest = after;
            continue;
        }
        let end = if after.starts_with("!--") { "-->" } else { ">" };
        let Some((inside, after)) = after.split_once(end) else {
            // No tag either. But a comment that is never closed hides what follows.
            if end == ">" {
                seen.push('<');
                seen.push_str(after);
            }
            return decode(&seen);
        };
        rest = after;
        let whole = format!("<{inside}{end}");
        let name = name(&whole);
        if matches!(name.as_str(), "script" | "style") && !inside.starts_with('/') {
            rest = after.split_once(&format!("</{name}")).map_or("", |(_, after)| after);
            rest = rest.split_once('>').map_or("", |(_, after)| after);
            continue;
        }
        match tag(&whole) {
            Seen::LineBreak => seen.push('\n'),
            Seen::Nothing if inside.starts_with('/') && LINES.contains(&name.as_str()) => seen.push('\n'),
            Seen::Nothing => {}
            Seen::Text => seen.push_str(&whole),
        }
    }
    seen.push_str(rest);
    decode(&seen)
}

fn name(tag: &str) -> String {
    let inside = tag.trim_start_matches('<').trim_start_matches('/');
    inside.chars().take_while(char::is_ascii_alphanumeric).take(16).collect::<String>().to_ascii_lowercase()
}

fn decode(text: &str) -> String {
    // The ampersand last, so that `&amp;lt;` stays `&lt;`.
    text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_vanish_but_what_only_looks_like_one_stays() {
        assert_eq!(tag("<b>"), Seen::Nothing);
        assert_eq!(tag("</SPAN>"), Seen::Nothing);
        assert_eq!(tag("<br/>"), Seen::LineBreak);
        assert_eq!(tag("<!-- note -->"), Seen::Nothing);
        assert_eq!(tag("<String>"), Seen::Text);
    }

    #[test]
    fn a_block_shows_its_text_without_scripts_and_comments() {
        let html = "<div align=\"center\">\n<h1>홍 &amp; 길</h1><script>alert('</b>')</script><!-- <b>secret</b> -->Map<K>, a < b</div>";
        assert_eq!(block(html).trim(), "홍 & 길\nMap<K>, a < b");
        assert_eq!(block("<script>never closed"), "");
        assert_eq!(block("<!-- never closed"), "");
    }
}
