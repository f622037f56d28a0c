//! What is measured: its name, its unit, how it is held against the floor, and the goal.

/// How a figure is held against the floor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The worker's divided by the floor's.
    Ratio,
    /// The worker's minus the floor's.
    Difference,
}

/// What the figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The worker's own figure.
    AtLeast(f64),
    AtMost(f64),
    /// What comes of holding it against the floor's.
    AgainstFloorAtLeast(f64),
    AgainstFloorAtMost(f64),
}

/// One thing that a scenario measures.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: String,
    /// Empty for a bare number.
    pub unit: &'static str,
    pub against: Against,
    pub goal: Option<Goal>,
}

impl Figure {
    /// A figure that is divided by the floor's.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, against: Against::Ratio, goal: None }
    }

    /// The floor's is taken off instead.
    pub fn added(self) -> Self {
        Self { against: Against::Difference, ..self }
    }

    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// The worker's figure held against the floor's.
    pub fn compare(&self, worker: f64, floor: f64) -> f64 {
        match self.against {
            Against::Ratio => worker / floor,
            Against::Difference => worker - floor,
        }
    }

    /// Whether the goal is met, if there is one and what it needs was measured.
    pub fn verdict(&self, worker: f64, against: Option<f64>) -> Option<bool> {
        Some(match self.goal? {
            Goal::AtLeast(bound) => worker >= bound,
            Goal::AtMost(bound) => worker <= bound,
            Goal::AgainstFloorAtLeast(bound) => against? >= bound,
            Goal::AgainstFloorAtMost(bound) => against? <= bound,
        })
    }

    /// A value with the unit, in three digits.
    pub fn show(&self, value: f64) -> String {
        let digits = digits(value);
        if self.unit.is_empty() { digits } else { format!("{digits} {}", self.unit) }
    }

    /// What comes of a comparison.
    pub fn show_comparison(&self, value: f64) -> String {
        match self.against {
            Against::Ratio => digits(value),
            Against::Difference => format!("{}{}", if value < 0.0 { "" } else { "+" }, self.show(value)),
        }
    }

    pub fn show_goal(&self) -> String {
        let own = |bound: f64| format!("{bound} {}", self.unit);
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::AtLeast(bound)) => format!("≥ {}", own(bound)),
            Some(Goal::AtMost(bound)) => format!("≤ {}", own(bound)),
            Some(Goal::AgainstFloorAtLeast(bound)) => format!("≥ {bound} × floor"),
            Some(Goal::AgainstFloorAtMost(bound)) => match self.against {
                Against::Ratio => format!("≤ {bound} × floor"),
                Against::Difference => format!("≤ floor + {}", own(bound)),
            },
        };
        goal.trim_end().to_owned()
    }
}

/// At least three digits that tell something, and no more behind the point than that takes.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn thousands(value: f64) -> String {
    let whole = format!("{value:.0}");
    let length = whole.trim_start_matches('-').len();
    let sign = whole.len() - length;
    whole
        .chars()
        .enumerate()
        .flat_map(|(at, digit)| {
            let comma = at > sign && (whole.len() - at) % 3 == 0;
            comma.then_some(',').into_iter().chain([digit])
        })
        .collect()
}
