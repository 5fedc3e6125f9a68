//! Fetching orders by a query.
//!
//! The cursor is the SystemModstamp and the Id of the last order, so that orders
//! changed in the same second are told apart and none is fetched twice. A result may
//! come in several pages, and so may the lines of one order inside it: all are fetched
//! before anything is given back, since an order without some of its lines is another
//! order.

use crossdock_sdk::conversation::{Conversation, Pause};
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{
    Exchange, Moment, PollRequest, PollStep, Polled, PolledMessage, Problem, Response,
};

use crate::answer;
use crate::decode::PAGES_FIELD;
use crate::settings::Config;
use crate::talk::{get, query_path};

/// Requests of one poll; more than that is no page of a sound size.
const REQUESTS_MAX: usize = 60;

/// Standard fields of Order that are read.
const ORDER_FIELDS: &str = "Id, OrderNumber, Status, EffectiveDate, PoNumber, Description, \
     TotalAmount, SystemModstamp, Account.Name, Account.AccountNumber, ShipToContact.Name, \
     ShipToContact.Phone, ShipToContact.Email, ShippingStreet, ShippingCity, ShippingState, \
     ShippingPostalCode, ShippingCountry, BillingStreet, BillingCity, BillingState, \
     BillingPostalCode, BillingCountry";

/// Standard fields of OrderItem that are read.
const ITEM_FIELDS: &str =
    "Id, OrderId, OrderItemNumber, Quantity, UnitPrice, Description, Product2Id";

/// What to do next to fetch orders.
///
/// # Errors
/// When the settings or the cursor are wrong, or Salesforce refuses.
pub(crate) fn poll(request: &PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
    let config = Config::new(&request.settings)?;
    let place = Place::of(request, &config)?;
    fetch(&config, &place, Conversation::new(past)).or_else(Pause::into_poll_step)
}

/// Behind which order the query begins.
struct Place {
    /// As SOQL writes a time.
    stamp: String,
    /// Absent until there was one: any order of that time or later.
    id: Option<String>,
}

// === impl Place ===

impl Place {
    fn of(request: &PollRequest, config: &Config<'_>) -> Result<Place, Problem> {
        let Some(cursor) = request.cursor.as_deref() else {
            let since = config.get("since").unwrap_or(&request.started_at);
            let stamp = stamp(since).ok_or_else(|| {
                crate::settings::invalid("since", since, "a time such as 2026-03-01T00:00:00Z")
            })?;
            return Ok(Place { stamp, id: None });
        };
        let (time, id) = match cursor.split_once('/') {
            Some((time, id)) => (time, Some(id)),
            None => (cursor, None),
        };
        match stamp(time).filter(|_| id.is_none_or(answer::is_id)) {
            Some(stamp) => Ok(Place {
                stamp,
                id: id.map(str::to_owned),
            }),
            None => Err(Problem::adapter(
                "cursor-invalid",
                "the cursor is none that this adapter made",
            )
            .with_value(cursor)
            .with_remedy("remove the partner's cursor, so that polling begins anew")),
        }
    }
}

/// A time as SOQL takes it, and nothing else: it becomes part of a query.
fn stamp(text: &str) -> Option<String> {
    let moment = Moment::iso(text).filter(|moment| moment.zoned)?;
    Some(moment.text)
}

fn soql(config: &Config<'_>, place: &Place) -> Result<String, Problem> {
    let mut order_fields = ORDER_FIELDS.to_owned();
    let mut item_fields = ITEM_FIELDS.to_owned();
    let listed = |fields: &str, name: &str| fields.split(", ").any(|field| field == name);
    let mut wanted = vec![config.order_no_field()?, config.key("order")?];
    if config.get("revision-field").is_some() {
        wanted.push(config.field_path("revision-field", "")?);
    }
    wanted.extend(config.extra_fields()?);
    for name in wanted {
        if !listed(&order_fields, name) {
            order_fields.push_str(", ");
            order_fields.push_str(name);
        }
    }
    let mut wanted = vec![config.field_path("sku-field", "Product2.ProductCode")?];
    if config.get("unit-field").is_some() {
        wanted.push(config.field_path("unit-field", "")?);
    }
    for name in wanted {
        if !listed(&item_fields, name) {
            item_fields.push_str(", ");
            item_fields.push_str(name);
        }
    }
    let stamp = &place.stamp;
    let from = match &place.id {
        None => format!("SystemModstamp >= {stamp}"),
        Some(id) => {
            format!("(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{id}'))")
        }
    };
    let filter = config.get_or("where", "Status = 'Activated'");
    let limit = config.limit()?;
    Ok(format!(
        "SELECT {order_fields}, (SELECT {item_fields} FROM OrderItems ORDER BY OrderItemNumber) \
         FROM Order WHERE ({filter}) AND {from} ORDER BY SystemModstamp, Id LIMIT {limit}"
    ))
}

fn fetch(
    config: &Config<'_>,
    place: &Place,
    mut conversation: Conversation<'_>,
) -> Result<PollStep, Pause> {
    let soql = soql(config, place)?;
    let mut pages: Vec<&[u8]> = Vec::new();
    let mut waiting = vec![query_path(config, &soql)];
    let mut last: Option<String> = None;
    let mut count = 0;
    while let Some(path) = waiting.pop() {
        if pages.len() >= REQUESTS_MAX {
            let text = format!("the orders of one poll need more than {REQUESTS_MAX} requests");
            return Err(Problem::settings("pages-exceeded", text)
                .with_remedy("lower `limit`")
                .into());
        }
        let answer = conversation.ask(|| Ok(get(path)))?;
        answer::unless_done(answer)?;
        let page = Page::read(answer)?;
        pages.push(&answer.body);
        count += page.orders;
        last = page.last.or(last);
        // Orders come first, so that the cursor is that of the last one.
        waiting.splice(0..0, page.lines);
        waiting.extend(page.next);
    }
    let Some(cursor) = last else {
        // Without a cursor the next poll would begin at its own time, not at this one's.
        let first = place.id.is_none().then(|| place.stamp.clone());
        return Ok(PollStep::Messages(Polled::new(Vec::new(), first)));
    };
    let body = match pages.as_slice() {
        [page] => page.to_vec(),
        pages => Object::new()
            .raw_list(PAGES_FIELD, pages.iter().copied())
            .into_vec(),
    };
    let message = PolledMessage::new("application/json", body);
    let polled = Polled::new(vec![message], Some(cursor));
    Ok(PollStep::Messages(if count >= config.limit()? as usize {
        polled.and_more()
    } else {
        polled
    }))
}

/// What one page of a result says about the others.
struct Page {
    orders: usize,
    /// The cursor behind its last order.
    last: Option<String>,
    /// Path of the page behind it.
    next: Option<String>,
    /// Paths of further lines of its orders.
    lines: Vec<String>,
}

// === impl Page ===

impl Page {
    fn read(answer: &Response) -> Result<Page, Problem> {
        let tree = Tree::parse(&answer.body)?;
        let root = Part::root(&tree);
        let records = root.get("records");
        let mut page = Page {
            orders: 0,
            last: None,
            next: next(&root)?,
            lines: Vec::new(),
        };
        for record in records.items()? {
            // Pages of lines hold OrderItems.
            if record.get("OrderId").exists() {
                continue;
            }
            let (modified, id) = (record.get("SystemModstamp"), record.get("Id"));
            let time = stamp(modified.text()?);
            let time = time.ok_or_else(|| modified.problem("time-invalid", "expected a time"))?;
            if !answer::is_id(id.id()?) {
                return Err(id.problem("id-invalid", "expected a record's id"));
            }
            page.orders += 1;
            page.last = Some(format!("{time}/{}", id.id()?));
            page.lines.extend(next(&record.get("OrderItems"))?);
        }
        Ok(page)
    }
}

/// The path of the next page. It must be one of the API's, so that an answer can't
/// lead anywhere else.
fn next(result: &Part<'_, '_>) -> Result<Option<String>, Problem> {
    let field = result.get("nextRecordsUrl");
    let Some(path) = field.optional_text()? else {
        return Ok(None);
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
    let sound = path.starts_with("/services/data/") && path.bytes().all(plain);
    match sound && !path.contains("..") {
        true => Ok(Some(path.to_owned())),
        false => Err(field.problem("next-invalid", "expected a path of the API's query")),
    }
}
