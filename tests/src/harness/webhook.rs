//! What a receiver of webhooks does with a signature.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;

use super::Heard;

/// Whether a request is signed as Standard Webhooks says, with this key (base64).
///
/// # Panics
/// When the key is no base64.
#[must_use]
pub fn is_signed(heard: &Heard, key: &str) -> bool {
    let key = BASE64_STANDARD.decode(key).expect("the key is base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let (id, at) = (
        heard.header("webhook-id"),
        heard.header("webhook-timestamp"),
    );
    let signed = format!("{id}.{at}.{}", heard.body);
    let signature = heard.header("webhook-signature").strip_prefix("v1,");
    let signature = signature.and_then(|it| BASE64_STANDARD.decode(it).ok());
    signature.is_some_and(|it| hmac::verify(&key, signed.as_bytes(), &it).is_ok())
}
