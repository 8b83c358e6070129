//! Which part of the packets was analysed.

use nad_common::record::PacketRecord;
use serde::{Deserialize, Serialize};

use crate::presentation;

/// Records, and the packets that they stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Packets that were recorded.
    pub records: u64,
    /// Those, and the ones that were left out under load.
    pub packets: u64,
    /// States of hosts, flows and service pairs that were lost while they mattered, or not taken up, as the tables had no
    /// room for all.
    pub lost_states: u64,
}

impl Coverage {
    /// Counts a record and what travels with it.
    pub fn count(&mut self, record: &PacketRecord) {
        self.records += 1;
        self.packets += 1 + u64::from(record.sampled_out_packets);
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.packets += other.packets;
        self.lost_states += other.lost_states;
    }

    /// Records per hundred packets, with one decimal; 100 only where nothing was left out.
    pub fn percent(&self) -> f64 {
        if self.records == self.packets {
            return 100.0;
        }
        (self.records as f64 * 1000.0 / self.packets as f64).floor() / 10.0
    }

    /// For the end of a line: `, 12.5 % of all packets analysed, 300 states lost`; empty where it was all of them, and
    /// none.
    pub fn remark(&self) -> String {
        let mut remark = String::new();
        if self.records != self.packets {
            remark += &format!(", {:.1} % of all packets analysed", self.percent());
        }
        if self.lost_states > 0 {
            remark += &format!(", {} lost", presentation::counted(self.lost_states, "state"));
        }
        remark
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn it_is_complete_only_where_nothing_was_left_out() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.percent(), 100.0, "nothing came");
        for _ in 0..9999 {
            coverage.count(&PacketRecord::zeroed());
        }
        assert_eq!((coverage.percent(), coverage.remark().as_str()), (100.0, ""));
        coverage.count(&PacketRecord { sampled_out_packets: 1, ..PacketRecord::zeroed() });
        assert_eq!(coverage.percent(), 99.9);
        coverage.count(&PacketRecord { sampled_out_packets: 90_000, ..PacketRecord::zeroed() });
        assert_eq!(coverage.remark(), ", 10.0 % of all packets analysed");
        coverage.lost_states = 300;
        assert_eq!(coverage.remark(), ", 10.0 % of all packets analysed, 300 states lost");
    }
}
