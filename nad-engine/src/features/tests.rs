use bytemuck::Zeroable;
use nad_common::record::PacketRecord;

use super::*;
use crate::context::{Context, Sizes, Tables, Verdict, hash::HashKey};

#[test]
fn every_name_is_used_once_in_its_view_and_no_view_is_too_wide() {
    for view in View::ALL {
        let names: std::collections::HashSet<_> = view.features().map(|feature| feature.name).collect();
        assert_eq!(names.len(), view.features().len(), "{}", view.name());
        assert!((2..=MOST_FEATURES).contains(&names.len()), "{}", view.name());
        assert_eq!(View::named(view.name()), Some(view));
        assert_eq!(View::ALL[view as usize], view);
    }
}

#[test]
fn every_view_and_feature_of_a_subject_is_documented() {
    let page = include_str!("../../../docs/features.md");
    for view in View::ALL {
        assert!(page.contains(&format!("\n| {} | ", view.name())), "{}", view.name());
        for feature in view.features().filter(|_| view != View::Packet) {
            assert!(page.contains(feature.name), "{}: {}", view.name(), feature.name);
        }
    }
}

#[test]
fn a_logarithmic_value_is_described_in_its_own_unit() {
    let length = Feature::logarithmic("length", "bytes");
    assert_eq!(length.describe(length.scaled(1448.0)), "1448 bytes");
    let count = Feature::logarithmic("services", "");
    assert_eq!(count.describe(count.scaled(6.04)), "6");
    assert_eq!(count.describe(count.scaled(2.5)), "2.5");
}

#[test]
fn every_bit_pattern_of_a_record_gives_finite_features() {
    let sizes = Sizes::all(64);
    let mut context = Context::new(Tables::new(&sizes).unwrap(), HashKey::from_seed(0), 60);
    let mut vector = Vec::new();
    let mut visited = 0;
    for (round, byte) in [0x00, 0x55, 0xaa, 0xff, 0x45, 0x06].into_iter().enumerate() {
        let record: PacketRecord = bytemuck::pod_read_unaligned(&[byte; size_of::<PacketRecord>()]);
        for flags in [record.flags & !3, record.flags & !3 | 1, record.flags & !3 | 2] {
            let record = PacketRecord { flags, ..record };
            let seen = context.observe_one(&record, round as u64 * 7_000_000_000);
            let vector = View::read_packet(&record, &seen);
            assert!(vector.iter().all(|value| value.is_finite()), "{byte:#x}: {vector:?}");
        }
        context.close_tick(|subject| {
            for view in View::ALL {
                if view.read(&subject, &mut vector) {
                    visited += 1;
                    assert_eq!(vector.len(), view.features().len());
                    assert!(vector.iter().all(|value| value.is_finite()), "{byte:#x}: {vector:?}");
                }
            }
            Verdict { anomaly_level: 0.0, is_ordinary: true }
        });
    }
    assert!(visited > 50, "{visited}");
    let zeroed = PacketRecord::zeroed();
    assert_eq!(zeroed.length, 0);
}

#[test]
fn what_is_hostile_on_any_network_is_far_above_what_is_unremarkable() {
    let mut marked = 0;
    for view in View::ALL {
        for (column, feature) in view.features().enumerate().filter(|(_, feature)| feature.hostile > 0.0) {
            marked += 1;
            let mut vector: Vec<f32> = view.features().map(|feature| feature.scaled(0.0)).collect();
            assert!(!view.is_hostile(&vector), "{}", feature.name);
            vector[column] = feature.scaled(feature.hostile * 0.9);
            assert!(!view.is_hostile(&vector), "{}", feature.name);
            vector[column] = feature.scaled(feature.hostile * 1.01);
            assert!(view.is_hostile(&vector), "{}", feature.name);
            assert!(feature.hostile > 5.0 * feature.ordinary, "{}", feature.name);
        }
    }
    assert!(marked >= 10, "{marked}");
}
