//! A sales order with its items, partners, texts and prices: which properties there are,
//! and what a request may say of them.

use crossdock_sdk::Decimal;
use serde_json::{Map, Value, json};

use super::{DeliveryLine, odata::Fault};
use crate::clock::Timestamp;

/// Entities of one list.
const LIST_MAX: usize = 1_000;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Edm.String of so many characters.
    Text(usize),
    /// Edm.DateTime: `/Date(ms)/`.
    Date,
    /// Edm.DateTimeOffset.
    Moment,
    /// Edm.Decimal: a text, as JSON of version 2 has it.
    Decimal,
    /// Edm.Boolean.
    Flag,
    /// A list of entities.
    List(&'static [(&'static str, Kind)]),
}

const ADDRESS: &[(&str, Kind)] = &[
    ("OrganizationName1", Kind::Text(40)),
    ("OrganizationName2", Kind::Text(40)),
    ("StreetName", Kind::Text(60)),
    ("HouseNumber", Kind::Text(10)),
    ("CityName", Kind::Text(40)),
    ("PostalCode", Kind::Text(10)),
    ("Region", Kind::Text(3)),
    ("Country", Kind::Text(3)),
];

const PARTNER: &[(&str, Kind)] = &[
    ("PartnerFunction", Kind::Text(2)),
    ("Customer", Kind::Text(10)),
    ("Supplier", Kind::Text(10)),
    ("to_Address", Kind::List(ADDRESS)),
];

const TEXT: &[(&str, Kind)] = &[
    ("Language", Kind::Text(2)),
    ("LongTextID", Kind::Text(4)),
    ("LongText", Kind::Text(1_000_000)),
];

const PRICE: &[(&str, Kind)] = &[
    ("ConditionType", Kind::Text(4)),
    ("ConditionRateValue", Kind::Decimal),
    ("ConditionCurrency", Kind::Text(5)),
    ("ConditionQuantity", Kind::Decimal),
    ("ConditionQuantityUnit", Kind::Text(3)),
];

pub(super) const ITEM: &[(&str, Kind)] = &[
    ("SalesOrder", Kind::Text(10)),
    ("SalesOrderItem", Kind::Text(6)),
    ("HigherLevelItem", Kind::Text(6)),
    ("SalesOrderItemCategory", Kind::Text(4)),
    ("SalesOrderItemText", Kind::Text(40)),
    ("PurchaseOrderByCustomer", Kind::Text(35)),
    ("UnderlyingPurchaseOrderItem", Kind::Text(10)),
    ("Material", Kind::Text(40)),
    ("MaterialByCustomer", Kind::Text(35)),
    ("RequestedQuantity", Kind::Decimal),
    ("RequestedQuantityUnit", Kind::Text(3)),
    ("Batch", Kind::Text(10)),
    ("ProductionPlant", Kind::Text(4)),
    ("StorageLocation", Kind::Text(4)),
    ("SalesDocumentRjcnReason", Kind::Text(2)),
    ("to_PricingElement", Kind::List(PRICE)),
    ("to_Text", Kind::List(TEXT)),
    ("to_Partner", Kind::List(PARTNER)),
];

pub(super) const HEADER: &[(&str, Kind)] = &[
    ("SalesOrder", Kind::Text(10)),
    ("SalesOrderType", Kind::Text(4)),
    ("SalesOrganization", Kind::Text(4)),
    ("DistributionChannel", Kind::Text(2)),
    ("OrganizationDivision", Kind::Text(2)),
    ("SalesGroup", Kind::Text(3)),
    ("SalesOffice", Kind::Text(4)),
    ("SoldToParty", Kind::Text(10)),
    ("PurchaseOrderByCustomer", Kind::Text(35)),
    ("CustomerPurchaseOrderDate", Kind::Date),
    ("SalesOrderDate", Kind::Date),
    ("RequestedDeliveryDate", Kind::Date),
    ("TransactionCurrency", Kind::Text(5)),
    ("TotalNetAmount", Kind::Decimal),
    ("ShippingCondition", Kind::Text(2)),
    ("ShippingType", Kind::Text(2)),
    ("CompleteDeliveryIsDefined", Kind::Flag),
    ("DeliveryBlockReason", Kind::Text(2)),
    ("HeaderBillingBlockReason", Kind::Text(2)),
    ("IncotermsClassification", Kind::Text(3)),
    ("CustomerPaymentTerms", Kind::Text(4)),
    ("CreationDate", Kind::Date),
    ("LastChangeDate", Kind::Date),
    ("LastChangeDateTime", Kind::Moment),
    ("to_Item", Kind::List(ITEM)),
    ("to_Partner", Kind::List(PARTNER)),
    ("to_Text", Kind::List(TEXT)),
    ("to_PricingElement", Kind::List(PRICE)),
];

/// What a new order needs.
const REQUIRED: [&str; 5] = [
    "SalesOrderType",
    "SalesOrganization",
    "DistributionChannel",
    "OrganizationDivision",
    "SoldToParty",
];

/// A sales order.
#[derive(Clone, Debug)]
pub(super) struct SalesOrder {
    pub(super) number: String,
    /// Properties without the lists.
    pub(super) header: Map<String, Value>,
    pub(super) items: Vec<Item>,
    pub(super) partners: Vec<Value>,
    pub(super) changed: Timestamp,
}

/// One of its items.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) fields: Map<String, Value>,
    /// What it is known to be.
    pub(super) etag: String,
}

/// Checks an entity against its properties.
///
/// # Errors
/// The first property that there is not, or that holds something else.
pub(super) fn check(entity: &Value, properties: &[(&str, Kind)]) -> Result<(), Fault> {
    let Some(fields) = entity.as_object() else {
        return Err(Fault::new("/IWBEP/CM_MGW_RT/176", "An entity is an object"));
    };
    for (name, value) in fields {
        if name == "__metadata" {
            continue;
        }
        let Some((_, kind)) = properties.iter().find(|(known, _)| known == name) else {
            let text = format!("Property '{name}' is invalid");
            return Err(Fault::new("005056A509B11EE1B9A8FEC11C21D78E", text).about(name));
        };
        let fits = match (kind, value) {
            (_, Value::Null) => true,
            (Kind::Text(max), Value::String(text)) => {
                if text.chars().count() > *max {
                    let text =
                        format!("Property '{name}' has a value of more than {max} characters");
                    return Err(Fault::new("005056A509B11EE3AEBE5B0A9A2E0F51", text).about(name));
                }
                true
            }
            (Kind::Date | Kind::Moment, Value::String(text)) => millis(text).is_some(),
            (Kind::Decimal, Value::String(text)) => text.parse::<Decimal>().is_ok(),
            (Kind::Flag, Value::Bool(_)) => true,
            (Kind::List(inner), list) => {
                for entity in entities(list)? {
                    check(entity, inner)?;
                }
                true
            }
            _ => false,
        };
        if !fits {
            let text = format!("Failed to read property '{name}' at offset '0'");
            return Err(Fault::new("005056A509B11EE1BB8AF4A65EC3CA20", text).about(name));
        }
    }
    Ok(())
}

/// The entities of a list: `[…]`, or `{"results": […]}`.
pub(super) fn entities(list: &Value) -> Result<&[Value], Fault> {
    let inner = list.get("results").unwrap_or(list);
    match inner.as_array() {
        Some(entities) if entities.len() <= LIST_MAX => Ok(entities),
        Some(_) => Err(Fault::new("/IWBEP/CM_MGW_RT/176", "The list is too long")),
        None if inner.is_null() => Ok(&[]),
        None => Err(Fault::new(
            "/IWBEP/CM_MGW_RT/176",
            "A list of entities was expected",
        )),
    }
}

/// The milliseconds of `/Date(ms)/`, with or without an offset.
pub(super) fn millis(date: &str) -> Option<i64> {
    let inner = date.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inner
        .get(1..)?
        .find(['+', '-'])
        .map_or(inner.len(), |at| at + 1);
    inner.get(..end)?.parse().ok()
}

/// A moment as Edm.DateTimeOffset.
pub(super) fn moment(at: Timestamp) -> Value {
    format!("/Date({}+0000)/", at.as_millis()).into()
}

/// A day as Edm.DateTime: its midnight.
pub(super) fn day(at: Timestamp) -> Value {
    const DAY_MS: i64 = 86_400_000;
    format!("/Date({})/", at.as_millis().div_euclid(DAY_MS) * DAY_MS).into()
}

/// A text of an entity; empty where it has none.
pub(super) fn text<'e>(entity: &'e Map<String, Value>, name: &str) -> &'e str {
    entity.get(name).and_then(Value::as_str).unwrap_or_default()
}

// === impl SalesOrder ===

impl SalesOrder {
    /// A new order.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(super) fn create(
        body: &Value,
        number: String,
        changes: &mut u64,
        at: Timestamp,
    ) -> Result<Self, Fault> {
        check(body, HEADER)?;
        let mut header = body.as_object().cloned().unwrap_or_default();
        for name in REQUIRED {
            if text(&header, name).is_empty() {
                let text = format!("Enter a value for {name}");
                return Err(Fault::new("V1/320", text).about(name));
            }
        }
        let mut take = |name: &str| header.remove(name).unwrap_or_default();
        let (items, partners) = (take("to_Item"), take("to_Partner"));
        for list in ["to_Text", "to_PricingElement"] {
            take(list);
        }
        let mut order = Self {
            number: number.clone(),
            items: Vec::new(),
            partners: entities(&partners)?.to_vec(),
            changed: at,
            header: Map::new(),
        };
        for (position, item) in entities(&items)?.iter().enumerate() {
            order.add(item, position, changes)?;
        }
        header.remove("__metadata");
        header.insert("SalesOrder".to_owned(), number.into());
        header.entry("SalesOrderDate").or_insert_with(|| day(at));
        header.insert("CreationDate".to_owned(), day(at));
        header.insert("LastChangeDate".to_owned(), Value::Null);
        order.header = header;
        Ok(order)
    }

    fn add(&mut self, item: &Value, position: usize, changes: &mut u64) -> Result<(), Fault> {
        let mut fields = item.as_object().cloned().unwrap_or_default();
        fields.remove("__metadata");
        for list in ["to_PricingElement", "to_Text", "to_Partner"] {
            fields.remove(list);
        }
        if text(&fields, "SalesOrderItem").is_empty() {
            let number = (10 * (position + 1)).to_string();
            fields.insert("SalesOrderItem".to_owned(), number.into());
        }
        // Padded or not on the way in, not on the way out.
        let number = text(&fields, "SalesOrderItem")
            .trim_start_matches('0')
            .to_owned();
        if number.is_empty() || !number.bytes().all(|it| it.is_ascii_digit()) {
            let text = "The item number is not numeric";
            return Err(Fault::new("V1/346", text).about("SalesOrderItem"));
        }
        if self
            .items
            .iter()
            .any(|it| text(&it.fields, "SalesOrderItem") == number)
        {
            let text = format!("Item {number} exists already");
            return Err(Fault::new("V1/347", text).about("SalesOrderItem"));
        }
        if text(&fields, "Material").is_empty() {
            let text = format!("Item {number}: enter a material");
            return Err(Fault::new("V1/371", text).about("Material"));
        }
        let quantity: Option<Decimal> = text(&fields, "RequestedQuantity").parse().ok();
        if quantity.is_none_or(|it| it.is_negative() || it.is_zero()) {
            let text = format!("Item {number}: enter an order quantity");
            return Err(Fault::new("V1/362", text).about("RequestedQuantity"));
        }
        fields.insert("SalesOrderItem".to_owned(), number.into());
        fields.insert("SalesOrder".to_owned(), self.number.clone().into());
        fields
            .entry("SalesDocumentRjcnReason")
            .or_insert_with(|| "".into());
        *changes += 1;
        self.items.push(Item {
            fields,
            etag: format!("W/\"'{changes:08}'\""),
        });
        Ok(())
    }

    /// The customer's reference.
    pub(super) fn reference(&self) -> &str {
        text(&self.header, "PurchaseOrderByCustomer")
    }

    /// What is to be delivered: items that were not rejected.
    pub(super) fn delivery_lines(&self) -> Vec<DeliveryLine> {
        let items = self.items.iter().map(|it| &it.fields);
        items
            .filter(|it| text(it, "SalesDocumentRjcnReason").is_empty())
            .map(|it| DeliveryLine {
                item: text(it, "SalesOrderItem").to_owned(),
                material: text(it, "Material").to_owned(),
                quantity: text(it, "RequestedQuantity")
                    .parse()
                    .unwrap_or(Decimal::ZERO),
            })
            .collect()
    }

    /// The entity with what was expanded; other lists are addresses, as SAP gives them.
    pub(super) fn json(&self, expanded: &[String]) -> Value {
        let mut entity = self.header.clone();
        let uri = format!("A_SalesOrder('{}')", self.number);
        entity.insert(
            "__metadata".to_owned(),
            json!({
                "id": uri, "uri": uri, "type": "API_SALES_ORDER_SRV.A_SalesOrderType",
                "etag": format!("W/\"datetimeoffset'{}'\"", self.changed),
            }),
        );
        entity.insert("LastChangeDateTime".to_owned(), moment(self.changed));
        for (name, _) in HEADER
            .iter()
            .filter(|(_, kind)| matches!(kind, Kind::List(_)))
        {
            let is_expanded = expanded.iter().any(|it| it == name);
            let list: Vec<Value> = match *name {
                _ if !is_expanded => {
                    let uri = format!("{uri}/{name}");
                    entity.insert((*name).to_owned(), json!({ "__deferred": { "uri": uri } }));
                    continue;
                }
                "to_Item" => self.items.iter().map(Item::json).collect(),
                "to_Partner" => self.partners.clone(),
                _ => Vec::new(),
            };
            entity.insert((*name).to_owned(), json!({ "results": list }));
        }
        Value::Object(entity)
    }
}

// === impl Item ===

impl Item {
    pub(super) fn json(&self) -> Value {
        let mut entity = self.fields.clone();
        entity.insert(
            "__metadata".to_owned(),
            json!({
                "type": "API_SALES_ORDER_SRV.A_SalesOrderItemType", "etag": self.etag,
            }),
        );
        Value::Object(entity)
    }
}
