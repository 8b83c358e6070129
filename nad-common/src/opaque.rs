//! What a record's packet carries that was not looked into, by name.

use crate::{
    parse::carriers,
    record::{AddressKind, PacketRecord, flag},
};

/// Names the reasons in one place: what each is called, and what it is.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        /// Why a recorded packet may hold packets of hosts that nad does not see.
        #[repr(u8)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Opaque {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Opaque {
            /// Every reason, in the order of the counters.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),*];

            /// How many there are.
            pub const COUNT: usize = [$($name),*].len();

            /// The reason's name in status lines, logs and metrics.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reasons! {
    /// More VLAN tags, or other headers before the network header, than are stepped over.
    Vlan = "vlan",
    /// PPPoE sessions that carry no IP, or are compressed.
    Pppoe = "pppoe",
    /// MPLS with more labels than are stepped over, or without IP or a control word behind them.
    Mpls = "mpls",
    /// Provider backbone bridges (IEEE 802.1ah) that can't be read.
    Backbone = "pbb",
    /// Port extenders (IEEE 802.1BR, VN-Tag) that can't be read.
    PortExtender = "vn_tag",
    /// Rings without a switchover (HSR) that can't be read.
    Hsr = "hsr",
    /// Service function chains that carry something else.
    Nsh = "nsh",
    /// MACsec, encrypted.
    Macsec = "macsec",
    /// TRILL (RFC 6325).
    Trill = "trill",
    /// Cisco's FabricPath.
    FabricPath = "fabricpath",
    /// B.A.T.M.A.N. meshes.
    Batman = "batman",
    /// Frames of another EtherType that may carry others' packets.
    OtherEtherType = "other_ethertype",
    /// GRE of another version, or with something else inside.
    Gre = "gre",
    /// IP in IP that can't be read, or within another tunnel.
    IpInIp = "ip_in_ip",
    /// Ethernet in IP that can't be read, or within another tunnel.
    EtherIp = "etherip",
    /// IPsec's encrypted packets.
    Esp = "esp",
    /// L2TP over IP or UDP.
    L2tp = "l2tp",
    /// VXLAN that can't be read, is within another tunnel, or has the generic protocol extension.
    Vxlan = "vxlan",
    /// GENEVE likewise.
    Geneve = "geneve",
    /// GTP-U likewise, and its messages that carry no user's packet.
    GtpU = "gtp_u",
    /// TZSP with more than the frame.
    Tzsp = "tzsp",
    /// CAPWAP's data channel.
    Capwap = "capwap",
    /// Teredo.
    Teredo = "teredo",
    /// LISP's data.
    Lisp = "lisp",
    /// A header that the capture cut (files only).
    HeaderCut = "header_cut",
}

impl Opaque {
    /// What was not looked into of the packet that `record` reports; cheapest for TCP.
    #[inline(always)]
    pub fn of(record: &PacketRecord) -> Option<Self> {
        const TCP: u8 = 6;
        const UDP: u8 = 17;
        if record.has(flag::HEADER_CUT) {
            return Some(Self::HeaderCut);
        }
        if matches!(record.address_kind(), AddressKind::Link) {
            return Self::of_frame(record.ether_type);
        }
        match record.protocol {
            TCP => None,
            // The content of a later fragment is its first one's.
            _ if record.fragment_offset != 0 => None,
            UDP => Self::of_datagram(record.destination_port),
            47 => Some(Self::Gre),
            4 | 41 => Some(Self::IpInIp),
            50 => Some(Self::Esp),
            97 => Some(Self::EtherIp),
            115 => Some(Self::L2tp),
            137 => Some(Self::Mpls),
            _ => None,
        }
    }

    /// By the EtherType of a frame without IP. What bridges, routers and stations say to their neighbours carries no
    /// packet of others.
    #[inline(always)]
    fn of_frame(ether_type: u16) -> Option<Self> {
        const ARP: u16 = 0x0806;
        match ether_type {
            // An 802.3 length, IP of the wrong version, ARP, reverse ARP, wake-on-LAN.
            0..=0x05ff | 0x0800 | 0x86dd | ARP | 0x8035 | 0x0842 => None,
            // PPPoE discovery, flow control, slow protocols, 802.1X, LLDP, stream reservation, time (PTP), faults
            // (CFM), redundancy (PRP), loop detection, ring protection, HomePlug, AoE discovery of switches.
            0x8863 | 0x8808 | 0x8809 | 0x888e | 0x88cc | 0x88f5 | 0x88f6 | 0x88f7 | 0x8902 | 0x88fb
            | 0x9000 | 0x88e3 | 0x88e1 | 0x8912 | 0x893a | 0x8899 => None,
            0x8100 | 0x88a8 | 0x9100 => Some(Self::Vlan),
            carriers::PPPOE_SESSION => Some(Self::Pppoe),
            carriers::MPLS | carriers::MPLS_MULTICAST => Some(Self::Mpls),
            carriers::BACKBONE => Some(Self::Backbone),
            carriers::PORT_EXTENDER | carriers::VN_TAG => Some(Self::PortExtender),
            carriers::HSR => Some(Self::Hsr),
            carriers::NSH => Some(Self::Nsh),
            carriers::MACSEC => Some(Self::Macsec),
            0x22f3 => Some(Self::Trill),
            0x8903 => Some(Self::FabricPath),
            0x4305 => Some(Self::Batman),
            _ => Some(Self::OtherEtherType),
        }
    }

    /// By the destination port of a datagram that was not stepped into.
    #[inline(always)]
    fn of_datagram(port: u16) -> Option<Self> {
        match port {
            carriers::VXLAN_PORT | carriers::VXLAN_PORT_LINUX | 4790 => Some(Self::Vxlan),
            carriers::GENEVE_PORT => Some(Self::Geneve),
            carriers::GTP_PORT => Some(Self::GtpU),
            carriers::TZSP_PORT => Some(Self::Tzsp),
            carriers::MPLS_PORT => Some(Self::Mpls),
            1701 => Some(Self::L2tp),
            4500 => Some(Self::Esp),
            5247 => Some(Self::Capwap),
            3544 => Some(Self::Teredo),
            4341 => Some(Self::Lisp),
            _ => None,
        }
    }
}
