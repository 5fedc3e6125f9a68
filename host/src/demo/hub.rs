//! SAP's integration hub: for what no IDoc is set up in this landscape it has adopted our
//! documents. It says what stock SAP has in its books and which returns may come, posts
//! credits, and books all that it is told.

use std::io;

use crossdock_sdk::{
    Decimal, Document, InventorySnapshot, Invoice, InvoiceLine, InvoiceType, ItemId, Moment, Money,
    Quantity, ReturnAuthorization, ReturnLine, ReturnReason, ReturnState, SnapshotLine, Stock,
    StockKind, json,
};

use crate::{
    clock::Clock,
    simulate::{
        canonical::{Booked, Receiver},
        ingress::{Answer, Ingress, Message},
    },
};

/// What SAP's prices are in.
const CURRENCY: &str = "USD";

/// A running hub.
#[derive(Debug)]
pub(super) struct Hub {
    receiver: Receiver,
    clock: Clock,
    sent: u32,
}

/// A return that SAP allows.
pub(super) struct Allowed<'a> {
    /// Its number.
    pub(super) rma_no: &'a str,
    /// What was sold with.
    pub(super) order_no: &'a str,
    /// The node that shall take it back.
    pub(super) node: &'a str,
    /// The item.
    pub(super) sku: &'a str,
    /// How many may come.
    pub(super) pieces: u32,
    /// What each was sold for.
    pub(super) price: u32,
}

// === impl Hub ===

impl Hub {
    /// Opens the hub for those who present `token`.
    ///
    /// # Errors
    /// When there is no port.
    pub(super) async fn start(token: &str, clock: Clock) -> io::Result<Self> {
        let receiver = Receiver::start("HUB", token, clock.clone()).await?;
        Ok(Self {
            receiver,
            clock,
            sent: 0,
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        self.receiver.url()
    }

    /// What it was told.
    pub(super) fn booked(&self) -> Vec<Booked> {
        self.receiver.booked()
    }

    /// SAP allows a return.
    pub(super) async fn allow(
        &mut self,
        way: &Ingress,
        allowed: &Allowed<'_>,
    ) -> Result<Answer, String> {
        let mut line = ReturnLine::new(
            "1",
            vec![ItemId::sku(allowed.sku)],
            Quantity::each(allowed.pieces),
            ReturnReason::Damaged,
        );
        line.unit_price = Some(money(allowed.price));
        let mut paper = ReturnAuthorization::new(allowed.rma_no, ReturnState::Authorized);
        paper.order_no = Some(allowed.order_no.to_owned());
        paper.node = Some(allowed.node.to_owned());
        paper.issued_at = Some(self.now());
        paper.lines = vec![line];
        self.send(way, Document::ReturnAuthorization(paper)).await
    }

    /// SAP posts a credit for a return.
    pub(super) async fn credit(
        &mut self,
        way: &Ingress,
        allowed: &Allowed<'_>,
        pieces: u32,
    ) -> Result<Answer, String> {
        let now = self.now();
        let total = money(pieces * allowed.price);
        let number = format!("9100{:04}", self.sent + 1);
        let mut memo = Invoice::new(number, now.day(), InvoiceType::CreditMemo, total);
        memo.rma_no = Some(allowed.rma_no.to_owned());
        memo.order_no = Some(allowed.order_no.to_owned());
        let items = vec![ItemId::sku(allowed.sku)];
        let quantity = Quantity::each(pieces);
        let line = InvoiceLine::new("1", quantity, money(allowed.price), items);
        memo.lines = vec![line];
        self.send(way, Document::Invoice(memo)).await
    }

    /// SAP says what it has in its books of a node.
    pub(super) async fn figures(
        &mut self,
        way: &Ingress,
        node: &str,
        stock: &[(&str, u32)],
    ) -> Result<Answer, String> {
        let id = format!("BOOK-{}", self.sent + 1);
        let mut snapshot = InventorySnapshot::new(id, self.now());
        snapshot.node = Some(node.to_owned());
        let line = |(sku, pieces): &(&str, u32)| {
            let figure = Stock::new(StockKind::OnHand, Quantity::each(*pieces));
            SnapshotLine::new(vec![ItemId::sku(*sku)], vec![figure])
        };
        snapshot.lines = stock.iter().map(line).collect();
        self.send(way, Document::InventorySnapshot(snapshot)).await
    }

    async fn send(&mut self, way: &Ingress, document: Document) -> Result<Answer, String> {
        self.sent += 1;
        let body = json::to_vec(&document).map_err(|error| error.to_string())?;
        let message = Message {
            key: format!("hub-{}", self.sent),
            correlation_id: None,
            content_type: "application/json",
            headers: Vec::new(),
            body: body.into(),
        };
        way.send(message).await
    }

    fn now(&self) -> Moment {
        Moment::zoned(self.clock.now().to_string())
    }
}

fn money(amount: u32) -> Money {
    Money::new(Decimal::whole(amount), CURRENCY)
}
