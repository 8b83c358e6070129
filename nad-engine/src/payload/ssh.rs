//! SSH identification strings (RFC 4253, 4.2).

use nad_common::record::PacketRecord;

use super::text;

/// What one side of an SSH connection calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// Software and comments, as `OpenSSH_9.6p1 Ubuntu-3`; at most 64 characters.
    pub software: Box<str>,
    /// Whether the client says it. The side at port 22 is the server, otherwise that at the lower port.
    pub is_client: bool,
}

pub(super) fn read(record: &PacketRecord, head: &[u8]) -> Option<Ssh> {
    const MOST: usize = 64;
    const PORT: u16 = 22;
    let line = head.strip_prefix(b"SSH-")?.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let version = line.iter().position(|byte| *byte == b'-')?;
    let is_client = match (record.source_port, record.destination_port) {
        (PORT, _) => false,
        (_, PORT) => true,
        (source, destination) => source > destination,
    };
    Some(Ssh { software: text(&line[version + 1..], MOST), is_client })
}
