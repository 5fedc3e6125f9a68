//! What a partner calls a thing is looked up in tables. A table changes between two
//! messages and never within one, its versions are kept, and an old message can be read
//! again with the table of its day.

use std::{fs, path::PathBuf};

use e2e::harness::{Api, Host, Receiver, Site, array, text, until};
use serde_json::{Value, json};

const UNIT: &str = "/v1/partners/north/tables/unit";

/// A warehouse that calls a unit `QX`, which no standard knows.
async fn site() -> (Receiver, Site) {
    let erp = Receiver::start().await;
    let site = Site::new()
        .sender("north")
        .receiver("erp", &erp)
        .route("shipment", &["north"], &["erp"])
        .set("partners.north.adapter", "x12-3pl")
        .set("partners.north.settings.sender-id", "BRIGHTLEAF")
        .set("partners.north.settings.receiver-id", "NORTHDOCK");
    let file = site.path("unit.csv");
    write(&file, "QX", "CS");
    let file = file.into_os_string().into_string().expect("it is text");
    let site = site.set("partners.north.table_files.unit", file);
    (erp, site)
}

fn write(file: &PathBuf, key: &str, value: &str) {
    fs::write(file, format!("key,value\n{key},{value}\n")).expect("a file can be written");
}

/// A shipping advice about seven of something in units of `QX`.
fn advice(number: u32) -> String {
    format!(
        "ISA*00*          *00*          *ZZ*NORTHDOCK      *ZZ*BRIGHTLEAF     *260302*1415*U*00401*{number:09}*0*P*>~\
         GS*SW*NORTHDOCK*BRIGHTLEAF*20260302*1415*{number}*X*004010~\
         ST*945*0001~W06*F*SO-{number}*20260302*SHP-{number}~N1*ST*Riverbend Clinic*92*RBC01~\
         LX*1~W12*CC*7*7**QX**SK*A-2~N9*LI*1~W03*7~SE*8*0001~\
         GE*1*{number}~IEA*1*{number:09}~"
    )
}

/// Sends one and gives its id and the unit that was read.
async fn sent(api: &Api, number: u32) -> (String, String) {
    let id = api.accepted_bytes("north", advice(number)).await;
    let message = api.settled(&id).await;
    let line = &message["documents"][0]["content"]["lines"][0];
    let unit = text(&line["shipped"]["unit"]).to_owned();
    (id, unit)
}

/// Puts a table there by the command line, and gives its version.
async fn put(site: &Site, key: &str, value: &str, more: &[&str]) -> u64 {
    let file = site.path("put.csv");
    write(&file, key, value);
    let arguments = [&["tables", "put", "north", "unit", "put.csv"], more].concat();
    let answer = site.ask(&arguments).await;
    answer["version"].as_u64().expect("it says the version")
}

async fn rerun(site: &Site, id: &str, more: &[&str]) -> (Option<i32>, Value) {
    let arguments = [&["messages", "rerun", id, "--json"], more].concat();
    let ran = site.run(&arguments).await;
    let answer = serde_json::from_str(&ran.answer);
    (ran.code, answer.unwrap_or_else(|_| panic!("{}", ran.said)))
}

/// The old message reads as it did, and with the table of now it differs in the unit.
async fn reads_as_it_did(site: &Site, id: &str) {
    let (code, same) = rerun(site, id, &["--tables", "then", "--adapter", "same"]).await;
    assert_eq!((code, &same["equal"]), (Some(0), &json!(true)), "{same}");
    assert_eq!(same["now"]["tables"], json!({ "unit": 1 }));
    let (code, other) = rerun(site, id, &["--tables", "now"]).await;
    assert_eq!((code, &other["equal"]), (Some(1), &json!(false)), "{other}");
    let differences = array(&other["documents"][0]["differences"]);
    let units: Vec<_> = differences
        .iter()
        .filter(|it| text(&it["pointer"]).ends_with("/unit"))
        .collect();
    assert_eq!(units.len(), differences.len(), "only units differ: {other}");
    let told = format!("{units:?}");
    assert!(told.contains("/lines/0/shipped/unit"), "{told}");
    for unit in units {
        assert_eq!(
            (&unit["before"], &unit["after"]),
            (&json!("CS"), &json!("EA"))
        );
    }
}

async fn current(site: &Site) -> Value {
    site.ask(&["tables", "show", "north", "unit"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_the_next_message_and_an_old_one_keeps_the_table_of_its_day() {
    let (_erp, site) = site().await;
    let host = site.start().await;
    let (first, unit) = sent(host.api(), 1).await;
    assert_eq!(unit, "CS");
    let shown = current(&site).await;
    assert_eq!(shown["source"], "file");
    assert_eq!(
        (&shown["version"], &shown["configuration"]),
        (&json!(1), &json!("same"))
    );

    assert_eq!(put(&site, "QX", "EA", &["--dry-run"]).await, 2);
    assert_eq!(
        current(&site).await["version"],
        1,
        "a dry run changes nothing"
    );
    assert_eq!(
        put(&site, "QX", "EA", &["--if-version", "1", "--by", "ann"]).await,
        2
    );
    let (second, unit) = sent(host.api(), 2).await;
    assert_eq!(unit, "EA");
    for (id, version) in [(&first, 1), (&second, 2)] {
        let message = host.api().message(id).await;
        let steps = array(&message["timeline"]).iter();
        let decoded = steps.rev().find(|it| it["step"] == "decoded");
        let used = &decoded.expect("it was decoded")["details"]["tables"];
        assert_eq!(used, &json!([{ "table": "unit", "version": version }]));
    }
    reads_as_it_did(&site, &first).await;
    let deliveries = host.api().message(&first).await["deliveries"].clone();
    assert_eq!(array(&deliveries).len(), 1, "nothing was sent again");
    host.stop().await;

    for rebuilt in [false, true] {
        if rebuilt {
            let ran = site.run(&["rebuild"]).await;
            assert_eq!(ran.code, Some(0), "{}", ran.said);
        }
        let host = site.start().await;
        let shown = current(&site).await;
        assert_eq!(
            (&shown["version"], &shown["source"]),
            (&json!(2), &json!("api"))
        );
        assert_eq!(
            (&shown["configuration"], &shown["by"]),
            (&json!("differs"), &json!("ann"))
        );
        reads_as_it_did(&site, &first).await;
        host.stop().await;
    }

    // The configuration changes last, and so it wins.
    write(&site.path("unit.csv"), "QX", "PL");
    let host = site.start().await;
    let shown = current(&site).await;
    assert_eq!(
        (&shown["version"], &shown["source"]),
        (&json!(3), &json!("file"))
    );
    assert_eq!(array(&shown["versions"]).len(), 3);
    assert_eq!(sent(host.api(), 3).await.1, "PL");
    let (code, _) = rerun(&site, &second, &["--tables", "then"]).await;
    assert_eq!(code, Some(0));
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_want_of_a_row_reads_once_the_row_is_there() {
    let (_erp, site) = site().await;
    let host = site.start().await;
    site.ask(&["tables", "delete", "north", "unit"]).await;
    let (id, _) = sent(host.api(), 1).await;
    let message = host.api().message(&id).await;
    let problem = &message["documents"][0]["problems"][0];
    assert_eq!(problem["blame"], "settings");
    assert_eq!(problem["value"], "QX");
    assert!(
        text(&problem["remedy"]).contains("crossdock tables put PARTNER unit FILE"),
        "{problem}"
    );
    put(&site, "QX", "CS", &[]).await;
    let (code, then) = rerun(&site, &id, &["--tables", "then"]).await;
    assert_eq!(code, Some(0), "then there was no table: {then}");
    assert_eq!(then["now"]["tables"], json!({ "unit": 0 }));
    let (code, now) = rerun(&site, &id, &["--tables", "now"]).await;
    assert_eq!(
        (code, &now["documents"][0]["change"]),
        (Some(1), &json!("read"))
    );
    let ran = site
        .run(&["messages", "rerun", &id, "--tables", "now"])
        .await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.answer.contains("shipment"), "{}", ran.answer);
    assert!(ran.said.contains("reads differently now"), "{}", ran.said);

    // Looking changed nothing; replaying does.
    let waits = host.api().dead_letters().await;
    assert_eq!(waits[0]["status"], "waiting");
    let replayed = site
        .ask(&["dead-letters", "replay", text(&waits[0]["id"])])
        .await;
    assert_eq!(replayed["count"], 1);
    // Until it is read again it stands as it did.
    let message = until("the message to be read again", async || {
        let message = host.api().settled(&id).await;
        if array(&message["deliveries"]).is_empty() {
            Err(message.to_string())
        } else {
            Ok(message)
        }
    })
    .await;
    assert_eq!(array(&message["deliveries"]).len(), 1, "{message}");
    host.finish().await;
}

async fn answer(host: &Host, headers: &[(&str, &str)], body: &str) -> (u16, Value, Option<String>) {
    let answer = host.api().put(UNIT, headers, body).await;
    let tag = answer
        .headers
        .get("etag")
        .map(|it| it.to_str().expect("it is text").to_owned());
    (answer.status, answer.body, tag)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_a_table_is_told_of_what_is_in_the_way() {
    let (_erp, site) = site().await;
    let host = site.start().await;
    let csv = ("content-type", "text/csv");
    let made = answer(
        &host,
        &[csv, ("if-match", "\"1\"")],
        "key,value\nQX,EA\nCA,CS\n",
    )
    .await;
    assert_eq!(
        (made.0, made.2.as_deref()),
        (200, Some("\"2\"")),
        "{}",
        made.1
    );
    let difference = json!({ "added": 1, "changed": 1, "removed": 0 });
    assert_eq!(
        (&made.1["difference"], &made.1["rows"]),
        (&difference, &json!(2))
    );

    let late = answer(&host, &[csv, ("if-match", "\"1\"")], "key,value\nQX,PL\n").await;
    assert_eq!((late.0, &late.1["code"]), (412, &json!("version-conflict")));
    assert_eq!(late.1["current_version"], 2);
    let there = answer(&host, &[csv, ("if-none-match", "*")], "key,value\nQX,PL\n").await;
    assert_eq!(there.0, 412);
    let said = site
        .run(&["tables", "delete", "north", "unit", "--if-version", "1"])
        .await;
    assert_eq!(said.code, Some(1));
    assert!(said.said.contains("412"), "{}", said.said);

    let bad = answer(&host, &[csv], "key,value\nQX,EA\nQX,PL\n").await;
    assert_eq!((bad.0, &bad.1["code"]), (422, &json!("table-invalid")));
    assert_eq!((&bad.1["line"], &bad.1["column"]), (&json!(3), &json!(1)));
    assert!(text(&bad.1["detail"]).contains("line 3"), "{}", bad.1);
    let json = ("content-type", "application/json");
    let bad = answer(&host, &[json], "{\"QX\": 1}").await;
    assert_eq!((bad.0, &bad.1["line"]), (422, &json!(1)), "{}", bad.1);
    let unknown = answer(&host, &[("content-type", "text/plain")], "QX EA").await;
    assert_eq!(
        (unknown.0, &unknown.1["code"]),
        (415, &json!("media-type-unknown"))
    );

    let kept = current(&site).await;
    assert_eq!(kept["version"], 2, "what is refused changes nothing");
    assert_eq!(kept["entries"], json!({ "CA": "CS", "QX": "EA" }));
    let printed = site
        .run(&["tables", "show", "north", "unit", "--csv", "--version", "1"])
        .await;
    assert_eq!(printed.answer, "key,value\nQX,CS\n");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_stops_the_start_and_is_named_with_its_line() {
    let (_erp, site) = site().await;
    fs::write(site.path("unit.csv"), "key,value\nQX,CS\nCA\n").expect("it can be written");
    let ran = site.run(&["check"]).await;
    assert_eq!(ran.code, Some(64));
    assert!(
        ran.said.contains("unit.csv, line 3, column 2"),
        "{}",
        ran.said
    );
}
