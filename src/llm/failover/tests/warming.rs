//! Servers that have just come are warmed.

use super::*;
use crate::llm::Role;

const HOUR: Duration = Duration::from_hours(1);

/// Does it while somebody probes and warms, as the worker does.
async fn warmed(model: &Failover, work: impl Future<Output = ()>) {
    let beginnings = ["하나", "둘", "셋"].map(|text| Preamble::kept([(Role::System, text)]));
    tokio::select! {
        () = model.warm_forever(&beginnings) => panic!("it has ended"),
        () = probed(model, work) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn each_beginning_is_sent_once_and_the_fallback_gets_none() {
    let (primary, fallback) = (Scripted::new("vllm", [said("1")]), Scripted::new("openai", [said("1")]));
    warmed(&pair(&primary, &fallback), sleep(HOUR)).await;
    assert_eq!((primary.warmings(), fallback.warmings()), (3, 0));
    assert_eq!((primary.calls(), primary.probes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_yet_is_warmed_when_it_has_come() {
    let primary = Scripted::new("vllm", [fails(Cause::Unreachable), fails(Cause::Broken), said("1")]);
    warmed(&alone(&primary, Arc::new(())), sleep(HOUR)).await;
    assert_eq!(primary.warmings(), 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_refuses_is_not_sent_again() {
    let primary = Scripted::new("vllm", [fails(Cause::Rejected)]);
    warmed(&alone(&primary, Arc::new(())), sleep(HOUR)).await;
    assert_eq!(primary.warmings(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_may_take_longer_for_a_beginning_than_a_request_has() {
    let primary = Scripted::taking(Duration::from_mins(2), "vllm", [said("1")]);
    warmed(&alone(&primary, Arc::new(())), sleep(HOUR)).await;
    assert_eq!(primary.warmings(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_away_is_warmed_anew() {
    let primary = Scripted::new("vllm", [said("1")]);
    let model = alone(&primary, Arc::new(()));
    let outage = async {
        sleep(HOUR).await;
        assert_eq!(primary.warmings(), 3);
        *primary.script.lock().unwrap() = [fails(Cause::Unreachable)].into();
        asked(&model, LONG).await.unwrap_err();
        sleep(HOUR).await;
        assert_eq!(primary.warmings(), 3, "nobody warms what is away");
        *primary.script.lock().unwrap() = [said("1")].into();
        sleep(HOUR).await;
        assert_eq!(primary.warmings(), 6);
    };
    warmed(&model, outage).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_slowly_is_not_suspected_for_what_it_takes() {
    let primary = Scripted::taking(Duration::from_secs(20), "vllm", [said("1")]);
    let notes = Arc::new(Notes::default());
    let model = alone(&primary, notes.clone());
    let asking = async {
        sleep(HOUR).await;
        for _ in 0..4 {
            asked(&model, Duration::from_mins(1)).await.unwrap();
        }
    };
    warmed(&model, asking).await;
    assert_eq!((&*notes.circuits.lock().unwrap(), primary.probes()), (&vec![("vllm", false)], 0));
}
