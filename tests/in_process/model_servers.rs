//! What model servers answer, and what members and operators are told then: `tests/cases/d-model-servers.jsonl` has what was
//! reported, `tests/cases/d-siblings.jsonl` its siblings. Their HTTP is real, and so is all of the worker but its broker.
//! `CASE=d010 cargo test …` tries those alone whose ids begin so.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use ssammu_worker::events::record::{Record, RequestKind};
use ssammu_worker::llm::failover::{Failover, Patience};
use ssammu_worker::llm::vllm::{Vllm, VllmSettings};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::doubles::model_server::{ModelServer, Said, Server};
use crate::doubles::producer::Sent;
use crate::interview::init;
use crate::stage::{Shared, feedback, record, work};

const FILES: [&str; 2] = [include_str!("../cases/d-model-servers.jsonl"), include_str!("../cases/d-siblings.jsonl")];
const MEMBER: i64 = 7;

#[derive(Deserialize)]
struct Case {
    id: String,
    given: Given,
    want: Want,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    flow: Kind,
    replies: Vec<Said>,
    #[serde(default)]
    server: Server,
    #[serde(default)]
    env: Env,
    deadline: Option<String>,
    /// How long to wait for the outcome: for whoever tries a program from outside.
    #[serde(rename = "limit_s")]
    _limit: Option<u64>,
    then: Option<Then>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Env {
    #[serde(rename = "VLLM_URL")]
    vllm_url: Option<String>,
    #[serde(rename = "MODEL_NAME")]
    model_name: Option<String>,
}

#[derive(Deserialize)]
struct Then {
    flow: Kind,
    replies: Vec<Said>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Feedback,
    Question,
}

impl Kind {
    /// The request of another member each.
    fn request(self, offset: i64) -> Record {
        let member = MEMBER + offset;
        match self {
            Self::Feedback => record(RequestKind::FeedbackRequested, offset, &feedback(member, "연결을 맺습니다.")),
            Self::Question => record(RequestKind::ResumeInit, offset, &init(member)),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Want {
    feedback: Option<String>,
    question: Option<String>,
    has: Vec<String>,
    lacks: Vec<String>,
    code: Option<String>,
    calls: Option<Calls>,
    asked: Option<Vec<String>>,
    shorter: bool,
    /// Words of which the operator is told: alternatives with `|` between them.
    said: Vec<String>,
    /// Fields that no call had after the first so many of all.
    settled_after: Option<(usize, Vec<String>)>,
    first: Option<Box<Want>>,
    any: Vec<Want>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Calls {
    Exactly(usize),
    FromTo(usize, usize),
}

/// What came of a request.
struct Came {
    outcome: Value,
    calls: Vec<(Value, usize)>,
    said: String,
}

#[tokio::test]
async fn whatever_a_model_server_answers_members_and_operators_are_told_what_it_means() {
    let lines = FILES.iter().flat_map(|file| file.lines());
    let cases: Vec<Case> = lines.map(|line| serde_json::from_str(line).expect(line)).collect();
    let only = std::env::var("CASE").ok();
    let chosen = cases.iter().filter(|case| only.as_ref().is_none_or(|only| case.id.starts_with(only)));
    let wrong: Vec<String> = join_all(chosen.map(tried)).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What is wrong with a case.
async fn tried(case: &Case) -> Option<String> {
    let given = &case.given;
    let server = ModelServer::start(given.server.clone(), given.replies.clone()).await;
    let address = server.url.as_str().trim_end_matches('/');
    let url = given
        .env
        .vllm_url
        .as_ref()
        .map_or(server.url.clone(), |url| Url::parse(&url.replace("{model}", address)).unwrap());
    let name = given.env.model_name.as_deref().unwrap_or("aya").to_owned();
    let vllm = Vllm::new(VllmSettings { url, model: Some(name), api_key: None, through_proxy: false }).unwrap();
    let model = Arc::new(Failover::new(Arc::new(vllm), None, Patience::default(), Arc::new(())));
    let deadline =
        given.deadline.as_deref().map_or(Duration::from_secs(20), |text| humantime::parse_duration(text).unwrap());
    let shared = Shared::new();
    let worker = shared.worker_with(model.clone(), 1, deadline);
    let asked = async {
        work(&worker, given.flow.request(0)).await;
        let first = came(&shared, &server, 0, &model).await;
        let Some(then) = &given.then else { return (first, None) };
        server.says(then.replies.clone());
        work(&worker, then.flow.request(1)).await;
        let second = came(&shared, &server, first.calls.len(), &model).await;
        (second, Some(first))
    };
    let limit = deadline * 2 + Duration::from_secs(20);
    let result = tokio::select! {
        result = timeout(limit, asked) => result.ok(),
        () = model.probe_forever() => None,
    };
    let Some((last, first)) = result else { return Some(format!("{}: nothing came", case.id)) };
    let wrong = case.want.wrong(&last).or_else(|| case.want.first.as_ref()?.wrong(first.as_ref()?));
    wrong.map(|wrong| format!("{}: {wrong}", case.id))
}

async fn came(shared: &Shared, server: &ModelServer, before: usize, model: &Failover) -> Came {
    let outcomes: Vec<Sent> = shared.producer.sent().into_iter().filter(|sent| !sent.is_dead_letter()).collect();
    let outcome = outcomes.last().map(Sent::json).unwrap_or_default();
    let calls = server.chats().split_off(before).into_iter().map(|chat| (chat.body, chat.bytes)).collect();
    let check = model.check(Instant::now() + Duration::from_secs(5)).await;
    Came { outcome, calls, said: check.err().map_or_else(String::new, |error| error.to_string()) }
}

impl Want {
    /// What is not as it should be.
    fn wrong(&self, came: &Came) -> Option<String> {
        let text = |name: &str| came.outcome[name].as_str().map(squeezed);
        let shown = text("feedback").or_else(|| text("question")).unwrap_or_default();
        let calls = came.calls.len();
        let lengths = came.calls.iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>();
        let models: Vec<&str> = came.calls.iter().filter_map(|(body, _)| body["model"].as_str()).collect();
        let checks = [
            ("feedback", self.feedback.as_ref().is_none_or(|wanted| text("feedback") == Some(squeezed(wanted)))),
            ("question", self.question.as_ref().is_none_or(|wanted| text("question") == Some(squeezed(wanted)))),
            ("has", self.has.iter().all(|wanted| shown.contains(&squeezed(wanted)))),
            ("lacks", !self.lacks.iter().any(|unwanted| shown.contains(unwanted.as_str()))),
            ("code", self.code.as_ref().is_none_or(|wanted| text("code").as_ref() == Some(wanted))),
            ("calls", self.calls.as_ref().is_none_or(|wanted| wanted.hold(calls))),
            (
                "asked",
                self.asked.as_ref().is_none_or(|wanted| models.iter().all(|asked| wanted.iter().any(|it| it == asked))),
            ),
            ("shorter", !self.shorter || matches!(lengths[..], [first, second, ..] if second * 10 < first * 9)),
            ("said", self.said.iter().all(|words| words.split('|').any(|word| came.said.contains(word)))),
            (
                "settled_after",
                self.settled_after.as_ref().is_none_or(|(first, fields)| {
                    let later = came.calls.iter().skip(*first);
                    later.clone().count() > 0
                        && later.clone().all(|(body, _)| fields.iter().all(|field| body.get(field).is_none()))
                }),
            ),
            ("any", self.any.is_empty() || self.any.iter().any(|wanted| wanted.wrong(came).is_none())),
        ];
        let (wanted, _) = checks.into_iter().find(|(_, is_met)| !is_met)?;
        Some(format!("{wanted}: {} after {calls} calls, said {:?}", came.outcome, came.said))
    }
}

impl Calls {
    fn hold(&self, calls: usize) -> bool {
        match self {
            Self::Exactly(wanted) => calls == *wanted,
            Self::FromTo(from, to) => (*from..=*to).contains(&calls),
        }
    }
}

fn squeezed(text: impl AsRef<str>) -> String {
    text.as_ref().split_whitespace().collect::<Vec<_>>().join(" ")
}
