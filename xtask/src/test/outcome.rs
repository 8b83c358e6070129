//! What became of a step, in numbers.

use std::{collections::BTreeSet, fmt};

/// What became of a step.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What there is to say besides.
    pub(crate) note: String,
    /// The tests that it ran, by what they belong to; none where a step is one check as a whole.
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// The whole step did not run; parts of it that did not are in [`Target::skips`].
    Skipped,
}

/// Tests that belong together, such as those of one test program.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Target {
    /// As `test-floor.toml` has it.
    pub(crate) name: String,
    /// Tests that ran to their end and found nothing.
    pub(crate) passed: usize,
    /// The names of those that failed.
    pub(crate) failed: Vec<String>,
    /// The first lines of what each of those printed in its failure.
    pub(crate) complaints: Vec<String>,
    /// What was not tested, and why.
    pub(crate) skips: Vec<Skip>,
    /// How long they took.
    pub(crate) seconds: f64,
}

/// Something that was not tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) test: String,
    pub(crate) reason: String,
}

/// Tests, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Outcome {
    pub(crate) fn passed(note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Passed, note: note.into(), targets: Vec::new() }
    }

    pub(crate) fn failed(note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, note: note.into(), targets: Vec::new() }
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, note: reason.into(), targets: Vec::new() }
    }

    /// What tests have come to: one that failed makes the step a failure.
    pub(crate) fn of(targets: Vec<Target>) -> Self {
        let failed: Vec<String> = targets
            .iter()
            .flat_map(|target| target.failed.iter().map(|test| format!("{}: {test}", target.name)))
            .collect();
        let verdict = if failed.is_empty() { Verdict::Passed } else { Verdict::Failed };
        Self { verdict, note: failed.join("; "), targets }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.targets.iter().map(Target::counts).fold(Counts::default(), Counts::plus)
    }

    /// Everything that was not tested: the step as a whole, or parts of it.
    pub(crate) fn skips(&self) -> Vec<String> {
        if self.verdict == Verdict::Skipped {
            return vec![self.note.clone()];
        }
        let of = |target: &Target| target.skips.iter().map(Skip::to_string).collect::<Vec<_>>();
        self.targets.iter().flat_map(of).collect()
    }
}

impl Target {
    pub(crate) fn counts(&self) -> Counts {
        Counts { passed: self.passed, failed: self.failed.len(), skipped: self.skipped().len() }
    }

    /// The tests that skipped something and did not fail.
    pub(crate) fn skipped(&self) -> BTreeSet<&str> {
        let skipped = self.skips.iter().map(|skip| skip.test.as_str());
        skipped.filter(|test| !self.failed.iter().any(|failed| failed == test)).collect()
    }
}

impl Counts {
    /// The tests that there are.
    pub(crate) fn all(self) -> usize {
        self.passed + self.failed + self.skipped
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        })?;
        if !self.targets.is_empty() {
            write!(f, ": {}", self.counts())?;
        }
        if self.note.is_empty() { Ok(()) } else { write!(f, ": {}", self.note) }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.test, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(test: &str, reason: &str) -> Skip {
        Skip { test: test.into(), reason: reason.into() }
    }

    #[test]
    fn a_test_that_skips_twice_is_one_and_one_that_fails_is_a_failure() {
        let target = Target {
            name: "nad --test live".into(),
            passed: 3,
            failed: vec!["b".into()],
            complaints: Vec::new(),
            skips: vec![skip("a", "no ping"), skip("a", "no nmap"), skip("b", "no ping")],
            seconds: 1.0,
        };
        assert_eq!(target.counts(), Counts { passed: 3, failed: 1, skipped: 1 });
        let outcome = Outcome::of(vec![target]);
        assert_eq!(outcome.to_string(), "FAILED: 3 passed, 1 failed, 1 skipped: nad --test live: b");
        assert_eq!(outcome.skips(), ["a: no ping", "a: no nmap", "b: no ping"]);
    }

    #[test]
    fn a_step_that_did_not_run_is_a_skip_of_itself() {
        assert_eq!(Outcome::skipped("no sudo").skips(), ["no sudo"]);
        assert!(Outcome::passed("").skips().is_empty());
    }
}
