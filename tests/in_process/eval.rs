//! `ssammu-worker eval`, as people run it, on the scripted model: a good one passes, and of one that misbehaves exactly
//! those checks fall that are for that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use ssammu_worker::dev::model::{self, Misbehaviour, Script};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Answers and members that hold nothing odd by themselves.
const SOUND: &str = "nw-02-good,nw-02-partly,nw-02-wrong,db-05-empty,rs-01,rs-02";
/// Answers that give orders, one of them with a script in it.
const HOSTILE: &str = "nw-02-hostile,se-02-hostile,os-04-hostile";
/// What the scripted model cannot do: it knows nothing of networks.
const BEYOND_IT: [&str; 1] = ["feedback points"];

/// What came of running it.
struct Evaluated {
    status: i32,
    table: String,
    told: String,
    out: PathBuf,
}

impl Evaluated {
    fn report(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(&self.out).unwrap()).unwrap()
    }

    fn page(&self) -> String {
        std::fs::read_to_string(self.out.with_extension("html")).unwrap()
    }

    /// The checks that do not hold everywhere, but for those that the model cannot pass.
    fn fallen(&self) -> BTreeSet<String> {
        let mut fallen = BTreeSet::new();
        for item in self.report()["items"].as_array().unwrap() {
            for finding in item["findings"].as_array().unwrap().iter().filter(|finding| finding["holds"] == false) {
                fallen.insert(format!("{} {}", item["kind"].as_str().unwrap(), finding["check"].as_str().unwrap()));
            }
        }
        fallen.retain(|check| !BEYOND_IT.contains(&check.as_str()));
        fallen
    }
}

async fn serve(misbehaviour: Option<Misbehaviour>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = Script { misbehaviour, ..Script::default() };
    tokio::spawn(model::serve(listener, script, std::future::pending()));
    url
}

async fn evaluate(url: &str, folder: &TempDir, name: &str, more: &[&str]) -> Evaluated {
    let out = folder.path().join(name).with_extension("json");
    let run = Command::new(env!("CARGO_BIN_EXE_ssammu-worker"))
        .env_clear()
        .args(["eval", "--vllm-url", url, "--limit", "10s"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("--out")
        .arg(&out)
        .arg("--documents")
        .arg(folder.path())
        .args(more)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Evaluated { status: run.status.code().unwrap(), table: text(run.stdout), told: text(run.stderr), out }
}

#[tokio::test]
async fn a_good_model_passes_all_that_it_can() {
    let (folder, url) = (TempDir::new().unwrap(), serve(None).await);
    let good = evaluate(&url, &folder, "good", &["--only", SOUND]).await;
    assert_eq!((good.status, good.fallen()), (0, BTreeSet::new()), "{}{}", good.table, good.told);
    let report = good.report();
    let item = |id: &str, kind: &str| {
        let found = report["items"].as_array().unwrap().iter().find(|item| item["id"] == id && item["kind"] == kind);
        found.unwrap_or_else(|| panic!("{kind} {id}")).clone()
    };
    let feedback = item("nw-02-good", "feedback");
    assert_eq!(feedback["read"], feedback["calls"][0]["raw"]);
    assert!(feedback["calls"][0]["prompt_tokens"].as_u64() > Some(500));
    assert_eq!(item("rs-01/3", "question")["calls"].as_array().unwrap().len(), 1);
    let resume = item("rs-01", "resume");
    assert!(Path::new(resume["document"].as_str().unwrap()).is_file(), "the Word document is there, too");
    assert!(good.table.contains("nothing_invented") && good.told.contains("done"), "{}{}", good.table, good.told);
}

#[tokio::test]
async fn of_a_model_that_misbehaves_exactly_those_checks_fall_that_are_for_that() {
    let folder = TempDir::new().unwrap();
    for (misbehaviour, only, expected) in [
        // These are mended, so that members see nothing of them; whoever writes prompts does.
        (Misbehaviour::Labels, SOUND, &["feedback as_it_came", "question as_it_came", "resume as_it_came"][..]),
        (Misbehaviour::Tokens, SOUND, &["feedback as_it_came", "question as_it_came", "resume as_it_came"]),
        (Misbehaviour::HalfSentence, "nw-02-good", &["feedback as_it_came", "feedback sentences"]),
        (
            Misbehaviour::HalfSentence,
            "rs-01",
            &["question answered", "question first_try", "resume as_it_came", "resume nothing_lost"],
        ),
        (Misbehaviour::Loop, "nw-02-good", &["feedback as_it_came", "feedback sentences"]),
        (Misbehaviour::Confirms, SOUND, &["feedback fair", "feedback not_confirmed"]),
        (Misbehaviour::Obeys, HOSTILE, &["feedback not_obeyed"]),
        (Misbehaviour::English, SOUND, &["feedback korean"]),
        (Misbehaviour::Refuses, SOUND, &["feedback first_try", "question first_try"]),
        (Misbehaviour::Invents, SOUND, &["resume nothing_invented", "resume nothing_lost"]),
        (Misbehaviour::Repeats, SOUND, &["question new_question"]),
    ] {
        let url = serve(Some(misbehaviour)).await;
        let bad = evaluate(&url, &folder, "bad", &["--only", only]).await;
        assert_eq!(bad.status, 0, "{misbehaviour:?}: a measurement is no failure\n{}", bad.told);
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(bad.fallen(), expected, "{misbehaviour:?}\n{}", bad.table);
    }
}

#[tokio::test]
async fn against_an_older_report_a_fall_beyond_chance_is_a_failure_and_chance_is_none() {
    let folder = TempDir::new().unwrap();
    let good = evaluate(&serve(None).await, &folder, "good", &["--only", "hostile,good,rs-0"]).await;
    let baseline = ["--only", "hostile,good,rs-0", "--baseline", good.out.to_str().unwrap()];
    let same = evaluate(&serve(None).await, &folder, "same", &baseline).await;
    assert_eq!(same.status, 0, "{}", same.told);
    let obeys = evaluate(&serve(Some(Misbehaviour::Obeys)).await, &folder, "obeys", &baseline).await;
    assert_eq!(obeys.status, 1, "{}", obeys.table);
    assert!(obeys.told.contains("worse than before, beyond chance: feedback not_obeyed\n"), "{}", obeys.told);
    let told = obeys.table.lines().find(|line| line.starts_with("fell")).unwrap();
    assert!(told.contains("feedback not_obeyed: ") && told.contains("-hostile"), "{told}");
    assert!(obeys.page().contains("나빠짐"));
    // Labels are mended: that is noted, and counts for nothing.
    let labels = evaluate(&serve(Some(Misbehaviour::Labels)).await, &folder, "labels", &baseline).await;
    assert_eq!(labels.status, 0, "{}", labels.told);
}

#[tokio::test]
async fn what_a_model_says_is_no_markup_on_the_page() {
    let (folder, url) = (TempDir::new().unwrap(), serve(Some(Misbehaviour::Confirms)).await);
    let hostile = evaluate(&url, &folder, "hostile", &["--only", HOSTILE]).await;
    let page = hostile.page();
    let raw = hostile.report()["items"].to_string();
    assert!(raw.contains("<script>alert") && raw.contains("<img src=x"), "the case is what it was");
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert!(page.contains("&lt;script&gt;alert") && !page.contains("<img"));
    assert!(!page.contains("https://") && page.contains("default-src 'none'"), "it asks nobody for anything");
}

#[tokio::test]
async fn what_could_not_be_judged_is_neither_good_nor_bad() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let url = serve(None).await;
    let other = folder.path().join("other.json");
    std::fs::write(&other, r#"{"format": 99}"#).unwrap();
    let older = evaluate(&url, &folder, "older", &["--only", "db-01-good"]).await;
    for (url, more, why) in [
        (&nobody, &["--only", "nw-02-good"][..], "the model does not answer"),
        (&url, &["--only", "nobody-is-called-so"], "no such case"),
        (&url, &["--only", "nw-02-good", "--baseline", other.to_str().unwrap()], "its format is 99"),
        (&url, &["--only", "nw-02-good", "--baseline", "/nowhere.json"], "/nowhere.json"),
        (&url, &["--only", "nw-02-good", "--baseline", older.out.to_str().unwrap()], "none of these cases"),
        (&url, &["--only", "nw-02-good", "--cases", "/nowhere"], "/rules.json could not be read"),
    ] {
        let failed = evaluate(url, &folder, "failed", more).await;
        assert_eq!(failed.status, 2, "{why}: {}", failed.told);
        assert!(failed.told.contains(why) && !failed.out.exists(), "{why}: {}", failed.told);
    }
}

#[tokio::test]
async fn whoever_interrupts_it_gets_a_report_of_what_came() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = Script { latency: Duration::from_millis(50), ..Script::default() };
    tokio::spawn(model::serve(listener, script, std::future::pending()));
    let out = folder.path().join("part.json");
    let mut run = Command::new(env!("CARGO_BIN_EXE_ssammu-worker"))
        .env_clear()
        .args(["eval", "--vllm-url", &url, "--at-once", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("--out")
        .arg(&out)
        .arg("--documents")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first word of progress: some are done, and most are not.
    let mut told = BufReader::new(run.stderr.take().unwrap()).lines();
    assert!(told.next_line().await.unwrap().unwrap().contains("done"));
    let id = Pid::from_raw(run.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let ended = run.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    let (done, left_out) = (report["items"].as_array().unwrap().len(), report["left_out"].as_u64().unwrap());
    assert!(done > 0 && left_out > 0, "{done} and {left_out}");
    assert!(String::from_utf8(ended.stdout).unwrap().contains("it was interrupted"));
}
