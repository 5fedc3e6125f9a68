//! SOQL, as far as integrations use it: fields of the object and of those it leads to,
//! lists of children, conditions, order, limit.

mod read;

use serde_json::{Map, Value, json};

use super::{
    Fault,
    schema::{Kind, Object},
    store::{Record, Store, millis},
};

/// A query, read and checked.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) object: &'static Object,
    /// Names of the fields, as they were asked for.
    paths: Vec<Vec<String>>,
    pub(super) lists: Vec<List>,
    condition: Option<Condition>,
    order: Vec<(Vec<String>, bool)>,
    limit: Option<usize>,
}

/// A selection of children.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) name: &'static str,
    reference: &'static str,
    query: Query,
}

#[derive(Clone, Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Vec<String>, String, Vec<Literal>),
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Flag(bool),
    Moment(i64),
    Day(String),
    Null,
}

fn malformed(text: impl Into<String>) -> Fault {
    Fault::new(400, "MALFORMED_QUERY", text)
}

// === impl Query ===

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// `MALFORMED_QUERY`, or `INVALID_FIELD` and `INVALID_TYPE` for what the org lacks.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        read::query(text)
    }

    /// The records that are meant, in their order.
    pub(super) fn find<'s>(&self, store: &'s Store) -> Vec<&'s Record> {
        self.among(store, |_| true)
    }

    fn among<'s>(&self, store: &'s Store, also: impl Fn(&Record) -> bool) -> Vec<&'s Record> {
        let meant = |record: &&Record| {
            also(record)
                && self
                    .condition
                    .as_ref()
                    .is_none_or(|it| it.holds(store, record))
        };
        let mut found: Vec<&Record> = store.all(self.object.name).filter(meant).collect();
        for (path, descending) in self.order.iter().rev() {
            found.sort_by(|left, right| {
                let key = |record| sort_key(&value(store, record, path));
                let order = key(left).partial_cmp(&key(right));
                let order = order.unwrap_or(std::cmp::Ordering::Equal);
                if *descending { order.reverse() } else { order }
            });
        }
        found.truncate(self.limit.unwrap_or(usize::MAX));
        found
    }

    /// A record with what was asked for; `list` makes the lists of its children.
    pub(super) fn show(
        &self,
        store: &Store,
        record: &Record,
        version: &str,
        list: &mut dyn FnMut(Vec<Value>) -> Value,
    ) -> Value {
        let mut shown = attributes(record, version);
        for path in &self.paths {
            show_path(store, record, path, version, &mut shown);
        }
        for child in &self.lists {
            let mine = |it: &Record| it.text(child.reference) == record.id;
            let rows = child.query.among(store, mine);
            let rows: Vec<Value> = rows
                .into_iter()
                .map(|row| child.query.show(store, row, version, list))
                .collect();
            // No children are no list.
            let shown_rows = if rows.is_empty() {
                Value::Null
            } else {
                list(rows)
            };
            shown.insert(child.name.to_owned(), shown_rows);
        }
        Value::Object(shown)
    }
}

/// What a record is of, and where it is.
pub(super) fn attributes(record: &Record, version: &str) -> Map<String, Value> {
    let name = record.object.name;
    let url = format!("/services/data/{version}/sobjects/{name}/{}", record.id);
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), json!({ "type": name, "url": url }));
    shown
}

fn show_path(
    store: &Store,
    record: &Record,
    path: &[String],
    version: &str,
    shown: &mut Map<String, Value>,
) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        if let Some(field) = record.object.field(first) {
            let value = record.fields.get(field.name).cloned();
            shown.insert(field.name.to_owned(), value.unwrap_or_default());
        }
        return;
    }
    let Some((reference, _)) = record.object.relation(first) else {
        return;
    };
    let target = store.by_id(record.text(reference));
    let inside = shown
        .entry(first.clone())
        .or_insert_with(|| target.map_or(Value::Null, |it| Value::Object(attributes(it, version))));
    if let (Some(target), Some(inside)) = (target, inside.as_object_mut()) {
        show_path(store, target, rest, version, inside);
    }
}

/// The value at a path; null where a reference leads nowhere.
fn value(store: &Store, record: &Record, path: &[String]) -> Value {
    match path {
        [name] => {
            let field = record.object.field(name);
            let value = field.and_then(|it| record.fields.get(it.name));
            value.cloned().unwrap_or_default()
        }
        [first, rest @ ..] => {
            let relation = record.object.relation(first);
            let target = relation.and_then(|(reference, _)| store.by_id(record.text(reference)));
            target.map_or(Value::Null, |it| value(store, it, rest))
        }
        [] => Value::Null,
    }
}

/// What values are sorted by: numbers and moments by size, texts by letters, null first.
fn sort_key(value: &Value) -> (u8, f64, String) {
    match value {
        Value::Number(number) => (1, number.as_f64().unwrap_or_default(), String::new()),
        Value::String(text) => match millis(text) {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of our days fit")]
            Some(millis) => (1, millis as f64, String::new()),
            None => (2, 0.0, text.clone()),
        },
        Value::Bool(flag) => (1, f64::from(u8::from(*flag)), String::new()),
        _ => (0, 0.0, String::new()),
    }
}

// === impl Condition ===

impl Condition {
    fn holds(&self, store: &Store, record: &Record) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|it| it.holds(store, record)),
            Self::Any(parts) => parts.iter().any(|it| it.holds(store, record)),
            Self::Not(part) => !part.holds(store, record),
            Self::Compare(path, operator, literals) => {
                let value = value(store, record, path);
                let is = |literal: &Literal| literal.compare(&value) == Some(0);
                let first = literals.first().unwrap_or(&Literal::Null);
                let order = first.compare(&value);
                match operator.as_str() {
                    "=" => is(first),
                    "!=" | "<>" => !is(first),
                    "<" => order.is_some_and(|it| it < 0),
                    "<=" => order.is_some_and(|it| it <= 0),
                    ">" => order.is_some_and(|it| it > 0),
                    ">=" => order.is_some_and(|it| it >= 0),
                    "IN" => literals.iter().any(is),
                    "NOT IN" => !literals.iter().any(is),
                    _ => match (first, value.as_str()) {
                        (Literal::Text(pattern), Some(text)) => {
                            like(&text.to_lowercase(), &pattern.to_lowercase())
                        }
                        _ => false,
                    },
                }
            }
        }
    }
}

/// `%` stands for any characters, `_` for one.
fn like(text: &str, pattern: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = letters.as_str();
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| like(&text[at..], rest))
        }
        Some(letter) => {
            let mut own = text.chars();
            own.next().is_some_and(|it| letter == '_' || it == letter)
                && like(own.as_str(), letters.as_str())
        }
    }
}

// === impl Literal ===

impl Literal {
    /// Whether a value is below (-1), the same (0) or above (1); none when the two can't
    /// be compared.
    fn compare(&self, value: &Value) -> Option<i8> {
        let order = match (self, value) {
            (Self::Null, Value::Null) => std::cmp::Ordering::Equal,
            // Letters' case does not matter, but in ids, which differ by more.
            (Self::Text(own), Value::String(text)) => {
                let is_id = |it: &str| {
                    matches!(it.len(), 15 | 18) && it.bytes().all(|it| it.is_ascii_alphanumeric())
                };
                if is_id(own) && is_id(text) {
                    text[..15].cmp(&own[..15])
                } else {
                    text.to_lowercase().cmp(&own.to_lowercase())
                }
            }
            (Self::Number(own), Value::Number(number)) => number.as_f64()?.partial_cmp(own)?,
            (Self::Flag(own), Value::Bool(flag)) => flag.cmp(own),
            (Self::Moment(own), Value::String(text)) => millis(text)?.cmp(own),
            (Self::Day(own), Value::String(text)) => text.get(..10)?.cmp(own),
            _ => return None,
        };
        Some(order as i8)
    }

    fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Null => true,
            Self::Text(_) => matches!(
                kind,
                Kind::Text(_) | Kind::Key | Kind::Reference(_) | Kind::Choice(_) | Kind::Derived
            ),
            Self::Number(_) => matches!(kind, Kind::Number | Kind::Derived),
            Self::Flag(_) => kind == Kind::Flag,
            Self::Moment(_) => matches!(kind, Kind::Moment | Kind::Derived),
            Self::Day(_) => kind == Kind::Day,
        }
    }
}
