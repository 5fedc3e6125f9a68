//! WIT, the host's Rust, the SDK's Rust and JSON say the same.
//!
//! The test walks `wit/`, the only definition, and writes JSON by the rules of
//! `crossdock_sdk::json` as somebody would who knows nothing but the WIT: every field
//! and every case of every type, each leaf with a value of its own. Both generated
//! models must read that and write the same back.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use wit_parser::{Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// The contract as it is written.
struct Contract {
    resolve: Resolve,
}

impl Contract {
    fn read() -> Self {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        resolve.push_dir(wit).expect("the contract is valid WIT");
        Self { resolve }
    }

    /// A type by its interface and name.
    fn type_(&self, interface: &str, name: &str) -> TypeId {
        let found = self
            .resolve
            .interfaces
            .iter()
            .find(|(_, it)| it.name.as_deref() == Some(interface));
        let (_, interface) = found.unwrap_or_else(|| panic!("there is no interface {interface}"));
        interface.types[name]
    }

    /// Every type that an interface defines by itself, `order.order-line`.
    fn names(&self) -> BTreeSet<String> {
        let ids = self.resolve.types.iter().map(|(id, _)| id);
        ids.filter_map(|id| self.name(id)).collect()
    }

    /// Absent for what has no name or is another's by `use`.
    fn name(&self, id: TypeId) -> Option<String> {
        let type_ = &self.resolve.types[id];
        if matches!(type_.kind, TypeDefKind::Type(Type::Id(_))) {
            return None;
        }
        let TypeOwner::Interface(owner) = type_.owner else {
            return None;
        };
        let interface = self.resolve.interfaces[owner].name.as_deref()?;
        Some(format!("{interface}.{}", type_.name.as_deref()?))
    }

    /// Values that together have every field, every case, and every option and list both
    /// with and without something.
    fn examples(&self, type_: &Type, seen: &mut BTreeSet<String>) -> Vec<Example> {
        match type_ {
            Type::Bool => vec![Some(json!(true))],
            Type::String => vec![Some(json!(format!("text {}", next())))],
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => vec![Some(json!(next()))],
            Type::Id(id) => self.defined(*id, seen),
            other => panic!("the contract has no {other:?}; what is its JSON?"),
        }
    }

    fn defined(&self, id: TypeId, seen: &mut BTreeSet<String>) -> Vec<Example> {
        seen.extend(self.name(id));
        let type_ = &self.resolve.types[id];
        match &type_.kind {
            TypeDefKind::Type(other) => self.examples(other, seen),
            TypeDefKind::Record(_) if type_.name.as_deref() == Some("decimal") => {
                vec![Some(json!(format!("-{}.50", next())))]
            }
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|it| (it.name.as_str(), self.examples(&it.ty, seen)));
                objects(&fields.collect::<Vec<_>>())
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                cases
                    .flat_map(|it| self.case(&it.name, it.ty.as_ref(), seen))
                    .collect()
            }
            TypeDefKind::Result(result) => {
                let mut examples = self.case("ok", result.ok.as_ref(), seen);
                examples.extend(self.case("err", result.err.as_ref(), seen));
                examples
            }
            TypeDefKind::Option(inner) => {
                let mut examples = self.examples(inner, seen);
                examples.push(None);
                examples
            }
            TypeDefKind::List(Type::U8) => vec![Some(json!(format!("bytes {}", next()))), None],
            TypeDefKind::List(inner) => {
                let elements = self.examples(inner, seen).into_iter().flatten();
                vec![Some(elements.collect()), None]
            }
            TypeDefKind::Tuple(tuple) => {
                let parts = tuple.types.iter();
                let first = parts.map(|it| self.examples(it, seen).swap_remove(0));
                vec![Some(first.flatten().collect())]
            }
            other => panic!("the contract has no {other:?}; what is its JSON?"),
        }
    }

    fn case(
        &self,
        name: &str,
        payload: Option<&Type>,
        seen: &mut BTreeSet<String>,
    ) -> Vec<Example> {
        let Some(payload) = payload else {
            return vec![Some(json!(name))];
        };
        let is_record = self.is_record(payload);
        let tagged = |payload: Example| match payload {
            Some(Value::Object(fields)) if is_record => {
                let mut object = Map::from_iter([("kind".to_owned(), json!(name))]);
                object.extend(fields);
                Some(Value::Object(object))
            }
            Some(value) => Some(json!({"kind": name, "value": value})),
            None => Some(json!(name)),
        };
        self.examples(payload, seen)
            .into_iter()
            .map(tagged)
            .collect()
    }

    fn is_record(&self, type_: &Type) -> bool {
        let Type::Id(id) = type_ else { return false };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(other) => self.is_record(other),
            TypeDefKind::Record(_) => true,
            _ => false,
        }
    }
}

/// A value, or that there is none and its field is left out.
type Example = Option<Value>;

/// As many objects as the field with most examples has.
fn objects(fields: &[(&str, Vec<Example>)]) -> Vec<Example> {
    let count = fields.iter().map(|(_, it)| it.len()).max().unwrap_or(1);
    let object = |index: usize| {
        let present = fields.iter().filter_map(|(name, examples)| {
            let example = examples[index % examples.len()].clone()?;
            Some((name.replace('-', "_"), example))
        });
        Some(Value::Object(present.collect()))
    };
    (0..count).map(object).collect()
}

/// A number that no other leaf has.
fn next() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Reads the value as `T` and writes it again.
fn there_and_back<T: Serialize + DeserializeOwned>(value: &Value) -> Value {
    let read: T = super::json::from_value(value)
        .unwrap_or_else(|error| panic!("{} can't be read: {error}", type_name::<T>(value)));
    super::json::to_value(&read).unwrap_or_else(|error| panic!("{value} can't be written: {error}"))
}

fn type_name<T>(value: &Value) -> String {
    format!("{} {value:#}", std::any::type_name::<T>())
}

/// Both models of one type.
macro_rules! both {
    ($contract:expr, $seen:expr, $interface:literal: $($name:literal $type:ident),+) => {
        $(
            let id = $contract.type_($interface, $name);
            let examples = $contract.examples(&Type::Id(id), $seen);
            assert!(!examples.is_empty());
            for example in examples.into_iter().flatten() {
                assert_eq!(there_and_back::<super::$type>(&example), example);
                assert_eq!(there_and_back::<crossdock_sdk::$type>(&example), example);
            }
        )+
    };
}

#[test]
fn every_field_and_case_is_the_same_in_wit_in_rust_and_in_json() {
    let contract = Contract::read();
    let seen = &mut BTreeSet::new();
    both!(contract, seen, "document": "document" Document);
    both!(contract, seen, "host": "level" Level);
    both!(contract, seen, "adapter":
        "description" Description,
        "inbound" Inbound,
        "decoded" Decoded,
        "delivery" Delivery,
        "exchange" Exchange,
        "step" Step,
        "poll-request" PollRequest,
        "poll-step" PollStep);
    let missed: Vec<_> = contract
        .names()
        .into_iter()
        .filter(|it| !seen.contains(it))
        .collect();
    assert!(missed.is_empty(), "nothing here reaches {missed:?}");
}

#[test]
fn every_kind_of_document_is_known_by_its_name_in_wit() {
    let contract = Contract::read();
    let id = contract.type_("document", "document");
    let TypeDefKind::Variant(variant) = &contract.resolve.types[id].kind else {
        panic!("a document is a variant");
    };
    let cases = variant.cases.iter().map(|it| it.name.as_str());
    let known: Vec<_> = cases.filter(|it| *it != "other").collect();
    let kinds: Vec<_> = super::KINDS
        .iter()
        .copied()
        .filter(|it| *it != "other")
        .collect();
    assert_eq!(kinds, known);
}

#[test]
fn every_item_says_what_it_means_and_since_when() {
    let contract = Contract::read();
    for (_, interface) in &contract.resolve.interfaces {
        let owner = interface.name.as_deref().unwrap_or_default();
        for (name, id) in &interface.types {
            let type_ = &contract.resolve.types[*id];
            if contract.name(*id).is_none() {
                continue;
            }
            let documented = |docs: &wit_parser::Docs, what: &str| {
                assert!(
                    docs.contents.is_some(),
                    "{owner}.{name} {what} says nothing of itself"
                );
            };
            documented(&type_.docs, "");
            assert!(
                matches!(type_.stability, wit_parser::Stability::Stable { .. }),
                "{owner}.{name} does not say since when it is"
            );
            match &type_.kind {
                TypeDefKind::Record(it) => {
                    it.fields
                        .iter()
                        .for_each(|it| documented(&it.docs, &it.name));
                }
                TypeDefKind::Variant(it) => {
                    it.cases
                        .iter()
                        .for_each(|it| documented(&it.docs, &it.name));
                }
                _ => {}
            }
        }
    }
}
