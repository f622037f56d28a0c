//! The cases: what members asked and entered, and what a good reply to it names. `tests/eval/README.md` says what each
//! key means.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::eval::phrase::Rules;
use crate::events::request::data::Inputs;

/// The files of a folder of cases. Any of the first two may be missing, the rules may not.
const FEEDBACK: &str = "feedback.jsonl";
const RESUME: &str = "resume.jsonl";
const RULES: &str = "rules.json";

/// An interview answer that wants feedback.
#[derive(Clone, Debug, Deserialize)]
pub struct FeedbackCase {
    pub id: String,
    #[serde(default)]
    pub field: String,
    pub kind: AnswerKind,
    pub question: String,
    pub answer: String,
    /// What a feedback should name: each in several wordings.
    pub points: Vec<Vec<String>>,
    /// How many of the points are enough.
    pub need: usize,
    pub wrong_claims: Vec<WrongClaim>,
    /// A word that stands in a reply only when an order in the answer was followed.
    #[serde(default)]
    pub canary: Option<String>,
    #[serde(default)]
    pub note: String,
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    Good,
    Partly,
    Wrong,
    Empty,
    Hostile,
}

/// What the member said wrongly.
#[derive(Clone, Debug, Deserialize)]
pub struct WrongClaim {
    pub claim: String,
    /// Phrases that say it.
    pub confirmed_by: Vec<String>,
}

/// A member of the résumé interview.
#[derive(Clone, Debug, Deserialize)]
pub struct Member {
    pub id: String,
    pub inputs: Inputs,
    pub questions: Vec<String>,
    pub answers: Vec<String>,
    /// What the résumé must hold: each in several wordings.
    pub facts: Vec<Vec<String>>,
    /// Names and numbers that may appear though the input does not hold them so.
    pub allowed_names: Vec<String>,
    pub forbidden: Vec<String>,
    #[serde(default)]
    pub note: String,
}

/// All that is to be asked.
#[derive(Debug)]
pub struct Cases {
    pub feedback: Vec<FeedbackCase>,
    pub members: Vec<Member>,
    pub rules: Rules,
}

impl Cases {
    /// Reads a folder of cases, or one file of them with the rules beside it; only those whose id holds one of `only`.
    ///
    /// # Errors
    /// When a file cannot be read, a case is none, or nothing is left to be asked.
    pub fn read(path: &Path, only: &[String]) -> anyhow::Result<Self> {
        let (folder, files) = if path.is_dir() {
            let files = [FEEDBACK, RESUME].map(|name| path.join(name));
            (path, files.into_iter().filter(|file| file.exists()).collect::<Vec<_>>())
        } else {
            (path.parent().unwrap_or(Path::new(".")), vec![path.to_owned()])
        };
        let rules = folder.join(RULES);
        let text = fs::read_to_string(&rules).with_context(|| format!("{} could not be read", rules.display()))?;
        let rules = serde_json::from_str(&text).with_context(|| format!("{} holds no rules", rules.display()))?;
        let mut cases = Self { feedback: Vec::new(), members: Vec::new(), rules };
        for file in &files {
            cases.add(file)?;
        }
        let wanted = |id: &str| only.is_empty() || only.iter().any(|only| id.contains(only));
        cases.feedback.retain(|case| wanted(&case.id));
        cases.members.retain(|member| wanted(&member.id));
        ensure!(cases.feedback.len() + cases.members.len() > 0, "{} holds no such case", path.display());
        cases.check()?;
        Ok(cases)
    }

    /// Whether one is called so.
    pub fn has(&self, id: &str) -> bool {
        self.feedback.iter().any(|case| case.id == id) || self.members.iter().any(|member| member.id == id)
    }

    /// Adds what a file holds: a member has facts, a feedback case has none.
    fn add(&mut self, file: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("{}, line {}", file.display(), number + 1);
            let value: Value = serde_json::from_str(line).with_context(place)?;
            if value.get("facts").is_some() {
                self.members.push(serde_json::from_value(value).with_context(place)?);
            } else {
                self.feedback.push(serde_json::from_value(value).with_context(place)?);
            }
        }
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        let mut ids = HashSet::new();
        let all = self.feedback.iter().map(|case| &case.id).chain(self.members.iter().map(|member| &member.id));
        for id in all {
            ensure!(ids.insert(id), "two cases are called {id}");
        }
        for member in &self.members {
            let Member { id, questions, answers, .. } = member;
            if questions.is_empty() || questions.len() != answers.len() {
                bail!("{id}: there is an answer to each question, and one at least");
            }
        }
        Ok(())
    }
}
