//! The contract in JSON: one naming layer for every type of it.
//!
//! Works on anything that derives serde's traits with Rust's names, so the host's
//! types and the guest's types are written alike and no type has code of its own.
//!
//! | in the contract | in JSON |
//! |---|---|
//! | record | object; fields in snake_case, in the contract's order |
//! | case without a value | string in kebab-case: `"drop-ship"` |
//! | case with a record | the record's fields with `"kind": "order"` before them |
//! | case with anything else | `{"kind":"other","value":"ZZ"}` |
//! | `decimal` | string: `"12.50"`; read from a plain number too |
//! | `option` that is none, empty `list` | left out |
//! | `result` | as a variant with the cases `ok` and `err` |
//! | `tuple` (such as one of `extras`) | list: `["N9*ZZ","17"]` |
//! | `list<u8>` | the text, or `"base64:…"` for bytes that are not UTF-8 |
//! | integer, `bool`, `string` | number, `true` or `false`, string |
//!
//! Reading is strict: an unknown field or case is refused with its place and the
//! name that may be meant, since a typing error must not lose a value. `kind` may
//! stand anywhere in its object; `null` is the same as leaving out; a case without a
//! value may also be an object with nothing but `kind`. A number never passes
//! through a float. A field that stands twice, an exponent in a decimal and more
//! than 18 digits are refused. Depth, bytes and number of values are bounded by
//! [`DEPTH_MAX`], [`TEXT_BYTES_MAX`] and [`VALUES_MAX`].
//!
//! A partner's own JSON, in its own names, is read through [`Part`] and written
//! through [`Object`].
//!
//! ```
//! use crossdock_sdk::{Document, ItemId, ItemScheme, Order, OrderLine, Quantity, json};
//!
//! let quantity = Quantity::new("12.50".parse().unwrap(), "KGM");
//! let mut order = Order::new("SO-1");
//! order.lines.push(OrderLine::new("1", quantity, vec![ItemId::sku("FLOUR")]));
//! let text = json::to_string(&Document::Order(order.clone())).unwrap();
//! assert_eq!(
//!     text,
//!     r#"{"kind":"order","purpose":"original","order_no":"SO-1","lines":[{"line_no":"1","quantity":{"value":"12.50","unit":"KGM"},"items":[{"scheme":"sku","value":"FLOUR"}]}]}"#,
//! );
//! assert_eq!(json::from_str::<Document>(&text), Ok(Document::Order(order)));
//!
//! let error = json::from_str::<Order>(r#"{"purpose":"original","orderNo":"SO-1"}"#).unwrap_err();
//! assert_eq!(error.to_string(), "/orderNo: there is no such field; `order_no` may be meant (line 1)");
//! ```

mod bytes;
mod error;
mod names;
mod object;
mod part;
mod pretty;
mod read;
mod tree;
mod write;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{Error, Reason};
pub use object::Object;
pub use part::Part;
pub use tree::{DEPTH_MAX, Node, TEXT_BYTES_MAX, Tree, VALUES_MAX};

/// Room for a small document, so that most need no second allocation.
const TEXT_BYTES_EXPECTED: usize = 1024;

/// Writes a value as compact JSON.
///
/// # Errors
///
/// [`Reason::Unwritable`] for what has no form in JSON: a decimal with more than 18
/// digits, a float. The value is at fault, so trying again does not help.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(TEXT_BYTES_EXPECTED);
    append(value, &mut out)?;
    Ok(out)
}

/// Writes a value as compact JSON behind what `out` holds already. After an error
/// `out` is as it was.
///
/// # Errors
///
/// As [`to_vec`].
pub fn append<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    match write::write(value, out) {
        Ok(_) => Ok(()),
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Writes a value as compact JSON.
///
/// # Errors
///
/// As [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    String::from_utf8(to_vec(value)?)
        .map_err(|_| Error::new(Reason::Unwritable, "the text is not UTF-8"))
}

/// Writes a value as JSON for a person: one field a line, lists of plain values on
/// one line, and a line's end at the end.
///
/// # Errors
///
/// As [`to_vec`]; [`Reason::Limit`] when the text is beyond what can be read.
pub fn to_string_pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    indent(&to_vec(value)?)
}

/// Lays out JSON of any origin as [`to_string_pretty`] does.
///
/// # Errors
///
/// As [`Tree::parse`].
pub fn indent(text: &[u8]) -> Result<String, Error> {
    Ok(pretty::pretty(Tree::parse(text)?.root()))
}

/// Reads a value.
///
/// # Errors
///
/// What is wrong with the text, with pointer and line; see [`Reason`].
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let tree = Tree::parse(text)?;
    tree.read(tree.root())
}

/// Reads a value.
///
/// # Errors
///
/// As [`from_slice`].
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// A code of the contract by its name there (`in-transit`), for settings that name
/// one; absent when the contract has no such code, and for `other`.
pub fn code<T: DeserializeOwned>(name: &str) -> Option<T> {
    let mut text = Vec::with_capacity(name.len() + 2);
    write::write_string(name, &mut text);
    from_slice(&text).ok()
}

/// Writes a value as a JSON value, for code that looks into documents generically.
///
/// # Errors
///
/// As [`to_vec`].
#[cfg(feature = "value")]
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<serde_json::Value, Error> {
    serde_json::from_slice(&to_vec(value)?)
        .map_err(|error| Error::new(Reason::Unwritable, error.to_string()))
}

/// Reads a value from a JSON value. Errors have no line.
///
/// # Errors
///
/// As [`from_slice`].
#[cfg(feature = "value")]
pub fn from_value<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, Error> {
    from_str(&value.to_string()).map_err(Error::without_line)
}

#[cfg(test)]
mod tests;
