//! What instructions are counted of runs without valgrind, too. That there is a test also has cargo build the program
//! beside the other tests, with what they are built with, so that nothing is built twice to count.

use std::process::Command;

#[test]
fn each_part_of_the_work_is_done_and_says_how_samples_are_scored() {
    for part in ["parse", "context", "features", "score"] {
        let output = Command::new(env!("CARGO_BIN_EXE_nad-bench")).args(["workload", part]).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{part}: {output:?}");
        let scoring = String::from_utf8(output.stdout).expect("it prints text");
        assert!(!scoring.trim().is_empty(), "{part} says nothing");
    }
}
