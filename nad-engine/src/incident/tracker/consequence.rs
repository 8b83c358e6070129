//! What somebody does because of what another one did.

use super::{AFTERMATH_NS, Deviation, Open, Shape, SubjectState, Tracker};

impl Tracker {
    /// The sweep because of which a router asks for addresses: it came through the router, from its MAC address.
    pub(super) fn cause_of_questions(&self, deviation: &Deviation) -> Option<usize> {
        let SubjectState::Link(link) = &deviation.subject else { return None };
        let mac = link.key.to_mac()?;
        if link.conflicts_60 > 0.5 {
            return None;
        }
        self.open.iter().position(|open| {
            matches!(open.incident.shape, Shape::HostSweep | Shape::PortScan)
                && deviation.time_ns.saturating_sub(open.incident.end_ns) <= AFTERMATH_NS
                && open.principal != link.key
                && open.incident.origins.iter().any(|origin| origin.mac == Some(mac))
        })
    }
}

impl Open {
    /// What follows from it counts with it, and names nobody.
    pub(super) fn add_consequence(&mut self, deviation: &Deviation) {
        self.incident.alerts += 1;
        self.incident.end_ns = self.incident.end_ns.max(deviation.time_ns);
        (self.had_alerts, self.was_ended) = (true, false);
    }
}
