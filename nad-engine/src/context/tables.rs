//! Where a context keeps its states.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use rustix::mm::{Advice, madvise};

use super::{
    Kinds, Sizes, TableId,
    known::{KnownEntry, KnownServices},
    network::{HostSummary, Network},
    partition::{PARTITIONS, Partition},
    table::{AnyTable, Memory, Table},
};

/// Bytes of a table's values that are fetched before there are any: with huge pages it is at least one of them.
const BEGINNING: usize = 1 << 20;

/// Tables without entries.
#[derive(Debug)]
pub struct Tables {
    // The first to be dropped.
    pub(super) fetching: Option<Fetching>,
    pub(super) partitions: Vec<Partition>,
    pub(super) hosts: Table<HostSummary>,
    pub(super) kinds: Kinds,
    pub(super) known: Table<KnownEntry>,
}

impl Tables {
    /// Tables of these sizes, whose memory comes when it is first touched.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn new(sizes: &Sizes) -> io::Result<Self> {
        Ok(Self {
            fetching: None,
            partitions: (0..PARTITIONS).map(|_| Partition::new(sizes)).collect::<io::Result<_>>()?,
            hosts: Network::hosts(sizes.hosts)?,
            kinds: Kinds::new(sizes)?,
            known: KnownServices::table(sizes.known_services)?,
        })
    }

    /// Begins to fetch the memory that the first entries need, on a thread of its own. A huge page takes as long to zero
    /// as thousands of packets to judge, and the first few hundred flows touch one of each table: another CPU does that
    /// better. Where the kernel gives no huge pages, most of the memory may never be
    /// needed, and nothing is done.
    #[must_use]
    pub fn fetch(self) -> Self {
        let fetching = gives_huge_pages().then(|| Fetching::start(self.regions()).ok()).flatten();
        Self { fetching, ..self }
    }

    /// All buckets, and the beginnings of the values.
    fn regions(&self) -> Vec<Region> {
        let Self { fetching: _, partitions, hosts, kinds, known } = self;
        let mut regions = Vec::new();
        let mut add = |_, table: &dyn AnyTable| {
            let region =
                |memory: &[u8]| Region { address: memory.as_ptr().expose_provenance(), length: memory.len() };
            let Memory { buckets, values } = table.memory();
            regions.extend([buckets, &values[..values.len().min(BEGINNING)]].map(region));
        };
        partitions.iter().for_each(|partition| partition.each_table(&mut add));
        add(TableId::Hosts, hosts);
        kinds.each_table(&mut add);
        add(TableId::KnownServices, known);
        regions
    }
}

/// A part of this process's memory.
#[derive(Debug, Clone, Copy)]
struct Region {
    address: usize,
    length: usize,
}

/// A thread that fetches memory. It ends before this is dropped; the memory must be there until then.
#[derive(Debug)]
pub(super) struct Fetching {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fetching {
    fn start(regions: Vec<Region>) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let thread = thread::Builder::new().name("nad-tables".into()).spawn(move || {
            for part in regions.into_iter().flat_map(Region::parts) {
                // A kernel before 5.14 can't; then it comes when it is touched.
                if stop.load(Relaxed) || part.fetch().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to fail with.
            let _ = thread.join();
        }
    }
}

impl Region {
    /// Parts of no more than a huge page, so that the end of it need not be waited for.
    fn parts(self) -> impl Iterator<Item = Self> {
        const HUGE_PAGE: usize = 2 << 20;
        let end = self.address + self.length;
        let first = self.address / HUGE_PAGE * HUGE_PAGE;
        (first..end).step_by(HUGE_PAGE).map(move |start| {
            let (address, end) = (start.max(self.address), (start + HUGE_PAGE).min(end));
            Self { address, length: end - address }
        })
    }

    /// Waits until the memory is there.
    fn fetch(self) -> io::Result<()> {
        let address = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: it changes nothing that is in the memory, whoever else reads or writes it meanwhile.
        unsafe { madvise(address, self.length, Advice::LinuxPopulateWrite) }.map_err(io::Error::from)
    }
}

/// Whether the kernel gives huge pages to who asks for them.
fn gives_huge_pages() -> bool {
    let setting = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    setting.is_ok_and(|setting| !setting.contains("[never]"))
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::{
        context::{
            flow::{FlowId, FlowKey},
            hash::HashKey,
            host_key::HostKey,
            table::{Group, Hashed},
        },
        skip::skipped,
    };

    const PAGE: usize = 4096;
    fn tables() -> Tables {
        Tables::new(&Sizes { flows: 1 << 18, ..Sizes::all(1000) }).unwrap()
    }

    /// How much of a memory is there.
    fn fetched(memory: &[u8]) -> usize {
        let mut there = vec![0u8; memory.len().div_ceil(PAGE)];
        let address = memory.as_ptr().cast_mut().cast();
        // SAFETY: it writes a byte for each page of the memory.
        let result = unsafe { libc::mincore(address, memory.len(), there.as_mut_ptr()) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        there.iter().filter(|page| **page & 1 == 1).count() * PAGE
    }

    fn flow(number: u64) -> Hashed<FlowId> {
        let client = HostKey::v4((number as u32).to_be_bytes());
        let record = nad_common::record::PacketRecord::zeroed();
        FlowKey::of(&HashKey::from_seed(0), &record, client, HostKey::v4([10, 0, 0, 1])).id
    }

    fn wait_for(fetching: &Fetching) {
        while fetching.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            thread::yield_now();
        }
    }

    #[test]
    fn what_the_first_entries_need_is_there_once_it_is_fetched_and_not_before() {
        let tables = tables();
        let Memory { buckets, values } = tables.partitions[0].flows.memory();
        assert!(values.len() > BEGINNING, "{} bytes of values", values.len());
        assert_eq!([buckets, values].map(fetched), [0; 2]);
        if tables.regions()[0].fetch().is_err() {
            return skipped("memory that is fetched: the kernel is older than 5.14");
        }
        wait_for(&Fetching::start(tables.regions()).unwrap());
        assert_eq!(fetched(buckets), buckets.len());
        assert!(fetched(values) >= BEGINNING, "{} bytes", fetched(values));
        assert_eq!(tables.partitions[0].flows.iter().count(), 0);
    }

    #[test]
    fn what_is_put_into_a_table_while_its_memory_is_fetched_stays() {
        let mut tables = tables();
        let fetching = Fetching::start(tables.regions()).unwrap();
        for number in 1..=1000 {
            let slot = tables.partitions[0].flows.enter(&flow(number), Group::default, 0).slot().unwrap();
            tables.partitions[0].flows.get_mut(slot).bytes = [number; 2];
        }
        wait_for(&fetching);
        for number in 1..=1000 {
            let slot = tables.partitions[0].flows.find(&flow(number)).unwrap();
            assert_eq!(tables.partitions[0].flows.get(slot).bytes, [number; 2]);
        }
    }

    #[test]
    fn parts_are_all_of_a_region() {
        let region = Region { address: 0x40_1000, length: 0x50_0000 };
        let parts: Vec<Region> = region.parts().collect();
        assert_eq!(parts.iter().map(|part| part.length).sum::<usize>(), region.length);
        assert_eq!(
            parts.iter().map(|part| part.address).collect::<Vec<_>>(),
            [0x40_1000, 0x60_0000, 0x80_0000]
        );
    }
}
