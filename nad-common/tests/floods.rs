//! Floods of every kind of packet, at every level of load shedding, and a scan in their midst.

use nad_common::{
    record::{LONG_RECORD, PacketRecord, flag},
    sampling::{LEVELS, PLACES, Place, Sampling, Table, WINDOW_SHIFT, Whole, admit},
};

const WINDOW_NS: u64 = 1 << WINDOW_SHIFT;
const SECOND_NS: u64 = 1_000_000_000;
const SEED: u64 = 0x1234_5678_9abc_def1;

const VICTIM: u32 = 0x0a00_0001;
const SCANNER: u32 = 0x0a00_0042;
const CLIENT: u32 = 0x0a00_0099;
/// A probe each 25 ms, and a client's packet each 100 ms.
const PROBE_NS: u64 = SECOND_NS / 40;
const CLIENT_NS: u64 = SECOND_NS / 10;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// What `hping3` sends with -S, -A, -R, -F, -2, -1 and -f.
const KINDS: [Kind; 7] = [
    Kind { name: "SYN", protocol: TCP, tcp_flags: SYN, flags: 0 },
    Kind { name: "ACK", protocol: TCP, tcp_flags: ACK, flags: 0 },
    Kind { name: "RST", protocol: TCP, tcp_flags: RST, flags: 0 },
    Kind { name: "FIN", protocol: TCP, tcp_flags: FIN, flags: 0 },
    Kind { name: "UDP", protocol: UDP, tcp_flags: 0, flags: 0 },
    Kind { name: "ICMP", protocol: ICMP, tcp_flags: 0, flags: 0 },
    Kind { name: "fragments", protocol: TCP, tcp_flags: 0, flags: flag::FRAGMENT },
];

struct Kind {
    name: &'static str,
    protocol: u8,
    tcp_flags: u8,
    flags: u32,
}

impl Kind {
    /// How many services a flood to one port has: fragments but the first have no port.
    const fn services(&self) -> u32 {
        if self.flags & flag::FRAGMENT == 0 { 1 } else { 2 }
    }
}

/// Whom a flood goes to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Targets {
    OnePort,
    AllPorts,
    /// All ports of 256 hosts.
    Network,
}

/// Where a flood comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sources {
    /// From another address and port each time.
    New,
    /// From one of so many, again and again.
    Again(u32),
}

struct Flood<'a> {
    kind: &'a Kind,
    targets: Targets,
    sources: Sources,
    /// Packets a second.
    rate: u64,
}

/// What was recorded in a second, from the flood's fifth window on: before, a scanner may have no place in the table yet.
#[derive(Debug, PartialEq)]
struct Recorded {
    flood: u64,
    /// Of 40 probes.
    probes: u32,
    /// Of ten packets of a connection that was open before.
    client: u32,
}

impl Flood<'_> {
    fn run(&self, settings: Sampling) -> Recorded {
        let mut cpu = Cpu::new(settings);
        let begun = 10 * WINDOW_NS;
        assert!(cpu.records(client(begun)), "known before the flood");
        let mut random = 0x2545_f491_4f6c_dd1d;
        let mut recorded = Recorded { flood: 0, probes: 0, client: 0 };
        let counted = begun + 4 * WINDOW_NS;
        let (mut next_probe, mut next_client) = (begun, begun);
        for number in 0.. {
            let now = begun + number * SECOND_NS / self.rate;
            if now >= counted + SECOND_NS {
                break;
            }
            let counts = now >= counted;
            recorded.flood += u64::from(cpu.records(self.packet(number, now, &mut random)) && counts);
            if now >= next_probe {
                let port = (next_probe / PROBE_NS) as u16;
                recorded.probes += u32::from(cpu.records(probe(now, port)) && counts);
                next_probe += PROBE_NS;
            }
            if now >= next_client {
                recorded.client += u32::from(cpu.records(client(now)) && counts);
                next_client += CLIENT_NS;
            }
        }
        cpu.balances();
        recorded
    }

    fn packet(&self, number: u64, now: u64, random: &mut u64) -> PacketRecord {
        let Kind { protocol, tcp_flags, flags, .. } = *self.kind;
        let drawn = draw(random);
        let (source, source_port) = match self.sources {
            Sources::New => (drawn, number as u16),
            // An odd factor: no two of them are one.
            Sources::Again(count) => ((drawn % count).wrapping_mul(0x9e37_79b1), (drawn % count) as u16),
        };
        let (host, port) = match self.targets {
            Targets::OnePort => (VICTIM, 80),
            Targets::AllPorts => (VICTIM, draw(random) as u16),
            Targets::Network => (VICTIM & !0xff | draw(random) & 0xff, draw(random) as u16),
        };
        // ICMP has no ports, and neither has a fragment but the first.
        let has_ports = protocol != ICMP && (flags & flag::FRAGMENT == 0 || number.is_multiple_of(2));
        let ports = if has_ports { (source_port, port) } else { (0, 0) };
        let mut record = packet(now, source, host, ports, protocol);
        record.tcp_flags = tcp_flags;
        record.flags |= flags;
        record
    }
}

fn draw(state: &mut u64) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u32
}

fn packet(time_ns: u64, source: u32, destination: u32, ports: (u16, u16), protocol: u8) -> PacketRecord {
    let mut record = PacketRecord::from_wire(&[0; LONG_RECORD]).expect("zeros are a record");
    record.time_ns = time_ns;
    record.length = 60;
    record.flags = 1;
    record.protocol = protocol;
    (record.source_port, record.destination_port) = ports;
    record.address_bytes[..4].copy_from_slice(&source.to_be_bytes());
    record.address_bytes[4..8].copy_from_slice(&destination.to_be_bytes());
    record
}

fn probe(now: u64, port: u16) -> PacketRecord {
    PacketRecord { tcp_flags: SYN, ..packet(now, SCANNER, VICTIM, (50_000, port), TCP) }
}

fn client(now: u64) -> PacketRecord {
    PacketRecord { tcp_flags: ACK, ..packet(now, CLIENT, VICTIM, (40_000, 443), TCP) }
}

/// A CPU's table.
struct Places(Vec<Place>);

impl Table for Places {
    fn place(&mut self, index: u32) -> Option<&mut Place> {
        self.0.get_mut(index as usize)
    }
}

struct Cpu {
    settings: Sampling,
    places: Places,
    whole: Whole,
    seen: u64,
    accounted: u64,
}

impl Cpu {
    fn new(settings: Sampling) -> Self {
        let places = Places(vec![Place::default(); PLACES as usize]);
        Self { settings, places, whole: Whole::default(), seen: 0, accounted: 0 }
    }

    fn records(&mut self, mut record: PacketRecord) -> bool {
        self.seen += 1;
        let is_recorded = admit(&self.settings, &mut self.places, &mut self.whole, &mut record);
        if is_recorded {
            self.accounted += 1 + u64::from(record.sampled_out_packets);
        }
        is_recorded
    }

    #[track_caller]
    fn balances(&self) {
        let waiting: u64 = self.places.0.iter().map(|place| place.unattributed().0).sum();
        assert_eq!(self.accounted + waiting + self.whole.unattributed().0, self.seen);
    }
}

/// Each kind at each level above 0, with the windows of a second rounded up.
fn each(mut check: impl FnMut(&Kind, Sampling, u64)) {
    let windows = SECOND_NS.div_ceil(WINDOW_NS) + 1;
    for level in 1..LEVELS as u8 {
        for kind in &KINDS {
            check(kind, Sampling::of_level(level, SEED, 1), windows);
        }
    }
}

#[test]
fn a_flood_from_forged_sources_has_the_same_budgets_whatever_its_packets_are() {
    each(|kind, settings, windows| {
        for (targets, budget) in [
            (Targets::OnePort, kind.services() * settings.service),
            (Targets::AllPorts, settings.host),
            (Targets::Network, settings.beginnings),
        ] {
            let rate = 300_000;
            let recorded = Flood { kind, targets, sources: Sources::New, rate }.run(settings);
            let name = format!("{} to {targets:?}, level {}: {recorded:?}", kind.name, settings.level);
            assert!(recorded.flood <= windows * u64::from(budget), "{name}");
            assert!(recorded.flood > 0 && recorded.probes >= 38 && recorded.client >= 7, "{name}");
        }
    });
}

#[test]
fn the_first_packets_of_a_flow_are_no_gift_to_forged_flows_that_come_again() {
    each(|kind, settings, windows| {
        for (count, rate) in [(200, 300_000), (4000, 300_000), (16_000, 300_000)] {
            let sources = Sources::Again(count);
            let recorded = Flood { kind, targets: Targets::OnePort, sources, rate }.run(settings);
            let name = format!("{} from {count}, level {}: {recorded:?}", kind.name, settings.level);
            // New and known flows of a service, and what senders have beyond that.
            let budget = settings.service + settings.flows / 4 + settings.senders;
            assert!(recorded.flood <= windows * u64::from(kind.services() * budget), "{name}");
            assert!(recorded.probes >= 38 && recorded.client >= 7, "{name}");
        }
    });
}

#[test]
fn busy_senders_that_come_again_leave_a_quiet_one_its_budget() {
    each(|kind, settings, _| {
        let sources = Sources::Again(300);
        let recorded = Flood { kind, targets: Targets::AllPorts, sources, rate: 300_000 }.run(settings);
        let name = format!("{}, level {}: {recorded:?}", kind.name, settings.level);
        assert!(recorded.probes >= 36 && recorded.client >= 7, "{name}");
    });
}

#[test]
fn after_two_seconds_without_sampling_no_place_is_kept_from_another_seed() {
    each(|kind, settings, _| {
        let flood = Flood { kind, targets: Targets::AllPorts, sources: Sources::New, rate: 100_000 };
        let mut cpu = Cpu::new(settings);
        let (mut random, mut next_probe, mut probes) = (0x2545_f491_4f6c_dd1d, u64::MAX, 0);
        let mut windows = [0; 40];
        for number in 0.. {
            let since = number * SECOND_NS / flood.rate;
            let window = (since / WINDOW_NS) as usize;
            if window == windows.len() {
                break;
            }
            let mut now = 10 * WINDOW_NS + since;
            if window >= 20 {
                now += 2 * SECOND_NS;
                // And somebody begins to scan.
                if cpu.settings.seed == settings.seed {
                    cpu.settings.seed += 1;
                    next_probe = now;
                }
            }
            let mut packet = flood.packet(number / 2 * 2, now, &mut random.clone());
            if number % 2 == 1 {
                draw(&mut random);
                draw(&mut random);
                packet.source_port ^= 1;
            }
            packet.time_ns = now;
            windows[window] += u32::from(cpu.records(packet));
            if now >= next_probe {
                let is_recorded = cpu.records(probe(now, (now / PROBE_NS) as u16));
                probes += u32::from(is_recorded && window >= 30);
                next_probe += PROBE_NS;
            }
        }
        cpu.balances();
        let name = format!("{}, level {}: {probes} probes, {windows:?}", kind.name, settings.level);
        let most = windows[21..].iter().max().expect("some");
        assert!(*most <= settings.host + settings.senders, "{name}");
        // Of 53.
        assert!(probes >= 40, "{name}");
    });
}

#[test]
fn every_level_records_less_than_the_one_below() {
    for cpus in [1, 2, 64, 1024] {
        for level in 2..LEVELS as u8 {
            let [above, below] = [level, level - 1].map(|level| Sampling::of_level(level, 0, cpus));
            let sizes = |level: &Sampling| [level.first, level.flow, level.service, level.host];
            assert!(sizes(&above).iter().zip(sizes(&below)).all(|(above, below)| *above <= below));
            assert!(above.flows <= below.flows && above.beginnings <= below.beginnings);
            assert!(above.senders <= below.senders && above.beginnings > 0 && above.senders > 0);
        }
    }
    assert_eq!(Sampling::of_level(0, 3, 2).level, 0);
}
