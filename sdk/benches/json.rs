//! The naming layer on a shipment of twenty lines: what the host does with every
//! decoded document. Beside it a well-known library on the same value, with Rust's
//! names and every absent field written out: the measure of what the rules cost.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossdock_sdk::{
    Document, ItemId, ItemScheme, Lot, LotQuantity, Moment, Package, PackageType, Packed, Party,
    PartyRole, Quantity, Reference, Shipment, ShipmentLine, ShipmentStatus, json,
};

fn shipment(lines: u32) -> Document {
    let mut shipment = Shipment {
        customer_po: Some("PO-4711".to_owned()),
        parties: vec![
            Party::new(PartyRole::ShipTo).with_name("Harbour Stores"),
            Party::new(PartyRole::Warehouse).with_name("North Dock"),
        ],
        references: vec![Reference::new("BM", "BOL-1"), Reference::new("CN", "PRO-1")],
        ..Shipment::new(
            "SH-1",
            "SO-1",
            ShipmentStatus::Complete,
            Moment::local("2026-03-01"),
        )
    };
    for number in 1..=lines {
        let line_no = number.to_string();
        let items = vec![
            ItemId::sku(format!("SKU-{number:05}")),
            ItemId::new(ItemScheme::Upc, format!("0360002914{number:02}")),
        ];
        let shipped = Quantity::each(number);
        shipment.packages.push(Package {
            sscc: true,
            contents: vec![Packed::new(line_no.as_str(), shipped.clone())],
            ..Package::new(format!("0036000291452000{number:02}"), PackageType::Carton)
        });
        shipment.lines.push(ShipmentLine {
            ordered: Some(shipped.clone()),
            lots: vec![LotQuantity::new(
                Lot::new(format!("LOT-{number}")),
                Some(shipped.clone()),
            )],
            ..ShipmentLine::new(line_no, shipped, ShipmentStatus::Complete, items)
        });
    }
    Document::Shipment(shipment)
}

fn bench(criterion: &mut Criterion) {
    let document = shipment(20);
    let text = json::to_vec(&document).expect("the shipment can be written");
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("write a shipment of 20 lines", |bencher| {
        let mut out = Vec::with_capacity(text.len());
        bencher.iter(|| {
            out.clear();
            json::append(black_box(&document), &mut out).expect("the shipment can be written");
        });
    });
    group.bench_function("read a shipment of 20 lines", |bencher| {
        bencher.iter(|| json::from_slice::<Document>(black_box(&text)).expect("it can be read"));
    });
    let plain = serde_json::to_vec(&document).expect("the shipment can be written");
    group.throughput(Throughput::Bytes(plain.len() as u64));
    group.bench_function("write it with serde_json", |bencher| {
        let mut out = Vec::with_capacity(plain.len());
        bencher.iter(|| {
            out.clear();
            serde_json::to_writer(&mut out, black_box(&document)).expect("it can be written");
        });
    });
    group.bench_function("read it with serde_json", |bencher| {
        bencher.iter(|| {
            serde_json::from_slice::<Document>(black_box(&plain)).expect("it can be read")
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
