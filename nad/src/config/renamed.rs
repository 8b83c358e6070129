//! Settings that had another name before: the old one is refused with the new one.

use std::{env, ffi::OsStr};

use super::ConfigError;

/// A setting that was renamed.
struct Renamed {
    /// Its section in the file.
    section: &'static str,
    /// Its key in the file, before and now.
    keys: (&'static str, &'static str),
    /// Its flag and its environment variable, before and now, where it has them.
    flag: Option<(&'static str, &'static str)>,
    variable: Option<(&'static str, &'static str)>,
}

/// All of them.
static RENAMED: [Renamed; 3] = [
    Renamed {
        section: "capture",
        keys: ("thin", "sampling"),
        flag: Some(("--thin", "--sampling")),
        variable: Some(("NAD_THIN", "NAD_SAMPLING")),
    },
    Renamed { section: "context", keys: ("dealings", "service_pairs"), flag: None, variable: None },
    Renamed { section: "context", keys: ("memory", "known_services"), flag: None, variable: None },
];

/// What is said of a flag that has another name now.
pub fn renamed_flag(flag: &str) -> Option<String> {
    let flags = RENAMED.iter().filter_map(|renamed| renamed.flag);
    flags.into_iter().find(|(old, _)| *old == flag).map(|(old, new)| format!("{old} was renamed: use {new}"))
}

/// Refuses environment variables that have another name now.
///
/// # Errors
///
/// When one of them has a value.
pub fn refuse_renamed_variables() -> Result<(), ConfigError> {
    refuse_variables(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn refuse_variables(is_set: impl Fn(&OsStr) -> bool) -> Result<(), ConfigError> {
    let mut variables = RENAMED.iter().filter_map(|renamed| renamed.variable);
    match variables.find(|(old, _)| is_set(OsStr::new(old))) {
        Some((old, new)) => {
            Err(ConfigError::Value(format!("environment variable {old} was renamed: use {new}")))
        }
        None => Ok(()),
    }
}

/// What is said of the first key of a file that has another name now, and where it stands.
pub(super) fn renamed_key(text: &str) -> Option<(usize, String)> {
    let table = toml::de::DeTable::parse(text).ok()?;
    RENAMED.iter().find_map(|Renamed { section, keys: (old, new), .. }| {
        let section_table = table.get_ref().get(*section)?.get_ref().as_table()?;
        let (key, _) = section_table.get_key_value(*old)?;
        Some((key.span().start, format!("{old} in [{section}] was renamed: use {new}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    #[test]
    fn an_old_key_is_refused_with_its_line_and_the_new_key_is_there() {
        for Renamed { section, keys: (old, new), .. } in &RENAMED {
            let error = File::parse(&format!("[{section}]\n\n{old} = 1\n"), "nad.toml".as_ref()).unwrap_err();
            let said = format!("config file nad.toml, line 3: {old} in [{section}] was renamed: use {new}");
            assert_eq!(error.to_string(), said);
            let error =
                File::parse(&format!("[{section}]\n{new} = {{}}\n"), "nad.toml".as_ref()).unwrap_err();
            assert!(!error.to_string().contains("unknown field"), "{error}");
        }
    }

    #[test]
    fn an_old_flag_or_variable_is_refused_with_the_new_one() {
        assert_eq!(renamed_flag("--thin").unwrap(), "--thin was renamed: use --sampling");
        assert_eq!(renamed_flag("--sampling"), None);
        let error = refuse_variables(|name| name == "NAD_THIN").unwrap_err();
        assert_eq!(error.to_string(), "environment variable NAD_THIN was renamed: use NAD_SAMPLING");
        refuse_variables(|name| name == "NAD_SAMPLING").unwrap();
    }
}
