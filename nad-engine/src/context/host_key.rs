//! Who a packet is from and to, as the tables know them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use bytemuck::{Pod, Zeroable};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nad_common::record::{Addresses, PacketRecord};
use serde::{Deserialize, Serialize};

use super::{hash::HashKey, table::Hashed};
use crate::presentation;

/// One address in 128 bits: IPv6 as it is, IPv4 as mapped into IPv6 (RFC 4291, 2.5.5.2), and a MAC address in
/// the prefix 1000::/80, which RFC 4291 leaves to nobody. Next to it lie the networks of [`HostKey::prefix`].
#[repr(C)]
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Pod, Zeroable, Serialize, Deserialize,
)]
pub struct HostKey {
    high: u64,
    low: u64,
}

const MAPPED: u64 = 0x0000_ffff_0000_0000;
const MAPPED_MASK: u64 = 0xffff_ffff_0000_0000;
const LINK_HIGH: u64 = 0x1000_0000_0000_0000;
const PREFIX_V4_HIGH: u64 = 0x1000_0000_0000_0001;
const PREFIX_V6_HIGH: u64 = 0x1000_0000_0000_0002;
const IMPOSSIBLE_HIGH: u64 = 0x1000_0000_0000_0003;
/// Bits in which the keys above differ.
const RESERVED_BITS: u32 = 2;
const PREFIX_V4_LENGTH: u8 = 24;
const PREFIX_V6_LENGTH: u8 = 64;

impl HostKey {
    /// The key that stands for nobody.
    pub const NOBODY: Self = Self { high: 0, low: 0 };

    /// Source and destination: IP addresses where there are any, else those of the frame.
    pub fn of(record: &PacketRecord) -> (Self, Self) {
        match record.addresses() {
            Addresses::V4(source, destination) => (Self::v4(source), Self::v4(destination)),
            Addresses::V6(source, destination) => (Self::v6(source), Self::v6(destination)),
            Addresses::Link { source, destination, .. } => (Self::mac(source), Self::mac(destination)),
        }
    }

    /// An IPv4 address.
    pub fn v4(address: [u8; 4]) -> Self {
        Self { high: 0, low: MAPPED | u64::from(u32::from_be_bytes(address)) }
    }

    /// An IPv6 address.
    ///
    /// No IPv6 packet is from an IPv4 address or from an address of the block that other keys lie in. One that says so
    /// must not have the key of another, so such addresses have keys of their own.
    pub fn v6(address: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(address);
        let (high, low) = ((bits >> 64) as u64, bits as u64);
        if high >> RESERVED_BITS == LINK_HIGH >> RESERVED_BITS {
            Self { high: IMPOSSIBLE_HIGH, low: 0 }
        } else if high == 0 && low & MAPPED_MASK == MAPPED {
            Self { high: IMPOSSIBLE_HIGH, low }
        } else {
            Self { high, low }
        }
    }

    /// A MAC address.
    pub fn mac(address: [u8; 6]) -> Self {
        let low = address.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        Self { high: LINK_HIGH, low }
    }

    /// An IP address.
    pub fn ip(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::v4(address.octets()),
            IpAddr::V6(address) => Self::v6(address.octets()),
        }
    }

    /// The IP address, unless it is a MAC address or nobody.
    pub fn to_ip(self) -> Option<IpAddr> {
        if self.is_mac() || self == Self::NOBODY || matches!(self.high, PREFIX_V4_HIGH | PREFIX_V6_HIGH) {
            return None;
        }
        if self.high == IMPOSSIBLE_HIGH {
            let prefix = if self.low == 0 { LINK_HIGH } else { 0 };
            return Some(Ipv6Addr::from(u128::from(prefix) << 64 | u128::from(self.low)).into());
        }
        if self.high == 0 && self.low & MAPPED_MASK == MAPPED {
            return Some(Ipv4Addr::from(self.low as u32).into());
        }
        Some(Ipv6Addr::from(u128::from(self.high) << 64 | u128::from(self.low)).into())
    }

    /// The MAC address, where it is one.
    pub fn to_mac(self) -> Option<[u8; 6]> {
        let bytes = self.low.to_be_bytes();
        self.is_mac().then(|| std::array::from_fn(|place| bytes[place + 2]))
    }

    /// Whether it is a MAC address.
    pub fn is_mac(self) -> bool {
        self.high == LINK_HIGH && self.low >> 48 == 0
    }

    /// Whether it is a group address: multicast, or the broadcast address of all networks.
    #[inline]
    pub fn is_group(self) -> bool {
        const MULTICAST_V6: u64 = 0xff;
        const MULTICAST_V4: u32 = 0xe;
        if self.high >> 56 == MULTICAST_V6 {
            return true;
        }
        if self.high == 0 && self.low & MAPPED_MASK == MAPPED {
            let address = self.low as u32;
            return address >> 28 == MULTICAST_V4 || address == u32::MAX;
        }
        self.is_mac() && self.low >> 40 & 1 == 1
    }

    /// Whether the address belongs to no network of one's own by its kind: neither private (RFC 1918), shared
    /// (RFC 6598), link-local, unique local (RFC 4193), loopback, group nor unspecified.
    pub fn is_global(self) -> bool {
        match self.to_ip() {
            Some(IpAddr::V4(address)) => {
                let [first, second, ..] = address.octets();
                let is_shared = first == 100 && second & 0xc0 == 64;
                !(address.is_private()
                    || address.is_loopback()
                    || address.is_link_local()
                    || address.is_multicast()
                    || address.is_broadcast()
                    || address.is_unspecified()
                    || is_shared)
            }
            Some(IpAddr::V6(address)) => {
                !(address.is_loopback()
                    || address.is_multicast()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local())
            }
            None => false,
        }
    }

    /// It with its hash.
    #[inline]
    pub fn hashed(self, hash_key: &HashKey) -> Hashed<Self> {
        Hashed { hash: hash_key.hash(self.words()), key: self }
    }

    /// Its bits, for hashing.
    #[inline]
    pub fn words(self) -> [u64; 2] {
        [self.high, self.low]
    }

    /// All that share its network: the /24 of an IPv4 address, the /64 of an IPv6 address. It stands for those of them
    /// that have no state of their own.
    pub fn prefix(self) -> Self {
        match self.to_ip() {
            Some(IpAddr::V4(address)) => {
                Self { high: PREFIX_V4_HIGH, low: u64::from(u32::from(address) & 0xffff_ff00) }
            }
            Some(IpAddr::V6(_)) => Self { high: PREFIX_V6_HIGH, low: self.high },
            None => self,
        }
    }

    /// The network, where it stands for one.
    pub fn to_prefix(self) -> Option<IpNet> {
        match self.high {
            PREFIX_V4_HIGH => {
                Ipv4Net::new(Ipv4Addr::from(self.low as u32), PREFIX_V4_LENGTH).ok().map(IpNet::V4)
            }
            PREFIX_V6_HIGH => {
                let address = Ipv6Addr::from(u128::from(self.low) << 64);
                Ipv6Net::new(address, PREFIX_V6_LENGTH).ok().map(IpNet::V6)
            }
            _ => None,
        }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_ip() {
            Some(ip) => ip.fmt(f),
            None => match self.to_prefix() {
                Some(network) => network.fmt(f),
                None => f.write_str(&self.to_mac().map_or_else(|| "-".into(), presentation::mac)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_went_in() {
        for text in ["10.0.0.7", "fd20:30::14", "::1", "255.255.255.255"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(HostKey::ip(ip).to_ip(), Some(ip));
            assert_eq!(HostKey::ip(ip).to_string(), text);
        }
        assert_eq!(HostKey::mac([2, 0, 0, 0, 0, 0xfe]).to_string(), "02:00:00:00:00:fe");
        assert_eq!(HostKey::NOBODY.to_string(), "-");
    }

    #[test]
    fn a_network_is_neither_an_address_nor_that_of_another() {
        for (text, network) in [("10.1.2.3", "10.1.2.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64")] {
            let prefix = HostKey::ip(text.parse().unwrap()).prefix();
            assert_eq!(
                (prefix.to_string().as_str(), prefix.to_ip(), prefix.is_mac()),
                (network, None, false)
            );
            assert!(!prefix.is_group() && !prefix.is_global());
            assert_eq!(prefix.prefix(), prefix);
        }
    }

    #[test]
    fn an_ipv6_packet_can_not_have_the_key_of_anything_else() {
        let v6 = |text: &str| HostKey::v6(text.parse::<Ipv6Addr>().unwrap().octets());
        let others = [
            HostKey::mac([2, 0, 0, 0, 0, 1]),
            HostKey::v4([10, 0, 0, 5]),
            HostKey::v4([10, 0, 0, 5]).prefix(),
            v6("2001:db8::1").prefix(),
        ];
        for forged in ["1000::200:0:1", "::ffff:10.0.0.5", "1000:0:0:1::a00:0", "1000::2:2001:db8:0:0"] {
            let key = v6(forged);
            assert!(!others.contains(&key) && !key.is_mac() && key.to_prefix().is_none(), "{forged}");
            assert_eq!(key.to_ip().map(HostKey::ip), Some(key), "{forged}");
        }
        assert_eq!(v6("::ffff:10.0.0.5").to_string(), "::ffff:10.0.0.5");
    }

    #[test]
    fn group_addresses_are_multicast_and_broadcast_of_every_kind_and_no_others() {
        let ips = [
            "223.255.255.255",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:224.0.0.1",
            "1000::ff00:0:0",
            "1000::1:ff00:0:0",
            "feff::1",
            "ff00::",
            "ff02::1:ff12:3456",
        ];
        for ip in ips.map(|text| text.parse::<IpAddr>().unwrap()) {
            let is_group = match ip {
                IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
                IpAddr::V6(address) => address.is_multicast(),
            };
            assert_eq!(HostKey::ip(ip).is_group(), is_group, "{ip}");
            assert!(!HostKey::ip(ip).prefix().is_group(), "{ip}");
        }
        assert!(HostKey::mac([1, 0, 0x5e, 0, 0, 1]).is_group() && HostKey::mac([0xff; 6]).is_group());
        assert!(!HostKey::mac([2, 0xff, 0, 0, 0, 1]).is_group());
    }

    #[test]
    fn only_addresses_of_the_wide_world_are_global() {
        let is_global = |text: &str| HostKey::ip(text.parse().unwrap()).is_global();
        for own in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "fe80::1",
            "fd00::1",
            "224.0.0.1",
        ] {
            assert!(!is_global(own), "{own}");
        }
        assert!(is_global("198.51.100.7") && is_global("2a00::1") && is_global("100.128.0.1"));
        assert!(!HostKey::mac([2, 0, 0, 0, 0, 1]).is_global());
    }

    #[test]
    fn groups_are_told_by_their_addresses() {
        assert!(HostKey::mac([0xff; 6]).is_group() && HostKey::mac([1, 0, 0x5e, 0, 0, 1]).is_group());
        assert!(!HostKey::mac([2, 0, 0, 0, 0, 1]).is_group());
        assert!(HostKey::ip("ff02::fb".parse().unwrap()).is_group());
    }
}
