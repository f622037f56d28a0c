//! What one request that a server cannot answer says about that server: little.

use super::*;

fn breaks() -> Result<Completion, Fault> {
    Err(Fault { cause: Cause::Broken, status: Some(500), retry_after: None })
}

#[tokio::test(start_paused = true)]
async fn a_request_at_which_a_server_always_breaks_counts_once_against_it() {
    let primary = Scripted::new("vllm", [breaks()]);
    let notes = Arc::new(Notes::default());
    let model = alone(&primary, notes.clone());
    assert!(matches!(asked(&model, SHORT).await, Err(ModelFailure::Unavailable(_))));
    assert!(primary.calls() > 5, "{} calls", primary.calls());
    assert!(notes.circuits.lock().unwrap().iter().all(|(_, is_open)| !is_open), "for all others it goes on");

    for _ in 0..4 {
        asked(&model, SHORT).await.unwrap_err();
    }
    assert!(notes.circuits.lock().unwrap().contains(&("vllm", true)), "one that breaks at every request is down");
}

#[tokio::test(start_paused = true)]
async fn a_request_at_which_the_primary_breaks_twice_is_answered_by_the_fallback() {
    let primary = Scripted::new("vllm", [breaks()]);
    let fallback = Scripted::new("openai", [said("좋습니다.")]);
    assert_eq!(asked(&pair(&primary, &fallback), LONG).await, Ok("좋습니다.".to_owned()));
    assert_eq!((primary.calls(), fallback.calls()), (2, 1));
}
