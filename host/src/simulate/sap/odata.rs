//! API_SALES_ORDER_SRV: looking for orders, creating one with its items, changing an item.

use serde_json::{Map, Value, json};

use super::{
    KEPT_MAX, ODATA, Sap,
    entity::{self, HEADER, ITEM, Kind, SalesOrder, check, text},
    filter::Filter,
};
use crate::{
    clock::Timestamp,
    simulate::{
        script::Business,
        wire::{Answer, Request},
    },
};

/// Entities of an answer, whatever `$top` says.
const TOP_MAX: usize = 1_000;

/// Something is wrong, in SAP's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    code: &'static str,
    text: String,
    target: String,
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            target: String::new(),
        }
    }

    pub(super) fn about(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    pub(super) fn answer(&self) -> Answer {
        fault(400, self.code, &self.text, &self.target)
    }
}

/// An error as SAP Gateway tells it.
pub(super) fn fault(status: u16, code: &str, text: &str, target: &str) -> Answer {
    let body = json!({ "error": {
        "code": code,
        "message": { "lang": "en", "value": text },
        "innererror": {
            "application": { "component_id": "SD-SLS", "service_namespace": "/SAP/", "service_id": "API_SALES_ORDER_SRV", "service_version": "0001" },
            "errordetails": [{ "code": code, "message": text, "propertyref": "", "severity": "error", "target": target }],
        },
    } });
    Answer::json(status, &body).noted(text)
}

pub(super) fn not_found(what: &str) -> Answer {
    let text = format!("Resource not found for the segment '{what}'");
    fault(404, "005056A509B11EE1B9A8FEC11C21178E", &text, "")
}

/// Answers a request; `rest` is the path below the service.
pub(super) fn answer(sap: &mut Sap, rest: &str, request: &Request, at: Timestamp) -> Answer {
    let resource = request.segments().pop().unwrap_or_default();
    let below = rest
        .trim_matches('/')
        .split('/')
        .filter(|it| !it.is_empty())
        .count();
    match request.method.as_str() {
        "GET" | "HEAD" => {
            let found = match (below, resource.as_str()) {
                (0, _) => Answer::json(
                    200,
                    &json!({ "d": { "EntitySets": ["A_SalesOrder", "A_SalesOrderItem"] } }),
                ),
                (1, "A_SalesOrder") => sap.list(request).unwrap_or_else(|fault| fault.answer()),
                (1, other) => match key(other, "A_SalesOrder").and_then(|keys| sap.find(&keys)) {
                    Some(order) => {
                        let entity = sap.orders[order].json(&expanded(request));
                        Answer::json(200, &json!({ "d": entity }))
                    }
                    None => not_found(other),
                },
                (_, other) => not_found(other),
            };
            sap.sessions.give(request, found, at)
        }
        "POST" | "PATCH" | "MERGE" => {
            if let Err(refused) = sap.may_change(request, at) {
                return refused;
            }
            match (request.method.as_str(), below, resource.as_str()) {
                ("POST", 1, "A_SalesOrder") => {
                    sap.repeatably(request, |sap| sap.create(request, at))
                }
                ("PATCH" | "MERGE", 1, other) => match key(other, "A_SalesOrderItem") {
                    Some(keys) => sap.change_item(&keys, request, at),
                    None => not_found(other),
                },
                (_, _, other) => not_found(other),
            }
        }
        _ => not_allowed(),
    }
}

pub(super) fn not_allowed() -> Answer {
    fault(
        405,
        "005056A509B11EE1B9A8FEC11C21578E",
        "Method not allowed",
        "",
    )
}

/// Whether somebody changes what he has seen.
pub(super) fn unchanged(request: &Request, etag: &str) -> Result<(), Answer> {
    match request.header("if-match") {
        None => {
            let text = "Header If-Match is required";
            Err(fault(428, "/IWFND/CM_MGW/594", text, ""))
        }
        Some(known) if known != "*" && known != etag => {
            let text = "Precondition failed: it was changed";
            Err(fault(412, "/IWFND/CM_MGW/593", text, ""))
        }
        Some(_) => Ok(()),
    }
}

fn expanded(request: &Request) -> Vec<String> {
    let expand = request.parameter("$expand").unwrap_or_default();
    expand.split(',').map(|it| it.trim().to_owned()).collect()
}

/// The keys of `Set('1')` or `Set(A='1',B='2')`: of a single one without its name.
pub(super) fn key(resource: &str, set: &str) -> Option<Vec<(String, String)>> {
    let inner = resource
        .strip_prefix(set)?
        .strip_prefix('(')?
        .strip_suffix(')')?;
    let pairs = inner.split(',').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
        Some((name.trim().to_owned(), value.replace("''", "'")))
    });
    pairs.collect()
}

pub(super) fn numeral(text: &str) -> &str {
    text.trim_start_matches('0')
}

// === impl Sap ===

impl Sap {
    /// A request that changes something needs a token in its session, and JSON.
    pub(super) fn may_change(&mut self, request: &Request, at: Timestamp) -> Result<(), Answer> {
        if !self.sessions.allows(request, at) {
            let text = "CSRF token validation failed";
            return Err(Answer::of(403, "text/plain; charset=utf-8", text)
                .with_header("x-csrf-token", "Required")
                .noted(text));
        }
        if !request.is_of_type("application/json") {
            let text = "Unsupported media type requested";
            return Err(fault(415, "005056A509B11EE1B9A8FEC11C23378E", text, ""));
        }
        Ok(())
    }

    fn find(&self, keys: &[(String, String)]) -> Option<usize> {
        let (_, number) = keys
            .iter()
            .find(|(name, _)| name.is_empty() || name == "SalesOrder")?;
        let mut orders = self.orders.iter();
        orders.position(|it| it.number == numeral(number))
    }

    fn list(&self, request: &Request) -> Result<Answer, Fault> {
        let filter = match request.parameter("$filter") {
            Some(text) => Some(
                Filter::read(&text, HEADER)
                    .map_err(|text| Fault::new("005056A509B11EE1B9A8FEC11C22778E", text))?,
            ),
            None => None,
        };
        let number = |name: &str, unasked: usize| match request.parameter(name) {
            None => Ok(unasked),
            Some(text) => text.parse().map_err(|_| {
                let text = format!("Invalid value '{text}' for system query option {name}");
                Fault::new("005056A509B11EE1B9A8FEC11C21978E", text)
            }),
        };
        let (skip, top) = (number("$skip", 0)?, number("$top", TOP_MAX)?);
        let expanded = expanded(request);
        let lists = |name: &str| {
            HEADER
                .iter()
                .any(|(known, kind)| *known == name && matches!(kind, Kind::List(_)))
        };
        if let Some(unknown) = expanded.iter().find(|it| !it.is_empty() && !lists(it)) {
            let text = format!("Resource not found for the segment '{unknown}'");
            return Err(Fault::new("005056A509B11EE1B9A8FEC11C21178E", text));
        }
        let selected = self.selected(request)?;
        let mut found: Vec<&SalesOrder> = self
            .orders
            .iter()
            .filter(|order| {
                let mut entity = order.header.clone();
                entity.insert(
                    "LastChangeDateTime".to_owned(),
                    entity::moment(order.changed),
                );
                filter.as_ref().is_none_or(|it| it.holds(&entity))
            })
            .collect();
        let order_by = request.parameter("$orderby").unwrap_or_default();
        match order_by.split(',').next().unwrap_or_default().trim() {
            "" | "SalesOrder" | "SalesOrder asc" => {}
            "LastChangeDateTime" | "LastChangeDateTime asc" => found.sort_by_key(|it| it.changed),
            other => {
                let text = format!("The simulated service does not order by '{other}'");
                return Err(Fault::new("005056A509B11EE1B9A8FEC11C21978E", text));
            }
        }
        let shown = found.iter().skip(skip).take(top.min(TOP_MAX));
        let entities: Vec<Value> = shown
            .map(|order| project(order.json(&expanded), &selected))
            .collect();
        let note = format!("{} of {} orders", entities.len(), found.len());
        Ok(Answer::json(200, &json!({ "d": { "results": entities } }))
            .with_header("dataserviceversion", "2.0")
            .noted(note))
    }

    /// The properties of `$select`; none for all.
    fn selected(&self, request: &Request) -> Result<Vec<String>, Fault> {
        let select = request.parameter("$select").unwrap_or_default();
        let names = select.split(',').filter(|it| !it.is_empty());
        names
            .map(|path| {
                let name = path.split('/').next().unwrap_or(path);
                if HEADER.iter().any(|(known, _)| *known == name) {
                    return Ok(name.to_owned());
                }
                let text = format!("Property '{name}' not found in type 'A_SalesOrderType'");
                Err(Fault::new("005056A509B11ED1B9BF9F46AC8B81F8", text).about(name))
            })
            .collect()
    }

    /// Changes something; a request that came before has the answer that it had then.
    pub(super) fn repeatably(
        &mut self,
        request: &Request,
        change: impl FnOnce(&mut Self) -> Answer,
    ) -> Answer {
        let Some(id) = request.header("requestid").map(str::to_ascii_uppercase) else {
            return change(self);
        };
        let created = request.header("repeatabilitycreation").unwrap_or_default();
        let sound = id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
        if !sound || created.parse::<jiff::Timestamp>().is_err() {
            let text =
                "RequestID is a GUID of 32 digits, RepeatabilityCreation a date with its offset";
            return fault(400, "/IWBEP/CM_MGW_RT/193", text, "")
                .with_header("repeatabilityresult", "rejected");
        }
        if let Some(known) = self.repeatable.get(&id) {
            let note = format!("{} (repeated)", known.note);
            return known.clone().noted(note);
        }
        let answer = change(self).with_header("repeatabilityresult", "accepted");
        if self.repeatable.len() < KEPT_MAX {
            self.repeatable.insert(id, answer.clone());
        }
        answer
    }

    fn create(&mut self, request: &Request, at: Timestamp) -> Answer {
        if self.orders.len() == KEPT_MAX {
            return fault(500, "SY/530", "The simulated system is full", "");
        }
        let made = request
            .json()
            .map_err(|error| Fault::new("/IWBEP/CM_MGW_RT/176", format!("Malformed JSON: {error}")))
            .and_then(|body| {
                let number = format!("{}", 1_001 + self.orders.len());
                let order = SalesOrder::create(&body, number, &mut self.changes, at)?;
                self.check_master_data(&order)?;
                Ok(order)
            });
        let order = match made {
            Ok(order) => order,
            Err(fault) => return fault.answer(),
        };
        let entity = order.json(&["to_Item".to_owned(), "to_Partner".to_owned()]);
        let note = format!("sales order {} of {}", order.number, order.reference());
        let location = format!("{ODATA}/A_SalesOrder('{}')", order.number);
        self.orders.push(order);
        if self.business == Business::Prompt {
            // An order that can't be delivered stays as it is.
            let form = self.own_form();
            drop(self.release(self.orders.len() - 1, form, at));
        }
        Answer::json(201, &json!({ "d": entity }))
            .with_header("location", location)
            .with_header("dataserviceversion", "2.0")
            .noted(note)
    }

    fn check_master_data(&self, order: &SalesOrder) -> Result<(), Fault> {
        let customer = |number: &str| self.system.customers.contains_key(numeral(number));
        let sold_to = text(&order.header, "SoldToParty");
        if !customer(sold_to) {
            let text = format!("Customer {sold_to} is not defined");
            return Err(Fault::new("V1/042", text).about("SoldToParty"));
        }
        for partner in &order.partners {
            let number = partner["Customer"].as_str().unwrap_or_default();
            if !number.is_empty() && !customer(number) {
                let text = format!("Customer {number} is not defined");
                return Err(Fault::new("V1/042", text).about("Customer"));
            }
        }
        for item in &order.items {
            let material = text(&item.fields, "Material");
            let known = [material, numeral(material)]
                .iter()
                .any(|it| self.system.materials.contains(*it));
            if !known {
                let text = format!("The material {material} does not exist or is not activated");
                return Err(Fault::new("M3/305", text).about("Material"));
            }
        }
        Ok(())
    }

    fn change_item(
        &mut self,
        keys: &[(String, String)],
        request: &Request,
        at: Timestamp,
    ) -> Answer {
        let number = keys.iter().find(|(name, _)| name == "SalesOrderItem");
        let number = number.map_or("", |(_, value)| numeral(value));
        let Some(order) = self.find(keys) else {
            return not_found("A_SalesOrderItem");
        };
        let order = &mut self.orders[order];
        let mut items = order.items.iter_mut();
        let Some(item) = items.find(|it| text(&it.fields, "SalesOrderItem") == number) else {
            return not_found("A_SalesOrderItem");
        };
        if let Err(refused) = unchanged(request, &item.etag) {
            return refused;
        }
        let body = match request.json() {
            Ok(body) => body,
            Err(error) => return fault(400, "/IWBEP/CM_MGW_RT/176", &error, ""),
        };
        if let Err(fault) = check(&body, ITEM) {
            return fault.answer();
        }
        let fields = body.as_object().cloned().unwrap_or_default();
        if fields.keys().any(|it| {
            matches!(it.as_str(), "SalesOrder" | "SalesOrderItem") || it.starts_with("to_")
        }) {
            let text = "Keys and lists can't be changed with an item";
            return fault(400, "/IWBEP/CM_MGW_RT/176", text, "");
        }
        item.fields.extend(fields);
        self.changes += 1;
        item.etag = format!("W/\"'{:08}'\"", self.changes);
        order.changed = at;
        order
            .header
            .insert("LastChangeDate".to_owned(), entity::day(at));
        Answer::empty(204).noted(format!("item {number} of sales order {}", order.number))
    }
}

/// An entity with nothing but the properties that were selected.
fn project(entity: Value, selected: &[String]) -> Value {
    if selected.is_empty() {
        return entity;
    }
    let fields = entity.as_object().cloned().unwrap_or_default();
    let kept = fields
        .into_iter()
        .filter(|(name, _)| name == "__metadata" || selected.contains(name));
    Value::Object(kept.collect::<Map<_, _>>())
}
