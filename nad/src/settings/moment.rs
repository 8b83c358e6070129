//! Moments as people say them: `2h` ago, `yesterday`, `2026-11-26 13:43`.

use jiff::{Timestamp, Zoned, civil};

use super::Length;
use crate::clock;

/// A moment, in nanoseconds since the Unix epoch: so long ago, a day, or a time. Without a zone it is that of the machine.
///
/// # Errors
///
/// When it is none: one line with examples.
pub fn moment(text: &str) -> Result<u64, String> {
    moment_at(text, &Timestamp::now().to_zoned(clock::local::zone()))
}

/// The same at another time than now.
fn moment_at(text: &str, now: &Zoned) -> Result<u64, String> {
    let error = || {
        format!(
            "\"{text}\" is no time: give how long ago it was, as in 2h or 7d, a day, as in today, yesterday or 2026-11-26, or a \
             time, as in \"2026-11-26 13:43\" or 2026-11-26T12:43:00Z"
        )
    };
    let nanoseconds = match (text.trim(), text.trim().parse::<Length>()) {
        (_, Ok(length)) => {
            now.timestamp().as_nanosecond() - i128::try_from(length.0.as_nanos()).map_err(|_| error())?
        }
        ("now", _) => now.timestamp().as_nanosecond(),
        ("today", _) => begin(now.date(), now).ok_or_else(error)?,
        ("yesterday", _) => now.date().yesterday().ok().and_then(|day| begin(day, now)).ok_or_else(error)?,
        (text, _) => written(text, now).ok_or_else(error)?,
    };
    Ok(u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX))
}

/// The beginning of a day, which is not always at midnight.
fn begin(day: civil::Date, now: &Zoned) -> Option<i128> {
    let begin = day.to_zoned(now.time_zone().clone()).ok()?.start_of_day().ok()?;
    Some(begin.timestamp().as_nanosecond())
}

fn written(text: &str, now: &Zoned) -> Option<i128> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_nanosecond());
    }
    // What names a zone and is no timestamp is not taken for a local time.
    if text.contains(['Z', 'z', '+', '[']) {
        return None;
    }
    if let Ok(day) = civil::Date::strptime("%Y-%m-%d", text) {
        return begin(day, now);
    }
    let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let time = formats.into_iter().find_map(|format| civil::DateTime::strptime(format, text).ok())?;
    Some(time.to_zoned(now.time_zone().clone()).ok()?.timestamp().as_nanosecond())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn berlin() -> Zoned {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        "2026-11-28T17:44:45Z".parse::<Timestamp>().unwrap().to_zoned(zone)
    }

    fn told(text: &str) -> Result<String, String> {
        let ns = moment_at(text, &berlin())?;
        Ok(Timestamp::from_nanosecond(ns.into()).unwrap().to_string())
    }

    #[test]
    fn a_moment_is_an_age_a_day_or_a_time_in_the_machine_s_zone() {
        for (text, expected) in [
            ("2h", "2026-11-28T15:44:45Z"),
            ("7d", "2026-11-21T17:44:45Z"),
            ("now", "2026-11-28T17:44:45Z"),
            ("today", "2026-11-27T23:00:00Z"),
            ("yesterday", "2026-11-26T23:00:00Z"),
            ("2026-11-26", "2026-11-25T23:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
            ("2026-11-26 13:43", "2026-11-26T12:43:00Z"),
            ("2026-11-26 13:43:05", "2026-11-26T12:43:05Z"),
            ("2026-11-26T13:43", "2026-11-26T12:43:00Z"),
            ("2026-11-26T13:43:00Z", "2026-11-26T13:43:00Z"),
            ("2026-11-26T13:43:00+05:30", "2026-11-26T08:13:00Z"),
            ("1970-01-01", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(told(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for bad in [
            "",
            "24",
            "tomorrow",
            "2026-13-01",
            "2026-02-30",
            "2026-11-26 25:00",
            "13:43",
            "2026-11-26 13:43Z+",
        ] {
            let error = moment_at(bad, &berlin()).unwrap_err();
            assert!(
                error.contains("2h") && error.contains("yesterday") && !error.contains('\n'),
                "{bad}: {error}"
            );
        }
    }
}
