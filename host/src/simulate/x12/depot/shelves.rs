//! What lies on a depot's shelves: counted, reported, and come back.

use super::{Depot, Outgoing, Refusal};
use crate::{
    clock::Timestamp,
    simulate::x12::edi::reports::{self, Receipt, Shelf},
};

// === impl Depot ===

impl Depot {
    /// What lies on a shelf.
    #[must_use]
    pub fn on_hand(&self, sku: &str) -> u64 {
        self.stock.get(sku).copied().unwrap_or_default()
    }

    /// Finds another number of pieces on a shelf than was thought: a count, or a crash.
    pub fn count(&mut self, sku: &str, pieces: u64) {
        self.stock.insert(sku.to_owned(), pieces);
    }

    /// Says what lies on all shelves.
    pub fn report_stock(&mut self, at: Timestamp) -> Result<Outgoing, Refusal> {
        let number = self.next_number();
        let shelves: Vec<Shelf> = self
            .stock
            .iter()
            .map(|(sku, pieces)| Shelf {
                sku: sku.clone(),
                pieces: *pieces,
            })
            .collect();
        let file = reports::write_stock(&self.heading(number, at), &shelves)?;
        Ok(Outgoing {
            number,
            kind: "846",
            correlation_id: None,
            file,
        })
    }

    /// Takes goods back that a customer sent, on the shelf again, and says so.
    pub fn take_back(
        &mut self,
        rma_no: Option<&str>,
        sku: &str,
        pieces: u64,
        at: Timestamp,
    ) -> Result<Outgoing, Refusal> {
        self.receipts += 1;
        self.stock(sku, pieces);
        let receipt = Receipt {
            number: format!("{}R{:04}", self.letter, self.receipts),
            rma_no: rma_no.map(str::to_owned),
            items: vec![Shelf {
                sku: sku.to_owned(),
                pieces,
            }],
        };
        let number = self.next_number();
        let file = reports::write_receipt(&self.heading(number, at), &receipt)?;
        Ok(Outgoing {
            number,
            kind: "944",
            correlation_id: None,
            file,
        })
    }
}
