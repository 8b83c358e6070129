//! `nad status` where there is no sensor to ask.

use std::os::unix::net::UnixListener;

use crate::sensor::Folder;

#[test]
fn without_a_sensor_the_exit_code_is_1_and_a_line_says_what_to_do() {
    let folder = Folder::new();
    let ran = folder.nad("status --status-socket nad.sock").exits(1);
    assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("no sensor answers at nad.sock") && ran.stderr.contains("nad run"),
        "{}",
        ran.stderr
    );
    // What a sensor that was killed leaves behind is none either.
    drop(UnixListener::bind(folder.path("nad.sock")).unwrap());
    folder.write("nad.toml", "[status]\nsocket = \"nad.sock\"\n");
    let mut command = folder.command();
    let ran = crate::sensor::Ran::of(command.env_remove("NAD_STATUS_SOCKET").arg("status")).exits(1);
    assert!(ran.stderr.contains("no sensor answers at nad.sock"), "{}", ran.stderr);
}

#[test]
fn a_socket_that_is_none_is_a_wrong_setting() {
    let folder = Folder::new();
    let ran = folder.nad("status --status-socket none").exits(2);
    assert!(ran.stderr.contains("--status-socket"), "{}", ran.stderr);
    folder.write("nad.toml", "[status]\nsocket = 7\n");
    folder.nad("status").exits(2);
}
