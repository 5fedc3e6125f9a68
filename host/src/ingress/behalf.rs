//! Messages that the API takes on a partner's behalf: an order that was posted as an
//! order. They go the way of all others (room, one per idempotency key, durable before
//! it is said), only that somebody looks at the body in between, and that an operator
//! may bring them as well as the partner.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    Ingress, Partner,
    entrance::Receipt,
    envelope::Envelope,
    http::{Room, with_ids},
    refusal::Refusal,
    sink::Sink,
};
use crate::{api::problem::Problem, message::PartnerName};

/// A message whose body is read, and that is not kept yet.
pub struct Brought<S: Sink> {
    partner: Arc<Partner>,
    envelope: Envelope,
    room: Room<S::Permit>,
}

// === impl Brought ===

impl<S: Sink> Brought<S> {
    /// What was sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.room.held.bytes
    }

    /// The media type as sent.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.envelope.content_type.as_deref()
    }
}

// === impl Ingress ===

impl<S: Sink> Ingress<S> {
    /// Whether these headers carry the token of the partner of this name. As much work
    /// for a name that is no partner's.
    #[must_use]
    pub fn is_of(&self, partner: &str, headers: &HeaderMap) -> bool {
        self.doors.open(partner, headers).is_some()
    }

    /// Reads a message of this partner, within the limits that it has. Whoever asks has
    /// proved that they may.
    ///
    /// # Errors
    /// The ingress's own refusals, worded as for the partner.
    pub async fn bring(
        &self,
        partner: &PartnerName,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Brought<S>, Problem> {
        let partner = self.doors.behind(partner.as_str());
        let partner = Arc::clone(partner.ok_or(Refusal::Unauthorized)?);
        let envelope = Envelope::read(headers, &partner.forward)
            .map_err(|refusal| self.refused(&partner, None, refusal))?;
        let room = self.hold(&partner, body, &self.memory).await;
        let room = room
            .map_err(|refusal| self.refused(&partner, envelope.given_correlation_id(), refusal))?;
        Ok(Brought {
            partner,
            envelope,
            room,
        })
    }

    /// Keeps what was brought: when it returns, the message is durable.
    ///
    /// # Errors
    /// As [`Ingress::bring`].
    pub async fn keep(&self, brought: Brought<S>) -> Result<Receipt, Problem> {
        let Brought {
            partner,
            envelope,
            room,
        } = brought;
        let given = envelope.given_correlation_id().cloned();
        let kept = self.accept(&partner, envelope, room).await;
        kept.map_err(|refusal| self.refused(&partner, given.as_ref(), refusal))
    }
}

// === impl Receipt ===

impl Receipt {
    /// 202, with a link to what the message is about.
    #[must_use]
    pub fn accepted(&self, about: &'static str, path: String) -> Response {
        let id = self.message_id;
        let mut links = json!({
            "self": format!("/v1/messages/{id}"),
            "raw": format!("/v1/messages/{id}/raw"),
        });
        links[about] = Value::from(path);
        let body = Json(json!({
            "message_id": id.to_string(),
            "correlation_id": self.correlation_id.as_str(),
            "links": links,
        }));
        with_ids((StatusCode::ACCEPTED, body).into_response(), self)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::ingress::{
        Access, Config,
        testing::{TestSink, ingress, north},
    };

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name: axum::http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[tokio::test]
    async fn a_message_brought_on_a_partners_behalf_is_its_own_and_counts_once() {
        let sink = TestSink::open();
        let (ingress, token) = ingress(&Config::default(), Access::default(), &sink);
        let authorization = format!("Bearer {}", token.expose());
        assert!(ingress.is_of("north", &headers(&[("authorization", &authorization)])));
        assert!(!ingress.is_of("north", &headers(&[("authorization", "Bearer other")])));
        assert!(!ingress.is_of("nobody", &headers(&[("authorization", &authorization)])));

        let keyed = headers(&[("idempotency-key", "SO-1"), ("x-correlation-id", "web-1")]);
        let mut receipts = Vec::new();
        for _ in 0..2 {
            let brought = ingress.bring(&north(), &keyed, Body::from("{}")).await;
            let brought = brought.unwrap();
            assert_eq!(brought.body(), b"{}");
            receipts.push(ingress.keep(brought).await.unwrap());
        }
        assert_eq!(sink.accepted().len(), 1);
        assert_eq!(sink.accepted()[0].partner, north());
        assert_eq!(receipts[0].message_id, receipts[1].message_id);
        assert!(!receipts[0].replayed && receipts[1].replayed);

        let answer = receipts[1].accepted("order", "/v1/orders/SO-1".to_owned());
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.headers()["x-correlation-id"], "web-1");
        assert_eq!(answer.headers()["idempotency-replayed"], "true");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["links"]["order"], "/v1/orders/SO-1");

        let other = ingress.bring(&north(), &keyed, Body::from("[]")).await;
        let refused = ingress.keep(other.unwrap()).await.unwrap_err();
        assert_eq!(refused.code(), "idempotency-key-reused");
    }

    #[tokio::test]
    async fn what_is_brought_keeps_to_the_partners_limits() {
        let sink = TestSink::open();
        let access = Access {
            in_flight_max: Some(1),
            ..Access::default()
        };
        let config = Config {
            body_bytes_max: 2,
            ..Config::default()
        };
        let (ingress, _) = ingress(&config, access, &sink);
        let none = HeaderMap::new();
        let refused = ingress.bring(&north(), &none, Body::from("long")).await;
        assert_eq!(refused.err().unwrap().code(), "body-too-large");
        let first = ingress.bring(&north(), &none, Body::from("{}")).await;
        let second = ingress.bring(&north(), &none, Body::from("{}")).await;
        assert_eq!(second.err().unwrap().code(), "too-many-in-flight");
        drop(first);
        let empty = ingress.bring(&north(), &none, Body::empty()).await.unwrap();
        let refused = ingress.keep(empty).await.unwrap_err();
        assert_eq!(refused.code(), "body-empty");
        let nobody = PartnerName::parse("nobody").unwrap();
        let refused = ingress.bring(&nobody, &none, Body::from("{}")).await;
        assert_eq!(refused.err().unwrap().code(), "unauthorized");
        assert!(sink.accepted().is_empty());
    }
}
