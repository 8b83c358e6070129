//! The search for the highest rate without loss.

use anyhow::Result;

use super::{Lab, Post};
use crate::{measure, sender::Sender};

/// Shares of the rate at which a program only counts.
pub(super) const RUNGS: [f64; 17] =
    [0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Where the climb begins: lower ones are tried only where this one does not stand.
const FIRST: usize = 10;
/// Where less than this share of a rate is reached, the sender gives no more.
const REACHED: f64 = 0.95;
/// Of a rung.
const TRIES: usize = 3;
const STEP_SECONDS: f64 = 1.0;

/// How far the rates rose.
pub(crate) struct Climbed {
    /// Packets a second of the program that counts.
    pub(super) counting: f64,
    pub(super) rung: Option<usize>,
    rate: f64,
    /// What keeps it from being higher.
    pub(super) limit: Option<String>,
}

impl Climbed {
    /// Packets a second.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rung.map(|_| self.rate)
    }
}

impl Post {
    /// The highest rung without loss.
    pub(crate) fn loss_free(&self, lab: &Lab, sender: &Sender) -> Result<Climbed> {
        let mut counting = Vec::new();
        for _ in 0..3 {
            counting.push(lab.count(sender)?);
        }
        let counting = measure::quantile(&counting, 0.5);
        let (highest, limit) = climb(|rung| self.stands(sender, RUNGS[rung] * counting))?;
        let limit = limit.map(|(rung, why)| format!("the climb ended at {} of counting, {why}", RUNGS[rung]));
        let (rung, rate) = highest.unzip();
        Ok(Climbed { counting, rung, rate: rate.unwrap_or(0.0), limit })
    }

    /// The rate that was reached, or why the one that was asked for does not stand. Tried more than once: whatever else runs
    /// on this machine is not to end the climb.
    fn stands(&self, sender: &Sender, asked: f64) -> Result<Result<f64, String>> {
        let mut stumbled = String::new();
        for _ in 0..TRIES {
            let step = self.step(sender, asked, STEP_SECONDS)?;
            match step.loss {
                Some(why) => stumbled = format!("{:.0} packets/s: {why}", step.rate),
                None if step.rate < REACHED * asked => {
                    stumbled =
                        format!("no loss, but beside nad's program only {:.0} packets/s are sent", step.rate);
                }
                None => return Ok(Ok(step.rate)),
            }
        }
        Ok(Err(stumbled))
    }
}

/// From the first rung upwards until one does not stand; where already the first does not, downwards until one stands. Gives that
/// with its rate, and the lowest that did not stand with the reason.
#[expect(clippy::type_complexity, reason = "both are pairs of a rung and what is known of it")]
fn climb(
    mut stands: impl FnMut(usize) -> Result<Result<f64, String>>,
) -> Result<(Option<(usize, f64)>, Option<(usize, String)>)> {
    let (mut highest, mut limit) = (None, None);
    for rung in FIRST..RUNGS.len() {
        match stands(rung)? {
            Ok(rate) => highest = Some((rung, rate)),
            Err(why) => {
                limit = Some((rung, why));
                break;
            }
        }
    }
    for rung in (0..FIRST).rev() {
        if highest.is_some() {
            break;
        }
        match stands(rung)? {
            Ok(rate) => highest = Some((rung, rate)),
            Err(why) => limit = Some((rung, why)),
        }
    }
    Ok((highest, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where rates stand up to a rung, and how many were tried.
    fn found(highest: Option<usize>) -> (Option<usize>, Option<usize>, usize) {
        let mut tried = 0;
        let (reached, limit) = climb(|rung| {
            tried += 1;
            let stands = highest.is_some_and(|highest| rung <= highest);
            Ok(if stands { Ok(RUNGS[rung]) } else { Err("a loss".to_owned()) })
        })
        .unwrap();
        if let Some((rung, rate)) = reached {
            assert_eq!(rate, RUNGS[rung]);
        }
        (reached.map(|(rung, _)| rung), limit.map(|(rung, _)| rung), tried)
    }

    #[test]
    fn the_highest_rung_that_stands_is_found_from_both_sides() {
        assert_eq!(found(Some(16)), (Some(16), None, 7), "all of them stand");
        assert_eq!(found(Some(13)), (Some(13), Some(14), 5));
        assert_eq!(found(Some(FIRST)), (Some(FIRST), Some(FIRST + 1), 2));
        assert_eq!(found(Some(FIRST - 1)), (Some(FIRST - 1), Some(FIRST), 2));
        assert_eq!(found(Some(0)), (Some(0), Some(1), 11));
        assert_eq!(found(None), (None, Some(0), 11), "none stands");
    }
}
