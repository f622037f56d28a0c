//! Emphasis in Korean sentences.
//!
//! CommonMark lets `**` close only where a word ends, and takes a particle for the next word: in `**주문(Order)**를` the
//! stars would be printed. It also takes `224*224*3` and `__init__` for emphasis. Models write both all the time. So what is
//! emphasis is decided here, as a Korean reader would: it is marked with characters of its own, which the parser passes on, and
//! every other star, underline and tilde is escaped.

use super::inline::Emphasis;
use crate::llm::text::is_hangul;

/// The marks, which no text holds: they are of Unicode's private use, where nobody sees a letter.
const BEGIN: [(Emphasis, char); 3] =
    [(Emphasis::Bold, '\u{F8F0}'), (Emphasis::Italic, '\u{F8F1}'), (Emphasis::Strike, '\u{F8F2}')];
const END: [(Emphasis, char); 3] =
    [(Emphasis::Bold, '\u{F8F4}'), (Emphasis::Italic, '\u{F8F5}'), (Emphasis::Strike, '\u{F8F6}')];

/// Characters between two marks at most: emphasis is no page.
const MAX_SPAN: usize = 500;

/// What a mark in a text says.
#[derive(Clone, Copy)]
pub enum Mark {
    Begin(Emphasis),
    End(Emphasis),
}

/// The mark that a character is.
pub fn mark(c: char) -> Option<Mark> {
    let find = |marks: &[(Emphasis, char)]| marks.iter().find(|(_, mark)| *mark == c).map(|(emphasis, _)| *emphasis);
    find(&BEGIN).map(Mark::Begin).or_else(|| find(&END).map(Mark::End))
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}')
}

/// The Markdown with its emphasis marked, outside of code.
pub fn marked(markdown: &str) -> String {
    let mut marked = String::with_capacity(markdown.len() + 64);
    let mut fence: Option<char> = None;
    for line in markdown.split_inclusive('\n') {
        let line: String = line.chars().filter(|c| !is_private(*c)).collect();
        let found = fence_mark(&line);
        match (fence, found) {
            (None, Some(_)) => fence = found,
            (Some(open), Some(close)) if open == close => fence = None,
            (None, None) if line.contains(['*', '_', '~', '=']) && !is_rule(&line) => {
                marked.push_str(&Line::new(&line).marked());
                continue;
            }
            _ => {}
        }
        marked.push_str(&line);
    }
    marked
}

fn fence_mark(line: &str) -> Option<char> {
    let line = line.trim_start();
    ['`', '~'].into_iter().find(|&mark| line.chars().take_while(|&c| c == mark).count() >= 3)
}

/// A line across the page, below a heading or between the rows of a table.
fn is_rule(line: &str) -> bool {
    line.chars().all(|c| matches!(c, '-' | '*' | '_' | '=' | '|' | ':' | ' ' | '\n')) && line.trim().len() >= 3
        || line.trim().is_empty()
}

/// A character of a line.
#[derive(Clone, Copy)]
struct Sign {
    c: char,
    /// Code, an address or an escape: nothing here is emphasis.
    kept: bool,
    /// Part of the marks that emphasis was written with.
    gone: bool,
    begins: Option<Emphasis>,
    ends: Option<Emphasis>,
}

struct Line {
    signs: Vec<Sign>,
}

impl Line {
    fn new(line: &str) -> Self {
        let sign = |c| Sign { c, kept: false, gone: false, begins: None, ends: None };
        let mut line = Self { signs: line.chars().map(sign).collect() };
        line.keep_marker();
        line.keep_code_and_addresses();
        line
    }

    fn at(&self, at: usize) -> Option<char> {
        self.signs.get(at).map(|sign| sign.c)
    }

    fn keep(&mut self, from: usize, to: usize) {
        if let Some(signs) = self.signs.get_mut(from..to) {
            signs.iter_mut().for_each(|sign| sign.kept = true);
        }
    }

    /// `* ` in front is the marker of a list.
    fn keep_marker(&mut self) {
        let start = self.signs.iter().position(|sign| !matches!(sign.c, ' ' | '>' | '-' | '+')).unwrap_or(0);
        if self.at(start) == Some('*') && self.at(start + 1).is_none_or(char::is_whitespace) {
            self.keep(start, start + 1);
        }
    }

    fn keep_code_and_addresses(&mut self) {
        let mut at = 0;
        while let Some(c) = self.at(at) {
            let end = match c {
                '\\' => at + 2,
                '`' => self.code_end(at).unwrap_or(at + 1),
                // What is in angles is an address.
                '<' => self
                    .find(at, '>')
                    .filter(|end| self.holds(at, *end, "://") || self.holds(at, *end, "@"))
                    .map_or(at, |end| end + 1),
                ']' if self.at(at + 1) == Some('(') => self.find(at, ')').map_or(at, |end| end + 1),
                'h' if self.is_address(at) => self.end_of_word(at),
                _ => at,
            };
            self.keep(at, end.min(self.signs.len()));
            at = end.max(at + 1);
        }
    }

    fn code_end(&self, start: usize) -> Option<usize> {
        let run = |from: usize| self.signs.iter().skip(from).take_while(|sign| sign.c == '`').count();
        let ticks = run(start);
        let mut at = start + ticks;
        while at < self.signs.len() {
            match run(at) {
                0 => at += 1,
                length if length == ticks => return Some(at + length),
                length => at += length,
            }
        }
        None
    }

    fn find(&self, from: usize, c: char) -> Option<usize> {
        self.signs.iter().skip(from).take(MAX_SPAN).position(|sign| sign.c == c).map(|length| from + length)
    }

    fn holds(&self, from: usize, to: usize, text: &str) -> bool {
        let inside: String = self.signs.get(from..to).unwrap_or_default().iter().map(|sign| sign.c).collect();
        inside.contains(text) && !inside.contains(' ')
    }

    fn is_address(&self, at: usize) -> bool {
        let begins = |text: &str| text.chars().enumerate().all(|(offset, c)| self.at(at + offset) == Some(c));
        begins("http://") || begins("https://")
    }

    /// Stars that close behind an address are no part of it.
    fn end_of_word(&self, at: usize) -> usize {
        let ends = |sign: &Sign| sign.c.is_whitespace() || "<>\"`|)]".contains(sign.c);
        let mut end = at + self.signs.iter().skip(at).position(ends).unwrap_or(self.signs.len() - at);
        while end > at && self.at(end - 1).is_some_and(|c| matches!(c, '*' | '_' | '~')) {
            end -= 1;
        }
        end
    }

    fn marked(mut self) -> String {
        self.pair("**", Emphasis::Bold);
        self.pair("__", Emphasis::Bold);
        self.pair("~~", Emphasis::Strike);
        self.drop_highlights();
        self.pair("*", Emphasis::Italic);
        self.pair("_", Emphasis::Italic);
        self.drop_strays();
        self.text()
    }

    /// Whether these marks stand here and are still free.
    fn stands(&self, at: usize, mark: &str) -> bool {
        let mut signs = self.signs.iter().skip(at);
        mark.chars().all(|c| signs.next().is_some_and(|sign| sign.c == c && !sign.kept && !sign.gone))
    }

    /// The character before or behind, marks that are gone aside.
    fn before(&self, at: usize) -> Option<char> {
        self.signs.iter().take(at).rev().find(|sign| !sign.gone).map(|sign| sign.c)
    }

    fn after(&self, at: usize) -> Option<char> {
        self.signs.iter().skip(at).find(|sign| !sign.gone).map(|sign| sign.c)
    }

    fn pair(&mut self, mark: &str, emphasis: Emphasis) {
        let length = mark.len();
        let mut at = 0;
        while at < self.signs.len() {
            if !self.stands(at, mark) {
                at += 1;
                continue;
            }
            match self.closing(at, mark) {
                Some(end) => {
                    self.emphasise(at, end, length, emphasis);
                    at = end + length;
                }
                None => at += length,
            }
        }
    }

    /// Where the emphasis ends that these marks may begin.
    fn closing(&self, start: usize, mark: &str) -> Option<usize> {
        let length = mark.len();
        let mut at = start + length;
        // `***a***` is bold within: the third star belongs to what is inside.
        while at < self.signs.len().min(start + MAX_SPAN) {
            // A cell of a table ends what is in it.
            if self.signs.get(at).is_some_and(|sign| sign.c == '|' && !sign.kept) {
                return None;
            }
            if self.stands(at, mark) {
                let run_goes_on = self.stands(at + 1, mark) && at > start + length;
                let at = if run_goes_on && length == 2 && self.at(start + 2) == self.at(start) { at + 1 } else { at };
                return self.is_emphasis(start, at, mark).then_some(at);
            }
            at += 1;
        }
        None
    }

    fn is_emphasis(&self, start: usize, end: usize, mark: &str) -> bool {
        let (from, to) = (start + mark.len(), end);
        let inside: String =
            self.signs.get(from..to).unwrap_or_default().iter().filter(|sign| !sign.gone).map(|sign| sign.c).collect();
        let (before, after) = (self.before(start), self.after(end + mark.len()));
        let loose_left = inside.starts_with(char::is_whitespace);
        let loose_right = inside.ends_with(char::is_whitespace);
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let names = |inside: &str| inside.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if inside.trim().is_empty() {
            return false;
        }
        let begins_word = inside
            .trim_start()
            .starts_with(|c: char| c.is_alphanumeric() || "([{<\"'“‘「『《〈【`&@#~-".contains(c) || !c.is_ascii());
        match mark {
            // `2**10 + 3**4`
            "**" => {
                let operator = (latin(before) || before == Some(')'))
                    && inside.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '(');
                let keywords = loose_right && inside.starts_with(|c: char| c.is_ascii_lowercase()) && latin(after);
                // Spaces at both sides are a slip around a Korean word, and an operator between others.
                let slip = || inside.contains(is_hangul);
                let loose = loose_left && loose_right && !slip();
                !loose && !operator && !keywords
            }
            "__" => {
                let within = latin(before) || before == Some('_') || latin(after);
                !names(&inside) && !within && (!loose_left || !loose_right)
            }
            "~~" => !loose_left && !loose_right,
            "*" => {
                let opens = !latin(before) && !matches!(before, Some('*' | ')' | ']'));
                !loose_left && !loose_right && opens && !latin(after) && after != Some('*') && begins_word
            }
            _ => {
                let opens = before.is_none_or(|c| c.is_whitespace() || "([{\"'“‘「『《〈".contains(c));
                // `_id` and `_d_` are names.
                let identifier = inside.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                !loose_left
                    && !loose_right
                    && opens
                    && !latin(after)
                    && after != Some('_')
                    && begins_word
                    && !identifier
            }
        }
    }

    /// The spaces that stand within the marks stand outside of the emphasis.
    fn emphasise(&mut self, start: usize, end: usize, length: usize, emphasis: Emphasis) {
        for at in (start..start + length).chain(end..end + length) {
            if let Some(sign) = self.signs.get_mut(at) {
                sign.gone = true;
            }
        }
        let is_text = |sign: &Sign| !sign.c.is_whitespace();
        let inside = self.signs.get(start + length..end).unwrap_or_default();
        let first = inside.iter().position(is_text).map(|at| start + length + at);
        let last = inside.iter().rposition(is_text).map(|at| start + length + at);
        // Around an escape or a piece of code, the emphasis begins and ends outside of it.
        if let (Some(first), Some(last)) = (first, last) {
            if let Some(sign) = self.signs.get_mut(if first == start + length { start } else { first }) {
                sign.begins = Some(emphasis);
            }
            if let Some(sign) = self.signs.get_mut(if last + 1 == end { end } else { last }) {
                sign.ends = Some(emphasis);
            }
        }
    }

    /// `==강조==` is shown without its marks.
    fn drop_highlights(&mut self) {
        let mut at = 0;
        while at < self.signs.len() {
            if !self.stands(at, "==") {
                at += 1;
                continue;
            }
            let end = (at + 2..self.signs.len().min(at + MAX_SPAN)).find(|end| self.stands(*end, "=="));
            let inside = |end: usize| self.signs.get(at + 2..end).unwrap_or_default();
            let is_tight = |end: usize| {
                let inside = inside(end);
                let space = |sign: Option<&Sign>| sign.is_none_or(|sign| sign.c.is_whitespace() || sign.c == '=');
                !space(inside.first()) && !space(inside.last())
            };
            let free = self.before(at).is_none_or(|c| !c.is_ascii_alphanumeric() && !"=!<>".contains(c));
            match end.filter(|end| free && is_tight(*end)) {
                Some(end) => {
                    for at in [at, at + 1, end, end + 1] {
                        if let Some(sign) = self.signs.get_mut(at) {
                            sign.gone = true;
                        }
                    }
                    at = end + 2;
                }
                None => at += 1,
            }
        }
    }

    /// Two stars that nothing pairs with, beside a Korean word, were meant as emphasis.
    fn drop_strays(&mut self) {
        for at in 0..self.signs.len() {
            let beside = |c: Option<char>| c.is_some_and(|c| matches!(c, '가'..='힣'));
            let alone = self.stands(at, "**") && self.before(at) != Some('*') && self.after(at + 2) != Some('*');
            if alone && (beside(self.before(at)) || beside(self.after(at + 2))) {
                for at in [at, at + 1] {
                    if let Some(sign) = self.signs.get_mut(at) {
                        sign.gone = true;
                    }
                }
            }
        }
    }

    fn text(&self) -> String {
        let find = |marks: &[(Emphasis, char)], emphasis: Emphasis| {
            marks.iter().find(|(known, _)| *known == emphasis).map(|(_, mark)| *mark)
        };
        let mut text = String::with_capacity(self.signs.len() * 2);
        for sign in &self.signs {
            text.extend(sign.begins.and_then(|emphasis| find(&BEGIN, emphasis)));
            if !sign.gone {
                if !sign.kept && matches!(sign.c, '*' | '_' | '~') {
                    text.push('\\');
                }
                text.push(sign.c);
            }
            text.extend(sign.ends.and_then(|emphasis| find(&END, emphasis)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bold in `{}`, italic in `()`, struck in `<>`.
    fn seen(text: &str) -> String {
        let show = |c| match mark(c) {
            Some(Mark::Begin(Emphasis::Bold)) => '{',
            Some(Mark::End(Emphasis::Bold)) => '}',
            Some(Mark::Begin(Emphasis::Italic)) => '⟨',
            Some(Mark::End(Emphasis::Italic)) => '⟩',
            Some(Mark::Begin(Emphasis::Strike)) => '«',
            Some(Mark::End(Emphasis::Strike)) => '»',
            None => c,
        };
        marked(text).chars().map(show).collect()
    }

    #[test]
    fn emphasis_is_known_beside_particles_and_spaces() {
        for (text, wanted) in [
            ("**주문(Order)**를 처리", "{주문(Order)}를 처리"),
            ("그는**\"강조\"**했다", "그는{\"강조\"}했다"),
            ("*주문(Order)*를", "⟨주문(Order)⟩를"),
            ("~~주문(Order)~~을", "«주문(Order)»을"),
            ("**성과: **처리량", "{성과:} 처리량"),
            ("** 성과**: 가", " {성과}: 가"),
            ("__굵게__도", "{굵게}도"),
            ("_이탤릭_을", "⟨이탤릭⟩을"),
            ("***모두***를", "{⟨모두⟩}를"),
            ("**가 *나* 다**", "{가 ⟨나⟩ 다}"),
            ("(**강조**)", "({강조})"),
            ("**a** b **c**", "{a} b {c}"),
            ("==강조==한 글", "강조한 글"),
            ("- **성과: 3배", "- 성과: 3배"),
            ("**[링크](https://a.kr/b_c_d)**", "{[링크](https://a.kr/b_c_d)}"),
            ("**`code`**", "{`code`}"),
        ] {
            assert_eq!(seen(text), wanted, "{text}");
        }
    }

    #[test]
    fn other_stars_underlines_and_tildes_are_text() {
        for (text, wanted) in [
            ("224*224*3 이미지를 8*8*12 블록", r"224\*224\*3 이미지를 8\*8\*12 블록"),
            ("__init__.py 와 __main__.py", r"\_\_init\_\_.py 와 \_\_main\_\_.py"),
            ("2**10 + 3**4", r"2\*\*10 + 3\*\*4"),
            ("*args, **kwargs", r"\*args, \*\*kwargs"),
            ("*.java와 *.kt", r"\*.java와 \*.kt"),
            ("SELECT *, COUNT(*)", r"SELECT \*, COUNT(\*)"),
            ("user_name과 _id, _name", r"user\_name과 \_id, \_name"),
            ("2022~2023, 2024~2025", r"2022\~2023, 2024\~2025"),
            ("a == b == c", "a == b == c"),
            ("2 * 3", r"2 \* 3"),
        ] {
            assert_eq!(seen(text), wanted, "{text}");
        }
    }

    #[test]
    fn code_escapes_addresses_and_markers_are_left_alone() {
        for text in [
            "`**주문(Order)**를`",
            "\\*\\*주문(Order)\\*\\*를",
            "```\n**주문(Order)**를\n```\n",
            "* 가",
            "***",
            "https://a.kr/_b_/c*d 가",
            "<https://a.kr/_b_>",
            "|---|:-:|",
        ] {
            assert_eq!(marked(text), text);
        }
    }
}
