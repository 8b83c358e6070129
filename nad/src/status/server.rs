//! The socket, and the thread that answers there.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use nad_engine::ledger::Tally;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::{Semaphore, oneshot},
};

use super::{
    Board, REQUEST,
    client::{self, AskError},
    gather::{Gatherer, SAMPLE_EVERY},
};
use crate::{files, source::SourceReader, text};

/// Who may connect: the sensor's user and group.
const MODE: u32 = 0o660;
/// Those who are answered at a time; others are hung up on.
const MOST_CLIENTS: usize = 8;
/// How long the request and the answer may take together.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited where a connection can't be taken, because there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A sensor that runs has it.
    #[error("status socket {}: {} answers there; name another one with --status-socket or `socket` of [status]", text::path(.1), .0)]
    InUse(String, PathBuf),
    /// Something else is there.
    #[error("status socket {}: there is a file that is no socket; name another one with --status-socket or `socket` of [status]", text::path(.0))]
    NoSocket(PathBuf),
    /// It can't be made.
    #[error("status socket {}: {}; name another one with --status-socket or `socket` of [status]", text::path(.0), .1)]
    Refused(PathBuf, io::Error),
}

/// A socket that this process has, removed with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    place: Bound,
}

/// The socket's file, removed where it is still this one.
#[derive(Debug)]
struct Bound {
    path: PathBuf,
    identity: (u64, u64),
}

impl Listener {
    /// Takes the place. The socket of a sensor that was killed makes way; that of one that runs does not.
    ///
    /// # Errors
    ///
    /// See [`StatusError`].
    pub fn bind(path: &Path) -> Result<Self, StatusError> {
        let refused = |cause: io::Error| StatusError::Refused(path.into(), cause);
        // Directories on the way are made, and links there are followed where only root or nad's user made them.
        files::Place::make(path).map_err(refused)?;
        make_way(path)?;
        let socket = UnixListener::bind(path).map_err(refused)?;
        let metadata = fs::symlink_metadata(path).map_err(refused)?;
        let place = Bound { path: path.into(), identity: (metadata.dev(), metadata.ino()) };
        fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(refused)?;
        if let Some(group) = files::policy().group {
            chown(path, None, Some(group)).map_err(refused)?;
        }
        socket.set_nonblocking(true).map_err(refused)?;
        Ok(Self { socket, place })
    }

    /// Answers from now on. Whoever starts it gives up privileges before, so that the thread has none.
    ///
    /// # Errors
    ///
    /// When the thread can't be started.
    pub fn serve(self, tally: Arc<Tally>, source: SourceReader, board: Board) -> Result<Server, StatusError> {
        let Self { socket, place } = self;
        let refused = |cause| StatusError::Refused(place.path.clone(), cause);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::UnixListener::from_std(socket).map_err(refused)?
        };
        let (stop, stopped) = oneshot::channel();
        let gatherer = Gatherer::new(tally, source, board);
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    // It never ends by itself.
                    () = answer_all(listener, gatherer) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("nad-status".into()).spawn(serve).map_err(refused)?;
        tracing::info!("status at {}", text::path(&place.path));
        Ok(Server { stop: Some(stop), thread: Some(thread), _place: place })
    }
}

/// What answers, as long as there is this.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _place: Bound,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so, and nothing depends on it.
            let _ = thread.join();
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let is_there = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_there)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("status socket {} stays: {error}", text::path(&self.path));
        }
    }
}

/// Removes the socket of a sensor that was killed.
fn make_way(path: &Path) -> Result<(), StatusError> {
    let refused = |cause: io::Error| StatusError::Refused(path.into(), cause);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(StatusError::NoSocket(path.into())),
        Ok(_) => {}
    }
    match client::ask(path) {
        Ok(report) => {
            let who = format!("sensor {} (process {})", text::escaped(&report.sensor), report.process);
            Err(StatusError::InUse(who, path.into()))
        }
        Err(AskError::Nobody(..)) => fs::remove_file(path).map_err(refused),
        Err(_) => Err(StatusError::InUse("another program".into(), path.into())),
    }
}

/// Answers whoever comes. It never ends.
async fn answer_all(listener: tokio::net::UnixListener, mut gatherer: Gatherer) {
    let room = Arc::new(Semaphore::new(MOST_CLIENTS));
    let mut sample = tokio::time::interval(SAMPLE_EVERY);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = sample.tick() => {
                gatherer.sample();
                continue;
            }
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // One more than there is room for is hung up on.
        let Ok(seat) = Arc::clone(&room).try_acquire_owned() else { continue };
        let answer = gatherer.report().map_or_else(
            |error| serde_json::json!({ "error": error }).to_string(),
            // Strings, numbers and lists of them: serialising them can't fail.
            |report| serde_json::to_string(&report).unwrap_or_default(),
        );
        tokio::spawn(async move {
            // What becomes of it concerns only who asked.
            let _ = tokio::time::timeout(PATIENCE, converse(stream, answer)).await;
            drop(seat);
        });
    }
}

async fn converse(mut stream: UnixStream, answer: String) -> io::Result<()> {
    let mut asked = [0; REQUEST.len()];
    stream.read_exact(&mut asked).await?;
    if asked != *REQUEST.as_bytes() {
        stream.write_all(b"{\"error\":\"ask for status in a line\"}\n").await?;
        return Ok(());
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(b"\n").await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
