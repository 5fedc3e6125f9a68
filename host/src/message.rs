//! What travels: ids and the raw message.
//!
//! A [`RawMessage`] is what a partner sent, byte for byte. It becomes
//! [`Journaled`] when the journal holds it durably, and only then may it be
//! decoded: the engine's decode step takes nothing else.

#[cfg(test)]
pub(crate) mod chance;

use std::{fmt, str::FromStr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, journal::Sequence};

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that sorts after those made at an earlier `now`.
            #[must_use]
            pub fn new(now: Timestamp) -> Self {
                #[cfg(test)]
                if let Some(id) = chance::id(now) {
                    return Self(id);
                }
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                let stamp = uuid::Timestamp::from_unix(
                    uuid::NoContext,
                    millis / 1000,
                    u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000,
                );
                Self(Uuid::new_v7(stamp))
            }

            /// When it was made; absent when it is no id of this host's.
            #[must_use]
            pub fn made_at(&self) -> Option<Timestamp> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                let millis = seconds.checked_mul(1_000)? + u64::from(nanos / 1_000_000);
                Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
            }

            /// The sixteen bytes, most significant first.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id that these sixteen bytes are.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_newtype! {
    /// Names one message that a partner sent (UUIDv7, so ids sort by time).
    MessageId
}
uuid_newtype! {
    /// Names one dead letter (UUIDv7).
    DeadLetterId
}

/// Names one document: the message that held it and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocumentId {
    /// Which message.
    pub message: MessageId,
    /// Which document of it, from 0.
    pub position: u32,
}

/// Names one delivery: one document on its way to one partner. Its text is also
/// the idempotency key of every request the delivery makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId {
    /// The message that caused it.
    pub message: MessageId,
    /// Counts the deliveries that the message caused, from 1.
    pub ordinal: u32,
}

/// The longest correlation id that is accepted from outside, in bytes.
pub const CORRELATION_ID_BYTES_MAX: usize = 128;

/// Ties everything together that one business event caused: a partner's own id,
/// or the id of the message that began it. Printable ASCII, no spaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CorrelationId(String);

/// The name of a partner as the configuration has it: lowercase letters, digits
/// and dashes, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartnerName(std::sync::Arc<str>);

/// SHA-256 of a message's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest([u8; 32]);

/// How a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// `POST /v1/partners/{partner}/messages`.
    Http,
    /// A drop folder's `inbox/`.
    Folder,
    /// Fetched from the partner, which does not send it.
    Poll,
}

/// What a partner sent, byte for byte, with what was known on receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawMessage {
    /// Made by the host on receipt.
    pub id: MessageId,
    /// Who sent it.
    pub partner: PartnerName,
    /// Given by the partner, or the message id's text.
    pub correlation_id: CorrelationId,
    /// W3C `traceparent`: the partner's, or one made for the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The partner's `Idempotency-Key`, when it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// How it came in.
    pub channel: Channel,
    /// The media type as sent; absent when the partner named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The headers that the adapter may see (lowercase names), or for a file its
    /// name as `file-name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// When the last byte had been read.
    pub received_at: Timestamp,
    /// SHA-256 of `body`.
    pub digest: Digest,
    /// The bytes.
    pub body: Bytes,
}

/// Something the journal holds durably, with its place in it. Made of what the
/// committer reports and of what is read back from the journal, nowhere else.
#[derive(Clone, Debug)]
pub struct Journaled<T> {
    sequence: Sequence,
    value: T,
}

/// A name or id from outside that breaks its rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

// === impl InvalidName ===

impl InvalidName {
    /// What was to be named, what it was to be called (shortened), and the rule.
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self {
            what,
            text: text.chars().take(64).collect(),
            rule,
        }
    }
}

// === impl DocumentId ===

impl fmt::Display for DocumentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.message, self.position)
    }
}

// === impl DeliveryId ===

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.message, self.ordinal)
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidName {
            what: "delivery id",
            text: text.chars().take(64).collect(),
            rule: "a message id, a dash and a number",
        };
        let (message, ordinal) = text.rsplit_once('-').ok_or_else(invalid)?;
        Ok(Self {
            message: message.parse().map_err(|_| invalid())?,
            ordinal: ordinal.parse().map_err(|_| invalid())?,
        })
    }
}

// === impl CorrelationId ===

impl CorrelationId {
    /// Takes over an id from outside.
    ///
    /// # Errors
    /// Refuses what is empty, longer than [`CORRELATION_ID_BYTES_MAX`], or holds
    /// anything but visible ASCII (it travels in headers and logs).
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > CORRELATION_ID_BYTES_MAX || !visible {
            return Err(InvalidName {
                what: "correlation id",
                text: text.chars().take(CORRELATION_ID_BYTES_MAX).collect(),
                rule: "1 to 128 visible ASCII characters without spaces",
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message without a correlation id of its own is its own beginning.
impl From<MessageId> for CorrelationId {
    fn from(id: MessageId) -> Self {
        Self(id.to_string())
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// === impl PartnerName ===

impl PartnerName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// A name from configuration, a path or the command line.
    ///
    /// # Errors
    /// Refuses what is empty, too long, or holds anything but lowercase letters,
    /// digits and dashes (it is part of paths, URLs and metric labels).
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > Self::BYTES_MAX || !text.bytes().all(allowed) {
            return Err(InvalidName {
                what: "partner name",
                text: text.chars().take(Self::BYTES_MAX).collect(),
                rule: "1 to 64 lowercase letters, digits and dashes",
            });
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for PartnerName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PartnerName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for PartnerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// === impl Digest ===

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut of = [0; 32];
        of.copy_from_slice(digest.as_ref());
        Self(of)
    }

    /// The digest that these thirty-two bytes are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The thirty-two bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Lowercase hexadecimal, as `sha256sum` prints it.
impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{self}")
    }
}

// === impl Journaled ===

impl<T> Journaled<T> {
    /// Says that `value` is durable as record `sequence`.
    pub(crate) fn new(sequence: Sequence, value: T) -> Self {
        Self { sequence, value }
    }

    /// Its place in the journal.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// What is durable.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Gives up the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let early = MessageId::new(Timestamp::from_millis(1_000));
        let late = MessageId::new(Timestamp::from_millis(2_000));
        assert!(early < late);
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(late.made_at(), Some(Timestamp::from_millis(2_000)));
    }

    #[test]
    fn names_from_outside_are_checked() {
        assert!(CorrelationId::parse("PO-4711/a").is_ok());
        assert!(CorrelationId::parse("a b").is_err());
        assert!(CorrelationId::parse(&"x".repeat(129)).is_err());
        assert!(PartnerName::parse("north-3pl").is_ok());
        assert!(PartnerName::parse("../etc").is_err());
        assert!(PartnerName::parse("").is_err());
    }
}
