//! How long it takes from nad's start to the first packet that is judged, with a model that is there already.
//!
//! The model's threshold is moved down to the middle, so that one of the first packets has an alert, by which it is seen.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    Options, capture,
    lab::{self, Cable, PacketSocket, UNSENT},
    live,
    measure::{pin, pin_process},
    process, replay,
    report::{Part, Row},
    sensor,
    subject::Variant,
};

/// Of the capture, the first half of which the model is learnt from.
const PACKETS: u64 = 200_000;
const SECONDS: u64 = 24;
/// The half that is above the threshold.
const CONTAMINATION: &str = "0.5";
/// From one packet to the next, live.
const GAP: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// In turns: live and from a file, each build of nad.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let mut part = Part::new("start", "from the start of the program to the first alert, with a model");
    let folder = tempfile::tempdir_in(&options.out).context("no folder can be made for a capture")?;
    let file = folder.path().join("made.pcap");
    capture::write(&file, PACKETS, SECONDS)?;
    let variants = options.variants(1);
    let mut models = Vec::new();
    for variant in &variants {
        models.push(replay::train(variant.program, folder.path(), &file, SECONDS as f64 / 2.0)?);
    }
    let why_not_live = live::why_not(options);
    let mut times: Vec<[Vec<f64>; 2]> = variants.iter().map(|_| Default::default()).collect();
    lab::inside_if(why_not_live.is_none(), || {
        let cable = match why_not_live {
            None => {
                pin(options.cpus[0])?;
                Some(Cable::lay("nad")?)
            }
            Some(_) => None,
        };
        for _ in 0..options.repetitions {
            for ((variant, model), [from_file, live]) in variants.iter().zip(&models).zip(&mut times) {
                let start = Start { options, variant: *variant, model, folder: folder.path() };
                from_file.push(start.time_replay(&file)?);
                if let Some(cable) = &cable {
                    live.push(start.time_live(cable)?);
                }
            }
        }
        Ok(())
    })?;
    for (place, kind) in ["replay", "live"].into_iter().enumerate() {
        for (variant, values) in variants.iter().zip(&times).filter(|(_, times)| !times[place].is_empty()) {
            let is_own = variant.program.against.is_none();
            let mut row = Row::new(format!("{kind}, {}", variant.name()), "ms", &values[place])?;
            if is_own {
                row = row.id(format!("start.{kind}"));
            }
            if let (true, Some(other), Some(others)) = (is_own, variants.get(1), times.get(1)) {
                row = row.by_medians(other.name(), &values[place], &others[place])?;
            }
            part.rows.push(row);
        }
    }
    part.notes.extend(why_not_live.map(|why| format!("Live is left out: {why}.")));
    part.notes.push(format!(
        "The threshold is moved to where half of the baseline is above it, so that one of the first packets has an alert; \
         live, an ordinary packet comes each {} ms. The time is that from just before starting the program to the alert's \
         coming out of a pipe in the place of nad's file.",
        GAP.as_millis()
    ));
    Ok(part)
}

struct Start<'a> {
    options: &'a Options,
    variant: Variant<'a>,
    model: &'a Path,
    folder: &'a Path,
}

impl Start<'_> {
    /// Milliseconds.
    fn time_replay(&self, file: &Path) -> Result<f64> {
        let mut nad = process::nad(&self.variant.program.path, self.folder);
        nad.arg("replay").arg(file);
        self.until_alert(nad, &self.options.cpus)
    }

    /// Milliseconds, while packets come.
    fn time_live(&self, cable: &Cable) -> Result<f64> {
        let mut nad = process::nad(&self.variant.program.path, self.folder);
        nad.args(["run", "--iface", &cable.receiver_name, "--direction", "ingress", "--xdp-mode", "native"]);
        let raw = PacketSocket::on(cable.sender).context("a packet socket can't be made")?;
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let sending = scope.spawn(|| -> Result<()> {
                for frame in capture::frames() {
                    if stop.load(Relaxed) {
                        break;
                    }
                    raw.send(&frame).context(UNSENT)?;
                    thread::sleep(GAP);
                }
                Ok(())
            });
            let time = self.until_alert(nad, &self.variant.cpus(&self.options.cpus));
            stop.store(true, Relaxed);
            sending.join().unwrap_or_else(|_| bail!("the sending thread failed"))?;
            time
        })
    }

    /// Starts nad on these CPUs, and ends it when its first alert has come.
    fn until_alert(&self, mut nad: Command, cpus: &[usize]) -> Result<f64> {
        let alerts = self.folder.join("alerts");
        let pipe = sensor::make_pipe(&alerts)?;
        let mut end = pipe.try_clone().context("a pipe can't be opened twice")?;
        nad.arg("--model").arg(self.model).args(["--contamination", CONTAMINATION, "--log", "none"]);
        nad.arg("--alerts").arg(&alerts).args(self.variant.arguments());
        nad.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let came = OnceLock::new();
        let time = thread::scope(|scope| -> Result<f64> {
            let reading = scope.spawn(|| read_alerts(pipe, &came));
            let begun = Instant::now();
            // From a thread of its own, which alone is bound to the CPUs.
            let started = scope.spawn(|| -> Result<Child> {
                pin_process(0, cpus)?;
                nad.spawn().context("nad can't be started")
            });
            let started = started.join().unwrap_or_else(|_| bail!("the starting thread failed"));
            let waited = started.and_then(|child| {
                let mut child = Running(child);
                let ended = lab::wait_for(PATIENCE, || {
                    Ok((came.get().is_some() || child.0.try_wait()?.is_some()).then_some(()))
                })?;
                ensure!(ended.is_some(), "nad gave no alert within {} s", PATIENCE.as_secs());
                child.end()
            });
            // An empty line ends the reading.
            writeln!(end).context("a pipe can't be written to")?;
            reading.join().unwrap_or_else(|_| bail!("the reading thread failed"))?;
            waited?;
            let came = came.get().context("nad ended without an alert")?;
            Ok(came.duration_since(begun).as_secs_f64() * 1e3)
        });
        std::fs::remove_file(&alerts).context("a pipe can't be removed")?;
        time
    }
}

/// Notes when the first alert comes, and reads all others: a full pipe would stop nad.
fn read_alerts(pipe: File, came: &OnceLock<Instant>) -> Result<()> {
    for line in BufReader::new(pipe).lines() {
        if line.context("a pipe can't be read")?.is_empty() {
            break;
        }
        came.get_or_init(Instant::now);
    }
    Ok(())
}

/// A process that does not outlive this.
struct Running(Child);

impl Running {
    /// Ctrl-C, where it still runs.
    fn end(&mut self) -> Result<()> {
        if self.0.try_wait()?.is_none() {
            let id = libc::pid_t::try_from(self.0.id()).context("a process id")?;
            // SAFETY: the process is our own child and not waited for yet.
            ensure!(unsafe { libc::kill(id, libc::SIGINT) } == 0, "nad can't be interrupted");
        }
        let ended = lab::wait_for(PATIENCE, || Ok(self.0.try_wait()?))?;
        ensure!(ended.is_some(), "nad did not end within {} s", PATIENCE.as_secs());
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
