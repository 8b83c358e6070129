//! Who did what to whom, as far as formats have a place for one of each.

use std::net::IpAddr;

use nad_common::record::AddressKind;
use nad_engine::{
    alert::Alert,
    context::host_key::HostKey,
    incident::{Incident, Listed},
    presentation::{self, Endpoint},
};

/// One end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct End {
    pub(super) ip: Option<IpAddr>,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) port: Option<u16>,
}

/// Both ends, and by which protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) source: Option<End>,
    pub(super) target: Option<End>,
    /// The IP protocol, where there is one and only one.
    pub(super) protocol: Option<u8>,
    /// Name of a protocol that is not IP.
    pub(super) link_protocol: Option<String>,
    /// Whether the source has shown that it receives what is sent to its address, as far as that is known.
    pub(super) is_verified: Option<bool>,
}

impl Subject {
    /// Of a packet.
    pub(super) fn of_packet(alert: &Alert) -> Self {
        let record = &alert.record;
        let (source, target) = Endpoint::of(record);
        let is_ip = record.address_kind() != AddressKind::Link;
        let end = |end: Endpoint, port: u16| {
            Some(End {
                ip: end.ip,
                mac: end.mac,
                port: Some(port).filter(|_| is_ip && has_ports(record.protocol)),
            })
        };
        Self {
            source: end(source, record.source_port),
            target: end(target, record.destination_port),
            protocol: is_ip.then_some(record.protocol),
            link_protocol: (!is_ip).then(|| presentation::protocol(record)),
            is_verified: None,
        }
    }

    /// The pairs that an incident lists: each of its targets, or each of its sources where there is one target. There is
    /// one pair at least, which may lack an end.
    pub(super) fn of_incident(incident: &Incident) -> Vec<Self> {
        let (sources, targets) = (&incident.sources.items, &incident.targets.items);
        let pairs = sources.len().max(targets.len()).max(1);
        let at =
            |hosts: &[HostKey], place: usize| hosts.get(place).or(hosts.last()).map(|host| End::of(*host));
        let protocol = match incident.protocols[..] {
            [protocol] => Some(protocol),
            _ => None,
        };
        let origins = &incident.origins;
        let origin_of_source = |place: usize| origins.get(place).or(origins.last());
        let port = single(&incident.ports).filter(|_| protocol.is_none_or(has_ports));
        let pair = |place: usize| {
            let origin = origin_of_source(place);
            let mac = origin.and_then(|origin| origin.mac);
            let source = at(sources, place).map(|end| End { mac: end.mac.or(mac), ..end });
            let is_verified = source.and(origin).map(|origin| origin.is_verified);
            let target = at(targets, place).map(|end| End { port, ..end });
            let is_link = [source, target].iter().flatten().any(|end| end.ip.is_none());
            // What is said of MAC addresses is said of ARP, unless an IP protocol is named.
            let link_protocol = (is_link && protocol.is_none()).then(|| "ARP".to_owned());
            Self { source, target, protocol, link_protocol, is_verified }
        };
        (0..pairs).map(pair).collect()
    }

    /// 4 or 6, by the addresses.
    pub(super) fn ip_version(&self) -> Option<u8> {
        let ip = [self.source, self.target].into_iter().flatten().find_map(|end| end.ip)?;
        Some(if ip.is_ipv4() { 4 } else { 6 })
    }

    /// The IP protocol's name as IANA has it, in small letters.
    pub(super) fn transport(&self) -> Option<String> {
        Some(match self.protocol? {
            ICMPV6 => "ipv6-icmp".to_owned(),
            number => presentation::protocol_name(number).to_lowercase(),
        })
    }
}

impl End {
    fn of(host: HostKey) -> Self {
        Self { ip: host.to_ip(), mac: host.to_mac(), port: None }
    }
}

const ICMPV6: u8 = 58;

/// TCP, UDP, DCCP, SCTP and UDP-Lite.
const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// What is listed, where it is the only one.
fn single<T: Copy>(listed: &Listed<T>) -> Option<T> {
    match listed.items[..] {
        [item] if !listed.more => Some(item),
        _ => None,
    }
}
