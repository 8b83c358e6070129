//! A small network that talks as networks do: handshakes, answers, names, a monitor, a backup. Everything follows from
//! the times it is asked for, so that two captures of the same are the same.

use std::ops::Range;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::captures::{Capture, ICMP, START_US, UDP, dns_query, echo, ipv4, mac, tcp};

pub(crate) const WEB: [u8; 4] = [192, 168, 1, 2];
const NAMES: [u8; 4] = [192, 168, 1, 3];
const STORE: [u8; 4] = [192, 168, 1, 4];
const MONITOR: [u8; 4] = [192, 168, 1, 5];
/// Meets new servers where [`Network::probe`] asks it to.
pub(crate) const PROBER: [u8; 4] = [192, 168, 1, 9];
const CLIENTS: Range<u8> = 20..32;

const TCP: u8 = 6;
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const RST_ACK: u8 = 0x14;
const ACK: u8 = 0x10;
const PSH_ACK: u8 = 0x18;
const FIN: u8 = 0x01;
const FIN_ACK: u8 = 0x11;

/// Microseconds.
const SECOND: u64 = 1_000_000;

/// Packets with their times, in any order until [`Self::capture`].
#[derive(Default)]
pub(crate) struct Network(Vec<(u64, Vec<u8>)>);

impl Network {
    /// The benign life of `seconds` seconds: clients that ask for names and pages every few seconds, a monitor
    /// that pings everyone every 10 s, a backup to the store every 40 s, and ARP between them.
    pub(crate) fn benign(seconds: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(11);
        let mut network = Self::default();
        for client in CLIENTS.map(|host| [192, 168, 1, host]) {
            let mut at = random.random_range(0..4 * SECOND);
            while at < seconds * SECOND {
                network.look_up(at, client, &mut random);
                network.connect(at + 3_000, client, WEB, 443, &mut random);
                at += random.random_range(SECOND..6 * SECOND);
            }
        }
        for at in (0..seconds).step_by(10).map(|at| at * SECOND) {
            for (place, host) in CLIENTS.chain([WEB[3], NAMES[3], STORE[3]]).enumerate() {
                network.ping(at + 20_000 * place as u64, MONITOR, [192, 168, 1, host]);
                network.ask_who_has(at + 10_000 * place as u64, [192, 168, 1, host], MONITOR);
            }
        }
        for at in (5..seconds).step_by(40).map(|at| at * SECOND) {
            network.back_up(at, [192, 168, 1, 20]);
        }
        network
    }

    /// SYNs to `ports` ports from `first` on, one every `step_us`, refused as closed ports do.
    pub(crate) fn scan(&mut self, at_s: u64, scanner: [u8; 4], first: u16, ports: u16, step_us: u64) {
        for number in 0..ports {
            let at = at_s * SECOND + u64::from(number) * step_us;
            let (own, port) = (50_000 + number % 4, first + number);
            self.add(at, ipv4(TCP, 64, scanner, WEB, &tcp(own, port, SYN, 1024, 0)));
            self.add(at + 150, ipv4(TCP, 64, WEB, scanner, &tcp(port, own, RST_ACK, 0, 0)));
        }
    }

    /// A prober's rounds in these seconds, each with so many servers that it never met; they answer, or are not there.
    pub(crate) fn probe(
        &mut self,
        seconds: Range<u64>,
        every_s: u64,
        servers: u16,
        port: u16,
        answers: bool,
    ) {
        let mut random = SmallRng::seed_from_u64(seconds.start);
        for (round, at_s) in seconds.clone().step_by(every_s as usize).enumerate() {
            for number in 0..servers {
                let [high, low] = (round as u16 * servers + number).to_be_bytes();
                let (server, at) =
                    ([10, seconds.start as u8, high, low], at_s * SECOND + u64::from(number) * 100_000);
                if answers {
                    self.connect(at, PROBER, server, port, &mut random);
                } else {
                    let own = random.random_range(32_768..61_000);
                    self.add(at, ipv4(TCP, 64, PROBER, server, &tcp(own, port, SYN, 1024, 0)));
                }
            }
        }
    }

    /// SYNs from as many forged sources to one service, one every `step_us`.
    pub(crate) fn flood(&mut self, at_s: u64, sources: u32, step_us: u64) {
        let mut random = SmallRng::seed_from_u64(13);
        for number in 0..sources {
            let [_, high, middle, low] = number.to_be_bytes();
            let forged = [20 + high, middle, low, 7];
            let own = random.random_range(1024..65_000);
            let at = at_s * SECOND + u64::from(number) * step_us;
            self.add(at, ipv4(TCP, 60, forged, WEB, &tcp(own, 443, SYN, 512, 0)));
        }
    }

    /// The answer of a web server to each SYN of the flood or scan so far, again and again as long as nobody completes
    /// the connection.
    pub(crate) fn answer_half_open(&mut self, at_s: u64) {
        let asked: Vec<_> = self
            .0
            .iter()
            .filter(|(time_us, frame)| {
                *time_us >= START_US + at_s * SECOND && is_syn_to(frame, WEB) && !CLIENTS.contains(&frame[29])
            })
            .map(|(time_us, frame)| (time_us - START_US, frame.clone()))
            .collect();
        for (at, syn) in asked {
            let port = |place: usize| u16::from_be_bytes([syn[place], syn[place + 1]]);
            let client = [syn[26], syn[27], syn[28], syn[29]];
            let answer = numbered(tcp(port(36), port(34), SYN_ACK, 509, 0), 7, 1);
            for wait_s in [0, 1, 3, 7, 15] {
                self.add(at + 100 + wait_s * SECOND, ipv4(TCP, 64, WEB, client, &answer));
            }
        }
    }

    /// SYNs to `ports` open ports, one every `step_us`.
    pub(crate) fn scan_open(&mut self, at_s: u64, scanner: [u8; 4], ports: u16, step_us: u64) {
        for number in 0..ports {
            let at = at_s * SECOND + u64::from(number) * step_us;
            self.add(at, ipv4(TCP, 64, scanner, WEB, &tcp(50_000 + number, 1 + number, SYN, 1024, 0)));
        }
    }

    /// A segment without payload in the name of `source`, from another MAC address where that is given.
    pub(crate) fn forge(
        &mut self,
        at_us: u64,
        mac: Option<[u8; 6]>,
        [source, target]: [([u8; 4], u16); 2],
        flags: u8,
        [sequence, acknowledgement]: [u32; 2],
    ) {
        let segment = numbered(tcp(source.1, target.1, flags, 1024, 0), sequence, acknowledgement);
        let mut frame = ipv4(TCP, 64, source.0, target.0, &segment);
        if let Some(mac) = mac {
            frame[6..12].copy_from_slice(&mac);
        }
        self.add(at_us, frame);
    }

    /// ARP replies that nobody asked for, every half second: `mac` says it has another's address.
    pub(crate) fn spoof(&mut self, at_s: u64, seconds: u64, mac: [u8; 6], stolen: [u8; 4], told: [u8; 4]) {
        for at in (0..2 * seconds).map(|half| at_s * SECOND + half * SECOND / 2) {
            self.add(at, arp(2, mac, stolen, [2, 0, 0, 0, 0, told[3]], told));
        }
    }

    /// How many packets there are in the first `seconds` seconds.
    pub(crate) fn packets_before(&self, seconds: u64) -> usize {
        self.0.iter().filter(|(time_us, _)| *time_us < START_US + seconds * SECOND).count()
    }

    /// Everything in the order of its time.
    pub(crate) fn capture(mut self) -> Capture {
        self.0.sort_by_key(|(time_us, _)| *time_us);
        Capture { packets: self.0 }
    }

    fn add(&mut self, at_us: u64, frame: Vec<u8>) {
        self.0.push((START_US + at_us, frame));
    }

    fn look_up(&mut self, at: u64, client: [u8; 4], random: &mut SmallRng) {
        let port = random.random_range(32_768..61_000);
        let query = dns_query(port, random.random_range(3..16));
        let mut answer = [&[0, 53], &query[..2], &query[4..]].concat();
        answer[10] = 0x81;
        self.add(at, ipv4(UDP, 64, client, NAMES, &query));
        self.add(at + 900, ipv4(UDP, 64, NAMES, client, &answer));
    }

    /// A handshake, a request, a page of a few segments, and the end.
    pub(crate) fn connect(
        &mut self,
        at: u64,
        client: [u8; 4],
        server: [u8; 4],
        port: u16,
        random: &mut SmallRng,
    ) {
        let own = random.random_range(32_768..61_000);
        let (mut at, mut next) = (at, [random.random::<u32>(), random.random::<u32>()]);
        let mut say = |network: &mut Self, is_client: bool, flags: u8, length: usize| {
            at += 400;
            let (own_next, other_next) = if is_client { (next[0], next[1]) } else { (next[1], next[0]) };
            let ports = if is_client { (own, port) } else { (port, own) };
            let segment = numbered(tcp(ports.0, ports.1, flags, 501, length), own_next, other_next);
            let (source, target) = if is_client { (client, server) } else { (server, client) };
            network.add(at, ipv4(TCP, 64, source, target, &segment));
            let place = usize::from(!is_client);
            next[place] = next[place].wrapping_add(length as u32 + u32::from(flags & (SYN | FIN) != 0));
        };
        say(self, true, SYN, 0);
        say(self, false, SYN_ACK, 0);
        say(self, true, ACK, 0);
        say(self, true, PSH_ACK, random.random_range(80..600));
        for _ in 0..random.random_range(2..8) {
            say(self, false, PSH_ACK, 1448);
            say(self, true, ACK, 0);
        }
        say(self, true, FIN_ACK, 0);
        say(self, false, FIN_ACK, 0);
        say(self, true, ACK, 0);
    }

    /// A connection whose sides say this, the client where it is so marked.
    pub(crate) fn converse(&mut self, at: u64, ends: [([u8; 4], u16); 2], lines: &[(bool, &[u8])]) {
        let [(client, own), (server, port)] = ends;
        let (mut at, mut next) = (at, [1000_u32, 2000]);
        let greetings: [(bool, u8, &[u8]); 3] = [(true, SYN, b""), (false, SYN_ACK, b""), (true, ACK, b"")];
        let farewells: [(bool, u8, &[u8]); 3] =
            [(true, FIN_ACK, b""), (false, FIN_ACK, b""), (true, ACK, b"")];
        let said = lines.iter().map(|(is_client, line)| (*is_client, PSH_ACK, *line));
        for (is_client, flags, line) in greetings.into_iter().chain(said).chain(farewells) {
            at += 400;
            let (place, other) = (usize::from(!is_client), usize::from(is_client));
            let (from, to) =
                if is_client { ((client, own), (server, port)) } else { ((server, port), (client, own)) };
            let mut segment = numbered(tcp(from.1, to.1, flags, 501, 0), next[place], next[other]);
            segment.extend(line);
            self.add(at, ipv4(TCP, 64, from.0, to.0, &segment));
            next[place] = next[place].wrapping_add(line.len() as u32 + u32::from(flags & (SYN | FIN) != 0));
        }
    }

    /// A client learns the address of a name.
    pub(crate) fn resolve(&mut self, at: u64, client: [u8; 4], name: &str, address: [u8; 4]) {
        let labels: Vec<u8> =
            name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        let question = [&labels[..], &[0, 0, 1, 0, 1]].concat();
        let answer = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4], &address[..]].concat();
        let message = |flags: u8, answers: u8, rest: &[u8]| {
            [&[7, 7, flags, 0, 0, 1, 0, answers, 0, 0, 0, 0], &question[..], rest].concat()
        };
        let datagram = |ports: [u16; 2], message: Vec<u8>| {
            let length = 8 + message.len() as u16;
            [&ports.map(u16::to_be_bytes).concat()[..], &length.to_be_bytes(), &[0, 0], &message].concat()
        };
        self.add(at, ipv4(UDP, 64, client, NAMES, &datagram([40_000, 53], message(1, 0, &[]))));
        self.add(at + 900, ipv4(UDP, 64, NAMES, client, &datagram([53, 40_000], message(0x81, 1, &answer))));
    }

    /// An upload of 2 MB.
    fn back_up(&mut self, at: u64, client: [u8; 4]) {
        const SEGMENTS: u32 = 1400;
        const LENGTH: u32 = 1448;
        let own = 40_000 + (at / SECOND % 10_000) as u16;
        let up = |flags, sequence, length: u32| {
            let segment = tcp(own, 873, flags, 501, length as usize);
            ipv4(TCP, 64, client, STORE, &numbered(segment, sequence, 1))
        };
        let down = |flags, sequence, received| {
            ipv4(TCP, 64, STORE, client, &numbered(tcp(873, own, flags, 509, 0), sequence, received))
        };
        self.add(at, up(SYN, 0, 0));
        self.add(at + 300, down(SYN_ACK, 0, 1));
        self.add(at + 600, up(ACK, 1, 0));
        for segment in 0..SEGMENTS {
            let (at, sent) = (at + 1_000 + 1_000 * u64::from(segment), 1 + segment * LENGTH);
            self.add(at, up(PSH_ACK, sent, LENGTH));
            if segment % 2 == 1 {
                self.add(at + 200, down(ACK, 1, sent + LENGTH));
            }
        }
        let end = 1 + SEGMENTS * LENGTH;
        self.add(at + 2 * SECOND, up(FIN_ACK, end, 0));
        self.add(at + 2 * SECOND + 300, down(FIN_ACK, 1, end + 1));
        self.add(at + 2 * SECOND + 600, up(ACK, end + 1, 0));
    }

    fn ping(&mut self, at: u64, source: [u8; 4], target: [u8; 4]) {
        let mut answer = echo(56);
        answer[0] = 0;
        self.add(at, ipv4(ICMP, 64, source, target, &echo(56)));
        self.add(at + 300, ipv4(ICMP, 64, target, source, &answer));
    }

    fn ask_who_has(&mut self, at: u64, source: [u8; 4], target: [u8; 4]) {
        self.add(at, arp(1, mac(source), source, [0; 6], target));
        self.add(at + 200, arp(2, mac(target), target, mac(source), source));
    }
}

fn is_syn_to(frame: &[u8], target: [u8; 4]) -> bool {
    frame[12..14] == [8, 0] && frame[23] == TCP && frame[30..34] == target && frame[47] == SYN
}

/// A segment with these sequence and acknowledgement numbers.
fn numbered(mut segment: Vec<u8>, sequence: u32, acknowledgement: u32) -> Vec<u8> {
    segment[4..8].copy_from_slice(&sequence.to_be_bytes());
    segment[8..12].copy_from_slice(&acknowledgement.to_be_bytes());
    segment
}

/// An ARP packet (RFC 826) in the frame of its sender; requests go to everyone.
fn arp(operation: u8, sender: [u8; 6], sender_ip: [u8; 4], target: [u8; 6], target_ip: [u8; 4]) -> Vec<u8> {
    let destination = if operation == 1 { [0xff; 6] } else { target };
    let head = [0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, operation];
    [&destination[..], &sender, &head, &sender, &sender_ip, &target, &target_ip].concat()
}
