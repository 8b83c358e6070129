//! Frames as they are, one at a time, by a packet socket (packet(7)); for nad's live tests and its bench.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

/// Sends whole Ethernet frames through one interface.
pub(crate) struct PacketSocket {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

impl PacketSocket {
    /// One for the interface of this number in this thread's network namespace. The error is the kernel's.
    pub(crate) fn on(interface: u32) -> io::Result<Self> {
        // Protocol 0: it receives nothing.
        // SAFETY: no pointers are passed.
        let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and ours, and zeros are an address.
        let (socket, mut address) =
            unsafe { (OwnedFd::from_raw_fd(socket), std::mem::zeroed::<libc::sockaddr_ll>()) };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = interface as i32;
        address.sll_halen = 6;
        Ok(Self { socket, address })
    }

    /// Sends a frame. The error is the kernel's, as where its queue is full.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
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
