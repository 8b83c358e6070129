//! What nad's outputs send over the interface that it watches is none of what it reports, and what others send is.

use std::{
    collections::HashSet,
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::{
    incidents::{Life, Recorder, prepare},
    lab::{Lab, SENDER, SENDER_IP, SENDER_MAC, SENSOR, SENSOR_IP, SENSOR_MAC, has, inside, succeed, until},
    nad_process::Nad,
    overload::End,
    skip::skipped,
    tools::Server,
};

/// Where nobody dealt with before, and whoever posts there is refused each time.
const HOOK_PORT: u16 = 9911;
/// Attempts to post, at least: each is a connection of some ten packets.
const ATTEMPTS: u64 = 2;
const LEAST_PACKETS: u64 = 8;
/// Attempts that nad makes beside another program.
const POSTS: usize = 3;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn what_nad_posts_is_counted_as_its_own_and_never_reported() {
    for tool in ["python3", "curl", "nc", "ping", "nmap"] {
        if !has(tool) {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let lab = Lab::new("own");
    let server = Server::start(&lab).expect("python3 is there");
    let _hook = Hook::start(&lab);
    let life = Life::begin(&lab);
    let train = ["train", "--iface", SENSOR, "--direction", "both", "--train-for", "14s", "--out", "m"];
    let trained = Nad::capturing(&lab, &train).end_within(Duration::from_secs(40));
    assert_eq!(trained.code, Some(0), "{trained:?}");

    let url = format!("http://{SENDER_IP}:{HOOK_PORT}/");
    fs::write(lab.path("c.toml"), format!("[[webhook]]\nurl = \"{url}\"\n")).expect("it can be written");
    let run = ["run", "--iface", SENSOR, "--direction", "both", "--model", "m", "--config", "c.toml"];
    let mut nad = Nad::capturing(&lab, &[&run[..], &["--incidents", "i.jsonl"]].concat());
    succeed(inside(&lab.sender, "nmap").args(["-sS", "-n", "-Pn", "-p", "1-300", SENSOR_IP]));
    nad.wait_for("INCIDENT ");
    // Refused ones are tried again after pauses of half a second and more.
    thread::sleep(Duration::from_secs(5));
    let ended = nad.interrupt();
    life.end();
    drop(server);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let own = ended.ledger().get("self_traffic");
    assert!(own >= ATTEMPTS * LEAST_PACKETS, "{own} packets of its own: {ended:?}");
    let incidents = lab.read("i.jsonl");
    let incidents: Vec<Value> =
        incidents.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [scan] = &incidents[..] else { panic!("one of these: {incidents:#?}") };
    assert_eq!((&scan["shape"], &scan["sources"]), (&"port scan".into(), &serde_json::json!([SENDER_IP])));
    let ports = scan["ports"].as_array().expect("a list");
    assert!(!ports.contains(&HOOK_PORT.into()), "{scan:#}");
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn another_program_that_talks_to_nads_server_at_the_same_moments_is_judged_over_ipv4() {
    only_nads_own_connections_are_its_own("self-4", SENSOR_IP, SENDER_IP);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn another_program_that_talks_to_nads_server_at_the_same_moments_is_judged_over_ipv6() {
    only_nads_own_connections_are_its_own("self-6", "fd77::1", "fd77::2");
}

fn only_nads_own_connections_are_its_own(label: &str, sensor: &str, sender: &str) {
    for tool in ["python3", "curl", "nc", "ping", "nmap", "tcpdump", "ethtool"] {
        if !has(tool) {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let lab = Lab::new(label);
    prepare(&lab);
    let sender: IpAddr = sender.parse().expect("an address");
    if sender.is_ipv6() {
        give_ipv6(&lab, sensor, &sender.to_string());
    }
    let server = Server::start(&lab).expect("python3 is there");
    let life = Life::begin(&lab);
    let train = ["train", "--iface", SENSOR, "--direction", "both", "--train-for", "14s", "--out", "m"];
    let trained = Nad::capturing(&lab, &train).end_within(Duration::from_secs(40));
    assert_eq!(trained.code, Some(0), "{trained:?}");

    let address = SocketAddr::new(sender, HOOK_PORT);
    fs::write(lab.path("c.toml"), format!("[[webhook]]\nurl = \"http://{address}/\"\n")).expect("written");
    let recorder = Recorder::start(&lab, "all.pcap");
    let listener = lab.sender.enter(|| TcpListener::bind(address)).expect("the address is there");
    listener.set_nonblocking(true).expect("it can be asked");
    let [is_over, is_quiet] = [const { AtomicBool::new(false) }; 2];
    let (posts, others) = (AtomicUsize::new(0), Mutex::default());
    let (ended, interrupted) = thread::scope(|scope| {
        let _ends = (End(&is_over), End(&is_quiet));
        scope.spawn(|| refuse_posts(&listener, &posts, &is_over));
        let run = ["run", "--iface", SENSOR, "--direction", "both", "--model", "m", "--config", "c.toml"];
        let mut nad = Nad::capturing(&lab, &run);
        let (lab, others, is_quiet) = (&lab, &others, &is_quiet);
        let other = scope.spawn(move || lab.sensor.enter(|| talk_again_and_again(address, others, is_quiet)));
        succeed(inside(&lab.sender, "nmap").args(["-sS", "-n", "-Pn", "-p", "1-300", SENSOR_IP]));
        nad.wait_for("INCIDENT ");
        until("nad has posted often", || posts.load(Relaxed) >= POSTS);
        is_quiet.store(true, Relaxed);
        other.join().expect("its thread ends");
        life.end();
        // The last connection's end is on its way.
        thread::sleep(Duration::from_millis(300));
        let interrupted = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        (nad.interrupt(), interrupted)
    });
    recorder.end();
    drop(server);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let others = others.into_inner().expect("nobody failed with it");
    let packets = packets_of_port(&fs::read(lab.path("all.pcap")).expect("a capture"), HOOK_PORT);
    let [by_others, by_nad]: [Vec<Duration>; 2] =
        [true, false].map(|is_others| times(&packets, |port| others.contains(&port) == is_others));
    let before = by_nad.iter().filter(|time| **time <= interrupted).count() as u64;
    let own = ended.ledger().get("self_traffic");
    println!(
        "{own} own; {} packets by nad, {before} of them in time; {} by others",
        by_nad.len(),
        by_others.len()
    );
    assert!(by_others.len() > 1000, "at the same moments: {} packets", by_others.len());
    assert!(before >= POSTS as u64 * LEAST_PACKETS, "{before} packets by nad");
    assert!((before..=by_nad.len() as u64).contains(&own), "{own} own, {before} to {}", by_nad.len());
}

/// Adds IPv6 addresses to a cable that has none, without anything that moves by itself before.
fn give_ipv6(lab: &Lab, sensor: &str, sender: &str) {
    for (namespace, interface, own, other, mac) in
        [(&lab.sensor, SENSOR, sensor, sender, SENDER_MAC), (&lab.sender, SENDER, sender, sensor, SENSOR_MAC)]
    {
        namespace.enter(|| {
            let setting = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
            fs::write(setting, "0").expect("the kernel has IPv6");
        });
        namespace.ip(&["addr", "add", &format!("{own}/64"), "dev", interface, "nodad"]);
        let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        namespace.ip(&["neigh", "add", other, "lladdr", &mac, "dev", interface, "nud", "permanent"]);
    }
}

/// Takes no request, and counts those that are nad's.
fn refuse_posts(listener: &TcpListener, posts: &AtomicUsize, is_over: &AtomicBool) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    while !is_over.load(Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        stream.set_nonblocking(false).expect("it can be told");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be told");
        let (mut request, mut buffer) = (Vec::new(), [0; 8192]);
        while !is_whole(&request)
            && let Ok(count @ 1..) = stream.read(&mut buffer)
        {
            request.extend_from_slice(&buffer[..count]);
        }
        posts.fetch_add(usize::from(String::from_utf8_lossy(&request).contains("nad/")), Relaxed);
        // Whoever has gone needs no answer.
        let _ = stream.write_all(ANSWER);
    }
}

/// Whether a request has as many bytes after its head as that says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.trim().parse().expect("a number"))
}

/// Another program that posts to the same server; gives the ports that it has.
fn talk_again_and_again(address: SocketAddr, ports: &Mutex<HashSet<u16>>, is_over: &AtomicBool) {
    while !is_over.load(Relaxed) {
        let mut stream = TcpStream::connect(address).expect("the server is there");
        let port = stream.local_addr().expect("it is bound").port();
        ports.lock().expect("nobody failed with it").insert(port);
        let request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(request).expect("it reads");
        stream.read_to_end(&mut Vec::new()).expect("it answers");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Time and the other port of each packet of a server's port in a capture by tcpdump of Ethernet.
fn packets_of_port(capture: &[u8], server: u16) -> Vec<(Duration, u16)> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    assert_eq!(number(&capture[..4]), 0xa1b2_c3d4, "microseconds, as this machine has its numbers");
    let (mut rest, mut packets) = (&capture[24..], Vec::new());
    while rest.len() >= 16 {
        let time = Duration::new(number(&rest[..4]).into(), number(&rest[4..8]) * 1000);
        let length = number(&rest[8..12]) as usize;
        let frame = &rest[16..16 + length];
        rest = &rest[16 + length..];
        let transport = match frame[12..14] {
            [8, 0] if frame[23] == 6 => &frame[34..],
            [0x86, 0xdd] if frame[20] == 6 => &frame[54..],
            _ => continue,
        };
        let ports = [0, 2].map(|place| u16::from_be_bytes([transport[place], transport[place + 1]]));
        match ports {
            [port, other] | [other, port] if port == server => packets.push((time, other)),
            _ => {}
        }
    }
    packets
}

fn times(packets: &[(Duration, u16)], is_one: impl Fn(u16) -> bool) -> Vec<Duration> {
    packets.iter().filter(|(_, port)| is_one(*port)).map(|(time, _)| *time).collect()
}

/// A web server on the sender's machine that takes no posts.
struct Hook(Child);

impl Hook {
    fn start(lab: &Lab) -> Self {
        lab.sender.ip(&["link", "set", "dev", "lo", "up"]);
        let server = inside(&lab.sender, "python3")
            .args(["-m", "http.server", &HOOK_PORT.to_string(), "--bind", SENDER_IP])
            .current_dir(lab.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let hook = Self(server.expect("python3 starts"));
        until("the hook answers", || lab.sender.enter(|| TcpStream::connect((SENDER_IP, HOOK_PORT)).is_ok()));
        hook
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
