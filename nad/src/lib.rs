//! The sensor: records in, anomalies out.

pub mod alert;
pub mod batch;
pub mod clock;
pub mod detector;
pub mod doctor;
pub mod features;
pub mod interface;
pub mod ledger;
pub mod model;
pub mod presentation;
pub mod privileges;
pub mod queue;
pub mod source;
