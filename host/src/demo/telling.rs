//! From what the API tells of a message to lines of the story.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    api::{Message, array, text},
    screen::{Beat, Tone},
};
use crate::clock::Timestamp;

/// How the host is called.
const HOST: &str = "host";

/// What happened to these messages and because of them; a message that is there twice
/// is told once.
pub(super) fn beats(messages: &[Message]) -> Vec<Beat> {
    let mut told = BTreeSet::new();
    messages
        .iter()
        .filter(|message| told.insert(message.id()))
        .flat_map(|message| {
            message
                .timeline()
                .iter()
                .filter_map(|entry| beat(message, entry))
        })
        .collect()
}

/// One line of the timeline; none for the beginning of an attempt, whose end says
/// the same.
fn beat(message: &Message, entry: &Value) -> Option<Beat> {
    let details = &entry["details"];
    let told = text(&entry["text"]).to_owned();
    let delivery = message
        .deliveries()
        .iter()
        .find(|delivery| delivery["id"] == details["delivery"]);
    let (from, to, said, tone) = match text(&entry["step"]) {
        "attempt" => return None,
        "accepted" => (
            message.partner(),
            Some(HOST),
            format!("{}: {}", contents(message), size(&told)),
            Tone::Plain,
        ),
        "decoded" => {
            let adapter = text(&details["adapter"]);
            (HOST, None, format!("{adapter}: {told}"), Tone::Plain)
        }
        "delivered" => (
            HOST,
            delivery.map(receiver),
            sent(delivery, details),
            Tone::Good,
        ),
        "retry" => (
            HOST,
            delivery.map(receiver),
            failed(delivery, details, &told),
            Tone::Odd,
        ),
        "dead-letter" => (HOST, delivery.map(receiver), told, Tone::Bad),
        _ => (HOST, None, told, Tone::Odd),
    };
    Some(Beat {
        at: moment(text(&entry["at"]))?,
        from: from.to_owned(),
        to: to.map(str::to_owned),
        text: said,
        tone,
    })
}

/// A moment of the API.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

/// The number in a business key: `SO-1001` of `order/SO-1001`.
pub(super) fn number(business_key: &str) -> &str {
    business_key
        .split_once('/')
        .map_or(business_key, |(_, number)| number)
}

fn receiver(delivery: &Value) -> &str {
    text(&delivery["to"])
}

/// What a message holds, as its sender would say it.
fn contents(message: &Message) -> String {
    let documents = message.documents();
    let mut names: Vec<_> = documents.iter().take(3).map(document).collect();
    if documents.is_empty() {
        names.push("a message".to_owned());
    }
    if documents.len() > 3 {
        names.push(format!("{} more", documents.len() - 3));
    }
    names.join(", ")
}

fn document(document: &Value) -> String {
    let mut source = text(&document["source"]).split(' ');
    let name = match (source.next(), source.next()) {
        (Some("x12"), Some(set)) => set,
        _ => kind(document),
    };
    match text(&document["business_key"]) {
        key if key.starts_with("order/") => format!("{name} for {}", number(key)),
        _ => name.to_owned(),
    }
}

fn kind(it: &Value) -> &str {
    match text(&it["kind"]) {
        "" => "document",
        "functional-acknowledgement" => "acknowledgement",
        kind => kind,
    }
}

/// `612 bytes, durable` of `612 bytes from erp, durable`.
fn size(told: &str) -> String {
    let bytes = told.split(" from ").next().unwrap_or(told);
    format!("{bytes}, durable")
}

fn sent(delivery: Option<&Value>, details: &Value) -> String {
    let answer = &details["answer"];
    let what = delivery.map_or("document", kind);
    let how = match (&answer["status"], &answer["file_name"]) {
        (Value::Number(status), _) => format!("answered {status} in {} ms", details["took_ms"]),
        (_, Value::String(name)) => format!("in the outbox as {name}"),
        _ => "done".to_owned(),
    };
    let attempt = match details["attempt"].as_u64() {
        Some(attempt @ 2..) => format!(", attempt {attempt}"),
        _ => String::new(),
    };
    let number = match delivery.map(|it| text(&it["business_key"])) {
        Some(key) if key.starts_with("order/") => format!(" for {}", number(key)),
        _ => String::new(),
    };
    format!("{what}{number}: {how}{attempt}")
}

fn failed(delivery: Option<&Value>, details: &Value, told: &str) -> String {
    let key = delivery
        .map(|it| number(text(&it["business_key"])))
        .unwrap_or_default();
    let breaker = match &details["breaker"] {
        Value::Object(state) if state.get("state").is_some_and(|it| it == "open") => {
            "; the breaker opens"
        }
        _ => "",
    };
    format!("{key}: {told}{breaker}")
}

/// How a partner's breaker stands, `closed` or `open`.
pub(super) fn breaker(partner: &Value) -> &str {
    text(&partner["breaker"]["state"])
}

/// All that is wrong with a message's refused documents, each with its place.
pub(super) fn problems(message: &Message) -> Vec<String> {
    message
        .documents()
        .iter()
        .flat_map(|document| array(&document["problems"]))
        .map(|problem| {
            let place = text(&problem["place"]);
            format!("{place}: {}", text(&problem["text"]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_told_in_three_lines() {
        let message = Message(json!({
            "message": { "partner": "erp" },
            "documents": [{ "kind": "order", "business_key": "order/SO-1", "source": "json order" }],
            "deliveries": [{ "id": "d", "to": "north-3pl", "kind": "order", "business_key": "order/SO-1" }],
            "timeline": [
                { "at": "2026-03-01T09:30:00.000Z", "step": "accepted", "text": "612 bytes from erp, durable" },
                { "at": "2026-03-01T09:30:00.002Z", "step": "decoded", "text": "1 document read", "details": { "adapter": "canonical-json" } },
                { "at": "2026-03-01T09:30:00.003Z", "step": "attempt", "text": "attempt 1", "details": { "delivery": "d" } },
                { "at": "2026-03-01T09:30:00.009Z", "step": "delivered", "text": "north-3pl has it",
                  "details": { "delivery": "d", "attempt": 2, "took_ms": 4, "answer": { "status": 200 } } },
            ],
        }));
        let lines: Vec<_> = beats(&[message])
            .into_iter()
            .map(|beat| {
                format!(
                    "{} > {}: {}",
                    beat.from,
                    beat.to.unwrap_or_default(),
                    beat.text
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "erp > host: order for SO-1: 612 bytes, durable",
                "host > : canonical-json: 1 document read",
                "host > north-3pl: order for SO-1: answered 200 in 4 ms, attempt 2",
            ]
        );
    }

    #[test]
    fn a_breaker_is_called_by_its_phase() {
        assert_eq!(
            breaker(&json!({ "breaker": { "state": "half-open", "since": "x" } })),
            "half-open"
        );
        assert_eq!(breaker(&json!({ "breaker": null })), "");
    }
}
