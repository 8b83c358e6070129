//! The end of a tick: subjects are judged, and deviations become incidents.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{Detector, Findings, Notice, State, judge::Judge, packets::score_of, shards::Shards};
use crate::{
    context::{Context, Origin, Subject, Verdict},
    incident::{Deviation, SubjectState, coverage::Coverage},
    time::Now,
};

/// What is known of who did what a subject shows.
fn origin(context: &Context, state: &SubjectState) -> Origin {
    let subject = state.borrowed();
    let Some(source) = subject.parties().source else { return Origin::default() };
    let known = context.origin(source);
    if let Subject::Link(link) = subject {
        // What it is judged by names its MAC address itself.
        let mac = link.key.to_mac();
        return Origin { is_verified: source.is_mac() || known.is_verified && known.mac == mac, mac };
    }
    Origin { is_verified: known.is_verified && subject.shows_its_source(), ..known }
}

impl Detector {
    /// Ends a tick.
    pub(super) fn close_tick(&mut self, findings: &mut Findings) {
        // What waits belongs to the second that ends.
        self.settle(findings);
        self.shards.iter_mut().for_each(Shards::end_second);
        let has_times = self.has_times();
        let (scratch, second) = (&mut self.scratch, &mut self.second);
        let end_ns = self.context.tick_end_ns();
        // That of subjects, where they are judged.
        let mut threshold = None;
        let is_learning = matches!(self.state, State::Learning(_));
        match &mut self.state {
            State::Learning(learning) => self.context.close_tick(|subject| {
                second.visit(&subject);
                Verdict {
                    anomaly_level: 0.0,
                    is_ordinary: learning.take_subject(&subject, &mut scratch.vectors, end_ns),
                }
            }),
            State::Detecting(model, policy) if has_times && model.judges_subjects() => {
                let suspects = self.tracker.active(end_ns);
                let (model, probability) = (Arc::clone(model), policy.probability());
                let relearning = &mut self.relearning;
                let judge = Judge::new(&model, probability, end_ns);
                threshold = Some(score_of(probability));
                let mut lowest: f64 = 1.0;
                self.context.close_tick(|subject| {
                    second.visit(&subject);
                    let is_suspect = suspects.contains(&subject.principal());
                    let (verdict, lately) = judge.judge(&subject, is_suspect, scratch, relearning);
                    lowest = lowest.min(lately);
                    verdict
                });
                second.add_score(score_of(lowest));
            }
            State::Training(_) | State::Detecting(..) | State::Failed => self.context.close_tick(|subject| {
                second.visit(&subject);
                Verdict { anomaly_level: 0.0, is_ordinary: true }
            }),
        }
        let lost_states = self.context.counts().overruns();
        let lost = lost_states - std::mem::replace(&mut self.lost_states, lost_states);
        self.second.add_lost_states(lost);
        findings.notices.extend(self.overrun.second(lost));
        findings.notices.extend(self.context.take_vantage_change().map(Notice::Vantage));
        let ended =
            self.second.end(self.timeline.unix_ns(end_ns), threshold.unwrap_or_default(), is_learning);
        let coverage = ended.as_ref().map_or(Coverage::default(), |second| second.coverage);
        findings.seconds.extend(ended);
        if threshold.is_some() {
            self.tally.add_decisions(&std::mem::take(&mut self.scratch.decisions));
            self.report(findings, coverage, self.moment(end_ns));
            self.relearn(findings, end_ns);
        }
        if self.is_to_keep {
            self.take_snapshot(false, findings);
        }
    }

    /// Hands the tick's deviations to the tracker.
    fn report(&mut self, findings: &mut Findings, coverage: Coverage, end: Now) {
        let State::Detecting(model, policy) = &mut self.state else { return };
        let before = (self.tracker.opened(), self.tracker.refused(), self.tracker.rules().suppressed());
        let deviations = self.scratch.deviations.sorted();
        for deviation in &mut *deviations {
            if let SubjectState::Link(link) = &mut deviation.subject
                && let Some(ip) = self.context.ip_of_link(link.key)
            {
                link.own_ip = ip;
            }
            deviation.origin = origin(&self.context, &deviation.subject);
        }
        let explain =
            |deviation: &Deviation| model.view(deviation.view).explain(deviation.view, &deviation.vector);
        let reported = findings.incidents.len();
        self.tracker.end_tick(deviations, coverage, end, &explain, &mut findings.incidents);
        let passed_over = self.scratch.deviations.clear();
        let opened = self.tracker.opened() - before.0;
        self.tally.incidents.fetch_add(opened, Relaxed);
        self.tally.incidents_refused.fetch_add(self.tracker.refused() - before.1, Relaxed);
        self.tally.suppressed.fetch_add(self.tracker.rules().suppressed() - before.2, Relaxed);
        self.tally.deviations_passed_over.fetch_add(passed_over, Relaxed);
        policy.advance(end.sensor_ns, opened);
        self.context.set_suspects(self.tracker.suspects());
        self.complete(&mut findings.incidents[reported..]);
    }
}
