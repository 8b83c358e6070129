//! Every setting that is in force and where it comes from, as a config file: what `nad config show` prints.
//!
//! The settings of each place are a [`File`], written by serde: a section or a setting that is added is shown without a
//! word here. [`defaults`] names every setting, so that the compiler asks for the default of a new one.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, path::Path};

use nad_engine::{
    detector::{BaselineLength, DetectorOptions},
    model::{
        Training,
        trainer::{Growth, TrainerKind},
    },
};
use serde::Serialize as _;
use serde_json::{Map, Value};
use toml::{Spanned, de::DeTable, de::DeValue, ser::ValueSerializer};

use super::{
    AlertsSection, CaptureSection, ConfigError, ContextSection, DEFAULT_LOG, DEFAULT_TRAIN_FOR, File,
    FilesSection, Length, LogSection, OutputSection, PayloadSection, Relearn, SensorSection, StateSection,
    Task, ThreadsSection, TrainingSection,
    file::{NO_FILE, read},
    log::{DEFAULT_LOG_SIZE, DEFAULT_LOGS_KEPT},
};
use crate::{
    output::{Section, sinks},
    sandbox::SecuritySection,
    sensor,
    source::{heads::HeadOptions, xdp::default_ring_bytes},
    text,
};

/// Settings that are shown as three asterisks. What is in a file that a setting names is never read.
const SECRET: [&str; 4] = ["password", "secret", "token", "url"];
const MASK: &str = "***";

/// The settings of which one place says everything; see [`super::TaskChoice`].
const OF_THE_TASK: [(&str, &str); 4] = [
    ("capture", "packet_count"),
    ("training", "train_for"),
    ("training", "train_packets"),
    ("training", "model"),
];

/// A section and a setting in it.
type Key = (String, String);

/// Where settings come from.
pub struct Places<'a> {
    /// What flags and environment say.
    pub given: &'a File,
    /// By which flag or variable a setting was given.
    pub given_by: &'a dyn Fn(&str, &str) -> Option<String>,
    /// What the file says.
    pub file: &'a File,
    /// The file's path, where there is one.
    pub path: Option<&'a Path>,
    /// What follows from all of them.
    pub task: &'a Task,
    /// Likewise.
    pub training: &'a Training,
}

/// Every setting that is in force as TOML, with a comment that says where it comes from.
///
/// # Errors
///
/// When the file can't be read again.
pub fn shown(places: &Places<'_>) -> Result<String, ConfigError> {
    let lines = places.path.map(lines).transpose()?.unwrap_or_default();
    let layers = [places.given, places.file, &defaults(places.task, places.training)].map(object);
    let told_by_task = told_by(places.task);
    let origin = |layer: usize, section: &str, key: &str| match layer {
        0 => (places.given_by)(section, key).unwrap_or_else(|| "flag".into()),
        1 => match (places.path, lines.get(&(section.into(), key.into()))) {
            (Some(path), Some(line)) => format!("{} line {line}", text::path(path)),
            _ => "default".into(),
        },
        _ => "default".into(),
    };
    let mut text = match places.path {
        Some(path) => format!("# config file: {}\n\n", text::path(path)),
        None => format!("# config file: {NO_FILE}\n\n"),
    };
    for section in layers[2].keys() {
        let of_layers = layers.each_ref().map(|layer| &layer[section]);
        if let Some(tables) = of_layers.iter().find_map(|value| value.as_array()) {
            // Flags give no tables.
            let tables = layers[1][section].as_array().unwrap_or(tables);
            show_tables(&mut text, section, tables, |place| origin(1, &element(section, place), ""));
            continue;
        }
        let mut names: Vec<&String> =
            of_layers.iter().filter_map(|value| value.as_object()).flat_map(Map::keys).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            text += &format!("# [{section}] is not set\n\n");
            continue;
        }
        text += &format!("[{section}]\n");
        for name in names {
            let is_told = !OF_THE_TASK.contains(&(section, name)) || told_by_task.contains(&(section, name));
            let found =
                of_layers.iter().position(|layer| layer.get(name).is_some_and(|value| !value.is_null()));
            match found.filter(|_| is_told) {
                Some(layer) => show(&mut text, name, &of_layers[layer][name], &origin(layer, section, name)),
                None => text += &format!("# {name} is not set\n"),
            }
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// A file with these sections, and those of sinks with what their defaults are.
macro_rules! with_sinks {
    ({ $($sections:tt)* } $($sink:ident: $settings:ty $(, if $part:ident $feature:literal)?;)*) => {
        File { $($sections)* $($sink: Section::defaults(),)* }
    };
}

/// The defaults, as far as there are any. Every setting is named here, or by its sink.
fn defaults(task: &Task, training: &Training) -> File {
    let detection = DetectorOptions::default();
    let growth = Growth::default();
    let is_default = *task == Task::Learn(BaselineLength::Time(DEFAULT_TRAIN_FOR));
    sinks! { with_sinks {
        capture: CaptureSection {
            interface: None,
            packet_count: None,
            direction: Some(Default::default()),
            xdp_mode: Some(Default::default()),
            ring_bytes: Some(default_ring_bytes()),
            sampling: Some(Default::default()),
        },
        training: TrainingSection {
            train_for: is_default.then_some(Length(DEFAULT_TRAIN_FOR)),
            train_packets: None,
            model: None,
            // It depends on the task.
            contamination: Some(training.contamination),
            trees: Some(growth.trees),
            samples_per_tree: Some(growth.samples_per_tree),
            extension_level: None,
            seed: (training.trainer != TrainerKind::Crate).then_some(growth.seed),
            trainer: Some(Default::default()),
        },
        alerts: AlertsSection {
            budget: Some(detection.budget),
            silence: Some(Length(detection.silence)),
            relearn: Some(
                detection.relearn_every.map_or(Relearn::Never, |every| Relearn::Every(Length(every))),
            ),
        },
        allow: Vec::new(),
        context: ContextSection::of(detection.sizes),
        payload: PayloadSection::of(HeadOptions::default()),
        threads: ThreadsSection { shards: Some(Default::default()), cpus: Some(Vec::new()) },
        output: OutputSection {
            // It depends on where it is printed.
            format: None,
            color: Some(Default::default()),
            quiet: Some(false),
            alert_format: Some(Default::default()),
            // It depends on where it goes, and on the other outputs.
            on_closed_stdout: None,
        },
        log: LogSection {
            path: Some(DEFAULT_LOG.into()),
            format: Some(Default::default()),
            max_size: Some(DEFAULT_LOG_SIZE),
            rotate: Some(Default::default()),
            keep: Some(DEFAULT_LOGS_KEPT),
        },
        files: FilesSection { mode: Some(Default::default()), group: None },
        state: StateSection::defaults(),
        security: SecuritySection { sandbox: Some(Default::default()), user: None },
        sensor: SensorSection { name: Some(sensor::host_name()) },
    } }
}

/// The settings that say what the task is.
fn told_by(task: &Task) -> Vec<(&'static str, &'static str)> {
    let [count, time, packets, model] = OF_THE_TASK;
    match task {
        Task::Learn(BaselineLength::Time(_)) => vec![time],
        Task::Learn(BaselineLength::Packets(_) | BaselineLength::Whole { .. }) => vec![packets],
        Task::Detect(_) => vec![model],
        Task::Count { model: Some(_), .. } => vec![count, model],
        Task::Count { model: None, .. } => vec![count],
    }
}

/// A file's sections; what is not set is null.
fn object(file: &File) -> Map<String, Value> {
    // Strings, numbers and lists under names: serialising them can't fail.
    match serde_json::to_value(file) {
        Ok(Value::Object(sections)) => sections,
        _ => Map::new(),
    }
}

fn show_tables(text: &mut String, section: &str, tables: &[Value], origin: impl Fn(usize) -> String) {
    if tables.is_empty() {
        *text += &format!("# There is no [[{section}]]\n\n");
    }
    for (place, table) in tables.iter().enumerate() {
        *text += &format!("[[{section}]] # {}\n", origin(place));
        for (name, value) in table.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            *text += &format!("{name} = {}\n", written(name, value));
        }
        text.push('\n');
    }
}

fn show(text: &mut String, name: &str, value: &Value, origin: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{name} = {} # {origin}", written(name, value));
}

/// A value as TOML writes it in a line.
fn written(name: &str, value: &Value) -> String {
    let is_secret = SECRET.iter().any(|secret| name == *secret || name.ends_with(&format!("_{secret}")));
    let value = if is_secret { &Value::from(MASK) } else { value };
    match value {
        Value::String(text) if !matches!(text::escaped(text), Cow::Borrowed(_)) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| written("", item)).collect();
            format!("[{}]", items.join(", "))
        }
        value => {
            let mut text = String::new();
            match value.serialize(ValueSerializer::new(&mut text)) {
                Ok(_) => text,
                Err(error) => format!("\"{error}\""),
            }
        }
    }
}

/// A text as TOML has it in a line, with what a terminal would obey written as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        let itself = character.encode_utf8(&mut [0; 4]).to_owned();
        let is_hidden = matches!(text::escaped(&itself), Cow::Owned(_));
        // Writing to a string can't fail.
        let _ = match character {
            '"' | '\\' => write!(quoted, "\\{character}"),
            _ if is_hidden => write!(quoted, "\\U{:08X}", u32::from(character)),
            _ => write!(quoted, "{character}"),
        };
    }
    quoted.push('"');
    quoted
}

/// The lines, from 1, on which settings and tables of the file stand.
fn lines(path: &Path) -> Result<BTreeMap<Key, usize>, ConfigError> {
    let (text, _) = read(Some(path), true)?.unwrap_or_default();
    let mut lines = BTreeMap::new();
    // It was parsed before; where it has changed meanwhile, no line is known.
    let Ok(table) = DeTable::parse(&text) else { return Ok(lines) };
    let line = |start: usize| text[..start.min(text.len())].matches('\n').count() + 1;
    for (section, value) in table.get_ref() {
        let section: &str = section.get_ref();
        match value.get_ref() {
            DeValue::Table(table) => {
                for key in table.keys() {
                    let name: &str = key.get_ref();
                    lines.insert((section.into(), name.into()), line(key.span().start));
                }
            }
            DeValue::Array(tables) => {
                for (place, table) in tables.iter().map(Spanned::span).enumerate() {
                    lines.insert((element(section, place), String::new()), line(table.start));
                }
            }
            _ => {}
        }
    }
    Ok(lines)
}

/// Name of one of several tables.
fn element(section: &str, place: usize) -> String {
    format!("{section}[{place}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_can_be_read_again() {
        for text in ["a\u{202e}b\n\u{1b}[2J", "\t\"\\\u{e0041}", "plain \"one\" 'two'"] {
            for value in [Value::from(text), Value::from(vec![text, "b"])] {
                let shown = written("comment", &value);
                assert_eq!(text::escaped(&shown), shown);
                let read: toml::Table = format!("comment = {shown}").parse().unwrap();
                assert_eq!(serde_json::to_value(&read["comment"]).unwrap(), value, "{shown}");
            }
        }
    }

    #[test]
    fn a_secret_is_masked_and_the_file_that_holds_one_is_named() {
        for (name, expected) in [
            ("password", "\"***\""),
            ("smtp_password", "\"***\""),
            ("url", "\"***\""),
            ("password_file", "\"sesame\""),
            ("server", "\"sesame\""),
        ] {
            assert_eq!(written(name, &Value::from("sesame")), expected, "{name}");
        }
    }
}
