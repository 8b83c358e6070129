//! `nad status` asks the running sensor, over a socket that comes and goes with it.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    lab::{Lab, SENDER, SENSOR, until},
    nad_process::{BINARY, Nad},
    raw::RawSender,
    traffic::usual,
};

/// Packets of the baseline.
const LEARNT: usize = 600;

/// What `nad status` says, from outside of the sensor's namespace.
fn status(socket: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["status", "--status-socket"]).arg(socket).args(flags).current_dir("/");
    command.env_remove("NAD_CONFIG").output().expect("nad starts")
}

fn asked(socket: &Path) -> Option<Value> {
    let output = status(socket, &["--json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn a_running_sensor_tells_what_it_does_and_takes_its_socket_with_it() {
    let lab = Lab::new("status");
    let (socket, count) = (lab.path("run/nad.sock"), LEARNT.to_string());
    let path = socket.to_str().expect("a path of letters");
    let run = [
        "run",
        "--iface",
        SENSOR,
        "--train-packets",
        &count,
        "--status-socket",
        path,
        "--sensor-name",
        "lab-1",
    ];
    let mut nad = Nad::capturing(&lab, &run);
    nad.wait_for("status at ");

    let report = asked(&socket).expect("the sensor answers");
    assert_eq!((&report["sensor"], &report["stage"]), (&"lab-1".into(), &"learning".into()), "{report:#}");
    assert_eq!(report["process"], nad.id());
    let interface = &report["interfaces"][0];
    assert_eq!((&interface["name"], &interface["up"]), (&SENSOR.into(), &true.into()), "{report:#}");
    assert!(["native", "generic"].contains(&interface["ingress"].as_str().expect("a mode")), "{report:#}");
    assert!(
        report["sandbox"].as_str().is_some_and(|sandbox| sandbox.contains("no capabilities")),
        "{report:#}"
    );

    let sender = RawSender::open(&lab.sender, SENDER);
    usual(LEARNT).iter().for_each(|frame| sender.send(frame));
    until("a model is in force", || asked(&socket).is_some_and(|report| report["stage"] == "detecting"));
    let words = status(&socket, &[]);
    let words = String::from_utf8(words.stdout).expect("text");
    for part in
        ["Sensor      lab-1, nad ", "Doing       detecting with a model", "Incidents   none open", "Memory "]
    {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }

    // Another one leaves the socket of this one alone, and this one answers on.
    let second = Nad::start_as(&lab, "second", &mut crate::lab::inside(&lab.sensor, BINARY), &run).end();
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.stderr.contains("sensor lab-1 (process ") && second.stderr.contains("--status-socket"),
        "{second:?}"
    );
    assert!(asked(&socket).is_some());

    // One that was killed leaves it, and the next one takes its place.
    nad.signal(libc::SIGKILL);
    assert_eq!(nad.end().code, None);
    let nobody = status(&socket, &[]);
    let said = String::from_utf8(nobody.stderr).expect("text");
    assert_eq!((nobody.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("no sensor answers at ") && socket.exists(), "{said}");
    let mut nad = Nad::capturing(&lab, &run);
    nad.wait_for("status at ");
    assert!(asked(&socket).is_some());
    assert_eq!(nad.interrupt().code, Some(0));
    assert!(!socket.exists(), "it goes with the sensor");
}
