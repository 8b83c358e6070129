//! Old log files: `nad.log.2026-11-24T081414.123Z` is what was in `nad.log` until then.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use super::origin;
use crate::files::{Identity, Place};

/// A day of UTC, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day(u64);

impl Day {
    pub(super) fn of(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400)
    }
}

/// When a file was moved away, as its name says; sorts by time.
const STAMP: &str = "%Y-%m-%dT%H%M%S.%3fZ";
const STAMP_LENGTH: usize = 22;
/// Files that are moved away in the same millisecond.
const MOST_ALIKE: u64 = 1000;

/// Renames a file to a name that says when, where it still is the one that is written. No other file is overwritten.
pub(super) fn move_away(path: &Path, file: Identity, now: SystemTime) -> io::Result<()> {
    let place = Place::find(path)?;
    if place.identity()? != file {
        // Another nad was first.
        return Ok(());
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    for later in 0..MOST_ALIKE.cast_signed() {
        let to = old_name(path.file_name().unwrap_or_default(), now + later)?;
        match place.rename_aside(&to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Deletes all but the newest `keep` old files of this one: those that have the name of one and that nad began.
pub(super) fn retain(path: &Path, keep: usize) -> io::Result<()> {
    let place = Place::find(path)?;
    let own = path.file_name().unwrap_or_default();
    let mut old = place.names()?;
    old.retain(|name| is_old(name, own));
    old.sort_unstable();
    // The newest first: as soon as enough are found to be nad's, the others are looked at one by one, and only then.
    let mut found = 0;
    for name in old.iter().rev() {
        let file = path.with_file_name(name);
        if origin::began(&file) {
            found += 1;
            if found > keep {
                place.remove_beside(name)?;
            }
        }
    }
    Ok(())
}

fn old_name(own: &OsStr, milliseconds: i64) -> io::Result<OsString> {
    let time = jiff::Timestamp::from_millisecond(milliseconds).map_err(io::Error::other)?;
    let mut name = own.to_owned();
    name.push(".");
    name.push(time.strftime(STAMP).to_string());
    Ok(name)
}

/// Whether a name is `own`, a point, and the time of a rotation.
fn is_old(name: &OsStr, own: &OsStr) -> bool {
    let rest = name.as_encoded_bytes().strip_prefix(own.as_encoded_bytes());
    let Some(stamp) = rest.and_then(|rest| rest.strip_prefix(b".")) else { return false };
    stamp.len() == STAMP_LENGTH
        && stamp.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            10 => *byte == b'T',
            17 => *byte == b'.',
            21 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{chown, symlink},
        path::PathBuf,
        time::Duration,
    };

    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    /// What is in a file that nad began.
    fn nads(rest: &str) -> String {
        origin::first_line(false) + rest
    }

    fn identity(path: &Path) -> Identity {
        Place::find(path).unwrap().identity().unwrap()
    }

    #[test]
    fn an_old_file_is_named_by_when_it_was_moved_away() {
        let name = old_name(OsStr::new("nad.log"), 1_795_508_054_123).unwrap();
        assert_eq!(name, "nad.log.2026-11-24T081414.123Z");
        assert!(is_old(&name, OsStr::new("nad.log")));
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let midnight = 1_795_478_400_000;
        assert_ne!(Day::of(at(midnight - 1)), Day::of(at(midnight)));
        assert_eq!(Day::of(at(midnight)), Day::of(at(midnight + 86_399_999)));
    }

    #[test]
    fn files_that_are_moved_away_at_the_same_time_do_not_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nad.log");
        // Somebody else's has the first name that would be tried, and stays.
        fs::write(folder.path().join("nad.log.2026-11-24T081414.123Z"), "other").unwrap();
        for content in ["one", "two", "three"] {
            fs::write(&path, content).unwrap();
            move_away(&path, identity(&path), at(1_795_508_054_123)).unwrap();
        }
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let contents: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(contents, ["other", "one", "two", "three"]);
    }

    #[test]
    fn another_file_in_the_place_of_the_log_is_not_moved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nad.log");
        fs::write(&path, "nad's").unwrap();
        let own = identity(&path);
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        move_away(&path, own, at(1_795_508_054_123)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody else's");
    }

    #[test]
    fn only_the_oldest_of_its_own_files_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nad.log");
        let others = [
            "nad.log",
            "nad.log.1",
            "nad.log.bak",
            "nad.log.2026-11-24",
            "nad.log.2026-11-24T081414.123Z.gz",
            "nad.log.2026-11-24T08:1414.123Z",
            "other.log.2026-11-24T081414.123Z",
            "xnad.log.2026-11-24T081414.123Z",
        ];
        for name in others {
            fs::write(folder.path().join(name), nads("")).unwrap();
        }
        let own = |day: u32| format!("nad.log.2026-11-{day:02}T000000.000Z");
        for day in [3, 1, 2, 4] {
            fs::write(folder.path().join(own(day)), nads("line\n")).unwrap();
        }
        // A folder of such a name is none of its files.
        fs::create_dir(folder.path().join(own(9))).unwrap();
        retain(&path, 2).unwrap();
        let is_there = |name: &str| folder.path().join(name).exists();
        assert_eq!([1, 2, 3, 4, 9].map(|day| is_there(&own(day))), [false, false, true, true, true]);
        assert!(others.iter().all(|name| is_there(name)));
        retain(&path, 5).unwrap();
        assert!(is_there(&own(3)));
    }

    #[test]
    fn what_nad_did_not_make_stays_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nad.log");
        let old = |day: u32| folder.path().join(format!("nad.log.2026-11-{day:02}T000000.000Z"));
        fs::write(old(1), "the notes of somebody\n").unwrap();
        fs::write(old(2), "").unwrap();
        fs::write(folder.path().join("target"), nads("")).unwrap();
        symlink("target", old(3)).unwrap();
        let mut stay = vec![1, 2, 3];
        if rustix::process::geteuid().is_root() {
            // It looks like nad's, and somebody else may have put it there.
            fs::write(old(4), nads("")).unwrap();
            chown(old(4), Some(12_345), None).unwrap();
            stay.push(4);
        }
        for day in 5..10 {
            fs::write(old(day), nads("")).unwrap();
        }
        retain(&path, 2).unwrap();
        for day in 1..10 {
            let is_there = fs::symlink_metadata(old(day)).is_ok();
            assert_eq!(is_there, stay.contains(&day) || day >= 8, "{day}");
        }
    }
}
