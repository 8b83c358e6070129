//! What the detector finds.

use std::sync::Arc;

use super::{Notice, Second, Snapshot};
use crate::{alert::Alert, incident::IncidentUpdate, model::Model};

/// What is to be reported, in the order in which it happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// What became of an incident.
    Incident(Arc<IncidentUpdate>),
    /// A packet above the threshold.
    Alert(Arc<Alert>),
    /// A second that is over.
    Second(Arc<Second>),
}

/// What a batch gave.
#[derive(Debug, Default)]
pub struct Findings {
    /// Index and score of every packet that was scored.
    pub scores: Vec<(u64, f64)>,
    /// The packets above the threshold.
    pub alerts: Vec<Alert>,
    /// What became of incidents.
    pub incidents: Vec<IncidentUpdate>,
    /// The seconds that are over.
    pub seconds: Vec<Second>,
    /// What an operator has to know.
    pub notices: Vec<Notice>,
    /// A model that was just trained and is in force from now on.
    pub trained: Option<Arc<Model>>,
    /// How far the network has moved since the model before, where there was one: how much more often than before
    /// the old model's outermost percent is reached.
    pub drift: Option<f64>,
    /// What is known, where that was asked for.
    pub snapshot: Option<Box<Snapshot>>,
}

impl Findings {
    /// Empties them and keeps their memory.
    pub fn clear(&mut self) {
        self.scores.clear();
        self.alerts.clear();
        self.incidents.clear();
        self.seconds.clear();
        self.notices.clear();
        self.trained = None;
        self.drift = None;
        self.snapshot = None;
    }

    /// Takes out the events for the outputs.
    pub fn take_events(&mut self) -> Vec<Event> {
        let incidents = self.incidents.drain(..).map(|update| Event::Incident(Arc::new(update)));
        let alerts = self.alerts.drain(..).map(|alert| Event::Alert(Arc::new(alert)));
        let seconds = self.seconds.drain(..).map(|second| Event::Second(Arc::new(second)));
        incidents.chain(alerts).chain(seconds).collect()
    }
}
