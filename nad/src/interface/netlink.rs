//! One request and its answer over a netlink socket.

use std::{fmt::Debug, io};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkDeserializable, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// Sends `payload` to the kernel over `protocol` (`NETLINK_ROUTE`, …) and returns the messages of the answer.
///
/// # Errors
///
/// The kernel's error, or `InvalidData` where its answer isn't understood.
pub(super) fn request<T>(protocol: isize, payload: impl Into<NetlinkPayload<T>>) -> io::Result<Vec<T>>
where
    T: NetlinkSerializable + NetlinkDeserializable + Debug,
{
    ask(protocol, payload.into(), NLM_F_REQUEST)
}

/// The same for everything of the kind that `payload` names.
pub(super) fn dump<T>(protocol: isize, payload: impl Into<NetlinkPayload<T>>) -> io::Result<Vec<T>>
where
    T: NetlinkSerializable + NetlinkDeserializable + Debug,
{
    ask(protocol, payload.into(), NLM_F_REQUEST | NLM_F_DUMP)
}

fn ask<T>(protocol: isize, payload: NetlinkPayload<T>, flags: u16) -> io::Result<Vec<T>>
where
    T: NetlinkSerializable + NetlinkDeserializable + Debug,
{
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;

    let mut message = NetlinkMessage::new(Default::default(), payload);
    message.header.flags = flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut answer = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        if read_datagram(&datagram, &mut answer)? {
            return Ok(answer);
        }
    }
}

/// Adds the messages of one datagram to `answer`; true when nothing follows.
fn read_datagram<T>(datagram: &[u8], answer: &mut Vec<T>) -> io::Result<bool>
where
    T: NetlinkDeserializable + Debug,
{
    let mut rest = datagram;
    let mut multipart = false;
    while !rest.is_empty() {
        let message = NetlinkMessage::<T>::deserialize(rest)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => answer.push(inner),
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
            _ => {}
        }
        multipart |= message.header.flags & NLM_F_MULTIPART != 0;
        // Messages begin at multiples of four bytes.
        let length = (message.header.length as usize).next_multiple_of(4).max(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(!multipart)
}
