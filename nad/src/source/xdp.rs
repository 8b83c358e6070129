//! The kernel's side: load the program, give each CPU its ring, attach, read, detach.

mod attach;
mod egress;
mod keeper;
mod locked_memory;
mod mapped;
mod object;
mod plan;
mod programs;
mod ring_size;
mod watch;
mod watched;

use std::{io, sync::Arc};

use aya::{
    EbpfLoader,
    maps::{Array, MapData, MapError, RingBuf},
    programs::{SchedClassifier, Xdp},
};
use nad_common::{
    counters::KernelCounters,
    record::{Direction, PacketRecord},
    sampling::Sampling,
    settings::{
        COUNTERS_MAP, EGRESS_PROGRAM, HEAD_BYTES, HEAD_RINGS_MAP, HEADS_A_SECOND, LAST_HEAD,
        RAW_EGRESS_PROGRAM, RAW_XDP_PROGRAM, RINGS_MAP, TEST_CLOCK_MAP, USE_TEST_CLOCK, XDP_PROGRAM,
    },
};

pub use attach::{AttachError, Attachment, IngressHook, XdpMode};
pub use egress::EgressHook;
pub use keeper::{Keeper, Kept, Watching};
pub use plan::{Plan, Remark};
pub use ring_size::{DEFAULT_RING_BYTES, default_ring_bytes};
pub use watch::{Directions, Sent, Watch, missing as missing_interface, needed};
pub use watched::Watched;

use mapped::{Counters, Level, cpus};
use object::{explain, load_programs, make_rings, missing};
use programs::Programs;

pub(crate) use locked_memory::MEMORY_CGROUPS;
use nad_engine::batch::RecordBatch;

use super::{
    Fill, Source,
    heads::{HEAD_RING_BYTES, HeadOptions, HeadRing},
    ring::Ring,
};

/// The kernel programs, as built by `cargo xtask ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("NAD_EBPF_OBJECT_PATH"));

/// Records taken from one ring before the next one's turn.
const RING_BUDGET: usize = 1024;

/// What is chosen when the kernel programs are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpOptions {
    /// Bytes of each CPU's ring: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Which of the two programs are loaded.
    pub directions: Directions,
    /// Whether received packets alone will do where the kernel refuses what watches sent ones; of [`Directions::Both`]
    /// only.
    pub ingress_will_do: bool,
    /// Whether the kernel program's own diagnostics are compiled in (see [`XdpSource::logger`]).
    pub kernel_log: bool,
    /// Whether the programs for interfaces without Ethernet headers (tun, PPP, WireGuard) are loaded as well.
    pub raw_ip: bool,
    /// What is looked at of payloads.
    pub heads: HeadOptions,
    /// Whether records are stamped with [`XdpSource::set_test_clock`] instead of the kernel's time.
    pub test_clock: bool,
    /// Whether sent packets are watched by clsact also where the kernel has TCX.
    pub clsact: bool,
}

impl Default for XdpOptions {
    fn default() -> Self {
        Self {
            ring_bytes: DEFAULT_RING_BYTES,
            directions: Directions::Both,
            ingress_will_do: false,
            kernel_log: false,
            raw_ip: false,
            heads: HeadOptions::default(),
            test_clock: false,
            clsact: false,
        }
    }
}

/// Why the kernel programs could not be loaded or read.
#[derive(Debug, thiserror::Error)]
pub enum XdpError {
    /// Not allowed.
    #[error(
        "loading the kernel program needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run with sudo, or see `nad doctor`"
    )]
    Privilege,
    /// Locked memory is short, as which kernels before 5.11 count maps and programs.
    #[error(
        "the kernel counts nad's maps as locked memory, as all do before Linux 5.11, and allows {limit} bytes of it: set \
         `ulimit -l unlimited` (systemd: LimitMEMLOCK=infinity), or grant CAP_SYS_RESOURCE, with which nad raises the \
         limit itself"
    )]
    LockedMemory {
        /// The limit in force (`RLIMIT_MEMLOCK`).
        limit: u64,
    },
    /// The ring size is not one that the kernel takes.
    #[error("ring size {bytes} is not usable: it must be a power of two from 4096 to 1073741824 bytes")]
    RingSize {
        /// What was asked for.
        bytes: u32,
    },
    /// The kernel refused.
    #[error("the kernel refused to {what}: {reason}; `nad doctor` says what this kernel lacks")]
    Kernel {
        /// What it was asked.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
    /// A program could not be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The process that attaches programs could not, for this reason.
    #[error("{0}")]
    Keeper(String),
    /// That process has ended, and the kernel has detached the programs.
    #[error(
        "the process nad-attach has ended, and with it the programs on all interfaces: no packet is seen any more; start \
         nad again"
    )]
    Detached,
}

/// The loaded kernel programs with their rings; drop it to detach from every interface.
pub struct XdpSource {
    programs: Programs,
    counters: CounterReader,
    level: Level,
    rings: Vec<Ring>,
    head_rings: Vec<HeadRing>,
    /// The rings' maps stay open as long as they are mapped.
    _maps: Vec<RingBuf<MapData>>,
    next_ring: usize,
    records: u64,
    unreadable: u64,
    attributed: u64,
}

/// Reads the kernel programs' counters, from any thread, also when the source is gone.
#[derive(Clone)]
pub struct CounterReader(Arc<Counters>);

impl CounterReader {
    /// The sum over all CPUs and both directions since the programs were loaded.
    ///
    /// # Errors
    ///
    /// As every source of counters has them; these are in this process's memory, where reading can't fail.
    pub fn read(&self) -> Result<KernelCounters, XdpError> {
        Ok(self.0.read())
    }
}

impl XdpSource {
    /// Loads the kernel programs and makes their rings; nothing is attached yet.
    ///
    /// # Errors
    ///
    /// Without the privileges, with an impossible ring size, or when the kernel refuses.
    pub fn load(options: &XdpOptions) -> Result<Self, XdpError> {
        if !options.ring_bytes.is_power_of_two() || !(4096..=1 << 30).contains(&options.ring_bytes) {
            return Err(XdpError::RingSize { bytes: options.ring_bytes });
        }
        // Before aya, which looks at what the kernel can by making maps and programs.
        locked_memory::raise();
        let cpus = cpus()?;
        // Above every level of aya-log, or below the lowest one.
        let log_level = if options.kernel_log { u8::MAX } else { 0 };
        let test_clock = u8::from(options.test_clock);
        let mut ebpf = EbpfLoader::new()
            .map_max_entries(RINGS_MAP, cpus as u32)
            .map_max_entries(HEAD_RINGS_MAP, cpus as u32)
            .map_max_entries(COUNTERS_MAP, (cpus * Direction::ALL.len()) as u32)
            .override_global(aya_log::LEVEL, &log_level, true)
            .override_global(USE_TEST_CLOCK, &test_clock, true)
            .override_global(LAST_HEAD, &options.heads.last_kind(), true)
            .override_global(HEAD_BYTES, &options.heads.bytes, true)
            .override_global(HEADS_A_SECOND, &options.heads.a_second, true)
            .load(OBJECT)
            .map_err(|error| explain("load the kernel program's maps", &error))?;
        // First of all: once a map is taken out and dropped, the program can't refer to it any more.
        let ingress_will_do = options.ingress_will_do && options.directions == Directions::Both;
        let ethernet = (XDP_PROGRAM, EGRESS_PROGRAM);
        let mut egress_refused = load_programs(&mut ebpf, options.directions, ingress_will_do, ethernet)?;
        if options.raw_ip {
            let raw = (RAW_XDP_PROGRAM, RAW_EGRESS_PROGRAM);
            let refused = load_programs(&mut ebpf, options.directions, ingress_will_do, raw)?;
            egress_refused = egress_refused.or(refused);
        }
        let mut maps = make_rings(&mut ebpf, RINGS_MAP, cpus as u32, options.ring_bytes)?;
        let rings = maps
            .iter()
            .map(|map| Ring::map(map, options.ring_bytes as usize))
            .collect::<io::Result<_>>()
            .map_err(|error| explain("map a ring", &error))?;
        let mut head_rings = Vec::new();
        if options.heads.last_kind() != 0 {
            let of_heads = make_rings(&mut ebpf, HEAD_RINGS_MAP, cpus as u32, HEAD_RING_BYTES)?;
            head_rings = of_heads
                .iter()
                .map(HeadRing::map)
                .collect::<io::Result<_>>()
                .map_err(|error| explain("map a ring of heads", &error))?;
            maps.extend(of_heads);
        }
        let counters = CounterReader(Arc::new(Counters::new(&mut ebpf, cpus)?));
        let level = Level::new(&mut ebpf)?;
        Ok(Self {
            programs: Programs::new(ebpf, options.clsact, ingress_will_do, egress_refused),
            counters,
            level,
            rings,
            head_rings,
            _maps: maps,
            next_ring: 0,
            records: 0,
            unreadable: 0,
            attributed: 0,
        })
    }

    /// Attaches to an interface as [planned](Watch::plan), in this process; [`XdpMode::Auto`] tries native, then generic.
    ///
    /// # Errors
    ///
    /// See [`AttachError`].
    pub fn attach(&mut self, watch: &Watch, mode: XdpMode) -> Result<Attachment, XdpError> {
        self.programs.attach(watch, mode)
    }

    /// Detaches from every interface that this process attached to. What is in the rings stays readable.
    pub fn detach(&mut self) {
        self.programs.detach_all().iter().for_each(|left| tracing::warn!("{left}"));
    }

    /// Whether detaching needs `CAP_NET_ADMIN`, as attaching does; closing links doesn't.
    pub fn detaches_by_netlink(&self) -> bool {
        self.programs.detaches_by_netlink()
    }

    /// Starts a process of its own that attaches the programs to what is meant, and keeps them attached.
    ///
    /// # Errors
    ///
    /// When there can't be one more process.
    pub fn start_keeper(&mut self, watching: Watching) -> io::Result<Keeper> {
        Keeper::start(&mut self.programs, watching)
    }

    /// Sets how much is recorded from now on; at first, that is every packet.
    ///
    /// # Errors
    ///
    /// As every change of the kernel program has them; this one is made in memory, where it can't fail.
    pub fn set_sampling(&mut self, sampling: Sampling) -> Result<(), XdpError> {
        self.level.set(sampling);
        Ok(())
    }

    /// How many rings there are: one for each CPU that the machine could have.
    pub fn ring_count(&self) -> usize {
        self.rings.len()
    }

    /// How full the fullest ring is, from 0 to 1.
    pub fn fullest_ring(&self) -> f32 {
        self.rings.iter().map(Ring::fullness).fold(0.0, f32::max)
    }

    /// A reader of the counters for another thread.
    pub fn counter_reader(&self) -> CounterReader {
        self.counters.clone()
    }

    /// Records whose shape was not known, which no kernel program of this version writes.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Packets without a record that travelled with the records so far.
    pub fn attributed(&self) -> u64 {
        self.attributed
    }

    /// The program for received packets.
    ///
    /// # Errors
    ///
    /// When the object has no such program.
    pub fn program(&mut self) -> Result<&mut Xdp, XdpError> {
        self.programs.xdp(false)
    }

    /// The program for sent packets.
    ///
    /// # Errors
    ///
    /// When the object has no such program.
    pub fn egress_program(&mut self) -> Result<&mut SchedClassifier, XdpError> {
        self.programs.egress(false)
    }

    /// The reader of the kernel program's diagnostics, where [`XdpOptions::kernel_log`] asked for them.
    ///
    /// # Errors
    ///
    /// When the object has no log map.
    pub fn logger(&mut self) -> Result<aya_log::EbpfLogger<&'static dyn log::Log>, XdpError> {
        aya_log::EbpfLogger::init(&mut self.programs.ebpf)
            .map_err(|error| explain("open the kernel log", &error))
    }

    /// Sets the time, in nanoseconds, that records get from now on where [`XdpOptions::test_clock`] is set.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn set_test_clock(&mut self, time_ns: u64) -> Result<(), XdpError> {
        let map = self.programs.ebpf.map_mut(TEST_CLOCK_MAP).ok_or_else(|| missing(TEST_CLOCK_MAP))?;
        let mut clock: Array<_, u64> =
            map.try_into().map_err(|error: MapError| explain("open the clock", &error))?;
        clock.set(0, time_ns, 0).map_err(|error| explain("set the clock", &error))
    }
}

impl Source for XdpSource {
    type Error = XdpError;

    /// Takes from each ring in turn, so that a busy CPU does not starve the others.
    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, XdpError> {
        let mut idle = 0;
        while !batch.is_full() && idle < self.rings.len() {
            let budget = RING_BUDGET.min(nad_engine::batch::BATCH_RECORDS - batch.len());
            let Self { rings, head_rings, next_ring, records, attributed, .. } = self;
            let drained = rings[*next_ring].drain(budget, |bytes| {
                let Some(mut record) = PacketRecord::from_wire(bytes) else { return false };
                *attributed += u64::from(record.sampled_out_packets);
                let mut head = None;
                if record.head_number != 0 {
                    head = head_rings.get_mut(*next_ring).and_then(|ring| ring.of(&record));
                    record.head_number = 0;
                }
                batch.push(*records, record);
                if let Some(head) = head {
                    batch.push_head(&head.bytes[..usize::from(head.length)]);
                }
                *records += 1;
                true
            });
            self.unreadable += drained.unreadable;
            self.next_ring = (self.next_ring + 1) % self.rings.len();
            idle = if drained.records == 0 { idle + 1 } else { 0 };
        }
        Ok(if batch.is_full() { Fill::More } else { Fill::Idle })
    }

    fn counters(&self) -> Result<KernelCounters, XdpError> {
        self.counters.read()
    }
}
