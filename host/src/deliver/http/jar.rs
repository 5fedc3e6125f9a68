//! The cookies of a conversation.
//!
//! Some partners bind what one request prepared to the session that prepared it (SAP
//! binds a CSRF token to its cookies). So the cookies that a partner's answers set are
//! sent with the following requests of the same delivery, and with no other's. They
//! live in memory, are shown to no adapter and written to no record: after a restart
//! the session is gone, and an adapter finds that out by the partner's refusal.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cookie::{Cookie, Expiration};
use http::{HeaderMap, HeaderValue, header};
use reqwest::Url;

use crate::clock::Timestamp;

/// Conversations whose cookies are kept at the same time; the one that began first
/// gives way.
const JARS_MAX: usize = 1_024;

/// Cookies of one conversation, and their names and values together, in bytes: what
/// does not fit is not kept.
const COOKIES_MAX: usize = 32;
const COOKIES_BYTES_MAX: usize = 8 * 1024;

/// All conversations with one endpoint.
#[derive(Debug, Default)]
pub(super) struct Jars(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    jars: HashMap<String, Jar>,
    /// In the order in which they began.
    order: VecDeque<String>,
}

/// The cookies of one conversation.
#[derive(Default)]
struct Jar(Vec<Kept>);

struct Kept {
    name: String,
    value: String,
    path: String,
    expires_at: Option<Timestamp>,
}

// === impl Jars ===

impl Jars {
    /// Puts the conversation's cookies into a request.
    pub(super) fn apply(
        &self,
        conversation: &str,
        url: &Url,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) {
        let shelf = self.shelf();
        let Some(text) = shelf
            .jars
            .get(conversation)
            .and_then(|jar| jar.text(url.path(), now))
        else {
            return;
        };
        drop(shelf);
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            headers.insert(header::COOKIE, value);
        }
    }

    /// Takes the cookies out of an answer and keeps them.
    pub(super) fn keep(
        &self,
        conversation: &str,
        url: &Url,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) {
        if !headers.contains_key(header::SET_COOKIE) {
            return;
        }
        let mut shelf = self.shelf();
        let jar = shelf.jar(conversation);
        for value in headers.get_all(header::SET_COOKIE) {
            // What is no cookie is none for a browser either.
            let cookie = value
                .to_str()
                .ok()
                .and_then(|text| Cookie::parse(text).ok());
            if let Some(cookie) = cookie {
                jar.keep(&cookie, url, now);
            }
        }
        drop(shelf);
        headers.remove(header::SET_COOKIE);
    }

    /// Whether there are none of any conversation.
    pub(super) fn is_empty(&self) -> bool {
        self.shelf().jars.is_empty()
    }

    /// Whether there are cookies of this conversation.
    pub(super) fn holds(&self, conversation: &str) -> bool {
        self.shelf().jars.contains_key(conversation)
    }

    /// The conversation is over.
    pub(super) fn forget(&self, conversation: &str) {
        let mut shelf = self.shelf();
        if shelf.jars.remove(conversation).is_some() {
            shelf.order.retain(|it| it != conversation);
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Shelf ===

impl Shelf {
    fn jar(&mut self, conversation: &str) -> &mut Jar {
        if !self.jars.contains_key(conversation) {
            while self.order.len() >= JARS_MAX {
                if let Some(first) = self.order.pop_front() {
                    self.jars.remove(&first);
                }
            }
            self.order.push_back(conversation.to_owned());
        }
        self.jars.entry(conversation.to_owned()).or_default()
    }
}

// === impl Jar ===

impl Jar {
    /// RFC 6265 section 5.3, as far as one host is concerned. `Secure` is not looked
    /// at: the endpoint's scheme is the same for all its requests, and the operator's
    /// choice.
    fn keep(&mut self, cookie: &Cookie<'_>, url: &Url, now: Timestamp) {
        let host = url.host_str().unwrap_or_default();
        let elsewhere = cookie
            .domain()
            .is_some_and(|domain| !is_within(host, domain));
        if elsewhere || cookie.name().is_empty() {
            return;
        }
        let path = match cookie.path() {
            Some(path) if path.starts_with('/') => path,
            _ => default_path(url.path()),
        };
        self.0
            .retain(|kept| kept.name != cookie.name() || kept.path != path);
        let expires_at = expires_at(cookie, now);
        if expires_at.is_some_and(|at| at <= now) {
            return;
        }
        let bytes = |name: &str, value: &str| name.len() + value.len() + 3;
        let held: usize = self.0.iter().map(|it| bytes(&it.name, &it.value)).sum();
        let more = bytes(cookie.name(), cookie.value());
        if self.0.len() >= COOKIES_MAX || held + more > COOKIES_BYTES_MAX {
            tracing::debug!(
                host,
                "a partner's cookie is not kept: more than {COOKIES_MAX} or {COOKIES_BYTES_MAX} bytes in one conversation"
            );
            return;
        }
        self.0.push(Kept {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            path: path.to_owned(),
            expires_at,
        });
    }

    /// Those for this path, the longest paths first; nothing when there are none.
    fn text(&self, path: &str, now: Timestamp) -> Option<String> {
        let alive = |kept: &&Kept| kept.expires_at.is_none_or(|at| now < at);
        let mut fitting: Vec<_> = self
            .0
            .iter()
            .filter(alive)
            .filter(|kept| path_fits(path, &kept.path))
            .collect();
        fitting.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let pairs: Vec<_> = fitting
            .iter()
            .map(|kept| format!("{}={}", kept.name, kept.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl std::fmt::Debug for Jar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "[{} cookies]", self.0.len())
    }
}

/// When a cookie ends: `Max-Age` goes before `Expires`, without either it lasts as long
/// as the conversation.
fn expires_at(cookie: &Cookie<'_>, now: Timestamp) -> Option<Timestamp> {
    if let Some(age) = cookie.max_age() {
        let seconds = u64::try_from(age.whole_seconds()).unwrap_or(0);
        return Some(now.plus(Duration::from_secs(seconds)));
    }
    match cookie.expires()? {
        Expiration::DateTime(moment) => {
            let seconds = moment.unix_timestamp();
            Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
        }
        Expiration::Session => None,
    }
}

/// Whether a cookie's domain includes the host.
fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    host == domain
        || host
            .strip_suffix(&domain)
            .is_some_and(|before| before.ends_with('.'))
}

/// The path of a cookie that names none (RFC 6265 section 5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(end) if end > 0 => &path[..end],
        _ => "/",
    }
}

/// Whether a cookie's path includes a request's.
fn path_fits(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_357_400_000);

    fn url(path: &str) -> Url {
        Url::parse(&format!("https://sap.example{path}")).expect("a url")
    }

    fn answer(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie.parse().expect("a value"));
        }
        headers
    }

    fn sent(jars: &Jars, conversation: &str, path: &str, now: Timestamp) -> Option<String> {
        let mut headers = HeaderMap::new();
        jars.apply(conversation, &url(path), &mut headers, now);
        let value = headers.get(header::COOKIE)?;
        assert!(value.is_sensitive());
        Some(value.to_str().expect("text").to_owned())
    }

    #[test]
    fn a_conversation_gets_its_own_cookies_back_and_nobody_else_does() {
        let jars = Jars::default();
        let mut headers = answer(&[
            "sap-usercontext=sap-client=100; path=/",
            "SAP_SESSIONID_A4H_100=zzz%3d; path=/sap/opu; HttpOnly; Secure",
            "no cookie",
        ]);
        jars.keep("a", &url("/sap/opu/odata"), &mut headers, NOW);
        assert!(headers.is_empty(), "adapters see none");
        assert_eq!(
            sent(&jars, "a", "/sap/opu/odata/A_SalesOrder", NOW).as_deref(),
            Some("SAP_SESSIONID_A4H_100=zzz%3d; sap-usercontext=sap-client=100")
        );
        assert_eq!(
            sent(&jars, "a", "/sap/opus", NOW).as_deref(),
            Some("sap-usercontext=sap-client=100")
        );
        assert_eq!(sent(&jars, "b", "/sap/opu", NOW), None);
        assert!(jars.holds("a") && !jars.holds("b"));
        jars.forget("a");
        assert_eq!(sent(&jars, "a", "/sap/opu", NOW), None);
        assert_eq!(jars.shelf().order.len(), 0);
    }

    #[test]
    fn cookies_are_replaced_and_end() {
        let jars = Jars::default();
        let keep = |cookie: &str| jars.keep("a", &url("/x/y"), &mut answer(&[cookie]), NOW);
        keep("s=1; path=/");
        keep("s=2; path=/");
        assert_eq!(sent(&jars, "a", "/", NOW).as_deref(), Some("s=2"));
        keep("s=3; path=/; Max-Age=60");
        assert_eq!(sent(&jars, "a", "/", NOW).as_deref(), Some("s=3"));
        let later = NOW.plus(Duration::from_secs(60));
        assert_eq!(sent(&jars, "a", "/", later), None);
        keep("s=4; path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(sent(&jars, "a", "/", NOW), None);
        keep("t=1");
        assert_eq!(sent(&jars, "a", "/x/z", NOW).as_deref(), Some("t=1"));
        assert_eq!(sent(&jars, "a", "/", NOW), None);
        keep("u=1; path=/; domain=evil.example");
        keep("v=1; path=/; domain=.example");
        assert_eq!(sent(&jars, "a", "/", NOW).as_deref(), Some("v=1"));
    }

    #[test]
    fn number_and_size_are_bounded() {
        let jars = Jars::default();
        for number in 0..2 * COOKIES_MAX {
            let cookie = format!("c{number}=1; path=/");
            jars.keep("a", &url("/"), &mut answer(&[&cookie]), NOW);
        }
        let kept = sent(&jars, "a", "/", NOW).expect("cookies");
        assert_eq!(kept.split("; ").count(), COOKIES_MAX);
        let long = format!("long={}; path=/", "x".repeat(COOKIES_BYTES_MAX));
        jars.keep("b", &url("/"), &mut answer(&[&long]), NOW);
        assert_eq!(sent(&jars, "b", "/", NOW), None);
        for number in 0..2 * JARS_MAX {
            let conversation = format!("d{number}");
            jars.keep(&conversation, &url("/"), &mut answer(&["s=1"]), NOW);
        }
        assert_eq!(jars.shelf().jars.len(), JARS_MAX);
        assert!(!jars.holds("a") && jars.holds(&format!("d{}", 2 * JARS_MAX - 1)));
    }

    proptest! {
        #[test]
        fn nothing_that_a_partner_sets_breaks_a_request(
            cookies in proptest::collection::vec("[ -~]{0,60}", 0..40),
            path in "/[ -~]{0,20}",
        ) {
            let jars = Jars::default();
            let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
            jars.keep("a", &url("/"), &mut answer(&cookies), NOW);
            if let Ok(url) = Url::parse(&format!("https://sap.example{path}")) {
                let mut headers = HeaderMap::new();
                jars.apply("a", &url, &mut headers, NOW);
                let bytes = headers.get(header::COOKIE).map_or(0, HeaderValue::len);
                prop_assert!(bytes <= COOKIES_BYTES_MAX);
            }
        }
    }
}
