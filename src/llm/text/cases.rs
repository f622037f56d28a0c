//! Cases: what real models say, and what a member should read of it. `tests/cases/README.md` says what the words mean.

use proptest::test_runner::{Config, RngSeed};
use serde::Deserialize;
use serde_json::Value;

const FILES: [&str; 2] =
    [include_str!("../../../tests/cases/a-model-text.jsonl"), include_str!("../../../tests/cases/a-siblings.jsonl")];

/// How many inputs a property test tries, and from which seed: a thousand of any, unless `SSAMMU_PROPERTY_CASES` and
/// `SSAMMU_PROPERTY_SEED` say otherwise (ten million take a while).
pub fn property_cases() -> Config {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let cases = number("SSAMMU_PROPERTY_CASES").map_or(1_000, |cases| u32::try_from(cases).expect("a number of cases"));
    let seed = number("SSAMMU_PROPERTY_SEED").map_or(RngSeed::Random, RngSeed::Fixed);
    Config { rng_seed: seed, failure_persistence: None, ..Config::with_cases(cases) }
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
    let cases = FILES.iter().flat_map(|file| file.lines()).map(|line| serde_json::from_str::<Case>(line).expect(line));
    let cases: Vec<Case> = cases.filter(|case| case.given.flow == flow).collect();
    assert!(!cases.is_empty(), "there are cases of {flow}");
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.wrong(&read)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
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
