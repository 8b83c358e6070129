//! `[[webhook]]`: where incidents are posted to.

use std::{path::PathBuf, sync::Arc, time::Duration};

use nad_engine::incident::Change;
use serde::{Deserialize, Serialize};
use ureq::tls::{Certificate, PemItem, parse_pem};

use super::{Changes, SpoolConfig, Template, Url, WebhookConfig};
use crate::{
    files,
    output::{Section, SinkConfig, SinkContext},
    secret::Secret,
    settings::{ConfigError, LARGEST_AUTHORITY, Length, is_loopback, length},
    text,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);
const DEFAULT_SPOOL: u64 = 16 << 20;
const LEAST_SPOOL: u64 = 64 << 10;
const LARGEST_SPOOL: u64 = 1 << 30;

/// `[[webhook]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// Whether anything is posted; on unless it is said.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where to; whoever has it may post there, so it is a secret.
    pub url: Secret,
    /// What is posted.
    #[serde(default)]
    pub template: Template,
    /// A file with the key that requests are signed with.
    pub secret_file: Option<PathBuf>,
    /// Certificates (PEM) that the server's has to be signed with, instead of those of the usual authorities.
    pub ca_file: Option<PathBuf>,
    /// For how long an answer is waited for.
    pub timeout: Option<Length>,
    /// The changes that are reported: all of them unless some are named.
    pub changes: Option<Vec<Told>>,
    /// A directory for what could not be posted yet.
    pub spool: Option<PathBuf>,
    /// Bytes of what waits.
    pub spool_max: Option<u64>,
}

/// A change of an incident that is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// See [`Change::Opened`].
    Opened,
    /// See [`Change::Changed`].
    Changed,
    /// See [`Change::Resumed`].
    Resumed,
    /// See [`Change::Closed`].
    Closed,
}

impl Section for Vec<WebhookSection> {
    fn reads(&self) -> Vec<PathBuf> {
        self.iter().flat_map(|webhook| [&webhook.secret_file, &webhook.ca_file]).flatten().cloned().collect()
    }

    fn sinks(&self, _: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        let configs = WebhookSection::check_all(self)?;
        Ok(configs.into_iter().map(|config| Arc::new(config) as Arc<dyn SinkConfig>).collect())
    }

    fn heading(&self, name: &str) -> String {
        format!("[[{name}]]")
    }

    fn test_help(&self) -> Option<&'static str> {
        Some("Each webhook")
    }

    fn tested(&self) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        self.iter().map(|webhook| Ok(Arc::new(webhook.check()?) as Arc<dyn SinkConfig>)).collect()
    }
}

impl WebhookSection {
    /// The webhooks that are on, checked.
    ///
    /// # Errors
    ///
    /// As for [`Self::check`]; also when two of them have the same spool.
    pub fn check_all(sections: &[Self]) -> Result<Vec<WebhookConfig>, ConfigError> {
        let mut configs: Vec<WebhookConfig> =
            sections.iter().filter(|section| section.enabled).map(Self::check).collect::<Result<_, _>>()?;
        let spools: Vec<_> = configs.iter().filter_map(|config| config.spool.directory.as_ref()).collect();
        for (place, spool) in spools.iter().enumerate() {
            if spools[..place].contains(spool) {
                return Err(refused(&format!(
                    "spool {} is named twice: give each webhook one of its own",
                    text::path(spool)
                )));
            }
        }
        let shown: Vec<String> = configs.iter().map(|config| config.url.to_string()).collect();
        for (place, config) in configs.iter_mut().enumerate() {
            let before = shown[..place].iter().filter(|other| **other == shown[place]).count();
            if before > 0 {
                config.url.number(before + 1);
            }
        }
        Ok(configs)
    }

    /// Checks the settings, and reads the files that they name.
    ///
    /// # Errors
    ///
    /// When the URL is none, a number is out of range, or a file can't be used.
    pub fn check(&self) -> Result<WebhookConfig, ConfigError> {
        let url = Url::parse(&self.url).map_err(|reason| refused(&format!("url {reason}")))?;
        let is_unprotected = !url.is_encrypted() && !is_loopback(url.host());
        let size = self.spool_max.unwrap_or(DEFAULT_SPOOL);
        if !(LEAST_SPOOL..=LARGEST_SPOOL).contains(&size) {
            return Err(refused(&format!(
                "spool_max {size} is out of range: {LEAST_SPOOL} to {LARGEST_SPOOL} bytes are possible"
            )));
        }
        let key = self
            .secret_file
            .as_deref()
            .map(|path| Secret::read("webhook: secret_file", path).map_err(ConfigError::Value));
        Ok(WebhookConfig {
            url,
            is_unprotected,
            template: self.template,
            key: key.transpose()?,
            authorities: self.authorities()?,
            timeout: length("webhook: timeout", self.timeout, DEFAULT_TIMEOUT, LONGEST_TIMEOUT)?,
            changes: self.changes()?,
            spool: SpoolConfig { directory: self.spool.clone(), bytes: size },
        })
    }

    fn changes(&self) -> Result<Changes, ConfigError> {
        let Some(named) = &self.changes else { return Ok(Changes::ALL) };
        if named.is_empty() {
            return Err(refused(
                "changes is empty: name opened, changed, resumed or closed, or leave it out for all",
            ));
        }
        let has = |told| named.contains(&told);
        Ok(Changes {
            opened: has(Told::Opened),
            changed: has(Told::Changed),
            resumed: has(Told::Resumed),
            closed: has(Told::Closed),
        })
    }

    fn authorities(&self) -> Result<Option<Vec<Certificate<'static>>>, ConfigError> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let error = |reason: String| refused(&format!("ca_file {}: {reason}", text::path(path)));
        let pem = files::open_trusted(path)
            .and_then(|file| file.bytes(LARGEST_AUTHORITY))
            .map_err(|cause| error(cause.to_string()))?;
        let mut certificates = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|cause| error(cause.to_string()))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(error("it holds no certificate: a PEM file is expected".into()));
        }
        Ok(Some(certificates))
    }
}

impl Changes {
    /// Whether this one is reported.
    pub fn cover(self, change: Change) -> bool {
        match change {
            Change::Opened => self.opened,
            Change::Changed => self.changed,
            Change::Resumed => self.resumed,
            Change::Closed => self.closed,
            Change::Updated => false,
        }
    }
}

fn yes() -> bool {
    true
}

fn refused(reason: &str) -> ConfigError {
    ConfigError::Value(format!("webhook: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Vec<WebhookConfig>, String> {
        #[derive(Deserialize)]
        struct All {
            webhook: Vec<WebhookSection>,
        }
        let all: All = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        WebhookSection::check_all(&all.webhook).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_is_all_that_a_webhook_needs() {
        let config = &check("[[webhook]]\nurl = \"https://hooks.example.org/services/quiet\"").unwrap()[0];
        assert_eq!((config.template, config.timeout), (Template::Native, DEFAULT_TIMEOUT));
        assert_eq!((config.changes, config.spool.bytes), (Changes::ALL, DEFAULT_SPOOL));
        assert!(config.spool.directory.is_none() && config.key.is_none() && !config.is_unprotected);
        assert!(!format!("{config:?}").contains("quiet"), "{config:?}");
    }

    #[test]
    fn only_what_stays_on_this_machine_may_go_in_clear_without_a_word() {
        let is_unprotected =
            |url: &str| check(&format!("[[webhook]]\nurl = \"{url}\"")).unwrap()[0].is_unprotected;
        assert!(is_unprotected("http://hooks.example.org/x"));
        assert!(!is_unprotected("http://127.0.0.1:8000/x") && !is_unprotected("http://[::1]:8000/x"));
    }

    #[test]
    fn what_is_wrong_is_named_without_the_url() {
        let url = "url = \"https://hooks.example.org/quiet\"\n";
        for (text, expected) in [
            ("url = \"ftp://hooks.example.org/quiet\"".to_owned(), "http:// or https://"),
            ("url = \"hooks.example.org/quiet\"".to_owned(), "http:// or https://"),
            (format!("{url}timeout = \"10ms\""), "timeout 10ms is out of range"),
            (format!("{url}spool_max = 5"), "spool_max 5 is out of range"),
            (format!("{url}changes = []"), "changes is empty"),
            (format!("{url}template = \"discord\""), "unknown variant `discord`"),
            (format!("{url}spool = \"s\"\n[[webhook]]\n{url}spool = \"s\""), "spool s is named twice"),
        ] {
            let error = check(&format!("[[webhook]]\n{text}")).unwrap_err();
            assert!(error.contains(expected) && !error.contains("quiet"), "{error}");
        }
    }

    #[test]
    fn two_webhooks_of_one_host_are_told_apart() {
        let table = "[[webhook]]\nurl = \"https://hooks.example.org/quiet\"\n";
        let names: Vec<String> =
            check(&table.repeat(3)).unwrap().iter().map(|config| config.url.to_string()).collect();
        let name = "https://hooks.example.org";
        assert_eq!(names, [name.to_owned(), format!("{name} (2)"), format!("{name} (3)")]);
    }

    #[test]
    fn a_webhook_that_is_off_is_not_looked_at() {
        assert!(check("[[webhook]]\nenabled = false\nurl = \"nothing\"").unwrap().is_empty());
    }
}
