use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const QUICK: Outcome = Outcome::Answered {
    took: Duration::from_millis(20),
};
const SLOW: Outcome = Outcome::Answered {
    took: Duration::from_millis(10_000),
};
const FAILED: Outcome = Outcome::Failed { retry_after: None };

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn breaker() -> Breaker {
    Breaker::new(Config::standard(), State::closed(START))
}

/// One call that must be let through, from asking to giving the permit back.
fn call(breaker: &mut Breaker, outcome: Outcome, now: Timestamp) -> Option<Transition> {
    let Admission::Go(permit, admitted) = breaker.admit(now) else {
        panic!("not admitted in {:?}", breaker.state());
    };
    let recorded = breaker.record(permit, outcome, now, 0);
    breaker.release(permit);
    recorded.or(admitted)
}

fn calls(breaker: &mut Breaker, outcomes: &[Outcome], now: Timestamp) -> Vec<Transition> {
    outcomes
        .iter()
        .filter_map(|outcome| call(breaker, *outcome, now))
        .collect()
}

fn opened(breaker: &mut Breaker, now: Timestamp) -> Timestamp {
    let transitions = calls(breaker, &[FAILED; 5], now);
    match transitions.last().expect("five failures open it").state {
        State::Open { until, .. } => until,
        other => panic!("not open but {other:?}"),
    }
}

#[test]
fn opens_for_each_of_its_rules() {
    let mut mixed = [QUICK; 20];
    for failed in mixed.iter_mut().step_by(2) {
        *failed = FAILED;
    }
    mixed.rotate_left(1); // ends with a failure
    let mut slow = [SLOW; 20];
    slow[..4].fill(QUICK);
    let cases: [(&[Outcome], Option<Cause>); 8] = [
        (&[FAILED; 4], None),
        (&[FAILED; 5], Some(Cause::ConsecutiveFailures { failed: 5 })),
        (&[FAILED, FAILED, FAILED, FAILED, QUICK, FAILED], None),
        (&mixed[..19], None),
        (
            &mixed,
            Some(Cause::FailureShare {
                failed: 10,
                calls: 20,
            }),
        ),
        (&slow[..19], None),
        (
            &slow,
            Some(Cause::SlowShare {
                slow: 16,
                calls: 20,
            }),
        ),
        (&[QUICK; 100], None),
    ];
    for (outcomes, cause) in cases {
        let found = calls(&mut breaker(), outcomes, START);
        assert_eq!(found.first().map(|change| change.cause), cause);
    }
}

#[test]
fn refusals_throttling_and_our_own_faults_never_open_it() {
    let throttled = Outcome::Throttled {
        retry_after: Duration::from_secs(1),
    };
    let mut breaker = breaker();
    for _ in 0..1_000 {
        for outcome in [throttled, Outcome::Ours] {
            assert_eq!(call(&mut breaker, outcome, START), None);
        }
    }
    // Nor do they count as good news.
    let changes = calls(
        &mut breaker,
        &[
            FAILED,
            throttled,
            FAILED,
            Outcome::Ours,
            FAILED,
            FAILED,
            FAILED,
        ],
        START,
    );
    assert_eq!(changes[0].cause, Cause::ConsecutiveFailures { failed: 5 });
}

#[test]
fn failures_of_long_ago_do_not_count_as_a_share() {
    let mut breaker = breaker();
    for second in 0..200 {
        let outcome = if second % 3 == 0 { FAILED } else { QUICK };
        assert_eq!(call(&mut breaker, outcome, at(second)), None);
    }
}

#[test]
fn an_open_breaker_waits_and_then_lets_one_probe_through() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, START);
    assert_eq!(until, at(5));
    assert_eq!(breaker.admit(at(4)), Admission::NotBefore(until));
    let Admission::Go(probe, Some(change)) = breaker.admit(until) else {
        panic!("no probe");
    };
    assert!(probe.is_probe());
    assert_eq!(change.from, Phase::Open);
    assert_eq!(change.state.phase(), Phase::HalfOpen);
    assert_eq!(breaker.admit(until), Admission::Wait);
    assert_eq!(breaker.record(probe, QUICK, until, 0), None);
    breaker.release(probe);
    let change = call(&mut breaker, QUICK, until).expect("the second success closes it");
    assert_eq!(change.cause, Cause::ProbesSucceeded);
    assert_eq!(change.state.phase(), Phase::Closed);
}

#[test]
fn a_probe_that_never_called_gives_its_place_to_the_next() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, START);
    assert!(call(&mut breaker, Outcome::Ours, until).is_some());
    assert_eq!(breaker.state().phase(), Phase::HalfOpen);
    assert!(matches!(breaker.admit(until), Admission::Go(..)));
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_five_minutes() {
    let mut breaker = breaker();
    let mut now = opened(&mut breaker, START);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let change = call(&mut breaker, FAILED, now).expect("opens again");
        let State::Open { since, until, .. } = change.state else {
            panic!("not open");
        };
        waits.push(until.since(since).as_secs());
        now = until;
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
}

#[test]
fn a_steady_time_makes_the_next_opening_short_again() {
    for (steady, wait) in [(59, 10), (60, 5)] {
        let mut breaker = breaker();
        let now = opened(&mut breaker, START);
        calls(&mut breaker, &[QUICK; 2], now);
        let later = now.plus(Duration::from_secs(steady));
        let until = opened(&mut breaker, later);
        assert_eq!(until.since(later).as_secs(), wait, "after {steady} s");
    }
}

#[test]
fn retry_after_lengthens_the_opening_and_jitter_never_shortens_it() {
    let ask = |retry_after, random| {
        let mut breaker = breaker();
        calls(&mut breaker, &[FAILED; 4], START);
        let Admission::Go(permit, _) = breaker.admit(START) else {
            panic!("not admitted");
        };
        let outcome = Outcome::Failed { retry_after };
        let change = breaker.record(permit, outcome, START, random);
        match change.expect("the fifth failure").state {
            State::Open { until, .. } => until,
            other => panic!("not open but {other:?}"),
        }
    };
    assert_eq!(ask(Some(Duration::from_secs(90)), 0), at(90));
    assert_eq!(ask(Some(Duration::from_secs(1)), 0), at(5));
    let most = ask(None, u64::MAX).since(START);
    assert_eq!(most, Duration::from_millis(6_250));
}

#[test]
fn late_outcomes_of_an_earlier_state_count_for_nothing() {
    let mut breaker = breaker();
    let Admission::Go(early, _) = breaker.admit(START) else {
        panic!("not admitted");
    };
    let until = opened(&mut breaker, START);
    assert_eq!(breaker.record(early, QUICK, START, 0), None);
    calls(&mut breaker, &[QUICK; 2], until);
    assert_eq!(breaker.state().phase(), Phase::Closed);
    for _ in 0..10 {
        assert_eq!(breaker.record(early, FAILED, until, 0), None);
    }
}

#[test]
fn an_operator_overrules_it_until_reset() {
    let mut breaker = breaker();
    assert_eq!(breaker.force_open(START).cause, Cause::Operator);
    assert_eq!(breaker.admit(at(1_000_000)), Admission::Wait);
    breaker.force_closed(START);
    assert_eq!(calls(&mut breaker, &[FAILED; 100], START), []);
    let change = breaker.reset(START);
    assert_eq!(change.from, Phase::ForcedClosed);
    opened(&mut breaker, START);
}

#[test]
fn a_restart_continues_from_the_last_transition() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, START);
    let bytes = serde_json::to_vec(breaker.state()).expect("serializable");
    let state = serde_json::from_slice(&bytes).expect("its own form");
    let mut restored = Breaker::new(Config::standard(), state);
    assert_eq!(restored.admit(at(4)), Admission::NotBefore(until));
    let change = call(&mut restored, FAILED, until).expect("opens again");
    let State::Open { openings, .. } = change.state else {
        panic!("not open");
    };
    assert_eq!(openings, 2);
}

#[test]
fn a_flapping_partner_changes_it_at_most_six_times_a_minute() {
    // Fact F9: five seconds up, five down, a call every 100 ms. Asking (half
    // open) is not a change of verdict; opening from closed and closing are.
    let mut breaker = breaker();
    let mut verdicts: Vec<u64> = Vec::new();
    let mut openings = 0;
    for tick in 0..36_000_u64 {
        let now = START.plus(Duration::from_millis(tick * 100));
        let up = (tick / 50) % 2 == 0;
        let Admission::Go(permit, _) = breaker.admit(now) else {
            continue;
        };
        let outcome = if up { QUICK } else { FAILED };
        let random = tick.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Some(change) = breaker.record(permit, outcome, now, random) {
            let pair = (change.from, change.state.phase());
            openings += u32::from(pair.1 == Phase::Open);
            if matches!(pair, (Phase::Closed, _) | (_, Phase::Closed)) {
                verdicts.push(tick / 10);
            }
        }
        breaker.release(permit);
    }
    let minutes = verdicts.iter().map(|start| {
        let inside = |second: &&u64| (*start..*start + 60).contains(*second);
        verdicts.iter().filter(inside).count()
    });
    let most = minutes.max().expect("it flaps");
    assert!(most <= 6, "{most} changes within a minute: {verdicts:?}");
    assert!(openings >= 5, "{openings} openings in an hour");
}

#[test]
fn a_dead_partner_is_asked_seldom() {
    // Fact F7: ten minutes dead, a call every 100 ms wanted.
    let mut breaker = breaker();
    let (mut calls, mut probes) = (0, 0);
    for tick in 0..6_000_u64 {
        let now = START.plus(Duration::from_millis(tick * 100));
        if let Admission::Go(permit, _) = breaker.admit(now) {
            calls += u32::from(!permit.is_probe());
            probes += u32::from(permit.is_probe());
            breaker.record(permit, FAILED, now, 0);
            breaker.release(permit);
        }
    }
    assert_eq!(calls, 5);
    assert!((1..=20).contains(&probes), "{probes} probes");
}

#[derive(Clone, Debug)]
enum Step {
    Ask,
    Finish(usize, u8),
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Ask),
        6 => (0..8_usize, 0..4_u8).prop_map(|(which, how)| Step::Finish(which, how)),
        2 => (0..20_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn keeps_its_promises_in_any_order_of_events(
        probes_max in 1..4_u32,
        probe_successes in 1..4_u32,
        failures_max in 1..6_u32,
        random: u64,
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let config = Config { failures_max, probes_max, probe_successes, ..Config::standard() };
        let mut breaker = Breaker::new(config.clone(), State::closed(START));
        let mut now = START;
        let mut flying: Vec<Permit> = Vec::new();
        let mut last = Phase::Closed;
        for step in steps {
            let before = *breaker.state();
            let change = match step {
                Step::Ask => match breaker.admit(now) {
                    Admission::Go(permit, change) => {
                        flying.push(permit);
                        if let State::Open { until, .. } = before {
                            prop_assert!(now >= until, "admitted while open");
                        }
                        change
                    }
                    Admission::NotBefore(until) => {
                        prop_assert!(until > now);
                        None
                    }
                    Admission::Wait => None,
                },
                Step::Finish(which, how) if !flying.is_empty() => {
                    let permit = flying.swap_remove(which % flying.len());
                    let outcome = match how {
                        0 => QUICK,
                        1 => SLOW,
                        2 => FAILED,
                        _ => Outcome::Ours,
                    };
                    let change = breaker.record(permit, outcome, now, random);
                    breaker.release(permit);
                    change
                }
                Step::Finish(..) => None,
                Step::Pass(more) => {
                    now = now.plus(Duration::from_millis(more));
                    None
                }
                Step::Restart => {
                    flying.clear();
                    breaker = Breaker::new(config.clone(), *breaker.state());
                    None
                }
            };
            if let Some(change) = change {
                prop_assert_eq!(change.from, last);
                let allowed = [
                    (Phase::Closed, Phase::Open),
                    (Phase::Open, Phase::HalfOpen),
                    (Phase::HalfOpen, Phase::Open),
                    (Phase::HalfOpen, Phase::Closed),
                ];
                prop_assert!(allowed.contains(&(change.from, change.state.phase())));
                prop_assert_eq!(change.state, *breaker.state());
            }
            last = breaker.state().phase();
            if last == Phase::HalfOpen {
                let probes = flying.iter().filter(|permit| {
                    permit.probe && permit.epoch == breaker.epoch
                });
                prop_assert!(probes.count() <= probes_max as usize);
            }
        }
    }
}
