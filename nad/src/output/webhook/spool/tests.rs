use std::{fs, path::Path};

use super::*;

fn open(directory: &Path, bytes: u64) -> Spool {
    Spool::open(&SpoolConfig { directory: Some(directory.into()), bytes }).unwrap()
}

fn body(number: usize) -> Vec<u8> {
    format!("{{\"number\":{number}}}").into_bytes()
}

fn bodies(spool: &Spool) -> Vec<Vec<u8>> {
    spool.waiting.iter().map(|entry| entry.body.clone()).collect()
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock")
        .collect();
    names.sort();
    names
}

#[test]
fn what_waits_is_there_after_a_restart_in_its_order_with_its_ids() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    (0..20).for_each(|number| assert_eq!(spool.add("i-1", body(number)), 0));
    let ids: Vec<String> = spool.waiting.iter().map(|entry| entry.id.clone()).collect();
    // As after a kill: nothing is finished.
    drop(spool);
    let mut spool = open(folder.path(), 1 << 20);
    assert_eq!(bodies(&spool), (0..20).map(body).collect::<Vec<_>>());
    assert_eq!(spool.waiting.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!((spool.on_disk(), spool.in_memory()), (20, 0));
    spool.add("i-2", body(20));
    spool.remove_first();
    drop(spool);
    assert_eq!(bodies(&open(folder.path(), 1 << 20)), (1..21).map(body).collect::<Vec<_>>());
}

#[test]
fn what_is_not_whole_is_removed_and_what_is_not_nads_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 1 << 20);
    spool.add("i-1", body(1));
    drop(spool);
    let whole = files(folder.path());
    for (name, content) in [
        ("00000000000000000007-ab.json.tmp", "{\"number\""),
        ("00000000000000000008-ab.json", "{\"number\":"),
        ("00000000000000000009-ab.json", ""),
        ("notes.txt", "mine"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    assert_eq!(bodies(&open(folder.path(), 1 << 20)), [body(1)]);
    assert_eq!(files(folder.path()), [whole, vec!["notes.txt".to_owned()]].concat());
}

#[test]
fn the_oldest_leaves_for_the_newest_on_disk_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), 3 * BLOCK);
    let left: Vec<u64> = (0..5).map(|number| spool.add("i-1", body(number))).collect();
    assert_eq!(left, [0, 0, 0, 1, 1]);
    assert_eq!(bodies(&spool), [body(2), body(3), body(4)]);
    assert_eq!(files(folder.path()).len(), 3);
    let large = format!("\"{}\"", "x".repeat(5000)).into_bytes();
    assert_eq!(spool.add("i-1", large), 2, "it takes two blocks");
}

#[test]
fn without_a_directory_messages_wait_in_memory() {
    let mut spool = Spool::open(&SpoolConfig { directory: None, bytes: 2 * BLOCK }).unwrap();
    assert_eq!((0..3).map(|number| spool.add("i-1", body(number))).sum::<u64>(), 1);
    assert_eq!((spool.on_disk(), spool.in_memory()), (0, 2));
    assert_eq!(spool.first().unwrap().body, body(1));
}

#[test]
fn a_directory_that_another_has_is_taken_once_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = open(folder.path(), 1 << 20);
    first.add("i-1", body(1));
    let mut second = open(folder.path(), 1 << 20);
    second.add("i-2", body(2));
    assert_eq!((second.settle(), second.in_memory()), (0, 1), "nothing is taken from the first");
    drop(first);
    assert_eq!((second.settle(), second.in_memory()), (0, 0));
    assert_eq!(bodies(&second), [body(1), body(2)]);
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn what_can_t_be_written_waits_in_memory_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let mut spool = open(&path, 1 << 20);
    // For root, too, a directory that is gone can't be written.
    fs::rename(&path, folder.path().join("gone")).unwrap();
    spool.add("i-1", body(1));
    assert_eq!((spool.on_disk(), spool.in_memory()), (0, 1));
    fs::rename(folder.path().join("gone"), &path).unwrap();
    spool.settle();
    assert_eq!((spool.on_disk(), spool.in_memory()), (1, 0));
    assert_eq!(files(&path).len(), 1);
}

#[test]
fn ids_are_different_though_messages_are_alike() {
    let mut spool = Spool::open(&SpoolConfig { directory: None, bytes: 1 << 20 }).unwrap();
    (0..100).for_each(|_| assert_eq!(spool.add("i-1", body(1)), 0));
    let mut ids: Vec<&str> = spool.waiting.iter().map(|entry| entry.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100);
    assert!(ids.iter().all(|id| id.len() == 2 * ID_BYTES));
}

#[test]
fn a_directory_that_is_deleted_or_moved_away_is_made_again_with_all_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("spool"), folder.path().join("moved"));
    let mut spool = open(&path, 1 << 20);
    (0..3).for_each(|number| assert_eq!(spool.add("i-1", body(number)), 0));
    fs::remove_dir_all(&path).unwrap();
    spool.settle();
    assert_eq!((files(&path).len(), spool.on_disk()), (3, 3));
    fs::rename(&path, &moved).unwrap();
    spool.add("i-2", body(3));
    assert_eq!(spool.in_memory(), 1, "it is not where it will be looked for");
    spool.settle();
    assert_eq!((files(&path).len(), spool.on_disk(), spool.in_memory()), (4, 4, 0));
    // It is put back: nothing is posted twice.
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&moved, &path).unwrap();
    spool.settle();
    assert_eq!((spool.waiting.len(), files(&path).len(), spool.on_disk()), (4, 4, 4));
}
