use super::*;

fn whole(text: &str) -> Vec<String> {
    split(text, false)
}

#[test]
fn korean_and_english_sentences_are_told_apart() {
    let text = "핵심을 짚었습니다. 왜 그럴까요? 좋아요! 그렇죠. It is slow. Why?";
    assert_eq!(whole(text), ["핵심을 짚었습니다.", "왜 그럴까요?", "좋아요!", "그렇죠.", "It is slow.", "Why?"]);
}

#[test]
fn an_unfinished_last_sentence_is_left_out() {
    assert_eq!(whole("핵심을 짚었습니다. 하지만 TCP의"), ["핵심을 짚었습니다."]);
    assert_eq!(split("핵심을 짚었습니다. 하지만 아쉽습니다", true), ["핵심을 짚었습니다."]);
    assert!(whole("하지만").is_empty());
    assert!(whole("").is_empty());
}

#[test]
fn a_last_sentence_that_lacks_only_its_mark_gets_it() {
    assert_eq!(whole("핵심을 짚었습니다. 예시도 좋아요 😊"), ["핵심을 짚었습니다.", "예시도 좋아요."]);
    assert_eq!(whole("설명이 부족함"), ["설명이 부족함."]);
    assert_eq!(whole("어떤 역할을 맡으셨나요"), ["어떤 역할을 맡으셨나요?"]);
}

#[test]
fn decimals_versions_addresses_and_file_names_do_not_end_a_sentence() {
    for text in [
        "응답이 3.5초에서 1.2초로 줄었습니다.",
        "Node.js와 v1.2를 씁니다.",
        "https://a.kr/b?c=d.e 를 보세요.",
        "이력서.docx와 main.rs를 엽니다.",
    ] {
        assert_eq!(whole(text), [text]);
    }
}

#[test]
fn abbreviations_do_not_end_a_sentence() {
    for text in [
        "TCP vs. UDP를 비교합니다.",
        "예시(e.g. Kafka)가 있습니다.",
        "예를 들면 e.g. Redis가 있습니다.",
        "TLS, HTTP etc. 를 씁니다.",
        "Fig. 3 is clear.",
        "J. Smith wrote it.",
    ] {
        assert_eq!(whole(text), [text]);
    }
    assert_eq!(whole("Use TLS, HTTP etc. Then stop."), ["Use TLS, HTTP etc.", "Then stop."]);
    assert!(whole("TCP vs.").is_empty());
}

#[test]
fn a_number_of_a_list_belongs_to_the_sentence_after_it() {
    assert_eq!(whole("1. 빠릅니다. 2. 쉽습니다. 가. 좋습니다."), ["1. 빠릅니다.", "2. 쉽습니다.", "가. 좋습니다."]);
}

#[test]
fn an_ellipsis_ends_a_sentence_only_after_an_ending() {
    assert_eq!(whole("음... 좋습니다… 그런데 여러 가지..."), ["음... 좋습니다…"]);
    assert_eq!(whole("TCP는... 느립니다."), ["TCP는... 느립니다."]);
}

#[test]
fn closing_quotes_and_brackets_belong_to_their_sentence() {
    assert_eq!(whole("\"좋습니다.\" 끝났습니다.) 네."), ["\"좋습니다.\"", "끝났습니다.)", "네."]);
    let quoted = "\"왜 느린가?\" 라는 질문에 \"모릅니다.\"라고 답했습니다.";
    assert_eq!(whole(quoted), [quoted]);
}

#[test]
fn no_sentence_ends_within_brackets_or_quotes() {
    let text = "예시(빠릅니다. 안전합니다.)가 \"좋습니다. 훌륭합니다.\"처럼 있습니다.";
    assert_eq!(whole(text), [text]);
}

#[test]
fn a_bracket_that_never_closes_swallows_nothing() {
    assert_eq!(whole("예시(빠릅니다. 안전합니다."), ["예시(빠릅니다.", "안전합니다."]);
}

#[test]
fn ornaments_are_no_part_of_a_sentence_and_may_take_its_marks_place() {
    assert_eq!(whole("좋습니다.🙂 더하세요.🚀"), ["좋습니다.", "더하세요."]);
    assert_eq!(whole("좋습니다.✨👨\u{200D}💻 더하세요!❤\u{FE0F}"), ["좋습니다.", "더하세요!"]);
    assert_eq!(whole("명확합니다:) 더해 보세요.:)"), ["명확합니다.", "더해 보세요."]);
    assert_eq!(whole("좋습니다 😊 더하세요👍"), ["좋습니다.", "더하세요."]);
    assert_eq!(whole("✅ 좋습니다.🚀더하세요~ 왜 그런가요^^"), ["좋습니다.", "더하세요.", "왜 그런가요?"]);
    assert_eq!(split("좋습니다 😊 더하세요", true), ["좋습니다."]);
    for text in ["요청 → 응답 순서가 필요 → 맞습니다.", "1~3개가 좋습니다."] {
        assert_eq!(whole(text), [text]);
    }
}

#[test]
fn dates_and_numbers_end_no_korean_sentence() {
    for text in [
        "QUIC은 2021. 5. 27. 표준이 되었습니다.",
        "2023. 3. ~ 2023. 6. 으로 밝혔습니다.",
        "2021.05.27. HTTP/3의 바탕이 되었습니다.",
        "RFC 3.2. 절을 보세요.",
        "약 1,000. 5배가 됩니다.",
        "On 2021. 5. 27. it was published.",
    ] {
        assert_eq!(whole(text), [text]);
    }
    assert_eq!(whole("The port is 443. It is open."), ["The port is 443.", "It is open."]);
}

#[test]
fn the_number_of_a_step_belongs_to_the_sentence_after_it() {
    assert_eq!(whole("Step 1. 말합니다. Step 2. 듭니다."), ["Step 1. 말합니다.", "Step 2. 듭니다."]);
    assert_eq!(whole("I. 말합니다. II. 듭니다. A. 더합니다."), ["I. 말합니다.", "II. 듭니다.", "A. 더합니다."]);
    assert_eq!(whole("1단계. 말합니다. 첫째. 듭니다."), ["1단계. 말합니다.", "첫째. 듭니다."]);
    assert_eq!(whole("말합니다. Step 2."), ["말합니다."]);
}

#[test]
fn no_sentence_ends_within_code() {
    for text in ["`#` 선택자와 `.` 선택자를 구분했습니다.", "`Node.` 뒤를 보세요."] {
        assert_eq!(whole(text), [text]);
    }
}

#[test]
fn korean_sentences_without_a_space_between_them_are_told_apart() {
    assert_eq!(whole("좋습니다.그러나 짧습니다.끝"), ["좋습니다.", "그러나 짧습니다."]);
    assert_eq!(whole("좋습니다.TCP는 느립니다.(예시) 끝."), ["좋습니다.", "TCP는 느립니다.", "(예시) 끝."]);
}

#[test]
fn a_full_stop_that_may_go_on_does_not_end_a_truncated_text() {
    assert_eq!(split("좋습니다. 예를 들어 Node.", true), ["좋습니다."]);
    assert_eq!(split("좋습니다. 응답은 3.", true), ["좋습니다."]);
    assert_eq!(split("좋습니다. 예를 들어 Node.", false).len(), 2);
    assert_eq!(split("It is slow.", true), ["It is slow."]);
}

#[test]
fn many_thousand_marks_are_read_once() {
    let began = std::time::Instant::now();
    for marks in [". ", "! ", "…", "(", "다", "1. "] {
        split(&marks.repeat(1 << 16), false);
    }
    // Seconds, and minutes where each of them is looked before or behind to the end.
    assert!(began.elapsed() < std::time::Duration::from_secs(60));
}
