//! End-to-end tests: the real program, real Kafka, Redis and S3, a model server over HTTP.
//!
//! `cargo test --test e2e -- <filter>` runs some, `-- --list` names all. The services are started once, for whatever runs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects ends there"
)]

mod case;
mod cases;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../suites"]
mod suites {
    pub mod documents;
    pub mod erasing;
    pub mod expiring;
    pub mod fixtures;
    pub mod links;
    pub mod redis;
    pub mod state;
}

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::kit::s3::{ACCESS_KEY, REGION, SECRET_KEY};
use crate::kit::services::Services;
use crate::kit::services::ports::free_port;

/// How many tests run at once where the command line does not say: most of their time is spent waiting.
const AT_ONCE: usize = 6;

/// Starts the services when the first test needs them, so that `--list` and an empty selection start nothing.
struct Lazy {
    s3_port: u16,
    services: OnceCell<Result<Arc<Services>, String>>,
}

impl Lazy {
    async fn get(&self) -> Result<Arc<Services>, Failed> {
        let started = self.services.get_or_init(|| async {
            let started = Services::start(self.s3_port).await;
            started.map(Arc::new).map_err(|error| format!("the services could not be started: {error:#}"))
        });
        Ok(started.await.clone()?)
    }

    async fn stop(self) {
        if let Some(Ok(services)) = self.services.into_inner() {
            match Arc::try_unwrap(services) {
                Ok(services) => services.stop().await,
                Err(_) => eprintln!("a test still holds the services; they end with this process"),
            }
        }
    }
}

/// The S3 adapter reads its settings from the environment, like any AWS program.
fn set_s3_environment(port: u16) {
    let settings = [
        ("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{port}")),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    for (name, value) in settings {
        // SAFETY: nothing else runs yet that could read the environment.
        unsafe { std::env::set_var(name, value) };
    }
}

fn main() -> ExitCode {
    let s3_port = free_port();
    set_s3_environment(s3_port);
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    let services = Arc::new(Lazy { s3_port, services: OnceCell::new() });
    let conclusion = libtest_mimic::run(&arguments, trials(&runtime, &services));
    if let Some(services) = Arc::into_inner(services) {
        runtime.block_on(services.stop());
    }
    conclusion.exit_code()
}

fn trials(runtime: &Arc<Runtime>, services: &Arc<Lazy>) -> Vec<Trial> {
    let cases = cases::all().into_iter();
    let named =
        cases.flat_map(|(module, cases)| cases.into_iter().map(move |case| (format!("{module}::{}", case.name), case)));
    named
        .map(|(name, case)| {
            let (runtime, services, ignored) = (runtime.clone(), services.clone(), case.ignored);
            Trial::test(name, move || runtime.block_on(async { case.perform(services.get().await?).await }))
                .with_ignored_flag(ignored)
        })
        .collect()
}
