//! `POST /v1/partners/{partner}/messages`.
//!
//! The order is the point: who is calling, then the headers, then whether there
//! is room, and only then the body; durable, and only then 202. Each step either
//! hands on what the next one needs or ends the request with a [`Refusal`]. Partners
//! that sign ([`super::signed`]) can be told by their body only; for them it comes
//! before the headers.
//!
//! `GET` there is for senders that ask whether the address is right.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;
use serde::Serialize;

use super::{
    Ingress, Partner,
    body::{self, Held, Memory},
    entrance::Receipt,
    envelope::{CORRELATION_ID, Envelope},
    in_flight::Slot,
    refusal::Refusal,
    sink::{Reply, Sink},
};
use crate::{
    api::problem::{self, Problem},
    message::{Channel, CorrelationId, Digest, MessageId, RawMessage},
};

/// Says that an earlier request with the same key had brought the message.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Bodies up to this length are digested or verified where they are; a longer one
/// would hold up the other connections of its thread for more than about 0.2 ms.
pub(super) const CPU_INLINE_BYTES_MAX: usize = 256 * 1024;

/// A body that was read, with all that it takes to keep it.
pub(super) struct Room<P> {
    slot: Slot,
    permit: P,
    pub(super) held: Held,
}

pub(super) fn router<S: Sink>(ingress: Arc<Ingress<S>>) -> Router {
    Router::new()
        .route(
            "/v1/partners/{partner}/messages",
            post(take::<S>).get(ask::<S>),
        )
        .with_state(ingress)
}

async fn take<S: Sink>(
    State(ingress): State<Arc<Ingress<S>>>,
    partner: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // A name that is not even text is an unknown one.
    let name = partner.map(|Path(name)| name).unwrap_or_default();
    let (head, body) = request.into_parts();
    if let Some(signer) = ingress.signers.find(&name) {
        return ingress.take_signed(signer, &head, body).await;
    }
    match ingress.authenticate(&name, &head.headers) {
        Ok(partner) => ingress.take(partner, &head.headers, body).await,
        Err(refusal) => {
            // Only at debug level: anyone can cause this, as often as they like.
            tracing::debug!(code = "unauthorized", "refused a request: {refusal}");
            Problem::from(refusal).into_response()
        }
    }
}

/// Answers a sender that asks whether the address is right. For any other partner, and
/// for a name that is none, the path takes no such method.
async fn ask<S: Sink>(
    State(ingress): State<Arc<Ingress<S>>>,
    partner: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Response {
    let name = partner.map(|Path(name)| name).unwrap_or_default();
    let signer = ingress.signers.find(&name);
    signer
        .and_then(|signer| signer.handshake(&uri))
        .unwrap_or_else(|| problem::method_not_allowed("POST").into_response())
}

// === impl Ingress ===

impl<S: Sink> Ingress<S> {
    fn authenticate(&self, name: &str, headers: &HeaderMap) -> Result<&Arc<Partner>, Refusal> {
        self.doors.open(name, headers).ok_or(Refusal::Unauthorized)
    }

    /// Takes a message of a partner that has proved who it is.
    async fn take(&self, partner: &Arc<Partner>, headers: &HeaderMap, body: Body) -> Response {
        let envelope = match Envelope::read(headers, &partner.forward) {
            Ok(envelope) => envelope,
            Err(refusal) => return self.refuse(partner, None, refusal),
        };
        match self.hold(partner, body, &self.memory).await {
            Ok(room) => self.take_held(partner, envelope, room).await,
            Err(refusal) => self.refuse(partner, envelope.given_correlation_id(), refusal),
        }
    }

    /// Takes a message whose body is read.
    pub(super) async fn take_held(
        &self,
        partner: &Partner,
        envelope: Envelope,
        room: Room<S::Permit>,
    ) -> Response {
        let given = envelope.given_correlation_id().cloned();
        match self.accept(partner, envelope, room).await {
            Ok(receipt) => self.answer(partner, receipt).await,
            Err(refusal) => self.refuse(partner, given.as_ref(), refusal),
        }
    }

    pub(super) fn refuse(
        &self,
        partner: &Partner,
        correlation_id: Option<&CorrelationId>,
        refusal: Refusal,
    ) -> Response {
        self.refused(partner, correlation_id, refusal)
            .into_response()
    }

    /// Counts and logs a refusal, and words it for the sender.
    pub(super) fn refused(
        &self,
        partner: &Partner,
        correlation_id: Option<&CorrelationId>,
        refusal: Refusal,
    ) -> Problem {
        self.entrance.sink().refused(&partner.name, refusal.code());
        refuse(partner, correlation_id, refusal)
    }

    /// Reads the body, if there is room for it.
    pub(super) async fn hold(
        &self,
        partner: &Partner,
        body: Body,
        memory: &Arc<Memory>,
    ) -> Result<Room<S::Permit>, Refusal> {
        body::check_length(&body, self.limits)?;
        let slot = partner.slots.take().ok_or(Refusal::TooManyInFlight {
            in_flight_max: partner.slots.max(),
        })?;
        let permit = self.entrance.sink().admit(&partner.name)?;
        let held = body::read(body, self.limits, memory).await?;
        Ok(Room { slot, permit, held })
    }

    /// From the envelope to a durable message.
    pub(super) async fn accept(
        &self,
        partner: &Partner,
        envelope: Envelope,
        Room { slot, permit, held }: Room<S::Permit>,
    ) -> Result<Receipt, Refusal> {
        if held.bytes.is_empty() {
            return Err(Refusal::BodyEmpty);
        }
        let message = self.message(partner, envelope, &held).await?;
        self.entrance.accept(permit, message, (slot, held)).await
    }

    async fn message(
        &self,
        partner: &Partner,
        envelope: Envelope,
        held: &Held,
    ) -> Result<RawMessage, Refusal> {
        let received_at = self.clock.now();
        let id = MessageId::new(received_at);
        let (correlation_id, traceparent) = envelope.identify(id);
        Ok(RawMessage {
            id,
            partner: partner.name.clone(),
            correlation_id,
            traceparent: Some(traceparent.to_string()),
            idempotency_key: envelope.idempotency_key,
            channel: Channel::Http,
            content_type: envelope.content_type,
            headers: envelope.headers,
            received_at,
            digest: digest(&held.bytes).await?,
            body: held.bytes.clone(),
        })
    }

    /// The adapter's own reply where the partner wants one and it comes in time,
    /// else 202. A request that repeats an earlier one gets that one's reply.
    async fn answer(&self, partner: &Partner, receipt: Receipt) -> Response {
        let reply = match partner.reply_wait {
            Some(wait) => self.reply(&receipt, wait).await,
            None => None,
        };
        let response = match reply {
            Some(reply) => reply_response(reply),
            None => accepted_response(&receipt),
        };
        with_ids(response, &receipt)
    }

    async fn reply(&self, receipt: &Receipt, wait: Duration) -> Option<Reply> {
        let sink = self.entrance.sink();
        sink.reply(receipt.message_id, wait).await
    }
}

/// Says in headers which message it became, and whether it had been there before.
pub(super) fn with_ids(mut response: Response, receipt: &Receipt) -> Response {
    let headers = response.headers_mut();
    if receipt.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    // Both are made of visible ASCII.
    let correlation_id = HeaderValue::from_str(receipt.correlation_id.as_str());
    let location = HeaderValue::try_from(format!("/v1/messages/{}", receipt.message_id));
    if let (Ok(correlation_id), Ok(location)) = (correlation_id, location) {
        headers.insert(CORRELATION_ID, correlation_id);
        headers.insert(header::LOCATION, location);
    }
    response
}

async fn digest(bytes: &Bytes) -> Result<Digest, Refusal> {
    if bytes.len() <= CPU_INLINE_BYTES_MAX {
        return Ok(Digest::of(bytes));
    }
    let bytes = bytes.clone();
    // The task cannot panic; it is refused only by a runtime that is going down.
    tokio::task::spawn_blocking(move || Digest::of(&bytes))
        .await
        .map_err(|_| Refusal::Stopped)
}

/// The body of a 202.
#[derive(Serialize)]
struct Receipted<'a> {
    message_id: MessageId,
    correlation_id: &'a str,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    message: String,
    raw: String,
}

fn accepted_response(receipt: &Receipt) -> Response {
    let id = receipt.message_id;
    let receipted = Receipted {
        message_id: id,
        correlation_id: receipt.correlation_id.as_str(),
        links: Links {
            message: format!("/v1/messages/{id}"),
            raw: format!("/v1/messages/{id}/raw"),
        },
    };
    (StatusCode::ACCEPTED, axum::Json(receipted)).into_response()
}

fn reply_response(reply: Reply) -> Response {
    let mut response = (reply.status, Body::from(reply.body)).into_response();
    let content_type = reply
        .content_type
        .and_then(|kind| HeaderValue::try_from(kind).ok());
    if let Some(content_type) = content_type {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    response
}

fn refuse(partner: &Partner, correlation_id: Option<&CorrelationId>, refusal: Refusal) -> Problem {
    let partner = partner.name.as_str();
    let ours = refusal.is_ours();
    let reason = refusal.to_string();
    let mut problem = Problem::from(refusal);
    let code = problem.code();
    if ours {
        tracing::warn!(partner, code, "refused a message: {reason}");
    } else {
        tracing::info!(partner, code, "refused a message: {reason}");
    }
    if let Some(correlation_id) = correlation_id {
        problem = problem.correlation_id(correlation_id.as_str());
    }
    problem
}
