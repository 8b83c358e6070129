//! Model files: written beside their place and renamed there, so that no reader ever sees half of one.

use std::{
    io,
    path::{Path, PathBuf},
};

use nad_engine::model::Model;

use crate::{files, text};

/// No model comes near; what is larger is not read into memory.
const LARGEST_FILE: u64 = 256 << 20;
/// Characters of a reason that are shown.
const MOST_REASON: usize = 1000;

/// Why a model file could not be written or was refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The file can't be read.
    #[error("model {}: {source}; train one with `nad train`", text::path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be written.
    #[error("model {} can't be written: {source}; choose another place with --out", text::path(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else, damaged, or of another version or schema.
    #[error(
        "model {} is refused: {}; train a new one with `nad train`",
        text::path(path),
        text::printable(reason, MOST_REASON)
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why. What the file says may be in it.
        reason: String,
    },
}

/// Writes a model to `path`, replacing what was there in one step.
///
/// # Errors
///
/// [`ModelFileError::Write`] with the system's reason; what was there before is then still there.
pub fn save(model: &Model, path: &Path) -> Result<(), ModelFileError> {
    let bytes = model.to_bytes().map_err(io::Error::other);
    bytes
        .and_then(|bytes| files::replace(path, &bytes))
        .map_err(|source| ModelFileError::Write { path: path.into(), source })
}

/// Reads a model from `path`.
///
/// # Errors
///
/// [`ModelFileError::Read`], or [`ModelFileError::Refused`] for a file that is damaged or not of this version and these
/// features.
pub fn load(path: &Path) -> Result<Model, ModelFileError> {
    let read = |source| ModelFileError::Read { path: path.into(), source };
    let refused = |reason: String| ModelFileError::Refused { path: path.into(), reason };
    let opened = files::open_trusted(path);
    let file = opened
        .map_err(|error| if files::is_refusal(&error) { refused(error.to_string()) } else { read(error) })?;
    let size = file.size();
    if size > LARGEST_FILE {
        return Err(refused(format!("it has {size} bytes, and a model has at most {LARGEST_FILE}")));
    }
    Model::from_bytes(&file.bytes(LARGEST_FILE).map_err(read)?).map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nad_engine::model::example::model;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn a_saved_model_is_the_same_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.model");
        let model = model(None);
        save(&model, &path).unwrap();
        assert_eq!(load(&path).unwrap(), model);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the model is left");
    }

    /// The bytes of a model in which a feature has another name, as long as its own, and all lengths and the checksum are right.
    fn with_a_feature_called(name: &str) -> Vec<u8> {
        const FEATURE: &[u8] = b"packet/network protocol";
        let mut bytes = model(None).to_bytes().unwrap();
        let at = bytes.windows(FEATURE.len()).position(|window| window == FEATURE).unwrap();
        let name = name.to_owned() + &" ".repeat(FEATURE.len() - name.len());
        bytes[at..at + FEATURE.len()].copy_from_slice(name.as_bytes());
        let content = bytes.len() - 32;
        let checksum = Sha256::digest(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum[..]);
        bytes
    }

    #[test]
    fn what_a_refused_model_says_of_itself_stays_on_one_line_and_moves_no_cursor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.model");
        for (name, shown) in
            [("a\nb", "\"a\\nb  "), ("\u{1b}[2J", "\"\\u{1b}[2J "), ("\u{202e}x", "\"\\u{202e}x ")]
        {
            fs::write(&path, with_a_feature_called(name)).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(error.contains(shown) && error.contains("this nad's is"), "{error}");
            assert!(!error.contains(char::is_control) && !error.contains('\u{202e}'), "{error:?}");
        }
    }

    #[test]
    fn a_place_that_can_not_be_written_is_named() {
        let error = save(&model(None), Path::new("/nowhere/at/all.model")).unwrap_err().to_string();
        assert!(error.starts_with("model /nowhere/at/all.model can't be written: No such file"), "{error}");
    }
}
