//! A host that is killed while it starts always starts the next time, with everything
//! that it had.
//!
//! Starting is when files are cut, sealed, moved aside and replayed; a kill there must
//! not leave anything behind that the next start stumbles over.

use std::{
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use crossdock::failpoint;
use e2e::harness::{Random, Receiver, Site, order};

/// Kills at random moments after the start.
const KILLS: usize = 80;
/// After so many the host is left to become ready, and to change what is on disk.
const KILLS_BETWEEN_STARTS: usize = 8;
/// How late a kill comes at most: a start on a busy machine may take far longer.
const LATEST: Duration = Duration::from_secs(3);
/// Deaths at each named point of the start.
const DEATHS_AT_A_POINT: usize = 3;

/// A host with work that is done, and work that waits for a partner that is down.
async fn site() -> (Receiver, Site, Vec<String>) {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .route("order", &["erp"], &["warehouse"])
        .set("journal.segment_bytes", 16 << 10)
        .set("journal.checkpoint_interval_ms", 20);
    let host = site.start().await;
    let mut messages = Vec::new();
    for revision in 0..20 {
        messages.push(accept(host.api(), revision).await);
        if revision == 9 {
            host.api().until_idle().await;
            warehouse.close();
        }
    }
    host.kill();
    (warehouse, site, messages)
}

async fn accept(api: &e2e::harness::Api, revision: u64) -> String {
    api.accepted(
        "erp",
        &format!("SO-1/{revision}"),
        &order::revision("SO-1", revision),
    )
    .await
}

/// The partner comes back, and gets all of it once, in order.
async fn all_is_there(warehouse: &Receiver, site: &Site, messages: &[String]) {
    warehouse.open().await;
    let host = site.start().await;
    host.api().until_idle().await;
    let known = host.api().messages().await;
    let mut known: Vec<_> = known
        .iter()
        .map(|it| it["id"].as_str().expect("a message has an id"))
        .collect();
    known.sort_unstable();
    let mut expected: Vec<_> = messages.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(known, expected);
    let revisions: Vec<_> = warehouse
        .taken()
        .iter()
        .map(|it| order::name_of(&it.document).1)
        .collect();
    assert_eq!(revisions, (0..messages.len() as u64).collect::<Vec<_>>());
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_while_it_starts_opens_the_next_time() {
    let mut random = Random::seeded();
    let (warehouse, site, mut messages) = site().await;
    let begun = Instant::now();
    site.start().await.kill();
    // Some moments lie after the start, the most within it.
    let moments = (begun.elapsed() * 5 / 4).min(LATEST);
    for kill in 1..=KILLS {
        let host = site.launch(None);
        tokio::time::sleep(random.duration(moments)).await;
        host.kill();
        if kill % KILLS_BETWEEN_STARTS == 0 {
            let host = site.start().await;
            messages.push(accept(host.api(), messages.len() as u64).await);
            host.kill();
        }
    }
    all_is_there(&warehouse, &site, &messages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_dies_at_a_point_of_its_start_opens_the_next_time() {
    let (warehouse, site, mut messages) = site().await;
    let points: Vec<_> = failpoint::NAMES
        .iter()
        .filter(|name| name.starts_with("start-"))
        .collect();
    assert!(!points.is_empty());
    for _ in 0..DEATHS_AT_A_POINT {
        for point in &points {
            let mut host = site.launch(Some(point));
            let status = host.end().await;
            assert_eq!(
                status.signal(),
                Some(6),
                "the host did not die at {point} but ended with {status}"
            );
        }
        // What is on disk is different at the next round.
        let host = site.start().await;
        messages.push(accept(host.api(), messages.len() as u64).await);
        host.kill();
    }
    all_is_there(&warehouse, &site, &messages).await;
}

/// The very first start too: then directories and files are made.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_its_first_start_opens_the_next_time() {
    let mut random = Random::seeded();
    let new = || Site::new().sender("erp");
    let begun = Instant::now();
    new().start().await.kill();
    let moments = begun.elapsed().clamp(Duration::from_millis(100), LATEST);
    for _ in 0..15 {
        let site = new();
        let host = site.launch(None);
        tokio::time::sleep(random.duration(moments)).await;
        host.kill();
        let host = site.start().await;
        host.stop().await;
    }
}
