//! Incidents as JSON, posted to a URL one by one in the order in which they happened.
//!
//! What can't be posted waits in a `Spool`, on disk where there is a directory for it, and is posted again until it
//! was taken or refused: at least once, with the same `X-Nad-Delivery` each time.

mod post;
mod settings;
mod signature;
mod spool;
mod template;
mod url;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use nad_engine::detector::Event;
use ureq::{Proxy, tls::Certificate};

use super::{
    Done, Failure, Interests, OutputError, Sink, SinkConfig, Written, WrittenAs, ending::Ending,
    reopen::Earlier, summary::sensor_name,
};
use crate::{sandbox::Needs, secret::Secret};
use post::{Poster, Refusal};
pub use settings::{Told, WebhookSection};
use spool::Spool;
pub use template::Template;
pub use url::Url;

/// For how long requests are made at a time, before new incidents are taken.
const LONGEST_ROUND: Duration = Duration::from_secs(5);

/// Where incidents are posted to, and how.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Where to.
    pub url: Url,
    /// Whether what is posted can be read on its way, and that is to be said.
    pub is_unprotected: bool,
    /// What is posted.
    pub template: Template,
    /// What requests are signed with.
    pub key: Option<Secret>,
    /// Whom the server's certificate has to be signed by, instead of the usual authorities.
    pub authorities: Option<Vec<Certificate<'static>>>,
    /// For how long an answer is waited for.
    pub timeout: Duration,
    /// What is reported.
    pub changes: Changes,
    /// Where what could not be posted waits.
    pub spool: SpoolConfig,
}

/// Which changes of incidents are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// It was opened.
    pub opened: bool,
    /// Its shape has changed.
    pub changed: bool,
    /// It goes on after it was closed.
    pub resumed: bool,
    /// It was closed.
    pub closed: bool,
}

impl Changes {
    /// All of them.
    pub const ALL: Self = Self { opened: true, changed: true, resumed: true, closed: true };
}

/// Where what could not be posted waits.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// Its directory; without one it waits in memory and is lost when nad ends.
    pub directory: Option<PathBuf>,
    /// How much may wait, in bytes, in whole blocks of 4,096 each; the oldest leaves for the newest.
    pub bytes: u64,
}

impl SinkConfig for WebhookConfig {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn identity(&self) -> String {
        format!("{self:?} {:?}", (self.url.mark(), self.key.as_ref().map(Secret::mark)))
    }

    fn written(&self) -> Option<Written> {
        let path = self.spool.directory.clone()?;
        Some(Written { what: "webhook spool", path, how: WrittenAs::Directory })
    }

    fn need(&self, needs: &mut Needs) {
        needs.connect(self.url.host(), self.url.port());
        if let Some(proxy) = Proxy::try_from_env() {
            needs.connect(proxy.host(), proxy.port());
        }
    }

    fn open(&self, _: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(Webhook::open(self.clone())?))
    }

    fn test(&self) -> Option<(String, Result<String, Failure>)> {
        Some((name(self), test(self)))
    }
}

/// See the module.
pub struct Webhook {
    config: WebhookConfig,
    host: String,
    poster: Poster,
    spool: Spool,
    /// Not before then: the server said so.
    not_before: Option<Instant>,
    /// What failed in a round of which something was counted; it is reported next time.
    unreported: Option<Failure>,
    ending: Ending,
}

impl Webhook {
    /// Opens the spool. What waits there from before is posted first.
    ///
    /// # Errors
    ///
    /// When the spool's directory can't be made or read.
    pub fn open(config: WebhookConfig) -> Result<Self, OutputError> {
        let name = name(&config);
        let spool = Spool::open(&config.spool).map_err(|error| {
            OutputError::new(format!("spool of the {name}"), error).remedy("choose another place")
        })?;
        if config.is_unprotected {
            tracing::warn!("{name}: what is posted there can be read and changed on its way; use https://");
        }
        let ending = Ending::default();
        let poster = Poster::new(&config, ending.clone());
        Ok(Self { config, host: sensor_name(), poster, spool, not_before: None, unreported: None, ending })
    }

    /// Posts what waits until there is no more, or there is no use in it, or it takes too long.
    fn round(&mut self) -> (Done, Option<Failure>) {
        let end = Instant::now() + LONGEST_ROUND;
        let mut done = Done::default();
        let mut failure = None;
        while self.ending.left(end).is_some()
            && let Some(entry) = self.spool.first()
        {
            match self.poster.post(&entry.id, &entry.body, self.config.timeout) {
                Ok(_) => {
                    self.spool.remove_first();
                    done.delivered += 1;
                }
                Err(Refusal { failure: refused @ Failure::Never(_), .. }) => {
                    self.spool.remove_first();
                    done.failed += 1;
                    failure = Some(refused);
                }
                Err(refusal) => {
                    self.not_before = refusal.retry_after.map(|pause| Instant::now() + pause);
                    return (done, Some(refusal.failure));
                }
            }
        }
        (done, failure)
    }
}

/// Posts a test message at once, and gives the server's answer.
fn test(config: &WebhookConfig) -> Result<String, Failure> {
    let body = config.template.test(&sensor_name());
    let id = spool::delivery_id("test", spool::now_ns());
    Poster::new(config, Ending::default()).post(&id, &body, config.timeout).map_err(|refusal| refusal.failure)
}

impl Sink for Webhook {
    fn name(&self) -> String {
        name(&self.config)
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        let mut failed = 0;
        for event in events {
            if let Event::Incident(update) = event
                && self.config.changes.cover(update.change)
            {
                let about = format!("{} {}", update.incident.id, update.change.name());
                failed += self.spool.add(&about, self.config.template.render(&self.host, update));
            }
        }
        // Not before they were posted.
        Ok(Done { delivered: 0, failed })
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        if let Some(failure) = self.unreported.take() {
            return Err(failure);
        }
        let failed = self.spool.settle();
        if self.not_before.is_some_and(|time| Instant::now() < time) {
            return Ok(Done { delivered: 0, failed });
        }
        let (mut done, failure) = self.round();
        done.failed += failed;
        match failure {
            Some(failure) if done == Done::default() => Err(failure),
            failure => {
                self.unreported = failure;
                Ok(done)
            }
        }
    }

    /// What is on disk may stay there for the next start; what is not is lost if it can't be posted now.
    fn finish(&mut self) -> Result<Done, Failure> {
        let mut done = Done { delivered: 0, failed: self.spool.settle() };
        if self.not_before.is_none_or(|time| Instant::now() >= time) {
            let (posted, failure) = self.round();
            done.delivered += posted.delivered;
            done.failed += posted.failed;
            if let Some(failure) = failure.or_else(|| self.unreported.take()) {
                tracing::warn!("{}: {failure}", self.name());
            }
        }
        let (on_disk, lost) = (self.spool.on_disk(), self.spool.in_memory());
        if on_disk > 0 {
            tracing::info!("{}: {on_disk} messages wait in the spool for the next start", self.name());
        }
        done.failed += lost;
        Ok(done)
    }

    fn kept(&self) -> u64 {
        self.spool.in_memory()
    }

    fn ends_with(&mut self, ending: Ending) {
        self.poster = Poster::new(&self.config, ending.clone());
        self.ending = ending;
    }
}

/// Its scheme and host; the rest of the URL is a secret.
fn name(config: &WebhookConfig) -> String {
    format!("webhook {}", config.url)
}
