//! What must not be read by others: passwords, keys, and URLs that are as good as one.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    io,
    path::Path,
    sync::OnceLock,
};

use serde::{Deserialize, Serialize, Serializer};

use crate::{files, text};

/// The variable that holds the password of the mail server, before any file.
pub const SMTP_PASSWORD_VARIABLE: &str = "NAD_SMTP_PASSWORD";

/// Bytes of the largest secret.
const LARGEST: u64 = 4096;
/// Bytes of a file that are read to find that out.
const LARGEST_FILE: u64 = 1 << 20;
/// What group and others may do with a file.
const OTHERS: u32 = 0o077;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Reads the first line's text of a file that only its owner may read; `what` it is stands in errors.
    ///
    /// # Errors
    ///
    /// When the file can't be read, may be read or written by its group or by others, or holds no text or too much.
    pub fn read(what: &str, path: &Path) -> Result<Self, String> {
        let shown = text::path(path);
        let refused = |reason: String| format!("{what} {shown}: {reason}");
        let read = || -> io::Result<(u32, String)> {
            let file = files::open_secret(path)?;
            Ok((file.mode() & 0o777, file.text(LARGEST_FILE)?))
        };
        let (mode, text) = read().map_err(|error| refused(error.to_string()))?;
        if mode & OTHERS != 0 {
            return Err(refused(format!(
                "others than its owner may read or write it (mode {mode:04o}): chmod 600 {shown}"
            )));
        }
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(refused("it is empty: write the secret into it".into()));
        }
        if secret.len() as u64 > LARGEST || secret.contains(['\r', '\n']) {
            return Err(refused(format!("it is no secret: one line of at most {LARGEST} bytes is expected")));
        }
        Ok(Self(secret.into()))
    }

    /// The text, for whom it is meant.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A number that tells it from other secrets, and is another one in each run of nad.
    pub fn mark(&self) -> u64 {
        static MARKS: OnceLock<RandomState> = OnceLock::new();
        MARKS.get_or_init(RandomState::new).hash_one(&self.0)
    }

    /// What somebody else said, without the secret where they repeat it.
    pub fn cut_out_of(&self, words: &str) -> String {
        if self.0.is_empty() { words.into() } else { words.replace(&self.0, "***") }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_secret_is_one_line_of_a_file_that_only_its_owner_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = |content: &str, mode| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Secret::read("password_file", &path)
        };
        assert_eq!(read("kept quiet\n", 0o600), Ok(Secret::new("kept quiet")));
        assert_eq!(read("kept quiet", 0o400), Ok(Secret::new("kept quiet")));
        for mode in [0o640, 0o604, 0o620, 0o644] {
            let error = read("kept quiet\n", mode).unwrap_err();
            assert!(error.contains(&format!("(mode {mode:04o}): chmod 600 /")), "{error}");
            assert!(!error.contains("quiet"), "{error}");
        }
        assert!(read("\n", 0o600).unwrap_err().contains("it is empty"));
        assert!(read("one\ntwo\n", 0o600).unwrap_err().contains("one line"));
        assert!(read(&"x".repeat(5000), 0o600).unwrap_err().contains("4096"));
        let error = Secret::read("password_file", &folder.path().join("none")).unwrap_err();
        assert!(error.starts_with("password_file /") && error.contains("No such file"), "{error}");
    }

    #[test]
    fn a_secret_shows_in_no_message() {
        let secret = Secret::new("kept quiet");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.cut_out_of("535 not \"kept quiet\""), "535 not \"***\"");
    }
}
