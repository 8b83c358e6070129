//! The loaded programs, and the interfaces that they are attached to.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use aya::{
    Ebpf,
    maps::{HashMap, Map, MapData, MapError},
    programs::{SchedClassifier, Xdp, links::FdLink},
};
use nad_common::settings::{EGRESS_PROGRAM, RAW_EGRESS_PROGRAM, RAW_XDP_PROGRAM, RECEIVERS_MAP, XDP_PROGRAM};

use crate::interface::Interface;

use super::{
    AttachError, Attachment, EgressHook, Sent, Watch, XdpError, XdpMode, attach,
    egress::{self, EgressLink},
    object::{explain, missing, program},
};

/// See the module. Dropped, it detaches.
pub(super) struct Programs {
    pub(super) ebpf: Ebpf,
    pub(super) clsact: bool,
    /// Whether the kernel may refuse to have sent packets watched.
    pub(super) ingress_will_do: bool,
    /// Why the program for sent packets is not loaded, where that was wanted.
    pub(super) egress_refused: Option<String>,
    held: Vec<Held>,
    receivers: Vec<u32>,
}

/// The kernel detaches a program when its link is closed, also when this process is killed; except clsact's filters.
struct Held {
    watch: Watch,
    ingress: Option<FdLink>,
    egress: Option<EgressLink>,
}

impl Programs {
    pub(super) fn new(
        ebpf: Ebpf,
        clsact: bool,
        ingress_will_do: bool,
        egress_refused: Option<String>,
    ) -> Self {
        Self { ebpf, clsact, ingress_will_do, egress_refused, held: Vec::new(), receivers: Vec::new() }
    }

    /// What is attached, as it was planned.
    pub(super) fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.held.iter().map(|held| &held.watch)
    }

    /// Attaches as planned. Where the interface is watched already, it is changed to what is planned now.
    pub(super) fn attach(&mut self, watch: &Watch, mode: XdpMode) -> Result<Attachment, XdpError> {
        let place = self.held.iter().position(|held| held.watch.index == watch.index);
        let before = place.map(|place| self.held.swap_remove(place));
        let (had_ingress, had_egress) = before.map_or((None, None), |held| (held.ingress, held.egress));
        let mut attachment = Attachment {
            interface: watch.interface.clone(),
            ingress: None,
            egress: Err(watch.egress.clone()),
            replaced: false,
        };
        let mut ingress = had_ingress.filter(|_| watch.ingress);
        let inspected = Interface::inspect(&watch.interface).map_err(|error| XdpError::Kernel {
            what: "tell about an interface",
            reason: error.to_string(),
        })?;
        let is_raw = !inspected.ethernet;
        if watch.ingress && ingress.is_none() {
            // First, so that no packet is counted as it comes and again as it goes.
            self.add_receiver(watch.index)?;
            let (hook, link) = attach::attach(self.xdp(is_raw)?, &watch.interface, mode)?;
            ingress = Some(link);
            attachment.ingress = Some(hook);
        }
        let is_sent = watch.egress == Sent::Watched;
        let egress = match had_egress {
            Some(link) if is_sent => Some(link),
            had => {
                had.and_then(EgressLink::detach);
                if is_sent { self.attach_egress(&watch.interface, is_raw, &mut attachment)? } else { None }
            }
        };
        if let Some(link) = &egress {
            attachment.egress = Ok(link.hook);
        }
        self.held.push(Held { watch: watch.clone(), ingress, egress });
        Ok(attachment)
    }

    fn attach_egress(
        &mut self,
        interface: &str,
        is_raw: bool,
        attachment: &mut Attachment,
    ) -> Result<Option<EgressLink>, XdpError> {
        let mut refuse = |reason: String| {
            attachment.egress = Err(Sent::Refused(reason));
            Ok(None)
        };
        if let Some(reason) = &self.egress_refused {
            return refuse(reason.clone());
        }
        let (clsact, ingress_will_do) = (self.clsact, self.ingress_will_do);
        match egress::attach(self.egress(is_raw)?, interface, clsact) {
            Ok(link) => {
                attachment.replaced = link.replaced;
                Ok(Some(link))
            }
            Err(AttachError::Egress { reason, .. }) if ingress_will_do => refuse(reason),
            Err(error) => Err(error.into()),
        }
    }

    /// Detaches from an interface, and gives what could not be removed.
    pub(super) fn detach(&mut self, index: u32) -> Option<String> {
        let place = self.held.iter().position(|held| held.watch.index == index)?;
        self.held.swap_remove(place).egress.and_then(EgressLink::detach)
    }

    /// Detaches from every interface, and gives what could not be removed.
    pub(super) fn detach_all(&mut self) -> Vec<String> {
        self.held.drain(..).filter_map(|held| held.egress.and_then(EgressLink::detach)).collect()
    }

    /// Whether detaching needs `CAP_NET_ADMIN`, as attaching does; closing links doesn't.
    pub(super) fn detaches_by_netlink(&self) -> bool {
        let hooks = self.held.iter().filter_map(|held| held.egress.as_ref());
        hooks.into_iter().any(|link| link.hook == EgressHook::Clsact)
    }

    /// Notes of which interfaces every received packet is counted, so that none is counted again as it goes out.
    pub(super) fn set_receivers(&mut self, receivers: &[u32]) -> Result<(), XdpError> {
        let old: Vec<u32> =
            self.receivers.iter().copied().filter(|index| !receivers.contains(index)).collect();
        let mut map = self.receivers_map()?;
        for index in old {
            // It may be gone already.
            let _ = map.remove(&index);
        }
        self.receivers.retain(|index| receivers.contains(index));
        for index in receivers {
            self.add_receiver(*index)?;
        }
        Ok(())
    }

    fn add_receiver(&mut self, index: u32) -> Result<(), XdpError> {
        if self.receivers.contains(&index) {
            return Ok(());
        }
        let mut map = self.receivers_map()?;
        map.insert(index, 1, 0).map_err(|error| explain("note one more interface", &error))?;
        self.receivers.push(index);
        Ok(())
    }

    fn receivers_map(&mut self) -> Result<HashMap<&mut MapData, u32, u8>, XdpError> {
        let map = self.ebpf.map_mut(RECEIVERS_MAP).ok_or_else(|| missing(RECEIVERS_MAP))?;
        map.try_into().map_err(|error: MapError| explain("open the set of interfaces", &error))
    }

    /// What attaching takes: the programs that are loaded, and the set of interfaces.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let programs = self.ebpf.programs().filter_map(|(_, program)| program.fd().ok());
        let mut descriptors: Vec<_> = programs.map(|program| program.as_fd().as_raw_fd()).collect();
        if let Some(Map::HashMap(map)) = self.ebpf.map(RECEIVERS_MAP) {
            descriptors.push(map.fd().as_fd().as_raw_fd());
        }
        descriptors
    }

    /// The program for what is received, by interfaces without Ethernet headers where `is_raw`.
    pub(super) fn xdp(&mut self, is_raw: bool) -> Result<&mut Xdp, XdpError> {
        program(&mut self.ebpf, if is_raw { RAW_XDP_PROGRAM } else { XDP_PROGRAM })
    }

    /// Likewise for what is sent.
    pub(super) fn egress(&mut self, is_raw: bool) -> Result<&mut SchedClassifier, XdpError> {
        program(&mut self.ebpf, if is_raw { RAW_EGRESS_PROGRAM } else { EGRESS_PROGRAM })
    }
}
