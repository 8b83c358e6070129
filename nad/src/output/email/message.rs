//! What a mail says.

use std::fmt::Write;

use lettre::{
    Message,
    message::{
        SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use nad_engine::presentation;

use super::{EmailConfig, Failure, digest::Digest};
use crate::{output::summary::Summary, text};

/// Characters of a subject; more is cut off, as most programs show less.
const LONGEST_SUBJECT: usize = 150;
/// Characters of the column in which the names of facts stand.
const NAME_WIDTH: usize = 13;

/// A mail with all incidents of a digest.
///
/// # Errors
///
/// When it can't be composed.
pub(super) fn digest(config: &EmailConfig, host: &str, digest: &Digest) -> Result<Message, Failure> {
    let summaries: Vec<Summary> = digest.updates().map(Summary::of).collect();
    let counted = presentation::counted(summaries.len() as u64, "incident");
    let titles: Vec<&str> = summaries.iter().map(|summary| summary.title.as_str()).collect();
    let subject = format!("{counted}: {}", titles.join(", "));
    let text = text(host, &counted, &summaries, digest.omitted());
    compose(config, host, &subject, text)
}

/// A mail that says that mails arrive.
///
/// # Errors
///
/// As for [`digest`].
pub(super) fn test(config: &EmailConfig, host: &str) -> Result<Message, Failure> {
    let Summary { title, reason, .. } = Summary::of_test();
    compose(config, host, &title, format!("{reason}\n\nSent by nad on {host}.\n"))
}

fn text(host: &str, counted: &str, summaries: &[Summary], omitted: u64) -> String {
    let mut text = format!("nad on {host} tells of {counted}.\n");
    for (place, summary) in summaries.iter().enumerate() {
        // Writing to a string can't fail.
        let _ = write!(text, "\n{}. {}\n   {}\n", place + 1, summary.title, summary.reason);
        for (name, value) in &summary.facts {
            let _ = writeln!(text, "   {:<NAME_WIDTH$} {value}", format!("{name}:"));
        }
    }
    if omitted > 0 {
        let _ = write!(text, "\nThere was no room for {omitted} more messages of other incidents.\n");
    }
    text
}

/// Puts a mail together. It is marked as automatic (RFC 3834), so that nobody's absence is answered to it.
fn compose(config: &EmailConfig, host: &str, subject: &str, text: String) -> Result<Message, Failure> {
    let subject = text::printable(&format!("[nad {host}] {subject}"), LONGEST_SUBJECT);
    let mut builder =
        Message::builder().from(config.sender.clone()).subject(subject).date_now().message_id(None);
    for receiver in &config.receivers {
        builder = builder.to(receiver.clone());
    }
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    builder
        .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
        .singlepart(SinglePart::plain(text))
        .map_err(|error| Failure::Never(format!("the mail can't be composed: {error}")))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use nad_engine::incident::{Change, example::update};

    use super::*;
    use crate::output::email::{Security, Server};

    fn config() -> EmailConfig {
        let server = Server {
            name: "localhost".into(),
            port: 25,
            security: Security::None,
            login: None,
            authority: None,
            timeout: Duration::from_secs(1),
        };
        EmailConfig {
            sender: "nad <nad@example.org>".parse().unwrap(),
            receivers: vec!["a@example.org".parse().unwrap(), "b@example.org".parse().unwrap()],
            server,
            interval: Duration::from_secs(900),
            max_per_day: 50,
        }
    }

    fn formatted(ids: &[&str], host: &str) -> String {
        let mut kept = Digest::new(Duration::from_secs(900), 50);
        ids.iter().for_each(|id| kept.add(&Arc::new(update(id, Change::Opened))));
        let message = digest(&config(), host, &kept).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_a_subject_that_says_it_all_and_the_headers_that_it_needs() {
        let mail = formatted(&["i-1", "i-2"], "sensor");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ");
        let has = |line: &str| head.lines().any(|other| other.starts_with(line));
        assert!(
            has("Subject: [nad sensor] 2 incidents: port scan from 10.0.0.1, port scan from 10.0.0.1"),
            "{head}"
        );
        for line in
            ["From: nad <nad@example.org>", "To: a@example.org, b@example.org", "Date: ", "Message-ID: <"]
        {
            assert!(has(line), "{line}\n{head}");
        }
        assert!(has("Auto-Submitted: auto-generated"), "{head}");
        for line in [
            "nad on sensor tells of 2 incidents.",
            "1. port scan from 10.0.0.1",
            "   10.0.0.1 asked for 1,000 services in 10 s (baseline: 0 to 6)",
            "   Targets:      10.0.0.2",
            "   MITRE ATT&CK: T1046",
            "   Incident:     i-2 (01990000-0000-7000-8000-000000000001)",
        ] {
            assert!(body.lines().any(|other| other == line), "{line}\n{body}");
        }
    }

    #[test]
    fn a_header_can_t_be_smuggled_in_and_a_subject_has_an_end() {
        let mail = formatted(&["i-1"; 1], "evil\r\nBcc: c@example.org");
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        let ids: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mail = formatted(&ids, "sensor");
        assert!(mail.lines().all(|line| line.len() < 998), "as RFC 5322 has it");
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("40 incidents") && head.len() < 1000, "{head}");
    }
}
