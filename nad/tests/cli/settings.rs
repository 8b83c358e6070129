//! `nad.toml`, the environment, and which of them counts.

use crate::{folder, sensor::Ran};

/// Without a contamination, which some of these tests set elsewhere.
const REPLAY: &str = "replay office.pcap --train-packets 300";

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    let folder = folder();
    folder.write("nad.toml", "[capture]\npacket_count = 100\n\n[training]\ncontaminaton = 0.1\n");
    let ran = folder.nad(REPLAY).exits(2);
    ran.says_only(&["config file nad.toml, line 5", "unknown field `contaminaton`", "`contamination`"]);
    folder.write("nad.toml", "[training]\ntrain_for = 300\n");
    folder.nad(REPLAY).exits(2).says_only(&["nad.toml, line 2"]);
    folder.write("nad.toml", "[training\n");
    folder.nad("doctor").exits(2).says_only(&["nad.toml, line 1"]);
    folder.write("nad.toml", b"\xff\xfe");
    folder.nad(REPLAY).exits(2).says_only(&["config file nad.toml"]);
}

#[test]
fn a_value_in_the_file_is_checked_as_a_flag_is() {
    let folder = folder();
    for (text, part) in [
        ("[training]\ncontamination = 0.9\n", "contamination 0.9"),
        ("[training]\ncontamination = nan\n", "contamination NaN"),
        ("[training]\ntrees = 0\n", "trees 0"),
        ("[training]\nsamples_per_tree = 1\n", "samples_per_tree 1"),
        ("[training]\nextension_level = 32\n", "extension_level 32"),
    ] {
        folder.write("nad.toml", text);
        folder.nad(REPLAY).exits(2).says_only(&[part, "out of range"]);
    }
    folder.write("nad.toml", "[training]\nseed = -1\n");
    folder.nad(REPLAY).exits(2).says_only(&["nad.toml, line 2", "-1"]);
    folder.write("nad.toml", "[training]\ntrainer = \"best\"\n");
    folder.nad(REPLAY).exits(2).says_only(&["nad.toml, line 2", "best", "`seeded` or `crate`"]);
    folder.write("nad.toml", "[training]\nseed = 7\ntrainer = \"crate\"\n");
    folder.nad(REPLAY).exits(2).says_only(&["seed 7 has no effect", "\"crate\""]);
    folder.write("nad.toml", "[training]\ntrain_packets = 5\nmodel = \"m\"\n");
    folder.nad("replay office.pcap").exits(2).says_only(&["exclude each other"]);
    folder.write("nad.toml", "[capture]\ndirection = \"up\"\n");
    folder.nad("run --iface nad-no0").exits(2).says_only(&["nad.toml, line 2", "`up`", "`egress`"]);
    folder.write("nad.toml", "[capture]\nring_bytes = 5000\n");
    folder.nad("run --iface nad-no0").exits(2).says_only(&["ring_bytes 5000"]);
    folder.nad("doctor --iface lo").exits(2).says_only(&["ring_bytes 5000"]);
}

#[test]
fn an_allow_rule_that_can_not_be_used_is_refused() {
    let folder = folder();
    for (rule, parts) in [
        ("source = \"10.0.0.7/24\"\ncomment = \"c\"", ["line 4: \"10.0.0.7/24\"", "10.0.0.0/24 for all"]),
        ("shape = \"scan\"\ncomment = \"c\"", ["line 4: unknown variant `scan`", "`port-scan`"]),
        ("port = 22", ["line 3: missing field `comment`", "nad.toml"]),
        (
            "comment = \"c\"",
            ["line 3: an allow rule would allow everything", "give a source, mac, destination"],
        ),
    ] {
        folder.write("nad.toml", format!("[log]\npath = \"none\"\n[[allow]]\n{rule}\n"));
        folder.nad(REPLAY).exits(2).says_only(&parts);
    }
}

#[test]
fn a_config_file_that_was_asked_for_must_be_there() {
    let folder = folder();
    folder
        .nad(&format!("{REPLAY} --config other.toml"))
        .exits(2)
        .says_only(&["config file other.toml", "No such file"]);
    folder.nad_with("NAD_CONFIG", "other.toml", REPLAY).exits(2).says_only(&["config file other.toml"]);
    folder.nad(&format!("{REPLAY} --config .")).exits(2).says_only(&["config file .:", "directory"]);
    folder.nad(REPLAY).exits(0);
}

#[test]
fn a_flag_counts_before_the_environment_before_the_file_before_the_default() {
    let folder = folder();
    let contamination = |ran: Ran| {
        let ran = ran.exits(0);
        let (_, rest) = ran.stderr.split_once("(contamination ").unwrap_or_else(|| panic!("{}", ran.stderr));
        rest.split_once(')').unwrap().0.to_owned()
    };
    assert_eq!(contamination(folder.nad(REPLAY)), "0.0001");
    folder.write("nad.toml", "[training]\ncontamination = 0.11\n");
    assert_eq!(contamination(folder.nad(REPLAY)), "0.11");
    assert_eq!(contamination(folder.nad_with("NAD_CONTAMINATION", "0.12", REPLAY)), "0.12");
    let with_flag = format!("{REPLAY} --contamination 0.13");
    assert_eq!(contamination(folder.nad_with("NAD_CONTAMINATION", "0.12", &with_flag)), "0.13");
}

#[test]
fn the_place_that_counts_says_everything_about_the_baseline() {
    let folder = folder();
    let learned = |ran: Ran| ran.exits(0).summary().ledger.learned;
    folder.write("nad.toml", "[training]\ntrain_for = \"4s\"\n");
    let replay = "replay office.pcap --format json";
    assert_eq!(learned(folder.nad(replay)), 400);
    assert_eq!(learned(folder.nad_with("NAD_TRAIN_PACKETS", "350", replay)), 350);
    assert_eq!(
        learned(folder.nad_with(
            "NAD_TRAIN_PACKETS",
            "350",
            "replay office.pcap --train-for 3s --format json"
        )),
        300
    );
    folder.write("nad.toml", "[capture]\npacket_count = 50\n[training]\ntrain_packets = 320\n");
    assert_eq!(learned(folder.nad(replay)), 320, "a packet count is for live captures");
}

#[test]
fn an_environment_variable_without_a_value_is_as_good_as_none() {
    // `docker run -e NAD_MODEL=` and a line in an environment file look like this.
    let folder = folder();
    for name in ["NAD_MODEL", "NAD_TRAIN_FOR", "NAD_CONTAMINATION", "NAD_CONFIG", "NAD_LOG", "NAD_ALERTS"] {
        let ran = folder.nad_with(name, "", &format!("{REPLAY} --format json")).exits(0);
        assert_eq!(ran.summary().ledger.learned, 300, "{name}");
    }
    folder.nad_with("NAD_IFACE", "", "run --iface nad-no0 --model missing").exits(1).says(&["missing"]);
}

#[test]
fn a_bad_value_in_the_environment_is_refused_like_a_flag_s() {
    let folder = folder();
    folder.nad_with("NAD_CONTAMINATION", "7", REPLAY).exits(2).says_only(&["contamination 7"]);
    folder.nad_with("NAD_TRAIN_FOR", "soon", "replay office.pcap").exits(2).says_only(&["soon", "300s"]);
    folder
        .nad_with("NAD_DIRECTION", "up", "run --iface nad-no0")
        .exits(2)
        .says_only(&["up", "ingress, egress, both"]);
}
