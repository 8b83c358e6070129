use super::*;

/// A ledger in which each number is another one, and they.
fn numbered() -> (Ledger, Vec<u64>) {
    let mut given = Vec::new();
    let mut next = || {
        let number = 1_000_001 + given.len() as u64;
        given.push(number);
        number
    };
    let mut table = || TableCounts { entered: next(), evicted: next(), displaced: next(), refused: next() };
    let mut context = ContextCounts::default();
    context.tables_mut().into_iter().for_each(|counts| *counts = table());
    context.passed_over = next();
    let mut ledger = Ledger {
        source: KernelCounters {
            seen: next(),
            egress: next(),
            recorded: next(),
            sampled_out: next(),
            ring_full: next(),
            unparsed: std::array::from_fn(|_| next()),
            opaque: std::array::from_fn(|_| next()),
            heads: next(),
            heads_left_out: next(),
            heads_lost: next(),
        },
        decisions: std::array::from_fn(|_| next()),
        context,
        outputs: vec![OutputCounts { name: "a".into(), delivered: next(), dropped: next(), failed: next() }],
        ..Ledger::default()
    };
    ledger.counted_mut().for_each(|count| *count = next());
    (ledger, given)
}

fn reading(ledger: Ledger) -> Reading {
    Reading {
        ledger,
        judging: Judging::default(),
        sampling_level: 0,
        interfaces: vec![("eth0".into(), true), ("odd\"name".into(), false)],
        coverage: 1.0,
        latencies: Latencies::default(),
        process: Process::read(),
    }
}

fn written(reading: Reading) -> String {
    page(reading, Format::Prometheus).unwrap()
}

#[test]
fn every_number_of_the_ledger_is_on_the_page_once_in_a_counter() {
    let (ledger, numbers) = numbered();
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let page = page(reading(ledger.clone()), format).unwrap();
        for number in &numbers {
            let end = format!(" {number}");
            let lines: Vec<&str> = page.lines().filter(|line| line.ends_with(&end)).collect();
            let [line] = lines[..] else { panic!("{number} is in {lines:?} of\n{page}") };
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(name.starts_with("nad_") && name.ends_with("_total"), "{line}");
        }
    }
}

#[test]
fn every_metric_says_what_it_is_before_its_values_and_no_series_is_there_twice() {
    let (ledger, _) = numbered();
    let judging = Judging { model_ns: 1, threshold_probability: 1e-7, ..Judging::default() };
    let page = written(Reading { judging, ..reading(ledger) });
    let mut series = std::collections::HashSet::new();
    let mut described = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            described = rest.split(' ').next().unwrap();
            assert!(page.contains(&format!("# HELP {described} ")), "{described}");
        } else if !line.starts_with('#') {
            let (of, _) = line.rsplit_once(' ').unwrap();
            assert!(of.starts_with(described), "{line} after {described}");
            assert!(series.insert(of.to_owned()), "{of} is there twice");
        }
    }
    assert!(series.len() > 60, "{}", series.len());
}

#[test]
fn what_there_is_without_a_model_is_no_old_model() {
    let page = written(reading(Ledger::default()));
    assert!(!page.contains("nad_model_trained") && !page.contains("nad_threshold"), "{page}");
    assert!(page.contains("\nnad_stage{stage=\"learning\"} 1\nnad_stage{stage=\"training\"} 0\n"), "{page}");
    let judging = Judging {
        stage: Stage::Detecting,
        open_incidents: 2,
        threshold_probability: 0.25,
        model_ns: 1_700_000_000_500_000_000,
    };
    let page = written(Reading { judging, sampling_level: 3, coverage: 0.125, ..reading(Ledger::default()) });
    for line in [
        "nad_stage{stage=\"detecting\"} 1",
        "nad_open_incidents 2",
        "nad_threshold_probability 0.25",
        "nad_model_trained_timestamp_seconds 1700000000.5",
        "nad_sampling_level 3",
        "nad_coverage_ratio 0.125",
    ] {
        assert!(page.contains(&format!("\n{line}\n")), "{line} is not in\n{page}");
    }
}

#[test]
fn outputs_of_one_name_are_one_series_and_odd_names_are_escaped() {
    let output = |name: &str, delivered| OutputCounts { name: name.into(), delivered, dropped: 0, failed: 0 };
    let outputs = vec![output("alert file a\"b\\c\nd", 1), output("mail", 2), output("mail", 3)];
    let page = written(reading(Ledger { outputs, ..Ledger::default() }));
    assert!(page.contains("\nnad_output_events_delivered_total{output=\"mail\"} 5\n"), "{page}");
    assert!(page.contains("{output=\"alert file a\\\"b\\\\c\\nd\"} 1\n"), "{page}");
}

#[test]
fn a_packet_that_is_nowhere_is_unaccounted_for_and_one_on_its_way_is_not() {
    let mut ledger = Ledger { drained: 7, learned: 3, scored: 4, ..Ledger::default() };
    ledger.source = KernelCounters { seen: 10, recorded: 9, ring_full: 1, ..KernelCounters::default() };
    assert_eq!(astray(&ledger), 0);
    ledger.source.seen = 12;
    assert_eq!(astray(&ledger), 2);
    ledger.scored = 9;
    assert_eq!(astray(&ledger), 7, "more were judged than came");
}

#[test]
fn latencies_are_histograms_in_seconds() {
    let reading = reading(Ledger::default());
    reading.latencies.incident.observe(0.003);
    let page = written(reading);
    for line in [
        "# TYPE nad_incident_latency_seconds histogram",
        "nad_incident_latency_seconds_bucket{le=\"0.0025\"} 0",
        "nad_incident_latency_seconds_bucket{le=\"0.005\"} 1",
        "nad_incident_latency_seconds_bucket{le=\"+Inf\"} 1",
        "nad_incident_latency_seconds_sum 0.003",
        "nad_alert_latency_seconds_count 0",
    ] {
        assert!(page.contains(&format!("\n{line}\n")), "{line} is not in\n{page}");
    }
}

#[test]
fn openmetrics_is_for_who_takes_it() {
    let format = |value: &str| Format::accepted(std::iter::once(value));
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(format(prometheus), Format::OpenMetrics);
    for other in ["", "*/*", "text/plain", "text/plain, application/openmetrics-text; q=0", "text/html"] {
        assert_eq!(format(other), Format::Prometheus, "{other}");
    }
    assert_eq!(Format::accepted(std::iter::empty()), Format::Prometheus);
}
