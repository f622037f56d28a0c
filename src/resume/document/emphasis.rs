//! Bold text in Korean sentences.
//!
//! CommonMark lets `**` close only where a word ends, and takes a particle for the next word: in `**주문(Order)**를` the
//! stars would be printed. Models write this all the time. An empty comment between stars and particle is punctuation to
//! the parser and nothing to the reader.

/// What makes the parser see a word's end; the document shows nothing for it.
const NOTHING: &str = "<!---->";

/// The Markdown with bold text recognised as a Korean reader would.
pub fn detach_particles(markdown: &str) -> String {
    let mut detached = String::with_capacity(markdown.len() + 64);
    let mut fence: Option<char> = None;
    for line in markdown.split_inclusive('\n') {
        let mark = fence_mark(line);
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            (None, None) if line.contains("**") => {
                detach_in_line(line, &mut detached);
                continue;
            }
            _ => {}
        }
        detached.push_str(line);
    }
    detached
}

fn fence_mark(line: &str) -> Option<char> {
    let line = line.trim_start();
    ['`', '~'].into_iter().find(|&mark| line.chars().take_while(|&c| c == mark).count() >= 3)
}

fn detach_in_line(line: &str, detached: &mut String) {
    let mut characters = line.chars().peekable();
    let mut before = None;
    let mut bold = false;
    let mut code = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' if !code => {
                detached.push(c);
                before = Some('\\');
                if let Some(escaped) = characters.next() {
                    detached.push(escaped);
                    before = Some(escaped);
                }
                continue;
            }
            '`' => code = !code,
            '*' if !code => {
                let mut stars = 1;
                while characters.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                let run = "*".repeat(stars);
                let after = characters.peek().copied();
                if stars < 2 {
                    detached.push_str(&run);
                } else if bold && is_punctuation(before) && is_word(after) {
                    detached.extend([&run, NOTHING]);
                } else if !bold && is_word(before) && is_punctuation(after) {
                    detached.extend([NOTHING, &run]);
                } else {
                    detached.push_str(&run);
                }
                bold ^= stars >= 2;
                before = Some('*');
                continue;
            }
            _ => {}
        }
        detached.push(c);
        before = Some(c);
    }
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

fn is_punctuation(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_alphanumeric() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_particle_is_kept_off_the_stars_that_close() {
        assert_eq!(detach_particles("**주문(Order)**를 처리"), "**주문(Order)**<!---->를 처리");
        assert_eq!(detach_particles("그는**\"강조\"**했다"), "그는<!---->**\"강조\"**<!---->했다");
    }

    #[test]
    fn ordinary_emphasis_code_and_escapes_are_left_alone() {
        for text in [
            "(**강조**)",
            "**a** b **c**\n",
            "`**주문(Order)**를`",
            "\\*\\*주문(Order)\\*\\*를",
            "```\n**주문(Order)**를\n```\n",
            "2 * 3",
        ] {
            assert_eq!(detach_particles(text), text);
        }
    }
}
