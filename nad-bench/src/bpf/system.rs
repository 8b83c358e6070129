//! bpf(2): maps, programs, test runs.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result, bail};
use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_map_type, bpf_prog_info, bpf_prog_type};
use memmap2::{MmapOptions, MmapRaw};

/// Lets userspace map an array's memory (include/uapi/linux/bpf.h).
const MMAPABLE: u32 = 1 << 10;
/// Frames of a test run really go where the program sends them.
const LIVE_FRAMES: u32 = 1 << 1;
/// Attach in the driver (include/uapi/linux/if_link.h).
const DRIVER_MODE: u32 = 1 << 2;
/// `BPF_XDP` of `enum bpf_attach_type`.
const ATTACH_XDP: u32 = 37;

/// A map that is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Map(OwnedFd);

/// A loaded XDP program.
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

/// A program's place at an interface, which it loses when this is dropped.
#[derive(Debug)]
pub(crate) struct Link(#[expect(dead_code, reason = "it is kept to be closed")] OwnedFd);

/// How a test run is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestRun<'a> {
    pub(crate) frame: &'a [u8],
    pub(crate) repeat: u32,
    /// The interface of this thread's namespace through which frames really go.
    pub(crate) live: Option<u32>,
}

/// What a program has run so far, where the kernel was told to count it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunTime {
    pub(crate) runs: u64,
    pub(crate) ns: u64,
}

impl Map {
    /// An array of one value of so many bytes, and its memory.
    pub(crate) fn value(bytes: u32) -> Result<(Self, MmapRaw)> {
        let map = Self::create(bpf_map_type::BPF_MAP_TYPE_ARRAY, 4, bytes, 1, MMAPABLE)?;
        let memory = MmapOptions::new().len(bytes as usize).map_raw(map.0.as_raw_fd());
        Ok((map, memory.context("an array can't be mapped")?))
    }

    /// A counter for each CPU.
    pub(crate) fn counter() -> Result<Self> {
        Self::create(bpf_map_type::BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1, 0)
    }

    pub(crate) fn ring(bytes: u32) -> Result<Self> {
        Self::create(bpf_map_type::BPF_MAP_TYPE_RINGBUF, 0, 0, bytes, 0)
    }

    fn create(kind: bpf_map_type, key: u32, value: u32, entries: u32, flags: u32) -> Result<Self> {
        let mut attributes = zeroed();
        // SAFETY: the member that belongs to this command.
        let map = unsafe { &mut attributes.__bindgen_anon_1 };
        map.map_type = kind as u32;
        map.key_size = key;
        map.value_size = value;
        map.max_entries = entries;
        map.map_flags = flags;
        let fd = bpf(bpf_cmd::BPF_MAP_CREATE, &mut attributes).context("the kernel refused a map")?;
        Ok(Self(owned(fd)))
    }

    /// A map that somebody else has made.
    pub(crate) fn of(map: &impl std::os::fd::AsFd) -> Result<Self> {
        map.as_fd().try_clone_to_owned().map(Self).context("a descriptor can't be copied")
    }

    /// An element of an array, of which the kernel writes so many bytes: those of all CPUs, where each has its own.
    pub(crate) fn element(&self, place: u32, bytes: usize) -> Result<Vec<u8>> {
        let mut value = vec![0_u8; bytes];
        self.read(place, value.as_mut_ptr() as u64)?;
        Ok(value)
    }

    pub(crate) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// The sum of a [counter](Self::counter) over all CPUs.
    pub(crate) fn sum(&self) -> Result<u64> {
        let cpus = aya::util::nr_cpus().map_err(|(path, error)| anyhow::anyhow!("{path}: {error}"))?;
        let mut counts = vec![0_u64; cpus];
        self.read(0, counts.as_mut_ptr() as u64)?;
        Ok(counts.iter().sum())
    }

    /// Reads an element to an address, where there must be room for it.
    fn read(&self, key: u32, to: u64) -> Result<()> {
        let mut attributes = zeroed();
        // SAFETY: the member that belongs to this command; key and room live through the call.
        let element = unsafe { &mut attributes.__bindgen_anon_2 };
        element.map_fd = self.0.as_raw_fd() as u32;
        element.key = &raw const key as u64;
        element.__bindgen_anon_1.value = to;
        bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut attributes).context("a counter can't be read")?;
        Ok(())
    }
}

impl Program {
    /// Loads an XDP program; what the verifier says of one that it refuses is in the error.
    pub(crate) fn load(name: &str, code: &[u64]) -> Result<Self> {
        const LICENSE: &[u8] = b"Dual MIT/GPL\0";
        let mut log = vec![0_u8; 1 << 20];
        let mut attributes = zeroed();
        // SAFETY: the member that belongs to this command; all that is pointed to lives through the call.
        let program = unsafe { &mut attributes.__bindgen_anon_3 };
        program.prog_type = bpf_prog_type::BPF_PROG_TYPE_XDP as u32;
        program.insns = code.as_ptr() as u64;
        program.insn_cnt = code.len() as u32;
        program.license = LICENSE.as_ptr() as u64;
        program.log_level = 1;
        program.log_buf = log.as_mut_ptr() as u64;
        program.log_size = log.len() as u32;
        for (to, from) in program.prog_name.iter_mut().zip(name.bytes().take(15)) {
            *to = from as std::ffi::c_char;
        }
        match bpf(bpf_cmd::BPF_PROG_LOAD, &mut attributes) {
            Ok(fd) => Ok(Self(owned(fd))),
            Err(error) => {
                let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
                bail!("the kernel refused '{name}': {error}\n{}", String::from_utf8_lossy(&log[..end]))
            }
        }
    }

    /// The sensor's program, as nad has it open.
    pub(crate) fn of(program: &impl std::os::fd::AsFd) -> Result<Self> {
        program.as_fd().try_clone_to_owned().map(Self).context("a descriptor can't be copied")
    }

    /// Attaches it to an interface of this thread's namespace, in the driver.
    pub(crate) fn attach(&self, interface: u32) -> Result<Link> {
        let mut attributes = zeroed();
        // SAFETY: the member that belongs to this command.
        let link = unsafe { &mut attributes.link_create };
        link.__bindgen_anon_1.prog_fd = self.0.as_raw_fd() as u32;
        link.__bindgen_anon_2.target_ifindex = interface;
        link.attach_type = ATTACH_XDP;
        link.flags = DRIVER_MODE;
        let fd = bpf(bpf_cmd::BPF_LINK_CREATE, &mut attributes).context("a program can't be attached")?;
        Ok(Link(owned(fd)))
    }

    /// Runs it on a frame, and gives the nanoseconds of one run by the kernel's own clock.
    pub(crate) fn run(&self, run: TestRun<'_>) -> Result<u32> {
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, run.frame.len() as u32, 0, run.live.unwrap_or(0), 0, 0];
        let mut attributes = zeroed();
        // SAFETY: the member that belongs to this command; all that is pointed to lives through the call.
        let test = unsafe { &mut attributes.test };
        test.prog_fd = self.0.as_raw_fd() as u32;
        test.data_in = run.frame.as_ptr() as u64;
        test.data_size_in = run.frame.len() as u32;
        test.repeat = run.repeat;
        if run.live.is_some() {
            test.ctx_in = context.as_ptr() as u64;
            test.ctx_size_in = size_of_val(&context) as u32;
            test.flags = LIVE_FRAMES;
        }
        bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attributes).context("a test run failed")?;
        // SAFETY: what the kernel has filled in.
        Ok(unsafe { attributes.test.duration })
    }

    pub(crate) fn run_time(&self) -> Result<RunTime> {
        // SAFETY: plain numbers, for which zeros are a value.
        let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
        let mut attributes = zeroed();
        // SAFETY: the member that belongs to this command; `info` lives through the call.
        let asked = unsafe { &mut attributes.info };
        asked.bpf_fd = self.0.as_raw_fd() as u32;
        asked.info_len = size_of_val(&info) as u32;
        asked.info = &raw mut info as u64;
        bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attributes).context("a program can't be asked about")?;
        Ok(RunTime { runs: info.run_cnt, ns: info.run_time_ns })
    }
}

impl RunTime {
    /// Lets the kernel count runs and their time while the result lives.
    pub(crate) fn count() -> Result<OwnedFd> {
        bpf(bpf_cmd::BPF_ENABLE_STATS, &mut zeroed()).map(owned).context("run times can't be counted")
    }

    /// Nanoseconds of a run since `before`.
    pub(crate) fn since(self, before: Self) -> f64 {
        (self.ns - before.ns) as f64 / (self.runs - before.runs) as f64
    }
}

fn zeroed() -> bpf_attr {
    // SAFETY: a union of plain numbers, for which zeros are a value.
    unsafe { std::mem::zeroed() }
}

fn owned(fd: i64) -> OwnedFd {
    // SAFETY: the kernel has just made it, and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

fn bpf(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<i64> {
    // SAFETY: the attributes are valid for the command, as the callers see to, and of the stated size.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as u32, &raw mut *attributes, size_of::<bpf_attr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
