//! What receivers said, in the story of what was sent and in that of their own message.

use serde_json::{Value, json};

use crate::{
    journal::Sequence,
    message::DeliveryId,
    record::{Acknowledges, Decoded},
    view::{DeliveryRow, Effect, Said, View},
};

/// What a message of a receiver says of these deliveries, an entry each.
pub(super) fn heard(
    sequence: Sequence,
    decoded: &Decoded,
    deliveries: &[(DeliveryId, DeliveryRow)],
) -> Vec<Value> {
    let words = decoded.acknowledges.iter().enumerate();
    let words = words.filter_map(|(index, word)| {
        let mut deliveries = deliveries.iter();
        let (_, row) = deliveries.find(|(id, _)| *id == word.delivery)?;
        let said = &row.acknowledgement;
        Some((word, said.said_at(sequence, &decoded.acknowledges, index)))
    });
    words
        .map(|(word, said)| {
            json!({
                "sequence": sequence.get(),
                "at": decoded.at.to_string(),
                "step": "acknowledged",
                "text": told(word, said, decoded),
                "details": {
                    "delivery": word.delivery.to_string(),
                    "message": decoded.message.to_string(),
                    "document": word.document.map(|it| it.to_string()),
                    "verdict": word.verdict,
                    "means": word.means(),
                    "level": word.level,
                    "effect": said.map(|it| it.effect),
                    "before": said.and_then(|it| it.before),
                },
            })
        })
        .collect()
}

/// What a message says of deliveries, and what followed from it.
pub(super) fn said(view: &View, sequence: Sequence, decoded: &Decoded) -> Value {
    let words = decoded.acknowledges.iter().enumerate();
    let words = words.map(|(index, word)| {
        let row = view.delivery(word.delivery);
        let said = row.as_ref().and_then(|it| {
            it.acknowledgement
                .said_at(sequence, &decoded.acknowledges, index)
        });
        json!({
            "delivery": word.delivery.to_string(),
            "verdict": word.verdict,
            "means": word.means(),
            "level": word.level,
            "effect": said.map(|it| it.effect),
        })
    });
    words.collect()
}

fn told(word: &Acknowledges, said: Option<&Said>, decoded: &Decoded) -> String {
    let means = word.means().name();
    let mut text = format!("{} says {means}", decoded.partner);
    if word.verdict != means {
        text.push_str(&format!(" ({})", word.verdict));
    }
    match said.map(|it| (it.effect, it.before)) {
        Some((Effect::Late, Some(before))) => {
            text.push_str(&format!(", late: it said {} before", before.name()));
        }
        Some((Effect::Late, None)) => {
            text.push_str(", late: of what was sent before the replay");
        }
        Some((Effect::Repeated, _)) => text.push_str(", once more"),
        Some((Effect::Progress, _)) => text.push_str("; its verdict is still to come"),
        Some((Effect::Settled, _)) | None => {}
    }
    text.push_str(&format!(" (message {})", decoded.message));
    text
}
