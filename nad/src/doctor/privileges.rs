//! What the process may do.

use std::fs;

use super::Finding;

const CHECK: &str = "privileges";

/// Numbers of capabilities (`linux/capability.h`).
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

pub(super) fn examine() -> Vec<Finding> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // The first user namespace maps every id to itself; in another, capabilities don't count for bpf().
    let mapping = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut findings = vec![if is_first_namespace(&mapping) {
        capabilities(effective(&status))
    } else {
        Finding::warn(CHECK, "in a user namespace (a rootless container), whose capabilities bpf() ignores")
            .remedy("start nad as the machine's root, or the container by a rootful engine")
    }];
    if let Ok(setting) = fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled") {
        findings.push(unprivileged(&setting));
    }
    findings
}

/// The effective capabilities in the text of `/proc/self/status`.
fn effective(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn capabilities(effective: Option<u64>) -> Finding {
    let Some(effective) = effective else {
        return Finding::warn(
            CHECK,
            "can't read the capabilities of this process: no CapEff in /proc/self/status",
        );
    };
    let has = |capability: u32| effective >> capability & 1 != 0;
    // The administrator's capability stands for the two that were split off from it in 5.8.
    let administrator = has(CAP_SYS_ADMIN);
    let missing: Vec<_> = [
        (administrator || has(CAP_BPF), "CAP_BPF"),
        (has(CAP_NET_ADMIN), "CAP_NET_ADMIN"),
        // Without it the verifier refuses pointer arithmetic that compilers like to make.
        (administrator || has(CAP_PERFMON), "CAP_PERFMON"),
    ]
    .into_iter()
    .filter_map(|(present, name)| (!present).then_some(name))
    .collect();
    if !missing.is_empty() {
        return Finding::fail(CHECK, format!("no {}: can't load and attach the kernel program", missing.join(", no ")))
            .remedy(
                "run with sudo; or grant them: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep \"$(command -v nad)\"; \
                 or docker run --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON",
            );
    }
    Finding::ok(CHECK, "enough to load and attach the kernel program")
}

/// Takes the text of `/proc/self/uid_map`; an unreadable one is no reason for a warning.
fn is_first_namespace(mapping: &str) -> bool {
    mapping.is_empty() || mapping.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Takes the text of `kernel.unprivileged_bpf_disabled`.
fn unprivileged(setting: &str) -> Finding {
    let who = match setting.trim() {
        "0" => "open to everyone (kernel.unprivileged_bpf_disabled=0)",
        _ => "for the privileged only",
    };
    Finding::ok("bpf()", format!("{who}; nad needs its privileges either way"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    const fn mask(capabilities: &[u32]) -> u64 {
        let mut mask = 0;
        let mut index = 0;
        while index < capabilities.len() {
            mask |= 1 << capabilities[index];
            index += 1;
        }
        mask
    }

    #[test]
    fn effective_capabilities_are_read_from_the_status() {
        let status = "Name:\tnad\nCapPrm:\t000001ffffffffff\nCapEff:\t000000c000001000\nCapBnd:\t0\n";
        assert_eq!(effective(status), Some(mask(&[CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF])));
        assert_eq!(effective("Name:\tnad\n"), None);
        assert_eq!(effective("CapEff:\tnonsense\n"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let none = capabilities(Some(0));
        assert_eq!(none.status, Status::Fail);
        assert_eq!(
            none.what,
            "no CAP_BPF, no CAP_NET_ADMIN, no CAP_PERFMON: can't load and attach the kernel program"
        );
        assert!(capabilities(Some(mask(&[CAP_BPF, CAP_PERFMON]))).what.starts_with("no CAP_NET_ADMIN:"));
        assert!(capabilities(Some(mask(&[CAP_NET_ADMIN, CAP_PERFMON]))).what.starts_with("no CAP_BPF:"));
        assert!(capabilities(Some(mask(&[CAP_BPF, CAP_NET_ADMIN]))).what.starts_with("no CAP_PERFMON:"));
        assert_eq!(capabilities(Some(mask(&[CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON]))).status, Status::Ok);
        assert_eq!(capabilities(None).status, Status::Warn);
    }

    #[test]
    fn the_administrator_needs_nothing_more() {
        assert_eq!(capabilities(Some(mask(&[CAP_SYS_ADMIN, CAP_NET_ADMIN]))).status, Status::Ok);
        assert_eq!(capabilities(Some(u64::MAX)).status, Status::Ok);
    }

    #[test]
    fn a_user_namespace_is_told_from_the_first() {
        assert!(is_first_namespace("         0          0 4294967295\n"));
        assert!(!is_first_namespace("         0       1000          1\n         1     100000      65536\n"));
        assert!(is_first_namespace(""));
    }
}
