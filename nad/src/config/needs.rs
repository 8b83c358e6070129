//! What the settings call for once nad works in its sandbox.

use std::path::PathBuf;

use ureq::Proxy;

use super::OutputConfig;
use crate::{metrics::MetricsConfig, output::log::LogConfig, sandbox::Needs};

/// Below it, listening takes a capability.
const FIRST_FREE_PORT: u16 = 1024;

impl Needs {
    /// What outputs and the log need; `reads` are the files that settings are in.
    pub fn new(outputs: &OutputConfig, log: &LogConfig, reads: &[PathBuf]) -> Self {
        let OutputConfig { alerts, incidents, history, email, webhooks, .. } = outputs;
        let mut needs = Self { reads: reads.to_vec(), ..Self::default() };
        let history = history.as_ref().map(|history| &history.path);
        let spools = webhooks.iter().filter_map(|webhook| webhook.spool.directory.as_ref());
        let files = [log.path.as_ref(), alerts.as_ref(), incidents.as_ref(), history];
        needs.writes = files.into_iter().flatten().chain(spools).cloned().collect();
        if let Some(email) = email {
            needs.connect(&email.server.name, email.server.port);
        }
        for webhook in webhooks {
            needs.connect(webhook.url.host(), webhook.url.port());
        }
        if !webhooks.is_empty()
            && let Some(proxy) = Proxy::try_from_env()
        {
            needs.connect(proxy.host(), proxy.port());
        }
        needs
    }

    /// The same with metrics that are served.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Option<&MetricsConfig>) -> Self {
        self.accepts = metrics.is_some();
        self.serves_low_port =
            metrics.is_some_and(|metrics| (1..FIRST_FREE_PORT).contains(&metrics.listen.port()));
        self
    }
}
