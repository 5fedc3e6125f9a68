//! The naming rules, the refusals, and round trips over arbitrary documents.

use proptest::prelude::*;

use super::*;
use crate::{
    Address, Blame, Carrier, Decimal, Decoded, Document, ElementPlace, Exchange, Inbound, ItemId,
    ItemScheme, Lot, LotQuantity, Moment, Money, Order, OrderLine, OrderType, OtherDocument,
    Outcome, Package, PackageType, Packed, Party, PartyRole, Place, Problem, Purpose, Quantity,
    Reference, Reply, Request, Response, Retry, SetNote, Setting, Shipment, ShipmentLine,
    ShipmentStatus, Source, Step, Verdict,
};

fn refusal<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
    from_str::<T>(text).unwrap_err().to_string()
}

#[track_caller]
fn round_trip<T>(value: &T, text: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(to_string(value).unwrap(), text);
    assert_eq!(from_str::<T>(text).as_ref(), Ok(value));
}

// === naming ===

#[test]
fn cases_are_strings_or_objects_with_a_kind() {
    round_trip(&OrderType::DropShip, r#""drop-ship""#);
    round_trip(
        &OrderType::Other("ZZ".to_owned()),
        r#"{"kind":"other","value":"ZZ"}"#,
    );
    round_trip(&Place::Whole, r#""whole""#);
    round_trip(&Place::Line(7), r#"{"kind":"line","value":7}"#);
    let place = ElementPlace {
        segment: "W12".to_owned(),
        ordinal: 4,
        element: Some(3),
        component: None,
        offset: 99,
    };
    let text = r#"{"kind":"element","segment":"W12","ordinal":4,"element":3,"offset":99}"#;
    round_trip(&Place::Element(place), text);
}

#[test]
fn a_case_whose_value_is_absent_is_a_string() {
    round_trip(&Step::Done(None), r#""done""#);
    round_trip(
        &Step::Done(Some("X-1".to_owned())),
        r#"{"kind":"done","value":"X-1"}"#,
    );
    assert_eq!(from_str(r#"{"kind":"done"}"#), Ok(Step::Done(None)));
    assert_eq!(
        from_str(r#"{"kind":"done","value":null}"#),
        Ok(Step::Done(None))
    );
    assert_eq!(from_str(r#"{"kind":"drop-ship"}"#), Ok(OrderType::DropShip));
}

#[test]
fn a_keyword_of_rust_is_no_keyword_of_the_contract() {
    let note = SetNote::new("945", "0001", Verdict::Rejected);
    round_trip(
        &note,
        r#"{"type":"945","control_number":"0001","verdict":"rejected"}"#,
    );
    assert!(refusal::<SetNote>(r#"{"type_":"945"}"#).starts_with("/type_: there is no such field"));
}

#[test]
fn results_and_pairs_have_a_form() {
    let mut decoded = Decoded::default();
    let other = OtherDocument::new("x12-830", "F-1", "");
    decoded.push(Document::Other(other), Source::new("x12", 0));
    decoded.refuse(
        vec![Problem::partner_data("bad", "no")],
        Source::new("x12", 1),
    );
    decoded.extras.push(("N9*ZZ".to_owned(), "17".to_owned()));
    round_trip(
        &decoded,
        concat!(
            r#"{"documents":[{"kind":"ok","document":{"kind":"other","type":"x12-830","#,
            r#""business_key":"F-1","content":""},"source":{"format":"x12","position":0}},"#,
            r#"{"kind":"err","problems":[{"code":"bad","text":"no","place":"whole","#,
            r#""blame":"partner-data","retryable":false}],"source":{"format":"x12","position":1}}],"#,
            r#""extras":[["N9*ZZ","17"]]}"#,
        ),
    );
}

#[test]
fn bodies_are_read_as_they_are() {
    let reply = |body: &[u8]| Reply::new(200, "text/plain", body);
    let head = r#"{"status":200,"content_type":"text/plain""#;
    round_trip(
        &reply(b"ISA*00~\n"),
        &format!(r#"{head},"body":"ISA*00~\n"}}"#),
    );
    round_trip(
        &reply(b"\xff\x00"),
        &format!(r#"{head},"body":"base64:/wA="}}"#),
    );
    round_trip(
        &reply(b"base64:"),
        &format!(r#"{head},"body":"base64:YmFzZTY0Og=="}}"#),
    );
    round_trip(&reply(b""), &format!("{head}}}"));
    assert_eq!(
        refusal::<Reply>(&format!(r#"{head},"body":"base64:!"}}"#)),
        "/body: expected a list or Base64, found the string \"base64:!\" (line 1)",
    );
    assert_eq!(
        refusal::<Order>(r#"{"purpose":"original","order_no":"1","lines":"x"}"#),
        "/lines: expected a list, found the string \"x\" (line 1)",
    );
}

#[test]
fn every_record_around_the_documents_round_trips() {
    let exchange = Exchange::new(
        Request::post("/orders", "application/json", "{}")
            .with_header("x-a", "b")
            .with_file_name("f"),
        Outcome::Response(Response {
            status: 201,
            headers: Vec::new(),
            body: b"{}".to_vec(),
        }),
    );
    let text = to_string(&exchange).unwrap();
    assert_eq!(from_str::<Exchange>(&text), Ok(exchange));
    let step = Step::Retry(Retry::new(Problem::adapter("a", "b").retryable()).after_seconds(5));
    assert_eq!(from_str::<Step>(&to_string(&step).unwrap()), Ok(step));
    let setting = Setting::with_default("a", "b", "c");
    assert_eq!(
        from_str::<Setting>(&to_string(&setting).unwrap()),
        Ok(setting)
    );
    let inbound = Inbound::new("x");
    assert_eq!(
        from_str::<Inbound>(&to_string(&inbound).unwrap()),
        Ok(inbound)
    );
}

// === decimals ===

#[test]
fn decimals_are_strings_and_plain_numbers_are_read() {
    let decimal = |coefficient, scale| Decimal { coefficient, scale };
    round_trip(&decimal(1250, 2), r#""12.50""#);
    round_trip(&decimal(-5, 1), r#""-0.5""#);
    round_trip(&decimal(-5, 3), r#""-0.005""#);
    round_trip(&decimal(0, 2), r#""0.00""#);
    round_trip(&decimal(100, 0), r#""100""#);
    assert_eq!(from_str(" 12.50 "), Ok(decimal(1250, 2)));
    assert_eq!(from_str("0.1"), Ok(decimal(1, 1)));
    assert_eq!(from_str("-7"), Ok(decimal(-7, 0)));
    round_trip(
        &Blame::Other("x".to_owned()),
        r#"{"kind":"other","value":"x"}"#,
    );
}

#[test]
fn decimals_that_are_none_are_refused() {
    for text in [
        "1e3", "\"1e3\"", "\"\"", "\".5\"", "\"5.\"", "\"-\"", "true", "null", "[]",
    ] {
        let error = from_str::<Decimal>(text).unwrap_err();
        assert_eq!(error.reason(), Reason::WrongType, "{text}");
    }
    assert_eq!(
        refusal::<Quantity>(r#"{"value":"1234567890123456789","unit":"EA"}"#),
        "/value: expected a decimal such as \"12.50\", found \"1234567890123456789\": \
         a decimal has at most 18 digits (line 1)",
    );
}

#[test]
fn a_decimal_beyond_the_contract_is_not_written() {
    for (coefficient, scale) in [
        (i64::MIN, 0),
        (1_000_000_000_000_000_000, 2),
        (1, 19),
        (1, 255),
    ] {
        let quantity = Quantity::new(Decimal { coefficient, scale }, "EA");
        let mut out = b"kept".to_vec();
        let error = append(&quantity, &mut out).unwrap_err();
        assert_eq!(error.reason(), Reason::Unwritable);
        assert_eq!(error.pointer(), "/value");
        assert_eq!(out, b"kept");
    }
}

// === refusals ===

#[test]
fn unknown_fields_are_refused_with_their_place() {
    let text = "{\"purpose\":\"original\",\"order_no\":\"1\",\n\"lines\":[{\"lineNo\":\"1\"}]}";
    let error = from_str::<Order>(text).unwrap_err();
    assert_eq!(error.reason(), Reason::UnknownField);
    assert_eq!(error.pointer(), "/lines/0/lineNo");
    assert_eq!(error.line(), Some(2));
    assert_eq!(
        error.text(),
        "there is no such field; `line_no` may be meant"
    );
    assert_eq!(
        refusal::<Money>(r#"{"zzzzzzzz":1}"#),
        "/zzzzzzzz: there is no such field; known are amount, currency (line 1)",
    );
    let text = r#"{"kind":"other","value":"x","code":"y"}"#;
    assert_eq!(
        refusal::<OrderType>(text),
        "/code: the case \"other\" has no fields but `value` (line 1)",
    );
}

#[test]
fn missing_fields_name_themselves() {
    assert_eq!(
        refusal::<Order>(r#"{"order_no":"1"}"#),
        "/purpose: missing, expected a case, as a string or as an object with `kind` (line 1)",
    );
    assert_eq!(
        refusal::<Money>(r#"{"amount":null,"currency":"USD"}"#),
        "/amount: expected a decimal such as \"12.50\", found null (line 1)",
    );
    assert_eq!(
        refusal::<Document>(r#"{"order_no":"1"}"#),
        "/kind: missing, expected the name of a case (line 1)",
    );
    assert_eq!(
        refusal::<OrderType>(r#""other""#),
        "/value: missing, expected a string (line 1)",
    );
}

#[test]
fn unknown_cases_show_the_way() {
    let error = from_str::<OrderType>(r#""dropship""#).unwrap_err();
    assert_eq!(error.reason(), Reason::UnknownCase);
    assert_eq!(error.found(), Some("dropship"));
    assert!(
        error.text().contains("\"drop-ship\" may be meant"),
        "{error}"
    );
    let error = from_str::<OrderType>(r#""QQQQQQQQ""#).unwrap_err();
    assert!(
        error.text().contains(r#"{"kind":"other","value":"…"}"#),
        "{error}"
    );
    let error = from_str::<Document>(r#"{"kind":"ordr","order_no":"1"}"#).unwrap_err();
    assert_eq!(error.pointer(), "/kind");
    assert!(error.text().contains("\"order\" may be meant"), "{error}");
    assert_eq!(
        refusal::<Document>(r#""order""#),
        "expected an object, since the case \"order\" has fields, found the string \"order\" (line 1)",
    );
    assert_eq!(
        refusal::<Purpose>(r#"{"kind":"original","value":"x"}"#),
        "/value: the case \"original\" carries no value (line 1)",
    );
}

#[test]
fn wrong_types_say_what_was_found() {
    assert_eq!(
        refusal::<String>("7"),
        "expected a string, found the number 7 (line 1)"
    );
    assert_eq!(
        refusal::<u16>("65536"),
        "expected a whole number from 0 to 65535, found the number 65536 (line 1)"
    );
    assert_eq!(
        refusal::<u16>("1.0"),
        "expected a whole number from 0 to 65535, found the number 1.0 (line 1)"
    );
    assert_eq!(
        refusal::<bool>("\"true\""),
        "expected true or false, found the string \"true\" (line 1)"
    );
    assert_eq!(
        refusal::<Order>("[]"),
        "expected an object, found a list (line 1)"
    );
    assert_eq!(
        refusal::<Decoded>(r#"{"extras":[["only one"]]}"#),
        "/extras/0: expected a list of 2 values, found a list (line 1)",
    );
    assert!(to_vec(&1.5_f64).is_err());
}

#[test]
fn null_and_absence_are_the_same() {
    let order = Order::new("1");
    let text = r#"{"purpose":"original","order_no":"1","lines":null,"node":null,"extras":[]}"#;
    assert_eq!(from_str::<Order>(text), Ok(order));
}

#[test]
fn kind_may_stand_anywhere() {
    let text = r#"{"order_no":"1","purpose":"original","kind":"order"}"#;
    assert_eq!(
        from_str::<Document>(text),
        Ok(Document::Order(Order::new("1")))
    );
}

#[test]
fn pointers_are_escaped() {
    assert!(refusal::<Order>(r#"{"a/b~c":1}"#).starts_with("/a~1b~0c: "));
}

// === the text ===

#[test]
fn text_that_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "-",
        "1.",
        "1e",
        ".5",
        "+1",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\u{1}\"",
        "tru",
        "nul",
        "1 2",
        "NaN",
        "'a'",
        "\"\\",
    ] {
        let error = Tree::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.reason(), Reason::Syntax, "{text:?}");
    }
    assert_eq!(
        Tree::parse(b"\"\xff\"").unwrap_err().text(),
        "the text is not UTF-8"
    );
    let error = Tree::parse(b"{\"lines\":[1,\n2,\n]}").unwrap_err();
    assert_eq!(error.to_string(), "/lines/2: expected a value (line 3)");
}

#[test]
fn escapes_are_read_and_written() {
    let text = r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#;
    assert_eq!(
        from_str::<String>(text).unwrap(),
        "\"\\/\u{8}\u{c}\n\r\té😀"
    );
    assert_eq!(to_string("\"\\\n\u{1}é").unwrap(), r#""\"\\\n\u0001é""#);
    assert_eq!(from_slice::<String>(b"\xef\xbb\xbf\"a\"").unwrap(), "a");
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    let error = from_str::<Money>(r#"{"amount":1,"amount":2,"currency":"USD"}"#).unwrap_err();
    assert_eq!(error.reason(), Reason::DuplicateField);
    assert_eq!(error.pointer(), "/amount");
    let many: Vec<String> = (0..100).map(|n| format!("\"f{}\":0", n % 99)).collect();
    let error = Tree::parse(format!("{{{}}}", many.join(",")).as_bytes()).unwrap_err();
    assert_eq!(error.pointer(), "/f0");
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Tree::parse(nested(DEPTH_MAX + 1).as_bytes()).is_ok());
    for depth in [DEPTH_MAX + 2, 100_000] {
        let error = Tree::parse(nested(depth).as_bytes()).unwrap_err();
        assert_eq!(error.reason(), Reason::Limit, "{depth}");
    }
    let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
    assert_eq!(
        Tree::parse(many.as_bytes()).unwrap_err().reason(),
        Reason::Limit
    );
    let long = vec![b' '; TEXT_BYTES_MAX + 1];
    assert_eq!(Tree::parse(&long).unwrap_err().reason(), Reason::Limit);
}

#[test]
fn a_tree_can_be_taken_apart() {
    let text = br#"{"documents":[{"purpose":"original","order_no":"1"},{"order_no":2}]}"#;
    let tree = Tree::parse(text).unwrap();
    let items = tree.root().get("documents").and_then(Node::items).unwrap();
    assert_eq!(tree.read::<Order>(&items[0]), Ok(Order::new("1")));
    let error = tree
        .read::<Order>(&items[1])
        .unwrap_err()
        .inside(1)
        .inside("documents");
    assert_eq!(error.pointer(), "/documents/1/order_no");
    assert_eq!(items[1].get("order_no").and_then(Node::as_id), Some("2"));
}

#[test]
fn a_person_can_read_it() {
    let mut order = Order::new("1");
    order.extras.push(("a".to_owned(), "b".to_owned()));
    order.notes = vec!["x".to_owned(), "y".to_owned()];
    insta::assert_snapshot!(to_string_pretty(&order).unwrap(), @r#"
    {
      "purpose": "original",
      "order_no": "1",
      "notes": ["x", "y"],
      "extras": [
        ["a", "b"]
      ]
    }
    "#);
}

// === arbitrary documents ===

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z0-9-]{0,8}",
        "\\PC{0,6}",
        any::<String>().prop_map(|text| text.chars().take(6).collect())
    ]
}

fn decimal() -> impl Strategy<Value = Decimal> {
    let most = 999_999_999_999_999_999_i64;
    (-most..=most, 0..=18_u8).prop_map(|(coefficient, scale)| Decimal { coefficient, scale })
}

fn quantity() -> impl Strategy<Value = Quantity> {
    (decimal(), text()).prop_map(|(value, unit)| Quantity { value, unit })
}

fn moment() -> impl Strategy<Value = Moment> {
    (text(), any::<bool>(), proptest::option::of(text())).prop_map(|(text, zoned, raw)| Moment {
        text,
        zoned,
        raw,
    })
}

fn some<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    proptest::option::of(strategy)
}

fn few<S: Strategy>(strategy: S) -> impl Strategy<Value = Vec<S::Value>> {
    proptest::collection::vec(strategy, 0..3)
}

fn extras() -> impl Strategy<Value = Vec<(String, String)>> {
    few((text(), text()))
}

fn items() -> impl Strategy<Value = Vec<ItemId>> {
    let scheme = prop_oneof![
        Just(ItemScheme::Sku),
        Just(ItemScheme::UpcCase),
        text().prop_map(ItemScheme::Other)
    ];
    few((scheme, text()).prop_map(|(scheme, value)| ItemId { scheme, value }))
}

fn parties() -> impl Strategy<Value = Vec<Party>> {
    let role = prop_oneof![Just(PartyRole::ShipTo), text().prop_map(PartyRole::Other)];
    let address = (few(text()), some(text())).prop_map(|(lines, city)| Address {
        lines,
        city,
        ..Address::default()
    });
    let party = (role, some(text()), some(address), extras());
    few(party.prop_map(|(role, name, address, extras)| Party {
        name,
        address,
        extras,
        ..Party::new(role)
    }))
}

fn order() -> impl Strategy<Value = Order> {
    let order_type = prop_oneof![Just(OrderType::Rush), text().prop_map(OrderType::Other)];
    let line = (
        text(),
        quantity(),
        items(),
        some(quantity()),
        some(text()),
        extras(),
    )
        .prop_map(
            |(line_no, quantity, items, weight, description, extras)| OrderLine {
                weight,
                description,
                extras,
                ..OrderLine::new(line_no, quantity, items)
            },
        );
    let amount = (decimal(), text()).prop_map(|(amount, currency)| Money { amount, currency });
    (
        text(),
        some(order_type),
        some(moment()),
        parties(),
        few(line),
        some(amount),
        few(text()),
        extras(),
    )
        .prop_map(
            |(
                order_no,
                order_type,
                requested_ship,
                parties,
                lines,
                total_amount,
                notes,
                extras,
            )| Order {
                order_type,
                requested_ship,
                parties,
                lines,
                total_amount,
                notes,
                extras,
                ..Order::new(order_no)
            },
        )
}

fn shipment() -> impl Strategy<Value = Shipment> {
    let status = || {
        prop_oneof![
            Just(ShipmentStatus::Complete),
            text().prop_map(ShipmentStatus::Other)
        ]
    };
    let lots = || {
        few((text(), some(quantity()))
            .prop_map(|(lot, quantity)| LotQuantity::new(Lot::new(lot), quantity)))
    };
    let line = (text(), quantity(), status(), items(), lots(), few(text())).prop_map(
        |(line_no, shipped, status, items, lots, serials)| ShipmentLine {
            lots,
            serials,
            ..ShipmentLine::new(line_no, shipped, status, items)
        },
    );
    let packed =
        (text(), quantity()).prop_map(|(line_no, quantity)| Packed::new(line_no, quantity));
    let package = (text(), any::<bool>(), few(packed), few(quantity())).prop_map(
        |(id, sscc, contents, dimensions)| Package {
            sscc,
            contents,
            dimensions,
            ..Package::new(id, PackageType::Carton)
        },
    );
    let references =
        || few((text(), text()).prop_map(|(qualifier, value)| Reference::new(qualifier, value)));
    let carrier = some(text()).prop_map(|scac| Carrier {
        scac,
        ..Carrier::default()
    });
    (
        text(),
        status(),
        moment(),
        some(carrier),
        references(),
        few(package),
        few(line),
        some(decimal()),
    )
        .prop_map(
            |(id, status, shipped_at, carrier, references, packages, lines, total_shipped)| {
                Shipment {
                    carrier,
                    references,
                    packages,
                    lines,
                    total_shipped,
                    ..Shipment::new(id, "SO-1", status, shipped_at)
                }
            },
        )
}

fn document() -> impl Strategy<Value = Document> {
    prop_oneof![
        order().prop_map(Document::Order),
        shipment().prop_map(Document::Shipment)
    ]
}

proptest! {
    #[test]
    fn documents_round_trip(document in document()) {
        let text = to_vec(&document).unwrap();
        prop_assert_eq!(&from_slice::<Document>(&text).unwrap(), &document);
        let pretty = indent(&text).unwrap();
        prop_assert_eq!(&from_str::<Document>(&pretty).unwrap(), &document);
        prop_assert_eq!(indent(pretty.as_bytes()).unwrap(), pretty);
    }

    #[test]
    fn what_is_written_is_json(document in document()) {
        let text = to_vec(&document).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(value["kind"].as_str(), Some(document.kind()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = from_slice::<Document>(&text);
        let _ = from_slice::<Decoded>(&text);
    }

    #[test]
    fn damaged_documents_are_read_or_refused(document in document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = to_vec(&document).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(other) = from_slice::<Document>(&text) {
            prop_assert!(to_vec(&other).is_ok());
        }
        text.truncate(at);
        prop_assert!(from_slice::<Document>(&text).is_err());
    }

    /// The parser and a well-known one agree on what is JSON, except where ours is
    /// stricter on purpose.
    #[test]
    fn the_parser_agrees_with_another(text in r#"[\[\]{}",:0-9eE.+\-truefalsn\\ \n]{0,24}"#) {
        let other = serde_json::from_str::<serde_json::Value>(&text);
        match Tree::parse(text.as_bytes()) {
            Ok(_) => prop_assert!(other.is_ok() || text.contains(['e', 'E']), "{text}: {other:?}"),
            Err(error) => prop_assert!(
                other.is_err() || error.reason() == Reason::DuplicateField,
                "{text}: {error}"
            ),
        }
    }
}
