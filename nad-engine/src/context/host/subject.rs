//! A host as a subject, in its two roles.

use super::HostState;
use crate::context::{
    host_key::HostKey,
    subject::{Identity, Judged, Parties},
};

/// A host as the one who begins.
#[derive(Debug)]
pub enum Source {}

/// A host as the one who is asked.
#[derive(Debug)]
pub enum Target {}

impl Judged for Source {
    type State = HostState;

    fn principal(host: &HostState) -> HostKey {
        host.key
    }

    fn parties(host: &HostState) -> Parties {
        let favourite = host.favourite.winner();
        Parties { source: Some(host.key), target: favourite.map(|(host, _)| host), ..Parties::default() }
    }

    fn cap_target(host: &HostState) -> HostKey {
        host.favourite.winner().map_or(HostKey::NOBODY, |(host, _)| host)
    }

    fn volume(host: &HostState) -> (u64, u64) {
        (host.begun.packets.into(), host.begun.bytes)
    }

    /// A host's favourite changes; the view judges the host.
    fn identity(parties: &Parties) -> Identity {
        (parties.source, None, None)
    }

    fn name(host: &HostState) -> String {
        host.key.to_string()
    }

    fn other_side(host: &HostState) -> String {
        host.favourite.winner().map_or(String::new(), |(target, _)| format!(", mostly at {target}"))
    }

    fn host(host: &HostState) -> Option<HostKey> {
        Some(host.key)
    }

    fn shows_its_source(host: &HostState) -> bool {
        !host.key.is_global() || host.unsuccessful_10() < 0.5 * host.opened_10
    }

    fn is_unserved(host: &HostState) -> bool {
        host.services_10() < 0.5 && host.unsuccessful_10() > 0.5 * host.opened_10
    }
}

impl Judged for Target {
    type State = HostState;

    fn principal(host: &HostState) -> HostKey {
        host.key
    }

    fn parties(host: &HostState) -> Parties {
        Parties { source: host.presser(), target: Some(host.key), ..Parties::default() }
    }

    fn cap_target(host: &HostState) -> HostKey {
        host.key
    }

    fn volume(host: &HostState) -> (u64, u64) {
        (host.asked.packets.into(), host.asked.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (None, parties.target, None)
    }

    fn name(host: &HostState) -> String {
        host.key.to_string()
    }

    fn other_side(host: &HostState) -> String {
        host.presser().map_or(", from many sources".into(), |source| format!(", mostly from {source}"))
    }

    fn host(host: &HostState) -> Option<HostKey> {
        Some(host.key)
    }

    fn shows_its_source(host: &HostState) -> bool {
        host.presser().is_none_or(|source| !source.is_global())
    }

    fn is_target_of_many(host: &HostState) -> bool {
        host.presser().is_none()
    }
}
