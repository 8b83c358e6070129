//! What nad says when it refuses something: one line, and the exit code.

use crate::sensor::{Folder, Ran};

impl Folder {
    /// Runs nad with `arguments`, separated by spaces, and one environment variable.
    pub(crate) fn nad_with(&self, name: &str, value: &str, arguments: &str) -> Ran {
        Ran::of(self.command().env(name, value).args(arguments.split_whitespace()))
    }
}

impl Ran {
    /// Asserts that the last line of standard error is the only error, that it begins as nad's errors do and
    /// contains each of `parts`.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{}", self.stderr);
        assert_eq!(self.stderr.lines().last(), Some(errors[0]), "it is the last line: {}", self.stderr);
        for part in parts {
            assert!(errors[0].contains(part), "\"{part}\" is not in: {}", errors[0]);
        }
        self
    }

    /// Asserts that nothing but one line, an error with each of `parts`, was printed.
    #[track_caller]
    pub(crate) fn says_only(self, parts: &[&str]) -> Self {
        assert_eq!((self.stdout.as_str(), self.stderr.lines().count()), ("", 1), "{}", self.stderr);
        self.says(parts)
    }
}
