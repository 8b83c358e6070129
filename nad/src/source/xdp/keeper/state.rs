//! What is attached, compared with what there is to attach to, and what is said of the difference.

use std::{
    collections::HashMap,
    io::PipeWriter,
    time::{Duration, Instant},
};

use super::{Said, Watching, say};
use crate::{
    interface::Stack,
    sensor::Watched,
    source::xdp::{Attachment, Plan, Remark, Sent, Watch, XdpError, missing_interface, programs::Programs},
};

/// Interfaces that are gone and still reported.
const MOST_GONE: usize = 64;
/// For how long of those that were not named.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// When what could not be attached to is tried again, where nothing changes before.
const RETRY: Duration = Duration::from_secs(10);
/// When is looked for what is to be forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct State<'a> {
    programs: &'a mut Programs,
    watching: Watching,
    saying: PipeWriter,
    /// What could not be attached to, by index, and why.
    failed: HashMap<u32, String>,
    remarks: Vec<Remark>,
    /// As they were last reported.
    interfaces: Vec<Known>,
    /// The interfaces that programs are attached to, as they were last reported.
    attached: Vec<Watched>,
    /// How programs were attached to an interface, by its index.
    how: HashMap<u32, (Option<String>, bool)>,
    /// Whether nothing was reported yet.
    is_beginning: bool,
}

impl<'a> State<'a> {
    pub(super) fn new(programs: &'a mut Programs, watching: Watching, saying: PipeWriter) -> Self {
        let (failed, remarks, interfaces) = (HashMap::new(), Vec::new(), Vec::new());
        let (attached, how) = (Vec::new(), HashMap::new());
        Self { programs, watching, saying, failed, remarks, interfaces, attached, how, is_beginning: true }
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

    /// When there is something to do at the latest, where nothing changes before.
    pub(super) fn pause(&self) -> Option<Duration> {
        let is_forgotten = self.interfaces.iter().any(|known| known.gone.is_some() && !known.is_named);
        if self.failed.is_empty() { is_forgotten.then_some(FORGET) } else { Some(RETRY) }
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
        is_fatal: impl Fn(&Watch) -> bool,
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
                    let ingress = attachment.ingress.as_ref().map(|hook| hook.mode.to_string());
                    self.how.insert(watch.index, (ingress, attachment.egress.is_ok()));
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

    /// Says what has changed since it last reported.
    fn tell(&mut self, plan: &Plan) {
        for remark in plan.remarks.iter().filter(|remark| !self.remarks.contains(remark)) {
            say(&mut self.saying, &Said::Info(remark.to_string()));
        }
        self.remarks.clone_from(&plan.remarks);
        let before = std::mem::take(&mut self.interfaces);
        let mut now = self.present(plan, &before);
        let is_present = |known: &Known| now.iter().any(|other| other.name == known.name);
        let gone = before.iter().filter(|known| !is_present(known)).map(Known::gone);
        // Those that were gone before come last, and leave first.
        let gone: Vec<_> = gone.filter(Known::is_remembered).take(MOST_GONE).collect();
        now.extend(gone);
        let [was_any, is_any] = [&before, &now].map(|all| all.iter().any(|known| known.is_up));
        if was_any && !is_any {
            let line = "no interface is left to watch: no packet is seen until one comes back";
            self.say(&Said::Warning(line.into()));
        }
        let told = |all: &[Known]| all.iter().map(|known| (known.name.clone(), known.is_up)).collect();
        let (told_before, told_now): (Vec<_>, Vec<_>) = (told(&before), told(&now));
        if self.is_beginning || told_now != told_before {
            self.say(&Said::Interfaces(told_now));
        }
        let watched = |watch: &Watch| {
            let (ingress, egress) = self.how.get(&watch.index).cloned().unwrap_or_default();
            Watched { index: watch.index, name: watch.interface.clone(), ingress, egress }
        };
        let attached: Vec<_> = self.programs.watches().map(watched).collect();
        self.how.retain(|index, _| attached.iter().any(|watched| watched.index == *index));
        if attached != self.attached {
            self.say(&Said::Attached(attached.clone()));
            self.attached = attached;
        }
        self.is_beginning = false;
        self.interfaces = now;
    }

    /// The interfaces that are there, of which is said what has become of them.
    fn present(&mut self, plan: &Plan, before: &[Known]) -> Vec<Known> {
        let mut present = Vec::new();
        for (name, is_up) in &plan.interfaces {
            let watch = plan.watches.iter().find(|watch| watch.interface == *name);
            // Of what could not be attached to, that was said.
            let is_failed = watch.is_some_and(|watch| self.failed.contains_key(&watch.index));
            let known = before.iter().find(|known| known.name == *name);
            let was_up = known.map(|known| known.is_up).or(self.is_beginning.then_some(true));
            if let Some(line) = changed(name, was_up, *is_up)
                && !is_failed
            {
                self.say(&line);
            }
            let is_named = plan.named.contains(name);
            present.push(Known { name: name.clone(), is_up: *is_up && !is_failed, is_named, gone: None });
        }
        present
    }

    fn say(&mut self, said: &Said) {
        say(&mut self.saying, said);
    }
}

/// An interface that is watched, or was.
struct Known {
    name: String,
    /// Whether packets can come.
    is_up: bool,
    /// Whether it was asked for by its name.
    is_named: bool,
    /// Since when there is none of that name.
    gone: Option<Instant>,
}

impl Known {
    fn gone(&self) -> Self {
        let gone = self.gone.or_else(|| Some(Instant::now()));
        Self { name: self.name.clone(), is_up: false, is_named: self.is_named, gone }
    }

    /// What was asked for is missed for as long as it is gone; what only fitted, as containers' interfaces do, for a while.
    fn is_remembered(&self) -> bool {
        self.is_named || self.gone.is_none_or(|since| since.elapsed() < REMEMBERED)
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
