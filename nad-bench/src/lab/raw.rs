//! Frames one at a time, through a packet socket.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use anyhow::{Result, ensure};

use super::Cable;

/// Sends whole frames through one interface, one at a time (packet(7)).
pub(crate) struct RawSender {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

impl RawSender {
    pub(crate) fn open(cable: &Cable) -> Result<Self> {
        // Protocol 0: it receives nothing.
        // SAFETY: no pointers are passed.
        let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        ensure!(socket >= 0, "a packet socket can't be made: {}", io::Error::last_os_error());
        // SAFETY: the descriptor is new and ours, and zeros are an address.
        let (socket, mut address) =
            unsafe { (OwnedFd::from_raw_fd(socket), std::mem::zeroed::<libc::sockaddr_ll>()) };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = cable.sender as i32;
        address.sll_halen = 6;
        Ok(Self { socket, address })
    }

    pub(crate) fn send(&self, frame: &[u8]) -> Result<()> {
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
        ensure!(sent == frame.len() as isize, "a frame can't be sent: {}", io::Error::last_os_error());
        Ok(())
    }
}
