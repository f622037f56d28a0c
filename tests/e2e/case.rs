//! How one test is run and how its failure is told.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use libtest_mimic::Failed;

use crate::kit::services::Services;
use crate::kit::test_env::TestEnv;

type Run = Box<dyn Fn(Arc<TestEnv>) -> LocalBoxFuture<'static, ()> + Send + Sync>;

/// A test: a function that panics when something is not as it should be. Its name is its sentence.
pub struct Case {
    pub name: String,
    /// It cannot be run as this program was built.
    pub ignored: bool,
    run: Run,
}

/// Cases named after their functions.
macro_rules! list {
    ($($name:ident),+ $(,)?) => {
        vec![$(crate::case::Case::new(stringify!($name), |env| Box::pin($name(env)))),+]
    };
}
pub(crate) use list;

/// The cases of a module that has no others.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        pub fn cases() -> Vec<crate::case::Case> {
            crate::case::list![$($name),+]
        }
    };
}
pub(crate) use cases;

impl Case {
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(Arc<TestEnv>) -> LocalBoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), ignored: false, run: Box::new(run) }
    }

    /// It is run only where the worker has fail points: `cargo test --features fail-points`.
    pub fn with_fail_points(self) -> Self {
        Self { ignored: !cfg!(feature = "fail-points"), ..self }
    }

    /// Runs it in an environment of its own; a failure comes with the end of each worker's log.
    pub async fn perform(&self, services: Arc<Services>) -> Result<(), Failed> {
        let env = Arc::new(TestEnv::new(services).await);
        let result = AssertUnwindSafe((self.run)(env.clone())).catch_unwind().await;
        env.leave().await;
        result.map_err(|panic| format!("{}\n{}", words(panic.as_ref()), env.log_tails()).into())
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the test panicked")
}
