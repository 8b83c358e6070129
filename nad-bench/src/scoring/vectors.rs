//! Vectors of packets as the forests see them, of made-up traffic.

use anyhow::{Context as _, Result};
use bytemuck::Zeroable as _;
use nad::{
    batch::BATCH_RECORDS,
    context::{Context, Sizes, Verdict},
    features::View,
    model::{
        Model, Training, TrainingWindow,
        baseline::Baseline,
        matrix::Matrix,
        trainer::{Growth, TrainerKind},
    },
};
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
};

use crate::capture;

const SECOND: u64 = 1_000_000_000;
/// From one packet to the next.
const GAP_NS: u64 = 250_000;

/// The vectors of so many packets, in their context.
pub(crate) fn packets(count: usize) -> Result<Matrix> {
    let mut context = context()?;
    let mut vectors = Matrix::new(View::Packet.features().len());
    each_vector(&mut context, &records(count), |vector| vectors.push(vector));
    Ok(vectors)
}

/// So many records.
pub(crate) fn records(count: usize) -> Vec<PacketRecord> {
    let record = |(number, frame): (usize, Vec<u8>)| {
        let mut record = PacketRecord::zeroed();
        let time_ns = 1_000 * SECOND + number as u64 * GAP_NS;
        let stamp = Stamp { time_ns, length: frame.len() as u32, ..Stamp::default() };
        parse(&SliceFrame(&frame), LinkType::Ethernet, stamp, &mut record).ok().map(|()| record)
    };
    capture::frames().take(count).enumerate().filter_map(record).collect()
}

/// A context of the default size.
pub(crate) fn context() -> Result<Context> {
    Context::new(&Sizes::default(), 60).context("the context tables could not be made")
}

/// Takes records into a context, a batch at a time as the detector does, and hands on the vector of each.
pub(crate) fn each_vector(context: &mut Context, records: &[PacketRecord], mut take: impl FnMut(&[f32])) {
    let mut vector = Vec::new();
    for batch in records.chunks(BATCH_RECORDS) {
        context.prepare(batch);
        for (place, record) in batch.iter().enumerate() {
            if context.is_tick_over(record.time_ns) {
                context.close_tick(|_| Verdict { standing: 0.0, is_ordinary: true });
            }
            let seen = context.observe(place, record, record.time_ns);
            View::read_packet(record, &seen, &mut vector);
            take(&vector);
        }
    }
}

/// A model of packets.
pub(crate) fn model(vectors: &Matrix) -> Result<Model> {
    let mut baseline = Baseline::new(0);
    vectors.rows().for_each(|vector| baseline.add(View::Packet, vector));
    let training = Training {
        growth: Growth::default(),
        extension_level: None,
        trainer: TrainerKind::Seeded,
        contamination: 0.001,
        without: Vec::new(),
    };
    let window = TrainingWindow {
        source: "bench".into(),
        first_ns: 0,
        settled_ns: 0,
        last_ns: 60 * SECOND,
        packets: vectors.len() as u64,
    };
    let memories = context()?.memory().keep();
    Model::train(&baseline, &training, window, memories).context("a model could not be trained")
}

/// The first rows, and the rest.
pub(super) fn split(vectors: &Matrix, first: usize) -> (Matrix, Matrix) {
    let part = |rows: &mut dyn Iterator<Item = &[f32]>| {
        let mut part = Matrix::new(vectors.columns());
        rows.for_each(|row| part.push(row));
        part
    };
    (part(&mut vectors.rows().take(first)), part(&mut vectors.rows().skip(first)))
}
