//! Allow rules: what is not to be reported, why not, and until when.
//!
//! A rule says of whom, to whom, at which port, by which protocol and of which shape a deviation must be; what it does not
//! say may be anything. What is not known of a deviation never fits: a port scan has no port, a flood from everywhere no
//! source. Anybody can send in the name of an address that a rule allows, so one by IP address holds for a source that is
//! verified, or for the MAC address that the rule says as well.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Incident, Listed, Parties, shape::Shape};
use crate::context::{Origin, host_key::HostKey};

/// Rules in the order of the config file, with what each has suppressed. A clone shares these counts, so that
/// whoever reports them need not be where they are counted.
#[derive(Debug, Clone, Default)]
pub struct AllowRules {
    rules: Arc<[AllowRule]>,
}

/// One rule.
#[derive(Debug)]
pub struct AllowRule {
    criteria: Criteria,
    suppressed: AtomicU64,
}

/// What a rule allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criteria {
    /// Who may do it.
    pub source: Option<AddressRange>,
    /// From which MAC address its packets must come.
    pub mac: Option<[u8; 6]>,
    /// To whom: the one whom a deviation is mostly about, where it names several.
    pub destination: Option<AddressRange>,
    /// At which port of the one who is asked.
    pub port: Option<u16>,
    /// By which IP protocol.
    pub protocol: Option<u8>,
    /// What it may look like.
    pub shape: Option<Shape>,
    /// Why it is allowed.
    pub comment: String,
    /// From this moment on it is not allowed any more, in nanoseconds since the Unix epoch by the packets' clock.
    pub expires_ns: Option<u64>,
}

/// Addresses that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRange {
    /// IP addresses with a common prefix, down to a single one.
    Network(IpNet),
    /// One MAC address.
    Mac(HostKey),
}

impl AllowRules {
    /// Rules that have suppressed nothing yet.
    pub fn new(criteria: impl IntoIterator<Item = Criteria>) -> Self {
        let rule = |criteria| AllowRule { criteria, suppressed: AtomicU64::new(0) };
        Self { rules: criteria.into_iter().map(rule).collect() }
    }

    /// Whether a rule allows a deviation at this moment of the packets' clock; it is counted with the first that does.
    pub fn suppress(&self, parties: &Parties, shape: Shape, now_ns: u64) -> bool {
        let allows = |rule: &&AllowRule| !rule.is_expired(now_ns) && rule.criteria.allow(parties, shape);
        let rule = self.rules.iter().find(allows);
        if let Some(rule) = rule {
            rule.suppressed.fetch_add(1, Relaxed);
        }
        rule.is_some()
    }

    /// Whether a rule allows all that belongs to an incident, as far as that is listed: of one that lists too little
    /// to tell, further deviations are suppressed, and so it closes after a silence.
    pub fn allow_incident(&self, incident: &Incident, now_ns: u64) -> bool {
        self.rules.iter().any(|rule| !rule.is_expired(now_ns) && rule.criteria.allow_incident(incident))
    }

    /// Every rule.
    pub fn rules(&self) -> &[AllowRule] {
        &self.rules
    }

    /// Deviations that were suppressed by any rule.
    pub fn suppressed(&self) -> u64 {
        self.rules.iter().map(AllowRule::suppressed).sum()
    }
}

impl AllowRule {
    /// What it allows.
    pub fn criteria(&self) -> &Criteria {
        &self.criteria
    }

    /// Deviations that it has suppressed.
    pub fn suppressed(&self) -> u64 {
        self.suppressed.load(Relaxed)
    }

    /// Whether it is no longer in force at this moment of the packets' clock.
    pub fn is_expired(&self, now_ns: u64) -> bool {
        self.criteria.expires_ns.is_some_and(|expires_ns| now_ns >= expires_ns)
    }
}

impl Criteria {
    /// Whether there is any: a rule without would allow everything.
    pub fn are_any(&self) -> bool {
        let Self { source, mac, destination, port, protocol, shape, comment: _, expires_ns: _ } = self;
        source.is_some()
            || mac.is_some()
            || destination.is_some()
            || port.is_some()
            || protocol.is_some()
            || shape.is_some()
    }

    fn allow(&self, parties: &Parties, shape: Shape) -> bool {
        let source = [parties.source, parties.alias];
        let mut source = source.iter().flatten();
        // To whom else it is claimed matters only where nobody in particular is meant.
        let mut destination = match &parties.target {
            Some(target) => std::slice::from_ref(target),
            None => &parties.other_targets,
        }
        .iter();
        self.source.is_none_or(|range| source.any(|key| range.contains(*key)))
            && self.trusts(&parties.origin)
            && self.destination.is_none_or(|range| destination.any(|key| range.contains(*key)))
            && self.port.is_none_or(|port| parties.port == Some(port))
            && self.protocol.is_none_or(|protocol| parties.protocol == Some(protocol))
            && self.shape.is_none_or(|allowed| allowed == shape)
    }

    /// Whether a source is the one that the rule says, and not somebody in its name.
    fn trusts(&self, origin: &Origin) -> bool {
        match (self.mac, self.source) {
            (Some(mac), _) => origin.mac == Some(mac),
            (None, Some(AddressRange::Network(_))) => origin.is_verified,
            (None, _) => true,
        }
    }

    fn allow_incident(&self, incident: &Incident) -> bool {
        let is_only = |port| !incident.ports.more && incident.ports.items == [port];
        self.source.is_none_or(|range| range.contains_all(&incident.sources))
            && incident.origins.iter().all(|origin| self.trusts(origin))
            && self.destination.is_none_or(|range| range.contains_all(&incident.targets))
            && self.port.is_none_or(is_only)
            && self.protocol.is_none_or(|protocol| incident.protocols == [protocol])
            && self.shape.is_none_or(|allowed| allowed == incident.shape)
    }
}

impl AddressRange {
    /// Whether an address is one of these.
    pub fn contains(&self, key: HostKey) -> bool {
        match self {
            Self::Network(network) => key.to_ip().is_some_and(|ip| network.contains(&ip)),
            Self::Mac(address) => *address == key,
        }
    }

    /// Whether all addresses of this kind are among these, and there is one: who is listed by an IP address may be
    /// listed by a MAC address as well.
    fn contains_all(&self, listed: &Listed<HostKey>) -> bool {
        let is_mac = matches!(self, Self::Mac(_));
        let mut keys = listed.items.iter().filter(|key| key.is_mac() == is_mac).peekable();
        !listed.more && keys.peek().is_some() && keys.all(|key| self.contains(*key))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(f)
            }
            Self::Network(network) => network.fmt(f),
            Self::Mac(address) => address.fmt(f),
        }
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(address) = mac(text) {
            return Ok(Self::Mac(HostKey::mac(address)));
        }
        if let Some(without) = without_zone(text) {
            return Err(format!(
                "\"{text}\" has a zone, which packets don't have: give {without}, and to mean one machine of several \
                 interfaces also its mac"
            ));
        }
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| {
                format!(
                    "\"{text}\" is no address: give an IP address, a prefix as 10.0.0.0/24, or a MAC address as \
                     02:00:00:00:00:01"
                )
            })?,
        };
        if network.addr() != network.network() {
            let whole = network.trunc();
            return Err(format!(
                "\"{text}\" is an address in a prefix: give {} for the one or {whole} for all",
                network.addr()
            ));
        }
        Ok(Self::Network(canonical(network)))
    }
}

/// An IPv6 address or prefix with the zone of an interface (RFC 4007, 11), without it.
fn without_zone(text: &str) -> Option<String> {
    let (address, rest) = text.split_once('%')?;
    let length = rest.find('/').map_or("", |place| &rest[place..]);
    let without = format!("{address}{length}");
    let is_one = without.parse::<Ipv6Addr>().is_ok() || without.parse::<Ipv6Net>().is_ok();
    is_one.then_some(without)
}

/// IPv4 addresses mapped into IPv6 (RFC 4291, 2.5.5.2) as what they are: so have the tables them.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let mapped = match network {
        IpNet::V6(network) => {
            network.addr().to_ipv4_mapped().zip(network.prefix_len().checked_sub(MAPPED_BITS))
        }
        IpNet::V4(_) => None,
    };
    mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// Six bytes in hexadecimal with colons or hyphens between them.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let byte = |digits: &str| {
        let is_byte = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_byte.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
    };
    let bytes: Vec<u8> = text.split(separator).map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
