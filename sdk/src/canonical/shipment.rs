//! What left the warehouse, and where it is.

use crate::{
    Charge, ItemId, Milestone, MilestoneCode, Moment, Money, Package, PackageType, Packed, Purpose,
    Quantity, Shipment, ShipmentLine, ShipmentStatus,
};

impl ShipmentLine {
    /// One shipped line; its item has at least one number.
    pub fn new(
        line_no: impl Into<String>,
        shipped: Quantity,
        status: ShipmentStatus,
        items: Vec<ItemId>,
    ) -> ShipmentLine {
        ShipmentLine {
            line_no: line_no.into(),
            ordered: None,
            shipped,
            difference: None,
            status,
            reason: None,
            items,
            lots: Vec::new(),
            serials: Vec::new(),
            weight: None,
            description: None,
            references: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Packed {
    /// What a package holds of a line.
    pub fn new(line_no: impl Into<String>, quantity: Quantity) -> Packed {
        Packed {
            line_no: line_no.into(),
            quantity,
            lot: None,
        }
    }
}

impl Package {
    /// A package that stands alone, known by a number that is no SSCC-18.
    pub fn new(id: impl Into<String>, package_type: PackageType) -> Package {
        Package {
            id: id.into(),
            sscc: false,
            package_type,
            parent: None,
            weight: None,
            dimensions: Vec::new(),
            tracking: None,
            contents: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Charge {
    /// A charge in the partner's code or words.
    pub fn new(code: impl Into<String>, amount: Money) -> Charge {
        Charge {
            code: code.into(),
            amount,
        }
    }
}

impl Shipment {
    /// A first confirmation without lines.
    pub fn new(
        shipment_id: impl Into<String>,
        order_no: impl Into<String>,
        status: ShipmentStatus,
        shipped_at: Moment,
    ) -> Shipment {
        Shipment {
            shipment_id: shipment_id.into(),
            order_no: order_no.into(),
            customer_po: None,
            purpose: Purpose::Original,
            status,
            shipped_at,
            expected_delivery: None,
            node: None,
            carrier: None,
            bill_of_lading: None,
            pro_number: None,
            tracking: Vec::new(),
            parties: Vec::new(),
            references: Vec::new(),
            packages: Vec::new(),
            lines: Vec::new(),
            charges: Vec::new(),
            total_shipped: None,
            total_weight: None,
            notes: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Milestone {
    /// One event of a shipment.
    pub fn new(shipment_id: impl Into<String>, code: MilestoneCode, at: Moment) -> Milestone {
        Milestone {
            shipment_id: shipment_id.into(),
            order_no: None,
            code,
            at,
            reason: None,
            place: None,
            stop: None,
            estimated_delivery: None,
            carrier: None,
            tracking: None,
            references: Vec::new(),
            extras: Vec::new(),
        }
    }
}
