//! What processes know, asked of the paths that tell it, and documents that come in by
//! them: who may, and what becomes of them.

use serde_json::Value;

use super::*;

/// Gives the test's guest the name of the adapter that reads canonical JSON: what it is
/// called stands at 1024, and there is room for the text at 640.
const CANONICAL: &str = r#"
    (i64.store (i32.const 640) (i64.const 0x6163696e6f6e6163))
    (i64.store (i32.const 648) (i64.const 0x00006e6f736a2d6c))
    (i32.store (i32.const 1024) (i32.const 640))
    (i32.store (i32.const 1028) (i32.const 14))
"#;

const ORDER: &str = r#"{"kind":"order","purpose":"original","order_no":"SO/1","lines":[
    {"line_no":"1","quantity":{"value":"2","unit":"EA"},"items":[{"scheme":"sku","value":"TEA"}]}
]}"#;

const RETURN: &str = r#"{"kind":"return-authorization","rma_no":"R1","purpose":"original",
    "state":"requested","lines":[{"line_no":"1","items":[{"scheme":"sku","value":"TEA"}],
    "quantity":{"value":"1","unit":"EA"},"reason":"fit"}]}"#;

/// A host with a shop that speaks canonical JSON, and the shop's token.
async fn with_shop(site: &Site) -> (Host, Token) {
    let adapters = site.directory.path().join("adapters");
    fs::write(adapters.join("canonical.wasm"), component("", CANONICAL)).unwrap();
    let token = Token::generate().unwrap();
    let settings = format!(
        r#"
        [partners.web]
        adapter = "canonical-json"
        role = "shop"
        access.token_sha256 = ["{}"]
        [partners.till]
        adapter = "guest"
        role = "shop"
        access.token_sha256 = ["{}"]
        "#,
        token.hash(),
        Token::generate().unwrap().hash(),
    );
    (site.start(&settings).await, token)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

fn code(answer: &Answer) -> String {
    json(answer)["code"]
        .as_str()
        .unwrap_or("no code")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_posted_is_a_message_of_its_partner_whoever_brings_it() {
    let site = Site::new();
    let (host, shop) = with_shop(&site).await;
    let path = "/v1/orders?partner=web";
    let keyed = [
        ("idempotency-key", "first"),
        ("content-type", "application/json"),
    ];
    let first = Site::ask_as(&shop, &host, "POST", path, &keyed, ORDER).await;
    assert_eq!(first.status, 202, "{}", first.body);
    let told = json(&first);
    assert_eq!(told["links"]["order"], "/v1/orders/SO%2F1");
    let id = told["message_id"].as_str().unwrap();
    assert!(
        first.head.contains(&format!("location: /v1/messages/{id}")),
        "{}",
        first.head
    );

    let again = Site::ask_as(&shop, &host, "POST", path, &keyed, ORDER).await;
    assert_eq!(json(&again)["message_id"], told["message_id"]);
    assert!(
        again.head.contains("idempotency-replayed: true"),
        "{}",
        again.head
    );
    let changed = ORDER.replace("\"2\"", "\"3\"");
    let changed = Site::ask_as(&shop, &host, "POST", path, &keyed, &changed).await;
    assert_eq!(
        (changed.status, code(&changed)),
        (422, "idempotency-key-reused".to_owned())
    );

    let by_operator = site.ask(&host, "POST", path, ORDER).await;
    assert_eq!(by_operator.status, 202, "{}", by_operator.body);
    let returned = site
        .ask(&host, "POST", "/v1/returns?partner=web", RETURN)
        .await;
    assert_eq!(
        json(&returned)["links"]["return"],
        "/v1/returns/R1",
        "{}",
        returned.body
    );
    let messages = site.get(&host, "/v1/messages?partner=web").await;
    assert_eq!(json(&messages)["messages"].as_array().unwrap().len(), 3);
    let raw = site.get(&host, &format!("/v1/messages/{id}/raw")).await;
    assert_eq!(raw.body, ORDER, "byte for byte");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_posts_for_a_partner_but_itself_and_operators() {
    let site = Site::new();
    let (host, shop) = with_shop(&site).await;
    let stranger = Token::generate().unwrap();
    for path in [
        "/v1/orders?partner=web",
        "/v1/orders",
        "/v1/orders?partner=nobody",
    ] {
        let refused = Site::ask_as(&stranger, &host, "POST", path, &[], ORDER).await;
        assert_eq!(refused.status, 401, "{path}: {}", refused.body);
    }
    let other = Site::ask_as(&shop, &host, "POST", "/v1/orders?partner=till", &[], ORDER).await;
    assert_eq!(other.status, 401, "its own messages only: {}", other.body);
    let reading = Site::ask_as(&shop, &host, "GET", "/v1/orders", &[], "").await;
    assert_eq!(reading.status, 401, "reading is for operators");
    let cancel = "/v1/orders/SO%2F1/cancel?partner=web";
    let cancelled = Site::ask_as(&stranger, &host, "POST", cancel, &[], "{}").await;
    assert_eq!(cancelled.status, 401, "{}", cancelled.body);

    for (path, body, status, problem) in [
        ("/v1/orders?partner=till", ORDER, 422, "dialect-unfit"),
        (
            "/v1/orders?partner=north",
            ORDER,
            422,
            "partner-without-role",
        ),
        ("/v1/orders?partner=nobody", ORDER, 404, "not-found"),
        ("/v1/orders", ORDER, 400, "bad-value"),
        ("/v1/orders?partner=web&x=1", ORDER, 400, "bad-value"),
        ("/v1/orders?partner=web", RETURN, 422, "order-invalid"),
        ("/v1/orders?partner=web", "{}", 422, "order-invalid"),
        ("/v1/orders?partner=web", "", 422, "order-invalid"),
        ("/v1/returns?partner=web", ORDER, 422, "document-invalid"),
        (cancel, "{\"lines\":1}", 400, "bad-value"),
        (cancel, "", 404, "not-found"),
    ] {
        let refused = site.ask(&host, "POST", path, body).await;
        let told = (refused.status, code(&refused));
        assert_eq!(
            told,
            (status, problem.to_owned()),
            "{path}: {}",
            refused.body
        );
    }
    let messages = site.get(&host, "/v1/messages").await;
    assert_eq!(
        json(&messages)["messages"].as_array().unwrap().len(),
        0,
        "nothing was kept"
    );
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_processes_know_has_a_path_each() {
    let site = Site::new();
    let (host, _) = with_shop(&site).await;
    for (path, list) in [
        ("/v1/orders", "orders"),
        ("/v1/processes", "instances"),
        ("/v1/exceptions", "exceptions"),
        ("/v1/inventory", "inventory"),
        ("/v1/service-levels", "service_levels"),
    ] {
        let answer = site.get(&host, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(json(&answer)[list], Value::Array(Vec::new()), "{path}");
    }
    let machines = json(&site.get(&host, "/v1/processes").await)["machines"].clone();
    assert_eq!(machines.as_array().unwrap().len(), 5);
    let wrong = site.ask(&host, "DELETE", "/v1/orders", "").await;
    assert_eq!(wrong.status, 405, "{}", wrong.body);
    let mut head = wrong.head.lines();
    let allow = head.find(|it| it.starts_with("allow:")).unwrap();
    assert!(allow.contains("get") && allow.contains("post"), "{allow}");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_processes_do_not_know_is_not_found() {
    let site = Site::new();
    let (host, _) = with_shop(&site).await;
    for path in [
        "/v1/orders/SO%2F1",
        "/v1/shipments/SH-1",
        "/v1/returns/R1",
        "/v1/exceptions/order%2FSO-1%231",
        "/v1/processes/order-to-fulfilment/order/SO-1",
        "/v1/inventory/reconciliation?node=north",
    ] {
        let answer = site.get(&host, path).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (404, "not-found".to_owned()),
            "{path}"
        );
    }
    for (path, body) in [
        (
            "/v1/processes/order-to-fulfilment/order/SO-1/migrate",
            r#"{"to":2}"#,
        ),
        (
            "/v1/processes/order-to-fulfilment/order/SO-1",
            r#"{"to":2}"#,
        ),
        (
            "/v1/exceptions/order%2FSO-1%231/resolve",
            r#"{"action":"retry"}"#,
        ),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = Site::ask_as(&site.token, &host, "POST", path, &headers, body).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (404, "not-found".to_owned()),
            "{path}"
        );
    }
    for path in [
        "/v1/orders?colour=red",
        "/v1/service-levels?days=0",
        "/v1/inventory/reconciliation",
    ] {
        let answer = site.get(&host, path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
    }
    host.stop().await.unwrap();
}
