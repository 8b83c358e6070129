//! One program for all targets: under libFuzzer the one that `NAD_FUZZ_TARGET` names, otherwise
//! `nad-fuzz TARGET FILE…` takes single inputs, and `nad-fuzz` alone lists the targets.

#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
mod fuzzer {
    use std::{env, fs, path::PathBuf, sync::OnceLock};

    use nad_fuzz::Target;

    static TARGET: OnceLock<Target> = OnceLock::new();

    libfuzzer_sys::fuzz_target!(
        init: {
            let name = env::var("NAD_FUZZ_TARGET").expect("NAD_FUZZ_TARGET names no target");
            let target = nad_fuzz::target(&name).expect("NAD_FUZZ_TARGET names an unknown target");
            // They are made by this build, so that they are of the formats that it reads.
            if let Some(folder) = env::var_os("NAD_FUZZ_SEEDS").map(PathBuf::from) {
                for (name, input) in (target.seeds)() {
                    fs::write(folder.join(format!("seed-{name}")), input).expect("a seed can't be written");
                }
            }
            TARGET.get_or_init(|| target);
        },
        |data: &[u8]| {
            if let Some(target) = TARGET.get() {
                (target.run)(data);
            }
        }
    );
}

#[cfg(not(feature = "libfuzzer"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for target in nad_fuzz::TARGETS {
            println!("{} {}", target.name, target.longest);
        }
        return Ok(());
    };
    let target = nad_fuzz::target(&name)
        .ok_or_else(|| format!("there is no target '{name}': nad-fuzz without an argument lists them"))?;
    for file in arguments {
        let input = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
        (target.run)(&input);
        println!("{file}: {} bytes, no invariant is broken", input.len());
    }
    Ok(())
}
