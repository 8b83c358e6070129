//! Booting a guest, and what it says on its serial console.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// Several times what a guest takes on a machine that does nothing else.
const DEADLINE: Duration = Duration::from_secs(600);
/// The guest's last word.
pub(super) const END: &str = "@ end";

/// What a guest said, and whether it came to its end.
pub(super) struct Said {
    pub(super) lines: Vec<String>,
    pub(super) ended: bool,
    pub(super) took: Duration,
}

impl Said {
    /// The last lines, for whom it did not end as it should.
    pub(super) fn tail(&self) -> String {
        let from = self.lines.len().saturating_sub(30);
        self.lines[from..].join("\n")
    }
}

/// Boots a kernel without any hardware help, and waits until it has powered itself off or its time is over.
pub(super) fn boot(image: &Path, initramfs: &Path) -> Result<Said> {
    let start = Instant::now();
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"])
        .args(["-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", "console=ttyS0 quiet loglevel=4 panic=-1 random.trust_cpu=on"]);
    let mut guest = qemu
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("can't start qemu-system-x86_64")?;
    let (sender, receiver) = channel();
    let outputs: [Box<dyn std::io::Read + Send>; 2] = [
        Box::new(guest.stdout.take().context("the guest has no console")?),
        Box::new(guest.stderr.take().context("qemu has no standard error")?),
    ];
    let readers = outputs.map(|output| {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
            let _ =
                lines.try_for_each(|line| sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()));
        })
    });
    drop(sender);
    let mut said = Said { lines: Vec::new(), ended: false, took: Duration::ZERO };
    loop {
        match receiver.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
            Ok(line) => {
                said.ended |= line == END;
                said.lines.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                guest.kill().context("the guest can't be ended")?;
                break;
            }
        }
    }
    guest.wait().context("the guest's end can't be seen")?;
    drop(readers);
    said.took = start.elapsed();
    Ok(said)
}
