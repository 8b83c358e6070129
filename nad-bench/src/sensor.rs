//! The sensor as a program: started on a CPU of its own, watched from outside, and ended with its ledger.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    mem::offset_of,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::{
    maps::{MapData, MapInfo, MapType},
    programs::loaded_programs,
    util::nr_cpus,
};
use nad_common::{counters::KernelCounters, settings::COUNTERS_MAP};
use tempfile::TempDir;

use crate::{
    Options,
    bpf::Map,
    lab::{self, Cable},
    measure::pin_process,
    process,
    subject::Variant,
};

const STARTED: &str = "Starting packet capture…";
const LEARNT: &str = "baseline learnt";
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has something to do, and how much of that time it may work and count as idle.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const IDLE_SHARE: f64 = 0.3;
const IDLE_LOOKS: u32 = 4;

/// `nad run`, killed where it is not ended.
pub(crate) struct Sensor {
    process: Child,
    folder: TempDir,
    counters: Counters,
}

/// The map of the counters of any build of nad: their number and the size of an element differ, but what is needed of them has
/// always been at the element's begin.
struct Counters {
    map: Map,
    elements: u32,
    layout: Layout,
}

/// What the kernel writes of an element: one value, or one for each CPU that there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    value_bytes: usize,
    values: usize,
}

impl Layout {
    fn of(kind: MapType, value_size: u32, cpus: usize) -> Result<Self> {
        let value_bytes = value_size as usize;
        match kind {
            MapType::Array => Ok(Self { value_bytes, values: 1 }),
            // Each of them begins at a multiple of eight.
            MapType::PerCpuArray => Ok(Self { value_bytes: value_bytes.next_multiple_of(8), values: cpus }),
            other => bail!("nad's counters are in a map of another kind: {other:?}"),
        }
    }

    fn bytes(self) -> usize {
        self.value_bytes * self.values
    }
}

/// What a kernel program has counted so far, in packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) seen: u64,
    pub(crate) recorded: u64,
}

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The ledger, in its own words.
    pub(crate) ledger: String,
    /// Why it is not as it should be.
    pub(crate) failure: Option<String>,
}

impl Ended {
    /// A count of the ledger's, 0 where it is not in it.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let words: Vec<&str> = self.ledger.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        let place = words.iter().position(|word| *word == name);
        place.and_then(|place| words.get(place + 1)?.parse().ok()).unwrap_or(0)
    }
}

impl Sensor {
    /// Starts it on the receiving end of a cable, in this thread's network, and waits until it captures.
    pub(crate) fn start(
        options: &Options,
        variant: Variant<'_>,
        cable: &Cable,
        settings: &str,
        arguments: &[String],
    ) -> Result<Self> {
        let folder = tempfile::tempdir_in(&options.out).context("no folder can be made for nad")?;
        fs::write(folder.path().join("nad.toml"), settings).context("nad.toml can't be written")?;
        let mut nad = process::nad(&variant.program.path, folder.path());
        nad.args(["run", "--iface", &cable.receiver_name, "--direction", "ingress", "--xdp-mode", "native"]);
        nad.args(["--log", "none"]).args(variant.arguments()).args(arguments);
        let process = start_on(&variant.cpus(&options.cpus), &mut nad, &folder)?;
        let mut sensor = Starting { process: Some(process), folder: Some(folder) };
        let started = sensor.wait_for(STARTED, PATIENCE)?;
        let said = sensor.said();
        ensure!(started, "nad did not start within {} s:\n{said}", PATIENCE.as_secs());
        let counters = counters_of(cable)?;
        sensor.into_sensor(counters)
    }

    /// Whether its baseline has been learnt.
    pub(crate) fn has_learnt(&self) -> bool {
        self.said().contains(LEARNT)
    }

    /// What its kernel program has counted so far.
    pub(crate) fn counted(&self) -> Result<Counted> {
        let Counters { map, elements, layout } = &self.counters;
        let mut sum = Counted::default();
        for place in 0..*elements {
            let element = map.element(place, layout.bytes()).context("nad's counters can't be read")?;
            for value in element.chunks_exact(layout.value_bytes) {
                sum.add(value)?;
            }
        }
        Ok(sum)
    }

    /// Waits until it has nothing to do; gives the seconds until then, or `None` where that takes too long.
    pub(crate) fn wait_until_idle(&self, patience: Duration) -> Result<Option<f64>> {
        let begun = Instant::now();
        let mut before = (Instant::now(), self.worked_ns()?);
        let (mut looks, mut idle_since) = (0, 0.0);
        while begun.elapsed() < patience {
            thread::sleep(LOOK_EVERY);
            let now = (Instant::now(), self.worked_ns()?);
            let share = (now.1 - before.1) as f64 / (now.0 - before.0).as_nanos() as f64;
            before = now;
            if share > IDLE_SHARE {
                looks = 0;
                continue;
            }
            if looks == 0 {
                idle_since = begun.elapsed().as_secs_f64();
            }
            looks += 1;
            if looks == IDLE_LOOKS {
                return Ok(Some((idle_since - LOOK_EVERY.as_secs_f64()).max(0.0)));
            }
        }
        Ok(None)
    }

    /// Time that its threads have been running on a CPU.
    fn worked_ns(&self) -> Result<u64> {
        Ok(self.threads_ns()?.values().sum())
    }

    /// The same by the threads' names, without a number at their end (/proc/PID/task/TID/schedstat).
    pub(crate) fn threads_ns(&self) -> Result<BTreeMap<String, u64>> {
        let tasks = format!("/proc/{}/task", self.process.id());
        let mut sums = BTreeMap::new();
        for task in fs::read_dir(&tasks).with_context(|| format!("nad has ended: {tasks} can't be read"))? {
            // A thread may end meanwhile.
            let read = |file: &str, task: &Path| fs::read_to_string(task.join(file)).unwrap_or_default();
            let task = task?.path();
            let ns = read("schedstat", &task).split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok());
            let name = read("comm", &task)
                .trim()
                .trim_end_matches(|c: char| c == '-' || c.is_ascii_digit())
                .to_owned();
            *sums.entry(name).or_default() += ns.unwrap_or(0);
        }
        Ok(sums)
    }

    fn said(&self) -> String {
        said(&self.folder)
    }

    /// Ctrl-C, and what follows.
    pub(crate) fn end(mut self) -> Result<Ended> {
        let id = libc::pid_t::try_from(self.process.id()).context("a process id")?;
        // SAFETY: the process is our own child and not waited for yet.
        ensure!(unsafe { libc::kill(id, libc::SIGINT) } == 0, "nad can't be interrupted");
        let status = lab::wait_for(PATIENCE, || Ok(self.process.try_wait()?))?;
        let said = self.said();
        let ledger = said.lines().filter_map(|line| line.strip_prefix("ledger: ")).next_back();
        let failure = match (status, ledger) {
            (None, _) => Some(format!("nad did not end within {} s", PATIENCE.as_secs())),
            (Some(status), _) if !status.success() => {
                Some(format!("nad failed ({status}): {}", said.lines().next_back().unwrap_or_default()))
            }
            (_, None) => Some("nad printed no ledger".to_owned()),
            _ => None,
        };
        Ok(Ended { ledger: ledger.unwrap_or_default().to_owned(), failure })
    }
}

impl Counted {
    /// Adds those at the begin of a value of the map, as in [`KernelCounters`].
    fn add(&mut self, element: &[u8]) -> Result<()> {
        let at = |place: usize| -> Result<u64> {
            let bytes = element.get(place..).and_then(<[u8]>::first_chunk);
            Ok(u64::from_ne_bytes(*bytes.context("an element of nad's counters is too short")?))
        };
        self.seen += at(offset_of!(KernelCounters, seen))?;
        self.recorded += at(offset_of!(KernelCounters, recorded))?;
        Ok(())
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It has ended already, unless something failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What has not said yet that it captures.
struct Starting {
    process: Option<Child>,
    folder: Option<TempDir>,
}

impl Starting {
    fn said(&self) -> String {
        self.folder.as_ref().map(said).unwrap_or_default()
    }

    fn wait_for(&mut self, words: &str, patience: Duration) -> Result<bool> {
        let there = lab::wait_for(patience, || {
            if self.said().contains(words) {
                return Ok(Some(()));
            }
            match self.process.as_mut().map(Child::try_wait).transpose()?.flatten() {
                Some(status) => bail!("nad ended ({status}):\n{}", self.said()),
                None => Ok(None),
            }
        })?;
        Ok(there.is_some())
    }

    fn into_sensor(mut self, counters: Counters) -> Result<Sensor> {
        let process = self.process.take().context("there is no process")?;
        let folder = self.folder.take().context("there is no folder")?;
        Ok(Sensor { process, folder, counters })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Starts a program from a thread that stays on these CPUs, as then all of its own do.
fn start_on(cpus: &[usize], command: &mut Command, folder: &TempDir) -> Result<Child> {
    let file = |name: &str| -> Result<File> {
        File::create(folder.path().join(name)).context("what nad says can't be kept")
    };
    command.stdin(Stdio::null()).stdout(file("nad.out")?).stderr(file("nad.err")?);
    let start = || -> Result<Child> {
        pin_process(0, cpus)?;
        command.spawn().context("nad can't be started")
    };
    thread::scope(|scope| scope.spawn(start).join().unwrap_or_else(|_| bail!("the starting thread failed")))
}

fn said(folder: &TempDir) -> String {
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    read("nad.out") + &read("nad.err")
}

/// The counters of the program that is attached to the receiving end of a cable.
fn counters_of(cable: &Cable) -> Result<Counters> {
    let mut ip = Command::new("ip");
    let output =
        ip.args(["-j", "link", "show", "dev", &cable.receiver_name]).output().context("can't start ip")?;
    let links: serde_json::Value = serde_json::from_slice(&output.stdout).context("ip printed no JSON")?;
    let id = links[0]["xdp"]["prog"]["id"].as_u64().context("no program is attached")?;
    for program in loaded_programs() {
        let program = program.context("the kernel's programs can't be listed")?;
        if u64::from(program.id()) != id {
            continue;
        }
        for map in program.map_ids().context("nad's maps can't be listed")?.unwrap_or_default() {
            let info = MapInfo::from_id(map).context("nad's maps can't be listed")?;
            if info.name_as_str() == Some(COUNTERS_MAP) {
                let data = MapData::from_id(map).context("nad's counters can't be opened")?;
                let kind = info.map_type().context("a map of this kind is not known")?;
                let cpus =
                    nr_cpus().map_err(|(path, error)| anyhow::anyhow!("can't read {path}: {error}"))?;
                let layout = Layout::of(kind, info.value_size(), cpus)?;
                return Ok(Counters { map: Map::of(data.fd())?, elements: info.max_entries(), layout });
            }
        }
    }
    bail!("the program {id} at {} has no map {COUNTERS_MAP}", cable.receiver_name)
}

/// A pipe with a name in nad's way, which it takes for a file to write to.
pub(crate) fn make_pipe(path: &PathBuf) -> Result<File> {
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the name ends in a zero.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    ensure!(result == 0, "{} can't be made: {}", path.display(), std::io::Error::last_os_error());
    // For both, so that opening waits for nobody and there is no end while nad is not there.
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("can't open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_another_layout_are_read_by_what_all_begin_with() {
        let mut counted = Counted::default();
        let own = KernelCounters { seen: 7, recorded: 5, ring_full: 2, ..KernelCounters::default() };
        counted.add(bytemuck::bytes_of(&own)).unwrap();
        // 2ca686a: seen, egress, recorded, thinned, ring_full, and seven more.
        let old: Vec<u8> =
            [3_u64, 1, 2, 1, 0].into_iter().flat_map(u64::to_ne_bytes).chain([0; 256]).collect();
        counted.add(&old).unwrap();
        assert_eq!(counted, Counted { seen: 10, recorded: 7 });
        assert!(counted.add(&old[..8]).is_err(), "too short");
    }

    #[test]
    fn there_is_room_for_what_the_kernel_writes_of_each_cpu() {
        let bytes = |kind| Layout::of(kind, 100, 4).map(Layout::bytes);
        assert_eq!(bytes(MapType::Array).unwrap(), 100);
        assert_eq!(bytes(MapType::PerCpuArray).unwrap(), 4 * 104);
        assert!(bytes(MapType::Hash).unwrap_err().to_string().contains("Hash"));
    }
}
