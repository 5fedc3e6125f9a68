//! Partners are signed in to as they ask for it: tokens, sessions, named credentials.
//! The host does it, and nobody sees the secrets.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use e2e::harness::{Api, Heard, Reply, Service, Site, array, gateway, order, text, until, webhook};
use serde_json::{Value, json};

const SECRET: &str = "cl13nt-s3cret-of-this-test";
const TOKEN: &str = "t0ken-of-this-test";

/// As many orders as want a token at the same moment.
const AT_ONCE: usize = 20;

fn token(number: usize) -> Reply {
    let token = format!("{TOKEN}-{number}");
    Reply::json(
        200,
        &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_600 }),
    )
}

fn bears(heard: &Heard, number: usize) -> bool {
    heard.header("authorization") == format!("Bearer {TOKEN}-{number}")
}

fn earlier(heard: &[Heard], path: &str) -> usize {
    heard.iter().filter(|it| it.path == path).count()
}

/// What came that is no request for a token.
fn orders(service: &Service) -> Vec<Heard> {
    let mut heard = service.all();
    heard.retain(|it| it.path != "/token");
    heard
}

/// An ERP whose orders go to a partner that is signed in to by client credentials.
fn site(service: &Service) -> Site {
    let site = Site::new()
        .sender("erp")
        .endpoint("north", &service.url())
        .route("order", &["erp"], &["north"]);
    let secret = site.secret("north.secret", SECRET);
    let setting = "partners.north.endpoint.credential";
    site.set(&format!("{setting}.kind"), "oauth2-client-credentials")
        .set(
            &format!("{setting}.token_url"),
            format!("{}/token", service.url()),
        )
        .set(&format!("{setting}.client_id"), "crossdock")
        .set(&format!("{setting}.client_secret"), secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_all_deliveries_and_is_seen_by_nobody() {
    let service = Service::start(|heard, before| match heard.path.as_str() {
        "/token" => token(earlier(before, "/token")),
        _ => Reply::json(201, &json!({ "id": "1" })),
    })
    .await;
    let site = site(&service);
    let host = site.start().await;
    let api = host.api();
    let sending: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let api = api.clone();
            let order = order::original(&format!("SO-{number}"));
            tokio::spawn(async move { api.accepted("erp", &number.to_string(), &order).await })
        })
        .collect();
    for sent in sending {
        sent.await.expect("sending does not fail");
    }
    api.until_idle().await;

    let asked = service.heard("/token");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body, "grant_type=client_credentials");
    assert!(asked[0].header("authorization").starts_with("Basic "));
    let sent = orders(&service);
    assert_eq!(sent.len(), AT_ONCE);
    assert!(sent.iter().all(|it| bears(it, 0)));

    let credential = &api.partner("north").await["credentials"][0];
    assert_eq!(credential["kind"], "oauth2-client-credentials");
    assert_eq!(credential["token"]["fetched"], 1);
    assert!(
        credential["token"]["expires_at"].is_string(),
        "{credential}"
    );
    let shown = site.run(&["partners", "show", "north"]).await.answer;
    assert!(
        shown.contains("oauth2-client-credentials, token of 2"),
        "{shown}"
    );
    let basic = asked[0].header("authorization").to_owned();
    site.tells_nothing_of(&[SECRET, TOKEN, &basic[6..]]).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_within_the_attempt() {
    // An expired session, as Salesforce answers it.
    let expired =
        json!([{ "errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid" }]);
    let service = Service::start(move |heard, before| match heard.path.as_str() {
        "/token" => token(earlier(before, "/token")),
        _ if bears(heard, 1) => Reply::json(201, &json!({ "id": "1" })),
        _ => Reply::json(401, &expired),
    })
    .await;
    let site = site(&service);
    let host = site.start().await;
    let api = host.api();
    let id = api.accepted("erp", "1", &order::original("SO-1")).await;
    let message = api.settled(&id).await;
    let delivery = &message["deliveries"][0];
    assert_eq!(delivery["status"], "delivered", "{message}");
    assert_eq!(delivery["attempts"], 1, "{message}");
    let sent = orders(&service);
    assert_eq!(sent.len(), 2);
    assert!(bears(&sent[0], 0) && bears(&sent[1], 1));
    let keys: BTreeSet<_> = sent.iter().map(|it| it.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 1, "it is the same request");
    assert_eq!(sent[0].body, sent[1].body);
    assert_eq!(service.heard("/token").len(), 2);
    site.tells_nothing_of(&[SECRET, TOKEN]).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_waits_for_a_token_endpoint_that_is_down() {
    let service = Service::start(|heard, before| match heard.path.as_str() {
        "/token" if earlier(before, "/token") == 0 => Reply::status(503),
        "/token" => token(0),
        _ => Reply::json(201, &json!({ "id": "1" })),
    })
    .await;
    let site = site(&service);
    let host = site.start().await;
    let api = host.api();
    let id = api.accepted("erp", "1", &order::original("SO-1")).await;
    let message = api.settled(&id).await;
    assert_eq!(message["deliveries"][0]["status"], "delivered", "{message}");
    let told = message["timeline"].to_string();
    assert!(told.contains("token-unavailable"), "{told}");
    assert!(told.contains("the token endpoint answered 503"), "{told}");
    assert!(told.contains("partner-system"), "{told}");
    assert_eq!(orders(&service).len(), 1);
    let metrics = api.get_text("/metrics").await;
    for (result, count) in [("fetched", 1), ("failed", 1)] {
        let line = format!(
            "crossdock_token_fetches_total{{partner=\"north\",credential=\"\",result=\"{result}\"}} {count}"
        );
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_refused_is_told_to_a_person() {
    let service = Service::start(|heard, _| match heard.path.as_str() {
        "/token" => {
            let description = format!("no client has {SECRET}");
            Reply::json(
                401,
                &json!({ "error": "invalid_client", "error_description": description }),
            )
        }
        _ => Reply::json(201, &json!({ "id": "1" })),
    })
    .await;
    let site = site(&service);
    let host = site.start().await;
    let api = host.api();
    let id = api.accepted("erp", "1", &order::original("SO-1")).await;
    api.settled(&id).await;
    let letters = api.dead_letters().await;
    let failure = &letters[0]["failure"];
    assert_eq!(failure["code"], "token-refused", "{letters:?}");
    assert_eq!(failure["blame"], "settings");
    assert_eq!(
        failure["text"],
        "the token endpoint refuses: invalid_client"
    );
    assert!(failure["remedy"].is_string(), "{failure}");
    assert_eq!(
        api.breaker("north").await,
        "closed",
        "the partner is not at fault"
    );
    assert_eq!(orders(&service).len(), 0);
    let credential = &api.partner("north").await["credentials"][0];
    assert_eq!(credential["token"]["last_failure"]["code"], "token-refused");
    site.tells_nothing_of(&[SECRET]).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_signs_with_the_credential_it_chooses() {
    let service = Service::start(|_, _| Reply::status(200)).await;
    let site = Site::new()
        .sender("erp")
        .endpoint("north", &service.url())
        .endpoint("south", &service.url())
        .route("order", &["erp"], &["north", "south"]);
    let own = site.secret("own", "own-of-this-test");
    let stock = site.secret("stock", "stock-of-this-test");
    let bearer = |reference: &str| {
        let mut table = toml::Table::new();
        table.insert("kind".to_owned(), "bearer".into());
        table.insert("token".to_owned(), reference.into());
        table
    };
    let site = site
        .set("partners.north.adapter", "misbehaving")
        .set("partners.north.settings.sign-with", "stock")
        .set("partners.north.endpoint.credential", bearer(&own))
        .set("partners.north.credentials.stock", bearer(&stock))
        .set("partners.south.adapter", "misbehaving")
        .set("partners.south.settings.sign-with", "forecasts")
        .set("partners.south.credentials.stock", bearer(&stock));
    let host = site.start().await;
    let api = host.api();
    let id = api.accepted("erp", "1", &order::original("SO-1")).await;
    api.settled(&id).await;
    let heard = service.all();
    assert_eq!(
        heard.len(),
        1,
        "a credential that is not there signs nothing"
    );
    assert_eq!(
        heard[0].header("authorization"),
        "Bearer stock-of-this-test"
    );
    let letters = api.dead_letters().await;
    let failure = &letters[0]["failure"];
    assert_eq!(letters[0]["partner"], "south", "{letters:?}");
    assert_eq!(failure["code"], "credential-unknown");
    assert_eq!(failure["blame"], "settings");
    let words = text(&failure["text"]);
    assert!(
        words.contains("forecasts") && words.contains("stock"),
        "{words}"
    );
    site.tells_nothing_of(&["own-of-this-test", "stock-of-this-test"])
        .await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_waits_when_the_partner_says_that_no_calls_are_left() {
    let service = Service::start(|_, before| {
        let left = 1_usize.saturating_sub(before.len());
        Reply::json(201, &json!({ "id": "1" })).with("x-remaining-calls", left.to_string())
    })
    .await;
    // So long that it does not end while the test looks.
    let site = Site::new()
        .sender("erp")
        .endpoint("north", &service.url())
        .route("order", &["erp"], &["north"])
        .set("partners.north.endpoint.concurrency_max", 1)
        .set(
            "partners.north.endpoint.signals.remaining_wait_ms",
            3_000_000,
        );
    let host = site.start().await;
    let api = host.api();
    for number in 0..4 {
        let order = order::original(&format!("SO-{number}"));
        api.accepted("erp", &number.to_string(), &order).await;
    }
    until_two_wait(api).await;
    host.kill();
    // The wait is in the journal.
    let host = site.start().await;
    until_two_wait(host.api()).await;
    assert_eq!(service.all().len(), 2);
    host.stop().await;
}

async fn until_two_wait(api: &Api) {
    until("the lane to wait", async || {
        let north = api.partner("north").await;
        let because = north["held_because"].as_str().unwrap_or_default();
        let held = because == "x-remaining-calls says that 0 calls are left";
        match held && north["waiting"] == 2 && north["in_flight"] == 0 {
            true => Ok(()),
            false => Err(north.to_string()),
        }
    })
    .await;
}

/// What an assertion says; its signature is for the server that knows the key.
fn claims(form: &str) -> Value {
    let url = reqwest::Url::parse(&format!("http://form/?{form}")).expect("a form");
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        let (_, value) = pairs.find(|(it, _)| it == name).expect("it is in the form");
        value.into_owned()
    };
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(value("grant_type"), grant);
    let assertion = value("assertion");
    let parts: Vec<_> = assertion.split('.').collect();
    assert_eq!(parts.len(), 3);
    let claims = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).expect("base64url");
    serde_json::from_slice(&claims).expect("json")
}

/// Salesforce: a token for an assertion, without a word on how long it lives; sessions
/// that end; and with each answer how much of the day's calls is used.
#[tokio::test(flavor = "multi_thread")]
async fn salesforce_is_signed_in_to_by_assertion_and_its_limit_is_kept() {
    const KEY: &str =
        include_str!("../../host/src/deliver/credentials/oauth/tests/rsa-only-for-tests.pem");
    let service = Service::start(|heard, before| match heard.path.as_str() {
        "/token" => {
            let token = format!("{TOKEN}-{}", earlier(before, "/token"));
            Reply::json(
                200,
                &json!({ "access_token": token, "token_type": "Bearer" }),
            )
        }
        _ if bears(heard, 0) => Reply::json(401, &json!([{ "errorCode": "INVALID_SESSION_ID" }])),
        _ => Reply::json(
            200,
            &json!({ "id": "500D00000000001IAA", "success": true, "created": true }),
        )
        .with("sforce-limit-info", "api-usage=14250/15000"),
    })
    .await;
    let site = Site::new()
        .sender("erp")
        .endpoint("salesforce", &service.url())
        .route("service-case", &["erp"], &["salesforce"])
        .set("partners.salesforce.adapter", "salesforce")
        .set("partners.salesforce.settings.account-key", "Customer_No__c")
        .set("partners.salesforce.endpoint.signals.usage_percent_max", 95)
        .set(
            "partners.salesforce.endpoint.signals.usage_wait_ms",
            3_000_000,
        );
    let key = site.secret("salesforce.pem", KEY);
    let setting = "partners.salesforce.endpoint.credential";
    let token_url = format!("{}/token", service.url());
    let site = site
        .set(&format!("{setting}.kind"), "oauth2-jwt-bearer")
        .set(&format!("{setting}.token_url"), token_url)
        .set(&format!("{setting}.issuer"), "3MVG9-of-this-test")
        .set(&format!("{setting}.subject"), "crossdock@example.com")
        .set(
            &format!("{setting}.audience"),
            "https://login.salesforce.com",
        )
        .set(&format!("{setting}.private_key"), key)
        .set(&format!("{setting}.algorithm"), "RS256");
    let host = site.start().await;
    let api = host.api();
    let id = api.accepted("erp", "1", &late_order()).await;
    let message = api.settled(&id).await;
    let delivery = &message["deliveries"][0];
    assert_eq!(delivery["status"], "delivered", "{message}");
    assert_eq!(delivery["attempts"], 1, "{message}");
    let asked = service.heard("/token");
    assert_eq!(asked.len(), 2, "the session had ended");
    let claims = claims(&asked[0].body);
    assert_eq!(claims["iss"], "3MVG9-of-this-test");
    assert_eq!(claims["aud"], "https://login.salesforce.com");
    let life = claims["exp"].as_i64().zip(claims["iat"].as_i64());
    assert_eq!(life.map(|(end, begin)| end - begin), Some(180));

    let stands = api.partner("salesforce").await;
    let because = "sforce-limit-info says that 14250 of 15000 are used";
    assert_eq!(stands["held_because"], because, "{stands}");
    let token = &stands["credentials"][0]["token"];
    assert_eq!(token["fetched"], 2, "{stands}");
    let line = KEY.lines().nth(1).expect("a key has lines");
    site.tells_nothing_of(&[TOKEN, line]).await;
    host.finish().await;
}

fn late_order() -> Value {
    json!({
        "kind": "service-case", "external_key": "late/SO-1", "subject": "Order SO-1 is late",
        "description": "The warehouse has not confirmed it.", "category": "late-acknowledgement",
        "severity": "high", "status": "open", "order_no": "SO-1", "account": "C-77",
        "timeline": [],
    })
}

fn sap(service: &Service) -> Site {
    Site::new()
        .sender("erp")
        .endpoint("sap", &service.url())
        .route("order", &["erp"], &["sap"])
        .set("partners.sap.adapter", "sap")
        .set("partners.sap.settings.sales-organization", "1010")
        .set("partners.sap.settings.distribution-channel", "10")
        .set("partners.sap.settings.organization-division", "00")
        .set("partners.sap.settings.sold-to", "17100001")
}

fn sales_order(order_no: &str) -> Value {
    let mut order = order::original(order_no);
    order["parties"][0]["id"] = json!("17100002");
    order["parties"][0]["scheme"] = json!("seller");
    order["lines"][0]["quantity"]["unit"] = json!("EA");
    order
}

fn steps(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|it| it.method.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_keeps_its_cookies_and_shares_them_with_no_other() {
    let service = Service::start(gateway::answer).await;
    let site = sap(&service);
    let host = site.start().await;
    let api = host.api();
    for number in 0..5 {
        let order = sales_order(&format!("SO-{number}"));
        api.accepted("erp", &number.to_string(), &order).await;
    }
    api.until_idle().await;
    assert_eq!(api.dead_letters().await, Vec::<Value>::new());
    let heard = service.all();
    assert_eq!(heard.len(), 10, "no token was refused: {:?}", steps(&heard));
    let sent: BTreeSet<_> = heard
        .iter()
        .filter(|it| it.method == "POST")
        .map(|it| it.header("cookie").to_owned())
        .collect();
    assert_eq!(sent.len(), 5, "each has a session of its own: {sent:?}");
    let asked = heard.iter().filter(|it| it.method == "GET");
    assert!(asked.into_iter().all(|it| it.header("cookie").is_empty()));
    site.tells_nothing_of(&["session-0", "SAP_SESSIONID"]).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_crash_lost_is_opened_anew() {
    let service =
        Service::start(
            |heard, before| match heard.method == "POST" && before.len() == 1 {
                true => Reply::never(),
                false => gateway::answer(heard, before),
            },
        )
        .await;
    let site = sap(&service);
    let host = site.start().await;
    let id = host.api().accepted("erp", "1", &sales_order("SO-1")).await;
    until("the order to be on its way", async || {
        let heard = service.all();
        (heard.len() == 2)
            .then_some(())
            .ok_or(format!("{:?}", steps(&heard)))
    })
    .await;
    host.kill();

    let host = site.start().await;
    let message = host.api().settled(&id).await;
    assert_eq!(message["deliveries"][0]["status"], "delivered", "{message}");
    let heard = service.all();
    // The token is in the journal and its cookie is not: it is refused, and fetched
    // again with a cookie of its own.
    assert_eq!(steps(&heard), ["GET", "POST", "POST", "GET", "POST"]);
    assert_eq!(heard[2].header("x-csrf-token"), "token-0");
    assert_eq!(heard[2].header("cookie"), "");
    assert!(
        heard[4]
            .header("cookie")
            .contains("SAP_SESSIONID=session-1")
    );
    let requests: BTreeSet<_> = [1, 2, 4].map(|it| heard[it].header("requestid")).into();
    assert_eq!(requests.len(), 1, "SAP executes it once");
    assert_eq!(array(&message["deliveries"]).len(), 1);
    host.finish().await;
}

/// What a customer is told goes to the service desk as a webhook: signed as Standard
/// Webhooks says, under one id however often it is tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_a_signed_webhook() {
    const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let desk = Service::start(|_, before| match before.len() {
        0 => Reply::status(503),
        _ => Reply::json(201, &json!({ "id": "told-1" })),
    })
    .await;
    let site = Site::new()
        .sender("erp")
        .endpoint("desk", &desk.url())
        .route("notification", &["erp"], &["desk"]);
    let secret = site.secret("desk.secret", &format!("whsec_{KEY}"));
    let setting = "partners.desk.endpoint.credential";
    let site = site
        .set("partners.erp.role", "erp")
        .set("partners.desk.role", "crm")
        .set(&format!("{setting}.kind"), "hmac")
        .set(&format!("{setting}.form"), "standard-webhooks")
        .set(&format!("{setting}.secret"), secret);
    let host = site.start().await;
    let api = host.api();
    let notification = json!({
        "kind": "notification", "dedupe_key": "order/SO-1/customer/shipped/SH-1",
        "template": "order-shipped", "channel": "webhook",
        "recipient": { "email": "desk@example.com" },
        "data": [["shipment_id", "SH-1"]], "order_no": "SO-1",
    });
    let id = api.accepted("erp", "1", &notification).await;
    let message = api.settled(&id).await;
    let delivery = &message["deliveries"][0];
    assert_eq!(delivery["status"], "delivered", "{message}");
    assert_eq!(delivery["external_id"], "told-1", "{message}");

    let heard = desk.heard("/notification");
    assert_eq!(heard.len(), 2);
    for it in &heard {
        assert!(webhook::is_signed(it, KEY), "{it:?}");
        assert_eq!(it.header("crossdock-document-kind"), "notification");
        let body: Value = serde_json::from_str(&it.body).expect("json");
        assert_eq!(body, notification);
    }
    assert_eq!(
        heard[0].header("webhook-id"),
        heard[1].header("webhook-id"),
        "told once"
    );
    site.tells_nothing_of(&[KEY]).await;
    host.finish().await;
}
