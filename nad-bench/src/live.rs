//! The whole way live: packets into the real program, each with context, scored and decided, at rising rates.

mod climb;
mod post;

use anyhow::Result;

pub(crate) use self::{
    climb::Climbed,
    post::{Lab, Post},
};
use self::{climb::RUNGS, post::BASELINE_SECONDS};
use crate::{
    Options, lab,
    measure::{pin, quantile},
    report::{Part, Row, Target},
    sender::Sender,
    subject::Variant,
};

/// Of one measurement of a rate that stood.
const REPEATED_SECONDS: f64 = 0.4;
/// Whose time is shown beside that of all threads: what the threads are called, without their numbers.
const THREADS: [&str; 3] = ["nad-drain", "nad-detect", "nad-shard"];

struct Case {
    flows: u32,
    extension_level: Option<&'static str>,
    target: Target,
    /// Whether there is anything that more than one thread could do: one flow belongs to one partition.
    is_shared: bool,
}

const CASES: [Case; 5] = [
    Case { flows: 1, extension_level: None, target: Target::AtLeast(0.6), is_shared: false },
    Case { flows: 1 << 10, extension_level: None, target: Target::AtLeast(0.6), is_shared: true },
    Case { flows: 1 << 16, extension_level: None, target: Target::AtLeast(0.6), is_shared: true },
    Case { flows: 1 << 20, extension_level: None, target: Target::AtLeast(0.5), is_shared: true },
    Case { flows: 1 << 10, extension_level: Some("7"), target: Target::AtLeast(0.3), is_shared: false },
];

/// At rising rates for each population of flows, then back and forth between nad and counting.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let mut part = Part::new("live", "packets captured, put into context, scored and decided, without loss");
    part.skipped = why_not(options);
    if part.skipped.is_some() {
        return Ok(part);
    }
    lab::inside(|| {
        pin(options.cpus[0])?;
        let lab = Lab::new()?;
        for case in CASES.into_iter().filter(|case| options.wants_flows(case.flows)) {
            for shards in options.shards() {
                let variants = options.variants(shards);
                if !variants.is_empty() && (case.is_shared || shards == 1) {
                    case.measure(options, &lab, &variants, &mut part)?;
                }
            }
        }
        part.notes.push(format!(
            "Sender and kernel work on CPU {}, all threads of nad on {}. Both sides of each flow are sent, an eighth of \
             them UDP. nad learns from the same flows for {BASELINE_SECONDS} s first. A rate is loss-free where no packet is \
             lost or sampled out, and nad has caught up within a twentieth of the time after the last one. Each packet is passed \
             on and then dropped by the network stack, in both. CPU time is what the kernel counts of nad's threads.",
            options.cpus[0],
            places(options)
        ));
        Ok(part)
    })
}

/// Why nothing can be measured live.
pub(crate) fn why_not(options: &Options) -> Option<String> {
    let is_alone = options.cpus.len() < 2;
    lab::why_not().or_else(|| is_alone.then(|| "it needs one CPU for the packets and one for nad".to_owned()))
}

/// The CPUs of a sensor by its number of shards.
fn places(options: &Options) -> String {
    let of = |shards: usize| {
        let variant = options.program().with_shards(shards)?;
        let cpus: Vec<String> = variant.cpus(&options.cpus).iter().map(ToString::to_string).collect();
        let noun = if cpus.len() == 1 { "CPU" } else { "CPUs" };
        Some(format!("{noun} {} with {}", cpus.join(" and "), variant.name()))
    };
    options.shards().into_iter().filter_map(of).collect::<Vec<_>>().join(", on ")
}

/// A sensor, how far it came, and what it did there.
struct Subject<'a> {
    variant: Variant<'a>,
    post: Post,
    climbed: Climbed,
    /// The rung that is repeated.
    rung: Option<usize>,
    pairs: Pairs,
}

/// Of the repetitions without loss.
#[derive(Default)]
struct Pairs {
    /// Packets a second.
    counting: Vec<f64>,
    rates: Vec<f64>,
    /// Nanoseconds of CPU time a packet: of all threads, and of each of [`THREADS`].
    cpu: Vec<f64>,
    threads: [Vec<f64>; THREADS.len()],
}

impl Case {
    fn name(&self) -> String {
        let flows = if self.flows == 1 { "1 flow".to_owned() } else { format!("{} flows", self.flows) };
        match self.extension_level {
            Some(level) => format!("{flows}, packet forest extended to level {level}"),
            None => flows,
        }
    }

    fn id(&self, shards: usize) -> String {
        let extended = if self.extension_level.is_some() { ".extended" } else { "" };
        format!("live.{}{extended}.{shards}", self.flows)
    }

    /// All variants side by side, each on its own cable, and what is sent goes to each in turn.
    fn measure(&self, options: &Options, lab: &Lab, variants: &[Variant<'_>], part: &mut Part) -> Result<()> {
        let arguments: Vec<String> = self
            .extension_level
            .iter()
            .flat_map(|level| ["--extension-level", level])
            .map(str::to_owned)
            .collect();
        let sender = Sender::new(self.flows)?;
        let mut subjects = Vec::new();
        for (number, variant) in variants.iter().enumerate() {
            let post = Post::learnt(options, *variant, &format!("nad{number}"), &sender, &arguments)?;
            let climbed = post.loss_free(lab, &sender)?;
            let (rung, pairs) = (climbed.rung, Pairs::default());
            subjects.push(Subject { variant: *variant, post, climbed, rung, pairs });
        }
        repeat(options, lab, &sender, &mut subjects)?;
        for place in 0..subjects.len() {
            self.report(options, &subjects[place], subjects.get(place + 1), part)?;
        }
        for Subject { variant, post, .. } in subjects {
            let name = format!("{}, {}", self.name(), variant.name());
            let ended = post.end()?;
            part.notes.push(format!("{name}: {}", ended.ledger));
            part.failures.extend(ended.failure.map(|failure| format!("{name}: {failure}")));
        }
        Ok(())
    }

    /// Rows of one subject, compared with another one where there is one.
    fn report(
        &self,
        options: &Options,
        subject: &Subject<'_>,
        against: Option<&Subject<'_>>,
        part: &mut Part,
    ) -> Result<()> {
        let Subject { variant, climbed, rung, pairs, .. } = subject;
        let name = format!("{}, {}", self.name(), variant.name());
        let is_own = variant.program.against.is_none();
        let id = if is_own { self.id(variant.shards) } else { String::new() };
        if rung.is_none() {
            part.notes.push(format!(
                "**{name}: not loss-free at {:.0} packets/s, {} of counting**, and no slower rate was tried.",
                RUNGS[0] * climbed.counting,
                RUNGS[0]
            ));
        } else {
            let target = is_own.then_some(self.target);
            let row = Row::new(name.clone(), "packets/s", &pairs.rates)?.id(&id);
            let row = row.by("counting", &pairs.rates, &pairs.counting, target)?;
            let compare = |row: Row, values: &[f64], of: fn(&Pairs) -> &[f64]| match against {
                Some(other) if other.rung.is_some() => {
                    row.by_medians(other.variant.name(), values, of(&other.pairs))
                }
                _ => Ok(row),
            };
            part.rows.push(compare(row, &pairs.rates, |pairs| &pairs.rates)?);
            let cpu = Row::new(format!("{name}: CPU time of nad"), "ns a packet", &pairs.cpu)?;
            part.rows.push(compare(cpu.id(sub(&id, "cpu")), &pairs.cpu, |pairs| &pairs.cpu)?);
            for (thread, times) in THREADS.iter().zip(&pairs.threads) {
                if quantile(times, 0.5) > 0.0 {
                    let row = Row::new(format!("{name}: of it {thread}"), "ns a packet", times)?;
                    part.rows.push(row.id(sub(&id, thread)));
                }
            }
            let lossy = usize::from(options.repetitions) - pairs.rates.len();
            if lossy > 0 {
                part.notes.push(format!("{name}: {lossy} repetitions with a loss are left out."));
            }
        }
        if let Some(why) = &climbed.limit {
            part.notes.push(format!("{name}: {why}."));
        }
        Ok(())
    }
}

/// Of a row that belongs to another one, which is empty where that has none.
fn sub(id: &str, name: &str) -> String {
    if id.is_empty() { String::new() } else { format!("{id}.{name}") }
}

/// Repeats what stood, in turns with counting; where half of the repetitions lose, the next lower rung instead.
fn repeat(options: &Options, lab: &Lab, sender: &Sender, subjects: &mut [Subject<'_>]) -> Result<()> {
    let wanted = usize::from(options.repetitions);
    let mut open: Vec<usize> = (0..subjects.len()).collect();
    while !open.is_empty() {
        for _ in 0..wanted {
            let counting = lab.count(sender)?;
            for place in &open {
                let Subject { post, climbed, rung, pairs, .. } = &mut subjects[*place];
                let Some(rung) = *rung else { continue };
                let step = post.step(sender, RUNGS[rung] * climbed.counting, REPEATED_SECONDS)?;
                if step.loss.is_some() {
                    continue;
                }
                pairs.counting.push(counting);
                pairs.rates.push(step.rate);
                pairs.cpu.push(step.threads_ns.values().sum());
                for (thread, times) in THREADS.iter().zip(&mut pairs.threads) {
                    times.push(step.threads_ns.get(*thread).copied().unwrap_or(0.0));
                }
            }
        }
        open.retain(|place| {
            let Subject { rung, pairs, .. } = &mut subjects[*place];
            let is_lossy = rung.is_some() && 2 * pairs.rates.len() < wanted;
            if is_lossy {
                *rung = rung.and_then(|rung| rung.checked_sub(1));
                *pairs = Pairs::default();
            }
            is_lossy && rung.is_some()
        });
    }
    Ok(())
}
