//! Which answer a call gets.

use std::collections::VecDeque;

use serde_json::Value;

use crate::kit::model::{Answer, Kind, messages, prompt};

/// What a good model says about an interview answer.
pub const FEEDBACK: &str = "핵심 개념을 잘 짚으셨습니다. 다만 연결 설정 과정과 흐름 제어에 대한 설명이 빠져 있어요. \
    3-way handshake와 재전송 방식을 예로 들면 답변이 훨씬 탄탄해집니다.";

/// What a good model writes at last.
pub const RESUME: &str = "# 지원자 소개\n\n꾸준히 성장하는 **백엔드** 개발자입니다.\n\n## 주요 프로젝트\n\n\
    - 주문 이벤트를 *Kafka*로 처리\n  - 처리 지연을 줄임\n- 결제 모듈 개선\n\n1. 설계\n2. 구현\n\n\
    | 기술 | 수준 |\n| --- | --- |\n| Rust | 능숙 |\n\n### 링크\n\n[저장소](https://example.com/repo)\n";

/// The answers to come, and what the server is like.
pub struct Script {
    pub queue: VecDeque<Answer>,
    pub always: Option<Answer>,
    pub to_probes: Option<Answer>,
    pub marked: Vec<(String, VecDeque<Answer>)>,
    pub kinds: Vec<(Kind, VecDeque<Answer>)>,
    pub context: u64,
    pub tokenizes: bool,
    /// The one model that it serves; without it whatever it is asked for, as a server with aliases does.
    pub serves: Option<String>,
    /// Fields that it does not know.
    pub refused: Vec<String>,
    /// The answer to the question for its models, where that is not the usual one.
    pub list: Option<Answer>,
    questions: u32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            always: None,
            to_probes: None,
            marked: Vec::new(),
            kinds: Vec::new(),
            context: 4096,
            tokenizes: true,
            serves: None,
            refused: Vec::new(),
            list: None,
            questions: 0,
        }
    }
}

impl Script {
    /// What it lists.
    pub fn models(&self) -> Answer {
        let id = self.serves.as_deref().unwrap_or("/model");
        self.list.clone().unwrap_or_else(|| Answer::models(id, self.context))
    }

    /// The answer to a probe, which takes nothing from the script: what every call gets, gets a probe as well.
    pub fn answer_to_probe(&self, body: &Value) -> Answer {
        if self.serves.as_deref().is_some_and(|served| body["model"] != served) {
            return Answer::no_such_model();
        }
        self.to_probes.clone().or_else(|| self.always.clone()).unwrap_or_else(|| Answer::finished("length", "네"))
    }

    /// The answer to a chat completion; taken from the script where it has one.
    pub fn answer(&mut self, body: &Value) -> Answer {
        let text = prompt(body);
        let kind = kind(body);
        if self.serves.as_deref().is_some_and(|served| body["model"] != served) {
            return Answer::no_such_model();
        }
        let is_there =
            |field: &&String| body.get(field.as_str()).is_some_and(|value| !value.is_null() && *value != false);
        if let Some(field) = self.refused.iter().find(is_there) {
            return Answer::bad_request("BadRequestError", &format!("Unsupported parameter: '{field}'."));
        }
        let marked = self.marked.iter_mut().find(|(marker, _)| text.contains(marker.as_str()));
        if let Some(answer) = marked.and_then(|(_, answers)| in_turn(answers)) {
            return answer;
        }
        let asked = self.kinds.iter_mut().find(|(asked, _)| *asked == kind);
        if let Some(answer) = asked.and_then(|(_, answers)| in_turn(answers)) {
            return answer;
        }
        if let Some(answer) = self.queue.pop_front().or_else(|| self.always.clone()) {
            return answer;
        }
        let tokens = count_tokens(body);
        if tokens >= self.context {
            return Answer::prompt_too_long(self.context, tokens);
        }
        if let Some(wanted) = body["max_tokens"].as_u64().filter(|wanted| *wanted > self.context) {
            return Answer::max_tokens_too_large(self.context, wanted);
        }
        match kind {
            Kind::Feedback => Answer::text(FEEDBACK),
            Kind::Resume => Answer::text(RESUME),
            Kind::Question => {
                self.questions += 1;
                Answer::question(&format!(
                    "{}번째로 묻습니다. 그 일에서 직접 맡은 부분은 무엇이었나요?",
                    self.questions
                ))
            }
        }
    }
}

/// The next answer; the last one stays.
fn in_turn(answers: &mut VecDeque<Answer>) -> Option<Answer> {
    if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
}

/// Whether it asks for nothing but a sign of life.
pub fn is_probe(body: &Value) -> bool {
    ["max_tokens", "max_completion_tokens"].iter().any(|field| body[field] == 1)
}

/// What a call is for. Questions are asked for with a schema; feedback and résumés differ by their instructions.
pub fn kind(body: &Value) -> Kind {
    let system = messages(body).filter(|message| message["role"] == "system");
    let instructions: String = system.filter_map(|message| message["content"].as_str()).collect();
    match body["response_format"]["type"].as_str() {
        Some("json_schema") => Kind::Question,
        _ if instructions.contains("이력서") => Kind::Resume,
        _ => Kind::Feedback,
    }
}

/// As many tokens as a Korean tokenizer would find, roughly: two for three characters.
pub fn count_tokens(body: &Value) -> u64 {
    let count = match body["prompt"].as_str() {
        Some(text) => text.chars().count(),
        None => {
            messages(body).filter_map(|message| message["content"].as_str()).map(|text| text.chars().count() + 6).sum()
        }
    };
    count as u64 * 2 / 3
}
