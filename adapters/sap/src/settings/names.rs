//! Every setting by its name: what `describe` tells, and what a misspelled one is
//! compared with.

use crossdock_sdk::{Problem, Setting, Settings};

/// Name, meaning and default.
type Row = (&'static str, &'static str, Option<&'static str>);

/// Every setting there is. Some are demanded by one way of sending and unknown to the
/// others, so none is required of every partner.
const DESCRIBED: &[Row] = &[
    (
        "strip-zeros",
        "whether numbers lose the noughts that pad them when read (material, item, delivery, partner)",
        Some("true"),
    ),
    (
        "keep-extras",
        "whether fields without a place in the contract are kept among the extras",
        Some("true"),
    ),
    (
        "default-unit",
        "canonical unit of a quantity without one; refused if absent",
        None,
    ),
    (
        "default-currency",
        "ISO 4217 code of amounts without one; refused if absent",
        None,
    ),
    (
        "shipment-order-no",
        "which number of a delivery is the shipment's order: auto, delivery (VBELN), reference (VGBEL), purchase-order (BSTNR)",
        Some("auto"),
    ),
    (
        "invoice-order-no",
        "which number of an invoice is its order: sales-order (SAP's, E1EDK02*002) or purchase-order (ours, E1EDK02*001)",
        Some("sales-order"),
    ),
    (
        "meaning.*",
        "what a delivery of that message type means, or of that type and code as in meaning.DESADV-OBG: order, shipment, inbound-notice",
        None,
    ),
    (
        "unit.*",
        "SAP's unit to a canonical one, both ways: unit.KAR = CT",
        None,
    ),
    (
        "item.*",
        "item qualifier (E1EDP19 QUALF) to sku, gtin, upc, ean, vendor, buyer, manufacturer, part",
        None,
    ),
    (
        "role.*",
        "partner function to a role, both ways: role.RG = bill-to",
        None,
    ),
    (
        "package.*",
        "packaging material (VHILM) or its type (VHART) to carton, pallet, envelope; when writing the first VHILM of the type",
        None,
    ),
    (
        "carrier.*",
        "SAP's number of a forwarding agent to a SCAC, both ways",
        None,
    ),
    (
        "orders",
        "how an order is sent: sales-order (OData) or delivery (IDoc)",
        Some("sales-order"),
    ),
    (
        "shipments",
        "how a shipment is sent: confirmation of SAP's delivery (IDoc), or outbound-delivery, which creates one for each shipment and posts its goods issue (OData; needs `item-number` = keep)",
        Some("confirmation"),
    ),
    (
        "delivery-path",
        "path of the outbound delivery service below the endpoint's address",
        Some("/sap/opu/odata/sap/API_OUTBOUND_DELIVERY_SRV;v=0002"),
    ),
    (
        "shipment-reference",
        "property of an outbound delivery that holds the shipment's number, by which a repeat is found: DeliveryDocumentBySupplier or BillOfLading",
        Some("DeliveryDocumentBySupplier"),
    ),
    (
        "pad-numbers",
        "whether numbers are padded with noughts when written: documents and partners to 10, items to 6",
        Some("false"),
    ),
    (
        "material-length",
        "length that a material number of digits is padded to when written: 0, 18 or 40",
        Some("0"),
    ),
    (
        "sap-client",
        "client, sent as sap-client in the query",
        None,
    ),
    (
        "idoc-path",
        "path below the endpoint's address that IDocs are posted to",
        Some("/sap/bc/idoc_xml"),
    ),
    (
        "warehouse",
        "contractor (SHPORD, SHPCON) or own (WHSORD, WHSCON)",
        Some("contractor"),
    ),
    (
        "sender-partner",
        "our partner number in the control record (SNDPRN); needed to send an IDoc",
        None,
    ),
    ("sender-type", "our partner type (SNDPRT)", Some("LS")),
    ("sender-port", "our port (SNDPOR)", Some("CROSSDOCK")),
    (
        "receiver-partner",
        "SAP's partner number in the control record (RCVPRN); needed to send an IDoc",
        None,
    ),
    ("receiver-type", "SAP's partner type (RCVPRT)", Some("LS")),
    ("receiver-port", "SAP's port (RCVPOR)", None),
    ("message-code", "message code (MESCOD)", None),
    (
        "delivery-type",
        "delivery type of an instruction (LFART)",
        None,
    ),
    (
        "text-id",
        "text id of notes in a delivery (TDID)",
        Some("0001"),
    ),
    (
        "confirm",
        "what a confirmation does to the delivery (E1EDL18 QUALF), separated by commas; empty is not possible, `-` is nothing",
        Some("PIC,PGI"),
    ),
    (
        "confirm-line",
        "what a confirmation does to each item (E1EDL19 QUALF); `-` is nothing",
        Some("QUA"),
    ),
    (
        "odata-path",
        "path of the sales order service below the endpoint's address",
        Some("/sap/opu/odata/sap/API_SALES_ORDER_SRV"),
    ),
    ("sales-order-type", "SalesOrderType", Some("OR")),
    (
        "sales-organization",
        "SalesOrganization; needed to create a sales order",
        None,
    ),
    (
        "distribution-channel",
        "DistributionChannel; needed to create a sales order",
        None,
    ),
    (
        "organization-division",
        "OrganizationDivision; needed to create a sales order",
        None,
    ),
    (
        "sold-to",
        "SoldToParty where the order names no buyer with an id",
        None,
    ),
    (
        "purchase-order",
        "what goes into PurchaseOrderByCustomer, by which a repeat is found: order-no or customer-po",
        Some("order-no"),
    ),
    (
        "look-first",
        "whether an order is looked for before it is created",
        Some("true"),
    ),
    (
        "item-number",
        "keep: our line number is SalesOrderItem; assign: SAP numbers, ours is UnderlyingPurchaseOrderItem",
        Some("keep"),
    ),
    (
        "price-condition",
        "condition type that carries a line's unit price; prices are not sent if absent",
        None,
    ),
    (
        "order-text-id",
        "LongTextID that carries the notes of an order; notes are not sent if absent",
        None,
    ),
    ("text-language", "language of those notes", Some("EN")),
    (
        "ship-to-address",
        "what happens to a ship-to without an id of SAP's: refuse, ignore, send (to_Address)",
        Some("refuse"),
    ),
    (
        "ship-to-function",
        "PartnerFunction of a ship-to",
        Some("SH"),
    ),
    (
        "rejection-reason",
        "SalesDocumentRjcnReason that cancels the items of an order; a cancellation is refused if absent",
        None,
    ),
    ("poll-page", "orders in one answer when polling", Some("50")),
    (
        "poll-from",
        "RFC 3339 moment from which changes are polled the first time; the poll's own time if absent",
        None,
    ),
];

/// For `describe`.
pub(crate) fn described() -> Vec<Setting> {
    DESCRIBED
        .iter()
        .map(|(name, meaning, default)| match default {
            Some(default) => Setting::with_default(*name, *meaning, *default),
            None => Setting::optional(*name, *meaning),
        })
        .collect()
}

/// A setting that nobody reads.
pub(crate) fn misspelled(entries: &[(String, String)]) -> Option<Problem> {
    Settings::new(entries).check(&described()).err()
}
