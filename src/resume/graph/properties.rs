//! What holds for whatever a model writes: it becomes a document that opens, that holds nothing of a chat template and none of
//! the blanks that a model leaves, and that lacks nothing of what the member told.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::create_resume::{Written, read};
use crate::llm::Reply;
use crate::resume::document::read_back::{below_the_facts, squeezed};
use crate::resume::document::{Document, render, tests::check};
use crate::state::session::tests::{NOW, inputs};

/// What the member told, as models write it, and what a reader must find of it.
const FACTS: &[(&str, &str)] = &[
    ("- 결제 지연을 3,400ms에서 210ms로 단축", "결제 지연을 3,400ms에서 210ms로 단축"),
    ("- **주문(Order)**를 이벤트로 분리", "주문(Order)를 이벤트로 분리"),
    ("• 정산 배치를 90분→7분", "정산 배치를 90분→7분"),
    ("-Kubernetes 전환", "Kubernetes 전환"),
    ("2023. 03 ~ 2024. 05 가나상사 백엔드", "2023. 03 ~ 2024. 05 가나상사 백엔드"),
    ("- 2021. 09. SQLD 취득", "2021. 09. SQLD 취득"),
    ("1. `GET /users/{name}` 캐싱", "GET /users/{name} 캐싱"),
    ("- List<Name>과 Map<K, V> 정리", "List<Name>과 Map<K, V> 정리"),
    ("- React의 <main>, <button> 교체", "React의 <main>, <button> 교체"),
    ("- __init__.py와 224*224*3 블록", "__init__.py와 224*224*3 블록"),
    ("- [우아한형제들] 서버 운영", "[우아한형제들] 서버 운영"),
    ("- [기간]: 2022.01~2022.12", "2022.01~2022.12"),
    ("- 흐름: [주문 접수] → [송장 입력]", "[주문 접수] → [송장 입력]"),
    ("추가로 필요한 기능을 먼저 제안하고 구현했습니다.", "추가로 필요한 기능을 먼저 제안하고 구현했습니다."),
    ("| 지표 | 값 |\n|---|---|\n| 오류율 | 0.02% |", "오류율 | 0.02%"),
    ("회사 | 자리\n---|---\n다라소프트 | 서버", "다라소프트 | 서버"),
    ("<p>배송 추적을 <b>1초</b>마다</p>", "배송 추적을 1초마다"),
    ("```sh\nmake deploy\n```", "make deploy"),
    ("- 복잡도를 $O(n)$으로", "복잡도를 O(n)으로"),
    ("- https://a.kr/주문-서버 참고", "https://a.kr/주문-서버 참고"),
    ("> 인용한 후기 한 줄", "인용한 후기 한 줄"),
    ("**바사테크** | 리드 | 2019.01 ~ 2020.12\n\n- 팀 5명을 이끎", "팀 5명을 이끎"),
    ("    들여 쓴 설명 문장", "들여 쓴 설명 문장"),
    ("- 상위 N개 추출과 N+1 제거", "상위 N개 추출과 N+1 제거"),
];
/// Blanks, and what nobody may find of them.
const BLANKS: &[(&str, &str)] = &[
    ("- 이름: [이름]", "[이름]"),
    ("- 회사: OOO", "OOO"),
    ("- 학교: ○○대학교", "○○"),
    ("- 조직: xxx", "xxx"),
    ("- 직장: {회사명}", "회사명"),
    ("- 소속: <학교명>", "학교명"),
    ("- 팀 규모: {{팀 규모}}", "{{"),
    ("- 개선: N% 향상", "N%"),
    ("- 재직: 20XX.03 ~ 20XX.05", "20XX"),
    ("- 근무: YYYY.MM ~ YYYY.MM", "YYYY"),
    ("- 전화: 010-0000-0000", "010-0000"),
    ("- 수치: (작성 필요)", "작성 필요"),
    ("[여기에 자기소개를 입력하세요]", "여기에"),
    ("| 이름 | [이름] |\n|---|---|\n| 주소 | [주소] |", "[주소]"),
];
/// What a model says to the member.
const TALK: &[(&str, &str)] = &[
    ("이력서를 작성했습니다.", "작성했습니다"),
    ("도움이 되었기를 바랍니다!", "도움이"),
    ("위 내용은 예시이므로 실제에 맞게 고쳐 쓰세요.", "예시이므로"),
    ("수정이 필요하시면 말씀해 주세요.", "말씀해"),
    ("---\n행운을 빕니다! 😊", "행운"),
    ("I hope this helps!", "hope"),
];
/// Of chat templates.
const TOKENS: &[&str] = &[
    "<|im_end|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|eot_id|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "</s>",
    "<EOS_TOKEN>",
    "<|im_end|>\n<|im_start|>user\n다음 질문",
    "<|END_OF_TURN_TOKEN|><|USER_TOKEN|>다음 질문",
    "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n다음 질문",
];
const BEGINNINGS: &[&str] = &[
    "",
    "<|im_start|>assistant\n",
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    "<s>",
    "[/INST] ",
    "<think>\n# 생각\n- 무엇을\n</think>\n",
    "<start_of_turn>model\n",
    "다음은 이력서입니다:\n\n",
    "---\ntitle: 이력서\n---\n",
    "# 이력서\n\n",
];
const HIDDEN: &[char] = &['\u{200B}', '\u{202E}', '\u{2066}', '\u{FEFF}', '\u{AD}', '\u{3164}'];
const HEADINGS: &[&str] = &["# 경력", "##경력", "**경력**", "경력\n----", "<h2>경력</h2>", "## 1. 경력", "# 💼 경력"];

/// What is seen below the basic facts; `None` where the reply is no résumé.
fn shown(reply: &str) -> Option<String> {
    let Written::Markdown(markdown) = read(Ok(Reply { text: reply.to_owned(), truncated: false })) else { return None };
    let docx = render(&Document { inputs: &inputs(), answers: &[], markdown: &markdown, created: NOW }).unwrap();
    check(&docx);
    let blocks = below_the_facts(&docx);
    Some(squeezed(&blocks.iter().map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n")))
}

proptest! {
    #[test]
    fn facts_stay_and_blanks_talk_and_tokens_go(
        beginning in select(BEGINNINGS),
        headings in proptest::collection::vec(select(HEADINGS), 3),
        facts in subsequence(FACTS, 3..10).prop_shuffle(),
        blanks in subsequence(BLANKS, 0..4).prop_shuffle(),
        talk in subsequence(TALK, 0..3).prop_shuffle(),
        end in select(TOKENS),
        fenced in any::<bool>(),
    ) {
        let mut parts: Vec<Vec<&str>> = headings.iter().map(|heading| vec![*heading]).collect();
        for (at, (text, _)) in facts.iter().chain(&blanks).enumerate() {
            parts[at % 3].push(text);
        }
        let body = parts.concat().join("\n\n") + "\n\n- 마지막 사실 하나";
        let body = if fenced { format!("````markdown\n{body}\n````") } else { body };
        let talk_text = talk.iter().map(|(text, _)| *text).collect::<Vec<_>>().join("\n\n");
        let reply = format!("{beginning}{body}\n\n{talk_text}{end}");
        let shown = shown(&reply).ok_or_else(|| TestCaseError::fail(format!("no résumé: {reply}")))?;
        for (_, fact) in facts.iter().chain([&("", "마지막 사실 하나")]) {
            prop_assert!(shown.contains(fact), "{} is not in\n{}\nof\n{}", fact, shown, reply);
        }
        for (_, unwanted) in blanks.iter().chain(&talk).chain([&("", "다음 질문"), &("", "<|"), &("", "_turn>"), &("", "생각")]) {
            prop_assert!(!shown.contains(unwanted), "{} is in\n{}\nof\n{}", unwanted, shown, reply);
        }
    }

    #[test]
    fn whatever_a_model_says_becomes_a_document_that_opens_or_none(
        pieces in proptest::collection::vec(
            prop_oneof![
                select(FACTS).prop_map(|(text, _)| text.to_owned()),
                select(BLANKS).prop_map(|(text, _)| text.to_owned()),
                select(TALK).prop_map(|(text, _)| text.to_owned()),
                select(TOKENS).prop_map(str::to_owned),
                select(BEGINNINGS).prop_map(str::to_owned),
                select(HEADINGS).prop_map(str::to_owned),
                select(HIDDEN).prop_map(String::from),
                r"(\PC|[\n\r\t #*_`~|<>\[\](){}:.=OX$-]|</?(b|div|ul|li|table|tr|td|h2|p|br|script|a href=.x.)>|```|~~~|\|---\||\n\n|\n- |\*\*){0,12}",
            ],
            0..14,
        ),
        between in select(&["\n", "\n\n", "", " "][..]),
    ) {
        let reply = pieces.join(between);
        if let Some(shown) = shown(&reply) {
            prop_assert!(!shown.contains(HIDDEN), "{}", shown);
            for token in ["<|im_end|>", "<|END_OF_TURN_TOKEN|>", "<|eot_id|>", "<end_of_turn>"] {
                prop_assert!(!shown.contains(token), "{}\nof\n{}", shown, reply);
            }
        }
    }
}
