//! An order as the body that creates `A_SalesOrder` with its items in one request.
//!
//! What stays home: the total weight and amount, which SAP computes, dates besides the
//! wanted one, the carrier; prices and notes unless the settings say under which
//! condition and text id they go.

use crossdock_sdk::idoc::value;
use crossdock_sdk::odata::{self, Body};
use crossdock_sdk::{IdScheme, ItemScheme, Order, OrderLine, Party, PartyRole, host};

use super::script::{Pointer, checked, required, unsayable};
use crate::settings::{OdataWriting, unit_unmapped};
use crossdock_sdk::Refusal;

/// Lengths of properties, from the service's field lists.
const PURCHASE_ORDER_MAX: usize = 35;
const CUSTOMER_MAX: usize = 10;
const MATERIAL_MAX: usize = 40;

/// What goes into PurchaseOrderByCustomer, by which the order is found again.
///
/// # Errors
/// `value-missing`, `value-too-long`.
pub(super) fn reference<'o>(
    order: &'o Order,
    config: &OdataWriting<'_>,
) -> Result<&'o str, Refusal> {
    match &order.customer_po {
        Some(number) if config.by_customer_po => {
            required(number, PURCHASE_ORDER_MAX, format_args!("/customer_po"))
        }
        _ => required(
            &order.order_no,
            PURCHASE_ORDER_MAX,
            format_args!("/order_no"),
        ),
    }
}

/// SoldToParty: the buyer's number in SAP.
///
/// # Errors
/// `sold-to-missing`.
pub(super) fn sold_to(order: &Order, config: &OdataWriting<'_>) -> Result<String, Refusal> {
    let buyer = party(order, |role| *role == PartyRole::Buyer);
    let number = match buyer.and_then(|(index, party)| customer(party, index, "sold-to-out")) {
        Some(number) => Some(number?),
        None => config.sold_to.map(str::to_owned),
    };
    let number = number.ok_or_else(|| {
        let text = "SAP needs the number of the customer that the order is sold to";
        unsayable("sold-to-missing", format_args!("/parties"), text)
            .with_remedy("send a buyer with its number in SAP, or set `sold-to` for the partner")
    })?;
    Ok(pad(&number, CUSTOMER_MAX, config))
}

fn party(order: &Order, wanted: impl Fn(&PartyRole) -> bool) -> Option<(usize, &Party)> {
    let mut parties = order.parties.iter().enumerate();
    parties.find(|(_, party)| wanted(&party.role))
}

/// A party's number in SAP: the host's lookup table first, then the number itself where
/// it may be one of SAP's.
fn customer(party: &Party, index: usize, table: &str) -> Option<Result<String, Refusal>> {
    let id = party.id.as_deref()?;
    if let Some(number) = host::lookup(table, id) {
        return Some(Ok(number));
    }
    let foreign = matches!(
        party.scheme,
        Some(IdScheme::Gln | IdScheme::Duns | IdScheme::DunsPlusFour)
    );
    if foreign {
        return None;
    }
    let at = format_args!("/parties/{index}/id");
    Some(checked(id, CUSTOMER_MAX, at).map(str::to_owned))
}

/// The body.
///
/// # Errors
/// When the order says what a sales order can't, or leaves out what SAP demands.
pub(super) fn body(order: &Order, config: &OdataWriting<'_>) -> Result<Vec<u8>, Refusal> {
    check(order)?;
    let mut body = Body::new();
    body.field("SalesOrderType", config.order_type);
    body.field("SalesOrganization", config.organization);
    body.field("DistributionChannel", config.channel);
    body.field("OrganizationDivision", config.division);
    body.field("SoldToParty", &sold_to(order, config)?);
    body.field("PurchaseOrderByCustomer", reference(order, config)?);
    if let Some(date) = &order.order_date {
        let date = day(date, format_args!("/order_date"))?;
        body.field("CustomerPurchaseOrderDate", &date);
    }
    if let Some(moment) = &order.requested_delivery {
        // SAP keeps a day; a time would be lost, and the day is what it plans by.
        let text = moment.text.get(..10).unwrap_or(&moment.text);
        let date = day(text, format_args!("/requested_delivery/text"))?;
        body.field("RequestedDeliveryDate", &date);
    }
    if config.price_condition.is_some()
        && let Some(price) = order.lines.iter().find_map(|line| line.unit_price.as_ref())
    {
        body.field("TransactionCurrency", &price.currency);
    }
    ship_to(order, config, &mut body)?;
    if let Some(id) = config.text_id {
        let text = order.notes.join("\n");
        let texts = (!text.is_empty()).then_some(text);
        body.list("to_Text", texts, |entry, text| {
            entry.field("Language", config.text_language);
            entry.field("LongTextID", id);
            entry.field("LongText", &text);
            Ok::<(), Refusal>(())
        })?;
    }
    body.list(
        "to_Item",
        order.lines.iter().enumerate(),
        |entry, (index, line)| item(line, index, config, entry),
    )?;
    Ok(body.finish())
}

fn check(order: &Order) -> Result<(), Refusal> {
    if order.lines.is_empty() {
        let text = "an order needs at least one line";
        return Err(unsayable("lines-missing", format_args!("/lines"), text));
    }
    for (there, name) in [
        (order.not_before.is_some(), "not_before"),
        (order.cancel_after.is_some(), "cancel_after"),
    ] {
        if there {
            let text = format!("a sales order has no field for {name}");
            return Err(
                unsayable("field-unsayable", format_args!("/{name}"), text).with_remedy(
                    "say it in a note, or leave it out in the system that the order came from",
                ),
            );
        }
    }
    Ok(())
}

/// The ship-to by its number in SAP; an address of its own only where the settings say
/// so, since not every release takes it.
fn ship_to(order: &Order, config: &OdataWriting<'_>, body: &mut Body) -> Result<(), Refusal> {
    let wanted = |role: &PartyRole| matches!(role, PartyRole::ShipTo | PartyRole::Consignee);
    let Some((index, party)) = party(order, wanted) else {
        return Ok(());
    };
    let number = customer(party, index, "ship-to-out").transpose()?;
    if number.is_none() {
        match config.ship_to_address {
            "ignore" => return Ok(()),
            "send" => {}
            _ => {
                let text = "the ship-to has no number in SAP";
                return Err(
                    unsayable("ship-to-unknown", format_args!("/parties/{index}"), text)
                        .with_remedy(format!(
                            "set `ship-to-address` to send or ignore, or {}",
                            host::add_a_row("ship-to-out")
                        )),
                );
            }
        }
    }
    body.list("to_Partner", [party], |entry, party| {
        entry.field("PartnerFunction", config.ship_to_function);
        if let Some(number) = &number {
            entry.field("Customer", &pad(number, CUSTOMER_MAX, config));
        }
        let address = party
            .address
            .as_ref()
            .filter(|_| config.ship_to_address == "send");
        entry.list("to_Address", address, |entry, address| {
            let at = |name: &str| format!("/parties/{index}/address/{name}");
            let name = party.name.as_deref().unwrap_or_default();
            let name = checked(name, 40, format_args!("/parties/{index}/name"))?;
            entry.optional("OrganizationName1", Some(name));
            let street = address.lines.join(", ");
            entry.optional(
                "StreetName",
                Some(checked(&street, 60, format_args!("{}", at("lines")))?),
            );
            entry.optional("CityName", address.city.as_deref());
            entry.optional("PostalCode", address.postal_code.as_deref());
            entry.optional("Region", address.region.as_deref());
            entry.optional("Country", address.country.as_deref());
            Ok(())
        })
    })
}

fn item(
    line: &OrderLine,
    index: usize,
    config: &OdataWriting<'_>,
    entry: &mut Body,
) -> Result<(), Refusal> {
    let at = |name: &str| format!("/lines/{index}/{name}");
    let number = required(&line.line_no, 6, format_args!("{}", at("line_no")))?;
    if config.assign_items {
        entry.field("UnderlyingPurchaseOrderItem", number);
    } else if number.bytes().all(|byte| byte.is_ascii_digit()) {
        entry.field("SalesOrderItem", &pad(number, 6, config));
    } else {
        let text = "SAP's item numbers are digits";
        return Err(
            unsayable("line-no-unsayable", format_args!("{}", at("line_no")), text)
                .with_value(number)
                .with_remedy("set `item-number = assign` for the partner"),
        );
    }
    let sku = line
        .items
        .iter()
        .find(|item| item.scheme == ItemScheme::Sku);
    let Some(sku) = sku else {
        let text = "SAP needs its own number of the item, the sku";
        return Err(
            unsayable("material-missing", format_args!("{}", at("items")), text)
                .with_remedy("send the item's sku, which is the material number in SAP"),
        );
    };
    let material = required(&sku.value, MATERIAL_MAX, format_args!("{}", at("items")))?;
    entry.field(
        "Material",
        &value::pad_zeros(material, config.material_length),
    );
    let buyer = line
        .items
        .iter()
        .find(|item| item.scheme == ItemScheme::Buyer);
    if let Some(number) = buyer {
        let number = checked(&number.value, 35, format_args!("{}", at("items")))?;
        entry.field("MaterialByCustomer", number);
    }
    let pointer = at("quantity");
    let unit = unit(&line.quantity.unit, config, format_args!("{pointer}/unit"))?;
    if line.quantity.value.is_negative() {
        let text = "an order of less than nought is a return, not a sales order";
        return Err(unsayable(
            "quantity-negative",
            format_args!("{pointer}/value"),
            text,
        ));
    }
    let quantity = super::script::quantity(line.quantity.value, format_args!("{pointer}/value"))?;
    entry.field("RequestedQuantity", &quantity);
    entry.field("RequestedQuantityUnit", &unit);
    let description = line.description.as_deref().unwrap_or_default();
    let description = checked(description, 40, format_args!("{}", at("description")))?;
    entry.optional("SalesOrderItemText", Some(description));
    if let Some(lot) = &line.lot_required {
        let pointer = at("lot_required");
        entry.field(
            "Batch",
            checked(&lot.number, 10, format_args!("{pointer}/number"))?,
        );
    }
    let price = config.price_condition.zip(line.unit_price.as_ref());
    entry.list("to_PricingElement", price, |entry, (condition, price)| {
        entry.field("ConditionType", condition);
        entry.field("ConditionRateValue", &price.amount.to_string());
        entry.field("ConditionCurrency", &price.currency);
        entry.field("ConditionQuantity", "1");
        entry.field("ConditionQuantityUnit", &unit);
        Ok(())
    })
}

fn unit(unit: &str, config: &OdataWriting<'_>, at: Pointer<'_>) -> Result<String, Refusal> {
    config.unit(unit).ok_or_else(|| unit_unmapped(unit, at))
}

fn pad(number: &str, length: usize, config: &OdataWriting<'_>) -> String {
    if config.pad_numbers {
        value::pad_zeros(number, length)
    } else {
        number.to_owned()
    }
}

fn day(date: &str, at: Pointer<'_>) -> Result<String, Refusal> {
    odata::from_day(date).ok_or_else(|| {
        unsayable("date-invalid", at, "expected a day as YYYY-MM-DD").with_value(date)
    })
}
