//! An order comes true across ERP, warehouse, service desk and shop, and who has to know
//! of it hears each thing once; what goes wrong is tried elsewhere, or waits for a person.

use e2e::harness::{
    array,
    business::{
        Business, exceptions, fact, heard, hears, in_short, kinds, order_stands, resolve, says,
        stands, until_kinds,
    },
    papers::{LINES, answer, invoice, milestone, order, shipment, shipment_as, to_postal},
    text, until,
};
use serde_json::Value;

const KEY: &str = "order/SO-1";

/// The names of what happened to an instance, in the order of its steps.
fn events(instance: &Value) -> Vec<String> {
    let steps = array(&instance["history"]).iter();
    steps
        .flat_map(|step| array(&step["events"]))
        .map(|event| text(&event["event"]).to_owned())
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a whole life is one story")]
#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_from_the_shop_to_its_end_and_each_hears_each_thing_once() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    let waiting = order_stands(api, "SO-1", "validating").await;
    assert_eq!(waiting["waits"][0]["level"], "order-acknowledgement");
    hears(&business.erp, &["order original SO-1"]).await;

    says(api, "erp", &answer("SO-1", "accepted", 1)).await;
    let released = order_stands(api, "SO-1", "released").await;
    assert_eq!(fact(&released, "node"), "north");
    assert_eq!(released["waits"][0]["on"], "north");
    hears(&business.north, &["order original SO-1"]).await;
    let release = &business.north.taken()[0].document;
    assert_eq!(release["node"], "north");
    assert_eq!(release["lines"][1]["quantity"]["value"], "5");

    says(api, "north", &answer("SO-1", "accepted", 2)).await;
    order_stands(api, "SO-1", "accepted").await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, &LINES[..1])).await;
    let partly = order_stands(api, "SO-1", "partly-shipped").await;
    assert_eq!(
        (fact(&partly, "shipped"), fact(&partly, "open")),
        ("10", "5")
    );
    says(api, "north", &shipment("SH-2", "SO-1", 90, &LINES[1..])).await;
    order_stands(api, "SO-1", "shipped").await;
    for (id, second) in [("SH-1", 600), ("SH-2", 700)] {
        says(api, "north", &milestone(id, "SO-1", "delivered", second)).await;
        stands(
            api,
            "shipment-visibility",
            &format!("shipment/{id}"),
            "delivered",
        )
        .await;
    }
    order_stands(api, "SO-1", "delivered").await;
    says(api, "erp", &invoice("INV-1", "SO-1", LINES)).await;
    let closed = order_stands(api, "SO-1", "closed").await;
    assert_eq!(closed["finished"], true);
    assert_eq!(array(&closed["waits"]).len(), 0);
    let causes: Vec<_> = array(&closed["history"])
        .iter()
        .map(|step| text(&step["cause"]["text"]))
        .collect();
    assert_eq!(causes[0], "order from shop");
    assert!(causes.contains(&"the order to north ended"), "{causes:?}");
    assert_eq!(exceptions(api, KEY).await, Vec::<Value>::new());

    api.until_idle().await;
    let moved = ["milestone SH-1 delivered", "milestone SH-2 delivered"];
    let shipped = ["shipment SH-1", "shipment SH-2"];
    hears(
        &business.erp,
        &[
            &["order original SO-1", "answer accepted SO-1"][..],
            &shipped,
            &moved,
        ]
        .concat(),
    )
    .await;
    hears(
        &business.shop,
        &[&["answer accepted SO-1"; 2][..], &shipped, &moved].concat(),
    )
    .await;
    let told = [
        "answer accepted SO-1",
        "told order-shipped-partly",
        "told order-shipped",
        "told shipment-delivered",
        "told shipment-delivered",
    ];
    hears(&business.crm, &[&told[..], &shipped, &moved].concat()).await;
    hears(&business.north, &["order original SO-1"]).await;
    hears(&business.south, &[]).await;
    assert_eq!(api.dead_letters().await, Vec::<Value>::new());

    // All of it is one thing: every request bore the id of the shop's message.
    let first = text(&closed["correlation_id"]);
    for partner in [&business.erp, &business.north] {
        for arrival in partner.arrivals() {
            let document = in_short(&arrival.document);
            if !document.starts_with("milestone") {
                assert_eq!(arrival.correlation_id, first, "{document}");
            }
        }
    }
    let across = api.get("/v1/orders/SO-1").await;
    let systems: Vec<_> = array(&across["systems"])
        .iter()
        .map(|it| text(&it["partner"]))
        .collect();
    assert_eq!(systems, ["crm", "erp", "north", "shop"]);
    assert_eq!(across["routing"][0]["node"], "north");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_to_a_node_that_ships_to_its_region() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    let far = to_postal(order("SO-1", LINES), "30301");
    business.accepted(api, "SO-1", &far).await;
    let released = order_stands(api, "SO-1", "released").await;
    assert_eq!(fact(&released, "node"), "south");
    let across = api.get("/v1/orders/SO-1").await;
    let reasons = across["routing"][0]["reasons"].to_string();
    assert!(reasons.contains("does not ship to US 30301"), "{reasons}");
    host.finish().await;
    hears(&business.south, &["order original SO-1"]).await;
    hears(&business.north, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusing_node_is_followed_by_the_next_until_none_is_left_and_a_person_decides() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "rejected", 2)).await;
    until_kinds(api, KEY, &["node-rejection"]).await;
    hears(&business.south, &["order original SO-1"]).await;
    hears(
        &business.erp,
        &["order original SO-1", "answer backordered SO-1"],
    )
    .await;
    hears(&business.crm, &["case rejected open"]).await;

    says(api, "south", &answer("SO-1", "rejected", 3)).await;
    let stuck = order_stands(api, "SO-1", "manual-review").await;
    assert!(events(&stuck).contains(&"order-unroutable".to_owned()));
    let all = ["no-node-left", "node-rejection", "node-rejection"];
    assert_eq!(kinds(api, KEY).await, all);
    // To look once more finds nobody else: none is asked twice.
    let (status, looked) = resolve(api, KEY, "no-node-left", "retry").await;
    assert_eq!(status, 200, "{looked}");
    order_stands(api, "SO-1", "manual-review").await;
    // What is not offered is not done.
    let (status, refused) = resolve(api, KEY, "no-node-left", "release").await;
    assert_eq!(
        (status, text(&refused["code"])),
        (409, "action-not-offered")
    );

    let (status, resolved) = resolve(api, KEY, "no-node-left", "cancel").await;
    assert_eq!(status, 200, "{resolved}");
    let cancelled = order_stands(api, "SO-1", "cancelled").await;
    assert_eq!(cancelled["finished"], true);
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    hears(&business.north, &["order original SO-1"]).await;
    hears(&business.south, &["order original SO-1"]).await;
    let erp = heard(&business.erp);
    assert!(erp.contains(&"order cancel SO-1".to_owned()), "{erp:?}");
    let crm = heard(&business.crm);
    assert!(
        crm.contains(&"case rejected resolved".to_owned()),
        "{crm:?}"
    );
    assert!(crm.contains(&"told order-cancelled".to_owned()), "{crm:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sends_an_order_to_another_node() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "accepted-with-changes", 2)).await;
    until_kinds(api, KEY, &["changed-by-node"]).await;
    let exception = &exceptions(api, KEY).await[0];
    let actions: Vec<_> = array(&exception["actions"]).iter().map(text).collect();
    assert_eq!(actions, ["accept-variance", "reroute", "cancel"]);
    let (status, rerouted) = resolve(api, KEY, "changed-by-node", "reroute").await;
    assert_eq!(status, 200, "{rerouted}");
    let history = array(&rerouted["exception"]["history"]);
    assert!(history.iter().any(|it| it["by"] == "ann"), "{history:?}");
    hears(&business.south, &["order original SO-1"]).await;
    let north = ["order original SO-1", "order cancel SO-1"];
    hears(&business.north, &north).await;
    says(api, "south", &answer("SO-1", "accepted", 3)).await;
    let accepted = order_stands(api, "SO-1", "accepted").await;
    assert_eq!(fact(&accepted, "node"), "south");
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    hears(&business.north, &north).await;
    hears(&business.south, &["order original SO-1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_answer_in_time_is_given_up() {
    let business = Business::new().await.limit("acceptance", "north", 1);
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    hears(&business.south, &["order original SO-1"]).await;
    let north = ["order original SO-1", "order cancel SO-1"];
    hears(&business.north, &north).await;
    says(api, "south", &answer("SO-1", "accepted", 3)).await;
    let accepted = order_stands(api, "SO-1", "accepted").await;
    let events = events(&accepted);
    for event in [
        "level-breached",
        "compensated",
        "order-rejected",
        "level-met",
    ] {
        assert!(events.contains(&event.to_owned()), "{event} in {events:?}");
    }
    let found = api.get("/v1/service-levels?level=acceptance").await;
    let [level] = array(&found["service_levels"]) else {
        panic!("only the north has a limit: {found:#}");
    };
    assert_eq!(
        (&level["partner"], &level["breached"]),
        (&"north".into(), &1.into())
    );
    assert_eq!(
        array(&level["open_breaches"]).len(),
        0,
        "it was given up: {found:#}"
    );
    host.finish().await;
    hears(&business.north, &north).await;
    hears(&business.south, &["order original SO-1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ships_nothing_has_refused() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    let nothing = [("1", "TEA", 0), ("2", "CUP", 0)];
    let nothing = shipment_as("SH-0", "SO-1", 30, "not-shipped", &nothing);
    says(api, "north", &nothing).await;
    hears(&business.south, &["order original SO-1"]).await;
    until_kinds(api, KEY, &["node-rejection"]).await;
    host.finish().await;
    hears(&business.south, &["order original SO-1"]).await;
}

/// Places an order and has the ERP say this.
async fn judged(business: &Business, decision: &str) -> e2e::harness::Host {
    let host = business.start().await;
    says(host.api(), "shop", &order("SO-1", LINES)).await;
    order_stands(host.api(), "SO-1", "validating").await;
    says(host.api(), "erp", &answer("SO-1", decision, 1)).await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_erp_holds_waits_and_what_it_refuses_ends() {
    let business = Business::new().await;
    let host = judged(&business, "on-hold").await;
    let api = host.api();
    order_stands(api, "SO-1", "held").await;
    until_kinds(api, KEY, &["erp-hold"]).await;
    says(api, "erp", &answer("SO-1", "rejected", 5)).await;
    let refused = order_stands(api, "SO-1", "refused").await;
    assert_eq!(refused["finished"], true);
    until_kinds(api, KEY, &[]).await;
    // A hold that was decided before and comes late changes nothing.
    let mut late = answer("SO-1", "on-hold", 3);
    late["partner_order_no"] = "E-1".into();
    says(api, "erp", &late).await;
    api.until_idle().await;
    order_stands(api, "SO-1", "refused").await;
    host.finish().await;
    hears(
        &business.shop,
        &["answer on-hold SO-1", "answer rejected SO-1"],
    )
    .await;
    hears(&business.north, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_come_twice_or_in_another_order_end_the_same() {
    let script = [
        ("shop", order("SO-1", LINES)),
        ("erp", answer("SO-1", "accepted", 1)),
        ("north", answer("SO-1", "accepted", 2)),
        ("north", shipment("SH-1", "SO-1", 60, &LINES[..1])),
        ("north", shipment("SH-2", "SO-1", 90, &LINES[1..])),
        ("north", milestone("SH-1", "SO-1", "in-transit", 120)),
        ("north", milestone("SH-1", "SO-1", "delivered", 600)),
        ("north", milestone("SH-2", "SO-1", "delivered", 700)),
        ("erp", invoice("INV-1", "SO-1", LINES)),
    ];
    let backwards: Vec<_> = (0..script.len()).rev().collect();
    let twice: Vec<_> = (0..script.len()).flat_map(|it| [it, it]).collect();
    let mixed = vec![0, 4, 1, 7, 8, 2, 6, 3, 5, 0, 4];
    for turns in [backwards, twice, mixed] {
        let business = Business::new().await;
        let host = business.start().await;
        let api = host.api();
        for turn in &turns {
            let (partner, document) = &script[*turn];
            says(api, partner, document).await;
        }
        let closed = order_stands(api, "SO-1", "closed").await;
        for (name, value) in [
            ("ordered", "15"),
            ("shipped", "15"),
            ("open", "0"),
            ("delivered", "15"),
            ("invoiced", "15"),
        ] {
            assert_eq!(fact(&closed, name), value, "{name} after {turns:?}");
        }
        for id in ["SH-1", "SH-2"] {
            stands(
                api,
                "shipment-visibility",
                &format!("shipment/{id}"),
                "delivered",
            )
            .await;
        }
        assert_eq!(exceptions(api, KEY).await, Vec::<Value>::new());
        api.until_idle().await;
        for receiver in [
            &business.erp,
            &business.crm,
            &business.shop,
            &business.north,
        ] {
            let taken = receiver.taken();
            let mut keys: Vec<_> = taken.iter().map(|it| it.key.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), taken.len(), "one request for each key");
        }
        let erp = heard(&business.erp);
        let once: std::collections::BTreeSet<_> = erp.iter().collect();
        assert_eq!(once.len(), erp.len(), "{erp:?} after {turns:?}");
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_on_what_has_changed_since_is_told_so() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "accepted-with-changes", 2)).await;
    until_kinds(api, KEY, &["changed-by-node"]).await;
    api.until_idle().await;
    let found = exceptions(api, KEY).await;
    let (id, seen) = (text(&found[0]["id"]), found[0]["sequence"].as_u64());
    let seen = seen.expect("a number");
    let site = business.site();
    let decide = async |version: u64, action: &str| {
        let version = version.to_string();
        site.run(&[
            "exceptions",
            "resolve",
            id,
            action,
            "--if-version",
            &version,
        ])
        .await
    };
    let stale = decide(seen - 1, "accept-variance").await;
    assert_eq!(stale.code, Some(1));
    assert!(stale.said.contains("(412)"), "{}", stale.said);
    // An outcome may be moving the order; then it is asked again.
    let refused = until("what is not offered to be refused", async || {
        let ran = decide(seen, "release").await;
        match ran.said.contains("(409)") {
            true => Ok(ran.said),
            false => Err(ran.said),
        }
    })
    .await;
    assert!(refused.contains("reroute, cancel"), "{refused}");
    assert_eq!(exceptions(api, KEY).await, found, "nothing came of either");

    until("the change to be accepted", async || {
        let ran = decide(seen, "accept-variance").await;
        match ran.code {
            Some(0) => Ok(()),
            _ => Err(ran.said),
        }
    })
    .await;
    until_kinds(api, KEY, &[]).await;
    let again = decide(seen, "accept-variance").await;
    assert!(again.said.contains("(412)"), "{}", again.said);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_stays_on_its_version_where_no_way_leads_to_another() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    let before = order_stands(api, "SO-1", "validating").await;
    let path = "/v1/processes/order-to-fulfilment/order/SO-1/migrate";
    let refused = api.tried(path, &serde_json::json!({ "to": 9 })).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(refused.body["code"], "no-migration");
    let said = text(&refused.body["detail"]);
    assert!(said.contains("from version 1 to 9"), "{said}");
    assert!(said.contains("leave it there"), "{said}");
    let nobody = "/v1/processes/order-to-fulfilment/order/SO-2/migrate";
    let missing = api.tried(nobody, &serde_json::json!({ "to": 9 })).await;
    assert_eq!(missing.status, 404, "{}", missing.body);
    let ran = business
        .site()
        .run(&[
            "processes",
            "migrate",
            "order-to-fulfilment",
            "order/SO-1",
            "--to",
            "9",
        ])
        .await;
    assert_eq!(ran.code, Some(1));
    let listed = business.site().ask(&["processes", "list"]).await;
    let mut machines = array(&listed["machines"]).iter();
    let orders = machines.find(|it| it["process"] == "order-to-fulfilment");
    let orders = orders.expect("the machine is listed");
    assert_eq!(
        (&orders["version"], &orders["live"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        order_stands(api, "SO-1", "validating").await["version"],
        before["version"]
    );
    host.finish().await;
}
