//! The kernel: its version, what it was built with, and what it forbids.

use std::{fs, io};

use aya::util::KernelVersion;

use super::Finding;

/// The oldest kernel that nad works on. Ring buffers and `CAP_BPF` came with 5.8, XDP links (which end with the
/// process) with 5.9, and 5.10 lets the rings inside an array have another size than the one in the object.
const OLDEST_KERNEL: KernelVersion = KernelVersion::new(5, 10, 0);

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = vec![
        version(KernelVersion::current().ok()),
        egress(KernelVersion::current().ok()),
        architecture(cfg!(target_endian = "little")),
        btf(fs::File::open("/sys/kernel/btf/vmlinux").err().map(|error| error.kind())),
    ];
    findings.push(jit(fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").ok().as_deref()));
    if let Ok(lockdown) = fs::read_to_string("/sys/kernel/security/lockdown") {
        findings.push(self::lockdown(&lockdown));
    }
    findings
}

fn version(version: Option<KernelVersion>) -> Finding {
    const CHECK: &str = "kernel";
    match version {
        Some(version) if version >= OLDEST_KERNEL => {
            Finding::ok(CHECK, format!("{version}, 5.10 or newer is needed"))
        }
        Some(version) => Finding::fail(CHECK, format!("{version} is too old")).remedy("Linux 5.10 or newer"),
        None => Finding::warn(CHECK, "can't read its version; 5.10 or newer is needed"),
    }
}

/// TCX came with 6.6, the first kernel where what watches egress ends with the process.
fn egress(version: Option<KernelVersion>) -> Finding {
    const CHECK: &str = "egress";
    if version.is_some_and(|version| version >= KernelVersion::new(6, 6, 0)) {
        return Finding::ok(CHECK, "by TCX, which ends with nad");
    }
    Finding::warn(
        CHECK,
        "by clsact, before Linux 6.6: a process of its own keeps CAP_NET_ADMIN until nad ends, to remove its filter",
    )
    .remedy("Linux 6.6 or newer, or --direction ingress")
}

fn architecture(little_endian: bool) -> Finding {
    const CHECK: &str = "architecture";
    let name = std::env::consts::ARCH;
    if little_endian {
        Finding::ok(CHECK, format!("{name}, little-endian as the kernel program in nad"))
    } else {
        Finding::fail(CHECK, format!("{name} is big-endian, the kernel program in nad is little-endian"))
            .remedy("a little-endian machine")
    }
}

/// aya reads the kernel's types only to relocate programs that were built against other kernels' types.
fn btf(error: Option<io::ErrorKind>) -> Finding {
    const CHECK: &str = "btf";
    match error {
        None => Finding::ok(CHECK, "/sys/kernel/btf/vmlinux is readable"),
        Some(error) => Finding::warn(
            CHECK,
            format!(
                "/sys/kernel/btf/vmlinux: {error}; nad's program needs no kernel types, other tools (bpftrace) do"
            ),
        )
        .remedy("a kernel with CONFIG_DEBUG_INFO_BTF, and /sys mounted"),
    }
}

/// Takes the text of `net.core.bpf_jit_enable`, which only the first network namespace has.
fn jit(setting: Option<&str>) -> Finding {
    const CHECK: &str = "jit";
    match setting.map(str::trim) {
        Some("0") => Finding::warn(CHECK, "off: the kernel interprets nad's program, several times slower")
            .remedy("sysctl net.core.bpf_jit_enable=1"),
        Some(_) => Finding::ok(CHECK, "on"),
        None => Finding::ok(CHECK, "not visible here (a container's network namespace hides the setting)"),
    }
}

/// Takes the text of `/sys/kernel/security/lockdown`, such as `none [integrity] confidentiality`.
///
/// Neither mode forbids XDP programs: since Linux 5.4 `integrity` only forbids writing to users' memory from BPF, and
/// `confidentiality` reading the kernel's, none of which nad's program does.
fn lockdown(modes: &str) -> Finding {
    const CHECK: &str = "lockdown";
    let mode =
        modes.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("unknown", |(mode, _)| mode);
    match mode {
        "none" | "integrity" => Finding::ok(CHECK, format!("{mode}, which allows XDP programs")),
        _ => Finding::warn(CHECK, format!("{mode}: BPF programs may not read kernel memory; nad's does not"))
            .remedy("where loading fails nevertheless: boot with lockdown=integrity"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_kernel_older_than_5_10_fails() {
        assert_eq!(version(Some(KernelVersion::new(5, 9, 16))).status, Status::Fail);
        assert_eq!(version(Some(KernelVersion::new(5, 10, 0))).status, Status::Ok);
        assert_eq!(version(Some(KernelVersion::new(6, 18, 44))).what, "6.18.44, 5.10 or newer is needed");
        assert_eq!(version(None).status, Status::Warn);
    }

    #[test]
    fn a_kernel_without_tcx_is_a_warning() {
        assert_eq!(egress(Some(KernelVersion::new(6, 6, 0))).status, Status::Ok);
        assert_eq!(egress(Some(KernelVersion::new(6, 5, 13))).status, Status::Warn);
        assert_eq!(egress(None).status, Status::Warn);
    }

    #[test]
    fn a_big_endian_machine_fails() {
        assert_eq!(architecture(false).status, Status::Fail);
    }

    #[test]
    fn missing_kernel_types_are_a_warning() {
        assert_eq!(btf(None).status, Status::Ok);
        assert_eq!(btf(Some(io::ErrorKind::NotFound)).status, Status::Warn);
    }

    #[test]
    fn an_interpreting_kernel_is_a_warning() {
        assert_eq!(jit(Some("0\n")).status, Status::Warn);
        assert_eq!(jit(Some("1\n")).status, Status::Ok);
        assert_eq!(jit(None).status, Status::Ok);
    }

    #[test]
    fn lockdown_names_its_mode() {
        assert_eq!(lockdown("[none] integrity confidentiality\n").status, Status::Ok);
        assert_eq!(
            lockdown("none [integrity] confidentiality\n").what,
            "integrity, which allows XDP programs"
        );
        assert_eq!(lockdown("none integrity [confidentiality]\n").status, Status::Warn);
        assert_eq!(lockdown("").status, Status::Warn);
    }
}
