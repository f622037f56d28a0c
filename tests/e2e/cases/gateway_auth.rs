//! Who may ask the gateway, and for whom: beyond loopback, by a server's token, by the product's login or by a signed token
//! of a member; what forged records and pages of other sites get.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::kit::gateway_process::{FEEDBACK_PATH, GatewayProcess, INIT_PATH, UPDATE_PATH, reply};
use crate::kit::login::Login;
use crate::kit::model::script::FEEDBACK;
use crate::kit::model::{Answer, Kind};
use crate::kit::services::native::installed;
use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::upstream::Upstream;
use crate::kit::wait::eventually;

crate::case::cases![
    beyond_loopback_it_starts_only_where_somebody_has_said_who_may_ask,
    dev_stays_on_this_machine,
    a_server_asks_for_any_member_with_its_token_and_for_none_without,
    tokens_are_rotated_without_a_restart,
    a_servers_token_asks_for_many_clients_and_a_member_for_one,
    a_browser_is_the_member_whom_the_login_says,
    where_the_login_says_nothing_of_use_nobody_gets_in,
    a_signed_token_is_its_members_and_any_other_is_nobodys,
    a_stream_ends_with_the_token_that_opened_it,
    a_document_is_served_to_its_own_member_alone,
    a_forged_outcome_reaches_nobody,
    a_page_of_another_site_gets_nothing,
    what_is_not_served_is_not_there_or_passed_on,
    the_page_says_in_words_that_somebody_has_to_log_in,
];

/// How long the browser's test may take.
const BROWSING: Duration = Duration::from_mins(5);
const SUBSCRIBE: &str = "/api/v1/sse/subscribe";
const TOKEN: &str = "of-the-backend-0123456789abcdef0123";
const NEXT_TOKEN: &str = "of-the-backend-fedcba9876543210fedc";

const ED25519: [&str; 2] = [include_str!("../../kit/keys/ed25519.pem"), include_str!("../../kit/keys/ed25519.pub.pem")];

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "problemId": 42, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

/// Files of one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// Settings of a gateway that others reach.
fn beyond(env: &TestEnv) -> Settings {
    env.settings().with("GATEWAY_ADDR", format!("0.0.0.0:{}", free_port()))
}

fn with_tokens(settings: Settings, files: &Files, tokens: &str) -> Settings {
    settings.with("GATEWAY_API_TOKENS_FILE", files.write("tokens", tokens).display())
}

fn with_jwt(settings: Settings, files: &Files, key: &str) -> Settings {
    settings
        .with("GATEWAY_JWT_KEY_FILE", files.write("key", key).display())
        .with("GATEWAY_JWT_ISSUER", "careerbee")
        .with("GATEWAY_JWT_AUDIENCE", "ssammu")
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// What the product's login would say of a member in a token.
fn claims(member: i64) -> Value {
    json!({"iss": "careerbee", "aud": "ssammu", "sub": member.to_string(), "exp": now() + 600})
}

fn signed(claims: &Value) -> String {
    let der: String = ED25519[0].lines().filter(|line| !line.starts_with('-')).collect();
    let key = EncodingKey::from_ed_der(&STANDARD.decode(der).unwrap());
    encode(&Header::new(Algorithm::EdDSA), claims, &key).unwrap()
}

fn bearer(request: RequestBuilder, token: &str) -> RequestBuilder {
    request.header("authorization", format!("Bearer {token}"))
}

/// Status and code of a reply that is no stream.
async fn refusal(request: RequestBuilder) -> (u16, String) {
    let (status, body) = reply(request).await;
    assert!(body["message"].as_str().is_some_and(|message| message.chars().any(|c| c >= '가')), "{body}");
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

fn unauthorized() -> (u16, String) {
    (401, "UNAUTHORIZED".to_owned())
}

fn other_member() -> (u16, String) {
    (403, "FORBIDDEN_MEMBER".to_owned())
}

async fn beyond_loopback_it_starts_only_where_somebody_has_said_who_may_ask(env: Arc<TestEnv>) {
    let refused = env.run(&["gateway"], &beyond(&env).with("LOG_FORMAT", "yaml")).await;
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    for name in ["GATEWAY_ADDR", "GATEWAY_OPEN=true", "GATEWAY_API_TOKENS_FILE", "GATEWAY_AUTH_URL", "LOG_FORMAT"] {
        assert!(refused.stderr.contains(name), "{name}: {}", refused.stderr);
    }
    let files = Files::new();
    let short = with_tokens(beyond(&env), &files, "s3cret\n");
    let refused = env.run(&["gateway"], &short).await;
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("line 1") && !refused.stderr.contains("s3cret"), "{}", refused.stderr);

    let open = env.gateway_with(&beyond(&env).with("GATEWAY_OPEN", "true")).await;
    assert_eq!(open.ask(Method::GET, "/").send().await.unwrap().status(), 200);
    let guarded = env.gateway_with(&with_tokens(beyond(&env), &files, TOKEN)).await;
    let paths = ["/", "/page/page.js", &format!("{SUBSCRIBE}?memberId=7&records=true"), "/documents/a.docx"];
    for path in paths {
        assert_eq!(refusal(guarded.ask(Method::GET, path)).await, unauthorized(), "{path}");
    }
    for path in ["/health-check", "/livez", "/readyz"] {
        assert_eq!(guarded.ask(Method::GET, path).send().await.unwrap().status(), 200, "{path}");
    }
}

async fn dev_stays_on_this_machine(env: Arc<TestEnv>) {
    let address = format!("0.0.0.0:{}", free_port());
    let refused = env.run(&["dev", "--gateway-addr", &address], &Settings::default()).await;
    assert!(!refused.status.success() && refused.stderr.contains(&address), "{}", refused.stderr);
}

async fn a_server_asks_for_any_member_with_its_token_and_for_none_without(env: Arc<TestEnv>) {
    let (_worker, files, member) = (env.worker().await, Files::new(), env.member());
    let gateway = env.gateway_with(&with_tokens(beyond(&env), &files, &format!("{TOKEN}\n{NEXT_TOKEN}\n"))).await;
    let asks = || gateway.post(FEEDBACK_PATH, &feedback(member));
    let answer = asks().send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
    let wrong = bearer(asks(), &TOKEN.to_uppercase()).send().await.unwrap();
    let challenge = wrong.headers()["www-authenticate"].to_str().unwrap();
    assert_eq!((wrong.status().as_u16(), challenge), (401, "Bearer error=\"invalid_token\""));
    for wrong in [
        asks().basic_auth(TOKEN, Some(TOKEN)),
        gateway.post(&format!("{FEEDBACK_PATH}?access_token={TOKEN}"), &feedback(member)),
    ] {
        assert_eq!(refusal(wrong).await, unauthorized());
    }
    assert!(env.model.calls().is_empty(), "nothing was asked");
    for token in [TOKEN, NEXT_TOKEN] {
        assert_eq!(reply(bearer(asks(), token)).await, (200, json!({"feedback": FEEDBACK})));
    }
    let header = format!("Bearer {TOKEN}");
    let query = format!("memberId={member}&lastEventId=0&records=true");
    let mut events = gateway.events_with(&query, &[("authorization", &header)]).await;
    assert_eq!(events.next().await.name, "record");
    assert!(!gateway.process.log().contains(TOKEN), "a token is nobody's to read");
}

async fn tokens_are_rotated_without_a_restart(env: Arc<TestEnv>) {
    let files = Files::new();
    let gateway = env.gateway_with(&with_tokens(beyond(&env), &files, TOKEN)).await;
    let status = async |token: &str| {
        bearer(gateway.ask(Method::GET, "/documents/none.docx"), token).send().await.unwrap().status().as_u16()
    };
    assert_eq!((status(TOKEN).await, status(NEXT_TOKEN).await), (404, 401));
    files.write("tokens", &format!("{TOKEN}\n{NEXT_TOKEN}\n"));
    eventually("the new token counts", || async { (status(NEXT_TOKEN).await == 404).then_some(()) }).await;
    assert_eq!(status(TOKEN).await, 404, "and so does the old one");
    files.write("tokens", NEXT_TOKEN);
    eventually("the old token counts no more", || async { (status(TOKEN).await == 401).then_some(()) }).await;
    // A file that makes no sense changes nothing.
    files.write("tokens", "");
    eventually("it is told", || async { gateway.process.log().contains("it holds no token").then_some(()) }).await;
    assert_eq!(status(NEXT_TOKEN).await, 404);
}

async fn a_servers_token_asks_for_many_clients_and_a_member_for_one(env: Arc<TestEnv>) {
    let files = Files::new();
    let settings = with_tokens(with_jwt(beyond(&env), &files, ED25519[1]), &files, TOKEN);
    let gateway = env.gateway_with(&settings.with("GATEWAY_CLIENT_STREAMS", 1)).await;
    let member = env.member();
    // Somebody whom the proxy on this machine, which is believed, has asking.
    let stream = |token: &str| {
        let request = gateway.ask(Method::GET, &format!("{SUBSCRIBE}?memberId={member}"));
        bearer(request, token).header("x-forwarded-for", "198.51.100.66").send()
    };
    let token = signed(&claims(member));
    let first = stream(&token).await.unwrap();
    assert_eq!(
        (first.status(), stream(&token).await.unwrap().status()),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
    );
    let servers = [stream(TOKEN).await.unwrap(), stream(TOKEN).await.unwrap()];
    assert!(servers.iter().all(|answer| answer.status() == StatusCode::OK), "{servers:?}");
}

async fn a_browser_is_the_member_whom_the_login_says(env: Arc<TestEnv>) {
    let (_worker, login, outcomes) = (env.worker().await, Login::start().await, env.outcomes().await);
    let gateway = env.gateway_with(&beyond(&env).with("GATEWAY_AUTH_URL", login.url())).await;
    let (member, other) = (env.member(), env.member());
    let cookie = format!("SESSION={member}");
    let as_member = |request: RequestBuilder| request.header("cookie", &cookie).header("x-more", "1");
    let stream = |query: &str| gateway.ask(Method::GET, &format!("{SUBSCRIBE}{query}"));

    // Who it is comes from the login, whether or not the page says it.
    let mut unnamed = gateway.events_with("", &[("cookie", &cookie)]).await;
    let mut named = gateway.events_with(&format!("memberId={member}"), &[("cookie", &cookie)]).await;
    for query in [format!("?memberId={other}"), "?memberId=x".to_owned()] {
        assert_eq!(refusal(as_member(stream(&query))).await, other_member(), "{query}");
    }
    let mut body = feedback(member);
    body.as_object_mut().unwrap().remove("memberId");
    assert_eq!(reply(as_member(gateway.post(FEEDBACK_PATH, &body))).await, (200, json!({"feedback": FEEDBACK})));
    assert_eq!(outcomes.expect(member, "FeedbackGenerated").await.member(), Some(member));
    for events in [&mut unnamed, &mut named] {
        events.expect("problem-feedback").await;
    }
    for body in [
        feedback(other),
        json!({"memberId": member, "member_id": other, "question": "q", "answer": "a"}),
        json!({"memberId": "x", "question": "q", "answer": "a"}),
    ] {
        assert_eq!(refusal(as_member(gateway.post(FEEDBACK_PATH, &body))).await, other_member(), "{body}");
    }
    let before = login.questions().len();
    assert_eq!(refusal(stream(&format!("?memberId={member}"))).await, unauthorized(), "who proves nothing");
    assert_eq!(login.questions().len(), before, "is not asked for");
    assert_eq!(refusal(stream("").header("cookie", "SESSION=stranger")).await, unauthorized());
    assert_eq!(refusal(stream("").header("cookie", "SESSION=suspended")).await, (403, "FORBIDDEN".to_owned()));
    let by_header = bearer(stream(&format!("?memberId={other}")), &format!("session-{other}")).send().await.unwrap();
    assert_eq!(by_header.status(), 200);

    // The login sees who asks, and nothing of what is asked.
    let known = ["accept", "authorization", "cookie", "host"];
    for (line, headers) in login.questions() {
        assert_eq!(line, "GET /internal/member");
        assert!(headers.iter().all(|header| known.contains(&header.as_str())), "{headers:?}");
    }
}

async fn where_the_login_says_nothing_of_use_nobody_gets_in(env: Arc<TestEnv>) {
    let login = Login::start().await;
    let gateway = env.gateway_with(&beyond(&env).with("GATEWAY_AUTH_URL", login.url())).await;
    let asked = async |session: &str| {
        let request = gateway.ask(Method::GET, &format!("{SUBSCRIBE}?memberId=7"));
        refusal(request.header("cookie", format!("SESSION={session}"))).await
    };
    let unavailable = (503, "LOGIN_UNAVAILABLE".to_owned());
    for session in ["moved", "broken", "talkative", "nameless", "page", "0", "-7"] {
        assert_eq!(asked(session).await, unavailable, "{session}");
    }
    let began = Instant::now();
    assert_eq!(asked("silent").await, unavailable);
    assert!((5..30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    drop(login);
    assert_eq!(asked("7").await, unavailable);
    assert!(gateway.process.log().contains("GATEWAY_AUTH_URL"));
}

async fn a_signed_token_is_its_members_and_any_other_is_nobodys(env: Arc<TestEnv>) {
    let (_worker, files) = (env.worker().await, Files::new());
    let gateway = env.gateway_with(&with_jwt(beyond(&env), &files, ED25519[1])).await;
    let (member, other) = (env.member(), env.member());
    let token = signed(&claims(member));
    let stream = |query: &str| gateway.ask(Method::GET, &format!("{SUBSCRIBE}{query}"));
    for (name, value) in
        [("authorization", format!("Bearer {token}")), ("cookie", format!("a=b; __Host-ssammu={token}"))]
    {
        let mut events = gateway.events_with("", &[(name, &value)]).await;
        let asked = gateway.post(FEEDBACK_PATH, &feedback(member)).header(name, &value);
        assert_eq!(reply(asked).await.0, 200, "{name}");
        events.expect("problem-feedback").await;
    }
    assert_eq!(refusal(bearer(stream(&format!("?memberId={other}")), &token)).await, other_member());
    assert_eq!(refusal(bearer(gateway.post(FEEDBACK_PATH, &feedback(other)), &token)).await, other_member());

    let with = |name: &str, value: Value| {
        let mut claims = claims(member);
        claims[name] = value;
        claims
    };
    let forged = EncodingKey::from_secret(ED25519[1].as_bytes());
    let unsigned = |head: Value| {
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims(member).to_string()))
    };
    let foreign = [
        ("expired", signed(&with("exp", json!(now() - 1)))),
        ("without an end", signed(&with("exp", Value::Null))),
        ("not yet", signed(&with("nbf", json!(now() + 600)))),
        ("another issuer", signed(&with("iss", json!("somebody")))),
        ("another audience", signed(&with("aud", json!("another")))),
        ("no member", signed(&with("sub", json!("hong")))),
        ("a public key as a secret", encode(&Header::new(Algorithm::HS256), &claims(member), &forged).unwrap()),
        ("no algorithm", unsigned(json!({"alg": "none", "typ": "JWT"}))),
        ("another signature", format!("{}.AAAAAAAA", token.rsplit_once('.').unwrap().0)),
        ("no token", "session".to_owned()),
    ];
    for (why, token) in &foreign {
        let query = format!("?memberId={member}");
        assert_eq!(refusal(bearer(stream(&query), token)).await, unauthorized(), "{why}");
        let cookie = stream(&query).header("cookie", format!("__Host-ssammu={token}"));
        assert_eq!(refusal(cookie).await, unauthorized(), "{why}");
        let asked = bearer(gateway.post(FEEDBACK_PATH, &feedback(member)), token);
        assert_eq!(refusal(asked).await, unauthorized(), "{why}");
    }
    for query in [format!("?memberId={member}&access_token={token}"), format!("?authorization=Bearer%20{token}")] {
        assert_eq!(refusal(stream(&query)).await, unauthorized(), "{query}");
    }
    assert_eq!(env.model.calls().len(), 2);
    assert!(!gateway.process.log().contains(&token));
}

async fn a_stream_ends_with_the_token_that_opened_it(env: Arc<TestEnv>) {
    let files = Files::new();
    let gateway = env.gateway_with(&with_jwt(beyond(&env), &files, ED25519[1])).await;
    let mut claims = claims(env.member());
    let end = now() + 4;
    claims["exp"] = json!(end);
    let header = format!("Bearer {}", signed(&claims));
    let mut events = gateway.events_with("", &[("authorization", &header)]).await;
    assert_eq!(events.maybe_next().await, None);
    let late =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().saturating_sub(Duration::from_secs(end));
    assert!(now() >= end && late < Duration::from_secs(10), "{late:?}");
    let again = gateway.ask(Method::GET, SUBSCRIBE).header("authorization", &header);
    assert_eq!(refusal(again).await, unauthorized());
}

/// A member's finished résumé.
async fn document_of(gateway: &GatewayProcess, member: i64, token: &str) -> String {
    let init = json!({"memberId": member, "inputs": {"email": "hong@example.kr"}});
    let (status, done) = reply(bearer(gateway.post(INIT_PATH, &init), token)).await;
    assert_eq!(status, 200, "{done}");
    format!("/documents/{}", done["resumeObjectKey"].as_str().unwrap())
}

async fn a_document_is_served_to_its_own_member_alone(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    env.model.when_asked(Kind::Question, [Answer::enough(), Answer::enough()]);
    let files = Files::new();
    let settings = with_tokens(with_jwt(beyond(&env), &files, ED25519[1]), &files, TOKEN);
    let (gateway, member, other) = (env.gateway_with(&settings).await, env.member(), env.member());
    let document = document_of(&gateway, member, TOKEN).await;
    document_of(&gateway, other, TOKEN).await;
    let status = async |token: &str| bearer(gateway.ask(Method::GET, &document), token).send().await.unwrap().status();
    assert_eq!(status(&signed(&claims(member))).await, 200);
    assert_eq!(status(TOKEN).await, 200);
    let others = bearer(gateway.ask(Method::GET, &document), &signed(&claims(other)));
    assert_eq!(refusal(others).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(refusal(gateway.ask(Method::GET, &document)).await, unauthorized());
}

async fn a_forged_outcome_reaches_nobody(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    let (gateway, member, other) = (env.gateway().await, env.member(), env.member());
    let secret = format!("{}secret.docx", env.prefix());
    env.bucket().put(&secret, b"of nobody").await;
    let mut events = gateway.events(&format!("memberId={member}&records=true&lastEventId=0"), "").await;

    let completed = |key: &str| {
        let (session, url) = ("00000000-0000-4000-8000-000000000000", "https://s3.example/a");
        json!({"isComplete": true, "sessionId": session, "resumeObjectKey": key, "resumeUrl": url,
            "resumeUrlExpiresAt": "2026-11-22T10:00:00Z", "degraded": false})
    };
    let forge = async |kind: &str, ids: [i64; 3], mut value: Value, id: &str| {
        let [key, subject, named] = ids;
        value["memberId"] = json!(named);
        let record = env.requests.request(&env.topics.of(kind)).key(key.to_string()).value(value.to_string());
        let record = record.header("ce_id", id).header("ce_subject", subject.to_string());
        record.header("ce_type", kind).header("ce_causationid", "r").send().await;
    };
    // One of the three says that it is somebody else's.
    let lie = json!({"feedback": "남의 피드백입니다."});
    for (number, ids) in
        [[other, member, member], [member, other, member], [member, member, other], [other, member, other]]
            .into_iter()
            .enumerate()
    {
        forge("FeedbackGenerated", ids, lie.clone(), &format!("lie-{number}")).await;
    }
    // All agree, and the document is not the member's.
    let keys = [secret.clone(), format!("{}{other}/resume_agent_1.docx", env.prefix()), "../secret.docx".to_owned()];
    for (number, key) in keys.iter().enumerate() {
        forge("ResumeCompleted", [member; 3], completed(key), &format!("key-{number}")).await;
        forge("ResumeCompleted", [member, member, other], completed(key), &format!("other-{number}")).await;
    }
    let document = {
        let (status, done) = gateway.call(INIT_PATH, &json!({"memberId": other, "inputs": {"email": "a@b.kr"}})).await;
        assert_eq!(status, 200, "{done}");
        done["resumeObjectKey"].as_str().unwrap().to_owned()
    };
    forge("ResumeCompleted", [member; 3], completed(&document), "the-others").await;
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    loop {
        let event = events.next().await;
        assert!(!event.data.contains("남의") && !event.data.contains("other-"), "{event:?}");
        if event.name == "problem-feedback" {
            assert_eq!(event.json(), json!({"problemId": 42, "feedback": FEEDBACK}));
            break;
        }
    }
    for key in &keys {
        let (status, body) = reply(gateway.ask(Method::GET, &format!("/documents/{key}"))).await;
        assert_eq!((status, &body["code"]), (404, &json!("NOT_FOUND")), "{key}");
    }
    let own = gateway.ask(Method::GET, &format!("/documents/{document}")).send().await.unwrap();
    assert_eq!(own.status(), 200, "it is the other's own, whatever else was said of it");
    let log = gateway.process.log();
    assert!(log.contains("ce_subject") && !log.contains("남의"), "{log}");
}

async fn a_page_of_another_site_gets_nothing(env: Arc<TestEnv>) {
    let gateway = env.gateway().await;
    let friends = env.settings().with("GATEWAY_ALLOWED_ORIGINS", "https://www.careerbee.example");
    let friendly = env.gateway_with(&friends).await;
    let stream = format!("{SUBSCRIBE}?memberId=7");
    let status = async |gateway: &GatewayProcess, path: &str, said: [&str; 3]| {
        let request = gateway.ask(Method::GET, path).header("sec-fetch-site", said[0]);
        let request = request.header("sec-fetch-mode", said[1]).header("sec-fetch-dest", said[2]);
        request.send().await.unwrap().status().as_u16()
    };
    for site in ["cross-site", "same-site"] {
        for path in ["/", "/page/page.js", &stream, "/documents/a.docx", "/health-check", "/old"] {
            assert_eq!(status(&gateway, path, [site, "no-cors", "image"]).await, 403, "{site} {path}");
            assert_eq!(status(&friendly, path, [site, "no-cors", "image"]).await, 403, "{site} {path}");
        }
        let opened = [site, "navigate", "document"];
        assert_eq!(status(&gateway, "/", opened).await, 200, "a link to the page");
        assert_eq!(status(&gateway, "/documents/a.docx", opened).await, 403);
        assert_eq!(status(&friendly, "/documents/a.docx", opened).await, 404, "as an allowed page leads to it");
        assert_eq!(status(&gateway, "/", [site, "navigate", "iframe"]).await, 403);
    }
    assert_eq!(status(&gateway, "/", ["same-origin", "no-cors", "script"]).await, 200);
    let call =
        friendly.ask(Method::GET, &stream).header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "cors");
    let call = call.header("origin", "https://www.careerbee.example").send().await.unwrap();
    assert_eq!(call.status(), 200);
    for path in ["/", "/documents/a.docx", &stream] {
        let answer = gateway.ask(Method::GET, path).send().await.unwrap();
        for name in ["cross-origin-resource-policy", "cross-origin-opener-policy"] {
            assert_eq!(answer.headers()[name], "same-origin", "{path} {name}");
        }
    }
}

async fn what_is_not_served_is_not_there_or_passed_on(env: Arc<TestEnv>) {
    let (_worker, member, files) = (env.worker().await, env.member(), Files::new());
    let (stream, document) = (format!("{SUBSCRIBE}?memberId={member}"), "/documents/a.docx");
    let only = |parts: &str| env.settings().with("GATEWAY_SERVE", parts);
    let api = env.gateway_with(&only("api")).await;
    for path in ["/", "/page/page.js", &stream, document] {
        assert_eq!(refusal(api.ask(Method::GET, path)).await, (404, "NOT_FOUND".to_owned()), "{path}");
    }
    assert_eq!(api.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    let events = env.gateway_with(&only("events,documents")).await;
    for path in [FEEDBACK_PATH, UPDATE_PATH, "/feedback/create"] {
        assert_eq!(refusal(events.post(path, &feedback(member))).await, (404, "NOT_FOUND".to_owned()), "{path}");
    }
    events.events(&format!("memberId={member}"), "").await;
    let records = events.ask(Method::GET, &format!("{stream}&records=true"));
    assert_eq!(refusal(records).await, (403, "FORBIDDEN".to_owned()), "records are the page's");

    // What is passed on needs a server's token, which goes no further.
    let upstream = Upstream::start().await;
    let settings = with_tokens(beyond(&env), &files, TOKEN).with("GATEWAY_SERVE", "api");
    let passing = env.gateway_with(&settings.with("GATEWAY_PASS_TO", upstream.url())).await;
    assert_eq!(refusal(passing.ask(Method::GET, &stream)).await, unauthorized());
    assert_eq!(upstream.requests(), 0);
    let (status, got) = reply(bearer(passing.ask(Method::GET, &stream), TOKEN)).await;
    assert_eq!((status, &got["target"]), (418, &json!(format!("GET {stream}"))));
    assert!(!got.to_string().contains(TOKEN), "{got}");
}

/// `tests/page/login.py`: Chromium, and a login that knows its cookie until it is deleted.
async fn the_page_says_in_words_that_somebody_has_to_log_in(env: Arc<TestEnv>) {
    let (_worker, login, member) = (env.worker().await, Login::start().await, env.member());
    let gateway = env.gateway_with(&env.settings().with("GATEWAY_AUTH_URL", login.url())).await;
    let mut browser = Command::new(installed().join("venv/bin/python"));
    browser
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/login.py"))
        .args(["--url", &format!("http://{}/", gateway.address)])
        .args(["--member", &member.to_string()]);
    let output = env.run_other(&mut browser, BROWSING).await;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
}
