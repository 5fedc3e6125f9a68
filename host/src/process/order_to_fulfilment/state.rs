//! What is known of an order.

mod status;

use serde::{Deserialize, Serialize};

pub use self::status::Status;
use crate::{
    clock::Timestamp,
    message::{DocumentId, PartnerName},
    process::{desk::Desk, number::Number},
};

/// An order's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub(super) desk: Desk,
    /// The business key without its family.
    pub(super) order_no: String,
    /// Where it stands.
    pub status: Status,
    /// Who placed it, when that was not the ERP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) placed_by: Option<PartnerName>,
    /// The newest order that has all lines: what releases are made of.
    pub(super) base: Option<Base>,
    /// The newest order or change that came from outside the ERP, for the ERP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) newest: Option<(Revision, DocumentId)>,
    pub(super) lines: Vec<Line>,
    /// Somebody wants it cancelled, in whole or in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cancel: Option<Cancel>,
    /// Lines that a cancel named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cancelled_lines: Vec<String>,
    /// Cancels that the ERP has not heard of: it does after the order itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) untold_cancels: Vec<DocumentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
    /// What the ERP grants of a line that it does not grant in full: line, when it said
    /// so, and how much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) grants: Vec<(String, i64, Number)>,
    /// Whether the ERP itself sent the order.
    pub(super) erp_ordered: bool,
    /// Whether there was more than one version of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) changed: bool,
    /// Nodes that were asked or have answered, the last one asked at the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attempts: Vec<Attempt>,
    /// No node was left when one was looked for.
    pub(super) stuck: bool,
    /// Why no node could, for a person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unroutable: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) shipments: Vec<Shipped>,
    /// Shipments that reached their receiver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) arrived: Vec<String>,
    /// Shipments that will not, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lost: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) invoices: Vec<Invoiced>,
    /// Whether the service desk has an open case about its fulfilment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) case_open: bool,
}

/// Which of several orders of one number is newer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Revision {
    /// A revision that is a number.
    pub(super) number: u64,
    /// One that is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
    /// The ERP's word counts more.
    #[serde(default)]
    pub(super) erp: bool,
}

/// An order with all its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    pub(super) of: DocumentId,
    pub(super) revision: Revision,
    pub(super) country: Option<String>,
    pub(super) postal: Option<String>,
    pub(super) service: Option<String>,
    pub(super) carrier: Option<String>,
    pub(super) order_type: Option<String>,
    /// The node that the order names.
    pub(super) node: Option<String>,
    pub(super) ship_by: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) no: String,
    pub(super) sku: String,
    pub(super) unit: String,
    /// By its highest revision.
    pub(super) requested: Number,
    pub(super) revision: Revision,
    /// The most that any revision wanted: a line that shrinks below what left of it
    /// keeps what left.
    pub(super) highest: Number,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cancel {
    /// Absent when a person cancelled here.
    pub(super) by: Option<PartnerName>,
    /// Others who wanted the same; they get the same answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) also: Vec<PartnerName>,
    /// Whether it was for the whole order and not for lines.
    pub(super) whole: bool,
    /// Whether the ERP knows, because it said so.
    pub(super) by_erp: bool,
    /// Whether a person cancelled here, so that nobody else has told the ERP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_hand: bool,
}

/// What the ERP decided last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Verdict {
    /// When, by the ERP's time.
    pub(super) at: i64,
    pub(super) decision: ErpDecision,
    pub(super) reason: String,
    /// The document that says so.
    pub(super) of: DocumentId,
}

/// In the order in which one holds against another of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ErpDecision {
    Held,
    Accepted,
    Refused,
}

/// One node and this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attempt {
    pub(super) node: String,
    /// When it was asked; absent for an answer that nobody asked for.
    pub(super) asked: Option<Timestamp>,
    /// What it was last told to ship.
    pub(super) told: u64,
    pub(super) answer: Answer,
    /// The document that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answered_by: Option<DocumentId>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    /// Why it was given up, when it did not refuse itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<String>,
    pub(super) cancel: CancelAnswer,
    /// Whether it certainly has the order.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) delivered: bool,
    /// Whether a delivery of the order to it was given up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) died: bool,
    /// Since when its partner does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) down: Option<Timestamp>,
    /// When another node was last looked for because of that, and none answered either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) looked: Option<Timestamp>,
    /// Since when its partner answers again: its time to answer runs from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) back: Option<Timestamp>,
    /// Its own number for the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<String>,
}

/// In the order in which one takes the place of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    #[default]
    None,
    OnHold,
    Accepted,
    Changed,
    Refused,
}

/// What a node says to a cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CancelAnswer {
    #[default]
    None,
    Confirmed,
    TooLate,
}

/// One shipment, as its newest document says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shipped {
    pub(super) id: String,
    pub(super) of: DocumentId,
    /// Purpose, time and content: the highest holds.
    pub(super) version: (u8, i64, u64),
    pub(super) node: Option<String>,
    pub(super) cancelled: bool,
    pub(super) lines: Vec<ShippedLine>,
    /// What it says of lines that it does not name.
    pub(super) closes: Closing,
    /// Its word on what is missing counts no more: another node was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) waived: bool,
    /// Why nothing left, for one that says that nothing will: of the lines that it
    /// names, or of the whole order when it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nothing: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShippedLine {
    pub(super) no: String,
    pub(super) sku: String,
    pub(super) quantity: Number,
    pub(super) closes: Closing,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) damaged: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) substituted: bool,
}

/// What becomes of what a shipment leaves, in the order in which one takes the place of
/// another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Closing {
    /// It follows.
    #[default]
    Open,
    /// It is cancelled by policy.
    Cancelled,
    /// It is short.
    Short,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invoiced {
    pub(super) no: String,
    pub(super) cancelled: bool,
    pub(super) units: Number,
}

// === impl State ===

impl State {
    pub(super) fn new(key: &str) -> Self {
        Self {
            desk: Desk::new(key),
            order_no: key.strip_prefix("order/").unwrap_or(key).to_owned(),
            ..Self::default()
        }
    }

    /// The node whose turn it is.
    pub(super) fn current(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|it| it.is_live())
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rev().find(|it| it.is_live())
    }

    /// What is known of a node and this order, if anything is.
    pub(super) fn known_attempt(&self, node: &str) -> Option<&Attempt> {
        self.attempts.iter().find(|it| it.node == node)
    }

    /// The same, to change it.
    pub(super) fn attempt(&mut self, node: &str) -> &mut Attempt {
        let index = self
            .attempts
            .iter()
            .position(|it| it.node == node)
            .unwrap_or_else(|| {
                self.attempts.insert(
                    0,
                    Attempt {
                        node: node.to_owned(),
                        ..Attempt::default()
                    },
                );
                0
            });
        &mut self.attempts[index]
    }

    /// Whether the ERP refuses it.
    pub(super) fn is_refused(&self) -> bool {
        self.verdict
            .as_ref()
            .is_some_and(|it| it.decision == ErpDecision::Refused)
    }

    /// Whether the ERP holds it.
    pub(super) fn is_held(&self) -> bool {
        self.verdict
            .as_ref()
            .is_some_and(|it| it.decision == ErpDecision::Held)
    }

    /// Whether nothing more of it shall ship.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_cancelled() || self.is_refused()
    }

    /// Whether somebody wants all of it cancelled, at once or line by line.
    pub(super) fn is_cancelled(&self) -> bool {
        let is_named = |line: &Line| self.cancelled_lines.binary_search(&line.no).is_ok();
        let all_named = !self.lines.is_empty() && self.lines.iter().all(is_named);
        self.cancel.as_ref().is_some_and(|cancel| cancel.whole) || all_named
    }

    /// The node that will ship what is open, or nothing is open.
    pub(super) fn is_well(&self) -> bool {
        let is_open = self.totals().open.is_positive();
        !is_open
            || self
                .current()
                .is_some_and(|it| it.has_accepted() || self.left_from_any(&it.node))
    }

    /// Whether a shipment is a node's. One that names none is of the node that has the
    /// order.
    pub(super) fn is_of(&self, shipment: &Shipped, node: &str) -> bool {
        let current = || self.current().map(|it| it.node.as_str());
        shipment.node.as_deref().or_else(current) == Some(node)
    }

    /// Whether anything left from a node.
    pub(super) fn left_from_any(&self, node: &str) -> bool {
        self.live_shipments()
            .any(|it| it.left_anything() && self.is_of(it, node))
    }

    /// The shipments that count.
    pub(super) fn live_shipments(&self) -> impl Iterator<Item = &Shipped> {
        self.shipments.iter().filter(|it| !it.cancelled)
    }
}

// === impl Attempt ===

impl Attempt {
    /// Whether it was asked and may still ship.
    pub(super) fn is_live(&self) -> bool {
        self.asked.is_some() && self.answer != Answer::Refused && self.left.is_none()
    }

    /// Whether it may not be asked again.
    pub(super) fn is_tried(&self) -> bool {
        self.asked.is_some() || self.answer == Answer::Refused
    }

    pub(super) fn has_accepted(&self) -> bool {
        matches!(self.answer, Answer::Accepted | Answer::Changed)
    }

    /// Whether it was asked to let the order go, and has refused to.
    pub(super) fn keeps_it(&self) -> bool {
        self.cancel == CancelAnswer::TooLate
    }

    /// Whether it was given up, has the order and keeps it.
    pub(super) fn holds_on(&self) -> bool {
        self.left.is_some() && self.delivered && self.keeps_it()
    }

    /// Why it does not ship.
    pub(super) fn why_not(&self) -> Option<String> {
        match (&self.left, self.answer) {
            (_, Answer::Refused) => Some(format!("refused: {}", self.reason)),
            (Some(left), _) => Some(left.clone()),
            _ => None,
        }
    }
}

// === impl Shipped ===

impl Shipped {
    pub(super) fn left_anything(&self) -> bool {
        self.lines.iter().any(|line| line.quantity.is_positive())
    }
}

// === impl Revision ===

impl Revision {
    pub(super) fn of(text: Option<&str>, erp: bool) -> Self {
        let text = text.unwrap_or_default().trim();
        match text.parse() {
            Ok(number) => Self {
                number,
                text: String::new(),
                erp,
            },
            Err(_) => Self {
                number: 0,
                text: text.to_owned(),
                erp,
            },
        }
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.text.is_empty() {
            write!(formatter, "{}", self.number)
        } else {
            formatter.write_str(&self.text)
        }
    }
}
