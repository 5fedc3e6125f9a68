//! Paths of this API that names from outside are part of.

use std::fmt::Write as _;

/// A name as one segment of a path: all but letters, digits, `-`, `_`, `.` and `~`
/// percent-encoded (RFC 3986, section 2.3).
pub(crate) fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' => segment.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => segment.push(char::from(byte)),
            _ => {
                // Writing into a string does not fail.
                let _ = write!(segment, "%{byte:02X}");
            }
        }
    }
    segment
}

/// An instance of a process. Its key keeps its slashes.
pub(crate) fn instance(process: &str, key: &str) -> String {
    let key: Vec<_> = key.split('/').map(segment).collect();
    format!("/v1/processes/{}/{}", segment(process), key.join("/"))
}

/// What people look at first for this business key; none for a key of no family here.
pub(super) fn subject(key: &str) -> Option<String> {
    let (family, name) = key.split_once('/')?;
    let resource = match family {
        "order" => "orders",
        "shipment" => "shipments",
        "return" => "returns",
        _ => return None,
    };
    Some(format!("/v1/{resource}/{}", segment(name)))
}

/// An exception.
pub(crate) fn exception(id: &str) -> String {
    format!("/v1/exceptions/{}", segment(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_one_segment() {
        assert_eq!(segment("SO-1"), "SO-1");
        assert_eq!(segment("order/SO 1#2"), "order%2FSO%201%232");
        assert_eq!(segment("é%"), "%C3%A9%25");
        assert_eq!(
            instance("inventory-position", "inventory/north/A B"),
            "/v1/processes/inventory-position/inventory/north/A%20B"
        );
        assert_eq!(subject("order/A/1").as_deref(), Some("/v1/orders/A%2F1"));
        assert_eq!(subject("inventory/north"), None);
    }
}
