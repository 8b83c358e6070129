//! Rows of features as text.

use std::io::{self, Write};

use super::Table;
use crate::text;

/// A heading and rows, as RFC 4180 has them but for the line ends, which are single line feeds.
pub(super) struct CsvTable<W> {
    file: W,
}

impl<W: Write> CsvTable<W> {
    pub(super) fn new(mut file: W, columns: &[&str]) -> io::Result<Self> {
        file.write_all(b"index,time")?;
        for column in columns {
            write!(file, ",{}", text::csv_cell(column))?;
        }
        file.write_all(b"\n")?;
        Ok(Self { file })
    }
}

impl<W: Write> Table for CsvTable<W> {
    fn write(&mut self, index: u64, time_ns: u64, values: &[f32]) -> io::Result<()> {
        const SECOND: u64 = 1_000_000_000;
        write!(self.file, "{index},{}.{:09}", time_ns / SECOND, time_ns % SECOND)?;
        for value in values {
            write!(self.file, ",{value}")?;
        }
        self.file.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(columns: &[&str], rows: &[(u64, u64, &[f32])]) -> String {
        let mut written = Vec::new();
        let mut table = Box::new(CsvTable::new(&mut written, columns).unwrap());
        for (index, time_ns, values) in rows {
            table.write(*index, *time_ns, values).unwrap();
        }
        table.finish().unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_time_keeps_every_nanosecond() {
        let rows: [(u64, u64, &[f32]); 2] =
            [(7, 1_795_335_254_000_000_001, &[0.1, -3.0]), (8, 999, &[0.0, 1.5])];
        let expected = "index,time,a b,c\n7,1795335254.000000001,0.1,-3\n8,0.000000999,0,1.5\n";
        assert_eq!(text(&["a b", "c"], &rows), expected);
    }

    #[test]
    fn names_that_would_break_the_heading_are_quoted() {
        assert_eq!(text(&["a,b", "c\"d", "e"], &[]), "index,time,\"a,b\",\"c\"\"d\",e\n");
    }
}
