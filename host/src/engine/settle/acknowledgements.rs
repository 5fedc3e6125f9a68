//! Acknowledgements, both ways: what the message says of deliveries, and what its
//! sender is owed.

use crossdock_sdk::json;

use super::{Known, Sent, Settling};
use crate::{
    contract::{self, Decision, Document, FunctionalAcknowledgement},
    message::{DeliveryId, DocumentId},
    record::{Acknowledges, Failure, Level, Verdict},
};

// === impl Settling ===

impl<K: Known> Settling<'_, K> {
    /// Notes what the document says of a delivery, if it says something.
    pub(super) fn answer(&mut self, id: DocumentId, document: &Document) {
        let said = match document {
            Document::FunctionalAcknowledgement(it) => self.spoken_of(it).map(|delivery| {
                let verdict = contract::code_text(&it.verdict);
                (delivery, verdict, means(it), level(it))
            }),
            Document::OrderResponse(it) => {
                let key = contract::business_key(document, &self.message.partner);
                let delivery = self.known.last_sent(&self.message.partner, "order", &key);
                delivery.map(|delivery| {
                    let verdict = contract::code_text(&it.decision);
                    (delivery, verdict, decided(&it.decision), Level::Business)
                })
            }
            _ => None,
        };
        if let Some((delivery, verdict, means, level)) = said {
            self.acknowledges.push(Acknowledges {
                delivery,
                verdict,
                means: Some(means),
                level,
                document: Some(id),
            });
        }
    }

    /// The same, of a document that came before: it counts only for a delivery that was
    /// sent round again since.
    pub(super) fn answer_anew(&mut self, id: DocumentId, document: &Document) {
        let before = self.acknowledges.len();
        self.answer(id, document);
        let said = self.acknowledges.get(before).map(|it| it.delivery);
        if said.is_some_and(|delivery| !self.known.is_unanswered(delivery)) {
            self.acknowledges.truncate(before);
        }
    }

    /// Why an acknowledgement settles nothing, if it does not.
    pub(super) fn unmatched(&self, document: &Document) -> Option<Failure> {
        let Document::FunctionalAcknowledgement(it) = document else {
            return None;
        };
        if self.spoken_of(it).is_some() {
            return None;
        }
        let partner = &self.message.partner;
        let text = format!(
            "it acknowledges number {}, under which nothing that is known was sent to {partner}",
            it.group_control
        );
        Some(Failure {
            code: "acknowledgement-unmatched".to_owned(),
            blame: "partner-data".to_owned(),
            place: Some("/group_control".to_owned()),
            remedy: Some(format!(
                "if it is meant for another system, have {partner} send it there"
            )),
            value: Some(it.group_control.chars().take(100).collect()),
            ..Failure::host(text)
        })
    }

    /// The delivery that the acknowledgement speaks of: its control number is the
    /// group's.
    pub(super) fn spoken_of(
        &self,
        acknowledgement: &FunctionalAcknowledgement,
    ) -> Option<DeliveryId> {
        let number = acknowledgement.group_control.parse().ok()?;
        self.known
            .delivery_by_control(&self.message.partner, number)
    }

    /// Queues what the sender is owed.
    pub(super) fn acknowledge(
        &mut self,
        owed: &[FunctionalAcknowledgement],
        findings: &mut Vec<Failure>,
    ) {
        if owed.is_empty() {
            return;
        }
        let from = self.message.partner.clone();
        if !self.known.acknowledged(&from) {
            let text = format!(
                "{from} is owed {} acknowledgements and has no endpoint to send them to",
                owed.len()
            );
            let remedy = format!("give [partners.{from}] an endpoint, or set acknowledge = false");
            findings.push(Failure::settings("acknowledgement-not-sent", text, remedy));
            return;
        }
        for (index, acknowledgement) in owed.iter().enumerate() {
            // Counted down from the top, so that they never meet a document's.
            let position = u32::MAX - u32::try_from(index).unwrap_or(0);
            let id = DocumentId {
                message: self.message.id,
                position,
            };
            let document = Document::FunctionalAcknowledgement(acknowledgement.clone());
            let content = match json::to_string(&document) {
                Ok(content) => content,
                Err(error) => {
                    findings.push(Failure::host(format!(
                        "an acknowledgement has no JSON form: {error}"
                    )));
                    continue;
                }
            };
            let key = contract::business_key(&document, &from);
            let kind = contract::kind(&document);
            let sent = Sent {
                id,
                business_key: &key,
                correlation_id: None,
            };
            self.queue(
                &sent,
                from.clone(),
                kind,
                "owed to the sender",
                Some(content),
            );
            self.kept.push((id, document));
        }
    }
}

/// What the acknowledgement of a group means for the one document in it.
fn means(acknowledgement: &FunctionalAcknowledgement) -> Verdict {
    let group = verdict(&acknowledgement.verdict);
    // A group of ours holds one set: one that is refused leaves nothing of it.
    let sets = acknowledgement.sets.iter().map(|it| verdict(&it.verdict));
    match sets.max_by_key(|it| severity(*it)) {
        Some(set) if severity(set) > severity(group) => set,
        _ => group,
    }
}

fn verdict(verdict: &contract::Verdict) -> Verdict {
    match verdict {
        contract::Verdict::Accepted => Verdict::Accepted,
        contract::Verdict::AcceptedWithErrors | contract::Verdict::PartiallyAccepted => {
            Verdict::AcceptedWithErrors
        }
        contract::Verdict::Rejected | contract::Verdict::RejectedForSecurity => Verdict::Rejected,
        contract::Verdict::Other(_) => Verdict::Underway,
    }
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Underway => 0,
        Verdict::Accepted => 1,
        Verdict::AcceptedWithErrors => 2,
        Verdict::Rejected => 3,
    }
}

/// A TA1 names no functional identifier, but the interchange.
fn level(acknowledgement: &FunctionalAcknowledgement) -> Level {
    let of_envelope =
        acknowledgement.functional_id.is_empty() && acknowledgement.interchange_control.is_some();
    if of_envelope {
        Level::Interchange
    } else {
        Level::Functional
    }
}

fn decided(decision: &Decision) -> Verdict {
    match decision {
        Decision::Accepted => Verdict::Accepted,
        Decision::AcceptedWithChanges | Decision::Backordered => Verdict::AcceptedWithErrors,
        Decision::Rejected => Verdict::Rejected,
        Decision::OnHold | Decision::Other(_) => Verdict::Underway,
    }
}
