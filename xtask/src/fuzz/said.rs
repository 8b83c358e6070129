//! What libFuzzer prints.

use std::{collections::VecDeque, fmt};

/// Lines that are kept, to be shown where an input failed: a panic, a stack, and what AddressSanitizer has to say.
const KEPT: usize = 120;

/// What a run has said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) executions: u64,
    /// Edges and inputs of the corpus, as of the last line that named them.
    edges: u64,
    corpus: u64,
    memory_mb: u64,
    /// Files with inputs that failed.
    pub(super) crashes: Vec<String>,
    /// The last lines, where one failed.
    pub(super) last: VecDeque<String>,
}

impl Said {
    pub(super) fn read(&mut self, line: &str) {
        // `#1048576 pulse  cov: 1203 ft: 4800 corp: 312/14Kb lim: 128 exec/s: 52428 rss: 512Mb`
        if let Some(rest) = line.strip_prefix('#')
            && let Some((count, rest)) = rest.split_once([' ', '\t'])
        {
            self.executions = count.parse().unwrap_or(self.executions);
            let after = |name: &str| rest.split_once(name).and_then(|(_, rest)| leading_number(rest));
            self.edges = after("cov: ").unwrap_or(self.edges);
            self.corpus = after("corp: ").unwrap_or(self.corpus);
            self.memory_mb = after("rss: ").unwrap_or(self.memory_mb);
            return;
        }
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = count.trim().parse().unwrap_or(self.executions);
        } else if let Some((_, file)) = line.split_once("Test unit written to ")
            && !file.contains("/slow-unit-")
        {
            // A slow one is written, too, on a machine that is busy; what takes as long as TIMEOUT is an error.
            self.crashes.push(file.trim().to_owned());
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// Takes the fuzzer's end into account.
    pub(super) fn end(&mut self, has_succeeded: bool) {
        if has_succeeded {
            self.last.clear();
        } else if self.crashes.is_empty() {
            self.crashes.push("it ended without saying which input failed".into());
        }
        if has_succeeded && self.executions == 0 {
            self.crashes.push("nothing was executed".into());
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, edges, corpus, memory_mb, crashes, .. } = self;
        write!(
            f,
            "{executions} executions, {edges} edges, {corpus} inputs, {memory_mb} MB, {} failed",
            crashes.len()
        )?;
        crashes.iter().try_for_each(|file| write!(f, "\n  {file}"))
    }
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_prints_is_read() {
        let mut said = Said::default();
        said.read("#2\tINITED cov: 3 ft: 4 corp: 1/1b exec/s: 0 rss: 30Mb");
        said.read("#65536\tpulse  cov: 1203 ft: 4800 corp: 312/14Kb lim: 128 exec/s: 52428 rss: 512Mb");
        said.read("stat::number_of_executed_units: 70001");
        said.end(true);
        assert_eq!(said.to_string(), "70001 executions, 1203 edges, 312 inputs, 512 MB, 0 failed");
    }

    #[test]
    fn an_input_that_failed_is_named_with_the_last_lines() {
        let mut said = Said::default();
        (0..1000).for_each(|number| said.read(&format!("line {number}")));
        said.read("artifact_prefix='x/'; Test unit written to x/crash-12");
        said.end(false);
        assert_eq!((said.crashes, said.last.len()), (vec!["x/crash-12".to_owned()], KEPT));
    }

    #[test]
    fn a_fuzzer_that_executes_nothing_or_dies_has_failed() {
        for has_succeeded in [true, false] {
            let mut said = Said::default();
            said.end(has_succeeded);
            assert_eq!(said.crashes.len(), 1);
        }
    }
}
