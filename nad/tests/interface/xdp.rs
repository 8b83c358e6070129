//! The smallest XDP program, which passes every frame, attached as other tools do: without a link.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage, LinkXdp},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// `XDP_FLAGS_SKB_MODE`.
pub(crate) const GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`.
pub(crate) const NATIVE: u32 = 1 << 2;

/// Attaches it to the interface `index` of this thread's namespace, until that is removed.
pub(crate) fn attach(index: u32, flags: u32) -> io::Result<()> {
    let program = load()?;
    let mut question = LinkMessage::default();
    question.header.index = index;
    let xdp = vec![LinkXdp::Fd(program.as_raw_fd()), LinkXdp::Flags(flags)];
    question.attributes.push(LinkAttribute::Xdp(xdp));
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::SetLink(question));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map(|message| message.payload) {
        Ok(NetlinkPayload::Error(error)) if error.code.is_some() => Err(error.to_io()),
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}

fn load() -> io::Result<OwnedFd> {
    const BPF_PROG_LOAD: libc::c_long = 5;
    const BPF_PROG_TYPE_XDP: u32 = 6;
    /// `r0 = XDP_PASS; exit`.
    static INSTRUCTIONS: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];

    /// The start of `union bpf_attr` for this command; the kernel takes what follows for zero.
    #[repr(C)]
    struct Attributes {
        program_type: u32,
        instruction_count: u32,
        instructions: u64,
        license: u64,
        log: [u64; 2],
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
    }
    let attributes = Attributes {
        program_type: BPF_PROG_TYPE_XDP,
        instruction_count: INSTRUCTIONS.len() as u32,
        instructions: INSTRUCTIONS.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log: [0; 2],
        kernel_version: 0,
        flags: 0,
        name: *b"nad_test_pass\0\0\0",
    };
    // SAFETY: the attributes and all that they point to live through the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attributes, size_of::<Attributes>())
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
