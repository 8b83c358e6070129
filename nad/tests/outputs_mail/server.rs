//! Servers in Python that tests start on loopback, and that end with them.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{sensor::Folder, skip::skipped};

const SMTP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outputs_mail/smtp.py");
const HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outputs_mail/hook.py");

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// An SMTP server that puts mails into `folder`; none where aiosmtpd is missing, which is said.
    pub(crate) fn smtp(folder: &Path, mode: &str) -> Option<Self> {
        Self::smtp_at(folder, mode, 0)
    }

    /// One that listens at this port.
    pub(crate) fn smtp_at(folder: &Path, mode: &str, port: u16) -> Option<Self> {
        if !has(&["python3", "-c", "import aiosmtpd"]) || !has(&["openssl", "version"]) {
            skipped("no mail is sent: python3 with aiosmtpd (pip install aiosmtpd) and openssl are needed");
            return None;
        }
        if ["starttls", "tls"].contains(&mode) {
            certificate(folder);
        }
        Some(Self::start(SMTP, folder, &[mode, &port.to_string()]))
    }

    /// An HTTP server that answers with these statuses first; none where Python is missing, which is said.
    pub(crate) fn hook(folder: &Path, port: u16, statuses: &[&str]) -> Option<Self> {
        if !has(&["python3", "--version"]) {
            skipped("nothing is posted: python3 is needed");
            return None;
        }
        let port = port.to_string();
        Some(Self::start(HOOK, folder, &[&[port.as_str()], statuses].concat()))
    }

    fn start(script: &str, folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new("python3")
            .arg(script)
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{script} did not start: {line:?}"));
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A nad that has read the capture and waits for more on its standard input, and what it has said.
pub(crate) struct Waiting {
    pub(crate) nad: Child,
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Waiting {
    /// `arguments` are those of a replay of standard input.
    pub(crate) fn start(folder: &Folder, arguments: &str) -> Self {
        let mut nad = folder
            .command()
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::<Mutex<String>>::default();
        let (into, stderr) = (Arc::clone(&said), BufReader::new(nad.stderr.take().unwrap()));
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                into.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let capture = fs::read(folder.path("office.pcap")).unwrap();
        nad.stdin.as_mut().unwrap().write_all(&capture).unwrap();
        Self { nad, said, reader }
    }

    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said.lock().unwrap().contains(text)
    }

    /// Ends its input, and waits for its end: everything that it said.
    pub(crate) fn finish(mut self) -> String {
        drop(self.nad.stdin.take());
        assert!(self.nad.wait().unwrap().success());
        // It reads up to the end of what was said.
        self.reader.join().unwrap();
        self.said.lock().unwrap().clone()
    }

    /// Waits for its end, which is not that of its input: everything that it said.
    pub(crate) fn finish_open(mut self) -> String {
        let input = self.nad.stdin.take();
        assert!(self.nad.wait().unwrap().success());
        drop(input);
        wait_for("the last line", || self.has_said("ledger: "));
        thread::sleep(Duration::from_millis(200));
        self.said.lock().unwrap().clone()
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.nad.kill().unwrap();
        self.nad.wait().unwrap();
    }
}

/// A port that nobody listens at.
pub(crate) fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something is so, for half a minute at most.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A certificate for localhost and 127.0.0.1 that is its own authority, and its key.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn has(command: &[&str]) -> bool {
    let ran = Command::new(command[0]).args(&command[1..]).output();
    ran.is_ok_and(|ran| ran.status.success())
}
