//! What `ethtool` shows: the driver's name, and what is done to frames on their way in.

use std::{ffi::CStr, io, os::fd::AsRawFd, os::unix::net::UnixDatagram};

/// Commands and flags of `linux/ethtool.h`.
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETH_FLAG_RXVLAN: u32 = 1 << 8;
const ETH_FLAG_LRO: u32 = 1 << 15;

/// What is done to received frames before an XDP program may see them; `None` where the kernel doesn't say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Generic receive offload: the kernel merges the packets of a flow.
    pub gro: Option<bool>,
    /// Large receive offload: the card or its driver merges the packets of a flow.
    pub lro: Option<bool>,
    /// The card takes the VLAN tag out of the frame and hands it on beside it.
    pub rx_vlan_stripping: Option<bool>,
}

impl Offloads {
    /// Asks the driver of the interface `name`.
    pub(super) fn of(name: &str) -> Self {
        let flags = value(name, ETHTOOL_GFLAGS);
        Self {
            gro: value(name, ETHTOOL_GGRO).map(|on| on != 0),
            lro: flags.map(|flags| flags & ETH_FLAG_LRO != 0),
            rx_vlan_stripping: flags.map(|flags| flags & ETH_FLAG_RXVLAN != 0),
        }
    }
}

/// The driver of the interface `name`; `None` where it names none.
pub(super) fn driver(name: &str) -> Option<String> {
    let mut info = DriverInfo { command: ETHTOOL_GDRVINFO, driver: [0; 32], other: [0; 160] };
    // SAFETY: the kernel answers ETHTOOL_GDRVINFO with a `struct ethtool_drvinfo`, whose size this is.
    unsafe { ioctl(name, &mut info) }.ok()?;
    let driver = CStr::from_bytes_until_nul(&info.driver).ok()?.to_str().ok()?;
    (!driver.is_empty()).then(|| driver.to_owned())
}

/// `struct ethtool_drvinfo`: all but the driver's name is left alone.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    other: [u8; 160],
}

const _: () = assert!(size_of::<DriverInfo>() == 196, "the kernel writes 196 bytes");

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

fn value(name: &str, command: u32) -> Option<u32> {
    let mut value = Value { command, data: 0 };
    // SAFETY: the kernel answers each command that is passed here with a `struct ethtool_value`.
    unsafe { ioctl(name, &mut value) }.ok()?;
    Some(value.data)
}

/// Hands `request` to the driver of the interface `name`.
///
/// # Safety
///
/// `request` begins with a command and is what the kernel reads and writes for it.
unsafe fn ioctl<T>(name: &str, request: &mut T) -> io::Result<()> {
    let mut ifr_name = [0; libc::IFNAMSIZ];
    if name.len() >= ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    let ifru_data = std::ptr::from_mut(request).cast();
    let mut ifreq = libc::ifreq { ifr_name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data } };
    // Any socket will do: the kernel only takes the network namespace from it.
    let socket = UnixDatagram::unbound()?;
    // SAFETY: the descriptor is open, `ifreq` lives through the call, and so does `request` to which it points;
    // the caller vouches for what the kernel does with that.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as libc::Ioctl, &raw mut ifreq) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
