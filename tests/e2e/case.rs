//! How one test is run and how its failure is told.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use libtest_mimic::Failed;

use crate::kit::stage::Stage;
use crate::services::Services;

type Run = Box<dyn Fn(Arc<Stage>) -> LocalBoxFuture<'static, ()> + Send + Sync>;

/// A test: a function that panics when something is not as it should be. Its name is its sentence.
pub struct Case {
    pub name: &'static str,
    pub run: Run,
}

/// The cases of a module, named after their functions.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        pub fn cases() -> Vec<crate::case::Case> {
            vec![$(crate::case::Case { name: stringify!($name), run: Box::new(|stage| Box::pin($name(stage))) }),+]
        }
    };
}
pub(crate) use cases;

impl Case {
    /// Runs it on a stage of its own; a failure comes with the end of each worker's log.
    pub async fn perform(&self, services: Arc<Services>) -> Result<(), Failed> {
        let stage = Arc::new(Stage::new(services).await);
        let result = AssertUnwindSafe((self.run)(stage.clone())).catch_unwind().await;
        stage.leave().await;
        result.map_err(|panic| format!("{}\n{}", words(panic.as_ref()), stage.log_tails()).into())
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the test panicked")
}
