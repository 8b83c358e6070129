//! Everything that is known to be right or wrong of a replay, on one scoreboard: attacks of the labelled captures, cases from
//! reports, an adversary's, real specimens, and what benign captures raise.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use self::{
    benign::False,
    row::Row,
    trial::{Models, Plan, Trial, Tried},
};
use super::{bench::Bench, board::Board, captures::Capture};
use crate::{shell, turns::in_turns};

mod adversary;
mod benign;
mod cases;
pub(super) mod docs;
pub(super) mod markdown;
mod pcap;
mod row;
mod specimens;
mod trial;

/// Below the workspace.
const CASES: &str = "../shared/cases";
const SPECIMENS: &str = "../shared/real";
/// Below the system's folder for temporary files: where the specimens' own scripts look for them.
const REAL: &str = "nad-real";
/// Replays that go on at a time: each has one thread that is busy.
const AT_A_TIME: usize = 2;

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Group {
    /// Labelled captures
    Captures,
    /// Faults of such tools, from public reports
    Cases,
    /// Attacks on the sensor and around its floors
    Adversary,
    /// Real attacks, merged into benign traffic
    Real,
    /// Captures without an attack, by how long is learnt
    Benign,
}

#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Only these groups
    #[arg(long, value_name = "GROUP", value_enum, value_delimiter = ',', num_args = 1..)]
    pub(super) groups: Vec<Group>,
    /// Folder of the cases and of the adversary's captures [default: ../shared/cases]
    #[arg(long, value_name = "DIR")]
    pub(super) cases: Option<PathBuf>,
    /// Folder of specimens.tsv and run.py, which say how real attacks are merged [default: ../shared/real]
    #[arg(long, value_name = "DIR")]
    pub(super) specimens: Option<PathBuf>,
    /// Folder that prepare.py has made, with raw/ and base/ [default: nad-real in the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(super) real: Option<PathBuf>,
    /// Write the scoreboard's section of docs/evaluation.md, too
    #[arg(long)]
    pub(super) docs: bool,
}

/// The scoreboard of all groups.
#[derive(Debug, Default, Serialize)]
pub(super) struct Groups {
    pub(super) rows: Vec<Row>,
    pub(super) benign: Vec<False>,
    /// What was not measured, and why.
    pub(super) left_out: Vec<String>,
}

impl Args {
    pub(super) fn has(&self, group: Group) -> bool {
        self.groups.is_empty() || self.groups.contains(&group)
    }

    fn cases(&self) -> PathBuf {
        self.cases.clone().unwrap_or_else(|| shell::workspace().join(CASES))
    }

    fn specimens(&self) -> PathBuf {
        self.specimens.clone().unwrap_or_else(|| shell::workspace().join(SPECIMENS))
    }

    fn real(&self) -> PathBuf {
        self.real.clone().unwrap_or_else(|| std::env::temp_dir().join(REAL))
    }
}

/// Measures the chosen groups; those of the labelled captures are on the board already.
pub(super) fn measure(args: &Args, captures: &[Capture], bench: &Bench<'_>, board: &Board) -> Result<Groups> {
    let (sensor, folder) = (bench.sensor, bench.folder);
    let mut groups = Groups { rows: row::of_board(board), ..Groups::default() };
    let mut trials: Vec<Trial> = Vec::new();
    let mut add = |group: Group, plan: Plan| {
        trials.extend(plan.trials);
        groups.left_out.extend(plan.left_out.iter().map(|what| format!("{}: {what}", group.name())));
    };
    if args.has(Group::Cases) {
        add(Group::Cases, cases::plan(&args.cases())?);
    }
    if args.has(Group::Adversary) {
        add(Group::Adversary, adversary::plan(&args.cases(), captures, folder)?);
    }
    if args.has(Group::Real) {
        add(Group::Real, specimens::plan(&args.specimens(), &args.real())?);
    }
    let watches =
        if args.has(Group::Benign) { benign::watches(bench.subjects, &args.real())? } else { Vec::new() };
    let attacks = trials.len();
    trials.extend(watches.iter().map(|watch| watch.trial.clone()));
    if trials.is_empty() {
        return Ok(groups);
    }

    let models = Models::train(&trials, &board.seeds, sensor, folder)?;
    let jobs: Vec<(usize, u64)> =
        (0..trials.len()).flat_map(|place| board.seeds.iter().map(move |seed| (place, *seed))).collect();
    eprintln!("{} replays of {} trials", jobs.len(), trials.len());
    let run = |(place, seed): &(usize, u64)| {
        trials[*place].run(*seed, sensor, &models, &folder.join(format!("trial-{place}.seed{seed}.jsonl")))
    };
    let tried = in_turns(&jobs, AT_A_TIME, run).into_iter().collect::<Result<Vec<Tried>>>()?;
    let (of_attacks, of_benign) = tried.split_at(attacks * board.seeds.len());
    groups.rows.extend(row::of(of_attacks));
    let by_capture = watches.iter().zip(of_benign.chunks(board.seeds.len()));
    groups.benign = by_capture.map(|(watch, tried)| watch.counted(tried)).collect();
    Ok(groups)
}

impl Group {
    pub(super) fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
