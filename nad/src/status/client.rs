//! Asking a sensor.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{REQUEST, Report, VERSION};
use crate::text;

/// How long each part of an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of the longest answer.
const LONGEST: u64 = 4 << 20;

/// Why a sensor's status is not known.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// None runs there.
    #[error(
        "no sensor answers at {} ({}): start one with nad run, or name its socket with --status-socket or `socket` of \
         [status]",
        text::path(.0), .1
    )]
    Nobody(PathBuf, io::Error),
    /// It is another user's.
    #[error("the status socket {} is closed to this user ({}): ask as root, or as a member of the socket's group", text::path(.0), .1)]
    Closed(PathBuf, io::Error),
    /// It did not answer, or not in time.
    #[error("the sensor at {} gave no answer ({}): ask again, and look at its log", text::path(.0), .1)]
    Silent(PathBuf, io::Error),
    /// It answered something else.
    #[error("{} answers, and is no sensor of this version of nad ({}): ask with the nad that runs there", text::path(.0), .1)]
    Stranger(PathBuf, String),
}

/// Asks the sensor at this socket what it is doing.
///
/// # Errors
///
/// See [`AskError`].
pub fn ask(path: &Path) -> Result<Report, AskError> {
    let mut stream = UnixStream::connect(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::PermissionDenied => AskError::Closed(path.into(), cause),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Nobody(path.into(), cause),
        _ => AskError::Silent(path.into(), cause),
    })?;
    let silent = |cause| AskError::Silent(path.into(), cause);
    stream.set_read_timeout(Some(PATIENCE)).map_err(silent)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(silent)?;
    stream.write_all(REQUEST.as_bytes()).map_err(silent)?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).map_err(silent)?;
    if answer.is_empty() {
        return Err(silent(io::Error::other("it hung up, as too many ask at once")));
    }
    let stranger = |why: String| AskError::Stranger(path.into(), text::printable(&why, 200));
    let answer: serde_json::Value =
        serde_json::from_slice(&answer).map_err(|error| stranger(error.to_string()))?;
    if let Some(error) = answer["error"].as_str() {
        return Err(silent(io::Error::other(text::printable(error, 200))));
    }
    if answer["schema"] != VERSION {
        return Err(stranger(format!("schema {}; this one knows {VERSION}", answer["schema"])));
    }
    serde_json::from_value(answer).map_err(|error| stranger(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    fn answered(answer: &'static str) -> AskError {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; REQUEST.len()];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let error = ask(&path).unwrap_err();
        server.join().unwrap();
        error
    }

    #[test]
    fn an_answer_that_is_none_is_an_error_of_one_line() {
        for (answer, words) in [
            ("", "too many ask"),
            ("HTTP/1.1 200 OK\r\n", "is no sensor"),
            ("{\"schema\": 2}", "schema 2; this one knows 1"),
            ("{\"schema\": 1}", "missing field"),
            ("{\"error\": \"counters\\n\\u001b[2J\"}", "counters\\n"),
        ] {
            let error = answered(answer).to_string();
            assert!(error.contains(words) && !error.contains(['\n', '\u{1b}']), "{answer}: {error}");
        }
    }

    #[test]
    fn where_no_sensor_runs_the_remedy_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = ask(&folder.path().join("none")).unwrap_err().to_string();
        assert!(
            error.starts_with("no sensor answers at ") && error.contains("start one with nad run"),
            "{error}"
        );
    }
}
