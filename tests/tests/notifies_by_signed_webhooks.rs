//! What processes have to say to customers and to those who answer them goes out as signed
//! webhooks: each thing once, to whom the order names, and nobody else can have said it.

use std::collections::BTreeSet;

use e2e::harness::{
    Heard, Reply, Service,
    business::{Business, in_short, order_stands, says},
    papers::{LINES, answer, order, shipment},
    until, webhook,
};
use serde_json::{Value, json};

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Everything that the desk was sent as a notification with this template.
fn notices(desk: &Service, template: &str) -> Vec<(Heard, Value)> {
    let heard = desk.all().into_iter();
    heard
        .map(|it| {
            let body = serde_json::from_str(&it.body).expect("it is sent JSON");
            (it, body)
        })
        .filter(|(_, body): &(Heard, Value)| body["template"] == template)
        .collect()
}

/// A business whose desk is this service and signs nothing itself.
async fn business(desk: &Service) -> Business {
    let business = Business::new().await;
    let secret = business
        .site()
        .secret("desk.secret", &format!("whsec_{KEY}"));
    let credential = [
        ("kind", "hmac".to_owned()),
        ("form", "standard-webhooks".to_owned()),
        ("secret", secret),
    ];
    business.at(|site| {
        let site = site.endpoint("crm", &desk.url());
        credential.into_iter().fold(site, |site, (name, value)| {
            site.set(&format!("partners.crm.endpoint.credential.{name}"), value)
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_told_of_a_shipment_by_a_webhook_that_can_be_verified() {
    // The desk is busy when it is told first.
    let desk = Service::start(|heard, before| {
        let is_first = before.iter().all(|it| it.path != heard.path);
        match is_first {
            true => Reply::status(503),
            false => Reply::json(201, &json!({ "id": format!("told-{}", before.len()) })),
        }
    })
    .await;
    let business = business(&desk).await;
    let host = business.start().await;
    let api = host.api();
    let mut order = order("SO-1", LINES);
    order["parties"][0]["contacts"] = json!([{ "email": "dock@example.com" }]);
    business.accepted(api, "SO-1", &order).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "accepted", 2)).await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    order_stands(api, "SO-1", "shipped").await;
    until("the customer to be told", async || {
        match notices(&desk, "order-shipped").len() {
            0 => Err("nothing is told".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    host.finish().await;

    let told = notices(&desk, "order-shipped");
    let ids: BTreeSet<_> = told.iter().map(|(it, _)| it.header("webhook-id")).collect();
    assert_eq!(
        ids.len(),
        1,
        "one thing, however often it is sent: {told:?}"
    );
    let (_, notice) = &told[0];
    assert_eq!(notice["kind"], "notification");
    assert_eq!(notice["order_no"], "SO-1");
    assert_eq!(notice["recipient"]["email"], "dock@example.com");
    assert_eq!(notice["channel"], "email");

    // All that the desk is sent is signed, and by nobody else.
    let all = desk.all();
    assert!(all.len() > told.len());
    for heard in all {
        let body = serde_json::from_str(&heard.body).expect("it is sent JSON");
        let short = in_short(&body);
        assert!(webhook::is_signed(&heard, KEY), "{short}");
        assert!(!webhook::is_signed(&heard, OTHER), "{short}");
        let mut altered = heard.clone();
        altered.body = heard.body.replace("SO-1", "SO-2");
        assert!(!webhook::is_signed(&altered, KEY), "{short}");
        let mut moved = heard;
        let later = "4102444800".parse().expect("a header's value");
        moved.headers.insert("webhook-timestamp", later);
        assert!(!webhook::is_signed(&moved, KEY), "{short}");
    }
    assert!(!business.site().holds(KEY), "the key is kept nowhere");
}
