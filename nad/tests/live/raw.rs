//! Frames as they are, from a namespace of a lab.

use std::{ffi::CString, io};

use crate::{netns::Namespace, packet_socket::PacketSocket};

/// Sends whole Ethernet frames through one interface.
pub(crate) struct RawSender(PacketSocket);

impl RawSender {
    pub(crate) fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace.enter(|| {
            let name = CString::new(interface).expect("a name");
            // SAFETY: the name ends in a zero.
            let number = unsafe { libc::if_nametoindex(name.as_ptr()) };
            assert!(number > 0, "no interface {interface}");
            Self(PacketSocket::on(number).expect("a packet socket can be made"))
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        self.try_send(frame).expect("the interface takes the frame");
    }

    /// The same where something may be in the way.
    pub(crate) fn try_send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame)
    }
}
