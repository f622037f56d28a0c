//! What models say around a résumé.

/// How a model begins when it talks about what it is going to write.
const OPENINGS: [&str; 18] = [
    "here is",
    "here's",
    "here are",
    "below is",
    "sure",
    "certainly",
    "of course",
    "i've",
    "i have",
    "based on",
    "네,",
    "네!",
    "물론",
    "알겠습니다",
    "다음은",
    "아래는",
    "좋습니다",
    "작성된",
];
/// What it says about the résumé before it comes.
const ANNOUNCEMENTS: [&str; 15] = [
    "이력서를 작성",
    "이력서입니다",
    "이력서 초안",
    "이력서는 다음과",
    "작성해 드",
    "작성해드",
    "작성하겠습니다",
    "요청하신",
    "제공해 주신",
    "제공해주신",
    "제공된 정보",
    "주어진 정보",
    "your resume",
    "your résumé",
    "a resume",
];
/// What it says when it is done.
const CLOSINGS: [&str; 39] = [
    "도움이 되셨",
    "도움이 되길",
    "도움이 되기를",
    "도움이 되었으면",
    "추가로 필요한 정보",
    "추가로 필요한 내용",
    "추가로 필요한 사항",
    "추가로 필요한 부분",
    "추가하고 싶은",
    "추가하실",
    "추가적인 정보",
    "추가 정보가",
    "수정이 필요하",
    "수정하고 싶",
    "수정이나",
    "말씀해 주",
    "말씀해주",
    "알려주세요",
    "알려 주세요",
    "알려주시",
    "알려 주시",
    "궁금한 점이 있",
    "위 이력서",
    "이 이력서",
    "위의 이력서",
    "본 이력서",
    "해당 이력서",
    "상기 이력서",
    "행운을 빕니다",
    "hope this",
    "i hope",
    "let me know",
    "feel free",
    "please note",
    "note that",
    "this resume",
    "this résumé",
    "good luck",
    "기재해 주",
];
/// How remarks begin that are not part of the résumé.
const REMARKS: [&str; 7] = ["참고:", "참고로", "주의:", "note:", "※", "p.s.", "감사합니다"];
/// Last sections that speak to the member.
const REMARK_HEADINGS: [&str; 13] = [
    "참고",
    "참고사항",
    "안내",
    "안내사항",
    "유의사항",
    "note",
    "notes",
    "추가로필요한정보",
    "추가필요정보",
    "추가정보요청",
    "추가정보",
    "작성팁",
    "팁",
];

/// Whether a paragraph before the first heading talks about the résumé instead of being part of it.
pub fn is_opening(paragraph: &str) -> bool {
    let text = plain(paragraph);
    OPENINGS.iter().any(|opening| text.starts_with(opening))
        || ANNOUNCEMENTS.iter().any(|words| text.contains(words))
        || text.ends_with([':', '：']) && !text.contains('\n')
}

/// Whether a paragraph of the last section talks about the résumé instead of being part of it.
pub fn is_closing(paragraph: &str) -> bool {
    let text = plain(paragraph);
    REMARKS.iter().any(|remark| text.starts_with(remark)) || CLOSINGS.iter().any(|words| text.contains(words))
}

/// Whether a section with this heading, when it is the last one, speaks to the member.
pub fn is_remark_heading(heading: &str) -> bool {
    REMARK_HEADINGS.contains(&heading)
}

/// The paragraph in lower case, without the marks that may stand in front of it.
fn plain(paragraph: &str) -> String {
    let marks = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '>' | '(' | '"' | '`');
    paragraph.trim_matches(marks).to_lowercase()
}
