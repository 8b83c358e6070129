//! Addresses in the words of whoever described an attack, and whether an incident names one of them.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use regex_lite::Regex;

/// IPv4, IPv6 with `::`, or MAC, the first two with a prefix length; the pattern of `evaluate_incidents.py`.
const ADDRESS: &str = r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d+)?|[0-9a-fA-F:]*::[0-9a-fA-F:]*(?:/\d+)?|(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}";

/// Finds addresses in text.
#[derive(Debug)]
pub(super) struct Finder(Regex);

/// What a text named.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Networks(Vec<Network>);

#[derive(Debug, Clone, PartialEq)]
enum Network {
    Ip {
        /// Its host bits don't count.
        address: IpAddr,
        prefix: u32,
    },
    /// A MAC address in lower case.
    Other(String),
    /// Whoever it is.
    Any,
}

impl Finder {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Regex::new(ADDRESS).context("the pattern of addresses is no regular expression")?))
    }

    pub(super) fn networks(&self, text: &str) -> Networks {
        Networks(self.0.find_iter(text).map(|found| Network::new(found.as_str())).collect())
    }
}

impl Networks {
    /// Every address, where an attack comes from made-up ones only.
    pub(super) fn any() -> Self {
        Self(vec![Network::Any])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this address is one of them, or lies in one of them.
    pub(super) fn contain(&self, address: &str) -> bool {
        if self.0.contains(&Network::Any) {
            return true;
        }
        match parse(address) {
            Some(address) => self.0.iter().any(|network| network.contains(address)),
            None => self.0.contains(&Network::Other(address.to_lowercase())),
        }
    }
}

impl Network {
    fn new(text: &str) -> Self {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let network = address.parse().ok().and_then(|address: IpAddr| {
            let bits = bits(address);
            let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok().filter(|p| *p <= bits))?;
            Some(Self::Ip { address, prefix })
        });
        network.unwrap_or_else(|| Self::Other(text.to_lowercase()))
    }

    fn contains(&self, other: IpAddr) -> bool {
        // Shifting by all bits is what `/0` asks for.
        match (self, other) {
            (Self::Ip { address: IpAddr::V4(address), prefix }, IpAddr::V4(other)) => {
                let different = address.to_bits() ^ other.to_bits();
                different.checked_shr(32 - prefix).unwrap_or(0) == 0
            }
            (Self::Ip { address: IpAddr::V6(address), prefix }, IpAddr::V6(other)) => {
                let different = address.to_bits() ^ other.to_bits();
                different.checked_shr(128 - prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// An IP address; an interface's name behind it counts for nothing.
fn parse(address: &str) -> Option<IpAddr> {
    match address.split_once('%') {
        Some((address, _)) => address.parse().ok().filter(IpAddr::is_ipv6),
        None => address.parse().ok(),
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Networks {
        Finder::new().unwrap().networks(text)
    }

    #[test]
    fn addresses_are_found_among_words() {
        let found = networks("10.20.30.104 (relayed by 10.20.30.2:53) and fd20:30::5, 02:00:00:AA:bb:01");
        for address in ["10.20.30.104", "10.20.30.2", "fd20:30:0::5", "02:00:00:aa:BB:01"] {
            assert!(found.contain(address), "{address}");
        }
        for address in ["10.20.30.10", "10.20.30.53", "fd20:30::6", "02:00:00:aa:bb:02", "relayed", ""] {
            assert!(!found.contain(address), "{address}");
        }
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let cases = [
            ("10.20.30.0/24", "10.20.30.255", true),
            ("10.20.30.7/24", "10.20.30.1", true),
            ("10.20.30.0/24", "10.20.31.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("fd20:30::/64", "fd20:30::ffff", true),
            ("fd20:30::/64", "fd20:30:0:1::1", false),
            ("fe80::1", "fe80::1%eth0", true),
            ("10.0.0.1/33", "10.0.0.1", false),
        ];
        for (text, address, expected) in cases {
            assert_eq!(networks(text).contain(address), expected, "{address} in {text}");
        }
    }

    #[test]
    fn any_is_every_address_of_any_kind() {
        assert!(Networks::any().contain("02:00:00:aa:bb:02") && Networks::any().contain("10.0.0.1"));
        assert!(!Networks::any().is_empty());
    }

    #[test]
    fn words_without_an_address_name_nobody() {
        assert!(networks("spoofed at random").is_empty());
        assert!(networks("").is_empty());
    }
}
