//! What a partner says of what it was sent settles it; what it does not say in time is
//! overdue; what it numbers wrongly is found.

use e2e::harness::{
    Host, Site, array,
    business::{Business, hears, order_stands, says, until_kinds},
    order, papers, text, until,
    x12::{self, answer, put, shipment, shipment_of},
};
use serde_json::Value;

/// An ERP whose orders go to a warehouse that speaks X12 through a drop folder and must
/// acknowledge them within so many minutes.
fn site(minutes: i64) -> Site {
    x12::spoken(Site::new().sender("erp"))
        .set("partners.north.acknowledgement_overdue_minutes", minutes)
        .route("order", &["erp"], &["north"])
        .route("shipment", &["north"], &[])
}

/// Sends an order; gives its message and the control number that went to the warehouse.
async fn ordered(host: &Host, order_no: &str) -> (String, u64) {
    let body = order::original(order_no);
    let id = host.api().accepted("erp", order_no, &body).await;
    let message = host.api().settled(&id).await;
    let delivery = &message["deliveries"][0];
    assert_eq!(delivery["status"], "delivered", "{message:#}");
    let number = delivery["control_number"].as_u64();
    (id, number.expect("a delivery has a number"))
}

async fn found(host: &Host, query: &str) -> Vec<String> {
    let found = host.api().get(&format!("/v1/messages?{query}")).await;
    let ids = array(&found["messages"]).iter();
    ids.map(|it| text(&it["id"]).to_owned()).collect()
}

/// The texts of the steps of a kind in a message's timeline.
fn steps(message: &Value, step: &str) -> Vec<String> {
    let entries = array(&message["timeline"]).iter();
    entries
        .filter(|it| it["step"] == step)
        .map(|it| text(&it["text"]).to_owned())
        .collect()
}

/// The codes of what is found about a message as a whole.
fn findings(message: &Value) -> Vec<String> {
    let entries = array(&message["timeline"]).iter();
    entries
        .flat_map(|it| array(&it["details"]["findings"]))
        .map(|it| text(&it["code"]).to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_997_settles_the_order_that_it_names() {
    let site = site(60);
    let host = site.start().await;
    let north = site.folder_of("north");
    let (first, first_number) = ordered(&host, "SO-1").await;
    let (second, second_number) = ordered(&host, "SO-2").await;
    let awaited = host.api().message(&first).await;
    let message = &awaited["message"];
    assert_eq!(message["validation"], "valid");
    assert_eq!(message["delivery"], "delivered");
    assert_eq!(message["acknowledgement"], "awaited");
    assert!(awaited["deliveries"][0]["acknowledgement_due_at"].is_string());
    assert_eq!(found(&host, "acknowledgement=awaited").await.len(), 2);
    let partner = host.api().partner("north").await;
    assert_eq!(partner["acknowledgements_awaited"], 2);
    assert_eq!(partner["acknowledgements_overdue"], 0);

    let taken = put(&host, &north, "997-a.edi", &answer(1, first_number, "A")).await;
    let acknowledges = &taken["timeline"][1]["details"]["acknowledges"][0];
    assert_eq!(acknowledges["means"], "accepted");
    assert_eq!(acknowledges["effect"], "settled");
    put(&host, &north, "997-b.edi", &answer(2, second_number, "R")).await;
    for (id, state) in [(&first, "accepted"), (&second, "rejected")] {
        let settled = host.api().message(id).await;
        assert_eq!(settled["message"]["acknowledgement"], state);
        assert_eq!(settled["deliveries"][0]["acknowledgement"], state);
        let said = steps(&settled, "acknowledged");
        assert_eq!(said.len(), 1);
        assert!(
            said[0].starts_with(&format!("north says {state}")),
            "{}",
            said[0]
        );
        let query = format!("acknowledgement={state}&delivery=delivered&validation=valid");
        assert_eq!(found(&host, &query).await, std::slice::from_ref(id));
    }
    assert_eq!(
        found(&host, "acknowledgement=awaited").await,
        Vec::<String>::new()
    );

    // The same by the command line.
    let listed = site
        .ask(&["messages", "list", "--acknowledgement", "rejected"])
        .await;
    assert_eq!(listed["messages"][0]["id"], second.as_str());
    let refused = site
        .run(&["messages", "list", "--acknowledgement", "lost"])
        .await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.said.contains("overdue"), "{}", refused.said);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_verdict_is_an_event_of_its_own() {
    let site = site(60);
    let host = site.start().await;
    let north = site.folder_of("north");
    let (id, number) = ordered(&host, "SO-1").await;
    put(&host, &north, "997-a.edi", &answer(1, number, "A")).await;
    let late = put(&host, &north, "997-b.edi", &answer(2, number, "R")).await;
    let effect = &late["timeline"][1]["details"]["acknowledges"][0]["effect"];
    assert_eq!(*effect, "late");
    let message = host.api().message(&id).await;
    let said = steps(&message, "acknowledged");
    assert_eq!(said.len(), 2);
    assert!(
        said[1].contains("late: it said accepted before"),
        "{}",
        said[1]
    );
    assert_eq!(message["message"]["acknowledgement"], "rejected");
    let metrics = host.api().get_text("/metrics").await;
    for line in [
        "crossdock_acknowledgements_total{partner=\"north\",effect=\"late\"} 1",
        "crossdock_acknowledgements_total{partner=\"north\",effect=\"settled\"} 1",
        "crossdock_acknowledgements_awaited{partner=\"north\"} 0",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }

    // A 997 about nothing that was sent is found out and settles nothing.
    let lost = put(&host, &north, "997-c.edi", &answer(3, 4_711, "A")).await;
    let found = &lost["documents"][0]["findings"][0];
    assert_eq!(found["code"], "acknowledgement-unmatched");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_in_time_is_overdue() {
    let site = site(0);
    let host = site.start().await;
    let north = site.folder_of("north");
    let (id, number) = ordered(&host, "SO-1").await;
    assert_eq!(
        found(&host, "acknowledgement=overdue").await,
        std::slice::from_ref(&id)
    );
    let open = host.api().get("/v1/partners/north/acknowledgements").await;
    assert_eq!((&open["awaited"], &open["overdue"]), (&1.into(), &1.into()));
    assert_eq!(open["deliveries"][0]["message"], id.as_str());
    assert_eq!(open["deliveries"][0]["business_key"], "order/SO-1");
    let metrics = host.api().get_text("/metrics").await;
    let line = "crossdock_acknowledgements_overdue{partner=\"north\"} 1";
    assert!(metrics.lines().any(|it| it == line), "{metrics}");

    // Killed, and with a view that is built anew, it is still awaited.
    host.kill();
    std::fs::remove_dir_all(site.path("data/view")).expect("the view can be deleted");
    let host = site.start().await;
    assert_eq!(
        found(&host, "acknowledgement=overdue").await,
        std::slice::from_ref(&id)
    );
    let shown = site.ask(&["partners", "acknowledgements", "north"]).await;
    assert_eq!(shown["overdue"], 1);
    put(&host, &north, "997.edi", &answer(1, number, "A")).await;
    assert_eq!(found(&host, "acknowledgement=accepted").await, [id]);
    let open = host.api().get("/v1/partners/north/acknowledgements").await;
    assert_eq!(open["awaited"], 0);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_missing_or_repeated_are_found() {
    let site = site(60);
    let host = site.start().await;
    let north = site.folder_of("north");
    let first = put(&host, &north, "12.edi", &shipment(12, "SO-12")).await;
    assert_eq!(findings(&first), Vec::<String>::new());
    let gap = put(&host, &north, "14.edi", &shipment(14, "SO-14")).await;
    assert_eq!(findings(&gap), ["interchange-gap"]);
    assert_eq!(gap["documents"][0]["disposition"], "routed");
    let decoded = steps(&gap, "decoded");
    assert!(decoded[0].contains("interchange 14: gap"), "{}", decoded[0]);

    // What is known of numbers survives a restart.
    host.kill();
    let host = site.start().await;
    let filled = put(&host, &north, "13.edi", &shipment(13, "SO-13")).await;
    assert_eq!(findings(&filled), ["interchange-out-of-sequence"]);
    let next = put(&host, &north, "15.edi", &shipment(15, "SO-15")).await;
    assert_eq!(findings(&next), Vec::<String>::new());
    let again = put(&host, &north, "15-again.edi", &shipment(15, "SO-15")).await;
    assert_eq!(
        findings(&again),
        ["interchange-duplicate", "group-duplicate"]
    );
    assert_eq!(again["documents"][0]["disposition"], "duplicate");
    let other = put(&host, &north, "15-other.edi", &shipment(15, "SO-99")).await;
    assert_eq!(findings(&other), ["interchange-conflict", "group-conflict"]);
    assert_eq!(other["documents"][0]["disposition"], "routed");
    let metrics = host.api().get_text("/metrics").await;
    let line = "crossdock_control_number_findings_total{partner=\"north\",finding=\"conflict\"} 2";
    assert!(metrics.lines().any(|it| it == line), "{metrics}");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_can_be_waited_for() {
    let site = site(60).set("partners.north.control_numbers.interchange.gap", "refuse");
    let host = site.start().await;
    let north = site.folder_of("north");
    put(&host, &north, "12.edi", &shipment(12, "SO-12")).await;
    let early = put(&host, &north, "14.edi", &shipment(14, "SO-14")).await;
    assert_eq!(early["message"]["validation"], "refused");
    let problem = &early["documents"][0]["problems"][0];
    assert_eq!(problem["code"], "interchange-gap");
    assert_eq!(
        array(&early["deliveries"]).len(),
        0,
        "nothing is acknowledged"
    );
    let letters = host.api().dead_letters().await;
    assert_eq!(letters.len(), 1);

    put(&host, &north, "13.edi", &shipment(13, "SO-13")).await;
    let replay = serde_json::json!({ "ids": [letters[0]["id"]] });
    host.api().post("/v1/dead-letters/replay", &replay).await;
    let id = text(&early["message"]["id"]);
    let taken = until("the refused message to be read again", async || {
        let message = host.api().message(id).await;
        if message["message"]["validation"] == "valid" {
            Ok(message)
        } else {
            Err(message["message"].to_string())
        }
    })
    .await;
    assert_eq!(taken["documents"][0]["disposition"], "routed");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_is_compared_with_its_order() {
    let site = site(60);
    let host = site.start().await;
    let north = site.folder_of("north");
    ordered(&host, "SO-1").await;
    let codes = |message: &Value| {
        let findings = array(&message["documents"][0]["findings"]).iter();
        let codes = findings.map(|it| text(&it["code"]).to_owned());
        codes.collect::<Vec<_>>()
    };
    let first = put(&host, &north, "1.edi", &shipment(1, "SO-1")).await;
    assert_eq!(codes(&first), Vec::<String>::new());
    // Another one of as much again, under a number of its own.
    let more = shipment_of(13, 2, "SO-1").replace("SHP-SO-1", "SHP-SO-1B");
    let second = put(&host, &north, "2.edi", &more).await;
    assert_eq!(codes(&second), ["more-than-ordered", "ordered-differs"]);
    let finding = &second["documents"][0]["findings"][0];
    assert_eq!(finding["place"], "/lines/0/shipped");
    assert!(
        text(&finding["text"]).contains("13 CS shipped and 12 before"),
        "{finding}"
    );
    assert_eq!(second["documents"][0]["disposition"], "routed");
    host.finish().await;
}

/// An SAP system that tells first that an IDoc waits, and then that it is posted.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_on_the_way_is_progress() {
    let site = Site::new()
        .sender("erp")
        .folder("sap")
        .set("partners.sap.adapter", "sap")
        .set("partners.sap.settings.sender-partner", "CROSSDOCK")
        .set("partners.sap.settings.receiver-partner", "S4HCLNT100")
        .set("partners.sap.settings.receiver-port", "SAPS4H")
        .set("partners.sap.settings.sap-client", "100")
        .set("partners.sap.settings.orders", "delivery")
        .set("partners.sap.expects_acknowledgement", vec!["order"])
        .route("order", &["erp"], &["sap"]);
    let host = site.start().await;
    let sap = site.folder_of("sap");
    let (id, number) = ordered(&host, "4711").await;
    let status = |code: &str| {
        format!(
            "<SYSTAT01><IDOC BEGIN=\"1\"><EDI_DC40 SEGMENT=\"1\"><DOCNUM>0000000000005001</DOCNUM>\
             <IDOCTYP>SYSTAT01</IDOCTYP><MESTYP>STATUS</MESTYP><SNDPRN>S4HCLNT100</SNDPRN></EDI_DC40>\
             <E1STATS SEGMENT=\"1\"><DOCNUM>{number:016}</DOCNUM><STATUS>{code}</STATUS></E1STATS>\
             </IDOC></SYSTAT01>"
        )
    };
    let underway = put(&host, &sap, "64.xml", &status("64")).await;
    assert_eq!(underway["documents"][0]["disposition"], "routed");
    let message = host.api().message(&id).await;
    assert_eq!(message["message"]["acknowledgement"], "awaited");
    assert_eq!(message["deliveries"][0]["acknowledged"], "64");
    let posted = put(&host, &sap, "53.xml", &status("53")).await;
    assert_eq!(posted["documents"][0]["disposition"], "routed");
    assert_eq!(array(&posted["documents"][0]["findings"]).len(), 0);
    let message = host.api().message(&id).await;
    assert_eq!(message["message"]["acknowledgement"], "accepted");
    let effects: Vec<_> = array(&message["timeline"])
        .iter()
        .filter(|it| it["step"] == "acknowledged")
        .map(|it| text(&it["details"]["effect"]))
        .collect();
    assert_eq!(effects, ["progress", "settled"]);
    assert_eq!(host.api().dead_letters().await.len(), 0);
    host.finish().await;
}

/// What a warehouse's translator rejects has not reached the warehouse: the order goes to
/// the next node.
#[tokio::test(flavor = "multi_thread")]
async fn a_997_that_rejects_a_release_sends_the_order_to_the_next_node() {
    let business = Business::new().await.at(x12::spoken);
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order::original("SO-1")).await;
    order_stands(api, "SO-1", "validating").await;
    let accepted = says(api, "erp", &papers::answer("SO-1", "accepted", 1)).await;
    // What it releases is counted with the message that released it.
    let id = text(&accepted["message"]["id"]);
    let number = until("the release to be in the outbox", async || {
        let message = api.message(id).await;
        let mut deliveries = array(&message["deliveries"]).iter();
        let release = deliveries.find(|it| it["to"] == "north" && it["status"] == "delivered");
        let number = release.and_then(|it| it["control_number"].as_u64());
        number.ok_or_else(|| message.to_string())
    })
    .await;
    let north = business.site().folder_of("north");
    put(&host, &north, "997.edi", &answer(1, number, "R")).await;
    hears(&business.south, &["order original SO-1"]).await;
    until_kinds(api, "order/SO-1", &["node-rejection"]).await;
    let released = order_stands(api, "SO-1", "released").await;
    assert_eq!(released["facts"]["node"], "south");
    let erp = ["order original SO-1", "answer backordered SO-1"];
    hears(&business.erp, &erp).await;
    hears(&business.crm, &["case rejected open"]).await;
    // The same verdict once more moves nobody.
    put(&host, &north, "997-again.edi", &answer(2, number, "R")).await;
    host.finish().await;
    hears(&business.south, &["order original SO-1"]).await;
    hears(&business.erp, &erp).await;
    assert_eq!(
        north.names("outbox").len(),
        1,
        "it is not told to cancel what it rejected"
    );
}

/// A warehouse that speaks X12 has no answer to an order but what it ships: a 945 of nothing
/// is its refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_945_of_nothing_sends_the_order_to_the_next_node() {
    let business = Business::new().await.at(x12::spoken);
    let host = business.start().await;
    let api = host.api();
    let placed = order::original("SO-1");
    business.accepted(api, "SO-1", &placed).await;
    order_stands(api, "SO-1", "released").await;
    let north = business.site().folder_of("north");
    let nothing = put(
        &host,
        &north,
        "945.edi",
        &x12::shipment_of_nothing(1, "SO-1"),
    )
    .await;
    assert_eq!(nothing["documents"][0]["kind"], "shipment", "{nothing:#}");
    hears(&business.south, &["order original SO-1"]).await;
    until_kinds(api, "order/SO-1", &["node-rejection"]).await;
    hears(&business.crm, &["case rejected open", "shipment SHP-SO-1"]).await;
    says(api, "south", &papers::answer("SO-1", "accepted", 3)).await;
    let accepted = order_stands(api, "SO-1", "accepted").await;
    assert_eq!(accepted["facts"]["node"], "south");
    until_kinds(api, "order/SO-1", &[]).await;
    host.finish().await;
    hears(&business.south, &["order original SO-1"]).await;
}
