//! How SAP lets an order go, and asks money for what left.

use serde_json::{Value, json};

use super::{Delivery, Releases, Sap, outbound};
use crate::clock::Timestamp;

/// How an order is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// DELVRY07, message type SHPORD.
    Delivery,
    /// ORDERS05, message type ORDERS.
    Order,
    /// ORDERS05, message type ORDRSP.
    Response,
}

// === impl Sap ===

impl Sap {
    /// Makes the delivery of an order: once.
    fn deliver(&mut self, order: usize) -> Result<usize, String> {
        if let Some(known) = self.deliveries.iter().position(|it| it.order == order) {
            return Ok(known);
        }
        let reference = self.orders[order].reference();
        let external = (1..=10).contains(&reference.len())
            && reference.bytes().all(|it| it.is_ascii_digit())
            && !reference.starts_with('0');
        let number = match external {
            true => reference.to_owned(),
            false => format!("{}", 80_000_001 + self.deliveries.len()),
        };
        if self.deliveries.iter().any(|it| it.number == number) {
            return Err(format!("delivery {number} exists already"));
        }
        let lines = self.orders[order].delivery_lines();
        if lines.is_empty() {
            return Err("all items of the order are rejected".to_owned());
        }
        self.changes += 1;
        self.deliveries.push(Delivery {
            number,
            order,
            lines,
            reference: String::new(),
            picked: false,
            issued: None,
            billed: false,
            etag: format!("W/\"'{:08}'\"", self.changes),
        });
        Ok(self.deliveries.len() - 1)
    }

    /// Sends what lets an order go.
    pub(super) fn release(
        &mut self,
        order: usize,
        form: Form,
        at: Timestamp,
    ) -> Result<Value, String> {
        let (kind, number, body) = match form {
            Form::Order => {
                let number = self.orders[order].number.clone();
                ("ORDERS", number, outbound::order(self, order, at))
            }
            Form::Response => {
                let number = self.orders[order].number.clone();
                ("ORDRSP", number, outbound::response(self, order, at))
            }
            Form::Delivery => {
                let delivery = self.deliver(order)?;
                let number = self.deliveries[delivery].number.clone();
                ("SHPORD", number, outbound::delivery(self, delivery, at))
            }
        };
        let body = body.map_err(|error| error.to_string())?;
        self.send(kind, body);
        Ok(json!({ "message_type": kind, "document": number, "docnum": self.number }))
    }

    /// What this system sends by itself.
    pub(super) fn own_form(&self) -> Form {
        match self.system.releases {
            Releases::ByDelivery => Form::Delivery,
            Releases::ByResponse => Form::Response,
        }
    }

    /// Sends an invoice for what was issued of an order and is on none yet.
    pub(super) fn bill(&mut self, order: usize, at: Timestamp) -> Result<Value, String> {
        let open = |it: &Delivery| it.order == order && it.issued.is_some() && !it.billed;
        if !self.deliveries.iter().any(open) {
            return Err("nothing was issued that is not billed already".to_owned());
        }
        let number = format!("{}", 90_000_001 + self.invoices);
        let body = outbound::invoice(self, order, &number, at);
        let body = body.map_err(|error| error.to_string())?;
        self.invoices += 1;
        let billed = self.deliveries.iter_mut().filter(|it| open(it));
        billed.for_each(|it| it.billed = true);
        self.send("INVOIC", body);
        Ok(json!({ "invoice": number, "docnum": self.number }))
    }
}
