use std::thread;

use super::*;

fn followed(path: &Path) -> Followed {
    Followed::of(path, files::append(path).unwrap()).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_file_that_is_deleted_or_moved_away_is_made_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o/i.jsonl");
    fs::create_dir(folder.path().join("o")).unwrap();
    let mut file = followed(&path);
    file.add(b"1\n").unwrap();
    fs::remove_file(&path).unwrap();
    file.add(b"2\n").unwrap();
    assert_eq!(read(&path), "2\n");
    fs::rename(&path, folder.path().join("old")).unwrap();
    file.add(b"3\n").unwrap();
    assert_eq!((read(&folder.path().join("old")), read(&path)), ("2\n".into(), "3\n".into()));
    fs::remove_dir_all(folder.path().join("o")).unwrap();
    file.add(b"4\n").unwrap();
    assert_eq!(read(&path), "4\n");
    fs::rename(folder.path().join("o"), folder.path().join("p")).unwrap();
    file.add(b"5\n").unwrap();
    assert_eq!((read(&folder.path().join("p/i.jsonl")), read(&path)), ("4\n".into(), "5\n".into()));
}

#[test]
fn what_can_not_be_made_again_is_an_error_where_nothing_else_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let (inner, moved) = (folder.path().join("o"), folder.path().join("p"));
    fs::create_dir(&inner).unwrap();
    let path = inner.join("i.jsonl");
    let mut file = followed(&path);
    // A file is in the directory's place.
    fs::rename(&inner, &moved).unwrap();
    fs::write(&inner, "").unwrap();
    file.add(b"1\n").unwrap();
    assert_eq!(read(&moved.join("i.jsonl")), "1\n", "it still has a name");
    fs::remove_dir_all(&moved).unwrap();
    assert!(file.add(b"2\n").is_err());
    fs::remove_file(&inner).unwrap();
    file.add(b"3\n").unwrap();
    assert_eq!(read(&path), "3\n");
}

#[test]
fn lines_that_are_counted_are_in_a_file_that_has_a_name_whatever_is_deleted_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.jsonl");
    let mut file = followed(&path);
    let deleting = {
        let path = path.clone();
        thread::spawn(move || {
            for _ in 0..50 {
                let _ = fs::remove_file(&path);
                thread::sleep(std::time::Duration::from_millis(1));
            }
        })
    };
    for number in 0..200 {
        // Deleted after it was counted is another matter; while it is, there is a file.
        if file.add(format!("{number}\n").as_bytes()).is_ok() {
            thread::yield_now();
        }
    }
    deleting.join().unwrap();
    file.add(b"last\n").unwrap();
    assert!(read(&path).ends_with("last\n"));
}

#[test]
fn a_full_device_takes_nothing_and_a_pipe_is_not_followed() {
    let mut full = followed(Path::new("/dev/full"));
    assert_eq!(full.add(b"1\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(!full.is_broken);
    let mut null = followed(Path::new("/dev/null"));
    null.add(b"1\n").unwrap();
}
