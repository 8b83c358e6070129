//! What the parts cost that know nothing of what came before: frames to records, and codes to sums of paths.
//!
//! `cargo bench -p nad --bench pure`; no privileges are needed. Times are of one frame or sample where a throughput is
//! given. What context and features cost: the bench `context`.

#[path = "../../../nad-common/tests/frames/mod.rs"]
mod frames;

use std::{hint::black_box, time::Duration};

use bytemuck::Zeroable;
use criterion::{Criterion, Throughput};
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
    refusal::Refusal,
};
use nad_engine::{
    features::{PACKET_FEATURES, View},
    model::{
        forest::{
            kernel::Kernel,
            quantized::{BLOCK, Block, QuantizedForest},
        },
        matrix::Matrix,
        scaler::Scaler,
        trainer::{Growth, Seeded, Trainer},
    },
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    parser(&mut criterion);
    forest(&mut criterion);
    criterion.final_summary();
}

/// Every frame of the tests' table: plain ones, tagged, tunnelled and malformed.
fn parser(criterion: &mut Criterion) {
    let cases = frames::cases();
    for case in &cases {
        assert_eq!(read(&case.frame), case.expected.outcome().copied(), "{}", case.name);
    }
    let frames: Vec<Vec<u8>> = cases.into_iter().map(|case| case.frame).collect();
    let mut group = criterion.benchmark_group("parser");
    group.throughput(Throughput::Elements(frames.len() as u64));
    group.bench_function("every frame of the table", |bencher| {
        bencher.iter(|| {
            for frame in &frames {
                let _ = black_box(read(black_box(frame)));
            }
        });
    });
}

#[inline]
fn read(frame: &[u8]) -> Result<PacketRecord, Refusal> {
    let mut record = PacketRecord::zeroed();
    let stamp = Stamp { length: frame.len() as u32, ..Stamp::default() };
    parse(&SliceFrame(frame), LinkType::Ethernet, stamp, &mut record).map(|_| record)
}

/// 100 trees of 256 samples over the features of packets.
fn forest(criterion: &mut Criterion) {
    let mut random = SmallRng::seed_from_u64(1);
    let codes_per_unit: Vec<f32> = View::Packet.features().map(|feature| feature.codes_per_unit).collect();
    let mut vectors = Matrix::new(PACKET_FEATURES);
    for _ in 0..2_000 {
        let vector: Vec<f32> =
            codes_per_unit.iter().map(|codes| random.random_range(0.0..200.0) / codes).collect();
        vectors.push(&vector);
    }
    let scaler = Scaler::learn(&vectors, &codes_per_unit);
    let (mut rows, mut scaled) = (Matrix::new(PACKET_FEATURES), Vec::new());
    for vector in vectors.rows() {
        scaler.scale(vector, &mut scaled);
        rows.push(&scaled);
    }
    let forest = Seeded::default().grow(&rows, &Growth::default()).expect("there are samples enough");
    let mut block = Block::default();
    (0..BLOCK).for_each(|place| block.set(place, &random.random()));

    let mut group = criterion.benchmark_group("sums of paths");
    group.throughput(Throughput::Elements(BLOCK as u64));
    for kernel in Kernel::all() {
        let forest =
            QuantizedForest::compile(&forest, &scaler, &[]).expect("it is a standard forest over codes");
        let forest = forest.with_kernel(kernel);
        group.bench_function(kernel.name(), |bencher| {
            let mut paths = [0; BLOCK];
            bencher.iter(|| {
                forest.paths(black_box(&block), u32::MAX, &mut paths);
                black_box(&paths);
            });
        });
    }
}
