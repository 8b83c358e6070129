//! The tunnels that are stepped into.

/// The tunnel whose inner packet the record reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Tunnel {
    /// IPv4 or IPv6 directly inside IP (RFC 2003, RFC 2473, RFC 4213).
    IpInIp = 1,
    /// Generic routing encapsulation (RFC 2784, RFC 2890), carrying IP or Ethernet.
    Gre = 2,
    /// VXLAN (RFC 7348) on UDP port 4789, or 8472 as Linux has it by default.
    Vxlan = 3,
    /// GENEVE (RFC 8926) on UDP port 6081.
    Geneve = 4,
    /// GTP-U (3GPP TS 29.281) on UDP port 2152.
    GtpU = 5,
    /// ERSPAN of types I to III, in GRE.
    Erspan = 6,
    /// MPLS in IP (RFC 4023) or on UDP port 6635 (RFC 7510).
    Mpls = 7,
    /// Ethernet in IP (RFC 3378).
    EtherIp = 8,
    /// TZSP on UDP port 37008.
    Tzsp = 9,
}

impl Tunnel {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::IpInIp,
        Self::Gre,
        Self::Vxlan,
        Self::Geneve,
        Self::GtpU,
        Self::Erspan,
        Self::Mpls,
        Self::EtherIp,
        Self::Tzsp,
    ];

    /// The tunnel's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpInIp => "ip-in-ip",
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::GtpU => "gtp-u",
            Self::Erspan => "erspan",
            Self::Mpls => "mpls",
            Self::EtherIp => "etherip",
            Self::Tzsp => "tzsp",
        }
    }
}
