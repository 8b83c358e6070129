//! Tells whoever asks over a Unix socket what the sensor is doing.

mod settings;

use std::{any::Any, path::PathBuf, sync::Arc};

use nad_engine::{detector::Event, ledger::Tally};

use super::{Done, Failure, Interests, Service, Sink, SinkConfig, reopen::Earlier};
use crate::{
    sandbox::{Needs, SocketNeed},
    source::SourceReader,
    status::{Board, Listener, STATUS},
};
pub use settings::StatusSection;

/// Where the status is told, and what the sink and the thread that tells it share.
#[derive(Debug, Clone)]
pub struct StatusOutput {
    /// The socket.
    pub socket: PathBuf,
    /// Whether a setting names it: then it has to be there.
    pub is_named: bool,
    /// What the sink is told.
    pub board: Board,
}

impl SinkConfig for StatusOutput {
    fn kind(&self) -> &'static str {
        STATUS
    }

    /// It goes on whatever the settings, which are the socket's.
    fn identity(&self) -> String {
        String::new()
    }

    fn is_destination(&self) -> bool {
        false
    }

    fn need(&self, needs: &mut Needs) {
        needs.accepts = true;
        let directory = self.socket.parent().map(Into::into).unwrap_or_default();
        needs.sockets.push(SocketNeed { directory, is_named: self.is_named });
    }

    fn fixed(&self) -> Option<(&'static str, String)> {
        Some(("where the sensor tells its status ([status])", format!("{:?}", self.socket)))
    }

    fn open(&self, _: Earlier) -> anyhow::Result<Box<dyn Sink>> {
        Ok(Box::new(StatusSink(self.board.clone())))
    }

    fn listen(&self, is_count: bool) -> anyhow::Result<Option<Box<dyn Service>>> {
        if is_count {
            // It ends by itself.
            return Ok(None);
        }
        match Listener::bind(&self.socket) {
            Ok(listener) => Ok(Some(Box::new(Bound { listener, board: self.board.clone() }))),
            Err(error) if self.is_named => Err(error.into()),
            Err(error) => {
                tracing::info!("nad status can't ask this sensor: {error}");
                Ok(None)
            }
        }
    }
}

/// A socket that was taken.
struct Bound {
    listener: Listener,
    board: Board,
}

impl Service for Bound {
    fn serve(self: Box<Self>, tally: Arc<Tally>, source: SourceReader) -> anyhow::Result<Box<dyn Any>> {
        Ok(Box::new(self.listener.serve(tally, source, self.board)?))
    }
}

/// Keeps in mind what events tell.
#[derive(Debug)]
struct StatusSink(Board);

impl Sink for StatusSink {
    fn name(&self) -> String {
        STATUS.into()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, updates: true, seconds: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        self.0.note(events);
        Ok(Done::all(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_no_setting_names_may_be_missing_and_one_that_is_named_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("file");
        std::fs::write(&socket, "").unwrap();
        let output = |is_named| StatusOutput { socket: socket.clone(), is_named, board: Board::default() };
        assert!(output(false).listen(false).unwrap().is_none());
        let error = output(true).listen(false).err().unwrap().to_string();
        assert!(error.contains("no socket"), "{error}");
        assert!(
            output(true).listen(true).unwrap().is_none(),
            "a fixed number of packets is over before anybody asks"
        );
    }
}
