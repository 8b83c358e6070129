//! What nad costs before it works and while it has nothing to do. CPU time, because a busy machine makes it wait.

use std::{fs, thread, time::Duration};

use crate::{
    lab::{Lab, SENSOR},
    nad_process::Nad,
};

/// CPU time of all threads so far.
fn cpu_time(nad: &Nad) -> Duration {
    let threads = fs::read_dir(format!("/proc/{}/task", nad.id())).expect("it runs");
    let nanoseconds = threads.map(|thread| {
        let path = thread.expect("it is listed").path().join("schedstat");
        let text = fs::read_to_string(path).expect("the kernel keeps account");
        text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).expect("nanoseconds come first")
    });
    Duration::from_nanos(nanoseconds.sum())
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn it_starts_within_half_a_second_and_idles_at_less_than_a_hundredth_of_a_cpu() {
    let lab = Lab::alone("idle").with_addresses();
    let nad = Nad::capturing(&lab, &["run", "--iface", SENSOR, "--direction", "both"]);
    let start = cpu_time(&nad);
    // Most of it is the kernel's check of the programs.
    assert!(start < Duration::from_millis(500), "{start:?} of CPU time until it captured");
    // Another's work on the CPU makes each wake-up dearer: the calmest of a few stretches counts.
    let stretch = Duration::from_secs(3);
    let idle = (0..5).map(|_| {
        let before = cpu_time(&nad);
        thread::sleep(stretch);
        cpu_time(&nad) - before
    });
    let idle = idle.min().expect("there are five");
    println!("{start:?} of CPU time until it captured, then {idle:?} in {stretch:?}");
    assert!(idle < stretch / 100, "{idle:?} of CPU time in {stretch:?}");
    assert_eq!(nad.interrupt().code, Some(0));
}
