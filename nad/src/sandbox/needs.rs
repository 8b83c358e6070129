//! What nad needs once it works, as the settings say.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::state::{self, StateConfig};

/// Port of name servers: answers that are too long for UDP come by TCP.
const DNS: u16 = 53;

/// Files, ports, and what connections take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files that are read again at SIGHUP.
    pub reads: Vec<PathBuf>,
    /// Files that are written, and directories in which files are.
    pub writes: Vec<PathBuf>,
    /// Sockets, which are made before the sandbox and removed within it.
    pub sockets: Vec<SocketNeed>,
    /// TCP ports of servers that are connected to.
    pub tcp_ports: Vec<u16>,
    /// Whether servers are given by name.
    pub resolves_names: bool,
    /// Whether others connect to nad.
    pub accepts: bool,
    /// Whether they do at a port that only root may take.
    pub serves_low_port: bool,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketNeed {
    /// The directory that it is in.
    pub directory: PathBuf,
    /// Whether a setting names it: without, it is no reason to stay root.
    pub is_named: bool,
}

impl Needs {
    /// The same with a file that is written at the end.
    #[must_use]
    pub fn with_file(mut self, file: &Path) -> Self {
        self.writes.push(file.into());
        self
    }

    /// The same with a directory in which what was learnt is kept, where there is one.
    #[must_use]
    pub fn with_state(mut self, state: Option<&StateConfig>) -> Self {
        self.writes.extend(state.map(|state| state.directory.join(state::FILE)));
        self
    }

    /// Adds a server, by its name or its address.
    pub fn connect(&mut self, host: &str, port: u16) {
        self.tcp_ports.push(port);
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_err() && !self.resolves_names {
            self.resolves_names = true;
            self.tcp_ports.push(DNS);
        }
    }

    /// Whether nad connects to anybody.
    pub fn connects(&self) -> bool {
        !self.tcp_ports.is_empty()
    }

    /// Where is to be written: of a file its directory, in which another takes its place when it is moved away; of a pipe
    /// or a device itself.
    pub(super) fn writable(&self) -> Vec<PathBuf> {
        self.writes.iter().flat_map(|file| places(file, true)).collect()
    }

    /// Where is to be read: of a file its directory, because editors put another in its place; but not all of `/etc`.
    pub(super) fn readable(&self) -> Vec<PathBuf> {
        self.reads.iter().flat_map(|file| places(file, false)).collect()
    }

    /// What other settings need besides, in words: the sandbox of a running nad stays as it is.
    pub fn lacks(&self, new: &Self) -> Vec<String> {
        let mut lacking = Vec::new();
        let mut outside = |what: &str, have: &[PathBuf], wanted: &[PathBuf]| {
            let is_outside = |path: &&PathBuf| !have.iter().any(|place| path.starts_with(place));
            let missing = wanted.iter().filter(is_outside);
            lacking.extend(missing.map(|path| format!("{what} {}", path.display())));
        };
        outside("to write in", &self.writable(), &new.writable());
        outside("to read in", &self.readable(), &new.readable());
        let ports = new.tcp_ports.iter().filter(|port| !self.tcp_ports.contains(port));
        lacking.extend(ports.map(|port| format!("to connect to port {port}")));
        lacking.dedup();
        lacking
    }
}

/// A file's directory, as it is named and where it really is.
fn places(file: &Path, is_written: bool) -> Vec<PathBuf> {
    let named = std::path::absolute(file).unwrap_or_else(|_| file.into());
    let kind = std::fs::metadata(&named).ok().map(|metadata| metadata.file_type());
    if kind.is_some_and(|kind| !kind.is_file()) {
        return vec![named];
    }
    let real = std::fs::canonicalize(&named).ok();
    let mut places = Vec::new();
    for path in std::iter::once(named).chain(real) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        // What everybody's settings are in is not for nad to read; nor is all that there is.
        let is_shared = !is_written && ["/", "/etc"].map(Path::new).contains(&folder);
        let place = if is_shared { path } else { folder.to_owned() };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(file: &Path) -> Needs {
        Needs::default().with_file(file)
    }

    #[test]
    fn of_a_file_its_directory_is_written_and_of_a_device_itself() {
        let folder = tempfile::tempdir().unwrap();
        let folder = std::fs::canonicalize(folder.path()).unwrap();
        assert_eq!(written(&folder.join("log")).writable(), std::slice::from_ref(&folder));
        assert_eq!(written(&folder).writable(), [folder]);
        assert_eq!(written(Path::new("/dev/null")).writable(), [Path::new("/dev/null")]);
    }

    #[test]
    fn the_directory_of_settings_is_read_unless_it_is_everybody_s() {
        let reads = |path: &str| Needs { reads: vec![path.into()], ..Needs::default() }.readable();
        assert_eq!(reads("/etc/nad.toml"), [Path::new("/etc/nad.toml")]);
        assert_eq!(reads("/etc/nad/nad.toml"), [Path::new("/etc/nad")]);
    }

    #[test]
    fn a_link_s_target_is_written_too() {
        let folder = tempfile::tempdir().unwrap();
        let folder = std::fs::canonicalize(folder.path()).unwrap();
        let (here, there) = (folder.join("here"), folder.join("there"));
        for folder in [&here, &there] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(there.join("log"), "").unwrap();
        std::os::unix::fs::symlink(there.join("log"), here.join("log")).unwrap();
        assert_eq!(written(&here.join("log")).writable(), [here, there]);
    }

    #[test]
    fn what_other_settings_need_besides_is_said() {
        let old = Needs { tcp_ports: vec![25], ..written(Path::new("/var/log/nad/log")) };
        assert_eq!(old.lacks(&old), Vec::<String>::new());
        let inside = Needs { tcp_ports: vec![25], ..written(Path::new("/var/log/nad/alerts.jsonl")) };
        assert_eq!(old.lacks(&inside), Vec::<String>::new());
        let outside = Needs { tcp_ports: vec![25, 443], ..written(Path::new("/srv/alerts.jsonl")) };
        assert_eq!(old.lacks(&outside), ["to write in /srv", "to connect to port 443"]);
    }

    #[test]
    fn names_are_resolved_only_where_a_server_has_one() {
        let connecting = |host: &str| {
            let mut needs = Needs::default();
            needs.connect(host, 587);
            needs
        };
        assert!(!connecting("192.0.2.1").resolves_names && !connecting("[2001:db8::1]").resolves_names);
        assert_eq!(connecting("mail.example.org").tcp_ports, [587, DNS]);
        assert!(!Needs::default().connects());
    }
}
