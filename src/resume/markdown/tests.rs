use proptest::prelude::*;

use super::clean;
use crate::llm::text::cases;

const BODY: &str = "## 경력\n\n- Kafka로 주문 이벤트를 하루 백만 건 처리했습니다.\n";

#[test]
fn a_reply_of_nothing_but_marks_is_read_in_no_time() {
    let began = std::time::Instant::now();
    for mark in ["(a)", "$n$", "[1]", "N%", "```\n", "```a\n", "~~~\n````\n"] {
        clean(&mark.repeat(60_000 / mark.len()));
    }
    clean(&["- [회사명] ", &"(".repeat(30_000), &")".repeat(30_000)].concat());
    // Minutes, where what is around each of them is looked through.
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
}

#[test]
fn what_real_models_write_becomes_a_resume() {
    cases::hold("resume", |text, _| clean(text));
}

#[test]
fn a_clean_resume_stays_as_it_is() {
    let resume = "\
## 요약

3년차 백엔드 개발자입니다. 도움이 되는 동료가 되고자 합니다.

## 경력

### 카카오 (2022.03 ~ 2024.05)

- **주문** 처리: 처리량 3배
  1. 파티션을 늘림

| 분야 | 기술 |
|---|---|
| 언어 | Java |

```
fn main() {}


// # not a heading
```

## 교육

- 한국대학교
";
    assert_eq!(clean(resume).as_deref(), Some(resume));
}

#[test]
fn code_fences_around_the_resume_are_taken_off() {
    for reply in [
        format!("```markdown\n{BODY}```"),
        format!("다음은 이력서입니다:\n\n```\n{BODY}```\n\n도움이 되셨길 바랍니다!"),
        format!("```md\n{BODY}"),
        format!("```markdown\r\n{}```", BODY.replace('\n', "\r\n")),
    ] {
        assert_eq!(clean(&reply).as_deref(), Some(BODY), "{reply}");
    }
}

#[test]
fn a_code_block_within_the_fences_survives() {
    let resume = format!("{BODY}\n```rust\nfn main() {{}}\n```\n");
    assert_eq!(clean(&format!("```markdown\n{resume}```\n")), Some(resume));
}

#[test]
fn talk_around_the_resume_is_dropped() {
    for opening in [
        "Here is your resume:",
        "Sure! Here's the resume.",
        "다음은 홍길동 님의 이력서입니다.",
        "네, 제공해 주신 정보로 작성했습니다.",
        "# 이력서",
        "**이력서**",
        "# 백엔드 개발자 이력서\n\n아래는 요청하신 내용입니다.",
        "<think>\n## 계획\n\n무엇을 쓸까\n</think>",
        "---",
    ] {
        assert_eq!(clean(&format!("{opening}\n\n{BODY}")).as_deref(), Some(BODY), "{opening}");
    }
    for closing in [
        "---\n\n위 이력서는 제공해 주신 정보를 바탕으로 작성되었습니다.",
        "도움이 되셨길 바랍니다. 더 필요하면 말씀해 주세요!",
        "추가로 필요한 정보가 있으시면 알려주세요:\n\n- 성함\n- 연락처",
        "*참고: 실제 내용에 맞게 고치세요.*",
        "I hope this helps! Let me know if you need changes.",
        "## 참고 사항\n\n- 이력서는 간결하게 쓰세요.",
    ] {
        assert_eq!(clean(&format!("{BODY}\n{closing}\n")).as_deref(), Some(BODY), "{closing}");
    }
}

#[test]
fn what_the_document_says_itself_is_dropped() {
    let reply = format!("# 이력서\n\n## 1. 기본 정보\n\n- 이메일: a@b.kr\n- 희망 직무: 백엔드\n\n{BODY}");
    assert_eq!(clean(&reply).as_deref(), Some(BODY));
}

#[test]
fn a_section_of_blanks_goes_with_its_heading() {
    let reply = format!(
        "## 연락처\n\n- 전화: 010-0000-0000\n- 이름: [이름]\n\n{BODY}\n## 학력\n\n- OO대학교\n\n### 상세\n\n(작성 필요)\n"
    );
    assert_eq!(clean(&reply).as_deref(), Some(BODY));
}

#[test]
fn bold_lines_and_underlined_lines_become_headings() {
    let text = "Kafka로 주문 이벤트를 하루 백만 건 처리했습니다.";
    assert_eq!(clean(&format!("**경력:**\n{text}")), Some(format!("## 경력\n{text}\n")));
    assert_eq!(
        clean(&format!("경력\n====\n{text}\n---\n그 밖의 일")),
        Some(format!("# 경력\n{text}\n\n---\n그 밖의 일\n"))
    );
}

#[test]
fn a_reply_without_a_resume_is_refused() {
    for reply in [
        "",
        "죄송합니다. 이력서를 작성할 수 없습니다.",
        "## 경력",
        "# 이력서\n\n## 경력\n\n- [회사명]\n",
        "Kafka로 주문 이벤트를 하루 백만 건 처리했습니다. 제목이 없습니다.",
        "```markdown\n```",
        "<think>\n## 경력\n\n무엇을 쓸까, Kafka가 좋겠다.",
    ] {
        assert_eq!(clean(reply), None, "{reply}");
    }
    assert_eq!(clean(&format!("{BODY}{}", "가".repeat(30_000))), None);
}

/// Each of these would take minutes where a reader looks at the rest of the reply again at each character.
#[test]
fn a_reply_that_repeats_itself_is_read_in_one_go() {
    for piece in [
        "[",
        "[[",
        "(",
        "{",
        "<",
        "<a ",
        "<li>",
        "</li>",
        "<b>",
        "**",
        "*a ",
        "_a ",
        "~~",
        "`",
        "``` ",
        "``a`",
        "$",
        "$a ",
        "【",
        "N% ",
        "OO ",
        "| a ",
        "|\n",
        "1. ",
        "- ",
        "• ",
        "> ",
        "# ",
        "2023. ",
        "[^1]",
        "[a]: ",
        "\\(",
        "https://",
        "가. ",
        "하세요. ",
        "==",
        "\n\n",
        "&lt;",
    ] {
        let reply = format!("# 경력\n\n결제 서버를 개발했습니다.\n\n{}", piece.repeat(8_000 / piece.len()));
        let _ = clean(&reply);
    }
}

proptest! {
    #[test]
    fn whatever_is_left_of_any_reply_has_a_heading(reply in r"(\PC|[\n\r\t #*_`~|<>\[\](){}:.=OX가이름-]|## 경력\n|```)*") {
        if let Some(cleaned) = clean(&reply) {
            prop_assert!(cleaned.contains('#') && cleaned.ends_with('\n'));
        }
    }
}
