//! Lists about orders, shipments and acknowledgements.

use crossdock_sdk::{OrderType, Purpose, ShipmentStatus, Verdict};

coded! {
    /// Element 353, transaction set purpose.
    Purpose {
        "00" => Original,
        "05" => Replace,
        "04" => Change,
        "01" => Cancel,
        "06" => Confirm,
    }
}

coded! {
    /// Element 640, transaction type.
    OrderType {
        "SA" => StandAlone,
        "DS" => DropShip,
        "KN" => Transfer,
        "TR" => Transfer,
        "NE" => NewOrder,
        "RL" => Release,
        "RO" => Rush,
        "EM" => Rush,
        "SP" => Sample,
    }
}

coded! {
    /// Element 368, status of a shipment or line.
    ShipmentStatus {
        "CC" => Complete,
        "CL" => Complete,
        "CM" => CompleteWithExtra,
        "CE" => CompleteWithExtra,
        "CS" => Substituted,
        "IS" => Substituted,
        "CP" => PartialClosed,
        "BP" => PartialBackordered,
        "BO" => PartialBackordered,
        "BK" => PartialBackordered,
        "BM" => PartialBackordered,
        "PR" => Partial,
        "SS" => Split,
        "IC" => NotShipped,
        "CU" => NotShipped,
        "CK" => NotShipped,
        "DE" => NotShipped,
        "DI" => NotShipped,
        "OR" => NotShipped,
        "DS" => NotShipped,
        "UN" => NotShipped,
        "SD" => Damaged,
    }
}

coded! {
    /// Elements 715 and 717, the verdict on a group or a set.
    Verdict {
        "A" => Accepted,
        "E" => AcceptedWithErrors,
        "P" => PartiallyAccepted,
        "R" => Rejected,
        "M" => RejectedForSecurity,
        "W" => RejectedForSecurity,
        "X" => RejectedForSecurity,
    }
}
