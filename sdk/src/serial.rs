//! serde's traits for the contract's types, in little code.
//!
//! serde's own derive keeps each field of a record apart until all are there, and
//! spells out for every place where reading may fail what has to be dropped by then.
//! Of a component that reads every document, that was half. Here a record begins as
//! an empty one and is filled, so that a failure drops one value.
//!
//! `#[derive(Serial)]` implements [`Record`] or [`Variant`] for each generated type,
//! and serde's traits by the functions of this module.
//!
//! Made for formats that tell of every field, also of those that are absent, as
//! [`json`](crate::json) does. In any other a field has to be there even if it is an
//! option.

use std::fmt;
use std::marker::PhantomData;
use std::mem;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, VariantAccess, Visitor,
};
use serde::ser::{SerializeStruct, Serializer};

/// What a field holds before it was read.
pub(crate) trait Empty {
    fn empty() -> Self;
}

/// A record, field by field.
pub(crate) trait Record: Empty {
    /// The type's name in Rust.
    const NAME: &'static str;

    /// The fields' names in Rust.
    const FIELDS: &'static [&'static str];

    /// Reads the value of the field at that place.
    fn fill<'de, A: MapAccess<'de>>(&mut self, field: usize, from: &mut A) -> Result<(), A::Error>;

    /// Writes all fields.
    fn give<S: SerializeStruct>(&self, to: &mut S) -> Result<(), S::Error>;
}

/// A variant, case by case.
pub(crate) trait Variant: Sized {
    /// The type's name in Rust.
    const NAME: &'static str;

    /// The cases' names in Rust.
    const CASES: &'static [&'static str];

    /// Reads the case at that place, with what it carries.
    fn take<'de, A: VariantAccess<'de>>(case: usize, from: A) -> Result<Self, A::Error>;
}

/// Puts the value of a field where its empty one was, which holds nothing to drop.
#[inline]
pub(crate) fn put<T: Empty>(field: &mut T, value: T) {
    mem::forget(mem::replace(field, value));
}

pub(crate) fn write_record<T: Record, S: Serializer>(
    record: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut to = serializer.serialize_struct(T::NAME, T::FIELDS.len())?;
    record.give(&mut to)?;
    to.end()
}

pub(crate) fn read_record<'de, T: Record, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_struct(T::NAME, T::FIELDS, Fields(PhantomData))
}

pub(crate) fn read_variant<'de, T: Variant, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_enum(T::NAME, T::CASES, Cases(PhantomData))
}

/// Reads a record.
struct Fields<T>(PhantomData<T>);

/// Reads a variant.
struct Cases<T>(PhantomData<T>);

/// Reads which of these parts comes next.
struct Place(&'static [&'static str]);

// === impl Fields ===

impl<'de, T: Record> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        const { assert!(T::FIELDS.len() < 64, "a bit for each field") };
        let mut record = T::empty();
        let mut seen = 0_u64;
        while let Some(field) = map.next_key_seed(Place(T::FIELDS))? {
            if seen & (1 << field) != 0 {
                return Err(duplicate(T::FIELDS[field]));
            }
            seen |= 1 << field;
            record.fill(field, &mut map)?;
        }
        // Bits are set from the lowest on.
        match T::FIELDS.get(seen.trailing_ones() as usize) {
            None => Ok(record),
            Some(field) => Err(missing(field)),
        }
    }
}

#[cold]
#[inline(never)]
fn duplicate<E: Error>(field: &'static str) -> E {
    E::duplicate_field(field)
}

#[cold]
#[inline(never)]
fn missing<E: Error>(field: &'static str) -> E {
    E::missing_field(field)
}

// === impl Cases ===

impl<'de, T: Variant> Visitor<'de> for Cases<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<T, A::Error> {
        let (case, from) = data.variant_seed(Place(T::CASES))?;
        T::take(case, from)
    }
}

// === impl Place ===

impl<'de> DeserializeSeed<'de> for Place {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

/// Always a place in the list.
impl Visitor<'_> for Place {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field or case")
    }

    fn visit_u64<E: Error>(self, place: u64) -> Result<usize, E> {
        match usize::try_from(place) {
            Ok(place) if place < self.0.len() => Ok(place),
            _ => Err(E::custom("there is no such field or case")),
        }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        match self.0.iter().position(|known| *known == name) {
            Some(place) => Ok(place),
            None => Err(E::custom("there is no such field or case")),
        }
    }
}

// === impl Empty ===

macro_rules! empty {
    ($($type:ty = $value:expr;)*) => {
        $(impl Empty for $type {
            #[inline]
            fn empty() -> Self {
                $value
            }
        })*
    };
}

empty! {
    bool = false;
    u8 = 0;
    u16 = 0;
    u32 = 0;
    u64 = 0;
    i64 = 0;
    String = String::new();
}

impl<T> Empty for Option<T> {
    #[inline]
    fn empty() -> Self {
        None
    }
}

impl<T> Empty for Vec<T> {
    #[inline]
    fn empty() -> Self {
        Vec::new()
    }
}

impl<A: Empty, B: Empty> Empty for (A, B) {
    fn empty() -> Self {
        (A::empty(), B::empty())
    }
}

impl<T: Empty, E> Empty for Result<T, E> {
    fn empty() -> Self {
        Ok(T::empty())
    }
}
