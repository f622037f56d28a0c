//! What the model asks in the résumé dialogue, how often, and when it may stop (contract, section 3).

use std::sync::Arc;

use serde_json::json;

use crate::cases::resume::{answer, init, question};
use crate::kit::model::{Answer, Kind};
use crate::kit::test_env::TestEnv;

crate::case::cases![
    the_model_may_end_the_questions_early,
    the_model_may_end_the_questions_before_the_first_where_none_is_required,
    a_model_that_would_end_too_early_is_asked_more_firmly,
    a_member_is_asked_although_the_model_would_rather_not,
    a_model_without_any_usable_question_is_llm_bad_output,
    max_questions_is_the_limit,
    no_question_is_asked_twice,
    a_question_comes_without_markup_or_label,
    a_server_that_ignores_the_schema_is_understood,
    the_word_for_nothing_inside_a_question_ends_nothing,
];

async fn the_model_may_end_the_questions_early(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.model.when_asked(Kind::Question, [Answer::question("어떤 언어를 주로 쓰시나요?"), Answer::enough()]);
    init(&env, member).await;
    let asked = question(&outcomes, member, 1).await;
    answer(&env, &asked, "Rust를 씁니다.").await;
    let completed = outcomes.expect(member, "ResumeCompleted").await.json();
    assert_eq!(completed["degraded"], false);
}

async fn the_model_may_end_the_questions_before_the_first_where_none_is_required(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    let member = env.member();
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    init(&env, member).await;
    let completed = outcomes.expect(member, "ResumeCompleted").await;
    env.bucket().get(completed.json()["resumeObjectKey"].as_str().unwrap()).await;
}

async fn a_model_that_would_end_too_early_is_asked_more_firmly(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let asked = "어떤 서비스를 운영해 보셨나요?";
    for enough in [Answer::enough(), Answer::text("없음"), Answer::text(r#"{"question": ""}"#)] {
        let member = env.member();
        let before = env.model.calls().len();
        env.model.next([enough, Answer::question(asked)]);
        init(&env, member).await;
        assert_eq!(question(&outcomes, member, 1).await.json()["question"], asked);
        let calls = env.model.calls().split_off(before);
        assert_eq!(calls.len(), 2);
        for call in calls {
            let schema = &call.body["response_format"]["json_schema"]["schema"];
            assert_eq!(schema["required"], json!(["question"]), "{schema}");
            assert!(!call.prompt().contains("enough"), "it is not offered: {}", call.prompt());
        }
    }
}

/// However often it says so, it is paid for twice.
async fn a_member_is_asked_although_the_model_would_rather_not(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 2)).await;
    let member = env.member();
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    init(&env, member).await;
    let first = question(&outcomes, member, 1).await;
    assert_eq!(env.model.calls().len(), 2);
    answer(&env, &first, "주문 서버를 맡았습니다.").await;
    let second = question(&outcomes, member, 2).await;
    assert_ne!(first.json()["question"], second.json()["question"]);
    assert_eq!(env.model.calls().len(), 4);
    answer(&env, &second, "지연을 줄였습니다.").await;
    assert_eq!(outcomes.expect(member, "ResumeCompleted").await.json()["degraded"], false);
    assert_eq!((env.model.count(Kind::Question), env.model.count(Kind::Resume)), (5, 1));
}

async fn a_model_without_any_usable_question_is_llm_bad_output(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.model.when_asked(Kind::Question, [Answer::text("이력서가 좋습니다.")]);
    init(&env, member).await;
    let failed = outcomes.expect_failure(member, "LLM_BAD_OUTPUT").await.json();
    assert_eq!((&failed["retryable"], env.model.calls().len()), (&json!(true), 2));
}

async fn max_questions_is_the_limit(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", 2)).await;
    let member = env.member();
    init(&env, member).await;
    for number in 1..=2 {
        let asked = question(&outcomes, member, number).await;
        assert_eq!(asked.json()["maxQuestions"], 2);
        answer(&env, &asked, "답변").await;
    }
    outcomes.expect(member, "ResumeCompleted").await;
}

async fn no_question_is_asked_twice(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let (first, other) = ("가장 어려웠던 장애는 무엇이었나요?", "어떤 지표가 얼마나 좋아졌나요?");
    env.model.when_asked(Kind::Question, [Answer::question(first), Answer::question(first), Answer::question(other)]);
    init(&env, member).await;
    let asked = question(&outcomes, member, 1).await;
    assert_eq!(asked.json()["question"], first);
    answer(&env, &asked, "DB 장애였습니다.").await;
    let asked = question(&outcomes, member, 2).await;
    assert_eq!(asked.json()["question"], other);
}

async fn a_question_comes_without_markup_or_label(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.model.when_asked(Kind::Question, [Answer::question("- Q: **어떤 역할**을 맡으셨나요?")]);
    init(&env, member).await;
    assert_eq!(question(&outcomes, member, 1).await.json()["question"], "어떤 역할을 맡으셨나요?");
}

async fn a_server_that_ignores_the_schema_is_understood(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let rows = [
        Answer::text("어떤 역할을 맡으셨나요?"),
        Answer::text("```json\n{\"enough\": false, \"question\": \"어떤 역할을 맡으셨나요?\"}\n```"),
        Answer::text("Q: 어떤 역할을 맡으셨나요?"),
    ];
    for row in rows {
        let member = env.member();
        env.model.next([row]);
        init(&env, member).await;
        assert_eq!(question(&outcomes, member, 1).await.json()["question"], "어떤 역할을 맡으셨나요?");
    }
}

async fn the_word_for_nothing_inside_a_question_ends_nothing(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let asked = "자격증이 없음에도 지원한 이유는 무엇인가요?";
    env.model.when_asked(Kind::Question, [Answer::text(asked)]);
    init(&env, member).await;
    assert_eq!(question(&outcomes, member, 1).await.json()["question"], asked);
}
