//! How much work the programs are for the kernel's verifier, which gives up at a million instructions.

use nad::source::xdp::{XdpOptions, XdpSource};

/// Far enough from the end that another kernel's verifier, which may follow more ways, accepts them as well.
const ENOUGH: u32 = 250_000;

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn the_verifier_follows_each_program_well_below_its_limit() {
    let mut source = XdpSource::load(&XdpOptions::default()).expect("the kernel takes the programs");
    let ingress = source.program().expect("it is there").info();
    let egress = source.egress_program().expect("it is there").info();
    for (name, info) in [("ingress", ingress), ("egress", egress)] {
        // Before Linux 5.16 the kernel doesn't say.
        let Some(followed) = info.expect("it is loaded").verified_instruction_count() else { continue };
        println!("{name}: {followed} instructions");
        assert!(followed < ENOUGH, "{name}: {followed} instructions");
    }
}
