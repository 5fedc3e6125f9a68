//! When a partner is asked, and that cursor and messages are one.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    deliver::{
        breaker::Outcome,
        endpoint,
        lane::{Entry, Lane, Next},
    },
    engine::polling::round::Due,
    partner::poll,
    view::tests::{Told, adapter, at, message, partner},
};
use std::{collections::BTreeSet, time::Duration};

const ANSWERED: Outcome = Outcome::Answered {
    took: Duration::from_millis(20),
};
const FAILED: Outcome = Outcome::Failed { retry_after: None };

fn poller(text: &str) -> Poller {
    let config: poll::Config = toml::from_str(text).expect("a plan");
    Poller::new(config.plan().expect("a sound plan"), None, at(0), 0)
}

fn minutely() -> Poller {
    poller("interval_seconds = 60\njitter_seconds = 0\npages_max = 3")
}

fn lane(text: &str) -> Lane<u32> {
    let text = format!("url = 'https://partner.example'\n{text}");
    let config: endpoint::Config = toml::from_str(&text).expect("an endpoint");
    Lane::new(config.lane(), breaker::State::closed(at(0)), at(0))
}

/// A poll asks for a request; what it is told, if anything.
fn ask(poller: &mut Poller, lane: &mut Lane<u32>, now: Timestamp) -> Option<Grant> {
    let (answer, mut granted) = oneshot::channel();
    poller.asks(answer, now);
    poller.grant(lane, now);
    granted.try_recv().ok()
}

#[test]
fn a_run_goes_on_while_there_is_more_and_then_waits_for_its_time() {
    let (mut poller, mut lane) = (minutely(), lane(""));
    assert_eq!(poller.start(at(0), false), Due::Now(From::Cursor));
    assert_eq!(poller.start(at(0), false), Due::Idle, "one at a time");
    assert_eq!(ask(&mut poller, &mut lane, at(0)), Some(Grant::Go));
    assert_eq!(poller.called(&mut lane, ANSWERED, at(10), 0), None);
    poller.count(1);
    assert_eq!(poller.stepped(true, at(20), 0), None);
    assert_eq!(poller.start(at(20), false), Due::Now(From::Cursor));
    poller.count(1);
    poller.brought(4);
    assert_eq!(poller.stepped(false, at(30), 0), Some("brought"));
    assert_eq!(poller.start(at(30), false), Due::At(at(60_030)));
    let status = poller.status();
    let last = status.last.expect("a run has ended");
    assert_eq!(
        (last.requests, last.messages, last.outcome),
        (2, 4, "brought")
    );
    assert_eq!(status.next_at, Some(at(60_030)));
    assert!(!status.running);
}

#[test]
fn a_run_that_never_ends_is_cut_at_its_requests_and_goes_on_at_its_next_time() {
    let mut poller = minutely();
    for step in 0..3 {
        assert_eq!(poller.start(at(step), false), Due::Now(From::Cursor));
        poller.count(1);
        let ended = poller.stepped(true, at(step), 0);
        assert_eq!(ended.is_some(), step == 2);
    }
    assert_eq!(poller.start(at(3), false), Due::At(at(60_002)));
}

#[test]
fn a_run_of_polls_that_ask_nothing_ends_as_well() {
    let mut poller = minutely();
    let mut polls = (0..100).map(|step| {
        assert_eq!(poller.start(at(step), false), Due::Now(From::Cursor));
        poller.stepped(true, at(step), 0).is_some()
    });
    assert_eq!(polls.position(|ended| ended), Some(2));
}

#[test]
fn messages_are_accepted_before_the_next_poll_begins() {
    let mut poller = minutely();
    poller.start(at(0), false);
    let ids = [MessageId::new(at(1)), MessageId::new(at(1))];
    poller.take(ids.into_iter());
    poller.note_more(true);
    assert_eq!(poller.start(at(99_000), false), Due::Idle);
    assert_eq!(poller.taken(ids[0]), None);
    assert_eq!(poller.taken(MessageId::new(at(2))), None, "another one");
    assert_eq!(poller.taken(ids[1]), Some(true));
}

#[test]
fn failures_come_further_apart_and_a_success_forgets_them() {
    let mut poller = minutely();
    let mut now = at(0);
    let mut fail = |poller: &mut Poller| {
        assert_eq!(poller.start(now, false), Due::Now(From::Cursor));
        let status = poller.failed(Failure::host("no"), None, now, 0);
        let next = status.next_at.expect("it is idle");
        let wait = next.since(now).as_secs();
        now = next;
        (wait, status.failures_in_a_row)
    };
    assert_eq!(fail(&mut poller), (60, 1));
    assert_eq!(fail(&mut poller), (120, 2));
    assert_eq!(fail(&mut poller), (240, 3));
    poller.start(now, false);
    assert_eq!(poller.stepped(false, now, 0), Some("nothing"));
    assert_eq!(poller.status().failures_in_a_row, 0);
    assert_eq!(
        poller.status().next_at,
        Some(now.plus(Duration::from_secs(60)))
    );
}

#[test]
fn an_open_breaker_lets_no_poll_through_and_polls_count_for_it() {
    let text = "breaker = { failures_max = 2, open_ms = 60000, open_ms_max = 60000 }";
    let (mut poller, mut lane) = (minutely(), lane(text));
    poller.start(at(0), false);
    assert_eq!(ask(&mut poller, &mut lane, at(0)), Some(Grant::Go));
    assert_eq!(poller.called(&mut lane, FAILED, at(1), 0), None);
    assert_eq!(ask(&mut poller, &mut lane, at(2)), Some(Grant::Go));
    let moved = poller.called(&mut lane, FAILED, at(3), 0);
    assert!(moved.is_some(), "two failures open it");
    let Some(Grant::Later(until)) = ask(&mut poller, &mut lane, at(4)) else {
        panic!("the breaker is open")
    };
    assert!(until >= at(60_003));
    // A delivery is held as well, and a poll may be the probe that closes it again.
    lane.queue(entry(1));
    assert!(matches!(lane.next(at(5)), Next::WaitUntil(_)));
    assert_eq!(ask(&mut poller, &mut lane, until), Some(Grant::Go));
    poller.release(&mut lane);
    assert!(
        matches!(lane.next(until), Next::Dispatch(_)),
        "the probe was given back"
    );
}

#[test]
fn a_rate_holds_for_polls_and_deliveries_go_first_but_not_for_ever() {
    let (mut poller, mut lane) = (minutely(), lane("rate_per_second = 1.0"));
    poller.start(at(0), false);
    lane.queue(entry(1));
    assert!(matches!(lane.next(at(0)), Next::Dispatch(_)));
    let (answer, mut granted) = oneshot::channel();
    poller.asks(answer, at(0));
    assert_eq!(poller.grant(&mut lane, at(0)).0, Some(at(1_000)));
    assert!(granted.try_recv().is_err());
    assert!(!poller.is_overdue(at(5_000)));
    assert!(poller.is_overdue(at(5_001)));
    poller.grant(&mut lane, at(1_000));
    assert_eq!(granted.try_recv(), Ok(Grant::Go));
    lane.queue(entry(2));
    assert_eq!(
        lane.next(at(1_000)),
        Next::WaitUntil(at(2_000)),
        "it was counted"
    );
}

#[test]
fn an_operator_has_it_begin_at_once_and_hears_how_it_ended() {
    let mut poller = minutely();
    poller.start(at(0), false);
    poller.stepped(false, at(0), 0);
    let (answer, mut answered) = oneshot::channel();
    poller.wanted(From::Beginning, answer, at(5));
    assert_eq!(
        poller.start(at(5), true),
        Due::At(at(5_005)),
        "there is no room"
    );
    assert_eq!(poller.start(at(5), false), Due::Now(From::Beginning));
    assert!(answered.try_recv().is_err());
    poller.failed(Failure::host("no"), None, at(6), 0);
    let told = answered.try_recv().expect("the run has ended");
    assert_eq!(told.failures_in_a_row, 1);
    poller.wanted(From::Cursor, oneshot::channel().0, at(7));
    assert_eq!(poller.start(at(7), false), Due::Now(From::Cursor));
}

fn entry(id: u32) -> Entry<u32> {
    Entry {
        id,
        key: None,
        queued_at: at(0),
        due: at(0),
        attempts: 0,
    }
}

fn fetched(now: Timestamp, cursor: &str, count: usize) -> Polled {
    let messages = (0..count).map(|_| RawMessage {
        channel: Channel::Poll,
        idempotency_key: None,
        ..message(now, "shop")
    });
    Polled {
        partner: partner("shop"),
        at: now,
        adapter: adapter(),
        cursor: Some(cursor.to_owned()),
        more: false,
        messages: messages.collect(),
        log: Log::default(),
    }
}

#[test]
fn what_a_poll_may_bring_is_bounded() {
    let made = |messages: Vec<contract::PolledMessage>, cursor: Option<&str>| {
        let polled = contract::Polled {
            messages,
            cursor: cursor.map(str::to_owned),
            more: false,
        };
        let before = Some("before".to_owned());
        record(
            &partner("shop"),
            polled,
            before,
            adapter(),
            Log::default(),
            at(0),
        )
    };
    let page = |headers: Vec<(String, String)>| contract::PolledMessage {
        content_type: None,
        headers,
        body: b"{}".to_vec(),
    };
    let kept = made(vec![page(Vec::new())], None).unwrap();
    assert_eq!(kept.cursor.as_deref(), Some("before"));
    assert_eq!(kept.messages[0].body, Bytes::from_static(b"{}"));
    assert_eq!(kept.messages[0].digest, Digest::of(b"{}"));
    let code = |made: Result<Polled, Failure>| made.unwrap_err().code;
    let long = "c".repeat(CURSOR_BYTES_MAX + 1);
    assert_eq!(code(made(Vec::new(), Some(&long))), "cursor-too-long");
    let many = vec![page(Vec::new()); MESSAGES_MAX + 1];
    assert_eq!(code(made(many, None)), "polled-too-many");
    let wide = vec![("x".to_owned(), "v".repeat(HEADERS_BYTES_MAX))];
    assert_eq!(
        code(made(vec![page(wide)], None)),
        "polled-headers-too-long"
    );
}

#[test]
fn what_is_fetched_and_not_accepted_is_needed_and_known_after_a_start() {
    let mut told = Told::new();
    told.accept(at(0), "erp");
    let polled = fetched(at(1), "c1", 2);
    let ids: Vec<_> = polled.messages.iter().map(|it| it.id).collect();
    let messages = polled.messages.clone();
    let sequence = told.tell(Record::Polled(polled));
    assert_eq!(told.view.needed_from(), Some(Sequence::from_u64(1)));
    let open: BTreeSet<_> = told.view.fetched().collect();
    let expected = ids.iter().map(|id| (partner("shop"), *id, sequence));
    assert_eq!(open, expected.collect());
    let standing = told.view.partner(&partner("shop")).polled.unwrap();
    assert_eq!(standing.cursor.as_deref(), Some("c1"));
    for message in messages {
        assert!(told.view.message(message.id).is_none());
        told.tell(Record::Accepted(message));
    }
    assert_eq!(told.view.fetched().count(), 0);
    assert!(told.view.message(ids[1]).is_some());
}

proptest! {
    /// Whatever records a crash leaves, what the view says is missing is exactly what
    /// was fetched and is not accepted; accepting that loses and repeats nothing.
    #[test]
    fn a_crash_between_fetching_and_accepting_loses_and_repeats_nothing(
        polls in prop::collection::vec(0_usize..4, 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut records = Vec::new();
        for (index, count) in polls.iter().enumerate() {
            let polled = fetched(at(i64::try_from(index).unwrap()), &format!("c{index}"), *count);
            let messages = polled.messages.clone();
            records.push(Record::Polled(polled));
            records.extend(messages.into_iter().map(Record::Accepted));
        }
        let left = 1 + cut.index(records.len());
        let mut told = Told::new();
        let (mut fetched_ids, mut accepted_ids) = (Vec::new(), Vec::new());
        for record in records.into_iter().take(left) {
            match &record {
                Record::Polled(polled) => fetched_ids.extend(polled.messages.iter().map(|it| it.id)),
                Record::Accepted(message) => accepted_ids.push(message.id),
                _ => {}
            }
            told.tell(record);
        }
        let missing: Vec<_> = told.view.fetched().map(|(_, id, _)| id).collect();
        accepted_ids.extend(missing);
        accepted_ids.sort();
        fetched_ids.sort();
        prop_assert_eq!(accepted_ids, fetched_ids);
        let last = told.records.iter().rev().find_map(|record| match record {
            Record::Polled(polled) => polled.cursor.clone(),
            _ => None,
        });
        let standing = told.view.partner(&partner("shop")).polled;
        prop_assert_eq!(standing.and_then(|it| it.cursor), last);
    }
}
