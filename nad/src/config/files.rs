//! `[files]`: who may read what nad writes.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::files::{FileMode, Policy};

/// `[files]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesSection {
    /// The mode of new files.
    pub mode: Option<FileMode>,
    /// The group of new files: its name or its number.
    pub group: Option<String>,
}

impl FilesSection {
    /// The policy in force: flags and environment over the file's.
    ///
    /// # Errors
    ///
    /// When there is no such group.
    pub fn policy(&self, mode: Option<FileMode>, group: Option<&str>) -> Result<Policy, ConfigError> {
        let group = group.or(self.group.as_deref()).map(number).transpose()?;
        Ok(Policy { mode: mode.or(self.mode).unwrap_or_default(), group, owner: None })
    }
}

fn number(group: &str) -> Result<u32, ConfigError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let refused = |reason: String| ConfigError::Value(format!("group \"{group}\" of [files] {reason}"));
    match nix::unistd::Group::from_name(group) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(refused("does not exist: give the name or the number of one".into())),
        Err(error) => Err(refused(format!("can't be looked up: {error}; give its number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_first_and_a_group_is_a_name_or_a_number() {
        let section = FilesSection { mode: Some("0640".parse().unwrap()), group: Some("root".into()) };
        let policy = section.policy(None, None).unwrap();
        assert_eq!((policy.mode.bits(), policy.group), (0o640, Some(0)));
        let policy = section.policy(Some("0644".parse().unwrap()), Some("4711")).unwrap();
        assert_eq!((policy.mode.bits(), policy.group), (0o644, Some(4711)));
        let none = FilesSection::default().policy(None, None).unwrap();
        assert_eq!(none, Policy::default());
        let error = section.policy(None, Some("no such group")).unwrap_err().to_string();
        assert!(error.contains("group \"no such group\" of [files] does not exist"), "{error}");
    }
}
