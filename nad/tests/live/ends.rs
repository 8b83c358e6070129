//! However it ends, nothing stays behind.

use crate::{
    lab::{Lab, SENDER, SENSOR, until},
    nad_process::Nad,
    raw::RawSender,
    traffic::usual,
};

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn ctrl_c_and_sigterm_detach_and_sum_up() {
    let lab = Lab::new("ends");
    let sender = RawSender::open(&lab.sender, SENDER);
    for mode in ["native", "generic"] {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let arguments = ["run", "--iface", SENSOR, "--xdp-mode", mode, "--train-packets", "1000"];
            let nad = Nad::capturing(&lab, &arguments);
            assert!(lab.has_program(SENSOR), "{mode}");
            usual(40).iter().for_each(|frame| sender.send(frame));
            nad.signal(signal);
            let ended = nad.end();
            assert_eq!(ended.code, Some(0), "{mode}, signal {signal}: {ended:?}");
            assert!(!lab.has_program(SENSOR), "{mode}, signal {signal}");
            let summary = "Captured 40 packets.\nNothing was judged: the packets ended while the baseline was being learnt (40 packets";
            assert!(ended.stdout.contains(summary), "{ended:?}");
            assert_eq!(ended.ledger().get("learned"), 40);
        }
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn kill_leaves_no_program_attached() {
    let lab = Lab::new("kill");
    for mode in ["native", "generic"] {
        let arguments = ["run", "--iface", SENSOR, "--xdp-mode", mode, "--direction", "both"];
        let nad = Nad::capturing(&lab, &arguments);
        assert_eq!((lab.has_program(SENSOR), lab.egress_programs(SENSOR)), (true, 1), "{mode}");
        nad.signal(libc::SIGKILL);
        assert_eq!(nad.end().code, None, "{mode}: ended by the signal");
        // The kernel closes what a killed process had open a moment later.
        until("no program is attached", || !lab.has_program(SENSOR) && lab.egress_programs(SENSOR) == 0);
        let ended = Nad::capturing(&lab, &arguments).interrupt();
        assert_eq!(ended.code, Some(0), "{mode}: the next one attaches: {ended:?}");
    }
}
