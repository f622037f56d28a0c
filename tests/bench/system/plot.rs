//! Two plots as SVG, readable on light and dark pages: how the worker stands to the floor, and what it adds to a call.

use std::fmt::Write;

use crate::figure::{Against, Goal};
use crate::report::Row;

const WIDTH: f64 = 860.0;
const LABELS: f64 = 380.0;
/// Room for what stands beside the longest bar.
const VALUES: f64 = 150.0;
const BAR: f64 = 16.0;
const STEP: f64 = 30.0;
const TOP: f64 = 64.0;

const STYLE: &str = "<style>\
    text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}.note{font-size:12px;fill:#57606a}\
    .bar{fill:#0969da}.missed{fill:#bc4c00}.other{fill:#8c959f}\
    .goal{stroke:#1a7f37;stroke-width:2;stroke-dasharray:4 3}.spread{stroke:#24292f;stroke-width:1.5}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.bar{fill:#4493f8}.missed{fill:#f0883e}\
    .spread{stroke:#e6edf3}.goal{stroke:#3fb950}}</style>";

/// The plots that the rows are enough for, with their file names.
pub fn all(rows: &[Row]) -> Vec<(&'static str, String)> {
    let (ratios, latencies) = (ratios(rows), latencies(rows));
    [("ratios.svg", ratios), ("latency.svg", latencies)]
        .into_iter()
        .filter_map(|(name, svg)| Some((name, svg?)))
        .collect()
}

/// A plot of bars from the left.
struct Bars {
    svg: String,
    y: f64,
    /// What the whole width stands for.
    scale: f64,
}

impl Bars {
    fn new(title: &str, note: &str, most: f64) -> Self {
        let mut bars = Self { svg: String::new(), y: TOP, scale: (WIDTH - LABELS - VALUES) / most };
        bars.text(0.0, 18.0, "title", title);
        bars.text(0.0, 40.0, "note", note);
        bars
    }

    fn x(&self, value: f64) -> f64 {
        LABELS + value * self.scale
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        // Writing to a string cannot fail; our texts hold nothing that XML takes for its own.
        let _ = write!(self.svg, r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{text}</text>"#);
    }

    fn line(&mut self, x: [f64; 2], y: [f64; 2], class: &str) {
        let ([x1, x2], [y1, y2]) = (x, y);
        let _ = write!(self.svg, r#"<line x1="{x1:.1}" x2="{x2:.1}" y1="{y1:.1}" y2="{y2:.1}" class="{class}"/>"#);
    }

    fn bar(&mut self, value: f64, class: &str, beside: &str) {
        let (x, width, y) = (LABELS, (value * self.scale).max(1.0), self.y);
        let _ = write!(
            self.svg,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{BAR}" rx="2" class="{class}"/>"#
        );
        self.text(x + width + 8.0, y + 13.0, "value", beside);
    }

    fn label(&mut self, text: &str) {
        self.text(0.0, self.y + 13.0, "label", text);
    }

    fn finish(self) -> String {
        let (height, svg) = (self.y + 8.0, self.svg);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">{STYLE}{svg}</svg>"#
        ) + "\n"
    }
}

/// Every figure that has a goal as a ratio to the floor's.
fn ratios(rows: &[Row]) -> Option<String> {
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            let (Against::Ratio, Goal::AgainstFloorAtLeast(goal) | Goal::AgainstFloorAtMost(goal)) =
                (row.figure.against, row.figure.goal?)
            else {
                return None;
            };
            Some((row, row.against?, goal))
        })
        .collect();
    let most = rows.iter().map(|(_, against, goal)| against.max.max(*goal)).reduce(f64::max)?;
    let note =
        "worker / floor, median of pairs; the thin line is the spread, the dashed one the goal, a missed one is orange";
    let mut bars = Bars::new("What the guarantees cost", note, most);
    for (row, against, goal) in rows {
        bars.label(&format!("{} ({})", row.scenario, row.figure.name));
        let class = if row.verdict() == Some(true) { "bar" } else { "missed" };
        bars.bar(against.median, class, "");
        let (y, middle) = (bars.y, bars.y + BAR / 2.0);
        let (low, high, goal) = (bars.x(against.min), bars.x(against.max), bars.x(goal));
        bars.line([low, high], [middle, middle], "spread");
        bars.line([goal, goal], [y - 4.0, y + BAR + 4.0], "goal");
        let end = high.max(goal).max(bars.x(against.median));
        let value = format!("{} ({})", row.figure.show_comparison(against.median), row.figure.show_goal());
        bars.text(end + 8.0, y + 13.0, "value", &value);
        bars.y += STEP;
    }
    Some(bars.finish())
}

/// The quantiles of latency at each rate, worker above floor.
fn latencies(rows: &[Row]) -> Option<String> {
    let rows: Vec<_> = rows.iter().filter(|row| row.scenario.starts_with("added latency")).collect();
    let most =
        rows.iter().map(|row| row.worker.median.max(row.floor.map_or(0.0, |floor| floor.median))).reduce(f64::max)?;
    let note = "from when it should have been sent to when the gateway has it, less the 50 ms; blue worker, grey floor";
    let mut bars = Bars::new("What is added to a call of 50 ms", note, most);
    for row in rows {
        bars.label(&format!("{} ({})", row.scenario, row.figure.name));
        bars.bar(row.worker.median, "bar", &row.figure.show(row.worker.median));
        bars.y += BAR + 2.0;
        if let Some(floor) = row.floor {
            bars.bar(floor.median, "other", &row.figure.show(floor.median));
        }
        bars.y += STEP;
    }
    Some(bars.finish())
}
