//! A sink in memory whose behaviour a test decides.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    Access, Config, Ingress,
    authenticate::Token,
    sink::{AcceptError, Accepted, NoRoom, Remembered, Reply, Sink},
};
use crate::{
    clock::{Clock, Timestamp},
    message::{MessageId, PartnerName, RawMessage},
};

/// Keeps what it is given, unless told otherwise.
#[derive(Debug)]
pub(super) struct TestSink {
    pub(super) messages: Mutex<Vec<RawMessage>>,
    remembered: Mutex<HashMap<(PartnerName, String), Remembered>>,
    /// What the next acceptances answer, in place of keeping the message.
    pub(super) answers: Mutex<VecDeque<Result<Accepted, AcceptError>>>,
    /// What every admission answers.
    pub(super) full: Mutex<Option<NoRoom>>,
    /// Acceptances wait for one of these permits each.
    pub(super) gate: Semaphore,
    /// Permits appear here as acceptances begin.
    pub(super) begun: Semaphore,
    pub(super) reply: Mutex<Option<Reply>>,
    /// Why requests did not prove to be a partner's.
    pub(super) unproved: Mutex<Vec<(PartnerName, &'static str)>>,
    /// Permits that are out.
    pub(super) permits: Arc<()>,
}

impl TestSink {
    pub(super) fn open() -> Arc<Self> {
        Self::with_gate(Semaphore::MAX_PERMITS)
    }

    /// A sink that keeps nothing until the test adds permits to `gate`.
    pub(super) fn closed() -> Arc<Self> {
        Self::with_gate(0)
    }

    fn with_gate(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            messages: Mutex::default(),
            remembered: Mutex::default(),
            answers: Mutex::default(),
            full: Mutex::default(),
            gate: Semaphore::new(permits),
            begun: Semaphore::new(0),
            reply: Mutex::default(),
            unproved: Mutex::default(),
            permits: Arc::default(),
        })
    }

    pub(super) fn accepted(&self) -> Vec<RawMessage> {
        self.messages.lock().unwrap().clone()
    }

    /// Waits until `count` more acceptances have begun.
    pub(super) async fn wait_for_begun(&self, count: u32) {
        self.begun.acquire_many(count).await.unwrap().forget();
    }
}

impl Sink for TestSink {
    type Permit = Arc<()>;

    fn admit(&self, _: &PartnerName) -> Result<Arc<()>, NoRoom> {
        match *self.full.lock().unwrap() {
            Some(no_room) => Err(no_room),
            None => Ok(Arc::clone(&self.permits)),
        }
    }

    fn unproved(&self, partner: &PartnerName, reason: &'static str) {
        let unproved = (partner.clone(), reason);
        self.unproved.lock().unwrap().push(unproved);
    }

    fn remembered(&self, partner: &PartnerName, key: &str) -> Option<Remembered> {
        let key = (partner.clone(), key.to_owned());
        self.remembered.lock().unwrap().get(&key).cloned()
    }

    async fn accept(&self, _permit: Arc<()>, message: RawMessage) -> Result<Accepted, AcceptError> {
        self.begun.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        if let Some(answer) = self.answers.lock().unwrap().pop_front() {
            return answer;
        }
        if let Some(key) = &message.idempotency_key {
            let remembered = Remembered {
                message_id: message.id,
                correlation_id: message.correlation_id.clone(),
                digest: message.digest,
            };
            let key = (message.partner.clone(), key.clone());
            self.remembered.lock().unwrap().insert(key, remembered);
        }
        self.messages.lock().unwrap().push(message);
        Ok(Accepted::New)
    }

    async fn reply(&self, _: MessageId, wait: Duration) -> Option<Reply> {
        let reply = self.reply.lock().unwrap().clone();
        match reply {
            Some(reply) => Some(reply),
            None => tokio::time::timeout(wait, pending()).await.ok(),
        }
    }
}

pub(super) fn north() -> PartnerName {
    PartnerName::parse("north").unwrap()
}

pub(super) fn clock() -> Clock {
    Clock::manual(Timestamp::from_millis(1_772_357_400_000))
}

/// An ingress with the partner `north`, and its token.
pub(super) fn ingress(
    config: &Config,
    access: Access,
    sink: &Arc<TestSink>,
) -> (Arc<Ingress<TestSink>>, Token) {
    let token = Token::generate().unwrap();
    let access = Access {
        token_sha256: vec![token.hash()],
        ..access
    };
    let partners = BTreeMap::from([(north(), access)]);
    let ingress = Ingress::build(config, &partners, Arc::clone(sink), clock()).unwrap();
    (ingress, token)
}
