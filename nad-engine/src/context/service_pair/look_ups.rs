//! Names that a client asks for, as far as headers say.

use nad_common::record::{PacketRecord, flag};

use super::ServicePairState;
use crate::context::decay::step_mean;

impl ServicePairState {
    /// Takes a DNS message into account.
    pub(super) fn count_names(&mut self, record: &PacketRecord) {
        /// A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNSKEY and DS of validators, SVCB, HTTPS.
        const USUAL: [u16; 12] = [1, 2, 5, 6, 12, 15, 28, 33, 43, 48, 64, 65];
        const NO_SUCH_NAME: u8 = 3;
        /// Few addresses have a name.
        const POINTER: u16 = 12;
        const AVERAGED_QUERIES: f32 = 32.0;
        if record.has(flag::DNS_RESPONSE) {
            let missing = f32::from(u8::from(record.message_code == NO_SUCH_NAME));
            self.missing_60 += if record.dns_query_type == POINTER { 0.0 } else { missing };
            step_mean(&mut self.no_such_name, self.query_count, AVERAGED_QUERIES, missing);
            return;
        }
        self.queries_10 += 1.0;
        self.query_count += 1.0;
        if record.dns_query_type != POINTER {
            self.long_names_60 += (f32::from(record.dns_name_length) - Self::USUAL_NAME).max(0.0);
        }
        let rare = f32::from(u8::from(!USUAL.contains(&record.dns_query_type)));
        step_mean(&mut self.name_length, self.query_count, AVERAGED_QUERIES, record.dns_name_length.into());
        step_mean(&mut self.rare_types, self.query_count, AVERAGED_QUERIES, rare);
    }
}
