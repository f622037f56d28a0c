//! Feedback on interview answers, from the request to the event.

use std::sync::Arc;

use serde_json::json;

use crate::kit::stage::Stage;

crate::case::cases![smoke];

async fn smoke(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let member = stage.member();
    let t = stage.topics.of("FeedbackGenerated");
    stage.spring.ask(&t, &json!({"memberId": member, "feedback": "x"})).send().await;
    let r = gateway.expect(member, "FeedbackGenerated").await;
    assert_eq!(r.key, Some(member.to_string().into_bytes()));
    let redis = crate::kit::redis::Redis::connect(&stage.services).await;
    assert!(redis.session(member).await.is_none());
    println!("{:?}", stage.bucket().keys("").await);
    let body: serde_json::Value = reqwest::Client::new()
        .post(format!("{}/v1/chat/completions", stage.model.url()))
        .json(&json!({"messages": [{"role": "user", "content": "hi"}]}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    println!("{body}");
}
