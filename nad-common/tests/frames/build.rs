//! Hand-laid headers, after the diagrams of the RFCs. Checksums are left 0: a passive sensor does not judge them.

pub(crate) const CLIENT_MAC: [u8; 6] = [0x02, 0x1a, 0x2b, 0x3c, 0x4d, 0x01];
pub(crate) const SERVER_MAC: [u8; 6] = [0x06, 0x5e, 0x6f, 0x70, 0x81, 0x02];

/// Ethernet II (IEEE 802.3, 3.2.6): destination, source, EtherType.
pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    ethernet_to(SERVER_MAC, ether_type, payload)
}

pub(crate) fn ethernet_to(destination: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&destination, &CLIENT_MAC, &ether_type.to_be_bytes(), payload])
}

/// The two bytes of tag control information and the EtherType of what follows (IEEE 802.1Q, 9.6).
pub(crate) fn tag(control: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&control.to_be_bytes(), &ether_type.to_be_bytes(), payload])
}

/// Fills an Ethernet frame up to the least length, 60 bytes without the checksum.
pub(crate) fn padded(mut frame: Vec<u8>, filler: u8) -> Vec<u8> {
    while frame.len() < 60 {
        frame.push(filler);
    }
    frame
}

/// IPv4 (RFC 791, 3.1). `None` stands for what is right.
#[derive(Clone)]
pub(crate) struct Ipv4 {
    pub(crate) version: u8,
    pub(crate) header_words: Option<u8>,
    pub(crate) tos: u8,
    pub(crate) total: Option<u16>,
    pub(crate) identification: u16,
    pub(crate) fragment: u16,
    pub(crate) ttl: u8,
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) options: Vec<u8>,
}

impl Ipv4 {
    /// 10.1.2.3 to 192.0.2.80, "don't fragment".
    pub(crate) fn outer() -> Self {
        Self {
            version: 4,
            header_words: None,
            tos: 0xb9,
            total: None,
            identification: 0x1c46,
            fragment: 0x4000,
            ttl: 57,
            source: [10, 1, 2, 3],
            destination: [192, 0, 2, 80],
            options: Vec::new(),
        }
    }

    /// 172.16.5.6 to 198.51.100.7, as it travels inside a tunnel.
    pub(crate) fn inner() -> Self {
        Self {
            tos: 0x04,
            identification: 0xbead,
            fragment: 0,
            ttl: 33,
            source: [172, 16, 5, 6],
            destination: [198, 51, 100, 7],
            ..Self::outer()
        }
    }

    pub(crate) fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let words = self.header_words.unwrap_or((header / 4) as u8);
        let total = self.total.unwrap_or((header + payload.len()) as u16);
        join(&[
            &[self.version << 4 | words, self.tos],
            &total.to_be_bytes(),
            &self.identification.to_be_bytes(),
            &self.fragment.to_be_bytes(),
            &[self.ttl, protocol, 0, 0],
            &self.source,
            &self.destination,
            &self.options,
            payload,
        ])
    }
}

pub(crate) const CLIENT_V6: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x0a, 0x11];
pub(crate) const SERVER_V6: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0x0b, 0x22];
pub(crate) const INNER_CLIENT_V6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x0c, 0x33];
pub(crate) const INNER_SERVER_V6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0x0d, 0x44];

/// IPv6 (RFC 8200, 3) with traffic class 0xa3 and flow label 0x4beef.
#[derive(Clone)]
pub(crate) struct Ipv6 {
    pub(crate) version: u8,
    pub(crate) payload_length: Option<u16>,
    pub(crate) hop_limit: u8,
    pub(crate) source: [u8; 16],
    pub(crate) destination: [u8; 16],
}

impl Ipv6 {
    pub(crate) fn outer() -> Self {
        Self { version: 6, payload_length: None, hop_limit: 61, source: CLIENT_V6, destination: SERVER_V6 }
    }

    pub(crate) fn inner() -> Self {
        Self { hop_limit: 29, source: INNER_CLIENT_V6, destination: INNER_SERVER_V6, ..Self::outer() }
    }

    pub(crate) fn packet(&self, next_header: u8, payload: &[u8]) -> Vec<u8> {
        let length = self.payload_length.unwrap_or(payload.len() as u16);
        join(&[
            &[self.version << 4 | 0xa, 0x34, 0xbe, 0xef],
            &length.to_be_bytes(),
            &[next_header, self.hop_limit],
            &self.source,
            &self.destination,
            payload,
        ])
    }
}

/// Hop-by-hop, routing and destination options (RFC 8200, 4.3 to 4.6), and the headers that share their first
/// two bytes: next header, and the length in units of 8 bytes beyond the first 8.
pub(crate) fn extension(next_header: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    // PadN (RFC 8200, 4.2) over what is left of the first 8 bytes, then zeros, which are Pad1.
    let padding = [1, 4, 0, 0, 0, 0];
    join(&[&[next_header, units], &padding, &vec![0; usize::from(units) * 8], payload])
}

/// The fragment header (RFC 8200, 4.5); `offset` in units of 8 bytes.
pub(crate) fn fragment(next_header: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let field = offset << 3 | u16::from(more);
    join(&[&[next_header, 0], &field.to_be_bytes(), &[0xca, 0xfe, 0x5a, 0xa5], payload])
}

/// The authentication header (RFC 4302, 2); its length counts units of 4 bytes, less 2. 12 bytes of check value.
pub(crate) fn authentication(next_header: u8, payload: &[u8]) -> Vec<u8> {
    join(&[&[next_header, 4, 0, 0], &[0, 0, 0x10, 1], &[0, 0, 0, 9], &[0xee; 12], payload])
}

/// TCP (RFC 9293, 3.1) from port 49651 to 443.
pub(crate) fn tcp(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    tcp_with_offset((5 + options.len() / 4) as u8, flags, options, payload)
}

pub(crate) fn tcp_with_offset(words: u8, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    join(&[
        &49651_u16.to_be_bytes(),
        &443_u16.to_be_bytes(),
        &0x89ab_cdef_u32.to_be_bytes(),
        &0x0123_4567_u32.to_be_bytes(),
        &[words << 4, flags],
        &64_240_u16.to_be_bytes(),
        &[0, 0, 0, 0],
        options,
        payload,
    ])
}

/// UDP (RFC 768).
pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    udp_with_length(source, destination, 8 + payload.len() as u16, payload)
}

pub(crate) fn udp_with_length(source: u16, destination: u16, length: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&source.to_be_bytes(), &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload])
}

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
