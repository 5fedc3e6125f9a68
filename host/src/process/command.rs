//! What an instance wants done, and what it says became true.
//!
//! A step's commands are journalled with its state; whoever carries them out does so
//! at least once, and `dedupe_key` makes once of it.

use serde::{Deserialize, Serialize};

use super::{draft::Draft, exception::Exception, input::Signal};
use crate::{clock::Timestamp, message::PartnerName};

/// Something to be done. Its tag is not `kind`, since an exception has one of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// Send a document.
    Send {
        /// To whom.
        to: Receiver,
        /// What.
        draft: Box<Draft>,
        /// One effect for each: `order/SO-1/release/north`.
        dedupe_key: String,
    },
    /// Wake the instance up. Takes the place of a timer of the same name.
    SetTimer {
        /// Unique in the instance.
        name: String,
        /// When.
        due: Timestamp,
    },
    /// Forget a timer; one that is not there is no error.
    ClearTimer {
        /// Which.
        name: String,
    },
    /// A new exception.
    OpenException(Box<Exception>),
    /// An open exception changed.
    UpdateException(Box<Exception>),
    /// An exception is over; its last history entry says why.
    CloseException(Box<Exception>),
    /// Tell people.
    Notify(Notice),
    /// Ask a warehouse or the ERP for something.
    Request {
        /// Of whom.
        to: Receiver,
        /// What.
        request: Request,
        /// One effect for each.
        dedupe_key: String,
    },
    /// Tell another process.
    Tell {
        /// Its name.
        process: String,
        /// Its business key.
        key: String,
        /// What became true.
        signal: Signal,
        /// Becomes the input's identity.
        dedupe_key: String,
    },
    /// Send once more, as it was, what became a dead letter. How that ends is another
    /// outcome of the same key.
    Redeliver {
        /// The one that it was sent under.
        dedupe_key: String,
    },
}

/// Who gets a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Receiver {
    /// The ERP.
    Erp,
    /// The service desk.
    Crm,
    /// All shops.
    Shops,
    /// The partner that runs the node.
    Node {
        /// Which.
        node: String,
    },
    /// This partner: whoever placed the order or asked for the return.
    Partner {
        /// Which.
        partner: PartnerName,
    },
}

/// What may be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Request {
    /// All stock of a node as it is now.
    Snapshot {
        /// Which node.
        node: String,
    },
    /// The reconciliation report of a node's day.
    Reconciliation {
        /// Which node.
        node: String,
    },
}

/// Something to tell people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Which text, by the name that the sending system knows.
    pub template: String,
    /// To whom.
    pub to: Audience,
    /// What fills the template.
    pub data: Vec<(String, String)>,
    /// Told once for each.
    pub dedupe_key: String,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// The customer of the order or return.
    Customer,
    /// Who answers customers.
    CustomerService,
    /// Who keeps the partners' connections running.
    Operations,
}

/// What became true. The list is closed: subscribers match on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Of what inside the instance: a node, a shipment, a receipt; empty for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Name and value of what belongs to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<(String, String)>,
}

/// All that can become true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// An order is known.
    OrderReceived,
    /// It was changed.
    OrderChanged,
    /// The ERP holds it.
    OrderHeld,
    /// The ERP released it.
    OrderReleased,
    /// The ERP does not want it.
    OrderRefused,
    /// A node was chosen; data has the reasons.
    OrderRouted,
    /// No node is left.
    OrderUnroutable,
    /// A node will ship it.
    OrderAccepted,
    /// A node will not, or did not answer in time.
    OrderRejected,
    /// A change came too late.
    ChangeTooLate,
    /// Somebody wants it cancelled.
    CancelRequested,
    /// A cancel came too late for what had left.
    CancelTooLate,
    /// Nothing of it will ship any more.
    OrderCancelled,
    /// A part left.
    OrderShippedPartly,
    /// All that will leave has left.
    OrderShipped,
    /// Less left than was ordered.
    OrderShort,
    /// All that left has arrived.
    OrderDelivered,
    /// All that left is invoiced.
    OrderInvoiced,
    /// Nothing is left to do.
    OrderClosed,
    /// A shipment is known.
    ShipmentKnown,
    /// A shipment got further.
    MilestoneAdvanced,
    /// A shipment is expected at another time.
    EstimateMoved,
    /// Something went wrong on the way.
    TroubleBegan,
    /// It is all right again.
    TroubleEnded,
    /// The ERP's stock is corrected.
    StockAdjusted,
    /// What can be sold changed.
    AvailabilityChanged,
    /// An adjustment is missing.
    GapFound,
    /// It is there, or no longer needed.
    GapClosed,
    /// A node's figures are too old to be shown as truth.
    NodeStale,
    /// They are up to date again.
    NodeFresh,
    /// Somebody wants to send goods back.
    ReturnRequested,
    /// The ERP allows it.
    ReturnAuthorized,
    /// The ERP does not.
    ReturnDenied,
    /// The warehouse knows that it will come.
    ReturnExpected,
    /// Goods came back.
    ReturnReceived,
    /// They were looked at.
    ReturnInspected,
    /// The ERP is asked to give money back.
    CreditRequested,
    /// It did.
    CreditPosted,
    /// Nothing came in time.
    ReturnExpired,
    /// It was called off.
    ReturnCancelled,
    /// Nothing is left to do.
    ReturnClosed,
    /// Something that was done is undone; data says what and why.
    Compensated,
    /// The share of a limit is used up at which somebody wants to know.
    LevelWarned,
    /// A limit is passed.
    LevelBreached,
    /// What was waited for came; data has the milliseconds it took and whether it was in
    /// time.
    LevelMet,
    /// The partner whose work is awaited stopped answering.
    PartnerUnavailable,
    /// It answers again.
    PartnerAvailable,
}

// === impl Event ===

impl Event {
    /// An event without data.
    #[must_use]
    pub fn new(kind: EventKind, subject: &str) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            data: Vec::new(),
        }
    }

    /// With one more thing that belongs to it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.data.push((name.to_owned(), value.to_string()));
        self
    }
}
