//! JSON in a partner's own words, written field by field.
//!
//! The names are the partner's, some of them settings, so no type can be derived for
//! them. What is absent is left out; numbers are exact decimals.

use super::write::write_string;
use crate::Decimal;

/// An object that is being written. Fields stand in the order in which they are
/// added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Without the braces.
    fields: Vec<u8>,
}

// === impl Object ===

impl Object {
    /// An object without fields.
    pub fn new() -> Object {
        Object::default()
    }

    /// Whether it has no fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The same object with a text.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Object {
        self.field(name, |out| write_string(value, out))
    }

    /// The same object with a text, if there is one.
    #[must_use]
    pub fn optional_text(self, name: &str, value: Option<&str>) -> Object {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// The same object with a number, written as exactly as it is.
    #[must_use]
    pub fn number(self, name: &str, value: Decimal) -> Object {
        self.field(name, |out| {
            out.extend_from_slice(value.to_string().as_bytes());
        })
    }

    /// The same object with a whole number.
    #[must_use]
    pub fn integer(self, name: &str, value: i64) -> Object {
        self.field(name, |out| {
            out.extend_from_slice(value.to_string().as_bytes());
        })
    }

    /// The same object with `true` or `false`.
    #[must_use]
    pub fn flag(self, name: &str, value: bool) -> Object {
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.field(name, |out| out.extend_from_slice(word))
    }

    /// The same object with another inside.
    #[must_use]
    pub fn object(self, name: &str, value: Object) -> Object {
        self.field(name, |out| value.write(out))
    }

    /// The same object with a list of objects.
    #[must_use]
    pub fn list(self, name: &str, values: impl IntoIterator<Item = Object>) -> Object {
        self.field(name, |out| {
            out.push(b'[');
            for (position, value) in values.into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                value.write(out);
            }
            out.push(b']');
        })
    }

    /// The same object with a list of values that are JSON already.
    #[must_use]
    pub fn raw_list<'v>(self, name: &str, values: impl IntoIterator<Item = &'v [u8]>) -> Object {
        self.field(name, |out| {
            out.push(b'[');
            for (position, value) in values.into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(value);
            }
            out.push(b']');
        })
    }

    /// The same object with the fields of another behind its own.
    #[must_use]
    pub fn append(mut self, other: Object) -> Object {
        if !self.is_empty() && !other.is_empty() {
            self.fields.push(b',');
        }
        self.fields.extend_from_slice(&other.fields);
        self
    }

    /// The object's text.
    pub fn into_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.fields.len() + 2);
        self.write(&mut out);
        out
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(b'{');
        out.extend_from_slice(&self.fields);
        out.push(b'}');
    }

    fn field(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Object {
        if !self.fields.is_empty() {
            self.fields.push(b',');
        }
        write_string(name, &mut self.fields);
        self.fields.push(b':');
        write(&mut self.fields);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Tree;

    #[test]
    fn writes_fields_in_order_and_leaves_out_what_is_absent() {
        let inner = |sku| Object::new().text("sku", sku);
        let object = Object::new()
            .text("a\"b", "x\ny")
            .optional_text("c", None)
            .number("d", "-12.50".parse().unwrap())
            .integer("e", -7)
            .flag("f", true)
            .object("g", Object::new())
            .list("h", [inner("1"), inner("2")])
            .raw_list("i", [b"1".as_slice(), b"[]"])
            .append(Object::new())
            .append(inner("3"));
        assert_eq!(Object::new().append(inner("1")), inner("1"));
        assert!(!object.is_empty() && Object::new().is_empty());
        let text = object.into_vec();
        let expected = r#"{"a\"b":"x\ny","d":-12.50,"e":-7,"f":true,"g":{},"h":[{"sku":"1"},{"sku":"2"}],"i":[1,[]],"sku":"3"}"#;
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert!(Tree::parse(&text).is_ok());
    }
}
