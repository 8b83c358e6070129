//! Who lives, and who is ready: decided from numbers alone.

use std::time::Duration;

use nad_engine::condition::Stage;

/// A thread that is silent for longer hangs: the drain reads the rings every 5 ms at least, and the detector gets a
/// batch every half second, which even on a busy machine takes it no second.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// Whether both threads gave a sign of life lately.
pub(super) fn is_alive(detector: Duration, drain: Duration) -> Result<(), String> {
    // The drain first: without it, the detector has nothing to do.
    for (name, silence) in [("drain", drain), ("detector", detector)] {
        if silence > LONGEST_SILENCE {
            return Err(format!(
                "the {name} thread has given no sign of life for {} s: restart nad, and report this",
                silence.as_secs()
            ));
        }
    }
    Ok(())
}

/// Whether a model is in force, and packets can come from any of the interfaces.
pub(super) fn is_ready(
    stage: Stage,
    learned: u64,
    interfaces: Option<&[(String, bool)]>,
) -> Result<(), String> {
    if let Some(interfaces) = interfaces
        && !interfaces.iter().any(|(_, is_up)| *is_up)
    {
        let names: Vec<&str> = interfaces.iter().map(|(name, _)| name.as_str()).collect();
        return Err(match names[..] {
            [] => "no interface is there that --iface says".into(),
            _ => format!("no interface is left to watch (gone, down or refused: {})", names.join(", ")),
        });
    }
    match stage {
        Stage::Detecting => Ok(()),
        Stage::Learning => Err(format!("a baseline is being learnt ({learned} packets so far)")),
        Stage::Training => Err(format!("a model is being trained ({learned} packets came so far)")),
        Stage::Failed => Err("training has failed, and nothing is judged: see the log".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_hangs_is_named() {
        let (well, hangs) = (Duration::from_secs(1), Duration::from_secs(61));
        assert_eq!(is_alive(well, well), Ok(()));
        assert!(is_alive(hangs, well).unwrap_err().starts_with("the detector thread has given no sign"));
        assert!(is_alive(hangs, hangs).unwrap_err().starts_with("the drain thread"));
    }

    #[test]
    fn only_who_has_a_model_is_ready_and_the_others_say_what_they_wait_for() {
        for stage in Stage::ALL {
            assert_eq!(is_ready(stage, 7, None).is_ok(), stage == Stage::Detecting, "{stage:?}");
        }
        assert_eq!(
            is_ready(Stage::Learning, 7, None).unwrap_err(),
            "a baseline is being learnt (7 packets so far)"
        );
    }

    #[test]
    fn nobody_is_ready_who_has_no_interface_left() {
        let ready = |interfaces: &[(&str, bool)]| {
            let interfaces: Vec<_> =
                interfaces.iter().map(|(name, is_up)| ((*name).to_owned(), *is_up)).collect();
            is_ready(Stage::Detecting, 7, Some(&interfaces))
        };
        assert_eq!(ready(&[("eth0", false), ("eth1", true)]), Ok(()));
        let reason = ready(&[("eth0", false), ("eth1", false)]).unwrap_err();
        assert_eq!(reason, "no interface is left to watch (gone, down or refused: eth0, eth1)");
        assert_eq!(ready(&[]).unwrap_err(), "no interface is there that --iface says");
    }
}
