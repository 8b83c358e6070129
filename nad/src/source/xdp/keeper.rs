//! A process of its own that attaches the programs, and keeps them attached as interfaces come and go.
//!
//! nad keeps no capability once it reads packets, and attaching takes two. This process keeps these and nothing else: it
//! has no files, no other sockets than netlink, and few system calls. It is asked once to begin, and hears nothing else from
//! nad but its end, however that comes; then it detaches, removes what would outlive it, and ends.

mod process;
mod state;

use std::{
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use nix::{
    sys::wait::waitpid,
    unistd::{ForkResult, Pid, fork},
};
use serde::{Deserialize, Serialize};

use super::{Directions, XdpError, XdpMode, programs::Programs};
use crate::{
    interface::Selection,
    sensor::{self, Watched},
};

/// What is watched, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watching {
    /// The interfaces.
    pub selection: Selection,
    /// Which of their packets.
    pub directions: Directions,
    /// How to attach to what is received.
    pub mode: XdpMode,
}

/// What the process says, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Said {
    Info(String),
    Warning(String),
    /// The interfaces that are watched or were, each with whether packets can come.
    Interfaces(Vec<(String, bool)>),
    /// The interfaces that programs are attached to, and how.
    Attached(Vec<Watched>),
    /// The parts of its sandbox that are missing.
    Unconfined(Vec<String>),
    /// Everything is attached.
    Ready,
    /// Something that was named is not; it ends.
    Failed(String),
}

/// nad's end of a process that has not been asked to attach yet, or has just done so.
#[derive(Debug)]
pub struct Keeper {
    /// Its end is what the process waits for.
    told: PipeWriter,
    said: BufReader<PipeReader>,
    process: Pid,
    interfaces: Vec<(String, bool)>,
    unconfined: Vec<String>,
}

impl Keeper {
    /// Starts it. nad must have one thread.
    pub(super) fn start(programs: &mut Programs, watching: Watching) -> io::Result<Self> {
        let (listening, told) = io::pipe()?;
        let (said, saying) = io::pipe()?;
        // SAFETY: there is no other thread whose locks the child could wait for, and it never returns from here.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                let (interfaces, unconfined) = (Vec::new(), Vec::new());
                Ok(Self { told, said: BufReader::new(said), process: child, interfaces, unconfined })
            }
            ForkResult::Child => {
                drop((told, said));
                let code = process::run(programs, watching, listening, saying);
                // SAFETY: ends the process without running what belongs to nad.
                unsafe { libc::_exit(code) }
            }
        }
    }

    /// Has it attach to everything that is there.
    ///
    /// # Errors
    ///
    /// When something that was named can't be attached to, or the process has ended.
    pub fn attach(&mut self) -> Result<(), XdpError> {
        self.told.write_all(b"\n").map_err(|_| XdpError::Detached)?;
        loop {
            match next(&mut self.said) {
                Some(Said::Ready) => return Ok(()),
                Some(Said::Failed(reason)) => return Err(XdpError::Keeper(reason)),
                Some(Said::Interfaces(interfaces)) => self.interfaces = interfaces,
                Some(Said::Attached(interfaces)) => sensor::note_interfaces(interfaces),
                Some(Said::Unconfined(missing)) => self.unconfined = missing,
                Some(said) => tell(&said),
                None => return Err(XdpError::Detached),
            }
        }
    }

    /// The parts of its sandbox that are missing, each with its reason; known once it has attached.
    pub fn unconfined(&self) -> &[String] {
        &self.unconfined
    }

    /// Goes on listening, on a thread of its own; `note` gets the interfaces, now and whenever that changes.
    ///
    /// # Errors
    ///
    /// When there can't be one more thread.
    pub fn follow(self, note: impl Fn(Vec<(String, bool)>) + Send + 'static) -> io::Result<Kept> {
        let Self { told, mut said, process, interfaces, .. } = self;
        let [is_lost, is_ending] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let thread = {
            let (is_lost, is_ending) = (Arc::clone(&is_lost), Arc::clone(&is_ending));
            thread::Builder::new().name("nad-interfaces".into()).spawn(move || {
                note(interfaces);
                while let Some(said) = next(&mut said) {
                    match said {
                        Said::Interfaces(interfaces) => note(interfaces),
                        Said::Attached(interfaces) => sensor::note_interfaces(interfaces),
                        said => tell(&said),
                    }
                }
                is_lost.store(!is_ending.load(Relaxed), Relaxed);
            })?
        };
        Ok(Kept { told, thread, is_lost, is_ending, process })
    }
}

/// The same once everything is attached.
#[derive(Debug)]
pub struct Kept {
    told: PipeWriter,
    thread: JoinHandle<()>,
    is_lost: Arc<AtomicBool>,
    is_ending: Arc<AtomicBool>,
    process: Pid,
}

impl Kept {
    /// Whether the process has ended, though nobody asked it to.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }

    /// Has it detach from every interface, and waits until it has.
    pub fn finish(self) {
        self.is_ending.store(true, Relaxed);
        drop(self.told);
        let _ = self.thread.join();
        let _ = waitpid(self.process, None);
    }
}

/// What it says next; nothing once it has ended.
fn next(said: &mut impl BufRead) -> Option<Said> {
    let mut line = String::new();
    match said.read_line(&mut line) {
        Ok(1..) => serde_json::from_str(&line).ok(),
        _ => None,
    }
}

fn tell(said: &Said) {
    match said {
        Said::Info(line) => tracing::info!("{line}"),
        Said::Warning(line) | Said::Failed(line) => tracing::warn!("{line}"),
        Said::Interfaces(_) | Said::Attached(_) | Said::Unconfined(_) | Said::Ready => {}
    }
}

/// A line more of what the process says.
fn say(saying: &mut PipeWriter, said: &Said) {
    let Ok(mut line) = serde_json::to_vec(said) else { return };
    line.push(b'\n');
    // A reader that is gone gets no report.
    let _ = saying.write_all(&line);
}
