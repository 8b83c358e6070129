//! Test programs: built by cargo, run here, so that their tests are counted.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result};

use super::{
    PACKAGES, PROFILE,
    outcome::{Skip, Target},
};
use crate::shell;

/// Documentation tests are no programs of their own.
const TARGETS: [&str; 3] = ["--lib", "--bins", "--tests"];
/// Names the file that tests write their skips to: `nad/tests/support/skip.rs`.
pub(super) const SKIPS: &str = "NAD_TEST_SKIPS";

/// A built test program.
pub(super) struct TestProgram {
    /// How cargo is told to run it alone, without the flag `-p`.
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// The directory of its package, in which cargo would run it.
    pub(super) package: PathBuf,
}

/// Builds all of them.
pub(super) fn build() -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    for message in messages()? {
        if let (Some(program), Some(manifest), Some(true)) = (
            message["executable"].as_str(),
            message["manifest_path"].as_str(),
            message["profile"]["test"].as_bool(),
        ) {
            let package = Path::new(manifest).parent().context("a package has no directory")?.to_owned();
            let name = name(&package, &message["target"]);
            programs.push(TestProgram { name, program: program.into(), package });
        }
    }
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(programs)
}

/// A program that tests start, built as they are: alone, cargo would build it and all it needs once more, with fewer
/// features of its dependencies.
pub(crate) fn tested(name: &str) -> Result<PathBuf> {
    let is_it = |message: &serde_json::Value| {
        message["target"]["name"] == name && message["profile"]["test"].as_bool() == Some(false)
    };
    let program = messages()?
        .into_iter()
        .filter(is_it)
        .find_map(|message| Some(message["executable"].as_str()?.into()));
    program.with_context(|| format!("cargo test built no program '{name}'"))
}

/// An example, built with the features that tests have. `cargo test` would make a test program of it.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.arg("build").args(PACKAGES).args([
        PROFILE,
        "--message-format=json-render-diagnostics",
        "--example",
        name,
    ]);
    shell::announce(&cargo);
    let messages = shell::output(&mut cargo)?;
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == name).then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executable.with_context(|| format!("cargo build made no example '{name}'"))
}

/// What cargo says of all that it builds for tests.
fn messages() -> Result<Vec<serde_json::Value>> {
    let mut cargo = shell::cargo();
    cargo.arg("test").args(PACKAGES).arg(PROFILE).args(TARGETS);
    cargo.args(["--no-run", "--message-format=json-render-diagnostics"]);
    shell::announce(&cargo);
    let messages = shell::output(&mut cargo)?;
    let message = |line| serde_json::from_str(line).context("cargo test printed no JSON");
    messages.lines().map(message).collect()
}

fn name(package: &Path, target: &serde_json::Value) -> String {
    let package = package.file_name().unwrap_or_default().to_string_lossy();
    let name = target["name"].as_str().unwrap_or_default();
    match target["kind"][0].as_str() {
        Some("lib") => format!("{package} --lib"),
        Some(kind) => format!("{package} --{kind} {name}"),
        None => format!("{package} {name}"),
    }
}

impl TestProgram {
    /// Runs tests of it, and counts them; `command` starts the program, with arguments of its choice.
    pub(super) fn run(&self, mut command: Command) -> Result<Target> {
        command.current_dir(&self.package).env("CARGO_MANIFEST_DIR", &self.package);
        count(&self.name, &mut command)
    }
}

/// The documentation's tests, which cargo has to run.
pub(super) fn documentation() -> Result<Target> {
    let mut cargo = shell::cargo();
    cargo.arg("test").args(PACKAGES).args([PROFILE, "--doc", "--no-fail-fast"]);
    count("documentation", &mut cargo)
}

/// Runs a command that prints what libtest prints, shows that, and counts. Each line is shown with the name, as several
/// may run at a time.
pub(super) fn count(name: &str, command: &mut Command) -> Result<Target> {
    let skips = skips_file(name)?;
    fs::write(&skips, "").with_context(|| format!("can't write {}", skips.display()))?;
    shell::announce(command);
    let start = Instant::now();
    let mut child = command
        .env(SKIPS, &skips)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't start {}", shell::shown(command)))?;
    let mut said = Said::default();
    for line in BufReader::new(child.stdout.take().context("no pipe")?).split(b'\n') {
        let line = line.context("can't read what tests print")?;
        let line = String::from_utf8_lossy(&line);
        println!("{name}: {line}");
        said.read(&line);
    }
    let status = child.wait().context("can't wait for tests")?;
    let seconds = start.elapsed().as_secs_f64();
    let written = fs::read_to_string(&skips).with_context(|| format!("can't read {}", skips.display()))?;
    fs::remove_file(&skips).with_context(|| format!("can't remove {}", skips.display()))?;
    let skips = written.lines().map(|line| {
        let (test, reason) = line.split_once('\t').unwrap_or(("?", line));
        Skip { test: test.into(), reason: reason.into() }
    });
    let mut target = said.target(name, skips.collect(), seconds);
    if !status.success() && target.failed.is_empty() {
        target.failed.push(format!("it ended without saying which test failed ({status})"));
    }
    Ok(target)
}

/// The file that the tests of this name write their skips to.
pub(super) fn skips_file(name: &str) -> Result<PathBuf> {
    let folder = shell::target_dir()?.join("tmp");
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder.join(format!("skips-{}-{}", std::process::id(), name.replace(' ', "-"))))
}

/// What libtest has said.
#[derive(Debug, Default)]
struct Said {
    passed: usize,
    failed: BTreeSet<String>,
    has_result: bool,
    complaints: Vec<String>,
    /// Lines of a complaint that are still to be kept, once its test has panicked.
    wanted: usize,
}

/// Lines of a failure that the summary repeats: the panic's place, and what it says.
const COMPLAINT_LINES: usize = 12;

impl Said {
    fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test ")
            && let Some((test, "FAILED")) = rest.rsplit_once(" ... ")
        {
            self.failed.insert(test.to_owned());
        }
        if line.starts_with("stack backtrace:") || line.starts_with("note: run with `RUST_BACKTRACE") {
            self.wanted = 0;
        } else if line.starts_with("thread '") && line.contains(" panicked at ") {
            self.wanted = COMPLAINT_LINES;
        }
        if self.wanted > 0 {
            self.wanted -= 1;
            self.complaints.push(line.to_owned());
        }
        // One for each program, so several for the documentation.
        if let Some((_, rest)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) {
            let passed = rest.split_once(" passed").and_then(|(count, _)| count.parse().ok());
            self.passed += passed.unwrap_or(0);
            self.has_result |= passed.is_some();
        }
    }

    fn target(self, name: &str, skips: Vec<Skip>, seconds: f64) -> Target {
        let mut failed: Vec<String> = self.failed.into_iter().collect();
        if !self.has_result {
            failed.push("it ended without a result".into());
        }
        // A test may also panic on purpose.
        let complaints = if failed.is_empty() { Vec::new() } else { self.complaints };
        let mut target = Target { name: name.into(), passed: 0, failed, complaints, skips, seconds };
        // For libtest, a test that skips has passed.
        target.passed = self.passed.saturating_sub(target.skipped().len());
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, skips: &[&str]) -> Target {
        let mut said = Said::default();
        text.lines().for_each(|line| said.read(line));
        let skips = skips.iter().map(|test| Skip { test: (*test).into(), reason: "no tool".into() });
        said.target("nad --test cli", skips.collect(), 1.0)
    }

    #[test]
    fn what_libtest_says_is_counted_and_a_skip_is_no_pass() {
        let text = "
running 4 tests
test a::b ... ok
test c ... FAILED
test d ... ok
test e ... ignored, needs CAP_BPF

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        let target = said(text, &["d"]);
        assert_eq!(
            (target.passed, &target.failed[..], target.skipped().len()),
            (1, &["c".to_owned()][..], 1)
        );
        assert_eq!(target.counts().all(), 3);
    }

    #[test]
    fn a_failure_is_repeated_without_its_backtrace() {
        let panicked =
            "thread 'c' (12) panicked at nad/tests/cli.rs:9:5:\nleft: 1\nstack backtrace:\n   0: __rustc\n";
        let failed =
            said(&format!("{panicked}test c ... FAILED\ntest result: FAILED. 0 passed; 1 failed;"), &[]);
        assert_eq!(failed.complaints, ["thread 'c' (12) panicked at nad/tests/cli.rs:9:5:", "left: 1"]);
        let passed = said(&format!("{panicked}test c ... ok\ntest result: ok. 1 passed; 0 failed;"), &[]);
        assert!(passed.complaints.is_empty(), "it was to panic");
    }

    #[test]
    fn several_results_are_added_up() {
        let text = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\ntest result: ok. 5 passed; 0 failed;";
        assert_eq!(said(text, &[]).passed, 7);
    }

    #[test]
    fn a_program_that_dies_on_the_way_has_failed() {
        assert_eq!(said("test a ... ok\n", &[]).failed, ["it ended without a result"]);
    }

    #[test]
    fn a_program_is_called_what_runs_it() {
        let target = serde_json::json!({"name": "cli", "kind": ["test"]});
        assert_eq!(name(Path::new("/x/nad"), &target), "nad --test cli");
        let target = serde_json::json!({"name": "nad_common", "kind": ["lib"]});
        assert_eq!(name(Path::new("/x/nad-common"), &target), "nad-common --lib");
    }
}
