//! The steps that an instance took, told from the journal's records.

use serde_json::{Value, json};

use super::{
    instance::{Instance, Source},
    timeline,
};
use crate::{
    journal::Sequence,
    process::{
        Audience, Command, Draft, Event, Receiver,
        command::Request,
        draft::{Intent, ReturnIntent},
    },
    record::{Cause, Record, Step, Stepped},
};

/// Steps that one answer about an instance tells; older ones are in the journal.
const STEPS_SHOWN_MAX: usize = 100;

/// A record with steps, and its place.
pub(super) type Recorded = (Sequence, Stepped);

/// Adds to what is told of an instance how it came to stand where it stands, and whether
/// older steps are left out.
///
/// # Errors
/// When the journal can't be read.
pub(super) fn tell(
    source: &Source<'_>,
    instance: &Instance,
    told: &mut Value,
) -> Result<(), timeline::Error> {
    let records = read(source, &instance.row.history, STEPS_SHOWN_MAX)?;
    let history: Vec<_> = of(&records, &instance.process, &instance.key)
        .map(|(sequence, stepped, step)| shown(source, sequence, stepped, step))
        .collect();
    told["history_cut"] = json!(instance.row.steps > history.len() as u64);
    told["history"] = json!(history);
    Ok(())
}

/// The newest records of these that are still kept, oldest first.
///
/// # Errors
/// When the journal can't be read.
pub(super) fn read(
    source: &Source<'_>,
    history: &[Sequence],
    limit: usize,
) -> Result<Vec<Recorded>, timeline::Error> {
    let kept = source.view.kept().map_or(Sequence::ZERO, |it| it.before);
    let newest = &history[history.len().saturating_sub(limit)..];
    let mut steps = Vec::with_capacity(newest.len());
    for sequence in newest.iter().copied().filter(|it| *it >= kept) {
        let record = Record::from_bytes(&source.journal.read(sequence)?)?;
        if let Record::Stepped(stepped) = record {
            steps.push((sequence, stepped));
        }
    }
    Ok(steps)
}

/// The steps in these records that one instance took.
pub(super) fn of<'a>(
    records: &'a [Recorded],
    process: &'a str,
    key: &'a str,
) -> impl Iterator<Item = (Sequence, &'a Stepped, &'a Step)> {
    records.iter().flat_map(move |(sequence, stepped)| {
        let steps = stepped.steps.iter();
        let own = steps.filter(move |it| it.process == process && it.key == key);
        own.map(move |step| (*sequence, stepped, step))
    })
}

/// A step with what moved the instance, and what came of it.
fn shown(source: &Source<'_>, sequence: Sequence, stepped: &Stepped, step: &Step) -> Value {
    let deliveries = stepped.deliveries.iter().filter(|it| {
        let command = it.command.as_ref();
        command.is_some_and(|it| it.process == step.process && it.key == step.key)
    });
    let mut shown = self::step(step);
    shown["sequence"] = json!(sequence.get());
    shown["at"] = json!(stepped.at.to_string());
    shown["cause"] = cause(&stepped.cause);
    if let Cause::Outcome { delivery } = stepped.cause
        && let Some(row) = source.view.delivery(delivery)
    {
        shown["cause"]["text"] = json!(format!("the {} to {} ended", row.kind, row.to));
    }
    shown["deliveries"] = deliveries
        .map(|it| json!({ "id": it.id.to_string(), "to": it.to, "kind": it.kind }))
        .collect();
    shown
}

/// A step by itself. Its state is in the record only.
pub(super) fn step(step: &Step) -> Value {
    // What is carried over says everything again that an earlier step did.
    let commands = if step.stands.is_some() {
        &[][..]
    } else {
        &step.commands
    };
    json!({
        "process": step.process,
        "key": step.key,
        "input": step.input,
        "version": step.version,
        "status": step.status,
        "finished": step.finished,
        "correlation_id": step.correlation_id,
        "commands": commands.iter().map(command).collect::<Vec<_>>(),
        "events": step.events.iter().map(event).collect::<Vec<_>>(),
        "refused": step.refused,
        "omitted": step.omitted,
    })
}

/// What became true.
pub(super) fn event(event: &Event) -> Value {
    json!({
        "event": event.kind,
        "subject": event.subject,
        // A list, since a name may stand twice.
        "data": event.data,
    })
}

/// What moved instances, for programs and in words.
pub(super) fn cause(cause: &Cause) -> Value {
    match cause {
        Cause::Document {
            document,
            from,
            document_kind,
        } => json!({
            "kind": "document",
            "text": format!("{} from {from}", document_kind.as_deref().unwrap_or("document")),
            "from": from,
            "document_kind": document_kind,
            "document": document.to_string(),
            "link": format!("/v1/messages/{}", document.message),
        }),
        Cause::Outcome { delivery } => json!({
            "kind": "outcome",
            "text": "a delivery ended",
            "delivery": delivery.to_string(),
            "link": format!("/v1/messages/{}", delivery.message),
        }),
        Cause::Availability { partner, available } => json!({
            "kind": "availability",
            "text": if *available {
                format!("{partner} answers again")
            } else {
                format!("{partner} stopped answering")
            },
            "partner": partner,
            "available": available,
        }),
        Cause::Timer {
            process,
            key,
            name,
            due,
        } => json!({
            "kind": "timer",
            "text": format!("the timer {name} came due"),
            "process": process,
            "key": key,
            "name": name,
            "due": due.to_string(),
        }),
        Cause::Action {
            exception,
            action,
            by,
            note,
        } => json!({
            "kind": "action",
            "text": format!("{by} acted on exception {exception}"),
            "exception": exception,
            "action": action,
            "by": by,
            "note": note,
        }),
        Cause::Migration { from, by } => json!({
            "kind": "migration",
            "text": format!("{by} brought it over from version {from}"),
            "from": from,
            "by": by,
        }),
        Cause::Carried => json!({
            "kind": "carried",
            "text": "carried over, since its earlier steps were given up",
        }),
    }
}

/// What was to be done, in short.
fn command(command: &Command) -> Value {
    let (kind, text, dedupe_key) = match command {
        Command::Send {
            to,
            draft,
            dedupe_key,
        } => (
            "send",
            format!("{} to {}", drafted(draft), receiver(to)),
            Some(dedupe_key),
        ),
        Command::SetTimer { name, due } => ("set-timer", format!("{name} at {due}"), None),
        Command::ClearTimer { name } => ("clear-timer", name.clone(), None),
        Command::OpenException(it) => ("open-exception", told(&it.id, &it.text), None),
        Command::UpdateException(it) => ("update-exception", told(&it.id, &it.text), None),
        Command::CloseException(it) => ("close-exception", told(&it.id, &it.text), None),
        Command::Notify(notice) => (
            "notify",
            format!("{} to {}", notice.template, audience(notice.to)),
            Some(&notice.dedupe_key),
        ),
        Command::Request {
            to,
            request,
            dedupe_key,
        } => (
            "request",
            format!("{} of {}", requested(request), receiver(to)),
            Some(dedupe_key),
        ),
        Command::Tell {
            process,
            key,
            dedupe_key,
            ..
        } => ("tell", format!("{process} {key}"), Some(dedupe_key)),
        Command::Redeliver { dedupe_key } => (
            "redeliver",
            "once more, what became a dead letter".to_owned(),
            Some(dedupe_key),
        ),
    };
    json!({ "command": kind, "text": text, "dedupe_key": dedupe_key })
}

fn told(id: &str, text: &str) -> String {
    format!("{id}: {text}")
}

fn receiver(receiver: &Receiver) -> String {
    match receiver {
        Receiver::Erp => "the ERP".to_owned(),
        Receiver::Crm => "the service desk".to_owned(),
        Receiver::Shops => "all shops".to_owned(),
        Receiver::Node { node } => format!("node {node}"),
        Receiver::Partner { partner } => partner.to_string(),
    }
}

fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Customer => "the customer",
        Audience::CustomerService => "customer service",
        Audience::Operations => "operations",
    }
}

fn requested(request: &Request) -> String {
    match request {
        Request::Snapshot { node } => format!("all stock of {node}"),
        Request::Reconciliation { node } => format!("the reconciliation of {node}"),
    }
}

fn drafted(draft: &Draft) -> String {
    match draft {
        Draft::Written { document } => crate::contract::kind(document).to_owned(),
        Draft::Relayed { of } => format!("document {of} as it came"),
        Draft::Numbered { of, .. } => format!("shipment {of} under the order's line numbers"),
        Draft::Release { purpose, lines, .. } => {
            let what = match purpose {
                Intent::Original => "the order",
                Intent::Change => "a change of the order",
                Intent::Cancel => "a cancel of the order",
            };
            match lines.len() {
                0 => what.to_owned(),
                count => format!("{what} ({})", timeline::counted(count, "line")),
            }
        }
        Draft::Return { state, purpose, .. } => {
            let state = match state {
                ReturnIntent::Authorized => "authorized",
                ReturnIntent::Expired => "expired",
                ReturnIntent::Closed => "closed",
            };
            match purpose {
                Intent::Cancel => format!("a cancel of the return ({state})"),
                Intent::Original | Intent::Change => format!("the return as {state}"),
            }
        }
    }
}
