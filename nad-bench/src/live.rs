//! The whole way live: packets into the real program, each with context, scored and decided, at rising rates.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Options,
    bpf::{Map, programs},
    lab::{self, Cable},
    measure::{self, pin},
    report::{Part, Row, Target},
    sender::Sender,
    sensor::Sensor,
};

/// Shares of the rate at which a program only counts.
const RUNGS: [f64; 17] =
    [0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Faster than any sender: so that what is not held back has the same clock as what is.
const FULL_SPEED: f64 = 1e9;
/// Where less than this share of a rate is reached, the sender gives no more.
const REACHED: f64 = 0.95;
/// Of a rung.
const TRIES: usize = 3;
const STEP_SECONDS: f64 = 1.0;
const REPEATED_SECONDS: f64 = 0.4;
/// Packets of one measurement of the counting program.
const COUNTED: u64 = 1 << 18;
/// Packets a second at which flows are begun, and of the baseline.
const QUIET_RATE: f64 = 250_000.0;
const BASELINE_RATE: f64 = 50_000.0;
/// Of the baseline, after all flows have begun.
const BASELINE_SECONDS: f64 = 12.0;
const PATIENCE: Duration = Duration::from_secs(20);

struct Case {
    flows: u32,
    extension_level: Option<&'static str>,
    target: Target,
}

const CASES: [Case; 5] = [
    Case { flows: 1, extension_level: None, target: Target::AtLeast(0.6) },
    Case { flows: 1 << 10, extension_level: None, target: Target::AtLeast(0.6) },
    Case { flows: 1 << 16, extension_level: None, target: Target::AtLeast(0.6) },
    Case { flows: 1 << 20, extension_level: None, target: Target::AtLeast(0.5) },
    Case { flows: 1 << 10, extension_level: Some("7"), target: Target::AtLeast(0.3) },
];

/// At rising rates for each population of flows, then back and forth between nad and counting.
pub(crate) fn measure(options: &Options) -> Result<Part> {
    let mut part = Part::new("live", "packets captured, put into context, scored and decided, without loss");
    part.skipped = why_not();
    if part.skipped.is_some() {
        return Ok(part);
    }
    let cpus = measure::cpus()?;
    lab::inside(|| {
        pin(cpus[0])?;
        for case in CASES {
            let lab = Lab::new()?;
            lab.climb(options, cpus[1], &case, &mut part)?;
        }
        part.notes.push(format!(
            "Sender and kernel work on CPU {}, all threads of nad on CPU {}. nad learns from the same flows for {BASELINE_SECONDS} s \
             first. A rate is loss-free where no packet is lost or sampled out, and nad has caught up within a twentieth of \
             the time after the last one. Each packet is passed on and then dropped by the network stack, in both.",
            cpus[0], cpus[1]
        ));
        Ok(part)
    })
}

/// Why nothing can be measured live.
pub(crate) fn why_not() -> Option<String> {
    let alone = || match measure::cpus() {
        Ok(cpus) if cpus.len() >= 2 => None,
        _ => Some("it needs one CPU for the packets and one for nad".to_owned()),
    };
    lab::why_not().or_else(alone)
}

/// A cable to nad, and one to a program that counts.
pub(crate) struct Lab {
    pub(crate) own: Cable,
    other: Cable,
    _link: crate::bpf::Link,
}

impl Lab {
    pub(crate) fn new() -> Result<Self> {
        let (own, other) = (Cable::lay("nad")?, Cable::lay("count")?);
        let counting = programs::counting(&Map::counter()?)?;
        let link = counting.attach(other.receiver)?;
        Ok(Self { own, other, _link: link })
    }

    fn climb(&self, options: &Options, cpu: usize, case: &Case, part: &mut Part) -> Result<()> {
        let mut name = format!("{} flows", case.flows);
        let mut arguments = Vec::new();
        if let Some(level) = case.extension_level {
            name += &format!(", packet forest extended to level {level}");
            arguments.extend(["--extension-level".to_owned(), level.to_owned()]);
        }
        let sender = Sender::new(case.flows)?;
        let sensor = self.learnt(options, cpu, &sender, &arguments)?;
        let climbed = self.loss_free(&sensor, &sender)?;
        let mut rung = climbed.rung;
        let mut pairs = Pairs::default();
        while let Some(at) = rung {
            pairs = self.repeat(options, &sensor, &sender, RUNGS[at] * climbed.counting)?;
            if 2 * pairs.loss_free >= usize::from(options.repetitions) {
                break;
            }
            rung = at.checked_sub(1);
        }
        match rung {
            Some(_) => {
                let row = Row::new(name.clone(), "packets/s", &pairs.rates)?;
                part.rows.push(row.by("counting", &pairs.rates, &pairs.counting, Some(case.target))?);
                if pairs.loss_free < usize::from(options.repetitions) {
                    let lossy = usize::from(options.repetitions) - pairs.loss_free;
                    part.notes.push(format!("{name}: {lossy} repetitions with a loss are left out."));
                }
            }
            None => part.notes.push(format!(
                "**{name}: not loss-free at {:.0} packets/s, {} of counting**, and no slower rate was tried.",
                RUNGS[0] * climbed.counting,
                RUNGS[0]
            )),
        }
        if let Some(why) = climbed.limit {
            part.notes.push(format!("{name}: {why}."));
        }
        let ended = sensor.end()?;
        part.notes.push(format!("{name}: {}", ended.ledger));
        part.failures.extend(ended.failure.map(|failure| format!("{name}: {failure}")));
        self.unplug()
    }

    /// nad, with a baseline of all flows.
    pub(crate) fn learnt(
        &self,
        options: &Options,
        cpu: usize,
        sender: &Sender,
        arguments: &[String],
    ) -> Result<Sensor> {
        let seconds = sender.packets_to_establish() as f64 / QUIET_RATE + BASELINE_SECONDS;
        let mut all = vec!["--train-for".to_owned(), format!("{seconds:.0}s")];
        all.extend_from_slice(arguments);
        let sensor = Sensor::start(options, &self.own, cpu, &settings(sender.flows()), &all)?;
        sender.establish(self.own.sender, QUIET_RATE)?;
        let learnt = lab::wait_for(Duration::from_secs_f64(seconds) + 3 * PATIENCE, || {
            sender.send(self.own.sender, (BASELINE_RATE / 2.0) as u64, Some(BASELINE_RATE))?;
            Ok(sensor.has_learnt().then_some(()))
        })?;
        anyhow::ensure!(learnt.is_some(), "nad did not learn its baseline");
        sensor.wait_until_idle(PATIENCE)?;
        Ok(sensor)
    }

    /// The highest rung without loss.
    pub(crate) fn loss_free(&self, sensor: &Sensor, sender: &Sender) -> Result<Climbed> {
        let mut counting = Vec::new();
        for _ in 0..3 {
            counting.push(self.count(sender)?);
        }
        let counting = measure::quantile(&counting, 0.5);
        let mut climbed = Climbed { counting, rung: None, rate: 0.0, limit: None };
        for (rung, share) in RUNGS.into_iter().enumerate() {
            let asked = share * counting;
            let mut stumbled = String::new();
            let mut stood = None;
            // More than once: whatever else runs on this machine is not to end the climb.
            for _ in 0..TRIES {
                let step = self.step(sensor, sender, asked, STEP_SECONDS)?;
                match step.loss {
                    Some(why) => stumbled = format!("{:.0} packets/s: {why}", step.rate),
                    None if step.rate < REACHED * asked => {
                        stumbled = format!(
                            "no loss, but beside nad's program only {:.0} packets/s are sent",
                            step.rate
                        );
                    }
                    None => {
                        stood = Some(step.rate);
                        break;
                    }
                }
            }
            let Some(rate) = stood else {
                climbed.limit = Some(format!("the climb ended at {share} of counting, {stumbled}"));
                break;
            };
            (climbed.rung, climbed.rate) = (Some(rung), rate);
        }
        Ok(climbed)
    }

    fn count(&self, sender: &Sender) -> Result<f64> {
        Ok(sender.send(self.other.sender, COUNTED, Some(FULL_SPEED))?.rate())
    }

    fn step(&self, sensor: &Sensor, sender: &Sender, rate: f64, seconds: f64) -> Result<Step> {
        let before = sensor.counters()?;
        let sent = sender.send(self.own.sender, (rate * seconds) as u64, Some(rate))?;
        let rest = sensor.wait_until_idle(PATIENCE)?;
        let after = sensor.counters()?;
        let seen = after.seen - before.seen;
        anyhow::ensure!(seen == sent.packets, "{seen} of {} packets came to nad", sent.packets);
        let recorded = after.recorded - before.recorded;
        let loss = match rest {
            _ if recorded < seen => Some(format!("{} packets were lost or sampled out", seen - recorded)),
            None => Some(format!("nad was not done {} s after the last packet", PATIENCE.as_secs())),
            Some(rest) if rest > 0.05_f64.max(sent.seconds / 20.0) => {
                Some(format!("nad was done {rest:.2} s after the last packet"))
            }
            Some(_) => None,
        };
        Ok(Step { rate: sent.rate(), loss })
    }

    fn repeat(&self, options: &Options, sensor: &Sensor, sender: &Sender, rate: f64) -> Result<Pairs> {
        let mut pairs = Pairs::default();
        for _ in 0..options.repetitions {
            let counting = self.count(sender)?;
            let step = self.step(sensor, sender, rate, REPEATED_SECONDS)?;
            if step.loss.is_none() {
                pairs.counting.push(counting);
                pairs.rates.push(step.rate);
                pairs.loss_free += 1;
            }
        }
        Ok(pairs)
    }

    fn unplug(&self) -> Result<()> {
        self.own.cut()?;
        self.other.cut()
    }
}

/// How far the rates rose.
pub(crate) struct Climbed {
    /// Packets a second of the program that counts.
    pub(crate) counting: f64,
    rung: Option<usize>,
    rate: f64,
    /// What keeps it from being higher.
    limit: Option<String>,
}

impl Climbed {
    /// Packets a second.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rung.map(|_| self.rate)
    }
}

struct Step {
    rate: f64,
    loss: Option<String>,
}

/// Packets a second of the repetitions without loss.
#[derive(Default)]
struct Pairs {
    counting: Vec<f64>,
    rates: Vec<f64>,
    loss_free: usize,
}

/// nad's settings for so many flows: tables in which they have room, as whoever runs such a network would set them.
fn settings(flows: u32) -> String {
    const USUAL: u32 = 1 << 18;
    if 2 * flows <= USUAL {
        return String::new();
    }
    format!(
        "[context]\nflows = {}\nhosts = {}\nservice_pairs = {}\nknown_services = {}\n",
        2 * flows,
        flows / 8,
        flows / 2,
        2 * flows
    )
}
