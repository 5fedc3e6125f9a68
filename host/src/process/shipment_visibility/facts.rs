//! What is known of a shipment, and what follows from it.

mod account;
mod tell;

use serde::{Deserialize, Serialize};

pub use self::account::Account;
use super::stage::{Says, Stage, Trouble, says};
use crate::{
    clock::Timestamp,
    contract::{Carrier, Document, Milestone, MilestoneCode, Purpose, Shipment},
    message::DocumentId,
    process::{
        Refusal,
        command::EventKind,
        desk::{Desk, NOT_ENTITLED, Picture},
        exception::{Action, Cause, Exception},
        input::{Received, Role},
        timer::{Awaited, Level},
        told::{Sheet, name, words},
        turn::{Facts, Turn},
        write::{happened, millis},
    },
};

/// A shipment's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub(super) desk: Desk,
    shipment_id: String,
    /// The order that it is of, when somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_no: Option<String>,
    /// The latest of each stage.
    stages: Vec<Happened<Stage>>,
    /// The latest of each trouble.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    troubles: Vec<Happened<Trouble>>,
    /// The estimate that was made last.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<Estimate>,
    /// Who carries it, and since when that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<(i64, String)>,
    /// The carrier's number for it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<(i64, String)>,
    /// The furthest stage that was told.
    told: Stage,
    /// What the order was told last.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_order: Option<String>,
    /// Troubles of which the service desk has an open case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cases: Vec<Trouble>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Happened<T> {
    what: T,
    /// Milliseconds since the Unix epoch.
    at: i64,
    /// The document that says so.
    of: DocumentId,
    /// The partner's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// When a shipment will be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Estimate {
    /// When it was made.
    made: i64,
    /// As the partner wrote it.
    text: String,
    /// Milliseconds since the Unix epoch.
    at: i64,
    /// The milestone that says so; absent for the shipment's own.
    of: Option<DocumentId>,
}

impl Facts for State {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        // Who waits for goods can't say where they are.
        if matches!(received.from.role, Role::Crm | Role::Shop) {
            let text = format!(
                "{} neither ships nor carries",
                received.from.partner.as_str()
            );
            return Err(Refusal::new(NOT_ENTITLED, text));
        }
        match received.document {
            Document::Milestone(milestone) => {
                let is_known = !matches!(milestone.code, MilestoneCode::Other(_));
                match happened(millis(&milestone.at), turn.now) {
                    // What only the partner understands may be of what is to come: an
                    // appointment.
                    Err(_) if !is_known => return Ok(()),
                    at => at?,
                };
                self.take_milestone(milestone, received.id);
            }
            Document::Shipment(shipment) => {
                happened(millis(&shipment.shipped_at), turn.now)?;
                self.take_shipment(shipment, received.id);
            }
            _ => {}
        }
        Ok(())
    }

    fn act(
        &mut self,
        exception: &Exception,
        action: Action,
        _turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        let text = format!(
            "{action:?} does nothing about exception {}; ask the carrier, then accept it",
            exception.id
        );
        Err(Refusal::new("action-not-possible", text))
    }

    fn react(&mut self, turn: &mut Turn<'_>) {
        if !self.stages.is_empty() {
            turn.became(EventKind::ShipmentKnown, "");
        }
        self.tell_stage(turn);
        self.tell_estimate(turn);
        self.tell_troubles(turn);
        self.tell_order(turn);
    }

    fn picture(&self, _turn: &Turn<'_>) -> Picture {
        let mut picture = Picture::default();
        let stage = self.stage();
        if !stage.is_final() {
            let stages = self.stages.iter().map(|it| it.at);
            let troubles = self.troubles.iter().map(|it| it.at);
            let estimates = self.estimate.iter().map(|it| it.made);
            let latest = stages
                .chain(troubles)
                .chain(estimates)
                .max()
                .filter(|at| *at > i64::MIN);
            let mut fresh = Awaited::new(Level::MilestoneFreshness, "", "carrier");
            if let Some(latest) = latest {
                fresh = fresh.since(Timestamp::from_millis(latest));
            }
            picture.waits.push(fresh);
            if let Some(estimate) = self.estimate.as_ref().filter(|it| it.at > i64::MIN) {
                let until = Timestamp::from_millis(estimate.at);
                picture
                    .waits
                    .push(Awaited::new(Level::Delivery, "", "carrier").until(Some(until)));
            }
        }
        picture.causes = self
            .open_troubles()
            .map(|trouble| self.cause(trouble))
            .collect();
        picture
    }
}

// === impl State ===

impl State {
    pub(super) fn new(key: &str) -> Self {
        Self {
            desk: Desk::new(key),
            shipment_id: key.strip_prefix("shipment/").unwrap_or(key).to_owned(),
            ..Self::default()
        }
    }

    /// Where the shipment is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let at = |stage| {
            self.stages
                .iter()
                .find(|it| it.what == stage)
                .map(|it| it.at)
        };
        let furthest = |among: fn(Stage) -> bool| {
            let stages = self.stages.iter().map(|it| it.what);
            stages.filter(|it| among(*it)).max().unwrap_or_default()
        };
        let moving = furthest(|stage| stage < Stage::Returned);
        if let Some(cancelled) = at(Stage::Cancelled) {
            let moved_later = self
                .stages
                .iter()
                .any(|it| it.what.is_movement() && it.at > cancelled);
            let departed = moving.is_movement() && self.has_milestone_of_movement();
            if !moved_later && !departed && at(Stage::Returned).is_none() {
                return Stage::Cancelled;
            }
        }
        match (at(Stage::Returned), at(Stage::Delivered)) {
            (Some(returned), delivered) if delivered.is_none_or(|at| at <= returned) => {
                Stage::Returned
            }
            _ => moving,
        }
    }

    /// What lists and searches need to know.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let stage = self.stage();
        let happened = self.stages.iter().find(|it| it.what == stage);
        let at = happened.map(|it| it.at).filter(|at| *at > i64::MIN);
        let troubles: Vec<&str> = self.open_troubles_by_name().collect();
        Sheet::default()
            .maybe("order_no", self.order_no.as_deref())
            .with("stage", stage.name())
            .maybe("stage_at", at.map(Timestamp::from_millis))
            .maybe("estimate", self.estimated_delivery())
            .maybe("carrier", self.carrier.as_ref().map(|it| it.1.as_str()))
            .maybe("tracking", self.tracking.as_ref().map(|it| it.1.as_str()))
            .maybe(
                "troubles",
                (!troubles.is_empty()).then(|| troubles.join(",")),
            )
            .all()
    }

    /// When it will be there, as the partner wrote it.
    #[must_use]
    pub fn estimated_delivery(&self) -> Option<&str> {
        self.estimate.as_ref().map(|it| it.text.as_str())
    }

    /// What is wrong with it now, by the milestones' names.
    pub fn open_troubles_by_name(&self) -> impl Iterator<Item = &'static str> {
        self.open_troubles().map(|it| it.what.name())
    }

    /// A cancelled shipment document also said that it had left; only a milestone proves
    /// that it did.
    fn has_milestone_of_movement(&self) -> bool {
        self.stages
            .iter()
            .any(|it| it.what.is_movement() && it.reason != CONFIRMED_BY_WAREHOUSE)
    }

    fn take_milestone(&mut self, milestone: &Milestone, of: DocumentId) {
        let at = millis(&milestone.at);
        let reason = milestone.reason.as_deref().map(words).unwrap_or_default();
        self.join_order(milestone.order_no.as_ref());
        join_latest(
            &mut self.carrier,
            at,
            milestone.carrier.as_ref().and_then(carrier),
        );
        join_latest(&mut self.tracking, at, milestone.tracking.as_deref());
        let (stage, trouble) = match says(&milestone.code) {
            Says::Stage(stage) => (Some(stage), None),
            Says::Trouble(trouble) => (None, Some(trouble)),
            Says::Both(stage, trouble) => (Some(stage), Some(trouble)),
            Says::Nothing => (None, None),
        };
        if let Some(what) = stage {
            join(
                &mut self.stages,
                Happened {
                    what,
                    at,
                    of,
                    reason: reason.clone(),
                },
            );
        }
        if let Some(what) = trouble {
            join(
                &mut self.troubles,
                Happened {
                    what,
                    at,
                    of,
                    reason,
                },
            );
        }
        if let Some(estimated) = &milestone.estimated_delivery {
            self.join_estimate(Estimate {
                made: at,
                text: words(&estimated.text),
                at: millis(estimated),
                of: Some(of),
            });
        }
    }

    fn take_shipment(&mut self, shipment: &Shipment, of: DocumentId) {
        let at = millis(&shipment.shipped_at);
        self.join_order(Some(&shipment.order_no));
        join_latest(
            &mut self.carrier,
            at,
            shipment.carrier.as_ref().and_then(carrier),
        );
        join_latest(&mut self.tracking, at, tracking(shipment));
        let cancels = shipment.purpose == Purpose::Cancel;
        let what = if cancels {
            Stage::Cancelled
        } else {
            Stage::Departed
        };
        let reason = CONFIRMED_BY_WAREHOUSE.to_owned();
        join(
            &mut self.stages,
            Happened {
                what,
                at,
                of,
                reason,
            },
        );
        if let Some(expected) = shipment.expected_delivery.as_ref().filter(|_| !cancels) {
            self.join_estimate(Estimate {
                made: at,
                text: words(&expected.text),
                at: millis(expected),
                of: None,
            });
        }
    }

    fn join_order(&mut self, order_no: Option<&String>) {
        // Two numbers for one shipment: the same one whichever comes first.
        if let Some(order_no) = order_no
            && name(order_no).is_ok()
            && self.order_no.as_ref().is_none_or(|known| order_no < known)
        {
            self.order_no = Some(order_no.clone());
        }
    }

    fn join_estimate(&mut self, estimate: Estimate) {
        self.estimate = self.estimate.take().max(Some(estimate));
    }

    /// Troubles that nothing later has ended. What was called off before it left has none.
    fn open_troubles(&self) -> impl Iterator<Item = &Happened<Trouble>> {
        let is_cancelled = self.stage() == Stage::Cancelled;
        let troubles = self.troubles.iter().filter(move |_| !is_cancelled);
        troubles.filter(move |trouble| {
            let ended = self.stages.iter().any(|stage| {
                // A delay is over when the goods are there, whatever the clocks say.
                let is_later = stage.at > trouble.at
                    || (stage.what == Stage::Delivered
                        && (trouble.what == Trouble::Delayed || stage.at == trouble.at));
                is_later && trouble.what.ends_with(stage.what)
            });
            !ended
        })
    }

    fn cause(&self, trouble: &Happened<Trouble>) -> Cause {
        let at = Timestamp::from_millis(trouble.at);
        let mut text = format!(
            "shipment {} is {} since {at}",
            self.shipment_id,
            trouble.what.name()
        );
        if !trouble.reason.is_empty() {
            text.push_str(&format!(": {}", trouble.reason));
        }
        Cause::new(trouble.what.kind(), trouble.what.name(), text)
            .severity(trouble.what.severity())
            .with("milestone", trouble.of)
            .actions(&[Action::AcceptVariance])
    }
}

/// In place of a reason, for what a shipment document says.
const CONFIRMED_BY_WAREHOUSE: &str = "confirmed by the warehouse";

/// Who carries it: the code that everybody has, else the name.
fn carrier(carrier: &Carrier) -> Option<&str> {
    carrier.scac.as_deref().or(carrier.name.as_deref())
}

/// The number that the carrier has for the whole of it, else for its first package.
fn tracking(shipment: &Shipment) -> Option<&str> {
    let packages = shipment
        .packages
        .iter()
        .filter_map(|it| it.tracking.as_deref());
    let whole = shipment.tracking.iter().map(String::as_str);
    whole
        .chain(shipment.pro_number.as_deref())
        .chain(packages)
        .next()
}

/// Keeps what was said last; of two of the same moment the same one.
fn join_latest(known: &mut Option<(i64, String)>, at: i64, said: Option<&str>) {
    let said = said.filter(|it| !it.is_empty()).map(|it| (at, words(it)));
    *known = known.take().max(said);
}

/// Keeps the latest of each; of two at the same moment the same one, whichever came
/// first.
fn join<T: PartialEq + Ord>(list: &mut Vec<Happened<T>>, new: Happened<T>) {
    match list.iter_mut().find(|it| it.what == new.what) {
        Some(known) => {
            if (known.at, &known.reason, known.of) < (new.at, &new.reason, new.of) {
                *known = new;
            }
        }
        None => {
            let place = list.partition_point(|it| it.what < new.what);
            list.insert(place, new);
        }
    }
}
