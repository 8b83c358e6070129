use std::{fs, os::unix::fs::PermissionsExt as _};

use nad_engine::detector::example;

use super::*;

fn bytes() -> Vec<u8> {
    example::snapshot().to_bytes().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn what_is_saved_is_read_again_and_only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("state");
    let directory = StateDirectory::open(&path).unwrap();
    assert!(directory.resume().unwrap().is_none(), "there is none yet");
    directory.save(&bytes()).unwrap();
    directory.save(&bytes()).unwrap();
    let resumed = directory.resume().unwrap().unwrap();
    assert!(resumed.to_bytes().unwrap() == bytes());
    assert_eq!(fs::metadata(path.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&path), [LOCK, FILE]);
    assert_eq!(read(&path).unwrap().1, bytes().len() as u64);
}

#[test]
fn a_second_sensor_is_told_whose_directory_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let first = StateDirectory::open(folder.path()).unwrap();
    let error = StateDirectory::open(folder.path()).unwrap_err();
    assert!(error.is_of_settings());
    let said = error.to_string();
    assert!(
        said.contains("in use by another nad") && said.contains("nad.lock") && said.contains("--state-dir")
    );
    drop(first);
    StateDirectory::open(folder.path()).unwrap();
}

#[test]
fn what_can_not_be_gone_on_with_is_set_aside_and_only_the_newest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let directory = StateDirectory::open(folder.path()).unwrap();
    for old in ["20200101T000000Z", "20210101T000000Z", "20220101T000000Z"] {
        fs::write(folder.path().join(format!("{SET_ASIDE}{old}")), "old").unwrap();
    }
    let mut damaged = bytes();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    directory.save(&damaged).unwrap();
    assert!(directory.resume().unwrap().is_none());
    let left = names(folder.path());
    assert_eq!(left.len(), 1 + KEPT, "{left:?}");
    assert!(left[1].ends_with("20210101T000000Z") && !left.contains(&FILE.to_owned()), "{left:?}");
    // One that others may write is not trusted.
    directory.save(&bytes()).unwrap();
    fs::set_permissions(folder.path().join(FILE), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(directory.resume().unwrap().is_none());
    assert!(!names(folder.path()).contains(&FILE.to_owned()));
}

#[test]
fn a_flag_that_says_how_to_start_sets_aside_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let directory = StateDirectory::open(folder.path()).unwrap();
    directory.start_anew("--train-for").unwrap();
    assert_eq!(names(folder.path()), [LOCK]);
    directory.save(&bytes()).unwrap();
    directory.start_anew("--train-for").unwrap();
    let left = names(folder.path());
    assert!(left.len() == 2 && left[1].starts_with(SET_ASIDE), "{left:?}");
    assert_eq!(directory.reset().unwrap(), 1);
    assert_eq!(names(folder.path()), [LOCK]);
}

#[test]
fn a_directory_that_is_gone_is_no_end_and_the_next_save_is_counted_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let directory = StateDirectory::open(&path).unwrap();
    let (saver, saves) = Saver::start(directory, Duration::from_secs(300), "eth0").unwrap();
    fs::remove_dir_all(&path).unwrap();
    let counts = saver.counts();
    saves.save_last(Box::new(example::snapshot()));
    saver.join();
    let load = |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((load(&counts.delivered), load(&counts.failed), path.exists()), (0, 1, false));
}

#[test]
fn what_is_read_is_refused_with_its_name_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = read(folder.path()).unwrap_err().to_string();
    assert!(nothing.contains("there is no state in"), "{nothing}");
    let path = folder.path().join("other");
    fs::write(&path, "no state").unwrap();
    let refused = read_file(&path).unwrap_err().to_string();
    assert!(refused.contains("other is refused: it is not a nad state"), "{refused}");
}
