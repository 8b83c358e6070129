//! The seeds of each target, and the inputs that once broke one, without a fuzzer.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml doesn't count among the tests")]

use std::{fs, path::Path};

fn holds(name: &str) {
    let target = nad_fuzz::target(name).unwrap();
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    for (seed, input) in seeds {
        assert!(input.len() <= target.longest, "{seed} has {} bytes and would be cut", input.len());
        println!("{name}: seed {seed}");
        (target.run)(&input);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs").join(name);
    if folder.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            (target.run)(&fs::read(path).unwrap());
        }
    }
    for nothing in [&[][..], &[0], &[1], &[0xff]] {
        (target.run)(nothing);
    }
}

#[test]
fn frames_hold() {
    holds("frame");
}

#[test]
fn captures_hold() {
    holds("capture");
}

#[test]
fn models_hold() {
    holds("model");
}

#[test]
fn histories_hold() {
    holds("history");
}

#[test]
fn configs_hold() {
    holds("config");
}

#[test]
fn records_hold() {
    holds("records");
}

#[test]
fn payloads_hold() {
    holds("payload");
}

#[test]
fn every_target_has_a_test_here_and_every_folder_a_target() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs.rs")).unwrap();
    for target in nad_fuzz::TARGETS {
        assert!(text.contains(&format!("holds(\"{}\")", target.name)), "{}", target.name);
    }
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs"));
    for folder in folders.into_iter().flatten() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(
            nad_fuzz::target(&name).is_some() || name == "README.md",
            "inputs/{name} belongs to no target"
        );
    }
}
