//! What context, features and scores cost a record, at 1 to 1 M flows, beside a loop that only sums up lengths.
//!
//! `cargo bench -p nad --bench context`; no privileges are needed. Times are of one record where a throughput is
//! given, and traffic is made outside of the time that is measured.

mod state;
mod traffic;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytemuck::Zeroable;
use criterion::{BenchmarkId, Criterion, Throughput};
use nad_common::record::PacketRecord;
use nad_engine::{
    batch::BATCH_RECORDS,
    context::{
        Ahead, Context, Sizes, Tables, Verdict,
        flow::{FlowId, FlowKey, FlowState},
        hash::HashKey,
        host_key::HostKey,
        table::{AnyTable as _, Group, Hashed, Table},
    },
    features::{View, packet_codes},
    model::{
        Model, Scorer, Training, TrainingWindow,
        baseline::Baseline,
        forest::quantized::{BLOCK, Block, QuantizedForest},
        trainer::{Growth, TrainerKind},
    },
    payload::HeadFacts,
};
use traffic::Traffic;

const FLOWS: [u32; 4] = [1, 1_000, 100_000, 1_000_000];
const SECOND: u64 = 1_000_000_000;

/// How much is done with each record.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Depth {
    /// Its length is added to a sum.
    Lengths,
    /// It goes into the context.
    Context,
    /// Its features are read from there.
    Features,
    /// Its paths through a forest of 100 trees are summed up.
    Scores,
}

impl Depth {
    const ALL: [Self; 4] = [Self::Lengths, Self::Context, Self::Features, Self::Scores];

    const fn name(self) -> &'static str {
        match self {
            Self::Lengths => "lengths",
            Self::Context => "context",
            Self::Features => "context and features",
            Self::Scores => "context, features and scores",
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    records(&mut criterion);
    flood(&mut criterion);
    tick(&mut criterion);
    lookups(&mut criterion);
    state::state(&mut criterion);
    criterion.final_summary();
}

/// Packets of established flows.
fn records(criterion: &mut Criterion) {
    for flows in FLOWS {
        let mut group = criterion.benchmark_group(format!("{flows} flows"));
        group.throughput(Throughput::Elements(BATCH_RECORDS as u64));
        // Made only where something of the group is run.
        let mut bench = None;
        for depth in Depth::ALL {
            group.bench_function(BenchmarkId::from_parameter(depth.name()), |bencher| {
                let bench = bench.get_or_insert_with(|| Bench::new(flows));
                bencher.iter_custom(|batches| bench.time(batches, depth, Traffic::fill));
            });
        }
    }
}

/// SYNs from forged sources, on tables of the default size, beside 1,000 established flows.
fn flood(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forged sources");
    group.throughput(Throughput::Elements(BATCH_RECORDS as u64));
    let mut bench = None;
    for depth in Depth::ALL {
        group.bench_function(BenchmarkId::from_parameter(depth.name()), |bencher| {
            let bench = bench.get_or_insert_with(|| Bench::new(1_000));
            bencher.iter_custom(|batches| bench.time(batches, depth, Traffic::forge));
        });
    }
}

/// The end of a second in which a batch of packets of 1,000 service pairs came.
fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick of 1000 service pairs");
    for judges in [false, true] {
        let name = if judges { "features and scores" } else { "features" };
        group.bench_function(name, |bencher| {
            let mut bench = Bench::new(4_000);
            bencher.iter_custom(|ticks| (0..ticks).map(|_| bench.time_tick(judges)).sum());
        });
    }
}

/// One of many flows of one protocol to one server.
fn flow(number: u64) -> Hashed<FlowId> {
    let client = HostKey::v4((number as u32).to_be_bytes());
    FlowKey::of(&HashKey::from_seed(0), &PacketRecord::zeroed(), client, HostKey::v4([10, 0, 0, 1])).id
}

/// Values of random keys among a million, as a batch is looked up.
fn lookups(criterion: &mut Criterion) {
    const ENTRIES: u64 = 1_000_000;
    let mut group = criterion.benchmark_group("lookup among a million");
    group.throughput(Throughput::Elements(BATCH_RECORDS as u64));
    let mut table = Table::<FlowState>::new(2 * ENTRIES as usize, u64::MAX).expect("memory is enough");
    for ahead in [0, 4, 8, 16] {
        let name = if ahead == 0 { "not prefetched".into() } else { format!("prefetched {ahead} ahead") };
        let mut random = 0;
        group.bench_function(name, |bencher| {
            if table.counts().entered == 0 {
                for key in 0..ENTRIES {
                    black_box(table.enter(&flow(key), Group::default, 1));
                }
            }
            bencher.iter_custom(|batches| {
                let mut time = Duration::ZERO;
                for _ in 0..batches {
                    let wanted: Vec<Hashed<FlowId>> = (0..BATCH_RECORDS as u64 + ahead)
                        .map(|_| {
                            random += 1;
                            flow(HashKey::from_seed(0).hash([random]) % ENTRIES)
                        })
                        .collect();
                    let start = Instant::now();
                    for place in 0..BATCH_RECORDS {
                        if ahead > 0 {
                            table.prefetch(wanted[place + ahead as usize].hash);
                            let later = wanted[place + ahead as usize / 2].hash;
                            table.prefetch_value(later, size_of::<FlowState>());
                        }
                        // Of a bucket with more than eight, some are not there.
                        let slot = table.find(&wanted[place]);
                        black_box(slot.map(|slot| table.get(slot).last_ns));
                    }
                    time += start.elapsed();
                }
                time
            });
        });
    }
}

/// A context with established flows, and a model of them.
struct Bench {
    context: Context,
    traffic: Traffic,
    model: Model,
    forest: QuantizedForest,
    block: Block,
    batch: Vec<PacketRecord>,
    ahead: Ahead,
    vector: Vec<f32>,
    scorers: Vec<Scorer>,
}

impl Bench {
    /// With room for all flows, as an operator of such a network would set it.
    fn new(flows: u32) -> Self {
        let usual = Sizes::default();
        let sizes = Sizes {
            flows: usual.flows.max(2 * flows as usize),
            hosts: usual.hosts.max(flows as usize / 8),
            service_pairs: usual.service_pairs.max(flows as usize / 2),
            known_services: usual.known_services.max(2 * flows as usize),
            ..usual
        };
        let mut context =
            Context::new(Tables::new(&sizes).expect("memory is enough"), HashKey::from_seed(0), 60);
        let mut traffic = Traffic::new(flows);
        let mut baseline = Baseline::new(0);
        let mut batch: Vec<PacketRecord> = Vec::new();
        let mut handshakes: Vec<PacketRecord> = traffic.handshakes().collect();
        traffic.fill(&mut batch);
        handshakes.append(&mut batch);
        let mut ahead = Ahead::default();
        for prepared in context.prepare(&handshakes, &mut ahead) {
            let record = prepared.record();
            let seen = context.observe(&prepared, HeadFacts::default(), record.time_ns);
            baseline.add(View::Packet, &View::read_packet(record, &seen));
        }
        context.close_tick(|_| Verdict { anomaly_level: 0.0, is_ordinary: true });
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
            packets: handshakes.len() as u64,
        };
        let known = context.known_services();
        let model = Model::train(&baseline, &training, window, known).expect("there are packets enough");
        let compiled = model.view(View::Packet).compile();
        let forest = compiled.expect("it is a standard forest over codes").forest;
        let scorers = View::ALL.iter().map(|view| model.view(*view).scorer()).collect();
        Self {
            context,
            traffic,
            model,
            forest,
            block: Block::default(),
            batch,
            ahead,
            vector: Vec::new(),
            scorers,
        }
    }

    /// The time that batches take; making them and closing ticks is left out.
    fn time(
        &mut self,
        batches: u64,
        depth: Depth,
        fill: fn(&mut Traffic, &mut Vec<PacketRecord>),
    ) -> Duration {
        let mut time = Duration::ZERO;
        for _ in 0..batches {
            fill(&mut self.traffic, &mut self.batch);
            if self.context.is_tick_over(self.traffic.now_ns()) {
                self.context.close_tick(|_| Verdict { anomaly_level: 0.0, is_ordinary: true });
            }
            let start = Instant::now();
            self.take(depth);
            time += start.elapsed();
        }
        time
    }

    fn take(&mut self, depth: Depth) {
        if depth == Depth::Lengths {
            black_box(self.batch.iter().map(|record| u64::from(record.length)).sum::<u64>());
            return;
        }
        for (place, prepared) in self.context.prepare(&self.batch, &mut self.ahead).enumerate() {
            let record = prepared.record();
            let seen = self.context.observe(&prepared, HeadFacts::default(), record.time_ns);
            if depth == Depth::Context {
                black_box(&seen);
                continue;
            }
            let codes = packet_codes(&View::read_packet(record, &seen));
            if depth == Depth::Features {
                black_box(&codes);
                continue;
            }
            self.block.set(place % BLOCK, &codes);
            if place % BLOCK == BLOCK - 1 {
                let mut paths = [0; BLOCK];
                self.forest.paths(&self.block, u32::MAX, &mut paths);
                black_box(&paths);
            }
        }
    }

    /// The time that the end of one tick takes.
    fn time_tick(&mut self, judges: bool) -> Duration {
        self.traffic.wait(SECOND);
        self.traffic.fill(&mut self.batch);
        self.take(Depth::Context);
        let start = Instant::now();
        self.context.close_tick(|subject| {
            for view in View::ALL {
                if view.read(&subject, &mut self.vector) {
                    if judges {
                        let scorer = &mut self.scorers[view as usize];
                        black_box(self.model.view(view).judge(&self.vector, scorer));
                    } else {
                        black_box(&self.vector);
                    }
                }
            }
            Verdict { anomaly_level: 0.0, is_ordinary: true }
        });
        start.elapsed()
    }
}
