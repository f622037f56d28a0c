//! How the process ends, and what does not end it: readers that go away, signals at any moment, TLS handshakes.

use std::fs::File;
use std::io::{PipeReader, Read, pipe};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::kit::model::Answer;
use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::topics::has_partitions;
use crate::kit::wait::{PATIENCE, eventually};
use crate::kit::worker_process::{PROGRAM, WorkerProcess};

crate::case::cases![
    a_worker_without_a_standard_error_works,
    a_worker_whose_logs_reader_has_gone_works,
    a_worker_whose_log_nobody_reads_works_and_tells_how_many_lines_were_lost,
    commands_end_quietly_when_nobody_reads_them,
    what_a_command_changes_is_changed_though_nobody_reads_of_it,
    requests_are_replayed_though_nobody_reads_of_it,
    output_that_cannot_be_written_is_a_failure,
    a_stop_while_tls_handshakes_run_is_no_crash,
    no_exit_handler_of_a_library_runs,
    a_worker_that_has_not_begun_is_stopped_at_once,
    a_worker_that_reaches_nothing_is_stopped_at_once,
];

/// Workers that are stopped while TLS handshakes run, and how many at once.
const STOPS: usize = 20;
const AT_ONCE: usize = 5;

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

/// Has it answer a request, and ends it as a deployment does.
async fn works_and_ends(env: &TestEnv, mut worker: WorkerProcess) {
    worker.ready().await;
    answers(env).await;
    is_stopped(worker, "TERM").await;
}

async fn answers(env: &TestEnv) {
    let (outcomes, member) = (env.outcomes().await, env.member());
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
}

async fn a_worker_without_a_standard_error_works(env: Arc<TestEnv>) {
    env.create_topics().await;
    works_and_ends(&env, env.start_worker_with_stderr(&env.settings(), None)).await;
}

async fn a_worker_whose_logs_reader_has_gone_works(env: Arc<TestEnv>) {
    env.create_topics().await;
    let (reader, log) = pipe().unwrap();
    drop(reader);
    works_and_ends(&env, env.start_worker_with_stderr(&env.settings(), Some(log))).await;
}

async fn a_worker_whose_log_nobody_reads_works_and_tells_how_many_lines_were_lost(env: Arc<TestEnv>) {
    env.create_topics().await;
    let (reader, log) = pipe().unwrap();
    let mut worker = env.start_worker_with_stderr(&env.settings().with("RUST_LOG", "trace"), Some(log));
    worker.ready().await;
    let outcomes = env.outcomes().await;
    // Requests and lines, until there are more than a pipe and the worker itself hold; no more than it answers.
    eventually("lines are lost", || async {
        let members: Vec<i64> = (0..100).map(|_| env.member()).collect();
        let requests: Vec<Value> = members.iter().map(|member| feedback(*member)).collect();
        let topic = &env.topics.feedback_requested;
        join_all(requests.iter().map(|request| env.requests.ask(topic, request).send())).await;
        join_all(members.iter().map(|member| outcomes.expect(*member, "FeedbackGenerated"))).await;
        (lines_lost(&worker).await? > 0).then_some(())
    })
    .await;
    answers(&env).await;
    assert_eq!(worker.get("/livez").await.map(|(status, _)| status), Some(200));

    // Somebody reads it after all.
    let mut read = tokio::task::spawn_blocking(move || read_until(reader, "log lines were lost"));
    let told = tokio::time::timeout(PATIENCE, &mut read).await;
    // Whatever it says: its end is the end of its log, and of the reading.
    worker.signal("KILL").await;
    assert!(matches!(told, Ok(Ok(true))), "the reader is told what it missed");
}

async fn lines_lost(worker: &WorkerProcess) -> Option<u64> {
    let (_, metrics) = worker.get("/metrics").await?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("ssammu_log_lines_lost_total "))?;
    line.parse().ok()
}

/// Whether a log holds this before it ends; what comes after is not waited for.
fn read_until(mut log: PipeReader, text: &str) -> bool {
    let (mut read, mut chunk) = (String::new(), vec![0; 1 << 16]);
    loop {
        match log.read(&mut chunk).unwrap() {
            0 => return false,
            size => read.push_str(&String::from_utf8_lossy(&chunk[..size])),
        }
        if read.contains(text) {
            return true;
        }
        // A word may lie between two chunks.
        let kept = read.floor_char_boundary(read.len().saturating_sub(text.len()));
        read.drain(..kept);
    }
}

/// Runs a command whose standard output is this; its exit status and errors.
async fn run_into(env: &TestEnv, arguments: &[&str], settings: &Settings, stdout: impl Into<Stdio>) -> (i32, String) {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().envs(settings.iter()).stdin(Stdio::null()).stdout(stdout);
    command.stderr(Stdio::piped()).process_group(env.services.process_group).kill_on_drop(true);
    let running = command.spawn().expect("the program starts");
    // It has the only end of the pipe from here on.
    drop(command);
    let ended = tokio::time::timeout(PATIENCE, running.wait_with_output()).await;
    let ended = ended.expect("the program ends").expect("its errors can be read");
    let status = ended.status.code().unwrap_or_else(|| panic!("{arguments:?}: {}", ended.status));
    (status, String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// Runs a command whose output nobody reads, which must end as if somebody did.
async fn run_unread(env: &TestEnv, arguments: &[&str]) {
    let (reader, nobody) = pipe().unwrap();
    drop(reader);
    let ended = run_into(env, arguments, &env.settings(), nobody).await;
    assert_eq!(ended, (0, String::new()), "{arguments:?}");
}

/// Has requests of these members end in the dead letters.
async fn dead_letters(env: &TestEnv, members: &[i64]) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", "3s")).await;
    env.model.always(Answer::busy());
    // Each goes on to fail, and does not wait for the model.
    env.model.always_to_probes(Answer::text("네"));
    for member in members {
        env.requests.ask(&env.topics.feedback_requested, &feedback(*member)).send().await;
        outcomes.dead_letter(feedback(*member).to_string().as_bytes()).await;
    }
    worker.stop().await;
}

async fn commands_end_quietly_when_nobody_reads_them(env: Arc<TestEnv>) {
    dead_letters(&env, &[env.member()]).await;
    let commands: [&[&str]; 7] = [
        &["--help"],
        &["run", "--help"],
        &["--version"],
        &["dlt", "list"],
        &["dlt", "list", "--json"],
        &["dlt", "replay"],
        &["session", "list"],
    ];
    for command in commands {
        run_unread(&env, command).await;
    }
}

async fn what_a_command_changes_is_changed_though_nobody_reads_of_it(env: Arc<TestEnv>) {
    run_unread(&env, &["topics"]).await;
    for topic in env.topics.all() {
        has_partitions(&env.services.kafka, &topic, 12).await;
    }
    env.topics.delete(&env.services.kafka).await;

    let folder = tempfile::tempdir().unwrap();
    run_unread(&env, &["schemas", folder.path().to_str().unwrap()]).await;
    assert!(folder.path().join("asyncapi.yaml").is_file(), "the last of them");
}

async fn requests_are_replayed_though_nobody_reads_of_it(env: Arc<TestEnv>) {
    let members = [env.member(), env.member()];
    dead_letters(&env, &members).await;
    let (reader, nobody) = pipe().unwrap();
    drop(reader);
    let (status, errors) = run_into(&env, &["dlt", "replay", "--yes"], &env.settings(), nobody).await;
    assert!(status == 0 && errors.lines().count() == 1, "nothing but the line of the access log: {errors}");
    env.model.well();
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    for member in members {
        outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
        outcomes.expect(member, "FeedbackGenerated").await;
    }
}

async fn output_that_cannot_be_written_is_a_failure(env: Arc<TestEnv>) {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (status, errors) = run_into(&env, &["session", "list"], &env.settings(), full).await;
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("standard output cannot be written: No space left on device"), "{errors}");
}

/// Brokers that refuse each TLS handshake, and count them.
struct Refusing {
    addresses: Vec<String>,
    handshakes: Arc<AtomicUsize>,
}

impl Refusing {
    async fn start() -> Self {
        let mut refusing = Self { addresses: Vec::new(), handshakes: Arc::default() };
        for _ in 0..8 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            refusing.addresses.push(listener.local_addr().unwrap().to_string());
            let handshakes = refusing.handshakes.clone();
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(refuse(client, handshakes.clone()));
                }
            });
        }
        refusing
    }

    async fn wait_for_more(&self) {
        let before = self.handshakes.load(Ordering::Relaxed);
        let more = async || (self.handshakes.load(Ordering::Relaxed) > before + 10).then_some(());
        eventually("handshakes run", more).await;
    }
}

async fn refuse(mut client: TcpStream, handshakes: Arc<AtomicUsize>) {
    if client.read(&mut [0; 4096]).await.is_ok_and(|size| size > 0) {
        handshakes.fetch_add(1, Ordering::Relaxed);
        // A fatal alert: handshake_failure.
        let _ = client.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await;
    }
}

async fn a_stop_while_tls_handshakes_run_is_no_crash(env: Arc<TestEnv>) {
    let brokers = Refusing::start().await;
    let properties = "security.protocol=ssl,reconnect.backoff.ms=1,reconnect.backoff.max.ms=10";
    let settings = env
        .settings()
        .with("KAFKA_BOOTSTRAP_SERVERS", brokers.addresses.join(","))
        .with("KAFKA_PROPERTIES", properties)
        .with("RUST_LOG", "off");
    for _ in 0..STOPS / AT_ONCE {
        let workers = (0..AT_ONCE)
            .map(|_| env.start_worker(&settings.clone().with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()))));
        join_all(workers.map(async |worker| {
            worker.unready("kafka").await;
            brokers.wait_for_more().await;
            is_stopped(worker, "TERM").await;
        }))
        .await;
    }
}

/// What crashed one stop of fifty, without its luck: OpenSSL's exit handler ran while Kafka's threads still used it.
async fn no_exit_handler_of_a_library_runs(env: Arc<TestEnv>) {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("exit.c"), folder.path().join("libexit.so"));
    let handler = "#include <unistd.h>\n__attribute__((destructor)) static void at_exit(void) { _exit(77); }\n";
    std::fs::write(&source, handler).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
    let compiled = env.run_other(&mut compiler, PATIENCE).await;
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));

    let settings = env.settings().with("LD_PRELOAD", library.display());
    is_stopped(env.worker_with(&settings).await, "TERM").await;
    let mut worker = env.worker_with(&settings.clone().with("SHUTDOWN_GRACE", "10m")).await;
    env.model.next([Answer::stall()]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(env.member())).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.signal("TERM").await;
    worker.unready("stopping").await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended().await.code(), Some(130));
    let ended = env.run(&["session", "list"], &settings).await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let ended = env.run(&["dlt", "show", "nowhere/0/0"], &settings).await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
}

/// Stops a worker, whose end is a success.
async fn is_stopped(mut worker: WorkerProcess, signal: &str) {
    worker.signal(signal).await;
    let status = worker.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
}

async fn a_worker_that_has_not_begun_is_stopped_at_once(env: Arc<TestEnv>) {
    // It is asked for a region and credentials, and never answers.
    let metadata = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = env
        .settings()
        .without(&["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"])
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", metadata.local_addr().unwrap()))
        .with("RUST_LOG", "info");
    let worker = env.start_worker(&settings);
    let _asked = tokio::time::timeout(PATIENCE, metadata.accept()).await.expect("it looks for its region").unwrap();
    is_stopped(worker, "TERM").await;
    assert!(!env.log_tails().contains("stopping"), "there was nothing to finish:\n{}", env.log_tails());
}

async fn a_worker_that_reaches_nothing_is_stopped_at_once(env: Arc<TestEnv>) {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let settings = env
        .settings()
        .with("KAFKA_BOOTSTRAP_SERVERS", &nowhere)
        .with("REDIS_URL", format!("redis://{nowhere}"))
        .with("VLLM_URL", format!("http://{nowhere}"))
        .with("AWS_ENDPOINT_URL_S3", format!("http://{nowhere}"))
        // Longer than anybody waits here.
        .with("SHUTDOWN_GRACE", "10m");
    for signal in ["TERM", "INT"] {
        let settings = settings.clone().with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()));
        let worker = env.start_worker(&settings);
        worker.unready("kafka").await;
        is_stopped(worker, signal).await;
    }
}
