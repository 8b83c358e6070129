//! Starting other programs, and saying so.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// The workspace's directory.
pub(crate) fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Cargo's directory for what it builds, which the environment or a configuration file may have moved.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version=1"]);
    let metadata: serde_json::Value =
        serde_json::from_str(&output(&mut command)?).context("cargo metadata printed no JSON")?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(target.into())
}

/// The cargo that started this program, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    // The calling cargo names the package that it runs. Where build scripts look, that would have a cargo of here compile
    // anew what one started by hand has compiled, and the other way round.
    for (name, _) in env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    }) {
        command.env_remove(name);
    }
    command
}

/// Builds a package's program of the same name, and tells where it is.
pub(crate) fn build(package: &str, profile: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", profile, "--package", package, "--bin", package]);
    run(&mut command)?;
    // A second, finished build says where the program is, whatever the configuration.
    command.args(["--quiet", "--message-format=json"]);
    let messages = output(&mut command)?;
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(Path::new(message["executable"].as_str()?).to_owned())
    });
    executable.with_context(|| format!("cargo build --bin {package} named no program"))
}

/// Prints a command, runs it, and makes an error of its failure.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| format!("can't start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs a command for its standard output; its standard error goes to ours.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("can't start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed ({})", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", name(command)))
}

/// Whether a command can be started and succeeds; nothing of it is seen.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Prints a command as one would type it, to standard error.
pub(crate) fn announce(command: &Command) {
    eprintln!("+ {}", shown(command));
}

/// The program of this name on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that runs `program` as root with the variables whose names `keep` accepts, as far as they are set.
pub(crate) fn sudo(program: &Path, keep: impl Fn(&str) -> bool) -> Command {
    let kept: Vec<String> =
        env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| keep(name)).collect();
    let mut command = Command::new("sudo");
    if !kept.is_empty() {
        command.arg(format!("--preserve-env={}", kept.join(",")));
    }
    command.arg("--").arg(program);
    command
}

/// `program` with its arguments, and the variables set for it alone.
pub(crate) fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        // Flags, separated by a character that no terminal shows.
        let value = value?.to_string_lossy().replace('\x1f', " ");
        (name != OsStr::new("PATH")).then(|| format!("{}={}", name.to_string_lossy(), quoted(&value)))
    });
    // The calling cargo goes by its full path, which nobody would type.
    let is_cargo = env::var_os("CARGO").is_some_and(|cargo| command.get_program() == cargo);
    let program = if is_cargo { OsStr::new("cargo") } else { command.get_program() };
    let words = [program].into_iter().chain(command.get_args()).map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    match command.get_args().next() {
        Some(first) => format!("{name} {}", first.to_string_lossy()),
        None => name.into_owned(),
    }
}
