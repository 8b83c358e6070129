//! What is attached, compared with what there is to attach to, and what is said of the difference.

use std::{collections::HashMap, io::PipeWriter, io::Write};

use super::{Said, Watching};
use crate::{
    interface::Stack,
    source::xdp::{Attachment, Plan, Remark, Sent, XdpError, missing_interface, programs::Programs},
};

/// Interfaces that are gone and still told of.
const MOST_GONE: usize = 64;

/// See the module.
pub(super) struct State<'a> {
    programs: &'a mut Programs,
    watching: Watching,
    saying: PipeWriter,
    /// What could not be attached to, by index, and why.
    failed: HashMap<u32, String>,
    remarks: Vec<Remark>,
    /// As it was last told.
    interfaces: Vec<(String, bool)>,
    /// Whether nothing was told yet.
    is_beginning: bool,
}

impl<'a> State<'a> {
    pub(super) fn new(programs: &'a mut Programs, watching: Watching, saying: PipeWriter) -> Self {
        let (failed, remarks, interfaces) = (HashMap::new(), Vec::new(), Vec::new());
        Self { programs, watching, saying, failed, remarks, interfaces, is_beginning: true }
    }

    /// Attaches to everything that is there, and says how; an error where something that was named can't be had.
    pub(super) fn begin(&mut self) -> Result<(), ()> {
        let attached = self.try_to_begin();
        match &attached {
            Ok(()) => self.say(&Said::Ready),
            Err(error) => self.say(&Said::Failed(error.to_string())),
        }
        attached.map_err(|_| ())
    }

    fn try_to_begin(&mut self) -> Result<(), XdpError> {
        let stack = self.stack()?;
        missing_interface(&self.watching.selection, &stack)?;
        let plan = self.plan(&stack);
        self.set_receivers(&plan);
        let first = self.attach(&plan, |watch| watch.is_named)?;
        if let (Some(error), None) = (first, self.programs.watches().next()) {
            return Err(error);
        }
        for pattern in self.watching.selection.unmatched(&stack) {
            let line = format!("{pattern}: no interface fits now; what comes later is watched");
            say(&mut self.saying, &Said::Warning(line));
        }
        self.tell(&plan);
        let new = if self.watching.selection.has_patterns() { ", or is new and fits," } else { "" };
        self.say(&Said::Info(format!(
            "an interface that comes back{new} is attached by a process of its own (nad-attach, with CAP_BPF and \
             CAP_NET_ADMIN alone)"
        )));
        Ok(())
    }

    /// Whether there is something to try again.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Follows what has changed; `gone` are the indices of interfaces that went away, and may have come again.
    pub(super) fn look(&mut self, gone: &[u32]) {
        let stack = match self.stack() {
            Ok(stack) => stack,
            Err(error) => return self.say(&Said::Warning(error.to_string())),
        };
        let plan = self.plan(&stack);
        self.release(gone, &plan, &stack);
        self.set_receivers(&plan);
        // Nothing is fatal any more.
        let _ = self.attach(&plan, |_| false);
        self.tell(&plan);
    }

    /// Detaches from everything.
    pub(super) fn end(&mut self) {
        for left in self.programs.detach_all() {
            self.say(&Said::Warning(left));
        }
    }

    fn stack(&self) -> Result<Stack, XdpError> {
        Stack::read().map_err(|error| XdpError::Attach(error.into()))
    }

    fn plan(&self, stack: &Stack) -> Plan {
        Plan::new(&self.watching.selection.find(stack), self.watching.directions, stack)
    }

    fn set_receivers(&mut self, plan: &Plan) {
        if let Err(error) = self.programs.set_receivers(&plan.receivers) {
            self.say(&Said::Warning(format!("packets that are passed on may count twice: {error}")));
        }
    }

    /// Lets go of what is gone, or not to be watched any more.
    fn release(&mut self, gone: &[u32], plan: &Plan, stack: &Stack) {
        let held: Vec<_> =
            self.programs.watches().map(|watch| (watch.index, watch.interface.clone())).collect();
        for (index, name) in held {
            let is_gone = gone.contains(&index) || stack.node(index).is_none();
            let is_planned = plan.watches.iter().any(|watch| watch.index == index && watch.interface == name);
            if is_planned && !is_gone {
                continue;
            }
            let left = self.programs.detach(index);
            left.into_iter().for_each(|left| self.say(&Said::Warning(left)));
            let why = if is_gone {
                "is gone: its packets are not seen until it comes back"
            } else {
                "is not watched any more: it is no part now of what --iface says"
            };
            self.say(&Said::Warning(format!("{name} {why}")));
        }
        self.failed.retain(|index, _| !gone.contains(index) && stack.node(*index).is_some());
    }

    /// Attaches where that is due. Gives the first error, or returns with it where it is fatal.
    fn attach(
        &mut self,
        plan: &Plan,
        is_fatal: impl Fn(&crate::source::xdp::Watch) -> bool,
    ) -> Result<Option<XdpError>, XdpError> {
        let mut unseen = Unseen::default();
        let mut first = None;
        for watch in &plan.watches {
            if self.programs.watches().any(|held| held == watch) {
                continue;
            }
            match self.programs.attach(watch, self.watching.mode) {
                Ok(attachment) => {
                    self.failed.remove(&watch.index);
                    self.say(&Said::Info(attachment.to_string()));
                    unseen.add(&attachment);
                }
                Err(error) if is_fatal(watch) => return Err(error),
                Err(error) => {
                    let reason = error.to_string();
                    if self.failed.get(&watch.index) != Some(&reason) {
                        self.say(&Said::Warning(format!("{} is not watched: {reason}", watch.interface)));
                    }
                    self.failed.insert(watch.index, reason);
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(warning) = unseen.warning() {
            self.say(&Said::Warning(warning));
        }
        Ok(first)
    }

    /// Says what has changed since it was last told.
    fn tell(&mut self, plan: &Plan) {
        for remark in plan.remarks.iter().filter(|remark| !self.remarks.contains(remark)) {
            say(&mut self.saying, &Said::Info(remark.to_string()));
        }
        self.remarks.clone_from(&plan.remarks);
        let failed = |name: &str| {
            let watch = plan.watches.iter().find(|watch| watch.interface == name);
            watch.is_some_and(|watch| self.failed.contains_key(&watch.index))
        };
        let mut now: Vec<(String, bool)> = Vec::new();
        for (name, is_up) in &plan.interfaces {
            let before = self.interfaces.iter().find(|(other, _)| other == name).map(|(_, was_up)| *was_up);
            // Of what could not be attached to, that was said.
            let is_failed = failed(name);
            if let Some(line) = changed(name, before.or(self.is_beginning.then_some(true)), *is_up)
                && !is_failed
            {
                say(&mut self.saying, &line);
            }
            now.push((name.clone(), *is_up && !is_failed));
        }
        self.is_beginning = false;
        let is_gone = |(name, _): &&(String, bool)| !now.iter().any(|(other, _)| other == name);
        let mut gone: Vec<_> =
            self.interfaces.iter().filter(is_gone).map(|(name, _)| (name.clone(), false)).collect();
        // Those that were gone before come last, and leave first.
        gone.truncate(MOST_GONE);
        now.extend(gone);
        if now == self.interfaces {
            return;
        }
        let is_any = |interfaces: &[(String, bool)]| interfaces.iter().any(|(_, is_up)| *is_up);
        if is_any(&self.interfaces) && !is_any(&now) {
            self.say(&Said::Warning(
                "no interface is left to watch: no packet is seen until one comes back".into(),
            ));
        }
        self.interfaces = now;
        self.say(&Said::Interfaces(self.interfaces.clone()));
    }

    fn say(&mut self, said: &Said) {
        say(&mut self.saying, said);
    }
}

/// What is said of an interface that was set down, or up again; one that came back was attached, which is said.
fn changed(name: &str, was_up: Option<bool>, is_up: bool) -> Option<Said> {
    match (was_up, is_up) {
        (Some(true), false) => Some(Said::Warning(format!(
            "{name} is down, so no packet comes there (`ip link set dev {name} up`)"
        ))),
        (Some(false), true) => Some(Said::Info(format!("{name} is up"))),
        _ => None,
    }
}

fn say(saying: &mut PipeWriter, said: &Said) {
    let Ok(mut line) = serde_json::to_vec(said) else { return };
    line.push(b'\n');
    // Whoever is gone is not told.
    let _ = saying.write_all(&line);
}

/// The interfaces whose sent packets the kernel would not have watched, and why.
#[derive(Default)]
struct Unseen {
    interfaces: Vec<String>,
    reasons: Vec<String>,
}

impl Unseen {
    fn add(&mut self, attachment: &Attachment) {
        if let Err(Sent::Refused(reason)) = &attachment.egress {
            self.interfaces.push(attachment.interface.clone());
            if !self.reasons.contains(reason) {
                self.reasons.push(reason.clone());
            }
        }
    }

    /// One, for all of them.
    fn warning(&self) -> Option<String> {
        (!self.interfaces.is_empty()).then(|| {
            format!(
                "packets sent by {} are not seen, only received ones: {} (--direction ingress asks for just these)",
                self.interfaces.join(", "),
                self.reasons.join("; ")
            )
        })
    }
}
