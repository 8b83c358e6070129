//! A sensor at the end of a cable, and a program that counts at the end of another.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    Options,
    bpf::{Link, Map, programs},
    lab::{self, Cable},
    sender::Sender,
    sensor::{Ended, Sensor},
    subject::Variant,
};

/// Faster than any sender: so that what is not held back has the same clock as what is.
const FULL_SPEED: f64 = 1e9;
/// Packets of one measurement of the counting program.
const COUNTED: u64 = 1 << 18;
/// Packets a second at which flows are begun, and of the baseline.
const QUIET_RATE: f64 = 250_000.0;
const BASELINE_RATE: f64 = 50_000.0;
/// Of the baseline, after all flows have begun.
pub(super) const BASELINE_SECONDS: f64 = 12.0;
const PATIENCE: Duration = Duration::from_secs(20);

/// A cable to a program that counts.
pub(crate) struct Lab {
    counting: Cable,
    _link: Link,
}

impl Lab {
    pub(crate) fn new() -> Result<Self> {
        let cable = Cable::lay("count")?;
        let link = programs::counting(&Map::counter()?)?.attach(cable.receiver)?;
        Ok(Self { counting: cable, _link: link })
    }

    /// Packets a second of the program that counts.
    pub(crate) fn count(&self, sender: &Sender) -> Result<f64> {
        Ok(sender.send(self.counting.sender, COUNTED, Some(FULL_SPEED))?.rate())
    }
}

/// A sensor, and the cable to it.
pub(crate) struct Post {
    pub(crate) cable: Cable,
    sensor: Sensor,
}

/// What became of packets at a rate.
pub(crate) struct Step {
    /// Packets a second.
    pub(crate) rate: f64,
    /// Why it is no rate without loss.
    pub(crate) loss: Option<String>,
    /// Nanoseconds of CPU time a packet, by the names of nad's threads.
    pub(crate) threads_ns: BTreeMap<String, f64>,
}

impl Post {
    /// nad on a new cable, with a baseline of all flows.
    pub(crate) fn learnt(
        options: &Options,
        variant: Variant<'_>,
        name: &str,
        sender: &Sender,
        arguments: &[String],
    ) -> Result<Self> {
        let cable = Cable::lay(name)?;
        let seconds = sender.packets_to_establish() as f64 / QUIET_RATE + BASELINE_SECONDS;
        let mut all = vec!["--train-for".to_owned(), format!("{seconds:.0}s")];
        all.extend_from_slice(arguments);
        let sensor = Sensor::start(options, variant, &cable, &settings(sender.flows()), &all)?;
        sender.establish(cable.sender, QUIET_RATE)?;
        let learnt = lab::wait_for(Duration::from_secs_f64(seconds) + 3 * PATIENCE, || {
            sender.send(cable.sender, (BASELINE_RATE / 2.0) as u64, Some(BASELINE_RATE))?;
            Ok(sensor.has_learnt().then_some(()))
        })?;
        ensure!(learnt.is_some(), "nad did not learn its baseline");
        sensor.wait_until_idle(PATIENCE)?;
        Ok(Self { cable, sensor })
    }

    /// Packets for so many seconds.
    pub(crate) fn step(&self, sender: &Sender, rate: f64, seconds: f64) -> Result<Step> {
        let (before, threads_before) = (self.sensor.counted()?, self.sensor.threads_ns()?);
        let sent = sender.send(self.cable.sender, (rate * seconds) as u64, Some(rate))?;
        let rest = self.sensor.wait_until_idle(PATIENCE)?;
        let (after, threads) = (self.sensor.counted()?, self.sensor.threads_ns()?);
        let seen = after.seen - before.seen;
        ensure!(seen == sent.packets, "{seen} of {} packets came to nad", sent.packets);
        let recorded = after.recorded - before.recorded;
        let loss = match rest {
            _ if recorded < seen => Some(format!("{} packets were lost or sampled out", seen - recorded)),
            None => Some(format!("nad was not done {} s after the last packet", PATIENCE.as_secs())),
            Some(rest) if rest > 0.05_f64.max(sent.seconds / 20.0) => {
                Some(format!("nad was done {rest:.2} s after the last packet"))
            }
            Some(_) => None,
        };
        let threads_ns = threads.into_iter().map(|(name, ns)| {
            let before = threads_before.get(&name).copied().unwrap_or(0);
            (name, ns.saturating_sub(before) as f64 / sent.packets as f64)
        });
        Ok(Step { rate: sent.rate(), loss, threads_ns: threads_ns.collect() })
    }

    /// Ends the sensor once it has nothing to do, and takes its cable away.
    pub(crate) fn end(self) -> Result<Ended> {
        self.sensor.wait_until_idle(PATIENCE)?;
        let ended = self.sensor.end()?;
        self.cable.cut()?;
        Ok(ended)
    }
}

/// nad's settings for so many flows: tables in which they have room, as whoever runs such a network would set them.
fn settings(flows: u32) -> String {
    const USUAL: u32 = 1 << 18;
    if 2 * flows <= USUAL {
        return String::new();
    }
    // A client has four servers, and a state in each of the partitions that these pairs belong to.
    format!(
        "[context]\nflows = {}\nhosts = {}\nservice_pairs = {}\nknown_services = {}\n",
        2 * flows,
        flows / 2,
        flows / 2,
        2 * flows
    )
}
