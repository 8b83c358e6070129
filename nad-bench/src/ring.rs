//! The way from the kernel to userspace alone: packets on one CPU, their records drained and thrown away on another.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Map as AyaMap, MapData, RingBuf};
use nad::source::{Fill, Source as _, xdp::XdpSource};
use nad_engine::batch::RecordBatch;

use crate::{
    Options,
    bpf::{Map, Program, TestRun, programs},
    kernel,
    lab::{self, Cable},
    measure::pin,
    report::{Part, Row, Target},
    sender::{Sender, Sent},
};

const FLOWS: u32 = 1 << 10;
const PACKETS: u64 = 1 << 20;
const RING_BYTES: u32 = 8 << 20;
/// How long the drain sleeps when there is nothing.
const NAP: Duration = Duration::from_micros(200);
/// What is on its way when the last packet is sent has arrived by then.
const REST: Duration = Duration::from_millis(20);

/// As many packets as the sender gives, and as many as test runs give, through nad's ring and through one whose reader
/// is woken.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let mut part =
        Part::new("ring", format!("records to userspace, {PACKETS} packets of {FLOWS} flows at full speed"));
    part.skipped = lab::why_not();
    let cpus = &options.cpus;
    if cpus.len() < 2 {
        part.skipped.get_or_insert_with(|| "it needs one CPU to send and one to read".to_owned());
    }
    if part.skipped.is_some() {
        return Ok(part);
    }
    lab::inside(|| {
        pin(cpus[0])?;
        turns(options, cpus[1], &mut part)?;
        Ok(part)
    })
}

/// Packets or records a second of each repetition, and the share of records that were lost.
#[derive(Default)]
struct Rates {
    counted: Vec<f64>,
    delivered: Vec<f64>,
    lost: Vec<f64>,
    woken: Vec<f64>,
    woken_lost: Vec<f64>,
}

impl Rates {
    fn add(&mut self, sent: Sent, [recorded, woken]: [u64; 2], [own_seconds, woken_seconds]: [f64; 2]) {
        let lost = |delivered: u64| 1.0 - delivered as f64 / sent.packets as f64;
        self.counted.push(sent.rate());
        self.delivered.push(recorded as f64 / own_seconds);
        self.lost.push(lost(recorded));
        self.woken.push(woken as f64 / woken_seconds);
        self.woken_lost.push(lost(woken));
    }
}

fn turns(options: &Options, reader_cpu: usize, part: &mut Part) -> Result<()> {
    let [own, other, waking] = ["nad", "count", "wake"].map(Cable::lay);
    let (own, other, waking) = (own?, other?, waking?);
    let counter = Map::counter()?;
    let counting = programs::counting(&counter)?;
    let _link = counting.attach(other.receiver)?;
    let mut source = kernel::load()?;
    kernel::attach(&mut source, &own)?;
    let counters = source.counter_reader();
    let (written, ring) = (Map::counter()?, Map::ring(RING_BYTES)?);
    let woken = programs::waking(&written, &ring)?;
    let _woken_link = woken.attach(waking.receiver)?;
    let sender = Sender::new(FLOWS)?;

    let stop = AtomicBool::new(false);
    let (drained, read) = (AtomicU64::new(0), AtomicU64::new(0));
    let program = Program::of(source.program()?.fd().context("the program is not loaded")?)?;
    let (mut live, mut test) = (Rates::default(), Rates::default());
    thread::scope(|scope| -> Result<()> {
        let drain = scope.spawn(|| drain(source, reader_cpu, &stop, &drained));
        let reader = scope.spawn(|| read_woken(ring, reader_cpu, &stop, &read));
        // Records of one run, and its seconds.
        let of_own = |run: &mut dyn FnMut() -> Result<Sent>| -> Result<(u64, f64)> {
            let before = counters.read()?;
            let sent = run()?;
            let after = counters.read()?;
            let seen = after.seen - before.seen;
            ensure!(seen == sent.packets, "{seen} of {} packets were seen", sent.packets);
            thread::sleep(REST);
            Ok((after.recorded - before.recorded, sent.seconds))
        };
        let of_waking = |run: &mut dyn FnMut() -> Result<Sent>| -> Result<(u64, f64)> {
            let before = written.sum()?;
            let sent = run()?;
            thread::sleep(REST);
            Ok((written.sum()? - before, sent.seconds))
        };
        let result = (0..options.repetitions).try_for_each(|_| -> Result<()> {
            let send = |cable: &Cable| sender.send(cable.sender, PACKETS, None);
            let counted = send(&other)?;
            let (own, waking) = (of_own(&mut || send(&own))?, of_waking(&mut || send(&waking))?);
            live.add(counted, [own.0, waking.0], [own.1, waking.1]);
            let run = |program: &Program| test_run(program, sender.frame());
            let counted = run(&counting)?;
            let (own, waking) = (of_own(&mut || run(&program))?, of_waking(&mut || run(&woken))?);
            test.add(counted, [own.0, waking.0], [own.1, waking.1]);
            Ok(())
        });
        stop.store(true, Relaxed);
        drain.join().map_err(|_| anyhow::anyhow!("the drain failed"))??;
        reader.join().map_err(|_| anyhow::anyhow!("the reader failed"))??;
        result
    })?;
    for (name, written, read) in [
        ("nad's", counters.read()?.recorded, drained.load(Relaxed)),
        ("the waking", written.sum()?, read.load(Relaxed)),
    ] {
        if written != read {
            part.failures.push(format!("of {name} ring {written} records were written and {read} read"));
        }
    }
    live.add_to(part, "packets", [Some(Target::AtLeast(0.7)), None])?;
    test.add_to(part, "test runs", [None, Some(Target::AtLeast(2.5))])?;
    part.notes.push(
        "The kernel's part has one CPU, the reader another. Packets come from a sender that works on the first as well, \
         and are passed on and then dropped by the network stack, because they are addressed to nobody: that is in all rates \
         of packets. Test runs have neither, so the program alone fills the ring."
            .into(),
    );
    Ok(())
}

fn test_run(program: &Program, frame: &[u8]) -> Result<Sent> {
    let ns = program.run(TestRun { frame, repeat: PACKETS as u32, live: None })?;
    Ok(Sent { packets: PACKETS, seconds: f64::from(ns) * PACKETS as f64 / 1e9 })
}

/// As nad's own drain does, but for what it does with the records.
fn drain(mut source: XdpSource, cpu: usize, stop: &AtomicBool, drained: &AtomicU64) -> Result<()> {
    pin(cpu)?;
    let mut batch = RecordBatch::default();
    loop {
        let is_last = stop.load(Relaxed);
        batch.clear();
        let fill = source.fill(&mut batch)?;
        drained.fetch_add(batch.len() as u64, Relaxed);
        if fill == Fill::Idle {
            if is_last && batch.is_empty() {
                return Ok(());
            }
            thread::sleep(NAP);
        }
    }
}

/// Sleeps until the kernel wakes it, and takes one record after the other.
fn read_woken(ring: Map, cpu: usize, stop: &AtomicBool, read: &AtomicU64) -> Result<()> {
    pin(cpu)?;
    let data = MapData::from_fd(ring.into_fd()).context("a ring can't be opened")?;
    let mut ring = RingBuf::try_from(AyaMap::RingBuf(data)).context("a ring can't be opened")?;
    loop {
        let is_last = stop.load(Relaxed);
        let mut wanted =
            libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(&ring), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, which lives through the call.
        unsafe { libc::poll(&raw mut wanted, 1, 10) };
        let mut count = 0;
        while ring.next().is_some() {
            count += 1;
        }
        read.fetch_add(count, Relaxed);
        if is_last && count == 0 {
            return Ok(());
        }
    }
}

impl Rates {
    /// The targets are those of nad's rate by that of counting, and by that of the woken reader.
    fn add_to(&self, part: &mut Part, of: &str, targets: [Option<Target>; 2]) -> Result<()> {
        let [by_counting, by_woken] = targets;
        part.rows.push(Row::new(format!("{of}: counting and passing"), "packets/s", &self.counted)?);
        let delivered =
            Row::new(format!("{of}: nad's program, ring and drain"), "records/s", &self.delivered)?
                .by("counting", &self.delivered, &self.counted, by_counting)?
                .by("the woken reader", &self.delivered, &self.woken, by_woken)?;
        let id = format!("ring.{}", of.replace(' ', "-"));
        part.rows.push(delivered.id(&id));
        let lost = Row::new(format!("{of}: nad's program, ring and drain, share lost"), "", &self.lost)?;
        part.rows.push(lost.id(format!("{id}.lost")));
        let woken =
            Row::new(format!("{of}: a reader woken per record, no parser"), "records/s", &self.woken)?;
        part.rows.push(woken.by("counting", &self.woken, &self.counted, None)?);
        part.rows.push(Row::new(format!("{of}: the same, share lost"), "", &self.woken_lost)?);
        Ok(())
    }
}
