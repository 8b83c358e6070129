//! A mail now and then, with all incidents since the last one.
//!
//! Incidents are kept until a mail that tells of them was accepted, in memory only: what is kept when nad is killed is
//! lost. The first after a quiet time is reported at once, and later ones once the interval is over.

mod digest;
mod message;
mod settings;
mod transport;

use std::time::{Duration, Instant};

use lettre::{Message, message::Mailbox};
use nad_engine::detector::Event;

use super::{
    Done, Failure, Interests, Sink, SinkConfig, ending::Ending, reopen::Earlier, summary::sensor_name,
};
use crate::{sandbox::Needs, secret::Secret};
use digest::Digest;
pub use settings::EmailSection;
pub use transport::{Login, Security, Server};

/// How long a mail may take as a whole, in times of the longest wait for an answer.
const STEPS: u32 = 3;

/// Who is written to, how often, and by which server.
#[derive(Debug, Clone)]
pub struct EmailConfig {
    /// Who writes.
    pub sender: Mailbox,
    /// To whom.
    pub receivers: Vec<Mailbox>,
    /// Who takes the mail.
    pub server: Server,
    /// The least time from one mail to the next.
    pub interval: Duration,
    /// Mails in 24 hours, at most.
    pub max_per_day: usize,
}

impl SinkConfig for EmailConfig {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn identity(&self) -> String {
        let password = self.server.login.as_ref().map(|login| Secret::mark(&login.password));
        format!("{self:?} {password:?}")
    }

    fn need(&self, needs: &mut Needs) {
        needs.connect(&self.server.name, self.server.port);
    }

    fn open(&self, _: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(Email::new(self.clone())))
    }

    fn test(&self) -> Option<(String, Result<String, Failure>)> {
        let receivers: Vec<String> = self.receivers.iter().map(ToString::to_string).collect();
        Some((format!("e-mail to {} by {}", receivers.join(", "), self.server), test(self)))
    }
}

/// See the module.
pub struct Email {
    config: EmailConfig,
    host: String,
    digest: Digest,
    ending: Ending,
}

impl Email {
    /// Nothing is connected to before there is something to tell.
    pub fn new(config: EmailConfig) -> Self {
        let digest = Digest::new(config.interval, config.max_per_day);
        Self { config, host: sensor_name(), digest, ending: Ending::default() }
    }

    fn send(&mut self) -> Result<Done, Failure> {
        let message = message::digest(&self.config, &self.host, &self.digest)?;
        match transport::send(&self.config.server, &message, longest(&self.config), &self.ending) {
            Ok(_) => Ok(self.digest.was_sent(Instant::now())),
            Err(failure) => {
                if matches!(failure, Failure::Never(_)) {
                    // Not a login every minute that is refused: accounts are locked for that.
                    self.digest.put_off(Instant::now());
                }
                Err(failure)
            }
        }
    }
}

/// Sends a test message at once, and gives the server's answer.
fn test(config: &EmailConfig) -> Result<String, Failure> {
    let message: Message = message::test(config, &sensor_name())?;
    transport::send(&config.server, &message, longest(config), &Ending::default())
}

/// How long a mail may take as a whole.
fn longest(config: &EmailConfig) -> Duration {
    STEPS * config.server.timeout
}

impl Sink for Email {
    fn name(&self) -> String {
        format!("e-mail by {}", self.config.server)
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        for event in events {
            if let Event::Incident(update) = event {
                self.digest.add(update);
            }
        }
        // Not before they were sent.
        Ok(Done::default())
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        if self.digest.is_due(Instant::now()) { self.send() } else { Ok(Done::default()) }
    }

    /// What there is to report is reported now, however short the last mail is ago.
    fn finish(&mut self) -> Result<Done, Failure> {
        if self.digest.events() == 0 {
            return Ok(Done::default());
        }
        if !self.digest.may_be_sent(Instant::now()) {
            return Err(Failure::Never(format!(
                "{} mails were sent in 24 hours, which is max_per_day",
                self.config.max_per_day
            )));
        }
        self.send()
    }

    fn kept(&self) -> u64 {
        self.digest.events()
    }

    fn ends_with(&mut self, ending: Ending) {
        self.ending = ending;
    }
}
