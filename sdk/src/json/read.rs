//! JSON values to the contract's types.
//!
//! Strict where a mistake would lose something (unknown fields, unknown cases,
//! numbers that do not fit), lenient where nothing can be lost: an absent field,
//! `null` and a list left out are the same for what may be absent.
//!
//! The derived code asks for Rust's names; this module looks them up among the
//! names that it is told, so that no table of names exists anywhere.

use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::bytes;
use super::error::{Error, Reason};
use super::names::{self, KIND, VALUE};
use super::tree::{Node, Value, shorten};
use crate::Decimal;
use crate::near::nearest;

/// How many cases an error lists; more would hide the message.
const CASES_LISTED_MAX: usize = 32;

pub(super) fn read<T: DeserializeOwned>(node: &Node<'_>) -> Result<T, Error> {
    T::deserialize(Reader::of(node))
}

/// Reads a value, or the absence of one.
#[derive(Clone, Copy)]
struct Reader<'n, 'a> {
    /// `None` when the field is not there.
    node: Option<&'n Node<'a>>,
    /// Where it stands, or where it would have to stand.
    offset: u32,
    /// A part of a value that is one string in JSON: of a decimal, or of bytes.
    integer: Option<i64>,
}

// === impl Reader ===

impl<'n, 'a> Reader<'n, 'a> {
    fn of(node: &'n Node<'a>) -> Reader<'n, 'a> {
        Reader {
            node: Some(node),
            offset: node.offset,
            integer: None,
        }
    }

    fn absent(offset: u32) -> Reader<'n, 'a> {
        Reader {
            node: None,
            offset,
            integer: None,
        }
    }

    fn value(&self) -> Option<&'n Value<'a>> {
        self.node.map(|node| &node.value)
    }

    fn is_absent(&self) -> bool {
        matches!(self.value(), None | Some(Value::Null))
    }

    fn error(&self, reason: Reason, text: String) -> Error {
        Error::new(reason, text).at(self.offset as usize)
    }

    /// Something else than `expected`, or nothing at all.
    #[cold]
    fn mismatch(&self, expected: &str) -> Error {
        let Some(node) = self.node else {
            return self.error(
                Reason::MissingField,
                format!("missing, expected {expected}"),
            );
        };
        let found = node.found();
        let error = self.error(
            Reason::WrongType,
            format!("expected {expected}, found {found}"),
        );
        match node.as_id() {
            Some(value) => error.with_found(shorten(value).into_owned()),
            None => error,
        }
    }

    #[cold]
    fn not_within(&self, least: i128, most: i128) -> Error {
        self.mismatch(&format!("a whole number from {least} to {most}"))
    }

    fn text(&self, expected: &str) -> Result<&'n str, Error> {
        match self.value() {
            Some(Value::String(text)) => Ok(text),
            _ => Err(self.mismatch(expected)),
        }
    }

    fn decimal(&self) -> Result<Decimal, Error> {
        const EXPECTED: &str = "a decimal such as \"12.50\"";
        let text = match self.value() {
            Some(Value::String(text)) => &**text,
            Some(Value::Number(text)) => text,
            _ => return Err(self.mismatch(EXPECTED)),
        };
        // A point with nothing on one side is for formats that are older than JSON.
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        if !ends(digits.first()) || !ends(digits.last()) {
            return Err(self.mismatch(EXPECTED));
        }
        text.parse().map_err(|error| {
            let found = shorten(text).into_owned();
            let text = format!("expected {EXPECTED}, found \"{found}\": {error}");
            self.error(Reason::WrongType, text).with_found(found)
        })
    }

    fn list(&self) -> Result<&'n [Node<'a>], Error> {
        match self.value() {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::List(items)) => Ok(items),
            _ => Err(self.mismatch("a list")),
        }
    }

    fn object(&self) -> Result<&'n [Field<'a>], Error> {
        match self.value() {
            Some(Value::Object(fields)) => Ok(fields),
            _ => Err(self.mismatch("an object")),
        }
    }

    fn items(self) -> Result<Items<'n, 'a>, Error> {
        let mut items = Items {
            reader: self,
            nodes: &[],
            next: 0,
            bytes: None,
        };
        match self.value() {
            Some(Value::String(text)) => items.bytes = Some(Bytes::Text(text)),
            _ => items.nodes = self.list()?,
        }
        Ok(items)
    }

    #[inline(never)]
    fn record(self, name: &str, fields: &'static [&'static str]) -> Result<Record<'n, 'a>, Error> {
        if names::is_decimal(name, fields.len()) {
            let record = Record::new(self.offset, &[], fields, None);
            let decimal = Some(self.decimal()?);
            return Ok(Record { decimal, ..record });
        }
        Ok(Record::new(self.offset, self.object()?, fields, None))
    }

    #[inline(never)]
    fn variant(self, cases: &'static [&'static str]) -> Result<Case<'n, 'a>, Error> {
        if let Some(Value::String(name)) = self.value() {
            let place = self.case(name, cases)?;
            return Ok(Case {
                reader: self,
                place,
                case: cases[place],
                fields: &[],
            });
        }
        let Some(Value::Object(fields)) = self.value() else {
            return Err(self.mismatch("a case, as a string or as an object with `kind`"));
        };
        let Some((_, kind)) = fields.iter().find(|(name, _)| name == KIND) else {
            let text = "missing, expected the name of a case".to_owned();
            return Err(self.error(Reason::MissingField, text).inside(KIND));
        };
        let kind = Reader::of(kind);
        let place = kind
            .text("the name of a case")
            .and_then(|name| kind.case(name, cases))
            .map_err(|error| error.inside(KIND))?;
        Ok(Case {
            reader: self,
            place,
            case: cases[place],
            fields,
        })
    }

    /// The case that a `kind` or a plain string names, by its place.
    fn case(&self, name: &str, cases: &[&str]) -> Result<usize, Error> {
        if let Some(case) = cases.iter().position(|case| names::is_case(case, name)) {
            return Ok(case);
        }
        let known: Vec<String> = cases.iter().map(|case| names::case_text(case)).collect();
        let found = shorten(name).into_owned();
        let mut text = format!("there is no case \"{found}\"");
        if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
            text.push_str(&format!("; \"{near}\" may be meant"));
        } else if known.iter().any(|case| case == "other") {
            let other = "; a code that the model lacks is {\"kind\":\"other\",\"value\":\"…\"}";
            text.push_str(other);
        }
        if known.len() <= CASES_LISTED_MAX {
            text.push_str(&format!("; known are {}", known.join(", ")));
        }
        Err(self.error(Reason::UnknownCase, text).with_found(found))
    }
}

/// A field of an object: name and value.
type Field<'a> = (std::borrow::Cow<'a, str>, Node<'a>);

macro_rules! read_integers {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = match (self.integer, self.value()) {
                (Some(part), _) => <$type>::try_from(part).ok(),
                (None, Some(Value::Number(text))) => text.parse().ok(),
                _ => None,
            };
            match value {
                Some(value) => visitor.$visit(value),
                None => Err(self.not_within(<$type>::MIN.into(), <$type>::MAX.into())),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value() {
            None => Err(self.mismatch("a value")),
            Some(Value::Null) => visitor.visit_unit(),
            Some(Value::Bool(value)) => visitor.visit_bool(*value),
            Some(Value::String(text)) => visitor.visit_str(text),
            Some(Value::List(_)) => self.deserialize_seq(visitor),
            Some(Value::Object(_)) => self.deserialize_map(visitor),
            Some(Value::Number(text)) => match (text.parse::<u64>(), text.parse::<i64>()) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                // A target that does not say what it wants takes the text, so that
                // no digit is lost on the way.
                _ => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value() {
            Some(Value::Bool(value)) => visitor.visit_bool(*value),
            _ => Err(self.mismatch("true or false")),
        }
    }

    read_integers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(self.mismatch("no floating-point number, which the contract does not have"))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text("a character")?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text("a string")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        const EXPECTED: &str = "a text, or Base64 after `base64:`";
        if self.is_absent() {
            return visitor.visit_byte_buf(Vec::new());
        }
        match bytes::from_text(self.text(EXPECTED)?) {
            Some(bytes) => visitor.visit_byte_buf(bytes),
            None => Err(self.mismatch(EXPECTED)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_absent() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_absent() {
            visitor.visit_unit()
        } else {
            Err(self.mismatch("null"))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.items()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.value() {
            Some(Value::List(nodes)) if nodes.len() == size => visitor.visit_seq(Items {
                reader: self,
                nodes,
                next: 0,
                bytes: None,
            }),
            _ => Err(self.mismatch(&format!("a list of {size} values"))),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(size, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let fields = if self.is_absent() {
            &[]
        } else {
            self.object()?
        };
        visitor.visit_map(Entries { fields, next: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(self.record(name, fields)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        cases: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.variant(cases)?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// The values of a list. One type for all lists, since every type that is read is
/// compiled once for each of these.
struct Items<'n, 'a> {
    reader: Reader<'n, 'a>,
    nodes: &'n [Node<'a>],
    next: usize,
    /// A string where a list was asked for.
    bytes: Option<Bytes<'n>>,
}

/// A string's bytes if bytes are wanted, and a mistake otherwise, which shows only
/// when the first value is asked for.
enum Bytes<'n> {
    Text(&'n str),
    Read(std::vec::IntoIter<u8>),
}

// === impl Items ===

impl<'n, 'a> Items<'n, 'a> {
    /// The next value, whatever it is.
    fn next_reader(&mut self) -> Result<Option<Reader<'n, 'a>>, Error> {
        if self.bytes.is_some() {
            let byte = self.next_byte()?;
            return Ok(byte.map(|byte| Reader {
                integer: Some(byte.into()),
                ..self.reader
            }));
        }
        let node = self.nodes.get(self.next);
        self.next += 1;
        Ok(node.map(Reader::of))
    }

    /// The error of the value that was read last, told for the list.
    #[cold]
    fn outside(&self, error: Error) -> Error {
        match self.bytes {
            Some(_) => self.reader.mismatch("a list"),
            None => error.inside(self.next - 1),
        }
    }

    fn next_byte(&mut self) -> Result<Option<u8>, Error> {
        if let Some(Bytes::Text(text)) = self.bytes {
            let bytes = bytes::from_text(text).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or_else(|| self.reader.mismatch("a list or Base64"))?;
            self.bytes = Some(Bytes::Read(bytes.into_iter()));
        }
        match &mut self.bytes {
            Some(Bytes::Read(bytes)) => Ok(bytes.next()),
            _ => Ok(None),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.next_reader()? {
            None => Ok(None),
            Some(reader) => match seed.deserialize(reader) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(self.outside(error)),
            },
        }
    }

    fn size_hint(&self) -> Option<usize> {
        match &self.bytes {
            Some(Bytes::Text(text)) => Some(text.len()),
            Some(Bytes::Read(bytes)) => Some(bytes.len()),
            None => Some(self.nodes.len().saturating_sub(self.next)),
        }
    }
}

/// The entries of a map: names are data.
struct Entries<'n, 'a> {
    fields: &'n [Field<'a>],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, _)) = self.fields.get(self.next) else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (name, node) = &self.fields[self.next];
        self.next += 1;
        seed.deserialize(Reader::of(node))
            .map_err(|error| error.inside(name))
    }
}

/// The fields of a record: first those that the object has, then those that it has
/// not, since only the derived code knows which of them may be absent.
struct Record<'n, 'a> {
    offset: u32,
    object: &'n [Field<'a>],
    fields: &'static [&'static str],
    /// A field of the object that belongs to somebody else: a case's `kind`.
    tag: Option<&'static str>,
    next: usize,
    /// Which of `fields` comes next if the object keeps their order.
    likely: usize,
    /// Bit for bit the fields that were seen.
    seen: u64,
    /// The record is a decimal, and these are its fields.
    decimal: Option<Decimal>,
    current: Option<(usize, Reader<'n, 'a>)>,
}

// === impl Record ===

impl<'n, 'a> Record<'n, 'a> {
    fn new(
        offset: u32,
        object: &'n [Field<'a>],
        fields: &'static [&'static str],
        tag: Option<&'static str>,
    ) -> Record<'n, 'a> {
        Record {
            offset,
            object,
            fields,
            tag,
            next: 0,
            likely: 0,
            seen: 0,
            decimal: None,
            current: None,
        }
    }

    /// The next field, by its place, which the derived code knows.
    fn advance(&mut self) -> Result<Option<(usize, Reader<'n, 'a>)>, Error> {
        while let Some((name, node)) = self.object.get(self.next) {
            self.next += 1;
            if self.tag == Some(&**name) {
                continue;
            }
            let Some(index) = self.index(name) else {
                return Err(self.unknown(name, node));
            };
            self.likely = index + 1;
            self.seen |= 1_u64.checked_shl(index as u32).unwrap_or(0);
            return Ok(Some((index, Reader::of(node))));
        }
        if let Some(Decimal { coefficient, scale }) = self.decimal {
            let Some(field) = self.fields.get(self.next) else {
                return Ok(None);
            };
            let index = self.next;
            self.next += 1;
            let part = if *field == "scale" {
                i64::from(scale)
            } else {
                coefficient
            };
            let reader = Reader {
                integer: Some(part),
                ..Reader::absent(self.offset)
            };
            return Ok(Some((index, reader)));
        }
        let past = self.next - self.object.len();
        for index in past..self.fields.len() {
            self.next += 1;
            if !self.is_seen(index) {
                return Ok(Some((index, Reader::absent(self.offset))));
            }
        }
        Ok(None)
    }

    /// The field of that name. Whoever writes a record mostly keeps its order, so the
    /// search begins behind the last one found.
    fn index(&self, name: &str) -> Option<usize> {
        let is_named = |index: &usize| names::field(self.fields[*index]) == name;
        (self.likely..self.fields.len())
            .find(is_named)
            .or_else(|| (0..self.likely).find(is_named))
    }

    fn is_seen(&self, index: usize) -> bool {
        match 1_u64.checked_shl(index as u32) {
            Some(bit) => self.seen & bit != 0,
            // No record has so many fields; a wrapper that has is still read right.
            None => {
                let name = names::field(self.fields[index]);
                self.object.iter().any(|(field, _)| field == name)
            }
        }
    }

    /// The value of the current field.
    fn reader(&self) -> Result<Reader<'n, 'a>, Error> {
        match self.current {
            Some((_, reader)) => Ok(reader),
            None => Err(serde::de::Error::custom(
                "a value was asked for before its name",
            )),
        }
    }

    /// The error of the current field's value, told for the record.
    #[cold]
    fn outside(&self, error: Error) -> Error {
        match self.current {
            Some((field, _)) => error.inside(names::field(self.fields[field])),
            None => error,
        }
    }

    #[cold]
    fn unknown(&self, name: &str, node: &Node<'_>) -> Error {
        let known = self.fields.iter().map(|field| names::field(field));
        let mut text = "there is no such field".to_owned();
        match nearest(name, known.clone()) {
            Some(near) => text.push_str(&format!("; `{near}` may be meant")),
            None => {
                let known: Vec<&str> = known.collect();
                text.push_str(&format!("; known are {}", known.join(", ")));
            }
        }
        Error::new(Reason::UnknownField, text)
            .at(node.offset as usize)
            .with_found(shorten(name).into_owned())
            .inside(name)
    }
}

impl<'de> MapAccess<'de> for Record<'_, '_> {
    type Error = Error;

    #[inline(never)]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.current = self.advance()?;
        match self.current {
            Some((field, _)) => seed
                .deserialize(U64Deserializer::new(field as u64))
                .map(Some),
            None => Ok(None),
        }
    }

    /// Once for each type, not once for each field of it.
    #[inline(never)]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match seed.deserialize(self.reader()?) {
            Ok(value) => Ok(value),
            Err(error) => Err(self.outside(error)),
        }
    }
}

/// A case and what it carries.
struct Case<'n, 'a> {
    reader: Reader<'n, 'a>,
    /// Its place among the cases, by which the derived code knows it.
    place: usize,
    case: &'static str,
    /// Empty when the case was given as a string.
    fields: &'n [Field<'a>],
}

// === impl Case ===

impl<'n, 'a> Case<'n, 'a> {
    /// The payload that is not a record: under `value`, with nothing beside it.
    #[inline(never)]
    fn value(&self) -> Result<Reader<'n, 'a>, Error> {
        let mut reader = Reader::absent(self.reader.offset);
        for (name, node) in self.fields {
            match &**name {
                KIND => {}
                VALUE => reader = Reader::of(node),
                other => {
                    let case = names::case_text(self.case);
                    let text = format!("the case \"{case}\" has no fields but `value`");
                    return Err(Error::new(Reason::UnknownField, text)
                        .at(node.offset as usize)
                        .inside(other));
                }
            }
        }
        Ok(reader)
    }

    /// The payload that is a record: the fields beside `kind`.
    #[inline(never)]
    fn record(self, fields: &'static [&'static str]) -> Result<Record<'n, 'a>, Error> {
        let Case { reader, case, .. } = self;
        if let Some(Value::String(_)) = reader.value() {
            let case = names::case_text(case);
            let expected = format!("an object, since the case \"{case}\" has fields");
            return Err(reader.mismatch(&expected));
        }
        Ok(Record::new(reader.offset, self.fields, fields, Some(KIND)))
    }

    fn in_value<T>(
        self,
        read: impl FnOnce(Reader<'n, 'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let reader = self.value()?;
        read(reader).map_err(|error| error.inside(VALUE))
    }
}

impl<'de> EnumAccess<'de> for Case<'_, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let case = seed.deserialize(U64Deserializer::<Error>::new(self.place as u64))?;
        Ok((case, self))
    }
}

impl<'de> VariantAccess<'de> for Case<'_, '_> {
    type Error = Error;

    #[inline(never)]
    fn unit_variant(self) -> Result<(), Error> {
        let value = self.value()?;
        if value.is_absent() {
            return Ok(());
        }
        let case = names::case_text(self.case);
        let text = format!("the case \"{case}\" carries no value");
        Err(value.error(Reason::UnknownField, text).inside(VALUE))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Payload(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, size: usize, visitor: V) -> Result<V::Value, Error> {
        self.in_value(|reader| reader.deserialize_tuple(size, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Record::new(
            self.reader.offset,
            self.fields,
            fields,
            Some(KIND),
        ))
    }
}

/// Reads what a case carries: a record from the fields beside `kind`, anything else
/// from `value`.
struct Payload<'n, 'a>(Case<'n, 'a>);

macro_rules! payload_values {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.in_value(|reader| reader.$method(visitor))
        })*
    };
}

impl<'de> Deserializer<'de> for Payload<'_, '_> {
    type Error = Error;

    payload_values! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq
        deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let absent = self.0.fields.iter().all(|(name, node)| {
            name == KIND || (name == VALUE && matches!(node.value, Value::Null))
        });
        if absent {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0
            .in_value(|reader| reader.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0
            .in_value(|reader| reader.deserialize_tuple(size, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0
            .in_value(|reader| reader.deserialize_tuple_struct(name, size, visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        let text = "a map can't be what a case carries";
        Err(Error::new(Reason::WrongType, text))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if names::is_decimal(name, fields.len()) {
            return self
                .0
                .in_value(|reader| reader.deserialize_struct(name, fields, visitor));
        }
        visitor.visit_map(self.0.record(fields)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        cases: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0
            .in_value(|reader| reader.deserialize_enum(name, cases, visitor))
    }
}
