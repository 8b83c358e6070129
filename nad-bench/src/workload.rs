//! The same work every time, for counting instructions: `nad-bench workload PART` under valgrind.
//!
//! Only what the functions here do is counted (`--toggle-collect`), not what is prepared for them.

use std::hint::black_box;

use anyhow::{Context as _, Result};
use bytemuck::Zeroable as _;
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
};
use nad_engine::{
    batch::BATCH_RECORDS,
    context::Context,
    features::{PACKET_FEATURES, View, packet_codes},
    model::forest::{
        kernel::Kernel,
        quantized::{BLOCK, Block, QuantizedForest},
    },
};

use crate::{
    capture,
    scoring::{forest, vectors},
};

/// Packets of each part.
pub(crate) const PACKETS: usize = 16_384;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// Frames to records
    Parse,
    /// Records into the context
    Context,
    /// The features of records in their context, and their codes
    Features,
    /// Sums of paths
    Score,
}

/// Does it once, and prints the name of how samples are scored here.
pub(crate) fn run(work: Work) -> Result<()> {
    println!("{}", Kernel::best().name());
    match work {
        Work::Parse => {
            let frames: Vec<Vec<u8>> = capture::frames().take(PACKETS).collect();
            nad_workload_parse(&frames);
        }
        Work::Context => nad_workload_context(&mut vectors::context()?, &vectors::records(PACKETS)),
        Work::Features => {
            let records = vectors::records(BATCH_RECORDS);
            nad_workload_features(&mut vectors::context()?, &records);
        }
        Work::Score => {
            let (forest, codes) = forest()?;
            nad_workload_score(&forest, &codes);
        }
    }
    Ok(())
}

/// A forest of seeded trees, the same on every machine, and samples.
fn forest() -> Result<(QuantizedForest, Vec<[u8; PACKET_FEATURES]>)> {
    let mut codes = Vec::new();
    vectors::each_vector(&mut vectors::context()?, &vectors::records(PACKETS), |vector| {
        codes.push(packet_codes(&vector));
    });
    let vectors = vectors::packets(2_000)?;
    let scaler = vectors::scaler(&vectors);
    let rows = vectors::scaled(&scaler, &vectors, 0, vectors.len());
    Ok((forest::seeded(&scaler, &rows)?.context("the forest can't be compiled")?, codes))
}

#[unsafe(no_mangle)]
#[inline(never)]
fn nad_workload_parse(frames: &[Vec<u8>]) {
    for frame in frames {
        let mut record = PacketRecord::zeroed();
        let stamp = Stamp { length: frame.len() as u32, ..Stamp::default() };
        let parsed = parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record);
        _ = black_box((parsed, &record));
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn nad_workload_context(context: &mut Context, records: &[PacketRecord]) {
    vectors::each_seen(context, records, |_, seen| _ = black_box(seen));
}

/// The context is part of it: what is seen of a packet lies there.
#[unsafe(no_mangle)]
#[inline(never)]
fn nad_workload_features(context: &mut Context, records: &[PacketRecord]) {
    vectors::each_seen(context, records, |record, seen| {
        for _ in 0..PACKETS / BATCH_RECORDS {
            black_box(packet_codes(&View::read_packet(black_box(record), seen)));
        }
    });
}

#[unsafe(no_mangle)]
#[inline(never)]
fn nad_workload_score(forest: &QuantizedForest, samples: &[[u8; PACKET_FEATURES]]) {
    let (mut block, mut paths) = (Block::default(), [0; BLOCK]);
    for codes in samples.chunks_exact(BLOCK) {
        for (place, codes) in codes.iter().enumerate() {
            block.set(place, codes);
        }
        forest.paths(&block, u32::MAX, &mut paths);
        black_box(&paths);
    }
}
