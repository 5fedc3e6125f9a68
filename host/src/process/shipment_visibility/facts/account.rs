//! A shipment as people see it.

use serde::Serialize;

use super::{Happened, State};
use crate::process::{
    shipment_visibility::stage::{Stage, Trouble},
    write::said_at,
};

/// All that is known of a shipment. Moments are RFC 3339, and null where a partner's
/// could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    shipment_id: String,
    order_no: Option<String>,
    stage: &'static str,
    /// As the partner wrote it.
    estimated_delivery: Option<String>,
    estimated_at: Option<String>,
    stages: Vec<Reached>,
    troubles: Vec<Befallen>,
}

/// The latest of a stage.
#[derive(Clone, Debug, Serialize)]
struct Reached {
    stage: &'static str,
    at: Option<String>,
    document: String,
    reason: String,
}

/// The latest of a trouble.
#[derive(Clone, Debug, Serialize)]
struct Befallen {
    trouble: &'static str,
    at: Option<String>,
    document: String,
    reason: String,
    /// Whether nothing later ended it.
    open: bool,
}

// === impl Account ===

impl Account {
    /// The order that it is of.
    #[must_use]
    pub fn order_no(&self) -> Option<&str> {
        self.order_no.as_deref()
    }
}

// === impl State ===

impl State {
    /// All that is known of it.
    #[must_use]
    pub fn account(&self) -> Account {
        let open: Vec<Trouble> = self.open_troubles().map(|it| it.what).collect();
        let mut stages: Vec<&Happened<Stage>> = self.stages.iter().collect();
        stages.sort_by_key(|it| (it.at, it.what));
        Account {
            shipment_id: self.shipment_id.clone(),
            order_no: self.order_no.clone(),
            stage: self.stage().name(),
            estimated_delivery: self.estimated_delivery().map(str::to_owned),
            estimated_at: self.estimate.as_ref().and_then(|it| said_at(it.made)),
            stages: stages.into_iter().map(reached).collect(),
            troubles: self
                .troubles
                .iter()
                .map(|it| Befallen {
                    trouble: it.what.name(),
                    at: said_at(it.at),
                    document: it.of.to_string(),
                    reason: it.reason.clone(),
                    open: open.contains(&it.what),
                })
                .collect(),
        }
    }
}

fn reached(it: &Happened<Stage>) -> Reached {
    Reached {
        stage: it.what.name(),
        at: said_at(it.at),
        document: it.of.to_string(),
        reason: it.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::process::{
        shipment_visibility::ShipmentVisibility,
        testing::{Run, at, carrier, milestone},
    };

    #[test]
    fn a_shipment_tells_its_stages_in_the_order_in_which_they_happened() {
        let mut run = Run::<ShipmentVisibility>::new("shipment/SH1", "");
        for (code, minutes) in [("in-transit", 30), ("delayed", 40), ("picked", 10)] {
            let estimate = at(600);
            let milestone = milestone("SH1", code, &at(minutes), Some(&estimate));
            run.document(&carrier(), &milestone);
        }
        let account = run.state.account();
        assert_eq!(account.order_no(), Some("SO-1"));
        let told = serde_json::to_value(&account).expect("json");
        let stages: Vec<_> = told["stages"]
            .as_array()
            .expect("stages")
            .iter()
            .map(|it| it["stage"].as_str())
            .collect();
        assert_eq!(stages, [Some("picked"), Some("in-transit")]);
        assert_eq!(told["stage"], "in-transit");
        assert_eq!(told["troubles"][0]["trouble"], "delayed");
        assert_eq!(told["troubles"][0]["open"], true);
        assert_eq!(told["estimated_delivery"], at(600));
    }
}
