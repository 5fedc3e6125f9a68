//! A partner that sends nothing is asked: what it has comes in once, like any message,
//! and its troubles are seen and harm nobody.

use e2e::harness::{Books, Host, Receiver, Site, Told, text, until};
use serde_json::Value;

/// Pages as the adapter's own golden tests have them.
const STOCK: &str = include_str!("../../adapters/shipbob/fixtures/poll/inventory-two-pages.json");
const ORDERS: &str = include_str!("../../adapters/shipbob/fixtures/poll/orders-full-page.json");

/// Longer than any test: only the first run comes by itself.
const INTERVAL: i64 = 3_600;

/// What ShipBob has: stock on two pages, and one full page of orders.
fn shipbob(question: &str) -> Told {
    let page = |fixture: &str, index: usize| {
        let fixture: Value = serde_json::from_str(fixture).expect("a fixture is JSON");
        (200, text(&fixture["answers"][index]["body"]).to_owned())
    };
    if question.starts_with("GET /2026-01/inventory-level") {
        return page(STOCK, usize::from(question.contains("cursor=")));
    }
    if question.starts_with("GET /2026-01/order?") {
        return match question.ends_with("&Page=1") {
            true => page(ORDERS, 0),
            false => (200, "[]".to_owned()),
        };
    }
    (404, String::new())
}

fn site(books: &Books, erp: &Receiver) -> Site {
    let kinds = ["inventory-snapshot", "shipment", "milestone"];
    let site = Site::new()
        .polled("bob", "shipbob", books, INTERVAL)
        .set("partners.bob.settings.poll", "inventory,orders")
        .set("partners.bob.settings.since", "2026-02-01T00:00:00Z")
        .set("partners.bob.settings.page-size", 2)
        .set("partners.bob.endpoint.breaker.failures_max", 3)
        .set("partners.bob.endpoint.breaker.open_ms", 600_000)
        .set("partners.bob.endpoint.breaker.open_ms_max", 600_000)
        .receiver("erp", erp);
    kinds
        .iter()
        .fold(site, |site, kind| site.route(kind, &["bob"], &["erp"]))
}

/// How polling stands, once so many runs went well in the host's life.
async fn brought(host: &Host, runs: usize) -> Value {
    until("polls to bring something", async || {
        let page = host.api().metrics().await;
        let sample = "crossdock_polls_total{partner=\"bob\",outcome=\"brought\"} ";
        let count = page.lines().find_map(|line| line.strip_prefix(sample));
        let partner = host.api().partner("bob").await;
        match count.and_then(|it| it.parse::<usize>().ok()) {
            Some(count) if count >= runs => Ok(partner["poll"].clone()),
            _ => Err(partner.to_string()),
        }
    })
    .await
}

/// How many documents of a kind have arrived.
fn arrived(erp: &Receiver, kind: &str) -> usize {
    let arrivals = erp.arrivals();
    let of_kind = arrivals.iter().filter(|it| it.document["kind"] == kind);
    of_kind.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_has_is_fetched_page_by_page_and_comes_in_as_messages() {
    let (books, erp) = (Books::open(|it| shipbob(it)).await, Receiver::start().await);
    let site = site(&books, &erp);
    let host = site.start().await;
    let poll = brought(&host, 1).await;
    assert_eq!(poll["plan"], "every 3600 s");
    assert_eq!(poll["failures_in_a_row"], 0);
    assert_eq!(poll["last"]["messages"], 2, "{poll}");
    assert_eq!(poll["last"]["requests"], 4, "{poll}");
    assert!(
        poll["cursor"].is_string() && poll["next_at"].is_string(),
        "{poll}"
    );
    host.api().until_idle().await;

    let messages = host.api().messages().await;
    assert_eq!(messages.len(), 2);
    for message in &messages {
        assert_eq!(message["channel"], "poll", "{message}");
        assert_eq!(message["partner"], "bob");
        assert_eq!(message["status"], "decoded", "{message}");
        let path = format!("/v1/messages/{}/raw", text(&message["id"]));
        let raw = host.api().plain("GET", &path).await;
        assert_eq!(raw.0, 401, "like any message, for operators only");
    }
    assert_eq!(arrived(&erp, "inventory-snapshot"), 1);
    let news = arrived(&erp, "shipment") + arrived(&erp, "milestone");
    assert!(news > 0, "{:?}", books.questions());

    // The next round asks for what changed meanwhile and a while before; what comes twice
    // is known.
    let answer = site.ask(&["partners", "poll", "bob"]).await;
    assert_eq!(answer["ended"], true, "{answer}");
    assert_eq!(answer["poll"]["last"]["messages"], 2, "{answer}");
    host.api().until_idle().await;
    assert_eq!(arrived(&erp, "shipment") + arrived(&erp, "milestone"), news);
    assert_eq!(host.api().messages().await.len(), 4);
    let said = site.run(&["partners", "show", "bob"]).await;
    assert!(
        said.answer.contains("brought 2 messages with 4 requests"),
        "{}",
        said.answer
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_fails_is_asked_less_and_its_breaker_counts_polls() {
    let (books, erp) = (
        Books::open(|_| (503, String::new())).await,
        Receiver::start().await,
    );
    let site = site(&books, &erp);
    let host = site.start().await;
    until("the first poll to fail", async || {
        let poll = host.api().partner("bob").await["poll"].clone();
        let failed = poll["failures_in_a_row"] == 1;
        failed.then_some(()).ok_or_else(|| poll.to_string())
    })
    .await;
    for failures in [2, 3] {
        let ran = site.run(&["partners", "poll", "bob"]).await;
        assert_eq!(ran.code, Some(1), "{}", ran.said);
        let poll = host.api().partner("bob").await["poll"].clone();
        assert_eq!(poll["failures_in_a_row"], failures, "{poll}");
        assert_eq!(poll["last"]["outcome"], "failed");
    }
    assert_eq!(host.api().breaker("bob").await, "open");
    let asked = books.questions().len();
    let ran = site.run(&["partners", "poll", "bob"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("no request may be made"), "{}", ran.said);
    assert_eq!(
        books.questions().len(),
        asked,
        "an open breaker lets no poll through"
    );
    assert!(site.log().contains("a poll failed"), "{}", site.log());

    books.answer(|it| shipbob(it));
    site.ask(&["partners", "breaker", "bob", "reset"]).await;
    let answer = site.ask(&["partners", "poll", "bob"]).await;
    assert_eq!(answer["poll"]["last"]["outcome"], "brought", "{answer}");
    assert_eq!(answer["poll"]["failures_in_a_row"], 0);
    assert_eq!(arrived_soon(&host, &erp).await, 1);
    host.finish().await;
}

async fn arrived_soon(host: &Host, erp: &Receiver) -> usize {
    host.api().until_idle().await;
    arrived(erp, "inventory-snapshot")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_outlives_the_host_and_its_view_and_can_be_given_up() {
    let (books, erp) = (Books::open(|it| shipbob(it)).await, Receiver::start().await);
    let site = site(&books, &erp);
    let host = site.start().await;
    let before = brought(&host, 1).await;
    host.finish().await;
    let asked = books.questions().len();

    let rebuilt = site.run(&["rebuild"]).await;
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.said);
    let host = site.start().await;
    let after = host.api().partner("bob").await["poll"].clone();
    assert_eq!(after["cursor"], before["cursor"]);
    assert_eq!(after["cursor_at"], before["cursor_at"]);
    assert_eq!(books.questions().len(), asked, "it is not due yet");

    let since = |questions: &[String]| {
        let orders = questions.iter().filter(|it| it.contains("/order?"));
        orders
            .map(|it| it.contains("LastUpdateStartDate=2026-02-01"))
            .collect::<Vec<_>>()
    };
    site.ask(&["partners", "poll", "bob", "--from-beginning"])
        .await;
    site.ask(&["partners", "poll", "bob"]).await;
    site.ask(&["partners", "poll", "bob"]).await;
    let rounds = since(&books.questions()[asked..]);
    // Two rounds ask from `since` on, as the first ones of a partner do.
    assert_eq!(rounds, [true, true, true, true, false, false]);
    let unknown = site.run(&["partners", "poll", "erp"]).await;
    assert_eq!(unknown.code, Some(1));
    assert!(host.api().dead_letters().await.is_empty());
    host.finish().await;
}
