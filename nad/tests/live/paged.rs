//! Frames by a packet socket with a transmit ring (packet_mmap): the kernel makes packets of them whose Ethernet
//! header lies in one place and whose rest lies in the ring's pages, as TCP's payload does.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::atomic::{AtomicU32, Ordering},
};

use memmap2::{MmapOptions, MmapRaw};

use crate::{lab::until, netns::Namespace};

const TPACKET_V2: libc::c_int = 1;
/// `TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)`: where a frame begins in its slot.
const FRAME_OFFSET: usize = 32;
/// Where `tp_status` and `tp_len` of `struct tpacket2_hdr` are.
const STATUS: usize = 0;
const LENGTH: usize = 4;
const AVAILABLE: u32 = 0;
const SEND_REQUEST: u32 = 1;
const SLOT_BYTES: usize = 4096;

/// Sends whole Ethernet frames through one interface, one at a time.
pub(crate) struct PagedSender {
    socket: OwnedFd,
    slot: MmapRaw,
}

impl PagedSender {
    pub(crate) fn open(namespace: &Namespace, interface: &str) -> Self {
        let index =
            namespace.enter(|| nad::interface::Interface::inspect(interface)).expect("it is there").index;
        namespace.enter(|| {
            // SAFETY: no pointers are passed.
            let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
            assert!(socket >= 0, "{}", io::Error::last_os_error());
            // SAFETY: the descriptor is new and ours.
            let socket = unsafe { OwnedFd::from_raw_fd(socket) };
            set(&socket, libc::PACKET_VERSION, &TPACKET_V2);
            // One slot: block size and number, slot size and number (`struct tpacket_req`).
            set(&socket, libc::PACKET_TX_RING, &[SLOT_BYTES as u32, 1, SLOT_BYTES as u32, 1]);
            let slot = MmapOptions::new().len(SLOT_BYTES).map_raw(&socket).expect("the ring can be mapped");
            // SAFETY: zeros are an address, which lives through the call.
            let bound = unsafe {
                let mut address: libc::sockaddr_ll = std::mem::zeroed();
                address.sll_family = libc::AF_PACKET as u16;
                address.sll_ifindex = index as i32;
                let length = size_of_val(&address) as u32;
                libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length)
            };
            assert_eq!(bound, 0, "{}", io::Error::last_os_error());
            Self { socket, slot }
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        assert!(FRAME_OFFSET + frame.len() <= SLOT_BYTES);
        until("the last frame has left the ring", || self.word(STATUS).load(Ordering::Acquire) == AVAILABLE);
        // SAFETY: the slot is mapped, has room for the frame, and is ours until its status says otherwise.
        unsafe {
            let to = self.slot.as_mut_ptr().add(FRAME_OFFSET);
            std::ptr::copy_nonoverlapping(frame.as_ptr(), to, frame.len());
        }
        self.word(LENGTH).store(frame.len() as u32, Ordering::Relaxed);
        self.word(STATUS).store(SEND_REQUEST, Ordering::Release);
        // SAFETY: no data is passed; the kernel takes it from the ring.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), std::ptr::null(), 0, 0) };
        assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: an aligned word inside the mapped slot, which lives as long as `self`.
        unsafe { &*self.slot.as_ptr().add(offset).cast::<AtomicU32>() }
    }
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) {
    // SAFETY: the value lives through the call, and its size is passed.
    let result = unsafe {
        let value = std::ptr::from_ref(value).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, size_of::<T>() as u32)
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}
