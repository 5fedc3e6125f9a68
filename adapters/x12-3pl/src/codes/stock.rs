//! Lists about stock: what a figure counts, why it changed, how goods came in.

use crossdock_sdk::{AdjustmentReason, ReceiptCondition, ReceiptType, StockKind};

/// Element 673, quantity qualifier, where the standard's own name for a code is that
/// of a kind. What a partner means by a code is often something else, so the settings
/// come first, and a code in neither table is refused: a wrong kind is worse than
/// none, since stock of one kind is sold and of another is not.
const FIGURES: &[(&str, StockKind)] = &[
    // Quantity on hand.
    ("17", StockKind::OnHand),
    // Committed quantity.
    ("27", StockKind::Committed),
    // Quantity available for sale.
    ("33", StockKind::Available),
    // On order quantity.
    ("63", StockKind::OnOrder),
    // Damaged goods.
    ("74", StockKind::Damaged),
    // Backorder quantity.
    ("BQ", StockKind::Backordered),
    // In-transit quantity.
    ("IQ", StockKind::InTransit),
];

/// The kinds by their names in the contract, as the settings `stock.*` and `status.*`
/// have them.
const KINDS: &[(&str, StockKind)] = &[
    ("on-hand", StockKind::OnHand),
    ("available", StockKind::Available),
    ("available-to-promise", StockKind::AvailableToPromise),
    ("committed", StockKind::Committed),
    ("damaged", StockKind::Damaged),
    ("quality-hold", StockKind::QualityHold),
    ("in-transit", StockKind::InTransit),
    ("on-order", StockKind::OnOrder),
    ("backordered", StockKind::Backordered),
];

/// The reasons by their names in the contract, as the settings `reason.*` have them.
const REASONS: &[(&str, AdjustmentReason)] = &[
    ("count", AdjustmentReason::Count),
    ("damage-facility", AdjustmentReason::DamageFacility),
    ("damage-transit", AdjustmentReason::DamageTransit),
    ("lost", AdjustmentReason::Lost),
    ("found", AdjustmentReason::Found),
    ("expired", AdjustmentReason::Expired),
    ("recall", AdjustmentReason::Recall),
    ("hold", AdjustmentReason::Hold),
    ("release", AdjustmentReason::Release),
    ("status-change", AdjustmentReason::StatusChange),
    ("lot-change", AdjustmentReason::LotChange),
    ("receipt-correction", AdjustmentReason::ReceiptCorrection),
    ("shipment-correction", AdjustmentReason::ShipmentCorrection),
    ("destroyed", AdjustmentReason::Destroyed),
    ("donation", AdjustmentReason::Donation),
    ("transfer", AdjustmentReason::Transfer),
    ("ownership-change", AdjustmentReason::OwnershipChange),
    ("uom-change", AdjustmentReason::UomChange),
];

/// What becomes of a stock figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Figure {
    /// It counts this.
    Kind(StockKind),
    /// It is no stock; kept among the extras.
    Ignored,
}

coded! {
    /// Element 181, adjustment reason.
    AdjustmentReason {
        "AA" => Count,
        "AU" => DamageFacility,
        "AV" => DamageTransit,
        "51" => Found,
        "AX" => Expired,
        "AW" => Recall,
        "05" => Hold,
        "55" => Release,
        "AC" => StatusChange,
        "AY" => ReceiptCorrection,
        "04" => ReceiptCorrection,
        "AR" => ShipmentCorrection,
        "53" => ShipmentCorrection,
        "07" => Destroyed,
        "CD" => Donation,
        "AK" => Transfer,
        "AG" => OwnershipChange,
        "AN" => UomChange,
    }
}

coded! {
    /// Element 514, reporting code, of a receipt.
    ReceiptType {
        "F" => Full,
        "J" => Full,
        "N" => Full,
        "X" => ExceptionsOnly,
        "C" => CustomerReturn,
        "P" => Production,
        "B" => Transfer,
        "O" => Overage,
        "S" => Shortage,
        "A" => Adjustment,
    }
}

coded! {
    /// Element 412, receiving condition.
    ReceiptCondition {
        "07" => Good,
        "01" => Damaged,
        "02" => Short,
        "03" => Over,
        "04" => Quality,
        "05" => WrongItem,
        "08" => Rejected,
        "09" => Hold,
        "10" => Scrapped,
        "13" => NotAnnounced,
        "14" => NotAnnounced,
        "16" => NotAnnounced,
    }
}

/// What the standard says that a figure of this qualifier counts; absent where its
/// name is that of no kind.
pub(crate) fn figure(qualifier: &str) -> Option<StockKind> {
    named(FIGURES, qualifier)
}

/// A kind of stock by its name in the contract.
pub(crate) fn stock_kind(name: &str) -> Option<StockKind> {
    named(KINDS, name)
}

/// A reason by its name in the contract.
pub(crate) fn adjustment_reason(name: &str) -> Option<AdjustmentReason> {
    named(REASONS, name)
}

fn named<T: Clone>(list: &[(&str, T)], name: &str) -> Option<T> {
    let row = list.iter().find(|(known, _)| *known == name);
    row.map(|(_, value)| value.clone())
}
