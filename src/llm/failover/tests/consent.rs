//! A fallback that is for those alone who have agreed.

use super::*;

fn consenting(primary: &Arc<Scripted>, fallback: &Arc<Scripted>) -> Failover {
    pair(primary, fallback).only_with_consent()
}

async fn asked_with(model: &Failover, reach: Reach, within: Duration) -> Result<String, ModelFailure> {
    let place = Place::only().reaching(reach);
    model.ask(&ask(), &place, Instant::now() + within, None).await.map(|reply| reply.text)
}

#[tokio::test(start_paused = true)]
async fn who_has_not_agreed_waits_as_if_there_were_no_fallback_and_who_has_is_answered() {
    let (primary, fallback) =
        (Scripted::new("vllm", [fails(Cause::Unreachable)]), Scripted::new("openai", [said("대신")]));
    let model = consenting(&primary, &fallback);
    assert_eq!(asked_with(&model, Reach::Overseas, LONG).await, Ok("대신".to_owned()));
    let refused = asked_with(&model, Reach::Home, LONG).await;
    assert!(matches!(refused, Err(ModelFailure::Unavailable(_))), "{refused:?}");
    assert_eq!(fallback.calls(), 1, "nothing of theirs went there");
    assert!(!*model.watch().borrow(), "for some a model can be asked");

    // Whoever may go nowhere else does not begin; all others do.
    let trial = model.admit(Reach::Home).await;
    assert!(trial.is_trial() && !model.admit(Reach::Overseas).await.is_trial());
    let mut waiting = std::pin::pin!(model.admit(Reach::Home));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    *primary.script.lock().unwrap() = [said("돌아왔습니다.")].into();
    let later = probed(&model, async { asked_with(&model, Reach::Home, LONG * 10).await }).await;
    assert_eq!(later, Ok("돌아왔습니다.".to_owned()));
    assert!(!waiting.await.is_trial());
    assert_eq!(fallback.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_or_misconfigured_primary_is_left_for_the_fallback_by_those_alone_who_agreed() {
    for cause in [Cause::Silent, Cause::Denied, Cause::UnknownModel] {
        let (primary, fallback) = (Scripted::new("vllm", [fails(cause)]), Scripted::new("openai", [said("대신")]));
        let model = consenting(&primary, &fallback);
        assert!(asked_with(&model, Reach::Home, LONG).await.is_err(), "{cause:?}");
        assert_eq!(fallback.calls(), 0, "{cause:?}");
        assert_eq!(asked_with(&model, Reach::Overseas, LONG).await, Ok("대신".to_owned()), "{cause:?}");
    }
    let (primary, fallback) = (Scripted::new("vllm", [said("x")]), Scripted::new("openai", [said("대신")]));
    primary.hang(true);
    let model = consenting(&primary, &fallback);
    assert!(asked_with(&model, Reach::Home, LONG).await.is_err());
    assert_eq!(fallback.calls(), 0);
    assert_eq!(asked_with(&model, Reach::Overseas, LONG).await, Ok("대신".to_owned()));
}

#[tokio::test]
async fn where_consent_is_not_asked_for_everybody_goes_to_the_fallback() {
    let (primary, fallback) = (Scripted::new("vllm", [fails(Cause::Denied)]), Scripted::new("openai", [said("대신")]));
    assert_eq!(asked_with(&pair(&primary, &fallback), Reach::Home, LONG).await, Ok("대신".to_owned()));
}

#[tokio::test]
async fn readiness_says_that_the_fallback_is_not_for_everybody() {
    let (primary, fallback) = (Scripted::new("vllm", [said("x")]), Scripted::new("openai", [said("x")]));
    let model = consenting(&primary, &fallback);
    assert_eq!(model.check(Instant::now() + LONG).await, Ok(()));
    primary.lists_nothing.store(true, Ordering::SeqCst);
    let told = model.check(Instant::now() + SHORT).await.unwrap_err().to_string();
    assert!(
        told.starts_with("vllm: ") && told.ends_with("openai stands in for members who agreed, and the others wait"),
        "{told}"
    );
}
