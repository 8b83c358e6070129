//! Ethernet, VLAN tags and ARP.

use nad_common::{
    record::{Defect, flag},
    refusal::Refusal,
};

use super::{
    Case,
    build::{CLIENT_MAC, Ipv4, SERVER_MAC, ethernet, ethernet_to, join, padded, tag, udp},
    case, expect_defect, expect_ipv4, expect_link, expect_macs, expect_udp, refused,
};

const ARP: u16 = 0x0806;
const BROADCAST_MAC: [u8; 6] = [0xff; 6];

/// RFC 826: hardware, protocol, both lengths, operation, sender and target.
fn arp(format: [u8; 6], operation: u16, target_mac: [u8; 6]) -> Vec<u8> {
    join(&[&format, &operation.to_be_bytes(), &CLIENT_MAC, &[10, 1, 2, 3], &target_mac, &[10, 1, 2, 254]])
}

const IPV4_OVER_ETHERNET: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];

pub(crate) fn cases() -> Vec<Case> {
    let datagram = Ipv4::outer().packet(17, &udp(40_001, 40_002, b"0123456789"));
    let request = arp(IPV4_OVER_ETHERNET, 1, [0; 6]);
    let reply = arp(IPV4_OVER_ETHERNET, 2, SERVER_MAC);
    let plain = |record: &mut _| {
        expect_ipv4(record, 17);
        expect_udp(record, 40_001, 40_002, 10);
    };
    let mut cases = vec![
        case("An ARP request names who asks for whom", ethernet_to(BROADCAST_MAC, ARP, &request), |r| {
            expect_macs(r, CLIENT_MAC, BROADCAST_MAC);
            r.flags = flag::LINK_BROADCAST | flag::LINK_MULTICAST;
            r.ether_type = ARP;
            r.message_type = 1;
            r.address_bytes[12..20].copy_from_slice(&[10, 1, 2, 3, 10, 1, 2, 254]);
            r.address_bytes[20..26].copy_from_slice(&CLIENT_MAC);
        }),
        case("An ARP reply names both sides", padded(ethernet(ARP, &reply), 0), |r| {
            expect_link(r, ARP);
            r.message_type = 2;
            r.address_bytes[12..20].copy_from_slice(&[10, 1, 2, 3, 10, 1, 2, 254]);
            r.address_bytes[20..26].copy_from_slice(&CLIENT_MAC);
            r.address_bytes[26..32].copy_from_slice(&SERVER_MAC);
        }),
        case(
            "An ARP operation above 255 is reported as 255",
            ethernet(ARP, &arp(IPV4_OVER_ETHERNET, 0x0102, [0; 6])),
            |r| {
                expect_link(r, ARP);
                r.message_type = 255;
                r.address_bytes[12..20].copy_from_slice(&[10, 1, 2, 3, 10, 1, 2, 254]);
                r.address_bytes[20..26].copy_from_slice(&CLIENT_MAC);
            },
        ),
        refused(
            "An ARP packet one byte short is refused",
            ethernet(ARP, &reply[..27]),
            Refusal::ArpTruncated,
        ),
        refused("No bytes at all are refused", Vec::new(), Refusal::LinkTruncated),
        refused(
            "An Ethernet header one byte short is refused",
            ethernet(0x0800, &[])[..13].to_vec(),
            Refusal::LinkTruncated,
        ),
        refused(
            "A VLAN tag one byte short is refused",
            ethernet(0x8100, &[0x00, 0x2a, 0x08]),
            Refusal::VlanTruncated,
        ),
        refused(
            "A second VLAN tag one byte short is refused",
            ethernet(0x88a8, &tag(0x0064, 0x8100, &[0x00, 0x2a, 0x08])),
            Refusal::VlanTruncated,
        ),
        case("A VLAN tag keeps its priority bits", ethernet(0x8100, &tag(0xb02a, 0x0800, &datagram)), |r| {
            plain(r);
            r.flags |= flag::VLAN;
            r.vlan_outer = 0xb02a;
        }),
        case("An 802.1ad tag alone is a tag", ethernet(0x88a8, &tag(0x0fff, 0x0800, &datagram)), |r| {
            plain(r);
            r.flags |= flag::VLAN;
            r.vlan_outer = 0x0fff;
        }),
        case("A tag of the old 0x9100 kind is a tag", ethernet(0x9100, &tag(1, 0x0800, &datagram)), |r| {
            plain(r);
            r.flags |= flag::VLAN;
            r.vlan_outer = 1;
        }),
        case(
            "An 802.1ad tag over an 802.1Q tag is stacked",
            ethernet(0x88a8, &tag(0x2064, 0x8100, &tag(0x002a, 0x0800, &datagram))),
            |r| {
                plain(r);
                r.flags |= flag::VLAN | flag::VLAN_STACKED;
                r.vlan_outer = 0x2064;
            },
        ),
        case(
            "Two 802.1Q tags, the double tagging of VLAN hopping, are stacked",
            ethernet(0x8100, &tag(0x0001, 0x8100, &tag(0x0014, 0x0800, &datagram))),
            |r| {
                plain(r);
                r.flags |= flag::VLAN | flag::VLAN_STACKED;
                r.vlan_outer = 1;
            },
        ),
        case(
            "A 0x9100 tag over an 802.1Q tag is stacked",
            ethernet(0x9100, &tag(0x0003, 0x8100, &tag(0x0004, 0x0800, &datagram))),
            |r| {
                plain(r);
                r.flags |= flag::VLAN | flag::VLAN_STACKED;
                r.vlan_outer = 3;
            },
        ),
        case(
            "A third tag is read",
            ethernet(0x88a8, &tag(7, 0x8100, &tag(8, 0x8100, &tag(9, 0x0800, &datagram)))),
            |r| {
                plain(r);
                r.flags |= flag::VLAN | flag::VLAN_STACKED;
                r.vlan_outer = 7;
            },
        ),
        case("ARP behind a tag is read", ethernet(0x8100, &tag(5, ARP, &reply)), |r| {
            expect_link(r, ARP);
            r.flags |= flag::VLAN;
            r.vlan_outer = 5;
            r.message_type = 2;
            r.address_bytes[12..20].copy_from_slice(&[10, 1, 2, 3, 10, 1, 2, 254]);
            r.address_bytes[20..26].copy_from_slice(&CLIENT_MAC);
            r.address_bytes[26..32].copy_from_slice(&SERVER_MAC);
        }),
        case(
            "An LLDP frame is a multicast without IP",
            ethernet_to([0x01, 0x80, 0xc2, 0, 0, 0x0e], 0x88cc, &[0x02, 0x07, 0x04, 0, 0]),
            |r| {
                expect_macs(r, CLIENT_MAC, [0x01, 0x80, 0xc2, 0, 0, 0x0e]);
                r.ether_type = 0x88cc;
                r.flags = flag::LINK_MULTICAST;
            },
        ),
        case(
            "A spanning-tree frame has an 802.3 length in place of the EtherType",
            padded(ethernet_to([0x01, 0x80, 0xc2, 0, 0, 0], 38, &[0x42, 0x42, 0x03, 0, 0, 0, 0, 0]), 0),
            |r| {
                expect_macs(r, CLIENT_MAC, [0x01, 0x80, 0xc2, 0, 0, 0]);
                r.ether_type = 38;
                r.flags = flag::LINK_MULTICAST;
            },
        ),
        case("An unknown EtherType keeps the MAC addresses", ethernet(0x88b5, &[1, 2, 3]), |r| {
            expect_link(r, 0x88b5);
        }),
        case("A bare Ethernet header without IP is a record", ethernet(0x88b5, &[]), |r| {
            expect_link(r, 0x88b5);
        }),
        case(
            "An IPv4 multicast is one on the link too",
            ethernet_to([0x01, 0x00, 0x5e, 0x01, 0x02, 0x03], 0x0800, &datagram),
            |r| {
                plain(r);
                r.flags |= flag::LINK_MULTICAST;
            },
        ),
        case("A broadcast carries both group flags", ethernet_to(BROADCAST_MAC, 0x0800, &datagram), |r| {
            plain(r);
            r.flags |= flag::LINK_MULTICAST | flag::LINK_BROADCAST;
        }),
    ];
    let odd: [(&'static str, [u8; 6]); 4] = [
        ("ARP for other hardware is odd", [0, 6, 0x08, 0x00, 6, 4]),
        ("ARP for another protocol is odd", [0, 1, 0x80, 0x9b, 6, 4]),
        ("ARP with long hardware addresses is odd", [0, 1, 0x08, 0x00, 8, 4]),
        ("ARP with long protocol addresses is odd", [0, 1, 0x08, 0x00, 6, 16]),
    ];
    cases.extend(odd.map(|(name, format)| {
        case(name, ethernet(ARP, &arp(format, 1, SERVER_MAC)), |r| {
            expect_link(r, ARP);
            r.message_type = 1;
            expect_defect(r, Defect::ArpFormat);
        })
    }));
    cases
}
