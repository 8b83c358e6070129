//! Rows of features as Parquet, column by column, compressed with Snappy.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression, Repetition, Type as PhysicalType},
    data_type::{DataType, DoubleType, FloatType, Int64Type},
    errors::Result,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::Type,
};

use super::Table;

/// Rows that are held in memory until they are written together.
const ROW_GROUP: usize = 1 << 16;

/// Makes the file, and a table in it.
pub(super) fn table<W: Write + Send + 'static>(
    create: impl FnOnce() -> io::Result<W>,
    columns: &[&str],
) -> io::Result<Box<dyn Table>> {
    Ok(Box::new(ParquetTable::new(create()?, columns)?))
}

struct ParquetTable<W: Write + Send> {
    file: SerializedFileWriter<W>,
    index: Vec<i64>,
    time: Vec<f64>,
    values: Vec<Vec<f32>>,
}

impl<W: Write + Send> ParquetTable<W> {
    fn new(file: W, columns: &[&str]) -> io::Result<Self> {
        // Statistics and offsets serve readers that look for single rows, and would grow with the table in memory.
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_created_by(concat!("nad ", env!("CARGO_PKG_VERSION")).into())
            .build();
        Ok(Self {
            file: SerializedFileWriter::new(file, Arc::new(schema(columns)?), Arc::new(properties))?,
            index: Vec::with_capacity(ROW_GROUP),
            time: Vec::with_capacity(ROW_GROUP),
            values: columns.iter().map(|_| Vec::with_capacity(ROW_GROUP)).collect(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        write_column::<_, Int64Type>(&mut group, &mut self.index)?;
        write_column::<_, DoubleType>(&mut group, &mut self.time)?;
        for values in &mut self.values {
            write_column::<_, FloatType>(&mut group, values)?;
        }
        group.close()?;
        Ok(())
    }
}

impl<W: Write + Send> Table for ParquetTable<W> {
    fn write(&mut self, index: u64, time_ns: u64, values: &[f32]) -> io::Result<()> {
        self.index.push(index.try_into().map_err(io::Error::other)?);
        self.time.push(time_ns as f64 / 1e9);
        for (column, value) in self.values.iter_mut().zip(values) {
            column.push(*value);
        }
        if self.index.len() == ROW_GROUP { Ok(self.write_group()?) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if !self.index.is_empty() {
            self.write_group()?;
        }
        self.file.finish()?;
        self.file.inner_mut().flush()
    }
}

/// Writes a column's values, and forgets them.
fn write_column<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &mut Vec<T::T>,
) -> Result<()> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(values, None, None)?;
        column.close()?;
    }
    values.clear();
    Ok(())
}

fn schema(columns: &[&str]) -> Result<Type> {
    let column = |name: &str, kind| {
        let required =
            Type::primitive_type_builder(name, kind).with_repetition(Repetition::REQUIRED).build()?;
        Ok(Arc::new(required))
    };
    let fixed = [column("index", PhysicalType::INT64), column("time", PhysicalType::DOUBLE)];
    let features = columns.iter().map(|name| column(name, PhysicalType::FLOAT));
    let fields = fixed.into_iter().chain(features).collect::<Result<Vec<_>>>()?;
    Type::group_type_builder("features").with_fields(fields).build()
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };

    use super::*;

    #[test]
    fn what_is_written_is_read_back_in_groups_of_bounded_size() {
        let columns = ["length", "a, \"quoted\" name"];
        let rows = ROW_GROUP + 3;
        let value = |row: usize| [row as f32 * 0.1, if row.is_multiple_of(2) { f32::MIN } else { -0.5 }];
        let time = |row: usize| 1_795_335_254_000_000_000 + row as u64 * 1_000_000;
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut table = Box::new(ParquetTable::new(file.reopen().unwrap(), &columns).unwrap());
        for row in 0..rows {
            table.write(row as u64 * 2, time(row), &value(row)).unwrap();
        }
        table.finish().unwrap();

        let reader = SerializedFileReader::new(file.reopen().unwrap()).unwrap();
        let groups: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [ROW_GROUP as i64, 3]);
        let fields = reader.metadata().file_metadata().schema_descr().columns();
        let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
        assert_eq!(names, ["index", "time", columns[0], columns[1]]);
        let mut count = 0;
        for (row, read) in reader.get_row_iter(None).unwrap().enumerate() {
            let read = read.unwrap();
            assert_eq!(read.get_long(0).unwrap(), row as i64 * 2);
            assert_eq!(read.get_double(1).unwrap(), time(row) as f64 / 1e9);
            assert_eq!([read.get_float(2).unwrap(), read.get_float(3).unwrap()], value(row), "{row}");
            count += 1;
        }
        assert_eq!(count, rows);
    }

    #[test]
    fn a_table_without_rows_is_a_table() {
        let file = tempfile::NamedTempFile::new().unwrap();
        Box::new(ParquetTable::new(file.reopen().unwrap(), &["length"]).unwrap()).finish().unwrap();
        let reader = SerializedFileReader::new(file.reopen().unwrap()).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        assert_eq!(reader.metadata().file_metadata().schema_descr().num_columns(), 3);
    }
}
