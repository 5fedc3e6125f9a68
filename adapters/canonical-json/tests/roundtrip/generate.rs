//! Documents made at random, field by field, whatever the contract says they have.
//!
//! serde asks for the fields of a document as if it read one; here it is given what
//! chance gives. So a field that is added to the contract is tested from then on.

use crossdock_sdk::Document;
use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Lists are so long at most; a few levels of them make a document.
const ITEMS_MAX: u64 = 3;

/// Digits that a decimal of the contract holds, before and behind its point.
const DIGITS_MAX: u32 = 18;

/// A document, the same for the same seed.
pub(crate) fn document(seed: u64) -> Document {
    let mut chance = Chance(seed);
    // The first numbers of seeds that follow each other are alike.
    chance.below(u64::MAX);
    Document::deserialize(Any(&mut chance)).unwrap()
}

/// A sequence of numbers (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Short, and now and then with what JSON has to escape.
    fn text(&mut self) -> String {
        const CHARACTERS: [char; 12] = [
            'A', 'z', '0', '9', ' ', '-', '"', '\\', '\n', '\u{1}', 'é', '仓',
        ];
        let length = self.below(6);
        let mut character = || CHARACTERS[self.below(CHARACTERS.len() as u64) as usize];
        (0..length).map(|_| character()).collect()
    }
}

/// Whatever is asked for.
struct Any<'c>(&'c mut Chance);

impl<'de> Deserializer<'de> for Any<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("the contract's types say what they are"))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.0.below(2) == 1)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // The only one in a document is a decimal's scale.
        visitor.visit_u8(self.0.below(u64::from(DIGITS_MAX) + 1) as u8)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u16(self.0.below(1 << 16) as u16)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u32(self.0.below(1 << 32) as u32)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.0.below(u64::MAX))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let bound = 10_i64.pow(self.0.below(u64::from(DIGITS_MAX) + 1) as u32);
        let magnitude = self.0.below(bound as u64) as i64;
        visitor.visit_i64(if self.0.below(2) == 1 {
            -magnitude
        } else {
            magnitude
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.below(2) {
            0 => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.0.below(ITEMS_MAX);
        visitor.visit_seq(Parts {
            left,
            chance: self.0,
            next: 0,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Parts {
            left: length as u64,
            chance: self.0,
            next: 0,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Parts {
            left: fields.len() as u64,
            chance: self.0,
            next: 0,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        cases: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let case = self.0.below(cases.len() as u64);
        visitor.visit_enum(Case {
            case,
            chance: self.0,
        })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct
        tuple_struct map identifier ignored_any
    }
}

/// The items of a list, or the fields of a record by their places.
struct Parts<'c> {
    chance: &'c mut Chance,
    left: u64,
    next: u64,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Any(self.chance)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.next == self.left {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize((self.next - 1).into_deserializer())
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Any(self.chance))
    }
}

/// A case of a variant, by its place.
struct Case<'c> {
    chance: &'c mut Chance,
    case: u64,
}

impl<'de, 'c> EnumAccess<'de> for Case<'c> {
    type Error = Error;
    type Variant = Any<'c>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Any<'c>), Error> {
        let case = seed.deserialize(self.case.into_deserializer())?;
        Ok((case, Any(self.chance)))
    }
}

impl<'de> VariantAccess<'de> for Any<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a case carries one value"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom("a case carries one value"))
    }
}
