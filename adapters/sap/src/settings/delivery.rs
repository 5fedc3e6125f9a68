//! What a shipment is booked with as an outbound delivery.

use crossdock_sdk::{Refusal, Settings};

use super::{Tables, by_customer_po, odata_path, path};

/// What an outbound delivery is created with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryWriting<'s> {
    pub(crate) path: &'s str,
    /// Where the sales order is found.
    pub(crate) order_path: &'s str,
    pub(crate) client: Option<&'s str>,
    pub(crate) by_customer_po: bool,
    /// The property that holds the shipment's number.
    pub(crate) reference: &'static str,
    tables: Tables<'s>,
}

// === impl DeliveryWriting ===

impl<'s> DeliveryWriting<'s> {
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        Ok(Self {
            path: path(
                &settings,
                "delivery-path",
                "/sap/opu/odata/sap/API_OUTBOUND_DELIVERY_SRV;v=0002",
            )?,
            order_path: odata_path(&settings)?,
            client: settings.get("sap-client"),
            by_customer_po: by_customer_po(&settings)?,
            reference: settings.choice(
                "shipment-reference",
                "DeliveryDocumentBySupplier",
                &["DeliveryDocumentBySupplier", "BillOfLading"],
            )?,
            tables: Tables::new(&settings)?,
        })
    }

    pub(crate) fn unit(&self, unit: &str) -> Option<String> {
        self.tables.sap_unit(unit)
    }
}

/// Whether shipments become outbound deliveries of their own.
pub(crate) fn shipments_are_deliveries(entries: &[(String, String)]) -> Result<bool, Refusal> {
    let settings = Settings::new(entries);
    let choice = settings.choice(
        "shipments",
        "confirmation",
        &["confirmation", "outbound-delivery"],
    )?;
    Ok(choice == "outbound-delivery")
}
