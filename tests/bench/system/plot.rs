//! Plots as SVG, readable on light and dark pages: what the guarantees cost, what a member waits for, what it weighs.

use std::fmt::Write;

use crate::figure::{Against, Goal};
use crate::report::Row;

const WIDTH: f64 = 860.0;
const MARGIN: f64 = 28.0;
/// Room for what stands beside the longest bar.
const VALUES: f64 = 200.0;
const BAR: f64 = 12.0;
/// From a bar to the baseline of the text beside it.
const BASELINE: f64 = 10.5;
const BETWEEN_ROWS: f64 = 14.0;
/// About as wide as a letter is in any such font.
const LETTER: f64 = 6.8;

const STYLE: &str = "<style>\
    text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}\
    .title{font-size:19px;font-weight:600}.group{font-weight:600}.note,.floor-value{fill:#59636e}\
    .card{fill:#fff;stroke:#d1d9e0}.axis{stroke:#d1d9e0}\
    .worker{fill:#0969da}.missed{fill:#d4672b}.floor{fill:#c4ccd4}\
    .goal{stroke:#1a7f37;stroke-width:2;stroke-dasharray:4 2}.spread{stroke:#1f2328;stroke-width:1.5;stroke-opacity:.7}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.note,.floor-value{fill:#9198a1}\
    .card{fill:#0d1117;stroke:#3d444d}.axis{stroke:#3d444d}.worker{fill:#4493f8}.missed{fill:#e8834a}.floor{fill:#525b66}\
    .goal{stroke:#3fb950}.spread{stroke:#f0f6fc}}</style>";

/// Rows that belong together, drawn to one scale.
struct Group<'a> {
    heading: String,
    /// Each with its label.
    rows: Vec<(&'a str, &'a Row)>,
}

/// The plots that the rows are enough for, with their file names.
pub fn all(rows: &[Row]) -> Vec<(&'static str, String)> {
    let throughput = |measure, heading: &str| Group {
        heading: heading.to_owned(),
        rows: of(rows, "throughput, ").filter(|(_, row)| row.figure.name == measure).collect(),
    };
    let cost = [
        throughput("feedbacks", "Feedbacks a second: more is better"),
        throughput("CPU a feedback", "CPU a feedback: less is better"),
    ];
    let mut latency: Vec<Group<'_>> = Vec::new();
    for (rate, row) in of(rows, "added latency, ") {
        let heading = format!("at {} requests a second", rate.trim_end_matches("/s"));
        if latency.last().is_none_or(|group| group.heading != heading) {
            latency.push(Group { heading, rows: Vec::new() });
        }
        if let Some(group) = latency.last_mut() {
            group.rows.push((&row.figure.name, row));
        }
    }
    let memory = [Group { heading: "Resident memory: less is better".to_owned(), rows: of(rows, "memory ").collect() }];
    let plots = [
        ("throughput.svg", plot("What the guarantees cost, when the model answers at once", &cost, Scale::Group)),
        ("latency.svg", plot("What is added to a model call of 50 ms", &latency, Scale::Plot)),
        ("memory.svg", plot("What it weighs", &memory, Scale::Plot)),
    ];
    plots.into_iter().filter_map(|(name, svg)| Some((name, svg?))).collect()
}

/// The rows of scenarios whose names begin so, and how the names go on.
fn of<'a>(rows: &'a [Row], beginning: &'static str) -> impl Iterator<Item = (&'a str, &'a Row)> {
    rows.iter().filter_map(move |row| Some((row.scenario.strip_prefix(beginning)?, row)))
}

/// What shares one scale.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Group,
    Plot,
}

/// The worker's bars above the floor's; `None` without any.
fn plot(title: &str, groups: &[Group<'_>], scale: Scale) -> Option<String> {
    let most = |group: &Group<'_>| group.rows.iter().map(|(_, row)| extent(row)).reduce(f64::max);
    let most_of_all = groups.iter().filter_map(most).reduce(f64::max)?;
    let labels = groups.iter().flat_map(|group| &group.rows).map(|(label, _)| wide(label)).fold(0.0, f64::max);
    let left = MARGIN + labels + 16.0;
    let mut canvas = Canvas { svg: String::new(), y: MARGIN + 14.0, left, scale: 0.0 };
    canvas.text(MARGIN, canvas.y, "title", title);
    canvas.y += 26.0;
    canvas.legend(groups);
    for group in groups.iter().filter(|group| !group.rows.is_empty()) {
        let most = if scale == Scale::Plot { most_of_all } else { most(group)? };
        canvas.scale = (WIDTH - left - VALUES) / most;
        canvas.group(group);
    }
    Some(canvas.finish(title))
}

/// The furthest that something is drawn for a row.
fn extent(row: &Row) -> f64 {
    let floor = row.floor.map_or(0.0, |floor| floor.median);
    row.worker.max.max(floor).max(goal(row).unwrap_or(0.0))
}

/// Where the goal lies, in the figure's own unit.
fn goal(row: &Row) -> Option<f64> {
    Some(match row.figure.goal? {
        Goal::AtLeast(bound) | Goal::AtMost(bound) => bound,
        Goal::AgainstFloorAtLeast(bound) | Goal::AgainstFloorAtMost(bound) => match row.figure.against {
            Against::Ratio => row.floor?.median * bound,
            Against::Difference => row.floor?.median + bound,
        },
    })
}

/// About how wide a text is.
fn wide(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

struct Canvas {
    svg: String,
    y: f64,
    /// Where bars begin, behind their labels.
    left: f64,
    /// Units of the drawing for one of the figure.
    scale: f64,
}

impl Canvas {
    fn x(&self, value: f64) -> f64 {
        self.left + value * self.scale
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        // Writing to a string cannot fail; our texts hold nothing that XML takes for its own.
        let _ = write!(self.svg, r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{text}</text>"#);
    }

    fn line(&mut self, x: [f64; 2], y: [f64; 2], class: &str) {
        let ([x1, x2], [y1, y2]) = (x, y);
        let _ = write!(self.svg, r#"<line x1="{x1:.1}" x2="{x2:.1}" y1="{y1:.1}" y2="{y2:.1}" class="{class}"/>"#);
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, class: &str) {
        let width = width.max(1.0);
        let _ = write!(
            self.svg,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{BAR}" rx="2" class="{class}"/>"#
        );
    }

    /// What the marks mean that are there.
    fn legend(&mut self, groups: &[Group<'_>]) {
        let rows = || groups.iter().flat_map(|group| &group.rows).map(|(_, row)| *row);
        let mut x = MARGIN;
        let y = self.y - BASELINE;
        let bars = [
            ("worker", "worker", true),
            ("missed", "worker, misses its goal", rows().any(|row| row.verdict() == Some(false))),
            ("floor", "floor: the least that could do it", rows().any(|row| row.floor.is_some())),
        ];
        for (class, meaning, _) in bars.into_iter().filter(|(_, _, is_there)| *is_there) {
            self.bar(x, y, BAR, class);
            x = self.meaning(x + BAR + 6.0, meaning);
        }
        if rows().any(|row| goal(row).is_some()) {
            self.line([x + 2.0, x + 2.0], [y - 2.0, y + BAR + 2.0], "goal");
            x = self.meaning(x + 10.0, "goal");
        }
        if rows().any(|row| row.worker.max > row.worker.min) {
            self.line([x, x + 14.0], [y + BAR / 2.0, y + BAR / 2.0], "spread");
            self.meaning(x + 20.0, "least to most");
        }
        self.y += 16.0;
    }

    /// Explains a mark; where the next one goes.
    fn meaning(&mut self, x: f64, text: &str) -> f64 {
        self.text(x, self.y, "note", text);
        x + wide(text) + 16.0
    }

    fn group(&mut self, group: &Group<'_>) {
        self.y += 22.0;
        self.text(MARGIN, self.y, "group", &group.heading);
        self.y += 14.0;
        let top = self.y;
        for (label, row) in &group.rows {
            self.row(label, row);
        }
        self.line([self.left, self.left], [top - 2.0, self.y - BETWEEN_ROWS + 2.0], "axis");
    }

    fn row(&mut self, label: &str, row: &Row) {
        let top = self.y;
        let lines = if row.floor.is_some() { 2.0 } else { 1.0 };
        let bottom = top + lines * (BAR + 2.0) - 2.0;
        self.text(MARGIN, (top + bottom) / 2.0 + 4.5, "label", label);
        let (figure, worker, missed) = (&row.figure, row.worker, row.verdict() == Some(false));
        self.bar(self.left, top, worker.median * self.scale, if missed { "missed" } else { "worker" });
        if worker.max > worker.min {
            let middle = top + BAR / 2.0;
            self.line([self.x(worker.min), self.x(worker.max)], [middle, middle], "spread");
        }
        let mark = goal(row).map(|goal| self.x(goal));
        if let Some(x) = mark {
            self.line([x, x], [top - 3.0, bottom + 3.0], "goal");
        }
        // Behind the bar, or behind the goal's mark where that would strike through the text.
        let beside = |end: f64, text: &str| match mark {
            Some(mark) if mark > end - 8.0 && mark < end + wide(text) + 16.0 => mark + 8.0,
            _ => end + 8.0,
        };
        let value = match (row.against, figure.against, figure.goal) {
            (Some(against), Against::Difference, _) => {
                format!("{} ({})", figure.show(worker.median), figure.show_comparison(against.median))
            }
            (Some(against), Against::Ratio, Some(Goal::AgainstFloorAtLeast(_) | Goal::AgainstFloorAtMost(_))) => {
                format!("{} ({} × floor)", figure.show(worker.median), figure.show_comparison(against.median))
            }
            _ => figure.show(worker.median),
        };
        self.text(beside(self.x(worker.max), &value), top + BASELINE, "value", &value);
        if let Some(floor) = row.floor {
            let y = top + BAR + 2.0;
            self.bar(self.left, y, floor.median * self.scale, "floor");
            let value = figure.show(floor.median);
            self.text(beside(self.x(floor.median), &value), y + BASELINE, "floor-value", &value);
        }
        self.y = bottom + BETWEEN_ROWS;
    }

    /// The whole picture. It brings its own ground: a page may be light where the reader's system is dark.
    fn finish(self, title: &str) -> String {
        let (height, svg) = (self.y - BETWEEN_ROWS + MARGIN, self.svg);
        let (inner_width, inner_height) = (WIDTH - 1.0, height - 1.0);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"><title>{title}</title>{STYLE}<rect x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8" class="card"/>{svg}</svg>"#
        ) + "\n"
    }
}
