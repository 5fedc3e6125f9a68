//! The part of the fold that takes in what a message says of deliveries and of its own
//! envelopes.

use super::{Base, Fold, awaited_key, encode_tightly};
use crate::{
    journal::Sequence,
    record::{Decoded, Level, Verdict},
    view::{
        keys,
        rows::{SeenRow, SeriesRow, remember},
    },
};

// === impl Fold ===

impl Fold {
    /// A receiver says what became of deliveries.
    pub(super) fn acknowledged(&mut self, base: &dyn Base, sequence: Sequence, decoded: &Decoded) {
        for (index, word) in (0..).zip(&decoded.acknowledges) {
            let Some(row) = self.delivery(base, word.delivery) else {
                continue;
            };
            let before = awaited_key(word.delivery, row);
            row.acknowledgement
                .hear(word, decoded.message, decoded.at, sequence);
            if row.history.last() != Some(&sequence) {
                remember(&mut row.history, sequence);
            }
            let after = awaited_key(word.delivery, row);
            let is_rejected = row.command.is_some()
                && row.acknowledgement.holds == Some(Verdict::Rejected)
                && word.level != Level::Business;
            if is_rejected {
                self.left_by_rejection(sequence, index, word.delivery);
            }
            if let Some(key) = before.filter(|_| after.is_none()) {
                self.remove(key);
            }
        }
    }

    /// Envelopes that were taken are known from now on.
    pub(super) fn numbered(&mut self, decoded: &Decoded) {
        for envelope in decoded.envelopes.iter().filter(|it| it.taken) {
            let series = envelope.series(&decoded.partner);
            let seen = SeenRow {
                content: envelope.content,
                message: decoded.message,
                at: decoded.at,
            };
            self.put(keys::seen(&series, &envelope.number), encode_tightly(&seen));
            if let Ok(last) = envelope.number.parse() {
                let row = SeriesRow {
                    last,
                    at: decoded.at,
                };
                self.put(keys::series(&series), encode_tightly(&row));
            }
        }
    }
}
