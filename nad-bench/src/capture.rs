//! A capture of made-up traffic: clients of web servers, some of them over IPv6, names that are looked up, and pings.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::{Context as _, Result};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use crate::traffic::{self, ACK, End, FIN, PUSH, SYN};

/// Sessions that go on at the same time.
const SESSIONS: usize = 500;
const CLIENTS: u8 = 200;
const SERVERS: u8 = 20;
const FIRST_SECOND: u64 = 1_700_000_000;
/// Magic number of a capture with times in nanoseconds (pcap-savefile(5)).
const MAGIC: u32 = 0xa1b2_3c4d;
const SNAPLEN: u32 = 262_144;
const ETHERNET: u32 = 1;

/// Writes so many packets, spread evenly over so many seconds; the same file every time.
pub(crate) fn write(path: &Path, packets: u64, seconds: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
    write_to(BufWriter::new(file), packets, seconds)
        .with_context(|| format!("can't write {}", path.display()))
}

fn write_to(mut file: impl Write, packets: u64, seconds: u64) -> io::Result<()> {
    for field in [MAGIC, 4 << 16 | 2, 0, 0, SNAPLEN, ETHERNET] {
        file.write_all(&field.to_le_bytes())?;
    }
    for (number, frame) in (0..packets).zip(frames()) {
        let ns = u128::from(seconds) * 1_000_000_000 * u128::from(number) / u128::from(packets);
        let (second, rest) = (FIRST_SECOND + (ns / 1_000_000_000) as u64, (ns % 1_000_000_000) as u32);
        let length = frame.len() as u32;
        for field in [second as u32, rest, length, length] {
            file.write_all(&field.to_le_bytes())?;
        }
        file.write_all(&frame)?;
    }
    file.flush()
}

/// The frames, without end.
pub(crate) fn frames() -> impl Iterator<Item = Vec<u8>> {
    let mut traffic = Traffic::new();
    std::iter::from_fn(move || Some(traffic.next_frame()))
}

struct Traffic {
    random: SmallRng,
    sessions: Vec<Session>,
    /// An answer that is due.
    answer: Option<Vec<u8>>,
}

/// A TCP connection, from its first segment to its last.
struct Session {
    client: End,
    server: End,
    is_ipv6: bool,
    /// Segments so far, and in all.
    step: u32,
    steps: u32,
}

impl Traffic {
    fn new() -> Self {
        let mut random = SmallRng::seed_from_u64(1);
        let sessions = (0..SESSIONS).map(|_| Session::new(&mut random)).collect();
        Self { random, sessions, answer: None }
    }

    fn next_frame(&mut self) -> Vec<u8> {
        if let Some(answer) = self.answer.take() {
            return answer;
        }
        match self.random.random_range(0..100) {
            0..4 => {
                let (client, number) = (client(&mut self.random), self.random.random());
                let resolver = End { address: [10, 20, 0, 2], port: 53 };
                self.answer = Some(traffic::of_server(traffic::dns(resolver, client, number, true)));
                traffic::dns(client, resolver, number, false)
            }
            4 => {
                let (from, to) = (client(&mut self.random).address, server(&mut self.random).address);
                let number = self.random.random();
                self.answer = Some(traffic::of_server(traffic::ping(to, from, 0, number)));
                traffic::ping(from, to, 8, number)
            }
            _ => {
                let place = self.random.random_range(0..self.sessions.len());
                let session = &mut self.sessions[place];
                let frame = session.next_frame(&mut self.random);
                if session.step == session.steps {
                    *session = Session::new(&mut self.random);
                }
                frame
            }
        }
    }
}

impl Session {
    fn new(random: &mut SmallRng) -> Self {
        Self {
            client: client(random),
            server: server(random),
            is_ipv6: random.random_range(0..20) == 0,
            step: 0,
            steps: random.random_range(8..60),
        }
    }

    fn next_frame(&mut self, random: &mut SmallRng) -> Vec<u8> {
        let from_end = self.steps - self.step;
        let (from_client, flags, payload) = match self.step {
            0 => (true, SYN, 0),
            1 => (false, SYN | ACK, 0),
            2 => (true, ACK, 0),
            _ if from_end == 2 => (true, FIN | ACK, 0),
            _ if from_end == 1 => (false, FIN | ACK, 0),
            step if step % 4 == 3 => (true, ACK | PUSH, random.random_range(80..600)),
            step if step % 4 == 2 => (true, ACK, 0),
            _ => (
                false,
                ACK | PUSH,
                if random.random_range(0..4) == 0 { 1448 } else { random.random_range(60..700) },
            ),
        };
        self.step += 1;
        let (from, to) = if from_client { (self.client, self.server) } else { (self.server, self.client) };
        let sequence = 1_000 * self.step;
        let frame = if self.is_ipv6 {
            traffic::tcp_over_ipv6(from, to, flags, sequence, payload)
        } else {
            traffic::tcp(from, to, flags, sequence, payload)
        };
        if from_client { frame } else { traffic::of_server(frame) }
    }
}

fn client(random: &mut SmallRng) -> End {
    End { address: [10, 20, 1, random.random_range(1..=CLIENTS)], port: random.random_range(32_768..61_000) }
}

fn server(random: &mut SmallRng) -> End {
    End { address: [192, 0, 2, random.random_range(1..=SERVERS)], port: 443 }
}

#[cfg(test)]
mod tests {
    use nad::source::{Fill, Source as _, pcap::PcapSource};
    use nad_engine::batch::RecordBatch;

    use super::*;

    #[test]
    fn a_made_up_capture_is_read_whole_and_spans_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.pcap");
        write(&path, 3_000, 30).unwrap();
        let mut source = PcapSource::open(&path).unwrap();
        let mut batch = RecordBatch::default();
        while source.fill(&mut batch).unwrap() != Fill::End {
            assert!(!batch.is_full());
        }
        let records = batch.records();
        assert_eq!(records.len(), 3_000);
        assert!(records.iter().all(|record| record.defect().is_none()));
        assert_eq!((records[2_999].time_ns - records[0].time_ns) / 1_000_000, 29_990);
        for protocol in [1, 6, 17] {
            assert!(records.iter().any(|record| record.protocol == protocol), "{protocol}");
        }
        assert!(records.iter().any(|record| record.ether_type == 0x86dd));
    }
}
