//! How long it takes from a packet to its alert, and from a scan to its incident, as whoever reads nad's files sees it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write as _},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
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
    lab::{self, Cable},
    live::{self, Lab},
    measure::{self, pin, quantile},
    report::{Part, Row, Target},
    sender::Sender,
    sensor,
    traffic::{self, ACK, End, PUSH, SYN},
};

const FLOWS: u32 = 1 << 10;
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
    let mut part = Part::new("latency", format!("from the packet to the line in nad's file, {FLOWS} flows"));
    part.skipped = live::why_not();
    if part.skipped.is_some() {
        return Ok(part);
    }
    let cpus = measure::cpus()?;
    lab::inside(|| {
        pin(cpus[0])?;
        both(options, cpus[1], &mut part)?;
        Ok(part)
    })
}

fn both(options: &Options, cpu: usize, part: &mut Part) -> Result<()> {
    let folder = tempfile::tempdir_in(&options.out).context("no folder can be made for nad's files")?;
    let (alerts, incidents) = (folder.path().join("alerts"), folder.path().join("incidents"));
    let shown = |path: &Path| path.display().to_string();
    let arguments =
        ["--alerts", &shown(&alerts), "--incidents", &shown(&incidents), "--follow"].map(str::to_owned);
    let (alert_lines, incident_lines) = (Lines::default(), Lines::default());
    let (alert_pipe, incident_pipe) = (sensor::make_pipe(&alerts)?, sensor::make_pipe(&incidents)?);
    let ends = [alert_pipe.try_clone()?, incident_pipe.try_clone()?];
    let mut lost_under_load = 0;
    let lab = Lab::new()?;
    let ended = thread::scope(|scope| -> Result<sensor::Ended> {
        scope.spawn(|| alert_lines.read(alert_pipe));
        scope.spawn(|| incident_lines.read(incident_pipe));
        let mut work = || -> Result<sensor::Ended> {
            let sender = Sender::new(FLOWS)?;
            let nad = lab.learnt(options, cpu, &sender, &arguments)?;
            let raw = RawSender::open(&lab.own)?;
            let mut strangers = Strangers::default();
            let trickle = |stop: &AtomicBool| {
                let (client, server) = traffic::flow(0);
                while !stop.load(Relaxed) {
                    raw.send(&traffic::tcp(client, server, ACK | PUSH, 1, 400))?;
                    thread::sleep(TRICKLE_GAP);
                }
                Ok(())
            };
            let idle = beside(trickle, || {
                strangers.become_known(&raw, &alert_lines)?;
                Times::measure(&raw, &mut strangers, &alert_lines, &incident_lines)
            })?;
            idle.add_to("idle", part)?;
            if idle.lost > 0 {
                part.failures.push(format!("idle: {} alerts or incidents did not come", idle.lost));
            }
            let climbed = lab.loss_free(&nad, &sender)?;
            match climbed.rate() {
                Some(rate) => {
                    let load = |stop: &AtomicBool| {
                        while !stop.load(Relaxed) {
                            sender.send(lab.own.sender, (rate / 20.0) as u64, Some(rate / 2.0))?;
                        }
                        Ok(())
                    };
                    let loaded =
                        beside(load, || Times::measure(&raw, &mut strangers, &alert_lines, &incident_lines))?;
                    loaded.add_to(
                        &format!("at {:.0} packets/s, half of what is loss-free", rate / 2.0),
                        part,
                    )?;
                    lost_under_load = loaded.lost;
                }
                None => {
                    part.notes.push("No rate was loss-free, so that there is none to be loaded with.".into())
                }
            }
            nad.wait_until_idle(PATIENCE)?;
            nad.end()
        };
        let ended = work();
        // Nobody reads on after this.
        for mut end in ends {
            writeln!(end, "{LAST}").context("a pipe can't be written to")?;
        }
        ended
    })?;
    part.notes.push(format!("nad's ledger: {}", ended.ledger));
    let dropped = ended.count("alerts_dropped");
    if lost_under_load as u64 > dropped {
        part.failures.push(format!(
            "under load {lost_under_load} alerts or incidents did not come, and only {dropped} were dropped"
        ));
    }
    part.failures.extend(ended.failure);
    part.notes.push(format!(
        "Sent by a packet socket; the time is from just before sending to the line's coming out of a pipe in the place \
         of nad's file. Idle is one ordinary packet every {} ms. Hosts are judged at the end of each second of the \
         packets' clock, so an incident takes up to a second by design; so may the first alerts of a stranger whose packets \
         are not odd enough alone, which are not among these. Under load, where much is above the threshold at once, \
         alerts beyond those told are dropped and counted.",
        TRICKLE_GAP.as_millis()
    ));
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
    fn become_known(&mut self, raw: &RawSender, alerts: &Lines) -> Result<()> {
        let (_, server) = traffic::flow(0);
        let begun = Instant::now();
        loop {
            let from = self.odd();
            raw.send(&traffic::odd(from, server))?;
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
        raw: &RawSender,
        strangers: &mut Strangers,
        alerts: &Lines,
        incidents: &Lines,
    ) -> Result<Self> {
        let (_, server) = traffic::flow(0);
        let mut sent = Vec::new();
        for _ in 0..ODD {
            let from = strangers.odd();
            sent.push((Instant::now(), format!("\"src_port\":{},", from.port)));
            raw.send(&traffic::odd(from, server))?;
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
                raw.send(&traffic::tcp(from, End { port, ..server }, SYN, 1, 0))?;
            }
            let [a, b, c, d] = source;
            scans.push((Instant::now(), format!("\"{a}.{b}.{c}.{d}\"")));
        }
        let scans = awaited(scans, incidents)?;
        let lost = usize::from(ODD) + usize::from(SCANS) - odd.len() - scans.len();
        Ok(Self { alerts: odd, incidents: scans, lost })
    }

    fn add_to(&self, when: &str, part: &mut Part) -> Result<()> {
        const UNIT: &str = "ms";
        for (what, times, target) in [
            ("alert on a packet", &self.alerts, Some(Target::AtMost(50.0))),
            ("incident after a scan's last packet", &self.incidents, None),
        ] {
            ensure!(!times.is_empty(), "{when}: no {what} came");
            part.rows.push(Row::new(format!("{what}, {when}"), UNIT, times)?);
            let row = Row::new(
                format!("the same, 99 % within (of {})", times.len()),
                UNIT,
                &[quantile(times, 0.99)],
            )?;
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

/// Sends whole frames through one interface, one at a time (packet(7)).
struct RawSender {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

impl RawSender {
    fn open(cable: &Cable) -> Result<Self> {
        // Protocol 0: it receives nothing.
        // SAFETY: no pointers are passed.
        let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        ensure!(socket >= 0, "a packet socket can't be made: {}", io::Error::last_os_error());
        // SAFETY: the descriptor is new and ours, and zeros are an address.
        let (socket, mut address) =
            unsafe { (OwnedFd::from_raw_fd(socket), std::mem::zeroed::<libc::sockaddr_ll>()) };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = cable.sender as i32;
        address.sll_halen = 6;
        Ok(Self { socket, address })
    }

    fn send(&self, frame: &[u8]) -> Result<()> {
        // SAFETY: the frame and the address live through the call, and their lengths are passed.
        let sent = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const self.address).cast(),
                size_of_val(&self.address) as u32,
            )
        };
        ensure!(sent == frame.len() as isize, "a frame can't be sent: {}", io::Error::last_os_error());
        Ok(())
    }
}
