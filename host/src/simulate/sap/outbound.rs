//! IDocs of SAP's own: the release of a delivery or of an order, the confirmation of an
//! order, its invoice, and what became of the IDocs that came. Fields are padded as SAP pads them.

use crossdock_sdk::{
    Decimal,
    idoc::{WriteError, Writer, value::pad_zeros},
};
use serde_json::{Map, Value};

use super::{
    CURRENCY, Delivery, DeliveryLine, PRICE, Sap,
    entity::{SalesOrder, text},
    inbound::Received,
};
use crate::clock::Timestamp;

/// `20260301` and `093000`, in UTC.
fn day_and_time(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let digits = |range: std::ops::Range<usize>| {
        let part = text.get(range).unwrap_or_default();
        part.chars().filter(char::is_ascii_digit).collect()
    };
    (digits(0..10), digits(11..19))
}

/// `20260301` of `/Date(ms)/`; eight noughts where there is none.
fn day_of(header: &Map<String, Value>, name: &str) -> String {
    let millis = super::entity::millis(text(header, name));
    millis.map_or_else(
        || "00000000".to_owned(),
        |it| day_and_time(Timestamp::from_millis(it)).0,
    )
}

/// A quantity with its three decimals.
fn quantity(value: Decimal) -> String {
    value.with_scale(3).unwrap_or(value).to_string()
}

/// An IDoc of that type with its control record.
fn begin(sap: &mut Sap, idoc_type: &str, kind: &str, at: Timestamp) -> Result<Writer, WriteError> {
    sap.number += 1;
    let (day, time) = day_and_time(at);
    let mut writer = Writer::new(idoc_type)?;
    writer.begin("EDI_DC40")?;
    let docnum = pad_zeros(&sap.number.to_string(), 16);
    let serial = format!("{day}{time}");
    for (name, value) in [
        ("TABNAM", "EDI_DC40"),
        ("MANDT", &sap.system.client),
        ("DOCNUM", &docnum),
        ("DOCREL", "756"),
        ("STATUS", "30"),
        ("DIRECT", "1"),
        ("OUTMOD", "2"),
        ("IDOCTYP", idoc_type),
        ("MESTYP", kind),
        ("SNDPOR", "SAPS4H"),
        ("SNDPRT", "LS"),
        ("SNDPRN", &sap.system.logical_system),
        ("RCVPOR", "CROSSDOCK"),
        ("RCVPRT", "LS"),
        ("RCVPRN", &sap.system.partner),
        ("CREDAT", &day),
        ("CRETIM", &time),
        ("SERIAL", &serial),
    ] {
        writer.field(name, value)?;
    }
    writer.end()?;
    Ok(writer)
}

/// A segment that holds nothing but fields.
fn segment(writer: &mut Writer, name: &str, fields: &[(&str, &str)]) -> Result<(), WriteError> {
    writer.begin(name)?;
    for (name, value) in fields {
        writer.field(name, value)?;
    }
    writer.end()
}

/// The address that a partner of the order was sent with.
fn ship_to(partners: &[Value]) -> Map<String, Value> {
    let found = partners
        .iter()
        .find(|it| matches!(it["PartnerFunction"].as_str(), Some("SH" | "WE")));
    let Some(partner) = found else {
        return Map::new();
    };
    let list = partner["to_Address"]
        .get("results")
        .unwrap_or(&partner["to_Address"]);
    let mut address = list[0].as_object().cloned().unwrap_or_default();
    if let Some(number) = partner["Customer"].as_str() {
        address.insert("Customer".to_owned(), number.into());
    }
    address
}

/// Who ordered, and where the goods go.
struct Parties {
    /// The sold-to party's number, as IDocs have it.
    sold_to: String,
    /// The ship-to party's, likewise.
    ship_to: String,
    /// Of the ship-to party: the order's own name for it, else the customer master's.
    name: String,
    /// Where it is.
    address: Map<String, Value>,
}

fn parties(sap: &Sap, order: &SalesOrder) -> Parties {
    let sold_to = pad_zeros(text(&order.header, "SoldToParty"), 10);
    let address = ship_to(&order.partners);
    let ship_to = match text(&address, "Customer") {
        "" => sold_to.clone(),
        number => pad_zeros(number, 10),
    };
    let name = match text(&address, "OrganizationName1") {
        "" => {
            let known = sap.system.customers.get(ship_to.trim_start_matches('0'));
            known.cloned().unwrap_or_default()
        }
        own => own.to_owned(),
    };
    Parties {
        sold_to,
        ship_to,
        name,
        address,
    }
}

/// DELVRY07, message type SHPORD: the order to a warehouse to ship a delivery.
pub(super) fn delivery(sap: &mut Sap, index: usize, at: Timestamp) -> Result<Vec<u8>, WriteError> {
    let mut writer = begin(sap, "DELVRY07", "SHPORD", at)?;
    let delivery = &sap.deliveries[index];
    let order = &sap.orders[delivery.order];
    let header = &order.header;
    writer.begin("E1EDL20")?;
    writer.field("VBELN", &pad_zeros(&delivery.number, 10))?;
    writer.field("VSTEL", "1710")?;
    writer.field("VKORG", text(header, "SalesOrganization"))?;
    writer.field("BTGEW", "0.000")?;
    writer.begin("E1EDL21")?;
    writer.field("LFART", "LF")?;
    writer.end()?;
    segment(&mut writer, "E1EDL18", &[("QUALF", "ORI")])?;
    let to = parties(sap, order);
    segment(
        &mut writer,
        "E1ADRM1",
        &[("PARTNER_Q", "AG"), ("PARTNER_ID", &to.sold_to)],
    )?;
    let address = &to.address;
    segment(
        &mut writer,
        "E1ADRM1",
        &[
            ("PARTNER_Q", "WE"),
            ("PARTNER_ID", &to.ship_to),
            ("NAME1", &to.name),
            ("STREET1", text(address, "StreetName")),
            ("POSTL_COD1", text(address, "PostalCode")),
            ("CITY1", text(address, "CityName")),
            ("COUNTRY1", text(address, "Country")),
            ("REGION", text(address, "Region")),
        ],
    )?;
    let wanted = day_of(header, "RequestedDeliveryDate");
    segment(
        &mut writer,
        "E1EDT13",
        &[("QUALF", "007"), ("NTANF", &wanted), ("NTANZ", "000000")],
    )?;
    for line in &delivery.lines {
        delivery_item(&mut writer, order, line)?;
    }
    writer.end()?;
    writer.finish()
}

fn delivery_item(
    writer: &mut Writer,
    order: &SalesOrder,
    line: &DeliveryLine,
) -> Result<(), WriteError> {
    let mut items = order.items.iter().map(|it| &it.fields);
    let item = items.find(|it| text(it, "SalesOrderItem") == line.item);
    let field = |name: &str| item.map_or("", |item| text(item, name));
    let (item_number, amount) = (pad_zeros(&line.item, 6), quantity(line.quantity));
    writer.begin("E1EDL24")?;
    for (name, value) in [
        ("POSNR", item_number.as_str()),
        ("MATNR", &line.material),
        ("ARKTX", field("SalesOrderItemText")),
        ("WERKS", "1710"),
        ("LFIMG", &amount),
        ("VRKME", field("RequestedQuantityUnit")),
        ("CHARG", field("Batch")),
        ("VGBEL", &pad_zeros(&order.number, 10)),
        ("VGPOS", &item_number),
        ("ORMNG", &amount),
    ] {
        writer.field(name, value)?;
    }
    segment(
        writer,
        "E1EDL41",
        &[("QUALI", "001"), ("BSTNR", order.reference())],
    )?;
    writer.end()
}

/// ORDERS05: the order itself, under its number.
pub(super) fn order(sap: &mut Sap, index: usize, at: Timestamp) -> Result<Vec<u8>, WriteError> {
    let mut writer = begin(sap, "ORDERS05", "ORDERS", at)?;
    let order = &sap.orders[index];
    let header = &order.header;
    let (today, time) = day_and_time(at);
    segment(
        &mut writer,
        "E1EDK01",
        &[
            ("CURCY", text(header, "TransactionCurrency")),
            ("BSART", text(header, "SalesOrderType")),
            ("BELNR", &pad_zeros(&order.number, 10)),
        ],
    )?;
    segment(
        &mut writer,
        "E1EDK03",
        &[("IDDAT", "012"), ("DATUM", &today), ("UZEIT", &time)],
    )?;
    let wanted = day_of(header, "RequestedDeliveryDate");
    segment(
        &mut writer,
        "E1EDK03",
        &[("IDDAT", "002"), ("DATUM", &wanted)],
    )?;
    let to = parties(sap, order);
    segment(
        &mut writer,
        "E1EDKA1",
        &[("PARVW", "AG"), ("PARTN", &to.sold_to)],
    )?;
    let address = &to.address;
    segment(
        &mut writer,
        "E1EDKA1",
        &[
            ("PARVW", "WE"),
            ("PARTN", &to.ship_to),
            ("NAME1", &to.name),
            ("STRAS", text(address, "StreetName")),
            ("ORT01", text(address, "CityName")),
            ("PSTLZ", text(address, "PostalCode")),
            ("LAND1", text(address, "Country")),
            ("REGIO", text(address, "Region")),
        ],
    )?;
    segment(
        &mut writer,
        "E1EDK02",
        &[("QUALF", "001"), ("BELNR", order.reference())],
    )?;
    for item in order.items.iter().map(|it| &it.fields) {
        order_item(&mut writer, item)?;
    }
    writer.finish()
}

fn order_item(writer: &mut Writer, item: &Map<String, Value>) -> Result<(), WriteError> {
    writer.begin("E1EDP01")?;
    writer.field("POSEX", &pad_zeros(text(item, "SalesOrderItem"), 6))?;
    writer.field("MENGE", text(item, "RequestedQuantity"))?;
    writer.field("MENEE", text(item, "RequestedQuantityUnit"))?;
    segment(
        writer,
        "E1EDP19",
        &[
            ("QUALF", "002"),
            ("IDTNR", text(item, "Material")),
            ("KTEXT", text(item, "SalesOrderItemText")),
        ],
    )?;
    writer.end()
}

/// ORDERS05, message type ORDRSP: all that was ordered is promised, but what was rejected.
pub(super) fn response(sap: &mut Sap, index: usize, at: Timestamp) -> Result<Vec<u8>, WriteError> {
    let mut writer = begin(sap, "ORDERS05", "ORDRSP", at)?;
    let order = &sap.orders[index];
    let number = pad_zeros(&order.number, 10);
    let (today, time) = day_and_time(at);
    segment(
        &mut writer,
        "E1EDK01",
        &[
            ("CURCY", text(&order.header, "TransactionCurrency")),
            ("BSART", text(&order.header, "SalesOrderType")),
            ("BELNR", &number),
        ],
    )?;
    segment(
        &mut writer,
        "E1EDK03",
        &[("IDDAT", "012"), ("DATUM", &today), ("UZEIT", &time)],
    )?;
    references(&mut writer, order)?;
    for item in order.items.iter().map(|it| &it.fields) {
        writer.begin("E1EDP01")?;
        let rejected = text(item, "SalesDocumentRjcnReason");
        for (name, value) in [
            ("POSEX", pad_zeros(text(item, "SalesOrderItem"), 6).as_str()),
            ("MENGE", text(item, "RequestedQuantity")),
            ("MENEE", text(item, "RequestedQuantityUnit")),
        ] {
            writer.field(name, value)?;
        }
        if rejected.is_empty() {
            let promised = [
                ("WMENG", text(item, "RequestedQuantity")),
                ("EDATU", &today),
            ];
            segment(&mut writer, "E1EDP20", &promised)?;
        } else {
            writer.field("ABGRU", rejected)?;
        }
        writer.end()?;
    }
    writer.finish()
}

/// E1EDK02: the customer's number of the order, and SAP's.
fn references(writer: &mut Writer, order: &SalesOrder) -> Result<(), WriteError> {
    let number = pad_zeros(&order.number, 10);
    for (qualifier, number) in [("001", order.reference()), ("002", &number)] {
        segment(
            writer,
            "E1EDK02",
            &[("QUALF", qualifier), ("BELNR", number)],
        )?;
    }
    Ok(())
}

/// INVOIC02 for what was issued of an order and is on no invoice.
pub(super) fn invoice(
    sap: &mut Sap,
    index: usize,
    number: &str,
    at: Timestamp,
) -> Result<Vec<u8>, WriteError> {
    let mut writer = begin(sap, "INVOIC02", "INVOIC", at)?;
    let order = &sap.orders[index];
    let (today, _) = day_and_time(at);
    let header = [("CURCY", CURRENCY), ("BSART", "INVO"), ("BELNR", number)];
    segment(&mut writer, "E1EDK01", &header)?;
    segment(
        &mut writer,
        "E1EDK02",
        &[("QUALF", "009"), ("BELNR", number)],
    )?;
    references(&mut writer, order)?;
    segment(
        &mut writer,
        "E1EDK03",
        &[("IDDAT", "026"), ("DATUM", &today)],
    )?;
    let open = |it: &&Delivery| it.order == index && it.issued.is_some() && !it.billed;
    let issued = sap.deliveries.iter().filter(open);
    let price = Decimal::whole(PRICE);
    let mut total = Decimal::ZERO;
    for (position, line) in issued.flat_map(|it| &it.lines).enumerate() {
        let amount = line.quantity.checked_mul(price).unwrap_or(Decimal::ZERO);
        total = total.checked_add(amount).unwrap_or(total);
        writer.begin("E1EDP01")?;
        writer.field("POSEX", &pad_zeros(&(10 * (position + 1)).to_string(), 6))?;
        writer.field("MENGE", &quantity(line.quantity))?;
        writer.field("MENEE", "EA")?;
        let item = [("QUALF", "002"), ("IDTNR", line.material.as_str())];
        segment(&mut writer, "E1EDP19", &item)?;
        let net = [("QUALF", "003"), ("BETRG", &amount.to_string())];
        segment(&mut writer, "E1EDP26", &net)?;
        writer.end()?;
    }
    let sum = [
        ("SUMID", "011"),
        ("SUMME", &total.to_string()),
        ("WAERQ", CURRENCY),
    ];
    segment(&mut writer, "E1EDS01", &sum)?;
    writer.finish()
}

/// SYSTAT01: what became of one IDoc.
pub(super) fn status(
    sap: &mut Sap,
    received: &Received,
    at: Timestamp,
) -> Result<Vec<u8>, WriteError> {
    let mut writer = begin(sap, "SYSTAT01", "STATUS", at)?;
    let (day, time) = day_and_time(at);
    segment(
        &mut writer,
        "E1STATS",
        &[
            ("TABNAM", "EDI_DS"),
            ("MANDT", &sap.system.client),
            ("DOCNUM", &pad_zeros(&received.number, 16)),
            ("LOGDAT", &day),
            ("LOGTIM", &time),
            ("STATUS", received.status),
            ("UNAME", &sap.system.user),
            ("STATXT", &received.text),
            ("STATYP", if received.status == "53" { "S" } else { "E" }),
            ("STDMES", &received.message_type),
        ],
    )?;
    writer.finish()
}

/// ALEAUD01: what became of the IDocs that were not reported yet, as report RBDSTATE
/// sends it.
pub(super) fn audit(sap: &mut Sap, at: Timestamp) -> Result<Vec<u8>, WriteError> {
    let mut writer = begin(sap, "ALEAUD01", "ALEAUD", at)?;
    let (day, time) = day_and_time(at);
    for received in sap.received.iter().filter(|it| !it.reported) {
        writer.begin("E1ADHDR")?;
        writer.field("MESTYP", &received.message_type)?;
        segment(
            &mut writer,
            "E1STATE",
            &[
                ("DOCNUM", &pad_zeros(&received.number, 16)),
                ("STATUS", received.status),
                ("STATXT", &received.text),
                ("LOGDAT", &day),
                ("LOGTIM", &time),
            ],
        )?;
        writer.end()?;
    }
    writer.finish()
}
