//! Numbers and times as a page shows them, and where the ticks of an axis are.

use jiff::{Timestamp, tz::TimeZone};

use crate::clock::local;
pub(super) use crate::text::human::grouped;

/// Seconds between ticks of time.
const STEPS: [u64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800,
    2_592_000,
];
const DAY: u64 = 86_400;

/// The least round number (1, 2 or 5 and zeros) that is not below a value; 1 for nothing.
pub(super) fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = libm::pow(10.0, value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|round| *round >= value).unwrap_or(value)
}

/// A number in few characters: 1200 as `1.2k`.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        _ if value >= 1e12 => (value / 1e12, "T"),
        _ if value >= 1e9 => (value / 1e9, "G"),
        _ if value >= 1e6 => (value / 1e6, "M"),
        _ if value >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = format!("{scaled:.1}");
    format!("{}{unit}", digits.strip_suffix(".0").unwrap_or(&digits))
}

/// Bytes with their unit: `1.2 MB`, in powers of 1000.
pub(super) fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let text = short(count as f64);
    let (number, unit) = text.split_at(text.len() - 1);
    format!("{number} {unit}B")
}

/// A length of time: `45 s`, `12 min`, `3.5 h`, `4 d`.
pub(super) fn length(seconds: f64) -> String {
    let (value, unit) = match seconds {
        _ if seconds < 120.0 => return format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => (seconds / 60.0, "min"),
        _ if seconds < 172_800.0 => (seconds / 3600.0, "h"),
        _ => (seconds / 86_400.0, "d"),
    };
    let digits = format!("{value:.1}");
    format!("{} {unit}", digits.strip_suffix(".0").unwrap_or(&digits))
}

/// A moment as a person reads it, in the machine's time zone: `2026-11-24 18:00:05`.
pub(super) fn moment(time_ns: u64) -> String {
    formatted(time_ns / 1_000_000_000, "%Y-%m-%d %H:%M:%S", &local::zone())
}

/// Moments between two, in seconds since the Unix epoch, with what is written at them: `most` at most, at round times of the machine's
/// time zone, as it is at the first.
pub(super) fn time_ticks(first_s: u64, last_s: u64, most: u64) -> Vec<(u64, String)> {
    time_ticks_in(first_s, last_s, most, &local::zone())
}

fn time_ticks_in(first_s: u64, last_s: u64, most: u64, zone: &TimeZone) -> Vec<(u64, String)> {
    let period = last_s.saturating_sub(first_s).max(1);
    let longest = STEPS[STEPS.len() - 1];
    let step = STEPS
        .into_iter()
        .find(|step| period / step <= most)
        .unwrap_or_else(|| (period / most / longest + 1) * longest);
    let format = if step >= DAY {
        "%m-%d"
    } else if step < 60 {
        "%H:%M:%S"
    } else if period > DAY {
        "%m-%d %H:%M"
    } else {
        "%H:%M"
    };
    // A zone is ahead of UTC or behind; what is round there is so many seconds after what is round in UTC.
    let ahead = timestamp(first_s).map_or(0, |time| zone.to_offset(time).seconds());
    let after = u64::from((-ahead).rem_euclid(86_400) as u32) % step;
    let begin = first_s.saturating_sub(after).div_ceil(step) * step + after;
    (begin..=last_s).step_by(step as usize).map(|at| (at, formatted(at, format, zone))).collect()
}

fn timestamp(time_s: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time_s).ok()?).ok()
}

fn formatted(time_s: u64, format: &str, zone: &TimeZone) -> String {
    let zoned = timestamp(time_s).map(|time| time.to_zoned(zone.clone()));
    zoned.map_or_else(String::new, |time| time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_round() {
        assert_eq!([0.0, 3.0, 12.5, 1200.0, 2_500_000.0].map(short), ["0", "3", "12.5", "1.2k", "2.5M"]);
        assert_eq!([0.0, 1.0, 3.0, 51.0, 0.02, 730.0].map(round_up), [1.0, 1.0, 5.0, 100.0, 0.02, 1000.0]);
        assert_eq!([7, 1500, 2_000_000].map(bytes), ["7 B", "1.5 kB", "2 MB"]);
        assert_eq!([5.0, 600.0, 9000.0, 864_000.0].map(length), ["5 s", "10 min", "2.5 h", "10 d"]);
    }

    #[test]
    fn ticks_are_few_and_at_round_times() {
        for period in [1, 59, 3600, 86_400, 90 * 86_400, 3_000_000_000] {
            let ticks = time_ticks(1_700_000_123, 1_700_000_123 + period, 8);
            assert!(ticks.len() <= 9, "{ticks:?}");
        }
        let ticks =
            |zone: &str, last_s| time_ticks_in(1_700_000_000, last_s, 8, &TimeZone::posix(zone).unwrap());
        assert_eq!(ticks("UTC0", 1_700_003_600)[0], (1_700_000_400, "22:20".into()));
        assert_eq!(ticks("IST-5:30", 1_700_003_600)[0], (1_700_000_400, "03:50".into()));
        // Days begin at midnight there.
        assert_eq!(ticks("CET-1", 1_700_600_000)[0], (1_700_002_800, "11-15".into()));
        let told = formatted(1_700_000_000, "%Y-%m-%d %H:%M:%S", &TimeZone::posix("CET-1").unwrap());
        assert_eq!(told, "2023-11-14 23:13:20");
    }
}
