//! SIGHUP: reading the settings again, and putting those in force that can change while nad goes on.

use nad_engine::{
    detector::{Change, PendingChange},
    incident::allow::AllowRules,
    policy::AlertBudget,
};

use super::{Reread, run::RunConfig};
use crate::{
    files::{self, Policy},
    output::{Outputs, terminal::Screen},
    sandbox::{Level, Needs},
};

/// The settings in force.
pub(super) struct Reloader {
    config: RunConfig,
    /// What the sandbox was made for.
    needs: Needs,
    pending: PendingChange,
    reread: Reread,
}

impl Reloader {
    /// Changes go to the detector through `pending`.
    pub(super) fn new(config: RunConfig, pending: PendingChange, reread: Reread) -> Self {
        Self { needs: config.needs(), config, pending, reread }
    }

    /// Where the detector takes changes from.
    pub(super) fn pending(&self) -> PendingChange {
        self.pending.clone()
    }

    /// Reads flags, environment and file as at the start. Thresholds, allow rules and outputs change; of everything else
    /// that is another one now it is said that it takes a restart. Settings that can't be used change nothing.
    ///
    /// Returns the rules and the budget in force, where settings could be used.
    pub(super) fn reload(
        &mut self,
        outputs: &mut Outputs,
        screen: &Screen,
    ) -> Option<(AllowRules, AlertBudget)> {
        let (new, rights) = match (self.reread)() {
            Ok(read) => read?,
            Err(error) => {
                tracing::warn!("the settings stay as they are: {error}");
                return None;
            }
        };
        let lacking = self.needs.lacks(&new.needs());
        if new.security.level != Level::Off && !lacking.is_empty() {
            tracing::warn!(
                "the settings stay as they are: the sandbox was made for those at the start and does not allow {}: the \
                 change takes a restart of nad",
                lacking.join(", ")
            );
            return None;
        }
        // Of files that are made from now on; those that are there stay as they are.
        files::set_policy(Policy { owner: files::policy().owner, ..rights });
        let reopened = new.outputs.reopen(outputs, screen).and_then(|()| Ok(outputs.start()?));
        if let Err(error) = reopened {
            tracing::warn!("the settings stay as they are: {error:#}");
            return None;
        }
        let old = std::mem::replace(&mut self.config, new);
        let new = &self.config;
        let contamination =
            |config: &RunConfig| config.contamination.unwrap_or(config.training.contamination);
        self.pending.put(Change {
            budget: new.detection.budget,
            silence: new.detection.silence,
            rules: new.detection.rules.clone(),
            contamination: Some(contamination(new)).filter(|new| *new != contamination(&old)),
        });
        tracing::info!("the settings were read again");
        for name in take_a_restart(&old, new) {
            tracing::warn!("{name}: the change takes a restart of nad");
        }
        Some((new.detection.rules.clone(), new.detection.budget))
    }
}

/// What changed and can't be put in force now.
fn take_a_restart(old: &RunConfig, new: &RunConfig) -> Vec<&'static str> {
    let of_training = |config: &RunConfig| {
        let mut training = config.training.clone();
        training.contamination = 0.0;
        training
    };
    let changes = [
        ("what is captured and how ([capture])", old.live != new.live),
        ("what is learnt from ([training] train_for, train_packets, model; --count)", old.task != new.task),
        ("how a model is trained ([training])", of_training(old) != of_training(new)),
        ("how often a model is trained ([alerts] relearn)", {
            old.detection.relearn_every != new.detection.relearn_every
        }),
        ("sizes of tables ([context])", old.detection.sizes != new.detection.sizes),
        ("where what was learnt is kept ([state])", old.state != new.state),
        ("the log file ([log])", old.log != new.log),
        ("the sensor's name ([sensor])", old.sensor != new.sensor),
        ("as whom nad works, and in which sandbox ([security])", old.security != new.security),
        ("what the terminal shows ([output])", old.outputs.terminal != new.outputs.terminal),
        ("whether packets are reported", old.outputs.wants_packets() != new.outputs.wants_packets()),
    ];
    let mut names: Vec<_> =
        changes.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name).collect();
    names.extend(old.outputs.fixed_otherwise_than(&new.outputs));
    names
}
