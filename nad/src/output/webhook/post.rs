//! One request, and what its answer means.

mod connect;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, fmt::rfc2822};
use rustls::crypto::aws_lc_rs;
use ureq::{
    Agent,
    http::{Response, StatusCode, header::RETRY_AFTER},
    tls::{RootCerts, TlsConfig},
    unversioned::transport::{ConnectProxyConnector, Connector as _, RustlsConnector},
};

use super::{Ending, Failure, Url, WebhookConfig, signature::sign};
use crate::{output::network::Limits, secret::Secret, text};
use connect::{Bounded, Now};

/// Bytes of an answer that are read, and characters of it that are repeated.
const MOST_READ: u64 = 4096;
const MOST_REPEATED: usize = 200;
/// Bytes of an answer, also of one with certificates.
const MOST_ANSWER: usize = 64 << 10;
/// How long the words of an answer may take, whose status is there.
const WORDS: Duration = Duration::from_secs(1);
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Posts to one URL. Redirects are not followed: they would lead what is signed or secret to somebody else.
pub(super) struct Poster {
    agent: Agent,
    url: Url,
    key: Option<Secret>,
    /// The limits of the request that is being made.
    now: Arc<Now>,
    ending: Ending,
}

/// Why a request was not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Whether another attempt may help.
    pub(super) failure: Failure,
    /// How long the server wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Poster {
    /// One whose requests end with nad.
    pub(super) fn new(config: &WebhookConfig, ending: Ending) -> Self {
        let roots = config.authorities.as_deref().map_or(RootCerts::WebPki, RootCerts::new_with_certs);
        let agent_config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("nad/", env!("CARGO_PKG_VERSION")))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(roots)
                    .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
                    .build(),
            )
            // A connection has the limits of one request.
            .max_idle_connections(0)
            .build();
        let now = Arc::new(Now::default());
        let bounded = Bounded::new(Arc::clone(&now));
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(bounded.clone())
                .chain(RustlsConnector::default());
        let agent = Agent::with_parts(agent_config, connector, bounded);
        Self { agent, url: config.url.clone(), key: config.key.clone(), now, ending }
    }

    /// Posts a body, and gives the answer's status and first words.
    ///
    /// # Errors
    ///
    /// When it was not taken.
    pub(super) fn post(&self, id: &str, body: &[u8], timeout: Duration) -> Result<String, Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let limits = Limits::new(timeout, timeout, MOST_ANSWER, &self.ending);
        self.now.set(&limits);
        let mut request = self
            .agent
            .post(self.url.whole())
            .config()
            .timeout_global(Some(timeout))
            .build()
            .header("Content-Type", "application/json")
            .header("X-Nad-Delivery", id)
            .header("X-Nad-Timestamp", now.to_string());
        if let Some(key) = &self.key {
            request = request.header("X-Nad-Signature", sign(key, id, now, body));
        }
        let mut response = request.send(body).map_err(|error| self.no_answer(&error))?;
        let status = response.status();
        let retry_after = pause(&response);
        limits.shorten(WORDS);
        let words = response.body_mut().with_config().limit(MOST_READ).lossy_utf8(true).read_to_string();
        let words = text::printable(self.url.cut_out_of(&words.unwrap_or_default()).trim(), MOST_REPEATED);
        let answer = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        judge(status, answer, retry_after)
    }

    fn no_answer(&self, error: &ureq::Error) -> Refusal {
        let words = match error {
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => "no answer in time".into(),
            other => other.to_string(),
        };
        let words = text::printable(&self.url.cut_out_of(&words), MOST_REPEATED);
        let is_wrong = matches!(error, ureq::Error::BadUri(_) | ureq::Error::Http(_));
        let failure = if is_wrong { Failure::Never(words) } else { Failure::Later(words) };
        Refusal { failure, retry_after: None }
    }
}

/// What a status means (RFC 9110).
fn judge(status: StatusCode, answer: String, retry_after: Option<Duration>) -> Result<String, Refusal> {
    let refused = |failure| Err(Refusal { failure, retry_after });
    match status.as_u16() {
        200..=299 => Ok(answer),
        300..=399 => refused(Failure::Never(format!(
            "it answered {answer}: redirects are not followed; give the URL that it leads to"
        ))),
        408 | 425 | 429 | 500..=599 => refused(Failure::Later(format!("it answered {answer}"))),
        _ => refused(Failure::Never(format!("it refused with {answer}"))),
    }
}

/// What the answer's `Retry-After` says: seconds, or a date; at most an hour.
fn pause<B>(response: &Response<B>) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    pause_of(text, Timestamp::now())
}

fn pause_of(text: &str, now: Timestamp) -> Option<Duration> {
    let pause = match text.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let then = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(then.duration_since(now)).unwrap_or_default()
        }
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_another_attempt_may_help() {
        let kind = |status| match judge(StatusCode::from_u16(status).unwrap(), String::new(), None) {
            Ok(_) => "taken",
            Err(Refusal { failure: Failure::Later(_), .. }) => "later",
            Err(_) => "never",
        };
        for (expected, statuses) in [
            ("taken", &[200, 201, 202, 204][..]),
            ("later", &[408, 425, 429, 500, 502, 503, 504]),
            ("never", &[301, 302, 307, 308, 400, 401, 403, 404, 410, 413]),
        ] {
            for status in statuses {
                assert_eq!(kind(*status), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_server_may_ask_for_a_pause_in_seconds_or_until_a_date_but_not_for_ever() {
        let now: Timestamp = "2026-11-24T16:00:00Z".parse().unwrap();
        let seconds = |text| pause_of(text, now).map(|pause| pause.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Tue, 24 Nov 2026 16:00:30 GMT"), Some(30));
        assert_eq!(seconds("Tue, 24 Nov 2026 15:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999"), Some(3600));
        assert_eq!(seconds("soon"), None);
    }
}
