//! The page.

use std::fs;

use crate::{REPLAY, folder};

#[test]
fn a_report_of_a_history_and_one_of_its_capture_tell_the_same() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    folder.nad("report --history nad.db --out history.html").exits(0);
    let ran = folder.nad("report --capture office.pcap --train-for 120s --out capture.html").exits(0);
    assert!(ran.stdout.ends_with("Report written to capture.html.\n"), "{}", ran.stdout);
    for name in ["history.html", "capture.html"] {
        let page = folder.read(name);
        for part in [
            "1 incident",
            "port scan",
            "T1046",
            "192.168.1.66",
            "Nothing was lost.",
            "ring_full",
            "office.pcap",
        ] {
            assert!(page.contains(part), "no {part} in {name}: {page}");
        }
        assert_eq!(page.matches("<article").count(), 1);
        assert!(page.contains("class=\"learning\"") && page.contains("class=\"limit\""), "{page}");
    }
    assert!(!folder.path("nad.toml").exists());
}

#[test]
fn a_page_asks_for_nothing_and_runs_nothing() {
    let folder = folder();
    folder.nad("report --capture office.pcap --train-for 120s --out r.html").exits(0);
    let page = folder.read("r.html");
    for forbidden in [
        "<script", "<link", "<img", "<iframe", " src=", " style=", "url(", "http:", "https:", "@import",
        " on",
    ] {
        let is_there = page.match_indices(forbidden).any(|(at, _)| {
            // An event's attribute looks like ` onload="`; the word on is no such thing.
            forbidden != " on"
                || page[at + 3..].split(['=', ' ', '<']).next().is_some_and(|rest| {
                    rest.len() > 2
                        && rest.chars().all(|c| c.is_ascii_lowercase())
                        && page[at + 3 + rest.len()..].starts_with('=')
                })
        });
        assert!(!is_there, "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_period_without_anything_has_a_page_that_says_so() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    folder
        .nad("report --history nad.db --since 2023-11-20T00:00:00Z --until 2023-11-21T00:00:00Z --out r.html")
        .exits(0);
    let page = folder.read("r.html");
    assert!(page.contains("Nothing was recorded") && !page.contains("<article"), "{page}");
    let error = folder.nad("report --history nad.db --since 1h --until 2h --out r.html").exits(2).stderr;
    assert!(error.contains("since is not before until"), "{error}");
}

#[test]
fn a_name_with_markup_in_it_stays_text() {
    let folder = folder();
    let name = "<b>&office\"'.pcap";
    fs::rename(folder.path("office.pcap"), folder.path(name)).unwrap();
    let mut command = folder.command();
    command.args(["report", "--train-for", "120s", "--out", "r.html", "--capture", name]);
    assert!(command.output().unwrap().status.success());
    let page = folder.read("r.html");
    assert!(page.contains("&lt;b&gt;&amp;office&quot;&#39;.pcap") && !page.contains("<b>"), "{page}");
}

#[test]
fn a_page_is_not_written_over_what_it_is_made_from() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    for (name, flags) in [("nad.db", "--history nad.db"), ("office.pcap", "--capture office.pcap")] {
        let before = fs::read(folder.path(name)).unwrap();
        let error = folder.nad(&format!("report {flags} --out {name}")).exits(1).stderr;
        assert!(error.contains("choose another place with --out"), "{error}");
        assert!(fs::read(folder.path(name)).unwrap() == before);
    }
    let error = folder.nad("report --history nad.db --out no/such/r.html").exits(1).stderr;
    assert!(error.contains("report no/such/r.html can't be written"), "{error}");
}
