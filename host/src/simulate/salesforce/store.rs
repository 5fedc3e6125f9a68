//! The records of the org: made, changed and removed under the rules of their objects.

use serde_json::{Map, Value, json};

use super::{
    Fault,
    schema::{Kind, Object, object},
};
use crate::clock::Timestamp;

/// Records that are kept; beyond it the org has no storage.
const RECORDS_MAX: usize = 50_000;

/// A record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) object: &'static Object,
    /// All fields that were ever set.
    pub(super) fields: Map<String, Value>,
    pub(super) modified: Timestamp,
}

/// All records, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    records: Vec<Record>,
    numbered: u64,
}

// === impl Record ===

impl Record {
    /// A text of the record; empty where it has none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

// === impl Store ===

impl Store {
    /// A record that was there from the beginning.
    pub(super) fn found(&mut self, object: &'static str, fields: &[(&str, &str)]) -> String {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect::<Map<_, _>>();
        // What the program itself founds has its fields.
        self.insert(object, &Value::Object(fields), Timestamp::EPOCH)
            .unwrap_or_default()
    }

    /// The records of an object.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |it| it.object.name == name)
    }

    /// A record by its id, of fifteen or eighteen characters.
    pub(super) fn by_id(&self, id: &str) -> Option<&Record> {
        let position = self.position(id)?;
        self.records.get(position)
    }

    fn position(&self, id: &str) -> Option<usize> {
        let wanted = id.get(..15).filter(|_| matches!(id.len(), 15 | 18))?;
        self.records.iter().position(|it| it.id.starts_with(wanted))
    }

    /// The records of an object whose field has this value.
    pub(super) fn by_key(&self, name: &str, field: &str, value: &str) -> Vec<&Record> {
        self.all(name)
            .filter(|it| it.text(field) == value)
            .collect()
    }

    /// The lines of an order.
    pub(super) fn items(&self, order: &str) -> Vec<&Record> {
        self.by_key("OrderItem", "OrderId", order)
    }

    /// The product code of a line.
    pub(super) fn sku(&self, item: &Record) -> Value {
        let product = self.by_id(item.text("Product2Id"));
        product.map_or(Value::Null, |it| {
            it.fields.get("ProductCode").cloned().unwrap_or_default()
        })
    }

    /// Makes a record.
    ///
    /// # Errors
    /// What is wrong with its fields.
    pub(super) fn insert(
        &mut self,
        name: &str,
        body: &Value,
        at: Timestamp,
    ) -> Result<String, Fault> {
        let object = object(name).ok_or_else(Fault::not_found)?;
        if self.records.len() == RECORDS_MAX {
            return Err(Fault::new(
                400,
                "STORAGE_LIMIT_EXCEEDED",
                "storage limit exceeded",
            ));
        }
        let mut fields = self.checked(object, body, None)?;
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|it| it.required && fields.get(it.name).is_none_or(Value::is_null))
            .map(|it| it.name)
            .collect();
        if !missing.is_empty() {
            let text = format!("Required fields are missing: [{}]", missing.join(", "));
            let fault = Fault::new(400, "REQUIRED_FIELD_MISSING", text);
            return Err(missing.iter().fold(fault, |fault, name| fault.about(name)));
        }
        self.numbered += 1;
        let number = self.numbered;
        match object.name {
            "Order" => {
                if fields.get("Status").and_then(Value::as_str) != Some("Draft") {
                    let text = "Choose a valid order status and save your changes. Ask your salesforce.com admin for details.";
                    return Err(Fault::new(400, "FAILED_ACTIVATION", text).about("Status"));
                }
                fields.insert("OrderNumber".to_owned(), format!("{number:08}").into());
                fields.insert("TotalAmount".to_owned(), json!(0.0));
            }
            "OrderItem" => self.complete_item(&mut fields, number)?,
            "Case" => {
                fields.insert("CaseNumber".to_owned(), format!("{number:08}").into());
                fields.entry("Status").or_insert_with(|| "New".into());
            }
            _ => {}
        }
        let id = id(object.prefix, number);
        for (name, value) in [
            ("Id", json!(id)),
            ("CreatedDate", moment(at)),
            ("SystemModstamp", moment(at)),
        ] {
            fields.insert(name.to_owned(), value);
        }
        self.records.push(Record {
            id: id.clone(),
            object,
            fields,
            modified: at,
        });
        self.add_up(&id, at);
        Ok(id)
    }

    fn complete_item(&self, fields: &mut Map<String, Value>, number: u64) -> Result<(), Fault> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let order = self.by_id(text("OrderId")).ok_or_else(Fault::not_found)?;
        if order.text("Status") != "Draft" {
            let text = "Order products can't be added to an order that is active";
            return Err(Fault::new(400, "FIELD_INTEGRITY_EXCEPTION", text).about("OrderId"));
        }
        let entry = self
            .by_id(text("PricebookEntryId"))
            .ok_or_else(Fault::not_found)?;
        let book = order.text("Pricebook2Id");
        if !book.is_empty() && book != entry.text("Pricebook2Id") {
            let text = "This price definition is not in the order's price book";
            return Err(
                Fault::new(400, "FIELD_INTEGRITY_EXCEPTION", text).about("PricebookEntryId")
            );
        }
        let product = entry.fields["Product2Id"].clone();
        fields.insert("Product2Id".to_owned(), product);
        // An auto number of ten digits.
        fields.insert("OrderItemNumber".to_owned(), format!("{number:010}").into());
        fields.entry("UnitPrice").or_insert_with(|| json!(0.0));
        Ok(())
    }

    /// Changes a record.
    ///
    /// # Errors
    /// What is wrong with its fields; [`Fault::not_found`] when there is none.
    pub(super) fn update(
        &mut self,
        name: &str,
        id: &str,
        body: &Value,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let position = self.position(id).ok_or_else(Fault::not_found)?;
        let before = &self.records[position];
        if !before.object.name.eq_ignore_ascii_case(name) {
            return Err(Fault::not_found());
        }
        let (object, own) = (before.object, before.id.clone());
        let fields = self.checked(object, body, Some(&own))?;
        let activates = fields.get("Status").and_then(Value::as_str) == Some("Activated");
        if object.name == "Order" && activates && self.items(&own).is_empty() {
            let text = "An order must have at least one product.";
            return Err(Fault::new(400, "FAILED_ACTIVATION", text).about("Status"));
        }
        let record = &mut self.records[position];
        record.fields.extend(fields);
        self.touch(position, at);
        self.add_up(&own, at);
        Ok(())
    }

    /// Removes a record.
    ///
    /// # Errors
    /// [`Fault::not_found`] when there is none.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), Fault> {
        let position = self.position(id).ok_or_else(Fault::not_found)?;
        self.records.remove(position);
        Ok(())
    }

    fn touch(&mut self, position: usize, at: Timestamp) {
        let record = &mut self.records[position];
        record.modified = at;
        record
            .fields
            .insert("SystemModstamp".to_owned(), moment(at));
    }

    /// What an order adds up to, after one of its lines has changed.
    fn add_up(&mut self, item: &str, at: Timestamp) {
        let Some(order) = self
            .by_id(item)
            .filter(|it| it.object.name == "OrderItem")
            .map(|it| it.text("OrderId").to_owned())
        else {
            return;
        };
        let number = |record: &Record, name: &str| record.fields[name].as_f64().unwrap_or_default();
        let total: f64 = self
            .items(&order)
            .iter()
            .map(|it| number(it, "Quantity") * number(it, "UnitPrice"))
            .sum();
        if let Some(position) = self.position(&order) {
            self.records[position]
                .fields
                .insert("TotalAmount".to_owned(), json!(total));
            self.touch(position, at);
        }
    }

    /// The fields of a request under their own names, with references resolved.
    fn checked(
        &self,
        object: &'static Object,
        body: &Value,
        changing: Option<&str>,
    ) -> Result<Map<String, Value>, Fault> {
        let Some(body) = body.as_object() else {
            return Err(Fault::new(
                400,
                "JSON_PARSER_ERROR",
                "an object was expected",
            ));
        };
        let mut fields = Map::new();
        for (name, value) in body {
            if name == "attributes" {
                continue;
            }
            let (field, value) = match (object.field(name), object.relation(name)) {
                (Some(field), _) => (field, value.clone()),
                (None, Some((reference, target))) => {
                    let id = self.resolve(target, name, value)?;
                    let field = object.field(reference).ok_or_else(Fault::not_found)?;
                    (field, id.into())
                }
                (None, None) => {
                    let text =
                        format!("No such column '{name}' on sobject of type {}", object.name);
                    return Err(Fault::new(400, "INVALID_FIELD", text));
                }
            };
            let unchangeable = field.kind == Kind::Derived || field.fixed && changing.is_some();
            if unchangeable {
                let text = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                    field.name
                );
                return Err(
                    Fault::new(400, "INVALID_FIELD_FOR_INSERT_UPDATE", text).about(field.name)
                );
            }
            self.check_value(object, field.name, field.kind, &value, changing)?;
            fields.insert(field.name.to_owned(), value);
        }
        Ok(fields)
    }

    fn check_value(
        &self,
        object: &'static Object,
        name: &str,
        kind: Kind,
        value: &Value,
        changing: Option<&str>,
    ) -> Result<(), Fault> {
        let wrong = |code, text: String| Err(Fault::new(400, code, text).about(name));
        let mistyped = || {
            wrong(
                "JSON_PARSER_ERROR",
                format!("Cannot deserialize the value of {name}"),
            )
        };
        let text = match (kind, value) {
            (_, Value::Null) => return Ok(()),
            (Kind::Number, Value::Number(_)) | (Kind::Flag, Value::Bool(_)) => return Ok(()),
            (Kind::Number | Kind::Flag | Kind::Derived, _) => return mistyped(),
            (_, Value::String(text)) => text,
            _ => return mistyped(),
        };
        match kind {
            Kind::Text(max) if text.chars().count() > max => wrong(
                "STRING_TOO_LONG",
                format!("{name}: data value too large: {text} (max length={max})"),
            ),
            Kind::Key => match self
                .by_key(object.name, name, text)
                .iter()
                .find(|it| Some(it.id.as_str()) != changing)
            {
                Some(other) => wrong(
                    "DUPLICATE_VALUE",
                    format!(
                        "duplicate value found: {name} duplicates value on record with id: {}",
                        other.id
                    ),
                ),
                None => Ok(()),
            },
            Kind::Day if text.parse::<jiff::civil::Date>().is_err() => mistyped(),
            Kind::Moment if millis(text).is_none() => mistyped(),
            Kind::Reference(target) => match self.by_id(text) {
                Some(record) if target.is_empty() || record.object.name == target => Ok(()),
                _ => wrong(
                    "INVALID_CROSS_REFERENCE_KEY",
                    format!("invalid cross reference id: {name}"),
                ),
            },
            Kind::Choice(choices) if !choices.contains(&text.as_str()) => wrong(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                format!("{name}: bad value for restricted picklist field: {text}"),
            ),
            _ => Ok(()),
        }
    }

    /// The id of the record that `{"Key__c": "value"}` names.
    fn resolve(&self, target: &'static Object, name: &str, value: &Value) -> Result<String, Fault> {
        let pairs = value.as_object().filter(|it| it.len() == 1);
        let Some((key, value)) = pairs.and_then(|it| it.iter().next()) else {
            let text = format!("{name}: one external id was expected");
            return Err(Fault::new(400, "JSON_PARSER_ERROR", text));
        };
        let is_key = target.field(key).is_some_and(|it| it.kind == Kind::Key);
        let value = value.as_str().unwrap_or_default();
        let found = self.by_key(target.name, key, value);
        match found.first() {
            Some(record) if is_key => Ok(record.id.clone()),
            _ => {
                let text = format!(
                    "Foreign key external ID: {value} not found for field {key} in entity {}",
                    target.name
                );
                Err(Fault::new(400, "INVALID_FIELD", text))
            }
        }
    }
}

/// A moment as Salesforce writes it: `2026-03-01T09:30:00.000+0000`.
pub(super) fn moment(at: Timestamp) -> Value {
    at.to_string().replace('Z', "+0000").into()
}

/// The milliseconds of a moment, with `Z`, `+0000` or `+00:00`.
pub(super) fn millis(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let spelled = match text.len().checked_sub(5).map(|at| text.split_at(at)) {
        Some((moment, zone)) if zone.starts_with(['+', '-']) => {
            format!("{moment}{}:{}", &zone[..3], &zone[3..])
        }
        _ => text.to_owned(),
    };
    let moment: jiff::Timestamp = spelled.parse().ok()?;
    Some(moment.as_millisecond())
}

/// An id of eighteen characters: fifteen, and three that tell which of them are capital
/// letters, five by five.
fn id(prefix: &str, number: u64) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut id = format!("{prefix}D00{number:09}");
    let check: String = id
        .as_bytes()
        .chunks(5)
        .map(|chunk| {
            let bits = chunk
                .iter()
                .enumerate()
                .map(|(at, byte)| usize::from(byte.is_ascii_uppercase()) << at);
            char::from(LETTERS[bits.sum::<usize>()])
        })
        .collect();
    id.push_str(&check);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_eighteen_characters_that_tell_capitals() {
        // The example of Salesforce's own page on ids has this checksum.
        assert_eq!(id("001", 1), "001D00000000001IAA");
        assert_eq!(id("00T", 12).len(), 18);
    }

    #[test]
    fn reads_moments_in_every_spelling() {
        for text in [
            "2026-03-01T09:30:00.000+0000",
            "2026-03-01T09:30:00Z",
            "2026-03-01T10:30:00+01:00",
        ] {
            assert_eq!(millis(text), Some(1_772_357_400_000), "{text}");
        }
        assert_eq!(millis("soon"), None);
        let at = Timestamp::from_millis(1_772_357_400_000);
        assert_eq!(moment(at), "2026-03-01T09:30:00.000+0000");
    }
}
