//! Spring Kafka's view of the contract: `tests/spring`, a Spring Boot program, against the real worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use crate::kit::test_env::TestEnv;

crate::case::cases![a_spring_application_gets_what_the_contract_promises];

/// How long Maven may take; the first time it fetches Spring.
const MAVEN_PATIENCE: Duration = Duration::from_mins(15);

/// The checks of `tests/spring`. Each says at the end whether it held; none may go missing.
const CHECKS: usize = 13;

async fn a_spring_application_gets_what_the_contract_promises(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let mut maven = Command::new("mvn");
    maven
        .args(["-q", "-B", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spring/pom.xml"), "test"])
        // The program's settings have the worker's names.
        .envs(env.settings().iter());
    let output = env.run_other(&mut maven, MAVEN_PATIENCE).await;
    let stdout = String::from_utf8_lossy(&output.stdout);
    // Maven puts a colour code before the first line, in batch mode too.
    let proven = stdout.lines().filter(|line| line.contains("proven: ")).count();
    assert!(
        output.status.success() && proven == CHECKS,
        "{proven} of {CHECKS} checks held; Maven ended with {}\n{stdout}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
