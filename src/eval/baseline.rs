//! What got better and what worse since an older report, and whether that may be chance.
//!
//! The same case is asked before and after, so a check is compared case by case: only those count where it changed
//! (McNemar's test, exact). Were nothing different, each change would be as likely one way as the other, and `p` is how
//! often chance alone would bring so many to the worse, or more.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::eval::check::{Check, Kind, Weight};
use crate::eval::report::{FORMAT, Item, Report};

/// What harms members falls where chance would bring that less often: three that are new, and none mended.
const GUARD_P: f64 = 0.125;
/// Anything else, over all checks together (Holm): the more is looked at, the more often chance would show.
const QUALITY_P: f64 = 0.05;
/// What is lost in computing it.
const ROUNDING: f64 = 1e-9;

/// How one check changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub kind: Kind,
    pub check: Check,
    /// Cases that both reports have.
    pub both: usize,
    pub better: Vec<String>,
    pub worse: Vec<String>,
    /// How often chance alone would bring so many to the worse.
    pub p: f64,
    /// It counts, and that is no chance.
    pub fell: bool,
}

/// Reads an older report.
///
/// # Errors
/// When it is none, or none of this format.
pub fn read(text: &str) -> anyhow::Result<Report> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        format: u32,
    }
    let Numbered { format } = serde_json::from_str(text).context("it is no report")?;
    ensure!(format == FORMAT, "its format is {format}; this program reads format {FORMAT}");
    serde_json::from_str(text).context("it is no report")
}

/// Compares two reports, check by check. Cases that only one of them has are left out; one that was rewritten is another.
pub fn compare(before: &[Item], after: &[Item]) -> Vec<Change> {
    let old: HashMap<(&str, Kind), &Item> = before.iter().map(|item| ((item.id.as_str(), item.kind), item)).collect();
    let mut changes: Vec<Change> = Vec::new();
    for kind in [Kind::Feedback, Kind::Question, Kind::Resume] {
        let pairs: Vec<(&Item, &Item)> = after
            .iter()
            .filter(|item| item.kind == kind)
            .filter_map(|item| Some((*old.get(&(item.id.as_str(), kind))?, item)))
            .filter(|(before, after)| before.about.given == after.about.given)
            .collect();
        changes.extend(Check::ALL.into_iter().filter_map(|check| change(kind, check, &pairs)));
    }
    judge(&mut changes);
    changes
}

fn change(kind: Kind, check: Check, pairs: &[(&Item, &Item)]) -> Option<Change> {
    let mut change = Change { kind, check, both: 0, better: Vec::new(), worse: Vec::new(), p: 1.0, fell: false };
    for (before, after) in pairs {
        let holds = |item: &Item| item.finding(check).map(|finding| finding.holds);
        // What did not come at all cannot be judged: that is a failure of its own, by `answered`.
        let Some((held, holds)) = holds(before).zip(holds(after)) else { continue };
        change.both += 1;
        match (held, holds) {
            (true, false) => change.worse.push(after.id.clone()),
            (false, true) => change.better.push(after.id.clone()),
            (true, true) | (false, false) => {}
        }
    }
    change.p = at_least(change.worse.len(), change.worse.len() + change.better.len());
    (change.both > 0).then_some(change)
}

/// Says which changes count. Guards stand for themselves; the others share one chance.
fn judge(changes: &mut [Change]) {
    let mut quality: Vec<&mut Change> = Vec::new();
    for change in changes {
        match change.check.weight() {
            Weight::Guard => change.fell = change.p < GUARD_P + ROUNDING,
            Weight::Quality => quality.push(change),
            Weight::Note => {}
        }
    }
    quality.sort_by(|one, other| one.p.total_cmp(&other.p));
    let mut left = quality.len();
    for change in quality {
        let share = u32::try_from(left).map_or(0.0, |left| QUALITY_P / f64::from(left));
        if change.p > share + ROUNDING {
            break;
        }
        change.fell = true;
        left -= 1;
    }
}

/// How likely a fair coin shows heads `heads` times or more in so many throws.
pub fn at_least(heads: usize, throws: usize) -> f64 {
    let Ok(n) = u32::try_from(throws) else { return 1.0 };
    // The terms, from none on: each follows from the one before. Scaled, so that none is too small to be told.
    let mut log_term = f64::from(n) * 0.5_f64.ln();
    let mut sum = 0.0;
    for k in 0..=n {
        if k as usize >= heads {
            sum += log_term.exp();
        }
        log_term += (f64::from(n - k) / f64::from(k + 1)).ln();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::check::Finding;
    use crate::eval::report::About;

    fn items(check: Check, holds: &[bool]) -> Vec<Item> {
        let item = |(number, holds): (usize, &bool)| Item {
            id: format!("case-{number}"),
            kind: Kind::Feedback,
            about: About::default(),
            read: None,
            failure: None,
            document: None,
            millis: 0,
            calls: Vec::new(),
            findings: vec![Finding { check, holds: *holds, reason: None }],
            opinion: None,
        };
        holds.iter().enumerate().map(item).collect()
    }

    fn fell(check: Check, before: &[bool], after: &[bool]) -> bool {
        compare(&items(check, before), &items(check, after)).iter().any(|change| change.fell)
    }

    #[test]
    fn chance_is_a_fair_coin() {
        assert!((at_least(0, 0) - 1.0).abs() < 1e-9 && (at_least(0, 9) - 1.0).abs() < 1e-9);
        assert!((at_least(3, 3) - 0.125).abs() < 1e-9);
        assert!((at_least(8, 10) - 56.0 / 1024.0).abs() < 1e-9);
        assert!((at_least(500, 1_000) - 0.5126).abs() < 1e-3);
        assert!(at_least(5_000, 5_000) < 1e-300);
    }

    #[test]
    fn what_harms_members_falls_with_three_that_are_new() {
        let held = [true; 10];
        let two = [[false; 2].as_slice(), &[true; 8]].concat();
        let three = [[false; 3].as_slice(), &[true; 7]].concat();
        assert!(!fell(Check::NotObeyed, &held, &two) && fell(Check::NotObeyed, &held, &three));
        assert!(!fell(Check::Points, &held, &three), "of its quality more is needed");
        assert!(fell(Check::Points, &held, &[false; 10]) && !fell(Check::AsItCame, &held, &[false; 10]));
        assert!(!fell(Check::NotObeyed, &three, &held), "better is not worse");
    }

    #[test]
    fn many_checks_share_one_chance() {
        let mut changes: Vec<Change> = [0.03, 0.04, 0.02]
            .into_iter()
            .map(|p| Change {
                kind: Kind::Feedback,
                check: Check::Points,
                both: 9,
                better: Vec::new(),
                worse: Vec::new(),
                p,
                fell: false,
            })
            .collect();
        judge(&mut changes);
        assert!(changes.iter().all(|change| !change.fell));
        judge(changes.get_mut(..1).unwrap());
        assert!(changes[0].fell);
    }

    #[test]
    fn only_cases_that_both_have_are_compared() {
        let (before, mut after) = (items(Check::Points, &[true; 3]), items(Check::Points, &[false; 3]));
        assert_eq!(compare(&before, &after)[0].worse.len(), 3);
        after[0].about.given.push(("질문".to_owned(), "다시 쓴 질문".to_owned()));
        assert_eq!(compare(&before, &after)[0].worse.len(), 2, "a case that was rewritten is another");
        after.iter_mut().for_each(|item| item.id.push_str("-new"));
        assert_eq!(compare(&before, &after), []);
    }

    #[test]
    fn a_report_of_another_format_is_refused() {
        let refused = |text: &str| read(text).unwrap_err().to_string();
        assert!(refused(r#"{"format": 2}"#).contains("format 1"), "{}", refused(r#"{"format": 2}"#));
        assert!(refused("{}").contains("no report"));
    }
}
