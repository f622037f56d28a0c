//! What an evaluation found, as `report.json` has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::eval::check::{Check, Finding, Kind};
use crate::eval::judge::Opinion;
use crate::eval::recording::Call;

/// Of the report. It goes up where an old program would misread a new report.
pub const FORMAT: u32 = 1;

/// A whole report.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub format: u32,
    pub version: String,
    /// When it began, as RFC 3339 has it.
    pub began: String,
    pub setup: Setup,
    pub figures: Figures,
    /// Requests that were not worked any more: somebody interrupted it.
    #[serde(default)]
    pub left_out: usize,
    pub items: Vec<Item>,
}

/// With what it was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The model, as the server lists it first, or as it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    pub cases: String,
    pub only: Vec<String>,
    pub at_once: usize,
    pub limit_seconds: u64,
    pub deadline_seconds: u64,
}

/// What it took.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub seconds: f64,
    pub calls: usize,
    pub failed_calls: usize,
    /// Of those calls whose server says.
    pub prompt_tokens: u64,
    pub reply_tokens: u64,
    /// Share of the prompts that the server had cached, by its own metrics: all that it was asked meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
    /// Of requests from begin to end, by kind.
    pub times: BTreeMap<Kind, Times>,
    /// The median time to a reply's first token, in milliseconds; none where the server does not stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token: Option<u64>,
}

/// How long requests took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Times {
    pub requests: usize,
    pub median: u64,
    pub p99: u64,
    /// Beyond `REQUEST_DEADLINE`: the worker would have given these up.
    pub too_late: usize,
}

/// One thing that was asked for, and what came.
#[derive(Debug, Serialize, Deserialize)]
pub struct Item {
    /// The case, and of an interview's question its number.
    pub id: String,
    pub kind: Kind,
    /// What a reader needs to know: of what it is, and what the case is there for.
    pub about: About,
    /// What the member would read; none where there is nothing, or the model would ask no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Where the résumé's document is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    pub millis: u64,
    pub calls: Vec<Call>,
    pub findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opinion: Option<Opinion>,
}

/// What an item is about.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// What was given, with a name for each part.
    pub given: Vec<(String, String)>,
    /// What a good reply names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Item {
    pub fn finding(&self, check: Check) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.check == check)
    }
}

/// How often a check held, of how often it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub held: usize,
    pub of: usize,
}

/// How each check came out, by kind.
pub fn tallies(items: &[Item]) -> BTreeMap<(Kind, Check), Tally> {
    let mut tallies: BTreeMap<(Kind, Check), Tally> = BTreeMap::new();
    for item in items {
        for finding in &item.findings {
            let tally = tallies.entry((item.kind, finding.check)).or_default();
            tally.of += 1;
            tally.held += usize::from(finding.holds);
        }
    }
    tallies
}

impl Figures {
    /// Of these items; `deadline` in milliseconds.
    pub fn of(items: &[Item], seconds: f64, cached: Option<f64>, deadline: u64) -> Self {
        let calls = || items.iter().flat_map(|item| &item.calls);
        let mut times: BTreeMap<Kind, Vec<u64>> = BTreeMap::new();
        for item in items {
            times.entry(item.kind).or_default().push(item.millis);
        }
        let first_tokens: Vec<u64> = calls().filter_map(|call| call.first_token_millis).collect();
        let first_token = (!first_tokens.is_empty()).then(|| Times::of(first_tokens, deadline).median);
        Self {
            first_token,
            seconds,
            calls: calls().count(),
            failed_calls: calls().filter(|call| call.fault.is_some()).count(),
            prompt_tokens: calls().filter_map(|call| call.prompt_tokens).sum(),
            reply_tokens: calls().filter_map(|call| call.reply_tokens).sum(),
            cached,
            times: times.into_iter().map(|(kind, millis)| (kind, Times::of(millis, deadline))).collect(),
        }
    }
}

impl Times {
    fn of(mut millis: Vec<u64>, deadline: u64) -> Self {
        millis.sort_unstable();
        // The nearest rank: the value that so many percent do not exceed.
        let rank = |percent: usize| {
            let rank = (millis.len() * percent).div_ceil(100).max(1);
            millis.get(rank - 1).copied().unwrap_or_default()
        };
        let too_late = millis.iter().filter(|took| **took > deadline).count();
        Self { requests: millis.len(), median: rank(50), p99: rank(99), too_late }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_p99_are_values_that_were_measured() {
        let Times { requests, median, p99, too_late } = Times::of((1..=200).rev().collect(), 150);
        assert_eq!((requests, median, p99, too_late), (200, 100, 198, 50));
        assert_eq!(Times::of(vec![7], 9).p99, 7);
    }
}
