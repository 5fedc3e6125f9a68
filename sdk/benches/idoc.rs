//! How fast IDocs are read and written, in bytes of text a second.
//!
//! The text is one message of about 1 MiB: confirmations of twenty items each, laid out
//! as SAP's port writes them, without blanks.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossdock_sdk::idoc::{Reader, Writer, text, value};

/// How many items a delivery has.
const ITEMS: usize = 20;

/// The fields of an item, as many as a real one has that say something.
const FIELDS: [(&str, &str); 12] = [
    ("POSNR", "000010"),
    ("MATNR", "000000000000654321"),
    ("ARKTX", "LANTERN, STORM, GALVANISED"),
    ("WERKS", "1710"),
    ("LGORT", "171A"),
    ("LFIMG", "12.000"),
    ("VRKME", "PCE"),
    ("BRGEW", "36.600"),
    ("GEWEI", "KGM"),
    ("VFDAT", "00000000"),
    ("VGBEL", "0000000243"),
    ("VGPOS", "000010"),
];

/// One IDoc, and the message's tags around it taken off.
fn idoc() -> String {
    let bytes = write().expect("clean data");
    let text = String::from_utf8(bytes).expect("the writer writes UTF-8");
    let from = text.find("<IDOC").expect("an IDOC");
    let to = text.rfind("</DELVRY07>").expect("an end");
    text[from..to].to_owned()
}

fn write() -> Result<Vec<u8>, crossdock_sdk::idoc::WriteError> {
    let mut writer = Writer::new("DELVRY07")?;
    writer.begin("EDI_DC40")?;
    writer.field("MESTYP", "SHPCON")?;
    writer.end()?;
    writer.begin("E1EDL20")?;
    writer.field("VBELN", "0080000102")?;
    for _ in 0..ITEMS {
        writer.begin("E1EDL24")?;
        for (name, value) in FIELDS {
            writer.field(name, value)?;
        }
        writer.end()?;
    }
    writer.end()?;
    writer.finish()
}

/// A message of at least so many bytes.
fn message(size: usize) -> Vec<u8> {
    let idoc = idoc();
    let count = size.div_ceil(idoc.len());
    format!("<DELVRY07>{}</DELVRY07>", idoc.repeat(count)).into_bytes()
}

/// What a mapping asks of the segments: a few fields of each item, by name.
fn five_fields(message: &[u8]) -> usize {
    let text = text::decode(message).expect("UTF-8");
    let mut found = 0;
    for idoc in Reader::new(&text).expect("a root") {
        let idoc = idoc.expect("a sound IDoc");
        let delivery = idoc.root().child("E1EDL20").expect("a delivery");
        for item in delivery.all("E1EDL24") {
            let number = value::strip_zeros(item.get("POSNR").unwrap_or_default());
            let material = value::strip_zeros(item.get("MATNR").unwrap_or_default());
            let quantity = item.get("LFIMG").and_then(|text| value::number(text).ok());
            let unit = item.get("VRKME").unwrap_or_default();
            let order = item.get("VGBEL").unwrap_or_default();
            found += number.len() + material.len() + unit.len() + order.len();
            found += usize::from(quantity.is_some());
        }
    }
    found
}

fn read_and_write(criterion: &mut Criterion) {
    let message = message(1024 * 1024);
    let mut group = criterion.benchmark_group("idoc");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let text = text::decode(black_box(&message)).expect("UTF-8");
            let reader = Reader::new(&text).expect("a root");
            reader
                .map(|idoc| idoc.expect("a sound IDoc").len())
                .sum::<usize>()
        });
    });
    group.bench_function("read and take five fields an item", |bencher| {
        bencher.iter(|| five_fields(black_box(&message)));
    });
    group.throughput(Throughput::Bytes(write().expect("clean data").len() as u64));
    group.bench_function("write", |bencher| {
        bencher.iter(|| write().expect("clean data").len());
    });
    group.finish();
}

criterion_group!(benches, read_and_write);
criterion_main!(benches);
