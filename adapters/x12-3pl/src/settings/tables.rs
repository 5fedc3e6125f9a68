//! The tables among the settings: partner's code to canonical word.

use crossdock_sdk::settings::Table;
use crossdock_sdk::{Problem, Settings};

use crate::codes;
use crossdock_sdk::Refusal;

/// The word of `stock.*` for a figure that is no stock.
pub(super) const IGNORED: &str = "ignore";

/// Every table. All but the last three are read in both directions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables<'s> {
    pub(super) units: Table<'s>,
    pub(super) items: Table<'s>,
    pub(super) carriers: Table<'s>,
    pub(super) services: Table<'s>,
    /// Element 673 to a kind of stock.
    pub(super) stock: Table<'s>,
    /// Element 529, or the words of an N9*M1, to a kind of stock.
    pub(super) statuses: Table<'s>,
    /// Element 181 to a reason.
    pub(super) reasons: Table<'s>,
}

// === impl Tables ===

impl<'s> Tables<'s> {
    /// # Errors
    /// `setting-invalid` when a word is none of the contract's.
    pub(super) fn new(settings: &Settings<'s>) -> Result<Self, Refusal> {
        let tables = Self {
            units: settings.table("unit"),
            items: settings.table("item"),
            carriers: settings.table("carrier"),
            services: settings.table("service"),
            stock: settings.table("stock"),
            statuses: settings.table("status"),
            reasons: settings.table("reason"),
        };
        let is_stock = |word: &str| word == IGNORED || codes::stock_kind(word).is_some();
        check(
            "item",
            tables.items,
            |word| codes::item_scheme(word).is_some(),
            ITEMS,
        )?;
        check("stock", tables.stock, is_stock, STOCK)?;
        check(
            "status",
            tables.statuses,
            |word| codes::stock_kind(word).is_some(),
            STATUSES,
        )?;
        check(
            "reason",
            tables.reasons,
            |word| codes::adjustment_reason(word).is_some(),
            REASONS,
        )?;
        Ok(tables)
    }
}

const ITEMS: &str = "sku, gtin, upc, upc-case, ean, vendor, buyer, manufacturer, part";
const STATUSES: &str = "on-hand, available, available-to-promise, committed, damaged, quality-hold, in-transit, on-order, backordered";
const STOCK: &str = "on-hand, available, available-to-promise, committed, damaged, quality-hold, in-transit, on-order, backordered, ignore";
const REASONS: &str = "count, damage-facility, damage-transit, lost, found, expired, recall, hold, release, status-change, lot-change, receipt-correction, shipment-correction, destroyed, donation, transfer, ownership-change, uom-change";

fn check(
    name: &str,
    table: Table<'_>,
    is_known: impl Fn(&str) -> bool,
    expected: &str,
) -> Result<(), Refusal> {
    let Some((key, word)) = table.iter().find(|(_, word)| !is_known(word)) else {
        return Ok(());
    };
    let text = format!("the setting `{name}.{key}` is \"{word}\", expected one of {expected}");
    Err(Problem::settings("setting-invalid", text)
        .with_value(word)
        .into())
}
