//! Webhooks are taken from whoever signed them, once each, and from nobody else.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use crossdock::clock::Clock;
use e2e::harness::{Answer, Api, Host, Receiver, Site, array, order, text};
use ring::hmac;
use serde_json::{Value, json};

/// The keys of both secrets, the newer one first.
const SECRETS: [&str; 2] = [
    "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
];

/// A shop that signs as Standard Webhooks says, a desk that signs time and body, a store
/// that signs the body, and a ledger that repeats a token; a warehouse gets the orders.
fn site(warehouse: &Receiver) -> Site {
    let signature = |site: Site, name: &str, text: &str| {
        let signature: toml::Table = text.parse().expect("a signature is TOML");
        site.set(&format!("partners.{name}.adapter"), "canonical-json")
            .set(&format!("partners.{name}.access.signature"), signature)
    };
    let site = Site::new().receiver("warehouse", warehouse).route(
        "order",
        &["shop", "desk", "store", "ledger"],
        &["warehouse"],
    );
    let next = site.secret("next", SECRETS[0]);
    let current = site.secret("current", &format!("whsec_{}", SECRETS[1]));
    let plain = site.secret("plain", "plain-secret");
    let shop = format!("kind = 'standard-webhooks'\nsecrets = ['{next}', '{current}']");
    let desk = format!(
        "kind = 'hmac-timestamp-body'\nsecrets = ['{plain}']\nheader = 'X-Zendesk-Webhook-Signature'\n\
         timestamp_header = 'X-Zendesk-Webhook-Signature-Timestamp'\n\
         id_header = 'X-Zendesk-Webhook-Invocation-Id'"
    );
    let store = format!(
        "kind = 'hmac-body'\nsecrets = ['{plain}']\nheader = 'X-Shopify-Hmac-Sha256'\n\
         id_header = 'X-Shopify-Webhook-Id'"
    );
    let ledger = format!(
        "kind = 'shared-token'\nsecrets = ['{plain}']\npointer = '/notes/*'\n\
         handshake = 'validation-token'"
    );
    let site = signature(site, "shop", &shop);
    let site = signature(site, "desk", &desk);
    let site = signature(site, "store", &store);
    signature(site, "ledger", &ledger)
}

type Headers = Vec<(&'static str, String)>;

fn mac(key: &[u8], signed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

fn now() -> i64 {
    Clock::System.now().as_millis() / 1_000
}

/// As the shop signs, so many seconds ago.
fn shop(secret: &str, id: &str, ago: i64, body: &str) -> Headers {
    let key = BASE64_STANDARD.decode(secret).expect("the key is base64");
    let seconds = now() - ago;
    let signature = mac(&key, &format!("{id}.{seconds}.{body}"));
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", format!("v1,AAAA v1,{signature}")),
    ]
}

async fn accepted(api: &Api, partner: &str, headers: &Headers, body: &str) -> (String, bool) {
    let answer = api.send_bytes(partner, headers, body.to_owned()).await;
    assert_eq!(answer.status, 202, "{partner}: {}", answer.body);
    let replayed = answer.headers.contains_key("idempotency-replayed");
    (text(&answer.body["message_id"]).to_owned(), replayed)
}

fn assert_unauthorized(answer: &Answer, like: &mut Option<Value>) {
    assert_eq!(answer.status, 401, "{}", answer.body);
    let first = like.get_or_insert_with(|| answer.body.clone());
    assert_eq!(answer.body, *first, "the answers are all alike");
}

/// How often requests proved nothing, by partner and reason.
async fn unproved(api: &Api, partner: &str, reason: &str) -> u64 {
    let page = api.metrics().await;
    let sample =
        format!("crossdock_unproved_requests_total{{partner=\"{partner}\",reason=\"{reason}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&sample));
    line.map_or(0, |count| count.parse().expect("a sample is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_order_has_one_effect_however_often_it_is_sent() {
    let warehouse = Receiver::start().await;
    let site = site(&warehouse);
    let host = site.start().await;
    let body = order::original("SO-1").to_string();
    let (first, replayed) = accepted(
        host.api(),
        "shop",
        &shop(SECRETS[1], "msg_1", 0, &body),
        &body,
    )
    .await;
    assert!(!replayed);
    // A retry is signed anew; during a rotation perhaps with the other secret.
    let again = shop(SECRETS[0], "msg_1", -5, &body);
    assert_eq!(
        accepted(host.api(), "shop", &again, &body).await,
        (first.clone(), true)
    );
    // Whoever captured it can choose what is not signed, and gains nothing by that.
    let mut captured = shop(SECRETS[1], "msg_1", 10, &body);
    captured.push(("idempotency-key", "another".to_owned()));
    assert_eq!(
        accepted(host.api(), "shop", &captured, &body).await,
        (first.clone(), true)
    );
    host.api().settled(&first).await;
    host.kill();

    let host = site.start().await;
    let later = shop(SECRETS[1], "msg_1", 0, &body);
    assert_eq!(
        accepted(host.api(), "shop", &later, &body).await,
        (first, true)
    );
    let other = order::original("SO-2").to_string();
    let reused = shop(SECRETS[1], "msg_1", 0, &other);
    let answer = host.api().send_bytes("shop", &reused, other.clone()).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    host.api().until_idle().await;
    assert_eq!(warehouse.count(), 1);
    assert_eq!(host.api().messages().await.len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_signature_is_verified() {
    let warehouse = Receiver::start().await;
    let site = site(&warehouse);
    let host = site.start().await;
    let api = host.api();
    let at = jiff::Timestamp::from_second(now())
        .expect("now is a time")
        .to_string();
    let desk = |body: &str| {
        vec![
            (
                "x-zendesk-webhook-signature",
                mac(b"plain-secret", &format!("{at}{body}")),
            ),
            ("x-zendesk-webhook-signature-timestamp", at.clone()),
            ("x-zendesk-webhook-invocation-id", "01HX".to_owned()),
        ]
    };
    let store = |body: &str| {
        vec![
            ("x-shopify-hmac-sha256", mac(b"plain-secret", body)),
            ("x-shopify-webhook-id", "b54557e4".to_owned()),
        ]
    };
    let mut ledger = order::original("SO-3");
    ledger["notes"] = json!(["plain-secret"]);
    let ledger = ledger.to_string();
    let (of_desk, of_store) = (
        order::original("SO-1").to_string(),
        order::original("SO-2").to_string(),
    );
    let sent = [
        ("desk", desk(&of_desk), of_desk),
        ("store", store(&of_store), of_store),
        ("ledger", Vec::new(), ledger),
    ];
    for (partner, headers, body) in &sent {
        let (first, replayed) = accepted(api, partner, headers, body).await;
        assert!(!replayed, "{partner}");
        let message = api.settled(&first).await;
        assert_eq!(array(&message["deliveries"]).len(), 1, "{partner}");
        if *partner != "ledger" {
            assert_eq!(accepted(api, partner, headers, body).await, (first, true));
        }
        let flipped = body.replace("Lakeside", "Leakside");
        let flipped = flipped.replace("plain-secret", "plain-secreT");
        let answer = api.send_bytes(partner, headers, flipped).await;
        assert_eq!(answer.status, 401, "{partner}: {}", answer.body);
        assert_eq!(
            unproved(api, partner, "signature-wrong").await,
            1,
            "{partner}"
        );
    }
    assert_eq!(warehouse.count(), 3);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_is_refused_alike_and_only_operators_learn_why() {
    let warehouse = Receiver::start().await;
    let site = site(&warehouse);
    let host = site.start().await;
    let api = host.api();
    let body = order::original("SO-1").to_string();
    let right = shop(SECRETS[1], "msg_1", 0, &body);
    let mut like = None;
    let mut wrong_id = right.clone();
    wrong_id[0].1 = "msg_2".to_owned();
    let mut wrong_time = right.clone();
    wrong_time[1].1 = (now() - 60).to_string();
    let cases = [
        ("header-missing", Vec::new()),
        ("header-missing", right[..2].to_vec()),
        ("timestamp-stale", shop(SECRETS[1], "msg_1", 400, &body)),
        ("timestamp-stale", shop(SECRETS[1], "msg_1", -400, &body)),
        ("signature-wrong", wrong_id),
        ("signature-wrong", wrong_time),
        (
            "signature-wrong",
            shop("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "msg_1", 0, &body),
        ),
    ];
    for (reason, headers) in cases {
        let before = unproved(api, "shop", reason).await;
        assert_unauthorized(
            &api.send_bytes("shop", &headers, body.clone()).await,
            &mut like,
        );
        assert_eq!(unproved(api, "shop", reason).await, before + 1, "{reason}");
    }
    for partner in ["nobody", "desk", "store", "warehouse"] {
        assert_unauthorized(
            &api.send_bytes(partner, &right, body.clone()).await,
            &mut like,
        );
    }
    assert_eq!(api.messages().await.len(), 0);
    // Once a second at most, so that nobody can fill the log.
    let log = site.log();
    assert!(log.contains("the header webhook-id is missing"), "{log}");
    assert!(!site.holds(SECRETS[0]) && !site.holds(SECRETS[1]));
    assert!(!site.holds("plain-secret"));
    assert_eq!(warehouse.count(), 0);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_asks_for_the_address_is_answered() {
    let warehouse = Receiver::start().await;
    let site = site(&warehouse);
    let host = site.start().await;
    let token = "Validation: Testing client application";
    let query = "?validationToken=Validation%3a+Testing%20client+application";
    assert_eq!(
        asked(&host, "POST", "ledger", query).await,
        (200, token.to_owned())
    );
    assert_eq!(
        asked(&host, "GET", "ledger", query).await,
        (200, token.to_owned())
    );
    assert_eq!(
        asked(&host, "POST", "ledger", "?validationToken=%0a")
            .await
            .0,
        401
    );
    assert_eq!(asked(&host, "POST", "shop", query).await.0, 401);
    assert_eq!(asked(&host, "GET", "shop", query).await.0, 405);
    assert_eq!(asked(&host, "GET", "nobody", query).await.0, 405);
    assert_eq!(host.api().messages().await.len(), 0);
    host.finish().await;
}

async fn asked(host: &Host, method: &str, partner: &str, query: &str) -> (u16, String) {
    let path = format!("/v1/partners/{partner}/messages{query}");
    host.api().plain(method, &path).await
}
