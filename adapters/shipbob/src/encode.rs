//! An order to the JSON that places it.
//!
//! What ShipBob has no field for is refused with its place, unless the settings say
//! that it may be dropped; nothing is cut.

use crossdock_sdk::json::Object;
use crossdock_sdk::{
    Contact, FreightPayment, ItemScheme, Money, Order, OrderLine, Party, PartyRole, Problem,
    TransportMode,
};

use crate::settings::Config;

/// The longest `reference_id`, in characters.
const REFERENCE_CHARS_MAX: usize = 300;

/// The longest `order_number`, in characters.
const ORDER_NUMBER_CHARS_MAX: usize = 400;

/// The longest `gift_message`, in characters.
const GIFT_MESSAGE_CHARS_MAX: usize = 500;

/// The type of an order to a consumer; those of any other type go to retailers.
const CONSUMER: &str = "DTC";

/// The payment term that only ShipBob has: the merchant books and pays the carrier.
const MERCHANT_PAYS: &str = "MerchantResponsible";

/// The name of the extra that becomes the gift message.
const GIFT_MESSAGE: &str = "gift_message";

/// The body that places an order under a reference.
///
/// # Errors
/// When the order says something that ShipBob can't be told.
pub(crate) fn order(
    order: &Order,
    reference: &str,
    config: &Config<'_>,
) -> Result<Vec<u8>, Problem> {
    refuse_wishes(order, config)?;
    let kind = config.order_type()?;
    let reference = short(reference, REFERENCE_CHARS_MAX, "/order_no")?;
    let mut body = Object::new().text("reference_id", reference);
    if let Some(number) = order.customer_po.as_deref() {
        let number = short(number, ORDER_NUMBER_CHARS_MAX, "/customer_po")?;
        body = body.text("order_number", number);
    }
    body = body
        .text("shipping_method", config.shipping_method(order))
        .text("type", kind);
    if let Some(date) = &order.order_date {
        body = body.text("purchase_date", &format!("{date}T00:00:00Z"));
    }
    if let Some(node) = &order.node {
        body = body.integer("location_id", config.location(node).map_err(at("/node"))?);
    }
    body = body
        .object("recipient", recipient(order, kind)?)
        .list("products", products(order, kind, config)?);
    if let Some(total) = priced(order.total_amount.as_ref(), config) {
        body = body.object(
            "financials",
            Object::new().number("total_price", total.amount),
        );
    }
    if let Some(terms) = shipping_terms(order) {
        body = body.object("shipping_terms", terms);
    }
    if kind != CONSUMER {
        body = body.object("retailer_program_data", retailer_program(order, config)?);
    }
    if let Some((_, words)) = order.extras.iter().find(|(name, _)| name == GIFT_MESSAGE) {
        let words = short(words, GIFT_MESSAGE_CHARS_MAX, "/extras")?;
        body = body.text(GIFT_MESSAGE, words);
    }
    let tags = tags(order);
    if !tags.is_empty() {
        body = body.list("tags", tags);
    }
    Ok(body.into_vec())
}

/// Wishes that ShipBob has no field for; orders to retailers have some.
fn refuse_wishes(order: &Order, config: &Config<'_>) -> Result<(), Problem> {
    let retail = config.order_type()? != CONSUMER;
    let wishes = [
        (
            "not-before",
            "/not_before",
            order.not_before.is_some() && !retail,
        ),
        (
            "cancel-after",
            "/cancel_after",
            order.cancel_after.is_some(),
        ),
        (
            "requested-ship",
            "/requested_ship",
            order.requested_ship.is_some() && !retail,
        ),
        (
            "requested-delivery",
            "/requested_delivery",
            order.requested_delivery.is_some() && !retail,
        ),
    ];
    for (wish, pointer, told) in wishes {
        if told && !config.ignores(wish)? {
            return Err(
                unsayable("wish-unsupported", pointer, "ShipBob has no field for it").with_remedy(
                    format!("leave it out, or add `{wish}` to the setting `ignore`"),
                ),
            );
        }
    }
    let lot = order
        .lines
        .iter()
        .position(|line| line.lot_required.is_some());
    if let Some(position) = lot
        && !config.ignores("lot-required")?
    {
        let pointer = format!("/lines/{position}/lot_required");
        let text = "ShipBob chooses the lot itself when an order is placed";
        return Err(unsayable("wish-unsupported", &pointer, text)
            .with_remedy("leave it out, or add `lot-required` to the setting `ignore`"));
    }
    Ok(())
}

fn recipient(order: &Order, kind: &str) -> Result<Object, Problem> {
    let roles = [
        PartyRole::ShipTo,
        PartyRole::Consignee,
        PartyRole::EndCustomer,
    ];
    let found = roles
        .iter()
        .find_map(|role| order.parties.iter().position(|party| party.role == *role));
    let Some(position) = found else {
        let text = "the order does not say where the goods go";
        return Err(unsayable("ship-to-missing", "/parties", text));
    };
    let party = &order.parties[position];
    let contact = party.contacts.first();
    let person = contact.and_then(|contact| contact.name.as_deref());
    // A retailer's name belongs there even if it is the recipient's as well.
    let company = party
        .name
        .as_deref()
        .filter(|name| kind != CONSUMER || person.is_some_and(|person| person != *name));
    let Some(name) = person.or(party.name.as_deref()) else {
        let pointer = format!("/parties/{position}/name");
        return Err(unsayable(
            "name-missing",
            &pointer,
            "ShipBob needs the recipient's name",
        ));
    };
    let part = |part: fn(&Contact) -> Option<&str>| contact.and_then(part);
    Ok(Object::new()
        .text("name", name)
        .optional_text("email", part(|contact| contact.email.as_deref()))
        .optional_text("phone_number", part(|contact| contact.phone.as_deref()))
        .object("address", address(party, company, position)?))
}

fn address(party: &Party, company: Option<&str>, position: usize) -> Result<Object, Problem> {
    let missing = |field: &str| {
        let pointer = format!("/parties/{position}/address{field}");
        unsayable(
            "address-incomplete",
            &pointer,
            "ShipBob needs street, city and country",
        )
    };
    let address = party.address.as_ref().ok_or_else(|| missing(""))?;
    let (first, rest) = address
        .lines
        .split_first()
        .ok_or_else(|| missing("/lines"))?;
    let second = (!rest.is_empty()).then(|| rest.join(", "));
    let city = address.city.as_deref().ok_or_else(|| missing("/city"))?;
    let country = address
        .country
        .as_deref()
        .ok_or_else(|| missing("/country"))?;
    Ok(Object::new()
        .optional_text("company_name", company)
        .text("address1", first)
        .optional_text("address2", second.as_deref())
        .text("city", city)
        .optional_text("state", address.region.as_deref())
        .optional_text("zip_code", address.postal_code.as_deref())
        .text("country", country))
}

fn products(order: &Order, kind: &str, config: &Config<'_>) -> Result<Vec<Object>, Problem> {
    if order.lines.is_empty() {
        return Err(unsayable(
            "lines-missing",
            "/lines",
            "an order needs at least one line",
        ));
    }
    let lines = order.lines.iter().enumerate();
    lines
        .map(|(position, line)| product(line, position, kind, config))
        .collect()
}

fn product(
    line: &OrderLine,
    position: usize,
    kind: &str,
    config: &Config<'_>,
) -> Result<Object, Problem> {
    let number = |scheme: ItemScheme| {
        let mut items = line.items.iter();
        let item = items.find(|item| item.scheme == scheme);
        item.map(|item| item.value.as_str())
    };
    let Some(reference) = number(config.item_scheme()?) else {
        let pointer = format!("/lines/{position}/items");
        let text = "the line has no number by which ShipBob knows the product";
        return Err(unsayable("item-missing", &pointer, text)
            .with_remedy("give the item that number, or choose another with `item-scheme`"));
    };
    let pointer = format!("/lines/{position}/quantity");
    let whole = line.quantity.value.to_integer().filter(|whole| *whole > 0);
    let Some(quantity) = whole else {
        let text = "ShipBob ships whole pieces, at least one";
        return Err(unsayable("quantity-not-whole", &pointer, text)
            .with_value(line.quantity.value.to_string()));
    };
    let unit = config.unit(&line.quantity.unit).map_err(at(&pointer))?;
    let mut product = Object::new()
        .text("reference_id", reference)
        .text("name", line.description.as_deref().unwrap_or(reference))
        .integer("quantity", quantity);
    // Pieces go without saying, but not to a retailer.
    if unit != "EA" || kind != CONSUMER {
        product = product.text("quantity_unit_of_measure_code", unit);
    }
    // ShipBob's line numbers are 32-bit integers.
    if let Ok(number) = line.line_no.parse::<i32>() {
        product = product.integer("external_line_id", number.into());
    }
    for (field, scheme) in [
        ("sku", ItemScheme::Sku),
        ("gtin", ItemScheme::Gtin),
        ("upc", ItemScheme::Upc),
    ] {
        product = product.optional_text(field, number(scheme));
    }
    Ok(match priced(line.unit_price.as_ref(), config) {
        Some(price) => product.number("unit_price", price.amount),
        None => product,
    })
}

/// A price in the currency that ShipBob takes for granted; any other is left out,
/// since the number alone would mean something else.
fn priced<'p>(price: Option<&'p Money>, config: &Config<'_>) -> Option<&'p Money> {
    price.filter(|price| price.currency == config.currency())
}

/// Parcel or freight, and who pays; told only where the order says both.
fn shipping_terms(order: &Order) -> Option<Object> {
    let carrier = order.carrier.as_ref()?;
    let kind = match carrier.mode.as_ref()? {
        TransportMode::Parcel => "Parcel",
        TransportMode::LessThanTruckload | TransportMode::Truck => "Freight",
        _ => return None,
    };
    let term = match carrier.payment.as_ref()? {
        FreightPayment::Collect => "Collect",
        FreightPayment::ThirdParty => "ThirdParty",
        // Who is charged afterwards is not ShipBob's business.
        FreightPayment::Prepaid | FreightPayment::PrepaidCharged => "Prepaid",
        FreightPayment::Other(term) if term == MERCHANT_PAYS => MERCHANT_PAYS,
        FreightPayment::Other(_) => return None,
    };
    Some(
        Object::new()
            .text("carrier_type", kind)
            .text("payment_term", term),
    )
}

/// What ShipBob asks beyond, for orders to retailers.
fn retailer_program(order: &Order, config: &Config<'_>) -> Result<Object, Problem> {
    let Some(purchase_order) = order.customer_po.as_deref() else {
        let text = "an order to a retailer needs its purchase order";
        return Err(unsayable("customer-po-missing", "/customer_po", text));
    };
    let mut data = Object::new()
        .text("purchase_order_number", purchase_order)
        .text("retailer_program_type", config.retailer_program()?);
    for (name, moment, pointer) in [
        ("doNotShipBeforeDate", &order.not_before, "/not_before"),
        ("shipByDate", &order.requested_ship, "/requested_ship"),
        (
            "delivery_date",
            &order.requested_delivery,
            "/requested_delivery",
        ),
    ] {
        let Some(moment) = moment else { continue };
        let text = match moment.text.len() {
            _ if moment.zoned => moment.text.clone(),
            10 => format!("{}T00:00:00Z", moment.text),
            _ => {
                let text = "ShipBob needs a day, or a time with its offset";
                return Err(
                    unsayable("time-without-offset", pointer, text).with_value(&moment.text)
                );
            }
        };
        data = data.text(name, &text);
    }
    Ok(data)
}

/// Numbers and notes, which ShipBob stores and gives back but does not act on.
fn tags(order: &Order) -> Vec<Object> {
    let tag = |name: &str, value: &str| Object::new().text("name", name).text("value", value);
    let references = order.references.iter();
    let notes = order.notes.iter();
    references
        .map(|reference| tag(&reference.qualifier, &reference.value))
        .chain(notes.map(|note| tag("note", note)))
        .collect()
}

fn short<'v>(value: &'v str, max: usize, pointer: &str) -> Result<&'v str, Problem> {
    let length = value.chars().count();
    if length <= max {
        return Ok(value);
    }
    let text = format!("{length} characters, ShipBob takes at most {max}");
    Err(unsayable("value-too-long", pointer, text).with_value(value))
}

/// The document says something that ShipBob can't be told.
fn unsayable(code: &str, pointer: &str, text: impl Into<String>) -> Problem {
    Problem::document(code, text).at_pointer(pointer)
}

/// Adds the place in the document to a problem of the settings.
fn at(pointer: &str) -> impl Fn(Problem) -> Problem + '_ {
    move |problem| problem.at_pointer(pointer)
}
