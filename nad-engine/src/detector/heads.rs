//! The first bytes of payloads, once for each packet that has some, in the order of the packets.

use std::fmt::Write as _;

use nad_common::record::PacketRecord;

use crate::{
    context::hash::HashKey,
    incident::Incident,
    names::{Names, NamesState},
    payload::{self, HeadFacts},
};

/// Names that a reason says.
const NAMES_SAID: usize = 2;

/// What is known from heads beyond their packets.
#[derive(Debug)]
pub(super) struct Heads {
    hash_key: HashKey,
    /// Made with the first head.
    names: Option<Names>,
    /// Whether there was no memory for them.
    has_failed: bool,
}

impl Heads {
    pub(super) fn new(hash_key: HashKey) -> Self {
        Self { hash_key, names: None, has_failed: false }
    }

    /// Takes a head into account, and gives what of it counts towards features.
    pub(super) fn read(&mut self, record: &PacketRecord, head: &[u8], now_ns: u64) -> HeadFacts {
        let said = record.head_kind().and_then(|kind| payload::read(kind, record, head));
        let Some(said) = said else { return HeadFacts::default() };
        if let Some(names) = self.names() {
            names.learn(&said, record, now_ns);
        }
        HeadFacts::of(&said)
    }

    /// Adds the names of its hosts to an incident, and to its reason those of hosts that this says.
    pub(super) fn name(&self, incident: &mut Incident, now_ns: u64) {
        let Some(names) = &self.names else { return };
        let hosts = incident.sources.items.iter().chain(&incident.targets.items);
        let named = hosts.filter_map(|host| Some((*host, names.name(*host, now_ns)?.text.to_owned())));
        incident.names = named.collect();
        let mut said = 0;
        for (host, name) in &incident.names {
            let address = host.to_string();
            if said < NAMES_SAID && incident.reason.split([' ', ',', ';']).any(|word| word == address) {
                let _ = write!(incident.reason, "; {address} is {name}");
                said += 1;
            }
        }
    }

    /// What names are kept at a moment of sensor time.
    pub(super) fn state(&self, now_ns: u64) -> Option<NamesState> {
        self.names.as_ref().map(|names| names.state(now_ns))
    }

    /// Takes up those of an earlier run.
    pub(super) fn resume(&mut self, state: &NamesState, now_ns: u64) {
        if let Some(names) = self.names() {
            names.resume(state, now_ns);
        }
    }

    fn names(&mut self) -> Option<&mut Names> {
        if self.names.is_none() && !self.has_failed {
            match Names::new(self.hash_key) {
                Ok(names) => self.names = Some(names),
                Err(error) => {
                    tracing::warn!("no names of hosts are kept, as there is no memory for them: {error}");
                    self.has_failed = true;
                }
            }
        }
        self.names.as_mut()
    }
}
