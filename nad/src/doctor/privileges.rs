//! What the process may do.

use std::fs;

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

use super::Finding;

const CHECK: &str = "privileges";

pub(super) fn examine() -> Vec<Finding> {
    // The first user namespace maps every id to itself; in another, capabilities don't count for bpf().
    let mapping = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut findings = vec![if is_first_namespace(&mapping) {
        capabilities(caps::read(None, CapSet::Effective))
    } else {
        Finding::warn(CHECK, "in a user namespace (a rootless container), whose capabilities bpf() ignores")
            .remedy("start nad as the machine's root, or the container by a rootful engine")
    }];
    if let Ok(setting) = fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled") {
        findings.push(unprivileged(&setting));
    }
    findings
}

fn capabilities(effective: Result<CapsHashSet, CapsError>) -> Finding {
    let effective = match effective {
        Ok(effective) => effective,
        Err(error) => {
            return Finding::warn(CHECK, format!("can't read the capabilities of this process: {error}"));
        }
    };
    let has = |capability| effective.contains(&capability);
    // The administrator's capability stands for the two that were split off from it in 5.8.
    let administrator = has(Capability::CAP_SYS_ADMIN);
    let missing: Vec<_> = [
        (administrator || has(Capability::CAP_BPF), "CAP_BPF"),
        (has(Capability::CAP_NET_ADMIN), "CAP_NET_ADMIN"),
        // Without it the verifier refuses pointer arithmetic that compilers like to make.
        (administrator || has(Capability::CAP_PERFMON), "CAP_PERFMON"),
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

    fn found(capabilities: &[Capability]) -> Finding {
        super::capabilities(Ok(capabilities.iter().copied().collect()))
    }

    #[test]
    fn what_is_missing_is_named() {
        use Capability::{CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON};
        let none = found(&[]);
        assert_eq!(none.status, Status::Fail);
        assert_eq!(
            none.what,
            "no CAP_BPF, no CAP_NET_ADMIN, no CAP_PERFMON: can't load and attach the kernel program"
        );
        assert!(found(&[CAP_BPF, CAP_PERFMON]).what.starts_with("no CAP_NET_ADMIN:"));
        assert!(found(&[CAP_NET_ADMIN, CAP_PERFMON]).what.starts_with("no CAP_BPF:"));
        assert!(found(&[CAP_NET_ADMIN, CAP_BPF]).what.starts_with("no CAP_PERFMON:"));
        assert_eq!(found(&[CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF]).status, Status::Ok);
        let unread = super::capabilities(Err(CapsError::from("no such process")));
        assert_eq!(unread.status, Status::Warn);
        assert!(unread.what.ends_with("of this process: caps error: no such process"), "{unread}");
    }

    #[test]
    fn the_administrator_needs_nothing_more() {
        assert_eq!(found(&[Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN]).status, Status::Ok);
        let all: Vec<_> = caps::all().into_iter().collect();
        assert_eq!(found(&all).status, Status::Ok);
    }

    #[test]
    fn a_user_namespace_is_told_from_the_first() {
        assert!(is_first_namespace("         0          0 4294967295\n"));
        assert!(!is_first_namespace("         0       1000          1\n         1     100000      65536\n"));
        assert!(is_first_namespace(""));
    }
}
