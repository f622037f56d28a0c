//! Which section of a résumé is being written.
//!
//! Only names that sections usually have are told (`프로젝트`, `경력 사항`): any other heading may be a company, a project or
//! the member. A heading counts when its line is whole, by the rules that `headings` has for the whole text, as far as they
//! are about one line. Where a heading has its `#`, lines that are bold or in brackets are none any more.

use super::headings;

/// Bytes of a line that may be a heading; of a longer one the rest is passed over.
const LONGEST_LINE: usize = 400;

/// The section that a résumé has come to, and how long it is.
#[derive(Debug, Default)]
pub struct Headings {
    /// The line that is being written.
    line: String,
    chars: usize,
    /// A heading with a `#` came.
    signed: bool,
    current: Option<String>,
}

impl Headings {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// More of the résumé.
    pub fn push(&mut self, more: &str) {
        self.chars += more.chars().count();
        for part in more.split_inclusive('\n') {
            if self.line.len() <= LONGEST_LINE {
                self.line.push_str(part.trim_end_matches('\n'));
            }
            if part.ends_with('\n') {
                self.end_line();
            }
        }
    }

    /// The name of the section that is being written, without number and marks.
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Characters so far.
    pub fn chars(&self) -> usize {
        self.chars
    }

    fn end_line(&mut self) {
        let found = (self.line.len() <= LONGEST_LINE).then(|| headings::section(&self.line)).flatten();
        self.line.clear();
        if let Some((name, signed)) = found.filter(|(_, signed)| *signed || !self.signed) {
            self.signed = signed;
            self.current = Some(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(text: &str) -> Option<String> {
        let mut headings = Headings::new();
        headings.push(text);
        headings.current().map(str::to_owned)
    }

    #[test]
    fn the_last_whole_heading_is_the_section_that_is_written() {
        for (text, section) in [
            ("# 이력서\n\n## 소개\n개발자입니다.", "소개"),
            ("## 소개\n개발자입니다.\n\n## 경력 사", "소개"),
            ("## 소개\n개발자입니다.\n\n## 경력 사항\n", "경력 사항"),
            ("##프로젝트 ##\n", "프로젝트"),
            ("### **2. 기술 스택:**\n", "기술 스택"),
            ("**경력 (Experience)**\n", "경력 (Experience)"),
            ("[학력]\n", "학력"),
            ("■ 자격증\n", "자격증"),
            ("<h2>프로젝트</h2>\n", "프로젝트"),
            ("## 💼 Work Experience\r\n", "Work Experience"),
        ] {
            assert_eq!(after(text).as_deref(), Some(section), "{text}");
        }
    }

    #[test]
    fn who_it_is_and_where_they_worked_is_not_told() {
        for text in [
            "# 이력서\n",
            "# 김하늘\n",
            "# 김하늘 이력서\n",
            "## 기본 정보\n- 이메일: a@b.kr\n",
            "### 가나상사\n",
            "## [회사명]\n",
            "**주문 플랫폼**\n",
            "- 프로젝트\n",
            "프로젝트를 맡았습니다.\n",
        ] {
            assert_eq!(after(text), None, "{text}");
        }
    }

    #[test]
    fn where_headings_have_a_sign_a_bold_line_is_none() {
        assert_eq!(after("## 프로젝트\n### 주문 플랫폼\n**성과**\n- 3배\n").as_deref(), Some("프로젝트"));
        assert_eq!(after("**소개**\n개발자입니다.\n**경력**\n").as_deref(), Some("경력"));
    }

    proptest! {
        #[test]
        fn the_way_it_is_cut_makes_no_difference(
            lines in prop::collection::vec(prop::sample::select(vec!["## 소개", "# 이력서", "**경력**", "- 3배", "", "## 프로젝트", "가나"]), 0..8),
            at: prop::sample::Index,
        ) {
            let text = lines.join("\n");
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let (first, rest) = text.split_at(places[at.index(places.len())]);
            let mut headings = Headings::new();
            headings.push(first);
            headings.push(rest);
            prop_assert_eq!(headings.chars(), text.chars().count());
            prop_assert_eq!(headings.current().map(str::to_owned), after(&text));
        }
    }
}
