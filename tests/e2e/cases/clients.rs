//! The old HTTP API as its callers read it: `tests/clients`, a strict reader, against the real gateway and worker.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::model::Answer;
use crate::kit::model::script::{FEEDBACK, RESUME};
use crate::kit::test_env::TestEnv;

crate::case::cases![the_backends_strict_reader_understands_every_reply];

/// The checks of `tests/clients`. Each says at the end whether it held; none may go missing.
const CHECKS: usize = 27;

/// How long a request may take, so that nobody waits long for a model that is away; and how long the impatient gateway
/// and the slow model take.
const DEADLINE: &str = "10s";
const IMPATIENCE: &str = "2s";
const SLOW: Duration = Duration::from_secs(6);

async fn the_backends_strict_reader_understands_every_reply(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", DEADLINE)).await;
    let impatient = env.settings().with("GATEWAY_TIMEOUT", IMPATIENCE);
    let small = env.settings().with("GATEWAY_CALLERS", 1).with("GATEWAY_STREAMS", 1);
    let strict = env.settings().with("GATEWAY_CLIENT_RATE", 1);
    let (gateway, impatient, small, strict) =
        tokio::join!(env.gateway(), env.gateway_with(&impatient), env.gateway_with(&small), env.gateway_with(&strict));
    let gateways =
        [("GATEWAY", gateway), ("IMPATIENT_GATEWAY", impatient), ("SMALL_GATEWAY", small), ("STRICT_GATEWAY", strict)];

    let mut variables: Vec<(&str, String)> =
        gateways.iter().map(|(variable, gateway)| (*variable, format!("http://{}", gateway.address))).collect();
    for (variable, words, answers) in trouble() {
        env.model.when(words, answers);
        variables.push((variable, words.to_owned()));
    }
    env.run_maven("clients", variables, CHECKS).await;
}

/// What the reader writes to bring trouble, under the names that it knows, and what the model then answers in turn.
fn trouble() -> [(&'static str, &'static str, Vec<Answer>); 7] {
    let question = "그 일에서 가장 어려웠던 점은 무엇이었나요?";
    [
        ("MODEL_AWAY", "서버를 멈추는 답변입니다.", vec![Answer::busy()]),
        ("BAD_OUTPUT", "모델이 말을 잃는 답변입니다.", vec![Answer::text("")]),
        ("SLOW_FEEDBACK", "오래 생각할 답변입니다.", vec![Answer::text(FEEDBACK).after(SLOW)]),
        ("SLOW_QUESTION", "오래 되물을 답변입니다.", vec![Answer::question(question).after(SLOW)]),
        (
            "CLICKED_TWICE",
            "두 번 눌린 답변입니다.",
            vec![
                Answer::question(question).after(Duration::from_secs(2)),
                Answer::question("그 뒤로 무엇이 달라졌나요?"),
                Answer::text(RESUME),
            ],
        ),
        ("ENOUGH_AT_ONCE", "이미 다 적은 경험입니다.", vec![Answer::enough(), Answer::question(question)]),
        ("ENOUGH", "더 물을 것이 없는 답변입니다.", vec![Answer::enough(), Answer::text(RESUME)]),
    ]
}
