//! Other programs for what an interface sends, attached by TCX before all that are there already.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

/// `TCX_DROP`.
pub(crate) const DROP: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], EXIT];
const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

/// Puts a VLAN tag beside the packet (`bpf_skb_vlan_push`) and leaves it to the next program.
pub(crate) fn tag(tci: u16) -> [[u8; 8]; 5] {
    let [low, high] = tci.to_le_bytes();
    [
        // The second argument is 0x8100 in network order, the third is the tag.
        [0xb7, 2, 0, 0, 0x81, 0, 0, 0],
        [0xb7, 3, 0, 0, low, high, 0, 0],
        [0x85, 0, 0, 0, 18, 0, 0, 0],
        [0xb7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        EXIT,
    ]
}

/// Attaches it to the interface `index` of this thread's namespace until the link that it returns is dropped.
pub(crate) fn attach(index: u32, instructions: &[[u8; 8]]) -> OwnedFd {
    const BPF_LINK_CREATE: libc::c_long = 28;
    const BPF_TCX_EGRESS: u32 = 47;
    const BPF_F_BEFORE: u32 = 1 << 3;

    /// The start of `union bpf_attr` for this command; the kernel takes what follows for zero.
    #[repr(C)]
    struct Attributes {
        program: u32,
        interface: u32,
        attach_type: u32,
        flags: u32,
    }
    let program = load(instructions);
    let attributes = Attributes {
        program: program.as_raw_fd() as u32,
        interface: index,
        attach_type: BPF_TCX_EGRESS,
        flags: BPF_F_BEFORE,
    };
    // SAFETY: the attributes live through the call and hold no pointers.
    unsafe { bpf(BPF_LINK_CREATE, &attributes) }
}

fn load(instructions: &[[u8; 8]]) -> OwnedFd {
    const BPF_PROG_LOAD: libc::c_long = 5;
    const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;

    /// As above.
    #[repr(C)]
    struct Attributes {
        program_type: u32,
        instruction_count: u32,
        instructions: u64,
        license: u64,
    }
    let attributes = Attributes {
        program_type: BPF_PROG_TYPE_SCHED_CLS,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
    };
    // SAFETY: the attributes and all that they point to live through the call.
    unsafe { bpf(BPF_PROG_LOAD, &attributes) }
}

/// # Safety
///
/// `attributes` is what the kernel reads for this command, which makes a descriptor.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> OwnedFd {
    // SAFETY: see above; the size is that of what is pointed to.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    assert!(fd >= 0, "bpf command {command}: {}", io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor for us alone.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}
