//! Documents that conserve give no finding, and each thing that is changed gives its own.

use std::{fs, path::Path};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::contract;

/// Fixtures of adapters that are odd on purpose, and what is found of them.
const ODD_FIXTURES: &[(&str, &[&str])] = &[
    ("canonical-json/one-bad-of-four", &["lines-missing"]),
    // Numbers that were made up, without the right last digit.
    ("canonical-json/order", &["gln-check-digit"]),
    // As people write units in a service desk.
    ("salesforce/events-returns", &["unit-malformed"]),
    ("sap/orders05-every-field", &["gln-check-digit"]),
    ("shipbob/order-shipped-cartons", &["sscc-check-digit"]),
    ("x12-3pl/180-returns", &["gtin-check-digit"]),
    ("x12-3pl/846-snapshot", &["gtin-check-digit"]),
    ("x12-3pl/940-new", &["gtin-check-digit"]),
    ("x12-3pl/943-notices", &["gtin-check-digit"]),
    ("x12-3pl/944-exceptions", &["gtin-check-digit"]),
    ("x12-3pl/945-5010", &["gtin-check-digit"]),
    ("x12-3pl/945-complete", &["gtin-check-digit"]),
    ("x12-3pl/945-multi-pack", &["gln-check-digit"]),
    // An event tells of an order, not of its lines.
    ("salesforce/event-named-by-header", &["lines-missing"]),
    ("salesforce/events-mixed", &["lines-missing"]),
    // The credit's tax is in its total and nowhere else.
    ("sap/invoic02-invoice-and-credit", &["total-differs"]),
    // Less than nothing is ordered.
    (
        "sap/orders05-three-idocs-one-bad",
        &["quantity-not-positive"],
    ),
    ("shipbob/return-to-sender", &["rma-missing"]),
    (
        "x12-3pl/944-odd",
        &["exceptions-exceed-line", "total-differs"],
    ),
    (
        "x12-3pl/945-order-quantity-repeated",
        &["status-contradicted", "total-differs"],
    ),
    (
        "x12-3pl/945-packs-without-loops",
        &["gln-check-digit", "packages-differ"],
    ),
    // Stock that was destroyed makes more of it.
    (
        "x12-3pl/947-adjustments",
        &["gtin-check-digit", "sign-contradicts-reason"],
    ),
];

fn document(value: &Value) -> Document {
    contract::json::from_value(value).unwrap_or_else(|error| panic!("{error}: {value:#}"))
}

/// The codes of what is found, refusals with an exclamation mark.
fn codes(value: &Value) -> Vec<String> {
    let checked = check(&document(value));
    for failure in checked.refused.iter().chain(&checked.findings) {
        let pointer = failure.place.as_deref().unwrap_or_default();
        assert!(pointer.starts_with('/'), "{failure:?}");
    }
    let refused = checked.refused.iter().map(|it| format!("!{}", it.code));
    let found = checked.findings.iter().map(|it| it.code.clone());
    refused.chain(found).collect()
}

/// So many thousandths, as a decimal with as many places as asked for.
fn decimal(thousandths: i64, places: u32) -> String {
    let scale = 10_i64.pow(3 - places);
    let number = thousandths / scale;
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", number.abs(), width = places as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places as usize);
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

fn quantity(thousandths: i64, places: u32) -> Value {
    json!({ "value": decimal(thousandths, places), "unit": "EA" })
}

/// What a line is made of: pieces that are packed, how many are short, places.
type Line = (Vec<i64>, i64, u32);

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (0..=3_u32).prop_flat_map(|places| {
        let unit = 10_i64.pow(3 - places);
        let pack = (1..5_000_i64).prop_map(move |count| count * unit);
        let short = (0..50_i64).prop_map(move |count| count * unit);
        (prop::collection::vec(pack, 1..4), short, Just(places))
    });
    prop::collection::vec(line, 1..5)
}

const ITEMS: &str = r#"[{"scheme": "gtin", "value": "10614141000415"},
    {"scheme": "upc", "value": "036000291452"}, {"scheme": "sku", "value": "TEA"}]"#;

fn items() -> Value {
    serde_json::from_str(ITEMS).unwrap()
}

fn parties() -> Value {
    json!([{ "role": "ship-to", "name": "Lake Shop", "id": "4012345000009", "scheme": "gln",
             "address": { "lines": ["1 Pier Road"], "city": "Duluth", "country": "US" } }])
}

/// A shipment that conserves: each line is told in full and packed to the last piece.
fn shipment(lines: &[Line]) -> Value {
    let mut packages = vec![json!({
        "id": "376104250021234569", "sscc": true, "package_type": "pallet",
    })];
    let mut told = Vec::new();
    for (index, (packs, short, places)) in lines.iter().enumerate() {
        let line_no = (index + 1).to_string();
        let shipped: i64 = packs.iter().sum();
        for (number, pack) in packs.iter().enumerate() {
            packages.push(json!({
                "id": format!("C{line_no}-{number}"), "sscc": false, "package_type": "carton",
                "parent": "376104250021234569",
                "contents": [{ "line_no": line_no, "quantity": quantity(*pack, *places) }],
            }));
        }
        let status = if *short > 0 {
            "partial-closed"
        } else {
            "complete"
        };
        told.push(json!({
            "line_no": line_no,
            "ordered": quantity(shipped + short, *places),
            "shipped": quantity(shipped, *places),
            "difference": quantity(*short, *places),
            "status": status,
            "items": items(),
            "lots": [{ "lot": { "number": "L1", "expiry": "2027-02-28" },
                       "quantity": quantity(shipped, *places) }],
            "weight": { "value": "1.5", "unit": "KGM" },
        }));
    }
    let total: i64 = lines.iter().flat_map(|(packs, ..)| packs).sum();
    json!({
        "kind": "shipment", "shipment_id": "SH-1", "order_no": "SO-1", "purpose": "original",
        "status": if lines.iter().any(|it| it.1 > 0) { "partial" } else { "complete" },
        "shipped_at": { "text": "2026-03-02T09:00:00-06:00", "zoned": true },
        "expected_delivery": { "text": "2026-03-03", "zoned": false },
        "parties": parties(), "packages": packages, "lines": told,
        "total_shipped": decimal(total, 3),
        "total_weight": { "value": format!("{}.9", lines.len() * 2), "unit": "KGM" },
    })
}

fn order(lines: &[Line]) -> Value {
    let told = lines.iter().enumerate().map(|(index, (packs, _, places))| {
        json!({
            "line_no": (index + 1).to_string(),
            "quantity": quantity(packs.iter().sum(), *places),
            "items": items(),
            "unit_price": { "amount": "1.25", "currency": "USD" },
            "weight": { "value": "1.5", "unit": "KGM" },
        })
    });
    let total: i64 = lines.iter().flat_map(|(packs, ..)| packs).sum();
    json!({
        "kind": "order", "purpose": "original", "order_no": "SO-1", "order_date": "2026-02-28",
        "requested_ship": { "text": "2026-03-02", "zoned": false },
        "requested_delivery": { "text": "2026-03-05T12:00:00", "zoned": false },
        "not_before": { "text": "2026-03-01", "zoned": false },
        "cancel_after": { "text": "2026-03-09", "zoned": false },
        "parties": parties(), "lines": told.collect::<Vec<_>>(),
        "total_quantity": quantity(total, 3),
        "total_weight": { "value": decimal(1_500 * lines.len() as i64, 1), "unit": "KGM" },
    })
}

fn receipt(lines: &[Line]) -> Value {
    let told = lines
        .iter()
        .enumerate()
        .map(|(index, (packs, short, places))| {
            let received: i64 = packs.iter().sum();
            json!({
                "line_no": (index + 1).to_string(),
                "received": quantity(received, *places),
                "expected": quantity(received + short, *places),
                "items": items(),
                "exceptions": [
                    { "condition": "short", "quantity": quantity(*short, *places) },
                    { "condition": "damaged", "quantity": quantity(packs[0], *places) },
                ],
            })
        });
    let total: i64 = lines.iter().flat_map(|(packs, ..)| packs).sum();
    json!({
        "kind": "inbound-receipt", "receipt_no": "R-1", "receipt_type": "full",
        "received_at": { "text": "2026-03-02", "zoned": false },
        "lines": told.collect::<Vec<_>>(), "total_received": decimal(total, 3),
    })
}

/// An invoice whose lines were rounded to cents one by one, up or down as it happens.
fn invoice(lines: &[Line]) -> Value {
    let mut cents = 0;
    let told = lines
        .iter()
        .enumerate()
        .map(|(index, (packs, price, places))| {
            let count: i64 = packs.iter().sum();
            // Thousandths times hundredths: rounded half up.
            cents += (count * price + 500).div_euclid(1_000);
            json!({
                "line_no": (index + 1).to_string(), "quantity": quantity(count, *places),
                "unit_price": { "amount": decimal(price * 10, 2), "currency": "USD" },
                "items": items(),
            })
        });
    let told: Vec<_> = told.collect();
    json!({
        "kind": "invoice", "invoice_no": "I-1", "invoice_date": "2026-03-02",
        "invoice_type": "invoice", "purpose": "original", "due": "2026-04-01", "lines": told,
        "adjustments": [
            { "charge": true, "code": "FRT", "amount": { "amount": "10.00", "currency": "USD" } },
            { "charge": false, "code": "DIS", "amount": { "amount": "3", "currency": "USD" } },
        ],
        "taxes": [{ "code": "ST", "amount": { "amount": "2.50", "currency": "USD" } }],
        "total": { "amount": decimal((cents + 950) * 10, 2), "currency": "USD" },
    })
}

/// What a document is changed by, and what must then be found.
type Mutation = (&'static str, fn(&mut Value), &'static [&'static str]);

fn add(value: &mut Value, pointer: &str, thousandths: i64) {
    let place = value.pointer_mut(pointer).unwrap();
    let text = place.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let before: i64 = format!("{whole}{fraction:0<3}").parse().unwrap();
    *place = json!(decimal(before + thousandths, 3));
}

fn set(value: &mut Value, pointer: &str, to: Value) {
    let (within, field) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(within).unwrap()[field] = to;
}

const SHIPMENT: &[Mutation] = &[
    (
        "difference",
        |it| add(it, "/lines/0/difference/value", 1),
        &["line-not-conserved"],
    ),
    (
        "packed",
        |it| add(it, "/packages/1/contents/0/quantity/value", 1),
        &["packages-differ"],
    ),
    (
        "total",
        |it| add(it, "/total_shipped", -1),
        &["total-differs"],
    ),
    (
        "weight",
        |it| set(it, "/total_weight/value", json!("1.4")),
        &["total-weight-too-small"],
    ),
    (
        "lot",
        |it| add(it, "/lines/0/lots/0/quantity/value", 1),
        &["lots-exceed-line"],
    ),
    (
        "date",
        |it| set(it, "/expected_delivery/text", json!("2026-02-27")),
        &["dates-out-of-order"],
    ),
    (
        "no date",
        |it| set(it, "/shipped_at/text", json!("soon")),
        &["date-malformed"],
    ),
    (
        "no day",
        |it| set(it, "/lines/0/lots/0/lot/expiry", json!("2027-02-29")),
        &["date-malformed"],
    ),
    (
        "country",
        |it| set(it, "/parties/0/address/country", json!("USA")),
        &["country-malformed"],
    ),
    (
        "gln",
        |it| set(it, "/parties/0/id", json!("4012345000008")),
        &["gln-check-digit"],
    ),
    (
        "gtin",
        |it| set(it, "/lines/0/items/0/value", json!("10614141000416")),
        &["gtin-check-digit"],
    ),
    (
        "upc",
        |it| set(it, "/lines/0/items/1/value", json!("36000291452")),
        &["gtin-malformed"],
    ),
    (
        "item",
        |it| set(it, "/lines/0/items", json!([])),
        &["item-missing"],
    ),
    (
        "sscc",
        |it| set(it, "/packages/1/sscc", json!(true)),
        &["sscc-malformed"],
    ),
    (
        "parent",
        |it| set(it, "/packages/1/parent", json!("P9")),
        &["parent-unknown"],
    ),
    (
        "itself",
        |it| set(it, "/packages/0/parent", json!("376104250021234569")),
        &["package-cycle"],
    ),
    (
        "charge",
        |it| {
            set(
                it,
                "/charges",
                json!([{ "code": "F", "amount": { "amount": "1", "currency": "$" } }]),
            )
        },
        &["currency-malformed"],
    ),
    (
        "whole",
        |it| {
            set(it, "/status", json!("complete"));
            set(it, "/lines/0/status", json!("partial"));
            let shipped = it.pointer("/lines/0/shipped/value").unwrap().clone();
            set(it, "/lines/0/ordered/value", shipped);
            add(it, "/lines/0/ordered/value", 1);
            set(it, "/lines/0/difference/value", json!("0.001"));
            for line in it["lines"].as_array_mut().unwrap().iter_mut().skip(1) {
                line["ordered"] = line["shipped"].clone();
                line["difference"]["value"] = json!("0");
                line["status"] = json!("complete");
            }
        },
        &["status-contradicted"],
    ),
    (
        "too much",
        |it| {
            let shipped = it.pointer("/lines/0/shipped/value").unwrap().clone();
            set(it, "/lines/0/ordered/value", shipped);
            add(it, "/lines/0/ordered/value", -1);
            set(it, "/lines/0/difference/value", json!("-0.001"));
        },
        &["over-shipped"],
    ),
    (
        "unknown line",
        |it| {
            let packed = json!({ "line_no": "9", "quantity": { "value": "1", "unit": "EA" } });
            let contents = it.pointer_mut("/packages/1/contents").unwrap();
            contents.as_array_mut().unwrap().push(packed);
        },
        &["!line-unknown"],
    ),
];

const ORDER: &[Mutation] = &[
    (
        "total",
        |it| add(it, "/total_quantity/value", 1),
        &["total-differs"],
    ),
    (
        "weight",
        |it| add(it, "/total_weight/value", 1),
        &["total-differs"],
    ),
    (
        "window",
        |it| set(it, "/requested_delivery/text", json!("2026-03-01T12:00:00")),
        &["dates-out-of-order"],
    ),
    (
        "currency",
        |it| set(it, "/lines/0/unit_price/currency", json!("usd")),
        &["currency-malformed"],
    ),
    (
        "no unit",
        |it| set(it, "/lines/0/quantity/unit", json!("")),
        &["!unit-missing", "unit-missing"],
    ),
    (
        "nothing",
        |it| set(it, "/lines", json!([])),
        &["!lines-missing"],
    ),
    (
        "no number",
        |it| set(it, "/order_no", json!("")),
        &["!number-unfit"],
    ),
];

const RECEIPT: &[Mutation] = &[
    (
        "expected",
        |it| add(it, "/lines/0/expected/value", 1),
        &["line-not-conserved"],
    ),
    (
        "total",
        |it| add(it, "/total_received", 1),
        &["total-differs"],
    ),
    (
        "damaged",
        |it| add(it, "/lines/0/exceptions/1/quantity/value", 100_000_000),
        &["exceptions-exceed-line"],
    ),
    (
        "negative",
        |it| set(it, "/lines/0/exceptions/0/quantity/value", json!("-1")),
        &["quantity-negative", "line-not-conserved"],
    ),
];

const INVOICE: &[Mutation] = &[
    (
        "due",
        |it| set(it, "/due", json!("2026-03-01")),
        &["dates-out-of-order"],
    ),
    (
        "negative",
        |it| {
            set(it, "/adjustments/1/charge", json!(true));
            set(it, "/adjustments/1/amount/amount", json!("-3"));
        },
        &["amount-negative"],
    ),
    (
        "currency",
        |it| set(it, "/taxes/0/amount/currency", json!("EUR")),
        &["currency-differs"],
    ),
    // Half a cent a line and one for the whole: with at most four lines, two and a half,
    // and the lines themselves may be off by two.
    (
        "total",
        |it| add(it, "/total/amount", 60),
        &["total-differs"],
    ),
    (
        "no tax",
        |it| set(it, "/taxes", json!([])),
        &["total-differs"],
    ),
];

fn mutated(document: &Value, mutations: &[Mutation]) {
    for (name, mutate, expected) in mutations {
        let mut document = document.clone();
        mutate(&mut document);
        let mut found = codes(&document);
        found.sort();
        let mut expected: Vec<_> = expected.iter().map(|it| (*it).to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "{name} in {document:#}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_conserves_is_fine_and_each_change_is_found(lines in lines()) {
        for (document, mutations) in [
            (shipment(&lines), SHIPMENT),
            (order(&lines), ORDER),
            (receipt(&lines), RECEIPT),
            (invoice(&lines), INVOICE),
        ] {
            prop_assert_eq!(codes(&document), Vec::<String>::new(), "{:#}", document);
            mutated(&document, mutations);
        }
    }

    /// Whatever numbers a guest makes up, the check comes to an end.
    #[test]
    fn no_number_is_too_odd(coefficients in prop::collection::vec(any::<i64>(), 8), scale in any::<u8>()) {
        let Document::Shipment(mut shipment) = document(&shipment(&[(vec![1], 1, 0), (vec![2], 0, 0)])) else {
            unreachable!()
        };
        let mut coefficients = coefficients.into_iter();
        for line in &mut shipment.lines {
            for quantity in [Some(&mut line.shipped), line.ordered.as_mut(), line.difference.as_mut()] {
                let value = &mut quantity.unwrap().value;
                (value.coefficient, value.scale) = (coefficients.next().unwrap(), scale);
            }
        }
        let checked = check(&Document::Shipment(shipment));
        prop_assert_eq!(scale > 18, checked.refused.iter().any(|it| it.code == "decimal-too-fine"));
    }
}

#[test]
fn one_line_in_several_entries_is_one_line() {
    let line = |ordered: &str, shipped: &str, difference: &str| {
        json!({ "line_no": "1", "items": items(), "status": "split",
                "ordered": { "value": ordered, "unit": "EA" },
                "shipped": { "value": shipped, "unit": "EA" },
                "difference": { "value": difference, "unit": "EA" } })
    };
    let shipped = |lines: Value| {
        let mut document = shipment(&[(vec![1], 0, 0)]);
        document["packages"] = json!([]);
        document["total_shipped"] = Value::Null;
        document["total_weight"] = Value::Null;
        document["status"] = json!("partial");
        document["lines"] = lines;
        codes(&document)
    };
    let nothing = Vec::<String>::new();
    // The whole is told each time, and what is left after each.
    assert_eq!(
        shipped(json!([line("10", "6", "4"), line("10", "4", "0")])),
        nothing
    );
    // Each tells its part.
    assert_eq!(
        shipped(json!([line("6", "6", "0"), line("4", "3", "1")])),
        nothing
    );
    let lost = shipped(json!([line("10", "6", "4"), line("10", "3", "0")]));
    assert_eq!(lost, ["line-not-conserved"]);
}

#[test]
fn a_change_may_take_a_line_out() {
    let mut document = order(&[(vec![1_000], 0, 0), (vec![2_000], 0, 0)]);
    document["total_quantity"] = Value::Null;
    document["lines"][0]["quantity"]["value"] = json!("0");
    assert_eq!(codes(&document), ["!quantity-not-positive"]);
    document["purpose"] = json!("change");
    assert_eq!(codes(&document), Vec::<String>::new());
    document["lines"][0]["quantity"]["value"] = json!("-1");
    assert_eq!(codes(&document), ["!quantity-not-positive"]);
}

#[test]
fn a_line_that_no_package_names_stands_beside_them() {
    let mut document = shipment(&[(vec![1_000], 0, 0), (vec![2_000], 0, 0)]);
    document["packages"].as_array_mut().unwrap().pop();
    assert_eq!(codes(&document), Vec::<String>::new());
}

#[test]
fn a_serial_number_goes_once() {
    let mut document = shipment(&[(vec![2_000], 0, 0)]);
    document["lines"][0]["serials"] = json!(["A", "B"]);
    assert_eq!(codes(&document), Vec::<String>::new());
    document["lines"][0]["serials"] = json!(["A", "A"]);
    assert_eq!(codes(&document), ["serial-repeated"]);
    document["lines"][0]["serials"] = json!(["A", "B", "C"]);
    assert_eq!(codes(&document), ["serials-exceed-line"]);
}

#[test]
fn stock_comes_and_goes_as_its_reason_says() {
    let adjustment = |reason: &str, value: &str| {
        codes(&json!({
            "kind": "inventory-adjustment", "adjustment_no": "A-1", "purpose": "original",
            "adjusted_at": { "text": "2026-03-02", "zoned": false },
            "lines": [{ "line_no": "1", "reason": reason, "items": items(),
                        "quantity": { "value": value, "unit": "EA" } }],
        }))
    };
    let nothing = Vec::<String>::new();
    assert_eq!(adjustment("found", "3"), nothing);
    assert_eq!(adjustment("count", "-3"), nothing);
    assert_eq!(adjustment("found", "-3"), ["sign-contradicts-reason"]);
    assert_eq!(adjustment("lost", "3"), ["sign-contradicts-reason"]);
}

#[test]
fn what_comes_back_was_allowed() {
    let receipt = |rma: Value, received: &str, condition: &str| {
        codes(&json!({
            "kind": "return-receipt", "receipt_no": "R-1", "rma_no": rma,
            "received_at": { "text": "2026-03-02", "zoned": false },
            "lines": [
                { "line_no": "1", "items": items(), "condition": "good",
                  "expected": { "value": "3", "unit": "EA" },
                  "received": { "value": "2", "unit": "EA" } },
                { "line_no": "1", "items": items(), "condition": condition,
                  "received": { "value": received, "unit": "EA" } },
            ],
        }))
    };
    assert_eq!(
        receipt(json!("RMA-1"), "1", "damaged"),
        Vec::<String>::new()
    );
    assert_eq!(receipt(Value::Null, "1", "damaged"), ["rma-missing"]);
    assert_eq!(receipt(json!("RMA-1"), "2", "damaged"), ["over-returned"]);
    assert_eq!(receipt(json!("RMA-1"), "2", "over"), Vec::<String>::new());
}

#[test]
fn a_verdict_and_its_money_agree() {
    let disposition = |credit: Value, amount: &str| {
        codes(&json!({
            "kind": "return-disposition", "rma_no": "RMA-1",
            "decided_at": { "text": "2026-03-02", "zoned": false },
            "lines": [{ "line_no": "1", "items": items(), "disposition": "restock",
                        "quantity": { "value": "1", "unit": "EA" } }],
            "credit": credit, "credit_amount": { "amount": amount, "currency": "USD" },
        }))
    };
    assert_eq!(disposition(json!("full"), "10"), Vec::<String>::new());
    assert_eq!(
        disposition(json!("no-credit"), "0.00"),
        Vec::<String>::new()
    );
    assert_eq!(
        disposition(json!("no-credit"), "10"),
        ["credit-contradicted"]
    );
    assert_eq!(disposition(json!("partial"), "0"), ["credit-contradicted"]);
    assert_eq!(disposition(Value::Null, "-1"), ["amount-negative"]);
}

#[test]
fn a_document_that_is_odd_everywhere_is_told_in_bounds() {
    let lines: Vec<_> = (0..500).map(|_| (vec![1_000], 0, 0)).collect();
    let mut document = shipment(&lines);
    for line in document["lines"].as_array_mut().unwrap() {
        line["difference"]["value"] = json!("7");
    }
    let found = codes_in_bounds(&document);
    assert_eq!(found.len(), 101);
    assert_eq!(found.last().unwrap(), "findings-cut");
}

fn codes_in_bounds(value: &Value) -> Vec<String> {
    let checked = check(&document(value));
    checked.findings.into_iter().map(|it| it.code).collect()
}

/// Every document of every golden file: good ones give nothing, odd ones what is listed.
#[test]
fn fixtures_of_adapters_give_what_they_should() {
    let adapters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters"));
    let (mut documents, mut wrong) = (0, Vec::new());
    let mut seen = Vec::new();
    for adapter in fs::read_dir(adapters).unwrap() {
        let adapter = adapter.unwrap();
        let Ok(files) = fs::read_dir(adapter.path().join("fixtures/decode")) else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|it| it != "snap") {
                continue;
            }
            let adapter = adapter.file_name();
            let stem = path.file_stem().unwrap();
            let name = format!("{}/{}", adapter.display(), stem.display());
            let (count, found) = found_in(&fs::read_to_string(&path).unwrap());
            documents += count;
            let listed = ODD_FIXTURES.iter().find(|(known, _)| *known == name);
            let expected = listed.map_or(&[][..], |(_, codes)| *codes);
            let mut told: Vec<_> = found.iter().map(|it| it.code.as_str()).collect();
            told.sort_unstable();
            told.dedup();
            if told != expected {
                let found = found
                    .iter()
                    .map(|it| format!("  {}: {} at {:?}", it.code, it.text, it.place));
                wrong.push(format!("{name}\n{}", found.collect::<Vec<_>>().join("\n")));
            }
            seen.push(name);
        }
    }
    for (name, _) in ODD_FIXTURES {
        assert!(
            seen.iter().any(|it| it == name),
            "there is no fixture {name}"
        );
    }
    assert!(documents > 100, "{documents} documents were read");
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many documents a golden file holds, and what is found of them.
fn found_in(snapshot: &str) -> (usize, Vec<Failure>) {
    let text = snapshot.splitn(3, "---\n").nth(2).unwrap();
    let end = text.find("\nlog: ").unwrap_or(text.len());
    let decoded: Value = serde_json::from_str(&text[..end]).unwrap_or_default();
    let documents = decoded["documents"].as_array().cloned().unwrap_or_default();
    let good = documents.iter().filter(|it| it["kind"] == "ok");
    let good: Vec<_> = good.map(|it| document(&it["document"])).collect();
    let checked = good.iter().map(check);
    let found = checked.flat_map(|it| [it.refused, it.findings].concat());
    (good.len(), found.collect())
}
