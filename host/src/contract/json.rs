//! The JSON form of the contract's types.
//!
//! Fields in snake_case, values in kebab-case, variants by a `kind` tag, decimals
//! as strings. The rules are in `crossdock_sdk::json`, so that a host and an
//! adapter can't disagree on them; this module only names them for the host.

pub use crossdock_sdk::json::{Error, from_slice, from_value, to_string_pretty, to_value, to_vec};
