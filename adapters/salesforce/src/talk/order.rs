//! An order with its lines.
//!
//! An order is looked for first: only a new one is set to its first status, and one that
//! is past it is not touched by an order that comes a second time. It is made as a draft,
//! gets its lines, and is activated last, since an active order takes no lines. OrderId and PricebookEntryId of a line can't be changed, so
//! they are written only on lines that are not there yet.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::http::escape;
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{
    ItemScheme, Order, OrderLine, Party, PartyRole, Problem, Purpose, Request, Step, host,
};

use super::{RECORDS_MAX, Talk, accepting, attributes, patch};
use crate::answer;
use crate::settings::{Config, lookup};

/// What to do next for an order.
pub(super) fn next(mut talk: Talk<'_>, order: &Order) -> Result<Step, Pause> {
    match order.purpose {
        Purpose::Original | Purpose::Change | Purpose::Replace | Purpose::Confirm => {}
        Purpose::Cancel => return cancel(talk, order),
        Purpose::Other(_) => {
            let text = "an order can be made, changed, confirmed or cancelled";
            return Err(Problem::document("purpose-unsupported", text)
                .at_pointer("/purpose")
                .into());
        }
    }
    // What can't be said must be known before anything is made for it.
    let created_at = talk.delivery.created_at.as_str();
    for line in 0..order.lines.len() {
        fields(&talk.config, order, line, None)?;
    }
    let fresh = talk.config.status("new").unwrap_or("Draft");
    let there = talk.find_with(&order.order_no)?;
    if let Some((id, status)) = &there
        && order.purpose == Purpose::Original
        && status.as_deref() != Some(fresh)
    {
        // Past its first status: made before this delivery, and other hands are on it.
        return Ok(Step::AlreadyDone(Some(id.clone())));
    }
    let first = there.is_none().then_some(fresh);
    let record = talk.upsert("Order", "order", &order.order_no, |config| {
        head(config, order, created_at, first)
    })?;
    // Not made by this request: by another attempt, or by somebody in between.
    let existed = there.is_some() || !record.created;
    let id = match &there {
        Some((id, _)) => id.clone(),
        None => talk.id(record, "Order", "order", &order.order_no)?,
    };
    let known = if existed {
        lines_of(&mut talk, &id)?
    } else {
        Vec::new()
    };
    write_lines(&mut talk, order, &id, &known)?;
    if order.purpose == Purpose::Replace {
        remove_lines(&mut talk, order, &known)?;
    }
    let draft = there
        .as_ref()
        .is_none_or(|(_, status)| status.as_deref() == Some(fresh));
    if let Some(status) = talk.config.get("activate").filter(|_| draft) {
        talk.upsert("Order", "order", &order.order_no, |_| {
            Ok(Object::new().text("Status", status))
        })?;
    }
    Ok(match order.purpose {
        Purpose::Original if existed => Step::AlreadyDone(Some(id)),
        _ => Step::Done(Some(id)),
    })
}

/// Sets the Status of an order that is there, and makes none.
fn cancel(mut talk: Talk<'_>, order: &Order) -> Result<Step, Pause> {
    let status = talk.config.status("cancelled").unwrap_or("Cancelled");
    let body = Object::new().text("Status", status);
    let record = super::status::update(&mut talk, &order.order_no, body)?;
    Ok(Step::Done(record.id))
}

fn head(
    config: &Config<'_>,
    order: &Order,
    created_at: &str,
    status: Option<&str>,
) -> Result<Object, Problem> {
    let today = created_at.get(..10).unwrap_or(created_at);
    let mut head = account(config, order)?
        .text(
            "EffectiveDate",
            order.order_date.as_deref().unwrap_or(today),
        )
        .optional_text("PoNumber", order.customer_po.as_deref())
        .optional_text("Status", status);
    head = head
        .optional_text("Pricebook2Id", config.get("pricebook-id"))
        .optional_text(
            "CurrencyIsoCode",
            currency(order).filter(|_| config.get("currency").is_none()),
        );
    if !order.notes.is_empty() {
        head = head.text("Description", &super::cut(&order.notes.join("\n"), 32_000));
    }
    for (role, prefix) in [
        (PartyRole::ShipTo, "Shipping"),
        (PartyRole::BillTo, "Billing"),
    ] {
        if let Some(party) = order.parties.iter().find(|party| party.role == role) {
            head = address(config, head, party, prefix)?;
        }
    }
    let carrier = order.carrier.as_ref();
    let moment = |moment: &Option<crossdock_sdk::Moment>| moment.as_ref().map(|it| it.text.clone());
    let values = [
        ("order-no", Some(order.order_no.clone())),
        ("revision", order.revision.clone()),
        ("requested-ship", moment(&order.requested_ship)),
        ("requested-delivery", moment(&order.requested_delivery)),
        ("node", order.node.clone()),
        (
            "service",
            carrier.and_then(|carrier| carrier.service.clone()),
        ),
    ];
    for (what, value) in values {
        if let (Some(field), Some(value)) = (config.field(what)?, value) {
            head = head.text(field, &value);
        }
    }
    Ok(head)
}

/// The account: by our table of accounts, by an external id of Account, or the one of
/// the settings.
fn account(config: &Config<'_>, order: &Order) -> Result<Object, Problem> {
    let roles = [PartyRole::Buyer, PartyRole::BillTo, PartyRole::ShipTo];
    let number = roles.iter().find_map(|role| {
        let mut parties = order.parties.iter();
        parties.find_map(|party| party.id.as_deref().filter(|_| party.role == *role))
    });
    account_by(config, number)?.ok_or_else(|| {
        let text = match number {
            Some(number) => format!("no account is known for customer {number}"),
            None => "the order names no customer number".to_owned(),
        };
        Problem::settings("account-unmapped", text)
            .at_pointer("/parties")
            .with_remedy(format!(
                "set `account-key` or `account-id`, or {}",
                host::add_a_row("salesforce-account")
            ))
    })
}

/// The fields that name an account, if one is known.
pub(super) fn account_by(
    config: &Config<'_>,
    number: Option<&str>,
) -> Result<Option<Object>, Problem> {
    if let Some(id) = lookup("salesforce-account", number) {
        return Ok(Some(Object::new().text("AccountId", &id)));
    }
    if let (Some(_), Some(number)) = (config.get("account-key"), number) {
        let key = config.field_path("account-key", "")?;
        let account = Object::new().text(key, number);
        return Ok(Some(Object::new().object("Account", account)));
    }
    let id = config.get("account-id");
    Ok(id.map(|id| Object::new().text("AccountId", id)))
}

fn address(
    config: &Config<'_>,
    head: Object,
    party: &Party,
    prefix: &str,
) -> Result<Object, Problem> {
    let Some(address) = &party.address else {
        return Ok(head);
    };
    let street = (!address.lines.is_empty()).then(|| address.lines.join("\n"));
    let code = if config.flag("address-codes")? {
        "Code"
    } else {
        ""
    };
    Ok(head
        .optional_text(&format!("{prefix}Street"), street.as_deref())
        .optional_text(&format!("{prefix}City"), address.city.as_deref())
        .optional_text(&format!("{prefix}State{code}"), address.region.as_deref())
        .optional_text(
            &format!("{prefix}PostalCode"),
            address.postal_code.as_deref(),
        )
        .optional_text(
            &format!("{prefix}Country{code}"),
            address.country.as_deref(),
        ))
}

fn currency(order: &Order) -> Option<&str> {
    let priced = order
        .lines
        .iter()
        .filter_map(|line| line.unit_price.as_ref());
    let total = order.total_amount.as_ref();
    priced
        .chain(total)
        .map(|price| price.currency.as_str())
        .next()
}

/// A line that Salesforce has: its own id and our key for it.
struct Known {
    id: String,
    key: Option<String>,
}

fn lines_of(talk: &mut Talk<'_>, order_id: &str) -> Result<Vec<Known>, Pause> {
    let key = talk.config.key("order-item")?;
    let soql = format!("SELECT Id, {key} FROM OrderItem WHERE OrderId = '{order_id}'");
    let answer = talk.query(&soql)?;
    let tree = Tree::parse(&answer.body).map_err(Problem::from)?;
    let root = Part::root(&tree);
    let records = root.get("records");
    let mut known = Vec::new();
    for record in records.items()? {
        let id = record.get("Id");
        if !answer::is_id(id.id()?) {
            return Err(id.problem("id-invalid", "expected a record's id").into());
        }
        known.push(Known {
            id: id.id()?.to_owned(),
            key: record.get(key).optional_id()?.map(str::to_owned),
        });
    }
    Ok(known)
}

fn line_key(order: &Order, line: &OrderLine) -> String {
    format!("{}/{}", order.order_no, line.line_no)
}

fn write_lines(talk: &mut Talk<'_>, order: &Order, id: &str, known: &[Known]) -> Result<(), Pause> {
    let key = talk.config.key("order-item")?;
    let path = format!("/composite/sobjects/OrderItem/{key}");
    let positions: Vec<usize> = (0..order.lines.len()).collect();
    for chunk in positions.chunks(RECORDS_MAX) {
        let records = lines(&talk.config, order, chunk, id, known, key)?;
        let answer = talk.ask_to_collect("PATCH", &path, records)?;
        if answer::are_there(answer) {
            // Made by the same request before, whose answer was lost.
            let known = lines_of(talk, id)?;
            let records = lines(&talk.config, order, chunk, id, &known, key)?;
            talk.collect("PATCH", &path, records)?;
        } else {
            answer::unless_all_done(answer)?;
        }
    }
    Ok(())
}

/// Some lines of the order, each under its key.
fn lines(
    config: &Config<'_>,
    order: &Order,
    positions: &[usize],
    id: &str,
    known: &[Known],
    key: &str,
) -> Result<Vec<Object>, Problem> {
    let record = |position: &usize| {
        let own = line_key(order, &order.lines[*position]);
        let there = known.iter().any(|line| line.key.as_deref() == Some(&own));
        Ok(fields(config, order, *position, (!there).then_some(id))?.text(key, &own))
    };
    positions.iter().map(record).collect()
}

/// One line; what can't be changed only with the id of the order that it becomes part
/// of.
fn fields(
    config: &Config<'_>,
    order: &Order,
    position: usize,
    order_id: Option<&str>,
) -> Result<Object, Problem> {
    let line = &order.lines[position];
    let pointer = format!("/lines/{position}/items");
    let sku = line
        .items
        .iter()
        .find(|item| item.scheme == ItemScheme::Sku);
    let Some(sku) = sku.map(|item| item.value.as_str()) else {
        return Err(Problem::document("item-missing", "the line has no SKU").at_pointer(pointer));
    };
    let mut record = attributes("OrderItem");
    let entry = match (
        lookup("salesforce-pricebook-entry", Some(sku)),
        config.get("pricebook-entry-key"),
    ) {
        (Some(id), _) => Object::new().text("PricebookEntryId", &id),
        (None, Some(_)) => {
            let key = config.field_path("pricebook-entry-key", "")?;
            Object::new().object("PricebookEntry", Object::new().text(key, sku))
        }
        (None, None) => {
            let text = format!("no price book entry is known for {sku}");
            return Err(Problem::settings("item-unmapped", text)
                .at_pointer(pointer)
                .with_value(sku)
                .with_remedy(format!(
                    "set `pricebook-entry-key`, or {}",
                    host::add_a_row("salesforce-pricebook-entry")
                )));
        }
    };
    if let Some(order_id) = order_id {
        record = record.text("OrderId", order_id).append(entry);
    }
    record = record.number("Quantity", line.quantity.value);
    if let Some(price) = &line.unit_price {
        record = record.number("UnitPrice", price.amount);
    }
    Ok(match &line.description {
        Some(description) => record.text("Description", &super::cut(description, 255)),
        None => record,
    })
}

/// Removes what the new order no longer has.
fn remove_lines(talk: &mut Talk<'_>, order: &Order, known: &[Known]) -> Result<(), Pause> {
    let keys: Vec<String> = order
        .lines
        .iter()
        .map(|line| line_key(order, line))
        .collect();
    let left: Vec<&str> = known
        .iter()
        .filter(|line| line.key.as_ref().is_none_or(|key| !keys.contains(key)))
        .map(|line| line.id.as_str())
        .collect();
    for chunk in left.chunks(RECORDS_MAX) {
        let config = talk.config;
        let answer = talk.conversation.ask(|| {
            let ids = escape(&chunk.join(","));
            let path = config.path(&format!("/composite/sobjects?ids={ids}&allOrNone=true"));
            Ok(accepting(Request::new("DELETE", path)))
        })?;
        answer::unless_all_done(answer)?;
    }
    Ok(())
}

/// A change of an order that is there.
pub(super) fn change(path: String, body: Object) -> Request {
    patch(format!("{path}?updateOnly=true"), body)
}
