//! What is posted, in the shape that its receiver takes.

use nad_engine::incident::IncidentUpdate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{format, output::summary::Summary, text};

/// Characters that Slack takes in a heading, in a section and in a field.
const SLACK_HEADING: usize = 150;
const SLACK_SECTION: usize = 3000;
const SLACK_FIELD: usize = 2000;
/// Fields that Slack takes in a section.
const SLACK_FIELDS: usize = 10;

/// Whom a message is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Template {
    /// A program that knows nad: the incident as in `--incidents`, with what happened to it.
    #[default]
    Native,
    /// Slack's incoming webhooks: blocks.
    Slack,
    /// A Teams workflow ("when a webhook request is received"): an Adaptive Card.
    Teams,
    /// Mattermost's incoming webhooks: an attachment.
    Mattermost,
}

impl Template {
    /// The body that tells of an incident.
    pub(super) fn render(self, host: &str, update: &IncidentUpdate) -> Vec<u8> {
        let change = update.change.name();
        let body = match self {
            Self::Native => native(host, change, parsed(&format::native::incident(&update.incident))),
            _ => self.message(host, &Summary::of(update)),
        };
        body.to_string().into_bytes()
    }

    /// The body of a test.
    pub(super) fn test(self, host: &str) -> Vec<u8> {
        let body = match self {
            Self::Native => native(host, "test", Value::Null),
            _ => self.message(host, &Summary::of_test()),
        };
        body.to_string().into_bytes()
    }

    fn message(self, host: &str, summary: &Summary) -> Value {
        match self {
            Self::Native => Value::Null,
            Self::Slack => slack(host, summary),
            Self::Teams => teams(host, summary),
            Self::Mattermost => mattermost(host, summary),
        }
    }
}

fn native(host: &str, change: &str, incident: Value) -> Value {
    json!({ "version": 1, "host": host, "change": change, "incident": incident })
}

/// What nad has written itself.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn slack(host: &str, summary: &Summary) -> Value {
    let cut = text::printable;
    let markdown = |text: String, most| json!({ "type": "mrkdwn", "text": cut(&text, most) });
    let fields: Vec<Value> = summary
        .facts
        .iter()
        .take(SLACK_FIELDS)
        .map(|(name, value)| json!({ "type": "mrkdwn", "text": format!("*{name}*\n{}", cut(&escaped(value), SLACK_FIELD - 100)) }))
        .collect();
    json!({
        "text": escaped(&format!("{}: {}", summary.title, summary.reason)),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": cut(&summary.title, SLACK_HEADING - 1) } },
            { "type": "section", "text": markdown(escaped(&summary.reason), SLACK_SECTION - 1) },
            { "type": "section", "fields": fields },
            { "type": "context", "elements": [markdown(escaped(&format!("nad on {host}")), SLACK_FIELD)] },
        ],
    })
}

/// The three characters that mean something to Slack wherever they stand.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn teams(host: &str, summary: &Summary) -> Value {
    let facts: Vec<Value> =
        summary.facts.iter().map(|(name, value)| json!({ "title": name, "value": value })).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": [
                    { "type": "TextBlock", "text": summary.title, "weight": "Bolder", "size": "Large", "wrap": true },
                    { "type": "TextBlock", "text": summary.reason, "wrap": true },
                    { "type": "FactSet", "facts": facts },
                    { "type": "TextBlock", "text": format!("nad on {host}"), "isSubtle": true, "wrap": true },
                ],
            },
        }],
    })
}

fn mattermost(host: &str, summary: &Summary) -> Value {
    let fields: Vec<Value> = summary
        .facts
        .iter()
        .map(|(name, value)| json!({ "short": value.len() < 40, "title": name, "value": value }))
        .collect();
    json!({
        "attachments": [{
            "fallback": format!("{}: {}", summary.title, summary.reason),
            "title": summary.title,
            "text": summary.reason,
            "fields": fields,
            "footer": format!("nad on {host}"),
        }],
    })
}

#[cfg(test)]
mod tests {
    use nad_engine::incident::{Change, example::update};

    use super::*;
    fn rendered(template: Template) -> Value {
        let mut update = update("i-1", Change::Opened);
        update.incident.reason = "1 < 2 & 3 > 2".into();
        serde_json::from_slice(&template.render("sensor", &update)).unwrap()
    }

    #[test]
    fn the_native_body_is_the_incident_and_what_happened_to_it() {
        let body = rendered(Template::Native);
        assert_eq!(
            (&body["version"], &body["host"], &body["change"]),
            (&json!(1), &json!("sensor"), &json!("opened"))
        );
        let incident: Value =
            serde_json::from_str(&format::native::incident(&update("i-1", Change::Opened).incident)).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&body["incident"]), keys(&incident));
        assert_eq!(body["incident"]["id"], "i-1");
    }

    #[test]
    fn slack_gets_no_character_that_it_reads_as_its_own() {
        let body = rendered(Template::Slack);
        assert_eq!(body["text"], "port scan from 10.0.0.1: 1 &lt; 2 &amp; 3 &gt; 2");
        assert_eq!(body["blocks"][1]["text"]["text"], "1 &lt; 2 &amp; 3 &gt; 2");
        assert!(body["blocks"][2]["fields"].as_array().unwrap().len() <= SLACK_FIELDS);
    }

    #[test]
    fn a_test_says_that_it_is_one() {
        let of = |template: Template| -> Value { serde_json::from_slice(&template.test("sensor")).unwrap() };
        assert_eq!(of(Template::Native)["change"], "test");
        assert_eq!(of(Template::Slack)["blocks"][0]["text"]["text"], "test message");
        assert_eq!(of(Template::Teams)["attachments"][0]["content"]["body"][0]["text"], "test message");
        assert_eq!(of(Template::Mattermost)["attachments"][0]["title"], "test message");
    }
}
