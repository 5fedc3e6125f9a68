//! Message bodies in JSON: as readable as they are.
//!
//! A `list<u8>` is written as the text it is where it is UTF-8, and as `base64:`
//! with standard Base64 where it is not. A text that begins with `base64:` itself is
//! written in Base64 too, so that both forms are told apart without a doubt.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What marks bytes that are not a text.
const MARK: &str = "base64:";

/// The string that stands for `bytes`.
pub(super) fn to_text(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if !text.starts_with(MARK) => Cow::Borrowed(text),
        _ => Cow::Owned(format!("{MARK}{}", STANDARD.encode(bytes))),
    }
}

/// The bytes that `text` stands for; `None` when it is marked as Base64 and is not.
pub(super) fn from_text(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix(MARK) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(text.as_bytes().to_vec()),
    }
}
