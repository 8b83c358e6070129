//! What people have said is ordinary, or noise: allow rules in a file beside the history, which end by themselves and can be taken
//! back.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nad_engine::{
    incident::allow::{AddressRange, Criteria, mac},
    presentation,
};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::{
    config::AllowSection,
    files::{self, Policy},
    history::{KeptIncident, Mark},
    text,
};

/// What the file's name has after the history's.
const ENDING: &str = ".known.toml";
/// Incidents that rules are kept of: every deviation is held against all rules.
const MOST: usize = 1000;
/// Bytes of the largest file.
const LARGEST: u64 = 4 << 20;
const HEADING: &str = "# Written by `nad incidents mark`; `nad known forget` takes an entry out.\n\n";

/// Why it can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The file.
    #[error("known incidents {}: {}; make way for it, or move it away", text::path(.0), .1)]
    Unusable(PathBuf, io::Error),
    /// What is in it.
    #[error("known incidents {}: {}; correct it, or move it away", text::path(.0), text::escaped(.1))]
    Damaged(PathBuf, String),
    /// There is no room.
    #[error("known incidents {}: there are {MOST} already; take some out with nad known forget", text::path(.0))]
    Full(PathBuf),
}

/// The file.
#[derive(Debug)]
pub struct KnownFile {
    path: PathBuf,
    history: PathBuf,
    content: Content,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Content {
    known: Vec<Known>,
}

/// The rules of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its `uid`; where it has none, its `id`.
    pub incident: String,
    /// What was said of it.
    pub mark: Mark,
    /// When, in RFC 3339.
    pub since: String,
    /// What is allowed for it.
    pub allow: Vec<AllowSection>,
}

impl KnownFile {
    /// Reads the one beside a history; where there is none, nothing is known.
    ///
    /// # Errors
    ///
    /// When it can't be read, others may write it, or it is damaged.
    pub fn beside(history: &Path) -> Result<Self, KnownError> {
        let mut name: OsString = history.into();
        name.push(ENDING);
        let (path, history) = (PathBuf::from(name), history.to_owned());
        work_for_owner(&history);
        let read = files::open_trusted(&path).and_then(|file| file.text(LARGEST));
        let content = match read {
            Ok(text) => parse(&text).map_err(|reason| KnownError::Damaged(path.clone(), reason))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(KnownError::Unusable(path, error)),
        };
        Ok(Self { path, history, content })
    }

    /// The rules of all.
    pub fn criteria(&self) -> impl Iterator<Item = Criteria> {
        self.content.known.iter().flat_map(|known| &known.allow).map(AllowSection::criteria)
    }

    /// All, in the order in which they were said.
    pub fn all(&self) -> &[Known] {
        &self.content.known
    }

    /// Puts one in the place of what was said of its incident before. What is over at `now_ns` makes room.
    ///
    /// # Errors
    ///
    /// When there is no room, or the file can't be written.
    pub fn put(&mut self, known: Known, now_ns: u64) -> Result<(), KnownError> {
        let all = &mut self.content.known;
        all.retain(|other| other.incident != known.incident);
        if all.len() >= MOST {
            let is_in_force =
                |rule: &AllowSection| rule.criteria().expires_ns.is_none_or(|end_ns| end_ns > now_ns);
            all.retain(|other| other.allow.iter().any(is_in_force));
        }
        if all.len() >= MOST {
            return Err(KnownError::Full(self.path.clone()));
        }
        all.push(known);
        self.save()
    }

    /// Takes out what was said of an incident; false where there is nothing.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn forget(&mut self, incident: &str) -> Result<bool, KnownError> {
        let before = self.content.known.len();
        self.content.known.retain(|known| known.incident != incident);
        if self.content.known.len() == before {
            return Ok(false);
        }
        self.save().map(|()| true)
    }

    fn save(&self) -> Result<(), KnownError> {
        let unusable = |error| KnownError::Unusable(self.path.clone(), error);
        let text = toml::to_string(&self.content).map_err(|error| unusable(io::Error::other(error)))?;
        work_for_owner(&self.history);
        files::replace(&self.path, (HEADING.to_owned() + &text).as_bytes()).map_err(unusable)
    }
}

/// Has root trust the sensor's user, whose the history is, and give new files to that one.
fn work_for_owner(history: &Path) {
    let owner = fs::metadata(history).ok().map(|metadata| metadata.uid()).filter(|owner| *owner != 0);
    if geteuid().is_root() && files::policy().owner != owner {
        files::set_policy(Policy { owner, ..files::policy() });
    }
}

fn parse(text: &str) -> Result<Content, String> {
    let content: Content = toml::from_str(text).map_err(|error| error.message().replace('\n', " "))?;
    for rule in content.known.iter().flat_map(|known| &known.allow) {
        rule.check()?;
    }
    Ok(content)
}

/// The rules that allow what an incident told of, until a moment in nanoseconds since the Unix epoch: one for each source that is
/// verified or has a MAC address.
///
/// # Errors
///
/// When it tells of nobody whom a rule can name, in words.
pub fn rules_of(incident: &KeptIncident, comment: &str, expires_ns: u64) -> Result<Vec<Criteria>, String> {
    let range = |host: &String| host.parse::<AddressRange>().ok();
    let destination = single(&incident.targets, incident.more_targets).and_then(range);
    let rule = Criteria {
        source: None,
        mac: None,
        destination,
        port: single(&incident.ports, incident.more_ports).copied(),
        protocol: single(&incident.protocols, false).and_then(|name| presentation::protocol_number(name)),
        shape: incident.kept_shape(),
        comment: comment.into(),
        expires_ns: Some(expires_ns),
    };
    if incident.more_sources || incident.sources.is_empty() {
        let nobody = "it has no source, or more than are listed, and not one target, so no rule can name whom it is about: write \
                      an allow rule in the config file";
        return if destination.is_some() { Ok(vec![rule]) } else { Err(nobody.into()) };
    }
    let of_source = |source: &String| {
        let detail = incident.source_details.iter().find(|detail| detail.address == *source)?;
        let is_mac = mac(source).is_some();
        let origin = detail.mac.as_deref().and_then(mac).filter(|_| !detail.verified && !is_mac);
        let is_trusted = detail.verified || is_mac || origin.is_some();
        // What one host does to another looks like this and that while it goes on. What a host does to many is not all allowed.
        let shape = rule.shape.filter(|_| destination.is_none());
        is_trusted
            .then(|| Criteria { source: range(source), mac: origin, shape, ..rule.clone() })
            .filter(|rule| rule.source.is_some())
    };
    let rules: Vec<Criteria> = incident.sources.iter().filter_map(of_source).collect();
    let forged = "none of its sources is verified or has a known MAC address, and anybody could send in their names: write an allow rule \
                  in the config file";
    if rules.is_empty() { Err(forged.into()) } else { Ok(rules) }
}

/// What is listed, where it is the only one.
fn single<T>(items: &[T], more: bool) -> Option<&T> {
    match items {
        [item] if !more => Some(item),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use nad_engine::incident::shape::Shape;

    use super::*;

    fn incident(sources: &str, details: &str, targets: &str) -> KeptIncident {
        let text = format!(
            r#"{{ "id": "1-1", "state": "closed", "shape": "brute force", "detected_at": 2.0, "start": 1.0, "end": 9.0,
                "sources": {sources}, "source_details": {details}, "targets": {targets}, "more_sources": false,
                "more_targets": false, "ports": [22], "more_ports": false, "protocols": ["TCP"], "alerts": 1,
                "packets": 7, "bytes": 700, "coverage": 100.0, "peak_score": 0.9, "score": 0.9, "probability": 1e-9,
                "threshold": 0.5, "view": "connections", "reason": "r" }}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn known(name: &str, expires_ns: u64) -> Known {
        let details = r#"[{ "address": "10.0.0.1", "verified": true }]"#;
        let rules =
            rules_of(&incident(r#"["10.0.0.1"]"#, details, r#"["10.0.0.2"]"#), "why", expires_ns).unwrap();
        let allow = rules.iter().map(AllowSection::from).collect();
        Known { incident: name.into(), mark: Mark::Noise, since: "2026-11-28T00:00:00Z".into(), allow }
    }

    #[test]
    fn a_rule_says_all_that_the_incident_does_and_trusts_no_address_that_may_be_forged() {
        let details = r#"[{ "address": "10.0.0.1", "verified": true, "mac": "02:00:00:00:00:01" },
            { "address": "10.0.0.3", "verified": false, "mac": "02:00:00:00:00:03" },
            { "address": "10.0.0.4", "verified": false }]"#;
        let of_three = incident(r#"["10.0.0.1", "10.0.0.3", "10.0.0.4"]"#, details, r#"["10.0.0.2"]"#);
        let rules = rules_of(&of_three, "why", 7).unwrap();
        let told: Vec<_> = rules.iter().map(|rule| (rule.source.unwrap().to_string(), rule.mac)).collect();
        assert_eq!(told, [("10.0.0.1".into(), None), ("10.0.0.3".into(), Some([2, 0, 0, 0, 0, 3]))]);
        let rule = &rules[0];
        assert_eq!((rule.port, rule.protocol, rule.expires_ns), (Some(22), Some(6), Some(7)));
        assert_eq!(rule.destination, Some("10.0.0.2".parse().unwrap()));
        assert_eq!(rule.shape, None, "between two hosts it may look like anything");
        let of_many = incident(r#"["10.0.0.1"]"#, details, r#"["10.0.0.2", "10.0.0.5"]"#);
        let rule = rules_of(&of_many, "why", 7).unwrap().remove(0);
        assert_eq!((rule.destination, rule.shape), (None, Some(Shape::BruteForce)));
        let forged = incident(r#"["10.0.0.4"]"#, r#"[{ "address": "10.0.0.4", "verified": false }]"#, "[]");
        assert!(rules_of(&forged, "why", 7).unwrap_err().contains("verified"));
        assert!(rules_of(&incident("[]", "[]", "[]"), "why", 7).unwrap_err().contains("no source"));
        let against = rules_of(&incident("[]", "[]", r#"["10.0.0.2"]"#), "why", 7).unwrap();
        assert_eq!((against.len(), against[0].source), (1, None));
    }

    #[test]
    fn what_was_said_is_read_again_put_in_place_of_what_was_said_before_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("nad.db");
        let read = || KnownFile::beside(&history).unwrap();
        assert_eq!(read().criteria().count(), 0);
        read().put(known("a", 2_000_000_000), 0).unwrap();
        read().put(known("b", 3_000_000_000), 0).unwrap();
        read().put(known("a", 4_000_000_000), 0).unwrap();
        let names =
            |file: &KnownFile| file.all().iter().map(|known| known.incident.clone()).collect::<String>();
        assert_eq!((names(&read()).as_str(), &read().all()[1]), ("ba", &known("a", 4_000_000_000)));
        assert_eq!(read().criteria().count(), 2);
        assert!(read().forget("b").unwrap() && !read().forget("c").unwrap());
        assert_eq!(names(&read()), "a");
    }

    #[test]
    fn what_is_over_makes_room_and_a_full_file_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = KnownFile::beside(&folder.path().join("nad.db")).unwrap();
        file.content.known = (0..MOST).map(|number| known(&number.to_string(), 2_000_000_000)).collect();
        let error = file.put(known("a", 3_000_000_000), 1_000_000_000).unwrap_err().to_string();
        assert!(error.contains("nad known forget"), "{error}");
        file.put(known("a", 3_000_000_000), 2_000_000_000).unwrap();
        assert_eq!(file.all().len(), 1);
    }

    #[test]
    fn a_damaged_file_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("nad.db");
        for bad in [
            "known = 7",
            "[[known]]\nincident = 'a'\n",
            "[[known]]\nincident = 'a'\nmark = 'noise'\nsince = ''\nallow = [{ comment = 'all of it' }]\n",
            "\u{1b}[2J",
        ] {
            fs::write(folder.path().join("nad.db.known.toml"), bad).unwrap();
            let error = KnownFile::beside(&history).unwrap_err().to_string();
            assert!(error.contains("known.toml") && !error.contains(['\n', '\u{1b}']), "{error}");
        }
    }
}
