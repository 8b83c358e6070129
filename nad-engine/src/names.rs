//! Names: what addresses are called by those who look for them.
//!
//! A name is what somebody said, not who is there: whoever answers DNS, sends a ClientHello or asks for a DHCP lease says
//! what he likes. It helps a person to read an address, and whether an address was asked for at all is evidence.
//!
//! **Which name.** An address has one: of the server name that a client asked for in TLS, the name that was looked up in
//! DNS, and the name that a host gives itself (mDNS, LLMNR, DHCP) the first in this order, and of one kind the latest. A
//! name of a later kind takes its place once the other was not said for an hour.
//!
//! **For how long.** What DNS said holds for its time to live, but for an hour at least and a week at most; what has none
//! holds for a day. Saying it again begins that anew.
//!
//! **How many.** [`CAPACITY`] addresses in 10 MiB, in a [`Table`] of buckets of eight. In a full bucket a newcomer takes the
//! place of the name that was not said for the longest time, and is refused where all were said in the last ten seconds. It
//! belongs to the sender that said it: the senders of one network (/24, /64) have at most half of a bucket, and those
//! behind one MAC address three quarters, beyond which they only displace each other. So a sender that floods answers takes
//! at most half of the names from others, and all that it forges behind one MAC address three quarters. The hash is keyed:
//! nobody can choose addresses that fall into one bucket.

use std::net::IpAddr;

use bytemuck::{Pod, Zeroable};
use nad_common::record::PacketRecord;
use serde::{Deserialize, Serialize};

use crate::{
    context::{
        hash::HashKey,
        host_key::HostKey,
        table::{AnyTable as _, Entry, Group, KeptTable, Lasting, Slot, Table},
    },
    payload::{ClientHello, Dhcp, DhcpMessage, Dns, Said},
};

/// Addresses that there is room for.
pub const CAPACITY: usize = 65_536;
/// Characters of a name that are kept: of a longer one the last labels.
pub const MOST_OF_NAME: usize = size_of::<Text>();

const HOUR_NS: u64 = 3_600_000_000_000;
const DAY_NS: u64 = 24 * HOUR_NS;
const WEEK_NS: u64 = 7 * DAY_NS;

/// What an address is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The name: printable ASCII, at most [`MOST_OF_NAME`] characters.
    pub text: &'a str,
    /// Who says so.
    pub from: Origin,
}

/// Where a name is from; a later one goes before an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Origin {
    /// The host itself, as its DHCP client says.
    Dhcp = 0,
    /// The host itself, by mDNS or LLMNR.
    Mdns = 1,
    /// A DNS server's answer.
    Dns = 2,
    /// A client's TLS ClientHello.
    Tls = 3,
}

impl Origin {
    const ALL: [Self; 4] = [Self::Dhcp, Self::Mdns, Self::Dns, Self::Tls];

    /// The protocol's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dhcp => "DHCP",
            Self::Mdns => "mDNS",
            Self::Dns => "DNS",
            Self::Tls => "TLS",
        }
    }

    /// Kinds of names: of one kind the latest goes before the others.
    const fn rank(self) -> u8 {
        match self {
            Self::Dhcp | Self::Mdns => 0,
            Self::Dns => 1,
            Self::Tls => 2,
        }
    }
}

/// Names of addresses. See the module.
#[derive(Debug)]
pub struct Names {
    table: Table<Named>,
    hash_key: HashKey,
}

/// Characters of a name, in parts of a size that is plain data.
type Text = [[u8; 16]; 5];

/// What is known of an address. Times are sensor time in nanoseconds.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Named {
    host: HostKey,
    /// When the name was last said.
    said_ns: u64,
    /// Until when it holds.
    until_ns: u64,
    /// Until when what DNS answered holds, under whatever name.
    asked_until_ns: u64,
    text: Text,
    length: u8,
    origin: u8,
    reserved: [u8; 6],
}

const _: () = assert!(size_of::<Named>() == 128);

impl Entry for Named {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.host
    }

    fn begin(host: HostKey) -> Self {
        Self { host, ..Self::zeroed() }
    }

    /// What was said may always be forged, so that the latest go before the others.
    fn is_real(&self) -> bool {
        false
    }
}

impl Named {
    fn text(&self) -> &str {
        let bytes = self.text.as_flattened().get(..self.length.into()).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    fn origin(&self) -> Origin {
        Origin::ALL.get(usize::from(self.origin)).copied().unwrap_or(Origin::Dhcp)
    }

    fn hear(&mut self, text: &str, from: Origin, now_ns: u64, until_ns: u64) {
        let text = last_labels(text);
        let is_same = text == self.text();
        let is_stale = now_ns.saturating_sub(self.said_ns) >= HOUR_NS;
        // Said again, also in another way, a name lives on.
        let until_ns = if is_same { until_ns.max(self.until_ns) } else { until_ns };
        if is_stale || self.length == 0 || from.rank() >= self.origin().rank() {
            (self.origin, self.length) = (from as u8, text.len() as u8);
            self.text.as_flattened_mut()[..text.len()].copy_from_slice(text.as_bytes());
            (self.said_ns, self.until_ns) = (now_ns, until_ns);
        } else if is_same {
            self.until_ns = until_ns;
        }
    }
}

impl Lasting for Named {
    const NAME: &'static str = "names";
    const MOST: usize = CAPACITY;

    fn is_sound(&self, now_ns: u64) -> bool {
        let is_printable = |byte: &u8| (0x20..0x7f).contains(byte);
        let until_ns = self.until_ns.max(self.asked_until_ns);
        let text = self.text.as_flattened().get(..self.length.into());
        text.is_some_and(|text| text.iter().all(is_printable))
            && usize::from(self.origin) < Origin::ALL.len()
            && self.said_ns <= now_ns
            && until_ns <= now_ns.saturating_add(WEEK_NS)
    }
}

/// Names that are kept beyond a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamesState(KeptTable<Named>);

impl NamesState {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Why they can't be gone on with at a moment of sensor time.
    pub(crate) fn check(&self, now_ns: u64) -> Result<(), String> {
        self.0.check(now_ns)
    }
}

impl Names {
    /// What is kept of them at a moment of sensor time.
    pub(crate) fn state(&self, now_ns: u64) -> NamesState {
        NamesState(self.table.keep(now_ns))
    }

    /// Takes up those of an earlier run.
    pub(crate) fn resume(&mut self, NamesState(kept): &NamesState, now_ns: u64) {
        self.table.resume(kept, now_ns);
    }

    /// Without any. The key should be that of the context, which a model keeps.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn new(hash_key: HashKey) -> std::io::Result<Self> {
        Ok(Self { table: Table::new(CAPACITY, WEEK_NS)?, hash_key })
    }

    /// Bytes of address space that they take at most.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Learns the names in what the head of this packet says, at `now_ns` of sensor time.
    pub fn learn(&mut self, said: &Said, record: &PacketRecord, now_ns: u64) {
        match said {
            Said::Dns(dns) => self.learn_dns(dns, record, now_ns),
            Said::ClientHello(hello) => self.learn_server_name(hello, record, now_ns),
            Said::Dhcp(dhcp) => self.learn_dhcp(dhcp, record, now_ns),
            _ => {}
        }
    }

    /// What an address is called, at `now_ns` of sensor time. A MAC address may have a name, too.
    pub fn name(&self, host: HostKey, now_ns: u64) -> Option<Name<'_>> {
        let named = self.find(host).filter(|named| now_ns < named.until_ns && named.length > 0)?;
        Some(Name { text: named.text(), from: named.origin() })
    }

    /// Whether a DNS answer, be it by mDNS, lately gave this address.
    pub fn was_asked_for(&self, host: HostKey, now_ns: u64) -> bool {
        self.find(host).is_some_and(|named| now_ns < named.asked_until_ns)
    }

    /// Answers come from the side of the server.
    fn learn_dns(&mut self, dns: &Dns, record: &PacketRecord, now_ns: u64) {
        let from = match record.source_port {
            53 => Origin::Dns,
            5353 | 5355 => Origin::Mdns,
            _ => return,
        };
        if !dns.is_response || dns.name.is_empty() {
            return;
        }
        let (sender, _) = HostKey::of(record);
        for answer in &dns.addresses {
            let host = HostKey::ip(answer.address);
            // By mDNS a host speaks for itself, whose other addresses are of the other version.
            let is_of_another = sender != host && is_alike(sender.to_ip(), answer.address);
            if from == Origin::Mdns && is_of_another || !is_of_a_host(answer.address) {
                continue;
            }
            let length_ns = (u64::from(answer.ttl_s) * 1_000_000_000).clamp(HOUR_NS, WEEK_NS);
            let until_ns = now_ns.saturating_add(length_ns);
            if let Some(named) = self.enter(host, record, now_ns) {
                named.hear(&dns.name, from, now_ns, until_ns);
                named.asked_until_ns = named.asked_until_ns.max(until_ns);
            }
        }
    }

    fn learn_server_name(&mut self, hello: &ClientHello, record: &PacketRecord, now_ns: u64) {
        let (_, server) = HostKey::of(record);
        if let Some(name) = hello.server_name.as_deref()
            && server.to_ip().is_some_and(is_of_a_host)
            && name.parse::<IpAddr>().is_err()
        {
            self.hear(server, name, Origin::Tls, record, now_ns);
        }
    }

    /// The name that a client gives itself, for its MAC address and for the address that it has or is granted.
    fn learn_dhcp(&mut self, dhcp: &Dhcp, record: &PacketRecord, now_ns: u64) {
        let Some(name) = dhcp.host_name.as_deref() else { return };
        if let Some(mac) = dhcp.client {
            self.hear(HostKey::mac(mac), name, Origin::Dhcp, record, now_ns);
        }
        let has_it =
            matches!(dhcp.message, Some(DhcpMessage::Request | DhcpMessage::Ack | DhcpMessage::Inform));
        if let Some(address) = dhcp.address.map(IpAddr::V4).filter(|address| has_it && is_of_a_host(*address))
        {
            self.hear(HostKey::ip(address), name, Origin::Dhcp, record, now_ns);
        }
    }

    fn hear(&mut self, host: HostKey, text: &str, from: Origin, record: &PacketRecord, now_ns: u64) {
        if let Some(named) = self.enter(host, record, now_ns) {
            named.hear(text, from, now_ns, now_ns.saturating_add(DAY_NS));
        }
    }

    /// The place of an address; it is the sender's that says something of it.
    fn enter(&mut self, host: HostKey, record: &PacketRecord, now_ns: u64) -> Option<&mut Named> {
        let hash_key = &self.hash_key;
        let group = || Group::of(hash_key, HostKey::of(record).0, record.source_mac);
        let slot = self.table.enter(&host.hashed(hash_key), group, now_ns).slot()?;
        Some(self.table.get_mut(slot))
    }

    fn find(&self, host: HostKey) -> Option<&Named> {
        let slot: Slot = self.table.find(&host.hashed(&self.hash_key))?;
        Some(self.table.get(slot))
    }
}

/// Whether both are of one version of IP.
fn is_alike(sender: Option<IpAddr>, address: IpAddr) -> bool {
    sender.is_some_and(|sender| sender.is_ipv4() == address.is_ipv4())
}

/// Whether an address can be that of another host: filters answer with those that can't.
fn is_of_a_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_loopback() && !HostKey::ip(address).is_group()
}

/// As many of the last labels of a name as fit; the domain is at its end.
fn last_labels(name: &str) -> &str {
    let Some(from) = name.len().checked_sub(MOST_OF_NAME) else { return name };
    let tail = name.get(from..).unwrap_or_default();
    if from == 0 || name.as_bytes()[from - 1] == b'.' {
        return tail;
    }
    tail.split_once('.').map_or(tail, |(_, labels)| labels)
}

#[cfg(test)]
mod tests;
