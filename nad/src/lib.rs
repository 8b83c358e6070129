//! The sensor: records in, anomalies out.

pub mod alert;
pub mod batch;
pub mod cli;
pub mod command;
pub mod condition;
pub mod config;
pub mod context;
pub mod detector;
pub mod doctor;
pub mod features;
pub mod files;
pub mod history;
pub mod incident;
pub mod interface;
pub mod ledger;
pub mod metrics;
pub mod model;
pub mod output;
pub mod policy;
pub mod presentation;
pub mod pressure;
pub mod queue;
pub mod report;
pub mod sandbox;
pub mod self_traffic;
pub mod source;
pub mod time;

#[cfg(test)]
#[path = "../tests/support/skip.rs"]
mod skip;
pub mod unread;
