//! The customer desk: it sends nothing and is told of every shipment.

use std::io;

use crate::{
    clock::Clock,
    simulate::canonical::{Booked, Receiver},
};

/// A running CRM.
#[derive(Debug)]
pub(super) struct Crm {
    receiver: Receiver,
}

// === impl Crm ===

impl Crm {
    /// Opens the desk for those who present `token`.
    ///
    /// # Errors
    /// When there is no port.
    pub(super) async fn start(token: &str, clock: Clock) -> io::Result<Self> {
        let receiver = Receiver::start("CASE", token, clock).await?;
        Ok(Self { receiver })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        self.receiver.url()
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
