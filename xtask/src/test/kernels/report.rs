//! What a kernel did, judged.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    console::{self, Said},
    facts::Facts,
    initramfs,
    packages::Kernel,
};

/// Packets of one ping, there or back; the guest sends so many.
const PINGS: u64 = 20;
/// Tests of the kernel program that the guest runs.
const TESTS: &str = "ok. 3 passed; 0 failed;";

/// What the verifier followed of one program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) instructions: u32,
    pub(super) stack: u32,
}

/// One kernel's.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) suite: &'static str,
    /// As the kernel says, such as 5.10.0-32-amd64.
    pub(super) release: String,
    /// Of the sources, such as 5.10.223.
    pub(super) version: String,
    pub(super) ingress: Verified,
    pub(super) egress: Verified,
    /// What was not as it must be.
    pub(super) failures: Vec<String>,
    pub(super) seconds: f64,
}

impl Report {
    /// Boots the kernel and judges what it says.
    pub(super) fn of(kernel: &Kernel, programs: &[(&str, PathBuf)], directory: &Path) -> Self {
        let said = initramfs::make(kernel, programs, directory)
            .and_then(|initramfs| console::boot(&kernel.image, &initramfs));
        match said {
            Ok(said) => Self::judge(kernel.suite, &said),
            Err(error) => {
                Self { suite: kernel.suite, failures: vec![format!("{error:#}")], ..Self::default() }
            }
        }
    }

    pub(super) fn judge(suite: &'static str, said: &Said) -> Self {
        let facts = Facts::new(said);
        let version =
            facts.one("version").and_then(|text| text.split_once("Debian ")).map_or("", |(_, rest)| rest);
        let version = version.split(['-', ' ']).next().unwrap_or_default().to_owned();
        let mut report = Self {
            suite,
            release: facts.one("release").unwrap_or("no release").to_owned(),
            version,
            ingress: verified(&facts, "nad_xdp").unwrap_or_default(),
            egress: verified(&facts, "nad_egress").unwrap_or_default(),
            failures: Vec::new(),
            seconds: said.took.as_secs_f64(),
        };
        report.check(&facts);
        if !said.ended {
            report.failures.push(format!(
                "the guest did not come to its end within {:.0} s; its console's last lines:\n{}",
                report.seconds,
                said.tail()
            ));
        } else if !report.failures.is_empty() {
            report.failures.push(format!("its console's last lines:\n{}", said.tail()));
        }
        report
    }

    /// Whether it has TCX, which came with Linux 6.6.
    pub(super) fn has_tcx(&self) -> bool {
        self.number() >= (6, 6)
    }

    fn number(&self) -> (u32, u32) {
        let mut parts = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    fn check(&mut self, facts: &Facts) {
        let tcx = self.has_tcx();
        let mut failures = Vec::new();
        let mut holds = |holds: bool, what: &str, found: &dyn fmt::Debug| {
            if !holds {
                failures.push(format!("{what}: {found:?}"));
            }
        };
        let lines = |name: &str| facts.all(name);

        holds(self.number() >= (5, 10), "the kernel tells its version", &self.version);
        holds(
            facts.code("tests") == Some(0),
            "the tests of the kernel program pass",
            &facts.one("tests code"),
        );
        let ran = facts.one("tests result").is_some_and(|result| result.starts_with(TESTS));
        holds(ran, "three tests of the kernel program run", &facts.one("tests result"));
        let measured = self.ingress.instructions > 0 && self.egress.instructions > 0;
        holds(measured, "the verifier tells what it followed", &lines("verifier"));
        let doctor = lines("doctor line");
        let healthy = facts.code("doctor") == Some(0) && doctor.iter().all(|line| !line.starts_with("fail"));
        holds(healthy, "doctor finds no fault", &doctor);

        let mut counted = |run: &str, seen, egress| {
            let ledger = facts.ledger(run);
            let right = ledger.as_ref().is_some_and(|ledger| {
                let counts = (ledger.seen, ledger.recorded, ledger.drained, ledger.egress);
                ledger.balances && counts == (seen, seen, seen, egress)
            });
            let what =
                format!("{run}: {seen} packets are seen, recorded and drained, of which {egress} were sent");
            let errors = lines(&format!("{run} error"));
            holds(right && facts.code(run) == Some(0), &what, &(ledger, facts.code(run), errors));
        };
        counted("lo", 2 * PINGS, 0);
        counted("both", 2 * PINGS, PINGS);
        counted("ingress", PINGS, 0);
        counted("egress", PINGS, PINGS);
        counted("next", 2 * PINGS, PINGS);
        if tcx {
            counted("fallback", 2 * PINGS, PINGS);
        } else {
            counted("fallback", PINGS, 0);
        }

        for direction in ["both", "ingress", "egress"] {
            let counts = facts.one(&format!("{direction} interface"));
            let counts: Vec<u64> =
                counts.unwrap_or_default().split(' ').filter_map(|count| count.parse().ok()).collect();
            let moved = match counts.split_at_checked(4) {
                Some((before, after)) if after.len() == 4 => {
                    before.iter().zip(after).all(|(before, after)| *after == before + PINGS)
                }
                _ => false,
            };
            holds(moved, "both ends of the cable count what was sent and received", &counts);
        }

        let warnings = |run: &str, what: &str| {
            lines(&format!("{run} error")).iter().filter(|line| line.contains(what)).count()
        };
        let unseen = warnings("fallback", "packets sent by v0 are not seen");
        holds(
            unseen == usize::from(!tcx),
            "one warning says that sent packets are not seen",
            &lines("fallback error"),
        );
        let explicit = match tcx {
            true => facts.code("explicit") == Some(0),
            false => {
                facts.code("explicit") == Some(1)
                    && warnings("explicit", "attaching to what v0 sends failed") == 1
            }
        };
        holds(explicit, "what was asked for and can't be had is an error", &lines("explicit error"));
        let memlock = match self.number() < (5, 11) {
            true => facts.code("memlock") == Some(1) && warnings("memlock", "`ulimit -l unlimited`") == 1,
            false => facts.code("memlock") == Some(0),
        };
        holds(memlock, "too little locked memory is said with its remedy", &lines("memlock error"));

        let scans = facts.json("scan").into_iter().filter(|object| {
            object["shape"] == "port scan" && object["sources"].to_string().contains("10.77.0.2")
        });
        let scanned = facts.code("scan") == Some(0) && scans.count() > 0;
        holds(
            scanned,
            "a port scan is an incident of its source",
            &(facts.json("scan"), lines("scan error")),
        );

        let state = |name: &str, filters, programs: Option<u64>| {
            let number = |word| facts.number(name, word);
            let programs = match programs {
                Some(programs) => number("programs") == Some(programs),
                None => number("programs").is_some_and(|loaded| loaded >= 1),
            };
            programs && number("filters") == Some(filters)
        };
        let xdp = |name: &str| facts.number(name, "xdp");
        let filter = u64::from(!tcx);
        holds(
            xdp("attached") == Some(1) && state("attached", filter, None),
            "a running nad is attached",
            &facts.one("attached"),
        );
        // Before TCX, a process of its own removes the filter for egress.
        holds(
            xdp("killed") == Some(0) && state("killed", 0, Some(0)),
            "a killed nad leaves nothing",
            &facts.one("killed"),
        );
        holds(
            xdp("left") == Some(0) && state("left", 0, Some(0)),
            "a nad that ends leaves nothing",
            &facts.one("left"),
        );
        self.failures = failures;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.failures.is_empty() { "passed" } else { "FAILED" };
        writeln!(f, "{:<9} {:<26} {:>5.0} s  {outcome}", self.suite, self.release, self.seconds)?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}

/// From `nad_xdp instructions 45340 stack 288 (136+120)`.
fn verified(facts: &Facts, program: &str) -> Option<Verified> {
    let line =
        facts.all("verifier").into_iter().find_map(|line| line.strip_prefix(program)?.strip_prefix(' '))?;
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["instructions", instructions, "stack", stack, ..] => {
            Some(Verified { instructions: instructions.parse().ok()?, stack: stack.parse().ok()? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_guest_that_says_nothing_has_failed_in_everything() {
        let said = Said { lines: vec!["Kernel panic".into()], ended: false, took: Duration::from_secs(420) };
        let report = Report::judge("bookworm", &said);
        assert!(report.failures.len() > 15, "{report}");
        assert!(report.failures.last().unwrap().contains("Kernel panic"), "{report}");
    }

    #[test]
    fn the_version_and_the_verifiers_numbers_are_read() {
        let lines = [
            "@ release 6.1.0-50-amd64",
            "@ version #1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-11-01)",
            "@ verifier nad_xdp instructions 45340 stack 288 (136+120)",
            "@ end",
        ];
        let lines = lines.map(str::to_owned).to_vec();
        let report = Report::judge("bookworm", &Said { lines, ended: true, took: Duration::ZERO });
        assert_eq!((report.version.as_str(), report.has_tcx()), ("6.1.176", false));
        assert_eq!(report.ingress, Verified { instructions: 45_340, stack: 288 });
    }
}
