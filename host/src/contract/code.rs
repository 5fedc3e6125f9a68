//! Codes of code lists as plain text, for keys and records.

use serde::Serialize;
use serde_json::Value;

/// A code as one text: its name, or for a partner's own code that code.
#[must_use]
pub fn code_text<T: Serialize>(code: &T) -> String {
    match crossdock_sdk::json::to_value(code) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(fields)) => {
            let own = fields.get("value").and_then(Value::as_str);
            own.unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}
