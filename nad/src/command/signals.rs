//! Ctrl-C, SIGTERM, SIGHUP, and SIGUSR1.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::reopen;

/// The signals that ask nad to end.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Takes both over from the system's default, which would end the process at once; and SIGUSR1, at which files
    /// are opened anew.
    pub(super) fn install() -> io::Result<Self> {
        reopen_at_signal()?;
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for either.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signal that asks nad to read its settings again.
pub(super) struct ReloadSignal(Signal);

impl ReloadSignal {
    /// Takes it over from the system's default, which would end the process.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for it.
    pub(super) async fn received(&mut self) {
        self.0.recv().await;
    }
}

fn reopen_at_signal() -> io::Result<()> {
    let mut user = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while user.recv().await.is_some() {
            reopen::request();
            // With this line the log file is, without waiting for another.
            tracing::info!("SIGUSR1: log, alert and incident files are opened anew");
        }
    });
    Ok(())
}
