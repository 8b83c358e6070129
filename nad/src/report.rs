//! A page of what was found and what went on: one file that needs nothing else, for a browser, a phone or paper.

mod data;
mod html;
mod incidents;
mod ledger;
mod scale;
mod svg;

use crate::history::{HostSum, KeptIncident, KeptLedger, Run};
use data::Bucket;

/// What a page tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The period, in nanoseconds since the Unix epoch by the packets' clock.
    since_ns: u64,
    until_ns: u64,
    /// When it was made, by the system's clock.
    made_ns: u64,
    /// The worst first.
    incidents: Vec<KeptIncident>,
    /// What went on, in equal parts of the period; nothing where nothing was recorded.
    timeline: Vec<Option<Bucket>>,
    /// Seconds of each part, and when the first begins, in seconds since the Unix epoch.
    bucket_s: u64,
    first_s: u64,
    /// All of them together.
    total: Bucket,
    hosts: Vec<HostSum>,
    runs: Vec<Run>,
    /// The runs' ledgers in one; `None` where none of them has noted one.
    ledger: Option<KeptLedger>,
}
