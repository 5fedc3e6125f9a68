//! Whoever is waited for has a limit: it runs in the hours in which they work, somebody is
//! warned at its share, and what takes longer is an exception and a breach until it comes.

use std::time::Duration;

use crossdock::clock::{Clock, Timestamp};
use e2e::harness::{
    Api, array,
    business::{
        Business, exceptions, hears, in_short, moves, order_stands, resolve, says, stands,
        until_kinds,
    },
    papers::{LINES, answer, at, milestone, now, order, shipment, to_postal},
    text, until,
};
use jiff::{ToSpan as _, civil, tz::TimeZone};
use serde_json::{Value, json};

const KEY: &str = "order/SO-1";

/// How a level stands for one who is waited for; null before anything is known.
async fn level(api: &Api, level: &str, partner: &str) -> Value {
    let path = format!("/v1/service-levels?level={level}&partner={partner}");
    let found = api.get(&path).await;
    found["service_levels"][0].clone()
}

/// Waits until so many were warned of and breached at a level; gives all that is told of it.
async fn until_counted(api: &Api, name: &str, partner: &str, counts: (u64, u64)) -> Value {
    until(
        format!("{name} of {partner} to have {counts:?} warned and breached"),
        async || {
            let found = level(api, name, partner).await;
            let count = |name: &str| found[name].as_u64().unwrap_or_default();
            if (count("warned"), count("breached")) == counts {
                Ok(found)
            } else {
                Err(found.to_string())
            }
        },
    )
    .await
}

/// Waits until so many came in time and so many late, with nothing open; gives the level.
async fn until_met(api: &Api, name: &str, partner: &str, counts: (u64, u64)) -> Value {
    until(
        format!("{name} of {partner} to be met {counts:?} in time and late"),
        async || {
            let found = level(api, name, partner).await;
            let count = |name: &str| found[name].as_u64().unwrap_or_default();
            let is_open = !array(&found["open_breaches"]).is_empty();
            if (count("met_in_time"), count("late")) == counts && !is_open {
                Ok(found)
            } else {
                Err(found.to_string())
            }
        },
    )
    .await
}

/// What an instance waits for at this level.
fn wait<'a>(instance: &'a Value, level: &str) -> &'a Value {
    let mut waits = array(&instance["waits"]).iter();
    let found = waits.find(|it| it["level"] == level);
    found.unwrap_or_else(|| panic!("{level} is not awaited: {instance:#}"))
}

/// This time of that day in Chicago, as answers tell it.
fn in_chicago(date: civil::Date, hour: i8) -> String {
    let zone = TimeZone::get("America/Chicago").expect("the zone is known");
    let at = date.at(hour, 0, 0, 0).to_zoned(zone).expect("a moment");
    Timestamp::from_millis(at.timestamp().as_millisecond()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_in_business_time_stands_still_while_the_node_is_closed() {
    let now = jiff::Timestamp::from_millisecond(Clock::System.now().as_millis());
    let zone = TimeZone::get("America/Chicago").expect("the zone is known");
    let today = now.expect("a moment").to_zoned(zone).date();
    // It works eight hours on one day of the week, and the next one is a holiday. Two days
    // ahead, so that midnight may pass meanwhile.
    let holiday = today.checked_add(2.days()).expect("a day");
    let weekday = holiday.strftime("%A").to_string().to_lowercase();
    let calendar = format!(
        "[[calendar]]\nname = \"north\"\ntime_zone = \"America/Chicago\"\nhours = {{ {weekday} = \"09:00-17:00\" }}\nholidays = [\"{holiday}\"]\n"
    );
    const LIMIT: &str = r#"
        [[limit]]
        level = "acceptance"
        partner = "north"
        minutes = 600
        warn_percent = 50
        business_time = true
    "#;
    let business = Business::new()
        .await
        .with("calendar", &calendar)
        .with("limit", LIMIT);
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    let released = order_stands(api, "SO-1", "released").await;
    let acceptance = wait(&released, "acceptance");
    let week = |weeks: i64| holiday.checked_add(weeks.weeks()).expect("a day");
    assert_eq!(acceptance["warn_at"], in_chicago(week(1), 14));
    assert_eq!(acceptance["until"], in_chicago(week(2), 11));
    assert_eq!(acceptance["overdue"], false);
    let shown = business.site().run(&["orders", "show", "SO-1"]).await;
    assert!(
        shown.answer.contains(&in_chicago(week(2), 11)),
        "{}",
        shown.answer
    );
    says(api, "north", &answer("SO-1", "accepted", 2)).await;
    let met = until_met(api, "acceptance", "north", (1, 0)).await;
    assert_eq!(met["attainment_percent"], 100.0);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_limit_holds_for_an_order_that_is_urgent() {
    const LIMITS: &str = r#"
        [[limit]]
        level = "acceptance"
        minutes = 120
        [[limit]]
        level = "acceptance"
        partner = "north"
        priority = "rush"
        minutes = 30
        warn_percent = 50
    "#;
    let business = Business::new().await.with("limit", LIMITS);
    let host = business.start().await;
    let api = host.api();
    for (order_no, order_type, warn, limit) in
        [("SO-1", "rush", 15, 30), ("SO-2", "stand-alone", 90, 120)]
    {
        let mut order = order(order_no, LINES);
        order["order_type"] = json!(order_type);
        business.accepted(api, order_no, &order).await;
        let released = order_stands(api, order_no, "released").await;
        let acceptance = wait(&released, "acceptance");
        let moment = |name: &str| {
            let at = text(&acceptance[name]).parse::<jiff::Timestamp>();
            Timestamp::from_millis(at.expect("a moment").as_millisecond())
        };
        let after = |name: &str| moment(name).since(moment("since"));
        assert_eq!(
            after("warn_at"),
            Duration::from_secs(warn * 60),
            "{order_no}"
        );
        assert_eq!(
            after("until"),
            Duration::from_secs(limit * 60),
            "{order_no}"
        );
    }
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_the_order_names_goes_before_the_limit_and_holds_without_one() {
    let business = Business::new().await.limit("ship-by", "south", 60);
    let host = business.start().await;
    let api = host.api();
    for (order_no, postal) in [("SO-1", "55802"), ("SO-2", "30301")] {
        let mut order = to_postal(order(order_no, LINES), postal);
        order["requested_ship"] = json!({ "text": "2099-05-01T12:00:00Z", "zoned": true });
        business.accepted(api, order_no, &order).await;
        let released = order_stands(api, order_no, "released").await;
        let node = text(&released["facts"]["node"]);
        says(api, node, &answer(order_no, "accepted", 2)).await;
        let accepted = order_stands(api, order_no, "accepted").await;
        let awaited = wait(&accepted, "ship-by");
        assert_eq!(awaited["on"], node);
        assert_eq!(awaited["until"], "2099-05-01T12:00:00.000Z", "{node}");
        // A limit beside it only says when somebody is warned.
        assert_eq!(awaited["warn_at"].is_string(), node == "south", "{node}");
    }
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_that_is_not_there_when_it_was_expected_is_overdue_until_it_is() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    let mut left = shipment("SH-1", "SO-1", 60, LINES);
    left["expected_delivery"] = at(7_000);
    says(api, "north", &left).await;
    let key = "shipment/SH-1";
    until_kinds(api, key, &["overdue"]).await;
    let late = until_counted(api, "delivery", "carrier", (0, 1)).await;
    assert_eq!(
        late["open_breaches"][0]["until"],
        "2026-03-02T01:56:40.000Z"
    );
    // Another estimate is another wait.
    let mut later = milestone("SH-1", "SO-1", "estimate", 6_000);
    later["estimated_delivery"] = json!({ "text": "2099-05-01T12:00:00Z", "zoned": true });
    let moved = moves(api, "north", &later, ("shipment-visibility", key)).await;
    assert_eq!(wait(&moved, "delivery")["overdue"], false);
    until_kinds(api, key, &[]).await;
    says(api, "north", &milestone("SH-1", "SO-1", "delivered", 8_000)).await;
    stands(api, "shipment-visibility", key, "delivered").await;
    let met = until("the delivery to be met", async || {
        match level(api, "delivery", "carrier").await {
            it if it["met_in_time"] == 1 => Ok(it),
            it => Err(it.to_string()),
        }
    })
    .await;
    assert_eq!(met["open_breaches"], json!([]));
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_warned_of_an_answer_that_still_comes_in_time() {
    const LIMIT: &str = r#"
        [[limit]]
        level = "order-acknowledgement"
        seconds = 200
        warn_percent = 1
    "#;
    let business = Business::new().await.with("limit", LIMIT);
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    let warned = until_counted(api, "order-acknowledgement", "erp", (1, 0)).await;
    assert_eq!(warned["open_breaches"], json!([]));
    let waiting = order_stands(api, "SO-1", "validating").await;
    let awaited = wait(&waiting, "order-acknowledgement");
    assert_eq!(
        (&awaited["warned"], &awaited["breached"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(exceptions(api, KEY).await, Vec::<Value>::new());
    let history = waiting["history"].to_string();
    assert!(history.contains("level-warned"), "{history}");

    says(api, "erp", &answer("SO-1", "accepted", 1)).await;
    let met = until_met(api, "order-acknowledgement", "erp", (1, 0)).await;
    assert_eq!((&met["warned"], &met["breached"]), (&json!(1), &json!(0)));
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_in_time_is_an_exception_until_it_comes() {
    let business = Business::new()
        .await
        .limit("order-acknowledgement", "erp", 2);
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    until_kinds(api, KEY, &["overdue"]).await;
    let level = until_counted(api, "order-acknowledgement", "erp", (1, 1)).await;
    let breach = &level["open_breaches"][0];
    assert_eq!(breach["key"], KEY);
    assert!(text(&breach["until"]) > text(&breach["since"]), "{breach}");
    assert_eq!(level["attainment_percent"], Value::Null, "nothing came yet");
    let found = exceptions(api, KEY).await;
    let said = text(&found[0]["text"]);
    assert!(
        said.starts_with("order-acknowledgement by erp was due at"),
        "{said}"
    );
    let offered = json!(["retry", "cancel", "accept-variance"]);
    assert_eq!(found[0]["actions"], offered);
    let asked = ["service-levels", "--level", "order-acknowledgement"];
    let told = business.site().run(&asked).await.answer;
    let open = format!("{KEY} order-acknowledgement by erp, since");
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&open), "{told}");

    // A person has it sent once more, and then it is answered.
    let (status, asked) = resolve(api, KEY, "overdue", "retry").await;
    assert_eq!(status, 200, "{asked}");
    hears(&business.erp, &["order original SO-1"; 2]).await;
    says(api, "erp", &answer("SO-1", "accepted", 1)).await;
    order_stands(api, "SO-1", "released").await;
    until_kinds(api, KEY, &[]).await;
    let met = until_met(api, "order-acknowledgement", "erp", (0, 1)).await;
    assert_eq!(met["attainment_percent"], 0.0);
    let took = met["p50_ms"].as_u64().unwrap_or_default();
    assert!(took >= 2_000, "as long as the limit at least: {met}");
    let path = format!("/v1/exceptions?key={KEY}&closed=true");
    let over = api.get(&path).await;
    let history = over["exceptions"][0]["history"].to_string();
    assert!(history.contains("its cause went away"), "{history}");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_of_which_nothing_is_heard_is_overdue_until_there_is_news() {
    const SHIPMENT: &str = "shipment-visibility";
    const FRESHNESS: &str = "milestone-freshness";
    let business = Business::new().await.limit(FRESHNESS, "carrier", 3_600);
    let host = business.start().await;
    let api = host.api();
    // Left long ago, and nothing since.
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    let key = "shipment/SH-1";
    until_kinds(api, key, &["overdue"]).await;
    let silent = until_counted(api, FRESHNESS, "carrier", (1, 1)).await;
    assert_eq!(silent["open_breaches"][0]["key"], key);
    let found = exceptions(api, key).await;
    assert_eq!(found[0]["actions"], json!(["accept-variance"]));
    // Older news are none.
    let older = milestone("SH-1", "SO-1", "packed", 30);
    let silent = moves(api, "north", &older, (SHIPMENT, key)).await;
    assert_eq!(wait(&silent, FRESHNESS)["overdue"], true);
    until_kinds(api, key, &["overdue"]).await;

    let mut news = milestone("SH-1", "SO-1", "in-transit", 0);
    news["at"] = now();
    says(api, "north", &news).await;
    let moving = stands(api, SHIPMENT, key, "in-transit").await;
    assert_eq!(wait(&moving, FRESHNESS)["overdue"], false);
    until_kinds(api, key, &[]).await;
    until_met(api, FRESHNESS, "carrier", (0, 1)).await;
    let mut news = milestone("SH-1", "SO-1", "delivered", 0);
    news["at"] = now();
    says(api, "north", &news).await;
    let there = stands(api, SHIPMENT, key, "delivered").await;
    assert_eq!(there["waits"], json!([]), "nothing more is to be heard");
    let met = until_met(api, FRESHNESS, "carrier", (1, 1)).await;
    assert_eq!(met["attainment_percent"], 50.0);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_that_nobody_resolves_in_time_is_everybody_s() {
    const LEVEL: &str = "exception-resolution";
    let limits = format!(
        "[[limit]]\nlevel = \"{LEVEL}\"\nminutes = 60\n[[limit]]\nlevel = \"{LEVEL}\"\npriority = \"high\"\nseconds = 2\nwarn_percent = 50\n"
    );
    let business = Business::new()
        .await
        .with("limit", &limits)
        .set("process.exception_owner.node-rejection", "dispatch");
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "rejected", 2)).await;
    until_kinds(api, KEY, &["node-rejection"]).await;
    let found = exceptions(api, KEY).await;
    assert_eq!(found[0]["owner"], "dispatch");
    assert!(found[0]["due"].is_string(), "{}", found[0]);
    let escalated = until("the exception to be urgent", async || {
        let found = api.get("/v1/exceptions?overdue=true").await;
        match array(&found["exceptions"]) {
            [one] if one["severity"] == "urgent" => Ok(one.clone()),
            _ => Err(found.to_string()),
        }
    })
    .await;
    assert_eq!(escalated["id"], found[0]["id"]);
    let history = escalated["history"].to_string();
    assert!(history.contains("overdue"), "{history}");
    let level = until_counted(api, LEVEL, "dispatch", (1, 1)).await;
    assert_eq!(level["open_breaches"][0]["subject"], found[0]["id"]);
    let asked = ["exceptions", "list", "--overdue", "--owner", "dispatch"];
    let listed = business.site().ask(&asked).await;
    assert_eq!(array(&listed["exceptions"]).len(), 1, "{listed:#}");

    // The order finds another node: the exception is over, and was too late.
    says(api, "south", &answer("SO-1", "accepted", 3)).await;
    order_stands(api, "SO-1", "accepted").await;
    until_kinds(api, KEY, &[]).await;
    until_met(api, LEVEL, "dispatch", (0, 1)).await;
    host.finish().await;
    let crm = business.crm.taken();
    let crm: Vec<_> = crm.iter().map(|it| in_short(&it.document)).collect();
    assert!(
        crm.contains(&"case rejected resolved".to_owned()),
        "{crm:?}"
    );
}
