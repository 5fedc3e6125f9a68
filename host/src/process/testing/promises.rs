//! What holds of every step of every machine in every test: what is sent is what
//! [`traffic`] says, who is waited for is whom limits can name.

use std::collections::BTreeMap;

use crate::{
    contract,
    message::DocumentId,
    process::{
        Draft, Receiver, Role, Summary,
        traffic::{self, sends},
    },
};

/// The kinds of the documents that came.
pub(super) type Came = BTreeMap<DocumentId, &'static str>;

/// What is sent to somebody is of a kind that such a one is said to be sent.
pub(super) fn sends_what_it_says(to: &Receiver, draft: &Draft, came: &Came) {
    let kind = match draft {
        Draft::Written { document } => contract::kind(document),
        Draft::Release { .. } => "order",
        Draft::Return { .. } => "return-authorization",
        Draft::Numbered { .. } => "shipment",
        Draft::Relayed { of } => came.get(of).copied().expect("what is relayed came"),
    };
    let node = || Role::Warehouse {
        node: String::new(),
    };
    let said = match to {
        Receiver::Erp => sends(&Role::Erp).contains(&kind),
        Receiver::Crm => sends(&Role::Crm).contains(&kind),
        Receiver::Shops => sends(&Role::Shop).contains(&kind),
        Receiver::Node { .. } => sends(&node()).contains(&kind),
        // Whoever asked: which role it has, the command does not say.
        Receiver::Partner { .. } => [Role::Erp, Role::Crm, Role::Shop, Role::Carrier, node()]
            .iter()
            .any(|role| traffic::takes(role, kind)),
    };
    assert!(said, "{kind} is sent to {to:?}");
}

/// Those who are waited for are called as limits and calendars call them.
pub(super) fn waits_for_whom_it_says(summary: &Summary) {
    for wait in &summary.waits {
        // Nodes and teams are called as their settings please, but never as another one.
        let other = |name: &str| !["erp", "carrier", "customer", "crossdock"].contains(&name);
        assert!(
            wait.level.whose().includes(&wait.on, other, other),
            "{wait:?}"
        );
    }
}
