//! Frames of many flows, sent from within the kernel at full speed or at a given rate.

mod conversation;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use memmap2::MmapRaw;

use self::conversation::ENTRIES_PER_FLOW;
use crate::bpf::{
    Map, Program, TestRun,
    sending::{self, Entry, FRACTION, SenderState, Shared},
};

/// Runs of the program in one call of the kernel.
const RUNS: u32 = 1 << 20;

/// The sender, and the table of its packets.
pub(crate) struct Sender {
    program: Program,
    frame: Vec<u8>,
    flows: u32,
    _maps: [Map; 2],
    shared: MmapRaw,
    table: MmapRaw,
    /// How far the table was gone through for each interface: what comes there is a conversation without gaps.
    places: Mutex<HashMap<u32, u64>>,
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    /// From the first to the last by the kernel's clock, without the time that the kernel needs for a call.
    pub(crate) seconds: f64,
}

impl Sent {
    pub(crate) fn rate(self) -> f64 {
        self.packets as f64 / self.seconds
    }
}

impl Sender {
    /// A sender of a population of flows, a power of two; it sends both sides of all of them, the flows in no order.
    pub(crate) fn new(flows: u32) -> Result<Self> {
        let sender = Self::without_table(flows)?;
        sender.fill(conversation::rounds(flows));
        Ok(sender)
    }

    /// A sender of nothing but requests for connections, each from another forged source.
    pub(crate) fn flood(sources: u32) -> Result<Self> {
        let sender = Self::without_table(sources)?;
        sender.fill(conversation::flood());
        Ok(sender)
    }

    fn without_table(flows: u32) -> Result<Self> {
        ensure!(flows.is_power_of_two(), "{flows} flows are no power of two");
        let entries = flows * ENTRIES_PER_FLOW;
        let (shared_map, shared) = Map::value(size_of::<Shared>() as u32)?;
        let (table_map, table) = Map::value(entries * size_of::<Entry>() as u32)?;
        let program = sending::program(&shared_map, &table_map, entries)?;
        let steps = Shared { state: SenderState::default(), steps: conversation::steps() };
        // SAFETY: the memory is as large as what is written to it, and nothing is being sent.
        unsafe { shared.as_mut_ptr().cast::<Shared>().write_volatile(steps) };
        Ok(Self {
            program,
            frame: conversation::longest(),
            flows,
            _maps: [shared_map, table_map],
            shared,
            table,
            places: Mutex::default(),
        })
    }

    /// Begins every flow, at so many packets a second, and goes on with data.
    pub(crate) fn establish(&self, interface: u32, rate: f64) -> Result<Sent> {
        self.fill(conversation::beginnings(self.flows));
        self.set_place(interface, 0);
        let sent = self.send(interface, self.packets_to_establish(), Some(rate));
        self.fill(conversation::rounds(self.flows));
        sent
    }

    fn fill(&self, entries: impl Iterator<Item = Entry>) {
        let places = self.table.as_mut_ptr().cast::<Entry>();
        for (place, entry) in (0..self.flows * ENTRIES_PER_FLOW).zip(entries) {
            // SAFETY: the table has room for this place, and nothing is being sent.
            unsafe { places.add(place as usize).write(entry) };
        }
    }

    pub(crate) fn flows(&self) -> u32 {
        self.flows
    }

    /// With which every flow is begun.
    pub(crate) fn packets_to_establish(&self) -> u64 {
        u64::from(self.flows * ENTRIES_PER_FLOW)
    }

    /// One of its packets.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Sends so many packets into an interface of this thread's network, at most at so many a second.
    pub(crate) fn send(&self, interface: u32, packets: u64, rate: Option<f64>) -> Result<Sent> {
        let state = self.shared.as_mut_ptr().cast::<SenderState>();
        let interval = rate.map_or(0.0, |rate| f64::from(1 << FRACTION) * 1e9 / rate).round() as u64;
        // SAFETY: the memory begins with the state, and nothing is being sent now nor between two calls.
        let read = || unsafe { state.read_volatile() };
        let place = self.place(interface);
        let begun = SenderState { place, remaining: packets, interval, ..SenderState::default() };
        // SAFETY: as above.
        unsafe { state.write_volatile(begun) };
        let mut seconds = 0.0;
        while read().remaining > 0 {
            let repeat = if rate.is_some() { RUNS } else { read().remaining.min(u64::from(RUNS)) as u32 };
            let run = TestRun { frame: &self.frame, repeat, live: Some(interface) };
            seconds +=
                f64::from(self.program.run(run).context("frames can't be sent")?) * f64::from(repeat) / 1e9;
        }
        let ended = read();
        self.set_place(interface, ended.place);
        ensure!(ended.sent == packets, "{} of {packets} packets were sent", ended.sent);
        if rate.is_some() {
            seconds = (ended.last_ns - ended.first_ns) as f64 / 1e9;
        }
        Ok(Sent { packets, seconds })
    }

    fn place(&self, interface: u32) -> u64 {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(&interface).copied().unwrap_or(0)
    }

    fn set_place(&self, interface: u32, place: u64) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(interface, place);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use nad::source::{Fill, Source as _};
    use nad_engine::batch::RecordBatch;

    use super::*;
    use crate::{
        bpf::programs,
        kernel,
        lab::{self, Cable},
        traffic::{ACK, PUSH, SYN},
    };

    #[test]
    #[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
    fn every_flow_begins_with_its_handshake_and_no_packet_is_missing() {
        const SENT: u32 = 64;
        let records = lab::inside(|| {
            let cable = Cable::lay("nad")?;
            let mut source = kernel::load()?;
            kernel::attach(&mut source, &cable)?;
            Sender::new(SENT)?.establish(cable.sender, 100_000.0)?;
            let (mut batch, mut records) = (RecordBatch::default(), Vec::new());
            while source.fill(&mut batch)? != Fill::Idle || !batch.is_empty() {
                records.extend_from_slice(batch.records());
                batch.clear();
            }
            Ok(records)
        })
        .unwrap();
        assert_eq!(records.len(), 4 * SENT as usize);
        let flags: Vec<u8> = records.iter().map(|record| record.tcp_flags).collect();
        assert_eq!(flags[..4], [SYN, SYN | ACK, ACK, ACK | PUSH]);
        let flows: HashSet<_> = records
            .iter()
            .filter(|record| record.tcp_flags == SYN)
            .map(|record| (record.addresses(), record.source_port, record.destination_port))
            .map(|flow| format!("{flow:?}"))
            .collect();
        assert_eq!(flows.len(), SENT as usize - SENT as usize / 8, "an eighth is UDP");
        // The kernel cuts frames as the table has it.
        assert_eq!([records[0].length, records[3].length], [54, 454]);
    }

    #[test]
    #[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
    fn what_is_counted_is_what_was_sent_and_a_rate_is_kept() {
        lab::inside(|| {
            let cable = Cable::lay("count")?;
            let counter = Map::counter()?;
            let _link = programs::counting(&counter)?.attach(cable.receiver)?;
            let sender = Sender::new(16)?;
            sender.send(cable.sender, 1_000, None)?;
            assert_eq!(counter.sum()?, 1_000);
            let sent = sender.send(cable.sender, 5_000, Some(20_000.0))?;
            assert_eq!(counter.sum()?, 6_000);
            // A busy machine may be slower; nothing is faster.
            assert!(sent.rate() < 21_000.0 && sent.rate() > 1_000.0, "{sent:?}");
            Ok(())
        })
        .unwrap();
    }
}
