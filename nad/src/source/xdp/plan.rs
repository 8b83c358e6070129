//! What is watched where, so that every packet of the interfaces that are meant counts, and counts once.
//!
//! A bridge or bond is watched at its ports, which receive everything, and for what this machine sends at itself, where it
//! passes once. What stands on an interface that is watched needs no watching.

use std::fmt;

use super::watch::{Directions, Sent, Watch};
use crate::interface::{Role, Selected, Stack};

/// Interfaces may stand on each other as deeply (`MAX_NEST_DEV` of the kernel is 8).
const DEEPEST: u32 = 16;

/// What is watched of several interfaces together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Where programs are attached.
    pub watches: Vec<Watch>,
    /// The indices of the interfaces of which every received packet is counted, there or further down.
    pub receivers: Vec<u32>,
    /// The interfaces that are meant or watched, each with whether it is set up.
    pub interfaces: Vec<(String, bool)>,
    /// The names of those that were asked for by name.
    pub named: Vec<String>,
    /// What is watched in place of interfaces that are meant, and what is not seen.
    pub remarks: Vec<Remark>,
}

/// What is to be said of an interface that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where its packets are watched, and which are not seen.
    pub what: String,
    /// What to do where that may not be what was wanted.
    pub remedy: Option<String>,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, " ({remedy})"))
    }
}

impl Plan {
    /// Plans for all interfaces that are meant.
    pub fn new(meant: &[Selected], directions: Directions, stack: &Stack) -> Self {
        let indices: Vec<u32> = meant.iter().map(|selected| selected.index).collect();
        let mut planner = Planner { stack, directions, ingress: Vec::new(), egress: Vec::new() };
        planner.collect(&indices);
        planner.resolve();
        let watches = planner.watches(meant);
        let mut interfaces = Vec::new();
        let watched = watches.iter().map(|watch| watch.index);
        for node in indices.iter().copied().chain(watched).filter_map(|index| stack.node(index)) {
            if !interfaces.iter().any(|(name, _)| *name == node.name) {
                interfaces.push((node.name.clone(), node.is_up));
            }
        }
        let named = meant.iter().filter(|selected| selected.is_named);
        let named = named.map(|selected| stack.name(selected.index)).collect();
        let remarks = indices.iter().filter_map(|index| planner.remark(*index)).collect();
        Self { receivers: planner.receivers(), watches, interfaces, named, remarks }
    }
}

struct Planner<'a> {
    stack: &'a Stack,
    directions: Directions,
    /// Of which received packets are watched.
    ingress: Vec<u32>,
    /// Of which sent packets are.
    egress: Vec<u32>,
}

impl Planner<'_> {
    /// Notes where packets of the interfaces come in and go out.
    fn collect(&mut self, indices: &[u32]) {
        for &index in indices {
            if self.directions.ingress() {
                let entrances = self.entrances(index, 0);
                add(&mut self.ingress, entrances);
            }
            if self.directions.egress() {
                let exits = self.exits(index, 0);
                add(&mut self.egress, exits);
            }
        }
    }

    /// Where everything comes in that the interface receives: of one with ports, these.
    fn entrances(&self, index: u32, depth: u32) -> Vec<u32> {
        self.spread(index, depth, Self::entrances)
    }

    /// Where everything passes once that is sent through the interface.
    fn exits(&self, index: u32, depth: u32) -> Vec<u32> {
        if self.sends_for_ports(index) { vec![index] } else { self.spread(index, depth, Self::exits) }
    }

    fn spread(&self, index: u32, depth: u32, of: fn(&Self, u32, u32) -> Vec<u32>) -> Vec<u32> {
        let ports = self.stack.ports(index);
        if depth > DEEPEST || ports.is_empty() && !matches!(self.stack.role(index), Role::Bridge | Role::Bond)
        {
            return vec![index];
        }
        ports.into_iter().flat_map(|port| of(self, port, depth + 1)).collect()
    }

    /// Whether what goes out of its ports is counted as it is sent through the interface itself. Of a bridge, the rest came
    /// in through another port; where received packets are not watched, that has to be seen as it goes out.
    fn sends_for_ports(&self, index: u32) -> bool {
        match self.stack.role(index) {
            Role::Bridge => self.directions == Directions::Both,
            Role::Bond => true,
            _ => false,
        }
    }

    /// Takes away what would count a packet again.
    fn resolve(&mut self) {
        // A bridge above an interface that is watched by itself: what the bridge sends would count on both.
        for master in self.egress.clone() {
            let below = self.stack.below(master);
            let is_again = |other: &u32| below.contains(other) && !self.passes_master(*other, 0);
            if self.sends_for_ports(master) && self.egress.iter().any(is_again) {
                let ports =
                    self.stack.ports(master).into_iter().flat_map(|port| self.exits(port, 0)).collect();
                self.egress.retain(|index| *index != master);
                add(&mut self.egress, ports);
            }
        }
        for index in self.egress.clone() {
            if self.passes_master(index, 0) {
                self.egress.retain(|other| *other != index);
            }
        }
        for index in self.egress.clone() {
            if self.is_sent_below(index, 0) {
                self.egress.retain(|other| *other != index);
            }
        }
        for index in self.ingress.clone() {
            if self.is_received_below(index, 0) {
                self.ingress.retain(|other| *other != index);
            }
        }
        let arrives = |index: &u32| self.arrival(*index).is_some();
        let arriving: Vec<u32> = self.egress.iter().copied().filter(arrives).collect();
        self.egress.retain(|index| !arriving.contains(index));
    }

    /// Whether everything that goes out of a port is counted above, where it is sent through its bridge or bond.
    fn passes_master(&self, index: u32, depth: u32) -> bool {
        let master = self.stack.node(index).and_then(|node| node.master);
        let is_counted = |master: u32| self.egress.contains(&master) || self.passes_master(master, depth + 1);
        depth < DEEPEST && master.is_some_and(|master| self.sends_for_ports(master) && is_counted(master))
    }

    /// Whether everything that it sends goes out through others where it counts.
    fn is_sent_below(&self, index: u32, depth: u32) -> bool {
        let is_counted = |other: &u32| {
            self.egress.contains(other) || depth < DEEPEST && self.is_sent_below(*other, depth + 1)
        };
        let lower = self.stack.node(index).and_then(|node| node.lower);
        let ports = self.stack.ports(index);
        lower.is_some_and(|lower| is_counted(&lower) || self.passes_master(lower, 0))
            || !ports.is_empty() && ports.iter().all(is_counted)
    }

    /// Whether everything that it receives comes from others where it counts.
    fn is_received_below(&self, index: u32, depth: u32) -> bool {
        let end = self.stack.node(index).and_then(|node| node.end);
        if end.is_some_and(|end| self.sends_counted(end, depth)) {
            return true;
        }
        let inputs = self.stack.inputs(index);
        let is_counted = |other: &u32| {
            self.ingress.contains(other) || depth < DEEPEST && self.is_received_below(*other, depth + 1)
        };
        !inputs.is_empty() && inputs.iter().all(is_counted)
    }

    /// Whether the port sends only what is counted before it arrives: what came in through the other ports of its bridge,
    /// and what goes out here.
    fn sends_counted(&self, port: u32, depth: u32) -> bool {
        let Some(master) = self.stack.node(port).and_then(|node| node.master) else { return false };
        let is_whole = depth < DEEPEST && self.is_received_below(master, depth + 1);
        self.directions == Directions::Both
            && is_whole
            && (self.egress.contains(&port) || self.passes_master(port, 0))
    }

    /// The watched interface that receives everything that this one sends.
    fn arrival(&self, index: u32) -> Option<u32> {
        let node = self.stack.node(index).filter(|_| self.directions == Directions::Both)?;
        let end = if node.role == Role::Loopback { Some(index) } else { node.end };
        end.filter(|end| self.ingress.contains(end))
    }

    /// Interfaces below come first: where one above has a program, the kernel lets none attach below it.
    fn watches(&self, meant: &[Selected]) -> Vec<Watch> {
        let mut indices = self.ingress.clone();
        add(&mut indices, self.egress.clone());
        indices.sort_by_key(|index| self.stack.below(*index).len());
        // What belongs to an interface that was named is wanted as much.
        let is_named = |index: u32| {
            let named = meant.iter().filter(|selected| selected.is_named).map(|selected| selected.index);
            named.into_iter().any(|named| named == index || self.stack.below(named).contains(&index))
        };
        let watch = |index: u32| Watch {
            interface: self.stack.name(index),
            index,
            ingress: self.ingress.contains(&index),
            egress: self.sent(index),
            is_named: is_named(index),
        };
        indices.into_iter().map(watch).collect()
    }

    fn sent(&self, index: u32) -> Sent {
        if self.egress.contains(&index) {
            return Sent::Watched;
        }
        if !self.directions.egress() {
            return Sent::Unwanted;
        }
        if let Some(at) = self.arrival(index) {
            return Sent::Arrives(self.stack.name(at));
        }
        match self.stack.node(index).and_then(|node| node.master.or(node.lower)) {
            Some(through) => Sent::Passes(self.stack.name(through)),
            None => Sent::Unwanted,
        }
    }

    /// The interfaces of which every received packet is counted; those that are watched first.
    fn receivers(&self) -> Vec<u32> {
        let mut receivers = self.ingress.clone();
        let others = self.stack.nodes().iter().map(|node| node.index);
        add(&mut receivers, others.filter(|index| self.is_received_below(*index, 0)).collect());
        receivers
    }

    /// What is to be said of an interface that is meant, where it is not simply watched itself.
    fn remark(&self, index: u32) -> Option<Remark> {
        let simple = |what| Some(Remark { what, remedy: None });
        let node = self.stack.node(index)?;
        let name = &node.name;
        let names = |indices: &[u32]| {
            indices.iter().map(|index| self.stack.name(*index)).collect::<Vec<_>>().join(", ")
        };
        let is_watched = self.ingress.contains(&index) || self.egress.contains(&index);
        let ports = self.stack.ports(index);
        if matches!(node.role, Role::Bridge | Role::Bond) || !ports.is_empty() {
            return simple(self.of_ports(index, &names(&ports)));
        }
        if !is_watched {
            let below = names(&self.stack.inputs(index));
            let below = if below.is_empty() { node.end.map(|end| self.stack.name(end))? } else { below };
            let sharing = match node.role {
                Role::Sharing => format!("; what interfaces on {below} send to each other is not seen"),
                _ => String::new(),
            };
            return simple(format!("{name}: its packets pass {below}, and count there once{sharing}"));
        }
        let bridge = node.lower.filter(|lower| self.stack.role(*lower) == Role::Bridge)?;
        let bridge = self.stack.name(bridge);
        Some(Remark {
            what: format!("{name}: what {bridge} passes from port to port is not seen"),
            remedy: Some(format!("--iface {bridge} watches its ports")),
        })
    }

    fn of_ports(&self, index: u32, ports: &str) -> String {
        let name = self.stack.name(index);
        let role = self.stack.role(index);
        let kind = match role {
            Role::Bridge => "a bridge",
            Role::Bond => "a bond",
            _ => "a master",
        };
        if ports.is_empty() {
            return format!(
                "{name}: {kind} without ports, so it receives nothing; a port that is added is watched"
            );
        }
        let own = if self.egress.contains(&index) {
            let direct = match role {
                Role::Bond => "LACP, ARP probes",
                _ => "spanning tree, LLDP",
            };
            format!(
                ", and what this machine sends at {name} itself; what goes straight out of one port ({direct}) is not seen"
            )
        } else {
            String::new()
        };
        let hardware = match role {
            Role::Bridge => "; nor is what a switch chip or flow offload passes on without the kernel",
            _ => "",
        };
        format!("{name}: {kind}, watched at its ports {ports}{own}{hardware}")
    }
}

fn add(to: &mut Vec<u32>, more: Vec<u32>) {
    for index in more {
        if !to.contains(&index) {
            to.push(index);
        }
    }
}

#[cfg(test)]
mod tests;
