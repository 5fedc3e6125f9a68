//! A partner can be a directory: a complete file is taken once and moved, one that can't
//! be taken says why, and what goes out appears once and whole.

use std::{fs, os::unix::process::ExitStatusExt as _};

use e2e::harness::{Receiver, Site, array, eventually, order, text};
use serde_json::{Value, json};

const BODY_BYTES_MAX: usize = 4_096;

/// A depot that is a directory: its orders go to the warehouse, and the ERP's to it.
async fn site() -> (Receiver, Site) {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .folder("depot")
        .route("order", &["depot"], &["warehouse"])
        .route("order", &["erp"], &["depot"])
        .set("ingress.body_bytes_max", BODY_BYTES_MAX as i64);
    (warehouse, site)
}

fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_file_is_taken_once_and_moved() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let depot = site.folder_of("depot");
    let body = bytes(&order::original("SO-1"));
    depot.put("monday.json", &body);
    eventually("the file to be done", || depot.names("done").len() == 1).await;
    host.api().until_idle().await;

    assert_eq!(depot.names("inbox"), Vec::<String>::new());
    let done = depot.files("done");
    assert!(done[0].0.ends_with("-monday.json"), "{}", done[0].0);
    assert_eq!(done[0].1, body);
    let messages = host.api().messages().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["channel"], "folder");
    assert_eq!(warehouse.count(), 1);

    // The same file again is known, and only moved.
    depot.put("monday.json", &body);
    eventually("the file to be done", || depot.names("done").len() == 2).await;
    assert_eq!(host.api().messages().await.len(), 1);
    // Under another name it is another message with the same document.
    depot.put("tuesday.json", &body);
    eventually("the file to be done", || depot.names("done").len() == 3).await;
    host.api().until_idle().await;
    assert_eq!(host.api().messages().await.len(), 2);
    assert_eq!(warehouse.count(), 1);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_written_is_left_alone() {
    let (warehouse, site) = site().await;
    let site = site.set("partners.depot.folder.quiet_ms", 600);
    let host = site.start().await;
    let depot = site.folder_of("depot");
    let body = bytes(&order::original("SO-1"));
    let inbox = depot.directory().join("inbox");
    let names = [
        ".hidden.json",
        "upload.json.part",
        "upload.tmp",
        "upload.filepart",
    ];
    for name in names {
        fs::write(inbox.join(name), &body).expect("the inbox can be written");
    }
    // Written in small pieces, each before the file would count as complete.
    let slow = inbox.join("slow.json");
    for length in (0..=body.len()).step_by(body.len() / 8).chain([body.len()]) {
        fs::write(&slow, &body[..length]).expect("the inbox can be written");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // A later one that is whole is proof that the folder was looked at meanwhile.
    depot.put("whole.json", &bytes(&order::original("SO-2")));
    eventually("both files to be done", || depot.names("done").len() == 2).await;
    host.api().until_idle().await;
    let mut orders: Vec<_> = warehouse
        .taken()
        .iter()
        .map(|it| order::name_of(&it.document).0)
        .collect();
    orders.sort();
    assert_eq!(orders, ["SO-1", "SO-2"]);
    assert!(
        host.api().dead_letters().await.is_empty(),
        "no half of a file was taken"
    );
    for name in names {
        assert!(inbox.join(name).exists(), "{name} was taken");
    }
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_taken_says_why() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let depot = site.folder_of("depot");
    depot.put("large.json", &vec![b' '; BODY_BYTES_MAX + 1]);
    depot.put("empty.json", b"");
    let secret = site.path("secret.json");
    fs::write(&secret, bytes(&order::original("SO-9"))).expect("a file can be written");
    std::os::unix::fs::symlink(&secret, depot.directory().join("inbox/link.json"))
        .expect("a link can be made");
    // Exactly as large as may be.
    let mut largest = bytes(&order::original("SO-1"));
    largest.resize(BODY_BYTES_MAX, b' ');
    depot.put("largest.json", &largest);

    let expected = [
        ("large.json", "body-too-large"),
        ("empty.json", "body-empty"),
        ("link.json", "not-a-file"),
    ];
    // Each with its problem beside it.
    eventually("the files to be refused", || {
        depot.names("refused").len() == 2 * expected.len()
    })
    .await;
    eventually("the good file to be done", || {
        depot.names("done").len() == 1
    })
    .await;
    let refused = depot.files("refused");
    for (name, code) in expected {
        let problem = refused
            .iter()
            .find(|(file, _)| file.ends_with(&format!("-{name}.problem.json")));
        let (_, problem) = problem.unwrap_or_else(|| panic!("no problem for {name}"));
        let problem: Value = serde_json::from_slice(problem).expect("a problem is JSON");
        assert_eq!(problem["code"], code);
        assert!(
            refused
                .iter()
                .any(|(file, _)| file.ends_with(&format!("-{name}"))),
            "{name}"
        );
    }
    host.api().until_idle().await;
    assert_eq!(host.api().messages().await.len(), 1);
    assert_eq!(warehouse.count(), 1);
    assert!(secret.exists());
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_appears_once_and_whole() {
    let (_warehouse, site) = site().await;
    let host = site.start().await;
    let depot = site.folder_of("depot");
    let first = host
        .api()
        .accepted("erp", "a", &order::original("SO-1"))
        .await;
    let message = host.api().settled(&first).await;
    assert_eq!(message["deliveries"][0]["status"], "delivered");
    let files = depot.files("outbox");
    assert_eq!(files.len(), 1);
    let (name, body) = &files[0];
    assert_eq!(
        *name,
        format!("order-{}.json", message["deliveries"][0]["control_number"])
    );
    assert_eq!(
        serde_json::from_slice::<Value>(body).expect("it is JSON"),
        order::original("SO-1")
    );

    // Taken away by the partner it does not come again, not even after a kill.
    fs::remove_file(depot.directory().join("outbox").join(name)).expect("a file can be taken");
    host.kill();
    let host = site.start().await;
    host.api()
        .accepted("erp", "b", &order::original("SO-2"))
        .await;
    host.api().until_idle().await;
    let orders: Vec<_> = depot
        .files("outbox")
        .iter()
        .map(|(_, body)| order_no(body))
        .collect();
    assert_eq!(orders, ["SO-2"]);
    host.finish().await;
}

fn order_no(body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).expect("a file is whole");
    order::name_of(&document).0
}

/// The host dies after a message is durable and before its file is moved: the next one
/// finds the file again and makes no second message of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_accepting_and_moving_makes_no_second_message() {
    for point in [
        "journal-after-sync",
        "journal-after-projection",
        "engine-before-decode",
    ] {
        let (warehouse, site) = site().await;
        // Makes the directories.
        site.start().await.stop().await;
        let depot = site.folder_of("depot");
        depot.put("monday.json", &bytes(&order::original("SO-1")));
        let mut host = site.launch(Some(point));
        let status = host.end().await;
        assert_eq!(
            status.signal(),
            Some(6),
            "the host did not die at {point} but ended with {status}"
        );

        let host = site.start().await;
        eventually("the file to be done", || depot.names("done").len() == 1).await;
        host.api().until_idle().await;
        assert_eq!(
            host.api().messages().await.len(),
            1,
            "after a death at {point}"
        );
        assert_eq!(warehouse.taken().len(), 1);
        assert_eq!(depot.names("inbox"), Vec::<String>::new());
        host.finish().await;
    }
}

/// The host dies while it puts a file into the outbox, before or after it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_a_file_goes_out_makes_no_second_file() {
    for point in [
        "engine-before-send",
        "engine-after-send",
        "engine-before-outcome",
    ] {
        let (_warehouse, site) = site().await;
        let mut host = site.launch(Some(point));
        assert_eq!(host.ready_or_ended().await, None);
        host.api()
            .accepted("erp", "a", &order::original("SO-1"))
            .await;
        let status = host.end().await;
        assert_eq!(
            status.signal(),
            Some(6),
            "the host did not die at {point} but ended with {status}"
        );
        // The partner takes away what is there already.
        let depot = site.folder_of("depot");
        let mut taken = depot.files("outbox");
        for (name, _) in &taken {
            fs::remove_file(depot.directory().join("outbox").join(name))
                .expect("a file can be taken");
        }
        assert_eq!(taken.is_empty(), point == "engine-before-send", "{taken:?}");

        let host = site.start().await;
        host.api().until_idle().await;
        taken.extend(depot.files("outbox"));
        assert_eq!(taken.len(), 1, "after a death at {point}");
        assert_eq!(order_no(&taken[0].1), "SO-1");
        let messages = host.api().messages().await;
        let message = host.api().message(text(&messages[0]["id"])).await;
        let status = text(&message["deliveries"][0]["status"]);
        assert!(
            ["delivered", "already-delivered"].contains(&status),
            "{}",
            json!(array(&message["deliveries"]))
        );
        host.finish().await;
    }
}
