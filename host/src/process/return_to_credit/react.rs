//! What has to be done for a return now, given what is known of it.

use super::state::{Paper, State, Status};
use crate::{
    contract::{
        CreditDecision, Disposition, DispositionLine, Document, Money, Purpose,
        ReturnAuthorization, ReturnDisposition, ReturnLine, ReturnReason, ReturnState,
    },
    process::{
        command::{Audience, Event, EventKind, Receiver},
        draft::{Draft, Intent, ReturnIntent},
        number::Number,
        timer::Level,
        turn::Turn,
        write::{item, moment, quantity},
    },
};

// === impl State ===

impl State {
    pub(super) fn act_on_facts(&mut self, turn: &mut Turn<'_>) {
        self.follow_time(turn);
        self.follow_papers(turn);
        self.follow_cancel(turn);
        self.follow_receipts(turn);
        self.request_credit(turn);
        self.follow_credits(turn);
        self.status = self.stand(turn);
        if self.status == Status::Closed {
            turn.became(EventKind::ReturnClosed, "");
            if self.sums().credited.is_zero() {
                self.notify(turn, "without-credit", "return-without-credit", &[]);
            }
        }
    }

    /// The ERP hears of the request, and who asked of the ERP's verdict; the warehouse
    /// is told what will come.
    fn follow_papers(&mut self, turn: &mut Turn<'_>) {
        if let Some(request) = &self.request {
            turn.became(EventKind::ReturnRequested, "");
            // One that was called off before the ERP knew of it is not asked for.
            if self.cancel.is_none() || self.sums().came.is_positive() {
                let draft = Draft::Relayed { of: request.of };
                turn.send_once(Receiver::Erp, "erp/request", draft);
            }
        }
        let Some(verdict) = self.verdict.clone() else {
            return;
        };
        let word = if verdict.denied {
            "denied"
        } else {
            "authorized"
        };
        let key = format!("{word}/{}", verdict.at);
        let draft = Draft::Relayed { of: verdict.of };
        turn.send_once(Receiver::Crm, &format!("crm/{key}"), draft.clone());
        if let Some(request) = &self.request {
            turn.send_once(Turn::partner(&request.by), &format!("answer/{key}"), draft);
        }
        self.notify(
            turn,
            &key,
            &format!("return-{word}"),
            &[("reason", &verdict.reason)],
        );
        if verdict.denied {
            turn.event_once(
                Event::new(EventKind::ReturnDenied, "").with("reason", &verdict.reason),
            );
            self.take_back(turn, "the ERP denied the return", &[]);
        } else {
            turn.became(EventKind::ReturnAuthorized, "");
            self.expect(&verdict, turn);
        }
    }

    /// The node that shall expect it is told, again when the ERP allows something else,
    /// and one that shall not any more as well. Goods that are there already, or were
    /// called off, need no announcement.
    fn expect(&mut self, verdict: &Paper, turn: &mut Turn<'_>) {
        let sums = self.sums();
        if self.cancel.is_some() || self.lapsed.is_some() || sums.received >= sums.authorized {
            return;
        }
        let nodes = nodes(verdict, turn);
        self.take_back(turn, "the ERP wants it somewhere else", &nodes);
        for node in nodes {
            let known = self.expected.iter().position(|(known, _)| *known == node);
            let intent = match known {
                Some(place) if self.expected[place].1 >= verdict.at => continue,
                Some(place) => {
                    self.expected.remove(place);
                    Intent::Change
                }
                None => Intent::Original,
            };
            let draft = self.announce(verdict, intent, ReturnIntent::Authorized, &node);
            let key = format!("expect/{node}/{}", verdict.at);
            turn.desk.renew(&key);
            turn.send_once(Receiver::Node { node: node.clone() }, &key, draft);
            turn.became(EventKind::ReturnExpected, &node);
            self.expected.push((node, verdict.at));
        }
    }

    fn announce(&self, paper: &Paper, purpose: Intent, state: ReturnIntent, node: &str) -> Draft {
        Draft::Return {
            of: paper.of,
            purpose,
            state,
            node: Some(node.to_owned()),
        }
    }

    /// Nobody waits for ever.
    fn follow_time(&mut self, turn: &mut Turn<'_>) {
        if turn.is_breached(Level::ReturnReceipt, "") && self.lapsed.is_none() {
            self.lapsed = Some(turn.now);
        }
        // One that the ERP has given again, or made longer, is waited for again.
        if let (Some(lapsed), Some(permission)) = (self.lapsed, self.permission()) {
            let is_new = permission.at > lapsed.as_millis();
            let expires = self.expires();
            let is_longer = expires.is_some_and(|at| at > lapsed);
            if (is_new || is_longer) && expires.is_none_or(|at| at > turn.now) {
                self.lapsed = None;
            }
        }
        // What came in time may be told late.
        let sums = self.sums();
        if self.lapsed.is_some() && sums.received.is_zero() && self.permission().is_some() {
            turn.became(EventKind::ReturnExpired, "");
            self.notify(turn, "expired", "return-expired", &[]);
            self.take_back(turn, "nothing came in time", &[]);
            self.tell_erp_it_ended(turn, "expired", ReturnIntent::Expired);
        }
    }

    fn follow_cancel(&mut self, turn: &mut Turn<'_>) {
        let Some(cancel) = self.cancel.clone() else {
            return;
        };
        if self.sums().came.is_positive() {
            // What is there is dealt with; whoever called it off hears that.
            turn.became(EventKind::CancelTooLate, "");
            let data = [("rma_no", self.rma_no.as_str())];
            turn.notify_once(
                Audience::CustomerService,
                "cancel/too-late",
                "return-cancel-too-late",
                &data,
            );
            return;
        }
        turn.became(EventKind::ReturnCancelled, "");
        self.notify(turn, "cancelled", "return-cancelled", &[]);
        self.take_back(turn, "the return was called off", &[]);
        match cancel.of {
            _ if cancel.by_erp => {}
            Some(of) => turn.send_once(Receiver::Erp, "erp/cancel", Draft::Relayed { of }),
            None => self.tell_erp_it_ended(turn, "cancel", ReturnIntent::Closed),
        }
    }

    /// Warehouses that were told to expect it are told not to, all but these.
    fn take_back(&mut self, turn: &mut Turn<'_>, why: &str, but: &[String]) {
        let Some(paper) = self.verdict.clone() else {
            return;
        };
        let (kept, told): (Vec<_>, Vec<_>) = std::mem::take(&mut self.expected)
            .into_iter()
            .partition(|(node, _)| but.contains(node));
        self.expected = kept;
        for (node, at) in told {
            let draft = self.announce(&paper, Intent::Cancel, ReturnIntent::Closed, &node);
            let key = format!("expect-no-more/{node}/{at}");
            turn.desk.renew(&key);
            turn.send_once(Receiver::Node { node: node.clone() }, &key, draft);
            turn.event(
                Event::new(EventKind::Compensated, &node)
                    .with("what", "the expected return was cancelled at the node")
                    .with("why", why),
            );
        }
    }

    /// The ERP lets go of what it holds for the return.
    fn tell_erp_it_ended(&self, turn: &mut Turn<'_>, key: &str, state: ReturnIntent) {
        let Some(paper) = &self.verdict else {
            return;
        };
        let draft = Draft::Return {
            of: paper.of,
            purpose: Intent::Cancel,
            state,
            node: None,
        };
        turn.send_once(Receiver::Erp, &format!("erp/{key}"), draft);
        turn.event_once(
            Event::new(EventKind::Compensated, "erp")
                .with(
                    "what",
                    "the ERP was told to release what it holds for the return",
                )
                .with("why", key),
        );
    }

    fn follow_receipts(&mut self, turn: &mut Turn<'_>) {
        for receipt in &self.receipts {
            turn.became(EventKind::ReturnReceived, &receipt.no);
            let draft = Draft::Relayed { of: receipt.of };
            let key = format!("receipt/{}", receipt.no);
            turn.send_once(Receiver::Erp, &format!("erp/{key}"), draft.clone());
            turn.send_once(Receiver::Crm, &format!("crm/{key}"), draft);
            self.notify(
                turn,
                &key,
                "return-received",
                &[("receipt_no", &receipt.no)],
            );
        }
        for inspection in self.valid_inspections() {
            let subject = format!("{}/{}", inspection.receipt, inspection.at);
            turn.became(EventKind::ReturnInspected, &subject);
            let draft = Draft::Relayed { of: inspection.of };
            turn.send_once(Receiver::Crm, &format!("crm/inspection/{subject}"), draft);
        }
    }

    /// Asks the ERP for the money that is due and was not asked for. There is none
    /// before goods that may come have come and were judged.
    fn request_credit(&mut self, turn: &mut Turn<'_>) {
        let rules = &turn.world.policy.returns;
        let by_erp = self.valid_inspections().any(|it| it.by_erp);
        if !rules.request_credit || by_erp || !self.is_inspected() {
            return;
        }
        let sums = self.sums();
        let due = self.due_by_policy(&rules.credit_percent);
        let asked = match due {
            // Money that the ERP gave back by itself needs no asking.
            Some(due) if due > self.requested.max(sums.credited) => {
                due - self.requested.max(sums.credited)
            }
            Some(_) => return,
            None => Number::ZERO,
        };
        let amount = due.map(|_| asked);
        let key = match due {
            Some(due) => {
                self.requested = due;
                format!("erp/credit/{due}")
            }
            None => format!("erp/credit/of/{}", sums.inspected),
        };
        let decision = match (due, sums.worth) {
            (Some(due), Some(worth)) if due < worth => Some(CreditDecision::Partial),
            (Some(_), _) => Some(CreditDecision::Full),
            (None, _) => None,
        };
        turn.event_once(Event::new(EventKind::CreditRequested, &key).with("amount", asked));
        let document = self.credit_request(decision, amount, turn);
        turn.send_once(Receiver::Erp, &key, Draft::written(document));
    }

    fn credit_request(
        &self,
        credit: Option<CreditDecision>,
        amount: Option<Number>,
        turn: &Turn<'_>,
    ) -> Document {
        let first = self
            .permission()
            .and_then(|permission| permission.lines.first());
        let currency = first.map(|line| line.currency.clone()).unwrap_or_default();
        let unit_of = |sku: &str| {
            let lines = self.permission().map_or(&[][..], |it| &it.lines);
            lines
                .iter()
                .find(|line| line.sku == sku)
                .map_or("EA", |line| line.unit.as_str())
        };
        let lines = self
            .valid_inspections()
            .flat_map(|it| &it.lines)
            .map(|line| DispositionLine {
                line_no: line.no.clone(),
                items: item(&line.sku),
                quantity: quantity(line.quantity, unit_of(&line.sku)),
                disposition: crossdock_sdk::json::code(&line.disposition)
                    .unwrap_or_else(|| Disposition::Other(line.disposition.clone())),
                text: None,
                extras: Vec::new(),
            });
        Document::ReturnDisposition(ReturnDisposition {
            rma_no: self.rma_no.clone(),
            receipt_no: None,
            decided_at: moment(turn.now),
            lines: lines.collect(),
            credit,
            credit_amount: amount.map(|amount| Money {
                amount: amount.decimal(),
                currency,
            }),
            restocking_fee: None,
            references: Vec::new(),
            extras: Vec::new(),
        })
    }

    /// The customer hears of money that goes back for goods that came back, and of no
    /// other.
    fn follow_credits(&mut self, turn: &mut Turn<'_>) {
        let sums = self.sums();
        if sums.credited.is_zero() || sums.posted > sums.credited {
            return;
        }
        for credit in self.credits.iter().filter(|it| !it.cancelled) {
            turn.event_once(
                Event::new(EventKind::CreditPosted, &credit.no).with("amount", credit.amount),
            );
            turn.send_once(
                Receiver::Crm,
                &format!("crm/credit/{}", credit.no),
                Draft::Relayed { of: credit.of },
            );
            let amount = credit.amount.to_string();
            self.notify(
                turn,
                &format!("credit/{}", credit.no),
                "return-credited",
                &[("amount", &amount)],
            );
        }
    }

    /// Asks the ERP to allow what came without permission.
    pub(super) fn ask_for_permission(&self, turn: &mut Turn<'_>) {
        let lines = self
            .receipts
            .iter()
            .flat_map(|it| &it.lines)
            .map(|line| ReturnLine {
                line_no: line.no.clone(),
                items: item(&line.sku),
                quantity: quantity(line.quantity, "EA"),
                reason: ReturnReason::Other(String::new()),
                unit_price: None,
                expected_disposition: None,
                serials: Vec::new(),
                extras: Vec::new(),
            });
        let paper = ReturnAuthorization {
            rma_no: self.rma_no.clone(),
            purpose: Purpose::Original,
            order_no: None,
            state: ReturnState::Requested,
            issued_at: Some(moment(turn.now)),
            expires: None,
            node: None,
            reason: Some("goods came without a permission".to_owned()),
            parties: Vec::new(),
            references: Vec::new(),
            lines: lines.collect(),
            extras: Vec::new(),
        };
        turn.desk.unsay("erp/permission");
        turn.send_once(
            Receiver::Erp,
            "erp/permission",
            Draft::written(Document::ReturnAuthorization(paper)),
        );
    }

    fn notify(&self, turn: &mut Turn<'_>, key: &str, template: &str, data: &[(&str, &str)]) {
        let mut data = data.to_vec();
        data.push(("rma_no", &self.rma_no));
        turn.notify_once(
            Audience::Customer,
            &format!("customer/{key}"),
            template,
            &data,
        );
    }
}

/// Who shall expect it: the node that the paper names, else all.
fn nodes(paper: &Paper, turn: &Turn<'_>) -> Vec<String> {
    match &paper.node {
        Some(node) => vec![node.clone()],
        None => turn
            .world
            .policy
            .routing
            .names()
            .map(str::to_owned)
            .collect(),
    }
}
