//! The timeline: traffic, scores and incidents above each other on one axis of time.

mod lanes;

use super::{Bucket, Report, html::Html, scale};
use lanes::Bar;

/// How large a drawing is: its units are about a pixel where it is meant to be seen.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Also what tells its ids from another drawing's.
    name: &'static str,
    width: f64,
    left: f64,
    time_ticks: u64,
}

/// One for screens and paper, and one for phones, so that its writing can be read there; the style shows one of them.
const SIZES: [Size; 2] = [
    Size { name: "wide", width: 960.0, left: 56.0, time_ticks: 8 },
    Size { name: "narrow", width: 360.0, left: 42.0, time_ticks: 3 },
];
const RIGHT: f64 = 12.0;
/// Of a panel: its heading, its drawing, and the room below.
const HEADING: f64 = 20.0;
const PANEL: f64 = 84.0;
const GAP: f64 = 14.0;
/// Of an incident's bar, with the room below.
const LANE: f64 = 16.0;
const AXIS: f64 = 24.0;

/// The timeline with what its marks mean.
pub(super) fn figure(report: &Report, page: &mut Html) {
    page.add("<section>\n<h2>Timeline</h2>\n<figure>\n", &[]);
    for size in SIZES {
        Drawing::new(report, size).draw(page);
    }
    page.add(
        "<figcaption><span class=\"key learning\"></span> a baseline was being learnt \
         <span class=\"key gap\"></span> nothing was recorded: nad was not running, or no packet came \
         <span class=\"key limit\"></span> threshold. The score says how improbable the most \
         unusual subject was on the scale of the threshold; it fades slowly after an attack. What only fades opens \
         no incident, and neither does what a flood does to its target's clients. A step is {}.</figcaption>\n</figure>\n</section>\n",
        &[&scale::length(report.bucket_s as f64)],
    );
}

struct Drawing<'a> {
    report: &'a Report,
    size: Size,
    first_s: f64,
    last_s: f64,
    bars: Vec<Bar<'a>>,
    lanes: usize,
}

/// A panel's value of a part of the period.
type Value = fn(&Bucket) -> f64;

impl<'a> Drawing<'a> {
    fn new(report: &'a Report, size: Size) -> Self {
        let first_s = report.first_s as f64;
        let last_s = first_s + (report.timeline.len() as u64 * report.bucket_s) as f64;
        let mut drawing = Self { report, size, first_s, last_s, bars: Vec::new(), lanes: 0 };
        // A bar keeps free what its number needs.
        let room_s = (last_s - first_s) * 26.0 / drawing.plot_width();
        drawing.bars = lanes::place(&report.incidents, room_s);
        drawing.lanes = drawing.bars.iter().map(|bar| bar.lane + 1).max().unwrap_or(0);
        drawing
    }

    fn draw(&self, page: &mut Html) {
        let panels: [(&str, f64, Value); 2] = [
            ("Packets per second", self.highest(Bucket::packet_rate), Bucket::packet_rate),
            ("Bytes per second", self.highest(Bucket::byte_rate), Bucket::byte_rate),
        ];
        let (width, name) = (self.size.width, self.size.name);
        let height = self.height();
        page.add(
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"group\" aria-labelledby=\"title-{} desc-{}\">\n\
             <title id=\"title-{}\">Timeline of traffic, scores and incidents</title>\n<desc id=\"desc-{}\">{}</desc>\n",
            &[&name, &width, &height, &name, &name, &name, &name, &self.description()],
        );
        let mut top = 0.0;
        for (heading, highest, value) in panels {
            self.frame(heading, &[(0.0, "0".into()), (1.0, scale::short(highest))], top, page);
            self.area(top + HEADING, highest, value, page);
            top += HEADING + PANEL + GAP;
        }
        self.frame("Highest score, and threshold", &[(0.0, "0".into()), (1.0, "1".into())], top, page);
        self.area(top + HEADING, 1.0, |bucket| bucket.peak_score, page);
        self.limit(top + HEADING, page);
        top += HEADING + PANEL + GAP;
        self.incidents(top, page);
        self.time_axis(height - AXIS, page);
        page.add("</svg>\n", &[]);
    }

    fn height(&self) -> f64 {
        3.0 * (HEADING + PANEL + GAP) + HEADING + LANE * self.lanes.max(1) as f64 + AXIS
    }

    fn plot_width(&self) -> f64 {
        self.size.width - self.size.left - RIGHT
    }

    fn x(&self, time_s: f64) -> f64 {
        let share = (time_s - self.first_s) / (self.last_s - self.first_s);
        rounded(self.size.left + share.clamp(0.0, 1.0) * self.plot_width())
    }

    fn start_of(&self, place: usize) -> f64 {
        self.first_s + (place as u64 * self.report.bucket_s) as f64
    }

    fn highest(&self, value: Value) -> f64 {
        scale::round_up(self.report.timeline.iter().flatten().map(value).fold(0.0, f64::max))
    }

    fn description(&self) -> String {
        let report = self.report;
        let highest = report.timeline.iter().flatten().map(Bucket::packet_rate).fold(0.0, f64::max);
        format!(
            "From {} to {} {}: at most {} packets per second, {}.",
            scale::moment(report.since_ns),
            scale::moment(report.until_ns),
            crate::clock::local::zone_name(report.since_ns),
            scale::short(highest),
            nad_engine::presentation::counted(report.incidents.len() as u64, "incident")
        )
    }

    /// A panel's heading, its axis, and what is shaded in it.
    fn frame(&self, heading: &str, ticks: &[(f64, String)], top: f64, page: &mut Html) {
        let (left, right, drawing_top) = (self.size.left, self.size.width - RIGHT, top + HEADING);
        page.add("<text class=\"heading\" x=\"{}\" y=\"{}\">{}</text>\n", &[&left, &(top + 13.0), &heading]);
        self.shade("gap", Option::is_none, drawing_top, PANEL, page);
        self.shade("learning", |part| part.is_some_and(|it| it.is_learning), drawing_top, PANEL, page);
        for (share, text) in ticks {
            let y = rounded(drawing_top + PANEL * (1.0 - share));
            page.add(
                "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>",
                &[&left, &right, &y, &y],
            );
            page.add(
                "<text class=\"tick end\" x=\"{}\" y=\"{}\">{}</text>\n",
                &[&(left - 5.0), &(y + 4.0), text],
            );
        }
    }

    /// Shades the parts of the period of which something is so.
    fn shade(
        &self,
        class: &str,
        is_so: impl Fn(&Option<Bucket>) -> bool,
        top: f64,
        height: f64,
        page: &mut Html,
    ) {
        for (from, to) in stretches(&self.report.timeline, is_so) {
            let (x, end) = (self.x(self.start_of(from)), self.x(self.start_of(to)));
            page.add(
                "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                &[&class, &x, &top, &rounded(end - x), &height],
            );
        }
    }

    /// Steps from the ground up, one for each part of the period.
    fn area(&self, top: f64, highest: f64, value: Value, page: &mut Html) {
        let ground = top + PANEL;
        for (from, to) in stretches(&self.report.timeline, Option::is_some) {
            let mut path = format!("M{} {ground}", self.x(self.start_of(from)));
            for (place, bucket) in self.report.timeline[from..to].iter().flatten().enumerate() {
                let y = rounded(ground - PANEL * (value(bucket) / highest).clamp(0.0, 1.0));
                path.push_str(&format!("V{y}H{}", self.x(self.start_of(from + place + 1))));
            }
            path.push_str(&format!("V{ground}Z"));
            page.add("<path class=\"area\" d=\"{}\"/>\n", &[&path]);
        }
    }

    /// The threshold, where there was a model.
    fn limit(&self, top: f64, page: &mut Html) {
        let has_model = |part: &Option<Bucket>| part.is_some_and(|it| it.threshold > 0.0);
        for (from, to) in stretches(&self.report.timeline, has_model) {
            let mut path = String::new();
            for (place, bucket) in self.report.timeline[from..to].iter().flatten().enumerate() {
                let y = rounded(top + PANEL * (1.0 - bucket.threshold.clamp(0.0, 1.0)));
                let x = self.x(self.start_of(from + place));
                let step = if place == 0 { format!("M{x} {y}") } else { format!("V{y}") };
                path.push_str(&format!("{step}H{}", self.x(self.start_of(from + place + 1))));
            }
            page.add("<path class=\"limit\" d=\"{}\"/>\n", &[&path]);
        }
    }

    fn incidents(&self, top: f64, page: &mut Html) {
        let left = self.size.left;
        page.add(
            "<text class=\"heading\" x=\"{}\" y=\"{}\">Incidents, by their numbers below{}</text>\n",
            &[&left, &(top + 13.0), &lanes::left_out(self.report.incidents.len(), self.bars.len())],
        );
        let drawing_top = top + HEADING;
        let height = LANE * self.lanes.max(1) as f64;
        self.shade("gap", Option::is_none, drawing_top, height, page);
        for bar in &self.bars {
            let incident = bar.incident;
            let (x, end) = (self.x(incident.start), self.x(incident.end));
            let width = (end - x).max(4.0);
            // What would be written beyond the edge is written before the bar.
            let is_at_edge = x + width + 22.0 > self.size.width;
            let (text_x, class) = if is_at_edge { (x - 3.0, "tick end") } else { (x + width + 3.0, "tick") };
            let y = drawing_top + LANE * bar.lane as f64;
            page.add(
                "<a href=\"#incident-{}\"><title>{}: {}</title>\
                 <rect class=\"incident\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\
                 <text class=\"{}\" x=\"{}\" y=\"{}\">{}</text></a>\n",
                &[
                    &bar.number,
                    &incident.shape,
                    &incident.reason,
                    &x,
                    &(y + 2.0),
                    &rounded(width),
                    &(LANE - 4.0),
                    &class,
                    &rounded(text_x),
                    &(y + 12.0),
                    &bar.number,
                ],
            );
        }
    }

    fn time_axis(&self, y: f64, page: &mut Html) {
        let (left, right) = (self.size.left, self.size.width - RIGHT);
        page.add(
            "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
            &[&left, &right, &y, &y],
        );
        for (time_s, text) in scale::time_ticks(self.first_s as u64, self.last_s as u64, self.size.time_ticks)
        {
            let x = self.x(time_s as f64);
            // Half of what is written must have room on each side.
            if x + 28.0 > self.size.width {
                continue;
            }
            page.add(
                "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>",
                &[&x, &x, &y, &(y + 4.0)],
            );
            page.add("<text class=\"tick middle\" x=\"{}\" y=\"{}\">{}</text>\n", &[&x, &(y + 17.0), &text]);
        }
    }
}

/// From where to where in a row something is so: the first of each stretch, and the one after its last.
fn stretches<T>(row: &[T], is_so: impl Fn(&T) -> bool) -> Vec<(usize, usize)> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (place, _) in row.iter().enumerate().filter(|(_, part)| is_so(part)) {
        match stretches.last_mut() {
            Some((_, end)) if *end == place => *end += 1,
            _ => stretches.push((place, place + 1)),
        }
    }
    stretches
}

/// A tenth of a pixel is exact enough.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_ends_where_it_is_not_so() {
        assert_eq!(stretches(&[true, true, false, true], |part| *part), [(0, 2), (3, 4)]);
        assert!(stretches(&[], |part: &bool| *part).is_empty());
    }
}
