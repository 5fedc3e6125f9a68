//! Whatever arrives, an answer comes out and never a panic.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use crossdock_sdk::{
    Adapter, Delivery, Document, Exchange, Inbound, Outcome, PollRequest, PollStep, Request,
    Response, Step, json,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use salesforce::Salesforce;

fn settings() -> Vec<(String, String)> {
    [
        ("account-id", "001D000000IRFmaIAH"),
        ("pricebook-entry-key", "Sku__c"),
        ("event.Order_Release__e", "order"),
        ("notification", "email"),
        ("subject.shipped", "{order_no}"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    assert!(files.len() > 5);
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn decode(body: &[u8]) -> Result<(), TestCaseError> {
    let mut message = Inbound::new(body);
    message.settings = settings();
    if let Ok(decoded) = Salesforce::decode(message) {
        for error in decoded.documents.iter().filter_map(|it| it.as_ref().err()) {
            prop_assert!(!error.problems.is_empty());
        }
    }
    Ok(())
}

fn documents() -> Vec<Document> {
    [
        r#"{"kind":"order","purpose":"replace","order_no":"A","lines":[{"line_no":"1","quantity":{"value":"1","unit":"EA"},"items":[{"scheme":"sku","value":"S"}]}]}"#,
        r#"{"kind":"order","purpose":"cancel","order_no":"A"}"#,
        r#"{"kind":"milestone","shipment_id":"S","order_no":"A","code":"delivered","at":{"text":"2026-03-01","zoned":false}}"#,
        r#"{"kind":"service-case","external_key":"K","subject":"s","description":"","category":"delay","severity":"low","status":"open","timeline":[{"at":{"text":"2026-03-01","zoned":false},"kind":"x","text":"y"}]}"#,
        r#"{"kind":"notification","dedupe_key":"N","template":"shipped","channel":"email","recipient":{"email":"a@example.com"}}"#,
    ]
    .map(|text| json::from_str(text).unwrap())
    .to_vec()
}

fn answered(status: u16, body: &str) -> Exchange {
    let response = Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    Exchange::new(Request::get(""), Outcome::Response(response))
}

/// Nothing of an answer may lead a request out of the API.
fn check(request: &Request) -> Result<(), TestCaseError> {
    prop_assert!(request.path.starts_with("/services/data/v"));
    prop_assert!(!request.path.contains([' ', '"', '\'', '#']));
    Ok(())
}

#[test]
fn hostile_json_is_refused() {
    let nested = format!("{{\"records\":{}", "[".repeat(100_000));
    let lines = |text: &str| {
        format!(
            r#"{{"channel":"/event/Order_Release__e","data":{{"payload":{{"Crossdock_Key__c":"A","Lines__c":{text}}}}}}}"#
        )
    };
    let quantity = |number: &str| {
        format!(
            r#"{{"records":[{{"Id":"1","Crossdock_Key__c":"A","OrderItems":{{"records":[{{"OrderItemNumber":"1","Quantity":{number},"Product2":{{"ProductCode":"S"}}}}]}}}}]}}"#
        )
    };
    for body in [
        nested,
        lines(&format!("\"{}\"", "[".repeat(10_000))),
        lines("7"),
        lines("\"[{}]\""),
        quantity("1e999999999"),
        quantity(&"9".repeat(10_000)),
        quantity("-0.0"),
        r#"{"records":{},"pages":7}"#.to_owned(),
        r#"{"pages":[[],{"records":null},{"records":[null,1]}]}"#.to_owned(),
        r#"{"records":[],"records":[]}"#.to_owned(),
    ] {
        decode(body.as_bytes()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        decode(&bytes)?;
    }

    #[test]
    fn damaged_messages_are_answered(
        file in any::<Index>(),
        changes in vec((any::<Index>(), select(&b"{}[]\",:0-9nulltrue \\"[..]), 0_u8..3), 1..8),
    ) {
        let files = files("decode");
        let mut body = file.get(&files).clone();
        for (place, byte, change) in changes {
            if body.is_empty() {
                break;
            }
            let at = place.index(body.len());
            match change {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        decode(&body)?;
    }

    #[test]
    fn any_past_leads_on(
        document in any::<Index>(),
        answers in vec((select(vec![200_u16, 201, 204, 300, 400, 401, 403, 404, 503]), select(vec![
            "", "[]", "{}", "null", "<html>",
            r#"{"id":"801D00000000001IAA","Id":"801D00000000001IAA","success":true}"#,
            r#"{"Id":"801' OR Id != '","id":"../x"}"#,
            r#"[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"x","fields":7}]"#,
            r#"[{"errorCode":"DUPLICATE_VALUE","message":"id: 801D00000000001"}]"#,
            r#"[{"success":false,"errors":[{"statusCode":"X","message":"y","fields":["Z"]}]}]"#,
            r#"{"records":[{"Id":"802D00000000001IAA","CommentBody":"c"}]}"#,
            r#"{"records":[],"nextRecordsUrl":"/services/data/../../x"}"#,
            r#"{"isSuccess":false,"errors":null}"#,
        ])), 0..6),
    ) {
        let documents = documents();
        let mut delivery = Delivery::new(document.get(&documents).clone());
        delivery.settings = settings();
        let past: Vec<_> = answers.iter().map(|(status, body)| answered(*status, body)).collect();
        let step = Salesforce::next(delivery.clone(), &past);
        prop_assert_eq!(&step, &Salesforce::next(delivery, &past));
        if let Ok(Step::Send(request)) = &step {
            check(request)?;
        }
        let step = Salesforce::poll(PollRequest::new(None), &past);
        prop_assert_eq!(&step, &Salesforce::poll(PollRequest::new(None), &past));
        if let Ok(PollStep::Send(request)) = &step {
            check(request)?;
        }
    }

    #[test]
    fn any_cursor_is_read_or_refused(cursor in "(2026-03-01T09:30:00Z/)?\\PC{0,30}") {
        if let Ok(PollStep::Send(request)) = Salesforce::poll(PollRequest::new(Some(&cursor)), &[]) {
            check(&request)?;
        }
    }
}
