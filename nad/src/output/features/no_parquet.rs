//! Says that this nad was built without Parquet, before there is a file.

use std::io;

use super::Table;
use crate::parts::Part;

pub(super) fn table<F>(_: impl FnOnce() -> io::Result<F>, _: &[&str]) -> io::Result<Box<dyn Table>> {
    Err(io::Error::other(Part::Parquet.missing()))
}
