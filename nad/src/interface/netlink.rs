//! One request and its answer over a netlink socket.

use std::{
    fmt::Debug,
    io,
    os::fd::{AsFd, BorrowedFd},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkDeserializable, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// The kernel's address.
const KERNEL_PORT: u32 = 0;

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

    let mut message = NetlinkMessage::new(Default::default(), payload);
    message.header.flags = flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    // Not connected, so that whoever only asks needs no system call for connections.
    socket.send_to(&bytes, &SocketAddr::new(KERNEL_PORT, 0), 0)?;

    let mut answer = Vec::new();
    loop {
        let (datagram, sender) = socket.recv_from_full()?;
        if sender.port_number() == KERNEL_PORT && read_datagram(&datagram, &mut answer)? {
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

/// Hears what the kernel says of interfaces that change, come and go.
#[derive(Debug)]
pub(super) struct Listener(Socket);

impl Listener {
    /// Joins a group of `protocol`; what happens from then on can be heard.
    ///
    /// # Errors
    ///
    /// Where netlink is refused.
    pub(super) fn join(protocol: isize, group: u32) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.add_membership(group)?;
        socket.set_non_blocking(true)?;
        Ok(Self(socket))
    }

    /// Takes the messages that have come.
    ///
    /// # Errors
    ///
    /// Where the socket fails; messages that are not understood are passed over.
    pub(super) fn heard<T>(&self) -> io::Result<Vec<T>>
    where
        T: NetlinkDeserializable + Debug,
    {
        let mut messages = Vec::new();
        loop {
            match self.0.recv_from_full() {
                Ok((datagram, sender)) if sender.port_number() == KERNEL_PORT => {
                    let _ = read_datagram(&datagram, &mut messages);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(messages),
                // More came than there was room for: what is missing is seen by asking for everything.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
