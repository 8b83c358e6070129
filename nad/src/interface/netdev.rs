//! Native XDP support, from the kernel's `netdev` generic netlink family (Linux 6.3 and newer).
//!
//! <https://docs.kernel.org/networking/netlink_spec/netdev.html>

use std::io;

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, Nla, NlasIterator, Parseable, ParseableParametrized, parse_u64,
};
use netlink_packet_generic::{
    GenlFamily, GenlHeader, GenlMessage,
    ctrl::{GenlCtrl, GenlCtrlCmd, nlas::GenlCtrlAttrs},
};
use netlink_sys::protocols::NETLINK_GENERIC;

use super::netlink;

const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
/// Aborting, dropping, passing and transmitting: all that a driver must do to be called native.
const NETDEV_XDP_ACT_BASIC: u64 = 1;
/// Frames of several buffers, for programs that declare to take them (nad's does not).
const NETDEV_XDP_ACT_RX_SG: u64 = 32;

/// Whether a driver runs XDP programs itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeXdp {
    /// It does.
    Supported {
        /// Also on frames of several buffers, with programs made for that.
        multi_buffer: bool,
    },
    /// It doesn't announce it.
    Unsupported,
    /// The kernel (before 6.3) doesn't say.
    Unknown,
}

/// Asks whether the interface with this index runs XDP natively.
pub(super) fn native_xdp(index: u32) -> NativeXdp {
    match features(index) {
        Ok(Some(bits)) if bits & NETDEV_XDP_ACT_BASIC != 0 => {
            NativeXdp::Supported { multi_buffer: bits & NETDEV_XDP_ACT_RX_SG != 0 }
        }
        Ok(Some(_)) => NativeXdp::Unsupported,
        // Before 6.3 there is no such family; nothing here is worth stopping for.
        Ok(None) | Err(_) => NativeXdp::Unknown,
    }
}

fn features(index: u32) -> io::Result<Option<u64>> {
    let Some(family) = family_id()? else { return Ok(None) };
    let index = DefaultNla::new(NETDEV_A_DEV_IFINDEX, index.to_ne_bytes().to_vec());
    let mut question = GenlMessage::from_payload(Device { attributes: vec![index] });
    question.set_resolved_family_id(family);
    let answer = netlink::request(NETLINK_GENERIC, question)?;
    Ok(answer.iter().find_map(|message| message.payload.xdp_features()))
}

fn family_id() -> io::Result<Option<u16>> {
    let question = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(Device::family_name().to_owned())],
    });
    let answer = netlink::request(NETLINK_GENERIC, question)?;
    Ok(answer.iter().flat_map(|message| &message.payload.nlas).find_map(|attribute| match attribute {
        GenlCtrlAttrs::FamilyId(id) => Some(*id),
        _ => None,
    }))
}

/// A message about one device.
#[derive(Debug)]
struct Device {
    attributes: Vec<DefaultNla>,
}

impl Device {
    fn xdp_features(&self) -> Option<u64> {
        let attribute =
            self.attributes.iter().find(|attribute| attribute.kind() == NETDEV_A_DEV_XDP_FEATURES)?;
        let mut value = vec![0; attribute.value_len()];
        attribute.emit_value(&mut value);
        parse_u64(&value).ok()
    }
}

impl GenlFamily for Device {
    fn family_name() -> &'static str {
        "netdev"
    }

    fn command(&self) -> u8 {
        NETDEV_CMD_DEV_GET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Device {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Device {
    fn parse_with_param(bytes: &[u8], _header: GenlHeader) -> Result<Self, DecodeError> {
        let attributes = NlasIterator::new(bytes).map(|attribute| DefaultNla::parse(&attribute?));
        Ok(Self { attributes: attributes.collect::<Result<_, _>>()? })
    }
}
