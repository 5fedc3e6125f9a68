//! Documents that processes send.
//!
//! A state has no room for whole orders: it keeps where they are in the journal. So a
//! process says how the document follows from one that came in, and [`Draft::document`]
//! makes it, given that one. A draft that needs none is made of the state alone.

use serde::{Deserialize, Serialize};

use super::number::Number;
use crate::{
    contract::{
        Document, ItemId, ItemScheme, Order, OrderLine, Purpose, Quantity, ReturnAuthorization,
        ReturnState, Shipment, json,
    },
    message::DocumentId,
};

/// How a document is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a command has its draft in a box"
)]
pub enum Draft {
    /// This one.
    Written {
        /// Canonical JSON outside.
        #[serde(with = "canonical")]
        document: Document,
    },
    /// As it came.
    Relayed {
        /// Which.
        of: DocumentId,
    },
    /// An order as it came, for one node and with the quantities still wanted.
    Release {
        /// The order's newest revision.
        of: DocumentId,
        /// New, change or cancel.
        purpose: Intent,
        /// Which node acts; absent for the ERP, which has all of them.
        node: Option<String>,
        /// What is wanted; lines not named are left out.
        lines: Vec<ReleaseLine>,
        /// Written over the order's own when it is a change.
        revision: Option<String>,
    },
    /// A return as it came, in another state.
    Return {
        /// The authorisation, or the request where there is none.
        of: DocumentId,
        /// New or cancel.
        purpose: Intent,
        /// The state to say.
        state: ReturnIntent,
        /// Which node expects it; the document's own when absent.
        node: Option<String>,
    },
    /// A shipment as it came, with lines under the order's numbers where its sender has
    /// numbers of his own.
    Numbered {
        /// Which.
        of: DocumentId,
        /// The sender's number and the order's.
        lines: Vec<(String, String)>,
    },
}

/// A line that a node shall ship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseLine {
    /// The order's line number.
    pub line_no: String,
    /// Still wanted.
    pub quantity: Number,
    /// The item, for a line that only a change of the order names.
    pub sku: String,
    /// Its unit, likewise.
    pub unit: String,
}

/// What the document does to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// First of its kind.
    Original,
    /// Changes the earlier one.
    Change,
    /// Cancels it.
    Cancel,
}

/// The states that a process gives a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReturnIntent {
    /// It may come.
    Authorized,
    /// It did not come in time.
    Expired,
    /// It is done with.
    Closed,
}

/// A draft that can't be made of the document it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("document {0} is needed and was not given")]
    Missing(DocumentId),
    /// It is of another kind.
    #[error("document {0} is not of the kind that the draft needs")]
    WrongKind(DocumentId),
}

// === impl Draft ===

impl Draft {
    /// Says this.
    #[must_use]
    pub fn written(document: Document) -> Self {
        Self::Written { document }
    }

    /// The document that must be at hand to make this one.
    #[must_use]
    pub fn needs(&self) -> Option<DocumentId> {
        match self {
            Self::Written { .. } => None,
            Self::Relayed { of }
            | Self::Release { of, .. }
            | Self::Return { of, .. }
            | Self::Numbered { of, .. } => Some(*of),
        }
    }

    /// Makes the document. `base` is what [`Draft::needs`] asked for.
    ///
    /// # Errors
    /// When `base` is not there or not of the kind: the caller gave another document.
    pub fn document(&self, base: Option<&Document>) -> Result<Document, Error> {
        let of = |id: &DocumentId| base.ok_or(Error::Missing(*id));
        match self {
            Self::Written { document } => Ok(document.clone()),
            Self::Relayed { of: id } => of(id).cloned(),
            Self::Release {
                of: id,
                purpose,
                node,
                lines,
                revision,
            } => match of(id)? {
                Document::Order(order) => Ok(Document::Order(Order {
                    purpose: purpose.purpose(),
                    revision: revision.clone().or_else(|| order.revision.clone()),
                    node: node.clone(),
                    total_quantity: None,
                    lines: release_lines(order, lines),
                    ..order.clone()
                })),
                _ => Err(Error::WrongKind(*id)),
            },
            Self::Return {
                of: id,
                purpose,
                state,
                node,
            } => match of(id)? {
                Document::ReturnAuthorization(it) => {
                    Ok(Document::ReturnAuthorization(ReturnAuthorization {
                        purpose: purpose.purpose(),
                        state: state.state(),
                        node: node.clone().or_else(|| it.node.clone()),
                        ..it.clone()
                    }))
                }
                _ => Err(Error::WrongKind(*id)),
            },
            Self::Numbered { of: id, lines } => match of(id)? {
                Document::Shipment(shipment) => {
                    Ok(Document::Shipment(renumbered(shipment.clone(), lines)))
                }
                _ => Err(Error::WrongKind(*id)),
            },
        }
    }
}

/// The shipment with other numbers for its lines, in its packages too.
fn renumbered(mut shipment: Shipment, numbers: &[(String, String)]) -> Shipment {
    let renumber = |no: &mut String| {
        if let Some((_, new)) = numbers.iter().find(|(known, _)| known == no) {
            no.clone_from(new);
        }
    };
    for line in &mut shipment.lines {
        renumber(&mut line.line_no);
    }
    let packed = shipment.packages.iter_mut();
    for packed in packed.flat_map(|package| &mut package.contents) {
        renumber(&mut packed.line_no);
    }
    shipment
}

fn release_lines(order: &Order, wanted: &[ReleaseLine]) -> Vec<OrderLine> {
    let line_of = |wanted: &ReleaseLine| {
        let known = order.lines.iter().find(|it| it.line_no == wanted.line_no);
        let mut line = known.cloned().unwrap_or_else(|| OrderLine {
            line_no: wanted.line_no.clone(),
            quantity: Quantity {
                value: wanted.quantity.decimal(),
                unit: wanted.unit.clone(),
            },
            items: vec![ItemId {
                scheme: ItemScheme::Sku,
                value: wanted.sku.clone(),
            }],
            unit_price: None,
            description: None,
            lot_required: None,
            pack_size: None,
            weight: None,
            references: Vec::new(),
            notes: Vec::new(),
            extras: Vec::new(),
        });
        line.quantity.value = wanted.quantity.decimal();
        line
    };
    wanted.iter().map(line_of).collect()
}

// === impl Intent ===

impl Intent {
    fn purpose(self) -> Purpose {
        match self {
            Self::Original => Purpose::Original,
            Self::Change => Purpose::Change,
            Self::Cancel => Purpose::Cancel,
        }
    }
}

// === impl ReturnIntent ===

impl ReturnIntent {
    fn state(self) -> ReturnState {
        match self {
            Self::Authorized => ReturnState::Authorized,
            Self::Expired => ReturnState::Expired,
            Self::Closed => ReturnState::Closed,
        }
    }
}

/// A document inside a record is its canonical JSON, as everywhere else.
mod canonical {
    use super::{Document, json};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        document: &Document,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = json::to_vec(document).map_err(serde::ser::Error::custom)?;
        let text = String::from_utf8(bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Document, D::Error> {
        let text = String::deserialize(deserializer)?;
        json::from_slice(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::MessageId,
        process::testing::{order, paper, shipment},
    };

    fn id() -> DocumentId {
        DocumentId {
            message: MessageId::from_bytes([7; 16]),
            position: 0,
        }
    }

    fn line(line_no: &str, sku: &str, quantity: i32) -> ReleaseLine {
        ReleaseLine {
            line_no: line_no.to_owned(),
            quantity: Number::whole(quantity),
            sku: sku.to_owned(),
            unit: "EA".to_owned(),
        }
    }

    #[test]
    fn a_release_has_the_lines_that_are_wanted_and_no_others() {
        let base = order("SO-1", &[("1", "A", 10), ("2", "B", 5)]);
        let draft = Draft::Release {
            of: id(),
            purpose: Intent::Change,
            node: Some("north".to_owned()),
            // A change of the order added line 3; line 2 is not wanted any more.
            lines: vec![line("1", "A", 4), line("3", "C", 2)],
            revision: Some("2".to_owned()),
        };
        assert_eq!(draft.needs(), Some(id()));
        let Ok(Document::Order(made)) = draft.document(Some(&base)) else {
            panic!("an order");
        };
        let lines: Vec<_> = made
            .lines
            .iter()
            .map(|line| {
                (
                    line.line_no.as_str(),
                    line.items[0].value.as_str(),
                    line.quantity.value.coefficient,
                )
            })
            .collect();
        assert_eq!(lines, [("1", "A", 4), ("3", "C", 2)]);
        assert_eq!(
            (made.purpose, made.revision.as_deref(), made.node.as_deref()),
            (Purpose::Change, Some("2"), Some("north"))
        );
    }

    #[test]
    fn a_shipment_gets_the_order_s_line_numbers() {
        let moment = "2026-03-02T10:00:00Z";
        let lines = [("#1", "A", 4), ("#2", "B", 1)];
        let base = shipment("SH1", "SO-1", moment, "complete", &lines);
        let draft = Draft::Numbered {
            of: id(),
            lines: vec![("#1".to_owned(), "10".to_owned())],
        };
        let Ok(Document::Shipment(made)) = draft.document(Some(&base)) else {
            panic!("a shipment");
        };
        let numbers: Vec<_> = made.lines.iter().map(|it| it.line_no.as_str()).collect();
        assert_eq!(numbers, ["10", "#2"]);
        let other = order("SO-1", &[("1", "A", 1)]);
        assert_eq!(draft.document(Some(&other)), Err(Error::WrongKind(id())));
    }

    #[test]
    fn a_draft_asks_for_the_document_that_it_is_made_of() {
        let draft = Draft::Relayed { of: id() };
        assert_eq!(draft.document(None), Err(Error::Missing(id())));
        let release = Draft::Release {
            of: id(),
            purpose: Intent::Cancel,
            node: None,
            lines: Vec::new(),
            revision: None,
        };
        let other = paper("R1", "requested", 0, None, &[("1", "A", 1)]);
        assert_eq!(release.document(Some(&other)), Err(Error::WrongKind(id())));
    }
}
