//! Lists about returns.

use crossdock_sdk::{Disposition, ReturnReason, ReturnState};

coded! {
    /// Element 1293, why goods come back.
    ReturnReason {
        "DA" => Damaged,
        "DT" => Damaged,
        "DM" => Defective,
        "DR" => Defective,
        "PW" => Defective,
        "WG" => WrongGoods,
        "CO" => OrderingError,
        "NA" => NotAsExpected,
        "PF" => Fit,
        "EI" => Excess,
        "SR" => Excess,
        "SP" => Late,
        "PR" => Recall,
        "RE" => Recall,
        "BC" => Expired,
        "SD" => Expired,
    }
}

coded! {
    /// Element 1292, what shall become of a unit. The codes that tell whether the
    /// return is allowed at all are states, see [`return_state`].
    Disposition {
        "DI" => Scrap,
        "KR" => Refurbish,
        "RF" => Refurbish,
        "CR" => VendorReturn,
        "RT" => VendorReturn,
        "SC" => Donate,
        "KA" => Keep,
    }
}

/// Where a return stands, by an element 1292 of the header: RA allows it, PA allows
/// some of it, RD denies it, RP leaves it open.
pub(crate) fn return_state(code: &str) -> Option<ReturnState> {
    match code {
        "RA" | "PA" => Some(ReturnState::Authorized),
        "RD" => Some(ReturnState::Denied),
        "RP" => Some(ReturnState::Requested),
        _ => None,
    }
}

/// The element 1292 of a state; absent for one that comes later than a permission.
pub(crate) fn state_code(state: &ReturnState) -> Option<&'static str> {
    match state {
        ReturnState::Requested => Some("RP"),
        ReturnState::Authorized => Some("RA"),
        ReturnState::Denied => Some("RD"),
        _ => None,
    }
}
