//! Spring Kafka's view of the contract: `tests/spring`, a Spring Boot program, against the real worker.

use std::sync::Arc;

use crate::kit::test_env::TestEnv;

crate::case::cases![a_spring_application_gets_what_the_contract_promises];

/// The checks of `tests/spring`. Each says at the end whether it held; none may go missing.
const CHECKS: usize = 19;

async fn a_spring_application_gets_what_the_contract_promises(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    // The program's settings have the worker's names.
    env.run_maven("spring", env.settings().iter(), CHECKS).await;
}
