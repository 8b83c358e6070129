//! Moments as people read them: in the machine's time zone, which is named, and in UTC beside it.

use std::sync::OnceLock;

use jiff::{Timestamp, Zoned, tz::TimeZone};

static ZONE: OnceLock<TimeZone> = OnceLock::new();

/// The machine's time zone (`TZ`, `/etc/localtime`); UTC where it has none. The first call must be where these files can be read.
pub fn zone() -> TimeZone {
    ZONE.get_or_init(|| TimeZone::try_system().unwrap_or(TimeZone::UTC)).clone()
}

/// A moment, in nanoseconds since the Unix epoch, as in `2026-11-28 14:03:12 CET`.
pub fn local(time_ns: u64) -> String {
    local_in(time_ns, zone())
}

/// The same without the day: `14:03:12 CET`.
pub fn time_of_day(time_ns: u64) -> String {
    zoned(time_ns, zone()).strftime("%H:%M:%S %Z").to_string()
}

/// What a zone is called at a moment, with its distance from UTC: `CET (UTC+01:00)`, or `UTC`.
pub fn zone_name(time_ns: u64) -> String {
    let there = zoned(time_ns, zone());
    if there.offset().is_zero() { "UTC".into() } else { there.strftime("%Z (UTC%:z)").to_string() }
}

/// The same with UTC beside it, where that is another time: `2026-11-28 14:03:12 CET (13:03:12 UTC)`.
pub fn beside_utc(time_ns: u64) -> String {
    beside_utc_in(time_ns, zone())
}

fn local_in(time_ns: u64, zone: TimeZone) -> String {
    zoned(time_ns, zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn beside_utc_in(time_ns: u64, zone: TimeZone) -> String {
    let (local, utc) = (zoned(time_ns, zone), zoned(time_ns, TimeZone::UTC));
    let said = local.strftime("%Y-%m-%d %H:%M:%S %Z");
    if local.offset().is_zero() {
        return said.to_string();
    }
    // A day is said again where it is another one.
    let format = if local.date() == utc.date() { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    format!("{said} ({})", utc.strftime(format))
}

fn zoned(time_ns: u64, zone: TimeZone) -> Zoned {
    Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default().to_zoned(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28 23:03:12 in Berlin.
    const LATE_NS: u64 = 1_795_903_392_000_000_000;

    #[test]
    fn a_moment_is_told_in_its_zone_and_in_utc() {
        let zone = |name: &str| TimeZone::posix(name).unwrap();
        let (berlin, tokyo) = (zone("CET-1CEST,M3.5.0,M10.5.0/3"), zone("JST-9"));
        assert_eq!(beside_utc_in(LATE_NS, berlin.clone()), "2026-11-28 23:03:12 CET (22:03:12 UTC)");
        assert_eq!(beside_utc_in(LATE_NS, tokyo), "2026-11-29 07:03:12 JST (2026-11-28 22:03:12 UTC)");
        assert_eq!(beside_utc_in(LATE_NS, TimeZone::UTC), "2026-11-28 22:03:12 UTC");
        let summer_ns = LATE_NS - 150 * 86_400_000_000_000;
        assert_eq!(local_in(summer_ns, berlin), "2026-07-02 00:03:12 CEST");
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_told_somehow() {
        assert!(beside_utc(u64::MAX).starts_with("2554-") && local(0).contains(":00"), "{}", local(0));
    }
}
