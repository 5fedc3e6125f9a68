use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::deliver::pace::Turn;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ANSWERED: Outcome = Outcome::Answered {
    took: Duration::from_millis(20),
};
const FAILED: Outcome = Outcome::Failed { retry_after: None };

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn config() -> Config {
    Config {
        concurrency_max: 8,
        rate_per_second: None,
        rate_burst: 1,
        retry_after_max: Duration::from_secs(3_600),
        breaker: breaker::Config::standard(),
        retry_budget: budget::Config::standard(),
    }
}

fn lane(config: Config) -> Lane<u32> {
    Lane::new(config, breaker::State::closed(START), START)
}

fn entry(id: u32, key: Option<&str>, queued_at: Timestamp) -> Entry<u32> {
    Entry {
        id,
        key: key.map(OrderKey::of),
        queued_at,
        due: queued_at,
        attempts: 0,
    }
}

/// What the lane dispatches now, until it has to wait.
fn dispatched(lane: &mut Lane<u32>, now: Timestamp) -> Vec<u32> {
    std::iter::from_fn(|| match lane.next(now) {
        Next::Dispatch(dispatch) => Some(dispatch.id),
        Next::WaitUntil(_) | Next::Idle => None,
    })
    .collect()
}

#[test]
fn deliveries_of_one_key_go_one_after_another() {
    let mut lane = lane(config());
    for (id, key) in [
        (1, Some("a")),
        (2, Some("a")),
        (3, None),
        (4, Some("b")),
        (5, None),
    ] {
        assert!(lane.queue(entry(id, key, START)));
    }
    assert_eq!(dispatched(&mut lane, START), [1, 3, 4, 5]);
    assert_eq!((lane.waiting(), lane.in_flight()), (1, 4));
    assert!(lane.finished(1, Finish::Done));
    assert_eq!(dispatched(&mut lane, START), [2]);
}

#[test]
fn a_waiting_retry_blocks_its_key_and_no_other() {
    let mut lane = lane(config());
    lane.queue(entry(1, Some("a"), START));
    lane.queue(entry(2, Some("a"), START));
    assert_eq!(dispatched(&mut lane, START), [1]);
    lane.finished(1, Finish::Again(at(60)));
    lane.queue(entry(3, Some("b"), at(1)));
    assert_eq!(dispatched(&mut lane, at(1)), [3]);
    assert_eq!(lane.next(at(1)), Next::WaitUntil(at(60)));
    assert_eq!(lane.oldest_waiting(), Some(START));
    let Next::Dispatch(retry) = lane.next(at(60)) else {
        panic!("the retry is due");
    };
    assert_eq!((retry.id, retry.attempt), (1, 2));
    lane.finished(1, Finish::Dropped);
    assert_eq!(dispatched(&mut lane, at(60)), [2]);
}

#[test]
fn concurrency_is_bounded() {
    let mut lane = lane(config());
    for id in 0..20 {
        lane.queue(entry(id, None, START));
    }
    assert_eq!(dispatched(&mut lane, START).len(), 8);
    assert_eq!(lane.next(START), Next::Idle);
    lane.finished(3, Finish::Done);
    assert_eq!(dispatched(&mut lane, START), [8]);
}

#[test]
fn what_is_queued_twice_or_finished_twice_changes_nothing() {
    let mut lane = lane(config());
    assert!(lane.queue(entry(1, None, START)));
    assert!(!lane.queue(entry(1, Some("a"), START)));
    assert!(!lane.finished(1, Finish::Done));
    assert_eq!(lane.exchanged(1, FAILED, START, 0), None);
    assert_eq!(dispatched(&mut lane, START), [1]);
    assert!(!lane.queue(entry(1, None, START)));
    assert!(lane.finished(1, Finish::Done));
    assert!(!lane.finished(1, Finish::Done));
    assert_eq!((lane.waiting(), lane.in_flight()), (0, 0));
    assert_eq!(lane.next(START), Next::Idle);
}

#[test]
fn what_is_removed_gives_way_to_the_next_of_its_key() {
    let mut lane = lane(config());
    for id in 1..=4 {
        lane.queue(entry(id, Some("a"), START));
    }
    assert_eq!(lane.remove(9), Removed::Unknown);
    assert_eq!(lane.remove(3), Removed::Yes);
    assert_eq!(lane.remove(1), Removed::Yes);
    assert_eq!(dispatched(&mut lane, START), [2]);
    assert_eq!(lane.remove(2), Removed::UnderWay);
    assert_eq!(lane.remove(4), Removed::Yes);
    lane.finished(2, Finish::Done);
    assert_eq!(lane.next(START), Next::Idle);
    // The key is free again.
    lane.queue(entry(5, Some("a"), START));
    assert_eq!(dispatched(&mut lane, START), [5]);
}

#[test]
fn a_pause_stops_dispatching() {
    let mut lane = lane(config());
    lane.queue(entry(1, None, START));
    lane.pause();
    assert_eq!(lane.next(START), Next::Idle);
    lane.resume();
    assert_eq!(dispatched(&mut lane, START), [1]);
}

#[test]
fn an_open_breaker_holds_the_lane_and_probes_let_it_go() {
    let mut lane = lane(config());
    for id in 0..10 {
        lane.queue(entry(id, None, START));
    }
    let flying = dispatched(&mut lane, START);
    let changes: Vec<Transition> = flying
        .iter()
        .filter_map(|id| lane.exchanged(*id, FAILED, START, 0))
        .collect();
    assert_eq!(changes.len(), 1, "opens once: {changes:?}");
    for id in flying {
        lane.finished(id, Finish::Again(at(1)));
    }
    assert_eq!(lane.next(at(2)), Next::WaitUntil(at(5)));
    let Next::Dispatch(probe) = lane.next(at(5)) else {
        panic!("no probe");
    };
    assert!(probe.probe && probe.transition.is_some());
    assert_eq!(lane.next(at(5)), Next::Idle);
    for id in [probe.id, 9] {
        lane.exchanged(id, ANSWERED, at(5), 0);
        lane.finished(id, Finish::Done);
        if id == probe.id {
            assert_eq!(dispatched(&mut lane, at(5)), [9]);
        }
    }
    assert_eq!(lane.breaker().state().phase(), breaker::Phase::Closed);
    assert_eq!(dispatched(&mut lane, at(5)).len(), 8);
}

#[test]
fn a_partners_wait_holds_the_whole_lane_within_its_bound() {
    for (asked, obeyed) in [(30, 30), (86_400, 3_600)] {
        let mut lane = lane(config());
        lane.queue(entry(1, None, START));
        lane.queue(entry(2, None, START));
        assert_eq!(dispatched(&mut lane, START).len(), 2);
        let throttled = Outcome::Throttled {
            retry_after: Duration::from_secs(asked),
        };
        lane.pace().answered(&throttled, None, START);
        assert_eq!(lane.exchanged(1, throttled, START, 0), None);
        lane.finished(1, Finish::Again(START));
        assert_eq!(lane.next(START), Next::WaitUntil(at(obeyed)));
        let held = lane.held(START).expect("held");
        assert_eq!(held.until, at(obeyed));
        assert_eq!(held.because, "the partner asked to be left alone");
        lane.resume();
        assert_eq!(dispatched(&mut lane, START), [1]);
    }
}

#[test]
fn every_request_of_a_conversation_counts_for_the_rate() {
    let mut lane = lane(Config {
        rate_per_second: Some(1.0),
        ..config()
    });
    lane.queue(entry(1, None, START));
    lane.queue(entry(2, None, START));
    assert_eq!(dispatched(&mut lane, START), [1]);
    assert_eq!(lane.next(START), Next::WaitUntil(at(1)));
    // What the conversation sends further, it asks of the same pace.
    let pace = lane.pace().clone();
    let patience = Duration::from_secs(10);
    assert_eq!(pace.reserve(1, START, patience), Turn::At(at(1)));
    assert_eq!(lane.next(START), Next::WaitUntil(at(2)));
    assert_eq!(pace.reserve(1, START, patience), Turn::At(at(2)));
    assert_eq!(lane.next(at(2)), Next::WaitUntil(at(3)));
    assert_eq!(dispatched(&mut lane, at(3)), [2]);
}

#[test]
fn an_empty_retry_budget_holds_retries_up_and_nothing_else() {
    let mut lane = lane(Config {
        breaker: breaker::Config {
            failures_max: u32::MAX,
            failed_percent: 101,
            ..breaker::Config::standard()
        },
        ..config()
    });
    for id in 0..5 {
        let failed_before = Entry {
            attempts: 1,
            ..entry(id, None, START)
        };
        lane.queue(failed_before);
    }
    // Ten tokens: five retries each go twice.
    for round in 0..2 {
        let ids = dispatched(&mut lane, START);
        assert_eq!(ids.len(), 5, "round {round}");
        for id in ids {
            lane.exchanged(id, FAILED, START, 0);
            lane.finished(id, Finish::Again(START));
        }
    }
    assert_eq!(lane.next(START), Next::WaitUntil(at(1)));
    lane.queue(entry(7, None, START));
    assert_eq!(dispatched(&mut lane, START), [7]);
    assert_eq!(dispatched(&mut lane, at(1)).len(), 1);
}

#[test]
fn retries_add_at_most_a_fifth_to_the_load_of_a_dead_partner() {
    // Fact F10: ten minutes of failure at 20 deliveries a second, and a breaker
    // that never opens.
    let mut lane = lane(Config {
        concurrency_max: 1_000,
        breaker: breaker::Config {
            failures_max: u32::MAX,
            failed_percent: 101,
            ..breaker::Config::standard()
        },
        ..config()
    });
    let (mut firsts, mut retries, mut id) = (0_u32, 0_u32, 0);
    for tick in 0..6_000_u64 {
        let now = START.plus(Duration::from_millis(tick * 100));
        for _ in 0..2 {
            lane.queue(entry(id, None, now));
            id += 1;
        }
        while let Next::Dispatch(dispatch) = lane.next(now) {
            if dispatch.attempt == 1 {
                firsts += 1;
            } else {
                retries += 1;
            }
            lane.exchanged(dispatch.id, FAILED, now, 0);
            lane.finished(dispatch.id, Finish::Again(now.plus(Duration::from_secs(5))));
        }
    }
    assert_eq!(firsts, 12_000);
    let floor = 600 + 10;
    assert!(retries <= firsts / 5 + floor, "{retries} retries");
    assert!(retries >= firsts / 5, "{retries} retries");
}

#[test]
fn a_retry_is_not_starved_by_a_stream_of_newer_work() {
    let mut lane = lane(Config {
        concurrency_max: 1,
        ..config()
    });
    lane.queue(entry(0, None, START));
    assert_eq!(dispatched(&mut lane, START), [0]);
    lane.finished(0, Finish::Again(at(10)));
    let mut order = Vec::new();
    for second in 0..30 {
        // Two come in, one goes out: the backlog only grows.
        lane.queue(entry(second * 2 + 1, None, at(second.into())));
        lane.queue(entry(second * 2 + 2, None, at(second.into())));
        let ids = dispatched(&mut lane, at(second.into()));
        ids.iter()
            .for_each(|id| assert!(lane.finished(*id, Finish::Done)));
        order.extend(ids);
    }
    let place = order.iter().position(|id| *id == 0).expect("dispatched");
    assert!(place <= 22, "after {place} others");
}

#[test]
fn a_hundred_thousand_entries_take_about_a_hundred_bytes_each() {
    let mut lane: Lane<u128> = Lane::new(config(), breaker::State::closed(START), START);
    let count = 1_u128 << 17;
    for id in 0..count {
        lane.queue(Entry {
            id,
            key: Some(OrderKey::of(&id.to_string())),
            queued_at: START,
            due: START,
            attempts: 0,
        });
    }
    let bytes = lane.slab.bytes()
        + lane.by_id.bytes()
        + lane.by_key.bytes()
        + lane.first_attempts.bytes()
        + lane.retries.bytes();
    let each = bytes / usize::try_from(count).expect("fits");
    assert!(each <= 120, "{each} bytes");
}

#[derive(Clone, Debug)]
enum Step {
    Queue(Option<u8>, bool),
    Next,
    Finish(usize, u8),
    Remove(u32),
    Pass(u64),
    Pause(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (proptest::option::of(0..4_u8), any::<bool>())
            .prop_map(|(key, retry)| Step::Queue(key, retry)),
        8 => Just(Step::Next),
        6 => (0..8_usize, 0..6_u8).prop_map(|(which, how)| Step::Finish(which, how)),
        1 => (0..60_u32).prop_map(Step::Remove),
        3 => (0..4_000_u64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Pause),
    ]
}

/// The obvious lane: lists, and no memory of breakers or budgets.
#[derive(Default)]
struct Model {
    queued: BTreeMap<u32, (Option<u8>, Timestamp)>,
    keys: BTreeMap<u8, VecDeque<u32>>,
    flying: BTreeSet<u32>,
}

impl Model {
    fn queue(&mut self, id: u32, key: Option<u8>, due: Timestamp) {
        self.queued.insert(id, (key, due));
        if let Some(key) = key {
            self.keys.entry(key).or_default().push_back(id);
        }
    }

    fn dispatch(&mut self, id: u32, now: Timestamp) {
        let (key, due) = self.queued[&id];
        assert!(self.flying.insert(id), "{id} twice at once");
        assert!(due <= now, "{id} too early");
        if let Some(key) = key {
            assert_eq!(self.keys[&key].front(), Some(&id), "out of order");
        }
    }

    fn leave(&mut self, id: u32) {
        self.flying.remove(&id);
        if let Some((Some(key), _)) = self.queued.remove(&id) {
            let queue = self.keys.get_mut(&key).expect("it was queued");
            queue.retain(|other| *other != id);
        }
    }
}

/// Plays everything to its end: whatever is left must come out.
fn drain(lane: &mut Lane<u32>, model: &mut Model, mut now: Timestamp) {
    lane.resume();
    let rounds = (model.queued.len() + 2) * 20;
    for _ in 0..rounds {
        match lane.next(now) {
            Next::Dispatch(dispatch) => model.dispatch(dispatch.id, now),
            Next::WaitUntil(later) if lane.in_flight() == 0 => {
                assert!(later > now);
                now = later;
            }
            Next::WaitUntil(_) | Next::Idle => {
                let Some(id) = model.flying.first().copied() else {
                    break;
                };
                lane.exchanged(id, ANSWERED, now, 0);
                assert!(lane.finished(id, Finish::Done));
                model.leave(id);
            }
        }
    }
    assert!(model.queued.is_empty(), "left over: {:?}", model.queued);
    assert_eq!((lane.waiting(), lane.in_flight()), (0, 0));
    assert_eq!(lane.oldest_waiting(), None);
}

proptest! {
    #[test]
    fn keeps_its_promises_in_any_order_of_events(
        concurrency_max in 1..6_usize,
        rate_per_second in proptest::option::of(0.5..50.0_f64),
        random: u64,
        steps in proptest::collection::vec(step(), 1..400),
    ) {
        let mut lane = lane(Config { concurrency_max, rate_per_second, ..config() });
        let mut model = Model::default();
        let (mut now, mut ids) = (START, 0_u32);
        for step in steps {
            match step {
                Step::Queue(key, retry) => {
                    let later = Duration::from_millis(if retry { random % 3_000 } else { 0 });
                    let entry = Entry {
                        id: ids,
                        key: key.map(|key| OrderKey::of(&key.to_string())),
                        queued_at: now,
                        due: now.plus(later),
                        attempts: u32::from(retry),
                    };
                    prop_assert!(lane.queue(entry));
                    model.queue(ids, key, entry.due);
                    ids += 1;
                }
                Step::Next => match lane.next(now) {
                    Next::Dispatch(dispatch) => model.dispatch(dispatch.id, now),
                    Next::WaitUntil(later) => prop_assert!(later > now),
                    Next::Idle => {}
                },
                Step::Finish(which, how) => {
                    let Some(id) = model.flying.iter().nth(which).copied() else {
                        continue;
                    };
                    let due = now.plus(Duration::from_millis(random % 10_000));
                    let (outcome, finish) = match how {
                        0..=2 => (ANSWERED, Finish::Done),
                        3 => (FAILED, Finish::Again(due)),
                        4 => (Outcome::Ours, Finish::Later(due)),
                        _ => (FAILED, Finish::Dropped),
                    };
                    lane.exchanged(id, outcome, now, random);
                    prop_assert!(lane.finished(id, finish));
                    if let Finish::Again(due) | Finish::Later(due) = finish {
                        model.flying.remove(&id);
                        model.queued.get_mut(&id).expect("known").1 = due;
                    } else {
                        model.leave(id);
                    }
                }
                Step::Remove(id) => {
                    let expected = match (model.queued.contains_key(&id), model.flying.contains(&id)) {
                        (false, _) => Removed::Unknown,
                        (true, true) => Removed::UnderWay,
                        (true, false) => Removed::Yes,
                    };
                    prop_assert_eq!(lane.remove(id), expected);
                    if expected == Removed::Yes {
                        model.leave(id);
                    }
                }
                Step::Pass(millis) => now = now.plus(Duration::from_millis(millis)),
                Step::Pause(true) => lane.pause(),
                Step::Pause(false) => lane.resume(),
            }
            prop_assert!(lane.in_flight() <= concurrency_max);
            prop_assert_eq!(lane.in_flight(), model.flying.len());
            prop_assert_eq!(lane.waiting(), model.queued.len() - model.flying.len());
        }
        drain(&mut lane, &mut model, now);
    }
}
