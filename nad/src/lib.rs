//! The sensor: records in, anomalies out.

pub mod batch;
pub mod doctor;
pub mod interface;
pub mod privileges;
pub mod source;
