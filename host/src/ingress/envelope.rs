//! What a request says about its message besides the body: media type, ids, key,
//! and the headers that the partner's adapter may see.
//!
//! Everything taken over is bounded and printable, so that it can travel in
//! headers, logs and pages without harm; everything else is refused by name.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{refusal::Refusal, traceparent::Traceparent};
use crate::message::{CORRELATION_ID_BYTES_MAX, CorrelationId, MessageId};

/// The header that brings and returns the correlation id.
pub(super) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The header of the Idempotency-Key draft (-06).
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const TRACEPARENT: HeaderName = HeaderName::from_static(super::traceparent::HEADER);

/// The longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The longest media type with its parameters, in bytes.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// What a request's headers say about the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) content_type: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    correlation_id: Option<CorrelationId>,
    traceparent: Option<Traceparent>,
}

// === impl Envelope ===

impl Envelope {
    /// Reads the headers; of the others, those in `forward` are kept.
    ///
    /// # Errors
    /// Refuses a content encoding and any header here that breaks its rules; an
    /// invalid `traceparent` is ignored, as its standard says.
    pub(super) fn read(headers: &HeaderMap, forward: &[HeaderName]) -> Result<Self, Refusal> {
        check_encoding(headers)?;
        Ok(Self {
            content_type: content_type(headers)?,
            idempotency_key: idempotency_key(headers)?,
            correlation_id: correlation_id(headers)?,
            traceparent: traceparent(headers),
            headers: forwarded(headers, forward),
        })
    }

    /// The correlation id that the sender gave, if it gave one.
    pub(super) fn given_correlation_id(&self) -> Option<&CorrelationId> {
        self.correlation_id.as_ref()
    }

    /// The sender's correlation id, else its trace id, else the message's own id;
    /// and the trace to continue, new where there was none.
    pub(super) fn identify(&self, id: MessageId) -> (CorrelationId, Traceparent) {
        let traced = self
            .traceparent
            .and_then(|trace| CorrelationId::parse(&trace.trace_id()).ok());
        let given = self.correlation_id.clone().or(traced);
        let trace = self.traceparent;
        (
            given.unwrap_or_else(|| id.into()),
            trace.unwrap_or_else(|| Traceparent::of_message(id)),
        )
    }
}

/// Compressed bodies are not taken: the limit on a body's length would then say
/// nothing about what comes out of it.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.all(identity) {
        Ok(())
    } else {
        Err(Refusal::ContentEncoding)
    }
}

fn content_type(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    only(headers, &header::CONTENT_TYPE)
        .and_then(|value| {
            value
                .map(|value| printable(value, CONTENT_TYPE_BYTES_MAX))
                .transpose()
        })
        .map(|value| value.map(str::to_owned))
        .map_err(|Broken| Refusal::HeaderInvalid {
            name: "Content-Type",
            code: "content-type-invalid",
            rule: "one media type of at most 255 printable ASCII characters",
        })
}

/// The draft writes the key as a quoted string, most senders without quotes; both
/// are the same key.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let key = |value: &HeaderValue| {
        // Quotes and escapes around a key of full length.
        let text = printable(value, 2 * IDEMPOTENCY_KEY_BYTES_MAX + 2)?;
        let key = unquote(text)?;
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_BYTES_MAX;
        (visible && fits).then_some(key).ok_or(Broken)
    };
    only(headers, &IDEMPOTENCY_KEY)
        .and_then(|value| value.map(key).transpose())
        .map_err(|Broken| Refusal::HeaderInvalid {
            name: "Idempotency-Key",
            code: "idempotency-key-invalid",
            rule: "one key of 1 to 255 visible ASCII characters, with or without quotes",
        })
}

fn correlation_id(headers: &HeaderMap) -> Result<Option<CorrelationId>, Refusal> {
    let parse = |value: &HeaderValue| {
        let text = printable(value, CORRELATION_ID_BYTES_MAX)?;
        CorrelationId::parse(text).map_err(|_| Broken)
    };
    only(headers, &CORRELATION_ID)
        .and_then(|value| value.map(parse).transpose())
        .map_err(|Broken| Refusal::HeaderInvalid {
            name: "X-Correlation-Id",
            code: "correlation-id-invalid",
            rule: "one id of 1 to 128 visible ASCII characters",
        })
}

fn traceparent(headers: &HeaderMap) -> Option<Traceparent> {
    let value = only(headers, &TRACEPARENT).ok()??;
    Traceparent::parse(value.to_str().ok()?)
}

/// The allowed headers in the order of the allow list. A value that is no
/// printable ASCII is left out: adapters get text.
fn forwarded(headers: &HeaderMap, forward: &[HeaderName]) -> Vec<(String, String)> {
    let mut kept = Vec::new();
    for name in forward {
        for value in headers.get_all(name) {
            if let Ok(text) = value.to_str() {
                kept.push((name.as_str().to_owned(), text.to_owned()));
            }
        }
    }
    kept
}

/// A header that breaks its rule; the caller knows which.
struct Broken;

/// The only value of a header that may come once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Broken> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Broken);
    }
    Ok(first)
}

fn printable(value: &HeaderValue, bytes_max: usize) -> Result<&str, Broken> {
    let text = value.to_str().map_err(|_| Broken)?;
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.is_empty() || text.len() > bytes_max || !printable {
        return Err(Broken);
    }
    Ok(text)
}

/// The content of a structured-field string (RFC 8941, section 3.3.3), or the
/// text itself where it is not quoted.
fn unquote(text: &str) -> Result<String, Broken> {
    let Some(rest) = text.strip_prefix('"') else {
        return Ok(text.to_owned());
    };
    let mut characters = rest.strip_suffix('"').ok_or(Broken)?.chars();
    let mut content = String::with_capacity(rest.len());
    while let Some(character) = characters.next() {
        content.push(match character {
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => escaped,
                _ => return Err(Broken),
            },
            '"' => return Err(Broken),
            plain => plain,
        });
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Envelope, Refusal> {
        Envelope::read(&headers(pairs), &[])
    }

    fn code(pairs: &[(&str, &str)]) -> &'static str {
        match read(pairs).unwrap_err() {
            Refusal::HeaderInvalid { code, .. } => code,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        for (sent, key) in [
            ("PO-1", "PO-1"),
            ("\"PO-1\"", "PO-1"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("a\"b", "a\"b"),
        ] {
            let envelope = read(&[("idempotency-key", sent)]).unwrap();
            assert_eq!(envelope.idempotency_key.as_deref(), Some(key));
        }
        let long = "k".repeat(255);
        assert!(read(&[("idempotency-key", &long)]).is_ok());
        assert!(read(&[("idempotency-key", &format!("\"{long}\""))]).is_ok());
    }

    #[test]
    fn broken_keys_ids_and_types_are_refused_by_name() {
        for key in [
            "",
            "a b",
            "é",
            "\"\"",
            "\"a",
            "\"a\\x\"",
            "\"a\"b\"",
            &"k".repeat(256),
        ] {
            assert_eq!(code(&[("idempotency-key", key)]), "idempotency-key-invalid");
        }
        for id in ["", "a b", "é", &"c".repeat(129)] {
            assert_eq!(code(&[("x-correlation-id", id)]), "correlation-id-invalid");
        }
        for kind in ["", "text/é", &"t".repeat(256)] {
            assert_eq!(code(&[("content-type", kind)]), "content-type-invalid");
        }
        let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
        assert_eq!(code(&twice), "idempotency-key-invalid");
    }

    #[test]
    fn only_the_identity_encoding_is_taken() {
        assert!(read(&[("content-encoding", "Identity")]).is_ok());
        for encoding in ["gzip", "identity, gzip", ""] {
            let refusal = read(&[("content-encoding", encoding)]).unwrap_err();
            assert_eq!(refusal, Refusal::ContentEncoding);
        }
        let nested = [("content-encoding", "identity"), ("content-encoding", "br")];
        assert_eq!(read(&nested).unwrap_err(), Refusal::ContentEncoding);
    }

    #[test]
    fn the_media_type_passes_unexamined() {
        let odd = "Application/EDI-X12; charset=us-ascii; x=\"y z\"";
        let envelope = read(&[("content-type", odd)]).unwrap();
        assert_eq!(envelope.content_type.as_deref(), Some(odd));
    }

    #[test]
    fn the_correlation_id_is_the_given_one_then_the_trace_then_the_message() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = MessageId::new(Timestamp::from_millis(1_000));
        let both = read(&[("x-correlation-id", "PO-1"), ("traceparent", trace)]).unwrap();
        let (correlation_id, continued) = both.identify(id);
        assert_eq!(correlation_id.as_str(), "PO-1");
        assert_eq!(continued.to_string(), trace);
        let traced = read(&[("traceparent", trace)]).unwrap().identify(id).0;
        assert_eq!(traced.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for none in [&[][..], &[("traceparent", "00-nonsense")][..]] {
            let (correlation_id, begun) = read(none).unwrap().identify(id);
            assert_eq!(correlation_id.as_str(), id.to_string());
            assert_eq!(begun.trace_id(), id.to_string().replace('-', ""));
        }
    }

    #[test]
    fn only_allowed_headers_are_forwarded() {
        let sent = headers(&[
            ("x-topic", "orders/create"),
            ("x-topic", "again"),
            ("x-other", "no"),
            ("authorization", "Bearer secret"),
            ("x-binary", "\u{e9}"),
        ]);
        let allowed = [
            HeaderName::from_static("x-topic"),
            HeaderName::from_static("x-binary"),
            HeaderName::from_static("x-absent"),
        ];
        let envelope = Envelope::read(&sent, &allowed).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            envelope.headers,
            [pair("x-topic", "orders/create"), pair("x-topic", "again")]
        );
    }
}
