//! Frames as they are, by a packet socket (packet(7)).

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use crate::netns::Namespace;

/// Sends whole Ethernet frames through one interface.
pub(crate) struct RawSender {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

impl RawSender {
    pub(crate) fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace.enter(|| {
            // Protocol 0: it receives nothing.
            // SAFETY: no pointers are passed.
            let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
            assert!(socket >= 0, "{}", io::Error::last_os_error());
            let name = CString::new(interface).expect("a name");
            // SAFETY: the descriptor is new and ours, the name ends in a zero, and zeros are an address.
            unsafe {
                let mut address: libc::sockaddr_ll = std::mem::zeroed();
                address.sll_family = libc::AF_PACKET as u16;
                address.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as i32;
                address.sll_halen = 6;
                assert!(address.sll_ifindex > 0, "no interface {interface}");
                Self { socket: OwnedFd::from_raw_fd(socket), address }
            }
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        self.try_send(frame).expect("the interface takes the frame");
    }

    /// The same where something may be in the way.
    pub(crate) fn try_send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: the frame and the address live through the call, and their lengths are passed.
        let sent = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const self.address).cast(),
                size_of_val(&self.address) as u32,
            )
        };
        if sent == frame.len() as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
