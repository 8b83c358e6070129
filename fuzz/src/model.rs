//! Model files and states: as bytes, and, because a checksum stops those, as a head and a body of a file that is whole.

use nad::model_file;
use nad_engine::detector::{Snapshot, Start};
use sha2::{Digest as _, Sha256};

use crate::{records, scratch, traffic};

/// What a file starts with: "NADMODEL", its version, and the lengths of head and body.
const MAGIC: usize = 8;
const PREAMBLE: usize = MAGIC + 4 + 4 + 8;
const CHECKSUM: usize = 32;
/// The first byte of an input: whether its preamble and checksum are made right.
const MENDED: u8 = 1;
/// Whether it is a state.
const STATE: u8 = 2;

pub(crate) fn run(input: &[u8]) {
    let Some((&how, file)) = input.split_first() else { return };
    let file = if how & MENDED != 0 { mended(file) } else { file.to_vec() };
    if how & STATE != 0 {
        return resume(&file);
    }
    let model = scratch::with_file("model", &file, |path| {
        let model = model_file::load(path)
            .inspect_err(|error| assert!(!error.to_string().contains('\n'), "{error}"))
            .ok()?;
        let copy = path.with_file_name("copy");
        model_file::save(&model, &copy).expect("what was read can be written");
        let again = model_file::load(&copy).expect("what was written can be read");
        // A number that is none equals nothing, and has no business in a model.
        assert!(again == model, "a model that was read, written and read is another");
        Some(model)
    });
    if let Some(model) = model {
        let records =
            [traffic::ordinary(50), traffic::scan(traffic::START + 3 * traffic::SECOND, 120)].concat();
        let said = records::detect(Start::Detect(Box::new(model)), true, 1, std::iter::once(&records[..]));
        assert_eq!(said.scores.len(), records.len(), "every packet has a score");
    }
}

/// Goes on from a state that is accepted, which is what was written.
fn resume(file: &[u8]) {
    let snapshot = Snapshot::from_bytes(file).inspect_err(|error| assert!(!error.contains('\n'), "{error}"));
    let Ok(snapshot) = snapshot else { return };
    let bytes = snapshot.to_bytes().expect("what was read can be written");
    let again = Snapshot::from_bytes(&bytes).expect("what was written can be read");
    assert!(
        again.to_bytes().is_ok_and(|again| again == bytes),
        "a state that was read and written is another"
    );
    let later = traffic::START + 20 * traffic::SECOND;
    let mut records = [traffic::ordinary(1000), traffic::scan(later, 120)].concat();
    records.retain(|record| record.time_ns >= later);
    let said = records::detect(Start::Resume(Box::new(snapshot)), true, 1, std::iter::once(&records[..]));
    assert_eq!(said.scores.len(), records.len(), "every packet has a score");
}

/// The file with the lengths that it has and the checksum of what it holds.
fn mended(file: &[u8]) -> Vec<u8> {
    let (Some(preamble), Some(content)) = (file.get(..PREAMBLE), file.get(PREAMBLE..)) else {
        return file.to_vec();
    };
    let head = u32::from_le_bytes([12, 13, 14, 15].map(|at| preamble[at]));
    let head = (head as usize).min(content.len());
    let mut mended = preamble[..12].to_vec();
    mended.extend((head as u32).to_le_bytes());
    mended.extend(((content.len() - head) as u64).to_le_bytes());
    mended.extend(content);
    let checksum = Sha256::digest(&mended);
    mended.extend(&checksum[..]);
    mended
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (name, is_extended) in [("standard", false), ("extended", true)] {
        let file = scratch::with_file("seed", &[], |path| {
            model_file::save(&records::model(is_extended), path).expect("a model can be written");
            std::fs::read(path).expect("what was written can be read")
        });
        let content = &file[..file.len() - CHECKSUM];
        seeds.push((name.to_owned(), [&[MENDED], content].concat()));
        seeds.push((format!("{name}-file"), [&[0], &file[..]].concat()));
    }
    let state = records::snapshot().to_bytes().expect("a state can be written");
    let content = &state[..state.len() - CHECKSUM];
    seeds.push(("state".to_owned(), [&[MENDED | STATE], content].concat()));
    seeds.push(("state-file".to_owned(), [&[STATE], &state[..]].concat()));
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_model_that_is_read_and_still_is_once_it_is_mended() {
        for (name, seed) in seeds() {
            let file = if seed[0] & MENDED != 0 { mended(&seed[1..]) } else { seed[1..].to_vec() };
            if seed[0] & STATE != 0 {
                Snapshot::from_bytes(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
                continue;
            }
            scratch::with_file("model", &file, |path| {
                model_file::load(path).unwrap_or_else(|error| panic!("{name}: {error}"));
            });
        }
    }
}
