//! Vectors of packets as the forests see them, of made-up traffic.

use anyhow::{Context as _, Result};
use bytemuck::Zeroable as _;
use nad_common::{
    frame::SliceFrame,
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
};
use nad_engine::{
    batch::BATCH_RECORDS,
    context::{Ahead, Context, Seen, Sizes, Tables, Verdict, hash::HashKey},
    features::{PACKET_FEATURES, View},
    model::{matrix::Matrix, scaler::Scaler},
    payload::HeadFacts,
};

use crate::capture;

const SECOND: u64 = 1_000_000_000;
/// From one packet to the next.
const GAP_NS: u64 = 250_000;

/// The vectors of so many packets, in their context.
pub(crate) fn packets(count: usize) -> Result<Matrix> {
    let mut context = context()?;
    let mut vectors = Matrix::new(View::Packet.features().len());
    each_vector(&mut context, &records(count), |vector| vectors.push(&vector));
    Ok(vectors)
}

/// So many records.
pub(crate) fn records(count: usize) -> Vec<PacketRecord> {
    let record = |(number, frame): (usize, Vec<u8>)| {
        let mut record = PacketRecord::zeroed();
        let time_ns = 1_000 * SECOND + number as u64 * GAP_NS;
        let stamp = Stamp { time_ns, length: frame.len() as u32, ..Stamp::default() };
        parse(&SliceFrame(&frame), LinkType::Ethernet, stamp, &mut record).ok().map(|_| record)
    };
    capture::frames().take(count).enumerate().filter_map(record).collect()
}

/// A context of the default size.
pub(crate) fn context() -> Result<Context> {
    let tables = Tables::new(&Sizes::default()).context("the context tables could not be made")?;
    Ok(Context::new(tables, HashKey::from_seed(0), 60))
}

/// Takes records into a context, a batch at a time as the detector does, and hands on the vector of each.
pub(crate) fn each_vector(
    context: &mut Context,
    records: &[PacketRecord],
    mut take: impl FnMut([f32; PACKET_FEATURES]),
) {
    each_seen(context, records, |record, seen| take(View::read_packet(record, seen)));
}

/// The same with what is seen of each.
#[inline(always)]
pub(crate) fn each_seen(
    context: &mut Context,
    records: &[PacketRecord],
    mut take: impl FnMut(&PacketRecord, &Seen<'_>),
) {
    let mut ahead = Ahead::default();
    for batch in records.chunks(BATCH_RECORDS) {
        for prepared in context.prepare(batch, &mut ahead) {
            let record = prepared.record();
            if context.is_tick_over(record.time_ns) {
                context.close_tick(|_| Verdict { anomaly_level: 0.0, is_ordinary: true });
            }
            let seen = context.observe(&prepared, HeadFacts::default(), record.time_ns);
            take(record, &seen);
        }
    }
}

/// Those from `first` to before `end`, as a scaler makes them a forest's rows.
pub(crate) fn scaled(scaler: &Scaler, vectors: &Matrix, first: usize, end: usize) -> Matrix {
    let (mut rows, mut scaled) = (Matrix::new(vectors.columns()), Vec::new());
    for vector in vectors.rows().take(end).skip(first) {
        scaler.scale(vector, &mut scaled);
        rows.push(&scaled);
    }
    rows
}

/// How the packet view scales vectors that are like these: by their codes.
pub(crate) fn scaler(vectors: &Matrix) -> Scaler {
    let codes: Vec<f32> = View::Packet.features().map(|feature| feature.codes_per_unit).collect();
    Scaler::learn(vectors, &codes)
}
