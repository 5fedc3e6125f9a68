//! What must be true when a story has come to its end, whatever happened on the way.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{run::Run, world::Taken};
use crate::{
    journal::Sequence,
    message::DeliveryId,
    process::{Command, Registry},
    record::{Queued, Record, Step, Stepped},
    view::{DeliveryStatus, ExceptionFilter, InstanceFilter, InstanceRow, View, catch_up},
};

/// More rows than any story makes.
const ALL: usize = 100_000;

/// Checks all of it.
pub(super) fn check(run: &Run) {
    let seed = run.seed;
    let records = records(run);
    orders(run);
    nothing_is_left(run);
    views_agree(run);
    let deliveries = deliveries(&records);
    is_unique(seed, deliveries.iter().map(|(_, it)| it.id), "delivery");
    commands_are_carried_out(seed, &records);
    effects_are_there(run, &deliveries);
    are_in_order(seed, &run.world.taken, &deliveries);
}

/// Each order ended as it had to, and the partners' books say the same.
fn orders(run: &Run) {
    for plan in &run.world.plans {
        let key = format!("order/{}", plan.order_no);
        let row = run.view.instance("order-to-fulfilment", &key);
        let row = row.unwrap_or_else(|| panic!("seed {}: there is no {key}", run.seed));
        let about = || {
            format!(
                "seed {}: {key} is {} with {:?}",
                run.seed, row.status, row.facts
            )
        };
        assert!(row.finished, "{}", about());
        let fact = |name: &str| -> i32 {
            let fact = row.fact(name).expect("a fact");
            fact.parse().expect("a whole number")
        };
        let parts = ["shipped", "cancelled", "short", "open"].map(fact);
        assert_eq!(fact("ordered"), parts.iter().sum::<i32>(), "{}", about());
        assert_eq!(fact("open"), 0, "{}", about());
        let left = run.world.shipped.get(&plan.order_no).copied().unwrap_or(0);
        assert_eq!(fact("shipped") + fact("over"), left, "{}", about());
        let charged = run.world.invoiced.get(&plan.order_no).copied();
        assert_eq!(fact("invoiced"), charged.unwrap_or(0), "{}", about());
        assert_eq!(fact("delivered"), left, "{}", about());
        if let Some(end) = plan.end() {
            assert_eq!(
                (row.status.as_str(), left),
                (end.status, end.shipped),
                "{} of {plan:?}",
                about()
            );
        }
    }
}

/// No work, no timer of who is finished, no exception whose cause is gone.
fn nothing_is_left(run: &Run) {
    let (seed, view) = (run.seed, &run.view);
    assert_eq!(view.waiting_work(None, ALL), [], "seed {seed}");
    for timer in view.due_timers(crate::clock::Timestamp::from_millis(i64::MAX - 1), ALL) {
        let row = view.instance(&timer.process, &timer.key);
        let is_open = row.is_some_and(|it| !it.finished);
        assert!(is_open, "seed {seed}: {timer:?} is of nobody");
    }
    let registry = Registry::standard();
    let mut open: Vec<String> = Vec::new();
    for (process, key, row) in instances(view) {
        let state = view.state_of(&process, &key).expect("a state");
        let summary = registry
            .summary(&process, row.version, &state)
            .expect("a summary");
        assert_eq!(
            (row.status.as_str(), row.finished, row.exceptions as usize),
            (summary.status, summary.finished, summary.exceptions.len()),
            "seed {seed}: {key}"
        );
        open.extend(summary.exceptions.into_iter().map(|it| it.id));
    }
    let filter = ExceptionFilter {
        limit: ALL,
        ..ExceptionFilter::default()
    };
    let mut told: Vec<String> = view
        .exceptions(&filter)
        .into_iter()
        .map(|it| it.exception.id)
        .collect();
    open.sort();
    told.sort();
    assert_eq!(told, open, "seed {seed}: exceptions that are open");
}

fn instances(view: &View) -> Vec<(String, String, InstanceRow)> {
    view.instances(&InstanceFilter {
        limit: ALL,
        ..InstanceFilter::default()
    })
}

/// A view that is built of the journal is the one that has grown with it.
fn views_agree(run: &Run) {
    let rebuilt = View::in_memory();
    catch_up(&rebuilt, &run.store, |_| {}).expect("it can be built");
    let (rebuilt, live) = (rebuilt.rows(), run.view.rows());
    if live == rebuilt {
        return;
    }
    let lost = live.iter().find(|it| !rebuilt.contains(it));
    let made = rebuilt.iter().find(|it| !live.contains(it));
    panic!(
        "seed {}: live has {:?}, rebuilt has {:?}",
        run.seed,
        lost.map(told),
        made.map(told)
    );
}

fn told((key, row): &(Vec<u8>, Vec<u8>)) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(key), text(row))
}

fn records(run: &Run) -> Vec<(Sequence, Record)> {
    let records = run.journal().into_iter().map(|bytes| {
        let record = Record::from_bytes(&bytes).expect("a record");
        assert_eq!(
            record.to_bytes(),
            bytes,
            "seed {}: it can be written again",
            run.seed
        );
        record
    });
    (1..).map(Sequence::from_u64).zip(records).collect()
}

/// What was queued, in the order in which it was.
fn deliveries(records: &[(Sequence, Record)]) -> Vec<(Sequence, &Queued)> {
    let queued = records.iter().flat_map(|(sequence, record)| {
        let queued = match record {
            Record::Decoded(it) => &it.deliveries[..],
            Record::Stepped(it) => &it.deliveries[..],
            _ => &[],
        };
        queued.iter().map(|it| (*sequence, it))
    });
    queued.collect()
}

fn is_unique<T: std::hash::Hash + Eq + std::fmt::Debug + Clone>(
    seed: u64,
    all: impl Iterator<Item = T>,
    what: &str,
) {
    let mut seen = HashSet::new();
    for it in all {
        assert!(
            seen.insert(it.clone()),
            "seed {seed}: {what} {it:?} is there twice"
        );
    }
}

/// What an instance wants said is said once, to all who are to hear it.
fn commands_are_carried_out(seed: u64, records: &[(Sequence, Record)]) {
    let stepped = || {
        records.iter().filter_map(|(_, record)| match record {
            Record::Stepped(stepped) => Some(stepped),
            _ => None,
        })
    };
    let steps = || stepped().flat_map(|it| &it.steps);
    let wanted = steps().flat_map(|step| says(step).map(move |key| (step.key.as_str(), key)));
    is_unique(seed, wanted, "command");
    let inputs = steps().map(|it| (it.process.as_str(), it.key.as_str(), it.input.as_str()));
    is_unique(seed, inputs, "input");
    for stepped in stepped() {
        for step in &stepped.steps {
            for key in says(step) {
                let is_sent = sent(stepped, key).next().is_some();
                let is_omitted = step.omitted.iter().any(|it| it.dedupe_key == key);
                assert!(is_sent || is_omitted, "seed {seed}: {key} came to nothing");
            }
        }
    }
    let of = stepped().flat_map(|it| &it.deliveries).filter_map(|it| {
        let command = it.command.as_ref()?;
        Some((
            it.to.as_str(),
            command.key.as_str(),
            command.dedupe_key.as_str(),
        ))
    });
    is_unique(seed, of, "delivery of a command");
}

/// The dedupe keys of what a step wants said.
fn says(step: &Step) -> impl Iterator<Item = &str> {
    step.commands.iter().filter_map(|command| match command {
        Command::Send { dedupe_key, .. } => Some(dedupe_key.as_str()),
        Command::Notify(notice) => Some(notice.dedupe_key.as_str()),
        _ => None,
    })
}

fn sent<'a>(stepped: &'a Stepped, key: &'a str) -> impl Iterator<Item = &'a Queued> {
    let is_of = move |it: &&Queued| it.command.as_ref().is_some_and(|it| it.dedupe_key == key);
    stepped.deliveries.iter().filter(is_of)
}

/// What was delivered had its effect, once; what was refused had none and is not booked as
/// delivered.
fn effects_are_there(run: &Run, deliveries: &[(Sequence, &Queued)]) {
    let seed = run.seed;
    is_unique(seed, run.world.taken.iter().map(|it| it.delivery), "effect");
    let taken: HashMap<DeliveryId, &Taken> =
        run.world.taken.iter().map(|it| (it.delivery, it)).collect();
    for (_, queued) in deliveries {
        let row = run.view.delivery(queued.id).expect("a delivery");
        let is_taken = taken
            .get(&queued.id)
            .is_some_and(|it| it.to == queued.to.as_str());
        match row.status {
            DeliveryStatus::Delivered | DeliveryStatus::AlreadyDelivered => {
                assert!(is_taken, "seed {seed}: {} never arrived", queued.id);
            }
            DeliveryStatus::Dead { .. } => {}
            open => panic!("seed {seed}: {} is {open:?}", queued.id),
        }
    }
}

/// What is of one business key reaches a partner in the order in which it was queued.
fn are_in_order(seed: u64, taken: &[Taken], deliveries: &[(Sequence, &Queued)]) {
    let places: HashMap<DeliveryId, usize> = deliveries
        .iter()
        .enumerate()
        .map(|(place, (_, queued))| (queued.id, place))
        .collect();
    let mut last: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for it in taken {
        let place = places[&it.delivery];
        let before = last.insert((it.to, it.business_key.as_str()), place);
        assert!(
            before.is_none_or(|before| before < place),
            "seed {seed}: {} overtook another one of {} to {}",
            it.delivery,
            it.business_key,
            it.to
        );
    }
}
