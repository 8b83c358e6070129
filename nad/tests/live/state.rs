//! A sensor that is killed and started again goes on where it was.

use std::{
    fs,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    lab::{Lab, SENSOR, until},
    nad_process::{BINARY, Nad},
    overload::{End, SCANNERS, everyday, scan},
};

/// Learning and detecting with a state that is saved each second.
const CONFIG: &str = "[training]\ntrain_for = \"11s\"\n[state]\ndir = \"kept\"\nevery = \"1s\"\n";

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_killed_sensor_resumes_without_a_baseline_and_an_attack_meanwhile_is_one_incident() {
    let lab = Lab::without_addresses("state");
    lab.write("nad.toml", CONFIG);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (lab, is_over) = (&lab, &is_over);
        let _end = End(is_over);
        scope.spawn(move || everyday(lab, is_over));
        let run = ["run", "--iface", SENSOR, "--xdp-mode", "native"];
        let mut nad = Nad::capturing(lab, &run);
        nad.wait_for("baseline learnt");
        wait_for_a_save(lab);
        let other = Nad::start_as(lab, "other", &mut std::process::Command::new(BINARY), &run).end();
        assert_eq!(other.code, Some(2), "{other:?}");
        assert!(other.stderr.contains("state directory kept is in use by another nad"), "{other:?}");

        let ends = AtomicBool::new(false);
        let (before, id, later) = thread::scope(|scope| {
            let ends = &ends;
            let _end = End(ends);
            scope.spawn(move || scan(lab, SCANNERS[0], ends));
            nad.wait_for("INCIDENT ");
            wait_for_a_save(lab);
            let before = nad.said();
            // SIGKILL.
            drop(nad);
            let begun = Instant::now();
            let mut later = Nad::capturing(lab, &run);
            let took = begun.elapsed();
            later.wait_for("resumed: ");
            assert!(took < Duration::from_secs(10), "it learns nothing anew: {took:?}");
            let id = after(&before, "INCIDENT ");
            later.wait_for(&format!("resumed  {id}"));
            (before, id, later)
        });
        assert!(before.contains("learning a baseline"), "{before}");
        let ended = later.interrupt();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.ledger();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("s of learning, saved ") && !said.contains("learning a baseline"), "{said}");
        assert_eq!(said.matches("INCIDENT ").count(), 0, "everything else is known:\n{said}");
        assert!(said.contains(&format!("closed   {id}")), "{said}");

        // What is damaged is set aside, and what was learnt is learnt anew.
        let state = lab.path("kept/nad.state");
        let mut bytes = fs::read(&state).expect("it was saved at the end");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&state, bytes).expect("it is our folder");
        let mut anew = Nad::capturing(lab, &run);
        anew.wait_for("can't be gone on with: its checksum is wrong, so it is damaged; it is set aside as nad.state.set-aside-");
        anew.wait_for("learning a baseline");
        assert_eq!(anew.interrupt().code, Some(0));
        assert!(!state.exists(), "there was nothing to save");
    });
}

/// Waits until the state of this moment or a later one is there.
fn wait_for_a_save(lab: &Lab) {
    // One that was taken before may be written after this moment.
    for what in ["the state is saved", "it is saved once more"] {
        let now = SystemTime::now();
        let modified = || fs::metadata(lab.path("kept/nad.state")).and_then(|file| file.modified());
        until(what, || modified().is_ok_and(|at| at > now));
    }
}

/// The word after another one.
fn after(said: &str, words: &str) -> String {
    let (_, rest) = said.split_once(words).expect("it was said");
    rest.split(' ').next().unwrap_or_default().to_owned()
}
