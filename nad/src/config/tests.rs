use super::*;

#[test]
fn lengths_of_time_need_a_unit() {
    let seconds = |text: &str| text.parse::<Length>().map(|length| length.0.as_secs());
    assert_eq!((seconds("300s"), seconds("5m"), seconds("1h")), (Ok(300), Ok(300), Ok(3600)));
    for bad in ["", "300", "s", "-3s", "0s", "3 s", "9999999999999999999s", "5w"] {
        assert!(bad.parse::<Length>().is_err(), "{bad}");
    }
}

#[test]
fn the_first_place_that_says_anything_decides() {
    let flags = TaskChoice { model: Some("m".into()), ..TaskChoice::default() };
    let file = TaskChoice { count: Some(100), ..TaskChoice::default() };
    let decide = |places: &[TaskChoice]| TaskChoice::decide(places).unwrap();
    assert_eq!(decide(&[flags.clone(), file.clone()]), Some(Task::Detect("m".into())));
    assert_eq!(
        decide(&[TaskChoice::default(), file.clone()]),
        Some(Task::Count { packets: 100, model: None })
    );
    assert_eq!(decide(&[TaskChoice::default()]), None);
    let both = TaskChoice { train_packets: Some(7), ..flags };
    assert!(TaskChoice::decide(&[both, file]).is_err());
}

#[test]
fn a_feature_without_its_view_is_left_out_of_all_that_have_it() {
    let left_out = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        left_out(&names).map_err(|error| error.to_string())
    };
    for view in View::ALL {
        for feature in view.features() {
            let name = feature.name;
            let has_it = |view: &View| view.features().any(|feature| feature.name == name);
            let mut all: Vec<String> =
                View::ALL.into_iter().filter(has_it).map(|view| format!("{}/{name}", view.name())).collect();
            all.sort();
            let one = format!("{}/{name}", view.name());
            assert_eq!(left_out(&[name]).unwrap(), all);
            assert_eq!(left_out(&[&one]).unwrap(), std::slice::from_ref(&one));
            assert_eq!(left_out(&[name, &one]).unwrap(), all, "each once");
        }
    }
    for unknown in ["", "speed", "scan/speed", "scan/", "/"] {
        let error = left_out(&[unknown]).unwrap_err();
        assert!(error.contains(&format!("feature {unknown} is unknown")), "{error}");
    }
}

#[test]
fn an_interface_named_twice_is_watched_once() {
    let names = ["b", "a", "b"].map(str::to_owned).to_vec();
    let section = CaptureSection { interface: Some(OneOrMany::Many(names.clone())), ..Default::default() };
    assert_eq!(interfaces(Vec::new(), &section), ["b", "a"]);
    assert_eq!(interfaces(names, &CaptureSection::default()), ["b", "a"]);
}

#[test]
fn what_is_out_of_range_is_refused_with_the_range() {
    for contamination in [0.0, -1.0, 0.51, f64::NAN, f64::INFINITY] {
        assert!(nad_engine::model::check_contamination(contamination).is_err(), "{contamination}");
    }
    let section = TrainingSection { trees: Some(0), ..TrainingSection::default() };
    let error = training(TrainingChoice::default(), &section, 0.01).unwrap_err().to_string();
    assert_eq!(error, "trees 0 is out of range: 1 to 10000 are possible");
    let count = TaskChoice { count: Some(1), ..TaskChoice::default() };
    assert!(TaskChoice::decide(&[count]).is_err());
}

#[test]
fn the_seed_and_the_trainer_of_a_flag_count_before_the_files() {
    let section =
        TrainingSection { seed: Some(7), trainer: Some(TrainerKind::Seeded), ..TrainingSection::default() };
    let settled = |given: TrainingChoice, file: &TrainingSection| {
        training(given, file, 0.01).map(|it| (it.growth.seed, it.trainer)).map_err(|it| it.to_string())
    };
    let (none, nothing) = (TrainingChoice::default, TrainingSection::default());
    assert_eq!(settled(none(), &nothing), Ok((0, TrainerKind::Seeded)));
    assert_eq!(settled(none(), &section), Ok((7, TrainerKind::Seeded)));
    let seed = TrainingChoice { seed: Some(8), ..none() };
    assert_eq!(settled(seed, &section), Ok((8, TrainerKind::Seeded)));
    let other = TrainingChoice { trainer: Some(TrainerKind::Crate), ..none() };
    assert_eq!(settled(other.clone(), &nothing), Ok((0, TrainerKind::Crate)));
    assert_eq!(
        settled(other, &section).unwrap_err(),
        "seed 7 has no effect with the trainer \"crate\", which can't be seeded: leave one of them out"
    );
}
