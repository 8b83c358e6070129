//! What is kept, and what is made of it at the terminal.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{REPLAY, captures::PCAP_HEADER, folder, sensor::Folder};

fn incidents(folder: &Folder, arguments: &str) -> Vec<Value> {
    let ran = folder.nad(&format!("incidents export {arguments} --history nad.db")).exits(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_history_has_what_the_incident_file_has() {
    let folder = folder();
    folder.nad(&format!("{REPLAY} --incidents i.jsonl")).exits(0);
    let mut kept = incidents(&folder, "");
    let mut told: Value = serde_json::from_str(folder.read("i.jsonl").trim()).unwrap();
    assert_eq!((kept.len(), &kept[0]["source"]), (1, &Value::from("office.pcap")));
    for field in ["run", "source"] {
        kept[0].as_object_mut().unwrap().remove(field);
    }
    assert!(told["source_details"][0]["verified"].is_boolean(), "{told:#}");
    // Which has the number of a schema of its own.
    assert!(told.as_object_mut().unwrap().remove("schema").is_some());
    assert_eq!(&mut kept[0], &mut told);
}

#[test]
fn another_run_adds_to_the_history() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    folder.nad(REPLAY).exits(0);
    let kept = incidents(&folder, "");
    assert_eq!((kept.len(), kept[0]["run"] != kept[1]["run"]), (2, true), "{kept:#?}");
}

#[test]
fn incidents_are_listed_shown_and_exported() {
    let folder = folder();
    folder.nad(REPLAY).exits(0);
    let list =
        |filter: &str| folder.nad(&format!("incidents list {filter} --history nad.db")).exits(0).stdout;
    let table = list("");
    let row = table.lines().nth(1).unwrap();
    assert!(
        table.starts_with("id ") && row.contains(" port scan ") && row.contains(" 192.168.1.66 "),
        "{table}"
    );
    for fits in [
        "--host 192.168.1.0/24",
        "--shape port-scan",
        "--state closed",
        "--limit 1",
        "--since 2023-11-14T00:00:00Z",
        "--until 2023-11-15T00:00:00Z",
    ] {
        assert_eq!(list(fits), table, "{fits}");
    }
    for fits_not in
        ["--host 10.0.0.0/8", "--shape flood", "--state open", "--since 24h", "--until 2023-11-14T00:00:00Z"]
    {
        assert_eq!(list(fits_not), "No incidents.\n", "{fits_not}");
    }
    let json: Value = serde_json::from_str(&list("--format json")).unwrap();
    let id = json[0]["id"].as_str().unwrap();
    let shown = folder.nad(&format!("incidents show {id} --history nad.db")).exits(0).stdout;
    for part in [id, "T1046", "closed", "192.168.1.66", json[0]["reason"].as_str().unwrap(), "office.pcap"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let csv = folder.nad("incidents export --format csv --history nad.db").exits(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("run,source,id,")
            && lines[1].contains(&format!(",office.pcap,{id},closed,port scan,"))
    );
    let error = folder.nad("incidents show 7-7 --history nad.db").exits(1).stderr;
    assert!(error.contains("has no incident 7-7") && error.contains("nad incidents list"), "{error}");
}

#[test]
fn what_is_marked_as_noise_is_not_reported_again_until_that_is_taken_back() {
    let folder = folder();
    let replay = |flags: &str| folder.nad(&format!("{REPLAY} {flags}")).exits(0).stdout;
    assert_eq!(replay("").matches(" INCIDENT ").count(), 1);
    let uid = incidents(&folder, "")[0]["uid"].as_str().unwrap().to_owned();
    let mark = |arguments: &str| folder.nad(&format!("incidents mark {arguments} --history nad.db"));
    let told = mark(&format!("{uid} noise --comment inventory")).exits(0).stdout;
    assert!(told.contains("marked as noise") && told.contains(&format!("nad known forget {uid}")), "{told}");
    let kept = incidents(&folder, "");
    assert_eq!((&kept[0]["mark"], &kept[0]["mark_comment"]), (&"noise".into(), &"inventory".into()));
    let shown = folder.nad(&format!("incidents show {uid} --history nad.db")).exits(0).stdout;
    assert!(shown.contains("mark         noise: inventory"), "{shown}");
    let known = |arguments: &str| folder.nad(&format!("known {arguments} --history nad.db"));
    let listed = known("list").exits(0).stdout;
    for part in [uid.as_str(), "from 192.168.1.66", "noise: inventory (incident "] {
        assert!(listed.contains(part), "{part} is not in {listed}");
    }
    let allowed = replay("");
    assert!(!allowed.contains(" INCIDENT ") && allowed.contains("noise: inventory"), "{allowed}");
    assert_eq!(incidents(&folder, "").len(), 1);

    known(&format!("forget {uid}")).exits(0);
    assert!(known(&format!("forget {uid}")).exits(1).stderr.contains("nad known list"));
    assert_eq!(known("list").exits(0).stdout, "Nothing was marked as normal or noise.\n");
    assert_eq!(replay("").matches(" INCIDENT ").count(), 1);
    // Both runs have it, and it was what it looked like.
    mark(&format!("{uid} confirmed")).exits(0);
    assert!(incidents(&folder, "").iter().all(|kept| kept["mark"] == "confirmed"));
    folder.nad("report --history nad.db --out r.html").exits(0);
    assert!(folder.read("r.html").contains("confirmed"));
    assert!(mark("7-7 noise").exits(1).stderr.contains("has no incident 7-7"));
    assert!(mark(&format!("{uid} confirmed --for 1d")).exits(2).stderr.contains("--for"));
    folder.write("nad.db.known.toml", "known = 7\n");
    assert!(folder.nad(REPLAY).exits(2).stderr.contains("nad.db.known.toml"));
}

#[test]
fn the_history_of_the_config_file_is_written_and_read() {
    let folder = folder();
    folder.write("nad.toml", "[history]\npath = \"of-config.db\"\nmax_age = \"30d\"\nmax_size = \"64MiB\"\n");
    folder.nad("replay office.pcap --train-for 120s").exits(0);
    assert!(folder.nad("incidents list").exits(0).stdout.contains("port scan"));
    assert!(folder.path("of-config.db").exists());
    folder.write("nad.toml", "[history]\nmax_size = \"1KiB\"\n");
    assert!(folder.nad("replay office.pcap").exits(2).stderr.contains("1MiB is the least"));
}

#[test]
fn what_can_not_be_read_or_written_is_named_with_what_to_do() {
    let folder = folder();
    let none = folder.nad("incidents list").exits(2).stderr;
    assert!(none.contains("name the file with --history"), "{none}");
    let missing = folder.nad("incidents list --history gone.db").exits(1).stderr;
    assert!(
        missing.contains("gone.db: there is no such file") && !folder.path("gone.db").exists(),
        "{missing}"
    );
    folder.write("diary.txt", "dear diary, ".repeat(1000));
    for command in [
        "incidents list --history diary.txt",
        "report --out r.html --history diary.txt",
        "replay office.pcap --history diary.txt",
    ] {
        let refusal = folder.nad(command).exits(1).stderr;
        assert!(refusal.contains("diary.txt: it is no history of nad's"), "{refusal}");
    }
    assert_eq!(folder.read("diary.txt"), "dear diary, ".repeat(1000));
    let capture = fs::read(folder.path("office.pcap")).unwrap();
    folder.nad("replay office.pcap --history office.pcap").exits(1);
    assert!(fs::read(folder.path("office.pcap")).unwrap() == capture);
}

#[test]
fn what_was_written_before_a_kill_is_there_and_an_open_incident_says_so() {
    use std::io::Write as _;

    let folder = folder();
    // Up to the middle of the scan, through a pipe that stays open: nad waits for more.
    let capture = fs::read(folder.path("office.pcap")).unwrap();
    let mut command = folder.command();
    command.args("replay - --train-for 120s --history nad.db".split(' '));
    let mut nad = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = nad.stdin.take().unwrap();
    pipe.write_all(&capture[..before(&capture, 154)]).unwrap();
    pipe.flush().unwrap();
    let begun = Instant::now();
    let list = || folder.nad("incidents list --history nad.db").stdout;
    // It is read while nad writes.
    while !list().contains(" open  ") {
        assert!(begun.elapsed() < Duration::from_secs(60), "no open incident: {}", list());
        std::thread::sleep(Duration::from_millis(100));
    }
    nad.kill().unwrap();
    nad.wait().unwrap();
    assert!(list().contains(" open (run ended) "), "{}", list());
    assert_eq!(incidents(&folder, "--state run-ended").len(), 1);
    assert!(incidents(&folder, "--state open").is_empty());
    folder.nad("report --out r.html --history nad.db").exits(0);
    let page = folder.read("r.html");
    assert!(page.contains("open (run ended)") && page.contains("was cut off"), "{page}");
    // The next run goes on with the file.
    folder.nad(REPLAY).exits(0);
    assert_eq!(incidents(&folder, "").len(), 2);
}

/// Where in a capture the packets end that came before a second.
fn before(capture: &[u8], second: u32) -> usize {
    let number = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let first = number(PCAP_HEADER);
    let mut at = PCAP_HEADER;
    while at < capture.len() && number(at) < first + second {
        at += 16 + number(at + 8) as usize;
    }
    at
}
