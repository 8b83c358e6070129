//! What is said of times that are out of order.

use std::sync::atomic::Ordering::Relaxed;

use super::Notice;
use crate::{
    batch::{Cause, RecordBatch, Shift},
    ledger::Tally,
};

/// Steps of a clock that are said one by one.
const STEPS_SAID: u32 = 5;

/// What was said of them already: the rest is counted.
#[derive(Debug, Default)]
pub(super) struct Disorder {
    steps: u32,
    is_gap_said: bool,
    is_stray_said: bool,
}

impl Disorder {
    /// Takes a shift into account.
    pub(super) fn shift(&mut self, shift: &Shift, tally: &Tally, notices: &mut Vec<Notice>) {
        let index = shift.index;
        match shift.cause {
            Cause::Slew => {}
            Cause::Gap(ns) => {
                tally.time_gaps.fetch_add(1, Relaxed);
                if !std::mem::replace(&mut self.is_gap_said, true) {
                    notices.push(Notice::Gap { index, ns });
                }
            }
            Cause::Step(ns) => {
                tally.time_steps.fetch_add(1, Relaxed);
                if self.steps < STEPS_SAID {
                    notices.push(Notice::Step { index, ns, is_last: self.steps + 1 == STEPS_SAID });
                }
                self.steps = self.steps.saturating_add(1);
            }
            Cause::Wrap => {
                tally.time_steps.fetch_add(1, Relaxed);
                notices.push(Notice::Wrap { index });
            }
        }
    }

    /// Takes the strays of a batch into account.
    pub(super) fn note(&mut self, batch: &RecordBatch, tally: &Tally, notices: &mut Vec<Notice>) {
        let Some(first) = batch.strays().first() else { return };
        tally.time_strays.fetch_add(batch.strays().len() as u64, Relaxed);
        if !std::mem::replace(&mut self.is_stray_said, true) {
            notices.push(Notice::Stray(*first));
        }
    }
}
