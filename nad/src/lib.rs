//! The sensor: records in, anomalies out.

pub mod batch;
pub mod source;
