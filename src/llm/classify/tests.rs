use super::*;

const OPENAI_OVERFLOW: &str = r#"{"error":{"message":"This model's maximum context length is 512 tokens. However, you requested 1247 tokens (1231 in the messages, 16 in the completion).","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
const VLLM_PROMPT_OVERFLOW: &str = r#"{"error":{"message":"This model's maximum context length is 128 tokens. However, your prompt contains at least 129 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=129)","type":"BadRequestError","param":"input_tokens","code":400}}"#;
const VLLM_REPLY_OVERFLOW: &str = r#"{"error":{"message":"max_tokens=500 cannot be greater than max_model_len=128. Please request fewer output tokens. (parameter=max_tokens, value=500)","type":"BadRequestError","param":"max_tokens","code":400}}"#;
const VLLM_FIELD_MISSING: &str = r#"{"error":{"message":"1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required', 'input': '<dict of 1 items>'}","type":"Bad Request","param":"body.messages","code":400}}"#;
const VLLM_GRAMMAR: &str =
    r#"{"error":{"message":"Grammar error: Invalid type: nonsense","type":"BadRequestError","param":null,"code":400}}"#;
const VLLM_UNKNOWN_MODEL: &str = r#"{"error":{"message":"The model `nope` does not exist. Valid aliases: tiny.","type":"NotFoundError","param":"model","code":404}}"#;
const VLLM_FLAT_UNKNOWN_MODEL: &str =
    r#"{"object":"error","message":"The model `nope` does not exist.","type":"NotFoundError","param":null,"code":404}"#;
const VLLM_BUSY: &str = r#"{"error":{"message":"The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.","type":"Service Unavailable","param":null,"code":503}}"#;
const HTML: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

fn cause(status: u16, body: &str) -> Cause {
    completion(status, None, body.as_bytes()).unwrap_err().cause
}

fn said(finish_reason: &str, content: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion","choices":[{{"index":0,"message":{{"role":"assistant","content":{content},"refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":null}},"finish_reason":{finish_reason},"stop_reason":null}}],"usage":{{"prompt_tokens":62,"completion_tokens":66,"total_tokens":128}}}}"#
    )
}

fn read(finish_reason: &str, content: &str) -> Result<Completion, Cause> {
    completion(200, None, said(finish_reason, content).as_bytes()).map_err(|fault| fault.cause)
}

#[test]
fn a_prompt_over_the_context_asks_for_brevity_in_every_wording() {
    let flat = r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 4200 tokens","type":"BadRequestError","param":null,"code":400}"#;
    let passed = r#"{"error":{"message":"You passed 4000 input tokens and requested 512 output tokens. However, the model's context length is only 4096 tokens","type":"BadRequestError","param":null,"code":400}}"#;
    let negative = r#"{"object":"error","message":"max_tokens must be at least 1, got -186.","type":"BadRequestError","code":400}"#;
    let older = r#"{"object":"error","message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096.","type":"BadRequestError","code":400}"#;
    let llama_cpp = r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}"#;
    for body in [OPENAI_OVERFLOW, VLLM_PROMPT_OVERFLOW, VLLM_REPLY_OVERFLOW, flat, passed, negative, older, llama_cpp] {
        assert_eq!(cause(400, body), Cause::Overflow, "{body}");
    }
    assert_eq!(cause(413, HTML), Cause::Overflow);
    assert_eq!(Cause::Overflow.action(), Action::AskBriefly);
}

#[test]
fn an_overflow_is_known_by_its_param_or_code_when_the_message_is_in_another_language() {
    let vllm =
        r#"{"error":{"message":"입력이 너무 깁니다.","type":"BadRequestError","param":"input_tokens","code":400}}"#;
    let openai = r#"{"error":{"message":"入力が長すぎます","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#;
    assert_eq!(cause(400, vllm), Cause::Overflow);
    assert_eq!(cause(400, openai), Cause::Overflow);
    assert_eq!(cause(400, r#"{"error":{"message":"잘못된 요청입니다.","code":400}}"#), Cause::Rejected);
}

#[test]
fn a_request_that_the_server_refuses_for_good_is_given_up() {
    let unsupported = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#;
    for body in [VLLM_FIELD_MISSING, VLLM_GRAMMAR, unsupported, HTML, "", r#"{"detail":[{"loc":["body"]}]}"#] {
        assert_eq!(cause(400, body), Cause::Rejected, "{body}");
        assert_eq!(cause(422, body), Cause::Rejected, "{body}");
    }
    for status in [411, 412, 414, 416, 418, 424, 428, 431, 451] {
        assert_eq!(cause(status, HTML), Cause::Rejected, "{status}");
    }
    assert_eq!(Cause::Rejected.action(), Action::GiveUp);
}

#[test]
fn a_refused_key_is_a_misconfiguration_that_goes_to_the_other_model() {
    let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    assert_eq!(cause(401, r#"{"error":"Unauthorized"}"#), Cause::Denied);
    assert_eq!(cause(402, ""), Cause::Denied);
    assert_eq!(cause(403, HTML), Cause::Denied);
    assert_eq!(cause(407, HTML), Cause::Denied);
    assert_eq!(cause(429, quota), Cause::Denied);
    assert_eq!(Cause::Denied.action(), Action::TryOther);
    assert!(Cause::Denied.is_misconfiguration());
}

#[test]
fn an_unknown_model_is_told_from_an_unknown_path() {
    let translated = r#"{"error":{"message":"모델이 없습니다.","type":"NotFoundError","param":"model","code":404}}"#;
    let openai = r#"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    for body in [VLLM_UNKNOWN_MODEL, VLLM_FLAT_UNKNOWN_MODEL, translated, openai] {
        assert_eq!(cause(404, body), Cause::UnknownModel, "{body}");
    }
    assert_eq!(cause(400, openai), Cause::UnknownModel);
    let ollama = r#"{"error":"model 'aya' not found, try pulling it first"}"#;
    assert_eq!(cause(404, ollama), Cause::UnknownModel);
    let openrouter = r#"{"error":{"message":"aya is not a valid model ID","code":400}}"#;
    let litellm = r#"{"error":{"message":"/chat/completions: Invalid model name passed in model=aya. Call `/v1/models` to view available models for your key.","type":"invalid_request_error","param":null,"code":"400"}}"#;
    let deepseek = r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#;
    for body in [openrouter, litellm, deepseek] {
        assert_eq!(cause(400, body), Cause::UnknownModel, "{body}");
    }
    let quoting = format!(r#"{{"error":{{"message":"bad input: not a valid model{}","code":400}}}}"#, "가".repeat(70));
    assert_eq!(cause(400, &quoting), Cause::Rejected, "a member's words say nothing about the server");
    for body in [r#"{"detail":"Not Found"}"#, HTML, ""] {
        assert_eq!(cause(404, body), Cause::NotAnApi, "{body}");
    }
}

#[test]
fn an_address_that_is_no_api_is_a_misconfiguration() {
    for status in [300, 304, 405, 406, 410, 415, 421, 426, 501, 505] {
        assert_eq!(cause(status, r#"{"detail":"Method Not Allowed"}"#), Cause::NotAnApi, "{status}");
    }
    assert_eq!(Cause::NotAnApi.action(), Action::TryOther);
}

#[test]
fn a_redirect_is_a_misconfiguration_of_its_own() {
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(cause(status, ""), Cause::Redirected, "{status}");
    }
    assert!(Cause::Redirected.is_misconfiguration());
    assert_eq!((Cause::Redirected.action(), Cause::Redirected.health()), (Action::TryOther, Health::Down));
}

#[test]
fn a_path_that_is_not_there_is_told_from_a_model_that_is_not_though_the_api_says_so_itself() {
    for body in [
        r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
        r#"{"error":{"message":"Invalid URL (POST /v1/v1/chat/completions)","type":"invalid_request_error"}}"#,
        r#"{"error":{"code":"404","message":"Resource not found"}}"#,
        r#"{"message":"no Route matched with those values"}"#,
        r#"{"message":"Not Found"}"#,
        "404 page not found",
    ] {
        assert_eq!(cause(404, body), Cause::NotAnApi, "{body}");
        assert!(is_unknown_path(404, body.as_bytes()), "{body}");
    }
    let lm_studio = r#"{"error":"Unexpected endpoint or method. (POST /chat/completions). Returning 200 anyway"}"#;
    assert!(is_unknown_path(200, lm_studio.as_bytes()));
    assert!(
        !is_unknown_path(404, VLLM_UNKNOWN_MODEL.as_bytes()) && !is_unknown_path(200, said("null", "null").as_bytes())
    );
}

#[test]
fn a_busy_server_is_tried_again_and_its_retry_after_is_kept() {
    for status in [408, 409, 423, 425, 429, 499, 502, 503, 504, 520, 524, 529] {
        assert_eq!(cause(status, HTML), Cause::Busy, "{status}");
    }
    let fault = completion(503, Some(Duration::from_secs(7)), VLLM_BUSY.as_bytes()).unwrap_err();
    assert_eq!(fault, Fault { cause: Cause::Busy, status: Some(503), retry_after: Some(Duration::from_secs(7)) });
    assert_eq!((Cause::Busy.action(), Cause::Busy.health()), (Action::TryAgain, Health::Down));
}

#[test]
fn a_server_that_failed_is_tried_again_whatever_its_body() {
    let json_mode = r#"{"error":{"message":"Input should be 'text' or 'json_object'","type":"internal_server_error","param":null,"code":null}}"#;
    for body in [json_mode, "Internal Server Error", HTML, ""] {
        assert_eq!(cause(500, body), Cause::Broken, "{body}");
    }
    for status in [506, 511, 525, 530, 599] {
        assert_eq!(cause(status, HTML), Cause::Broken, "{status}");
    }
    assert_eq!((Cause::Broken.action(), Cause::Broken.health()), (Action::TryAgain, Health::Down));
}

#[test]
fn every_status_has_its_row() {
    for status in 0..=u16::MAX {
        let refused = refusal(status, b"{}");
        assert_eq!(refused.is_none(), (200..=299).contains(&status), "{status}");
    }
    assert_eq!(cause(199, ""), Cause::Garbage);
    assert_eq!(cause(600, ""), Cause::Garbage);
}

#[test]
fn stop_is_a_whole_reply() {
    let expected = Completion {
        text: "좋은 답변입니다.".to_owned(),
        truncated: false,
        usage: Some(Usage { prompt: 62, completion: 66 }),
    };
    assert_eq!(read(r#""stop""#, r#""좋은 답변입니다.""#), Ok(expected));
}

#[test]
fn what_is_finished_or_not_is_told_in_many_words() {
    for reason in
        ["stop", "STOP", "eos_token", "end_turn", "stop_sequence", "EndOfText", "COMPLETE", "FINISH_REASON_STOP"]
    {
        assert!(!read(&format!(r#""{reason}""#), r#""좋은 답변""#).unwrap().truncated, "{reason}");
    }
    assert!(!read(r#"{"type":"stop","matched":2}"#, r#""좋은 답변""#).unwrap().truncated);
    for reason in ["max_tokens", "modelLength", "incomplete", "FINISH_REASON_MAX_TOKENS", "context_window_exceeded"] {
        assert!(read(&format!(r#""{reason}""#), r#""좋은 답변""#).unwrap().truncated, "{reason}");
    }
    for (reason, cause) in
        [("SAFETY", Cause::Filtered), ("error_timeout", Cause::Aborted), ("cancelled", Cause::Aborted)]
    {
        assert_eq!(read(&format!(r#""{reason}""#), r#""좋은 답변""#), Err(cause), "{reason}");
    }
}

#[test]
fn a_content_may_come_in_parts_and_thoughts_are_none_of_it() {
    for content in [
        r#"["좋은 ","답변"]"#,
        r#"[{"type":"text","text":"좋은 "},{"type":"thinking","thinking":"음"},{"type":"text","text":"답변"}]"#,
        r#"[{"type":"reasoning","text":"음"},{"text":{"value":"좋은 답변"}},{"text":"음","thought":true}]"#,
        r#"{"type":"output_text","text":"좋은 답변"}"#,
    ] {
        assert_eq!(read(r#""stop""#, content).unwrap().text, "좋은 답변", "{content}");
    }
    for content in ["[]", "{}", r#"[{"type":"image_url","text":"a"}]"#, "[null]"] {
        assert_eq!(read(r#""stop""#, content), Err(Cause::Empty), "{content}");
    }
}

#[test]
fn length_null_absent_and_unknown_finish_reasons_are_replies_without_a_sure_end() {
    for reason in [r#""length""#, "null", r#""MAX_TOKENS""#, r#""what""#, "7", "{}"] {
        let completion = read(reason, r#""좋은 답변""#).unwrap();
        assert!(completion.truncated, "{reason}");
        assert_eq!(completion.text, "좋은 답변");
    }
    let bare = completion(200, None, r#"{"choices":[{"message":{"content":"x"}}]}"#.as_bytes()).unwrap();
    assert_eq!(bare, Completion { text: "x".to_owned(), truncated: true, usage: None });
}

#[test]
fn a_request_that_the_engine_gave_up_is_tried_again() {
    assert_eq!(read(r#""abort""#, r#""좋은""#), Err(Cause::Aborted));
    assert_eq!(read(r#""error""#, r#""""#), Err(Cause::Aborted));
    assert_eq!(Cause::Aborted.action(), Action::TryAgain);
}

#[test]
fn a_repetition_a_filter_and_a_tool_call_are_unusable() {
    assert_eq!(read(r#""repetition""#, r#""네 네 네 네""#), Err(Cause::Repetitive));
    assert_eq!(read(r#""content_filter""#, r#""앞부분""#), Err(Cause::Filtered));
    assert_eq!(read(r#""tool_calls""#, "null"), Err(Cause::ToolCall));
    assert_eq!(read(r#""tool_calls""#, r#""좋은 답변""#).unwrap().text, "좋은 답변", "none was called");
    assert_eq!(read(r#""function_call""#, "null"), Err(Cause::ToolCall));
    let refused = r#"{"choices":[{"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"}]}"#;
    assert_eq!(cause(200, refused), Cause::Filtered);
    for cause in [Cause::Repetitive, Cause::Filtered, Cause::ToolCall] {
        assert_eq!((cause.action(), cause.health()), (Action::GiveUp, Health::Up));
    }
}

#[test]
fn a_reply_without_text_is_unusable() {
    assert_eq!(read(r#""stop""#, "null"), Err(Cause::Empty));
    assert_eq!(read(r#""stop""#, r#"" \n\t""#), Err(Cause::Empty));
    assert_eq!(read(r#""length""#, "null"), Err(Cause::Empty));
}

#[test]
fn a_success_with_choices_that_is_no_completion_is_garbage() {
    let no_choice = r#"{"choices":[]}"#;
    let wrong_type = r#"{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}"#;
    for body in [no_choice, wrong_type] {
        assert_eq!(cause(200, body), Cause::Garbage, "{body}");
    }
    assert_eq!(Cause::Garbage.action(), Action::GiveUp);
}

#[test]
fn a_success_that_is_a_page_or_nothing_is_a_server_that_is_away_as_with_a_502() {
    let deep = "[".repeat(100_000);
    let cut = r#"{"choices":[{"message":{"con"#;
    for body in [HTML, "", " ", "null", "[]", r#"["ok"]"#, "{}", r#"{"choices":null}"#, cut, deep.as_str()] {
        assert_eq!(cause(200, body), Cause::Broken, "{body:.40}");
    }
    assert_eq!(completion(200, None, &[0xff, 0xfe]).unwrap_err().cause, Cause::Broken);
}

#[test]
fn an_error_in_a_success_is_read_as_the_status_that_it_names() {
    for (error, expected) in [
        (r#"{"error":{"message":"Provider returned error","code":502}}"#, Cause::Busy),
        (r#"{"error":{"message":"busy","type":"overloaded_error","code":"503"}}"#, Cause::Busy),
        (r#"{"error":{"message":"busy","type":"overloaded_error","code":null}}"#, Cause::Busy),
        (r#"{"error":{"message":"limit","code":"rate_limit_exceeded"}}"#, Cause::Busy),
        (r#"{"error":{"message":"quota","type":"insufficient_quota","code":429}}"#, Cause::Denied),
        (r#"{"error":{"message":"key","code":"invalid_api_key"}}"#, Cause::Denied),
        (r#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#, Cause::UnknownModel),
        (OPENAI_OVERFLOW, Cause::Overflow),
        (VLLM_PROMPT_OVERFLOW, Cause::Overflow),
        (VLLM_GRAMMAR, Cause::Rejected),
        (VLLM_FLAT_UNKNOWN_MODEL, Cause::UnknownModel),
        (r#"{"object":"error","message":"internal error","code":50001}"#, Cause::Broken),
        (r#"{"error":"overloaded"}"#, Cause::Broken),
        (r#"[{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}]"#, Cause::Busy),
        (r#"{"errors":[{"message":"capacity","code":3040}],"success":false}"#, Cause::Broken),
        (r#"{"choices":[{"finish_reason":"error","message":{"content":"가"},"error":{"code":429}}]}"#, Cause::Busy),
        (r#"{"error":"the request exceeds the available context size"}"#, Cause::Overflow),
        (r#"{"error":{"message":"odd","code":200}}"#, Cause::Broken),
        (r#"{"choices":[],"error":{"message":"upstream","code":524}}"#, Cause::Busy),
    ] {
        assert_eq!(cause(200, error), expected, "{error}");
    }
    let both = r#"{"choices":[{"message":{"content":"x"}}],"error":null}"#;
    assert_eq!(completion(200, None, both.as_bytes()).unwrap().text, "x");
}

#[test]
fn an_odd_usage_does_not_cost_the_reply() {
    let body = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":-1}}"#;
    assert_eq!(completion(200, None, body.as_bytes()).unwrap().usage, None);
}

#[test]
fn trouble_with_the_connection_is_tried_again_and_a_silent_server_left_for_the_other() {
    for cause in [Cause::Unreachable, Cause::Dropped] {
        assert_eq!((cause.action(), cause.health()), (Action::TryAgain, Health::Down));
    }
    assert_eq!((Cause::Cut.action(), Cause::Cut.health()), (Action::TryAgain, Health::Unclear));
    assert_eq!((Cause::Silent.action(), Cause::Silent.health()), (Action::TryOther, Health::Down));
}

#[test]
fn a_faults_text_quotes_nothing_of_the_body() {
    let body = r#"{"error":{"message":"bad input: 제 비밀 답변","type":"제 비밀 답변","code":"제 비밀 답변"}}"#;
    let fault = completion(400, None, body.as_bytes()).unwrap_err();
    assert_eq!(fault.to_string(), "the server refuses the request (HTTP 400)");
    assert_eq!(Fault::transport(Cause::Unreachable).to_string(), "no connection to the server");
}
