//! What the document families share.

use crate::{
    Address, Carrier, Contact, Decimal, IdScheme, ItemId, ItemScheme, Lot, LotQuantity, Moment,
    Money, Party, PartyRole, Quantity, Reference, Source,
};

impl Quantity {
    /// So much in a UN/ECE Recommendation 20 unit (`EA`, `KGM`).
    pub fn new(value: Decimal, unit: impl Into<String>) -> Quantity {
        Quantity {
            value,
            unit: unit.into(),
        }
    }

    /// So many pieces.
    pub fn each(count: u32) -> Quantity {
        Quantity::new(Decimal::whole(count), "EA")
    }
}

impl Money {
    /// An amount in major units with its ISO 4217 code (`USD`).
    pub fn new(amount: Decimal, currency: impl Into<String>) -> Money {
        Money {
            amount,
            currency: currency.into(),
        }
    }
}

impl Moment {
    /// A day (`2026-03-01`), or local time of the place (`2026-03-01T09:30:00`).
    pub fn local(text: impl Into<String>) -> Moment {
        Moment {
            text: text.into(),
            zoned: false,
            raw: None,
        }
    }

    /// A moment with an offset: `2026-03-01T09:30:00-06:00`.
    pub fn zoned(text: impl Into<String>) -> Moment {
        Moment {
            text: text.into(),
            zoned: true,
            raw: None,
        }
    }

    /// Keeps what the partner wrote, where that says more than `text`.
    #[must_use]
    pub fn with_raw(mut self, raw: impl Into<String>) -> Moment {
        self.raw = Some(raw.into());
        self
    }
}

impl Reference {
    /// A number of the kind that the X12 qualifier names (`BM`, `CN`, `PO`).
    pub fn new(qualifier: impl Into<String>, value: impl Into<String>) -> Reference {
        Reference {
            qualifier: qualifier.into(),
            value: value.into(),
            description: None,
        }
    }
}

impl Party {
    /// A party of which nothing but its role is known yet.
    pub fn new(role: PartyRole) -> Party {
        Party {
            role,
            name: None,
            id: None,
            scheme: None,
            address: None,
            contacts: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// The same party with its number in a numbering scheme.
    #[must_use]
    pub fn with_id(mut self, scheme: IdScheme, id: impl Into<String>) -> Party {
        self.scheme = Some(scheme);
        self.id = Some(id.into());
        self
    }

    /// The same party with its name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Party {
        self.name = Some(name.into());
        self
    }
}

/// An address of which nothing is known.
impl Default for Address {
    fn default() -> Address {
        Address {
            lines: Vec::new(),
            city: None,
            region: None,
            postal_code: None,
            country: None,
        }
    }
}

/// A contact of which nothing is known.
impl Default for Contact {
    fn default() -> Contact {
        Contact {
            name: None,
            phone: None,
            email: None,
        }
    }
}

/// A carrier of which nothing is known.
impl Default for Carrier {
    fn default() -> Carrier {
        Carrier {
            scac: None,
            name: None,
            service: None,
            mode: None,
            payment: None,
            equipment: None,
        }
    }
}

impl ItemId {
    /// A number of an item in a numbering scheme.
    pub fn new(scheme: ItemScheme, value: impl Into<String>) -> ItemId {
        ItemId {
            scheme,
            value: value.into(),
        }
    }

    /// The depositor's stock keeping unit.
    pub fn sku(value: impl Into<String>) -> ItemId {
        ItemId::new(ItemScheme::Sku, value)
    }
}

impl Lot {
    /// A lot of which only the number is known.
    pub fn new(number: impl Into<String>) -> Lot {
        Lot {
            number: number.into(),
            expiry: None,
            manufactured: None,
        }
    }
}

impl LotQuantity {
    /// So much of one lot; the whole line when `quantity` is absent.
    pub fn new(lot: Lot, quantity: Option<Quantity>) -> LotQuantity {
        LotQuantity { lot, quantity }
    }
}

impl Source {
    /// Where a document stood: the dialect (`x12`, `json`), and which document of
    /// the message it is, from 0.
    pub fn new(format: impl Into<String>, position: u32) -> Source {
        Source {
            format: format.into(),
            version: None,
            type_: None,
            interchange_control: None,
            group_control: None,
            transaction_control: None,
            position,
        }
    }
}
