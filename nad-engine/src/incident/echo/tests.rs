use super::*;
use crate::incident::example::{SECOND, of_source, source};

/// A source's reach with these features at a moment.
fn reach(services: f32, failures: f32, at_s: u64) -> Deviation {
    let values = [services, 1.0, failures];
    let vector = View::Reach.features().zip(values).map(|(feature, value)| feature.scaled(value)).collect();
    Deviation { vector, ..of_source(View::Reach, source(1, 2), at_s) }
}

fn is_echo(echoes: &mut Echoes, deviation: &Deviation) -> bool {
    echoes.is_echo(deviation, &deviation.subject.parties())
}

#[test]
fn a_count_that_only_fades_is_an_echo() {
    let mut echoes = Echoes::default();
    assert!(!is_echo(&mut echoes, &reach(400.0, 300.0, 100)), "the first is none");
    for after in 1..10 {
        let left = 300.0 * (-(after as f32) / 10.0).exp();
        assert!(is_echo(&mut echoes, &reach(400.0, left, 100 + after)), "{after} s");
    }
}

#[test]
fn a_count_that_falls_slower_than_it_fades_or_grows_is_none() {
    let mut echoes = Echoes::default();
    is_echo(&mut echoes, &reach(400.0, 300.0, 100));
    assert!(!is_echo(&mut echoes, &reach(400.0, 300.0, 101)), "some failed to make up for what faded");
    assert!(!is_echo(&mut echoes, &reach(500.0, 100.0, 102)), "further services");
}

#[test]
fn what_comes_back_after_a_pause_is_none() {
    let mut echoes = Echoes::default();
    is_echo(&mut echoes, &reach(400.0, 8.0, 100));
    assert!(!is_echo(&mut echoes, &reach(400.0, 8.0, 120)), "the sketch holds no longer than 10 s");
}

#[test]
fn each_subject_has_echoes_of_its_own_and_a_source_is_one_whatever_its_favourite() {
    let mut echoes = Echoes::default();
    is_echo(&mut echoes, &reach(400.0, 8.0, 100));
    let of = |last, target| Deviation {
        vector: reach(400.0, 4.0, 101).vector,
        ..of_source(View::Reach, source(last, target), 101)
    };
    assert!(!is_echo(&mut echoes, &of(3, 2)), "another source");
    assert!(is_echo(&mut echoes, &of(1, 9)), "the same source at another target");
}

#[test]
fn what_was_seen_long_ago_is_forgotten() {
    let mut echoes = Echoes::default();
    is_echo(&mut echoes, &reach(400.0, 8.0, 100));
    echoes.forget(3699 * SECOND);
    assert_eq!(echoes.last.len(), 1);
    echoes.forget(3700 * SECOND);
    assert!(echoes.last.is_empty());
}
