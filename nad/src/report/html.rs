//! The page: what stands where, and the only way for text to get into it.

use std::fmt::Display;

use nad_engine::presentation;

use super::{Report, incidents, ledger, scale, svg};
use crate::{clock::local, history::Run, text};

/// Markup in which every value is escaped: what comes from outside stays text.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds markup, with a value for each `{}` in it.
    pub(super) fn add(&mut self, markup: &'static str, values: &[&dyn Display]) -> &mut Self {
        debug_assert_eq!(markup.matches("{}").count(), values.len(), "{markup}");
        let mut values = values.iter();
        for (place, part) in markup.split("{}").enumerate() {
            if place > 0
                && let Some(value) = values.next()
            {
                self.0.push_str(&escaped(&value.to_string()));
            }
            self.0.push_str(part);
        }
        self
    }

    /// What was added.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Text that means itself in an element and in an attribute between quotes; characters that only control, or turn the
/// direction of the text, are shown as what they are.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Lines are only written as such.
            '\n' => escaped.push('\n'),
            _ => escaped.push_str(&text::escaped(character.encode_utf8(&mut [0; 4]))),
        }
    }
    escaped
}

const HEAD: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    "<meta name=\"color-scheme\" content=\"light dark\">\n",
    "<title>nad report: {}</title>\n<style>\n",
    include_str!("style.css"),
    "</style>\n</head>\n<body>\n"
);

impl Report {
    /// The page: one file without scripts that asks for nothing from anywhere.
    pub fn to_html(&self) -> String {
        let mut page = Html::default();
        let (sources, period) = (self.sources(), self.period());
        page.add(HEAD, &[&sources]);
        page.add(
            "<header>\n<h1>Network report</h1>\n<p class=\"of\">{}<br>{}</p>\n</header>\n<main>\n",
            &[&sources, &period],
        );
        if self.is_empty() {
            page.add(
                "<section><h2>Nothing was recorded</h2>\n<p>The history has neither traffic nor incidents of this \
                 period: nad was not running with <code>--history</code>, or no packet came. Ask for another one with \
                 <code>--since</code> and <code>--until</code>.</p></section>\n",
                &[],
            );
        } else {
            self.summary(&mut page);
            svg::figure(self, &mut page);
            incidents::section(&self.incidents, &mut page);
            self.hosts(&mut page);
        }
        self.runs(&mut page);
        ledger::section(self.ledger.as_ref(), &mut page);
        page.add(
            "</main>\n<footer>Made by nad {} at {}. All times are {}.</footer>\n</body>\n</html>\n",
            &[&env!("CARGO_PKG_VERSION"), &local::beside_utc(self.made_ns), &local::zone_name(self.since_ns)],
        );
        page.into_string()
    }

    fn is_empty(&self) -> bool {
        self.incidents.is_empty() && self.total.recorded_s == 0
    }

    /// The sensor: the interfaces or captures of the runs.
    fn sources(&self) -> String {
        let mut sources: Vec<&str> = self.runs.iter().map(|run| run.source.as_str()).collect();
        sources.sort_unstable();
        sources.dedup();
        if sources.is_empty() { "no sensor".into() } else { sources.join(", ") }
    }

    fn period(&self) -> String {
        let seconds = (self.until_ns - self.since_ns) as f64 / 1e9;
        let (since, until) = (scale::moment(self.since_ns), scale::moment(self.until_ns));
        format!("{since} to {until} {} ({})", local::zone_name(self.since_ns), scale::length(seconds))
    }

    /// What a person wants to know first, in words.
    fn summary(&self, page: &mut Html) {
        page.add("<section>\n<h2>Summary</h2>\n", &[]);
        match &self.incidents[..] {
            [] => page.add("<p class=\"lead\">No incident was found.</p>\n", &[]),
            [worst, ..] => page.add(
                "<p class=\"lead\"><strong>{}</strong>; the worst: <a href=\"#incident-1\">{}</a>. {}.</p>\n",
                &[
                    &presentation::counted(self.incidents.len() as u64, "incident"),
                    &worst.shape,
                    &worst.reason.trim_end_matches('.'),
                ],
            ),
        };
        let total = &self.total;
        let coverage = if total.records == total.packets {
            "all of them were analysed".to_owned()
        } else {
            let percent = total.records as f64 * 100.0 / total.packets as f64;
            format!("{percent:.1} % of them were analysed, the others sampled out under load and counted")
        };
        page.add(
            "<p>{} packets with {} came; {}. {} of them stood out.</p>\n",
            &[
                &scale::grouped(total.packets),
                &scale::bytes(total.bytes),
                &coverage,
                &scale::grouped(total.anomalies),
            ],
        );
        page.add("<p>{}</p>\n</section>\n", &[&ledger::losses(self.ledger.as_ref())]);
    }

    fn hosts(&self, page: &mut Html) {
        page.add("<section>\n<h2>Busiest hosts</h2>\n", &[]);
        if self.hosts.is_empty() {
            page.add("<p>None was noted.</p>\n</section>\n", &[]);
            return;
        }
        page.add(
            "<p>What each had a part in, in the seconds in which it was among the busiest.</p>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Busiest hosts\"><table>\n\
             <thead><tr><th scope=\"col\">Host</th><th scope=\"col\" class=\"n\">Bytes</th>\
             <th scope=\"col\" class=\"n\">Packets</th></tr></thead>\n<tbody>\n",
            &[],
        );
        for host in &self.hosts {
            page.add(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                &[&host.host, &scale::bytes(host.bytes), &scale::grouped(host.packets)],
            );
        }
        page.add("</tbody></table></div>\n</section>\n", &[]);
    }

    fn runs(&self, page: &mut Html) {
        if self.runs.is_empty() {
            return;
        }
        page.add(
            "<section>\n<h2>Runs</h2>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Runs\"><table>\n\
             <thead><tr><th scope=\"col\">Source</th><th scope=\"col\">Begun</th><th scope=\"col\">Ended</th>\
             <th scope=\"col\">nad</th></tr></thead>\n<tbody>\n",
            &[],
        );
        for run in &self.runs {
            page.add(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                &[&run.source, &scale::moment(run.begun_ns), &end(run), &run.version],
            );
        }
        page.add("</tbody></table></div>\n</section>\n", &[]);
    }
}

fn end(run: &Run) -> String {
    match run.ended_ns {
        Some(ended_ns) => scale::moment(ended_ns),
        None if run.goes_on => "goes on".into(),
        None => "was cut off".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        let mut html = Html::default();
        html.add("<a title=\"{}\">{}</a>", &[&"\"><script>alert(1)</script>", &"a & 'b' <i>\u{1b}"]);
        assert_eq!(
            html.into_string(),
            "<a title=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">a &amp; &#39;b&#39; &lt;i&gt;\\u{1b}</a>"
        );
        let mut html = Html::default();
        html.add("<p>{}</p>", &[&"{} {}"]);
        assert_eq!(html.into_string(), "<p>{} {}</p>", "a value is no markup");
    }
}
