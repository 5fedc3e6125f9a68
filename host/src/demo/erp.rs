//! The ERP: it takes orders, sends them to the host, and books what was shipped.

use std::io;

use bytes::Bytes;
use crossdock_sdk::{
    Address, Document, ItemId, Order, OrderLine, Party, PartyRole, Purpose, Quantity, json,
};

use crate::{
    clock::Clock,
    simulate::{
        canonical::{Booked, Receiver},
        ingress::{Answer, Ingress, Message},
    },
};

/// A running ERP.
#[derive(Debug)]
pub(super) struct Erp {
    receiver: Receiver,
    orders: u32,
}

/// A customer, and so a place to ship to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Customer {
    /// In Minnesota.
    LakeShop,
    /// In Georgia.
    PeachStore,
}

// === impl Customer ===

impl Customer {
    fn ship_to(self) -> Party {
        let (name, street, city, region, postal_code) = match self {
            Self::LakeShop => ("Lake Shop", "1 Pier Road", "Duluth", "MN", "55802"),
            Self::PeachStore => ("Peach Store", "22 Orchard Lane", "Macon", "GA", "31201"),
        };
        let address = Address {
            lines: vec![street.to_owned()],
            city: Some(city.to_owned()),
            region: Some(region.to_owned()),
            postal_code: Some(postal_code.to_owned()),
            country: Some("US".to_owned()),
        };
        Party {
            address: Some(address),
            ..Party::new(PartyRole::ShipTo).with_name(name)
        }
    }
}

// === impl Erp ===

impl Erp {
    /// Opens the books for those who present `token`.
    ///
    /// # Errors
    /// When there is no port.
    pub(super) async fn start(token: &str, clock: Clock) -> io::Result<Self> {
        let receiver = Receiver::start("POSTING", token, clock).await?;
        Ok(Self {
            receiver,
            orders: 0,
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        self.receiver.url()
    }

    /// A new order of so many pieces of each item.
    pub(super) fn order(&mut self, customer: Customer, items: &[(&str, u32)]) -> Order {
        self.orders += 1;
        let order_no = format!("SO-{}", 1_000 + self.orders);
        let lines = items.iter().enumerate().map(|(index, (sku, pieces))| {
            let number = (10 * (index + 1)).to_string();
            OrderLine::new(number, Quantity::each(*pieces), vec![ItemId::sku(*sku)])
        });
        Order {
            customer_po: Some(format!("PO-{}", 77_000 + self.orders)),
            parties: vec![customer.ship_to()],
            lines: lines.collect(),
            ..Order::new(order_no)
        }
    }

    /// What it was told of the shipments of an order.
    pub(super) fn shipments(&self, order_no: &str) -> Vec<Booked> {
        self.receiver.shipments(order_no)
    }

    /// How much it was told in all.
    pub(super) fn told(&self) -> usize {
        self.receiver.booked().len()
    }
}

/// The same order with other quantities, as its first change.
pub(super) fn changed(order: &Order, pieces: u32) -> Order {
    let mut changed = order.clone();
    changed.purpose = Purpose::Change;
    changed.revision = Some("1".to_owned());
    for line in &mut changed.lines {
        line.quantity = Quantity::each(pieces);
    }
    changed
}

/// The order as it travels.
pub(super) fn body(order: &Order) -> Result<Bytes, String> {
    let document = Document::Order(order.clone());
    json::to_vec(&document)
        .map(Bytes::from)
        .map_err(|error| error.to_string())
}

/// Sends an order under a key, with the order's number as the correlation id.
pub(super) async fn send(ingress: &Ingress, order: &Order, key: &str) -> Result<Answer, String> {
    let message = Message {
        key: key.to_owned(),
        correlation_id: Some(order.order_no.clone()),
        content_type: "application/json",
        headers: Vec::new(),
        body: body(order)?,
    };
    ingress.send(message).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_are_numbered_and_travel_as_canonical_json() {
        let mut erp = Erp::start("secret", Clock::System).await.unwrap();
        let first = erp.order(Customer::LakeShop, &[("KETTLE", 2), ("MUG", 5)]);
        let second = erp.order(Customer::PeachStore, &[("MUG", 1)]);
        assert_eq!(
            (first.order_no.as_str(), second.order_no.as_str()),
            ("SO-1001", "SO-1002")
        );
        let read: Document = json::from_slice(&body(&first).unwrap()).unwrap();
        assert_eq!(read, Document::Order(first.clone()));
        let changed = changed(&first, 7);
        assert_eq!(
            (changed.order_no, changed.purpose),
            (first.order_no, Purpose::Change)
        );
    }
}
