//! What the parts of a résumé are called.

use super::phrases::section;
use super::words::{is_made_of, squeeze, without_number};

const MAX_TITLE: usize = 40;

/// Whether a text is the title of a résumé.
pub fn is_title(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '(' && c != '[').to_lowercase();
    let named = |title: &&str| {
        let whole = text == **title;
        let last = text.strip_suffix(*title).is_some_and(|before| !before.ends_with(char::is_alphanumeric));
        let first =
            text.strip_prefix(*title).is_some_and(|rest| rest.trim_start().starts_with(['-', '–', '—', ':', '|', '(']));
        whole || last || first
    };
    text.chars().count() <= MAX_TITLE && section::TITLES.iter().any(named)
}

/// Whether a text is the name of a section of a résumé.
pub fn is_section(title: &str) -> bool {
    is_made_of(&squeeze(without_number(title)), section::WORDS)
}

/// Whether a section is one of the basic facts, which the document has itself.
pub fn is_facts(title: &str) -> bool {
    let title = squeeze(without_number(title));
    let named = section::FACTS.iter().any(|name| title.contains(name));
    named && (section::FACTS.contains(&title.as_str()) || is_made_of(&title, section::FACTS_WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_basic_facts_is_known_by_any_name() {
        for name in [
            "기본 정보",
            "I. 기본 정보",
            "1. 인적 사항",
            "📧 연락처",
            "지원자 기본 정보",
            "개인정보 (Personal Information)",
            "Contact",
            "인적사항 및 연락처",
        ] {
            assert!(is_facts(name), "{name}");
        }
        for name in ["소개", "기본기를 다진 정보 검색", "자기소개", "경력 정보", "About Me"] {
            assert!(!is_facts(name), "{name}");
        }
    }

    #[test]
    fn sections_and_titles_are_told_from_other_headings() {
        assert!(["소개", "2. 기술 스택", "경력 사항", "Work Experience", "💼 프로젝트"].into_iter().all(is_section));
        assert!(!["주문 플랫폼", "카카오", "정보처리기사"].into_iter().any(is_section));
        assert!(["이력서", "백엔드 개발자 이력서", "**Resume**", "이력서 - 김하늘"].into_iter().all(is_title));
        assert!(!["이력서 첨삭 서비스", "소개"].into_iter().any(is_title));
    }
}
