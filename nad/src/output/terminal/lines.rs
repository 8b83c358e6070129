//! What is said of an incident.

use nad_engine::{
    incident::{Change, Incident, IncidentUpdate},
    presentation,
};

use crate::{clock::local, text};

/// From this width on there is room for the date.
const WIDE: usize = 100;
/// A narrower terminal is taken for one of this width.
const NARROWEST: usize = 20;
/// Where lines after the first begin.
const INDENT: &str = "         ";

const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// One line, however long, unless the update is a quiet one.
pub(super) fn plain(update: &IncidentUpdate) -> Option<String> {
    let (mark, rest) = text(update)?;
    Some(format!("{} {mark:<8} {rest}", presentation::timestamp(time_ns(update))))
}

/// As many lines as a terminal of this width needs, broken between words, without the last line's end. Nothing is
/// left out: a reason that is cut in half tells nobody why. Colour tells what happened to the incident.
pub(super) fn fitted(update: &IncidentUpdate, width: Option<usize>, has_color: bool) -> Option<String> {
    let (mark, rest) = text(update)?;
    let width = width.unwrap_or(usize::MAX).max(NARROWEST);
    let told = if width < WIDE { local::time_of_day } else { local::local };
    let time = told(time_ns(update));
    let text = wrap(&format!("{time} {mark:<8} {rest}"), width);
    if !has_color {
        return Some(text);
    }
    Some(match update.change {
        Change::Closed => format!("{DIM}{text}{RESET}"),
        change => {
            let color = if change == Change::Opened { RED } else { YELLOW };
            text.replacen(mark, &format!("{color}{mark}{RESET}"), 1)
        }
    })
}

fn time_ns(update: &IncidentUpdate) -> u64 {
    if update.change == Change::Opened { update.incident.detected_ns } else { update.incident.end_ns }
}

/// The word for what happened, and what there is to say of it.
fn text(update: &IncidentUpdate) -> Option<(&'static str, String)> {
    let incident = &update.incident;
    let mark = match update.change {
        Change::Opened => "INCIDENT",
        Change::Changed => "changed",
        Change::Resumed => "resumed",
        Change::Closed => "closed",
        Change::Updated => return None,
    };
    let shape = incident.shape.name();
    let technique = incident.shape.technique().map(|id| format!(" [{id}]")).unwrap_or_default();
    let said = if update.change == Change::Closed { summary(incident) } else { incident.reason.clone() };
    let said = format!("{} {shape}{technique}: {said}{}", incident.id, incident.coverage.remark());
    Some((mark, text::escaped(&said).into_owned()))
}

fn summary(incident: &Incident) -> String {
    let seconds = incident.end_ns.saturating_sub(incident.start_ns) as f64 / 1e9;
    let targets =
        if incident.targets.items.is_empty() { String::new() } else { format!(" to {}", incident.targets) };
    format!(
        "{}{targets}; {seconds:.0} s, {} packets, {} bytes, {} alerts",
        incident.told_sources(),
        incident.packets,
        incident.bytes,
        incident.alerts
    )
}

/// Breaks a line between words; a word that is longer than a line is left whole, so that an address can be copied.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let length = word.trim_end().chars().count();
        if used > INDENT.len() && used + length > width {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            lines.push_str(INDENT);
            used = INDENT.len();
        }
        lines.push_str(word);
        used += word.chars().count();
    }
    lines.truncate(lines.trim_end().len());
    lines
}

#[cfg(test)]
mod tests {
    use nad_engine::{
        context::Origin,
        features::View,
        incident::{Listed, State, coverage::Coverage, example::key, shape::Shape},
    };

    use super::*;
    fn update(change: Change) -> IncidentUpdate {
        let listed = |last| {
            let mut listed = Listed::new();
            listed.add(key(last));
            listed
        };
        let incident = Incident {
            id: "1795508054-1".into(),
            case: "99-1".into(),
            related: Vec::new(),
            uid: Default::default(),
            place: Default::default(),
            detected_ns: 1_795_508_054_123_000_000,
            start_ns: 1_795_508_050_000_000_000,
            end_ns: 1_795_508_060_000_000_000,
            sources: listed(7),
            origins: Vec::new(),
            forged_sources: 0,
            targets: listed(1),
            names: Vec::new(),
            ports: Listed::new(),
            protocols: vec![6],
            shape: Shape::PortScan,
            alerts: 3,
            packets: 400,
            bytes: 24_000,
            peak_score: 0.9,
            score: 0.9,
            probability: 1e-9,
            threshold: 0.5,
            view: View::Connections,
            coverage: Coverage::default(),
            state: State::Open,
            reason: "10.0.0.7 asked for 200 ports of 10.0.0.1 in 10 s (usual: at most 3)".into(),
            evidence: Vec::new(),
        };
        IncidentUpdate { change, incident }
    }

    #[test]
    fn nothing_of_an_incident_is_lost_on_a_narrow_terminal() {
        for change in [Change::Opened, Change::Changed, Change::Closed] {
            let whole = fitted(&update(change), None, false).unwrap();
            assert!(!whole.contains('\n'), "{whole}");
            for width in [40, 60, 80, 99] {
                let lines = fitted(&update(change), Some(width), false).unwrap();
                // All but the time, which has no day where it is narrow.
                let is_time = |word: &&str| word.contains([':', '-']) && word.starts_with(char::is_numeric);
                let words = |text: &str| {
                    text.split_whitespace().skip_while(is_time).map(str::to_owned).collect::<Vec<_>>()
                };
                assert_eq!(words(&lines), words(&whole));
                for line in lines.lines() {
                    assert!(line.chars().count() <= width, "{width}:\n{lines}");
                }
            }
        }
    }

    #[test]
    fn the_line_that_closes_an_incident_says_who_may_be_forged() {
        let mut update = update(Change::Closed);
        update.incident.origins = vec![Origin { is_verified: false, mac: None }];
        let line = fitted(&update, None, false).unwrap();
        assert!(line.contains("10.0.0.7 (may be forged) to 10.0.0.1; "), "{line}");
    }

    #[test]
    fn an_address_is_never_broken() {
        let address = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff";
        let text = wrap(&format!("08:14:14Z INCIDENT {address} asks {address}"), 30);
        assert_eq!(text.matches(address).count(), 2, "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn colour_says_what_happened_and_adds_nothing_else() {
        for (change, color) in [(Change::Opened, RED), (Change::Changed, YELLOW), (Change::Closed, DIM)] {
            let colored = fitted(&update(change), Some(80), true).unwrap();
            assert_eq!(colored.matches('\u{1b}').count(), 2, "{colored:?}");
            assert!(colored.contains(color), "{colored:?}");
            let bare = colored.replace(color, "").replace(RESET, "");
            assert_eq!(bare, fitted(&update(change), Some(80), false).unwrap());
        }
    }

    #[test]
    fn further_alerts_are_not_worth_a_line() {
        assert_eq!(plain(&update(Change::Updated)), None);
        assert_eq!(fitted(&update(Change::Updated), None, true), None);
    }
}
