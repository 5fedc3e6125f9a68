//! A warehouse without its walls: stock, releases and numbers of its own.
//!
//! Pure in (state, file, time): it takes files in and gives files back. How they
//! travel is the business of [`super::Warehouse`] and [`super::folder`].
//! It does what warehouses do: it acknowledges what it read, refuses an order
//! it knows already or an item it does not, ships what it has, and ships either at
//! once or when the truck comes. Told to, it says what lies on its shelves and what
//! customers sent back.

mod shelves;

use std::collections::{BTreeMap, BTreeSet};

use crossdock_sdk::x12::{separators::SeparatorsError, writer::WriteError};

use super::edi::{
    self, Acknowledgement, Content, Group, Heading, Purpose, Release, Shipment, ShippedLine,
};
use crate::clock::Timestamp;

/// What is remembered of each kind (releases, shipments, acknowledgements) at most;
/// beyond it the warehouse takes nothing more.
const REMEMBERED_MAX: usize = 10_000;

/// A simulated warehouse.
#[derive(Debug)]
pub struct Depot {
    id: &'static str,
    customer: &'static str,
    letter: char,
    stock: BTreeMap<String, u64>,
    /// ISA13 and GS06 of the last file.
    number: u32,
    shipments: u32,
    receipts: u32,
    ships: Ships,
    misprint: Option<String>,
    open: BTreeMap<String, Open>,
    interchanges: BTreeSet<String>,
    /// Files that came a second time.
    pub repeats: usize,
    /// Every release that was taken, in order.
    pub releases: Vec<Release>,
    /// What was shipped, in order.
    pub shipped: Vec<Shipment>,
    /// What the other side said of our files, in order.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// When releases become shipments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ships {
    /// As soon as they are released.
    AtOnce,
    /// When the truck comes, see [`Depot::load_truck`].
    WithTheTruck,
}

/// A release that is not shipped yet.
#[derive(Debug)]
struct Open {
    release: Release,
    correlation_id: Option<String>,
}

/// A file for the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// ISA13.
    pub number: u32,
    /// 997, 945, 846 or 944.
    pub kind: &'static str,
    /// What the other side called the conversation, where it did.
    pub correlation_id: Option<String>,
    /// The bytes.
    pub file: Vec<u8>,
}

/// What the warehouse will not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No X12.
    #[error("this is not X12: {0}")]
    NotX12(String),
    /// An item that is not in the item master.
    #[error("order {order_no}: nobody here knows the item {sku}")]
    UnknownItem {
        /// Which order.
        order_no: String,
        /// Which item.
        sku: String,
    },
    /// A new order under a known number.
    #[error("order {0} is known already")]
    KnownOrder(String),
    /// A change of what is not open.
    #[error("order {0} is not open: it was never released, or has left the house")]
    NotOpen(String),
    /// No room to remember more.
    #[error("the warehouse is full")]
    Full,
    /// What it would answer can't be written.
    #[error("the answer can't be written: {0}")]
    Answer(String),
}

// === impl Depot ===

impl Depot {
    /// A warehouse called `id` in X12, working for `customer`, with this stock. What
    /// it numbers begins with `letter`.
    pub fn new(
        id: &'static str,
        customer: &'static str,
        letter: char,
        stock: &[(&str, u64)],
    ) -> Self {
        Self {
            id,
            customer,
            letter,
            stock: stock
                .iter()
                .map(|(sku, pieces)| ((*sku).to_owned(), *pieces))
                .collect(),
            number: 1_000,
            shipments: 0,
            receipts: 0,
            ships: Ships::AtOnce,
            misprint: None,
            open: BTreeMap::new(),
            interchanges: BTreeSet::new(),
            repeats: 0,
            releases: Vec::new(),
            shipped: Vec::new(),
            acknowledgements: Vec::new(),
        }
    }

    /// Changes when it ships from now on.
    pub fn ship(&mut self, ships: Ships) {
        self.ships = ships;
    }

    /// Prints the quantities of this order wrong when it ships.
    pub fn misprint(&mut self, order_no: &str) {
        self.misprint = Some(order_no.to_owned());
    }

    /// Puts an item on the shelf, and into the item master where it is new.
    pub fn stock(&mut self, sku: &str, pieces: u64) {
        let shelf = self.stock.entry(sku.to_owned()).or_default();
        *shelf = shelf.saturating_add(pieces);
    }

    /// Takes a file, all of it or nothing, and says what is to be sent for it.
    pub fn take(
        &mut self,
        file: &[u8],
        correlation_id: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let received = edi::read(file)?;
        if self.releases.len().max(self.acknowledgements.len()) >= REMEMBERED_MAX {
            return Err(Refusal::Full);
        }
        if self.interchanges.contains(&received.interchange) {
            self.repeats += 1;
            return Ok(Vec::new());
        }
        for group in &received.groups {
            self.check(group)?;
        }
        self.interchanges.insert(received.interchange);
        let mut outgoing = Vec::new();
        for group in received.groups {
            // What acknowledges is not acknowledged.
            if group.functional_id != "FA" {
                outgoing.push(self.acknowledge(&group, correlation_id, at)?);
            }
            for set in group.sets {
                match set.content {
                    Ok(Content::Release(release)) => self.release(release, correlation_id),
                    Ok(Content::Acknowledgement(it)) => self.acknowledgements.push(it),
                    Err(_) => {}
                }
            }
        }
        if self.ships == Ships::AtOnce {
            outgoing.extend(self.load_truck(at)?);
        }
        Ok(outgoing)
    }

    /// Ships all that is open: one file for everything; nothing when nothing is open.
    pub fn load_truck(&mut self, at: Timestamp) -> Result<Option<Outgoing>, Refusal> {
        let open = std::mem::take(&mut self.open);
        let mut ids: Vec<_> = open.values().map(|it| it.correlation_id.clone()).collect();
        ids.dedup();
        let shipments: Vec<_> = open.into_values().map(|it| self.pick(it.release)).collect();
        if shipments.is_empty() {
            return Ok(None);
        }
        let number = self.next_number();
        let file = edi::write_shipments(&self.heading(number, at), &shipments)?;
        self.shipped.extend(shipments);
        Ok(Some(Outgoing {
            number,
            kind: "945",
            // A file about several orders belongs to none of their conversations.
            correlation_id: if ids.len() == 1 { ids.remove(0) } else { None },
            file,
        }))
    }

    /// Says again what was said in misprinted shipments: one file; nothing when all
    /// were printed well.
    pub fn reprint(&mut self, at: Timestamp) -> Result<Option<Outgoing>, Refusal> {
        let misprinted = self.shipped.iter_mut().filter(|it| it.misprinted);
        let shipments: Vec<_> = misprinted
            .map(|shipment| {
                shipment.misprinted = false;
                shipment.clone()
            })
            .collect();
        if shipments.is_empty() {
            return Ok(None);
        }
        let number = self.next_number();
        let file = edi::write_shipments(&self.heading(number, at), &shipments)?;
        Ok(Some(Outgoing {
            number,
            kind: "945",
            correlation_id: None,
            file,
        }))
    }

    fn check(&self, group: &Group) -> Result<(), Refusal> {
        for set in &group.sets {
            let Ok(Content::Release(release)) = &set.content else {
                continue;
            };
            let order_no = release.order_no.clone();
            let open = self.open.contains_key(&order_no);
            let known = self.releases.iter().any(|it| it.order_no == order_no);
            match release.purpose {
                Purpose::New if known => return Err(Refusal::KnownOrder(order_no)),
                Purpose::Change | Purpose::Cancel if !open => {
                    return Err(Refusal::NotOpen(order_no));
                }
                _ => {}
            }
            let unknown = release
                .lines
                .iter()
                .find(|line| !self.stock.contains_key(&line.sku));
            if let Some(line) = unknown {
                let sku = line.sku.clone();
                return Err(Refusal::UnknownItem { order_no, sku });
            }
        }
        Ok(())
    }

    fn acknowledge(
        &mut self,
        group: &Group,
        correlation_id: Option<&str>,
        at: Timestamp,
    ) -> Result<Outgoing, Refusal> {
        let number = self.next_number();
        Ok(Outgoing {
            number,
            kind: "997",
            correlation_id: correlation_id.map(str::to_owned),
            file: edi::write_acknowledgement(&self.heading(number, at), group)?,
        })
    }

    fn release(&mut self, release: Release, correlation_id: Option<&str>) {
        self.releases.push(release.clone());
        let order_no = release.order_no.clone();
        if release.purpose == Purpose::Cancel {
            self.open.remove(&order_no);
            return;
        }
        let correlation_id = correlation_id.map(str::to_owned);
        self.open.insert(
            order_no,
            Open {
                release,
                correlation_id,
            },
        );
    }

    /// Takes from the shelf what is there.
    fn pick(&mut self, release: Release) -> Shipment {
        self.shipments += 1;
        let lines = release.lines.into_iter().map(|line| {
            let shelf = self.stock.entry(line.sku.clone()).or_default();
            let shipped = line.pieces.min(*shelf);
            *shelf -= shipped;
            ShippedLine {
                number: line.number,
                ordered: line.pieces,
                shipped,
                unit: line.unit,
                sku: line.sku,
            }
        });
        let misprinted = self.misprint.as_ref() == Some(&release.order_no);
        let shipment = Shipment {
            number: format!("{}{:05}", self.letter, self.shipments),
            lines: lines.collect(),
            ship_to: release.ship_to,
            label: self.shipments,
            misprinted,
            order_no: release.order_no,
        };
        if misprinted {
            self.misprint = None;
        }
        shipment
    }

    fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    fn heading(&self, number: u32, at: Timestamp) -> Heading<'static> {
        Heading {
            sender: self.id,
            receiver: self.customer,
            number,
            at,
        }
    }
}

// === impl Refusal ===

impl From<SeparatorsError> for Refusal {
    fn from(error: SeparatorsError) -> Self {
        Self::NotX12(error.to_string())
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        Self::Answer(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_772_357_400_000);

    fn depot() -> Depot {
        Depot::new("NORTH", "ACME", 'N', &[("KETTLE", 10), ("MUG", 100)])
    }

    /// A 940 with one line.
    fn release(number: u32, purpose: &str, order_no: &str, pieces: u64, sku: &str) -> Vec<u8> {
        format!(
            "ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTH          *260301*0930*U*00401*{number:09}*0*T*>~\
             GS*OW*ACME*NORTH*20260301*0930*{number}*X*004010~ST*940*0001~W05*{purpose}*{order_no}~LX*1~\
             W01*{pieces}*EA**SK*{sku}~SE*5*0001~GE*1*{number}~IEA*1*{number:09}~"
        )
        .into_bytes()
    }

    #[test]
    fn acknowledges_and_ships_what_it_has() {
        let mut depot = depot();
        let sent = depot
            .take(&release(1, "N", "SO-1", 12, "KETTLE"), Some("SO-1"), AT)
            .unwrap();
        let kinds: Vec<_> = sent.iter().map(|it| (it.kind, it.number)).collect();
        assert_eq!(kinds, [("997", 1_001), ("945", 1_002)]);
        assert!(
            sent.iter()
                .all(|it| it.correlation_id.as_deref() == Some("SO-1"))
        );
        let line = &depot.shipped[0].lines[0];
        assert_eq!((line.ordered, line.shipped), (12, 10));
    }

    #[test]
    fn the_same_file_again_has_no_second_effect() {
        let mut depot = depot();
        let file = release(1, "N", "SO-1", 2, "MUG");
        depot.take(&file, None, AT).unwrap();
        assert_eq!(depot.take(&file, None, AT), Ok(Vec::new()));
        assert_eq!(
            (depot.repeats, depot.releases.len(), depot.shipped.len()),
            (1, 1, 1)
        );
    }

    #[test]
    fn the_truck_takes_the_last_word_of_each_order() {
        let mut depot = depot();
        depot.ship(Ships::WithTheTruck);
        depot
            .take(&release(1, "N", "SO-1", 2, "MUG"), Some("a"), AT)
            .unwrap();
        depot
            .take(&release(2, "R", "SO-1", 5, "MUG"), Some("b"), AT)
            .unwrap();
        depot
            .take(&release(3, "N", "SO-2", 1, "MUG"), Some("c"), AT)
            .unwrap();
        depot
            .take(&release(4, "F", "SO-2", 1, "MUG"), Some("c"), AT)
            .unwrap();
        let truck = depot.load_truck(AT).unwrap().unwrap();
        assert_eq!(truck.correlation_id.as_deref(), Some("b"));
        let [shipment] = &depot.shipped[..] else {
            panic!("{:?}", depot.shipped)
        };
        assert_eq!(
            (shipment.order_no.as_str(), shipment.lines[0].shipped),
            ("SO-1", 5)
        );
        assert_eq!(depot.load_truck(AT), Ok(None));
    }

    #[test]
    fn refuses_what_it_cannot_do_and_keeps_nothing_of_it() {
        let mut depot = depot();
        depot
            .take(&release(1, "N", "SO-1", 2, "MUG"), None, AT)
            .unwrap();
        let cases = [
            (
                release(2, "N", "SO-1", 2, "MUG"),
                Refusal::KnownOrder("SO-1".to_owned()),
            ),
            (
                release(3, "R", "SO-1", 3, "MUG"),
                Refusal::NotOpen("SO-1".to_owned()),
            ),
            (
                release(4, "N", "SO-2", 1, "TEAPOT"),
                Refusal::UnknownItem {
                    order_no: "SO-2".to_owned(),
                    sku: "TEAPOT".to_owned(),
                },
            ),
        ];
        for (file, refusal) in cases {
            assert_eq!(depot.take(&file, None, AT), Err(refusal));
        }
        assert!(matches!(
            depot.take(b"hello", None, AT),
            Err(Refusal::NotX12(_))
        ));
        // The same file is welcome once its cause is gone.
        depot.stock("TEAPOT", 5);
        assert_eq!(
            depot
                .take(&release(4, "N", "SO-2", 1, "TEAPOT"), None, AT)
                .map(|it| it.len()),
            Ok(2)
        );
        assert_eq!(depot.releases.len(), 2);
    }

    #[test]
    fn a_misprint_happens_once() {
        let mut depot = depot();
        depot.misprint("SO-2");
        for (number, order_no) in [(1, "SO-1"), (2, "SO-2"), (3, "SO-3")] {
            depot
                .take(&release(number, "N", order_no, 1, "MUG"), None, AT)
                .unwrap();
        }
        let misprinted: Vec<_> = depot.shipped.iter().map(|it| it.misprinted).collect();
        assert_eq!(misprinted, [false, true, false]);
        let reprinted = depot.reprint(AT).unwrap().unwrap();
        assert!(
            String::from_utf8(reprinted.file)
                .unwrap()
                .contains("~W12*CC*1*1*0*EA**SK*MUG~")
        );
        assert_eq!(depot.reprint(AT), Ok(None));
    }
}
