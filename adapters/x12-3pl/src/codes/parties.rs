//! Lists about who takes part and how goods travel.

use crossdock_sdk::{FreightPayment, IdScheme, PartyRole, TransportMode};

coded! {
    /// Element 98, entity identifier code.
    PartyRole {
        "ST" => ShipTo,
        "BT" => BillTo,
        "SF" => ShipFrom,
        "WH" => Warehouse,
        "DE" => Depositor,
        "CN" => Consignee,
        "BY" => Buyer,
        "SE" => Seller,
        "SU" => Seller,
        "VN" => Seller,
        "CA" => Carrier,
        "MF" => Manufacturer,
        "UC" => EndCustomer,
        "MA" => EndCustomer,
    }
}

coded! {
    /// Element 66, identification code qualifier.
    IdScheme {
        "1" => Duns,
        "9" => DunsPlusFour,
        "UL" => Gln,
        "91" => Seller,
        "92" => Buyer,
        "93" => Organisation,
    }
}

coded! {
    /// Element 91, transportation method. `T` means that the shipper chooses, so it
    /// is no truck and stays what it is.
    TransportMode {
        "U" => Parcel,
        "LT" => LessThanTruckload,
        "M" => Truck,
        "J" => Truck,
        "A" => Air,
        "R" => Rail,
        "S" => Sea,
        "O" => Sea,
        "H" => Pickup,
    }
}

coded! {
    /// Element 146, method of payment for the transport.
    FreightPayment {
        "PP" => Prepaid,
        "CC" => Collect,
        "TP" => ThirdParty,
        "PC" => PrepaidCharged,
    }
}
