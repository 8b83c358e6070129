//! A CSV file with the score of every packet that was scored.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{OutputError, followed};
use crate::{files, text};

/// Columns `index,score`: the packet's place in the capture file, from 0, and its score.
#[derive(Debug)]
pub struct ScoreFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl ScoreFile {
    /// Creates the file, or empties the one that is there, and writes the heading.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let error = |error| OutputError::new(name(path), error).remedy("choose another place with --scores");
        let mut file = BufWriter::with_capacity(1 << 18, files::create(path).map_err(error)?);
        writeln!(file, "index,score").map_err(error)?;
        Ok(Self { path: path.into(), file })
    }

    /// Adds a row for each packet.
    ///
    /// # Errors
    ///
    /// When they can't be written.
    pub fn write(&mut self, scores: &[(u64, f64)]) -> Result<(), OutputError> {
        let file = &mut self.file;
        let written = scores.iter().try_for_each(|(index, score)| writeln!(file, "{index},{score}"));
        written.map_err(|error| OutputError::new(name(&self.path), error))
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    ///
    /// When it can't be written, or another file is in its place by now.
    pub fn finish(mut self) -> Result<(), OutputError> {
        let finished =
            self.file.flush().and_then(|()| followed::is_still_there(&self.path, self.file.get_ref()));
        finished.map_err(|error| OutputError::new(name(&self.path), error))
    }
}

fn name(path: &Path) -> String {
    format!("score file {}", text::path(path))
}
