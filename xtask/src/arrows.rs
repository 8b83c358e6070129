//! The house rule of who may use whom: arrows run down only, between crates and between the top modules of one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{shell, tidy};

/// The crates of the workspace that each may use.
const CRATES: [(&str, &[&str]); 7] = [
    ("nad-common", &[]),
    ("nad-ebpf", &["nad-common"]),
    ("nad-engine", &["nad-common"]),
    ("nad", &["nad-common", "nad-engine"]),
    ("nad-bench", &["nad", "nad-common", "nad-engine"]),
    ("fuzz", &["nad", "nad-common", "nad-engine"]),
    ("xtask", &[]),
];

/// What the engine may not know: formats, files, sockets, terminals, and who drives it.
const NOT_IN_THE_ENGINE: [&str; 12] = [
    "axum",
    "clap",
    "hyper",
    "indicatif",
    "lettre",
    "parquet",
    "rusqlite",
    "schemars",
    "serde_json",
    "socket2",
    "tokio",
    "ureq",
];
const NO_WORDS_OF_THE_ENGINE: [&str; 8] =
    ["std::fs", "std::env", "std::process", "TcpStream", "TcpListener", "UdpSocket", "println!", "stdout()"];

/// Who uses whom: of each top module those it uses, with a file that does.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

fn manifest(package: &str) -> toml::Table {
    let text = fs::read_to_string(shell::workspace().join(package).join("Cargo.toml")).unwrap();
    text.parse().unwrap()
}

fn dependencies(package: &str) -> BTreeSet<String> {
    manifest(package)["dependencies"].as_table().unwrap().keys().cloned().collect()
}

/// Files of a crate that are not only tests, by their path in `src`.
fn sources(package: &str) -> Vec<(String, String)> {
    let root = shell::workspace().join(package).join("src");
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let mut files = Vec::new();
    tidy::rust_files(&root, &mut files);
    let sources = files.into_iter().filter_map(|file| {
        let inside = file.strip_prefix(&root).ok()?;
        (!is_test(inside)).then(|| (inside.to_str().unwrap().to_owned(), fs::read_to_string(&file).unwrap()))
    });
    sources.collect()
}

/// The text without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    text.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The top modules that a text names after `crate::`, also in braces.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, rest) in text.match_indices("crate::").map(|(at, found)| text.split_at(at + found.len())) {
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let (mut depth, mut is_start) = (1, true);
        for (at, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_start = true,
                character if is_start && depth == 1 && !character.is_whitespace() => {
                    names.insert(word(&group[at..]));
                    is_start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names.remove("");
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn uses(sources: &[(String, String)]) -> Uses {
    let mut uses = Uses::new();
    for (file, text) in sources {
        let module = file.split(['/', '.']).next().unwrap_or_default();
        for other in named(&code(text)) {
            if other != module {
                uses.entry(module.into()).or_default().entry(other).or_insert_with(|| file.clone());
            }
        }
    }
    uses
}

/// A way from a module back to itself, with the files that take each step.
fn circle(uses: &Uses) -> Option<String> {
    fn walk(uses: &Uses, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<String> {
        let module = way.last()?.clone();
        for (other, file) in uses.get(&module).into_iter().flatten() {
            if let Some(from) = way.iter().position(|before| before == other) {
                let round = way[from..].iter().map(String::as_str).chain([other.as_str()]);
                return Some(format!("{} ({file})", round.collect::<Vec<_>>().join(" -> ")));
            }
            if done.contains(other) {
                continue;
            }
            way.push(other.clone());
            if let Some(found) = walk(uses, way, done) {
                return Some(found);
            }
            way.pop();
        }
        done.insert(module);
        None
    }
    let mut done = BTreeSet::new();
    uses.keys().find_map(|module| walk(uses, &mut vec![module.clone()], &mut done))
}

#[test]
fn crates_use_only_those_below_them() {
    let own: BTreeSet<&str> = CRATES.iter().map(|(package, _)| *package).collect();
    for (package, allowed) in CRATES {
        let used: Vec<String> =
            dependencies(package).into_iter().filter(|name| own.contains(name.as_str())).collect();
        let forbidden: Vec<&String> = used.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(forbidden.is_empty(), "{package} uses {forbidden:?}: see CRATES in xtask/src/arrows.rs");
    }
}

#[test]
fn the_engine_knows_no_files_formats_sockets_or_terminals() {
    let known = dependencies("nad-engine");
    let known: Vec<&str> = NOT_IN_THE_ENGINE.into_iter().filter(|name| known.contains(*name)).collect();
    assert!(known.is_empty(), "nad-engine uses {known:?}: that belongs into nad");
    for (file, text) in sources("nad-engine") {
        let code = code(&text);
        let found: Vec<&str> =
            NO_WORDS_OF_THE_ENGINE.into_iter().filter(|word| code.contains(word)).collect();
        assert!(found.is_empty(), "nad-engine/src/{file} has {found:?}: that belongs into nad");
    }
}

#[test]
fn no_top_module_is_below_itself() {
    for package in ["nad-common", "nad-engine", "nad"] {
        let uses = uses(&sources(package));
        println!("{package}:");
        for (module, used) in &uses {
            println!("  {module} -> {}", used.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
        let circle = circle(&uses);
        assert!(circle.is_none(), "{package}: a circle of modules: {}", circle.unwrap_or_default());
    }
}

#[test]
fn a_circle_is_found_and_told() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let mut sources = vec![
        file("a.rs", "use crate::{b::One, c::{Two, Three}};"),
        file("b/inner.rs", "fn f() { crate::c::two() }"),
        file("c.rs", "// use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}"),
    ];
    assert_eq!(circle(&uses(&sources)), None);
    sources.push(file("c/inner.rs", "use crate::{\n    a::Four,\n};"));
    assert_eq!(circle(&uses(&sources)).unwrap(), "a -> b -> c -> a (c/inner.rs)");
}
