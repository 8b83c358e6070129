//! `nad features`: the table of what the forests see, and the list of its columns.

use serde_json::Value;

use crate::{PACKETS, captures::START_US, folder, sensor::Folder};

fn listed(folder: &Folder, view: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(&folder.nad("features --list").exits(0).stdout).unwrap();
    list[view].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Heading and rows of a table without quoted names.
fn table(folder: &Folder, name: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let text = folder.read(name);
    let mut lines = text.lines();
    let heading = lines.next().unwrap().split(',').map(str::to_owned).collect();
    (heading, lines.map(|line| line.split(',').map(|value| value.parse().unwrap()).collect()).collect())
}

#[test]
fn a_row_of_the_packet_view_is_a_packet_with_its_place_and_time() {
    let folder = folder();
    let ran = folder.nad("features office.pcap --out f.csv --log none").exits(0);
    assert!(ran.stdout.contains("Captured 600 packets.\n600 rows of the view packet written to f.csv."));
    let (heading, rows) = table(&folder, "f.csv");
    assert_eq!(heading[..2], ["index", "time"]);
    assert_eq!(heading[2..], listed(&folder, "packet"));
    assert_eq!(rows.len(), PACKETS);
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(row[0], place as f64);
        let seconds = START_US as f64 / 1e6 + place as f64 * 0.01;
        assert!((row[1] - seconds).abs() < 1e-6, "{} and {seconds}", row[1]);
        assert!(row.iter().all(|value| value.is_finite()));
    }
    assert!(!folder.path("logs").exists());
}

#[test]
fn a_row_of_another_view_is_a_second_of_a_subject_with_its_end_as_time() {
    let folder = folder();
    folder.nad("features office.pcap --out f.csv --view outbound-flood").exits(0);
    let (heading, rows) = table(&folder, "f.csv");
    assert_eq!(heading[2..], listed(&folder, "outbound-flood"));
    // Several sources in each of the capture's six seconds.
    assert!(rows.len() > 6, "{}", rows.len());
    let mut times: Vec<f64> = rows.iter().map(|row| row[1] - START_US as f64 / 1e6).collect();
    assert!(times.is_sorted() && rows.iter().enumerate().all(|(place, row)| row[0] == place as f64));
    times.dedup();
    assert_eq!(times, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn the_length_of_the_baseline_comes_from_the_environment_as_well() {
    let folder = folder();
    folder.nad("features office.pcap --out short.csv --train-for 3s").exits(0);
    folder.nad_with("NAD_TRAIN_FOR", "3s", "features office.pcap --out same.csv").exits(0);
    folder.nad("features office.pcap --out long.csv --train-for 1h").exits(0);
    let (short, long) = (folder.read("short.csv"), folder.read("long.csv"));
    assert!(short == folder.read("same.csv"), "the environment says the same as the flag");
    let lines = |text: &str, count: usize| text.lines().take(count).map(str::to_owned).collect::<Vec<_>>();
    folder.nad_with("NAD_TRAIN_FOR", "3 parsecs", "features office.pcap --out same.csv").exits(2);
    assert!(lines(&short, 10) == lines(&long, 10), "not to its first packets");
}

#[test]
fn parquet_is_written_where_the_name_asks_for_it() {
    let folder = folder();
    folder.nad("features office.pcap --out f.parquet --view scan").exits(0);
    assert_eq!(std::fs::read(folder.path("f.parquet")).unwrap()[..4], *b"PAR1");
}

#[test]
fn what_can_not_be_written_is_refused() {
    let folder = folder();
    let refused = |arguments: &str, code: i32, parts: &[&str]| {
        folder.nad(&format!("features {arguments}")).exits(code).says_only(parts);
    };
    refused("office.pcap --out f.txt", 1, &["feature file f.txt", ".csv nor in .parquet", "ending"]);
    refused("office.pcap --out no/f.csv", 1, &["feature file no/f.csv can't be written", "--out"]);
    refused("missing.pcap --out f.csv", 1, &["missing.pcap: no such file"]);
    refused("office.pcap --out f.csv --view speed", 2, &["'speed'", "--view", "packet, scan, "]);
    refused("office.pcap", 2, &["required arguments were not provided", "--out"]);
    refused("", 2, &["required arguments were not provided", "--out"]);
    refused("--list --out f.csv", 2, &["'--list'", "'--out"]);
    std::fs::rename(folder.path("office.pcap"), folder.path("office.csv")).unwrap();
    refused("office.csv --out office.csv", 1, &["feature file office.csv", "it is the capture"]);
    assert!(!folder.path("f.csv").exists() && !folder.path("f.txt").exists());
}
