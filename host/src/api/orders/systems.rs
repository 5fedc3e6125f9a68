//! Where an order is known: each partner's own number for it, what was sent there and how
//! that stands, and when the partner was last heard of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    api::{
        instance::{Instance, Source},
        timeline,
    },
    clock::Timestamp,
    message::{DeliveryId, MessageId, PartnerName},
    partner::Partners,
    view::{DeliveryRow, DeliveryState, MessageRow},
};

/// Deliveries that one answer tells of, the newest ones.
const DELIVERIES_SHOWN_MAX: usize = 200;
/// Deliveries of one message that are looked at: of a file with more, only those that the
/// order's process asked for are told of.
const DELIVERIES_OF_MESSAGE_MAX: u32 = 1_000;

/// What was sent about an order, in the order of sending.
pub(super) struct Sent(pub(super) Vec<(DeliveryId, DeliveryRow)>);

// === impl Sent ===

impl Sent {
    /// What the order's process asked for, and what rules made of the messages about it.
    pub(super) fn about(
        source: &Source<'_>,
        instance: &Instance,
        messages: &[(MessageId, MessageRow)],
    ) -> Self {
        let (process, key) = (instance.process.as_str(), instance.key.as_str());
        let asked_for = source.view.sent_by(process, key, None);
        let mut ids: BTreeSet<_> = asked_for.into_iter().collect();
        let mut sent = Vec::new();
        for (message, row) in messages {
            if row.deliveries <= DELIVERIES_OF_MESSAGE_MAX {
                let deliveries = source.view.deliveries_of(*message).into_iter();
                let own = deliveries.filter(|(_, row)| row.business_key == key);
                sent.extend(own.inspect(|(id, _)| {
                    ids.remove(id);
                }));
            }
        }
        // The newest of the rest: ids sort by time.
        let rest = ids.into_iter().rev().take(DELIVERIES_SHOWN_MAX);
        sent.extend(rest.filter_map(|id| Some((id, source.view.delivery(id)?))));
        sent.sort_by_key(|(id, row)| (row.queued_at, *id));
        let cut = sent.len().saturating_sub(DELIVERIES_SHOWN_MAX);
        sent.drain(..cut);
        Self(sent)
    }
}

/// One system.
#[derive(Default)]
struct System<'a> {
    sent: Vec<&'a (DeliveryId, DeliveryRow)>,
    last_heard_at: Option<Timestamp>,
}

/// All systems that know of the order, by name.
pub(super) fn shown(
    partners: &Partners,
    sent: &Sent,
    messages: &[(MessageId, MessageRow)],
    now: Timestamp,
) -> Value {
    let mut systems: BTreeMap<&PartnerName, System<'_>> = BTreeMap::new();
    for (_, message) in messages {
        let system = systems.entry(&message.partner).or_default();
        system.last_heard_at = system.last_heard_at.max(Some(message.received_at));
    }
    for delivery in &sent.0 {
        systems
            .entry(&delivery.1.to)
            .or_default()
            .sent
            .push(delivery);
    }
    systems
        .iter()
        .map(|(name, system)| system.shown(partners, name, now))
        .collect()
}

// === impl System ===

impl System<'_> {
    fn shown(&self, partners: &Partners, name: &PartnerName, now: Timestamp) -> Value {
        let partner = partners.get(name);
        let state = self
            .sent
            .iter()
            .map(|(_, row)| DeliveryState::from(&row.status));
        let acknowledgement = self
            .sent
            .iter()
            .map(|(_, row)| row.acknowledgement_state(now));
        let deliveries = self
            .sent
            .iter()
            .map(|(id, row)| timeline::delivery(*id, row, now));
        json!({
            "partner": name,
            "role": partner.and_then(|it| it.role.clone()),
            "numbers": self.numbers(),
            "delivery": state.max().unwrap_or(DeliveryState::None),
            "acknowledgement": acknowledgement.max(),
            "last_heard_at": self.last_heard_at.map(|at| at.to_string()),
            "deliveries": deliveries.collect::<Vec<_>>(),
        })
    }

    /// Its own numbers, each with what it names.
    fn numbers(&self) -> Value {
        let numbers: BTreeSet<_> = self
            .sent
            .iter()
            .filter_map(|(_, row)| Some((row.kind.as_str(), row.external_id.as_deref()?)))
            .collect();
        let number = |(kind, number)| json!({ "kind": kind, "number": number });
        numbers.into_iter().map(number).collect()
    }
}
