//! Talk: what models say to the member around a résumé, and within.

use super::line::{Line, unmarked};
use super::names::is_title;
use super::phrases::talk;
use super::words::squeeze;
use crate::llm::text::envelope::without_label;
use crate::llm::text::phrases::label;

/// Drops what is said about the résumé before its first section.
pub fn drop_openings(lines: &mut Vec<Line>) {
    let end = lines.iter().position(|line| line.heading().is_some()).unwrap_or(lines.len());
    let sections = lines.split_off(end);
    let mut opening = std::mem::take(lines);
    let first = opening.iter().find(|line| !line.is_blank());
    let thinks = |line: &Line| line.text.contains([':', '：']) && without_label(&line.text, label::THOUGHTS).is_some();
    if !sections.is_empty() && first.is_some_and(thinks) {
        opening.clear();
    }
    for paragraph in opening.chunk_by(|a, b| a.is_blank() == b.is_blank()) {
        let text = super::line::join(paragraph);
        let said = sentences(&text);
        let from = said.iter().position(|sentence| !is_opening(sentence));
        match from {
            _ if is_title(text.trim()) => {}
            None if !said.is_empty() => {}
            Some(from) if from > 0 && !text.contains('\n') => {
                lines.push(Line::prose(said.get(from..).unwrap_or_default().concat().trim().to_owned()));
            }
            _ => lines.extend(paragraph.iter().cloned()),
        }
    }
    lines.extend(sections);
}

/// Drops what is said to the member anywhere: whole paragraphs, and the sentences that begin or end one.
pub fn drop_talk(lines: &mut Vec<Line>) {
    drop_remark_sections(lines);
    let mut kept: Vec<Line> = Vec::with_capacity(lines.len());
    let mut rest = lines.as_slice();
    while let Some(line) = rest.first() {
        if !line.is_plain() && !line.is_item() || line.heading().is_some() {
            kept.push(line.clone());
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        // An item is looked at alone, a paragraph with all its lines.
        let length = if line.is_item() { 1 } else { rest.iter().take_while(|line| line.is_plain()).count() };
        let (paragraph, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let text = super::line::join(paragraph);
        let left = without_talk(unmarked(&text));
        rest = after;
        if left.trim().is_empty() {
            let asks = text.trim_end().ends_with([':', '：']);
            let is_list = |line: &Line| line.is_blank() || line.is_rule() || line.is_item();
            if asks && rest.iter().all(is_list) {
                rest = &[];
            }
        } else if left.len() == unmarked(&text).len() {
            kept.extend(paragraph.iter().cloned());
        } else {
            let markers = text.len() - unmarked(&text).len();
            let whole = [text.get(..markers).unwrap_or_default(), left].concat();
            kept.extend(whole.split('\n').map(|line| Line::prose(line.trim_end().to_owned())));
        }
    }
    *lines = kept;
}

/// Drops last sections that speak to the member, as far as they do.
fn drop_remark_sections(lines: &mut Vec<Line>) {
    while let Some(last) = lines.iter().rposition(|line| line.heading().is_some()) {
        let title =
            lines.get(last).and_then(Line::heading).map(|(_, title)| squeeze(super::words::without_number(title)));
        let title = title.unwrap_or_default();
        let section = lines.get(last + 1..).unwrap_or_default();
        let says = |line: &Line| line.text.contains(char::is_alphanumeric);
        let all_talk = section.iter().filter(|line| says(line)).all(|line| is_remark(unmarked(&line.text)));
        let is_remark = talk::HEADINGS.contains(&title.as_str())
            || talk::PERHAPS_HEADINGS.contains(&title.as_str()) && (all_talk || section.iter().all(Line::is_blank));
        if !is_remark {
            return;
        }
        lines.truncate(last);
    }
}

/// In a section of remarks, what speaks of writing is one.
fn is_remark(text: &str) -> bool {
    is_talk(text) || talk::OF_WRITING.iter().any(|word| text.to_lowercase().contains(word)) && !text.contains("사실")
}

/// The text without the talk that begins and ends it.
fn without_talk(text: &str) -> &str {
    let said = sentences(text);
    let is_mute = |sentence: &&str| !sentence.contains(char::is_alphanumeric);
    let talks = |sentence: &&str| is_talk(sentence) || is_mute(sentence);
    let first = said.iter().position(|sentence| !talks(sentence));
    let last = said.iter().rposition(|sentence| !talks(sentence));
    let (Some(first), Some(last)) = (first, last) else {
        return if said.iter().any(|sentence| is_talk(sentence)) { "" } else { text };
    };
    // What is mute goes with the talk beside it alone.
    let any = |range: Option<&[&str]>| range.is_some_and(|said| said.iter().any(|sentence| is_talk(sentence)));
    let length = |range: Option<&[&str]>| range.map_or(0, |said| said.iter().map(|sentence| sentence.len()).sum());
    let from = if any(said.get(..first)) { length(said.get(..first)) } else { 0 };
    let to = if any(said.get(last + 1..)) { length(said.get(..=last)) } else { text.len() };
    text.get(from..to).unwrap_or(text)
}

/// The sentences of a text with all that is between them; a line end ends one, too.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let space = characters
            .peek()
            .is_none_or(|(_, next)| next.is_whitespace() || !next.is_alphanumeric() && !".!?)\"'”’".contains(*next));
        let ends =
            c == '\n' || space && matches!(c, '.' | '!' | '?' | '。') && !text.get(start..at).is_some_and(is_count);
        if ends {
            let end = at + c.len_utf8();
            sentences.extend(text.get(start..end));
            start = end;
        }
    }
    sentences.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    sentences
}

/// Whether a full stop follows a number that counts, as in `2023. 03.`.
fn is_count(before: &str) -> bool {
    before.ends_with(|c: char| c.is_ascii_digit() || c == '\\')
}

/// Whether a sentence before the first heading says that the résumé comes.
fn is_opening(sentence: &str) -> bool {
    let text = plain(sentence);
    !text.contains(char::is_alphanumeric)
        || talk::OPENINGS.iter().any(|opening| text.starts_with(opening))
        || talk::ANNOUNCEMENTS.iter().any(|words| text.contains(words))
        || text.trim_end_matches('*').ends_with([':', '：'])
        || is_talk(sentence)
}

/// Whether a sentence speaks to the member, or of the résumé as of something that was just written. What the member did is
/// told in the past, about other things.
pub fn is_talk(sentence: &str) -> bool {
    let text = plain(sentence);
    // `※ 위 내용은`, `참고: 위 내용은`
    let remark = talk::REMARKS.iter().find_map(|remark| text.strip_prefix(remark));
    if let Some(rest) = remark.filter(|rest| rest.contains(char::is_alphanumeric)) {
        return talk::TIPS.iter().any(|tip| text.starts_with(tip)) || is_talk(rest) || holds_word_of_writing(rest);
    }
    let end = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let ends = |words: &[&str]| words.iter().any(|word| end.ends_with(word));
    if holds(talk::OF_APPLICANTS) || end.is_empty() {
        return false;
    }
    let past = is_past(end);
    let own = holds(talk::OWN);
    let edits = holds(talk::EDITS);
    let promise = ends(&["하겠습니다", "되겠습니다", "보이겠습니다", "보여드리겠습니다"]);
    let asks = ends(talk::REQUESTS);
    talk::MANNERS.contains(&squeeze(&text).as_str())
        || asks
        || holds(talk::ANNOUNCED)
        || holds(talk::SOURCES) && !own && (!past || edits)
        || holds(talk::IF_YOU) && !own && !past && (!promise || edits)
        || ends(talk::OFFERS) && edits && !own
        || starts(talk::POINTERS) && holds(talk::REMARKS_ON)
        || points_at_the_resume(&text)
        || holds(talk::WISHES) && ends(talk::WISHING) && !own
        || starts(talk::ENGLISH)
}

fn holds_word_of_writing(text: &str) -> bool {
    let end = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    talk::OF_WRITING.iter().any(|word| text.contains(word)) && !is_past(end)
}

/// `이 이력서는 …`, but not `이 이력서 추천 시스템을 …`.
fn points_at_the_resume(text: &str) -> bool {
    let pointer = talk::POINTERS.iter().filter(|pointer| pointer.ends_with("이력서"));
    let rest = pointer.filter_map(|pointer| text.strip_prefix(pointer)).next();
    let particle = ["는 ", "은 ", "가 ", "를 ", "에 ", "에는 ", "에서 ", "의 ", "로 ", "와 ", "도 "];
    rest.is_some_and(|rest| particle.iter().any(|particle| rest.starts_with(particle)))
}

/// Whether a Korean sentence ends in the past: its `습니다`, or its `다`, hangs on a syllable with `ㅆ` below.
fn is_past(end: &str) -> bool {
    let stem = end.strip_suffix("습니다").or_else(|| end.strip_suffix('다')).unwrap_or_default();
    let below = |c: char| u32::from(c).checked_sub(0xAC00).filter(|at| *at < 11_172).map(|at| at % 28);
    // `겠` is no past.
    stem.chars().next_back().is_some_and(|c| below(c) == Some(20) && c != '겠' && c != '있')
}

/// The text in lower case, without the marks around it.
fn plain(text: &str) -> String {
    let marks = |c: char| {
        c.is_whitespace()
            || matches!(c, '*' | '_' | '>' | '(' | ')' | '"' | '`' | '~' | '“' | '”')
            || u32::from(c) >= 0x1F000
    };
    text.trim_matches(marks).replace("**", "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_is_told_from_what_a_resume_says() {
        for sentence in [
            "이력서를 작성했습니다.",
            "이 이력서가 도움이 되었으면 좋겠습니다.",
            "도움이 되었기를 바랍니다.",
            "도움이 되셨길 바랍니다!",
            "행운을 빕니다!",
            "위 내용은 예시이므로 실제 경험에 맞게 고쳐 쓰세요.",
            "위 이력서는 제공해 주신 정보를 바탕으로 작성되었습니다.",
            "추가로 필요한 정보가 있으시면 알려주세요:",
            "더 필요하면 말씀해 주세요!",
            "면접에서 좋은 결과 있으시길 바랍니다.",
            "수정이 필요하시면 말씀해 주시면 반영하겠습니다.",
            "원하시면 더 다듬어 드리겠습니다.",
            "*참고: 실제 내용에 맞게 고치세요.*",
            "[ ] 안의 내용을 채워 주세요.",
            "I hope this helps!",
            "Let me know if you need changes.",
            "감사합니다.",
            "취업 성공을 응원합니다!",
            "제공된 정보를 바탕으로 작성한 이력서입니다.",
            "필요에 따라 내용을 수정하시기 바랍니다.",
            "이상으로 이력서를 마칩니다.",
            "이 이력서는 지원자의 강점을 강조하고 있습니다.",
            "※ 위 내용은 예시입니다.",
            "💡 팁: 수치를 넣으면 좋습니다.",
            "구체적인 수치를 추가하면 더 좋습니다.",
            "이상입니다.",
        ] {
            assert!(is_talk(sentence), "{sentence}");
        }
        for sentence in [
            "추가로 필요한 기능을 먼저 제안하고 구현했습니다.",
            "팀에 도움이 되었으면 하여 코드 리뷰 문화를 정착시켰습니다.",
            "이력서 작성 서비스를 개발했습니다.",
            "이력서를 분석하는 파이프라인을 구성했습니다.",
            "이 이력서 추천 시스템을 운영했습니다.",
            "위 내용은 사실과 다름없음을 확인합니다.",
            "본 이력서의 내용은 사실입니다.",
            "기회를 주시면 최선을 다하겠습니다.",
            "함께 성장하기를 바랍니다.",
            "팀에 도움이 되기를 바랍니다.",
            "고객이 요청하신 기능을 추가했습니다.",
            "궁금한 점이 있으면 끝까지 파고드는 개발자입니다.",
            "수정이 필요한 레거시 코드를 정리했습니다.",
            "결과를 문서로 정리했습니다.",
            "언제든 연락 주시기 바랍니다.",
            "읽어 주셔서 감사합니다.",
            "※ 포트폴리오는 별도 제출",
            "참고로 이 서비스는 하루 10만 명이 썼습니다.",
            "꾸준히 배우는 개발자가 되겠습니다.",
        ] {
            assert!(!is_talk(sentence), "{sentence}");
        }
    }

    #[test]
    fn talk_goes_and_what_is_around_it_stays() {
        let left = |text: &str| {
            let mut lines = Line::all(text);
            drop_talk(&mut lines);
            super::super::line::join(&lines).trim().to_owned()
        };
        assert_eq!(left("# 가\n\n결제를 맡았습니다. 도움이 되셨길 바랍니다! 😊"), "# 가\n\n결제를 맡았습니다.");
        assert_eq!(left("# 가\n- 나\n\n추가 정보가 있으시면 알려주세요:\n\n- 성함"), "# 가\n- 나");
        assert_eq!(left("# 가\n\n위 내용은 예시입니다.\n\n# 나\n- 다"), "# 가\n\n\n# 나\n- 다");
        assert_eq!(left("# 가\n- 나\n\n## 추가 정보\n- 병역: 필"), "# 가\n- 나\n\n## 추가 정보\n- 병역: 필");
        assert_eq!(left("# 가\n- 나\n\n## 참고 사항\n- 이력서는 간결하게 쓰세요."), "# 가\n- 나");
    }
}
