//! What leaves the country, who looked at members' data, and what no log holds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::kit::model::{Answer, ModelServer};
use crate::kit::outcome_reader::OutcomeReader;
use crate::kit::settings::Settings;
use crate::kit::test_env::{PARTITIONS, TestEnv};
use crate::kit::topics::PROGRESS;

crate::case::cases![
    the_overseas_fallback_is_for_those_alone_who_agreed,
    what_the_fallback_gets_holds_no_number_or_address_and_members_read_their_own,
    a_look_at_members_data_is_noted_before_it_is_shown,
    what_members_write_is_in_no_log_whatever_is_logged,
];

fn feedback(member: i64, answer: &str) -> Value {
    json!({"memberId": member, "question": "자신을 소개해 주세요.", "answer": answer})
}

fn with_fallback(env: &TestEnv, fallback: &ModelServer) -> Settings {
    env.settings()
        .with("LLM_FALLBACK", "openai")
        .with("OPENAI_BASE_URL", format!("{}/v1", fallback.url()))
        .with("OPENAI_API_KEY", "sk-e2e-fallback")
}

async fn the_overseas_fallback_is_for_those_alone_who_agreed(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let fallback = ModelServer::start().await;
    let settings = with_fallback(&env, &fallback).with("OPENAI_ONLY_WITH", "consent").with("REQUEST_DEADLINE", "4s");
    env.model.always(Answer::unauthorized());
    let worker = env.worker_with(&settings).await;
    worker.wait_for_log("OPENAI_ONLY_WITH=consent").await;
    let topic = &env.topics.feedback_requested;

    // Somebody has to find out that the model is away.
    let (agreed, first) = (env.member(), env.member());
    env.requests.ask(topic, &feedback(agreed, "동의한 답")).header("ce_overseasconsent", "true").send().await;
    outcomes.expect(agreed, "FeedbackGenerated").await;
    worker.lacks("model", "openai stands in for members who agreed, and the others wait").await;

    // One at a time asks in vain, as where there is no fallback; whoever waits behind is not failed.
    let value = feedback(first, "동의하지 않은 답");
    env.requests.ask(topic, &value).header("ce_overseasconsent", "false").send().await;
    outcomes.expect_failure(first, "LLM_UNAVAILABLE").await;
    let again = env.member();
    env.requests.ask(topic, &feedback(again, "또 동의한 답")).header("ce_overseasconsent", "true").send().await;
    outcomes.expect(again, "FeedbackGenerated").await;

    // An agreement is the request's own: it goes along into the dead letters and back, and so does that there is none.
    fallback.always(Answer::internal_error());
    fallback.always_to_probes(Answer::text("네"));
    let kept = env.member();
    let value = feedback(kept, "나중에 답할 것");
    env.requests.ask(topic, &value).header("ce_overseasconsent", "true").send().await;
    outcomes.expect_failure(kept, "LLM_UNAVAILABLE").await;
    let letter = outcomes.dead_letter(value.to_string().as_bytes()).await;
    assert_eq!(letter.header("ce_overseasconsent"), Some("true"));
    fallback.well();
    let id = kept.to_string();
    let replayed = env.run(&["dlt", "replay", "--yes", "--member", &id], &settings).await;
    assert!(replayed.status.success(), "{}", replayed.stderr);
    outcomes.expect(kept, "FeedbackGenerated").await;

    // A dialogue whose answers agree to nothing waits for the model itself.
    let waiting = env.member();
    let value = json!({"memberId": waiting, "inputs": {"email": "a@b.kr"}});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
    env.model.well();
    let outcome = outcomes.next(waiting).await;
    let calls = fallback.calls();
    assert!(calls.iter().all(|call| call.prompt().contains("동의한 답") || call.prompt().contains("나중에 답할 것")));
    assert!(matches!(outcome.header("ce_type"), Some("ResumeQuestionGenerated" | "RequestFailed")), "{outcome:?}");
}

/// None of these may leave the country.
const SECRETS: [&str; 6] = [
    "010-1234-5678",
    "990101-1234567",
    "hong@example.kr",
    "０１０－８７６５－４３２１",
    "02-123-4567",
    "member@careerbee.kr",
];

async fn what_the_fallback_gets_holds_no_number_or_address_and_members_read_their_own(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let progress = OutcomeReader::over(&env.services.kafka, &env.topics, &[env.topics.of(PROGRESS)], PARTITIONS).await;
    let fallback = ModelServer::start().await;
    env.model.always(Answer::unauthorized());
    let _worker = env.worker_with(&with_fallback(&env, &fallback).with("MAX_QUESTIONS", 1)).await;
    let told =
        "연락처 [전화번호]를 적은 점은 좋습니다. [주민등록번호]는 답변에 쓰지 마세요. 메일 [이메일]도 하나면 됩니다.";
    fallback.when("자신을 소개해", [Answer::text(told)]);
    let member = env.member();
    let answer = "홍길동, 010-1234-5678, hong@example.kr, 990101-1234567, 2019-2023년에 일했습니다.";
    env.requests.ask(&env.topics.feedback_requested, &feedback(member, answer)).send().await;
    let event = outcomes.expect(member, "FeedbackGenerated").await.json();
    let read = "연락처 010-1234-5678를 적은 점은 좋습니다. 주민등록번호는 답변에 쓰지 마세요. 메일 hong@example.kr도 하나면 됩니다.";
    assert_eq!(event["feedback"], read);

    let member = env.member();
    let inputs = json!({"email": "member@careerbee.kr", "preferred_job": "BACKEND", "company_name": "가나상사 02-123-4567",
        "additional_experiences": "연락은 ０１０－８７６５－４３２１로 주세요."});
    env.requests.ask(&env.topics.resume_init, &json!({"memberId": member, "inputs": inputs})).send().await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    fallback.when("이력서 본문", [Answer::text("# 소개\n\n- 주문 서버를 맡았습니다.\n- 연락처: [전화번호]\n")]);
    let value = json!({"memberId": member, "answer": "주문 서버를 맡았고 010-1234-5678로 당직을 섰습니다."});
    env.requests.ask(&env.topics.resume_answer, &value).send().await;
    outcomes.expect(member, "ResumeCompleted").await;

    let calls = fallback.calls();
    assert!(calls.len() >= 3);
    for call in &calls {
        let sent = call.body.to_string();
        let leaked: Vec<&str> = SECRETS.into_iter().filter(|secret| sent.contains(secret)).collect();
        assert_eq!(leaked, [""; 0], "{sent}");
        assert_eq!(call.body["store"], false);
    }
    assert!(calls[0].prompt().contains("홍길동, [전화번호], [이메일], [주민등록번호], 2019-2023년에"));
    assert!(env.model.calls().iter().all(|call| call.body.get("store").is_none()), "only the fallback may store");
    for record in progress.everything().await {
        assert!(!record.json().to_string().contains('['), "{:?}", record.json());
    }
}

async fn a_look_at_members_data_is_noted_before_it_is_shown(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let value = json!({"memberId": member, "inputs": {"email": "hong@example.kr"}});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    let broken = r#"{"memberId": "비밀"}"#;
    env.requests.request(&env.topics.resume_answer).value(broken).send().await;
    let letter = outcomes.dead_letter(broken.as_bytes()).await;
    let at = format!("{}/{}/{}", letter.topic, letter.partition, letter.offset);
    let id = member.to_string();
    let show: &[&str] = &["session", "show", &id, "--payload"];

    // By itself on standard error, apart from what is shown.
    let ended = env.run(show, &env.settings()).await;
    let line: Value = serde_json::from_str(ended.stderr.trim()).unwrap_or_else(|_| panic!("{}", ended.stderr));
    assert_eq!(
        (&line["command"], &line["members"], &line["payload"]),
        (&json!("session show"), &json!([member]), &json!(true))
    );
    assert!(ended.stdout.contains("hong@example.kr") && !ended.stderr.contains("hong"), "{}", ended.stderr);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.jsonl");
    let noted = || env.settings().with("AUDIT_LOG", path.display());
    let ended = env.run(show, &noted()).await;
    assert!(
        !ended.status.success() && ended.stdout.is_empty() && ended.stderr.contains("--reason"),
        "{}",
        ended.stdout
    );
    assert!(!path.exists());
    let commands: [&[&str]; 4] =
        [show, &["dlt", "show", &at, "--payload"], &["session", "delete", &id], &["session", "delete", &id, "--yes"]];
    for command in commands {
        let ended = env.run(&[command, &["--reason", "문의 17"]].concat(), &noted()).await;
        assert!(ended.status.success() && !ended.stderr.contains("문의"), "{command:?}: {}", ended.stderr);
    }
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line["command"].as_str().unwrap(), line["changes"] == true)).collect();
    assert_eq!(
        told,
        [("session show", false), ("dlt show", false), ("session delete", false), ("session delete", true)]
    );
    assert!(lines.iter().all(|line| line["reason"] == "문의 17" && line["uid"].is_u64() && line["host"].is_string()));
    assert_eq!(lines[1]["record"], at.as_str());
    assert!(!text.contains("비밀") && !text.contains("hong@example.kr"), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let nowhere = env.settings().with("AUDIT_LOG", folder.path().join("no/such/folder").display());
    let ended = env.run(&["dlt", "show", &at, "--payload", "--reason", "문의 17"], &nowhere).await;
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{}", ended.stdout);
    assert!(ended.stderr.contains("AUDIT_LOG") && ended.stderr.contains("nothing was shown"), "{}", ended.stderr);
}

async fn what_members_write_is_in_no_log_whatever_is_logged(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let progress = OutcomeReader::over(&env.services.kafka, &env.topics, &[env.topics.of(PROGRESS)], PARTITIONS).await;
    let fallback = ModelServer::start().await;
    let settings = with_fallback(&env, &fallback).with("RUST_LOG", "trace").with("MAX_QUESTIONS", 1);
    let worker = env.worker_with(&settings).await;
    let (asker, dreamer, other) = (env.member(), env.member(), env.member());
    let reply = "Quokkasentence 핵심을 잘 짚으셨습니다. 다만 예시가 부족합니다. 직접 겪은 일을 하나 들어 보세요.";
    env.model.when("Axolotlanswer", [Answer::text(reply)]);
    env.model.when("Wombatreply", [Answer::text("# Platypusheading\n\n- Narwhalline 서버를 맡았습니다.\n")]);
    let value = feedback(asker, "Axolotlanswer 010-1234-5678");
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(asker, "FeedbackGenerated").await;
    let inputs = json!({"email": "kookaburra@example.kr", "company_name": "Capybaracompany"});
    env.requests.ask(&env.topics.resume_init, &json!({"memberId": dreamer, "inputs": inputs})).send().await;
    outcomes.expect(dreamer, "ResumeQuestionGenerated").await;
    let value = json!({"memberId": dreamer, "answer": "Wombatreply 서버를 맡았습니다."});
    env.requests.ask(&env.topics.resume_answer, &value).send().await;
    outcomes.expect(dreamer, "ResumeCompleted").await;
    // A stream that breaks, a fallback, a reply that is none, a request that is none.
    env.model.when("Okapianswer", [Answer::stall_in_body("Okapireply 반만 온 답"), Answer::unauthorized()]);
    let value = feedback(other, "Okapianswer 그리고 okapi@example.kr");
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(other, "FeedbackGenerated").await;
    env.requests.request(&env.topics.resume_answer).value(r#"{"memberId": "Ocelotbroken"}"#).send().await;
    outcomes.dead_letter(br#"{"memberId": "Ocelotbroken"}"#).await;
    progress.everything().await;
    let mut worker = worker;
    worker.signal("TERM").await;
    worker.ended().await;
    let log = worker.log();
    assert!(log.contains("TRACE"), "everything is logged that may be");
    for word in [
        "Axolotl",
        "Quokka",
        "Capybara",
        "kookaburra",
        "Wombat",
        "Platypus",
        "Narwhal",
        "Okapi",
        "okapi",
        "Ocelot",
        "010-1234",
        "잘 짚으셨습니다",
    ] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(word)).take(3).collect();
        assert_eq!(lines, [""; 0], "{word}");
    }
}
