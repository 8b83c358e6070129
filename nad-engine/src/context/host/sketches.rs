//! How many services and hosts a host turned to lately that it is not known to use.
//!
//! Few hosts do so. Up to when each sketch is stands apart from its bits, so that bits that are over need not be looked at.

use bytemuck::{Pod, Zeroable};

use super::HostState;
use crate::context::distinct::Bitmaps;

/// Nanoseconds of a sketch's window: it covers one to two of them.
const SHORT_WINDOW_NS: u64 = 5_000_000_000;
const LONG_WINDOW_NS: u64 = 60_000_000_000;

/// A sketch of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sketch {
    /// Services that it opened flows to and is not known to use, of the last 5 to 10 s.
    Services10,
    /// The same of the last one to two minutes.
    Services120,
    /// Hosts of such services.
    Peers10,
    /// The same of the last one to two minutes.
    Peers120,
    /// Servers outside of one's own network that it opened flows to and is not known to use, at ports that are known.
    Outside120,
}

/// The number of each sketch's window.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Windows([u64; Sketch::ALL.len()]);

/// The bits of each sketch.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Sketches([Bitmaps; Sketch::ALL.len()]);

impl Sketch {
    const ALL: [Self; 5] =
        [Self::Services10, Self::Services120, Self::Peers10, Self::Peers120, Self::Outside120];

    /// The number of the window that a moment is in.
    fn window(self, now_ns: u64) -> u64 {
        now_ns
            / match self {
                Self::Services10 | Self::Peers10 => SHORT_WINDOW_NS,
                Self::Services120 | Self::Peers120 | Self::Outside120 => LONG_WINDOW_NS,
            }
    }
}

impl HostState {
    /// The stretch of sketches that are not over at a moment.
    pub(in crate::context) fn live_sketches(&self, now_ns: u64) -> &[u8] {
        let is_live = |sketch: &Sketch| self.is_live(*sketch, now_ns);
        let first = Sketch::ALL.iter().position(is_live);
        let end = Sketch::ALL.iter().rposition(is_live).map_or(0, |last| last + 1);
        bytemuck::cast_slice(&self.sketches.0[first.unwrap_or(end)..end])
    }

    /// Becomes what another one is at a moment. Bits of sketches that are over by then are left as they are: nobody reads them.
    pub(super) fn copy(&mut self, other: &Self, now_ns: u64) {
        let warm = |state| &bytemuck::bytes_of::<Self>(state)[..Self::WARM_BYTES];
        bytemuck::bytes_of_mut(self)[..Self::WARM_BYTES].copy_from_slice(warm(other));
        for sketch in Sketch::ALL {
            let place = sketch as usize;
            if other.is_live(sketch, now_ns) {
                self.sketches.0[place] = other.sketches.0[place];
            }
        }
    }

    /// Adds what another partition's sketches have, as of a moment.
    pub(super) fn add_sketches(&mut self, other: &Self, now_ns: u64) {
        for sketch in Sketch::ALL {
            let place = sketch as usize;
            self.sketches.0[place].add_all(
                &mut self.windows.0[place],
                &other.sketches.0[place],
                other.windows.0[place],
                sketch.window(now_ns),
            );
        }
    }

    /// Notes a service or a host by its hash.
    pub(super) fn note(&mut self, sketch: Sketch, hash: u64, now_ns: u64) {
        let place = sketch as usize;
        self.sketches.0[place].add(&mut self.windows.0[place], hash, sketch.window(now_ns));
    }

    /// Different services that it opened flows to in the last 5 to 10 s.
    pub fn services_10(&self) -> f32 {
        self.estimate(Sketch::Services10)
    }

    /// The same of the last one to two minutes.
    pub fn services_120(&self) -> f32 {
        self.estimate(Sketch::Services120)
    }

    /// Different hosts that it opened flows to in the last 5 to 10 s.
    pub fn peers_10(&self) -> f32 {
        self.estimate(Sketch::Peers10)
    }

    /// Those of the last one to two minutes.
    pub fn peers_120(&self) -> f32 {
        self.estimate(Sketch::Peers120)
    }

    /// Different servers outside, at known ports, that it opened flows to in the last one to two minutes.
    pub fn outside_120(&self) -> f32 {
        self.estimate(Sketch::Outside120)
    }

    fn is_live(&self, sketch: Sketch, now_ns: u64) -> bool {
        !Bitmaps::are_over(self.windows.0[sketch as usize], sketch.window(now_ns))
    }

    fn estimate(&self, sketch: Sketch) -> f32 {
        let place = sketch as usize;
        self.sketches.0[place].estimate(self.windows.0[place], sketch.window(self.last_ns))
    }
}
