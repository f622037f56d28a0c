//! The report as a table on the terminal.

use std::fmt::Write as _;

use crate::eval::baseline::Change;
use crate::eval::check::Weight;
use crate::eval::html::percent;
use crate::eval::judge::{Against, Marks};
use crate::eval::report::{Item, Report, tallies};

/// Ids of cases that are told, at most.
const TOLD: usize = 8;

/// The table, line by line.
pub fn table(report: &Report, changes: Option<&[Change]>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_table(&mut text, report, changes);
    text
}

fn write_table(text: &mut String, report: &Report, changes: Option<&[Change]>) -> std::fmt::Result {
    writeln!(text, "{:9} {:18} {:>5} {:>5} {:>6}", "kind", "check", "held", "of", "%")?;
    for ((kind, check), tally) in tallies(&report.items) {
        let share = percent(tally.held, tally.of);
        write!(text, "{:9} {:18} {:>5} {:>5} {share:>6.1}", kind.name(), check.name(), tally.held, tally.of)?;
        let change = changes.into_iter().flatten().find(|change| (change.kind, change.check) == (kind, check));
        if let Some(change) = change.filter(|change| !(change.better.is_empty() && change.worse.is_empty())) {
            write!(text, "   +{} -{}, p {:.3}", change.better.len(), change.worse.len(), change.p)?;
            if change.fell {
                text.push_str(", FELL");
            }
        }
        writeln!(text, "{}", if check.weight() == Weight::Guard { "   guard" } else { "" }.trim_end())?;
    }
    let figures = &report.figures;
    for (kind, times) in &figures.times {
        writeln!(
            text,
            "{:9} {} requests, median {} ms, p99 {} ms, {} beyond REQUEST_DEADLINE",
            kind.name(),
            times.requests,
            times.median,
            times.p99,
            times.too_late
        )?;
    }
    write!(
        text,
        "calls     {}, {} of them failed; {} tokens of prompts, {} of replies",
        figures.calls, figures.failed_calls, figures.prompt_tokens, figures.reply_tokens
    )?;
    if let Some(first_token) = figures.first_token {
        write!(text, "; first token after {first_token} ms (median)")?;
    }
    match figures.cached {
        Some(cached) => writeln!(text, "; {:.1} % of the prompts were cached", cached * 100.0)?,
        None => writeln!(text, "; the server does not tell what it had cached")?,
    }
    if report.left_out > 0 {
        writeln!(text, "left out  {}: it was interrupted", report.left_out)?;
    }
    opinions(text, &report.items)?;
    for change in changes.into_iter().flatten().filter(|change| change.fell) {
        let ids = change.worse.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
        writeln!(text, "fell      {} {}: {ids}", change.kind.name(), change.check.name())?;
    }
    Ok(())
}

fn opinions(text: &mut String, items: &[Item]) -> std::fmt::Result {
    let opinions = || items.iter().filter_map(|item| item.opinion.as_ref());
    if opinions().next().is_none() {
        return Ok(());
    }
    let marks: Vec<_> = opinions().filter_map(|opinion| opinion.marks.as_ref()).collect();
    let mean = |of: fn(&Marks) -> u8| {
        let sum: usize = marks.iter().map(|marks| usize::from(of(marks))).sum();
        percent(sum, marks.len()) / 100.0
    };
    write!(text, "judge     {} of {} marked", marks.len(), opinions().count())?;
    match marks.is_empty() {
        true => writeln!(text, ": nothing that it said could be read")?,
        false => writeln!(
            text,
            "; core {:.2}, mistakes {:.2}, advice {:.2} of 5",
            mean(|marks| marks.core.mark),
            mean(|marks| marks.mistakes.mark),
            mean(|marks| marks.advice.mark)
        )?,
    }
    let count = |which| opinions().filter(|opinion| opinion.against == Some(which)).count();
    let against = [Against::Better, Against::Worse, Against::Same, Against::Disagreement].map(count);
    if against.iter().sum::<usize>() > 0 {
        let [better, worse, same, disagreement] = against;
        writeln!(
            text,
            "pairs     {better} better, {worse} worse, {same} the same; {disagreement} by their order alone"
        )?;
    }
    Ok(())
}
