//! The house rules of documentation: how long a page may be, and what has to be in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::shell;

/// A newcomer reads it whole before the code.
const MOST_LINES_OF_ARCHITECTURE: usize = 110;
/// About a printed page.
const MOST_LINES_OF_DECISION: usize = 60;
const HEADINGS_OF_DECISION: [&str; 3] = ["## Context", "## Decision", "## Consequence"];
/// In this order, as in "Keep a Changelog".
const KINDS_OF_CHANGE: [&str; 5] = ["### Added", "### Changed", "### Fixed", "### Security", "### Removed"];

#[test]
fn the_architecture_fits_on_a_page() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(
        lines <= MOST_LINES_OF_ARCHITECTURE,
        "ARCHITECTURE.md has {lines} lines, more than {MOST_LINES_OF_ARCHITECTURE}: reasons belong into docs/decisions"
    );
}

#[test]
fn the_architecture_names_each_top_module() {
    let (map, root) = (read("ARCHITECTURE.md"), shell::workspace());
    let mut missing = Vec::new();
    for package in ["nad-common", "nad-engine", "nad"] {
        let entries =
            fs::read_dir(root.join(package).join("src")).unwrap().map(|entry| entry.unwrap().path());
        for file in entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
            let module = file.file_stem().unwrap().to_str().unwrap();
            let is_named =
                [format!("`{module}`"), format!("::{module}`")].iter().any(|name| map.contains(name));
            if !is_named && !["lib", "main"].contains(&module) {
                missing.push(format!("ARCHITECTURE.md has no {package}::{module} in its map"));
            }
        }
    }
    assert_none(missing.into_iter());
}

#[test]
fn decisions_are_numbered_and_have_a_context_a_decision_and_a_consequence() {
    let directory = shell::workspace().join("docs/decisions");
    let mut names: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 10, "only {} decisions", names.len());
    let complaints = (1..).zip(&names).flat_map(|(number, name)| {
        let text = fs::read_to_string(directory.join(name)).unwrap();
        faults_of_decision(number, name, &text).into_iter().map(move |fault| format!("{name}: {fault}"))
    });
    assert_none(complaints);
}

#[test]
fn each_version_of_the_changelog_is_sorted_by_kind() {
    let text = read("CHANGELOG.md");
    let versions: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert!(!versions.is_empty(), "no version");
    assert_none(versions.into_iter().flat_map(faults_of_version));
}

#[test]
fn each_link_between_pages_leads_to_a_file() {
    let root = shell::workspace();
    let mut pages = Vec::new();
    for directory in ["", "docs", "docs/decisions"] {
        let entries = fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    assert!(pages.len() > 20, "only {} pages", pages.len());
    let complaints = pages.iter().flat_map(|page| {
        let text = fs::read_to_string(page).unwrap();
        let missing: Vec<String> =
            links(&text).into_iter().filter(|link| !target(page, link).exists()).map(Into::into).collect();
        missing.into_iter().map(|link| format!("{}: no {link}", page.display()))
    });
    assert_none(complaints);
}

fn read(name: &str) -> String {
    fs::read_to_string(shell::workspace().join(name)).unwrap()
}

fn assert_none(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn faults_of_decision(number: usize, name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !name.starts_with(&format!("{number:04}-")) || !name.ends_with(".md") {
        faults.push(format!("should be the decision {number:04}: numbers have neither gaps nor doubles"));
    }
    if !text.starts_with(&format!("# {number:04}: ")) {
        faults.push(format!("the title does not begin with '# {number:04}: '"));
    }
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    if headings != HEADINGS_OF_DECISION {
        faults.push(format!("has the headings {headings:?} instead of {HEADINGS_OF_DECISION:?}"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES_OF_DECISION {
        faults.push(format!("{lines} lines, more than {MOST_LINES_OF_DECISION}"));
    }
    faults
}

/// Faults of one version's part of the changelog, which begins with the version's name.
fn faults_of_version(text: &str) -> Vec<String> {
    let version = text.lines().next().unwrap_or_default();
    let mut faults = Vec::new();
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("### ")).collect();
    let sorted: Vec<&str> = KINDS_OF_CHANGE.into_iter().filter(|kind| headings.contains(kind)).collect();
    if headings != sorted {
        faults
            .push(format!("{version}: {headings:?} are not each of {KINDS_OF_CHANGE:?} once, in this order"));
    }
    let before = text.split("\n### ").next().unwrap_or_default();
    if before.lines().any(|line| line.starts_with("- ")) {
        faults.push(format!("{version}: an entry stands under no kind"));
    }
    faults
}

/// The links of a page that lead to other files of the repository, without their anchors.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|link| !link.contains("://")).filter_map(|link| link.split('#').next());
    files.filter(|file| !file.is_empty()).collect()
}

fn target(page: &Path, link: &str) -> PathBuf {
    page.parent().unwrap().join(link)
}

#[test]
fn a_decision_without_a_part_or_with_another_number_is_found() {
    let good = "# 0002: Title\n\n## Context\nA\n\n## Decision\nB\n\n## Consequence\nC\n";
    assert_eq!(faults_of_decision(2, "0002-title.md", good), Vec::<String>::new());
    assert_eq!(faults_of_decision(3, "0002-title.md", good).len(), 2);
    let without = good.replace("## Decision\n", "");
    assert!(faults_of_decision(2, "0002-title.md", &without)[0].contains("headings"));
    let long = format!("{good}{}", "more\n".repeat(MOST_LINES_OF_DECISION));
    assert!(faults_of_decision(2, "0002-title.md", &long)[0].contains("lines, more than"));
}

#[test]
fn a_changelog_that_is_not_sorted_is_found() {
    assert_eq!(faults_of_version("1.0\n\n### Added\n\n- A\n\n### Fixed\n\n- B\n"), Vec::<String>::new());
    assert_eq!(faults_of_version("1.0\n\n- A\n\n### Fixed\n\n- B\n\n### Added\n").len(), 2);
    assert_eq!(faults_of_version("1.0\n\n### Added\n\n### Added\n").len(), 1);
}

#[test]
fn links_are_read_without_anchors_and_without_other_sites() {
    let text = "[a](docs/a.md#part) [b](https://example.org/b) [c](#here) [d](../d.md)";
    assert_eq!(links(text), ["docs/a.md", "../d.md"]);
}
