//! Small documents that processes write themselves, and what they read of others.

use super::{Refusal, number::Number, told::words};
use crate::{
    clock::Timestamp,
    contract::{
        CaseCategory, CaseStatus, Decision, Document, ItemId, ItemScheme, Moment, OrderResponse,
        Quantity, Reason, RejectReason, ServiceCase, Severity, TimelineEntry, code_text,
    },
};

/// How far ahead a partner's clock may be. A local time without its zone is read as UTC,
/// and the furthest place is 14 hours ahead; what is later than that would hide all that
/// really happens until then.
const AHEAD_MS_MAX: i64 = 24 * 3_600_000;

/// A moment as documents have it.
#[must_use]
pub(super) fn moment(at: Timestamp) -> Moment {
    Moment {
        text: at.to_string(),
        zoned: true,
        raw: None,
    }
}

/// When it was, for putting things in order. A local time is read as if it were UTC, a
/// day as its beginning; what can't be read is before everything.
#[must_use]
pub(super) fn millis(moment: &Moment) -> i64 {
    let text = moment.text.as_str();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return at.as_millisecond();
    }
    let local = text.parse::<jiff::civil::DateTime>().or_else(|_| {
        text.parse::<jiff::civil::Date>()
            .map(|date| date.at(0, 0, 0, 0))
    });
    local
        .ok()
        .and_then(|local| local.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map_or(i64::MIN, |at| at.timestamp().as_millisecond())
}

/// A moment at which something can have happened.
///
/// # Errors
/// When it is still to come: where the later word counts, it would count for ever.
pub(super) fn happened(at: i64, now: Timestamp) -> Result<i64, Refusal> {
    if at <= now.as_millis().saturating_add(AHEAD_MS_MAX) {
        return Ok(at);
    }
    let text = format!(
        "it says that it happened at {}, which is still to come; correct the clock of whoever wrote it",
        Timestamp::from_millis(at)
    );
    Err(Refusal::new("time-unfit", text))
}

/// What [`millis`] made of a moment, for a person; none for one that could not be read.
#[must_use]
pub(super) fn said_at(millis: i64) -> Option<String> {
    (millis > i64::MIN).then(|| Timestamp::from_millis(millis).to_string())
}

/// A quantity as documents have it.
#[must_use]
pub(super) fn quantity(value: Number, unit: &str) -> Quantity {
    Quantity {
        value: value.decimal(),
        unit: unit.to_owned(),
    }
}

/// An item as documents have it.
#[must_use]
pub(super) fn item(sku: &str) -> Vec<ItemId> {
    vec![ItemId {
        scheme: ItemScheme::Sku,
        value: sku.to_owned(),
    }]
}

/// The number that an item goes by: its SKU, else the first it has.
#[must_use]
pub(super) fn sku(items: &[ItemId]) -> &str {
    items
        .iter()
        .find(|item| item.scheme == ItemScheme::Sku)
        .or_else(|| items.first())
        .map_or("", |item| item.value.as_str())
}

/// An answer to an order.
#[must_use]
pub(super) fn order_response(
    order_no: &str,
    decision: Decision,
    reason: Option<(RejectReason, &str)>,
    now: Timestamp,
) -> OrderResponse {
    OrderResponse {
        order_no: order_no.to_owned(),
        partner_order_no: None,
        decision,
        decided_at: Some(moment(now)),
        expected_ship: None,
        reasons: reason
            .map(|(code, text)| Reason {
                code,
                source_code: None,
                text: Some(text.to_owned()),
            })
            .into_iter()
            .collect(),
        lines: Vec::new(),
        references: Vec::new(),
        extras: Vec::new(),
    }
}

/// Why, in one line: the partner's words, else the canonical reason. In bounds.
#[must_use]
pub(super) fn reason_text(reasons: &[Reason]) -> String {
    let text = |reason: &Reason| match &reason.text {
        Some(text) => format!("{}: {text}", code_text(&reason.code)),
        None => code_text(&reason.code),
    };
    words(
        &reasons
            .iter()
            .take(5)
            .map(text)
            .collect::<Vec<_>>()
            .join("; "),
    )
}

/// A case of the service desk.
pub(super) struct Case<'a> {
    /// The instance's key and the cause: the same cause is the same case.
    pub(super) external_key: String,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) category: CaseCategory,
    pub(super) severity: Severity,
    pub(super) is_over: bool,
    pub(super) order_no: Option<&'a str>,
    pub(super) shipment_id: Option<&'a str>,
}

// === impl Case ===

impl Case<'_> {
    /// The case as a document.
    pub(super) fn document(self, now: Timestamp) -> Document {
        Document::ServiceCase(ServiceCase {
            external_key: self.external_key,
            subject: self.subject.to_owned(),
            description: self.text.to_owned(),
            category: self.category,
            severity: self.severity,
            status: if self.is_over {
                CaseStatus::Resolved
            } else {
                CaseStatus::Open
            },
            order_no: self.order_no.map(str::to_owned),
            shipment_id: self.shipment_id.map(str::to_owned),
            account: None,
            contact: None,
            owner: None,
            timeline: vec![TimelineEntry {
                at: moment(now),
                kind: if self.is_over {
                    "resolved"
                } else {
                    "exception"
                }
                .to_owned(),
                text: self.text.to_owned(),
                message_id: None,
            }],
            references: Vec::new(),
            extras: Vec::new(),
        })
    }
}
