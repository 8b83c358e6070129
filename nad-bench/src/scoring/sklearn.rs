//! scikit-learn's isolation forest, in a Python of its own that scores whenever it is asked.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use nad_engine::model::matrix::Matrix;
use tempfile::TempDir;

const SCRIPT: &str = include_str!("sklearn.py");
const PYTHON: &str = "python3";
/// Other libraries' threads would be no single core.
const ONE_THREAD: [&str; 3] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"];

pub(super) struct Sklearn {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(super) version: String,
    /// The rows lie here.
    _folder: TempDir,
}

impl Sklearn {
    /// Trains it on some rows, to score others; the inner `Err` is the reason why there is none.
    pub(super) fn start(trained: &Matrix, scored: &Matrix) -> Result<Result<Self, String>> {
        let has_it = Command::new(PYTHON).args(["-c", "import numpy, sklearn"]).output();
        if !has_it.is_ok_and(|output| output.status.success()) {
            return Ok(Err(format!("{PYTHON} with numpy and scikit-learn is not installed")));
        }
        let folder = tempfile::tempdir().context("no folder can be made for scikit-learn's rows")?;
        let [trained_file, scored_file] = ["trained.f32", "scored.f32"].map(|name| folder.path().join(name));
        write(&trained_file, trained)?;
        write(&scored_file, scored)?;
        let mut process = Command::new(PYTHON)
            .args(["-c", SCRIPT, &trained.columns().to_string()])
            .args([&trained_file, &scored_file])
            .envs(ONE_THREAD.map(|name| (name, "1")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {PYTHON}"))?;
        let ask = process.stdin.take().context("there is no pipe to scikit-learn")?;
        let answers = BufReader::new(process.stdout.take().context("there is no pipe from scikit-learn")?);
        let mut started = Self { process, ask, answers, version: String::new(), _folder: folder };
        started.version = started.answer()?;
        Ok(Ok(started))
    }

    /// The time that it needs for all rows.
    pub(super) fn seconds(&mut self) -> Result<f64> {
        writeln!(self.ask, "score").context("scikit-learn's process has ended")?;
        let answer = self.answer()?;
        answer.parse().with_context(|| format!("scikit-learn's process says '{answer}', which is no time"))
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("scikit-learn's process can't be read")?;
        ensure!(line.ends_with('\n'), "scikit-learn's process ended without an answer");
        Ok(line.trim().to_owned())
    }
}

impl Drop for Sklearn {
    fn drop(&mut self) {
        // It has nothing to lose, and may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write(path: &Path, rows: &Matrix) -> Result<()> {
    let bytes: Vec<u8> = rows.rows().flatten().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
}
