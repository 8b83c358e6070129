//! A capture with everything that is known about it before a sensor sees it.

use std::{fs, path::Path};

use anyhow::{Result, bail};

use super::{
    captures::Capture,
    incidents::{self, Window},
    sensor::Sensor,
    settings::{Settings, Training},
    truth::{Labels, Span},
};

pub(super) struct Subject {
    pub(super) capture: Capture,
    pub(super) labels: Option<Labels>,
    /// `None` where there are attacks, but nobody says when and whose.
    pub(super) windows: Option<Vec<Window>>,
    pub(super) span: Span,
    pub(super) training: Training,
    /// Whether it was asked for; others only give their models.
    pub(super) is_measured: bool,
}

/// Reads what is known about the captures of these names (of no names, about all) and those whose models they use.
pub(super) fn prepare(
    captures: &[Capture],
    names: &[String],
    settings: &Settings,
    sensor: &Sensor,
    folder: &Path,
) -> Result<Vec<Subject>> {
    if let Some(name) = names.iter().find(|name| captures.iter().all(|capture| capture.name != **name)) {
        let known: Vec<_> = captures.iter().map(|capture| capture.name.as_str()).collect();
        bail!("there is no capture '{name}': choose from {}", known.join(", "));
    }
    let mut planned = Vec::new();
    for capture in captures {
        let is_measured = names.is_empty() || names.contains(&capture.name);
        planned.push((capture, is_measured, settings.model_from(&capture.name, captures)?));
    }
    let gives_model = |name: &str| {
        planned.iter().any(|(_, is_measured, model)| *is_measured && model.as_deref() == Some(name))
    };
    let mut subjects = Vec::new();
    for (capture, is_measured, model) in &planned {
        if *is_measured || gives_model(&capture.name) {
            subjects.push(Subject::new(capture, *is_measured, model.clone(), settings, sensor, folder)?);
        }
    }
    Ok(subjects)
}

impl Subject {
    fn new(
        capture: &Capture,
        is_measured: bool,
        model_from: Option<String>,
        settings: &Settings,
        sensor: &Sensor,
        folder: &Path,
    ) -> Result<Self> {
        let labels = capture.labels.as_deref().map(Labels::read).transpose()?;
        let span = match labels.as_ref().and_then(Span::of) {
            Some(span) => span,
            None => span_by_sensor(sensor, capture, folder)?,
        };
        let has_labelled_attacks = labels.as_ref().is_some_and(Labels::has_attacks);
        let windows = match &capture.windows {
            Some(windows) => Some(incidents::read_windows(windows)?),
            None => (!has_labelled_attacks).then(Vec::new),
        };
        let has_attacks = has_labelled_attacks || capture.windows.is_some();
        let training = match model_from {
            Some(base) => Training::Of(base),
            None => Training::Own(settings.own_training(&capture.name, span, has_attacks)),
        };
        Ok(Self { capture: capture.clone(), labels, windows, span, training, is_measured })
    }

    pub(super) fn name(&self) -> &str {
        &self.capture.name
    }

    /// Seconds of the capture that are trained on, and so don't count.
    pub(super) fn train_until(&self) -> f64 {
        match &self.training {
            Training::Own(length) => length.0,
            Training::Of(_) => 0.0,
        }
    }

    /// Unix seconds of the time that counts.
    pub(super) fn counted(&self) -> (f64, f64) {
        (self.span.first + self.train_until(), self.span.last)
    }
}

/// When the packets of a capture without labels came, as nad reads them.
fn span_by_sensor(sensor: &Sensor, capture: &Capture, folder: &Path) -> Result<Span> {
    let table = folder.join(format!("{}.times.csv", capture.name));
    sensor.export(&capture.file, &table)?;
    let span = Span::of_features(&table);
    // Many times the capture's size, and nothing more is needed of it.
    fs::remove_file(&table)?;
    span
}
