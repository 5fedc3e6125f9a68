//! Which deliveries of a message there are, those on their way to the journal included.

use std::collections::HashMap;

use crate::{message::MessageId, record::Queued, view::View};

/// Counts the deliveries of messages that records on their way cause.
#[derive(Debug, Default)]
pub(super) struct Ordinals(HashMap<MessageId, Counted>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    /// The last one given out.
    last: u32,
    /// How many of them are in no durable record.
    on_the_way: u32,
}

// === impl Ordinals ===

impl Ordinals {
    /// The last one of a message; 0 when it has caused none.
    pub(super) fn last(&self, view: &View, message: MessageId) -> u32 {
        let counted = self.0.get(&message).map_or(0, |it| it.last);
        let durable = view.message(message).map_or(0, |row| row.deliveries);
        counted.max(durable)
    }

    /// Gives out the next one of a message.
    pub(super) fn next(&mut self, view: &View, message: MessageId) -> u32 {
        let next = self.last(view, message) + 1;
        self.0.entry(message).or_default().last = next;
        next
    }

    /// These were given out last, and come to nothing.
    pub(super) fn taken_back(&mut self, deliveries: &[Queued]) {
        for queued in deliveries.iter().rev() {
            if let Some(counted) = self.0.get_mut(&queued.id.message)
                && counted.last == queued.id.ordinal
            {
                counted.last -= 1;
            }
        }
        self.0.retain(|_, counted| counted.on_the_way > 0);
    }

    /// A record with these deliveries is on its way.
    pub(super) fn sent(&mut self, deliveries: &[Queued]) {
        for queued in deliveries {
            let counted = self.0.entry(queued.id.message).or_default();
            counted.last = counted.last.max(queued.id.ordinal);
            counted.on_the_way += 1;
        }
    }

    /// It is durable and in the view.
    pub(super) fn committed(&mut self, deliveries: &[Queued]) {
        for queued in deliveries {
            if let Some(counted) = self.0.get_mut(&queued.id.message) {
                counted.on_the_way = counted.on_the_way.saturating_sub(1);
                if counted.on_the_way == 0 {
                    self.0.remove(&queued.id.message);
                }
            }
        }
    }
}
