//! What the host counts, for Prometheus to collect.
//!
//! What is counted follows from records that are durable, from guest calls and from
//! refusals; how things stand is read from their owners when somebody asks. Labels are
//! bounded: partners and adapters are those of the configuration, the rest are words
//! of this program.

mod histogram;
mod page;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use self::{
    histogram::Histogram,
    page::{CONTENT_TYPE, Page},
};
use crate::{
    message::PartnerName,
    record::{Attempted, Decoded, Disposition, Outcome, Record, Stepped},
    sandbox::Usage,
};

/// Counts since the process began.
#[derive(Debug, Default)]
pub struct Metrics {
    partners: BTreeSet<PartnerName>,
    counts: Mutex<BTreeMap<Count, u64>>,
    guests: Mutex<BTreeMap<(String, &'static str), Guest>>,
    /// Steps of processes, by process and what became of the input.
    steps: Mutex<BTreeMap<(String, &'static str), u64>>,
}

/// A counter: which, of whom, of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Count {
    family: Family,
    partner: Option<PartnerName>,
    of: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Accepted,
    Refused,
    Unproved,
    Documents,
    Attempts,
    Deliveries,
    Polls,
    Acknowledgements,
    ControlNumbers,
}

/// Calls of one operation of one adapter.
#[derive(Debug, Default)]
struct Guest {
    failed: u64,
    fuel: u64,
    seconds: Histogram,
}

// === impl Metrics ===

impl Metrics {
    /// Nothing yet; of partners other than these it is not said which.
    #[must_use]
    pub fn new(partners: impl IntoIterator<Item = PartnerName>) -> Self {
        Self {
            partners: partners.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A record is durable.
    pub fn committed(&self, record: &Record) {
        match record {
            Record::Accepted(message) => self.count(Family::Accepted, &message.partner, "", 1),
            Record::Decoded(decoded) => self.decoded(decoded),
            Record::Undecodable(it) => {
                self.count(Family::Documents, &it.partner, "unreadable-message", 1);
            }
            Record::Attempted(attempted) => self.attempted(attempted),
            Record::AttemptStarted(_)
            | Record::BreakerMoved(_)
            | Record::Replayed(_)
            | Record::Swept(_)
            | Record::TableChanged(_)
            | Record::Polled(_) => {}
            Record::Stepped(stepped) => self.stepped(stepped),
        }
    }

    /// A receiver's word on a delivery had this effect.
    pub fn acknowledged(&self, partner: &PartnerName, effect: &'static str) {
        self.count(Family::Acknowledgements, partner, effect, 1);
    }

    /// A message was not taken in, for the reason of this code.
    pub fn refused(&self, partner: &PartnerName, code: &'static str) {
        self.count(Family::Refused, partner, code, 1);
    }

    /// A request did not prove to be the partner's, for the reason of this code.
    pub fn unproved(&self, partner: &PartnerName, reason: &'static str) {
        self.count(Family::Unproved, partner, reason, 1);
    }

    /// A partner was asked for news, and it ended so.
    pub fn polled(&self, partner: &PartnerName, outcome: &'static str) {
        self.count(Family::Polls, partner, outcome, 1);
    }

    /// A guest was called.
    pub fn called(&self, adapter: &str, operation: &'static str, usage: &Usage, failed: bool) {
        let mut guests = lock(&self.guests);
        let guest = guests.entry((adapter.to_owned(), operation)).or_default();
        guest.failed += u64::from(failed);
        guest.fuel += usage.fuel_used;
        guest.seconds.observe(usage.elapsed);
    }

    /// Writes all of it.
    pub fn write(&self, page: &mut Page) {
        self.write_counts(page);
        self.write_guests(page);
        self.write_steps(page);
    }

    fn decoded(&self, decoded: &Decoded) {
        for document in &decoded.documents {
            let became = match document.disposition {
                Disposition::Routed => "routed",
                Disposition::Duplicate { .. } => "duplicate",
                Disposition::Conflict { .. } => "conflict",
                Disposition::Unrouted => "unrouted",
            };
            self.count(Family::Documents, &decoded.partner, became, 1);
        }
        for found in decoded.envelopes.iter().filter_map(|it| it.found) {
            self.count(Family::ControlNumbers, &decoded.partner, found.name(), 1);
        }
        let refused = decoded.refused.len() as u64;
        if refused > 0 {
            self.count(Family::Documents, &decoded.partner, "refused", refused);
        }
    }

    fn stepped(&self, stepped: &Stepped) {
        let mut steps = lock(&self.steps);
        for step in stepped.steps.iter().filter(|it| it.stands.is_none()) {
            let became = match step.refused {
                None => "taken",
                Some(_) => "refused",
            };
            *steps.entry((step.process.clone(), became)).or_default() += 1;
        }
    }

    fn attempted(&self, attempted: &Attempted) {
        let (outcome, settled) = match attempted.outcome {
            Outcome::Delivered { .. } => ("delivered", true),
            Outcome::AlreadyDelivered { .. } => ("already-delivered", true),
            Outcome::Retry { .. } => ("retry", false),
            Outcome::Dead { .. } => ("dead", true),
        };
        self.count(Family::Attempts, &attempted.to, outcome, 1);
        if settled {
            self.count(Family::Deliveries, &attempted.to, outcome, 1);
        }
    }

    fn count(&self, family: Family, partner: &PartnerName, of: &'static str, by: u64) {
        let count = Count {
            family,
            partner: self.partners.get(partner).cloned(),
            of,
        };
        *lock(&self.counts).entry(count).or_default() += by;
    }

    fn write_counts(&self, page: &mut Page) {
        let counts = lock(&self.counts);
        let mut written = None;
        for (count, value) in counts.iter() {
            let (name, help, of) = count.family.words();
            if written != Some(count.family) {
                page.family(name, "counter", help);
                written = Some(count.family);
            }
            let partner = count.partner.as_ref().map_or("other", PartnerName::as_str);
            match count.of {
                "" => page.sample(name, &[("partner", partner)], value),
                value_of => page.sample(name, &[("partner", partner), (of, value_of)], value),
            }
        }
    }

    fn write_steps(&self, page: &mut Page) {
        let steps = lock(&self.steps);
        if steps.is_empty() {
            return;
        }
        let name = "crossdock_process_steps_total";
        page.family(
            name,
            "counter",
            "Steps of processes, by what became of the input.",
        );
        for ((process, became), count) in steps.iter() {
            let labels = [("process", process.as_str()), ("input", became)];
            page.sample(name, &labels, count);
        }
    }

    fn write_guests(&self, page: &mut Page) {
        let guests = lock(&self.guests);
        if guests.is_empty() {
            return;
        }
        let name = "crossdock_guest_call_seconds";
        page.family(name, "histogram", "Time that guest calls took, by adapter.");
        for ((adapter, operation), guest) in guests.iter() {
            let labels = [("adapter", adapter.as_str()), ("operation", operation)];
            page.histogram(name, &labels, &guest.seconds);
        }
        let mut counter = |name: &str, help: &str, value: fn(&Guest) -> u64| {
            page.family(name, "counter", help);
            for ((adapter, operation), guest) in guests.iter() {
                let labels = [("adapter", adapter.as_str()), ("operation", operation)];
                page.sample(name, &labels, value(guest));
            }
        };
        counter(
            "crossdock_guest_failures_total",
            "Guest calls that gave no answer.",
            |guest| guest.failed,
        );
        counter(
            "crossdock_guest_fuel_total",
            "Fuel that guest calls used, about one a Wasm instruction.",
            |guest| guest.fuel,
        );
    }
}

// === impl Family ===

impl Family {
    /// Name, help, and what its second label is called.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Accepted => (
                "crossdock_messages_accepted_total",
                "Messages that are durable.",
                "",
            ),
            Self::Refused => (
                "crossdock_messages_refused_total",
                "Messages of a known partner that were not taken in, by the problem's code.",
                "code",
            ),
            Self::Unproved => (
                "crossdock_unproved_requests_total",
                "Requests to a partner that signs which did not prove to be its own.",
                "reason",
            ),
            Self::Documents => (
                "crossdock_documents_total",
                "What messages held, by what became of it.",
                "disposition",
            ),
            Self::Attempts => (
                "crossdock_attempts_total",
                "Attempts to deliver, by how they ended.",
                "outcome",
            ),
            Self::Deliveries => (
                "crossdock_deliveries_total",
                "Deliveries that need no further attempt, by how they ended.",
                "outcome",
            ),
            Self::Polls => (
                "crossdock_polls_total",
                "Runs that asked a partner for news, by how they ended.",
                "outcome",
            ),
            Self::Acknowledgements => (
                "crossdock_acknowledgements_total",
                "What partners said of deliveries, by what followed: late is what contradicts.",
                "effect",
            ),
            Self::ControlNumbers => (
                "crossdock_control_number_findings_total",
                "Interchanges and groups with an irregular control number.",
                "finding",
            ),
        }
    }
}

/// Counts stay right when somebody panicked beside them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::view::tests::{at, attempted, dead, decoded, message, partner};

    #[test]
    fn what_is_durable_is_counted_under_names_of_the_configuration() {
        let metrics = Metrics::new([partner("erp"), partner("north")]);
        for sender in ["erp", "erp", "stranger"] {
            metrics.committed(&Record::Accepted(message(at(0), sender)));
        }
        let id = message(at(0), "erp").id;
        metrics.committed(&Record::Decoded(decoded(at(1), id, "SO-1", "north")));
        let outcome = Outcome::Delivered { external_id: None };
        metrics.committed(&attempted(at(2), id, "north", outcome));
        metrics.committed(&attempted(at(2), id, "north", dead(at(2)).1));
        metrics.refused(&partner("erp"), "body-empty");
        let usage = Usage {
            fuel_used: 1_000,
            elapsed: Duration::from_micros(300),
            ..Usage::default()
        };
        metrics.called("x12", "decode", &usage, false);
        metrics.called("x12", "decode", &usage, true);
        let mut page = Page::default();
        metrics.write(&mut page);
        insta::assert_snapshot!(page.into_text());
    }
}
