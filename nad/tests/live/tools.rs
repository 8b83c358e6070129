//! What everyday tools send is counted packet by packet: by the sender, by the kernel and by nad.

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, SENDER, SENSOR, SENSOR_IP, has, inside, succeed, until},
    nad_process::Nad,
    skip::skipped,
};

pub(crate) const PORT: u16 = 8080;
const PAGE_BYTES: usize = 200_000;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn native_xdp_sees_every_packet_that_tools_send() {
    every_packet_is_seen("native");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn generic_xdp_sees_every_packet_that_tools_send() {
    every_packet_is_seen("generic");
}

fn every_packet_is_seen(mode: &str) {
    let lab = Lab::new(&format!("tools-{mode}"));
    let server = Server::start(&lab);
    let before = (lab.sent(SENDER), lab.received(SENSOR));
    assert_eq!(before.0, before.1, "what was sent without nad");

    let arguments = ["run", "--iface", SENSOR, "--xdp-mode", mode, "--train-packets", "30"];
    let nad = Nad::capturing(&lab, &arguments);
    assert!(nad.said().contains(&format!("{SENSOR}: {mode} XDP")), "{}", nad.said());
    let mut least = 0;
    for tool in TOOLS {
        if !has(tool.program) {
            skipped(&format!("{} over {mode} XDP: it is not installed", tool.program));
        } else if tool.needs_server && server.is_none() {
            skipped(&format!("{} over {mode} XDP: python3, its server, is not installed", tool.program));
        } else {
            let start = lab.sent(SENDER);
            (tool.send)(&lab);
            let sent = lab.sent(SENDER) - start;
            assert!(sent >= tool.least, "{} sent {sent} packets only", tool.program);
            least += tool.least;
        }
    }
    wait_for_silence(&lab);
    let ended = nad.interrupt();

    let (sent, received) = (lab.sent(SENDER) - before.0, lab.received(SENSOR) - before.1);
    let ledger = ended.ledger();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!((ledger.get("seen"), received), (sent, sent), "{ended:?}");
    assert_eq!((ledger.get("recorded"), ledger.get("drained")), (sent, sent), "{ledger:?}");
    assert!(ledger.get("scored") > 0, "{ledger:?}");
    assert!(sent >= least, "{sent} packets are too few");
    assert!(ended.stdout.contains(&format!("Captured {sent} packets.")), "{ended:?}");
    println!("{mode}: {sent} packets");
}

struct Tool {
    program: &'static str,
    needs_server: bool,
    /// Packets that it sends at least.
    least: u64,
    send: fn(&Lab),
}

const TOOLS: [Tool; 4] = [
    Tool {
        program: "ping",
        needs_server: false,
        least: 25,
        send: |lab| {
            let arguments = ["-n", "-q", "-c", "25", "-i", "0.01", "-s", "300", SENSOR_IP];
            succeed(inside(&lab.sender, "ping").args(arguments));
        },
    },
    Tool {
        program: "curl",
        needs_server: true,
        // SYN, ACK, request, FIN.
        least: 4,
        send: |lab| {
            let address = format!("http://{SENSOR_IP}:{PORT}/page");
            let output = succeed(inside(&lab.sender, "curl").args(["-sS", "--max-time", "20", &address]));
            assert_eq!(output.stdout.len(), PAGE_BYTES, "the page arrives whole");
        },
    },
    Tool {
        program: "nc",
        needs_server: true,
        least: 4,
        send: |lab| {
            let mut nc = inside(&lab.sender, "nc")
                .args(["-w", "5", SENSOR_IP, &PORT.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("nc starts");
            let mut input = nc.stdin.take().expect("it is piped");
            input.write_all(b"HEAD /page HTTP/1.0\r\n\r\n").expect("nc reads");
            let output = nc.wait_with_output().expect("nc ends");
            drop(input);
            assert!(String::from_utf8_lossy(&output.stdout).contains("200 OK"), "{output:?}");
        },
    },
    Tool {
        program: "nmap",
        needs_server: false,
        least: 100,
        send: |lab| {
            let scan =
                ["-sS", "-n", "-Pn", "--max-retries", "1", "--max-rate", "1000", "-p", "1-100", SENSOR_IP];
            succeed(inside(&lab.sender, "nmap").args(scan));
        },
    },
];

/// A web server on the sensor's machine, ended with the test.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(lab: &Lab) -> Option<Self> {
        if !has("python3") {
            return None;
        }
        let site = lab.path("site");
        fs::create_dir(&site).expect("a folder can be made");
        fs::write(site.join("page"), vec![b'x'; PAGE_BYTES]).expect("a file can be written");
        // For the question whether it is ready, which must not go over the cable.
        lab.sensor.ip(&["link", "set", "dev", "lo", "up"]);
        let server = inside(&lab.sensor, "python3")
            .args(["-m", "http.server", &PORT.to_string(), "--bind", SENSOR_IP])
            .current_dir(site)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let server = Self(server);
        until("the web server answers", || {
            lab.sensor.enter(|| TcpStream::connect((SENSOR_IP, PORT)).is_ok())
        });
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Until nothing was sent for a while: connections are still being closed when their programs have ended.
fn wait_for_silence(lab: &Lab) {
    const SILENCE: Duration = Duration::from_millis(700);
    let mut last = (lab.sent(SENDER), Instant::now());
    until("the cable is silent", || {
        let sent = lab.sent(SENDER);
        if sent != last.0 {
            last = (sent, Instant::now());
        }
        thread::sleep(Duration::from_millis(20));
        last.1.elapsed() > SILENCE
    });
}
