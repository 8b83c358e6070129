//! What is said in the clear between a client and a service, counted.

use bytemuck::{Pod, Zeroable};

use crate::{
    context::{decay::Decay, flow::FlowStep},
    payload::{HeadFacts, Refused},
};

/// See the module. Counts fade over a minute.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SaidCounts {
    /// Up to when they have faded, in nanoseconds.
    last_ns: u64,
    /// Logins that the server refused.
    pub refused_logins_60: f32,
    /// Other things that it refused, and errors.
    pub refused_60: f32,
    /// Bytes of HTTP requests that requests seldom have.
    pub odd_60: f32,
    padding: [f32; 3],
}

impl SaidCounts {
    /// Takes what a packet's head says into account.
    pub(super) fn count(&mut self, facts: &HeadFacts, step: &FlowStep, now_ns: u64) {
        if step.repeat {
            return;
        }
        self.fade(now_ns);
        match facts.refused {
            // What the client refuses, it does as a server of another pair.
            Some(_) if step.from_initiator => {}
            Some(Refused::Login) => self.refused_logins_60 += 1.0,
            Some(Refused::Access | Refused::Error) => self.refused_60 += 1.0,
            None => {}
        }
        self.odd_60 += f32::from(facts.odd);
    }

    /// Lets counts fade up to a moment.
    pub(super) fn fade(&mut self, now_ns: u64) {
        if self.last_ns == 0 {
            self.last_ns = now_ns;
            return;
        }
        let Some(age) = now_ns.checked_sub(self.last_ns).filter(|age| *age > 0) else { return };
        let decay = Decay::after(age);
        for count in [&mut self.refused_logins_60, &mut self.refused_60, &mut self.odd_60] {
            *count *= decay.minute;
        }
        self.last_ns = now_ns;
    }

    /// Whether there is anything.
    pub fn is_any(&self) -> bool {
        self.refused_logins_60.max(self.refused_60).max(self.odd_60) > 0.01
    }
}
