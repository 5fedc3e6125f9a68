//! A guest harms nobody: whatever it does, its message fails with an error that names
//! the limit, the host lives, and other partners notice nothing.

use std::fs;

use e2e::harness::{Receiver, Site, array, order, text, until};
use serde_json::{Value, json};

/// How much the host may grow over all the deeds, in KiB: one guest's memory, what a
/// guest may return twice over, and room for the allocator.
const GROWTH_KIB_MAX: u64 = 256 * 1024;

/// A rogue, and honest partners beside it.
async fn site() -> (Receiver, Site) {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .sender("rogue")
        .set("partners.rogue.adapter", "misbehaving")
        .route("order", &["erp"], &["warehouse"])
        .route("*", &["rogue"], &[]);
    (warehouse, site)
}

fn dead_letter<'a>(letters: &'a [Value], message: &str) -> &'a Value {
    letters
        .iter()
        .find(|it| it["message"] == message)
        .unwrap_or_else(|| panic!("there is no dead letter of {message}: {letters:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_deed_ends_as_a_dead_letter_that_names_its_limit() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let api = host.api();
    let before = host.memory_kib();
    let deeds = [
        ("loop", "out-of-fuel", "fuel"),
        ("bulk-memory-loop", "out-of-fuel", "fuel"),
        ("memory-bomb", "memory", "memory_bytes_max"),
        ("recursion", "stack-overflow", "stack"),
        ("panic", "panic", "an adapter that was told to panic"),
        ("trap", "trap", "unreachable"),
        ("giant-output", "output-too-large", "output_bytes_max"),
    ];
    let mut sent = Vec::new();
    for (number, (deed, code, named)) in deeds.into_iter().enumerate() {
        let id = api.accepted_bytes("rogue", deed).await;
        sent.push((id, deed, code, named));
        // An honest message in between, to be delivered whatever the rogue does.
        let order = order::original(&format!("SO-{number}"));
        api.accepted("erp", &format!("order-{number}"), &order)
            .await;
    }
    api.until_idle().await;

    let letters = api.dead_letters().await;
    for (id, deed, code, named) in &sent {
        let failure = &dead_letter(&letters, id)["failure"];
        assert_eq!(failure["code"], *code, "{deed}: {failure}");
        assert_eq!(failure["blame"], "adapter", "{deed}: {failure}");
        let said = text(&failure["text"]);
        assert!(said.contains(named), "{deed} should name {named}: {said}");
        assert!(
            said.contains("misbehaving"),
            "{deed} should name the adapter: {said}"
        );
    }
    assert_eq!(letters.len(), deeds.len());
    assert_eq!(
        warehouse.taken().len(),
        deeds.len(),
        "each order arrived, once"
    );
    let grown = host.memory_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "the host grew by {grown} KiB");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_with_its_place() {
    let (_warehouse, site) = site().await;
    let host = site.start().await;
    let id = host.api().accepted_bytes("rogue", "panic").await;
    host.api().until_idle().await;
    let letters = host.api().dead_letters().await;
    let said = text(&dead_letter(&letters, &id)["failure"]["text"]);
    assert!(said.contains("deed.rs:"), "{said}");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_much_but_within_limits_goes_through() {
    let (_warehouse, site) = site().await;
    let host = site.start().await;
    let api = host.api();
    let flood = api.accepted_bytes("rogue", "log-flood SO-1").await;
    let many = api.accepted_bytes("rogue", "many-documents").await;
    api.until_idle().await;
    let flood = api.message(&flood).await;
    assert_eq!(flood["message"]["status"], "decoded", "{flood:#}");
    // What it logged is told with the step, as much as is kept of it.
    let decoded = &flood["timeline"][1]["details"];
    let lines = array(&decoded["log"]);
    assert!((100..=700).contains(&lines.len()), "{} lines", lines.len());
    assert_eq!(lines[0]["level"], "info");
    assert!(text(&lines[0]["text"]).starts_with("all work and no play"));
    assert_eq!(lines[0]["fields"][0], json!(["deed", "log-flood"]));
    assert_eq!(decoded["log_cut"], true);
    let shown = site
        .run(&["messages", "show", text(&flood["message"]["id"])])
        .await;
    let told = shown.answer.matches("info: all work and no play").count();
    assert_eq!(told, lines.len());
    let many = api.message(&many).await;
    assert_eq!(many["message"]["documents"], 5_000);
    assert_eq!(array(&many["documents"]).len(), 5_000);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_misbehaves_while_sending_stops_its_own_delivery_alone() {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .set("partners.warehouse.adapter", "misbehaving")
        .route("order", &["erp"], &["warehouse"]);
    let host = site.start().await;
    let api = host.api();
    let mut panicked = String::new();
    for number in ["loop", "SO-1", "trap", "SO-2", "panic"] {
        let order = order::original(number);
        panicked = api.accepted("erp", number, &order).await;
    }
    api.until_idle().await;
    // What the guest said last is told where the delivery was given up.
    let message = api.message(&panicked).await;
    let given_up = array(&message["timeline"]).last().expect("it is told");
    assert_eq!(given_up["step"], "dead-letter", "{given_up}");
    let said = &given_up["details"]["log"][0];
    assert_eq!(said["level"], "panic", "{given_up}");
    assert!(text(&said["text"]).contains("told to panic"), "{said}");
    let told = text(&given_up["text"]);
    assert!(
        told.starts_with("given up (adapter) with misbehaving 0.1.0 (sha256 "),
        "{told}"
    );
    assert_eq!(warehouse.taken().len(), 2, "SO-1 and SO-2 arrived, once");
    let letters = api.dead_letters().await;
    let mut codes: Vec<_> = letters
        .iter()
        .map(|it| text(&it["failure"]["code"]))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["out-of-fuel", "panic", "trap"]);
    assert!(letters.iter().all(|it| it["holds"] == "delivery"));
    // It is the adapter's fault: the partner's breaker knows nothing of it.
    assert_eq!(api.breaker("warehouse").await, "closed");
    host.finish().await;
}

/// Eight conversations with one partner, each of which takes a thread for a second, leave
/// a thread to everybody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_whose_adapter_is_slow_leaves_a_thread_to_the_others() {
    let warehouse = Receiver::start().await;
    let rogue = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .receiver("rogue", &rogue)
        .set("partners.rogue.adapter", "misbehaving")
        .route("order", &["erp"], &["rogue"])
        .route("other", &["erp"], &["warehouse"])
        .set("sandbox.fuel_base", 1_i64 << 50)
        .set("sandbox.wall_ms_max", 1_000);
    let host = site.start().await;
    let api = host.api();
    let mut slow = Vec::new();
    for number in 0..8 {
        let order = order::original(&format!("loop#{number}"));
        slow.push(api.accepted("erp", &format!("{number}"), &order).await);
    }
    until("all conversations to be under way", async || {
        let stands = api.partner("rogue").await;
        (stands["in_flight"] == 8)
            .then_some(())
            .ok_or_else(|| stands.to_string())
    })
    .await;
    let note = json!({ "kind": "other", "type": "note", "business_key": "1", "content": "{}" });
    let id = api.accepted("erp", "note", &note).await;
    api.settled(&id).await;
    assert_eq!(warehouse.taken().len(), 1);
    // Reading the note and sending it took two turns of a thread. Had the slow ones held
    // both, each of the two had waited for all that stood before it.
    let mut ended = 0;
    for id in &slow {
        let message = api.message(id).await;
        ended += message["deliveries"][0]["attempts"].as_u64().unwrap_or(0);
    }
    assert!(
        ended < 8,
        "{ended} calls of the slow adapter ended meanwhile"
    );
    host.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_no_adapter_is_refused_before_anything_starts() {
    let (_warehouse, site) = site().await;
    // Puts the good components in place.
    site.start().await.finish().await;
    let rogue = site.path("adapters/rogue.wasm");
    let cases = [
        (
            r#"(component (import "wasi:clocks/wall-clock@0.2.6" (instance)))"#,
            vec!["wasi:clocks/wall-clock", "wasm32-unknown-unknown"],
        ),
        ("(component)", vec!["crossdock:partner/adapter"]),
        (
            r#"(component (import "crossdock:partner/host@9.0.0" (instance)))"#,
            vec!["crossdock:partner", "0.1.0"],
        ),
        ("(module)", vec!["crossdock adapter build"]),
    ];
    for (component, named) in cases {
        fs::write(&rogue, wat::parse_str(component).expect("it is WAT")).expect("it is written");
        let ran = site.run(&["check"]).await;
        assert_eq!(ran.code, Some(1), "{component}: {}", ran.said);
        assert!(ran.said.contains("rogue.wasm"), "{component}: {}", ran.said);
        for named in named {
            assert!(
                ran.said.contains(named),
                "{component} should name {named}: {}",
                ran.said
            );
        }
    }
    fs::write(&rogue, b"nothing of the kind").expect("it is written");
    let ran = site.run(&["check"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.said);
}
