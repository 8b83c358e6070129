//! Mail, taken by aiosmtpd.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    PIPED, REPLAY, counted, folder,
    network::Network,
    sensor::{Folder, Ran},
    server::{Server, Waiting, dead_port, wait_for},
};

const PASSWORD: &str = "hunter2-quiet";

/// The section of a mail config, and what is added to it.
fn section(port: u16, more: &str) -> String {
    format!(
        "[email]\nenabled = true\nsender = \"nad <nad@example.org>\"\nreceivers = [\"a@example.org\", \
         \"b@example.org\"]\nserver = \"127.0.0.1\"\nport = {port}\n{more}\n"
    )
}

/// A mail as the server wrote it: what it knew of it, headers in one line each, and the text.
struct Mail {
    seen: Value,
    head: String,
    text: String,
}

impl Mail {
    fn has_header(&self, line: &str) -> bool {
        self.head.lines().any(|other| other.starts_with(line))
    }
}

fn mails(folder: &Folder) -> Vec<Mail> {
    let mails = (1..).map_while(|number| fs::read_to_string(folder.path(&format!("mail-{number}.eml"))).ok());
    let parse = |text: String| {
        let (seen, mail) = text.split_once('\n').unwrap();
        let (head, text) = mail.split_once("\r\n\r\n").unwrap();
        Mail {
            seen: serde_json::from_str(seen).unwrap(),
            head: head.replace("\r\n ", " "),
            text: text.replace("=\r\n", "").replace("=3D", "="),
        }
    };
    mails.map(parse).collect()
}

fn password_file(folder: &Folder, password: &str, mode: u32) {
    folder.write("password", password);
    fs::set_permissions(folder.path("password"), fs::Permissions::from_mode(mode)).unwrap();
}

/// Everything that nad printed and logged.
fn said(folder: &Folder, ran: &Ran) -> String {
    let log = fs::read_to_string(folder.path("logs/anomaly_detector.log")).unwrap_or_default();
    format!("{}{}{log}", ran.stdout, ran.stderr)
}

#[test]
fn an_incident_is_told_by_mail_with_its_reason_sources_and_targets() {
    let folder = folder("");
    let Some(server) = Server::smtp(folder.as_ref(), "plain") else { return };
    folder.write("nad.toml", section(server.port, "security = \"none\""));
    let ran = folder.nad(REPLAY).exits(0);
    let mails = mails(&folder);
    // One at once, and one at the end: whether the first was in time depends on the machine.
    assert!((1..=2).contains(&mails.len()), "{}", mails.len());
    let last = mails.last().unwrap();
    assert_eq!(last.seen["from"], "nad@example.org");
    assert_eq!(last.seen["to"], serde_json::json!(["a@example.org", "b@example.org"]));
    assert!(last.has_header("Subject: [nad "), "{}", last.head);
    assert!(last.head.contains("] 1 incident: port scan against 192.168.1.2 from 192.168.1.66 (may be forged, MAC 02:00:00:00:00:42) (closed)"), "{}", last.head);
    for header in
        ["Date: ", "Message-ID: <", "From: nad <nad@example.org>", "To: a@example.org, b@example.org"]
    {
        assert!(last.has_header(header), "{header}\n{}", last.head);
    }
    for part in [
        "1. port scan against 192.168.1.2 from 192.168.1.66 (may be forged, MAC 02:00:00:00:00:42) (closed)",
        "services in 10 s",
        "(baseline: ",
        "Sources:      192.168.1.66 (may be forged, MAC 02:00:00:00:00:42)",
        "Targets:      192.168.1.2",
        "MITRE ATT&CK: T1046",
        "Start:        2023-11-14T22:15:",
        "Packets:      ",
        "Coverage:     100 %",
    ] {
        assert!(last.text.contains(part), "{part}\n{}", last.text);
    }
    let counts = counted(&ran.stderr, "e-mail by 127.0.0.1");
    assert!(counts.contains(" 0 failed") || !counts.contains("failed"), "{counts}");
}

#[test]
fn mail_goes_encrypted_and_logged_in_by_starttls_and_by_tls() {
    for (mode, name) in [("starttls", "127.0.0.1"), ("tls", "localhost")] {
        let folder = folder("");
        let Some(server) = Server::smtp(folder.as_ref(), mode) else { return };
        password_file(&folder, "hunter2-quiet\n", 0o600);
        let more = format!(
            "security = \"{mode}\"\nuser = \"nad\"\npassword_file = \"password\"\nca_file = \"cert.pem\""
        );
        folder.write("nad.toml", section(server.port, &more).replace("\"127.0.0.1\"", &format!("{name:?}")));
        let ran = folder.nad(REPLAY).exits(0);
        let mails = mails(&folder);
        assert!(!mails.is_empty(), "{mode}: {}", ran.stderr);
        for mail in &mails {
            assert_eq!(
                (&mail.seen["encrypted"], &mail.seen["login"]),
                (&true.into(), &"nad".into()),
                "{mode}"
            );
        }
        assert!(!said(&folder, &ran).contains(PASSWORD), "{}", said(&folder, &ran));
        // Without the authority, the same server is not trusted.
        folder.write("nad.toml", folder.read("nad.toml").replace("ca_file", "# ca_file"));
        let ran = folder.nad("test-output email").exits(1);
        assert!(
            ran.stderr.contains("certificate") && ran.stderr.contains("as ca_file in [email]"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_refused_login_is_told_in_the_servers_words_once_and_detection_goes_on() {
    let folder = folder("");
    let Some(server) = Server::smtp(folder.as_ref(), "starttls") else { return };
    password_file(&folder, "wrong-quiet", 0o600);
    let more = "user = \"nad\"\npassword_file = \"password\"\nca_file = \"cert.pem\"";
    folder.write("nad.toml", section(server.port, more));
    let ran = folder.nad(REPLAY).exits(0);
    assert_eq!(ran.detected().0, 1, "{}", ran.stdout);
    assert!(mails(&folder).is_empty());
    let said_of_it: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("5.7.8")).collect();
    assert_eq!(said_of_it.len(), 1, "{}", ran.stderr);
    assert!(said_of_it[0].contains("refused") && said_of_it[0].contains("535"), "{}", said_of_it[0]);
    assert!(counted(&ran.stderr, "e-mail by").contains("failed"), "{}", ran.stderr);
    assert!(!said(&folder, &ran).contains("wrong-quiet"), "{}", said(&folder, &ran));
}

#[test]
fn a_dead_server_is_told_and_detection_goes_on() {
    let port = dead_port();
    let folder = folder(&section(port, "security = \"none\""));
    let ran = folder.nad(REPLAY).exits(0);
    assert_eq!(ran.detected().0, 1, "{}", ran.stdout);
    let warnings = ran.stderr.lines().filter(|line| line.contains("onnection refused")).count();
    assert_eq!(warnings, 1, "{}", ran.stderr);
    assert!(
        counted(&ran.stderr, &format!("e-mail by 127.0.0.1:{port}")).contains("failed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_server_that_says_nothing_is_waited_for_no_longer_than_it_may_take() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let port = silent.local_addr().unwrap().port();
    folder.write("nad.toml", section(port, "security = \"none\"\ntimeout = \"1s\""));
    let begun = Instant::now();
    let ran = folder.nad("test-output email").exits(1);
    assert!(ran.stderr.contains("no answer in time"), "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_day_of_incidents_is_one_digest_and_not_a_mail_each() {
    let mut network = Network::benign(200);
    for (host, at) in [(66, 130), (67, 145), (68, 160), (69, 175)] {
        network.scan(at, [192, 168, 1, host], 1, 400, 5_000);
    }
    let folder = Folder::new();
    folder.write("office.pcap", network.capture().pcap());
    let Some(server) = Server::smtp(folder.as_ref(), "plain") else { return };
    folder.write("nad.toml", section(server.port, "security = \"none\"\ninterval = \"1h\""));
    let ran = folder.nad(REPLAY).exits(0);
    let (incidents, _) = ran.detected();
    assert!(incidents >= 4, "{}", ran.stdout);
    let mails = mails(&folder);
    assert!((1..=2).contains(&mails.len()), "{} mails", mails.len());
    let told = &mails.last().unwrap().text;
    for host in 66..70 {
        assert!(told.contains(&format!("192.168.1.{host}")), "{told}");
    }
}

#[test]
fn what_a_server_has_no_time_for_is_sent_when_it_has() {
    let folder = folder("");
    let Some(server) = Server::smtp(folder.as_ref(), "plain") else { return };
    let port = server.port;
    drop(server);
    folder.write("nad.toml", section(port, "security = \"none\""));
    // nad goes on as long as its input does, and is told of the incident while the server is dead.
    let nad = Waiting::start(&folder, PIPED);
    wait_for("the failure is said", || nad.has_said("onnection refused"));
    let Some(_server) = Server::smtp_at(folder.as_ref(), "plain", port) else { return };
    wait_for("the mail arrives", || !mails(&folder).is_empty());
    let said = nad.finish();
    assert!(mails(&folder)[0].text.contains("192.168.1.66"));
    assert!(!counted(&said, "e-mail by").contains("failed"), "{said}");
}

#[test]
fn a_password_that_others_may_read_is_refused_with_the_remedy() {
    let folder = folder("");
    let more = "user = \"nad\"\npassword_file = \"password\"";
    folder.write("nad.toml", section(dead_port(), more));
    for mode in [0o644, 0o640, 0o604] {
        password_file(&folder, PASSWORD, mode);
        for command in [REPLAY, "test-output email"] {
            let ran = folder.nad(command).exits(2);
            assert!(ran.stderr.contains("password_file password: others"), "{}", ran.stderr);
            assert!(
                ran.stderr.contains("chmod 600 password") && !ran.stderr.contains(PASSWORD),
                "{}",
                ran.stderr
            );
        }
    }
    password_file(&folder, PASSWORD, 0o600);
    folder.nad("test-output email").exits(1);
    let in_clear = section(25, &format!("{more}\nsecurity = \"none\"")).replace("127.0.0.1", "192.0.2.1");
    folder.write("nad.toml", in_clear);
    let ran = folder.nad(REPLAY).exits(2);
    assert!(ran.stderr.contains("would send the password to 192.0.2.1"), "{}", ran.stderr);
}

#[test]
fn a_test_mail_says_what_the_server_answered() {
    let folder = Folder::new();
    folder.nad("test-output email").exits(2);
    let Some(server) = Server::smtp(folder.as_ref(), "login") else { return };
    let config = section(server.port, "security = \"none\"\nuser = \"nad\"").replace("true", "false");
    folder.write("nad.toml", config);
    let ran = folder.nad("test-output email").exits(2);
    assert!(ran.stderr.contains("NAD_SMTP_PASSWORD"), "{}", ran.stderr);
    let test = |password: &str| {
        Ran::of(folder.command().args(["test-output", "email"]).env("NAD_SMTP_PASSWORD", password))
    };
    let ran = test(PASSWORD).exits(0);
    assert!(ran.stdout.contains("a@example.org, b@example.org by 127.0.0.1:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("taken: 250 2.0.0 queued as test"), "{}", ran.stdout);
    let mails = mails(&folder);
    assert!(mails.len() == 1 && mails[0].head.contains("] test message"), "{}", mails[0].head);
    let ran = test("wrong-quiet").exits(1);
    assert!(ran.stderr.contains("535") && !ran.stderr.contains("wrong-quiet"), "{}", ran.stderr);
    assert!(said(&folder, &ran).matches(PASSWORD).count() == 0);
}

#[test]
fn mail_is_off_unless_it_is_switched_on() {
    let folder = folder("");
    let Some(server) = Server::smtp(folder.as_ref(), "plain") else { return };
    folder.write("nad.toml", section(server.port, "security = \"none\"").replace("enabled = true\n", ""));
    let ran = folder.nad(REPLAY).exits(0);
    assert!(mails(&folder).is_empty() && !ran.stderr.contains("e-mail"), "{}", ran.stderr);
}
