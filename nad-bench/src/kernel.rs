//! What the kernel program costs a packet, beside one that only counts and passes.

use anyhow::{Context as _, Result};
use nad::source::{
    Fill, Source as _,
    xdp::{Directions, Sent, Watch, XdpMode, XdpOptions, XdpSource},
};
use nad_engine::batch::RecordBatch;

use crate::{
    Options,
    bpf::{Map, Program, RunTime, TestRun, programs},
    lab::{self, Cable},
    measure::pin,
    report::{Part, Row, Target},
    sender::Sender,
    traffic::{self, ACK, End, PUSH, SYN},
};

/// Runs in a row: fewer than a ring has room for.
const RUNS: u32 = 65_536;
/// Runs on a ring without room.
const RUNS_WHEN_FULL: u32 = 300_000;
const FLOWS: [u32; 4] = [1, 1 << 10, 1 << 17, 1 << 20];
/// Nanoseconds over counting.
const TARGET: Target = Target::AtMost(60.0);
const UNIT: &str = "ns";

/// Test runs of single frames, then real packets of many flows.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let mut part =
        Part::new("kernel", "time of the kernel program for a packet, beside one that counts and passes");
    part.skipped = lab::why_not();
    if part.skipped.is_some() {
        return Ok(part);
    }
    let cpu = options.cpus[0];
    lab::inside(|| {
        pin(cpu)?;
        test_runs(options, &mut part)?;
        flows(options, &mut part)?;
        Ok(part)
    })
}

/// The kernel programs for what is received, not attached to anything.
pub(crate) fn load() -> Result<XdpSource> {
    let options = XdpOptions { directions: Directions::Ingress, ..XdpOptions::default() };
    Ok(XdpSource::load(&options)?)
}

/// Attaches to the receiving end of a cable, in the driver.
pub(crate) fn attach(source: &mut XdpSource, cable: &Cable) -> Result<()> {
    let watch = Watch {
        interface: cable.receiver_name.clone(),
        index: cable.receiver,
        ingress: true,
        egress: Sent::Unwanted,
        is_named: true,
    };
    source.attach(&watch, XdpMode::Native)?;
    Ok(())
}

/// Takes everything out of the rings; gives how many records there were.
fn drain(source: &mut XdpSource, batch: &mut RecordBatch) -> Result<u64> {
    let mut records = 0;
    loop {
        batch.clear();
        let fill = source.fill(batch)?;
        records += batch.len() as u64;
        if fill == Fill::Idle {
            return Ok(records);
        }
    }
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let (client, server) = traffic::flow(0);
    let resolver = End { port: 53, ..server };
    vec![
        ("TCP", traffic::tcp(client, server, ACK | PUSH, 1, 400)),
        ("TCP SYN", traffic::tcp(client, server, SYN, 1, 0)),
        ("UDP", traffic::udp(client, server, &[0x5a; 400])),
        ("DNS", traffic::dns(client, resolver, 1, false)),
        ("ICMP", traffic::ping(client.address, server.address, 8, 1)),
        ("IPv6 TCP", traffic::tcp_over_ipv6(client, server, ACK | PUSH, 1, 400)),
        ("VLAN TCP", traffic::tcp_in_vlan(client, server, 400)),
    ]
}

/// Nanoseconds of each repetition.
#[derive(Default)]
struct Times {
    counting: Vec<f64>,
    written: Vec<f64>,
    full: Vec<f64>,
}

fn test_runs(options: &Options, part: &mut Part) -> Result<()> {
    let counter = Map::counter()?;
    let counting = programs::counting(&counter)?;
    let mut source = load()?;
    let program = Program::of(source.program()?.fd().context("the program is not loaded")?)?;
    let frames = frames();
    let mut batch = RecordBatch::default();
    let mut times: Vec<Times> = frames.iter().map(|_| Times::default()).collect();
    for _ in 0..options.repetitions {
        for ((_, frame), times) in frames.iter().zip(&mut times) {
            let run = |program: &Program, repeat| -> Result<f64> {
                Ok(program.run(TestRun { frame, repeat, live: None })?.into())
            };
            times.counting.push(run(&counting, RUNS_WHEN_FULL)?);
            times.written.push(run(&program, RUNS)?);
            // What is left of the ring, and then on without room.
            run(&program, RUNS)?;
            times.full.push(run(&program, RUNS_WHEN_FULL)?);
            drain(&mut source, &mut batch)?;
        }
    }
    let all: Vec<f64> = times.iter().flat_map(|times| times.counting.iter().copied()).collect();
    part.rows.push(Row::new("counting and passing, any frame (test run)", UNIT, &all)?.id("kernel.counting"));
    for ((name, _), times) in frames.iter().zip(&times) {
        for (how, id, values) in
            [("record written", "written", &times.written), ("ring full", "full", &times.full)]
        {
            let over: Vec<f64> = values.iter().zip(&times.counting).map(|(own, other)| own - other).collect();
            let row = Row::new(format!("{name}, {how}: over counting (test run)"), UNIT, &over)?.aims(TARGET);
            let is_shown = *name == "TCP" && id == "written";
            part.rows.push(if is_shown { row.id("kernel.tcp") } else { row });
        }
    }
    part.notes.push(format!(
        "Test runs repeat one frame, {RUNS} times with a ring that is drained before, or {RUNS_WHEN_FULL} times with one that is full; the \
         kernel's own clock, in whole nanoseconds."
    ));
    let counters = source.counters()?;
    let accounted = counters.recorded + counters.sampled_out + counters.ring_full + counters.unparsed_total();
    if counters.seen != accounted {
        part.failures.push(format!("the kernel's ledger does not balance: {counters:?}"));
    }
    Ok(())
}

/// Real packets over a cable, each of another flow, timed by the kernel run by run.
fn flows(options: &Options, part: &mut Part) -> Result<()> {
    let (own, other) = (Cable::lay("nad")?, Cable::lay("count")?);
    let counter = Map::counter()?;
    let counting = programs::counting(&counter)?;
    let _link = counting.attach(other.receiver)?;
    let mut source = load()?;
    attach(&mut source, &own)?;
    let program = Program::of(source.program()?.fd().context("the program is not loaded")?)?;
    let mut senders = Vec::new();
    for flows in FLOWS {
        senders.push((format!("{flows} flows"), Sender::new(flows)?));
    }
    senders.push(("a SYN flood from 262144 forged sources".to_owned(), Sender::flood(1 << 16)?));
    let mut times: Vec<Times> = senders.iter().map(|_| Times::default()).collect();
    let mut batch = RecordBatch::default();
    let _counted = RunTime::count()?;
    for _ in 0..options.repetitions {
        for ((_, sender), times) in senders.iter().zip(&mut times) {
            let timed = |program: &Program, cable: &Cable| -> Result<f64> {
                let before = program.run_time()?;
                sender.send(cable.sender, u64::from(RUNS), None)?;
                Ok(program.run_time()?.since(before))
            };
            times.counting.push(timed(&counting, &other)?);
            times.written.push(timed(&program, &own)?);
            drain(&mut source, &mut batch)?;
        }
    }
    for ((name, _), times) in senders.iter().zip(&times) {
        let over: Vec<f64> =
            times.written.iter().zip(&times.counting).map(|(own, other)| own - other).collect();
        let row =
            Row::new(format!("{name}, record written: over counting (packets)"), UNIT, &over)?.aims(TARGET);
        let row = match name.strip_suffix(" flows") {
            Some(flows) => row.id(format!("kernel.{flows}")),
            None => row,
        };
        part.rows.push(row.by("counting", &times.written, &times.counting, None)?);
    }
    if let [first, .., flood] = &times[..] {
        let row = Row::new("a packet of the flood", UNIT, &flood.written)?.id("kernel.flood");
        part.rows.push(row.by(
            "a packet of 1 flow",
            &flood.written,
            &first.written,
            Some(Target::AtMost(1.0)),
        )?);
    }
    part.notes.push(
        "Packets go over a veth pair in live-frames mode, and the kernel times each run (`BPF_ENABLE_STATS`, whose own \
         clock readings are in both times)."
            .into(),
    );
    Ok(())
}
