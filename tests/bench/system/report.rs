//! Runs the scenarios, worker and floor in turn, and tells what was found: a table, JSON, and plots.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::bench_env::{BenchEnv, Subject};
use crate::figure::Figure;
use crate::scenarios::{self, Scenario};
use crate::statistics::Spread;
use crate::{machine, plot};

/// One figure of one scenario.
pub struct Row {
    pub scenario: String,
    pub figure: Figure,
    pub worker: Spread,
    pub floor: Option<Spread>,
    /// The worker's held against the floor's of the same pair.
    pub against: Option<Spread>,
}

impl Row {
    pub fn verdict(&self) -> Option<bool> {
        self.figure.verdict(self.worker.median, self.against.map(|against| against.median))
    }
}

/// A scenario that could not be measured.
struct Missing {
    scenario: String,
    why: String,
}

/// Runs what the command line asks for.
///
/// # Errors
/// When a scenario could not be measured. A missed goal is none: the machine may be slow.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let mut scenarios: Vec<_> = scenarios::all().into_iter().filter(|one| arguments.wants(&one.name())).collect();
    anyhow::ensure!(!scenarios.is_empty(), "no scenario is called so");
    if arguments.is_short() {
        // One of each kind: a name goes on with what makes it differ.
        scenarios.dedup_by_key(|one| one.name().split(',').next().map(str::to_owned));
    }
    let env = BenchEnv::open(&folder, arguments.is_short())?;
    let pairs = if env.is_short { 1 } else { arguments.pairs };
    let machine = machine::describe(env.worker());
    println!("{machine:#}\n{}", heading());
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for scenario in scenarios {
        match measured(scenario.as_ref(), &env, pairs) {
            Ok(found) => {
                found.iter().for_each(|row| println!("{}", line(row)));
                rows.extend(found);
            }
            Err(error) => {
                println!("| {} | **not measured, see below** | | | | | |", scenario.name());
                missing.push(Missing { scenario: scenario.name(), why: format!("{error:#}") });
            }
        }
        write(&folder, &machine, pairs, &rows, &missing)?;
    }
    env.close();
    println!("\nwritten to {}", folder.display());
    for Missing { scenario, why } in &missing {
        eprintln!("\n{scenario} was not measured: {why}");
    }
    anyhow::ensure!(missing.is_empty(), "not everything could be measured");
    Ok(())
}

fn measured(scenario: &dyn Scenario, env: &BenchEnv, pairs: u32) -> anyhow::Result<Vec<Row>> {
    let (mut worker, mut floor) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        // Who goes second meets a warmer machine.
        let mut order = [Subject::Worker, Subject::Floor];
        order.rotate_left(pair as usize % 2);
        let measure = |subject| {
            let measured = scenario.measure(env, subject);
            measured.with_context(|| format!("the {} in pair {} of {pairs}", subject.name(), pair + 1))
        };
        for subject in order {
            match subject {
                Subject::Worker => worker.push(measure(subject)?),
                Subject::Floor if scenario.has_floor() => floor.push(measure(subject)?),
                Subject::Floor => {}
            }
        }
    }
    let row = |(at, figure): (usize, Figure)| {
        let of = |rounds: &[Vec<f64>]| rounds.iter().filter_map(|round| round.get(at).copied()).collect::<Vec<_>>();
        let (worker, floor) = (of(&worker), of(&floor));
        anyhow::ensure!(worker.iter().chain(&floor).all(|value| value.is_finite()), "{} is no number", figure.name);
        let against: Vec<f64> =
            worker.iter().zip(&floor).map(|(worker, floor)| figure.compare(*worker, *floor)).collect();
        // Of nothing there is no ratio.
        let against: Vec<f64> = against.into_iter().filter(|value| value.is_finite()).collect();
        let worker = Spread::of(&worker).with_context(|| format!("{} is missing", figure.name))?;
        Ok(Row { scenario: scenario.name(), figure, worker, floor: Spread::of(&floor), against: Spread::of(&against) })
    };
    let mut figures = scenario.figures();
    if env.is_short {
        // It measures nothing that could be good or bad.
        figures.iter_mut().for_each(|figure| figure.goal = None);
    }
    figures.into_iter().enumerate().map(row).collect()
}

fn heading() -> String {
    "| scenario | measure | worker | floor | worker against floor (min to max) | goal | met |\n\
     | --- | --- | ---: | ---: | ---: | --- | --- |"
        .to_owned()
}

fn line(row: &Row) -> String {
    let figure = &row.figure;
    let floor = row.floor.map_or_else(String::new, |floor| figure.show(floor.median));
    let spread = match row.against {
        Some(against) => {
            let [median, min, max] =
                [against.median, against.min, against.max].map(|value| figure.show_comparison(value));
            format!("{median} ({min} to {max})")
        }
        None => format!("({} to {})", figure.show(row.worker.min), figure.show(row.worker.max)),
    };
    let met = row.verdict().map_or("", |met| if met { "yes" } else { "**no**" });
    let (name, worker, goal) = (&figure.name, figure.show(row.worker.median), figure.show_goal());
    format!("| {} | {name} | {worker} | {floor} | {spread} | {goal} | {met} |", row.scenario)
}

fn write(folder: &Path, machine: &Value, pairs: u32, rows: &[Row], missing: &[Missing]) -> anyhow::Result<()> {
    let spread = |spread: Spread| json!({"median": spread.median, "min": spread.min, "max": spread.max});
    let found: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "scenario": row.scenario, "measure": row.figure.name, "unit": row.figure.unit,
                "worker": spread(row.worker), "floor": row.floor.map(spread), "against": row.against.map(spread),
                "goal": row.figure.show_goal(), "met": row.verdict(),
            })
        })
        .collect();
    let missing: Vec<Value> =
        missing.iter().map(|Missing { scenario, why }| json!({"scenario": scenario, "why": why})).collect();
    let found = json!({"machine": machine, "pairs": pairs, "figures": found, "missing": missing});
    fs::write(folder.join("system.json"), format!("{found:#}\n"))?;
    for (name, svg) in plot::all(rows) {
        fs::write(folder.join(name), svg)?;
    }
    Ok(())
}
