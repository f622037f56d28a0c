//! Cases: what real models say, and what a member should read of it. `tests/cases/README.md` says what the words mean.

use serde::Deserialize;
use serde_json::Value;

use super::tokens;

const FILES: [&str; 2] =
    [include_str!("../../../tests/cases/a-model-text.jsonl"), include_str!("../../../tests/cases/a-siblings.jsonl")];

/// What models write, and what surrounds it, in pieces: for texts that nobody would think of.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "좋습니다", "핵심을 짚었습니다", "왜 그런가요", "맡으셨나요", "알려 주세요", "부탁드립니다", "부족함", "예시를 더하면 ", "다음은 ", "네", "라는 ", "을 ", "는 ",
    "보다 ", " 토큰", "없음", "It is slow", "Add one", "Kafka", "Node.js", "3.5", "2021. 5. 27. ", "e.g. ", "vs. ", "etc. ", "Step 1. ", "II. ", "가. ",
    ".", ". ", ".", ". ", "?", "? ", "!", "! ", "…", "。", "\"", "“", "”", "'", "(", ")", "[", "]", "{", "}", "<", ">", ":", ": ", ",", ", ", "~", " ",
    " ", "\n", "\n", "\n\n", "\r\n", "\t", "\\", "\\n", "\\_", "\\(", "\\)", "$", "$n$", "$O(n \\log n)$", "**", "**", "*", "__", "_", "~~", "==", "`", "```",
    "```json\n", "# ", "### ", "- ", "1. ", "> ", "| ", "---\n", "[1]", "[^1]", "【4†source】", "](https://a.kr)", "<br>", "<b>", "</b>", "<p>", "<li>",
    "<sup>", "</sup>", "<div>", "&lt;", "&amp;", "&gt;", "&nbsp;", "&#39;", "🙂", "✨", "👨\u{200D}💻", "❤\u{FE0F}", "1\u{FE0F}\u{20E3} ", ":)", "^^", "ㅋㅋ", "ㅎ",
    "\u{200B}", "\u{200D}", "\u{202E}", "\u{3164}", "\u{0}", "\u{E200}", "\u{E201}", "▁", "Ċ", "Ġ", "<|", "|>", "<｜", "[|", "|]", "<|im_", "</", "user", "assistant",
    "model", "\nuser\n", "\nassistant\n", "analysis", "assistantfinal", "final", "피드백", "피드백: ", "[피드백]", "질문: ", "답변: ", "면접관: ", "지원자: ", "Q: ", "Human: ",
    "### Instruction:\n", "### Response:\n", "<질문>", "</질문>", "<답변>", "</답변>", "{\"feedback\": \"", "{'feedback': '", "\"}", "'}", "{\"enough\": false, ",
    "\"enough\": true", "\"question\": \"", "question: ", "{\"error\": ", "null", "True", "// ", "/* ", "*/", "Connection refused", "Error: ", "죄송합니다. ",
    "수 없습니다. ", "감사합니다. ", "화이팅!", "무엇을 도와드릴까요? ", "你好世界", "это ответ", "Sure! ", "다시 시도해 주세요. ", "하하하하하하", "a a a a a a a ",
];

/// What of all that is worth reading.
const SENTENCES: &[&str] = &[
    "핵심을 짚었습니다. ",
    "예시를 더하세요",
    "왜 그런가요? ",
    "Kafka에서 어떤 역할을 맡으셨나요?",
    "TCP는 v1.2보다 3.5배 느립니다.",
    "성과를 알려 주세요.\n",
    "설명이 부족함\n",
    "좋은 답변이네요! ",
];

/// Texts of such pieces and of the tokens of every family: a thousand, from the seed 1, unless `SSAMMU_PROPERTY_CASES` and
/// `SSAMMU_PROPERTY_SEED` say otherwise. Ten million take an hour of one processor, in a release build.
pub fn mixtures() -> impl Iterator<Item = String> {
    let number = |name, usual| std::env::var(name).map_or(usual, |value| value.parse().expect("a number"));
    let (cases, mut seed) = (number("SSAMMU_PROPERTY_CASES", 1_000), number("SSAMMU_PROPERTY_SEED", 1_u64));
    let tokens = tokens::tests::spellings();
    (0..cases).map(move |_| {
        let mut dice = |sides: usize| {
            // SplitMix64.
            seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            usize::try_from((z ^ (z >> 31)) >> 1).expect("63 bits") % sides
        };
        let pieces = 1 + dice(24);
        let piece = |_| match dice(16) {
            0 | 1 => tokens[dice(tokens.len())],
            2..=7 => SENTENCES[dice(SENTENCES.len())],
            _ => PIECES[dice(PIECES.len())],
        };
        (0..pieces).map(piece).collect()
    })
}

#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    pub id: String,
    given: Given,
    want: Want,
}

#[derive(Clone, Debug, Deserialize)]
struct Given {
    flow: String,
    replies: Vec<Reply>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Reply {
    Text(String),
    Finished { text: String, finish: String },
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Want {
    feedback: Option<String>,
    question: Option<String>,
    has: Vec<Choice>,
    lacks: Vec<String>,
    calls: Option<Calls>,
    // Of résumés; what the document looks like is for the document's own tests.
    body: Vec<(String, String)>,
    degraded: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Choice {
    One(String),
    Any(Vec<String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Calls {
    Exactly(usize),
    FromTo(usize, usize),
}

/// Tries all cases of `flow` with `read`, which is given a reply and whether the model ran out of room. Replies are read
/// one after the other until one is usable, as the worker does. Fails with a list of all that are not met.
pub fn hold(flow: &str, read: impl Fn(&str, bool) -> Option<String>) {
    let tried = std::env::var("CASES").map(|path| std::fs::read_to_string(path).expect("a file of cases"));
    let files: Vec<&str> = tried.as_deref().map_or(FILES.to_vec(), |tried| vec![tried]);
    let cases = files.iter().flat_map(|file| file.lines()).map(|line| serde_json::from_str::<Case>(line).expect(line));
    let cases: Vec<Case> = cases.filter(|case| case.given.flow == flow).collect();
    assert!(tried.is_ok() || !cases.is_empty(), "there are cases of {flow}");
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.wrong(&read)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// All replies in the cases of `flow`, and whether the model ran out of room.
pub fn replies(flow: &str) -> Vec<(String, bool)> {
    let cases = FILES.iter().flat_map(|file| file.lines()).map(|line| serde_json::from_str::<Case>(line).expect(line));
    let replies = cases.filter(|case| case.given.flow == flow).flat_map(|case| case.given.replies);
    let reply = |reply| match reply {
        Reply::Text(text) => (text, false),
        Reply::Finished { text, finish } => (text, finish == "length"),
    };
    replies.map(reply).collect()
}

impl Case {
    fn wrong(&self, read: impl Fn(&str, bool) -> Option<String>) -> Option<String> {
        let mut calls = 0;
        let shown = self.given.replies.iter().find_map(|reply| {
            calls += 1;
            match reply {
                Reply::Text(text) => read(text, false),
                Reply::Finished { text, finish } => read(text, finish == "length"),
            }
        });
        let shown = shown.map(|text| squeezed(&text));
        let holds = shown.as_deref().is_some_and(|shown| self.want.holds(shown)) && self.want.took(calls);
        (!holds).then(|| format!("{}: {shown:?} after {calls}, wanted {:?}", self.id, self.want))
    }
}

impl Want {
    fn holds(&self, shown: &str) -> bool {
        let has = |text: &String| shown.contains(&squeezed(text));
        let whole = self.feedback.iter().chain(&self.question).all(|text| squeezed(text) == shown);
        whole
            && !self.degraded
            && !self.lacks.iter().any(has)
            && self.body.iter().all(|(_, text)| has(text))
            && self.has.iter().all(|choice| match choice {
                Choice::One(text) => has(text),
                Choice::Any(texts) => texts.iter().any(has),
            })
    }

    fn took(&self, calls: usize) -> bool {
        match self.calls {
            None => true,
            Some(Calls::Exactly(wanted)) => calls == wanted,
            Some(Calls::FromTo(from, to)) => (from..=to).contains(&calls),
        }
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_case_is_of_a_flow_that_is_tried() {
    let line = |line: &&str| serde_json::from_str::<Value>(line).is_ok_and(|case| case["given"]["flow"].is_string());
    assert!(FILES.iter().flat_map(|file| file.lines()).all(|each| line(&each)));
}
