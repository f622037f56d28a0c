//! What the log says of a request.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::{Arc, Once};

use serde_json::json;
use ssammu_worker::events::record::RequestKind;
use ssammu_worker::llm::ModelFailure;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use crate::stage::{Shared, record, work};

/// What this thread logs, up to a level.
struct Log {
    file: Arc<File>,
    _guard: DefaultGuard,
}

impl Log {
    fn of(level: LevelFilter) -> Self {
        // While a thread's own subscriber is the only one, lines that another thread comes by first are off for all.
        static ALL: Once = Once::new();
        ALL.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
        let file = Arc::new(tempfile::tempfile().unwrap());
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(file.clone());
        Self { file, _guard: tracing::subscriber::set_default(subscriber.finish()) }
    }

    fn lines(&self) -> Vec<String> {
        let (mut file, mut text) = (self.file.as_ref(), String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn every_line_of_a_request_says_which_record_it_is_and_whose() {
    let (shared, log) = (Shared::new(), Log::of(LevelFilter::DEBUG));
    shared.model.fails(ModelFailure::Unusable("odd".to_owned()));
    let value = json!({"memberId": 7, "question": "캐시란?", "answer": "사본입니다."});
    work(&shared.worker(), record(RequestKind::FeedbackRequested, 5, &value)).await;
    let lines = log.lines();
    for said in ["the reply is unusable", "answered"] {
        assert!(lines.iter().any(|line| line.contains(said)), "{said}: {lines:#?}");
    }
    let of_it = |line: &String| line.contains("request{record=FeedbackRequested/0/5 member=7}");
    assert!(lines.iter().all(of_it), "{lines:#?}");
}

#[tokio::test]
async fn without_details_every_line_of_a_request_says_whose_it_is() {
    let (shared, log) = (Shared::new(), Log::of(LevelFilter::INFO));
    let worker = shared.worker();
    // It would end the interview before it has asked anything, and then write no résumé.
    shared.model.says("{\"question\": \"\"}");
    shared.model.says("{\"question\": \"\"}");
    work(&worker, record(RequestKind::ResumeInit, 0, &json!({"memberId": 7, "inputs": {"email": "a@b.kr"}}))).await;
    shared.model.fails(ModelFailure::Unavailable("down".to_owned()));
    work(&worker, record(RequestKind::ResumeAnswer, 0, &json!({"memberId": 7, "answer": "서버를 맡았습니다."}))).await;
    let lines = log.lines();
    assert!(lines.iter().any(|line| line.contains("laid out without the model")), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("member=7")), "{lines:#?}");
}
