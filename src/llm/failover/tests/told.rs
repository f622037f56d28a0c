//! What is told: to whoever checks the model, and to the observer.

use super::*;

#[tokio::test]
async fn what_happens_is_told_once_each() {
    let notes = Arc::new(Notes::default());
    let primary = Scripted::new("vllm", [fails(Cause::Busy), said("좋습니다.")]);
    asked(&alone(&primary, notes.clone()), LONG).await.unwrap();
    assert_eq!(notes.all(), ["vllm busy", "retry busy", "vllm ok", "tokens 10 5"]);
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_hangs_leaves_the_fallback_time_to_be_checked() {
    let [primary, fallback] = ["vllm", "openai"].map(|name| Scripted::new(name, [said("x")]));
    primary.lists_nothing.store(true, Ordering::SeqCst);
    assert_eq!(pair(&primary, &fallback).check(Instant::now() + LONG).await, Ok(()));
}

#[tokio::test]
async fn a_call_is_out_until_it_ends_or_is_dropped() {
    let notes = Arc::new(Notes::default());
    let primary = Scripted::taking(QUICK.probe_every, "vllm", [said("네.")]);
    let model = alone(&primary, notes.clone());
    let mut asks: Vec<_> = (0..3).map(|_| Box::pin(asked(&model, LONG))).collect();
    for ask in &mut asks {
        assert!(futures_util::poll!(ask.as_mut()).is_pending());
    }
    assert_eq!(notes.calls_out(), 3);
    drop(asks.pop());
    assert_eq!(notes.calls_out(), 2);
    assert!(futures_util::future::join_all(asks).await.iter().all(Result::is_ok));
    assert_eq!(notes.calls_out(), 0);
}

#[tokio::test]
async fn a_pause_is_no_call() {
    let slow = Patience { backoff: Backoff { base: LONG, cap: LONG }, ..QUICK };
    let notes = Arc::new(Notes::default());
    let primary = Scripted::new("vllm", [fails(Cause::Busy)]);
    let model = Failover::new(primary, None, slow, notes.clone());
    let mut paused = std::pin::pin!(asked(&model, LONG));
    while notes.all().is_empty() {
        assert!(futures_util::poll!(paused.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(notes.calls_out(), 0);
}

#[tokio::test]
async fn a_check_is_content_with_either_server_and_names_both_when_none_answers() {
    let (down, up) = (Scripted::new("vllm", [fails(Cause::Unreachable)]), Scripted::new("openai", [said("x")]));
    let limit = Instant::now() + LONG;
    assert_eq!(pair(&down, &up).check(limit).await, Ok(()));
    let denied = Scripted::new("openai", [fails(Cause::Denied)]);
    assert_eq!(
        pair(&down, &denied).check(limit).await.unwrap_err().to_string(),
        "vllm: no connection to the server; openai: the server does not accept the API key"
    );
}

#[tokio::test]
async fn a_check_tells_a_misconfigured_primary_though_the_fallback_answers() {
    let (misnamed, up) = (Scripted::new("vllm", [fails(Cause::UnknownModel)]), Scripted::new("openai", [said("x")]));
    let limit = Instant::now() + LONG;
    assert_eq!(
        pair(&misnamed, &up).check(limit).await.unwrap_err().to_string(),
        "vllm: the server does not serve the model; openai stands in"
    );
}
