//! The JSON form of the contract's types.
//!
//! Fields in snake_case, values in kebab-case, variants by a `kind` tag, decimals
//! as strings. The rules are in `crossdock_sdk::json`, so that a host and an
//! adapter can't disagree on them; this module only names them for the host.

pub use crossdock_sdk::json::{Error, from_slice, to_vec};
use serde::Serialize;
use serde_json::Value;

/// The JSON form as a value, for an answer that has other fields beside it.
///
/// # Errors
/// When the value has no JSON form, such as a decimal with more than 18 digits.
pub fn to_value<T: Serialize>(value: &T) -> Result<Value, Error> {
    let text = to_vec(value)?;
    Ok(serde_json::from_slice(&text).expect("the SDK writes JSON"))
}
