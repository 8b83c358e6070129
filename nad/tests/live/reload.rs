//! SIGHUP: other settings without losing what is known.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    lab::{Lab, SENSOR},
    nad_process::Nad,
    overload::{End, SCANNERS, everyday, scan},
};

const SCAN: Duration = Duration::from_secs(5);

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn settings_are_read_again_and_bad_ones_change_nothing() {
    let lab = Lab::without_addresses("reload");
    let config = lab.path("c.toml");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (lab, is_over) = (&lab, &is_over);
        let _end = End(is_over);
        scope.spawn(move || everyday(lab, is_over));
        let train = ["train", "--iface", SENSOR, "--xdp-mode", "native", "--train-for", "14s", "--out", "m"];
        let trained = Nad::capturing(lab, &train).end();
        assert_eq!(trained.code, Some(0), "{trained:?}");
        fs::write(&config, "[alerts]\nbudget = \"5/day\"\n").expect("it can be written");
        let run = ["run", "--iface", SENSOR, "--config", "c.toml", "--model", "m", "--incidents", "i.jsonl"];
        let mut nad = Nad::capturing(lab, &run);

        fs::write(&config, "[alerts]\nbudget = \"5/year\"\n").expect("it can be written");
        nad.signal(libc::SIGHUP);
        nad.wait_for("warning: the settings stay as they are: config file c.toml, line 2: \"5/year\" is no alert budget");
        let allowed = SCANNERS[0].map(|byte| byte.to_string()).join(".");
        let rule = format!(
            "[[allow]]\nsource = \"{allowed}\"\nmac = \"02:00:00:00:77:02\"\ncomment = \"the scanner of our own\"\n"
        );
        fs::write(&config, format!("[capture]\nring_bytes = 4194304\n{rule}")).expect("it can be written");
        nad.signal(libc::SIGHUP);
        nad.wait_for("the settings were read again");
        nad.wait_for("warning: what is captured and how ([capture]): the change takes a restart of nad");

        let ends = AtomicBool::new(false);
        thread::scope(|scope| {
            let ends = &ends;
            let _end = End(ends);
            for scanner in SCANNERS {
                scope.spawn(move || scan(lab, scanner, ends));
            }
            thread::sleep(SCAN);
        });
        is_over.store(true, Relaxed);
        let ended = nad.interrupt();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.ledger().get("suppressed") > 0, "{ended:?}");
        assert!(ended.stdout.contains(": the scanner of our own"), "{}", ended.stdout);
        let incidents = lab.read("i.jsonl");
        let incidents: Vec<Value> =
            incidents.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let reported = SCANNERS[1].map(|byte| byte.to_string()).join(".");
        assert_eq!(incidents.len(), 1, "{incidents:#?}");
        assert_eq!(incidents[0]["sources"], serde_json::json!([reported]));
    });
}
