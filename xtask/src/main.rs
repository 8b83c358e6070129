//! The project's tasks: `cargo xtask run | test | fuzz | ebpf | eval | bench | schema | dist`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg(test)]
mod arrows;
mod bench;
mod dist;
mod ebpf;
mod eval;
mod fuzz;
#[cfg(test)]
mod pages;
mod run;
mod schema;
mod shell;
mod test;
#[cfg(test)]
mod tidy;
mod turns;

/// The project's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build nad and start it as root: `cargo xtask run --iface eth0`
    Run(run::Args),
    /// Run every test: lints, unit tests and, as root, the tests of the kernel program
    Test(test::Args),
    /// Rebuild the kernel object from its sources, and set up what that needs
    Ebpf(ebpf::Args),
    /// Measure how well nad finds the attacks of labelled captures
    Eval(eval::Args),
    /// Fuzz what reads what others wrote, and the detector
    Fuzz(fuzz::Args),
    /// Measure how fast nad is, beside what does less or the same
    Bench(bench::Args),
    /// Write the JSON Schema files of nad's own alerts and incidents anew
    Schema,
    /// Make a tarball and packages for Debian and for distributions with RPM
    Dist(dist::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Run(args) => run::run(&args),
        Task::Test(args) => test::test(&args),
        Task::Ebpf(args) => ebpf::ebpf(&args),
        Task::Eval(args) => eval::eval(&args),
        Task::Fuzz(args) => fuzz::fuzz(&args),
        Task::Bench(args) => bench::bench(&args),
        Task::Schema => schema::schema(),
        Task::Dist(args) => dist::dist(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
