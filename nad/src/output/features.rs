//! A table with the features of every packet, host or service: CSV or Parquet, by the ending of the file's name.

mod csv;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "features/no_parquet.rs"]
mod parquet;

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use super::{OutputError, followed};
use crate::{files, text};
use csv::CsvTable;

const BUFFER: usize = 1 << 18;

/// Columns `index,time`, then one for each feature. `time` is in Unix seconds: nine decimals in CSV, in Parquet a
/// double, which holds today's times to a quarter of a microsecond.
pub struct FeatureFile {
    path: PathBuf,
    columns: usize,
    table: Box<dyn Table>,
    /// The same file, to see whether it still has its name.
    file: Option<File>,
}

/// A format of the file.
trait Table {
    /// Adds a row.
    fn write(&mut self, index: u64, time_ns: u64, values: &[f32]) -> io::Result<()>;

    /// Writes what is still in memory.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl FeatureFile {
    /// Creates the file, or empties the one that is there, and writes the heading. `columns` are the features' names,
    /// in the order of the values that follow.
    ///
    /// # Errors
    ///
    /// When its name ends neither in `.csv` nor in `.parquet`, or when it can't be written.
    pub fn create(path: &Path, columns: &[&str]) -> Result<Self, OutputError> {
        let error = |error| OutputError::new(name(path), error).remedy("choose another place with --out");
        let mut file = None;
        let mut create = || {
            let created = files::create(path)?;
            file = Some(created.try_clone()?);
            Ok(BufWriter::with_capacity(BUFFER, created))
        };
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        let table = match ending.to_str() {
            Some("csv") => create()
                .and_then(|file| CsvTable::new(file, columns))
                .map(|table| Box::new(table) as Box<dyn Table>),
            Some("parquet") => parquet::table(create, columns),
            _ => {
                let cause = io::Error::other("its name ends neither in .csv nor in .parquet");
                return Err(
                    OutputError::new(name(path), cause).remedy("choose one of the two formats by the ending")
                );
            }
        };
        Ok(Self { path: path.into(), columns: columns.len(), table: table.map_err(error)?, file })
    }

    /// Adds a row: a packet's place in the capture (or whatever else `index` counts), its time in nanoseconds since
    /// 1970, and the value of each feature.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    ///
    /// # Panics
    ///
    /// When there are not as many values as columns.
    pub fn write(&mut self, index: u64, time_ns: u64, values: &[f32]) -> Result<(), OutputError> {
        assert_eq!(values.len(), self.columns, "a row has a value for each column");
        self.table.write(index, time_ns, values).map_err(|error| OutputError::new(name(&self.path), error))
    }

    /// Writes what is still in memory. A Parquet file without it can't be read.
    ///
    /// # Errors
    ///
    /// When it can't be written, or another file is in its place by now.
    pub fn finish(self) -> Result<(), OutputError> {
        let finished = self.table.finish().and_then(|()| {
            self.file.as_ref().map_or(Ok(()), |file| followed::is_still_there(&self.path, file))
        });
        finished.map_err(|error| OutputError::new(name(&self.path), error))
    }
}

fn name(path: &Path) -> String {
    format!("feature file {}", text::path(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Part;

    fn has_format(file: &str) -> bool {
        Part::Parquet.is_built() || !file.ends_with(".parquet")
    }

    #[test]
    fn the_ending_chooses_the_format_whatever_its_case() {
        let folder = tempfile::tempdir().unwrap();
        for (file, start) in [("a.csv", b"inde"), ("b.CSV", b"inde"), ("c.parquet", b"PAR1")] {
            let path = folder.path().join(file);
            if !has_format(file) {
                let error = FeatureFile::create(&path, &["length"]).err().unwrap().to_string();
                assert!(error.contains(&Part::Parquet.missing()) && !path.exists(), "{error}");
                continue;
            }
            let mut table = FeatureFile::create(&path, &["length"]).unwrap();
            table.write(0, 1, &[2.0]).unwrap();
            table.finish().unwrap();
            assert_eq!(&std::fs::read(&path).unwrap()[..4], start, "{file}");
        }
    }

    #[test]
    fn another_ending_is_refused_and_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a", "a.txt", "csv", "a.parquet.gz"] {
            let path = folder.path().join(file);
            let error = FeatureFile::create(&path, &["length"]).err().unwrap().to_string();
            assert!(error.contains(".csv") && error.contains(".parquet"), "{error}");
            assert!(error.contains(&path.display().to_string()), "{error}");
            assert!(!path.exists(), "{file}");
        }
    }

    #[test]
    fn a_table_that_is_deleted_while_it_is_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.csv", "a.parquet"].into_iter().filter(|file| has_format(file)) {
            let path = folder.path().join(file);
            let mut table = FeatureFile::create(&path, &["length"]).unwrap();
            table.write(0, 1, &[2.0]).unwrap();
            std::fs::remove_file(&path).unwrap();
            let error = table.finish().err().unwrap().to_string();
            assert!(error.contains(file) && error.contains("deleted or moved away"), "{error}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/a.csv");
        let error = FeatureFile::create(&path, &["length"]).err().unwrap().to_string();
        assert!(error.contains("missing/a.csv") && error.contains("--out"), "{error}");
    }
}
