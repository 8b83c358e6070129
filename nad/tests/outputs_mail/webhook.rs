//! Webhooks, taken by Python's HTTP server.

use std::{
    collections::HashSet,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    PIPED, REPLAY, counted, folder,
    sensor::Folder,
    server::{Server, Waiting, dead_port, wait_for},
};

/// The part of the URL that nobody may read.
const PATH: &str = "/services/T0/quiet";

fn section(port: u16, more: &str) -> String {
    format!("[[webhook]]\nurl = \"http://127.0.0.1:{port}{PATH}\"\n{more}\n")
}

fn requests(folder: &Folder) -> Vec<Value> {
    let text = fs::read_to_string(folder.path("requests.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What was posted and taken.
fn taken(folder: &Folder) -> Vec<Value> {
    requests(folder).into_iter().filter(|request| request["status"] == 200).collect()
}

fn key(folder: &Folder, mode: u32) {
    folder.write("key", "a key of some length\n");
    fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(mode)).unwrap();
}

/// The messages that wait in the spool.
fn spooled(folder: &Folder) -> usize {
    let files = fs::read_dir(folder.path("spool")).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "json")).count()
}

#[test]
fn an_incident_is_posted_signed_when_it_opens_and_when_it_closes() {
    let folder = folder("");
    let Some(server) = Server::hook(folder.as_ref(), 0, &[]) else { return };
    key(&folder, 0o600);
    folder.write("nad.toml", section(server.port, "secret_file = \"key\""));
    let ran = folder.nad(&format!("{REPLAY} --incidents i.jsonl")).exits(0);
    let requests = requests(&folder);
    let changes: Vec<&str> =
        requests.iter().map(|request| request["body"]["change"].as_str().unwrap()).collect();
    assert_eq!((changes.first(), changes.last()), (Some(&"opened"), Some(&"closed")), "{changes:?}");
    for request in &requests {
        assert_eq!((&request["is_signed"], &request["path"]), (&true.into(), &PATH.into()), "{request:#}");
        let headers = &request["headers"];
        assert_eq!(headers["content-type"], "application/json");
        assert!(headers["user-agent"].as_str().unwrap().starts_with("nad/"), "{headers:#}");
        let stamp: f64 = headers["x-nad-timestamp"].as_str().unwrap().parse().unwrap();
        assert!((request["at"].as_f64().unwrap() - stamp).abs() < 5.0, "{request:#}");
        assert_eq!(headers["x-nad-delivery"].as_str().unwrap().len(), 32);
        assert_eq!(request["body"]["version"], 1);
    }
    let ids: HashSet<_> =
        requests.iter().map(|request| request["headers"]["x-nad-delivery"].to_string()).collect();
    assert_eq!(ids.len(), requests.len());
    let incident: Value = serde_json::from_str(folder.read("i.jsonl").trim()).unwrap();
    assert_eq!(requests.last().unwrap()["body"]["incident"], incident);
    let counts = counted(&ran.stderr, &format!("webhook http://127.0.0.1:{}", server.port));
    assert!(counts.ends_with(&format!("{} delivered", requests.len())), "{counts}");
    let log = folder.read("logs/anomaly_detector.log");
    assert!(!format!("{}{}{log}", ran.stdout, ran.stderr).contains("quiet"), "{}", ran.stderr);
}

#[test]
fn what_a_server_has_trouble_with_is_posted_again_with_the_same_id_and_in_order() {
    let folder = folder("");
    let Some(server) = Server::hook(folder.as_ref(), 0, &["500", "429"]) else { return };
    folder.write("nad.toml", section(server.port, ""));
    let nad = Waiting::start(&folder, PIPED);
    wait_for("all is posted", || taken(&folder).len() >= 2);
    let said = nad.finish();
    let requests = requests(&folder);
    let statuses: Vec<&Value> = requests.iter().map(|request| &request["status"]).collect();
    assert_eq!(statuses[..3], [500, 429, 200], "{statuses:?}");
    let id = |place: usize| &requests[place]["headers"]["x-nad-delivery"];
    assert!(id(0) == id(1) && id(1) == id(2) && id(2) != id(3), "{requests:#?}");
    let at = |place: usize| requests[place]["at"].as_f64().unwrap();
    assert!(at(2) - at(1) >= 2.0, "the server asked for 2 s: {}", at(2) - at(1));
    assert_eq!(requests[2]["body"]["change"], "opened");
    assert_eq!(said.matches("500 Internal Server Error").count(), 1, "{said}");
    assert!(!said.contains("quiet") && !counted(&said, "webhook").contains("failed"), "{said}");
}

#[test]
fn what_is_refused_is_not_posted_again_and_a_redirect_is_not_followed() {
    let folder = folder("");
    let Some(server) = Server::hook(folder.as_ref(), 0, &["404", "302"]) else { return };
    folder.write("nad.toml", section(server.port, ""));
    let ran = folder.nad(REPLAY).exits(0);
    let requests = requests(&folder);
    let ids: HashSet<_> =
        requests.iter().map(|request| request["headers"]["x-nad-delivery"].to_string()).collect();
    assert_eq!(ids.len(), requests.len(), "each was posted once");
    assert!(requests.iter().all(|request| request["path"] == PATH), "{requests:#?}");
    assert!(counted(&ran.stderr, "webhook").contains("2 failed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("it answered 302") || ran.stderr.contains("404"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("quiet"), "the answer repeats the path: {}", ran.stderr);
}

#[test]
fn what_waits_survives_a_kill_and_is_posted_first_after_the_next_start() {
    let folder = folder("");
    let port = dead_port();
    folder.write("nad.toml", section(port, "spool = \"spool\""));
    let nad = Waiting::start(&folder, PIPED);
    wait_for("the failure is said", || nad.has_said("onnection refused"));
    wait_for("the messages are on disk", || spooled(&folder) >= 2);
    nad.kill();
    let waiting = spooled(&folder);
    let Some(_server) = Server::hook(folder.as_ref(), port, &[]) else { return };
    // As where it was killed while it wrote.
    folder.write("spool/00000000000000000001-ab.json.tmp", "{\"half");
    folder.write("spool/00000000000000000002-ab.json", "{\"half");
    let ran = folder.nad(REPLAY).exits(0);
    let changes: Vec<String> =
        taken(&folder).iter().map(|request| request["body"]["change"].as_str().unwrap().to_owned()).collect();
    assert_eq!((changes.len(), changes[0].as_str()), (2 * waiting, "opened"), "{changes:?}");
    assert_eq!(changes[..waiting], changes[waiting..], "those from before come first");
    assert_eq!(
        (spooled(&folder), folder.path("spool/00000000000000000001-ab.json.tmp").exists()),
        (0, false)
    );
    assert!(
        counted(&ran.stderr, "webhook").ends_with(&format!("{} delivered", 2 * waiting)),
        "{}",
        ran.stderr
    );
}

#[test]
fn with_a_dead_server_detection_goes_on_and_what_is_on_disk_is_not_lost() {
    let (kept, lost) = (folder(""), folder(""));
    for (folder, spool) in [(&kept, "spool = \"spool\""), (&lost, "")] {
        folder.write("nad.toml", section(dead_port(), spool));
        let ran = folder.nad(REPLAY).exits(0);
        assert_eq!(ran.detected().0, 1, "{}", ran.stdout);
        assert!(ran.stderr.contains("onnection refused") && !ran.stderr.contains("quiet"), "{}", ran.stderr);
        let is_lost =
            ran.stderr.lines().any(|line| line.contains("0 delivered, ") && line.contains("failed"));
        assert_eq!(is_lost, spool.is_empty(), "{}", ran.stderr);
    }
    assert!(spooled(&kept) >= 2);
    let mode = fs::metadata(kept.path("spool")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_server_that_says_nothing_is_waited_for_no_longer_than_it_may_take() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    folder.write("nad.toml", section(silent.local_addr().unwrap().port(), "timeout = \"1s\""));
    let begun = Instant::now();
    let ran = folder.nad("test-output webhook").exits(1);
    assert!(ran.stderr.contains("no answer in time"), "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn slack_teams_and_mattermost_get_the_shapes_that_they_take() {
    for (template, check) in [("slack", slack as fn(&Value)), ("teams", teams), ("mattermost", mattermost)] {
        let folder = folder("");
        let Some(server) = Server::hook(folder.as_ref(), 0, &[]) else { return };
        let more = format!("template = \"{template}\"\nchanges = [\"opened\"]");
        folder.write("nad.toml", section(server.port, &more));
        folder.nad(REPLAY).exits(0);
        let requests = requests(&folder);
        assert_eq!(requests.len(), 1, "only the opening is told");
        check(&requests[0]["body"]);
    }
}

const TITLE: &str = "port scan against 192.168.1.2 from 192.168.1.66 (may be forged, MAC 02:00:00:00:00:42)";
const SOURCE: &str = "192.168.1.66 (may be forged, MAC 02:00:00:00:00:42)";

/// https://docs.slack.dev/reference/block-kit/blocks
fn slack(body: &Value) {
    assert!(body["text"].as_str().unwrap().starts_with(TITLE));
    let [header, reason, facts, context] = &body["blocks"].as_array().unwrap()[..] else {
        panic!("{body:#}")
    };
    assert_eq!((&header["type"], &header["text"]["type"]), (&"header".into(), &"plain_text".into()));
    assert_eq!(header["text"]["text"], TITLE);
    assert_eq!((&reason["type"], &reason["text"]["type"]), (&"section".into(), &"mrkdwn".into()));
    assert!(reason["text"]["text"].as_str().unwrap().contains("services in 10 s"));
    let fields = facts["fields"].as_array().unwrap();
    assert!(facts["type"] == "section" && (1..=10).contains(&fields.len()));
    assert!(
        fields.iter().all(|field| field["type"] == "mrkdwn" && field["text"].as_str().unwrap().len() < 2000)
    );
    assert!(fields.iter().any(|field| field["text"] == format!("*Sources*\n{SOURCE}")), "{facts:#}");
    assert!(fields.iter().any(|field| field["text"] == "*MITRE ATT&CK*\nT1046"), "{facts:#}");
    assert_eq!((&context["type"], &context["elements"][0]["type"]), (&"context".into(), &"mrkdwn".into()));
}

/// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using, of workflows
fn teams(body: &Value) {
    assert_eq!(body["type"], "message");
    let [card] = &body["attachments"].as_array().unwrap()[..] else { panic!("{body:#}") };
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert!(card["contentUrl"].is_null());
    let content = &card["content"];
    assert_eq!((&content["type"], &content["version"]), (&"AdaptiveCard".into(), &"1.4".into()));
    assert_eq!(content["$schema"], "http://adaptivecards.io/schemas/adaptive-card.json");
    let [title, reason, facts, host] = &content["body"].as_array().unwrap()[..] else { panic!("{body:#}") };
    for block in [title, reason, host] {
        assert!(
            block["type"] == "TextBlock" && block["wrap"] == true && block["text"].is_string(),
            "{block:#}"
        );
    }
    assert_eq!(title["text"], TITLE);
    assert!(reason["text"].as_str().unwrap().contains("services in 10 s"));
    assert_eq!(facts["type"], "FactSet");
    let fact = serde_json::json!({ "title": "Sources", "value": SOURCE });
    assert!(facts["facts"].as_array().unwrap().contains(&fact), "{facts:#}");
}

/// https://developers.mattermost.com/integrate/reference/message-attachments
fn mattermost(body: &Value) {
    let [attachment] = &body["attachments"].as_array().unwrap()[..] else { panic!("{body:#}") };
    assert!(attachment["fallback"].as_str().unwrap().starts_with(TITLE));
    assert_eq!(attachment["title"], TITLE);
    assert!(attachment["text"].as_str().unwrap().contains("services in 10 s"));
    let field = serde_json::json!({ "short": false, "title": "Sources", "value": SOURCE });
    assert!(attachment["fields"].as_array().unwrap().contains(&field), "{attachment:#}");
    assert!(attachment["footer"].as_str().unwrap().starts_with("nad on "));
}

#[test]
fn a_test_message_says_what_the_server_answered() {
    let folder = Folder::new();
    folder.nad("test-output webhook").exits(2);
    let Some(server) = Server::hook(folder.as_ref(), 0, &["200", "403"]) else { return };
    key(&folder, 0o600);
    folder.write("nad.toml", section(server.port, "enabled = false\nsecret_file = \"key\""));
    let ran = folder.nad("test-output webhook").exits(0);
    let expected = format!("webhook http://127.0.0.1:{}: taken: 200 OK: ok", server.port);
    assert_eq!(ran.stdout.trim(), expected);
    assert_eq!(
        (&requests(&folder)[0]["body"]["change"], &requests(&folder)[0]["is_signed"]),
        (&"test".into(), &true.into())
    );
    let ran = folder.nad("test-output webhook").exits(1);
    assert!(ran.stderr.contains("it refused with 403 Forbidden"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("quiet"), "{}", ran.stderr);
    key(&folder, 0o644);
    let ran = folder.nad("test-output webhook").exits(2);
    assert!(ran.stderr.contains("chmod 600 key") && !ran.stderr.contains("some length"), "{}", ran.stderr);
}
