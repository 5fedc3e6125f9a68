//! Stock is asked for and reconciled at its times, also when the host was off meanwhile, and
//! the report is read by the API and the command line, as JSON and as CSV.

use std::time::Duration;

use crossdock::clock::{Clock, Timestamp};
use e2e::harness::{
    Api, Books, array,
    business::{Business, moves, says, stands, until_kinds},
    eventually,
    papers::snapshot,
    text, until,
};
use serde_json::{Value, json};

const SYNC: &str = "inventory-sync";
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A moment that was so long ago.
fn ago(duration: Duration) -> Timestamp {
    Clock::System.now().minus(duration)
}

/// A warehouse that tells its stock when it is asked.
async fn bob() -> Books {
    const STOCK: &str =
        include_str!("../../adapters/shipbob/fixtures/poll/inventory-two-pages.json");
    Books::open(|question| {
        let fixture: Value = serde_json::from_str(STOCK).expect("a fixture is JSON");
        let page = usize::from(question.contains("cursor="));
        let body = text(&fixture["answers"][page]["body"]).to_owned();
        (200, body)
    })
    .await
}

/// How often all its stock was asked for.
fn times_asked(bob: &Books) -> usize {
    let questions = bob.questions();
    let first = |it: &&String| it.contains("inventory-level") && !it.contains("cursor=");
    questions.iter().filter(first).count()
}

/// A business with a node in the west that is asked once a day, and by this schedule.
async fn with_west(bob: &Books, schedule: &str) -> Business {
    const NODES: &str =
        "[[node]]\nname = \"north\"\n[[node]]\nname = \"south\"\n[[node]]\nname = \"west\"\n";
    let inventory = format!("[[inventory]]\nnode = \"west\"\n{schedule}\n");
    Business::new()
        .await
        .with("node", NODES)
        .with("inventory", &inventory)
        .at(|site| {
            site.polled("bob", "shipbob", bob, 24 * 3_600)
                .set("partners.bob.role", "warehouse")
                .set("partners.bob.node", "west")
                .set("partners.bob.settings.poll", "inventory")
                .set("partners.bob.settings.page-size", 2)
        })
}

/// Until when the next snapshot of the west is waited for.
async fn until_scheduled(api: &Api, is_it: impl Fn(&str) -> bool) -> Value {
    until("the next snapshot to be scheduled", async || {
        let found = stands(api, SYNC, "inventory/west", "current").await;
        let mut waits = array(&found["waits"]).iter();
        let next = waits.find(|it| it["level"] == "snapshot");
        if next.is_some_and(|it| is_it(text(&it["until"]))) {
            Ok(found)
        } else {
            Err(found.to_string())
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_stock_is_asked_for_when_it_is_time_also_after_a_night_off() {
    let bob = bob().await;
    let business = with_west(&bob, "snapshot_every_minutes = 5").await;
    let then = ago(Duration::from_secs(600));
    let host = business.site().start_at(then).await;
    let due = then.plus(Duration::from_secs(300)).to_string();
    let first = until_scheduled(&business.site().api(), |until| until == due).await;
    assert_eq!(times_asked(&bob), 1);
    assert!(
        !first["history"].to_string().contains("a snapshot"),
        "{first:#}"
    );
    host.stop().await.expect("it ends well");

    let host = business.start().await;
    let api = host.api();
    eventually("the west to be asked again before its day is over", || {
        times_asked(&bob) == 2
    })
    .await;
    let second = until_scheduled(api, |until| until > due.as_str()).await;
    let mut steps = array(&second["history"]).iter();
    let asked = steps.find(|it| it["cause"]["text"].to_string().contains("snapshot//breach"));
    let asked = asked.unwrap_or_else(|| panic!("no timer rang: {second:#}"));
    let commands = asked["commands"].to_string();
    assert!(commands.contains("snapshot"), "{commands}");
    host.finish().await;
    assert_eq!(times_asked(&bob), 2, "once for the whole night");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_nobody_could_keep_stops_the_start() {
    let bob = bob().await;
    for (schedule, said) in [
        (
            "snapshot_every_minutes = 0",
            "inventory of node west is asked for every 0 minutes",
        ),
        (
            "reconcile_at = \"06:00\"",
            "inventory of node west is reconciled at a time of day, and the node has no calendar",
        ),
        (
            "[[inventory]]\nnode = \"north\"\nsnapshot_every_minutes = 5",
            "north, which runs node north, can't be asked for its stock",
        ),
    ] {
        let business = with_west(&bob, schedule).await;
        let told = business.refused().await;
        assert!(told.contains(said), "{said} in {told}");
    }
}

/// The ERP and the north tell what they have: a difference of twenty in tea, none in cups.
async fn counted(api: &Api) {
    let books = [("TEA", 100), ("CUP", 40)];
    says(api, "erp", &snapshot("E-1", 0, &books)).await;
    let shelves = [("TEA", 80), ("CUP", 40)];
    says(api, "north", &snapshot("N-1", 60, &shelves)).await;
    until_kinds(api, "inventory/north/TEA", &["variance"]).await;
    stands(api, "inventory-position", "inventory/north/CUP", "level").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_the_report_as_the_api_does() {
    const COMMAND: [&str; 4] = ["inventory", "reconciliation", "--node", "north"];
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    counted(api).await;
    let path = "/v1/inventory/reconciliation?node=north";
    let by_api = api.get(path).await;
    let by_command = business.site().ask(&COMMAND).await;
    assert_eq!(by_command["report"]["rows"], by_api["report"]["rows"]);
    let tea = &by_command["report"]["rows"][1];
    assert_eq!(
        (&tea["sku"], &tea["difference"], &tea["held"]),
        (&json!("TEA"), &json!("-20"), &json!(true))
    );

    let told = business.site().run(&COMMAND).await.answer;
    assert!(told.starts_with("north at "), "{told}");
    assert!(told.contains(": 2 positions, 1 differ, 1 held"), "{told}");
    let csv = business
        .site()
        .run(&[&COMMAND[..], &["--csv"]].concat())
        .await;
    let csv: Vec<_> = csv.answer.lines().collect();
    let by_api = api.get_text(&format!("{path}&format=csv")).await;
    assert_eq!(csv, by_api.lines().collect::<Vec<_>>());
    assert_eq!(
        csv[0],
        "node,sku,status,lot,warehouse,erp,difference,held,counted_at"
    );
    assert!(
        csv[2].starts_with("north,TEA,on-hand,,80,100,-20,true,"),
        "{csv:?}"
    );

    let missing = ["inventory", "reconciliation", "--node", "west"];
    let missing = business.site().run(&missing).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.said.contains("(404)"), "{}", missing.said);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_day_that_the_host_was_off_is_made_when_it_is_back() {
    const CALENDAR: &str = r#"
        [[calendar]]
        name = "north"
        time_zone = "America/Chicago"
        hours = { monday = "08:00-17:00" }
    "#;
    const RULES: &str = "[[inventory]]\nnode = \"north\"\nreconcile_at = \"06:00\"\n";
    let business = Business::new()
        .await
        .with("calendar", CALENDAR)
        .with("inventory", RULES);
    let path = "/v1/inventory/reconciliation?node=north";
    let host = business.site().start_at(ago(2 * DAY)).await;
    let api = business.site().api();
    counted(&api).await;
    api.until_idle().await;
    let before = api.get(path).await;
    assert_eq!(before["reports"], json!([]), "its time has not come");
    host.stop().await.expect("it ends well");

    let host = business.start().await;
    let api = host.api();
    let kept = until("the report to be made", async || {
        let found = api.get(path).await;
        match array(&found["reports"]) {
            [report] => Ok(report.clone()),
            _ => Err(found.to_string()),
        }
    })
    .await;
    assert_eq!(kept["positions"], 2);
    // What is so later changes nothing of it.
    let news = snapshot("N-2", 120, &[("TEA", 70), ("CUP", 40)]);
    let position = ("inventory-position", "inventory/north/TEA");
    moves(api, "north", &news, position).await;
    let number = kept["report"].to_string();
    let asked = [
        "inventory",
        "reconciliation",
        "--node",
        "north",
        "--report",
        &number,
        "--csv",
    ];
    let csv = business.site().run(&asked).await.answer;
    assert!(
        csv.contains("\nnorth,TEA,on-hand,,80,100,-20,true,"),
        "{csv}"
    );
    let one = stands(api, SYNC, "inventory/north", "current").await;
    let mut waits = array(&one["waits"]).iter();
    let next = waits.find(|it| it["level"] == "reconciliation");
    let next = next.unwrap_or_else(|| panic!("nothing is planned: {one:#}"));
    let now = Clock::System.now().to_string();
    assert!(text(&next["until"]) > now.as_str(), "{next}");
    host.finish().await;
}
