//! Refusals as `application/problem+json` (RFC 9457): the one place that makes
//! them, for the ingress, the API and the listener alike.
//!
//! A problem has a `code` that stays the same for ever (programs branch on it),
//! a `title` for the kind of problem, and a `detail` that says what was wrong
//! with this request and what to do about it. Which status a failure becomes is
//! decided by the caller; this module only writes it down. It never sees a
//! secret and never repeats a request's bytes.

use std::borrow::Cow;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

/// The media type of a problem (RFC 9457, section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal, ready to be sent. Small (one pointer), so that it is cheap as the
/// error of a `Result`.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    /// The code in the words of whoever refused, in place of `code`.
    own_code: Option<String>,
    title: &'static str,
    detail: Cow<'static, str>,
    instance: Option<String>,
    correlation_id: Option<String>,
    extensions: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Answers requests that no route takes as problems: 404 for an unknown path,
/// 405 (with `Allow`) for a known path with another method. Apply it once, after
/// every route has been added.
pub fn with_fallbacks<S>(router: Router<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found")
                .detail("nothing is served at this path; the README lists the paths")
        })
        .method_not_allowed_fallback(async || no_such_method())
}

/// 405 for a path that takes these methods and, for this once, no other.
#[must_use]
pub fn method_not_allowed(allow: &'static str) -> Problem {
    no_such_method().header(header::ALLOW, HeaderValue::from_static(allow))
}

fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Method not allowed",
    )
    .detail("this path takes another method; the Allow header lists which")
}

// === impl Problem ===

impl Problem {
    /// A problem with this status. `code` is stable kebab-case, `title` names the
    /// kind of problem and is the same for every occurrence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            own_code: None,
            title,
            detail: Cow::Borrowed(""),
            instance: None,
            correlation_id: None,
            extensions: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// Says what was wrong this time, and what to do.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Names this occurrence by a URI, such as the path of the message at fault.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.0.instance = Some(instance.into());
        self
    }

    /// Answers with a code that only whoever refused knows, such as a process. It must be
    /// as stable as one of ours.
    #[must_use]
    pub fn own_code(mut self, code: impl Into<String>) -> Self {
        self.0.own_code = Some(code.into());
        self
    }

    /// Ties the problem to a business event; also sent as `X-Correlation-Id`.
    #[must_use]
    pub fn correlation_id(mut self, correlation_id: impl Into<String>) -> Self {
        self.0.correlation_id = Some(correlation_id.into());
        self
    }

    /// Adds a member of its own. `name` must not be one that RFC 9457 or this
    /// type defines.
    #[must_use]
    pub fn extension(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.extensions.push((name, value.into()));
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Asks the caller to wait: `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The headers that go with it, in the order they were added.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.headers.iter().map(|(name, value)| (name, value))
    }

    /// The JSON body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Writing strings and values into memory has no way to fail; should that
        // ever change, the status alone still tells the truth.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The members in the order a reader wants them.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = &*self.0;
        let code = inner.own_code.as_deref().unwrap_or(inner.code);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("urn:crossdock:problem:{code}"))?;
        map.serialize_entry("title", inner.title)?;
        map.serialize_entry("status", &inner.status.as_u16())?;
        if !inner.detail.is_empty() {
            map.serialize_entry("detail", &inner.detail)?;
        }
        if let Some(instance) = &inner.instance {
            map.serialize_entry("instance", instance)?;
        }
        map.serialize_entry("code", code)?;
        if let Some(correlation_id) = &inner.correlation_id {
            map.serialize_entry("correlation_id", correlation_id)?;
        }
        for (name, value) in &inner.extensions {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        // A 404 is cacheable unless it says otherwise, and what is missing now
        // may exist in a moment.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(value) = self
            .0
            .correlation_id
            .as_deref()
            .and_then(|id| HeaderValue::from_str(id).ok())
        {
            headers.insert(HeaderName::from_static("x-correlation-id"), value);
        }
        for (name, value) in self.0.headers {
            headers.append(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request, routing::post};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn json(response: Response) -> Value {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn writes_every_member_of_rfc_9457_and_its_headers() {
        let problem = Problem::new(StatusCode::CONFLICT, "order-changed", "Order changed")
            .detail("revision 3 was sent, 4 is current; read the order again")
            .instance("/v1/orders/PO-1")
            .correlation_id("PO-1")
            .extension("current_revision", 4)
            .retry_after(7);
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(response.headers()["x-correlation-id"], "PO-1");
        assert_eq!(
            json(response).await,
            serde_json::json!({
                "type": "urn:crossdock:problem:order-changed",
                "title": "Order changed",
                "status": 409,
                "detail": "revision 3 was sent, 4 is current; read the order again",
                "instance": "/v1/orders/PO-1",
                "code": "order-changed",
                "correlation_id": "PO-1",
                "current_revision": 4,
            })
        );
    }

    #[tokio::test]
    async fn a_correlation_id_that_cannot_be_a_header_stays_in_the_body() {
        let problem =
            Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found").correlation_id("a\r\nb");
        let response = problem.into_response();
        assert!(!response.headers().contains_key("x-correlation-id"));
        assert_eq!(json(response).await["correlation_id"], "a\r\nb");
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_are_problems_too() {
        let router = with_fallbacks(Router::new().route("/known", post(async || "fine")));
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };
        let missing = ask("/unknown").await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(json(missing).await["code"], "not-found");
        let wrong = ask("/known").await;
        assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(wrong.headers()["allow"], "POST");
        assert_eq!(json(wrong).await["code"], "method-not-allowed");
    }
}
