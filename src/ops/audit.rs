//! The access log: who looked at members' data, or changed it, with which command, and why. One JSON line each, written
//! before anything is shown; never what was looked at.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;

use crate::events::outcome::timestamp;
use crate::events::request::MemberId;
use crate::ops::text::printable;

/// Members that one line names; of more it has the number.
const MEMBERS_NAMED: usize = 1_000;
/// What Linux says of a process that nobody logged in for.
const NO_LOGIN: &str = "4294967295";

/// How a look at members' data is noted.
#[derive(Args)]
pub struct Access {
    /// Why, for the access log; has to be given where AUDIT_LOG is set
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// File to which a line is added for each look at members' data, before it is shown [without it: standard error]
    #[arg(long, env = "AUDIT_LOG", hide_env_values = true, value_name = "FILE", default_value = "")]
    audit_log: String,
}

/// What is looked at, or changed.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    pub command: &'static str,
    /// What members wrote is shown.
    pub payload: bool,
    /// Something is removed or sent.
    pub changes: bool,
    /// Whose it is, as far as that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_in_all: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Where a record lies, as topic/partition/offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// How many records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<usize>,
}

impl Looked {
    /// By a command, at nothing yet.
    pub fn new(command: &'static str) -> Self {
        Self { command, ..Self::default() }
    }

    /// At these members' data.
    pub fn of(self, members: impl IntoIterator<Item = MemberId>) -> Self {
        let mut members: Vec<MemberId> = members.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        let members_in_all = (members.len() > MEMBERS_NAMED).then_some(members.len());
        members.truncate(MEMBERS_NAMED);
        Self { members, members_in_all, ..self }
    }
}

/// A line of the access log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    looked: &'a Looked,
    #[serde(flatten)]
    who: Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Who runs the command, as far as the system tells.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Who {
    uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Who became that by sudo.
    #[serde(skip_serializing_if = "Option::is_none")]
    sudo_user: Option<String>,
    /// Whoever logged in, whatever they became since.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_uid: Option<u32>,
    /// The address that they came from by SSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    host: String,
}

impl Access {
    /// Notes a look before anything is shown or changed.
    ///
    /// # Errors
    /// When it cannot be noted: then nothing may be shown or changed.
    pub fn note(&self, looked: &Looked) -> anyhow::Result<()> {
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        let path = Path::new(self.audit_log.trim());
        if reason.is_none() && !path.as_os_str().is_empty() {
            bail!("AUDIT_LOG is set, so a --reason has to be given: nothing was shown or changed");
        }
        let line = Line {
            time: timestamp(OffsetDateTime::now_utc()),
            looked,
            who: Who::runs_this(),
            reason: reason.map(|reason| printable(reason.as_bytes())),
        };
        let line = serde_json::to_string(&line)? + "\n";
        let noted = if path.as_os_str().is_empty() {
            io::stderr().write_all(line.as_bytes()).context("standard error cannot be written")
        } else {
            append(path, &line).with_context(|| format!("AUDIT_LOG: {} cannot be written", path.display()))
        };
        noted.context("the access could not be noted, so nothing was shown or changed")
    }
}

/// In one piece, so that lines of commands that run at once do not mix, and for good.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    // What is no file, such as a pipe to a collector, has nothing to be kept.
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}

impl Who {
    fn runs_this() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let uid = rustix::process::getuid().as_raw();
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let login = fs::read_to_string("/proc/self/loginuid").ok();
        Self {
            uid,
            user: user(&users, uid).map(|name| printable(name.as_bytes())),
            sudo_user: variable("SUDO_USER").map(|name| printable(name.as_bytes())),
            login_uid: login.filter(|uid| uid.trim() != NO_LOGIN).and_then(|uid| uid.trim().parse().ok()),
            from: variable("SSH_CONNECTION")
                .and_then(|connection| Some(printable(connection.split(' ').next()?.as_bytes()))),
            host: printable(rustix::system::uname().nodename().to_bytes()),
        }
    }
}

/// The name of a user in the text of `/etc/passwd`.
fn user(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::Value;

    use super::*;

    fn member(id: i64) -> MemberId {
        MemberId::new(id).unwrap()
    }

    fn access(audit_log: &Path, reason: Option<&str>) -> Access {
        Access { reason: reason.map(str::to_owned), audit_log: audit_log.to_str().unwrap().to_owned() }
    }

    #[test]
    fn each_look_is_a_line_that_says_who_when_whose_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.jsonl");
        let access = access(&path, Some(" 문의 12 \u{9b}31m"));
        let place = Some("ResumeInit-dlt/3/42".to_owned());
        access.note(&Looked { payload: true, record: place, ..Looked::new("dlt show") }.of([member(7)])).unwrap();
        let more = (1..=1_500).map(member).chain([member(7)]);
        access.note(&Looked { changes: true, records: Some(1_501), ..Looked::new("dlt replay") }.of(more)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [shown, sent] = &lines[..] else { panic!("{text}") };
        assert_eq!((&shown["command"], &shown["members"]), (&"dlt show".into(), &serde_json::json!([7])));
        assert_eq!((&shown["payload"], &shown["changes"]), (&true.into(), &false.into()));
        assert_eq!(shown["record"], "ResumeInit-dlt/3/42");
        assert_eq!(shown["reason"], "문의 12 \\u{9b}31m", "nothing in it drives a terminal");
        assert_eq!(shown["uid"], rustix::process::getuid().as_raw());
        assert!(shown["time"].as_str().unwrap().ends_with('Z') && !shown["host"].as_str().unwrap().is_empty());
        assert_eq!((&sent["membersInAll"], sent["members"].as_array().unwrap().len()), (&1_500.into(), 1_000));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_noted_or_has_no_reason_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.jsonl");
        for nothing in [None, Some(""), Some("  ")] {
            let told = access(&path, nothing).note(&Looked::new("session show")).unwrap_err().to_string();
            assert!(told.contains("--reason") && !path.exists(), "{told}");
        }
        let told = format!("{:#}", access(folder.path(), Some("x")).note(&Looked::new("session show")).unwrap_err());
        assert!(told.starts_with("the access could not be noted") && told.contains("AUDIT_LOG"), "{told}");
    }

    #[test]
    fn a_user_is_known_by_the_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbroken\nkim:x:1000:1000::/home/kim:/bin/sh\n";
        assert_eq!((user(users, 1_000), user(users, 0), user(users, 7)), (Some("kim"), Some("root"), None));
    }
}
