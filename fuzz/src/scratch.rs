//! Files for what reads files.

use std::{cell::RefCell, fs, path::Path};

use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Lets `read` have a file of this content, in a folder that holds nothing else.
pub(crate) fn with_file<T>(name: &str, content: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with_borrow_mut(|folder| {
        // Where a target has left something behind, another folder is made.
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a folder for files"));
        let path = folder.path().join(name);
        fs::write(&path, content).expect("an input can be written");
        let result = read(&path);
        for entry in fs::read_dir(folder.path()).expect("the folder is there").flatten() {
            fs::remove_file(entry.path()).expect("what is in the folder is a file");
        }
        result
    })
}
