//! Old log files: `nad.log.2026-11-24T081414.123Z` is what was in `nad.log` until then.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

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

/// Renames a file to a name that says when. No other file is overwritten.
pub(super) fn move_away(path: &Path, now: SystemTime) -> io::Result<()> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    for later in 0..MOST_ALIKE.cast_signed() {
        let to = old_name(path, now + later)?;
        if !to.try_exists()? {
            return fs::rename(path, to);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Deletes all but the newest `keep` old files of this one, and nothing else.
pub(super) fn retain(path: &Path, keep: usize) -> io::Result<()> {
    let mut old = old_files(path)?;
    old.sort_unstable();
    let too_many = old.len().saturating_sub(keep);
    for file in &old[..too_many] {
        match fs::remove_file(file) {
            // Another nad was first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}

fn old_name(path: &Path, milliseconds: i64) -> io::Result<PathBuf> {
    let time = jiff::Timestamp::from_millisecond(milliseconds).map_err(io::Error::other)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(time.strftime(STAMP).to_string());
    Ok(name.into())
}

fn old_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let own = path.file_name().unwrap_or_default();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_old(&entry.file_name(), own) && entry.file_type()?.is_file() {
            files.push(folder.join(entry.file_name()));
        }
    }
    Ok(files)
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
    use std::time::Duration;

    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    #[test]
    fn an_old_file_is_named_by_when_it_was_moved_away() {
        let name = old_name(Path::new("logs/nad.log"), 1_795_508_054_123).unwrap();
        assert_eq!(name, Path::new("logs/nad.log.2026-11-24T081414.123Z"));
        assert!(is_old(name.file_name().unwrap(), OsStr::new("nad.log")));
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
        for content in ["one", "two", "three"] {
            fs::write(&path, content).unwrap();
            move_away(&path, at(1_795_508_054_123)).unwrap();
        }
        let mut files = old_files(&path).unwrap();
        files.sort();
        let contents: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(contents, ["one", "two", "three"]);
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
            fs::write(folder.path().join(name), "").unwrap();
        }
        let own = |day: u32| format!("nad.log.2026-11-{day:02}T000000.000Z");
        for day in [3, 1, 2, 4] {
            fs::write(folder.path().join(own(day)), "").unwrap();
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
}
