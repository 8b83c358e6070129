//! `nad doctor`, which attaches to nothing.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use nad_engine::context::Sizes;

use crate::{
    sensor::{Folder, Ran},
    skip::skipped,
};

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
fn the_memory_of_each_part_is_told_as_it_is_configured() {
    let folder = Folder::new();
    let memory = || {
        let ran = folder.nad("doctor --iface lo");
        let lines = ran.stdout.lines().filter_map(|line| line.split_once("  memory        "));
        let number = |text: &str| {
            let (name, rest) = text.split_at(26);
            (name.trim().to_owned(), rest.trim().split(' ').next().unwrap().parse::<f64>().unwrap())
        };
        lines.map(|(_, text)| number(text)).collect::<Vec<_>>()
    };
    let before = memory();
    let names: Vec<&str> = before.iter().map(|(name, _)| name.as_str()).collect();
    let tables = Sizes::USUAL.len();
    assert!(names.iter().zip(Sizes::USUAL).all(|(name, (table, _))| name == table), "{names:?}");
    assert_eq!((names[0], names[tables]), ("flows", "rings"));
    let [parts @ .., shard, all] = &before[..] else { panic!("{before:?}") };
    let sum: f64 = parts.iter().map(|(_, mebibytes)| mebibytes).sum();
    assert!(all.0.starts_with("all of it") && (all.1 - sum).abs() < 5.0, "{before:?}");
    let of_tables: f64 = parts[..tables].iter().map(|(_, mebibytes)| mebibytes).sum();
    assert!(shard.0.starts_with("of them ") && shard.1 > 1.0 && shard.1 < of_tables, "{before:?}");

    let settings = "[context]\nflows = 8388608\n[capture]\nring_bytes = 1048576\n[threads]\nshards = 4\n";
    folder.write("nad.toml", settings);
    let after = memory();
    assert_eq!(after[after.len() - 2].0, "of them each of 4 shards");
    assert!(after[0].1 > 10.0 * before[0].1 && after[1..tables] == before[1..tables], "{before:?} {after:?}");
    assert!(after[tables].1 < before[tables].1, "{before:?} {after:?}");
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
                return skipped(&format!("setpriv, which makes root somebody else: {error}"));
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
