//! Far more packets than can be judged: what is left out is counted, nothing else is lost, and a quiet scan beside the
//! flood is found.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use aya::{
    maps::{Array, MapData, MapInfo},
    programs::loaded_programs,
};
use serde_json::Value;

use crate::{
    generator::{Generator, Vary},
    lab::{Lab, PATIENCE, SENDER, SENSOR, until},
    nad_process::Nad,
    raw::RawSender,
    share::Share,
    skip::skipped,
    traffic::{commonplace, segment, usual},
};

pub(crate) const SYN: u8 = 2;
const ACK: u8 = 16;
const VICTIM: [u8; 4] = [10, 77, 0, 1];
/// The forged sources, of which the last 14 bits are drawn.
const FORGED: [u8; 4] = [198, 18, 0, 0];
const ELEPHANT: [u8; 4] = [10, 77, 0, 3];
/// Whom the scans are of: what comes over one host at a time is one incident as a rule, whoever has a part in it.
const SCANNED: [u8; 4] = [10, 77, 0, 7];
pub(crate) const SCANNERS: [[u8; 4]; 2] = [[10, 77, 0, 65], [10, 77, 0, 66]];
const SCAN_PAUSE: Duration = Duration::from_millis(25);
const FLOOD: Duration = Duration::from_secs(5);
/// A forest that takes long, and the part of a core that it gets: so that a flood is far more than can be judged.
const SLOW: &str = "[training]\ntrees = 200\nextension_level = 15\n";
const PART: f64 = 0.03;
/// How far.
const FAR: f64 = 10.0;
/// Records that may wait for the detector at a flood's end: what its queue holds. The thread that fills it has the same
/// part of a core, and may not see for a long while that there are too many.
const BACKLOG: f64 = 262_144.0;
/// Full coverage is to be back after a flood within this time, once what waited is judged.
pub(crate) const RECOVERY: Duration = Duration::from_secs(2);

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_flood_far_beyond_what_can_be_judged_hides_no_scan_and_loses_nothing() {
    let lab = Lab::alone("overload");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (lab, is_over) = (&lab, &is_over);
        let _end = End(is_over);
        scope.spawn(move || everyday(lab, is_over));
        std::fs::write(lab.path("slow.toml"), SLOW).expect("it can be written");
        let train = ["train", "--config", "slow.toml", "--iface", SENSOR, "--train-for", "14s", "--out", "m"];
        let trained = Nad::capturing(lab, &train).end();
        assert_eq!(trained.code, Some(0), "{trained:?}");
        let run =
            ["run", "--iface", SENSOR, "--xdp-mode", "native", "--model", "m", "--incidents", "i.jsonl"];
        let forged = segment(FORGED, VICTIM, (1024, 80), SYN, 0);
        let share = Share::of_a_core(PART);
        if let Err(error) = &share {
            skipped(&format!("a sensor that gets a part of a core: {error}"));
        }
        let share = share.as_ref().ok();
        let capacity = capacity(lab, &forged, share);
        let before = lab.received(SENSOR);
        let nad = Nad::capturing(lab, &run);
        share.inspect(|share| share.give_to(nad.id()));
        thread::sleep(Duration::from_secs(1));
        let floods = [
            (Vary::Nothing, segment(ELEPHANT, [10, 77, 0, 5], (40_000, 443), ACK, 400), SCANNERS[0]),
            (Vary::Source, forged, SCANNERS[1]),
        ];
        let recovery = RECOVERY + Duration::from_secs_f64(BACKLOG / capacity);
        let [elephant, forged] =
            floods.map(|(vary, frame, scanner)| flood(lab, vary, &frame, scanner, recovery));
        let times = forged.rate / capacity;
        println!("{capacity:.0} packets/s can be judged; the forged flood is {times:.1} times that");
        if times < FAR {
            skipped(&format!(
                "a flood of {FAR} times what can be judged: the sender reaches {times:.1} times"
            ));
        }
        let levels = [elephant.level, forged.level];
        is_over.store(true, Relaxed);
        let ended = nad.interrupt();
        println!("{}\n{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(0), "{ended:?}");

        let ledger = ended.ledger();
        let (arrived, seen) = (lab.received(SENSOR) - before, ledger.get("seen"));
        // A few came while nad was starting and ending.
        assert!(seen <= arrived && arrived - seen < 1000, "{arrived} packets came: {ledger:?}");
        assert_eq!(ledger.get("sampled_out") > 0, levels != [0, 0], "{ledger:?}");
        assert!(ledger.get("ring_full") <= arrived / 100, "only in the first milliseconds: {ledger:?}");
        assert!(ledger.get("unattributed") <= ledger.get("sampled_out") / 10, "{ledger:?}");

        let incidents: Vec<Value> = lab
            .read("i.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).expect("an incident is JSON"))
            .collect();
        for (scanner, level) in SCANNERS.into_iter().zip(levels) {
            let source = scanner.map(|byte| byte.to_string()).join(".");
            let scan = incidents.iter().find(|incident| incident["sources"] == serde_json::json!([source]));
            let scan = scan.unwrap_or_else(|| panic!("no scan by {source}: {incidents:#?}"));
            assert_eq!(scan["shape"], "port scan", "{scan:#}");
            let coverage = scan["coverage"].as_f64().expect("a number");
            // It is open for a while after its flood, and what is then left out counts, too.
            assert!(coverage < 100.0 || level == 0, "{scan:#}");
            assert!(coverage == 100.0 || levels != [0, 0], "{scan:#}");
        }
        let flood = incidents.iter().find(|incident| incident["shape"] == "SYN flood");
        let flood = flood.unwrap_or_else(|| panic!("no SYN flood: {incidents:#?}"));
        let packets = flood["packets"].as_u64().expect("a number");
        assert!(packets > arrived / 4, "in its true size, {arrived} packets came: {flood:#}");
        let is_told = ended.stdout.contains(" % of all packets analysed");
        assert_eq!(is_told, levels != [0, 0], "{}", ended.stdout);
    });
}

/// Ends what goes on in the background, also where a test fails.
pub(crate) struct End<'a>(pub(crate) &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Packets a second that nad judges where it has always more to do and leaves nothing out.
fn capacity(lab: &Lab, frame: &[u8], share: Option<&Share>) -> f64 {
    const LENGTH: Duration = Duration::from_millis(500);
    let nad = Nad::capturing(lab, &["run", "--iface", SENSOR, "--model", "m", "--sampling", "off"]);
    share.inspect(|share| share.give_to(nad.id()));
    let begun = Instant::now();
    Generator::load(Vary::Source).send(&lab.sender, frame, LENGTH);
    // It ends once everything that waited is judged, with the part of a core that it has.
    nad.signal(libc::SIGINT);
    let ended = nad.end_within(8 * PATIENCE);
    ended.ledger().get("scored") as f64 / begun.elapsed().as_secs_f64()
}

/// What a flood was like.
struct Flood {
    /// Packets a second.
    rate: f64,
    /// The highest sampling level.
    level: u32,
}

/// A flood with a scan beside it, and full coverage after it.
fn flood(lab: &Lab, vary: Vary, frame: &[u8], scanner: [u8; 4], recovery: Duration) -> Flood {
    let in_force = Level::of(lab);
    assert_eq!(in_force.now(), 0, "before the flood");
    let (ends, highest) = (AtomicBool::new(false), Mutex::new(0));
    let before = (lab.received(SENSOR), Instant::now());
    thread::scope(|scope| {
        let _end = End(&ends);
        scope.spawn(|| scan(lab, scanner, &ends));
        scope.spawn(|| {
            while !ends.load(Relaxed) {
                let mut highest = highest.lock().expect("nobody fails with it");
                *highest = in_force.now().max(*highest);
                drop(highest);
                thread::sleep(Duration::from_millis(5));
            }
        });
        Generator::load(vary).send(&lab.sender, frame, FLOOD);
    });
    let ended = Instant::now();
    let rate = (lab.received(SENSOR) - before.0) as f64 / (ended - before.1).as_secs_f64();
    while in_force.now() > 0 {
        assert!(ended.elapsed() < recovery, "still at level {}:\n{}", in_force.now(), lab.read("nad.err"));
        thread::sleep(Duration::from_millis(5));
    }
    let highest = highest.into_inner().expect("nobody fails with it");
    println!("{rate:.0} packets/s, up to level {highest}, whole again after {:?}", ended.elapsed());
    if highest == 0 {
        skipped("sampling under this flood: this machine judges every packet of it");
    }
    let level = highest;
    thread::sleep(Duration::from_secs(2));
    assert_eq!(in_force.now(), 0, "and so it stays");
    Flood { rate, level }
}

/// A port after the other, from one address, some tens a second.
pub(crate) fn scan(lab: &Lab, scanner: [u8; 4], ends: &AtomicBool) {
    let sender = RawSender::open(&lab.sender, SENDER);
    for port in 1..u16::MAX {
        if ends.load(Relaxed) {
            return;
        }
        squeeze_in(&sender, &segment(scanner, SCANNED, (50_000, port), SYN, 0));
        thread::sleep(SCAN_PAUSE);
    }
}

/// Sends a frame as soon as the cable, which a flood keeps full, has room for it.
pub(crate) fn squeeze_in(sender: &RawSender, frame: &[u8]) {
    until("there is room for a frame", || match sender.try_send(frame) {
        Ok(()) => true,
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => false,
        Err(error) => panic!("the interface does not take the frame: {error}"),
    });
}

/// What goes on every day.
pub(crate) fn everyday(lab: &Lab, is_over: &AtomicBool) {
    let sender = RawSender::open(&lab.sender, SENDER);
    // A few flows that go on: many new ones all the time look like an attack.
    for frame in usual(10).iter().cycle() {
        if is_over.load(Relaxed) {
            return;
        }
        squeeze_in(&sender, frame);
        squeeze_in(&sender, &commonplace());
        thread::sleep(Duration::from_millis(8));
    }
}

/// The level in force, as the kernel program has it.
pub(crate) struct Level(Array<MapData, [u8; 48]>);

impl Level {
    /// Of the program at the sensor's end of the cable.
    pub(crate) fn of(lab: &Lab) -> Self {
        let id = lab.program(SENSOR);
        let program = loaded_programs().flatten().find(|program| program.id() == id).expect("it is attached");
        let maps = program.map_ids().expect("the kernel tells").expect("it has maps");
        let is_it = |id: &u32| MapInfo::from_id(*id).is_ok_and(|map| map.name_as_str() == Some("SAMPLING"));
        let id = maps.into_iter().find(is_it).expect("it has the map");
        let map = aya::maps::Map::from_map_data(MapData::from_id(id).expect("it is open")).expect("a map");
        Self(map.try_into().expect("an array"))
    }

    pub(crate) fn now(&self) -> u32 {
        let settings = self.0.get(&0, 0).expect("it can be read");
        u32::from_ne_bytes(settings[8..12].try_into().expect("four bytes"))
    }
}
