//! Interfaces whose packets have no Ethernet header.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::fd::AsRawFd as _,
    thread,
};

use crate::{
    egress::{PINGS, counted, ping},
    lab::{Lab, until, without_ipv6},
    nad_process::Nad,
    netns::Namespace,
};

const TUNNEL: &str = "tun0";
const OUR_IP: &str = "10.98.0.1";
const THEIR_IP: &str = "10.98.0.2";

/// The far end of a tunnel, which answers as many pings as are sent.
struct FarEnd {
    device: File,
}

impl FarEnd {
    /// Makes the tunnel, which lives as long as this.
    fn open(namespace: &Namespace) -> Self {
        let device = namespace.enter(|| {
            let device =
                OpenOptions::new().read(true).write(true).open("/dev/net/tun").expect("there are tunnels");
            // SAFETY: zeros are a request.
            let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
            TUNNEL.bytes().zip(&mut request.ifr_name).for_each(|(byte, place)| *place = byte as libc::c_char);
            request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
            // SAFETY: the request lives through the call.
            let result = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
            assert_eq!(result, 0, "{}", io::Error::last_os_error());
            device
        });
        namespace.ip(&["link", "set", "dev", TUNNEL, "up"]);
        namespace.ip(&["addr", "add", &format!("{OUR_IP}/24"), "dev", TUNNEL]);
        Self { device }
    }

    fn answer_pings(mut self) -> thread::JoinHandle<Self> {
        thread::spawn(move || {
            for _ in 0..PINGS {
                let mut packet = [0; 2048];
                let length = self.device.read(&mut packet).expect("the tunnel gives what is sent");
                let packet = &mut packet[..length];
                assert_eq!((packet[0], packet[9], packet[20]), (0x45, 1, 8), "a ping and nothing else");
                let (source, destination) = packet[12..20].split_at_mut(4);
                source.swap_with_slice(destination);
                packet[20] = 0;
                // The checksum without the type's eight (RFC 1624).
                let sum = u32::from(u16::from_be_bytes([packet[22], packet[23]])) + 0x800;
                packet[22..24].copy_from_slice(&((sum & 0xffff) as u16 + (sum >> 16) as u16).to_be_bytes());
                self.device.write_all(packet).expect("the tunnel takes the answer");
            }
            self
        })
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn each_packet_of_an_interface_without_ethernet_headers_is_seen_once() {
    let lab = Lab::new("tunnel");
    lab.sensor.enter(without_ipv6);
    let mut far_end = FarEnd::open(&lab.sensor);
    for (direction, seen, egress) in
        [("both", 2 * PINGS, PINGS), ("ingress", PINGS, 0), ("egress", PINGS, PINGS)]
    {
        let nad = Nad::capturing(&lab, &["run", "--iface", TUNNEL, "--direction", direction]);
        let answering = far_end.answer_pings();
        ping(&lab.sensor, THEIR_IP);
        far_end = answering.join().expect("all pings are answered");
        counted(&nad.interrupt(), seen, egress);
    }
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_tunnel_that_a_pattern_finds_later_is_read_too() {
    let lab = Lab::new("tunnel-later");
    lab.sensor.enter(without_ipv6);
    let nad = Nad::capturing(&lab, &["run", "--iface", "tun*", "--iface", "veth0", "--direction", "both"]);
    let far_end = FarEnd::open(&lab.sensor);
    until("the tunnel is watched", || nad.said().contains(&format!("{TUNNEL}: ")));
    let answering = far_end.answer_pings();
    ping(&lab.sensor, THEIR_IP);
    let far_end = answering.join().expect("all pings are answered");
    let ended = nad.interrupt();
    drop(far_end);
    counted(&ended, 2 * PINGS, PINGS);
}
