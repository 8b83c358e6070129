//! The report for people.

use std::fmt::Write as _;

use nad_engine::presentation::counted;

use super::{Interface, OpenIncident, Report, ViewState};
use crate::{
    clock,
    text::{
        self,
        human::{bytes, grouped, length, percent, wrapped},
    },
};

/// The column in which values begin.
const INDENT: usize = 12;
/// A view that looks back for less has seen enough soon, and is not worth a word.
const SHORT_S: f64 = 60.0;
/// Open incidents that are listed; `--json` has all of them.
const MOST_LISTED: usize = 20;

/// The report in words, in lines of at most `width` characters; `now` is when they are read, in seconds since the Unix epoch. Without a
/// width nothing is broken. What a sensor says is shown as [`text::escaped`] shows it.
pub fn words(report: &Report, width: Option<usize>) -> String {
    let mut page = Page { text: String::new(), width };
    let uptime = report.time - report.started;
    page.line("Sensor", &format!("{}, nad {}, process {}", report.sensor, report.version, report.process));
    page.line("Running", &format!("{} (since {})", length(uptime), moment(report.started)));
    page.line("Watching", &watching(&report.interfaces));
    page.line("Doing", &doing(report));
    if let Some(hangs) = &report.hangs {
        page.line("HANGS", hangs);
    }
    page.line("Traffic", &traffic(report));
    page.line("Packets", &packets(report));
    page.line("Views", &views(&report.views));
    page.line("Incidents", &incidents(report));
    for incident in report.open_incidents.iter().take(MOST_LISTED) {
        page.incident(incident);
    }
    let more = report.open_incidents.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        page.line("", &format!("and {more} more: --json has all of them"));
    }
    for (place, output) in report.outputs.iter().enumerate() {
        page.line(if place == 0 { "Outputs" } else { "" }, &self::output(output));
    }
    page.line("Sandbox", report.sandbox.strip_prefix("sandbox: ").unwrap_or(&report.sandbox));
    if let Some(memory) = report.memory_bytes {
        page.line("Memory", &format!("{} MiB", memory >> 20));
    }
    page.text
}

struct Page {
    text: String,
    width: Option<usize>,
}

impl Page {
    fn line(&mut self, name: &str, value: &str) {
        let line = format!("{name:<INDENT$}{}", text::escaped(value));
        self.text += wrapped(&line, self.width, INDENT).trim_end();
        self.text.push('\n');
    }

    fn incident(&mut self, incident: &OpenIncident) {
        let OpenIncident { id, severity, shape, start, reason, packets, .. } = incident;
        let hosts = |hosts: &[String]| hosts.join(", ");
        let mut who = String::new();
        if !incident.sources.is_empty() {
            // Writing to a string can't fail.
            let _ = write!(who, " from {}", hosts(&incident.sources));
        }
        if !incident.targets.is_empty() {
            let _ = write!(who, " against {}", hosts(&incident.targets));
        }
        let more = if incident.more { " and others" } else { "" };
        let since = moment(*start);
        self.line(&format!("  {severity}"), &format!("{shape}{who}{more}, since {since}"));
        self.line("", &format!("{reason} (incident {id}, {})", counted(*packets, "packet")));
    }
}

fn moment(seconds: f64) -> String {
    clock::local::beside_utc((seconds * 1e9) as u64)
}

fn watching(interfaces: &[Interface]) -> String {
    let interface = |interface: &Interface| {
        let how = match (&interface.ingress, interface.egress) {
            _ if !interface.up => "down or gone".into(),
            (Some(mode), true) => format!("{mode}, both directions"),
            (Some(mode), false) => format!("{mode}, received packets"),
            (None, true) => "sent packets".into(),
            (None, false) => "at its ports".into(),
        };
        format!("{} ({how})", interface.name)
    };
    let all: Vec<String> = interfaces.iter().map(interface).collect();
    if all.is_empty() { "no interface".into() } else { all.join(", ") }
}

fn doing(report: &Report) -> String {
    match (report.stage.as_str(), &report.learning, &report.model) {
        ("learning", Some(learning), _) => {
            let packets = grouped(learning.packets);
            format!("learning a baseline: {packets} packets in {} so far", length(learning.seconds))
        }
        ("training", ..) => "training a model on the baseline".into(),
        ("detecting", _, Some(model)) => {
            let (age, baseline) = (length(report.time - model.trained), length(model.baseline_seconds));
            let hosts = if model.judges_hosts { "" } else { ", too short to judge hosts: learn for longer" };
            format!("detecting with a model that is {age} old (a baseline of {baseline}{hosts})")
        }
        ("failed", ..) => "nothing: training has failed, see the log".into(),
        (stage, ..) => stage.into(),
    }
}

fn traffic(report: &Report) -> String {
    let packets = grouped(report.packets_per_second.round() as u64);
    let coverage = report.coverage.map(|part| format!("; {} of the last packets recorded", percent(part)));
    let sampling = match report.sampling_level {
        0 => String::new(),
        level => format!("; sampling level {level} of 3: some packets are left out, as there are too many"),
    };
    let coverage = coverage.unwrap_or_default();
    format!("{packets} packets/s, {}/s{coverage}{sampling}", bytes(report.bytes_per_second))
}

fn packets(report: &Report) -> String {
    let count = |name: &str| report.packets.get(name).copied().unwrap_or(0);
    let mut told = format!("{} seen", grouped(count("seen")));
    for (name, words) in
        [("ring_full", "lost"), ("sampled_out", "sampled out"), ("self_traffic", "nad's own")]
    {
        if count(name) > 0 {
            let _ = write!(told, ", {} {words}", grouped(count(name)));
        }
    }
    told
}

/// How many views judge, and how much of their past those have seen that look back for long.
fn views(views: &[ViewState]) -> String {
    let judging = views.iter().filter(|view| view.judges).count();
    let young =
        views.iter().filter(|view| view.judges && view.maturity < 1.0 && view.horizon_seconds > SHORT_S);
    let young: Vec<String> = young
        .map(|view| {
            format!(
                "{} has seen {} of its {}",
                view.name,
                percent(view.maturity),
                length(view.horizon_seconds)
            )
        })
        .collect();
    let told = format!("{judging} of {} judge", views.len());
    if young.is_empty() { told } else { format!("{told}; {}", young.join(", ")) }
}

fn incidents(report: &Report) -> String {
    let open = match report.open_incidents.len() {
        0 => "none open".into(),
        open => format!("{open} open"),
    };
    format!("{open}, {} since the start", grouped(report.incidents))
}

fn output(output: &super::Output) -> String {
    let mut told = format!("{}: {} delivered", output.name, grouped(output.delivered));
    for (count, words) in [(output.dropped, "dropped"), (output.failed, "FAILED")] {
        if count > 0 {
            let _ = write!(told, ", {} {words}", grouped(count));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Learning, Model, Output};

    fn report() -> Report {
        let view = |name: &str, horizon_seconds, maturity| ViewState {
            name: name.into(),
            judges: true,
            judged: 5,
            horizon_seconds,
            maturity,
        };
        Report {
            schema: 1,
            sensor: "dmz-1".into(),
            version: "0.1.0".into(),
            process: 4711,
            time: 1_795_903_392.0,
            started: 1_795_891_872.0,
            interfaces: vec![Interface { name: "eth0".into(), up: true, ingress: Some("native".into()), egress: true }],
            stage: "detecting".into(),
            hangs: None,
            learning: None,
            model: Some(Model {
                trained: 1_795_892_592.0,
                baseline_seconds: 600.0,
                judges_hosts: true,
                threshold_probability: 1e-7,
            }),
            views: vec![view("packet", 10.0, 1.0), view("long-scan", 28_800.0, 0.4)],
            packets_per_second: 1234.4,
            bytes_per_second: 1.2e6,
            coverage: Some(0.9876),
            sampling_level: 1,
            packets: [("seen".to_owned(), 1_000_000), ("ring_full".to_owned(), 12)].into(),
            incidents: 17,
            open_incidents: vec![OpenIncident {
                id: "1795903000-17".into(),
                uid: "01990000-0000-7000-8000-000000000001".into(),
                severity: "high".into(),
                shape: "SYN flood".into(),
                sources: vec!["10.0.0.5 (may be forged)".into()],
                targets: vec!["10.0.0.1".into()],
                more: true,
                start: 1_795_903_000.0,
                end: 1_795_903_391.0,
                packets: 100_000,
                reason: "10.0.0.5 opened 9,000 flows in 10 s that nobody went on with \u{1b}[2J(baseline: at most 8)".into(),
            }],
            outputs: vec![Output { name: "webhook".into(), delivered: 4, dropped: 0, failed: 2 }],
            sandbox: "sandbox: user nad (990), no capabilities".into(),
            memory_bytes: Some(212 << 20),
        }
    }

    #[test]
    fn the_words_say_who_what_and_how_much_in_lines_of_the_terminal() {
        let told = words(&report(), Some(80));
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
        let whole = words(&report(), None);
        for part in [
            "Sensor      dmz-1, nad 0.1.0, process 4711\n",
            "Running     3 h 12 min (since 2026-11-28 ",
            "Watching    eth0 (native, both directions)\n",
            "detecting with a model that is 3 h old (a baseline of 10 min)",
            "1,234 packets/s, 1.2 MB/s; 98.7 % of the last packets recorded; sampling level 1",
            "1,000,000 seen, 12 lost",
            "2 of 2 judge; long-scan has seen 40.0 % of its 8 h",
            "1 open, 17 since the start",
            "  high      SYN flood from 10.0.0.5 (may be forged) against 10.0.0.1 and others, since ",
            "webhook: 4 delivered, 2 FAILED",
            "Sandbox     user nad (990)",
            "212 MiB",
        ] {
            assert!(whole.contains(part), "{part} is not in\n{whole}");
        }
        assert!(!told.contains('\u{1b}') && whole.contains("\\u{1b}[2J"), "{whole}");
    }

    #[test]
    fn a_baseline_that_is_learnt_is_told_and_so_is_a_thread_that_hangs() {
        let learning = Some(Learning { packets: 1500, seconds: 30.0 });
        let report = Report {
            stage: "learning".into(),
            learning,
            model: None,
            hangs: Some("the drain thread".into()),
            open_incidents: Vec::new(),
            ..report()
        };
        let told = words(&report, None);
        for part in [
            "learning a baseline: 1,500 packets in 30 s so far",
            "HANGS       the drain thread",
            "none open, 17",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }

    #[test]
    fn what_a_sensor_says_can_be_read_again() {
        let text = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report());
    }
}
