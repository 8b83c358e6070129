//! Which incidents are drawn beside each other, and which below.

use crate::history::KeptIncident;

/// Lanes that are drawn: more would be a wall.
const MOST_LANES: usize = 14;

/// An incident's place in a drawing.
#[derive(Debug)]
pub(super) struct Bar<'a> {
    pub(super) incident: &'a KeptIncident,
    /// From 1, as on the rest of the page.
    pub(super) number: usize,
    pub(super) lane: usize,
}

/// Gives each incident the first lane that is free, the worst ones first; `room_s` is how long a bar takes at least, in
/// seconds, and how far it is from the next. What finds no lane is left out.
pub(super) fn place(incidents: &[KeptIncident], room_s: f64) -> Vec<Bar<'_>> {
    let mut taken: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut bars = Vec::new();
    for (incident, number) in incidents.iter().zip(1..) {
        let (start, end) = (incident.start, incident.end + room_s);
        let is_free = |lane: &Vec<(f64, f64)>| lane.iter().all(|(from, to)| end <= *from || start >= *to);
        let lane = taken.iter().position(is_free).unwrap_or(taken.len());
        if lane == MOST_LANES {
            continue;
        }
        if lane == taken.len() {
            taken.push(Vec::new());
        }
        taken[lane].push((start, end));
        bars.push(Bar { incident, number, lane });
    }
    bars
}

/// How many were left out, where any was.
pub(super) fn left_out(all: usize, drawn: usize) -> String {
    if all > drawn { format!(" ({} more not drawn)", all - drawn) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(start: f64, end: f64) -> KeptIncident {
        serde_json::from_value(serde_json::json!({
            "id": "1-1", "state": "closed", "shape": "flood", "detected_at": start, "start": start, "end": end,
            "sources": [], "targets": [], "more_sources": false, "more_targets": false, "ports": [],
            "more_ports": false, "protocols": [], "alerts": 1, "packets": 7, "bytes": 700, "coverage": 100.0,
            "peak_score": 0.9, "score": 0.9, "probability": 1e-9, "threshold": 0.5, "view": "scan", "reason": "r"
        }))
        .unwrap()
    }

    #[test]
    fn what_overlaps_is_below_and_what_finds_no_lane_is_counted() {
        let incidents = [incident(0.0, 10.0), incident(5.0, 15.0), incident(20.0, 30.0)];
        let lanes = |room_s| place(&incidents, room_s).iter().map(|bar| bar.lane).collect::<Vec<_>>();
        assert_eq!((lanes(1.0), lanes(8.0)), (vec![0, 1, 0], vec![0, 1, 0]));
        assert_eq!(lanes(12.0), [0, 1, 2]);
        let many = vec![incident(0.0, 10.0); 20];
        let bars = place(&many, 1.0);
        assert_eq!((bars.len(), left_out(20, bars.len()).as_str()), (14, " (6 more not drawn)"));
    }
}
