//! Results that are kept in `docs/measured`, a file for each kind of machine, so that measuring on one deletes none of another.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::shell;

/// Below the workspace.
const FOLDER: &str = "docs/measured";

/// What a run has written (`nad-bench`'s `bench.json`); what is not kept of it is not named here.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    nad: String,
    against: Option<String>,
    machine: Machine,
    parts: Vec<RunPart>,
}

#[derive(Debug, Deserialize)]
struct RunPart {
    name: String,
    skipped: Option<String>,
    rows: Vec<Row>,
    failures: Vec<String>,
}

/// What there is of one kind of machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) machine: Machine,
    /// By their names.
    pub(super) parts: BTreeMap<String, Part>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cpus: usize,
    pub(super) kernel: String,
    pub(super) simd: String,
    pub(super) is_virtual: bool,
}

/// A part that one build was measured by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// The build, in its own words.
    pub(super) nad: String,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) value: Spread,
    pub(super) unit: String,
    pub(super) target: Option<Target>,
    pub(super) ratios: Vec<Ratio>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratio {
    pub(super) to: String,
    pub(super) value: Spread,
    pub(super) target: Option<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) lower_quartile: f64,
    pub(super) upper_quartile: f64,
    pub(super) repetitions: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Run {
    /// # Errors
    ///
    /// When there is none, and when a part of it failed: that is not kept.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("can't read {}: run 'cargo xtask bench' first", file.display()))?;
        let run: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not of this bench: run it again", file.display()))?;
        for part in &run.parts {
            ensure!(
                part.failures.is_empty(),
                "{}: {} failed, so nothing is kept: {}",
                file.display(),
                part.name,
                part.failures.join("; ")
            );
        }
        Ok(run)
    }

    /// Rows with an id of what was measured, without what they were compared with by `--against`.
    fn kept(self) -> Kept {
        let Self { nad, against, machine, parts } = self;
        let is_comparison = |ratio: &Ratio| {
            against.as_ref().is_some_and(|against| ratio.to.ends_with(&format!(", {against}")))
        };
        let parts = parts.into_iter().filter(|part| part.skipped.is_none()).map(|part| {
            let mut rows = part.rows;
            rows.retain(|row| !row.id.is_empty());
            rows.iter_mut().for_each(|row| row.ratios.retain(|ratio| !is_comparison(ratio)));
            (part.name, Part { nad: nad.clone(), rows })
        });
        Kept { machine, parts: parts.filter(|(_, part)| !part.rows.is_empty()).collect() }
    }
}

impl Kept {
    /// All that is kept, in the order of the files' names.
    pub(super) fn all() -> Result<Vec<Self>> {
        let folder = shell::workspace().join(FOLDER);
        let entries = fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))?;
        let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort_unstable();
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// Adds a run to what is kept of its kind of machine.
    pub(super) fn add(run: Run) -> Result<()> {
        let new = run.kept();
        let file = shell::workspace().join(FOLDER).join(new.machine.file_name());
        let mut kept =
            if file.exists() { Self::read(&file)? } else { Self { parts: BTreeMap::new(), ..new.clone() } };
        kept.merge(new);
        let text = serde_json::to_string_pretty(&kept).context("results can't be put into JSON")?;
        fs::write(&file, text + "\n").with_context(|| format!("can't write {}", file.display()))?;
        println!("{}", file.display());
        Ok(())
    }

    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is refused", file.display()))
    }

    /// Rows of the same build stay beside the new ones; those of another one leave with their part.
    fn merge(&mut self, new: Self) {
        self.machine = new.machine;
        for (name, part) in new.parts {
            match self.parts.get_mut(&name) {
                Some(kept) if kept.nad == part.nad => kept.replace(part.rows),
                _ => _ = self.parts.insert(name, part),
            }
        }
    }

    /// A row by its id.
    pub(super) fn row(&self, id: &str) -> Option<&Row> {
        self.parts.values().flat_map(|part| &part.rows).find(|row| row.id == id)
    }

    /// The median of a row.
    pub(super) fn value(&self, id: &str) -> Option<f64> {
        self.row(id).map(|row| row.value.median)
    }
}

impl Part {
    fn replace(&mut self, rows: Vec<Row>) {
        for row in rows {
            match self.rows.iter_mut().find(|kept| kept.id == row.id) {
                Some(kept) => *kept = row,
                None => self.rows.push(row),
            }
        }
    }
}

impl Machine {
    /// Of a kind of machine: its processor, and how many CPUs there are.
    fn file_name(&self) -> String {
        let name = format!("{} {} {} cpus", self.processor, self.simd, self.cpus).to_lowercase();
        let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-") + ".json"
    }

    /// In one line.
    pub(super) fn shown(&self) -> String {
        let Self { processor, cpus, kernel, simd, is_virtual } = self;
        let kind = if *is_virtual { ", a virtual machine" } else { "" };
        format!("{processor}, {cpus} CPUs, {simd}{kind}, Linux {kernel}")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench) fn spread(median: f64) -> Spread {
        Spread { median, lower_quartile: median, upper_quartile: median, repetitions: 1 }
    }

    pub(in crate::bench) fn row(id: &str, median: f64) -> Row {
        Row {
            id: id.into(),
            what: id.into(),
            value: spread(median),
            unit: String::new(),
            target: None,
            ratios: vec![],
        }
    }

    pub(in crate::bench) fn kept(processor: &str, nad: &str, rows: Vec<Row>) -> Kept {
        let machine = Machine {
            processor: processor.into(),
            cpus: 2,
            kernel: "6.12".into(),
            simd: "AVX2".into(),
            is_virtual: true,
        };
        Kept { machine, parts: BTreeMap::from([("live".into(), Part { nad: nad.into(), rows })]) }
    }

    #[test]
    fn a_second_kind_of_machine_has_a_file_of_its_own() {
        let names = ["AMD EPYC 9B14", "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"]
            .map(|processor| kept(processor, "nad 1", vec![]).machine.file_name());
        assert_eq!(
            names,
            ["amd-epyc-9b14-avx2-2-cpus.json", "intel-r-xeon-r-platinum-8481c-cpu-2-70ghz-avx2-2-cpus.json"]
        );
    }

    #[test]
    fn a_narrower_run_of_the_same_build_replaces_its_rows_and_one_of_another_build_the_part() {
        let mut all = kept("A", "nad 1", vec![row("live.1", 1.0), row("live.2", 2.0)]);
        all.merge(kept("A", "nad 1", vec![row("live.2", 3.0), row("live.3", 4.0)]));
        assert_eq!(["live.1", "live.2", "live.3"].map(|id| all.value(id)), [1.0, 3.0, 4.0].map(Some));
        all.merge(kept("A", "nad 2", vec![row("live.2", 5.0)]));
        assert_eq!(["live.1", "live.2", "live.3"].map(|id| all.value(id)), [None, Some(5.0), None]);
    }

    #[test]
    fn of_a_run_rows_with_an_id_are_kept_without_the_build_that_they_were_compared_with() {
        let value = r#"{"median": 2.0, "lower_quartile": 1.0, "upper_quartile": 3.0, "repetitions": 3}"#;
        let ratio =
            |to: &str| format!(r#"{{"to": "{to}", "value": {value}, "target": {{"at_least": 0.6}}}}"#);
        let row = |id: &str| {
            let ratios = [ratio("counting"), ratio("1 shard, 0123abc")].join(",");
            format!(
                r#"{{"id": "{id}", "what": "w", "value": {value}, "unit": "u", "target": null, "ratios": [{ratios}]}}"#
            )
        };
        let json = format!(
            r#"{{"nad": "nad 1", "against": "0123abc", "repetitions": 3,
            "machine": {{"processor": "A", "cpus": 2, "kernel": "6.12", "simd": "AVX2", "is_virtual": false}},
            "parts": [
                {{"name": "live", "title": "", "skipped": null, "notes": [], "failures": [], "rows": [{}, {}]}},
                {{"name": "ring", "title": "", "skipped": "no root", "notes": [], "failures": [], "rows": []}}
            ]}}"#,
            row("live.1"),
            row("")
        );
        let folder = std::env::temp_dir().join(format!("nad-kept-{}", std::process::id()));
        fs::write(&folder, &json).unwrap();
        let kept = Run::read(&folder).unwrap().kept();
        fs::write(&folder, json.replacen(r#""failures": []"#, r#""failures": ["lost"]"#, 1)).unwrap();
        let failed = Run::read(&folder).unwrap_err().to_string();
        fs::remove_file(&folder).unwrap();
        assert_eq!(kept.parts.keys().collect::<Vec<_>>(), ["live"]);
        let rows = &kept.parts["live"].rows;
        assert_eq!((rows.len(), rows[0].ratios.len(), rows[0].ratios[0].to.as_str()), (1, 1, "counting"));
        assert!(failed.contains("live failed") && failed.contains("lost"), "{failed}");
    }

    #[test]
    fn what_is_kept_can_be_read_and_lies_where_its_machine_says() {
        let all = Kept::all().unwrap();
        assert!(!all.is_empty());
        for kept in all {
            let file = shell::workspace().join(FOLDER).join(kept.machine.file_name());
            assert_eq!(Kept::read(&file).unwrap(), kept);
        }
    }
}
