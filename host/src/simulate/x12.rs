//! A 3PL that speaks X12 over HTTP: it takes a 940 by POST, and sends its own files
//! (997, 945) to the host when it gets round to it.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde_json::json;
use tokio::{sync::Notify, task::AbortHandle};

pub mod depot;
pub mod edi;
pub mod folder;

use self::depot::{Depot, Outgoing, Refusal};
use super::{
    ingress::{Answer, Ingress, Message},
    server::{Health, Server, header_text},
};
use crate::clock::Clock;

/// Keys whose answers are remembered at most.
const KEYS_MAX: usize = 10_000;

/// The pause before a file is sent again that the host did not take.
const PAUSE: Duration = Duration::from_millis(200);

/// A running warehouse.
#[derive(Debug)]
pub struct Warehouse {
    server: Server,
    house: Arc<House>,
    sender: Option<AbortHandle>,
}

#[derive(Debug)]
struct House {
    clock: Clock,
    inside: Mutex<Inside>,
    /// Rings when the outbox is no longer empty.
    bell: Notify,
}

#[derive(Debug)]
struct Inside {
    depot: Depot,
    /// What was answered under which key.
    answers: BTreeMap<String, (StatusCode, String)>,
    /// Requests that repeated a key.
    repeats: usize,
    /// Files on their way out: a few for each release that the depot remembers.
    outbox: VecDeque<Outgoing>,
    sent: Vec<Sent>,
}

/// A file that the host has taken or refused.
#[derive(Clone, Debug)]
pub struct Sent {
    /// ISA13.
    pub number: u32,
    /// 997 or 945.
    pub kind: &'static str,
    /// What the host said.
    pub answer: Answer,
}

// === impl Warehouse ===

impl Warehouse {
    /// Opens the gates to those who present `token`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(depot: Depot, token: &str, clock: Clock) -> io::Result<Self> {
        let house = Arc::new(House {
            clock,
            inside: Mutex::new(Inside {
                depot,
                answers: BTreeMap::new(),
                repeats: 0,
                outbox: VecDeque::new(),
                sent: Vec::new(),
            }),
            bell: Notify::new(),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&house));
        let server = Server::start(router, token).await?;
        Ok(Self {
            server,
            house,
            sender: None,
        })
    }

    /// From now on it sends its files to the host.
    pub fn send_to(&mut self, ingress: Ingress) {
        let house = Arc::clone(&self.house);
        self.sender = Some(tokio::spawn(send_all(house, ingress)).abort_handle());
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Makes it well or ill, from this moment.
    pub fn be(&self, health: Health) {
        self.server.be(health);
    }

    /// Looks into the depot, or changes something there.
    pub fn depot<T>(&self, act: impl FnOnce(&mut Depot) -> T) -> T {
        self.house.inside(|inside| act(&mut inside.depot))
    }

    /// Ships all that is open, in one file.
    pub fn load_truck(&self) -> Result<(), Refusal> {
        let now = self.house.clock.now();
        self.house.send(|depot| depot.load_truck(now))
    }

    /// Sends the shipments again whose quantities were misprinted.
    pub fn reprint(&self) -> Result<(), Refusal> {
        let now = self.house.clock.now();
        self.house.send(|depot| depot.reprint(now))
    }

    /// Files that the host has taken or refused, in order.
    pub fn sent(&self) -> Vec<Sent> {
        self.house.inside(|inside| inside.sent.clone())
    }

    /// Requests that came a second time.
    pub fn repeats(&self) -> usize {
        self.house
            .inside(|inside| inside.repeats + inside.depot.repeats)
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.abort();
        }
    }
}

// === impl House ===

impl House {
    fn inside<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        act(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn send(
        &self,
        make: impl FnOnce(&mut Depot) -> Result<Option<Outgoing>, Refusal>,
    ) -> Result<(), Refusal> {
        let made = self.inside(|inside| {
            let made = make(&mut inside.depot)?;
            inside.outbox.extend(made);
            Ok(())
        });
        self.bell.notify_one();
        made
    }
}

// === impl Inside ===

impl Inside {
    /// Takes a file, once for each key, and says how that went.
    fn take(&mut self, headers: &HeaderMap, file: &[u8], clock: &Clock) -> (StatusCode, String) {
        let Some(key) = header_text(headers, "idempotency-key") else {
            return (
                StatusCode::BAD_REQUEST,
                "an Idempotency-Key is missing".to_owned(),
            );
        };
        if let Some(answer) = self.answers.get(&key) {
            self.repeats += 1;
            return answer.clone();
        }
        if self.answers.len() == KEYS_MAX {
            return (StatusCode::INSUFFICIENT_STORAGE, Refusal::Full.to_string());
        }
        let correlation_id = header_text(headers, "x-correlation-id");
        match self
            .depot
            .take(file, correlation_id.as_deref(), clock.now())
        {
            Ok(outgoing) => {
                self.outbox.extend(outgoing);
                let answer = (StatusCode::OK, format!("RCV-{}", self.answers.len() + 1));
                self.answers.insert(key, answer.clone());
                answer
            }
            // Not remembered: what is wrong may be put right, and the key comes again.
            Err(refusal) => {
                let status = match refusal {
                    Refusal::NotX12(_) => StatusCode::BAD_REQUEST,
                    Refusal::UnknownItem { .. } | Refusal::KnownOrder(_) | Refusal::NotOpen(_) => {
                        StatusCode::UNPROCESSABLE_ENTITY
                    }
                    Refusal::Full | Refusal::Answer(_) => StatusCode::INSUFFICIENT_STORAGE,
                };
                (status, refusal.to_string())
            }
        }
    }
}

async fn take(State(house): State<Arc<House>>, headers: HeaderMap, body: Bytes) -> Response {
    let (status, text) = house.inside(|inside| inside.take(&headers, &body, &house.clock));
    house.bell.notify_one();
    let name = if status.is_success() { "id" } else { "error" };
    (status, Json(json!({ name: text }))).into_response()
}

/// Sends file after file; one that the host does not take is sent until it does.
async fn send_all(house: Arc<House>, ingress: Ingress) {
    loop {
        let Some(outgoing) = house.inside(|inside| inside.outbox.front().cloned()) else {
            house.bell.notified().await;
            continue;
        };
        let Outgoing {
            number,
            kind,
            correlation_id,
            file,
        } = outgoing;
        let message = Message {
            key: format!("isa-{number:09}"),
            correlation_id,
            content_type: "application/edi-x12",
            body: file.into(),
        };
        match ingress.send(message).await {
            Ok(answer) => house.inside(|inside| {
                inside.outbox.pop_front();
                inside.sent.push(Sent {
                    number,
                    kind,
                    answer,
                });
            }),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::clock::Timestamp;

    const RELEASE: &[u8] = b"ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTH          *260301*0930*U*00401*000000001*0*T*>~\
        GS*OW*ACME*NORTH*20260301*0930*1*X*004010~ST*940*0001~W05*N*SO-1~LX*1~\
        W01*5*EA**SK*MUG~SE*5*0001~GE*1*1~IEA*1*000000001~";

    fn inside() -> Inside {
        Inside {
            depot: Depot::new("NORTH", "ACME", 'N', &[("MUG", 10)]),
            answers: BTreeMap::new(),
            repeats: 0,
            outbox: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    fn keyed(key: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            "idempotency-key".parse().unwrap(),
            HeaderValue::from_static(key),
        )])
    }

    #[test]
    fn a_key_has_one_effect_and_one_answer() {
        let clock = Clock::manual(Timestamp::EPOCH);
        let mut inside = inside();
        let first = inside.take(&keyed("a"), RELEASE, &clock);
        assert_eq!(first.0, StatusCode::OK);
        assert_eq!(inside.take(&keyed("a"), RELEASE, &clock), first);
        let kinds: Vec<_> = inside.outbox.iter().map(|it| it.kind).collect();
        assert_eq!(
            (kinds.as_slice(), inside.repeats),
            (["997", "945"].as_slice(), 1)
        );
    }

    #[test]
    fn a_refusal_is_not_remembered() {
        let clock = Clock::manual(Timestamp::EPOCH);
        let mut inside = Inside {
            depot: Depot::new("NORTH", "ACME", 'N', &[]),
            ..inside()
        };
        let (status, text) = inside.take(&keyed("a"), RELEASE, &clock);
        assert_eq!(
            (status, text.as_str()),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                "order SO-1: nobody here knows the item MUG",
            )
        );
        inside.depot.stock("MUG", 5);
        assert_eq!(inside.take(&keyed("a"), RELEASE, &clock).0, StatusCode::OK);
    }
}
