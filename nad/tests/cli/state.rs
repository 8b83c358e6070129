//! `nad state`: what is kept is shown, copied, checked before it replaces another, and removed.

use std::{fs, os::unix::fs::PermissionsExt as _};

use nad_engine::detector::example;

use crate::{folder, sensor::Folder};

const STATE: &str = "kept/nad.state";

/// A folder with a state.
fn kept() -> Folder {
    let folder = folder();
    fs::create_dir(folder.path("kept")).unwrap();
    fs::set_permissions(folder.path("kept"), fs::Permissions::from_mode(0o700)).unwrap();
    let mut snapshot = example::snapshot();
    snapshot.set_source("eth0\n\u{1b}[2J");
    folder.write(STATE, snapshot.to_bytes().unwrap());
    folder.write("nad.toml", "[state]\ndir = \"kept\"\n");
    folder
}

#[test]
fn what_is_kept_is_shown_in_words_and_as_json() {
    let folder = kept();
    let shown = folder.nad("state show").exits(0).stdout;
    for words in [
        "kept/nad.state: ",
        "saved at 2023-11-14T22:14:20.000Z, ",
        "learnt: 1 min at eth0\\n\\u{1b}[2J\n",
        "model: trained on 400 packets",
        "over hours: 1 source, 0 login services\n",
        "views of hours: mature none; not yet 10 min, 1 h, 8 h\n",
        "incidents: 0 open\n",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let json = folder.nad("state show --json --state-dir kept").exits(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["watched_s"], &json["sources_over_hours"]), (&60.into(), &1.into()), "{json:#}");
}

#[test]
fn a_copy_replaces_a_state_once_it_was_checked() {
    let folder = kept();
    let whole = fs::read(folder.path(STATE)).unwrap();
    folder.nad("state export copy").exits(0);
    assert!(fs::read(folder.path("copy")).unwrap() == whole);
    folder.write("damaged", &whole[..whole.len() - 1]);
    folder
        .nad("state import damaged")
        .exits(1)
        .says_only(&["state damaged is refused", "bytes and says it has"]);
    folder.nad("state import nad.toml").exits(1).says_only(&["nad.toml is refused: it is not a nad state"]);
    assert!(fs::read(folder.path(STATE)).unwrap() == whole, "it is as it was");
    let ran = folder.nad("state import copy --state-dir another/new").exits(0);
    assert_eq!(ran.stdout, "another/new: the next start goes on from 1 min of learning\n");
    assert!(fs::read(folder.path("another/new/nad.state")).unwrap() == whole);
}

#[test]
fn it_is_removed_only_where_that_is_said() {
    let folder = kept();
    folder.write("kept/nad.state.set-aside-20260101T000000Z", "old");
    folder.write("kept/notes", "a person's");
    folder.nad("state reset").exits(2).says_only(&["what was learnt would be gone from kept", "--yes"]);
    let ran = folder.nad("state reset --yes").exits(0);
    assert_eq!(ran.stdout, "kept: 2 files removed\n");
    assert!(!folder.path(STATE).exists() && folder.path("kept/notes").exists());
    folder.nad("state show").exits(1).says_only(&["there is no state in kept", "nad run --state-dir"]);
}

#[test]
fn a_directory_has_to_be_named_and_is_taken_from_the_first_place_that_does() {
    let folder = kept();
    folder.write("nad.toml", "");
    folder.nad("state show").exits(2).says_only(&[
        "no state directory is named",
        "NAD_STATE_DIR",
        "[state] dir",
    ]);
    let with = |variable: &str, value: &str, arguments: &str| {
        let mut command = folder.command();
        command.env(variable, value).args(arguments.split(' '));
        crate::sensor::Ran::of(&mut command)
    };
    with("NAD_STATE_DIR", "kept", "state show").exits(0);
    with("STATE_DIRECTORY", "kept:other", "state show").exits(0);
    with("STATE_DIRECTORY", "kept", "state show --state-dir none").exits(2);
    let shown = with("STATE_DIRECTORY", "kept:other", "config show").exits(0).stdout;
    assert!(shown.contains("[state]\ndir = \"kept\" # default\nevery = \"300s\" # default\n"), "{shown}");
    let shown = with("NAD_STATE_DIR", "other", "config show").exits(0).stdout;
    assert!(shown.contains("dir = \"other\" # environment NAD_STATE_DIR\n"), "{shown}");
}

#[test]
fn what_others_may_write_is_not_trusted() {
    let folder = kept();
    fs::set_permissions(folder.path(STATE), fs::Permissions::from_mode(0o666)).unwrap();
    folder.nad("state show").exits(1).says_only(&[
        "kept/nad.state is refused",
        "everybody may write it",
        "chmod",
    ]);
    fs::set_permissions(folder.path("kept"), fs::Permissions::from_mode(0o777)).unwrap();
    folder.nad("state reset --yes").exits(1).says_only(&["state directory kept", "everybody may write it"]);
}
