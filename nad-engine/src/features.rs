//! From states to the numbers that the forests see.
//!
//! There are several views, each with a forest of its own over a few features that belong together: in a forest
//! over everything, one feature that is far out is lost among many that are not. A view judges packets, or once a
//! second what was active in that second: a client-service pair, a host as source or as target, a
//! MAC address.

pub mod scale;
pub mod shape;
mod vectors;
mod views;

pub use vectors::Vectors;
pub use views::{PACKET_FEATURES, View, packet_codes};

/// The most features that a view has.
pub const MOST_FEATURES: usize = 32;

/// How values of a feature are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As they are.
    Linear,
    /// By [`scale::doublings`]: 100 against 200 differ as much as 1,000 against 2,000.
    Logarithmic,
    /// The same, where a doubling says as much as four times the value does of others.
    Steep,
}

/// What becomes of a feature's value when nothing more happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Persistence {
    /// It falls to its eth part in this many seconds.
    Fades(f32),
    /// It stays for about this many seconds, and is gone then.
    Holds(f32),
    /// It stays.
    Lasts,
}

/// One number about what a view judges.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// Its name in models, files and tables; unique in its view.
    pub name: &'static str,
    /// The unit of its value; empty for flags, codes and counts.
    pub unit: &'static str,
    /// How values are compared.
    pub scale: Scale,
    /// Up to this value it is unremarkable on any network, whatever a short baseline has seen: lower ones count as
    /// this one. 0 where there is no such value.
    pub ordinary: f32,
    /// For a circumstance, which says nothing by itself: up to this value it goes with anything ordinary. 0 for other
    /// features.
    pub circumstance: f32,
    /// From this value on it is hostile on any network, so that a baseline does not make it ordinary. 0 where there
    /// is no such value.
    pub hostile: f32,
    /// Whether values beyond the baseline's can occur; `false` for flags and codes.
    pub is_open: bool,
    /// The largest value that there can be.
    pub most: f32,
    /// Codes of a unit of its scale, from 0 on: forests see values by their code, of which there are 256.
    pub codes_per_unit: f32,
    /// What becomes of it when nothing more happens.
    pub persistence: Persistence,
    /// What is said of it in a reason, with the value in the place of `{}`; empty where it explains nothing.
    pub phrase: &'static str,
}

/// A feature and the function that reads it.
struct Column<F> {
    feature: Feature,
    read: F,
}

impl Feature {
    const fn logarithmic(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            scale: Scale::Logarithmic,
            ordinary: 0.0,
            circumstance: 0.0,
            hostile: 0.0,
            is_open: true,
            most: f32::INFINITY,
            codes_per_unit: scale::CODES_PER_DOUBLING,
            persistence: Persistence::Fades(10.0),
            phrase: "",
        }
    }

    const fn linear(name: &'static str) -> Self {
        Self {
            scale: Scale::Linear,
            is_open: false,
            codes_per_unit: 1.0,
            persistence: Persistence::Lasts,
            ..Self::logarithmic(name, "")
        }
    }

    const fn steep(self) -> Self {
        Self { scale: Scale::Steep, ..self }
    }

    const fn up_to(self, most: f32) -> Self {
        Self { is_open: true, most, ..self }
    }

    const fn persistence(self, persistence: Persistence) -> Self {
        Self { persistence, ..self }
    }

    const fn ordinary(self, ordinary: f32) -> Self {
        Self { ordinary, ..self }
    }

    const fn circumstance(self, circumstance: f32) -> Self {
        Self { circumstance, ..self }
    }

    const fn hostile(self, hostile: f32) -> Self {
        Self { hostile, ..self }
    }

    const fn phrase(self, phrase: &'static str) -> Self {
        Self { phrase, ..self }
    }

    /// A value on the scale on which it is compared.
    pub fn scaled(&self, value: f32) -> f32 {
        let value = if self.ordinary > 0.0 { value.max(self.ordinary) } else { value };
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => scale::doublings(value.max(0.0)),
            Scale::Steep => 2.0 * scale::doublings(value.max(0.0)),
        }
    }

    /// The value behind one of its scale.
    pub fn unscaled(&self, value: f32) -> f32 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => scale::undoubled(value),
            Scale::Steep => scale::undoubled(0.5 * value),
        }
    }

    /// A value of this feature's scale in words: `1448 bytes`.
    pub fn describe(&self, value: f32) -> String {
        self.describe_raw(self.unscaled(value))
    }

    /// With codes for parts of a unit.
    const fn finely(self) -> Self {
        Self { codes_per_unit: 16.0, ..self }
    }

    /// A value in this feature's own unit in words.
    pub fn describe_raw(&self, value: f32) -> String {
        let value = value.abs();
        let separator = if self.unit.is_empty() { "" } else { " " };
        let digits = usize::from(value < 9.95 && (value - value.round()).abs() > 0.05);
        format!("{value:.digits$}{separator}{}", self.unit)
    }
}

#[cfg(test)]
mod tests;
