//! What an adapter may ask to be sent, and what the host makes of it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;

use crate::deliver::credentials::Credential;

/// The longest path and query, in bytes: what common servers take.
const PATH_BYTES_MAX: usize = 8 * 1024;

/// The most headers an adapter may set.
const HEADERS_MAX: usize = 64;

/// The longest names and values of an adapter's headers together, in bytes.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// Headers that belong to the connection, to the partner's host or to what
/// authenticates: an adapter that sets one is refused.
const REFUSED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that the host sets on every request: an adapter's are dropped.
const OVERRIDDEN: [&str; 4] = [
    "idempotency-key",
    "traceparent",
    "tracestate",
    "x-correlation-id",
];

/// A request as an adapter asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method; `CONNECT` and `TRACE` are refused.
    pub method: Method,
    /// Path and query below the endpoint's URL, percent-encoded:
    /// `orders?notify=true`. Empty is the endpoint's URL itself.
    pub path: String,
    /// Headers by name; a name may occur several times.
    pub headers: Vec<(String, String)>,
    /// The body; empty is none.
    pub body: Bytes,
}

/// What the host tells about a request, the same on every attempt.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// `Idempotency-Key`.
    pub idempotency_key: &'a str,
    /// `X-Correlation-Id`.
    pub correlation_id: &'a str,
    /// W3C `traceparent`.
    pub traceparent: Option<&'a str>,
}

/// A request that is not sent. Always the adapter's fault; trying it again does
/// not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// A method that partners are not called with.
    #[error("the method {0} is not allowed")]
    Method(Method),
    /// A path that would leave the endpoint.
    #[error("the path {rule}")]
    Path {
        /// What it breaks.
        rule: &'static str,
    },
    /// A header that an adapter may not set, or that is none.
    #[error("the header {name:?} {rule}")]
    Header {
        /// Its name.
        name: String,
        /// What it breaks.
        rule: &'static str,
    },
    /// Too many headers, or too long ones.
    #[error("more than 64 headers or 16 KiB of them")]
    HeadersTooLarge,
}

/// A request that is all right but for what authenticates it.
pub(super) struct Prepared {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

/// The URL of an endpoint, to which paths are joined.
#[derive(Clone, Debug)]
pub(super) struct Base {
    url: Url,
    /// The URL without a slash at its end.
    prefix: String,
}

// === impl Request ===

impl Request {
    /// Checks it and puts in what identifies it.
    pub(super) fn prepare(
        self,
        base: &Base,
        credential: &Credential,
        identity: Identity<'_>,
    ) -> Result<Prepared, InvalidRequest> {
        if matches!(self.method, Method::CONNECT | Method::TRACE) {
            return Err(InvalidRequest::Method(self.method));
        }
        let url = base.join(&self.path)?;
        let mut headers = checked(&self.headers, credential)?;
        identity.apply(&mut headers)?;
        Ok(Prepared {
            method: self.method,
            url,
            headers,
            body: self.body,
        })
    }
}

// === impl Prepared ===

impl Prepared {
    /// The request that is sent, without what authenticates it.
    pub(super) fn request(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        request.headers_mut().clone_from(&self.headers);
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        request
    }

    /// Where it goes.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Its body.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The adapter's headers that are sent.
fn checked(
    headers: &[(String, String)],
    credential: &Credential,
) -> Result<HeaderMap, InvalidRequest> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
        return Err(InvalidRequest::HeadersTooLarge);
    }
    // Room for those of the host as well.
    let mut checked = HeaderMap::with_capacity(headers.len() + 8);
    for (name, value) in headers {
        let refused = |rule| InvalidRequest::Header {
            name: name.clone(),
            rule,
        };
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused("is not the name of a header"))?;
        if REFUSED.contains(&parsed.as_str()) || credential.sets(&parsed) {
            return Err(refused("is set by the host only"));
        }
        if OVERRIDDEN.contains(&parsed.as_str()) {
            continue;
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| refused("has a value with characters that headers must not hold"))?;
        checked.append(parsed, value);
    }
    Ok(checked)
}

// === impl Identity ===

impl Identity<'_> {
    fn apply(&self, headers: &mut HeaderMap) -> Result<(), InvalidRequest> {
        let set = [
            ("idempotency-key", Some(self.idempotency_key)),
            ("x-correlation-id", Some(self.correlation_id)),
            ("traceparent", self.traceparent),
        ];
        for (name, value) in set {
            let Some(value) = value else { continue };
            let value = HeaderValue::from_str(value).map_err(|_| InvalidRequest::Header {
                name: name.to_owned(),
                rule: "has a value with characters that headers must not hold",
            })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }
}

// === impl Base ===

impl Base {
    /// A base from the endpoint's URL; an error says what the URL breaks.
    pub(super) fn new(url: Url) -> Result<Self, &'static str> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or password; use the credential setting");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not hold a query or a fragment");
        }
        let prefix = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, prefix })
    }

    /// The URL as configured.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL of a path below it.
    pub(super) fn join(&self, path: &str) -> Result<Url, InvalidRequest> {
        if path.is_empty() {
            return Ok(self.url.clone());
        }
        check_path(path).map_err(|rule| InvalidRequest::Path { rule })?;
        // Put together as text: resolving a relative URL is what lets "//other"
        // and "http:other" leave.
        let slash = if path.starts_with(['/', '?']) {
            ""
        } else {
            "/"
        };
        let text = if path.starts_with('?') {
            format!("{}{path}", self.url)
        } else {
            format!("{}{slash}{path}", self.prefix)
        };
        let outside = InvalidRequest::Path {
            rule: "leaves the endpoint's url",
        };
        let url = Url::parse(&text).map_err(|_| outside.clone())?;
        let inside = url.scheme() == self.url.scheme()
            && url.host() == self.url.host()
            && url.port() == self.url.port()
            && url.username().is_empty()
            && url.password().is_none()
            && url
                .path()
                .starts_with(self.url.path().trim_end_matches('/'));
        if inside { Ok(url) } else { Err(outside) }
    }
}

/// The rules of a path; the URL parser would repair or interpret what they
/// refuse.
fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Err("is longer than 8 KiB");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains(['\\', '#']) {
        return Err("holds characters that must be percent-encoded");
    }
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    if path.starts_with("//") || path.contains("://") {
        return Err("must be below the endpoint's url, not a url of its own");
    }
    // As servers read it that decode before they split.
    let decoded = path
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    if decoded.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("must not hold . or .. as a part");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(url: &str) -> Base {
        Base::new(Url::parse(url).expect("a url")).expect("a base")
    }

    #[test]
    fn joins_below_the_endpoint() {
        let cases = [
            ("https://erp.example", "", "https://erp.example/"),
            (
                "https://erp.example",
                "orders",
                "https://erp.example/orders",
            ),
            (
                "https://erp.example/",
                "/orders",
                "https://erp.example/orders",
            ),
            (
                "https://erp.example/v2",
                "orders",
                "https://erp.example/v2/orders",
            ),
            (
                "https://erp.example/v2/",
                "/orders?a=b&c=//d",
                "https://erp.example/v2/orders?a=b&c=//d",
            ),
            ("https://erp.example/v2", "", "https://erp.example/v2"),
            ("https://erp.example/v2/", "", "https://erp.example/v2/"),
            (
                "https://erp.example/v2",
                "?x=1",
                "https://erp.example/v2?x=1",
            ),
            (
                "https://erp.example:8443/v2",
                "a/b%20c",
                "https://erp.example:8443/v2/a/b%20c",
            ),
            (
                "https://erp.example/v2",
                "orders('1')/items:cancel",
                "https://erp.example/v2/orders('1')/items:cancel",
            ),
            (
                "https://erp.example/v2",
                "q?u=http://other/",
                "https://erp.example/v2/q?u=http://other/",
            ),
            (
                "https://erp.example/v2",
                "a.b/..c/d..",
                "https://erp.example/v2/a.b/..c/d..",
            ),
            ("http://[::1]:80/x", "y", "http://[::1]/x/y"),
        ];
        for (url, path, expected) in cases {
            let joined = base(url).join(path).expect(path);
            assert_eq!(joined.as_str(), expected);
        }
    }

    #[test]
    fn refuses_what_would_leave_the_endpoint() {
        let base = base("https://erp.example/v2");
        for path in [
            "http://evil.example/",
            "https://erp.example/v2/orders",
            "//evil.example/",
            "/\\evil.example",
            "\\\\evil.example",
            "../admin",
            "/../admin",
            "orders/../../admin",
            "orders/..",
            "orders/.",
            "%2e%2e/admin",
            ".%2E/admin",
            "..%2fadmin",
            "orders/..%5cadmin",
            "orders#x",
            "orders x",
            "orders\tx",
            "orders\r\nHost: evil.example",
            "bestellung/\u{fc}",
            "orders\0",
        ] {
            assert!(
                matches!(base.join(path), Err(InvalidRequest::Path { .. })),
                "{path:?}"
            );
        }
        assert!(base.join(&"x".repeat(PATH_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn refuses_urls_that_are_no_base() {
        for url in [
            "ftp://erp.example/",
            "file:///etc/passwd",
            "https://user@erp.example/",
            "https://:pass@erp.example/",
            "https://erp.example/?a=b",
            "https://erp.example/#a",
        ] {
            assert!(Base::new(Url::parse(url).expect("a url")).is_err(), "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_path_reaches_another_host_or_a_folder_above(path in "[./\\\\%2eEfF5cC:@?#a]{0,24}|\\PC{0,12}") {
            if let Ok(url) = base("https://erp.example/v2/api").join(&path) {
                prop_assert_eq!(url.host_str(), Some("erp.example"));
                prop_assert!(url.path().starts_with("/v2/api"), "{} became {}", path, url);
            }
        }
    }
}
