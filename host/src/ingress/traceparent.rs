//! W3C Trace Context, version 00: reading, continuing and writing `traceparent`.
//!
//! The trace of a message begins with the partner's own `traceparent` or with the
//! message id; every outgoing call is a child of it. `tracestate` is left to the
//! partner's allow list of headers: nothing here adds to it.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
};

use crate::message::MessageId;

/// The header's name.
pub const HEADER: &str = "traceparent";

/// The length of a version 00 value, in bytes: `00-` 32 `-` 16 `-` 2.
const BYTES: usize = 55;

/// The one flag of version 00: the caller may have recorded this trace.
const SAMPLED: u8 = 0x01;

/// One span's place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

// === impl Traceparent ===

impl Traceparent {
    /// Reads a header value. A later version than 00 is read by its first four
    /// fields, as the standard asks; anything else that breaks the rules is
    /// `None`, and the caller starts a trace of its own.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (head, rest) = bytes.split_at_checked(BYTES)?;
        let version = hex::<1>(&head[0..2])?[0];
        let longer = version > 0 && rest.first() == Some(&b'-');
        let dashed = head[2] == b'-' && head[35] == b'-' && head[52] == b'-';
        if version == 0xff || !dashed || !(rest.is_empty() || longer) {
            return None;
        }
        let parsed = Self {
            trace_id: hex(&head[3..35])?,
            span_id: hex(&head[36..52])?,
            flags: hex::<1>(&head[53..55])?[0] & SAMPLED,
        };
        (parsed.trace_id != [0; 16] && parsed.span_id != [0; 8]).then_some(parsed)
    }

    /// A new trace for a message that brought none. Its trace id is the message
    /// id, so that one can be found by the other.
    #[must_use]
    pub fn of_message(id: MessageId) -> Self {
        Self {
            trace_id: *id.as_bytes(),
            span_id: span_id(),
            flags: SAMPLED,
        }
    }

    /// A new span under this one: what an outgoing call carries.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span_id: span_id(),
            ..*self
        }
    }

    /// The trace id as 32 lowercase hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace_id))
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "00-{:032x}-{:016x}-{:02x}",
            u128::from_be_bytes(self.trace_id),
            u64::from_be_bytes(self.span_id),
            self.flags
        )
    }
}

/// A fresh span id. It must be unique, not secret: a keyed hash whose keys the
/// standard library draws from the system's randomness once a thread and then
/// counts on. That cannot fail and costs no system call for each span.
fn span_id() -> [u8; 8] {
    loop {
        let id = RandomState::new().hash_one(0_u8);
        if id != 0 {
            return id.to_be_bytes();
        }
    }
}

/// `N` bytes from `2 N` lowercase hexadecimal digits; uppercase is not allowed by
/// the standard.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_value_survives_the_round_trip() {
        let parsed = Traceparent::parse(VALID).unwrap();
        assert_eq!(parsed.to_string(), VALID);
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn a_child_keeps_the_trace_and_changes_the_span() {
        let parent = Traceparent::parse(VALID).unwrap();
        let child = parent.child();
        assert_eq!(child.trace_id, parent.trace_id);
        assert_ne!(child.span_id, parent.span_id);
        assert_ne!(child.span_id, parent.child().span_id);
    }

    #[test]
    fn a_message_without_a_trace_begins_one_under_its_own_id() {
        let id = MessageId::new(Timestamp::from_millis(1_772_357_400_000));
        let made = Traceparent::of_message(id);
        assert_eq!(made.trace_id(), id.to_string().replace('-', ""));
        assert_eq!(Traceparent::parse(&made.to_string()), Some(made));
    }

    #[test]
    fn refuses_what_the_standard_refuses() {
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7--01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Traceparent::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_the_fields_it_shares() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-comes";
        assert_eq!(Traceparent::parse(later).unwrap().to_string(), VALID);
        let glued = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x";
        assert_eq!(Traceparent::parse(glued), None);
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_written_in_version_00(text in "[0-9a-f-]{50,60}|\\PC*") {
            if let Some(parsed) = Traceparent::parse(&text) {
                prop_assert_eq!(Traceparent::parse(&parsed.to_string()), Some(parsed));
                prop_assert_eq!(&parsed.to_string()[3..52], &text[3..52]);
            }
        }
    }
}
