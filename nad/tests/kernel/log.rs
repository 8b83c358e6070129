//! The kernel program's own diagnostics: silent unless asked for.

use std::sync::Mutex;

use log::{Level, Log, Metadata, Record};
use nad::source::xdp::XdpOptions;
use nad_common::refusal::Refusal;

use crate::{bench::Bench, frames::cases};

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));

struct Collector(Mutex<Vec<Line>>);

type Line = (Level, String);

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().expect("no test panics with it").push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

impl Collector {
    /// What was logged while `bench` ran frames that are refused, and their reasons and lengths.
    fn collect(&self, bench: &mut Bench) -> (Vec<Line>, Vec<(Refusal, usize)>) {
        // Another test of this program may have done it.
        let _ = log::set_logger(&COLLECTOR);
        log::set_max_level(log::LevelFilter::Trace);
        let mut logger = bench.source.logger().expect("the object has a log map");
        let mut refused = Vec::new();
        self.0.lock().expect("no test panics with it").clear();
        for case in cases() {
            if let Err(reason) = case.expected.outcome()
                && case.frame.len() >= crate::bench::SHORTEST
            {
                bench.repeat(&case.frame, 1, &[]);
                refused.push((reason, case.frame.len()));
            }
        }
        assert!(!refused.is_empty());
        logger.flush();
        (std::mem::take(&mut self.0.lock().expect("no test panics with it")), refused)
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn refusals_are_logged_only_where_that_was_asked_for() {
    let _pinned = crate::bench::Pinned::anywhere();
    let (lines, _) = COLLECTOR.collect(&mut Bench::with(XdpOptions::default()));
    assert!(lines.is_empty(), "{lines:?}");

    let mut bench = Bench::with(XdpOptions { kernel_log: true, ..XdpOptions::default() });
    let (lines, refused) = COLLECTOR.collect(&mut bench);
    let expected = refused.iter().map(|(reason, length)| {
        (Level::Debug, format!("unparsed frame: reason {}, {length} bytes", *reason as u8))
    });
    assert_eq!(lines, expected.collect::<Vec<_>>());
}
