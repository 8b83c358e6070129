//! How much work the programs are for the kernel's verifier, and how much stack they take.

use crate::statistics::{Statistics, of};

/// Bytes of stack that a chain of calls may take, of the kernel's 512.
const MOST_STACK: u32 = 400;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_verifier_follows_each_program_well_below_its_limits() {
    for (name, Statistics { instructions, limit, depths }) in of().expect("the kernel takes the programs") {
        let stack = Statistics::chain(&depths);
        let shown: Vec<String> = depths.iter().map(u32::to_string).collect();
        println!("verifier: {name} instructions {instructions} stack {stack} ({})", shown.join("+"));
        // Far enough from the end that another kernel's verifier, which may follow more ways, accepts them as well.
        assert!(instructions <= limit / 2, "{name}: {instructions} instructions of {limit}");
        assert!(stack <= MOST_STACK, "{name}: a chain of calls takes {stack} bytes of stack: {depths:?}");
    }
}

#[test]
fn a_chain_of_calls_counts_as_the_oldest_kernels_count_it() {
    let log = "verification time 6486486 usec\nstack depth 0+336+168\nprocessed 75199 insns (limit 1000000) \
               max_states_per_insn 15 total_states 3666 peak_states 2479 mark_read 43\n";
    let found = Statistics::read(log).expect("it has both lines");
    assert_eq!(found, Statistics { instructions: 75_199, limit: 1_000_000, depths: vec![0, 336, 168] });
    assert_eq!(Statistics::chain(&found.depths), 576, "as Linux 5.10 said when it refused this program");
    assert_eq!(Statistics::read("processed 75199 insns (limit 1000000)\n"), None);
}
