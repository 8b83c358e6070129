//! The verifier's own statistics of a program that it accepts, which it gives only to who asks for a log.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use aya::{EbpfLoader, maps::Map};
use aya_obj::{
    Object,
    generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_type},
};
use nad_common::settings::{
    EGRESS_PROGRAM, RAW_EGRESS_PROGRAM, RAW_XDP_PROGRAM, RINGS_MAP, USE_TEST_CLOCK, XDP_PROGRAM,
};

/// The object that nad embeds.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("NAD_EBPF_OBJECT_PATH"));

/// `BPF_LOG_STATS` of the kernel's include/linux/bpf_verifier.h.
const ONLY_STATISTICS: u32 = 4;

/// What the verifier says of one program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// Instructions that it followed, those that it met again counted again.
    pub(crate) instructions: u32,
    /// At how many it gives up.
    pub(crate) limit: u32,
    /// Bytes of stack of the program, and of each function in it.
    pub(crate) depths: Vec<u32>,
}

impl Statistics {
    /// From the verifier's log.
    pub(crate) fn read(log: &str) -> Option<Self> {
        let after = |what: &str| log.lines().find_map(|line| line.trim().strip_prefix(what));
        let (instructions, rest) = after("processed ")?.split_once(" insns (limit ")?;
        let (limit, _) = rest.split_once(')')?;
        let depths = after("stack depth ")?.split_whitespace().next()?;
        Some(Self {
            instructions: instructions.parse().ok()?,
            limit: limit.parse().ok()?,
            depths: depths.split('+').map(|depth| depth.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// Bytes that a chain of calls through all functions takes where a function takes multiples of 32, as before
    /// Linux 6.8; no real chain takes more.
    pub(crate) fn chain(depths: &[u32]) -> u32 {
        depths.iter().map(|depth| depth.max(&1).next_multiple_of(32)).sum()
    }
}

/// Loads the programs as nad does, but with a log.
pub(crate) fn of() -> Result<Vec<(&'static str, Statistics)>, Box<dyn std::error::Error>> {
    let cpus = aya::util::nr_cpus().map_err(|(path, error)| format!("{path}: {error}"))?;
    // Constants as of a nad without a kernel log: what they rule out is not followed.
    let maps = EbpfLoader::new()
        .map_max_entries(RINGS_MAP, cpus as u32)
        .override_global(aya_log::LEVEL, &0_u8, true)
        .override_global(USE_TEST_CLOCK, &0_u8, true)
        .load(OBJECT)?;
    let fds: HashMap<&str, RawFd> = maps.maps().map(|(name, map)| (name, fd(map))).collect();

    let mut object = Object::parse(OBJECT)?;
    let sections = object.functions.keys().map(|(section, _)| *section).collect();
    let described = std::mem::take(&mut object.maps);
    object.relocate_maps(
        described.iter().map(|(name, map)| (name.as_str(), fds[name.as_str()], map)),
        &sections,
    )?;
    object.relocate_calls(&sections)?;
    object.sanitize_functions(aya::features());

    let load = |name: &'static str, kind, attach_type| {
        let program = object.programs.get(name).ok_or("the object has no such program")?;
        let code = &object.functions[&program.function_key()].instructions;
        let mut log = vec![0_u8; 1 << 16];
        // SAFETY: plain numbers, for which zeros are a value.
        let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
        // SAFETY: the member that belongs to this command; all that is pointed to lives through the call.
        let fields = unsafe { &mut attributes.__bindgen_anon_3 };
        fields.prog_type = kind as u32;
        fields.expected_attach_type = attach_type;
        fields.insns = code.as_ptr() as u64;
        fields.insn_cnt = code.len() as u32;
        fields.license = program.license.as_ptr() as u64;
        fields.log_level = ONLY_STATISTICS;
        fields.log_buf = log.as_mut_ptr() as u64;
        fields.log_size = log.len() as u32;
        // SAFETY: the attributes belong to the command.
        let fd = unsafe {
            libc::syscall(libc::SYS_bpf, bpf_cmd::BPF_PROG_LOAD, &raw mut attributes, size_of::<bpf_attr>())
        };
        let said = String::from_utf8_lossy(&log);
        let said = said.trim_end_matches('\0');
        if fd < 0 {
            return Err(format!("{name}: {}: {said}", io::Error::last_os_error()).into());
        }
        // SAFETY: the kernel just gave it to us alone.
        drop(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
        let statistics =
            Statistics::read(said).ok_or_else(|| format!("{name}: no statistics in {said:?}"))?;
        Ok::<_, Box<dyn std::error::Error>>((name, statistics))
    };
    let xdp = |name| load(name, bpf_prog_type::BPF_PROG_TYPE_XDP, bpf_attach_type::BPF_XDP as u32);
    let classifier = |name| load(name, bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS, 0);
    Ok(vec![
        xdp(XDP_PROGRAM)?,
        classifier(EGRESS_PROGRAM)?,
        xdp(RAW_XDP_PROGRAM)?,
        classifier(RAW_EGRESS_PROGRAM)?,
    ])
}

fn fd(map: &Map) -> RawFd {
    match map {
        Map::Array(data)
        | Map::ArrayOfMaps(data)
        | Map::HashMap(data)
        | Map::PerCpuArray(data)
        | Map::PerfEventArray(data)
        | Map::RingBuf(data) => data.fd().as_fd().as_raw_fd(),
        other => panic!("a map of a kind that the object did not have: {other:?}"),
    }
}
