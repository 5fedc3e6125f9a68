//! What a shipment is booked with as an outbound delivery.

use crossdock_sdk::{Problem, Refusal, Settings};

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
    pub(crate) pad_numbers: bool,
    tables: Tables<'s>,
}

// === impl DeliveryWriting ===

impl<'s> DeliveryWriting<'s> {
    /// # Errors
    /// `setting-invalid`; `settings-clash` when SAP numbers the items of its orders itself.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        if settings.choice("item-number", "keep", &["keep", "assign"])? == "assign" {
            let text = "a delivery names the items of its sales order, and with `item-number` = assign only SAP knows their numbers";
            return Err(Problem::settings("settings-clash", text)
                .with_remedy("set `item-number` to keep, or `shipments` to confirmation")
                .into());
        }
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
            pad_numbers: settings.flag("pad-numbers", false)?,
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
