//! When to speak: the alert budget, and the probability that follows from it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const DAY_S: f64 = 86_400.0;

/// How many false alerts a person accepts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertBudget {
    per_day: f64,
}

/// The largest budget: one a minute.
const LARGEST_PER_DAY: f64 = 1440.0;

impl AlertBudget {
    /// A budget of this many incidents a day.
    pub const fn per_day(per_day: f64) -> Self {
        Self { per_day }
    }
}

impl Default for AlertBudget {
    /// Five a day.
    fn default() -> Self {
        Self::per_day(5.0)
    }
}

impl fmt::Display for AlertBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/day", self.per_day)
    }
}

impl From<AlertBudget> for String {
    fn from(budget: AlertBudget) -> Self {
        budget.to_string()
    }
}

impl TryFrom<String> for AlertBudget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for AlertBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!("\"{text}\" is no alert budget: give a number and a time, as in 5/day, 1/hour or 2/week")
        };
        let (number, time) = text.split_once('/').ok_or_else(error)?;
        let number: f64 = number.trim().parse().map_err(|_| error())?;
        let per_day = number
            * match time.trim() {
                "hour" | "h" => 24.0,
                "day" | "d" => 1.0,
                "week" | "w" => 1.0 / 7.0,
                _ => return Err(error()),
            };
        if per_day > 0.0 && per_day <= LARGEST_PER_DAY {
            return Ok(Self { per_day });
        }
        Err(format!("alert budget {text} is out of range: above 0 and at most 60/hour is possible"))
    }
}

/// Turns the budget into a probability, and keeps to it.
///
/// A decision on an ordinary subject is a false alarm with the probability in force, so at a rate of decisions the
/// budget says which that is. Decisions are not independent and tomorrow is not today: so every incident makes the
/// policy stricter, and time makes it milder at the rate of the budget. It never becomes so strict that what is far
/// out is missed: an attack must not make nad deaf for the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    budget: AlertBudget,
    decisions_per_second: f64,
    /// Natural logarithm of the factor by which the probability is lower than the budget's: 0 to
    /// [`STRICTEST`].
    strictness: f64,
    since_ns: u64,
    last_ns: u64,
    opened: u64,
}

/// What an incident adds to the strictness.
const STEP: f64 = 0.1;
/// ln(30).
const STRICTEST: f64 = 3.401_197;
/// The least probability that is asked for: above the floor of what a tail can tell.
const LEAST: f64 = 1e-11;

impl Policy {
    /// One for a rate of decisions.
    pub fn new(budget: AlertBudget, decisions_per_second: f64) -> Self {
        Self { budget, decisions_per_second, strictness: 0.0, since_ns: 0, last_ns: 0, opened: 0 }
    }

    /// The probability below which a decision is an alert.
    pub fn probability(&self) -> f64 {
        let per_decision = self.budget.per_day / DAY_S / self.decisions_per_second;
        (per_decision * (-self.strictness).exp()).clamp(LEAST, 0.01)
    }

    /// Time passes, and incidents were opened.
    pub fn advance(&mut self, now_ns: u64, opened: u64) {
        if self.since_ns == 0 {
            (self.since_ns, self.last_ns) = (now_ns, now_ns);
        }
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = self.last_ns.max(now_ns);
        self.opened += opened;
        let change = STEP * opened as f64 - STEP * seconds * self.budget.per_day / DAY_S;
        self.strictness = (self.strictness + change).clamp(0.0, STRICTEST);
    }

    /// Another rate of decisions, after relearning.
    pub fn set_rate(&mut self, decisions_per_second: f64) {
        self.decisions_per_second = decisions_per_second;
    }

    /// Incidents a day so far; `None` in the first minutes, when that says nothing.
    pub fn achieved_per_day(&self) -> Option<f64> {
        const TELLING_S: f64 = 600.0;
        let seconds = (self.last_ns - self.since_ns) as f64 / 1e9;
        (seconds >= TELLING_S).then(|| self.opened as f64 / seconds * DAY_S)
    }

    /// Another budget; what was spent counts on.
    pub fn set_budget(&mut self, budget: AlertBudget) {
        self.budget = budget;
    }

    /// Why one of an earlier run can't be gone on with at a moment of sensor time.
    pub(crate) fn check(&self, now_ns: u64) -> Result<(), String> {
        const MOST_OPENED: u64 = 1 << 53;
        let is_possible = (0.0..=STRICTEST).contains(&self.strictness)
            && self.decisions_per_second.is_finite()
            && self.decisions_per_second > 0.0
            && self.since_ns <= self.last_ns
            && self.last_ns <= now_ns
            && self.opened <= MOST_OPENED;
        is_possible.then_some(()).ok_or_else(|| "its alert budget is none that a sensor has".into())
    }

    /// The budget.
    pub fn budget(&self) -> AlertBudget {
        self.budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn budgets_have_a_number_and_a_time() {
        let per_day = |text: &str| text.parse::<AlertBudget>().map(|budget| budget.per_day);
        assert_eq!((per_day("5/day"), per_day("1/hour"), per_day("7/week")), (Ok(5.0), Ok(24.0), Ok(1.0)));
        for bad in ["", "5", "0/day", "-1/day", "x/day", "5/year", "61/hour", "NaN/day", "inf/day"] {
            assert!(bad.parse::<AlertBudget>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_probability_spends_the_budget_over_a_days_decisions() {
        let policy = Policy::new(AlertBudget::per_day(5.0), 100.0);
        let per_day = policy.probability() * 100.0 * DAY_S;
        assert!((per_day - 5.0).abs() < 1e-9, "{per_day}");
    }

    #[test]
    fn incidents_make_it_stricter_within_bounds_and_time_milder() {
        let mut policy = Policy::new(AlertBudget::per_day(24.0), 10.0);
        let mildest = policy.probability();
        policy.advance(SECOND, 0);
        policy.advance(2 * SECOND, 4);
        let strict = policy.probability();
        assert!((mildest / strict - (0.4_f64).exp()).abs() < 0.01);
        policy.advance(3 * SECOND, 1000);
        assert!(policy.probability() > mildest / 30.1, "never deaf");
        policy.advance(3 * SECOND + 48 * 3600 * SECOND, 0);
        assert_eq!(policy.probability(), mildest);
        assert!((policy.achieved_per_day().unwrap() - 502.0).abs() < 1.0);
    }
}
