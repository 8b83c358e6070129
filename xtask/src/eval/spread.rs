//! Several seeds' values of one quantity.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// `None` of no values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        Some(Self { mean: values.iter().sum::<f64>() / values.len() as f64, min, max })
    }

    /// The mean, followed by the range where there is one: `0.91 (0.88 to 0.95)`.
    pub(super) fn shown(&self, show: impl Fn(f64) -> String) -> String {
        let (mean, min, max) = (show(self.mean), show(self.min), show(self.max));
        if min == max { mean } else { format!("{mean} ({min} to {max})") }
    }
}

/// The value in the middle, or halfway between the two there; `None` of no values.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_halfway() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn a_range_is_shown_where_there_is_one() {
        let show = |value: f64| format!("{value:.2}");
        assert_eq!(Spread::of([0.5, 1.0, 0.75]).unwrap().shown(show), "0.75 (0.50 to 1.00)");
        assert_eq!(Spread::of([0.5, 0.5]).unwrap().shown(show), "0.50");
        assert_eq!(Spread::of([]), None);
    }
}
