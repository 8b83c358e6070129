//! What nad would give up once it has attached, and what this machine lacks for it.

use super::Finding;
use crate::sandbox::{
    Identity, Level, Needs, SandboxError, SecurityConfig,
    landlock::{self, Extent},
    seccomp, user,
};

pub(super) fn examine(config: &SecurityConfig, needs: &Needs) -> Vec<Finding> {
    let mut findings = vec![user(user::expected(config, needs))];
    if config.level == Level::Off {
        findings.push(
            Finding::warn(
                "sandbox",
                "off: capabilities are given up, files and system calls are not restricted",
            )
            .remedy("--sandbox auto, or no `sandbox` in [security]"),
        );
        return findings;
    }
    findings.push(landlock(&landlock::available()));
    findings.push(seccomp(seccomp::is_available()));
    if config.level == Level::Strict {
        // What is a warning otherwise keeps nad from starting.
        for finding in findings.iter_mut().filter(|finding| finding.status == super::Status::Warn) {
            finding.status = super::Status::Fail;
            finding.what += "; --sandbox strict wants it";
        }
    }
    findings
}

fn user(expected: Result<Identity, SandboxError>) -> Finding {
    const CHECK: &str = "user";
    match expected {
        Ok(identity) => match identity.missing() {
            None => Finding::ok(CHECK, format!("nad run works as {identity}")),
            Some(missing) => Finding::warn(CHECK, format!("nad run works without {missing}"))
                .remedy("--user with one who can write the outputs, as made by `useradd --system nad`"),
        },
        Err(error) => Finding::fail(CHECK, error.to_string()).remedy("another `user` in [security]"),
    }
}

fn landlock(extent: &Extent) -> Finding {
    const CHECK: &str = "landlock";
    match extent {
        Extent::FilesAndTcp(version) => Finding::ok(
            CHECK,
            format!("version {version}: files and TCP ports that no setting names are closed"),
        ),
        Extent::Files(version) => Finding::warn(
            CHECK,
            format!("version {version}: files that no setting names are closed, TCP ports are not"),
        )
        .remedy("Linux 6.7 or newer"),
        Extent::None(why) => Finding::warn(CHECK, format!("missing ({why}): only permissions close files"))
            .remedy("Linux 5.13 or newer with landlock in its lsm= (CONFIG_LSM)"),
    }
}

fn seccomp(is_available: bool) -> Finding {
    const CHECK: &str = "seccomp";
    if is_available {
        Finding::ok(CHECK, "system calls that nad has no use for are refused")
    } else {
        Finding::warn(CHECK, "missing: every system call stays possible")
            .remedy("a kernel with CONFIG_SECCOMP_FILTER")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn what_is_missing_is_a_warning_with_a_remedy() {
        for finding in [landlock(&Extent::None("why")), landlock(&Extent::Files(3)), seccomp(false)] {
            assert_eq!(finding.status, Status::Warn, "{finding}");
            assert!(finding.remedy.is_some(), "{finding}");
        }
        assert_eq!(landlock(&Extent::FilesAndTcp(7)).status, Status::Ok);
    }

    #[test]
    fn a_sandbox_that_is_off_says_so() {
        let config = SecurityConfig { level: Level::Off, ..SecurityConfig::default() };
        let findings = examine(&config, &Needs::default());
        assert!(findings.iter().any(|finding| finding.what.starts_with("off:")), "{findings:?}");
    }

    #[test]
    fn what_strict_lacks_is_a_failure() {
        let config = SecurityConfig { level: Level::Strict, ..SecurityConfig::default() };
        let findings = examine(&config, &Needs::default());
        assert!(findings.iter().all(|finding| finding.status != Status::Warn), "{findings:?}");
    }
}
