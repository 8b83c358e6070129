//! `nad doctor`, which attaches to nothing.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::sensor::{Folder, Ran};

#[test]
fn every_line_is_a_finding_and_what_fails_decides_the_exit_code() {
    let folder = Folder::new();
    let ran = folder.nad("doctor --iface lo");
    let failed = ran.stdout.lines().any(|line| line.starts_with("fail  "));
    for line in ran.stdout.lines() {
        assert!(["ok    ", "warn  ", "fail  "].iter().any(|status| line.starts_with(status)), "{line}");
    }
    let ran = ran.exits(i32::from(failed));
    assert_eq!(ran.stderr, "");
    assert!(!folder.path("logs").exists(), "it only looks");
}

#[test]
fn an_interface_that_is_not_there_fails_with_those_that_are() {
    let ran = Folder::new().nad("doctor --iface nad-no0").exits(1);
    let line = ran.stdout.lines().find(|line| line.starts_with("fail  interface")).unwrap();
    assert!(line.contains("nad-no0") && line.contains("lo") && line.contains("remedy: "), "{line}");
}

#[test]
fn without_privileges_it_fails_with_remedies() {
    let folder = Folder::new();
    let ran = if is_root() {
        // A copy, because the build's folder may be closed to others.
        let program = folder.path("nad");
        fs::copy(env!("CARGO_BIN_EXE_nad"), &program).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
        let mut command = Command::new("setpriv");
        match command.args(nobody).arg(program).args(["doctor", "--iface", "lo"]).current_dir("/").output() {
            Ok(output) => Ran::from(output),
            Err(error) => {
                eprintln!("skipped: setpriv, which makes root somebody else: {error}");
                return;
            }
        }
    } else {
        folder.nad("doctor --iface lo")
    };
    let ran = ran.exits(1);
    let failed: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("fail  ")).collect();
    assert!(failed.iter().any(|line| line.starts_with("fail  privileges")), "{}", ran.stdout);
    for line in failed {
        assert!(line.contains("remedy: "), "{line}");
    }
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t")
}
