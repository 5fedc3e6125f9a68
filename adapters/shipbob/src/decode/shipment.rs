//! A shipment that left.
//!
//! ShipBob ships a shipment whole or not at all: what is short makes an exception or
//! another shipment. So what left is complete in itself, and whether it is all of the
//! order is for the order's lines to say.

use crossdock_sdk::json::Part;
use crossdock_sdk::{
    Address, Charge, Contact, Decimal, Document, ItemId, ItemScheme, Lot, LotQuantity, Moment,
    Money, Package, PackageType, Packed, Party, PartyRole, Problem, Quantity, Shipment,
    ShipmentLine, ShipmentStatus,
};

use super::Context;
use super::milestone::{carrier, read_moment};

/// Kept under their own names; the model has no field for them.
const EXTRAS: [&str; 6] = [
    "order_id",
    "ship_option",
    "package_material_type",
    "insurance_value",
    "require_signature",
    "gift_message",
];

/// Reads a shipment of an order; they may be the same object.
///
/// # Errors
/// When a field is missing or of the wrong sort.
pub(super) fn read(
    context: &Context<'_>,
    part: &Part<'_, '_>,
    order: &Part<'_, '_>,
) -> Result<(Document, Vec<Problem>), Problem> {
    let mut findings = Vec::new();
    let tracking = part.get("tracking");
    let id = part.first(&["shipment_id", "id"]).id()?;
    let reference = part.get("reference_id");
    let Some(order_no) = order_no(context, part, order)? else {
        return Err(reference.missing("the order's reference"));
    };
    let shipped_at = shipped_at(context, part, &tracking, &mut findings)?;
    let mut shipment = Shipment::new(id, order_no, ShipmentStatus::Complete, shipped_at);
    shipment.node = node(context, part)?;
    shipment.carrier = carrier(&tracking)?;
    shipment.bill_of_lading = tracking.get("bol").optional_id()?.map(str::to_owned);
    shipment.pro_number = tracking.get("pro_number").optional_id()?.map(str::to_owned);
    let number = tracking_number(&tracking)?.map(str::to_owned);
    shipment.tracking.extend(number.clone());
    shipment.parties.extend(recipient(part)?);
    let lines = Lines::read(context, part, &mut findings)?;
    shipment.packages = packages(part, number, &lines)?;
    shipment.lines = lines.into_lines();
    shipment.total_shipped = total(&shipment.lines)?;
    shipment.total_weight = measure(&part.get("measurements").get("total_weight_oz"), "ONZ")?;
    if context.config.charges()? {
        shipment.charges.extend(invoice(part)?);
    }
    extras(part, &tracking, &mut shipment);
    if shipment.lines.is_empty() {
        let text = "the shipment does not say what it holds";
        findings.push(part.get("products").problem("lines-missing", text));
    }
    Ok((Document::Shipment(shipment), findings))
}

/// Whether a shipment of a list has left: fulfilled, or under way for long.
pub(crate) fn has_left(shipment: &Part<'_, '_>) -> bool {
    matches!(
        shipment.get("status").scalar(),
        Some("Completed" | "LabeledCreated")
    )
}

/// The order's number as we know it.
///
/// # Errors
/// When the reference is of the wrong sort, or a setting is wrong.
pub(super) fn order_no<'t>(
    context: &Context<'_>,
    shipment: &Part<'_, 't>,
    order: &Part<'_, 't>,
) -> Result<Option<&'t str>, Problem> {
    let own = shipment.get("reference_id").optional_id()?;
    let reference = match own {
        Some(own) => Some(own),
        None => order.get("reference_id").optional_id()?,
    };
    reference
        .map(|reference| context.config.order_no(reference))
        .transpose()
}

/// The reference calls it `tracking_number`, the page on ShipBob Logistics
/// `tracking_id`.
///
/// # Errors
/// When it is of the wrong sort.
pub(super) fn tracking_number<'t>(tracking: &Part<'_, 't>) -> Result<Option<&'t str>, Problem> {
    tracking
        .first(&["tracking_number", "tracking_id"])
        .optional_id()
}

fn shipped_at(
    context: &Context<'_>,
    part: &Part<'_, '_>,
    tracking: &Part<'_, '_>,
    findings: &mut Vec<Problem>,
) -> Result<Moment, Problem> {
    let dates = [
        tracking.get("shipping_date"),
        part.get("actual_fulfillment_date"),
        part.get("event_time"),
        part.get("last_update_at"),
    ];
    for date in &dates {
        if let Some(moment) = read_moment(date)? {
            return Ok(moment);
        }
    }
    let text = "the body does not say when it left; the time of its sending is taken";
    findings.push(dates[1].problem("time-missing", text));
    Ok(context.told_at.clone())
}

fn node(context: &Context<'_>, part: &Part<'_, '_>) -> Result<Option<String>, Problem> {
    let location = part.get("location");
    let id = location.get("id").optional_id()?;
    Ok(id.map(|id| context.config.node(id)))
}

fn recipient(part: &Part<'_, '_>) -> Result<Option<Party>, Problem> {
    let recipient = part.get("recipient");
    if !recipient.exists() {
        return Ok(None);
    }
    let text = |part: Part<'_, '_>| Ok::<_, Problem>(part.optional_text()?.map(str::to_owned));
    let place = recipient.get("address");
    let (company, person) = (
        text(place.get("company_name"))?,
        text(recipient.first(&["name", "full_name"]))?,
    );
    let contact = Contact {
        name: person.clone().filter(|_| company.is_some()),
        phone: text(recipient.get("phone_number"))?,
        email: text(recipient.get("email"))?,
    };
    let lines = [text(place.get("address1"))?, text(place.get("address2"))?];
    let address = Address {
        lines: lines.into_iter().flatten().collect(),
        city: text(place.get("city"))?,
        region: text(place.get("state"))?,
        postal_code: place.get("zip_code").optional_id()?.map(str::to_owned),
        country: text(place.get("country"))?,
    };
    let mut party = Party::new(PartyRole::ShipTo);
    party.name = company.or(person);
    party.address = place.exists().then_some(address);
    if contact.name.is_some() || contact.phone.is_some() || contact.email.is_some() {
        party.contacts.push(contact);
    }
    Ok(Some(party))
}

fn invoice(part: &Part<'_, '_>) -> Result<Option<Charge>, Problem> {
    let amount = part.get("invoice_amount").optional_decimal()?;
    let currency = part.get("invoice_currency_code").optional_text()?;
    Ok(amount
        .zip(currency)
        .filter(|(amount, _)| !amount.is_zero())
        .map(|(amount, currency)| Charge::new("invoice_amount", Money::new(amount, currency))))
}

fn extras(part: &Part<'_, '_>, tracking: &Part<'_, '_>, shipment: &mut Shipment) {
    let mut keep = |name: &str, value: Option<&str>| {
        let told = value.filter(|value| !matches!(*value, "0" | "false" | "None"));
        if let Some(value) = told {
            shipment.extras.push((name.to_owned(), value.to_owned()));
        }
    };
    for name in EXTRAS {
        keep(name, part.get(name).scalar());
    }
    keep("tracking_url", tracking.get("tracking_url").scalar());
    let location = part.get("location");
    keep("location_name", location.get("name").scalar());
}

/// A measurement; ShipBob writes 0 for one that was not taken.
fn measure(part: &Part<'_, '_>, unit: &str) -> Result<Option<Quantity>, Problem> {
    let value = part.optional_decimal()?.filter(|value| !value.is_zero());
    Ok(value.map(|value| Quantity::new(value, unit)))
}

fn total(lines: &[ShipmentLine]) -> Result<Option<Decimal>, Problem> {
    let mut total = Decimal::ZERO;
    for line in lines {
        total = add(total, line.shipped.value)?;
    }
    Ok((!lines.is_empty()).then_some(total))
}

fn add(left: Decimal, right: Decimal) -> Result<Decimal, Problem> {
    left.checked_add(right).map_err(|error| {
        Problem::partner_data(
            "quantity-too-large",
            format!("the sum does not fit: {error}"),
        )
    })
}

// === lines ===

/// One inventory item of one product.
struct Entry<'t> {
    id: Option<&'t str>,
    name: Option<&'t str>,
    quantity: Decimal,
    lots: Vec<(Lot, Decimal)>,
    serials: Vec<String>,
}

/// The lines, with what a carton knows them by.
struct Lines {
    lines: Vec<ShipmentLine>,
    /// Product reference and inventory id of each line.
    keys: Vec<(String, String)>,
}

// === impl Lines ===

impl Lines {
    /// One line for each inventory item of each product. A product of several items is
    /// a bundle: how many of it left is not told, only how many of each item.
    fn read(
        context: &Context<'_>,
        part: &Part<'_, '_>,
        findings: &mut Vec<Problem>,
    ) -> Result<Lines, Problem> {
        let mut lines = Lines {
            lines: Vec::new(),
            keys: Vec::new(),
        };
        let products = part.get("products");
        for product in products.items()? {
            let reference = product.first(&["reference_id", "sku"]).optional_id()?;
            let entries = entries(&product)?;
            let bundle = entries.len() > 1;
            if bundle {
                let text = "a bundle of several inventory items; each is a line of its own, \
                            since the number of bundles is not told";
                findings.push(product.get("inventory_items").problem("bundle", text));
            }
            for entry in entries {
                let items = items(context, &product, &entry, bundle)?;
                lines.add(entry, items, reference.unwrap_or_default(), bundle);
            }
        }
        Ok(lines)
    }

    /// A webhook has no line numbers of the order: a number by the place, which is
    /// none of the order's.
    fn add(&mut self, entry: Entry<'_>, items: Vec<ItemId>, reference: &str, bundle: bool) {
        let number = format!("#{}", self.lines.len() + 1);
        let status = match entry.quantity.is_zero() {
            true => ShipmentStatus::NotShipped,
            false => ShipmentStatus::Complete,
        };
        let shipped = Quantity::new(entry.quantity, "EA");
        let mut line = ShipmentLine::new(number, shipped, status, items);
        line.description = entry.name.map(str::to_owned);
        let several = entry.lots.len() > 1;
        let lots = entry.lots.into_iter().map(|(lot, quantity)| {
            LotQuantity::new(lot, several.then(|| Quantity::new(quantity, "EA")))
        });
        line.lots = lots.collect();
        line.serials = entry.serials;
        if bundle && !reference.is_empty() {
            line.extras
                .push(("bundle".to_owned(), reference.to_owned()));
        }
        self.lines.push(line);
        let id = entry.id.unwrap_or_default().to_owned();
        self.keys.push((reference.to_owned(), id));
    }

    /// The line that a carton's product and inventory item are.
    fn find(&self, reference: &str, id: &str) -> Option<&str> {
        let position = self
            .keys
            .iter()
            .position(|(own, item)| own == reference && item == id);
        position.map(|position| self.lines[position].line_no.as_str())
    }

    fn into_lines(self) -> Vec<ShipmentLine> {
        self.lines
    }
}

/// The inventory items of a product, those of one id together: several of one id are
/// lots of it.
fn entries<'t>(product: &Part<'_, 't>) -> Result<Vec<Entry<'t>>, Problem> {
    let list = product.get("inventory_items");
    let mut entries: Vec<Entry<'t>> = Vec::new();
    for item in list.items()? {
        let id = item.get("id").optional_id()?;
        let quantity = item.get("quantity").decimal()?;
        let known = entries
            .iter()
            .position(|entry| id.is_some() && entry.id == id);
        let position = known.unwrap_or(entries.len());
        if known.is_none() {
            entries.push(Entry {
                id,
                name: item.get("name").optional_text()?,
                quantity: Decimal::ZERO,
                lots: Vec::new(),
                serials: Vec::new(),
            });
        }
        let entry = &mut entries[position];
        entry.quantity = add(entry.quantity, quantity)?;
        if let Some(number) = item.get("lot").optional_id()? {
            let expiry = read_moment(&item.get("expiration_date"))?;
            let mut lot = Lot::new(number);
            lot.expiry = expiry.map(|moment| moment.day().to_owned());
            entry.lots.push((lot, quantity));
        }
        let serials = item.get("serial_numbers");
        for serial in serials.items()? {
            entry.serials.push(serial.id()?.to_owned());
        }
    }
    if entries.is_empty()
        && let Some(quantity) = product.get("quantity").optional_decimal()?
    {
        entries.push(Entry {
            id: None,
            name: product.get("name").optional_text()?,
            quantity,
            lots: Vec::new(),
            serials: Vec::new(),
        });
    }
    Ok(entries)
}

/// The numbers of what left: those of the product where it is one item, and the
/// inventory item's own.
fn items(
    context: &Context<'_>,
    product: &Part<'_, '_>,
    entry: &Entry<'_>,
    bundle: bool,
) -> Result<Vec<ItemId>, Problem> {
    let mut items = Vec::new();
    if !bundle {
        if let Some(reference) = product.get("reference_id").optional_id()? {
            items.push(context.config.item(reference)?);
        }
        if let Some(sku) = product.get("sku").optional_id()? {
            let sku = ItemId::sku(sku);
            if items.iter().all(|item| item.scheme != ItemScheme::Sku) {
                items.push(sku);
            } else if !items.contains(&sku) {
                items.push(ItemId::new(
                    ItemScheme::Other("shipbob-sku".to_owned()),
                    sku.value,
                ));
            }
        }
    }
    let own = |scheme: &str, id: &str| ItemId::new(ItemScheme::Other(scheme.to_owned()), id);
    items.extend(entry.id.map(|id| own("shipbob-inventory", id)));
    if items.is_empty() {
        let id = product.get("id").id()?;
        items.push(own("shipbob-product", id));
    }
    Ok(items)
}

// === packages ===

/// Cartons where there are any, as in orders to retailers; else one parcel.
fn packages(
    part: &Part<'_, '_>,
    tracking: Option<String>,
    lines: &Lines,
) -> Result<Vec<Package>, Problem> {
    let mut packages = Vec::new();
    let parents = part.get("parent_cartons");
    for parent in parents.items()? {
        let outer = package(&parent, packages.len())?;
        let outer_id = outer.id.clone();
        packages.push(outer);
        let cartons = parent.get("cartons");
        for carton in cartons.items()? {
            let mut inner = package(&carton, packages.len())?;
            inner.parent = Some(outer_id.clone());
            inner.contents = contents(&carton, lines)?;
            packages.push(inner);
        }
    }
    if packages.is_empty() {
        let measurements = part.get("measurements");
        let mut parcel = Package::new("1", PackageType::Carton);
        parcel.weight = measure(&measurements.get("total_weight_oz"), "ONZ")?;
        parcel.dimensions = dimensions(&measurements)?;
        parcel.tracking = tracking;
        parcel.contents = lines
            .lines
            .iter()
            .map(|line| Packed::new(&line.line_no, line.shipped.clone()))
            .collect();
        packages.push(parcel);
    }
    Ok(packages)
}

fn package(part: &Part<'_, '_>, position: usize) -> Result<Package, Problem> {
    let kind = match part.get("type").optional_text()? {
        Some(kind) if kind.eq_ignore_ascii_case("pallet") => PackageType::Pallet,
        Some(kind) if !kind.eq_ignore_ascii_case("carton") => PackageType::Other(kind.to_owned()),
        _ => PackageType::Carton,
    };
    let number = part.first(&["barcode", "id"]).optional_id()?;
    let number = match number {
        Some(number) => sscc(number).unwrap_or(number).to_owned(),
        None => (position + 1).to_string(),
    };
    let measurements = part.get("measurements");
    let mut package = Package::new(number, kind);
    package.sscc = sscc(&package.id).is_some();
    package.weight = measure(&measurements.get("total_weight_oz"), "ONZ")?;
    package.dimensions = dimensions(&measurements)?;
    Ok(package)
}

/// The eighteen digits of an SSCC, with or without its application identifier.
fn sscc(barcode: &str) -> Option<&str> {
    let digits = match barcode.len() {
        20 => barcode.strip_prefix("00")?,
        _ => barcode,
    };
    let sound = digits.len() == 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then_some(digits)
}

/// Length, width and height; none unless all three were taken.
fn dimensions(part: &Part<'_, '_>) -> Result<Vec<Quantity>, Problem> {
    let mut dimensions = Vec::new();
    for name in ["length_in", "width_in", "depth_in"] {
        dimensions.extend(measure(&part.get(name), "INH")?);
    }
    Ok(if dimensions.len() == 3 {
        dimensions
    } else {
        Vec::new()
    })
}

fn contents(carton: &Part<'_, '_>, lines: &Lines) -> Result<Vec<Packed>, Problem> {
    let mut contents = Vec::new();
    let details = carton.get("carton_details");
    for detail in details.items()? {
        let products = detail.get("products");
        for product in products.items()? {
            let reference = product.first(&["reference_id", "sku"]).optional_id()?;
            for entry in entries(&product)? {
                let id = entry.id.unwrap_or_default();
                let Some(line_no) = lines.find(reference.unwrap_or_default(), id) else {
                    let text = "the carton holds an item that the shipment does not have";
                    return Err(product.get("inventory_items").problem("line-unknown", text));
                };
                let mut packed = Packed::new(line_no, Quantity::new(entry.quantity, "EA"));
                if let [(lot, _)] = entry.lots.as_slice() {
                    packed.lot = Some(lot.clone());
                }
                contents.push(packed);
            }
        }
    }
    Ok(contents)
}
