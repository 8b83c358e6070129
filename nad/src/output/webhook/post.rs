//! One request, and what its answer means.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, fmt::rfc2822};
use ureq::{
    Agent,
    config::Config,
    http::{Response, StatusCode, Uri, header::RETRY_AFTER},
    tls::{RootCerts, TlsConfig},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use super::{Failure, Url, WebhookConfig, signature::sign};
use crate::{
    config::Secret,
    own::{self, Connecting},
    presentation,
};

/// Bytes of an answer that are read, and characters of it that are repeated.
const MOST_READ: u64 = 4096;
const MOST_REPEATED: usize = 200;
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Posts to one URL. Redirects are not followed: they would lead what is signed or secret to somebody else.
pub(super) struct Poster {
    agent: Agent,
    url: Url,
    key: Option<Secret>,
    /// The connection that is being made, so that its packets are known as nad's own.
    connecting: Arc<Mutex<Option<Connecting<'static>>>>,
}

/// Says whom it has found the addresses of, before anybody connects to them: the server, or a proxy.
#[derive(Debug)]
struct Announcing {
    resolver: DefaultResolver,
    connecting: Arc<Mutex<Option<Connecting<'static>>>>,
}

impl Resolver for Announcing {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        let connecting = own::CONNECTIONS.begin(&addresses);
        *self.connecting.lock().unwrap_or_else(PoisonError::into_inner) = Some(connecting);
        Ok(addresses)
    }
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
    pub(super) fn new(config: &WebhookConfig) -> Self {
        let roots = config.authorities.as_deref().map_or(RootCerts::WebPki, RootCerts::new_with_certs);
        let agent_config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("nad/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let connecting = Arc::default();
        let resolver =
            Announcing { resolver: DefaultResolver::default(), connecting: Arc::clone(&connecting) };
        let agent = Agent::with_parts(agent_config, DefaultConnector::default(), resolver);
        Self { agent, url: config.url.clone(), key: config.key.clone(), connecting }
    }

    /// Posts a body, and gives the answer's status and first words.
    ///
    /// # Errors
    ///
    /// When it was not taken.
    pub(super) fn post(&self, id: &str, body: &[u8], timeout: Duration) -> Result<String, Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
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
        let answer = request.send(body);
        *self.connecting.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut response = answer.map_err(|error| self.no_answer(&error))?;
        let status = response.status();
        let retry_after = pause(&response);
        let words = response.body_mut().with_config().limit(MOST_READ).lossy_utf8(true).read_to_string();
        let words =
            presentation::printable(self.url.cut_out_of(&words.unwrap_or_default()).trim(), MOST_REPEATED);
        let answer = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        judge(status, answer, retry_after)
    }

    fn no_answer(&self, error: &ureq::Error) -> Refusal {
        let words = match error {
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => "no answer in time".into(),
            other => other.to_string(),
        };
        let words = presentation::printable(&self.url.cut_out_of(&words), MOST_REPEATED);
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
