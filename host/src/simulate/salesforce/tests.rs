use ::salesforce::Salesforce as Dialect;
use crossdock_sdk::{
    CaseCategory, Document, IdScheme, ItemId, Moment, Order, OrderLine, Party, PartyRole, Purpose,
    Quantity, ServiceCase, Shipment, ShipmentLine, ShipmentStatus, Step, TimelineEntry,
};

use super::*;
use crate::simulate::contract::{AT, Carrier};

const SETTINGS: &[(&str, &str)] = &[
    ("account-key", "Customer_No__c"),
    ("pricebook-entry-key", "SKU__c"),
    ("key.timeline", "Crossdock_Key__c"),
    ("status.shipped", "Shipped"),
    ("field.tracking", "Tracking__c"),
    ("field.case-order-no", "Order_No__c"),
    ("currency", "USD"),
];

const SKUS: &[&str] = &["KETTLE", "MUG"];

fn org() -> Salesforce {
    Salesforce::new("app", "secret", &[("17100001", "Lake Shop")], SKUS)
}

/// One that has a token.
fn carrier(org: Salesforce) -> Carrier<Salesforce> {
    let mut carrier = Carrier::new(org, "Basic YXBwOnNlY3JldA==", SETTINGS);
    log_on(&mut carrier);
    carrier
}

fn log_on(carrier: &mut Carrier<Salesforce>) {
    carrier.authorization = "Basic YXBwOnNlY3JldA==".to_owned();
    let form = "application/x-www-form-urlencoded";
    let request = crossdock_sdk::Request::post(
        "/services/oauth2/token",
        form,
        "grant_type=client_credentials",
    );
    let answer = carrier.carry(&request);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let token = body["access_token"].as_str().unwrap();
    carrier.authorization = format!("Bearer {token}");
}

fn order(order_no: &str, lines: u32) -> Order {
    let lines = (1..=lines).map(|number| {
        let sku = SKUS[number as usize % 2];
        OrderLine::new(
            number.to_string(),
            Quantity::each(number),
            vec![ItemId::sku(sku)],
        )
    });
    Order {
        parties: vec![Party::new(PartyRole::Buyer).with_id(IdScheme::Seller, "17100001")],
        lines: lines.collect(),
        ..Order::new(order_no)
    }
}

fn deliver(carrier: &mut Carrier<Salesforce>, document: Document) -> Step {
    carrier.deliver::<Dialect>(&document).unwrap()
}

fn shipment(order_no: &str) -> Shipment {
    let moment = Moment::zoned("2026-03-02T10:00:00Z");
    let mut shipment = Shipment::new("N00001", order_no, ShipmentStatus::Complete, moment);
    let items = vec![ItemId::sku("MUG")];
    let line = ShipmentLine::new("1", Quantity::each(1), ShipmentStatus::Complete, items);
    shipment.lines.push(line);
    shipment.tracking = vec!["1Z1".to_owned()];
    shipment
}

fn get(carrier: &mut Carrier<Salesforce>, path: &str) -> (u16, Value) {
    let answer = carrier.carry(&crossdock_sdk::Request::get(format!(
        "/services/data/v62.0{path}"
    )));
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, body)
}

fn send(carrier: &mut Carrier<Salesforce>, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let path = format!("/services/data/v62.0{path}");
    let mut request =
        crossdock_sdk::Request::post(path, "application/json", body.to_string().into_bytes());
    method.clone_into(&mut request.method);
    let answer = carrier.carry(&request);
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, body)
}

#[test]
fn an_order_is_made_once_with_its_lines() {
    let mut carrier = carrier(org());
    let first = deliver(&mut carrier, Document::Order(order("SO-1", 3)));
    let Step::Done(Some(id)) = first else {
        panic!("{first:?}")
    };
    assert_eq!(id.len(), 18);
    assert_eq!(carrier.partner.lines("SO-1"), 3);
    let again = deliver(&mut carrier, Document::Order(order("SO-1", 3)));
    assert_eq!(again, Step::AlreadyDone(Some(id)));
    let mut smaller = order("SO-1", 2);
    smaller.purpose = Purpose::Replace;
    deliver(&mut carrier, Document::Order(smaller));
    assert_eq!(carrier.partner.lines("SO-1"), 2);
}

#[test]
fn an_answer_that_is_lost_makes_nothing_twice() {
    // The look, the order, its lines; and the timeline below.
    for lost in 2..=4 {
        let mut carrier = carrier(org());
        carrier.lost = vec![carrier.requests + lost];
        deliver(&mut carrier, Document::Order(order("SO-1", 2)));
        deliver(&mut carrier, Document::Order(order("SO-1", 2)));
        assert_eq!(carrier.partner.lines("SO-1"), 2);
        carrier.lost = vec![carrier.requests + 2];
        let told = deliver(&mut carrier, Document::Shipment(shipment("SO-1")));
        assert!(matches!(told, Step::Retry(_)), "{told:?}");
        let told = deliver(&mut carrier, Document::Shipment(shipment("SO-1")));
        assert!(matches!(told, Step::Done(_)), "{told:?}");
        assert_eq!(carrier.partner.timeline("SO-1"), ["shipped"]);
    }
}

#[test]
fn a_shipment_sets_status_and_fields_of_an_order_that_is_there() {
    let mut carrier = carrier(org());
    let unknown = deliver(&mut carrier, Document::Shipment(shipment("SO-1")));
    assert!(matches!(unknown, Step::Rejected(_)), "{unknown:?}");
    deliver(&mut carrier, Document::Order(order("SO-1", 1)));
    deliver(&mut carrier, Document::Shipment(shipment("SO-1")));
    let order = carrier.partner.order("SO-1").unwrap();
    assert_eq!(
        (&order["Status"], &order["Tracking__c"]),
        (&json!("Shipped"), &json!("1Z1"))
    );
}

#[test]
fn a_case_has_each_comment_once() {
    let mut carrier = carrier(org());
    let mut case = ServiceCase::new("C-1", "Short", CaseCategory::ShortShip);
    case.order_no = Some("SO-1".to_owned());
    let at = Moment::zoned("2026-03-02T10:00:00Z");
    case.timeline = vec![TimelineEntry::new(at, "short", "8 of 12")];
    for _ in 0..2 {
        let step = deliver(&mut carrier, Document::ServiceCase(case.clone()));
        assert!(matches!(step, Step::Done(_)), "{step:?}");
    }
    let (_, found) = get(&mut carrier, "/query?q=SELECT+Id+FROM+CaseComment");
    assert_eq!(found["totalSize"], 1);
    assert_eq!(carrier.partner.effects()["cases"]["C-1"]["status"], "New");
}

#[test]
fn orders_are_polled_with_all_their_lines_page_by_page() {
    let mut carrier = carrier(org().with_pages_of(2));
    for number in 1..=3 {
        let act = json!({
            "act": "place-order", "key": format!("7000010{number}"), "account": "17100001",
            "ship_to": { "street": "1 Pier Road", "city": "Duluth", "state": "MN", "country": "US" },
            "lines": [{ "sku": "MUG", "quantity": 7 }, { "sku": "KETTLE", "quantity": 1 }, { "sku": "MUG", "quantity": 2 }],
        });
        carrier.at = AT.plus(Duration::from_secs(number));
        carrier.partner.act(&act, carrier.at).unwrap();
    }
    let polled = carrier
        .poll::<Dialect>(Some("2026-03-01T00:00:00Z"))
        .unwrap();
    let read = carrier.read_polled::<Dialect>(&polled);
    let orders: Vec<_> = read
        .iter()
        .map(|it| match it {
            Document::Order(order) => (order.order_no.as_str(), order.lines.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(orders, [("70000101", 3), ("70000102", 3), ("70000103", 3)]);
    let Document::Order(first) = &read[0] else {
        panic!()
    };
    let buyer = first.parties.iter().find(|it| it.role == PartyRole::Buyer);
    assert_eq!(buyer.unwrap().id.as_deref(), Some("17100001"));
    let again = carrier.poll::<Dialect>(polled.cursor.as_deref()).unwrap();
    assert!(again.messages.is_empty());
    let unknown = json!({"act": "place-order", "key": "1", "account": "17100001", "lines": [{"sku": "TEAPOT", "quantity": 1}]});
    let error = carrier.partner.act(&unknown, AT).unwrap_err();
    assert!(error.contains("TEAPOT not found"), "{error}");
    assert!(carrier.partner.order("1").is_none());
}

#[test]
fn an_event_tells_of_an_order() {
    let mut carrier = carrier(org());
    deliver(&mut carrier, Document::Order(order("SO-1", 2)));
    let publish = json!({ "act": "publish", "key": "SO-1" });
    carrier.partner.act(&publish, AT).unwrap();
    carrier
        .settings
        .push(("event.Order_Release__e".to_owned(), "order".to_owned()));
    let outgoing = carrier.partner.outgoing();
    let documents = carrier.read::<Dialect>(&outgoing[0]);
    assert!(
        matches!(&documents[..], [Document::Order(it)] if it.order_no == "SO-1" && it.lines.len() == 2),
        "{documents:?}"
    );
}

#[test]
fn an_event_names_the_account_and_another_tells_of_a_return() {
    let mut carrier = carrier(org());
    for name in ["Order_Release__e", "Return_Request__e"] {
        let what = if name.starts_with("Order") {
            "order"
        } else {
            "return"
        };
        let setting = (format!("event.{name}"), what.to_owned());
        carrier.settings.push(setting);
    }
    let request = json!({
        "act": "request-return", "rma_no": "RMA-1", "key": "SO-1", "text": "broken",
        "lines": [{ "sku": "MUG", "quantity": 2, "reason": "Damaged" }],
    });
    for act in [
        json!({ "act": "place-order", "key": "SO-1", "account": "17100001", "lines": [{ "sku": "MUG", "quantity": 3 }],
            "ship_to": { "street": "1 Pier Road", "city": "Duluth", "state": "MN", "postal_code": "55802", "country": "US" } }),
        json!({ "act": "publish", "key": "SO-1" }),
        request.clone(),
    ] {
        carrier.partner.act(&act, AT).unwrap();
    }
    let outgoing = carrier.partner.outgoing();
    let read: Vec<_> = outgoing
        .iter()
        .flat_map(|it| carrier.read::<Dialect>(it))
        .collect();
    let [Document::Order(order), Document::ReturnAuthorization(asked)] = &read[..] else {
        panic!("{read:?}")
    };
    let party = |role: PartyRole| order.parties.iter().find(move |it| it.role == role);
    let ship_to = party(PartyRole::ShipTo).and_then(|it| it.name.as_deref());
    let buyer = party(PartyRole::Buyer).and_then(|it| it.id.as_deref());
    assert_eq!((ship_to, buyer), (Some("Lake Shop"), Some("17100001")));
    assert_eq!(asked.rma_no, "RMA-1");
    assert_eq!(asked.order_no.as_deref(), Some("SO-1"));
    assert_eq!(asked.lines[0].quantity.value.to_integer(), Some(2));
    let mut other = request;
    other["lines"][0]["sku"] = "KETTLE".into();
    let error = carrier.partner.act(&other, AT).unwrap_err();
    assert!(error.contains("no KETTLE"), "{error}");
}

#[test]
fn a_session_ends_by_time_and_by_hand() {
    let mut carrier = carrier(org());
    assert_eq!(get(&mut carrier, "/limits").0, 200);
    carrier.at = AT.plus(SESSION);
    let (status, body) = get(&mut carrier, "/limits");
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (401, &json!("INVALID_SESSION_ID"))
    );
    let expired = deliver(&mut carrier, Document::Order(order("SO-1", 1)));
    assert!(matches!(expired, Step::Retry(_)), "{expired:?}");
    log_on(&mut carrier);
    assert_eq!(get(&mut carrier, "/limits").0, 200);
    let expire = json!({ "act": "expire-sessions" });
    carrier.partner.act(&expire, AT).unwrap();
    assert_eq!(get(&mut carrier, "/limits").0, 401);
    assert_eq!(carrier.partner.tokens_given(), 2);
}

#[test]
fn the_days_requests_come_to_an_end() {
    let mut carrier = carrier(org());
    let use_up = json!({ "act": "use-up-requests", "left": 1 });
    carrier.partner.act(&use_up, AT).unwrap();
    assert_eq!(get(&mut carrier, "/limits").0, 200);
    let (status, body) = get(&mut carrier, "/limits");
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (403, &json!("REQUEST_LIMIT_EXCEEDED"))
    );
    let step = deliver(&mut carrier, Document::Order(order("SO-1", 1)));
    assert!(matches!(step, Step::Retry(_)), "{step:?}");
}

#[test]
fn tokens_are_for_those_who_know_the_secret() {
    let mut org = org();
    let mut ask = |form: &'static str| {
        let mut request = Request::new("POST", "/services/oauth2/token", form);
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers.insert("content-type", kind);
        let answer = org.answer(&request, AT);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        (
            answer.status,
            body["error"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let good = "grant_type=client_credentials&client_id=app&client_secret=";
    assert_eq!(
        ask("grant_type=client_credentials&client_id=app&client_secret=secret").0,
        200
    );
    assert_eq!(ask(good), (400, "invalid_client".to_owned()));
    assert_eq!(
        ask("grant_type=client_credentials&client_id=other&client_secret=secret").1,
        "invalid_client_id"
    );
    assert_eq!(
        ask("grant_type=password&client_id=app").1,
        "unsupported_grant_type"
    );
}

#[test]
fn refuses_what_salesforce_refuses() {
    let mut carrier = carrier(org());
    deliver(&mut carrier, Document::Order(order("SO-1", 1)));
    let (_, lines) = get(&mut carrier, "/query?q=SELECT+Id,+OrderId+FROM+OrderItem");
    let line = lines["records"][0]["Id"].as_str().unwrap().to_owned();
    let cases = [
        (
            "PATCH",
            "/sobjects/Order/Crossdock_Key__c/SO-1".to_owned(),
            json!({ "Crossdock_Key__c": "SO-1" }),
            "INVALID_FIELD",
        ),
        (
            "PATCH",
            "/sobjects/Order/Crossdock_Key__c/SO-1".to_owned(),
            json!({ "Colour__c": "red" }),
            "INVALID_FIELD",
        ),
        (
            "PATCH",
            "/sobjects/Order/Crossdock_Key__c/SO-1".to_owned(),
            json!({ "Status": "Lost" }),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ),
        (
            "PATCH",
            "/sobjects/Order/Colour__c/SO-1".to_owned(),
            json!({}),
            "NOT_FOUND",
        ),
        (
            "PATCH",
            "/sobjects/Order/Crossdock_Key__c/SO-2?updateOnly=true".to_owned(),
            json!({}),
            "NOT_FOUND",
        ),
        (
            "POST",
            "/sobjects/Order".to_owned(),
            json!({ "Status": "Draft" }),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            "PATCH",
            format!("/sobjects/OrderItem/{line}"),
            json!({ "OrderId": lines["records"][0]["OrderId"] }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
        ("POST", "/sobjects/Wish".to_owned(), json!({}), "NOT_FOUND"),
    ];
    for (method, path, body, code) in cases {
        let (status, answer) = send(&mut carrier, method, &path, &body);
        assert!((400..500).contains(&status), "{path}");
        assert_eq!(answer[0]["errorCode"], code, "{path} {body}");
    }
}

#[test]
fn refuses_queries_that_ask_for_what_is_not_there() {
    let mut carrier = carrier(org());
    for (query, code) in [
        ("SELECT Id FROM Wish", "INVALID_TYPE"),
        ("SELECT Colour FROM Order", "INVALID_FIELD"),
        ("SELECT Account.Colour FROM Order", "INVALID_FIELD"),
        (
            "SELECT Id, (SELECT Id FROM Wishes) FROM Order",
            "INVALID_FIELD",
        ),
        ("SELECT Id FROM Order WHERE Status = 7", "INVALID_FIELD"),
        ("SELECT Id FROM Order WHERE Status", "MALFORMED_QUERY"),
        ("SELECT Id FROM Order LIMIT many", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM Order WHERE (Status = 'Draft'",
            "MALFORMED_QUERY",
        ),
    ] {
        let path = format!("/query?q={}", crate::simulate::wire::encoded(query));
        let (status, answer) = get(&mut carrier, &path);
        assert_eq!(
            (status, &answer[0]["errorCode"]),
            (400, &json!(code)),
            "{query}"
        );
    }
    assert_eq!(
        get(&mut carrier, "/query/01gD0-2").1[0]["errorCode"],
        "INVALID_QUERY_LOCATOR"
    );
}

#[test]
fn one_wrong_record_undoes_its_neighbours() {
    let mut carrier = carrier(org());
    deliver(&mut carrier, Document::Order(order("SO-1", 1)));
    let id = carrier.partner.order("SO-1").unwrap()["Id"].clone();
    let line = |sku: &str, key: &str| {
        json!({
            "attributes": { "type": "OrderItem" }, "OrderId": id, "Quantity": 1, "UnitPrice": 1,
            "PricebookEntry": { "SKU__c": sku }, "Crossdock_Key__c": key,
        })
    };
    let body =
        json!({ "allOrNone": true, "records": [line("MUG", "SO-1/7"), line("TEAPOT", "SO-1/8")] });
    let path = "/composite/sobjects/OrderItem/Crossdock_Key__c";
    let (status, results) = send(&mut carrier, "PATCH", path, &body);
    let codes = [0, 1].map(|at| results[at]["errors"][0]["statusCode"].clone());
    assert_eq!(status, 200);
    assert_eq!(
        codes,
        ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]
    );
    assert_eq!(carrier.partner.lines("SO-1"), 1);
}

#[test]
fn queries_choose_order_and_limit() {
    let mut carrier = carrier(org());
    for number in 1..=3 {
        carrier.at = AT.plus(Duration::from_secs(number));
        deliver(
            &mut carrier,
            Document::Order(order(&format!("SO-{number}"), 1)),
        );
    }
    let mut keys = |query: &str| {
        let path = format!("/query?q={}", crate::simulate::wire::encoded(query));
        let (status, found) = get(&mut carrier, &path);
        assert_eq!(status, 200, "{found}");
        let records = found["records"].as_array().unwrap();
        let keys = records
            .iter()
            .map(|it| it["Crossdock_Key__c"].as_str().unwrap().to_owned());
        keys.collect::<Vec<_>>()
    };
    for (tail, expected) in [
        (
            "WHERE Crossdock_Key__c LIKE 'SO-%' ORDER BY SystemModstamp DESC LIMIT 2",
            &["SO-3", "SO-2"][..],
        ),
        (
            "WHERE (Status = 'Draft' AND SystemModstamp > 2026-03-01T09:30:02Z)",
            &["SO-3"],
        ),
        (
            "WHERE Crossdock_Key__c IN ('SO-1', 'SO-3') AND Account.Name = 'lake shop'",
            &["SO-1", "SO-3"],
        ),
        (
            "WHERE NOT Crossdock_Key__c = 'SO-1' AND PoNumber = null",
            &["SO-2", "SO-3"],
        ),
        (
            "WHERE EffectiveDate >= 2026-03-02 OR Crossdock_Key__c = 'SO\\-2'",
            &["SO-2"],
        ),
    ] {
        assert_eq!(
            keys(&format!("SELECT Crossdock_Key__c FROM Order {tail}")),
            expected,
            "{tail}"
        );
    }
}
