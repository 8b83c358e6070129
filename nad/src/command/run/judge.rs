//! The end of a live pump: packets are judged, and what is found goes to the outputs.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use anyhow::Result;
use nad_engine::{
    batch::RecordBatch,
    detector::{Detector, Event, Findings, PendingChange},
    ledger::Tally,
};

use super::Message;
use crate::{
    command::{
        live::Received,
        pump::{End, Wants},
        resume::Saving,
    },
    queue::{Sender, Sent},
};

/// Judges what is received, and hands on what it finds.
pub(super) struct Judge {
    pub(super) detector: Detector,
    pub(super) findings: Findings,
    pub(super) outputs: Sender<Message>,
    pub(super) tally: Arc<Tally>,
    pub(super) changes: PendingChange,
    pub(super) saving: Saving,
}

impl End<Received> for Judge {
    type Left = ();

    fn take(&mut self, batch: &RecordBatch, _source: &mut Received) -> Result<Wants> {
        self.findings.clear();
        if let Some(change) = self.changes.take() {
            self.detector.change(change, &mut self.findings);
        }
        let processed = self.detector.process(batch, &mut self.findings);
        self.saving.go_on(&mut self.detector, &mut self.findings);
        send(&mut self.findings, &self.outputs, &self.tally);
        processed?;
        Ok(Wants::More)
    }

    fn finish(mut self) -> Result<()> {
        self.findings.clear();
        self.saving.finish(&mut self.detector, &mut self.findings);
        send(&mut self.findings, &self.outputs, &self.tally);
        Ok(())
    }
}

/// Hands findings to the outputs, and counts those for which there is no room.
fn send(findings: &mut Findings, outputs: &Sender<Message>, tally: &Tally) {
    if let Some(model) = findings.trained.take() {
        // Where there is no room for it, only a line is missing.
        let _ = outputs.send(Message::Trained(model, findings.drift));
    }
    for notice in findings.notices.drain(..) {
        // The counts are in the ledger, whether or not the line is.
        let _ = outputs.send(Message::Noticed(notice));
    }
    let events = findings.take_events();
    let told = events.iter().filter(|event| !matches!(event, Event::Second(_))).count() as u64;
    if !events.is_empty() && outputs.send(Message::Happened(events)) != Ok(Sent::AtOnce) {
        tally.alerts_dropped.fetch_add(told, Relaxed);
    }
}
