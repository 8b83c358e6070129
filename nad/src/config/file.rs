//! The file `nad.toml`.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use nad_engine::{model::trainer::TrainerKind, policy::AlertBudget};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{
    AllowSection, ConfigError, ContextSection, FilesSection, Length, LogSection, OutputSection,
    PayloadSection, SensorSection, StateSection, TaskChoice, ThreadsSection, renamed::renamed_key,
};
use crate::{
    files,
    output::{Section, SinkContext, sinks},
    sandbox::SecuritySection,
    shedding::SamplingMode,
    source::xdp::{Directions, XdpMode},
};

/// The file that is read from the working directory where `--config` names no other.
pub const DEFAULT_FILE: &str = "nad.toml";
/// The file of this machine, which is read where there is none in the working directory either.
pub const SYSTEM_FILE: &str = "/etc/nad/nad.toml";
/// What stands for none of them.
pub const NO_FILE: &str = "none";

/// Bytes of the largest file.
const LARGEST: u64 = 4 << 20;

/// Adds what the registry of sinks says.
macro_rules! file {
    (
        { $($fields:tt)* }
        $($section:ident: $settings:ty $(, if $part:ident $feature:literal)?;)*
    ) => {
        /// The file's content; every setting is optional.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct File {
            $($fields)*
            $(
                /// The section of a kind of sink.
                $(#[cfg(feature = $feature)])?
                pub $section: $settings,
                $(
                    /// The same, in a build without it.
                    #[cfg(not(feature = $feature))]
                    pub $section: $crate::output::Absent<{ $crate::parts::Part::$part as usize }>,
                )?
            )*
        }

        impl File {
            /// The sections of sinks, with their names.
            pub fn sinks(&self) -> Vec<(&'static str, &dyn Section)> {
                vec![$((stringify!($section), &self.$section)),*]
            }

            /// What flags and environment say of sinks.
            pub fn of_sinks(given: &SinkContext) -> Self {
                Self { $($section: Section::given(given),)* ..Self::default() }
            }
        }
    };
}

sinks! {
    file {
        /// What is captured.
        pub capture: CaptureSection,
        /// What is learnt.
        pub training: TrainingSection,
        /// When something is said.
        pub alerts: AlertsSection,
        /// What is not reported.
        pub allow: Vec<Spanned<AllowSection>>,
        /// How much is kept in mind.
        pub context: ContextSection,
        /// What is looked at of payloads.
        pub payload: PayloadSection,
        /// How many threads judge packets.
        pub threads: ThreadsSection,
        /// What the terminal shows, and what outputs have in common.
        pub output: OutputSection,
        /// Where is logged to.
        pub log: LogSection,
        /// Who may read what is written.
        pub files: FilesSection,
        /// Where what was learnt is kept.
        pub state: StateSection,
        /// As whom nad works, and what it can't do.
        pub security: SecuritySection,
        /// Which sensor this is.
        pub sensor: SensorSection,
    }
}

/// `[capture]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureSection {
    /// Interfaces to attach to.
    pub interface: Option<OneOrMany>,
    /// Capture this many packets, report, and stop.
    pub packet_count: Option<u64>,
    /// Which packets: received, sent, or both.
    pub direction: Option<Directions>,
    /// How to attach.
    pub xdp_mode: Option<XdpMode>,
    /// Bytes of each CPU's ring.
    pub ring_bytes: Option<u32>,
    /// Whether packets may be left out where there are too many.
    pub sampling: Option<SamplingMode>,
}

/// `[training]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSection {
    /// Length of the baseline: `"300s"`.
    pub train_for: Option<Length>,
    /// Packets of the baseline.
    pub train_packets: Option<u64>,
    /// A saved model instead of a baseline.
    pub model: Option<PathBuf>,
    /// The share of the baseline above the threshold.
    pub contamination: Option<f64>,
    /// Trees of the forest.
    pub trees: Option<usize>,
    /// Samples that each tree is grown from.
    pub samples_per_tree: Option<usize>,
    /// Extension level of the forests; see `extension_level` of [`Training`](nad_engine::model::Training).
    pub extension_level: Option<usize>,
    /// See [`Growth::seed`](nad_engine::model::trainer::Growth::seed).
    pub seed: Option<u64>,
    /// Who grows the forests.
    pub trainer: Option<TrainerKind>,
}

/// `[alerts]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsSection {
    /// How many false alerts a person accepts.
    pub budget: Option<AlertBudget>,
    /// Silence after which an incident is closed.
    pub silence: Option<Length>,
    /// How often the model is trained anew.
    pub relearn: Option<Relearn>,
}

/// How often the model is trained anew: a length of time, or `"never"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Relearn {
    /// Not at all.
    Never,
    /// This often.
    Every(Length),
}

impl From<Relearn> for String {
    fn from(relearn: Relearn) -> Self {
        match relearn {
            Relearn::Never => "never".into(),
            Relearn::Every(length) => length.into(),
        }
    }
}

impl TryFrom<String> for Relearn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" { Ok(Self::Never) } else { text.parse().map(Self::Every) }
    }
}

/// One name or a list of names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an interface name or a list of them")]
pub enum OneOrMany {
    /// `interface = "eth0"`
    One(String),
    /// `interface = ["eth0", "eth1"]`
    Many(Vec<String>),
}

impl File {
    /// Reads `path`, or no file for [`NO_FILE`]. Where no path is given, [`DEFAULT_FILE`] where it exists, or else [`SYSTEM_FILE`] likewise. Gives the path
    /// of the file that was read with it.
    ///
    /// # Errors
    ///
    /// When it can't be read, others may write it (see [`files`]), it is no TOML, or has an unknown key or a value of the wrong type.
    pub fn load(path: Option<&Path>) -> Result<(Self, Option<PathBuf>), ConfigError> {
        Self::of(read(path, true)?)
    }

    /// The same for what works on captures: [`SYSTEM_FILE`] is the sensor's of this machine, in whose history a replay has no
    /// place, and whose receivers are not to be told of it. It is read where `path` names it.
    ///
    /// # Errors
    ///
    /// As for [`Self::load`].
    pub fn load_for_captures(path: Option<&Path>) -> Result<(Self, Option<PathBuf>), ConfigError> {
        Self::of(read(path, false)?)
    }

    fn of(read: Option<(String, PathBuf)>) -> Result<(Self, Option<PathBuf>), ConfigError> {
        match read {
            Some((text, path)) => Ok((Self::parse(&text, &path)?, Some(path))),
            None => Ok((Self::default(), None)),
        }
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let refused = |start: usize, reason: &str| {
            let line = text[..start.min(text.len())].matches('\n').count() + 1;
            let reason = reason.lines().collect::<Vec<_>>().join(" ");
            ConfigError::Parse { path: path.into(), line, reason }
        };
        let file: Self = toml::from_str(text).map_err(|error| match renamed_key(text) {
            Some((start, reason)) => refused(start, &reason),
            None => refused(error.span().map_or(0, |span| span.start), error.message()),
        })?;
        for rule in &file.allow {
            // Here, because for what is wrong with a table as a whole TOML's errors name no place.
            rule.get_ref().check().map_err(|reason| refused(rule.span().start, reason))?;
        }
        Ok(file)
    }

    /// The files that settings are in, with the file itself, which is at `path`. Where there is none, none is read later either.
    pub fn sources(&self, path: Option<&Path>) -> Vec<PathBuf> {
        let own = path.map(Path::to_owned);
        let of_sinks = self.sinks().into_iter().flat_map(|(_, section)| section.reads());
        own.into_iter().chain(of_sinks).collect()
    }

    /// What the file says about the task.
    pub fn task_choice(&self) -> TaskChoice {
        TaskChoice {
            count: self.capture.packet_count,
            train_for: self.training.train_for,
            train_packets: self.training.train_packets,
            model: self.training.model.clone(),
        }
    }
}

/// The text of the file that [`File::load`] reads, and its path; [`SYSTEM_FILE`] only where `is_sensor`.
pub(super) fn read(path: Option<&Path>, is_sensor: bool) -> Result<Option<(String, PathBuf)>, ConfigError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| ConfigError::Read { path, source }
    };
    let named = |path: &Path| files::open_trusted(path).and_then(|file| file.text(LARGEST));
    if path == Some(Path::new(NO_FILE)) {
        return Ok(None);
    }
    if let Some(path) = path {
        return named(path).map(|text| Some((text, path.into()))).map_err(failed(path));
    }
    let own = Path::new(DEFAULT_FILE);
    if let Some(text) = files::read_working_directory(DEFAULT_FILE, LARGEST).map_err(failed(own))? {
        return Ok(Some((text, own.into())));
    }
    if !is_sensor {
        return Ok(None);
    }
    let system = system_file();
    match named(&system) {
        Ok(text) => Ok(Some((text, system))),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(None),
        Err(error) => Err(failed(&system)(error)),
    }
}

/// [`SYSTEM_FILE`]; for tests, which are not to depend on the machine's, another one. No released binary looks.
fn system_file() -> PathBuf {
    let other = cfg!(debug_assertions).then(|| std::env::var_os("NAD_TEST_SYSTEM_FILE")).flatten();
    other.map_or(SYSTEM_FILE.into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, String> {
        File::parse(text, Path::new("nad.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = parse("[capture]\npacket_count = 100\npaket_count = 7\n").unwrap_err();
        assert!(error.starts_with("config file nad.toml, line 3: unknown field `paket_count`"), "{error}");
        let error = parse("[mail]\n").unwrap_err();
        assert!(error.starts_with("config file nad.toml, line 1: unknown field `mail`"), "{error}");
    }

    #[test]
    fn every_sink_has_a_section_in_the_example() {
        let example = include_str!("../../../nad.example.toml");
        for (name, _) in File::default().sinks() {
            let headings = [format!("[{name}]"), format!("[[{name}]]")];
            let has = |line: &str| headings.iter().any(|heading| line.trim_start_matches("# ") == heading);
            assert!(example.lines().any(has), "nad.example.toml says nothing of [{name}]");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        let error = parse("[training]\ntrain_for = \"soon\"\n").unwrap_err();
        assert!(error.contains("line 2: \"soon\" is no length of time"), "{error}");
        assert!(!error.contains('\n'));
        assert!(
            parse("[capture]\ninterface = 3\n").unwrap_err().contains("an interface name or a list of them")
        );
    }
}
