//! OpenAI, or whoever speaks its API: the fallback, off unless someone turns it on. It is beyond the country's borders, so
//! numbers and addresses of members are hidden from it, and it is told to store nothing.

use async_trait::async_trait;
use tokio::time::Instant;
use url::Url;

use super::Ask;
use super::address::bases;
use super::budget::{Count, Plan, Step, next_step};
use super::chat::{ChatApi, Endpoint, room};
use super::classify::{Cause, Completion, Fault};
use super::dialect::LimitField;
use super::heard::Heard;
use super::masking::masked;
use super::model_info::ModelList;
use super::naming::{Naming, Trouble};
use super::transport::{SetupError, Transport};

/// Where OpenAI is.
pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
/// What is asked of it.
pub const DEFAULT_MODEL: &str = "gpt-4o-mini";
/// Tokens that prompt and reply share. The API does not tell; the models since GPT-4o have this many or more.
const CONTEXT: u32 = 128_000;

/// How to reach OpenAI.
#[derive(Clone)]
pub struct OpenAiSettings {
    /// With its `/v1`.
    pub base_url: Url,
    pub model: String,
    pub api_key: Option<String>,
}

/// OpenAI's chat API.
#[derive(Debug)]
pub struct OpenAi {
    api: ChatApi,
    model: String,
    naming: Naming,
}

impl OpenAi {
    /// A client; nothing is sent yet.
    pub fn new(settings: OpenAiSettings) -> Result<Self, SetupError> {
        // Whoever names the base has most likely named all of it.
        let mut bases = bases(&settings.base_url);
        bases.sort_by_key(|base| base.path().len());
        // Whoever is beyond the country's borders is often beyond a proxy, too.
        let transport = Transport::new(&settings.base_url, settings.api_key.as_deref(), true)?;
        let api = ChatApi::new(bases, transport, LimitField::MaxCompletionTokens).storing_nothing();
        Ok(Self { api, model: settings.model, naming: Naming::default() })
    }
}

#[async_trait]
impl Endpoint for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    async fn call(&self, ask: &Ask, limit: Instant, heard: Option<&Heard<'_>>) -> Result<Completion, Fault> {
        let (ask, masks) = masked(ask);
        let ask = ask.as_ref();
        if let (Some(heard), Some(masks)) = (heard, &masks) {
            heard.puts_back(masks.clone());
        }
        let counts: Vec<Count> = ask.prompts.iter().map(|prompt| Count::Settled(prompt.estimate())).collect();
        let mut overflowed: Option<Plan> = None;
        while let Step::Send(plan) = next_step(room(ask, CONTEXT), &counts, overflowed) {
            let result = self.api.complete(&self.model, ask, plan, limit, heard).await;
            self.naming.learn(&self.model, &result);
            match result {
                Err(fault) if fault.cause == Cause::Overflow => overflowed = Some(plan),
                Ok(completion) => {
                    let text = masks.map_or_else(|| completion.text.clone(), |masks| masks.whole(&completion.text));
                    return Ok(Completion { text, ..completion });
                }
                fault => return fault,
            }
        }
        Err(Fault::transport(Cause::Overflow))
    }

    async fn check(&self, limit: Instant) -> Result<(), Trouble> {
        let answer = self.api.models(limit).await;
        self.naming.judge(Some(&self.model), answer.and_then(|answer| ModelList::answered(&answer)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fake_http::{FakeServer, Reaction};
    use crate::llm::vllm::tests::{models, said};
    use crate::llm::{Preamble, Prompt, Role};

    const OVERFLOW: &str = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;

    fn client(server: &FakeServer) -> OpenAi {
        let base_url = server.url.join("/proxy/v1").unwrap();
        let (model, api_key) = (DEFAULT_MODEL.to_owned(), Some("sk-1".to_owned()));
        OpenAi::new(OpenAiSettings { base_url, model, api_key }).unwrap()
    }

    fn ask() -> Ask {
        let prompt = |preamble| Prompt { preamble, text: "질문".into() };
        Ask {
            flow: None,
            prompts: vec![prompt(Preamble::kept([(Role::System, "예시")])), prompt(Preamble::kept([]))],
            temperature: 0.7,
            max_tokens: 512,
            min_tokens: 128,
            schema: None,
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn one_call_below_the_base_address_is_all_it_takes() {
        let server = FakeServer::new(|_, _| said("네.")).await;
        assert_eq!(client(&server).call(&ask(), soon(), None).await.unwrap().text, "네.");
        let got = server.got("/proxy/v1/chat/completions");
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].body["model"], DEFAULT_MODEL);
        assert_eq!(got[0].body["max_completion_tokens"], 512);
        assert!(got[0].headers.contains(&("authorization".to_owned(), "Bearer sk-1".to_owned())));
    }

    #[tokio::test]
    async fn members_numbers_and_addresses_do_not_leave_and_are_in_the_reply_all_the_same() {
        let server =
            FakeServer::new(|_, _| said("[전화번호]와 [전화번호 2], [이메일], [주민등록번호]를 보았습니다.")).await;
        let text = "010-1234-5678, +82 2-123-4567, hong@example.kr, 990101-1234567, 또 010-1234-5678";
        let prompts = ask().prompts.into_iter().map(|prompt| Prompt { text: text.into(), ..prompt }).collect();
        let reply = client(&server).call(&Ask { prompts, ..ask() }, soon(), None).await.unwrap().text;
        assert_eq!(reply, "010-1234-5678와 +82 2-123-4567, hong@example.kr, 주민등록번호를 보았습니다.");
        let body = &server.got("/proxy/v1/chat/completions")[0].body;
        let sent = "[전화번호], [전화번호 2], [이메일], [주민등록번호], 또 [전화번호]";
        assert_eq!(body["messages"][1]["content"], sent);
        assert_eq!(body["store"], false);
    }

    #[tokio::test]
    async fn who_knows_nothing_of_storing_is_asked_without() {
        let refusal =
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted"}]}"#;
        let server = FakeServer::new(|_, before| match before {
            0 => Reaction::Answer(422, refusal.to_owned()),
            _ => said("네."),
        })
        .await;
        let openai = client(&server);
        for _ in 0..2 {
            assert_eq!(openai.call(&ask(), soon(), None).await.unwrap().text, "네.");
        }
        let got = server.got("/proxy/v1/chat/completions");
        let stores: Vec<bool> = got.iter().map(|got| got.body.get("store").is_some()).collect();
        assert_eq!(stores, [true, false, false]);
    }

    #[tokio::test]
    async fn a_prompt_that_it_finds_too_long_gets_briefer() {
        let server = FakeServer::new(|_, before| match before {
            0 => Reaction::Answer(400, OVERFLOW.to_owned()),
            _ => said("네."),
        })
        .await;
        client(&server).call(&ask(), soon(), None).await.unwrap();
        assert_eq!(server.got("/proxy/v1/chat/completions")[1].body["messages"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_check_asks_for_the_models_and_tells_a_wrong_name_and_a_wrong_key() {
        let server = FakeServer::new(|_, before| match before {
            0 => Reaction::Answer(200, models(DEFAULT_MODEL)),
            1 => Reaction::Answer(200, models("gpt-9")),
            _ => Reaction::Answer(401, r#"{"error":{"code":"invalid_api_key"}}"#.to_owned()),
        })
        .await;
        let openai = client(&server);
        assert_eq!(openai.check(soon()).await, Ok(()));
        assert_eq!(
            openai.check(soon()).await.unwrap_err().to_string(),
            "the server does not list the model `gpt-4o-mini`; it lists `gpt-9`"
        );
        assert_eq!(openai.check(soon()).await.unwrap_err().cause, Cause::Denied);
        assert_eq!(server.got("/proxy/v1/models").len(), 3);
    }
}
