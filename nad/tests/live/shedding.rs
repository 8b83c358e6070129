//! Floods of every kind from forged sources, by hping3: a scan during each and five scans after it are found.

use std::{
    collections::HashMap,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use nad::source::{
    Fill, Source as _,
    xdp::{Directions, Watch, XdpMode, XdpOptions, XdpSource},
};
use nad_common::{
    record::{Addresses, PacketRecord},
    sampling::{LEVELS, Sampling, WINDOW_SHIFT},
};
use nad_engine::batch::RecordBatch;
use serde_json::Value;

use crate::{
    lab::{Lab, PATIENCE, SENDER, SENSOR, SENSOR_IP, has, inside},
    nad_process::{BINARY, Nad, STARTED},
    overload::{End, Level, RECOVERY, SYN, everyday, squeeze_in},
    raw::RawSender,
    share::Share,
    skip::skipped,
    traffic::segment,
};

/// The kinds, as hping3 is told of them.
const KINDS: [(&str, &[&str]); 7] = [
    ("SYN", &["-S"]),
    ("ACK", &["-A"]),
    ("RST", &["-R"]),
    ("FIN", &["-F"]),
    ("UDP", &["-2"]),
    ("ICMP", &["-1"]),
    ("fragments", &["-f"]),
];
/// Ports of the scan that goes on during a flood, and of one after it.
const LONG_SCAN: u16 = 300;
const SHORT_SCAN: u16 = 60;
const SHORT_SCANS: u8 = 5;
/// 40 ports a second.
const PAUSE: Duration = Duration::from_millis(25);
/// Before a flood and after the scans: the end of a second is waited for.
const CALM: Duration = Duration::from_secs(2);
/// Of a scan's probes during a flood, this part is recorded.
const COVERAGE: f64 = 0.8;
/// One for all: who was busy before keeps its place for a while.
const SEED: u64 = 20_261;
const VICTIM: [u8; 4] = [10, 77, 0, 1];
const SCANNER: [u8; 4] = [10, 77, 0, 65];
const PROBES: u16 = 80;
/// Packets that are a flood, more than all budgets are for.
const FLOOD: u64 = 30_000;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn no_kind_of_forged_flood_hides_a_scan_from_a_sensor_on_one_core() {
    floods_hide_no_scan("shed-1", 1.0);
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn no_kind_of_forged_flood_hides_a_scan_from_a_sensor_on_a_fifth_of_a_core() {
    floods_hide_no_scan("shed-5", 0.2);
}

fn floods_hide_no_scan(label: &str, part: f64) {
    for tool in ["hping3", "taskset"] {
        if !has(tool) {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let share = match Share::of_a_core(part) {
        Ok(share) => share,
        Err(error) => return skipped(&format!("a sensor that gets a part of a core: {error}")),
    };
    let lab = Lab::alone(label).with_addresses();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (lab, is_over) = (&lab, &is_over);
        let _end = End(is_over);
        scope.spawn(move || everyday(lab, is_over));
        let train = ["train", "--iface", SENSOR, "--train-for", "14s", "--out", "m"];
        let trained = Nad::capturing(lab, &train).end();
        assert_eq!(trained.code, Some(0), "{trained:?}");
        let hidden: Vec<String> = (0..KINDS.len()).flat_map(|kind| watch_flood(lab, &share, kind)).collect();
        assert!(hidden.is_empty(), "{hidden:#?}");
    });
}

/// A sensor that sees a flood of one kind; what is wrong with what it reported of the scans.
fn watch_flood(lab: &Lab, share: &Share, kind: usize) -> Vec<String> {
    let before = lab.received(SENSOR);
    let mut command = inside(&lab.sensor, "taskset");
    command.args(["-c", "0", BINARY]);
    let file = format!("{kind}.jsonl");
    let run = ["run", "--iface", SENSOR, "--xdp-mode", "native", "--model", "m", "--incidents", &file];
    let mut nad = Nad::start_as(lab, "nad", &mut command, &run);
    share.give_to(nad.id());
    nad.wait_for(STARTED);
    thread::sleep(CALM);
    let level = flood(lab, kind);
    let ended = nad.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let name = KINDS[kind].0;
    let ledger = ended.ledger();
    println!("{name}: {ledger:?}");
    let arrived = lab.received(SENSOR) - before;
    assert!(ledger.get("ring_full") <= arrived / 100, "{name}: only in the first milliseconds: {ledger:?}");
    // A machine that judges every packet of it has nothing to sample.
    assert_eq!(ledger.get("sampled_out") > 0, level > 0, "{name}: {ledger:?}");
    let incidents: Vec<Value> = lab
        .read(&file)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an incident is JSON"))
        .collect();
    let hidden: Vec<String> =
        scans_of(kind).into_iter().filter_map(|scan| scan.why_hidden(&incidents)).collect();
    if !hidden.is_empty() {
        println!("{name}: {incidents:#?}");
    }
    hidden
}

/// A flood with a scan in its midst, full coverage soon after it, and scans then; the highest level of sampling.
fn flood(lab: &Lab, kind: usize) -> u32 {
    let (name, arguments) = KINDS[kind];
    let in_force = Level::of(lab);
    assert_eq!(in_force.now(), 0, "before the flood of {name}");
    let (is_over, highest) = (AtomicBool::new(false), AtomicU32::new(0));
    let (before, begun) = (lab.received(SENSOR), Instant::now());
    let [during, after @ ..] = scans_of(kind);
    thread::scope(|scope| {
        let _end = End(&is_over);
        let _hping = Hping::start(lab, arguments);
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                highest.fetch_max(in_force.now(), Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        during.run(lab);
    });
    let ended = Instant::now();
    let arrived = lab.received(SENSOR) - before;
    assert!(arrived >= FLOOD, "{name}: {arrived} packets are no flood");
    let rate = arrived as f64 / (ended - begun).as_secs_f64();
    while in_force.now() > 0 {
        assert!(ended.elapsed() < RECOVERY, "{name}, still at level {}", in_force.now());
        thread::sleep(Duration::from_millis(5));
    }
    let level = highest.into_inner();
    println!("{name}: {rate:.0} packets/s, up to level {level}, whole again after {:?}", ended.elapsed());
    for scan in after {
        scan.run(lab);
    }
    thread::sleep(CALM);
    level
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn at_every_level_a_forged_flood_has_its_targets_budget_and_a_scan_of_that_target_is_recorded() {
    if !has("hping3") {
        return skipped("hping3 is not installed");
    }
    let lab = Lab::alone("shed-levels").with_addresses();
    lab.sensor.enter(|| {
        let directions = Directions::Ingress;
        let options = XdpOptions { directions, ..XdpOptions::default() };
        let mut source = XdpSource::load(&options).expect("the kernel takes the program");
        let plan = Watch::plan(&[SENSOR.to_owned()], directions).expect("the interface is there");
        source.attach(&plan[0], XdpMode::Native).expect("the interface takes the program");
        for (name, arguments) in KINDS {
            for level in 1..LEVELS as u8 {
                let settings = Sampling::of_level(level, SEED, source.ring_count());
                source.set_sampling(settings).expect("the kernel takes it");
                let before = source.counters().expect("they can be read").seen;
                let records = while_flooded(&lab, &mut source, arguments);
                let seen = source.counters().expect("they can be read").seen - before;
                let (probes, flood): (Vec<PacketRecord>, Vec<PacketRecord>) = records.into_iter().partition(is_probe);
                let [busiest, next] = busiest(&flood);
                let (recorded, probes) = (flood.len(), probes.len());
                println!("{name}, level {level}: {recorded} of {seen} recorded, {busiest} in a window, {probes} probes");
                let of_all = |budget: u32| u64::from(budget) * source.ring_count() as u64;
                // Fragments but the first are another service. A forged sender may have the service's place for a window:
                // then the host's budget holds.
                let (budget, of_host) = (2 * of_all(settings.service), of_all(settings.host));
                let windows = format!("{name}, level {level}: {busiest} and {next} of {budget}: {:#?}", kinds(&flood));
                assert!(next <= budget && busiest <= of_host.max(budget), "{windows}");
                assert!(seen >= FLOOD, "{name}, level {level}: a flood of {seen} packets");
                assert!(probes >= usize::from(PROBES) * 9 / 10, "{name}, level {level}: {probes} of {PROBES}");
            }
        }
    });
}

/// What is recorded while hping3 floods the sensor's machine and somebody scans it.
fn while_flooded(lab: &Lab, source: &mut XdpSource, arguments: &[&str]) -> Vec<PacketRecord> {
    let (mut records, mut batch) = (Vec::new(), RecordBatch::default());
    let (before, begun) = (source.counters().expect("they can be read").seen, Instant::now());
    thread::scope(|scope| {
        let _hping = Hping::start(lab, arguments);
        let scan = scope.spawn(|| {
            let sender = RawSender::open(&lab.sender, SENDER);
            for port in 1..=PROBES {
                squeeze_in(&sender, &segment(SCANNER, VICTIM, (50_000, port), SYN, 0));
                thread::sleep(PAUSE);
            }
        });
        loop {
            let seen = source.counters().expect("they can be read").seen - before;
            let is_last = scan.is_finished() && (seen >= FLOOD || begun.elapsed() > PATIENCE);
            batch.clear();
            let fill = source.fill(&mut batch).expect("the rings can be read");
            records.extend_from_slice(batch.records());
            match fill {
                Fill::More => {}
                _ if is_last => break,
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
    });
    records
}

/// The most records of a window, and of any other one.
fn busiest(records: &[PacketRecord]) -> [u64; 2] {
    let mut windows = HashMap::<u64, u64>::new();
    for record in records {
        *windows.entry(record.time_ns >> WINDOW_SHIFT).or_default() += 1;
    }
    let mut counts: Vec<u64> = windows.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    [0, 1].map(|place| counts.get(place).copied().unwrap_or(0))
}

/// How many records there are of each kind.
fn kinds(records: &[PacketRecord]) -> HashMap<String, u64> {
    let mut kinds = HashMap::new();
    for record in records {
        let to = &record.address_bytes[4..8];
        let kind = format!(
            "protocol {} to {to:?}:{}, flags {:x} and {:x}, scope {:?}",
            record.protocol,
            record.destination_port,
            record.flags,
            record.tcp_flags,
            record.sampled_out().map(|sampled_out| sampled_out.scope)
        );
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

fn is_probe(record: &PacketRecord) -> bool {
    record.addresses() == Addresses::V4(SCANNER, VICTIM)
}

/// hping3 against the sensor's machine, ended with this.
struct Hping(Child);

impl Hping {
    fn start(lab: &Lab, kind: &[&str]) -> Self {
        let mut command = inside(&lab.sender, "hping3");
        command.args(kind).args(["--flood", "--rand-source", "-q", "-n", "-p", "80", SENSOR_IP]);
        let hping = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(hping.expect("hping3 starts"))
    }
}

impl Drop for Hping {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port scan by somebody of somebody whom no other scan is of.
#[derive(Clone, Copy)]
struct Scan {
    kind: usize,
    /// 0 during the flood, then those after it.
    number: u8,
}

fn scans_of(kind: usize) -> [Scan; 1 + SHORT_SCANS as usize] {
    std::array::from_fn(|number| Scan { kind, number: number as u8 })
}

impl Scan {
    /// Scanner and target.
    fn addresses(self) -> [[u8; 4]; 2] {
        let network = 10 + self.kind as u8;
        [[10, 77, network, 60 + self.number], [10, 77, network, 160 + self.number]]
    }

    fn ports(self) -> u16 {
        if self.number == 0 { LONG_SCAN } else { SHORT_SCAN }
    }

    fn run(self, lab: &Lab) {
        let sender = RawSender::open(&lab.sender, SENDER);
        let [scanner, target] = self.addresses();
        for port in 1..=self.ports() {
            squeeze_in(&sender, &segment(scanner, target, (50_000, port), SYN, 0));
            // After a flood there is no need to be slow.
            thread::sleep(if self.number == 0 { PAUSE } else { PAUSE / 2 });
        }
    }

    /// What is wrong with what was reported of it.
    fn why_hidden(self, incidents: &[Value]) -> Option<String> {
        let [scanner, target] =
            self.addresses().map(|address| address.map(|byte| byte.to_string()).join("."));
        let when = if self.number == 0 { "during" } else { "after" };
        let name = format!("scan {} by {scanner}, {when} the flood of {}", self.number, KINDS[self.kind].0);
        let is_it = |incident: &&Value| {
            incident["sources"] == serde_json::json!([scanner])
                && incident["targets"] == serde_json::json!([target])
        };
        let Some(incident) = incidents.iter().find(is_it) else {
            return Some(format!("{name}: no incident"));
        };
        let packets = incident["packets"].as_u64().expect("a number");
        println!("{name}: {packets} packets, {} % covered", incident["coverage"]);
        if incident["shape"] != "port scan" {
            return Some(format!("{name}: a {}", incident["shape"]));
        }
        // An incident counts the packets of seconds with alerts; a short scan has few of them.
        let least = if self.number == 0 { f64::from(self.ports()) * COVERAGE } else { 1.0 };
        ((packets as f64) < least).then(|| format!("{name}: {packets} packets of {}", self.ports()))
    }
}
