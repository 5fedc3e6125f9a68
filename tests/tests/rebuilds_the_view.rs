//! The journal is the truth, everything else is a view of it: whatever becomes of the
//! view, the API answers as before, after a start and after `crossdock rebuild`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use e2e::harness::{Api, Behaviour, Receiver, Site, array, order, text};
use serde_json::{Value, json};

/// What becomes of the view while no host runs.
struct Damage {
    name: &'static str,
    happen: fn(&Path),
}

const DAMAGES: &[Damage] = &[
    Damage {
        name: "its directory is gone",
        happen: |view| fs::remove_dir_all(view).expect("it can be removed"),
    },
    Damage {
        name: "its directory is empty",
        happen: |view| {
            fs::remove_dir_all(view).expect("it can be removed");
            fs::create_dir(view).expect("it can be made");
        },
    },
    Damage {
        name: "its file is garbage",
        happen: |view| spoil(&view.join("db"), |bytes| bytes.fill(0xa5)),
    },
    Damage {
        name: "its file is cut",
        happen: |view| spoil(&view.join("db"), |bytes| bytes.truncate(bytes.len() / 3)),
    },
    Damage {
        name: "its settings are garbage",
        happen: |view| spoil(&view.join("conf"), |bytes| bytes.fill(0xff)),
    },
    Damage {
        name: "a snapshot was half written",
        happen: |view| {
            fs::write(view.join("snap.0000000000000100.generating"), b"half")
                .expect("it can be written");
        },
    },
    Damage {
        name: "its snapshots are garbage",
        happen: |view| {
            for snapshot in snapshots(view) {
                spoil(&snapshot, |bytes| bytes.fill(0));
            }
        },
    },
    Damage {
        name: "it is older than the journal",
        happen: |view| {
            fs::remove_dir_all(view).expect("it can be removed");
            copy(&view.with_file_name("older"), view);
        },
    },
];

fn spoil(file: &Path, spoil: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    spoil(&mut bytes);
    fs::write(file, bytes).expect("it can be written");
}

fn snapshots(view: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(view).expect("it can be read");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("snap."))
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let to = to.join(path.file_name().expect("a file has a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("it can be copied");
        }
    }
}

/// Everything that the API tells from the view: what depends on the running host
/// (lanes, and since when a breaker that never moved is closed) left out.
async fn told(api: &Api) -> Value {
    let mut messages = Vec::new();
    for message in api.messages().await {
        messages.push(api.message(text(&message["id"])).await);
    }
    let mut partners = api.get("/v1/partners").await;
    for partner in partners["partners"]
        .as_array_mut()
        .expect("partners are a list")
    {
        for name in ["waiting", "in_flight", "undecoded", "oldest_waiting_since"] {
            partner[name].take();
        }
        if partner["breaker_moved_at"].is_null() {
            partner["breaker"].take();
        }
    }
    json!({
        "list": api.messages().await,
        "messages": messages,
        "dead_letters": api.dead_letters().await,
        "partners": partners,
        "by_key": api.get("/v1/messages?business_key=order/SO-3").await,
        "by_status": api.get("/v1/messages?status=refused").await,
        "by_partner": api.get("/v1/messages?partner=erp&limit=3").await,
    })
}

/// A site whose journal holds one of everything: deliveries that went at once, after
/// retries, not at all, not yet; duplicates, conflicts, what nobody can read; a replay,
/// and a breaker that an operator opened.
async fn eventful() -> (Receiver, Site) {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .receiver("outlet", &warehouse)
        .folder("archive")
        .route("order", &["erp"], &["warehouse", "archive"])
        .route("milestone", &["erp"], &["outlet"])
        .set("journal.segment_bytes", 16 << 10);
    let host = site.start().await;
    let api = host.api();
    api.post(
        "/v1/partners/outlet/breaker",
        &json!({ "action": "open", "by": "ann" }),
    )
    .await;
    for number in 0..6 {
        api.accepted(
            "erp",
            &format!("a-{number}"),
            &order::original(&format!("SO-{number}")),
        )
        .await;
    }
    api.accepted("erp", "again", &order::original("SO-3")).await;
    let mut conflict = order::original("SO-3");
    conflict["customer_po"] = json!("another");
    api.accepted("erp", "conflict", &conflict).await;
    api.accepted("erp", "unreadable", &json!({ "kind": "wish" }))
        .await;
    api.accepted("erp", "shapeless", &json!("?")).await;
    api.accepted("erp", "waits", &milestone("N-1")).await;
    api.until_idle_but_for("outlet").await;
    // sled keeps what is here; the view of a host that is stopped is whole.
    host.stop().await;
    copy(&site.path("data/view"), &site.path("data/older"));

    let host = site.start().await;
    let api = host.api();
    warehouse.script(|arrival| match order::name_of(&arrival.document) {
        (_, 1) => Behaviour::Answers(400, None),
        _ => Behaviour::Takes,
    });
    let refused = api
        .accepted("erp", "refused", &order::revision("SO-1", 1))
        .await;
    api.settled(&refused).await;
    let still = api
        .accepted("erp", "still", &order::revision("SO-2", 1))
        .await;
    api.settled(&still).await;
    warehouse.set(Behaviour::Takes);
    api.post(
        "/v1/dead-letters/replay",
        &json!({ "filter": { "partner": "warehouse" }, "by": "ann" }),
    )
    .await;
    api.settled(&refused).await;
    api.settled(&still).await;
    warehouse.set(Behaviour::Answers(400, None));
    let last = api
        .accepted("erp", "last", &order::revision("SO-1", 2))
        .await;
    api.settled(&last).await;
    host.stop().await;
    (warehouse, site)
}

fn milestone(shipment: &str) -> Value {
    json!({
        "kind": "milestone",
        "shipment_id": shipment,
        "code": "departed",
        "at": { "text": "2026-03-05T10:00:00-06:00", "zoned": true },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_the_view_a_start_makes_it_anew() {
    let (_warehouse, site) = eventful().await;
    let host = site.start().await;
    let before = told(host.api()).await;
    assert_eq!(array(&before["list"]).len(), 14);
    assert!(
        array(&before["dead_letters"]).len() >= 5,
        "{}",
        before["dead_letters"]
    );
    host.stop().await;
    for damage in DAMAGES {
        (damage.happen)(&site.path("data/view"));
        let host = site.start().await;
        assert_eq!(told(host.api()).await, before, "after {}", damage.name);
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_the_view_a_rebuild_makes_it_anew() {
    let (_warehouse, site) = eventful().await;
    let host = site.start().await;
    let before = told(host.api()).await;
    host.stop().await;
    for damage in DAMAGES {
        (damage.happen)(&site.path("data/view"));
        let ran = site.run(&["rebuild"]).await;
        assert_eq!(ran.code, Some(0), "after {}: {}", damage.name, ran.said);
        assert!(ran.answer.starts_with("the view holds "), "{}", ran.answer);
        let host = site.start().await;
        assert_eq!(told(host.api()).await, before, "after {}", damage.name);
        host.stop().await;
    }
}

/// Nobody must rebuild under a running host, or give up a view for a journal that is
/// damaged.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_gives_nothing_up_before_it_can_succeed() {
    let (_warehouse, site) = eventful().await;
    let host = site.start().await;
    let ran = site.run(&["rebuild"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.said.contains("in use by another process"),
        "{}",
        ran.said
    );
    let before = told(host.api()).await;
    host.stop().await;

    let segments = fs::read_dir(site.path("data/journal")).expect("it can be read");
    let mut segments: Vec<_> = segments
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    segments.retain(|path| fs::metadata(path).is_ok_and(|it| it.len() > 4_096));
    segments.sort();
    let intact = fs::read(&segments[0]).expect("it can be read");
    spoil(&segments[0], |bytes| bytes[2_000] ^= 1);
    let ran = site.run(&["rebuild"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("journal damaged"), "{}", ran.said);
    assert!(site.path("data/view/db").exists(), "the view is kept");

    fs::write(&segments[0], intact).expect("it can be written");
    let host = site.start().await;
    assert_eq!(told(host.api()).await, before);
    host.stop().await;
}
