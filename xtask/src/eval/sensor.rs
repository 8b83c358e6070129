//! The sensor as a command: built, run with nothing but what it is told, and measured.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use procfs::{FromRead as _, process::Status};
use serde::Serialize;

use super::settings::Length;
use crate::{run, shell};

/// How often the memory of a running sensor is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Lines of what a failed sensor said that are repeated.
const LAST_LINES: usize = 10;

pub(super) struct Sensor {
    program: PathBuf,
    /// Where it runs, so that no `nad.toml` of someone else's is read.
    folder: PathBuf,
    /// Runs that have begun: several may go on at a time.
    runs: AtomicUsize,
}

/// A run that may have failed.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// What it wrote to standard error.
    pub(super) said: String,
    cost: Cost,
}

/// What a run took.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    /// Bytes of memory in use at once, as last looked at; what is allocated in the last moments is missed.
    pub(super) peak_memory: u64,
}

/// What a replay scores with.
pub(super) enum Model<'a> {
    /// One trained on the capture's beginning.
    Own {
        train_for: Length,
        without: Option<&'a str>,
    },
    Saved(&'a Path),
}

impl Sensor {
    /// Takes this program, or builds the one that stands here. `folder` must be there.
    pub(super) fn new(program: Option<&Path>, folder: &Path) -> Result<Self> {
        let program = match program {
            Some(program) => program.to_owned(),
            None => run::build()?,
        };
        let absolute =
            |path: &Path| path.canonicalize().with_context(|| format!("can't find {}", path.display()));
        Ok(Self { program: absolute(&program)?, folder: absolute(folder)?, runs: AtomicUsize::new(0) })
    }

    /// What it calls itself: `nad 0.1.0`.
    pub(super) fn version(&self) -> Result<String> {
        Ok(shell::output(&mut self.command("--version", []))?.trim().to_owned())
    }

    /// The features of each view.
    pub(super) fn features(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let list = shell::output(&mut self.command("features", ["--list".as_ref()]))?;
        serde_json::from_str(&list).with_context(|| {
            format!("nad features --list printed no JSON object of lists of names: {}", list.trim())
        })
    }

    /// Writes the features of every packet to a file.
    pub(super) fn export(&self, capture: &Path, out: &Path) -> Result<Cost> {
        self.run(self.command("features", [capture, "--out".as_ref(), out]).args(["--log", "none"]))
    }

    pub(super) fn train(
        &self,
        capture: &Path,
        train_for: Length,
        seed: u64,
        without: Option<&str>,
        out: &Path,
    ) -> Result<Cost> {
        let command = &mut self.command("train", [capture, "--out".as_ref(), out]);
        add_training(command, train_for, without);
        self.run(command.args(["--seed", &seed.to_string(), "--log", "none"]))
    }

    pub(super) fn replay(
        &self,
        capture: &Path,
        model: &Model<'_>,
        seed: u64,
        scores: &Path,
        incidents: &Path,
    ) -> Result<Cost> {
        let command = &mut self.command("replay", [capture]);
        add_model(command, model);
        command.args(["--seed", &seed.to_string()]).arg("--scores").arg(scores);
        self.run(command.arg("--incidents").arg(incidents).args(["--log", "none"]))
    }

    /// Replays for the incidents alone, with more arguments, whatever comes of it.
    pub(super) fn try_replay(
        &self,
        capture: &Path,
        model: &Model<'_>,
        seed: u64,
        incidents: &Path,
        more: &[&str],
    ) -> Result<Ended> {
        let command = &mut self.command("replay", [capture]);
        add_model(command, model);
        command.args(["--seed", &seed.to_string()]).arg("--incidents").arg(incidents);
        self.ended(command.args(["--log", "none"]).args(more))
    }

    fn command<const N: usize>(&self, name: &str, arguments: [&Path; N]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).arg(name).args(arguments);
        // Settings of whoever runs this are not what is measured.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("NAD_") {
                command.env_remove(name);
            }
        }
        command
    }

    fn run(&self, command: &mut Command) -> Result<Cost> {
        let Ended { status, said, cost } = self.ended(command)?;
        if !status.success() {
            let lines: Vec<&str> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            bail!("{} failed ({status}):\n{last}", shell::shown(command));
        }
        Ok(cost)
    }

    fn ended(&self, command: &mut Command) -> Result<Ended> {
        let said = self.folder.join(format!("nad-{}.stderr", self.runs.fetch_add(1, Relaxed)));
        let file = File::create(&said).with_context(|| format!("can't write {}", said.display()))?;
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        let child = child.with_context(|| format!("can't start {}", self.program.display()))?;
        let (status, peak_memory) = watch(child)?;
        let cost = Cost { seconds: begun.elapsed().as_secs_f64(), peak_memory };
        let text = fs::read(&said).with_context(|| format!("can't read {}", said.display()))?;
        fs::remove_file(&said).with_context(|| format!("can't remove {}", said.display()))?;
        Ok(Ended { status, said: String::from_utf8_lossy(&text).into_owned(), cost })
    }
}

fn add_model(command: &mut Command, model: &Model<'_>) {
    match model {
        Model::Own { train_for, without } => add_training(command, *train_for, *without),
        Model::Saved(model) => {
            command.arg("--model").arg(model);
        }
    }
}

fn add_training(command: &mut Command, train_for: Length, without: Option<&str>) {
    command.args(["--train-for", &train_for.to_string()]);
    if let Some(feature) = without {
        command.args(["--without", feature]);
    }
}

/// Waits for a process, and remembers the most memory that it said to have used.
fn watch(mut child: Child) -> Result<(ExitStatus, u64)> {
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_memory = 0;
    loop {
        if let Some(status) = child.try_wait().context("can't wait for nad")? {
            return Ok((status, peak_memory));
        }
        // A process that has ended, and is not waited for yet, has no memory to tell of.
        let kibibytes = Status::from_file(&status_file).ok().and_then(|status| status.vmhwm);
        peak_memory = kibibytes.map_or(peak_memory, |kibibytes| kibibytes * 1024);
        thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_memory_of_a_process_is_known_once_it_has_ended() {
        let child = Command::new("sleep").arg("0.5").spawn().unwrap();
        let (status, peak_memory) = watch(child).unwrap();
        assert!(status.success() && (64 << 10..1 << 30).contains(&peak_memory), "{peak_memory}");
    }

    #[test]
    fn a_sensor_that_fails_is_quoted_with_its_command() {
        let folder = tempfile::tempdir().unwrap();
        let program = shell::workspace().join("xtask/src/eval/tests/nad.sh");
        let sensor = Sensor::new(Some(&program), folder.path()).unwrap();
        let train = sensor.train(Path::new("none.pcap"), Length(1.5), 7, Some("TTL"), Path::new("a.model"));
        let error = train.unwrap_err().to_string();
        let command =
            "train none.pcap --out a.model --train-for 1500ms --without TTL --seed 7 --log none failed";
        assert!(error.contains(command) && error.ends_with("none.pcap is not there"), "{error}");
    }
}
