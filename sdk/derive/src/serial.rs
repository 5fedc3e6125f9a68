//! The text of `#[derive(Serial)]`.

use crate::{Body, Type};

pub(crate) fn implementation(type_: &Type) -> String {
    match &type_.body {
        Body::Record(fields) => record(&type_.name, fields),
        Body::Variant(cases) => variant(&type_.name, cases),
    }
}

fn record(name: &str, fields: &[(String, String)]) -> String {
    let (mut empty, mut fill, mut give) = (String::new(), String::new(), String::new());
    for (place, (field, _)) in fields.iter().enumerate() {
        empty += &format!("{field}: crate::serial::Empty::empty(),");
        fill += &format!("{place} => crate::serial::put(&mut self.{field}, from.next_value()?),");
        give += &format!("to.serialize_field({:?}, &self.{field})?;", plain(field));
    }
    let names = list(fields.iter().map(|(field, _)| field));
    format!(
        "impl crate::serial::Empty for {name} {{
             fn empty() -> Self {{ Self {{ {empty} }} }}
         }}
         impl crate::serial::Record for {name} {{
             const NAME: &'static str = {name:?};
             const FIELDS: &'static [&'static str] = &[{names}];
             fn fill<'de, A: serde::de::MapAccess<'de>>(
                 &mut self,
                 field: usize,
                 from: &mut A,
             ) -> Result<(), A::Error> {{
                 match field {{ {fill} _ => {{}} }}
                 Ok(())
             }}
             fn give<S: serde::ser::SerializeStruct>(&self, to: &mut S) -> Result<(), S::Error> {{
                 {give}
                 Ok(())
             }}
         }}
         {}",
        traits(name, "record", "crate::serial::write_record(self, to)"),
    )
}

fn variant(name: &str, cases: &[(String, Option<String>)]) -> String {
    let (mut take, mut units, mut give) = (String::new(), String::new(), String::new());
    for (place, (case, payload)) in cases.iter().enumerate() {
        if payload.is_some() {
            take += &format!("{place} => Ok({name}::{case}(from.newtype_variant()?)),");
            give += &format!(
                "{name}::{case}(value) => to.serialize_newtype_variant({name:?}, {place}, {:?}, value),",
                plain(case)
            );
        } else {
            units += &format!("{place} => Ok({name}::{case}),");
            give += &format!(
                "{name}::{case} => to.serialize_unit_variant({name:?}, {place}, {:?}),",
                plain(case)
            );
        }
    }
    let no_such = "_ => Err(serde::de::Error::custom(\"there is no such case\")),";
    // One look for what a case may not carry serves all that carry nothing.
    let rest = if units.is_empty() {
        no_such.to_owned()
    } else {
        format!("_ => {{ from.unit_variant()?; match case {{ {units} {no_such} }} }}")
    };
    let names = list(cases.iter().map(|(case, _)| case));
    let empty = match cases.first() {
        Some((case, Some(_))) => format!("{name}::{case}(crate::serial::Empty::empty())"),
        Some((case, None)) => format!("{name}::{case}"),
        None => String::from("compile_error!(\"a variant has cases\")"),
    };
    format!(
        "impl crate::serial::Empty for {name} {{
             fn empty() -> Self {{ {empty} }}
         }}
         impl crate::serial::Variant for {name} {{
             const NAME: &'static str = {name:?};
             const CASES: &'static [&'static str] = &[{names}];
             fn take<'de, A: serde::de::VariantAccess<'de>>(
                 case: usize,
                 from: A,
             ) -> Result<Self, A::Error> {{
                 match case {{ {take} {rest} }}
             }}
         }}
         {}",
        traits(name, "variant", &format!("match self {{ {give} }}")),
    )
}

/// serde's own traits: `write` is an expression of `self` and the serializer `to`.
fn traits(name: &str, kind: &str, write: &str) -> String {
    format!(
        "impl serde::Serialize for {name} {{
             fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {{
                 {write}
             }}
         }}
         impl<'de> serde::Deserialize<'de> for {name} {{
             fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {{
                 crate::serial::read_{kind}(from)
             }}
         }}"
    )
}

fn list<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names.map(|name| format!("{:?},", plain(name))).collect()
}

/// A name without the mark that makes an identifier of a keyword.
fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}
