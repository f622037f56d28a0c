//! An error as a server tells it, in any of the forms that servers use: OpenAI's and vLLM's nested object (its code a text or
//! a number), old vLLM's flat one, FastAPI's `detail`, a list of one, a bare text, or a proxy's page.
//!
//! A code says what it means in any language. Wordings are for servers that have none; they are looked for in the beginning
//! of a message, as what comes later may quote what a member wrote.

use serde_json::Value;

use super::Cause;
use crate::llm::body;

/// Characters of a message that are looked at.
const BEGINNING: usize = 400;

/// What a server tells.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The API itself speaks, not a framework or a proxy.
    pub structured: bool,
    pub code: String,
    pub kind: String,
    /// The field that it is about.
    pub param: String,
    /// The beginning of it, in lower case.
    pub message: String,
    /// Some form of `unsupported` stands in it: it is about a field, and not about its value.
    is_unsupported: bool,
}

impl Told {
    /// Reads an error's body.
    pub fn read(body: &[u8]) -> Self {
        match body::json(body) {
            Some(json) => Self::of(&json),
            None => Self { message: beginning(&String::from_utf8_lossy(body)), ..Self::default() }.judged(),
        }
    }

    /// Reads an error's JSON.
    pub fn of(json: &Value) -> Self {
        let json = json.get(0).unwrap_or(json);
        let nested = ["error", "errors", "detail"].iter().find_map(|name| json.get(name));
        let nested = nested.map(|error| error.get(0).unwrap_or(error)).filter(|error| error.is_object());
        let error = nested.unwrap_or(json);
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let either =
            |names: &[&str]| names.iter().map(|name| text(name)).find(|text| !text.is_empty()).unwrap_or_default();
        // A proxy that passes on what another server said has that beside its own words; FastAPI names the field in `loc`.
        let raw = error.pointer("/metadata/raw").and_then(Value::as_str).unwrap_or_default();
        let place: Vec<&str> =
            error.get("loc").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let message = either(&["message", "msg", "error", "detail"]) + " " + raw;
        Self {
            structured: nested.is_some_and(|error| error.get("loc").is_none()) || json.get("message").is_some(),
            code: text("code"),
            kind: either(&["type", "error_type", "status"]),
            param: if place.is_empty() { text("param") } else { place.join(".") },
            message: beginning(message.trim()),
            is_unsupported: false,
        }
        .judged()
    }

    fn judged(mut self) -> Self {
        const WORDINGS: [&str; 12] = [
            "unsupported",
            "not supported",
            "does not support",
            "doesn't support",
            "unrecognized",
            "unknown parameter",
            "unknown field",
            "unknown name",
            "unexpected",
            "not permitted",
            "extra inputs",
            "not implemented",
        ];
        self.is_unsupported = self.says(&WORDINGS) || self.code.starts_with("unsupported");
        self
    }

    /// Whether it is about something that the server does not know, and not about a value.
    pub fn is_unsupported(&self) -> bool {
        self.is_unsupported
    }

    /// Whether one of these, in lower case, stands in its message.
    pub fn says(&self, wordings: &[&str]) -> bool {
        wordings.iter().any(|wording| self.message.contains(wording))
    }

    /// What it means, whatever the status was.
    pub fn cause(&self) -> Option<Cause> {
        if self.is_overflow() {
            Some(Cause::Overflow)
        } else if self.is_filtered() {
            Some(Cause::Filtered)
        } else if self.is_unknown_model() {
            Some(Cause::UnknownModel)
        } else if self.is_denied() {
            Some(Cause::Denied)
        } else if self.is_unknown_path() {
            Some(Cause::NotAnApi)
        } else {
            None
        }
    }

    /// The status that it names, or that its code or its type stands for.
    pub fn status(&self) -> Option<u16> {
        let named = [&self.code, &self.kind].into_iter().find_map(|text| text.parse().ok());
        named.filter(|status| (400..600).contains(status)).or_else(|| {
            [&self.code, &self.kind].into_iter().find_map(|text| match text.to_lowercase().as_str() {
                "invalid_api_key" | "authentication_error" | "unauthenticated" => Some(401),
                "permission_error" | "permission_denied" => Some(403),
                "model_not_found" | "not_found" | "not_found_error" | "notfounderror" => Some(404),
                "insufficient_quota" | "rate_limit_exceeded" | "rate_limit_error" | "resource_exhausted" => Some(429),
                "overloaded_error" | "unavailable" | "unavailable_error" => Some(503),
                "invalid_request_error" | "badrequesterror" | "invalid_argument" => Some(400),
                _ => None,
            })
        })
    }

    /// Prompt and reply do not fit, in the words of vLLM, SGLang, TGI, TensorRT-LLM, llama.cpp, LM Studio, Ollama, OpenAI,
    /// Azure, Mistral, Cohere, Gemini and Bedrock: something that is counted, and that it is too much.
    fn is_overflow(&self) -> bool {
        const CODES: [&str; 7] = [
            "context_length_exceeded",
            "string_above_max_length",
            "context_window_exceeded",
            "tokens_limit_reached",
            "exceed_context_size_error",
            "invalid_request_prompt_too_long",
            "request_too_large",
        ];
        const COUNTED: [&str; 5] = ["token", "context", "prompt", "max_model_len", "maximum model length"];
        const TOO_MUCH: [&str; 17] = [
            "exceed",
            "too long",
            "too large",
            "too many",
            "longer than",
            "larger than",
            "greater than",
            "less than",
            "at most",
            "maximum",
            "must be <=",
            "fit",
            "overflow",
            "not enough",
            "reduce the length",
            "only",
            "limit",
        ];
        const ALL: [&str; 4] =
            ["max_tokens must be at least 1", "contextwindowexceeded", "input is too long", "max_model_len"];
        let by_code = CODES.contains(&self.code.as_str()) || CODES.contains(&self.kind.as_str());
        let by_param = self.param == "input_tokens" || (self.param == "max_tokens" && self.kind == "BadRequestError");
        let by_words = self.says(&ALL) || self.says(&COUNTED) && self.says(&TOO_MUCH);
        by_code || !self.is_unsupported && !self.is_passing() && (by_param || by_words)
    }

    /// Tokens may be too many, or too slow, for a while only.
    fn is_passing(&self) -> bool {
        self.says(&["rate limit", "per minute", "per day", "quota", "timed out", "timeout"])
    }

    /// Most servers have a status or a code for it; the wordings are those of OpenRouter, LiteLLM, DeepSeek, Mistral, Azure,
    /// LM Studio and Ollama. A long message is none of these, and may quote a member who says such a thing.
    fn is_unknown_model(&self) -> bool {
        const CODES: [&str; 6] = [
            "model_not_found",
            "model_not_available",
            "model_not_supported",
            "unknown_model",
            "invalid_model",
            "DeploymentNotFound",
        ];
        const WORDINGS: [&str; 6] = [
            "not a valid model",
            "invalid model",
            "no models loaded",
            "unknown model",
            "model identifier is invalid",
            "no such model",
        ];
        const LACKING: [&str; 9] = [
            "not found",
            "not exist",
            "not loaded",
            "not available",
            "not served",
            "not deployed",
            "is unknown",
            "unable to access model",
            "could not find",
        ];
        const LONGEST: usize = 200;
        let by_code = CODES.contains(&self.code.as_str()) || CODES.contains(&self.kind.as_str());
        let by_words = self.says(&WORDINGS) || self.message.contains("model") && self.says(&LACKING);
        by_code || !self.is_unsupported && by_words && self.message.len() <= LONGEST
    }

    /// The path is not there, and the API itself says so.
    pub fn is_unknown_path(&self) -> bool {
        const WORDINGS: [&str; 7] = [
            "file not found",
            "invalid url",
            "resource not found",
            "page not found",
            "no route",
            "unexpected endpoint",
            "cannot post",
        ];
        self.says(&WORDINGS) || ["not found", "not found."].contains(&self.message.as_str())
    }

    /// What the member wrote was withheld from the model: that says nothing about the server.
    pub fn is_filtered(&self) -> bool {
        self.code == "content_filter" || self.says(&["requires moderation", "was flagged", "content management policy"])
    }

    fn is_denied(&self) -> bool {
        self.code == "invalid_api_key" || self.says(&["api key not valid", "incorrect api key", "invalid api key"])
    }

    /// Nobody pays for it any more.
    pub fn is_quota(&self) -> bool {
        self.code == "insufficient_quota" || self.kind == "insufficient_quota"
    }

    /// Whether one of these is a word of its message, or the field that it is about.
    pub fn names_word(&self, wanted: &[&str]) -> bool {
        let mut words = self.blamed().split(|c: char| !c.is_alphanumeric() && c != '_');
        wanted.contains(&self.param.as_str()) || words.any(|word| wanted.contains(&word))
    }

    /// Its message, as far as it says what is wrong: some go on with all fields that there are.
    fn blamed(&self) -> &str {
        self.message.split("expected one of").next().unwrap_or_default()
    }

    /// Whether it says that this field is the place of it.
    pub fn is_at(&self, field: &str) -> bool {
        self.param.split(['.', '[']).any(|part| part == field)
    }

    /// Whether it is about this field, or speaks of something that stands for it.
    pub fn names(&self, field: &str, words: &[&str]) -> bool {
        let message = self.blamed();
        let in_quotes = ['\'', '"', '`'].iter().any(|quote| message.contains(&format!("{quote}{field}{quote}")));
        // A name of one letter is a word only in quotes.
        let in_words = field.len() > 1 && message.contains(field);
        self.is_at(field) || in_quotes || in_words || words.iter().any(|word| message.contains(word))
    }
}

fn beginning(message: &str) -> String {
    message.chars().take(BEGINNING).collect::<String>().to_lowercase()
}
