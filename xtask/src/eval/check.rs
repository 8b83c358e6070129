//! The same results from the scripts that define them: `evaluate_scores.py` and `evaluate_incidents.py`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{incidents::Judgement, python, ranking::Ranking};
use crate::shell;

const SCORES: &str = "evaluate_scores.py";
const INCIDENTS: &str = "evaluate_incidents.py";
/// How far results may differ, in parts of the larger.
const TOLERANCE: f64 = 1e-9;
/// How far delays may differ, in seconds: the scripts' reader rounds times with many decimals differently.
const DELAY_TOLERANCE: f64 = 1e-6;

/// Runs the scripts, and collects where they disagree.
pub(super) struct Check {
    scripts: PathBuf,
    /// Where the scripts write.
    out: PathBuf,
    compared: usize,
    pub(super) disagreements: Vec<String>,
}

impl Check {
    /// Takes the scripts in `named`, else those in `usual`. `Err` with the reason in words where there are none.
    pub(super) fn find(named: Option<&Path>, usual: &Path, folder: &Path) -> Result<Result<Self, String>> {
        let scripts = named.unwrap_or(usual);
        let missing = [SCORES, INCIDENTS].into_iter().find(|script| !scripts.join(script).is_file());
        let reason = if let Some(script) = missing {
            format!("{} is not there", scripts.join(script).display())
        } else if !python::has(&["numpy", "pandas", "sklearn"]) {
            "python3 with numpy, pandas and scikit-learn is not installed".to_owned()
        } else {
            let out = folder.join("check.json");
            return Ok(Ok(Self { scripts: scripts.into(), out, compared: 0, disagreements: Vec::new() }));
        };
        // Asked for, it must be done.
        if named.is_some() {
            bail!("can't check with {}: {reason}", scripts.display())
        }
        Ok(Err(reason))
    }

    pub(super) fn ranking(
        &mut self,
        name: &str,
        ours: &Ranking,
        labels: &Path,
        scores: &Path,
        train_until: f64,
    ) -> Result<()> {
        let train_until = train_until.to_string();
        let theirs =
            self.run(SCORES, &[labels, scores, "--train-until-seconds".as_ref(), train_until.as_ref()])?;
        self.note(name, differences(&ranking(ours), &theirs));
        Ok(())
    }

    pub(super) fn judgement(
        &mut self,
        name: &str,
        ours: &Judgement,
        windows: Option<&Path>,
        incidents: &Path,
        (from, to): (f64, f64),
    ) -> Result<()> {
        let (from, to) = (from.to_string(), to.to_string());
        let windows = windows.unwrap_or("none".as_ref());
        let arguments = [windows, incidents, "--from".as_ref(), from.as_ref(), "--to".as_ref(), to.as_ref()];
        let theirs = self.run(INCIDENTS, &arguments)?;
        self.note(name, differences(&judgement(ours), &theirs));
        Ok(())
    }

    /// How it went, in words.
    pub(super) fn summary(&self) -> String {
        let agreeing = self.compared - self.disagreements.len();
        format!("{agreeing} of {} results agree with {SCORES} and {INCIDENTS}", self.compared)
    }

    fn run(&self, script: &str, arguments: &[&Path]) -> Result<Value> {
        let mut python = python::python();
        python.arg(self.scripts.join(script)).args(arguments).arg("--json").arg(&self.out);
        shell::output(&mut python)?;
        let text = fs::read_to_string(&self.out)
            .with_context(|| format!("{script} wrote no {}", self.out.display()))?;
        // Python's way of writing what JSON has no word for.
        serde_json::from_str(&text.replace(": NaN", ": null"))
            .with_context(|| format!("{script} wrote no JSON"))
    }

    fn note(&mut self, name: &str, differences: Vec<String>) {
        self.compared += 1;
        if !differences.is_empty() {
            self.disagreements.push(format!("{name}: {}", differences.join(", ")));
        }
    }
}

/// A name as the scripts have it, below the place of its attack if it belongs to one, and our value.
type Results = Vec<(String, Value)>;

fn ranking(ours: &Ranking) -> Results {
    let mut results: Results = vec![
        ("/packets".into(), ours.packets.into()),
        ("/benign".into(), ours.benign.into()),
        ("/positives".into(), ours.positives.into()),
        ("/unscored".into(), ours.unscored.into()),
        ("/roc_auc".into(), ours.roc_auc.into()),
        ("/avg_precision".into(), ours.average_precision.into()),
        ("/per_attack/length".into(), ours.attacks.len().into()),
    ];
    for rate in &ours.rates {
        let nominal = rate.nominal;
        results.push((format!("/thr_fpr_{nominal}"), rate.threshold.into()));
        results.push((format!("/fpr_real_{nominal}"), rate.real.into()));
        results.push((format!("/recall_fpr_{nominal}"), rate.recall.into()));
    }
    for (place, attack) in ours.attacks.iter().enumerate() {
        let mut add = |name, value| results.push((format!("/per_attack/{place}/{name}"), value));
        add("attack", attack.attack.as_str().into());
        add("n_attacker", attack.attacker_packets.into());
        add("n_response", attack.response_packets.into());
        add("auc", attack.roc_auc.into());
        add("max_pct", attack.highest_percentile.into());
        add("frac_attacker_gt_p999", attack.attacker_recall.into());
        add("frac_any_gt_p9999", attack.recall.into());
        add("ttd_s", attack.delay_s.into());
    }
    results
}

fn judgement(ours: &Judgement) -> Results {
    let mut results: Results = vec![
        ("/found".into(), ours.found().into()),
        ("/attacks".into(), ours.attacks.len().into()),
        ("/false".into(), ours.false_incidents.len().into()),
        ("/hours".into(), ours.hours.into()),
        ("/rows/length".into(), ours.attacks.len().into()),
    ];
    for (place, attack) in ours.attacks.iter().enumerate() {
        let mut add = |name, value| results.push((format!("/rows/{place}/{name}"), value));
        add("attack", attack.attack.as_str().into());
        add("incidents", attack.incidents.into());
        add("delay_s", attack.delay_s.into());
    }
    results
}

/// What is not the same on both sides, in words.
fn differences(ours: &Results, theirs: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, ours) in ours {
        let theirs = match name.strip_suffix("/length") {
            Some(list) => theirs.pointer(list).and_then(Value::as_array).map_or(0, Vec::len).into(),
            // A result that the script leaves out is one that there is none of.
            None => theirs.pointer(name).cloned().unwrap_or_default(),
        };
        if !same(name, ours, &theirs) {
            differences.push(format!("{} is {ours} here and {theirs} there", name.trim_start_matches('/')));
        }
    }
    differences
}

fn same(name: &str, ours: &Value, theirs: &Value) -> bool {
    let (Some(ours), Some(theirs)) = (ours.as_f64(), theirs.as_f64()) else { return ours == theirs };
    let is_delay = name.ends_with("/ttd_s") || name.ends_with("/delay_s");
    let allowed = if is_delay { DELAY_TOLERANCE } else { TOLERANCE * ours.abs().max(theirs.abs()).max(1.0) };
    (ours - theirs).abs() <= allowed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::eval::{incidents, ranking, truth::Labels};

    #[test]
    fn each_result_that_differs_is_named() {
        let labels = Labels::of(&[(0.0, "benign", ""), (1.0, "scan", "attacker"), (2.5, "scan", "response")]);
        let ours = super::ranking(&ranking::rank(&labels, &[0.5, 0.25, 0.75], 0.0).unwrap());
        let theirs = json!({
            "packets": 3, "benign": 1, "positives": 2, "unscored": 0, "roc_auc": 0.5, "avg_precision": 0.8333333333333333,
            "thr_fpr_0.01": 0.5, "fpr_real_0.01": 0.0, "recall_fpr_0.01": 0.5,
            "thr_fpr_0.001": 0.5, "fpr_real_0.001": 0.0, "recall_fpr_0.001": 0.5,
            "thr_fpr_0.0001": 0.5, "fpr_real_0.0001": 0.0, "recall_fpr_0.0001": 0.5,
            "per_attack": [{"attack": "scan", "n_attacker": 1, "n_response": 1, "auc": 0.5, "max_pct": 100.0,
                "frac_attacker_gt_p999": 0.0, "frac_any_gt_p9999": 0.5, "ttd_s": 1.5}],
        });
        assert_eq!(differences(&ours, &theirs), Vec::<String>::new());
        for (pointer, wrong) in [
            ("/roc_auc", json!(0.500000002)),
            ("/thr_fpr_0.0001", json!(0.4)),
            ("/per_attack/0/ttd_s", Value::Null),
            ("/per_attack", json!([])),
        ] {
            let mut theirs = theirs.clone();
            *theirs.pointer_mut(pointer).unwrap() = wrong;
            let found = differences(&ours, &theirs);
            let name = pointer.trim_start_matches('/');
            assert!(!found.is_empty() && found[0].starts_with(name), "{found:?}");
        }
    }

    #[test]
    fn what_the_script_leaves_out_is_what_there_is_none_of() {
        let ours = judgement(&incidents::judge(&[], Vec::new(), 0.0, 3600.0));
        let theirs = json!({"found": 0, "attacks": 0, "false": 0, "hours": 1.0, "rows": []});
        assert_eq!(differences(&ours, &theirs), Vec::<String>::new());
        assert_eq!(differences(&ours, &json!({})).len(), 4);
    }
}
