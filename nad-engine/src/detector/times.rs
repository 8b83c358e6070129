//! Whether packets have times at all.

use nad_common::record::PacketRecord;

/// What is known of packets' times, as the source gives them.
#[derive(Default)]
pub(super) struct Times {
    first_ns: Option<u64>,
    /// Packets after the first one.
    more: u64,
    differ: bool,
}

impl Times {
    /// Takes note of packets.
    pub(super) fn note(&mut self, records: &[PacketRecord]) {
        let Some(first) = records.first() else { return };
        if self.differ {
            return;
        }
        let is_new = self.first_ns.is_none();
        let first_ns = *self.first_ns.get_or_insert(first.time_ns);
        self.more += records.len() as u64 - u64::from(is_new);
        self.differ = records.iter().any(|record| record.time_ns != first_ns);
    }

    /// Whether they tell what happened when. Several packets with the same time do not, nor does the time 0, which is
    /// written where there is none.
    pub(super) fn are_there(&self) -> bool {
        self.differ || self.first_ns.is_none_or(|first_ns| first_ns != 0 && self.more == 0)
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    fn noted(batches: &[&[u64]]) -> bool {
        let mut times = Times::default();
        for batch in batches {
            let record = |time_ns: &u64| PacketRecord { time_ns: *time_ns, ..PacketRecord::zeroed() };
            times.note(&batch.iter().map(record).collect::<Vec<_>>());
        }
        times.are_there()
    }

    #[test]
    fn packets_that_all_have_the_same_time_have_none() {
        for batches in [&[&[0_u64][..]][..], &[&[0, 0]], &[&[0], &[], &[0]], &[&[7], &[7]]] {
            assert!(!noted(batches), "{batches:?}");
        }
        for batches in [&[][..], &[&[7_u64][..]], &[&[0], &[7]], &[&[7, 7], &[7, 8]], &[&[0, 0, 1], &[0]]] {
            assert!(noted(batches), "{batches:?}");
        }
    }
}
