use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::feedback::reply::tests::pieces;
use crate::llm::text::cases;
use crate::llm::text::tokens::{Part, TABLE};

const SENTENCES: [&str; 4] = [
    "핵심을 정확히 파악한 답변입니다.",
    "다만 3-way handshake가 왜 필요한지는 나오지 않았습니다.",
    "HTTP/1.1과 HTTP/2의 차이를 예로 들어 보세요.",
    "\"연결 지향\"이라는 말의 뜻(순서, 재전송 등)을 덧붙이면 좋습니다.",
];

/// What is shown of `text` when it comes in pieces of so many characters.
fn shown(text: &str, mut piece: impl FnMut() -> usize) -> Vec<String> {
    let mut written = Written::new();
    let mut shown = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(piece().max(1)).map_or(rest.len(), |(at, _)| at);
        let (more, after) = rest.split_at(end);
        written.push(more);
        shown.extend(written.more().map(str::to_owned));
        rest = after;
    }
    shown
}

/// What of `shown` is not how `read` has it.
fn taken_back<'a>(shown: &'a [String], text: &str, truncated: bool) -> Option<&'a String> {
    let whole = reply::read(text, truncated).unwrap_or_default();
    shown
        .iter()
        .find(|shown| !whole.strip_prefix(shown.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// Whether one of the late facts of the module's list is in `text`.
fn has_late_fact(text: &str) -> bool {
    let text = crate::llm::text::visible(text).to_lowercase();
    let of = |wanted: &[Part]| -> Vec<&str> {
        TABLE.iter().filter(|(part, _)| wanted.contains(part)).flat_map(|(_, tokens)| tokens.split(' ')).collect()
    };
    of(&[Part::ThoughtClose, Part::ReplyOpen]).iter().any(|mark| text.contains(&mark.to_lowercase()))
        || ["assistantfinal", "</질문>", "</답변>", "</지원자정보>", "feedback\":", "feedback':"]
            .iter()
            .any(|mark| text.contains(mark))
}

fn stays(text: &str, steps: &[String]) -> Result<(), TestCaseError> {
    prop_assert!(steps.is_sorted_by(|a, b| b.len() > a.len() && b.starts_with(a)));
    for truncated in [false, true] {
        prop_assert_eq!(taken_back(steps, text, truncated), None, "{:?} {}", text, truncated);
    }
    Ok(())
}

#[test]
fn a_sentence_is_shown_while_the_next_one_is_written() {
    let text = SENTENCES.join(" ");
    let mut written = Written::new();
    let mut seen = Vec::new();
    for (at, c) in text.char_indices() {
        written.push(c.encode_utf8(&mut [0; 4]));
        if let Some(more) = written.more() {
            seen.push((more.to_owned(), at));
        }
    }
    let [first, second, third] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(first.0, SENTENCES[0]);
    assert_eq!(second.0, SENTENCES[..2].join(" "));
    assert_eq!(third.0, SENTENCES[..3].join(" "));
    assert!(first.1 <= first.0.len() + " 다만 3-way".len());
}

#[test]
fn lists_labels_and_announcements_are_read_as_the_whole_reader_does() {
    let text = "네, 알겠습니다.\n\n**피드백:**\n\n1. **핵심 파악**: 핵심을 파악했습니다\n2. **부족한 점**\n   예시가 **전혀** 없습니다.\n\n### 총평\n수치를 더하세요. 좋습니다.";
    let steps = shown(text, || 1);
    assert_eq!(steps.first().map(String::as_str), Some("핵심 파악: 핵심을 파악했습니다."));
    assert_eq!(
        steps.last().map(String::as_str),
        Some("핵심 파악: 핵심을 파악했습니다. 예시가 전혀 없습니다. 수치를 더하세요.")
    );
    assert_eq!(taken_back(&steps, text, false), None);
}

#[test]
fn what_may_become_something_else_is_held_back() {
    let text = SENTENCES.join(" ");
    for held in [
        format!("\"{text}"),
        format!("```\n{text}"),
        format!("[\"{text}"),
        format!("<{text}"),
        format!("*{text}"),
        format!("(참고: {text}"),
        format!("<b>{text}"),
        format!("생각: {text}"),
        format!("<think>{text}"),
        format!("질문: TCP란? {text}"),
        format!("Okay, let me write it in Korean. {text}"),
        format!("음, 사용자의 답변은 짧습니다. {text}"),
        format!("먼저 답변을 살펴보자. {text}"),
        "죄송합니다. 다른 질문을 준비해 주시면 좋겠습니다. 요청하신 내용은".to_owned(),
        "Error: 요청을 처리하지 못했습니다. 잠시 후 다시".to_owned(),
        "Add an example, please. It is right. Good.".to_owned(),
    ] {
        assert!(shown(&held, || 1).is_empty(), "{held}");
    }
}

#[test]
fn json_that_names_the_feedback_is_read_while_it_is_written() {
    let text = serde_json::json!({"score": 3, "feedback": SENTENCES.join(" ")}).to_string();
    let steps = shown(&text, || 1);
    assert_eq!(steps.first().map(String::as_str), Some(SENTENCES[0]));
    assert_eq!(taken_back(&steps, &text, false), None);
}

#[test]
fn what_was_shown_is_not_taken_back_when_the_reply_disagrees() {
    let text = format!("{}</think>\n{}", SENTENCES.join(" "), SENTENCES[2..].join(" "));
    let steps = shown(&text, || 1);
    assert_eq!(steps.last(), Some(&SENTENCES[..3].join(" ")));
    assert!(taken_back(&steps, &text, false).is_some());
}

#[test]
fn a_model_that_ends_thoughts_without_having_begun_them_is_waited_for() {
    let habit = Arc::new(Habit::default());
    let steps = |text: &str| {
        let mut written = Written::by(habit.clone());
        let mut steps = Vec::new();
        for c in text.chars() {
            written.push(c.encode_utf8(&mut [0; 4]));
            steps.extend(written.more().map(str::to_owned));
        }
        written.ends();
        steps
    };
    let thinks = format!("{}</think>\n{}", SENTENCES[..2].join(" "), SENTENCES[2..].join(" "));
    let speaks = SENTENCES.join(" ");
    assert_eq!(steps(&speaks).len(), 3);
    assert_eq!(steps(&thinks), [SENTENCES[0]]);
    Written::by(habit.clone()).ends();
    assert_eq!(steps(&thinks), [SENTENCES[2]], "a reply of which nothing was heard says nothing");
    assert_eq!(steps(&speaks), [""; 0]);
    assert_eq!(steps(&speaks).len(), 3);
}

#[test]
fn what_is_shown_stays_for_any_mixture_of_what_models_write() {
    let (mut texts, mut some, mut wrong, mut late) = (0, 0, Vec::new(), 0);
    for text in cases::mixtures() {
        texts += 1;
        let mut size = texts;
        let steps = shown(&text, || {
            size = (size * 7 + 3) % 11;
            size % 4
        });
        some += usize::from(!steps.is_empty());
        if stays(&text, &steps).is_err() {
            if has_late_fact(&text) {
                late += 1;
            } else {
                wrong.push(text);
            }
        }
    }
    println!("{texts} texts, {some} shown, {late} taken back by a late fact, {} without one", wrong.len());
    assert!(some > texts / 4 && wrong.len() * 1_000 <= some, "{wrong:#?}");
}

/// How many characters a token has: some 2.2 in Korean, of today's models.
const TOKEN: usize = 2;

/// What is shown of a reply whose tokens come one by one, and read when it is due.
struct Figures {
    name: &'static str,
    replies: usize,
    shown: usize,
    taken_back: usize,
    /// Where the first sentence was shown, as a share of the whole reply; of replies of three sentences or more.
    first: Vec<f64>,
    readings: usize,
    /// What the readings took, and what one of each whole reply takes.
    took: Duration,
    whole: Duration,
}

impl Figures {
    fn of(name: &'static str, replies: impl IntoIterator<Item = (String, bool)>) -> Self {
        let mut of = Self {
            name,
            replies: 0,
            shown: 0,
            taken_back: 0,
            first: Vec::new(),
            readings: 0,
            took: Duration::ZERO,
            whole: Duration::ZERO,
        };
        for (reply, truncated) in replies {
            of.add(&reply, truncated);
        }
        of
    }

    fn add(&mut self, reply: &str, truncated: bool) {
        self.replies += 1;
        let began = Instant::now();
        let whole = reply::read(reply, truncated).unwrap_or_default();
        self.whole += began.elapsed();
        let chars: Vec<char> = reply.chars().collect();
        let mut written = Written::new();
        let mut steps: Vec<String> = Vec::new();
        let mut first = None;
        for (at, token) in chars.chunks(TOKEN).enumerate() {
            written.push(&token.iter().collect::<String>());
            let began = Instant::now();
            let more = written.more();
            self.took += began.elapsed();
            if let Some(more) = more {
                steps.push(more.to_owned());
                first.get_or_insert((at + 1) * TOKEN);
            }
        }
        self.readings += written.readings;
        self.shown += usize::from(!steps.is_empty());
        if let Some(taken_back) = taken_back(&steps, reply, truncated) {
            self.taken_back += 1;
            println!("taken back: {taken_back:?} of {reply:?}");
        }
        if crate::llm::text::sentence::split(&whole, false).len() >= 3 {
            self.first.push(first.map_or(1.0, |first| first as f64 / chars.len() as f64));
        }
    }

    fn print(mut self) {
        self.first.sort_by(f64::total_cmp);
        let part = |part: f64| self.first.get((self.first.len() as f64 * part) as usize).copied().unwrap_or_default();
        let mean = self.first.iter().sum::<f64>() / self.first.len().max(1) as f64;
        println!(
            "{}: {} replies, {} shown before their end, {} taken back; first sentence at {:.2} of the reply on average, {:.2} median, {:.2} p90; {:.1} readings a reply, which take {:.1} times what the whole one takes",
            self.name,
            self.replies,
            self.shown,
            self.taken_back,
            mean,
            part(0.5),
            part(0.9),
            self.readings as f64 / self.replies as f64,
            self.took.as_secs_f64() / self.whole.as_secs_f64()
        );
    }
}

/// The figures in `docs/measured.md`. `REPLIES` is a file of real replies, one JSON object a line with `reply` and `truncated`.
#[test]
#[ignore = "it prints figures: cargo test --lib figures -- --ignored --nocapture"]
fn figures() {
    let field = |line: &str, name: &str| serde_json::from_str::<serde_json::Value>(line).expect(line)[name].clone();
    let reply = |line: &str, name: &str| {
        (
            field(line, name).as_str().unwrap_or_default().to_owned(),
            field(line, "truncated").as_bool().unwrap_or_default(),
        )
    };
    Figures::of("cases", cases::replies("feedback")).print();
    let judged = include_str!("../../../tests/eval/judged.jsonl");
    Figures::of("judged", judged.lines().map(|line| reply(line, "feedback"))).print();
    if let Ok(file) = std::env::var("REPLIES") {
        let real = std::fs::read_to_string(file).expect("a file of replies");
        let feedback = real.lines().filter(|line| field(line, "kind") == "feedback");
        Figures::of("real", feedback.map(|line| reply(line, "reply"))).print();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_shown_stays_for_any_reply(text in pieces(), sizes in prop::collection::vec(1_usize..9, 1..20)) {
        prop_assume!(!has_late_fact(&text));
        let mut sizes = sizes.into_iter().cycle();
        stays(&text, &shown(&text, || sizes.next().unwrap_or(1)))?;
    }
}
