//! `nad config check` and `nad config show`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    example::{EXAMPLE, uncommented},
    folder,
    sensor::{Folder, Ran},
};

/// A section's setting in what was shown: its value, and where it comes from.
#[track_caller]
fn setting(shown: &str, section: &str, name: &str) -> (String, String) {
    let (_, rest) = shown.split_once(&format!("[{section}]\n")).unwrap_or_else(|| panic!("{shown}"));
    let within = rest.split("\n[").next().unwrap();
    let start = format!("{name} = ");
    let line =
        within.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{within}"));
    let (value, origin) = line.rsplit_once(" # ").unwrap();
    (value.to_owned(), origin.to_owned())
}

#[track_caller]
fn shown(ran: Ran) -> String {
    ran.exits(0).stdout
}

#[test]
fn a_file_that_can_be_used_is_fine_and_one_that_can_not_says_why() {
    let folder = Folder::new();
    let none = folder.nad("config check").exits(0).stdout;
    assert!(none.starts_with("fine: no config file is read") && none.lines().count() == 1, "{none}");
    folder.nad("config check nad.toml").exits(2).says_only(&["config file nad.toml", "No such file"]);
    folder
        .nad("config check --config nad.toml")
        .exits(2)
        .says_only(&["config file nad.toml", "No such file"]);
    folder.write("nad.toml", "[training]\nseed = 7\n");
    assert_eq!(folder.nad("config check").exits(0).stdout, "nad.toml: fine\n");
    folder.write("other.toml", "[training]\ntrees = 0\n");
    folder.nad("config check other.toml").exits(2).says_only(&["trees 0 is out of range"]);
    folder.nad("config check --config other.toml").exits(2).says_only(&["trees 0"]);
    folder.write("other.toml", "[training]\ntres = 3\n");
    folder.nad("config check other.toml").exits(2).says_only(&["other.toml, line 2", "unknown field `tres`"]);
    folder.write("other.toml", b"\xff\xfe");
    folder.nad("config check other.toml").exits(2).says_only(&["other.toml"]);
    folder.nad("config check .").exits(2).says_only(&["config file .:", "directory"]);
    assert_eq!(fs::read_dir(folder.as_ref()).unwrap().count(), 2, "nothing is written");
}

#[test]
fn what_run_would_open_is_looked_at_and_left_alone() {
    let folder = Folder::new();
    folder.write("notes.txt", "no database, and no model");
    let refused = |settings: &str, parts: &[&str]| {
        folder.write("nad.toml", settings);
        let said = folder.nad("config check").exits(2).stderr;
        assert!(
            said.lines().all(|line| line.starts_with("error: ") || line.starts_with("warning: ")),
            "{said}"
        );
        for part in parts {
            assert!(said.contains(part), "no {part} in {said}");
        }
    };
    refused(
        "[capture]\ninterface = \"nad-no0\"\n",
        &["error: interface nad-no0 does not exist: this machine has lo"],
    );
    refused("[training]\nmodel = \"no.model\"\n", &["error: model no.model: No such file", "nad train"]);
    refused("[training]\nmodel = \"notes.txt\"\n", &["error: model notes.txt is refused"]);
    refused(
        "[history]\npath = \"notes.txt\"\n",
        &["error: history notes.txt: it is no history, but another file"],
    );
    refused(
        "[history]\npath = \"no/nad.db\"\n[capture]\ninterface = \"nad-no0\"\n",
        &["error: history no/nad.db: there is no directory no; make it", "error: interface nad-no0"],
    );
    folder.write(
        "nad.toml",
        "[capture]\ninterface = \"lo\"\n[history]\npath = \"nad.db\"\n[log]\npath = \"new/log\"\n",
    );
    let ran = folder.nad_with("NAD_IFCAE", "eth0", "config check").exits(0);
    assert_eq!(ran.stdout, "nad.toml: fine\n");
    assert!(
        ran.stderr.contains("warning: environment variable NAD_IFCAE is none of nad's"),
        "{}",
        ran.stderr
    );
    let mut names: Vec<_> =
        fs::read_dir(folder.as_ref()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["nad.toml", "notes.txt"], "nothing is made");
    assert_eq!(folder.read("notes.txt"), "no database, and no model");
}

#[test]
fn the_machine_s_file_is_read_where_there_is_no_other() {
    let (folder, system) = (Folder::new(), Folder::new());
    let nad = |arguments: &str| {
        let mut command = folder.command();
        command.env("NAD_TEST_SYSTEM_FILE", system.path("nad.toml"));
        Ran::of(command.args(arguments.split_whitespace()))
    };
    let path = system.path("nad.toml").display().to_string();
    assert!(nad("config check").exits(0).stdout.starts_with("fine: no config file is read"));
    assert!(shown(nad("config show")).starts_with("# config file: none\n"));
    system.write("nad.toml", "[training]\nseed = 7\n");
    assert_eq!(nad("config check").exits(0).stdout, format!("{path}: fine\n"));
    let by_system = shown(nad("config show"));
    assert!(by_system.starts_with(&format!("# config file: {path}\n")), "{by_system}");
    assert_eq!(setting(&by_system, "training", "seed"), ("7".into(), format!("{path} line 2")));
    folder.write("nad.toml", "[training]\nseed = 8\n");
    assert_eq!(
        setting(&shown(nad("config show")), "training", "seed"),
        ("8".into(), "nad.toml line 2".into())
    );
    folder.write("c.toml", "[training]\nseed = 9\n");
    let named = shown(nad("config show --config c.toml"));
    assert_eq!(setting(&named, "training", "seed"), ("9".into(), "c.toml line 2".into()));
    let none = shown(nad("config show --config none"));
    assert!(none.starts_with("# config file: none\n"), "{none}");
    assert_eq!(setting(&none, "training", "seed"), ("0".into(), "default".into()));
    // What is wrong with it is no reason to go on without it.
    fs::remove_file(folder.path("nad.toml")).unwrap();
    system.write("nad.toml", "[training]\nsed = 7\n");
    for command in ["config check", "run", "train --out m", "incidents list", "doctor", "test-output email"] {
        nad(command).exits(2).says_only(&[&format!("config file {path}, line 2"), "unknown field `sed`"]);
    }
    // It is the sensor's of this machine: captures are judged without it, and written into no history of it.
    for command in [
        "replay a.pcap",
        "train a.pcap --out m",
        "features a.pcap --out f.csv",
        "report --capture a.pcap --out r.html",
    ] {
        assert!(!nad(command).stderr.contains("nad.toml"), "{command}");
        let ran = nad(&format!("--config {path} {command}")).exits(2);
        ran.says_only(&[&format!("config file {path}, line 2"), "unknown field `sed`"]);
    }
    // One that others may write is not trusted.
    system.write("nad.toml", "");
    fs::set_permissions(system.path("nad.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    nad("run").exits(2).says_only(&["everybody may write it"]);
}

#[test]
fn a_file_is_checked_together_with_what_counts_before_it() {
    let folder = Folder::new();
    folder.write("nad.toml", "[training]\nseed = 7\n");
    folder.nad_with("NAD_TRAINER", "crate", "config check").exits(2).says_only(&["seed 7 has no effect"]);
    folder.nad("config check --contamination 0.9").exits(2).says_only(&["contamination 0.9"]);
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let folder = Folder::new();
    folder.write("nad.toml", "[training]\nseed = 7\ntrees = 20\n\n[context]\nflows = 100\n");
    let flags = "--seed 8 --alert-budget 2/day --sensor-name dmz-1";
    let ran = folder.nad_with("NAD_SAMPLING", "off", &format!("config show {flags}"));
    let shown = shown(ran);
    for (section, name, value, origin) in [
        ("training", "seed", "8", "flag --seed"),
        ("training", "trees", "20", "nad.toml line 3"),
        ("context", "flows", "100", "nad.toml line 6"),
        ("context", "hosts", "131072", "default"),
        ("capture", "sampling", "\"off\"", "environment NAD_SAMPLING"),
        ("alerts", "budget", "\"2/day\"", "flag --alert-budget"),
        ("alerts", "relearn", "\"6h\"", "default"),
        ("sensor", "name", "\"dmz-1\"", "flag --sensor-name"),
        ("output", "alert_format", "\"native\"", "default"),
        ("training", "train_for", "\"60s\"", "default"),
        ("training", "contamination", "0.0001", "default"),
    ] {
        assert_eq!(setting(&shown, section, name), (value.into(), origin.into()), "{shown}");
    }
    assert!(
        shown.contains("# interface is not set\n") && shown.contains("# [email] is not set\n"),
        "{shown}"
    );
}

#[test]
fn a_setting_that_was_renamed_is_refused_with_its_new_name() {
    let folder = Folder::new();
    for flag in ["--thin off", "--thin=off"] {
        let ran = folder.nad(&format!("config show {flag}")).exits(2);
        ran.says_only(&["--thin was renamed: use --sampling"]);
    }
    let ran = folder.nad_with("NAD_THIN", "off", "config show").exits(2);
    ran.says_only(&["NAD_THIN was renamed: use NAD_SAMPLING"]);
    folder.write("nad.toml", "[capture]\nthin = \"off\"\n");
    let ran = folder.nad("config show").exits(2);
    ran.says_only(&["nad.toml, line 2: thin in [capture] was renamed: use sampling"]);
}

#[test]
fn of_the_settings_of_the_baseline_only_those_of_the_place_that_counts_are_in_force() {
    let folder = Folder::new();
    folder.write("nad.toml", "[capture]\npacket_count = 50\n");
    let by_file = shown(folder.nad("config show"));
    assert_eq!(setting(&by_file, "capture", "packet_count"), ("50".into(), "nad.toml line 2".into()));
    assert_eq!(setting(&by_file, "training", "contamination").0, "0.01", "as for every fixed number");
    assert!(by_file.contains("# train_for is not set"), "{by_file}");
    let by_flag = shown(folder.nad("config show --model m"));
    assert_eq!(setting(&by_flag, "training", "model"), ("\"m\"".into(), "flag --model".into()));
    assert!(by_flag.contains("# packet_count is not set"), "{by_flag}");
}

#[test]
fn what_is_shown_can_be_used_and_shows_the_same_settings() {
    let folder = Folder::new();
    let rules = "[[allow]]\nsource = \"10.0.0.0/24\"\nprotocol = \"udp\"\ncomment = \"a \\\"b\\\" # c\"\n\
                 expires = 2026-12-31\n\n[[allow]]\nport = 22\nshape = \"brute-force\"\ncomment = \"d\"\n";
    folder.write("nad.toml", format!("[alerts]\nsilence = \"1500ms\"\nrelearn = \"never\"\n\n{rules}"));
    for flags in
        ["", "--trainer crate", "--count 30 --iface lo", "--model m --sampling off", "--train-packets 9"]
    {
        let first = shown(folder.nad(&format!("config show {flags}")));
        assert!(first.contains("[[allow]] # nad.toml line 5\n"), "{first}");
        folder.write("again.toml", &first);
        let second = shown(folder.nad("config show --config again.toml"));
        let settings = |text: &str| text.parse::<toml::Table>().unwrap();
        assert_eq!(settings(&first), settings(&second), "{flags}");
        assert_eq!(settings(&first)["allow"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn every_setting_of_the_example_is_shown_whether_it_is_set_or_not() {
    let text = uncommented(&fs::read_to_string(EXAMPLE).unwrap());
    let table: toml::Table = text.parse().unwrap();
    // Without a file, and with one that sets everything that goes together.
    let folder = Folder::new();
    let bare = shown(folder.nad("config show"));
    folder.write("nad.toml", &text);
    let full = shown(folder.nad("config show --count 5"));
    for (section, settings) in &table {
        assert!(bare.contains(&format!("[{section}]")), "{section} is not in {bare}");
        let Some(settings) = settings.as_table() else {
            assert!(full.contains(&format!("[[{section}]] # nad.toml line")), "{full}");
            continue;
        };
        for name in settings.keys() {
            let is_there = |text: &str| {
                text.contains(&format!("\n{name} = ")) || text.contains(&format!("\n# {name} is"))
            };
            assert!(is_there(&full), "{name} of {section} is not in {full}");
            let is_set = bare.contains(&format!("# [{section}] is not set"));
            assert!(is_set || is_there(&bare), "{name} of {section} is not in {bare}");
        }
    }
    // Only these have no default.
    let not_set: Vec<&str> =
        bare.lines().filter_map(|line| line.strip_prefix("# ")?.strip_suffix(" is not set")).collect();
    assert_eq!(
        not_set,
        [
            "interface",
            "packet_count",
            "[email]",
            "group",
            "path",
            "listen",
            "format",
            "on_closed_stdout",
            "user",
            "dir",
            "extension_level",
            "model",
            "train_packets"
        ]
    );
}

#[test]
fn what_a_named_file_holds_is_neither_read_nor_shown() {
    let folder = folder();
    folder.write("smtp-password", "sesame");
    folder.write(
        "nad.toml",
        "[email]\nsender = \"a@example.org\"\nreceivers = [\"b@example.org\"]\nserver = \"smtp.example.org\"\n\
         password_file = \"smtp-password\"\n",
    );
    let shown = shown(folder.nad("config show"));
    assert_eq!(setting(&shown, "email", "password_file").0, "\"smtp-password\"");
    assert!(!shown.contains("sesame"), "{shown}");
}
