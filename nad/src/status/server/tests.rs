use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Instant,
};

use nad_common::counters::KernelCounters;
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/nad.sock");
    (folder, path)
}

fn serve(path: &Path) -> Server {
    let counters = || Ok(KernelCounters { seen: 7, recorded: 7, ..KernelCounters::default() });
    Listener::bind(path).unwrap().serve(Arc::default(), Box::new(counters), Board::default()).unwrap()
}

#[test]
fn a_sensor_answers_and_its_socket_goes_with_it() {
    let (_folder, path) = folder();
    let server = serve(&path);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, MODE, "{mode:o}");
    for _ in 0..2 {
        let report = client::ask(&path).unwrap();
        assert_eq!((report.packets["seen"], report.process), (7, std::process::id()));
    }
    drop(server);
    assert!(!path.exists());
    assert!(matches!(client::ask(&path), Err(AskError::Nobody(..))));
}

#[test]
fn the_socket_of_a_killed_sensor_makes_way_and_that_of_a_living_one_does_not() {
    let (_folder, path) = folder();
    fs::create_dir(path.parent().unwrap()).unwrap();
    // What a killed one leaves.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = serve(&path);
    let error = Listener::bind(&path).unwrap_err().to_string();
    assert!(
        error.contains(&format!("process {}", std::process::id())) && error.contains("--status-socket"),
        "{error}"
    );
    assert_eq!(client::ask(&path).unwrap().packets["seen"], 7, "it goes on");
    drop(server);
}

#[test]
fn what_is_no_socket_stays_and_is_named() {
    let (_folder, path) = folder();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "mine").unwrap();
    let error = Listener::bind(&path).unwrap_err().to_string();
    assert!(error.contains("no socket") && !error.contains('\n'), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_socket_that_took_its_place_is_not_removed() {
    let (_folder, path) = folder();
    let server = serve(&path);
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(server);
    assert!(path.exists());
    drop(other);
}

#[test]
fn who_asks_something_else_is_told_so_and_who_asks_nothing_keeps_nobody_from_asking() {
    let (_folder, path) = folder();
    let _server = serve(&path);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    // It hangs up with what it has not read, which may be an error here.
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.contains("error"), "{answer}");
    let silent: Vec<UnixStream> = (0..MOST_CLIENTS).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let begun = Instant::now();
    while client::ask(&path).is_err() {
        assert!(begun.elapsed() < 2 * PATIENCE, "those that ask nothing leave");
        thread::sleep(Duration::from_millis(100));
    }
    drop(silent);
}
