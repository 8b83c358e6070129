//! `[email]`: who is written to, and by which server.

use std::{fmt::Display, path::PathBuf, sync::Arc, time::Duration};

use lettre::{Address, address::AddressError, message::Mailbox, transport::smtp::client::Certificate};
use serde::{Deserialize, Serialize};

use super::{EmailConfig, Login, Security, Server};
use crate::{
    files,
    output::{Section, SinkConfig, SinkContext},
    secret::{SMTP_PASSWORD_VARIABLE, Secret},
    settings::{ConfigError, LARGEST_AUTHORITY, Length, check, domain, is_loopback, length},
    text,
};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(15 * 60);
const DEFAULT_MAX_PER_DAY: usize = 50;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(7 * 86_400);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// `[email]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailSection {
    /// Whether mail is sent; off unless it is said.
    #[serde(default)]
    pub enabled: bool,
    /// Sender address.
    pub sender: String,
    /// Receiver addresses.
    pub receivers: Vec<String>,
    /// Host name or address of the SMTP server.
    pub server: String,
    /// Its port; by default the usual one of the kind of security.
    pub port: Option<u16>,
    /// How the connection is kept from being read.
    #[serde(default)]
    pub security: Security,
    /// User name, where the server wants one.
    pub user: Option<String>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that the server's may be signed with, besides those of the usual authorities.
    pub ca_file: Option<PathBuf>,
    /// The least time from one mail to the next.
    pub interval: Option<Length>,
    /// Mails in 24 hours.
    pub max_per_day: Option<usize>,
    /// For how long the server is waited for at each step.
    pub timeout: Option<Length>,
}

impl Section for Option<EmailSection> {
    fn reads(&self) -> Vec<PathBuf> {
        self.iter().flat_map(|email| [&email.password_file, &email.ca_file]).flatten().cloned().collect()
    }

    fn sinks(&self, _: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        self.iter().filter(|email| email.enabled).map(EmailSection::sink).collect()
    }

    fn test_help(&self) -> Option<&'static str> {
        Some("The mail of the section email")
    }

    fn tested(&self) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        self.iter().map(EmailSection::sink).collect()
    }
}

impl EmailSection {
    fn sink(&self) -> Result<Arc<dyn SinkConfig>, ConfigError> {
        Ok(Arc::new(self.check(password())?))
    }

    /// Checks the settings, and reads the files that they name. `password` is what the variable of the password says.
    ///
    /// # Errors
    ///
    /// When an address is none, a number is out of range, a file can't be used, or the password would go over the
    /// network for all to read.
    pub fn check(&self, password: Option<Secret>) -> Result<EmailConfig, ConfigError> {
        let receivers: Vec<Mailbox> =
            self.receivers.iter().map(|text| address("receiver", text)).collect::<Result<_, _>>()?;
        if receivers.is_empty() {
            return Err(refused("receivers is empty: name at least one address, or take enabled out"));
        }
        if self.server.is_empty() || self.server.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(refused(&format!("server {:?} is no host name or address", self.server)));
        }
        let server = domain::ascii(&self.server).map_err(|error| refused(&format!("server: {error}")))?;
        let login = self.login(password)?;
        if login.is_some() && self.security == Security::None && !is_loopback(&self.server) {
            return Err(refused(&format!(
                "security \"none\" would send the password to {} for all to read: take \"starttls\" or \"tls\"",
                self.server
            )));
        }
        let max_per_day = self.max_per_day.unwrap_or(DEFAULT_MAX_PER_DAY);
        check("email: max_per_day", max_per_day, 1, 10_000)?;
        Ok(EmailConfig {
            sender: address("sender", &self.sender)?,
            receivers,
            server: Server {
                name: server,
                port: self.port.unwrap_or(self.security.usual_port()),
                security: self.security,
                login,
                authority: self.authority()?,
                timeout: length("email: timeout", self.timeout, DEFAULT_TIMEOUT, LONGEST_TIMEOUT)?,
            },
            interval: length("email: interval", self.interval, DEFAULT_INTERVAL, LONGEST_INTERVAL)?,
            max_per_day,
        })
    }

    fn login(&self, password: Option<Secret>) -> Result<Option<Login>, ConfigError> {
        let from_file = || {
            self.password_file
                .as_deref()
                .map(|path| Secret::read("email: password_file", path).map_err(ConfigError::Value))
        };
        match (&self.user, &self.password_file) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(refused("password_file without a user: give both, or neither")),
            (Some(user), _) => {
                let password = password.map(Ok).or_else(from_file).transpose()?.ok_or_else(|| {
                    refused(&format!(
                        "user \"{user}\" has no password: name a password_file, or set {SMTP_PASSWORD_VARIABLE}"
                    ))
                })?;
                Ok(Some(Login { user: user.clone(), password }))
            }
        }
    }

    fn authority(&self) -> Result<Option<Certificate>, ConfigError> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let error = |reason: String| refused(&format!("ca_file {}: {reason}", text::path(path)));
        let pem = files::open_trusted(path)
            .and_then(|file| file.bytes(LARGEST_AUTHORITY))
            .map_err(|cause| error(cause.to_string()))?;
        if !pem.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE) {
            return Err(error("it holds no certificate: a PEM file is expected".into()));
        }
        Certificate::from_pem(&pem).map(Some).map_err(|cause| error(cause.to_string()))
    }
}

/// How a certificate begins in a PEM file (RFC 7468).
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The password of the environment; an empty one is as good as none.
fn password() -> Option<Secret> {
    std::env::var(SMTP_PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty()).map(Secret::new)
}

/// An address whose domain is in ASCII, as every server takes it.
fn address(what: &str, text: &str) -> Result<Mailbox, ConfigError> {
    let no_address = |error: &dyn Display| {
        refused(&format!("{what} {text:?} is no address ({error}): give one as nad@example.org"))
    };
    let Mailbox { name, email } = text.parse().map_err(|error: AddressError| no_address(&error))?;
    let domain = domain::ascii(email.domain())
        .map_err(|error| refused(&format!("{what} {text:?} is no address: {error}")))?;
    let email = Address::new(email.user(), domain).map_err(|error| no_address(&error))?;
    Ok(Mailbox { name, email })
}

fn refused(reason: &str) -> ConfigError {
    ConfigError::Value(format!("email: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "sender = \"nad <nad@example.org>\"\nreceivers = [\"a@example.org\"]\nserver = \"smtp.example.org\"\n";

    fn check(more: &str) -> Result<EmailConfig, String> {
        let section: EmailSection = toml::from_str(&format!("{WHOLE}{more}")).unwrap();
        section.check(Some(Secret::new("quiet"))).map_err(|error| error.to_string())
    }

    #[test]
    fn the_port_is_the_usual_one_of_the_security() {
        let port = |more| check(more).unwrap().server.port;
        assert_eq!((port(""), port("security = \"starttls\"")), (587, 587));
        assert_eq!((port("security = \"tls\""), port("security = \"none\"")), (465, 25));
        assert_eq!(port("port = 2525"), 2525);
    }

    #[test]
    fn a_password_goes_in_clear_to_this_machine_only() {
        let error = check("user = \"u\"\nsecurity = \"none\"").unwrap_err();
        assert!(error.contains("to smtp.example.org for all to read: take \"starttls\""), "{error}");
        for server in ["localhost", "127.0.0.1", "::1", "[::1]"] {
            let text = WHOLE.replace("smtp.example.org", server) + "user = \"u\"\nsecurity = \"none\"";
            let section: EmailSection = toml::from_str(&text).unwrap();
            assert!(section.check(Some(Secret::new("quiet"))).is_ok(), "{server}");
        }
    }

    #[test]
    fn a_user_needs_a_password_and_a_password_a_user() {
        let section: EmailSection = toml::from_str(&format!("{WHOLE}user = \"u\"")).unwrap();
        let error = section.check(None).unwrap_err().to_string();
        assert!(error.contains("name a password_file, or set NAD_SMTP_PASSWORD"), "{error}");
        assert!(check("password_file = \"p\"").unwrap_err().contains("without a user"));
        let config = check("user = \"u\"").unwrap();
        assert!(!format!("{config:?}").contains("quiet"), "{config:?}");
    }

    #[test]
    fn domains_in_any_language_are_sent_to_in_ascii_and_wrong_ones_are_refused_at_once() {
        let with = |receiver: &str, server: &str| {
            let text = WHOLE.replace("a@example.org", receiver).replace("smtp.example.org", server);
            let section: EmailSection = toml::from_str(&text).unwrap();
            section.check(None).map_err(|error| error.to_string())
        };
        let config = with("Zoë <a@münchen.example>", "post.münchen.example").unwrap();
        let Mailbox { name, email } = &config.receivers[0];
        assert_eq!((name.as_deref(), email.to_string().as_str()), (Some("Zoë"), "a@xn--mnchen-3ya.example"));
        assert_eq!(config.server.name, "post.xn--mnchen-3ya.example");
        for receiver in ["a@mün\u{202e}chen.example", "a@ü_.example"] {
            let error = with(receiver, "smtp.example.org").unwrap_err();
            assert!(error.contains("receiver") && error.contains("is no address"), "{error}");
        }
        let error = with("a@example.org", "smtp.mün\u{202e}.example").unwrap_err();
        assert!(error.contains("server") && error.contains("xn--"), "{error}");
    }

    #[test]
    fn what_is_out_of_range_or_no_address_is_refused_by_name() {
        for (more, expected) in [
            ("interval = \"500ms\"", "interval 500ms is out of range"),
            ("timeout = \"1h\"", "timeout 3600s is out of range"),
            ("max_per_day = 0", "max_per_day 0 is out of range"),
            ("ca_file = \"/nowhere.pem\"", "ca_file /nowhere.pem: No such file"),
        ] {
            let error = check(more).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for injected in ["a@example.org\\r\\nBcc: b@example.org", "a@example.org, b@example.org", "nobody"] {
            let text = WHOLE.replace("a@example.org", injected);
            let section: EmailSection = toml::from_str(&text).unwrap();
            let error = section.check(None).unwrap_err().to_string();
            assert!(error.contains("is no address") && !error.contains('\n'), "{error}");
        }
    }
}
