//! The house rules that no other tool checks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::CommandFactory as _;

use crate::{Cli, shell};

/// Above this a file has found a second job.
const MOST_LINES: usize = 400;

#[test]
fn no_source_file_is_longer_than_one_job_needs() {
    complain(|text| {
        let lines = text.lines().count();
        let message = format!("{lines} lines, more than {MOST_LINES}: look for the second job in it");
        (lines > MOST_LINES).then_some((lines, message)).into_iter().collect()
    });
}

#[test]
fn nothing_is_left_for_later() {
    // In two parts, so that this file does not find itself.
    let words =
        [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("FIX", "ME"), concat!("XX", "X")];
    complain(|text| {
        let found = |line: &str| words.iter().find(|word| line.contains(**word));
        numbered(text).filter_map(|(at, line)| Some((at, format!("'{}' is left", found(line)?)))).collect()
    });
}

#[test]
fn every_ignored_test_is_a_privileged_one_and_says_so() {
    // `cargo xtask test` runs every ignored test as root.
    let (attribute, allowed) = (concat!("#[", "ignore"), concat!("#[", "ignore = \"needs CAP_"));
    complain(|text| {
        let bad = |line: &str| line.trim_start().starts_with(attribute) && !line.contains(allowed);
        let message =
            "ignored for another reason than the capabilities it needs ('needs CAP_BPF and CAP_NET_ADMIN')";
        numbered(text).filter(|(_, line)| bad(line)).map(|(at, _)| (at, message.to_owned())).collect()
    });
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    let attributes = [concat!("#[", "allow("), concat!("#![", "allow(")];
    complain(|text| {
        let lines: Vec<&str> = text.lines().collect();
        let bad = |at: &usize| {
            let rest = &lines[at - 1..];
            let end = rest.iter().position(|line| line.contains(")]")).unwrap_or(0);
            attributes.iter().any(|attribute| rest[0].trim_start().starts_with(attribute))
                && !rest[..=end].iter().any(|line| line.contains("reason ="))
        };
        let message = "write #[expect(lint, reason = \"…\")]";
        (1..=lines.len()).filter(bad).map(|at| (at, message.to_owned())).collect()
    });
}

#[test]
fn the_readme_names_tasks_that_exist() {
    let readme = shell::workspace().join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let cli = Cli::command();
    for rest in text.split("cargo xtask ").skip(1) {
        let task: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let known = task.is_empty() || cli.find_subcommand(&task).is_some();
        assert!(known, "README.md names 'cargo xtask {task}', which does not exist");
    }
}

#[test]
fn each_promise_of_the_threat_model_names_a_test_that_exists() {
    let root = shell::workspace();
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut named = 0;
    for reference in model.split('`').filter(|text| text.contains(".rs::")) {
        let (file, test) = reference.split_once("::").unwrap();
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let place = text.find(&format!("fn {test}()")).unwrap_or_else(|| panic!("{file} has no {test}"));
        let before = text[..place].lines().rev().map(str::trim).skip_while(|line| line.is_empty());
        let is_test = before.take_while(|line| line.starts_with("#[")).any(|line| line == "#[test]");
        assert!(is_test, "{reference} is no test");
        named += 1;
    }
    assert!(named > 50, "only {named} tests");
    // A promise in a table ends in its test, or says that there is none.
    for line in model.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise |")) {
        assert!(line.contains(".rs::") || line.contains("(not tested)"), "no test: {line}");
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// Fails with everything that `check` finds in the workspace's Rust files: a line's number and a message.
fn complain(check: impl Fn(&str) -> Vec<(usize, String)>) {
    let root = shell::workspace();
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(files.len() > 10, "only {} Rust files below {}", files.len(), root.display());
    let mut complaints = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&root).unwrap();
        complaints
            .extend(check(&text).into_iter().map(|(at, what)| format!("{}:{at}: {what}", name.display())));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

pub(crate) fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            // Hidden directories and cargo's own are no part of the sources. Cargo marks only what it made itself.
            let is_cargos = name == "target" || path.join("CACHEDIR.TAG").exists();
            if !name.starts_with('.') && !is_cargos {
                rust_files(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}
