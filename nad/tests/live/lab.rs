//! Two machines and a cable: a namespace for the sensor, one for whoever sends, and a veth pair between them.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread,
    time::{Duration, Instant},
};

use aya::programs::{SchedClassifier, TcAttachType};
use tempfile::TempDir;

use crate::netns::Namespace;

/// Where the sensor sits, and its address.
pub(crate) const SENSOR: &str = "veth0";
pub(crate) const SENSOR_IP: &str = "10.77.0.1";
/// The sending end.
pub(crate) const SENDER: &str = "veth1";
pub(crate) const SENDER_IP: &str = "10.77.0.2";

pub(crate) const SENSOR_MAC: [u8; 6] = [0x02, 0, 0, 0, 0x77, 1];
pub(crate) const SENDER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0x77, 2];

/// Longer than anything takes here, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Tests that measure times or send floods have the machine for themselves.
static MACHINE: RwLock<()> = RwLock::new(());

pub(crate) struct Lab {
    pub(crate) sensor: Namespace,
    pub(crate) sender: Namespace,
    /// Where the sensor runs and writes.
    pub(crate) folder: TempDir,
    _machine: Machine,
}

/// Held as long as the lab is there.
struct Machine {
    _shared: Option<RwLockReadGuard<'static, ()>>,
    _alone: Option<RwLockWriteGuard<'static, ()>>,
}

impl Machine {
    /// Together with other tests.
    fn shared() -> Self {
        Self { _shared: Some(MACHINE.read().unwrap_or_else(PoisonError::into_inner)), _alone: None }
    }

    fn alone() -> Self {
        Self { _shared: None, _alone: Some(MACHINE.write().unwrap_or_else(PoisonError::into_inner)) }
    }
}

impl Lab {
    /// A cable on which nothing moves by itself: no IPv6 with its solicitations, and neighbours that know each
    /// other without ARP.
    pub(crate) fn new(label: &str) -> Self {
        Self::without_addresses(label).with_addresses()
    }

    /// The same without addresses: nothing that is sent is answered.
    pub(crate) fn without_addresses(label: &str) -> Self {
        Self::on(Machine::shared(), label)
    }

    /// The same, without addresses, while no other test runs.
    pub(crate) fn alone(label: &str) -> Self {
        Self::on(Machine::alone(), label)
    }

    fn on(machine: Machine, label: &str) -> Self {
        let lab = Self {
            sensor: Namespace::empty(&format!("{label}-a")),
            sender: Namespace::empty(&format!("{label}-b")),
            folder: tempfile::tempdir().expect("a folder can be made"),
            _machine: machine,
        };
        for namespace in [&lab.sensor, &lab.sender] {
            namespace.enter(without_ipv6);
        }
        lab.connect(SENSOR, SENSOR_MAC, SENDER, SENDER_MAC);
        lab
    }

    /// Gives both ends addresses, and lets them know each other.
    pub(crate) fn with_addresses(self) -> Self {
        for (namespace, interface, own, other, mac) in [
            (&self.sensor, SENSOR, SENSOR_IP, SENDER_IP, SENDER_MAC),
            (&self.sender, SENDER, SENDER_IP, SENSOR_IP, SENSOR_MAC),
        ] {
            namespace.ip(&["addr", "add", &format!("{own}/24"), "dev", interface]);
            let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
            namespace.ip(&["neigh", "add", other, "lladdr", &mac, "dev", interface, "nud", "permanent"]);
        }
        self
    }

    /// Lays another cable.
    pub(crate) fn connect(&self, sensor: &str, sensor_mac: [u8; 6], sender: &str, sender_mac: [u8; 6]) {
        let mac = |mac: [u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
        self.sensor.ip(&[
            "link",
            "add",
            sensor,
            "address",
            &mac(sensor_mac),
            "type",
            "veth",
            "peer",
            "name",
            sender,
            "address",
            &mac(sender_mac),
            "netns",
            &self.sender.name,
        ]);
        self.sensor.ip(&["link", "set", "dev", sensor, "up"]);
        self.sender.ip(&["link", "set", "dev", sender, "up"]);
        let has_carrier = || link(&self.sensor, sensor)["operstate"] == "UP";
        until("the cable has a carrier", has_carrier);
    }

    /// Packets that an interface of the sensor's has received so far.
    pub(crate) fn received(&self, interface: &str) -> u64 {
        packets(&self.sensor, interface, "rx")
    }

    /// Packets that an interface of the sender's has sent so far.
    pub(crate) fn sent(&self, interface: &str) -> u64 {
        packets(&self.sender, interface, "tx")
    }

    /// Packets that have arrived at the sender's end of the cable so far.
    pub(crate) fn arrived(&self) -> u64 {
        packets(&self.sender, SENDER, "rx")
    }

    /// Whether an XDP program is attached to an interface of the sensor's.
    pub(crate) fn has_program(&self, interface: &str) -> bool {
        !link(&self.sensor, interface)["xdp"].is_null()
    }

    /// The XDP program's id at an interface of the sensor's.
    pub(crate) fn program(&self, interface: &str) -> u32 {
        let id = link(&self.sensor, interface)["xdp"]["prog"]["id"].as_u64().expect("a program is attached");
        u32::try_from(id).expect("ids are small")
    }

    /// Programs attached by TCX to what an interface of the sensor's sends.
    pub(crate) fn egress_programs(&self, interface: &str) -> usize {
        let query = || SchedClassifier::query_tcx(interface, TcAttachType::Egress);
        self.sensor.enter(query).expect("the kernel has TCX").1.len()
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("it is our folder");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// Disables IPv6, with its solicitations, on every interface of this thread's namespace, also on those to come.
pub(crate) fn without_ipv6() {
    for scope in ["all", "default"] {
        // Where it is missing, the kernel has no IPv6 to disable.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1");
    }
}

/// A program to be run inside a namespace.
pub(crate) fn inside(namespace: &Namespace, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &namespace.name]).arg(program);
    command
}

/// Runs it to its end, which must be a good one.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Whether a program is installed.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}

/// Waits for a condition, and fails where it does not come true.
pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(PATIENCE, what, condition);
}

/// The same with another patience.
pub(crate) fn until_within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience, "waited {patience:?} in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn link(namespace: &Namespace, interface: &str) -> serde_json::Value {
    let output = succeed(Command::new("ip").args([
        "-n",
        &namespace.name,
        "-j",
        "-s",
        "link",
        "show",
        "dev",
        interface,
    ]));
    let mut links: serde_json::Value = serde_json::from_slice(&output.stdout).expect("ip prints JSON");
    links[0].take()
}

fn packets(namespace: &Namespace, interface: &str, direction: &str) -> u64 {
    link(namespace, interface)["stats64"][direction]["packets"].as_u64().expect("ip prints counters")
}
