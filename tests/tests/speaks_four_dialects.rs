//! SAP, Salesforce, ShipBob and an X12 warehouse, each both ways through the real
//! binary, on good days and on bad ones: whatever gets lost, each order has one effect.

use crossdock::{
    clock::Clock,
    ingress::authenticate::Token,
    simulate::{
        connection::{self, Access, Connection, Kind},
        ingress::{self, Ingress},
        partner::Partner,
        salesforce::Salesforce,
        sap::Sap,
        script::{Answers, Script, Sends},
        server::{Options, Simulator},
        shipbob::ShipBob,
        x12::House,
    },
};
use e2e::harness::{Api, Receiver, Site, text, until};
use serde_json::{Value, json};
use toml::Table;

/// What the host presents to each partner.
const SECRET: &str = "s3cret-of-this-test";

/// What takes seconds in production takes milliseconds here.
const FAST: &str = "
retry = { first_ms = 10, max_ms = 100, attempts_max = 10000 }
retry_budget = { percent = 100, floor_per_minute = 60000, burst_max = 1000 }
breaker = { failures_max = 5, failed_percent = 101, slow_percent = 101, open_ms = 100, open_ms_max = 400, probe_successes = 1 }
";

/// Everybody who is not the host.
struct Partners {
    sap: Simulator<Sap>,
    salesforce: Simulator<Salesforce>,
    shipbob: Simulator<ShipBob>,
    warehouse: Simulator<House>,
    /// What SAP, Salesforce and the warehouse present to the host, and what ShipBob
    /// signs with.
    tokens: [Token; 3],
    signing: String,
}

async fn started<P: Partner>(partner: P) -> Simulator<P> {
    let started = Simulator::start(partner, Options::default(), Clock::System).await;
    started.expect("there is a port")
}

// === impl Partners ===

impl Partners {
    async fn start() -> Self {
        let token = || Token::generate().expect("there is randomness");
        Self {
            sap: started(connection::sap(SECRET)).await,
            salesforce: started(connection::salesforce(SECRET)).await,
            shipbob: started(connection::shipbob(SECRET)).await,
            warehouse: started(connection::warehouse(SECRET)).await,
            tokens: [token(), token(), token()],
            signing: ingress::signing_secret().expect("there is randomness"),
        }
    }

    /// A site that is connected with all of them, and has an ERP of our own model that
    /// sends.
    fn site(&self) -> Site {
        let signing = Site::new().sender("erp");
        let reference = signing.secret("shipbob.signing", &self.signing);
        let [sap, salesforce, warehouse] = self.tokens.each_ref().map(|it| it.hash().to_string());
        let partners = [
            (Kind::Sap, self.sap.url(), Access::Token(sap)),
            (
                Kind::Salesforce,
                self.salesforce.url(),
                Access::Token(salesforce),
            ),
            (
                Kind::ShipBob,
                self.shipbob.url(),
                Access::Signature(&reference),
            ),
            (Kind::X12, self.warehouse.url(), Access::Token(warehouse)),
        ];
        partners
            .into_iter()
            .fold(signing, |site, (kind, url, access)| {
                connected(site, kind, &url, access)
            })
    }

    /// They send to this host.
    fn send_to(&mut self, api: &Api) {
        let host = format!("http://{}", api.socket());
        let client = || ingress::client().expect("there are sockets");
        let [sap, salesforce, warehouse] = self.tokens.each_ref().map(Token::expose);
        self.sap
            .send_to(Ingress::keyless(client(), &host, "sap", sap));
        self.salesforce
            .send_to(Ingress::keyless(client(), &host, "salesforce", salesforce));
        self.warehouse
            .send_to(Ingress::new(client(), &host, "x12-3pl", warehouse));
        let signed = Ingress::signed(client(), &host, "shipbob", &self.signing, Clock::System);
        self.shipbob.send_to(signed.expect("the secret is one"));
    }
}

fn connected(site: Site, kind: Kind, url: &str, access: Access<'_>) -> Site {
    let name = kind.name();
    let secret = site.secret(&format!("{name}.secret"), SECRET);
    let text = kind.configuration(&Connection {
        partner: name,
        url,
        secret: &secret,
        access,
        role: "",
        settings: "",
        endpoint: FAST,
    });
    let configuration: Table = text.parse().expect("the configuration is TOML");
    site.set(
        &format!("partners.{name}"),
        configuration["partners"][name].clone(),
    )
}

/// An order of our own model.
fn order(order_no: &str) -> Value {
    json!({
        "kind": "order", "purpose": "original", "order_no": order_no,
        "parties": [
            { "role": "buyer", "id": "17100001", "scheme": "seller" },
            { "role": "ship-to", "name": "Lake Shop", "address": {
                "lines": ["1 Pier Road"], "city": "Duluth", "region": "MN", "postal_code": "55802", "country": "US" } },
        ],
        "lines": [{ "line_no": "10", "quantity": { "value": "7", "unit": "EA" }, "items": [{ "scheme": "sku", "value": "MUG" }] }],
    })
}

fn sold(key: &str) -> Value {
    json!({
        "act": "place-order", "key": key, "account": "17100001",
        "ship_to": { "street": "1 Pier Road", "city": "Duluth", "state": "MN", "postal_code": "55802", "country": "US" },
        "lines": [{ "sku": "MUG", "quantity": 7 }],
    })
}

fn do_act<P: Partner>(partner: &Simulator<P>, act: &Value) {
    partner.act(act).expect("the partner does it");
}

async fn nothing_is_dead(api: &Api) {
    let letters = api.dead_letters().await;
    assert!(letters.is_empty(), "{letters:?}");
}

/// Delivers an order to one partner that behaves so, and waits until all is done.
async fn delivered(site: Site, partner: &str, order_no: &str) {
    let site = site.route("order", &["erp"], &[partner]);
    let host = site.start().await;
    let id = host.api().accepted("erp", order_no, &order(order_no)).await;
    until("the order is delivered", async || {
        let message = host.api().message(&id).await;
        let delivery = &message["deliveries"][0];
        match text(&delivery["status"]) {
            "delivered" | "already-delivered" => Ok(()),
            _ => Err(delivery.to_string()),
        }
    })
    .await;
    nothing_is_dead(host.api()).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_sold_released_shipped_and_told_in_four_dialects() {
    let mut partners = Partners::start().await;
    let site = partners
        .site()
        .route("order", &["salesforce"], &["sap"])
        .route("order", &["sap"], &["x12-3pl"])
        .route("shipment", &["x12-3pl"], &["sap", "salesforce"]);
    let host = site.start().await;
    partners.send_to(host.api());
    do_act(&partners.salesforce, &sold("70000101"));
    do_act(
        &partners.salesforce,
        &json!({ "act": "publish", "key": "70000101" }),
    );
    until("SAP and Salesforce know that it has left", async || {
        let issued = partners.sap.inside(|sap| sap.issued("70000101"));
        let timeline = partners.salesforce.inside(|org| org.timeline("70000101"));
        let told = issued.is_some_and(|it| it.to_string() == "7") && timeline == ["shipped"];
        told.then_some(())
            .ok_or_else(|| format!("{issued:?}, {timeline:?}"))
    })
    .await;
    host.api().until_idle().await;
    assert_eq!(partners.sap.inside(|sap| sap.orders_of("70000101")), 1);
    let idocs = partners.sap.inside(|sap| sap.idocs());
    assert_eq!(idocs.len(), 1);
    assert_eq!((idocs[0].1.as_str(), idocs[0].2), ("SHPCON", "53"));
    let status = partners
        .salesforce
        .inside(|org| org.order("70000101").map(|it| it["Status"].clone()));
    assert_eq!(status, Some(json!("Shipped")));
    assert_eq!(partners.warehouse.repeats(), 0);
    nothing_is_dead(host.api()).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_salesforce_does_not_send_are_polled_once() {
    let partners = Partners::start().await;
    let site = partners
        .site()
        .route("order", &["salesforce"], &["sap"])
        .set("partners.salesforce.poll.interval_seconds", 1)
        .set("partners.salesforce.poll.jitter_seconds", 0);
    let host = site.start().await;
    // The first poll is past: what comes now is new.
    until("Salesforce is asked", async || {
        let asked = partners.salesforce.received();
        let queries = asked.iter().filter(|it| it.target.contains("/query"));
        let any = queries.count() > 0;
        any.then_some(()).ok_or_else(|| format!("{asked:?}"))
    })
    .await;
    do_act(&partners.salesforce, &sold("70000101"));
    do_act(&partners.salesforce, &sold("70000102"));
    until("SAP has both orders", async || {
        let orders = partners
            .sap
            .inside(|sap| ["70000101", "70000102"].map(|it| sap.orders_of(it)));
        let both = orders == [1, 1];
        both.then_some(()).ok_or_else(|| format!("{orders:?}"))
    })
    .await;
    // Later rounds see them again, and nothing comes of it.
    let queries = || {
        let asked = partners.salesforce.received();
        asked
            .iter()
            .filter(|it| it.target.contains("/query"))
            .count()
    };
    let before = queries();
    until("Salesforce is asked again, twice", async || {
        let asked = queries();
        (asked >= before + 2)
            .then_some(())
            .ok_or_else(|| asked.to_string())
    })
    .await;
    host.api().until_idle().await;
    let orders = partners
        .sap
        .inside(|sap| ["70000101", "70000102"].map(|it| sap.orders_of(it)));
    assert_eq!(orders, [1, 1]);
    nothing_is_dead(host.api()).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_twice_or_backwards_is_booked_once() {
    let mut partners = Partners::start().await;
    let crm = Receiver::start().await;
    let site = partners
        .site()
        .receiver("crm", &crm)
        .route("order", &["erp"], &["shipbob"])
        .route("shipment", &["shipbob"], &["crm"])
        .route("milestone", &["shipbob"], &["crm"]);
    let host = site.start().await;
    partners.send_to(host.api());
    partners.shipbob.play(Script {
        sends: Sends {
            copies: 2,
            reversed: true,
        },
        ..Script::default()
    });
    host.api().accepted("erp", "1", &order("SO-1")).await;
    until("ShipBob has shipped", async || {
        let there = partners.shipbob.inside(|it| it.orders_of("SO-1")) == 1;
        there.then_some(()).ok_or_else(|| "it has not".to_owned())
    })
    .await;
    // The delivery is told before the shipment, then each a second time.
    do_act(
        &partners.shipbob,
        &json!({ "act": "deliver", "order": "SO-1" }),
    );
    until("the delivery is told first", async || {
        let sent = partners.shipbob.sent();
        let kinds: Vec<_> = sent.iter().map(|it| it.kind.as_str()).collect();
        let first = kinds == ["order.shipment.delivered"; 2];
        first.then_some(()).ok_or_else(|| format!("{kinds:?}"))
    })
    .await;
    partners.shipbob.play(Script {
        sends: Sends {
            copies: 2,
            reversed: false,
        },
        ..Script::default()
    });
    until("four webhooks are answered", async || {
        let sent = partners.shipbob.sent();
        let all = sent.len() == 4 && sent.iter().all(|it| it.answer.status == 202);
        all.then_some(()).ok_or_else(|| format!("{sent:?}"))
    })
    .await;
    host.api().until_idle().await;
    let mut kinds: Vec<_> = crm
        .taken()
        .iter()
        .map(|it| text(&it.document["kind"]).to_owned())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["milestone", "shipment"]);
    let known = partners.shipbob.sent();
    assert_eq!(known.iter().filter(|it| it.answer.replayed).count(), 2);
    nothing_is_dead(host.api()).await;
    host.finish().await;
}

/// Work that was done, but not answered so, has one effect with every partner.
#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_done_and_answered_with_500_is_not_done_twice() {
    let partners = Partners::start().await;
    let failing = Script::answering(Answers::FailAfterWork).times(1);

    partners
        .sap
        .play(failing.clone().only("POST", "A_SalesOrder"));
    delivered(partners.site(), "sap", "70000101").await;
    assert_eq!(partners.sap.inside(|sap| sap.orders_of("70000101")), 1);

    partners
        .salesforce
        .play(failing.clone().only("PATCH", "/composite/"));
    delivered(partners.site(), "salesforce", "SO-1").await;
    assert_eq!(partners.salesforce.inside(|org| org.lines("SO-1")), 1);

    partners
        .shipbob
        .play(failing.clone().only("POST", "/order"));
    delivered(partners.site(), "shipbob", "SO-1").await;
    assert_eq!(partners.shipbob.inside(|it| it.orders_of("SO-1")), 1);
    assert_eq!(partners.shipbob.inside(|it| it.on_hand("MUG")), 993);

    partners.warehouse.play(failing);
    delivered(partners.site(), "x12-3pl", "SO-1").await;
    assert_eq!(partners.warehouse.depot(|depot| depot.releases.len()), 1);
    assert_eq!(partners.warehouse.repeats(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_come_are_asked_for_again() {
    let partners = Partners::start().await;
    let losing = Script::answering(Answers::LoseAnswer).times(1);
    partners
        .sap
        .play(losing.clone().only("POST", "A_SalesOrder"));
    delivered(partners.site(), "sap", "70000101").await;
    assert_eq!(partners.sap.inside(|sap| sap.orders_of("70000101")), 1);
    partners.shipbob.play(losing.only("POST", "/order"));
    delivered(partners.site(), "shipbob", "SO-1").await;
    assert_eq!(partners.shipbob.inside(|it| it.orders_of("SO-1")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csrf_token_holds_with_its_cookie_and_is_fetched_anew_when_the_session_is_lost() {
    let partners = Partners::start().await;
    do_act(
        &partners.sap,
        &json!({ "act": "lose-sessions", "requests": 2 }),
    );
    delivered(partners.site(), "sap", "70000101").await;
    let asked = partners.sap.received();
    let steps: Vec<_> = asked
        .iter()
        .map(|it| (it.method.as_str(), it.status.unwrap_or_default()))
        .collect();
    let refused = [("GET", 200), ("POST", 403)];
    let taken = [("GET", 200), ("POST", 201)];
    assert_eq!(steps, [refused, refused, taken].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_oauth_token_is_replaced() {
    let partners = Partners::start().await;
    let site = partners.site().route("order", &["erp"], &["salesforce"]);
    let host = site.start().await;
    for number in 1..=2 {
        let order_no = format!("SO-{number}");
        host.api()
            .accepted("erp", &order_no, &order(&order_no))
            .await;
        host.api().until_idle().await;
        assert_eq!(partners.salesforce.inside(|org| org.lines(&order_no)), 1);
        do_act(&partners.salesforce, &json!({ "act": "expire-sessions" }));
    }
    assert_eq!(partners.salesforce.inside(|org| org.tokens_given()), 2);
    let refused = partners.salesforce.received();
    let refused = refused.iter().filter(|it| it.status == Some(401)).count();
    assert!(refused >= 1, "no token was refused");
    assert!(!site.holds(SECRET));
    nothing_is_dead(host.api()).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_too_many_comes_again_later() {
    let partners = Partners::start().await;
    let limited = Answers::RateLimited {
        retry_after_seconds: 1,
    };
    partners.shipbob.play(Script::answering(limited).times(1));
    delivered(partners.site(), "shipbob", "SO-1").await;
    let calls = partners.shipbob.received();
    let statuses: Vec<_> = calls.iter().filter_map(|it| it.status).collect();
    assert_eq!(statuses, [429, 201]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_refuses_waits_for_a_person_in_the_partners_words() {
    let partners = Partners::start().await;
    let site = partners.site().route("order", &["erp"], &["sap"]);
    let host = site.start().await;
    let mut unknown = order("70000101");
    unknown["lines"][0]["items"][0]["value"] = json!("TEAPOT");
    host.api().accepted("erp", "1", &unknown).await;
    let letter = until("a dead letter", async || {
        let letters = host.api().dead_letters().await;
        letters.into_iter().next().ok_or_else(|| "none".to_owned())
    })
    .await;
    let reason = text(&letter["failure"]["text"]);
    assert!(
        reason.contains("material TEAPOT does not exist"),
        "{letter}"
    );
    assert_eq!(partners.sap.inside(|sap| sap.orders_of("70000101")), 0);
    host.finish().await;
}
