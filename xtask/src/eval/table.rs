//! CSV files, plain or gzipped, read by the names of their columns.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, Result, anyhow};
use csv::ByteRecord;
use flate2::read::MultiGzDecoder;

pub(super) struct Table {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    names: Vec<&'static str>,
    /// Where each of the named columns is.
    places: Vec<usize>,
    record: ByteRecord,
}

/// One row; columns are numbered in the order in which they were asked for.
pub(super) struct Row<'a>(&'a Table);

impl Table {
    /// Opens a file with a heading, in which these columns must be.
    pub(super) fn open(path: &Path, names: &[&'static str]) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("can't read {}", path.display()))?;
        let content: Box<dyn Read> = match path.extension() {
            Some(ending) if ending == "gz" => Box::new(MultiGzDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 18).from_reader(content);
        let heading = reader.headers().with_context(|| format!("{} has no heading", path.display()))?;
        let place = |name: &&str| {
            heading
                .iter()
                .position(|column| column == *name)
                .with_context(|| format!("{} has no column '{name}'", path.display()))
        };
        let places = names.iter().map(place).collect::<Result<_>>()?;
        Ok(Self { path: path.into(), reader, names: names.to_vec(), places, record: ByteRecord::new() })
    }

    /// Reads the next row; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>> {
        let read = self.reader.read_byte_record(&mut self.record);
        let is_row = read.with_context(|| format!("can't read {}", self.path.display()))?;
        Ok(is_row.then_some(Row(self)))
    }
}

impl Row<'_> {
    /// A column's text.
    pub(super) fn text(&self, column: usize) -> Result<&str> {
        let Self(table) = self;
        str::from_utf8(&table.record[table.places[column]]).map_err(|_| self.bad(column, "no UTF-8"))
    }

    /// A column's number.
    pub(super) fn number<T: FromStr>(&self, column: usize) -> Result<T> {
        let text = self.text(column)?;
        text.parse().map_err(|_| self.bad(column, &format!("'{text}', which is no such number")))
    }

    fn bad(&self, column: usize, what: &str) -> anyhow::Error {
        let Self(table) = self;
        let line = table.record.position().map_or(0, csv::Position::line);
        anyhow!("{}:{line}: column '{}' has {what}", table.path.display(), table.names[column])
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn columns_are_found_by_name_in_plain_and_gzipped_files() {
        let folder = tempfile::tempdir().unwrap();
        let text = "a,b,c\n1,\"x, y\",2.5\n3,,-1\n";
        let (plain, gzipped) = (folder.path().join("t.csv"), folder.path().join("t.csv.gz"));
        fs::write(&plain, text).unwrap();
        let mut encoder = GzEncoder::new(File::create(&gzipped).unwrap(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap();
        for path in [plain, gzipped] {
            let mut table = Table::open(&path, &["c", "b"]).unwrap();
            let row = table.next().unwrap().unwrap();
            assert_eq!((row.number::<f64>(0).unwrap(), row.text(1).unwrap()), (2.5, "x, y"));
            let row = table.next().unwrap().unwrap();
            assert_eq!((row.number::<f64>(0).unwrap(), row.text(1).unwrap()), (-1.0, ""));
            assert!(table.next().unwrap().is_none());
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs::write(&path, "index,score\n0,0.5\n1,high\n").unwrap();
        let error = Table::open(&path, &["time"]).err().unwrap().to_string();
        assert!(error.ends_with("t.csv has no column 'time'"), "{error}");
        let mut table = Table::open(&path, &["score"]).unwrap();
        table.next().unwrap();
        let error = table.next().unwrap().unwrap().number::<f64>(0).unwrap_err().to_string();
        assert!(error.ends_with("t.csv:3: column 'score' has 'high', which is no such number"), "{error}");
    }
}
