//! How long it takes from a packet to its alert, and from a scan to its incident, as whoever reads nad's files sees it.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    Options,
    lab::{self, PacketSocket, UNSENT},
    live::{self, Lab, Post},
    measure::{pin, quantile},
    report::{Part, Row, Target},
    sender::Sender,
    sensor,
    traffic::{self, End, SYN},
};

/// Numbers of flows, and whether idle is measured, too.
const CASES: [(u32, bool); 2] = [(1 << 10, true), (1 << 20, false)];
/// Packets that must alert, and the time between them.
const ODD: u16 = 300;
const ODD_GAP: Duration = Duration::from_millis(17);
/// Scans, and the packets of one.
const SCANS: u8 = 12;
const SCANNED: u16 = 300;
/// Of nobody usual.
const STRANGERS: [u8; 3] = [203, 0, 113];
const PATIENCE: Duration = Duration::from_secs(5);
/// What is there when there is nothing else: so many ordinary packets a second.
const TRICKLE_GAP: Duration = Duration::from_millis(10);
/// The line that ends reading.
const LAST: &str = "end";

/// Idle, then at half of the rate that is loss-free.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let mut part = Part::new("latency", "from the packet to the line in nad's file");
    part.skipped = live::why_not(options);
    if part.skipped.is_some() {
        return Ok(part);
    }
    lab::inside(|| {
        pin(options.cpus[0])?;
        let lab = Lab::new()?;
        for (flows, is_idle) in CASES.into_iter().filter(|(flows, _)| options.wants_flows(*flows)) {
            of_flows(options, &lab, flows, is_idle, &mut part)?;
        }
        part.notes.push(format!(
            "Sent by a packet socket; the time is from just before sending to the line's coming out of a pipe in the place \
             of nad's file. Idle is one ordinary packet every {} ms. Hosts are judged at the end of each second of the \
             packets' clock, so an incident takes up to a second by design; so may the first alerts of a stranger whose packets \
             are not odd enough alone, which are not among these. Under load, where much is above the threshold at once, \
             alerts beyond those told are dropped and counted.",
            TRICKLE_GAP.as_millis()
        ));
        Ok(part)
    })
}

fn of_flows(options: &Options, lab: &Lab, flows: u32, is_idle: bool, part: &mut Part) -> Result<()> {
    let folder = tempfile::tempdir_in(&options.out).context("no folder can be made for nad's files")?;
    let (alerts, incidents) = (folder.path().join("alerts"), folder.path().join("incidents"));
    let shown = |path: &Path| path.display().to_string();
    let arguments =
        ["--alerts", &shown(&alerts), "--incidents", &shown(&incidents), "--follow"].map(str::to_owned);
    let (alert_lines, incident_lines) = (Lines::default(), Lines::default());
    let (alert_pipe, incident_pipe) = (sensor::make_pipe(&alerts)?, sensor::make_pipe(&incidents)?);
    let ends = [alert_pipe.try_clone()?, incident_pipe.try_clone()?];
    let variant = options.program().with_shards(1).context("nad has no way to judge with one thread")?;
    let mut lost_under_load = 0;
    let ended = thread::scope(|scope| -> Result<sensor::Ended> {
        scope.spawn(|| alert_lines.read(alert_pipe));
        scope.spawn(|| incident_lines.read(incident_pipe));
        let mut work = || -> Result<sensor::Ended> {
            let sender = Sender::new(flows)?;
            let post = Post::learnt(options, variant, &format!("nad{flows}"), &sender, &arguments)?;
            let raw = PacketSocket::on(post.cable.sender).context("a packet socket can't be made")?;
            let mut strangers = Strangers::default();
            let idle = beside(
                |stop| trickle(&raw, stop),
                || {
                    strangers.become_known(&raw, &alert_lines)?;
                    if !is_idle {
                        return Ok(None);
                    }
                    Times::measure(&raw, &mut strangers, &alert_lines, &incident_lines).map(Some)
                },
            )?;
            if let Some(idle) = idle {
                idle.add_to("idle", "latency.idle", part)?;
                if idle.lost > 0 {
                    part.failures.push(format!("idle: {} alerts or incidents did not come", idle.lost));
                }
            }
            let climbed = post.loss_free(lab, &sender)?;
            match climbed.rate() {
                Some(rate) => {
                    let load = |stop: &AtomicBool| {
                        while !stop.load(Relaxed) {
                            sender.send(post.cable.sender, (rate / 20.0) as u64, Some(rate / 2.0))?;
                        }
                        Ok(())
                    };
                    let loaded =
                        beside(load, || Times::measure(&raw, &mut strangers, &alert_lines, &incident_lines))?;
                    let when =
                        format!("{flows} flows at {:.0} packets/s, half of what is loss-free", rate / 2.0);
                    loaded.add_to(&when, &format!("latency.{flows}"), part)?;
                    lost_under_load = loaded.lost;
                }
                None => part.notes.push(format!(
                    "{flows} flows: no rate was loss-free, so that there is none to be loaded with."
                )),
            }
            post.end()
        };
        let ended = work();
        // Nobody reads on after this.
        for mut end in ends {
            writeln!(end, "{LAST}").context("a pipe can't be written to")?;
        }
        ended
    })?;
    part.notes.push(format!("{flows} flows: {}", ended.ledger));
    let dropped = ended.count("alerts_dropped");
    if lost_under_load as u64 > dropped {
        part.failures.push(format!(
            "{flows} flows: under load {lost_under_load} alerts or incidents did not come, and only {dropped} were dropped"
        ));
    }
    part.failures.extend(ended.failure);
    Ok(())
}

/// An ordinary connection, one packet at a time, so that there is something else.
fn trickle(raw: &PacketSocket, stop: &AtomicBool) -> Result<()> {
    let mut frames = traffic::connection();
    while !stop.load(Relaxed) {
        raw.send(&frames.next().context("a connection goes on")?).context(UNSENT)?;
        thread::sleep(TRICKLE_GAP);
    }
    Ok(())
}

/// Does something on a thread while something else is done.
fn beside<T>(
    aside: impl FnOnce(&AtomicBool) -> Result<()> + Send,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let aside = scope.spawn(|| aside(&stop));
        let done = work();
        stop.store(true, Relaxed);
        aside.join().unwrap_or_else(|_| bail!("the thread beside failed"))?;
        done
    })
}

/// Lines as they came.
#[derive(Default)]
struct Lines(Mutex<Vec<(Instant, String)>>);

impl Lines {
    fn read(&self, pipe: File) {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        for line in lines.take_while(|line| line != LAST) {
            let line = (Instant::now(), line);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    /// When the first line came that has this in it.
    fn with(&self, text: &str) -> Option<Instant> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().find(|(_, line)| line.contains(text)).map(|(time, _)| *time)
    }
}

/// Addresses that were not there before.
#[derive(Default)]
struct Strangers {
    scanners: u8,
    ports: u16,
}

impl Strangers {
    fn odd(&mut self) -> End {
        self.ports += 1;
        End { address: address(1), port: 1024 + self.ports }
    }

    /// Sends odd packets until one is an alert: at the end of the stranger's first second at the latest.
    fn become_known(&mut self, raw: &PacketSocket, alerts: &Lines) -> Result<()> {
        let (_, server) = traffic::flow(0);
        let begun = Instant::now();
        loop {
            let from = self.odd();
            raw.send(&traffic::odd(from, server)).context(UNSENT)?;
            thread::sleep(ODD_GAP);
            if alerts.with(&format!("\"src_port\":{},", from.port)).is_some() {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "idle: no odd packet became an alert");
        }
    }

    fn scanner(&mut self) -> [u8; 4] {
        self.scanners += 1;
        address(100 + self.scanners)
    }
}

fn address(last: u8) -> [u8; 4] {
    let [a, b, c] = STRANGERS;
    [a, b, c, last]
}

/// Milliseconds.
struct Times {
    alerts: Vec<f64>,
    incidents: Vec<f64>,
    lost: usize,
}

impl Times {
    fn measure(
        raw: &PacketSocket,
        strangers: &mut Strangers,
        alerts: &Lines,
        incidents: &Lines,
    ) -> Result<Self> {
        let (_, server) = traffic::flow(0);
        let mut sent = Vec::new();
        for _ in 0..ODD {
            let from = strangers.odd();
            sent.push((Instant::now(), format!("\"src_port\":{},", from.port)));
            raw.send(&traffic::odd(from, server)).context(UNSENT)?;
            thread::sleep(ODD_GAP);
        }
        let odd = awaited(sent, alerts)?;
        let mut scans = Vec::new();
        for number in 0..SCANS {
            let source = strangers.scanner();
            // At another time of the second each time.
            thread::sleep(Duration::from_millis(1_000 + 83 * u64::from(number)));
            for port in 1..=SCANNED {
                let from = End { address: source, port: 50_000 };
                raw.send(&traffic::tcp(from, End { port, ..server }, SYN, 1, 0)).context(UNSENT)?;
            }
            let [a, b, c, d] = source;
            scans.push((Instant::now(), format!("\"{a}.{b}.{c}.{d}\"")));
        }
        let scans = awaited(scans, incidents)?;
        let lost = usize::from(ODD) + usize::from(SCANS) - odd.len() - scans.len();
        Ok(Self { alerts: odd, incidents: scans, lost })
    }

    fn add_to(&self, when: &str, id: &str, part: &mut Part) -> Result<()> {
        const UNIT: &str = "ms";
        for (what, times, name, target) in [
            ("alert on a packet", &self.alerts, "alert", Some(Target::AtMost(50.0))),
            ("incident after a scan's last packet", &self.incidents, "incident", None),
        ] {
            ensure!(!times.is_empty(), "{when}: no {what} came");
            part.rows.push(Row::new(format!("{what}, {when}"), UNIT, times)?);
            let row = Row::new(
                format!("{what}, {when}: 99 % within (of {})", times.len()),
                UNIT,
                &[quantile(times, 0.99)],
            )?
            .id(format!("{id}.{name}"));
            part.rows.push(match target {
                Some(target) => row.aims(target),
                None => row,
            });
        }
        Ok(())
    }
}

/// Milliseconds until the line came, for each for which one came in time, which is the same for all.
fn awaited(sent: Vec<(Instant, String)>, lines: &Lines) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    let last = Instant::now() + PATIENCE;
    for (begun, text) in sent {
        let came = lab::wait_for(last.saturating_duration_since(Instant::now()), || Ok(lines.with(&text)))?;
        times.extend(came.map(|came| came.saturating_duration_since(begun).as_secs_f64() * 1e3));
    }
    Ok(times)
}
