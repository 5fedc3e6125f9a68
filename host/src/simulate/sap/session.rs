//! Sessions and their tokens: a token holds only together with the cookie that came with
//! it, and as long as the session is used.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::{
    clock::Timestamp,
    simulate::wire::{Answer, Request, same},
};

/// Sessions that are kept; the one that was not used longest goes.
const SESSIONS_MAX: usize = 1_000;

/// How long a session lasts that nobody uses: `rdisp/plugin_auto_logout`.
const IDLE: Duration = Duration::from_secs(1_800);

/// The sessions of one system.
#[derive(Debug)]
pub(super) struct Sessions {
    secret: String,
    cookie: String,
    client: String,
    count: u64,
    open: BTreeMap<String, Session>,
    /// Changing requests whose session is gone.
    losing: u64,
}

#[derive(Debug)]
struct Session {
    token: String,
    used: Timestamp,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(secret: &str, client: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            cookie: format!("SAP_SESSIONID_S4H_{client}"),
            client: client.to_owned(),
            count: 0,
            open: BTreeMap::new(),
            losing: 0,
        }
    }

    /// The next changing requests find their session gone.
    pub(super) fn lose(&mut self, requests: u64) {
        self.losing = requests;
    }

    /// The answer with the token that was asked for, and with cookies when that needed a
    /// new session.
    pub(super) fn give(&mut self, request: &Request, answer: Answer, at: Timestamp) -> Answer {
        let asked = request.header("x-csrf-token");
        if !asked.is_some_and(|it| it.eq_ignore_ascii_case("fetch")) {
            return answer;
        }
        self.forget(at);
        let known = request.cookie(&self.cookie);
        if let Some(session) = known.and_then(|id| self.open.get_mut(id)) {
            session.used = at;
            return answer.with_header("x-csrf-token", &session.token);
        }
        self.count += 1;
        let id = self.word("session");
        let token = self.word("token");
        if self.open.len() == SESSIONS_MAX {
            let oldest = self.open.iter().min_by_key(|(_, it)| it.used);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.open.remove(&oldest);
            }
        }
        let answer = answer
            .with_header("x-csrf-token", &token)
            .with_header(
                "set-cookie",
                format!("{}={id}; path=/; HttpOnly", self.cookie),
            )
            .with_header(
                "set-cookie",
                format!("sap-usercontext=sap-client={}; path=/", self.client),
            );
        self.open.insert(id, Session { token, used: at });
        answer
    }

    /// Whether a changing request may be executed: its token is that of its session.
    pub(super) fn allows(&mut self, request: &Request, at: Timestamp) -> bool {
        self.forget(at);
        let id = request.cookie(&self.cookie);
        if self.losing > 0 {
            self.losing -= 1;
            id.map(|id| self.open.remove(id));
            return false;
        }
        let Some(session) = id.and_then(|id| self.open.get_mut(id)) else {
            return false;
        };
        session.used = at;
        let token = request.header("x-csrf-token").unwrap_or_default();
        same(token, &session.token)
    }

    fn forget(&mut self, at: Timestamp) {
        self.open.retain(|_, session| at.since(session.used) < IDLE);
    }

    /// A word that nobody can guess who does not know the password.
    fn word(&self, what: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else {
            return String::new();
        };
        mac.update(format!("{what}/{}", self.count).as_bytes());
        BASE64_URL_SAFE.encode(&mac.finalize().into_bytes()[..18])
    }
}
