//! The same frame through either kernel program and through the parser in userspace gives the same bytes.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use nad_common::record::Direction;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    bench::{Bench, LONGEST, LOOPBACK, SHORTEST},
    captures,
    frames::cases,
    userspace,
};

const TIME_NS: u64 = 0x0123_4567_89ab_cdef;
const SEED: u64 = 20_260;
const MUTATED_FRAMES: usize = 60_000;
/// A folder of captures to try as well.
const CAPTURES: &str = "NAD_ROBUSTNESS_DIR";

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn every_frame_cut_at_every_length_reads_the_same() {
    let mut both = Both::new();
    for case in cases() {
        for length in SHORTEST..=case.frame.len().min(LONGEST) {
            both.agree(&case.frame[..length], &format_args!("{} (the first {length} bytes)", case.name));
        }
    }
    both.report();
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn frames_altered_at_random_read_the_same() {
    let mut random = SmallRng::seed_from_u64(SEED);
    let frames: Vec<_> =
        cases().into_iter().map(|case| case.frame).filter(|frame| !frame.is_empty()).collect();
    let mut both = Both::new();
    for number in 0..MUTATED_FRAMES {
        let mut frame = frames[random.random_range(0..frames.len())].clone();
        for _ in 0..random.random_range(1..6) {
            alter(&mut frame, &mut random);
        }
        frame.resize(frame.len().clamp(SHORTEST, LONGEST), 0);
        both.agree(&frame, &format_args!("number {number} of seed {SEED}"));
    }
    both.report();
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn noise_reads_the_same() {
    const ETHER_TYPES: [[u8; 2]; 6] = [[8, 0], [0x86, 0xdd], [8, 6], [0x81, 0], [0x88, 0xa8], [0x12, 0x34]];
    let mut random = SmallRng::seed_from_u64(SEED);
    let mut both = Both::new();
    for number in 0..MUTATED_FRAMES {
        let mut frame = vec![0; random.random_range(SHORTEST..200)];
        random.fill(&mut frame[..]);
        frame[12..14].copy_from_slice(&ETHER_TYPES[number % ETHER_TYPES.len()]);
        // Past the version in half of them.
        let version = if frame[12] == 8 { 0x45 } else { 0x60 };
        if let (Some(byte), 0) = (frame.get_mut(14), number / ETHER_TYPES.len() % 2) {
            *byte = version;
        }
        both.agree(&frame, &format_args!("noise number {number} of seed {SEED}"));
    }
    both.report();
}

#[test]
#[ignore = "needs CAP_BPF and CAP_NET_ADMIN"]
fn every_frame_of_the_captures_in_a_folder_reads_the_same() {
    let made = tempfile::tempdir().expect("a folder for a capture");
    fs::write(made.path().join("made.pcap"), capture_of_cases()).expect("a capture can be written");
    let given = env::var_os(CAPTURES).map(PathBuf::from);
    let mut both = Both::new();
    let mut other_links = 0;
    let mut unusable = [0; 2];
    let mut files = captures::in_folder(made.path());
    if let Some(folder) = given {
        let found = captures::in_folder(&folder);
        assert!(!found.is_empty(), "no captures in {}", folder.display());
        files.extend(found);
    }
    for file in &files {
        let capture = captures::read(file);
        if let Some(damage) = &capture.damage {
            println!("{}: read up to {damage}", name(file));
        }
        other_links += capture.other_links;
        for (number, frame) in capture.frames.iter().enumerate() {
            match frame.len() {
                ..SHORTEST => unusable[0] += 1,
                SHORTEST..=LONGEST => both.agree(frame, &format_args!("frame {number} of {}", name(file))),
                _ => unusable[1] += 1,
            }
        }
    }
    let [short, long] = unusable;
    println!(
        "{} captures; left out: {other_links} packets of other links than Ethernet, {short} frames below \
         {SHORTEST} and {long} above {LONGEST} bytes",
        files.len()
    );
    both.report();
}

/// The frames of the table, as a capture file.
fn capture_of_cases() -> Vec<u8> {
    let mut file = Vec::new();
    let numbers =
        |file: &mut Vec<u8>, values: &[u32]| file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    numbers(&mut file, &[0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 262_144, 1]);
    for case in cases() {
        let length = case.frame.len() as u32;
        numbers(&mut file, &[1_700_000_000, 0, length, length]);
        file.extend(&case.frame);
    }
    file
}

/// Both hosts of the parser, the kernel's with both of its programs.
struct Both {
    kernel: Bench,
    runs: u64,
    refused: u64,
    /// Frames that a test run does not take.
    left_out: u64,
}

impl Both {
    fn new() -> Self {
        let mut kernel = Bench::new();
        kernel.source.set_test_clock(TIME_NS).expect("the test clock can be set");
        Self { kernel, runs: 0, refused: 0, left_out: 0 }
    }

    fn agree(&mut self, frame: &[u8], which: &dyn std::fmt::Display) {
        for direction in Direction::ALL {
            self.kernel.direction = direction;
            if !self.kernel.takes(frame) {
                self.left_out += 1;
                continue;
            }
            let kernel = self.kernel.run_with_head(frame);
            let userspace = userspace::parse_with_head(frame, direction, TIME_NS, LOOPBACK);
            let same = match (&kernel, &userspace) {
                (Ok((kernel, head)), Ok((userspace, same))) => {
                    *kernel.wire_bytes() == *userspace.wire_bytes() && head == same
                }
                (kernel, userspace) => kernel == userspace,
            };
            assert!(
                same,
                "{which}, {direction:?}\nkernel    {kernel:?}\nuserspace {userspace:?}\nframe {frame:02x?}"
            );
            self.runs += 1;
            self.refused += u64::from(kernel.is_err());
        }
    }

    fn report(&self) {
        println!("{} runs, {} of them refused; {} left out", self.runs, self.refused, self.left_out);
        assert!(self.runs > self.refused, "nothing but refusals compares no record");
    }
}

/// A bit, a byte, a length or a piece more or less.
fn alter(frame: &mut Vec<u8>, random: &mut SmallRng) {
    if frame.is_empty() {
        return frame.push(0);
    }
    let at = random.random_range(0..frame.len());
    match random.random_range(0..6) {
        0 => frame[at] ^= 1 << random.random_range(0..8),
        1 => frame[at] = random.random(),
        2 => frame[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
        3 => frame.truncate(at),
        4 => {
            frame.drain(at..(at + random.random_range(1..9)).min(frame.len()));
        }
        _ => {
            let piece: [u8; 8] = random.random();
            frame.splice(at..at, piece[..random.random_range(1..=8)].iter().copied());
        }
    }
}

fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}
