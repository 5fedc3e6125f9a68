//! An adapter and a simulated partner in conversation, without a host: what the one
//! says is carried to the other as the host would carry it.

use std::collections::BTreeMap;

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Document, Exchange, Inbound, Outcome, PollRequest, PollStep,
    Polled, Problem, Response, Step, json,
};

use super::{
    partner::{Outgoing, Partner},
    wire,
};
use crate::{clock::Timestamp, message::Digest};

/// The most requests of one conversation, as the host has it.
const REQUESTS_MAX: usize = 32;

/// When the tests begin.
pub(super) const AT: Timestamp = Timestamp::from_millis(1_772_357_400_000);

/// Carries requests, with what the host adds to them.
pub(super) struct Carrier<P> {
    pub(super) partner: P,
    pub(super) at: Timestamp,
    pub(super) authorization: String,
    /// Absent for a host that keeps none.
    pub(super) cookies: Option<BTreeMap<String, String>>,
    /// The adapter's settings.
    pub(super) settings: Vec<(String, String)>,
    /// Answers that are lost: of these requests, counted from 1, SAP's or whoever's
    /// work is done and 500 said.
    pub(super) lost: Vec<usize>,
    pub(super) requests: usize,
    /// What led to the request whose answer was no success: it is sent again.
    led: Vec<Exchange>,
}

// === impl Carrier ===

impl<P: Partner> Carrier<P> {
    pub(super) fn new(partner: P, authorization: &str, settings: &[(&str, &str)]) -> Self {
        Self {
            partner,
            at: AT,
            authorization: authorization.to_owned(),
            cookies: Some(BTreeMap::new()),
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            lost: Vec::new(),
            requests: 0,
            led: Vec::new(),
        }
    }

    /// Delivers a document until the adapter has a verdict. After one that asks for
    /// another attempt, the next call goes on where that one was.
    pub(super) fn deliver<A: Adapter>(&mut self, document: &Document) -> Result<Step, Problem> {
        let mut past = std::mem::take(&mut self.led);
        // Another document is another delivery, and the same one is the same again.
        let id = Digest::of(json::to_string(document).unwrap_or_default().as_bytes()).to_string();
        loop {
            let delivery = Delivery {
                settings: self.settings.clone(),
                delivery_id: id.clone(),
                idempotency_key: id.clone(),
                ..Delivery::new(document.clone())
            };
            match A::next(delivery, &past)? {
                Step::Send(request) if past.len() < REQUESTS_MAX => {
                    let response = self.carry(&request);
                    past.push(Exchange::new(request, Outcome::Response(response)));
                }
                Step::Retry(retry) => {
                    past.pop();
                    self.led = past;
                    return Ok(Step::Retry(retry));
                }
                verdict => return Ok(verdict),
            }
        }
    }

    /// Polls once.
    pub(super) fn poll<A: Adapter>(&mut self, cursor: Option<&str>) -> Result<Polled, Problem> {
        let mut past = Vec::new();
        loop {
            let request = PollRequest {
                cursor: cursor.map(str::to_owned),
                started_at: self.at.to_string(),
                settings: self.settings.clone(),
            };
            match A::poll(request, &past)? {
                PollStep::Send(request) if past.len() < REQUESTS_MAX => {
                    let response = self.carry(&request);
                    past.push(Exchange::new(request, Outcome::Response(response)));
                }
                PollStep::Messages(polled) => return Ok(polled),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Every document of the messages that were polled.
    pub(super) fn read_polled<A: Adapter>(&self, polled: &Polled) -> Vec<Document> {
        let read = polled.messages.iter().flat_map(|message| {
            documents(A::decode(Inbound {
                content_type: message.content_type.clone(),
                headers: message.headers.clone(),
                settings: self.settings.clone(),
                ..Inbound::new(message.body.clone())
            }))
        });
        read.collect()
    }

    /// Every document of a message that the partner sent.
    pub(super) fn read<A: Adapter>(&self, outgoing: &Outgoing) -> Vec<Document> {
        let headers = outgoing.headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), value.clone()));
        documents(A::decode(Inbound {
            content_type: Some(outgoing.content_type.to_owned()),
            headers: headers.collect(),
            settings: self.settings.clone(),
            ..Inbound::new(outgoing.body.to_vec())
        }))
    }

    /// One request to the partner, as the host would send it.
    pub(super) fn carry(&mut self, request: &crossdock_sdk::Request) -> Response {
        self.requests += 1;
        let mut carried = wire::Request::new(&request.method, &request.path, request.body.clone());
        let own = request.headers.iter().filter(|(name, _)| name != "cookie");
        for (name, value) in own {
            let name: axum::http::HeaderName = name.parse().unwrap();
            carried.headers.insert(name, value.parse().unwrap());
        }
        if let Some(content_type) = &request.content_type {
            let value = content_type.parse().unwrap();
            carried.headers.insert("content-type", value);
        }
        let authorization = self.authorization.parse().unwrap();
        carried.headers.insert("authorization", authorization);
        if let Some(cookies) = &self.cookies
            && !cookies.is_empty()
        {
            let pairs = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            let pairs = pairs.collect::<Vec<_>>().join("; ").parse().unwrap();
            carried.headers.insert("cookie", pairs);
        }
        let answer = self.partner.answer(&carried, self.at);
        if let Some(cookies) = &mut self.cookies {
            let set = answer
                .headers
                .iter()
                .filter(|(name, _)| *name == "set-cookie");
            for (_, cookie) in set {
                let pair = cookie.split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if self.lost.contains(&self.requests) {
            return Response {
                status: 500,
                headers: Vec::new(),
                body: Vec::new(),
            };
        }
        let shown = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "set-cookie");
        Response {
            status: answer.status,
            headers: shown
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            body: answer.body,
        }
    }
}

fn documents(decoded: Result<Decoded, Problem>) -> Vec<Document> {
    let documents = decoded.unwrap().documents;
    documents
        .into_iter()
        .map(|it| it.unwrap().document)
        .collect()
}
