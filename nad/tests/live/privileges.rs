//! What nad may do: without privileges, with the fewest that it needs, and after it has attached.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::{
    filters::filters,
    lab::{Lab, SENDER, SENSOR, has, inside, until},
    nad_process::Nad,
    raw::RawSender,
    skip::skipped,
    traffic::usual,
};

const NEEDED: &str = "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run with sudo";
/// What the process that attaches keeps: CAP_NET_ADMIN and CAP_BPF.
const FOR_LINKS: u64 = 1 << 12 | 1 << 39;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn without_privileges_one_line_names_the_remedy() {
    let Some(lab) = unprivileged_lab("nobody") else { return };
    for command in [&["run"][..], &["train", "--train-packets", "10", "--out", "model"]] {
        let arguments = [command, &["--iface", SENSOR]].concat();
        let nad = Nad::start_as(&lab, "nad", &mut nobody_with(&lab, ""), &arguments);
        let ended = nad.end();
        let error = ended.error();
        assert!(error.contains(NEEDED), "{error}");
    }
    // Each alone is not enough.
    for some in [",+bpf", ",+bpf,+net_admin", ",+bpf,+perfmon", ",+net_admin,+perfmon"] {
        let nad = Nad::start_as(&lab, "nad", &mut nobody_with(&lab, some), &["run", "--iface", SENSOR]);
        let ended = nad.end();
        assert!(ended.error().contains(NEEDED), "{some}: {ended:?}");
        assert!(!lab.has_program(SENSOR));
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn three_capabilities_are_enough() {
    let Some(lab) = unprivileged_lab("capable") else { return };
    let mut command = nobody_with(&lab, ",+bpf,+net_admin,+perfmon");
    let mut nad =
        Nad::start_as(&lab, "nad", &mut command, &["run", "--iface", SENSOR, "--train-packets", "1000"]);
    nad.wait_for(crate::nad_process::STARTED);
    assert!(lab.has_program(SENSOR));
    let sender = RawSender::open(&lab.sender, SENDER);
    usual(25).iter().for_each(|frame| sender.send(frame));
    has_only(nad.id(), 0);
    let ended = nad.interrupt();
    assert_eq!((ended.code, ended.ledger().get("learned")), (Some(0), 25), "{ended:?}");
    assert!(!lab.has_program(SENSOR));
    assert!(lab.path("logs/anomaly_detector.log").exists());
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn after_attaching_no_thread_has_a_capability() {
    let lab = Lab::new("given-up");
    lab.sensor.ip(&["link", "set", "dev", "lo", "up"]);
    let metrics = ["--metrics", "127.0.0.1:0", "--history", "nad.db", "--incidents", "i.jsonl"];
    let nad = Nad::capturing(&lab, &[&["run", "--iface", SENSOR][..], &metrics].concat());
    // The threads of packets, interfaces, metrics and each output among them.
    assert!(has_only(nad.id(), 0) >= 6);
    has_only(child_of(nad.id()).expect("the process that attaches runs"), FOR_LINKS);
    assert_eq!(nad.interrupt().code, Some(0));

    let train = ["train", "--iface", SENSOR, "--train-packets", "20", "--out", "model"];
    let nad = Nad::capturing(&lab, &train);
    has_only(nad.id(), 0);
    let sender = RawSender::open(&lab.sender, SENDER);
    usual(25).iter().for_each(|frame| sender.send(frame));
    let ended = nad.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(lab.path("model").exists());
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_filter_that_outlives_its_links_is_removed_also_when_nad_is_killed() {
    let lab = Lab::new("filter");
    if !has("tc") {
        skipped("watching egress by clsact: tc (iproute2) is not installed");
        return;
    }
    for is_killed in [false, true] {
        let mut command = inside(&lab.sensor, env!("CARGO_BIN_EXE_nad"));
        command.env("NAD_TEST_CLSACT", "1");
        let run = ["run", "--iface", SENSOR, "--direction", "egress"];
        let mut nad = Nad::start_as(&lab, "nad", &mut command, &run);
        nad.wait_for(crate::nad_process::STARTED);
        assert!(nad.said().contains("egress by clsact"), "{}", nad.said());
        assert_eq!(filters(&lab), 1);
        has_only(nad.id(), 0);
        let helper = child_of(nad.id()).expect("the process that attaches runs");
        has_only(helper, FOR_LINKS);
        if is_killed {
            nad.signal(libc::SIGKILL);
            drop(nad);
        } else {
            let ended = nad.interrupt();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert_eq!(filters(&lab), 0, "it is removed before nad ends: {ended:?}");
        }
        until("the filter is removed", || filters(&lab) == 0);
        until("the process has ended", || !fs::exists(format!("/proc/{helper}")).expect("/proc is there"));
    }
}

pub(crate) fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).expect("nad runs");
    children.split_whitespace().next()?.parse().ok()
}

/// Every thread has these capabilities and no way to get others; how many there are.
fn has_only(process: u32, capabilities: u64) -> usize {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("nad runs");
    let mut threads = 0;
    for task in tasks {
        // A thread may have ended meanwhile.
        let path = task.expect("nad runs").path().join("status");
        let Ok(status) = fs::read_to_string(path) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in\n{status}")).trim().to_owned()
        };
        for name in ["CapEff:", "CapPrm:"] {
            assert_eq!(field(name), format!("{capabilities:016x}"), "{name}\n{status}");
        }
        for name in ["CapInh:", "CapAmb:"] {
            assert_eq!(field(name), format!("{:016x}", 0), "{name}\n{status}");
        }
        assert_eq!(field("NoNewPrivs:"), "1", "{status}");
        threads += 1;
    }
    assert!(threads > 0);
    threads
}

/// A lab whose folder anybody can write to, with a copy of nad that anybody can run: the build's own may lie
/// where only its owner gets to.
fn unprivileged_lab(label: &str) -> Option<Lab> {
    if !has("setpriv") {
        skipped("running with fewer privileges: setpriv (util-linux) is not installed");
        return None;
    }
    let lab = Lab::new(label);
    fs::copy(env!("CARGO_BIN_EXE_nad"), lab.path("nad")).expect("the binary can be copied");
    fs::set_permissions(lab.folder.path(), fs::Permissions::from_mode(0o777)).expect("it is our folder");
    Some(lab)
}

/// nad as user "nobody" with no capabilities but `capabilities`, such as `,+bpf`.
fn nobody_with(lab: &Lab, capabilities: &str) -> Command {
    let mut command = inside(&lab.sensor, "setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.arg(format!("--inh-caps=-all{capabilities}")).arg(format!("--ambient-caps=-all{capabilities}"));
    command.arg(lab.path("nad"));
    command
}
