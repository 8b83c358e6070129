//! Config files: read and checked as `nad config check` does, and shown as `nad config show` does.

use nad::{
    cli,
    command::{Command, config::ConfigAnswer},
    config::File,
};

use crate::scratch;

pub(crate) fn run(input: &[u8]) {
    scratch::with_file("nad.toml", input, |path| {
        if let Err(error) = File::load(Some(path)) {
            // Most inputs end here, before a command line is taken apart, which takes much longer.
            return assert!(!error.to_string().contains('\n'), "an error is one line: {error}");
        }
        let path = path.to_str().expect("the folder's name is text");
        let checked = cli::parse(["nad", "config", "check", path]);
        let shown = cli::parse(["nad", "--config", path, "config", "show"]);
        match (&checked, &shown) {
            (Ok(_), Ok(Command::Config(ConfigAnswer::Shown(text)))) => assert!(!text.is_empty()),
            (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
            _ => panic!("one takes what the other refuses: {checked:?}, {shown:?}"),
        }
        if let Err(error) = checked {
            assert!(!error.to_string().contains('\n'), "an error is one line: {error}");
        }
    });
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let example = include_str!("../../nad.example.toml");
    // What is commented out there is an example, too.
    let all: String = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.starts_with('[') || setting.contains(" = ") => setting,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut seeds =
        vec![("example".to_owned(), example.into()), ("all".to_owned(), all.clone().into_bytes())];
    // Each section on its own: where the whole is refused, its parts may not be.
    for (number, section) in all.split("\n[").skip(1).enumerate() {
        seeds.push((format!("section-{number}"), format!("[{section}\n").into_bytes()));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_accepted_and_refused() {
        let accepted = |seed: &[u8]| {
            scratch::with_file("nad.toml", seed, |path| {
                cli::parse(["nad", "config", "check", path.to_str().unwrap()]).is_ok()
            })
        };
        let (yes, no): (Vec<_>, Vec<_>) = seeds().into_iter().partition(|(_, seed)| accepted(seed));
        assert!(yes.iter().any(|(name, _)| name == "example") && yes.len() > 3, "{} accepted", yes.len());
        assert!(!no.is_empty());
    }
}
