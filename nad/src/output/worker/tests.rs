use std::sync::mpsc;

use nad_engine::{detector::Second, incident::coverage::Coverage};

use super::*;
use crate::output::Outputs;

/// A sink that does what a test wants with each attempt.
struct Scripted<F> {
    attempts: F,
    finish: Result<Done, Failure>,
    patience: Duration,
}

impl<F: FnMut(&[Event]) -> Result<Done, Failure> + Send> Sink for Scripted<F> {
    fn name(&self) -> String {
        "test".into()
    }

    fn interests(&self) -> Interests {
        Interests { seconds: true, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        (self.attempts)(events)
    }

    fn finish(&mut self) -> Result<Done, Failure> {
        std::mem::replace(&mut self.finish, Ok(Done::default()))
    }

    fn kept(&self) -> u64 {
        7
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

fn scripted<F>(attempts: F) -> Scripted<F> {
    Scripted { attempts, finish: Ok(Done::default()), patience: Duration::from_secs(60) }
}

fn seconds(count: u64) -> Vec<Event> {
    let second = |end_ns| Second {
        end_ns,
        coverage: Coverage::default(),
        bytes: 0,
        anomalies: 0,
        peak_score: 0.0,
        threshold: 0.0,
        is_learning: false,
        hosts: Vec::new(),
    };
    (0..count).map(|number| Event::Second(Arc::new(second(number)))).collect()
}

fn add(outputs: &mut Outputs, sink: impl Sink + 'static, when_full: WhenFull, when_failing: WhenFailing) {
    let mut new = outputs.replacement(when_full);
    new.open("test", "", when_failing, || Ok(Box::new(sink))).unwrap();
    new.put_in_place();
    outputs.start().unwrap();
}

fn counted(counts: &SinkCounts) -> (u64, u64, u64) {
    (counts.delivered.load(Relaxed), counts.dropped.load(Relaxed), counts.failed.load(Relaxed))
}

/// An output that is closed until the returned sender says something.
fn blocked(when_full: WhenFull) -> (Outputs, mpsc::Sender<()>) {
    let (open, opened) = mpsc::channel::<()>();
    let mut outputs = Outputs::default();
    let mut is_open = false;
    let sink = scripted(move |events: &[Event]| {
        if !is_open {
            opened.recv().expect("the test opens it");
            is_open = true;
        }
        Ok(Done::all(events))
    });
    add(&mut outputs, sink, when_full, WhenFailing::GoOn);
    (outputs, open)
}

#[test]
fn what_a_slow_sink_has_no_room_for_is_dropped_and_counted_and_nobody_waits() {
    let (mut outputs, open) = blocked(WhenFull::Drop);
    let told = 2 * CAPACITY as u64;
    outputs.tell(&seconds(told)).unwrap();
    let counts = outputs.counts();
    open.send(()).unwrap();
    outputs.finish().unwrap();
    let (delivered, dropped, failed) = counted(&counts[0]);
    assert_eq!((delivered + dropped, failed), (told, 0));
    assert!((CAPACITY as u64..=CAPACITY as u64 + MOST_AT_ONCE as u64).contains(&delivered), "{delivered}");
}

#[test]
fn where_nothing_may_be_lost_whoever_tells_waits() {
    let (mut outputs, open) = blocked(WhenFull::Wait);
    let counts = outputs.counts();
    let opening = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        open.send(()).unwrap();
    });
    outputs.tell(&seconds(2 * CAPACITY as u64)).unwrap();
    outputs.finish().unwrap();
    opening.join().unwrap();
    assert_eq!(counted(&counts[0]), (2 * CAPACITY as u64, 0, 0));
}

#[test]
fn what_fails_for_now_is_tried_again_and_delivered_once() {
    let mut outputs = Outputs::default();
    let mut attempts = 0;
    let sink = scripted(move |events: &[Event]| {
        attempts += 1;
        if attempts == 1 { Err(Failure::Later("not now".into())) } else { Ok(Done::all(events)) }
    });
    add(&mut outputs, sink, WhenFull::Drop, WhenFailing::GoOn);
    let counts = outputs.counts();
    outputs.tell(&seconds(3)).unwrap();
    outputs.finish().unwrap();
    assert_eq!(counted(&counts[0]), (3, 0, 0));
}

#[test]
fn what_never_succeeds_is_counted_as_failed_and_the_next_is_tried() {
    let mut outputs = Outputs::default();
    let mut attempts = 0;
    let (tried, was_tried) = mpsc::channel();
    let sink = scripted(move |events: &[Event]| {
        attempts += 1;
        tried.send(()).unwrap();
        if attempts == 1 { Err(Failure::Never("refused".into())) } else { Ok(Done::all(events)) }
    });
    add(&mut outputs, sink, WhenFull::Drop, WhenFailing::GoOn);
    let counts = outputs.counts();
    outputs.tell(&seconds(1)).unwrap();
    was_tried.recv().unwrap();
    outputs.tell(&seconds(2)).unwrap();
    outputs.finish().unwrap();
    assert_eq!(counted(&counts[0]), (2, 0, 1));
}

#[test]
fn nad_ends_soon_though_a_sink_would_be_patient() {
    let mut outputs = Outputs::default();
    let sink = scripted(|_: &[Event]| Err(Failure::Later("the server is dead".into())));
    add(&mut outputs, sink, WhenFull::Drop, WhenFailing::GoOn);
    let counts = outputs.counts();
    outputs.tell(&seconds(5)).unwrap();
    let begun = Instant::now();
    outputs.finish().unwrap();
    assert!(begun.elapsed() < 2 * LAST_PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(counted(&counts[0]), (0, 0, 5));
}

#[test]
fn an_output_that_must_work_ends_the_work_and_what_is_left_is_counted() {
    for failure in [Failure::Gone, Failure::Never("no space".into())] {
        let is_gone = matches!(failure, Failure::Gone);
        let mut outputs = Outputs::default();
        let mut failure = Some(failure);
        let sink = scripted(move |_: &[Event]| Err(failure.take().expect("it is not tried again")));
        add(&mut outputs, sink, WhenFull::Wait, WhenFailing::Stop);
        let counts = outputs.counts();
        outputs.tell(&seconds(1)).unwrap();
        let error = outputs.finish().unwrap_err();
        assert_eq!(error.is_broken_pipe(), is_gone, "{error}");
        assert_eq!(counted(&counts[0]), (0, 0, 1));
    }
}

#[test]
fn nobody_waits_for_a_sink_that_has_ended() {
    let mut outputs = Outputs::default();
    let sink = scripted(|_: &[Event]| Err(Failure::Gone));
    add(&mut outputs, sink, WhenFull::Wait, WhenFailing::Stop);
    let begun = Instant::now();
    let mut told = outputs.tell(&seconds(1));
    while told.is_ok() && begun.elapsed() < Duration::from_secs(10) {
        told = outputs.tell(&seconds(CAPACITY as u64));
    }
    assert!(told.unwrap_err().is_broken_pipe());
}

/// A sink that never comes back from what it is told, and keeps what it was told before.
struct Hanging {
    is_told: bool,
    telling: mpsc::Sender<()>,
}

impl Sink for Hanging {
    fn name(&self) -> String {
        "hanging".into()
    }

    fn interests(&self) -> Interests {
        Interests { seconds: true, ..Interests::default() }
    }

    fn deliver(&mut self, _: &[Event]) -> Result<Done, Failure> {
        self.telling.send(()).unwrap();
        if std::mem::replace(&mut self.is_told, true) {
            thread::sleep(Duration::from_secs(3600));
        }
        Ok(Done::default())
    }

    fn kept(&self) -> u64 {
        u64::from(self.is_told)
    }
}

#[test]
fn the_end_waits_five_seconds_at_most_and_all_that_was_not_told_is_counted_once() {
    for when_full in [WhenFull::Drop, WhenFull::Wait] {
        let mut outputs = Outputs::default();
        let (telling, told) = mpsc::channel();
        add(&mut outputs, Hanging { is_told: false, telling }, when_full, WhenFailing::GoOn);
        let counts = outputs.counts();
        for count in [1, 2, 10] {
            outputs.tell(&seconds(count)).unwrap();
            if count < 10 {
                told.recv().unwrap();
            }
        }
        let begun = Instant::now();
        outputs.finish().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        // One kept, two in hand, ten in the queue.
        assert_eq!(counted(&counts[0]), (0, 0, 13), "{when_full:?}");
    }
}

#[test]
fn an_output_that_is_the_work_itself_is_waited_for_until_nad_is_asked_to_end() {
    let mut outputs = Outputs::default();
    let (telling, told) = mpsc::channel();
    add(&mut outputs, Hanging { is_told: true, telling }, WhenFull::Wait, WhenFailing::Stop);
    let counts = outputs.counts();
    outputs.tell(&seconds(CAPACITY as u64)).unwrap();
    told.recv().unwrap();
    let stop = outputs.stop();
    let waiting = thread::spawn(move || {
        // More than there is room for, so this waits, too.
        outputs.tell(&seconds(2 * CAPACITY as u64)).unwrap();
        outputs.finish().unwrap();
    });
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    let begun = Instant::now();
    stop.request();
    waiting.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let (delivered, dropped, failed) = counted(&counts[0]);
    assert_eq!((delivered, dropped + failed), (0, 3 * CAPACITY as u64), "{dropped} {failed}");
}

#[test]
fn that_nobody_reads_an_output_ends_the_work_or_only_the_output() {
    for (when_failing, ends) in [(WhenFailing::Stop, true), (WhenFailing::StopUnlessGone, false)] {
        let mut outputs = Outputs::default();
        add(&mut outputs, scripted(|_: &[Event]| Err(Failure::Gone)), WhenFull::Drop, when_failing);
        let counts = outputs.counts();
        outputs.tell(&seconds(1)).unwrap();
        let ended = outputs.finish();
        assert_eq!(ended.is_err_and(|error| error.is_broken_pipe()), ends);
        assert_eq!(counted(&counts[0]), (0, 0, 1));
        let mut outputs = Outputs::default();
        let full = scripted(|_: &[Event]| Err(Failure::Never("no space".into())));
        add(&mut outputs, full, WhenFull::Drop, when_failing);
        outputs.tell(&seconds(1)).unwrap();
        assert!(!outputs.finish().unwrap_err().is_broken_pipe(), "a full disk always ends it");
    }
}

/// A sink whose reader is seen to have gone without anything to tell.
struct Left;

impl Sink for Left {
    fn name(&self) -> String {
        "left".into()
    }

    fn interests(&self) -> Interests {
        Interests::default()
    }

    fn deliver(&mut self, _: &[Event]) -> Result<Done, Failure> {
        Ok(Done::default())
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        Err(Failure::Gone)
    }
}

#[test]
fn that_nobody_reads_an_output_is_noticed_also_where_there_is_nothing_to_tell() {
    let mut outputs = Outputs::default();
    add(&mut outputs, Left, WhenFull::Drop, WhenFailing::Stop);
    let begun = Instant::now();
    let failure = loop {
        if let Err(failure) = outputs.check() {
            break failure;
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(10));
    };
    assert!(failure.is_broken_pipe());
}

#[test]
fn what_is_kept_for_later_is_lost_and_counted_where_the_end_fails() {
    let mut outputs = Outputs::default();
    let sink = Scripted {
        finish: Err(Failure::Later("no answer".into())),
        ..scripted(|_: &[Event]| Ok(Done::default()))
    };
    add(&mut outputs, sink, WhenFull::Drop, WhenFailing::GoOn);
    let counts = outputs.counts();
    outputs.tell(&seconds(7)).unwrap();
    outputs.finish().unwrap();
    assert_eq!(counted(&counts[0]), (0, 0, 7));
}

#[test]
fn an_output_with_the_same_settings_goes_on_and_another_takes_its_place() {
    let mut outputs = Outputs::default();
    let mut replace = |settings: u8| {
        let mut new = outputs.replacement(WhenFull::Drop);
        new.open("test", &settings.to_string(), WhenFailing::GoOn, || {
            Ok(Box::new(scripted(|events: &[Event]| Ok(Done::all(events)))))
        })
        .unwrap();
        new.put_in_place();
        outputs.start().unwrap();
        outputs.tell(&seconds(1)).unwrap();
        outputs.counts()
    };
    let (first, same, other) = (replace(1), replace(1), replace(2));
    assert!(Arc::ptr_eq(&first[0], &same[0]) && !Arc::ptr_eq(&first[0], &other[0]));
    assert_eq!((first.len(), other.len()), (1, 1));
    outputs.finish().unwrap();
    assert_eq!(counted(&other[0]), (1, 0, 0));
    // The one that left delivers what it was told, in the background.
    let begun = Instant::now();
    while counted(&first[0]) != (2, 0, 0) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{first:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_output_that_can_not_be_opened_changes_nothing() {
    let mut outputs = Outputs::default();
    add(&mut outputs, scripted(|events: &[Event]| Ok(Done::all(events))), WhenFull::Drop, WhenFailing::GoOn);
    let before = outputs.counts();
    let mut new = outputs.replacement(WhenFull::Drop);
    let refused = new.open("other", "", WhenFailing::GoOn, || anyhow::bail!("no"));
    assert!(refused.is_err());
    drop(new);
    outputs.tell(&seconds(1)).unwrap();
    outputs.finish().unwrap();
    assert_eq!(counted(&before[0]), (1, 0, 0));
}
