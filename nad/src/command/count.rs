//! `nad run --count N`: capture a fixed number of packets, report the anomalies among them, and end.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use anyhow::{Context, Result};
use nad_engine::{
    batch::{BATCH_RECORDS, RecordBatch},
    detector::{Detector, DetectorOptions, Findings, Start},
    ledger::{Judged, Ledger, Tally},
    model::Model,
    time::Timeline,
};

use super::{
    allowed, detected,
    live::{Drain, Live, Received, Stopper},
    pump::{End, LivePump, Wants},
    report_ledger,
    signals::StopSignals,
    tables, warn_of_expired,
};
use crate::{
    clock,
    output::{Outputs, terminal::Screen},
    self_traffic,
    service_manager::ServiceManager,
};

/// Captures `packets` packets, or as many as came before a signal.
pub(super) async fn count(
    live: Live,
    packets: u64,
    start: Start,
    options: DetectorOptions,
    mut outputs: Outputs,
    screen: &Screen,
    (mut signals, manager): (StopSignals, ServiceManager),
) -> Result<Ledger> {
    let tally = Arc::new(Tally::default());
    tally.set_outputs(outputs.counts());
    let timeline = live.clock.timeline();
    warn_of_expired(&options.rules, clock::unix_now_ns());
    let is_own_baseline = matches!(start, Start::Learn { .. });
    let start = match start {
        Start::Learn { baseline, training, .. } => {
            Start::Learn { baseline, training, source: live.interfaces.clone() }
        }
        detect => detect,
    };
    // The packets wait until all of them are there: nobody falls behind.
    let live = live.whole();
    let (drain, received) = Drain::start(live, Arc::clone(&tally))?;
    let collector = Collector {
        captured: Vec::new(),
        wanted: packets as usize,
        tally: Arc::clone(&tally),
        is_enough: drain.stopper(),
    };
    let mut collecting = LivePump::start(received, collector)?;
    let threads = Arc::clone(&tally);
    manager.keep_alive(move |limit| threads.condition.drain.silence() < limit);
    manager.ready();
    loop {
        tokio::select! {
            () = signals.received() => drain.stop(),
            () = collecting.ended() => break,
        }
    }
    manager.stopping();
    let captured = collecting.join();
    let counters = drain.join()?;
    let captured = captured?;
    let captured_packets: usize = captured.iter().map(RecordBatch::len).sum();
    screen.say(&format!("Captured {captured_packets} packets."))?;

    let mut findings = decide(&captured, start, timeline, &options, &tally)?;
    outputs.tell(&findings.take_events())?;
    outputs.finish()?;
    let ledger = tally.read().with_source(counters.read()?);
    outputs.note(&ledger, true);
    screen.sum_up(&found(&ledger, is_own_baseline), &ledger, &allowed(&options.rules))?;
    report_ledger(&ledger)?;
    Ok(ledger)
}

/// What was found, in a line. Packets that are their own baseline are judged alone, and that is what was asked for.
fn found(ledger: &Ledger, is_own_baseline: bool) -> String {
    match ledger.judgement() {
        Judged::Hosts => format!("Detected {} anomalies.", ledger.anomalies),
        Judged::PacketsOnly(_) if is_own_baseline => format!("Detected {} anomalies.", ledger.anomalies),
        Judged::PacketsOnly(_) | Judged::Nothing(_) => detected(ledger),
    }
}

/// Keeps the first packets that are received.
struct Collector {
    captured: Vec<RecordBatch>,
    wanted: usize,
    tally: Arc<Tally>,
    is_enough: Stopper,
}

impl End<Received> for Collector {
    type Left = Vec<RecordBatch>;

    fn take(&mut self, batch: &RecordBatch, _source: &mut Received) -> Result<Wants> {
        let taken = batch.len().min(self.wanted);
        keep(&mut self.captured, batch, taken);
        self.wanted -= taken;
        self.tally.discarded.fetch_add((batch.len() - taken) as u64, Relaxed);
        if self.wanted == 0 {
            self.is_enough.stop();
        }
        Ok(Wants::More)
    }

    fn finish(self) -> Result<Vec<RecordBatch>> {
        Ok(self.captured)
    }
}

/// Copies records into full batches, so that a trickle of packets does not take a batch each.
fn keep(captured: &mut Vec<RecordBatch>, batch: &RecordBatch, count: usize) {
    let mut from = 0;
    while from < count {
        if captured.last().is_none_or(RecordBatch::is_full) {
            captured.push(RecordBatch::default());
        }
        if let Some(last) = captured.last_mut() {
            let to = count.min(from + BATCH_RECORDS - last.len());
            last.append(batch, from..to, 0);
            from = to;
        }
    }
}

/// With a model, scores the packets; without, learns from them first, and they count as learned.
fn decide(
    captured: &[RecordBatch],
    start: Start,
    timeline: Timeline,
    options: &DetectorOptions,
    tally: &Arc<Tally>,
) -> Result<Findings> {
    if let Start::Detect(_) = start {
        return detect(captured, start, timeline, options, tally);
    }
    let mut findings = Findings::default();
    let mut learner =
        Detector::new(start, tables(&options.sizes)?, timeline.clone(), Arc::clone(tally), options.clone())
            .without(self_traffic::ours());
    for batch in captured {
        learner.process(batch, &mut findings)?;
    }
    let model =
        learner.finish_learning(&mut findings)?.context("no packets came, so there is nothing to report")?;
    // The ledger has these packets already, as learned.
    let scoring = Arc::new(Tally::default());
    let start = Start::Detect(Box::new(Model::clone(&model)));
    let findings = detect(captured, start, timeline, options, &scoring)?;
    let scored = scoring.read();
    tally.add_decisions(&scored.decisions);
    tally.set_basis(scored.basis);
    tally.anomalies.fetch_add(scored.anomalies, Relaxed);
    tally.incidents.fetch_add(scored.incidents, Relaxed);
    tally.suppressed.fetch_add(scored.suppressed, Relaxed);
    Ok(findings)
}

fn detect(
    captured: &[RecordBatch],
    start: Start,
    timeline: Timeline,
    options: &DetectorOptions,
    tally: &Arc<Tally>,
) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut detector =
        Detector::new(start, tables(&options.sizes)?, timeline, Arc::clone(tally), options.clone())
            .without(self_traffic::ours());
    for batch in captured {
        detector.process(batch, &mut findings)?;
    }
    detector.finish(&mut findings);
    Ok(findings)
}
