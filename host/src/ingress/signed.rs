//! The way in for partners that prove who they are by what they send.
//!
//! Their bodies must be read before anybody knows whose they are. So they have memory
//! of their own (`unverified_memory_bytes_max`): whoever floods it keeps no partner out
//! that has a bearer token. What the headers alone disprove costs none of it.
//!
//! A name that is no partner's is treated as one partner or another would be, always as
//! the same one: with a decoy of its form of signature, whose secrets nobody has. So a
//! caller without the right secret can't tell whether there is a partner of that name,
//! nor whether it signs. (A partner with a handshake tells, as that is what it is for.)

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;

use super::{
    Ingress, Partner,
    envelope::Envelope,
    http::CPU_INLINE_BYTES_MAX,
    refusal::Refusal,
    sink::Sink,
    verify::{Claim, Reason, Verified, Verifier},
};
use crate::{api::problem::Problem, clock::Timestamp};

/// How often a partner's unproved requests are told of in the log: anyone can send
/// them, as many as they like.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How each name proves that it is a partner's.
#[derive(Debug, Default)]
pub(super) struct Signers {
    /// Nothing for a partner that has a bearer token.
    by_name: HashMap<String, Option<Arc<Signer>>>,
    decoys: Vec<Option<Arc<Signer>>>,
    hasher: RandomState,
}

/// A partner that signs, or the decoy of one.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) partner: Partner,
    pub(super) verifier: Verifier,
    /// Absent for a decoy: nothing is told of it.
    pub(super) told: Option<Told>,
}

/// When it was last told that requests prove nothing, and of how many it was not.
#[derive(Debug)]
pub(super) struct Told {
    at: AtomicI64,
    untold: AtomicU64,
}

// === impl Signers ===

impl Signers {
    /// A partner of this name, and what stands in for it where there is none.
    pub(super) fn add(&mut self, name: &str, signer: Option<(Signer, Signer)>) {
        let (signer, decoy) = signer
            .map(|(it, decoy)| (Arc::new(it), Arc::new(decoy)))
            .unzip();
        self.by_name.insert(name.to_owned(), signer);
        self.decoys.push(decoy);
    }

    /// How this name is to be proved: nothing where by a bearer token.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Signer>> {
        let decoys = self.decoys.len().max(1);
        let decoy = self
            .decoys
            .get(self.hasher.hash_one(name) as usize % decoys);
        self.by_name.get(name).or(decoy)?.as_ref()
    }
}

// === impl Signer ===

impl Signer {
    /// What to answer to a sender that asks whether the address is right, if it does.
    pub(super) fn handshake(&self, uri: &Uri) -> Option<Response> {
        let token = self.verifier.handshake()?.answer(uri)?;
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            ),
            // It is the caller's text: no browser shall make anything of it.
            (
                HeaderName::from_static("x-content-type-options"),
                HeaderValue::from_static("nosniff"),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Some((headers, token).into_response())
    }

    async fn verify(self: &Arc<Self>, claim: Claim, body: &Bytes) -> Result<Verified, Unproved> {
        if body.len() <= CPU_INLINE_BYTES_MAX {
            return Ok(self.verifier.verify(&claim, body)?);
        }
        let (signer, body) = (Arc::clone(self), body.clone());
        let verifying = tokio::task::spawn_blocking(move || signer.verifier.verify(&claim, &body));
        // It is refused only by a runtime that is going down.
        Ok(verifying.await.map_err(|_| Refusal::Stopped)??)
    }
}

/// Why a message was not taken from somebody who has not proved who it is.
enum Unproved {
    Reason(Reason),
    Refusal(Refusal),
}

impl From<Reason> for Unproved {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<Refusal> for Unproved {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

// === impl Told ===

impl Told {
    pub(super) fn nothing() -> Self {
        Self {
            at: AtomicI64::new(i64::MIN),
            untold: AtomicU64::new(0),
        }
    }

    /// How many were not told of, if it is time to tell of this one.
    fn tell(&self, now: Timestamp) -> Option<u64> {
        let at = self.at.load(Ordering::Relaxed);
        let due = now >= Timestamp::from_millis(at).plus(TELL_EVERY);
        let now = now.as_millis();
        let exchange = |()| {
            let told = self
                .at
                .compare_exchange(at, now, Ordering::Relaxed, Ordering::Relaxed);
            told.is_ok().then(|| self.untold.swap(0, Ordering::Relaxed))
        };
        let told = due.then_some(()).and_then(exchange);
        if told.is_none() {
            self.untold.fetch_add(1, Ordering::Relaxed);
        }
        told
    }
}

// === impl Ingress ===

impl<S: Sink> Ingress<S> {
    /// Takes a message of a partner that signs, if it proves to be that.
    pub(super) async fn take_signed(
        &self,
        signer: &Arc<Signer>,
        head: &Parts,
        body: Body,
    ) -> Response {
        if let Some(answer) = signer.handshake(&head.uri) {
            return answer;
        }
        let partner = &signer.partner;
        let (verified, room) = match self.prove(signer, head, body).await {
            Ok(proved) => proved,
            Err(Unproved::Reason(reason)) => return self.unproved(signer, &reason),
            Err(Unproved::Refusal(refusal)) => return self.refuse_unproved(signer, refusal),
        };
        let mut envelope = match Envelope::read(&head.headers, &partner.forward) {
            Ok(envelope) => envelope,
            Err(refusal) => return self.refuse(partner, None, refusal),
        };
        if let Some(key) = verified.key {
            envelope.idempotency_key = Some(key);
        }
        self.take_held(partner, envelope, room).await
    }

    async fn prove(
        &self,
        signer: &Arc<Signer>,
        head: &Parts,
        body: Body,
    ) -> Result<(Verified, super::http::Room<S::Permit>), Unproved> {
        let claim = signer.verifier.claim(&head.headers, self.clock.now())?;
        let room = self.hold(&signer.partner, body, &self.unverified_memory);
        let room = room.await?;
        let verified = signer.verify(claim, &room.held.bytes).await?;
        Ok((verified, room))
    }

    /// The same answer whatever the reason; that is for the operator.
    fn unproved(&self, signer: &Signer, reason: &Reason) -> Response {
        let partner = &signer.partner.name;
        if let Some(told) = &signer.told {
            let code = reason.code();
            self.entrance.sink().unproved(partner, code);
            if let Some(untold) = told.tell(self.clock.now()) {
                tracing::warn!(
                    %partner,
                    reason = code,
                    untold,
                    "refused a request that does not prove to be the partner's: {reason}"
                );
            }
        }
        Problem::from(Refusal::Unauthorized).into_response()
    }

    /// For a caller that may be anyone: nothing above debug level.
    fn refuse_unproved(&self, signer: &Signer, refusal: Refusal) -> Response {
        if signer.told.is_some() {
            let partner = &signer.partner.name;
            self.entrance.sink().refused(partner, refusal.code());
            tracing::debug!(%partner, code = refusal.code(), "refused a request: {refusal}");
        }
        Problem::from(refusal).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unproved_requests_are_told_of_once_a_second_with_the_number_of_the_others() {
        let told = Told::nothing();
        let at = |ms: i64| Timestamp::from_millis(1_772_357_400_000 + ms);
        assert_eq!(told.tell(at(0)), Some(0));
        assert_eq!(told.tell(at(1)), None);
        assert_eq!(told.tell(at(999)), None);
        assert_eq!(told.tell(at(1_000)), Some(2));
        assert_eq!(told.tell(at(5_000)), Some(0));
    }
}
