//! An Order with its OrderItems, as a query or an event has them.

use crossdock_sdk::json::{Part, Tree};
use crossdock_sdk::{
    Address, Contact, Decoded, Document, ItemId, ItemScheme, Moment, Money, Order, OrderLine,
    Party, PartyRole, Problem, Purpose, Quantity, Source,
};

use super::{PAGES_FIELD, add};
use crate::settings::Config;

/// Reads every Order of a result, of one page or of several. Pages of OrderItems belong
/// to the order that each item names.
///
/// # Errors
/// When a page is none.
pub(super) fn records(
    config: &Config<'_>,
    root: &Part<'_, '_>,
    decoded: &mut Decoded,
) -> Result<(), Problem> {
    let mut more: Vec<(String, OrderLine)> = Vec::new();
    each_record(root, |record| {
        if record.get("OrderId").exists() {
            more.push((
                record.get("OrderId").id()?.to_owned(),
                line(config, record)?,
            ));
        }
        Ok(())
    })?;
    each_record(root, |record| {
        if record.get("OrderId").exists() {
            return Ok(());
        }
        let attributes = record.get("attributes");
        let source = Source {
            type_: attributes.get("type").scalar().map(str::to_owned),
            transaction_control: record.get("Id").scalar().map(str::to_owned),
            ..Source::new("json", 0)
        };
        add(decoded, source, read(config, record, &mut more));
        Ok(())
    })
}

fn each_record(
    root: &Part<'_, '_>,
    mut read: impl FnMut(&Part<'_, '_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let pages = root.get(PAGES_FIELD);
    if !pages.exists() {
        let records = root.get("records");
        return records.items()?.try_for_each(|record| read(&record));
    }
    for page in pages.items()? {
        let records = page.get("records");
        records.items()?.try_for_each(|record| read(&record))?;
    }
    Ok(())
}

fn read(
    config: &Config<'_>,
    record: &Part<'_, '_>,
    more: &mut Vec<(String, OrderLine)>,
) -> Result<(Document, Vec<Problem>), Problem> {
    record.object()?;
    let mut findings = Vec::new();
    let mut order = head(
        config,
        record,
        &["Account.Name"],
        &["Account.AccountNumber"],
    )?;
    let items = record.get("OrderItems");
    let records = items.get("records");
    for item in records.items()? {
        order.lines.push(line(config, &item)?);
    }
    if let Some(id) = record.get("Id").scalar() {
        let (own, others) = std::mem::take(more)
            .into_iter()
            .partition(|(order, _)| order == id);
        *more = others;
        let own: Vec<(String, OrderLine)> = own;
        order.lines.extend(own.into_iter().map(|(_, line)| line));
    }
    prices(config, record, &mut order, &mut findings)?;
    Ok((Document::Order(order), findings))
}

/// An order in an event: its fields beside each other, its lines as JSON in a text,
/// since an event holds no list.
pub(super) fn event(
    config: &Config<'_>,
    payload: &Part<'_, '_>,
) -> Result<(Document, Vec<Problem>), Problem> {
    let mut findings = Vec::new();
    // An event has no relations: who buys stands in fields of its own.
    let name = config.field_path("event-account-field", "Account_Name__c")?;
    let number = config.field_path("event-account-number-field", "Account_Number__c")?;
    let mut order = head(
        config,
        payload,
        &["Account.Name", name],
        &["Account.AccountNumber", number],
    )?;
    let name = config.field_path("event-lines-field", "Lines__c")?;
    let field = payload.get(name);
    if let Some(text) = field.optional_text()? {
        let inside = |problem: Problem| {
            field.problem(&problem.code, format!("inside the field: {}", problem.text))
        };
        let tree = Tree::parse(text.as_bytes()).map_err(|error| inside(error.into()))?;
        let root = Part::root(&tree);
        for item in root.items().map_err(inside)? {
            order.lines.push(line(config, &item).map_err(inside)?);
        }
    }
    prices(config, payload, &mut order, &mut findings)?;
    Ok((Document::Order(order), findings))
}

/// All but the lines. The account's name and number stand in the first of these fields
/// that has one.
fn head(
    config: &Config<'_>,
    record: &Part<'_, '_>,
    names: &[&str],
    numbers: &[&str],
) -> Result<Order, Problem> {
    let text = |name: &str| at(record, name, |part| owned(part.optional_id()));
    let order_no = at(record, config.order_no_field()?, |part| {
        part.id().map(str::to_owned)
    })?;
    let mut order = Order::new(order_no);
    let status = text("Status")?;
    let cancelled = config.status("cancelled").unwrap_or("Cancelled");
    if status.as_deref() == Some(cancelled) {
        order.purpose = Purpose::Cancel;
    } else if config.get("revision-field").is_some() {
        let path = config.field_path("revision-field", "")?;
        // A number field without decimals comes as `2.0`.
        let revision = at(record, path, |part| part.optional_decimal())?;
        let revision = revision.map(|revision| revision.normalized().to_string());
        order.revision = revision.filter(|revision| revision != "0");
        if order.revision.is_some() {
            order.purpose = Purpose::Change;
        }
    }
    order.customer_po = text("PoNumber")?;
    order.order_date = at(record, "EffectiveDate", |part| {
        match part.optional_text()? {
            None => Ok(None),
            Some(text) => match Moment::iso(text) {
                Some(moment) => Ok(Some(moment.day().to_owned())),
                None => Err(part.problem("time-invalid", "expected a day as in ISO 8601")),
            },
        }
    })?;
    order.notes.extend(text("Description")?);
    parties(
        record,
        first(record, names)?,
        first(record, numbers)?,
        &mut order,
    )?;
    for (name, value) in [("Id", text("Id")?), ("OrderNumber", text("OrderNumber")?)] {
        order
            .extras
            .extend(value.map(|value| (name.to_owned(), value)));
    }
    for name in config.extra_fields()? {
        if matches!(name, "Id" | "OrderNumber") {
            continue;
        }
        let value = at(record, name, |part| Ok(part.scalar().map(str::to_owned)))?;
        order
            .extras
            .extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(order)
}

/// The value of the first of these fields that has one.
fn first(record: &Part<'_, '_>, paths: &[&str]) -> Result<Option<String>, Problem> {
    for path in paths {
        let value = at(record, path, |part| owned(part.optional_id()))?;
        if value.is_some() {
            return Ok(value);
        }
    }
    Ok(None)
}

fn parties(
    record: &Part<'_, '_>,
    account: Option<String>,
    number: Option<String>,
    order: &mut Order,
) -> Result<(), Problem> {
    let text = |name: &str| at(record, name, |part| owned(part.optional_text()));
    let contact = Contact {
        name: text("ShipToContact.Name")?,
        phone: text("ShipToContact.Phone")?,
        email: text("ShipToContact.Email")?,
    };
    for (role, prefix) in [
        (PartyRole::ShipTo, "Shipping"),
        (PartyRole::BillTo, "Billing"),
    ] {
        let Some(address) = address(record, prefix)? else {
            continue;
        };
        let mut party = Party::new(role);
        party.name = account.clone();
        party.address = Some(address);
        let named = contact.name.is_some() || contact.phone.is_some() || contact.email.is_some();
        if party.role == PartyRole::ShipTo && named {
            party.contacts.push(contact.clone());
        }
        order.parties.push(party);
    }
    if let Some(number) = number {
        let mut buyer =
            Party::new(PartyRole::Buyer).with_id(crossdock_sdk::IdScheme::Seller, number);
        buyer.name = account;
        order.parties.push(buyer);
    }
    Ok(())
}

/// The fields of an address, beside each other or in a compound field.
fn address(record: &Part<'_, '_>, prefix: &str) -> Result<Option<Address>, Problem> {
    let compound = record.get(if prefix == "Shipping" {
        "ShippingAddress"
    } else {
        "BillingAddress"
    });
    let text = |flat: &str, inside: &str| {
        let name = format!("{prefix}{flat}");
        let own = owned(record.get(&name).optional_id())?;
        match own {
            Some(own) => Ok(Some(own)),
            None => owned(compound.get(inside).optional_id()),
        }
    };
    let either = |code: Option<String>, name: Option<String>| code.or(name);
    let street = text("Street", "street")?;
    let lines = street
        .iter()
        .flat_map(|street| street.lines())
        .map(str::trim);
    let address = Address {
        lines: lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        city: text("City", "city")?,
        region: either(text("StateCode", "stateCode")?, text("State", "state")?),
        postal_code: text("PostalCode", "postalCode")?,
        country: either(
            text("CountryCode", "countryCode")?,
            text("Country", "country")?,
        ),
    };
    let empty = address.lines.is_empty() && address.city.is_none() && address.country.is_none();
    Ok((!empty).then_some(address))
}

fn line(config: &Config<'_>, item: &Part<'_, '_>) -> Result<OrderLine, Problem> {
    item.object()?;
    let number = item.get("OrderItemNumber").id()?;
    let sku = at(
        item,
        config.field_path("sku-field", "Product2.ProductCode")?,
        |part| part.id().map(str::to_owned),
    )?;
    let unit = match config.get("unit-field") {
        None => None,
        Some(_) => {
            let path = config.field_path("unit-field", "")?;
            at(item, path, |part| owned(part.optional_text()))?
        }
    };
    let quantity = Quantity::new(
        item.get("Quantity").decimal()?,
        config.unit(unit.as_deref()),
    );
    let mut items = vec![ItemId::sku(sku)];
    if let Some(id) = item.get("Product2Id").optional_id()? {
        items.push(ItemId::new(
            ItemScheme::Other("salesforce-product".to_owned()),
            id,
        ));
    }
    let number = self::number(number);
    let mut line = OrderLine::new(number, quantity, items);
    line.description = owned(item.get("Description").optional_text())?;
    // Which currency is known only with the order; see `prices`.
    let price = item.get("UnitPrice").optional_decimal()?;
    line.unit_price = price.map(|price| Money::new(price, ""));
    Ok(line)
}

/// Gives prices the order's currency; without one a number says nothing and is left
/// out, with a finding.
fn prices(
    config: &Config<'_>,
    record: &Part<'_, '_>,
    order: &mut Order,
    findings: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let field = record.get("CurrencyIsoCode");
    let currency = field.optional_text()?.or(config.get("currency"));
    let total = record.get("TotalAmount").optional_decimal()?;
    let priced = total.is_some() || order.lines.iter().any(|line| line.unit_price.is_some());
    match currency {
        Some(currency) => {
            order.total_amount = total.map(|total| Money::new(total, currency));
            let prices = order
                .lines
                .iter_mut()
                .filter_map(|line| line.unit_price.as_mut());
            prices.for_each(|price| price.currency = currency.to_owned());
        }
        None => {
            order
                .lines
                .iter_mut()
                .for_each(|line| line.unit_price = None);
            if priced {
                let text = "prices are left out, since nothing names their currency";
                findings.push(
                    field
                        .problem("currency-missing", text)
                        .with_remedy("set `currency`, or query CurrencyIsoCode by `extra-fields`"),
                );
            }
        }
    }
    Ok(())
}

/// An auto number of ten digits; other systems have no room for its noughts.
pub(super) fn number(auto: &str) -> &str {
    match auto.trim_start_matches('0') {
        "" => auto,
        digits => digits,
    }
}

pub(super) fn owned(read: Result<Option<&str>, Problem>) -> Result<Option<String>, Problem> {
    Ok(read?.map(str::to_owned))
}

/// The value at a path of fields, `Account.Name`; absent where any of it is.
pub(super) fn at<T>(
    part: &Part<'_, '_>,
    path: &str,
    read: impl FnOnce(&Part<'_, '_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    match path.split_once('.') {
        None => read(&part.get(path)),
        Some((first, rest)) => {
            let inside = part.get(first);
            match rest.split_once('.') {
                None => read(&inside.get(rest)),
                Some((second, rest)) => {
                    let further = inside.get(second);
                    read(&further.get(rest))
                }
            }
        }
    }
}
