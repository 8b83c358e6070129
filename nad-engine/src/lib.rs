//! From records of packets to incidents.
//!
//! What `nad` detects with, as a library that does no input and no output: whoever has records of packets, as
//! [`nad_common`] makes them of frames, gives them to a [`Detector`](detector::Detector) in
//! [batches](batch::RecordBatch), and gets what was found. Times of records must not run backwards;
//! [`Order`](time::Order) sees to that where a capture's do.
//!
//! The whole of it, which `cargo run -p nad-engine --example incidents FILE.pcap` runs:
//!
//! ```no_run
#![doc = include_str!("../examples/incidents.rs")]
//! ```

pub mod alert;
pub mod batch;
pub mod condition;
pub mod context;
pub mod counter;
pub mod detector;
pub mod features;
pub mod incident;
pub mod ledger;
pub mod model;
pub mod names;
pub mod payload;
pub mod policy;
pub mod presentation;
pub mod time;
pub mod unread;

mod sealed;

#[cfg(test)]
#[path = "../../nad/tests/support/skip.rs"]
mod skip;
