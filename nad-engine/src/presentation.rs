//! Records in the words that people use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nad_common::record::{AddressKind, Addresses, PacketRecord, flag};

/// One end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// The IP address; for ARP the one it speaks of.
    pub ip: Option<IpAddr>,
    /// The MAC address, where there is no IP.
    pub mac: Option<[u8; 6]>,
}

impl Endpoint {
    /// Source and destination of a record.
    pub fn of(record: &PacketRecord) -> (Self, Self) {
        let ip = |ip: IpAddr| Self { ip: Some(ip), mac: None };
        match record.addresses() {
            Addresses::V4(source, destination) => {
                (ip(Ipv4Addr::from(source).into()), ip(Ipv4Addr::from(destination).into()))
            }
            Addresses::V6(source, destination) => {
                (ip(Ipv6Addr::from(source).into()), ip(Ipv6Addr::from(destination).into()))
            }
            Addresses::Link { source, destination, sender_ip, target_ip, .. } => {
                let spoken = |ip: [u8; 4]| record.is_arp().then(|| IpAddr::from(ip));
                (
                    Self { ip: spoken(sender_ip), mac: Some(source) },
                    Self { ip: spoken(target_ip), mac: Some(destination) },
                )
            }
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.ip, self.mac) {
            (Some(ip), _) => ip.fmt(f),
            (None, Some(address)) => f.write_str(&mac(address)),
            (None, None) => f.write_str("-"),
        }
    }
}

/// `1 incident`, `2 incidents`: a number of something whose plural ends in s.
pub fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A length of time of so many nanoseconds, in its two largest units: `6 d 3 h`.
pub fn span(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let seconds = ns / 1_000_000_000;
    if seconds < 10 && !ns.is_multiple_of(1_000_000_000) {
        return format!("{:.1} s", ns as f64 / 1e9);
    }
    let mut rest = seconds;
    let parts: Vec<String> = UNITS
        .iter()
        .filter_map(|(unit, name)| {
            let count = rest / unit;
            rest %= unit;
            (count > 0).then(|| format!("{count} {name}"))
        })
        .take(2)
        .collect();
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}

/// `02:00:00:00:00:01`.
pub fn mac(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

/// The protocol's usual name, or its number.
pub fn protocol(record: &PacketRecord) -> String {
    if record.address_kind() == AddressKind::Link {
        return match record.ether_type {
            _ if record.is_arp() => "ARP".into(),
            0x88cc => "LLDP".into(),
            0x888e => "EAPOL".into(),
            0x8863 | 0x8864 => "PPPoE".into(),
            0x8847 | 0x8848 => "MPLS".into(),
            0x8809 => "LACP".into(),
            length if length < 0x0600 => "LLC".into(),
            ether_type => format!("0x{ether_type:04x}"),
        };
    }
    protocol_name(record.protocol)
}

/// The usual name of an IP protocol, or its number.
pub fn protocol_name(number: u8) -> String {
    match number {
        0 => "HOPOPT".into(),
        1 => "ICMP".into(),
        2 => "IGMP".into(),
        4 => "IPv4".into(),
        6 => "TCP".into(),
        17 => "UDP".into(),
        33 => "DCCP".into(),
        41 => "IPv6".into(),
        47 => "GRE".into(),
        50 => "ESP".into(),
        51 => "AH".into(),
        58 => "ICMPv6".into(),
        59 => "IPv6-NoNxt".into(),
        88 => "EIGRP".into(),
        89 => "OSPF".into(),
        103 => "PIM".into(),
        112 => "VRRP".into(),
        132 => "SCTP".into(),
        136 => "UDP-Lite".into(),
        number => number.to_string(),
    }
}

/// The IP protocol of a usual name, in whatever case, or of a number.
pub fn protocol_number(text: &str) -> Option<u8> {
    let is_named = |number: &u8| protocol_name(*number).eq_ignore_ascii_case(text);
    text.parse().ok().or_else(|| (0..=u8::MAX).find(is_named))
}

/// The outer VLAN id, where there is a tag.
pub fn vlan(record: &PacketRecord) -> Option<u16> {
    const VLAN_ID: u16 = 0x0fff;
    record.has(flag::VLAN).then_some(record.vlan_outer & VLAN_ID)
}

/// RFC 3339 in UTC with milliseconds, of nanoseconds since the Unix epoch.
pub fn timestamp(time_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(time_ns.into())
        .map_or_else(|_| format!("{time_ns} ns"), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(timestamp(1_795_335_254_600_000_000), "2026-11-22T08:14:14.600Z");
        assert_eq!(timestamp(u64::MAX), "2554-07-21T23:34:33.709Z");
    }

    #[test]
    fn a_protocol_is_found_by_its_name_and_by_its_number() {
        for number in 0..=u8::MAX {
            assert_eq!(protocol_number(&protocol_name(number)), Some(number));
            assert_eq!(protocol_number(&number.to_string()), Some(number));
        }
        assert_eq!((protocol_number("tcp"), protocol_number("icmpv6")), (Some(6), Some(58)));
        assert_eq!(
            (protocol_number("http"), protocol_number("256"), protocol_number("")),
            (None, None, None)
        );
    }

    #[test]
    fn a_mac_address_has_two_digits_a_byte() {
        assert_eq!(mac([2, 0, 0xab, 0, 0, 1]), "02:00:ab:00:00:01");
    }
}
