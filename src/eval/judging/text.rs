//! What holds for every text that a member reads: its language, its manners, and that nothing of the machinery shows.

/// Share of its letters that are Korean, at least, in percent: the terms of the trade are English.
const KOREAN_PERCENT: usize = 40;
/// How polite sentences end.
const POLITE: [&str; 6] = ["니다", "요", "까", "죠", "시오", "십시오"];
/// What chat templates and thinking models put around a reply.
const TOKENS: [&str; 22] = [
    "<|",
    "|>",
    "<｜",
    "｜>",
    "</s>",
    "<s>",
    "[INST]",
    "[/INST]",
    "<<SYS",
    "<think",
    "</think",
    "<start_of_turn",
    "<end_of_turn",
    "[|",
    "|]",
    "<unk>",
    "<eos>",
    "<bos>",
    "<pad>",
    "[UNUSED_TOKEN",
    "<sep>",
    "<질문>",
];
/// Marks of Markdown that no flowing text has.
const MARKUP: [&str; 5] = ["**", "```", "##", "![", "]("];
/// What models write before their reply.
const LABELS: [&str; 8] = ["피드백", "답변", "질문", "평가", "총평", "feedback", "answer", "assistant"];
/// Characters of a reason that quote a text.
const QUOTED: usize = 60;

/// The beginning of `text`, for a reason.
pub fn quoted(text: &str) -> String {
    let text = text.trim();
    let mut quoted: String = text.chars().take(QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

/// Why `text` is not Korean, as all reasons in Korean, for the page: too little of it is, or a third language is in it that nobody gave.
pub fn not_korean(text: &str, given: &str) -> Option<String> {
    if let Some(foreign) = text.chars().find(|c| is_foreign(*c) && !given.contains(*c)) {
        return Some(format!("다른 문자 '{foreign}'"));
    }
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let korean = text.chars().filter(|c| is_korean(*c)).count();
    let percent = (korean * 100).checked_div(letters).unwrap_or(0);
    (percent < KOREAN_PERCENT).then(|| format!("한글 {percent}%"))
}

fn is_korean(c: char) -> bool {
    matches!(c, '가'..='힣' | 'ㄱ'..='ㅣ' | '\u{1100}'..='\u{11FF}')
}

/// Scripts into which models slip. Greek is for formulas, and accents are of names.
fn is_foreign(c: char) -> bool {
    matches!(c,
        '\u{0400}'..='\u{052F}' | '\u{0590}'..='\u{06FF}' | '\u{0900}'..='\u{0E7F}'
        | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
}

/// The first of `sentences` that is Korean and not polite.
pub fn not_polite(sentences: &[String]) -> Option<String> {
    let is_polite = |sentence: &&String| {
        let bare = sentence.trim_end_matches(|c: char| !c.is_alphanumeric());
        POLITE.iter().any(|ending| bare.ends_with(ending))
    };
    let is_spoken = |sentence: &&String| sentence.contains(is_korean);
    sentences.iter().filter(is_spoken).find(|sentence| !is_polite(sentence)).map(|sentence| quoted(sentence))
}

/// What a flowing text must not show: labels, markup, lists, links that nobody gave, tokens.
pub fn not_flowing(text: &str, given: &str) -> Option<String> {
    let found = |marks: &[&'static str]| marks.iter().find(|mark| text.contains(**mark)).copied();
    if let Some(mark) = found(&TOKENS).or_else(|| found(&MARKUP)) {
        return Some(format!("'{mark}'이(가) 보임"));
    }
    if let Some(link) = text.split_whitespace().find(|word| word.contains("://") && !given.contains(*word)) {
        return Some(format!("링크 {}", quoted(link)));
    }
    if let Some(label) = label(text) {
        return Some(format!("표시 '{label}'로 시작"));
    }
    let is_point = |line: &str| line.starts_with(['•', '▪', '·', '*']) || line.starts_with("- ");
    if text.lines().any(is_point) || text.trim().contains('\n') {
        return Some("이어지는 글이 아님".to_owned());
    }
    None
}

/// Tokens of chat templates, wherever they are.
pub fn token(text: &str) -> Option<&'static str> {
    TOKENS.into_iter().find(|token| text.contains(token))
}

/// The label that `text` begins with.
fn label(text: &str) -> Option<&'static str> {
    let begins = text.trim_start_matches(['[', '(', ' ', '#']).to_lowercase();
    LABELS.into_iter().find(|label| {
        let rest = begins.strip_prefix(label).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with([':', ']', '：', ')']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_with_the_terms_of_the_trade_is_korean_and_a_third_language_is_not() {
        assert_eq!(not_korean("TCP는 handshake로 연결을 맺고, UDP는 그렇지 않습니다.", ""), None);
        assert!(not_korean("The answer grasps the core. 좋습니다.", "").is_some());
        assert!(not_korean("핵심을 잘 理解했습니다.", "").is_some() && not_korean("핵심を 짚었습니다.", "").is_some());
        assert_eq!(not_korean("'理' 자를 예로 든 점이 좋습니다.", "理"), None);
        assert!(not_korean("", "").is_some());
    }

    #[test]
    fn every_sentence_is_polite_or_the_first_that_is_not_is_told() {
        let polite = ["좋습니다.".to_owned(), "더해 보세요!".to_owned(), "어떨까요? 😊".to_owned()];
        assert_eq!(not_polite(&polite), None);
        let told = not_polite(&["Well done.".to_owned(), "부족하다.".to_owned()]);
        assert_eq!(told.as_deref(), Some("부족하다."), "of English, politeness cannot be told");
    }

    #[test]
    fn nothing_of_the_machinery_shows() {
        assert_eq!(not_flowing("예: a < b이고 2 * 3입니다. 답변은 좋습니다.", ""), None);
        for shows in [
            "피드백: 좋습니다.",
            "[Feedback] 좋습니다.",
            "좋습니다.<|im_end|>",
            "좋습니다.</s>",
            "**좋습니다.**",
            "- 좋습니다.",
            "좋습니다.\n더 좋습니다.",
            "https://x.test 를 보세요.",
        ] {
            assert!(not_flowing(shows, "").is_some(), "{shows}");
        }
        assert_eq!(not_flowing("https://x.test 는 좋은 예입니다.", "https://x.test"), None);
    }
}
