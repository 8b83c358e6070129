//! The kernel programs, loaded and not attached, with everything around one of their runs checked.

use aya::programs::{ProgramError, TestRun, TestRunOptions};
use nad::source::{
    Fill, Source,
    heads::HeadOptions,
    xdp::{XdpOptions, XdpSource},
};
use nad_common::{
    counters::KernelCounters,
    record::{Direction, PacketRecord},
    refusal::Refusal,
};
use nad_engine::batch::RecordBatch;

/// The interface that a test run without context claims: the loopback interface of the thread's namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// Frames up to this length lie in one page, with the room that the kernel keeps before and behind them. Of a
/// longer one a program like this sees the first part only, which no driver would do to it.
pub(crate) const LONGEST: usize = 4096 - 256 - 320;
pub(crate) const SHORTEST: usize = 14;

const XDP_PASS: u32 = 2;
/// -1, by which a program leaves the packet to the next one.
const TC_ACT_UNSPEC: u32 = u32::MAX;

/// The loaded kernel programs.
pub(crate) struct Bench {
    pub(crate) source: XdpSource,
    /// Which of the two is run.
    pub(crate) direction: Direction,
    batch: RecordBatch,
    counters: KernelCounters,
    passed_on: Vec<u8>,
}

impl Bench {
    /// With the test clock, which stands at 0, and without a bound on heads.
    pub(crate) fn new() -> Self {
        let heads = HeadOptions { a_second: u32::MAX, ..HeadOptions::default() };
        Self::with(XdpOptions { test_clock: true, heads, ..XdpOptions::default() })
    }

    pub(crate) fn with(options: XdpOptions) -> Self {
        let source = XdpSource::load(&options).expect("the kernel takes the program");
        Self {
            source,
            direction: Direction::Ingress,
            batch: RecordBatch::default(),
            counters: KernelCounters::default(),
            passed_on: vec![0; LONGEST],
        }
    }

    /// Runs the program on one frame; gives its record, or the reason that was counted instead.
    pub(crate) fn run(&mut self, frame: &[u8]) -> Result<PacketRecord, Refusal> {
        self.run_with_head(frame).map(|(record, _)| record)
    }

    /// The same with the head that its payload is.
    pub(crate) fn run_with_head(&mut self, frame: &[u8]) -> Result<(PacketRecord, Option<Vec<u8>>), Refusal> {
        self.repeat(frame, 1, &[]);
        let outcome = self.counted();
        let mut records = self.drain_with_heads();
        let egress = u64::from(self.direction == Direction::Egress);
        let mut expected = KernelCounters { seen: 1, egress, ..KernelCounters::default() };
        match records.len() {
            1 => {
                let (record, head) = records.remove(0);
                expected.recorded = 1;
                expected.heads = u64::from(head.is_some());
                expected.add_opaque(&record);
                assert_eq!(outcome, expected, "one frame, one record");
                Ok((record, head))
            }
            0 => {
                let reason = Refusal::ALL.into_iter().find(|reason| outcome.unparsed[*reason as usize] == 1);
                let reason = reason.unwrap_or_else(|| panic!("neither recorded nor refused: {outcome:?}"));
                expected.add_unparsed(reason);
                assert_eq!(outcome, expected, "one frame, one refusal");
                Err(reason)
            }
            _ => panic!("one frame gave {} records", records.len()),
        }
    }

    /// Runs the program `times` times on a frame, which must pass, and pass unaltered.
    pub(crate) fn repeat(&mut self, frame: &[u8], times: u32, context: &[u8]) {
        let result = self.try_repeat(frame, times, context).expect("the kernel runs the program");
        let passed_on = &self.passed_on[..result];
        assert!(passed_on == frame, "the program altered the frame {frame:02x?}: {passed_on:02x?}");
    }

    /// The same where the kernel may refuse; gives the length of what was passed on.
    pub(crate) fn try_repeat(
        &mut self,
        frame: &[u8],
        times: u32,
        context: &[u8],
    ) -> Result<usize, ProgramError> {
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut self.passed_on),
            ctx_in: Some(context).filter(|context| !context.is_empty()),
            repeat: times,
            ..TestRunOptions::new()
        };
        let (result, passes) = match self.direction {
            Direction::Ingress => {
                let program = self.source.program().expect("the object has the program");
                (program.test_run(options)?, XDP_PASS)
            }
            Direction::Egress => {
                let program = self.source.egress_program().expect("the object has the program");
                (program.test_run(options)?, TC_ACT_UNSPEC)
            }
        };
        assert_eq!(result.return_value, passes, "{frame:02x?}");
        Ok(result.data_size_out as usize)
    }

    /// Whether a test run of this direction takes the frame: one that was made a packet of (`sk_buff`) and is
    /// announced as IP must have a whole IP header. The live tests send those that have not.
    pub(crate) fn takes(&self, frame: &[u8]) -> bool {
        let announced = match frame.get(12..SHORTEST) {
            Some([0x08, 0x00]) => SHORTEST + 20,
            Some([0x86, 0xdd]) => SHORTEST + 40,
            _ => SHORTEST,
        };
        frame.len() >= if self.direction == Direction::Egress { announced } else { SHORTEST }
    }

    /// Takes everything out of the rings.
    pub(crate) fn drain(&mut self) -> Vec<PacketRecord> {
        self.drain_with_heads().into_iter().map(|(record, _)| record).collect()
    }

    /// The same with the first bytes of payloads.
    pub(crate) fn drain_with_heads(&mut self) -> Vec<(PacketRecord, Option<Vec<u8>>)> {
        let mut records = Vec::new();
        loop {
            self.batch.clear();
            let fill = self.source.fill(&mut self.batch).expect("the rings can be read");
            records.extend(self.batch.arrivals().map(|it| (*it.record, it.head.map(<[u8]>::to_vec))));
            if fill == Fill::Idle {
                assert_eq!(self.source.unreadable(), 0);
                return records;
            }
        }
    }

    /// What was counted since the last call.
    pub(crate) fn counted(&mut self) -> KernelCounters {
        let now = self.source.counters().expect("the counters can be read");
        let before = std::mem::replace(&mut self.counters, now);
        KernelCounters {
            seen: now.seen - before.seen,
            egress: now.egress - before.egress,
            recorded: now.recorded - before.recorded,
            sampled_out: now.sampled_out - before.sampled_out,
            ring_full: now.ring_full - before.ring_full,
            unparsed: std::array::from_fn(|reason| now.unparsed[reason] - before.unparsed[reason]),
            opaque: std::array::from_fn(|reason| now.opaque[reason] - before.opaque[reason]),
            heads: now.heads - before.heads,
            heads_left_out: now.heads_left_out - before.heads_left_out,
            heads_lost: now.heads_lost - before.heads_lost,
        }
    }
}

/// Keeps the thread on one CPU while it lives, so that all records are in one ring, in order.
pub(crate) struct Pinned(libc::cpu_set_t);

impl Pinned {
    pub(crate) fn to(cpu: usize) -> Self {
        // SAFETY: the sets are plain bits, for which zeros are a value, and live through the calls.
        unsafe {
            let mut before: libc::cpu_set_t = std::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of_val(&before), &raw mut before), 0);
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut one);
            assert_eq!(libc::sched_setaffinity(0, size_of_val(&one), &raw const one), 0, "CPU {cpu}");
            Self(before)
        }
    }

    /// To the first of [`cpus`].
    pub(crate) fn anywhere() -> Self {
        Self::to(cpus()[0])
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: as above; a failure leaves the thread where it may be anyway.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &raw const self.0) };
    }
}

/// The CPUs that this thread may run on.
pub(crate) fn cpus() -> Vec<usize> {
    // SAFETY: as above.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &raw mut set), 0);
        set
    };
    // SAFETY: the numbers are below the size of the set.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}
