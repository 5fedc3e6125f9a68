//! ORDERS05 with message type ORDERS or ORDCHG: a purchase order.
//!
//! The verbs: E1EDK01-ACTION of the whole (001 cancels), E1EDP01-ACTION of a line (003
//! deletes). QUALF tells what a segment is about: E1EDK02*001 the customer's purchase
//! order, E1EDK03*012 the document's date and *002 the wanted one, E1EDP19 whose number
//! of the item.

use crossdock_sdk::decimal::DIGITS_MAX;
use crossdock_sdk::idoc::{Idoc, Segment, value};
use crossdock_sdk::{
    Decimal, Document, ItemId, Money, Order, OrderLine, OrderType, PartyRole, Problem, Purpose,
    Quantity,
};

use super::Mapped;
use super::context::{Context, place};
use super::party;
use crate::wire;

/// What the header segments have a field for; the rest of them goes to the extras.
const HEADER_READ: [&str; 7] = [
    "EDI_DC40", "EDI_DC", "E1EDKA1", "E1EDKT1", "E1EDP01", "E1EDS01", "E1EDK01",
];

/// Reads an order.
pub(super) fn map(idoc: &Idoc<'_>, mut context: Context<'_>) -> Mapped {
    let root = idoc.root();
    let Some(header) = context.segment(root, "E1EDK01", "the order's header") else {
        return context.refuse();
    };
    let kind = idoc.control().and_then(|control| control.get("MESTYP"));
    let order_no = document_no(root, header, &mut context);
    let mut order = Order::new(order_no);
    order.purpose = match (header.get("ACTION"), kind) {
        (Some("001"), _) => Purpose::Cancel,
        (_, Some("ORDCHG")) => Purpose::Change,
        _ => Purpose::Original,
    };
    order.customer_po = by_qualifier(root, "E1EDK02", "001")
        .and_then(|segment| segment.get("BELNR"))
        .map(str::to_owned);
    order.order_type = header
        .get("BSART")
        .map(|code| OrderType::Other(code.to_owned()));
    dates(root, &mut order, &mut context);
    order.parties = root
        .all("E1EDKA1")
        .map(|segment| party::of_order(segment, &context))
        .collect();
    order.notes = texts(root, "E1EDKT1", "E1EDKT2");
    let gross = ["BRGEW", "GEWEI"];
    order.total_weight = context.measure(header, gross, &mut order.extras);
    totals(root, header, &mut order, &mut context);
    for segment in root.all("E1EDP01") {
        let line = line(segment, header, &mut context);
        order.lines.push(line);
    }
    if order.lines.is_empty() && order.purpose != Purpose::Cancel {
        context.segment(root, "E1EDP01", "an order needs at least one item");
    }
    ship_to(root, &mut order, &mut context);
    if context.config.keep_extras {
        wire::keep(
            &mut order.extras,
            header,
            &["BELNR", "BSART", "CURCY", "BRGEW", "GEWEI"],
        );
        let read = |segment: &Segment<'_, '_>| HEADER_READ.contains(&segment.name());
        for segment in root.children().filter(|segment| !read(segment)) {
            keep_header(&mut order, segment);
        }
    }
    context.finish(|| Document::Order(order))
}

/// The references and dates that the order has no field for.
fn keep_header(order: &mut Order, segment: Segment<'_, '_>) {
    let read: &[&str] = match (segment.name(), qualifier(segment)) {
        ("E1EDK02", Some("001")) => &["BELNR", "DATUM"],
        ("E1EDK03", Some("012" | "002")) => &["DATUM", "UZEIT"],
        _ => &[],
    };
    wire::keep(&mut order.extras, segment, read);
}

/// The document's own number; the customer's where the header has none.
pub(super) fn document_no(
    root: Segment<'_, '_>,
    header: Segment<'_, '_>,
    context: &mut Context<'_>,
) -> String {
    let customer = by_qualifier(root, "E1EDK02", "001").and_then(|segment| segment.get("BELNR"));
    let number = match header.get("BELNR").or(customer) {
        Some(number) => number,
        None => context.required(header, "BELNR", "the order's number"),
    };
    context.config.number(number).to_owned()
}

/// The segment of that name with that qualifier.
pub(super) fn by_qualifier<'i, 'a>(
    root: Segment<'i, 'a>,
    name: &str,
    wanted: &str,
) -> Option<Segment<'i, 'a>> {
    root.all(name)
        .find(|segment| qualifier(*segment) == Some(wanted))
}

pub(super) fn qualifier<'i>(segment: Segment<'i, '_>) -> Option<&'i str> {
    ["QUALF", "IDDAT", "SUMID", "QUALI"]
        .iter()
        .find_map(|field| segment.get(field))
}

fn dates(root: Segment<'_, '_>, order: &mut Order, context: &mut Context<'_>) {
    if let Some(segment) = by_qualifier(root, "E1EDK03", "012") {
        order.order_date = context.day(segment, "DATUM", &mut order.extras);
    }
    if let Some(segment) = by_qualifier(root, "E1EDK02", "001")
        && order.order_date.is_none()
    {
        order.order_date = context.day(segment, "DATUM", &mut order.extras);
    }
    if let Some(segment) = by_qualifier(root, "E1EDK03", "002") {
        let fields = ["DATUM", "UZEIT", ""];
        order.requested_delivery = context.moment(segment, fields, &mut order.extras);
    }
}

/// E1EDS01: 001 counts the items, 002 is the order's value.
fn totals(
    root: Segment<'_, '_>,
    header: Segment<'_, '_>,
    order: &mut Order,
    context: &mut Context<'_>,
) {
    if let Some(sum) = by_qualifier(root, "E1EDS01", "002")
        && let Some(amount) = context.lenient_number(sum, "SUMME", &mut order.extras)
    {
        let currency = sum
            .get("WAERQ")
            .or_else(|| sum.get("SUNIT"))
            .or_else(|| header.get("CURCY"));
        match currency.or(context.config.default_currency) {
            Some(currency) => order.total_amount = Some(Money::new(amount, currency)),
            None => wire::keep_field(&mut order.extras, sum, "SUMME"),
        }
    }
    let count = root.all("E1EDP01").count();
    if let Some(sum) = by_qualifier(root, "E1EDS01", "001")
        && let Some(told) = sum.get("SUMME")
        && value::number(told).ok().and_then(Decimal::to_integer) != i64::try_from(count).ok()
    {
        let text = format!("E1EDS01*001 counts {told} items, the IDoc has {count}");
        context.note("count-differs", text, sum, "SUMME");
    }
}

fn line(segment: Segment<'_, '_>, header: Segment<'_, '_>, context: &mut Context<'_>) -> OrderLine {
    let line_no = context.required(segment, "POSEX", "the item's number");
    let line_no = context.config.number(line_no).to_owned();
    let deleted = segment.get("ACTION") == Some("003");
    let quantity = match segment.get("MENGE") {
        None => {
            context.missing(segment, "MENGE", "the ordered quantity");
            Quantity::new(Decimal::ZERO, "")
        }
        Some(_) => context
            .quantity(segment, "MENGE", "MENEE")
            .unwrap_or_else(|| Quantity::new(Decimal::ZERO, "")),
    };
    let mut line = OrderLine::new(line_no, quantity, Vec::new());
    if deleted {
        line.quantity.value = Decimal::ZERO;
        let text = "E1EDP01-ACTION 003 deletes the item; it is told as ordered nought".to_owned();
        context.note("item-deleted", text, segment, "ACTION");
    }
    line.description = items(segment, &mut line.items, context);
    line.unit_price = price(segment, header, &mut line, context);
    line.weight = context.measure(segment, ["BRGEW", "GEWEI"], &mut line.extras);
    line.notes = texts(segment, "E1EDPT1", "E1EDPT2");
    schedule(segment, &mut line, context);
    if context.config.keep_extras {
        let read = [
            "POSEX", "MENGE", "MENEE", "VPREI", "PEINH", "PMENE", "BRGEW", "GEWEI", "CURCY",
            "E1EDP19", "E1EDP20", "E1EDPT1", "E1EDPA1",
        ];
        wire::keep(&mut line.extras, segment, &read);
    }
    line
}

/// The numbers of an item (E1EDP19); gives its description. IDTNR_LONG is the same
/// number where it has more than 35 characters.
pub(super) fn items(
    segment: Segment<'_, '_>,
    items: &mut Vec<ItemId>,
    context: &mut Context<'_>,
) -> Option<String> {
    let mut description = None;
    for number in segment.all("E1EDP19") {
        let id = number.get("IDTNR_LONG").or_else(|| number.get("IDTNR"));
        if let Some(id) = id {
            let scheme = context
                .config
                .item_scheme(number.get("QUALF").unwrap_or_default(), id);
            context.item(items, scheme, id);
        }
        description = description.or_else(|| number.get("KTEXT").map(str::to_owned));
    }
    if items.is_empty() {
        let text = "no E1EDP19 names the item".to_owned();
        let problem = Problem::partner_data("item-missing", text)
            .at(place(segment, "E1EDP19"))
            .with_remedy("have the sender send the material number (E1EDP19-IDTNR)");
        context.fault(problem);
    }
    description
}

/// VPREI is the price of PEINH units. What can't be divided without rounding stays
/// among the extras.
fn price(
    segment: Segment<'_, '_>,
    header: Segment<'_, '_>,
    line: &mut OrderLine,
    context: &mut Context<'_>,
) -> Option<Money> {
    let price = context.lenient_number(segment, "VPREI", &mut line.extras)?;
    let base = context.lenient_number(segment, "PEINH", &mut line.extras);
    let currency = segment
        .get("CURCY")
        .or_else(|| header.get("CURCY"))
        .or(context.config.default_currency);
    let other_unit = segment
        .get("PMENE")
        .is_some_and(|unit| Some(unit) != segment.get("MENEE"));
    let exact = match base.filter(|base| !base.is_zero()) {
        None => Some(price),
        Some(base) => divide(price, base),
    };
    match (exact, currency) {
        (Some(price), Some(currency)) if !other_unit => Some(Money::new(price, currency)),
        _ => {
            let text = "the price is of another unit, has no currency, or is no decimal for one unit; kept among the extras".to_owned();
            context.note("price-kept-aside", text, segment, "VPREI");
            for field in ["VPREI", "PEINH", "PMENE", "CURCY"] {
                wire::keep_field(&mut line.extras, segment, field);
            }
            None
        }
    }
}

/// The exact quotient, with as many decimals as it takes; absent where it has no end.
pub(super) fn divide(value: Decimal, by: Decimal) -> Option<Decimal> {
    // Tens are by far the most common price units.
    let by = by.normalized();
    (0..=DIGITS_MAX).find_map(|places| {
        let scaled =
            i128::from(value.coefficient).checked_mul(10_i128.checked_pow(u32::from(places))?)?;
        let scaled = scaled.checked_mul(10_i128.checked_pow(u32::from(by.scale))?)?;
        let divisor = i128::from(by.coefficient);
        if divisor == 0 || scaled % divisor != 0 {
            return None;
        }
        let coefficient = i64::try_from(scaled / divisor).ok()?;
        let scale = value.scale.checked_add(places)?;
        Decimal::new(coefficient, scale).ok()
    })
}

/// Schedule lines (E1EDP20): when, and how much then. Several dates can't be told of
/// one line; they stay among the extras, `E1EDP20[2]`.
fn schedule(segment: Segment<'_, '_>, line: &mut OrderLine, context: &mut Context<'_>) {
    let mut count = 0;
    for (index, part) in segment.all("E1EDP20").enumerate() {
        let [quantity, day, time] =
            ["WMENG", "EDATU", "EZEIT"].map(|field| part.get(field).unwrap_or_default());
        if value::is_initial(day) && value::is_initial(quantity) {
            continue;
        }
        count += 1;
        let text = format!("{quantity} {day} {time}").trim().to_owned();
        line.extras.push((format!("E1EDP20[{}]", index + 1), text));
    }
    if count > 1 {
        let text = format!("{count} schedule lines; the whole quantity is one line here");
        context.note("schedule-split", text, segment, "E1EDP20");
    }
}

/// An order without a header's ship-to may have one for each item (E1EDPA1*WE).
fn ship_to(root: Segment<'_, '_>, order: &mut Order, context: &mut Context<'_>) {
    if order
        .parties
        .iter()
        .any(|party| party.role == PartyRole::ShipTo)
    {
        return;
    }
    let mut found: Vec<crossdock_sdk::Party> = Vec::new();
    for item in root.all("E1EDP01") {
        for segment in item
            .all("E1EDPA1")
            .filter(|segment| segment.get("PARVW") == Some("WE"))
        {
            let party = party::of_order(segment, context);
            if !found.contains(&party) {
                found.push(party);
            }
        }
    }
    if found.len() > 1 {
        let text = format!(
            "{} ship-to parties, one for each item; all are kept",
            found.len()
        );
        context.note("ship-to-differs", text, root, "E1EDP01");
    }
    order.parties.append(&mut found);
}

/// The lines of texts. A line without format, or with `=`, goes on with the one before.
pub(super) fn texts(parent: Segment<'_, '_>, text: &str, line: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for text in parent.all(text) {
        let mut paragraph: Option<String> = None;
        for line in text.all(line) {
            let Some(words) = line.get("TDLINE") else {
                continue;
            };
            let goes_on = matches!(line.get("TDFORMAT"), None | Some("="));
            paragraph = match paragraph.take() {
                Some(begun) if goes_on => Some(format!("{begun} {words}")),
                begun => {
                    notes.extend(begun);
                    Some(words.to_owned())
                }
            };
        }
        notes.extend(paragraph);
    }
    notes
}
