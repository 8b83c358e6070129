//! The per-target cap on a tick's deviations. There are few on most days, and tens of thousands when many hosts flood one.
//!
//! What many do to the same target is one incident, and a few hundred of them say all of it.

use std::collections::HashMap;

use crate::{
    context::{Subject, host_key::HostKey},
    features::View,
    incident::{Deviation, SubjectState},
};

/// Deviations that are kept of those that a view sees of one target in a tick; after that, only what is plainer than
/// everything before.
const TARGET_CAP: u32 = 256;

/// See the module.
#[derive(Default)]
pub(super) struct DeviationCap {
    deviations: Vec<Deviation>,
    /// How many a view sees of a target, and the least probability among them.
    seen: HashMap<(View, HostKey), (u32, f64)>,
    passed_over: u64,
}

impl DeviationCap {
    /// Adds a deviation of a subject, or passes it over.
    pub(super) fn add(
        &mut self,
        view: View,
        subject: &Subject<'_>,
        probability: f64,
        deviation: impl FnOnce() -> Deviation,
    ) {
        let (count, least) = self.seen.entry((view, subject.cap_target())).or_insert((0, f64::INFINITY));
        *count += 1;
        if *count <= TARGET_CAP || probability < *least {
            self.deviations.push(deviation());
        } else {
            self.passed_over += 1;
        }
        *least = least.min(probability);
    }

    /// Those that were kept: the ones that name who did it first, and of them the plainest, which names the incident.
    pub(super) fn sorted(&mut self) -> &mut [Deviation] {
        let has_no_source = |deviation: &Deviation| matches!(deviation.subject, SubjectState::Target(_));
        self.deviations.sort_by(|a, b| {
            let by_probability = a.judgement.probability.total_cmp(&b.judgement.probability);
            has_no_source(a).cmp(&has_no_source(b)).then(by_probability)
        });
        &mut self.deviations
    }

    /// Begins another tick; how many were passed over in this one.
    pub(super) fn clear(&mut self) -> u64 {
        self.deviations.clear();
        self.seen.clear();
        std::mem::take(&mut self.passed_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::example::{key, of_source, source};

    #[test]
    fn of_a_target_a_few_hundred_are_kept_and_those_plainer_than_all_of_them() {
        let mut cap = DeviationCap::default();
        let mut add = |target: u8, probability: f64| {
            let host = source(1, target);
            let mut deviation = of_source(View::OutboundFlood, host, 100);
            deviation.judgement.probability = probability;
            cap.add(View::OutboundFlood, &Subject::Source(&host), probability, || deviation);
        };
        (0..10_000).for_each(|_| add(2, 1e-8));
        add(3, 1e-7);
        add(2, 1e-12);
        let kept = cap.sorted();
        assert_eq!(kept.len(), TARGET_CAP as usize + 2);
        assert_eq!(kept[0].judgement.probability, 1e-12);
        assert_eq!(kept.last().unwrap().parties().target, Some(key(3)), "another target has its own cap");
        assert_eq!(cap.clear(), 10_000 - u64::from(TARGET_CAP));
        assert_eq!((cap.sorted().len(), cap.clear()), (0, 0));
    }
}
