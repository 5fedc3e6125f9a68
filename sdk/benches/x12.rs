//! How fast X12 is read and written, in bytes of text a second.
//!
//! The text is one interchange of about 1 MiB: 945s of twenty lines each, as a
//! warehouse would send after a night shift.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossdock_sdk::x12::{Input, Reader, Style, Tokenizer, Writer};

/// One interchange of 945s, at least `size` bytes long.
fn interchange(size: usize) -> Vec<u8> {
    let mut text = String::from(
        "ISA*00*          *00*          *ZZ*NORTHDOCK      *ZZ*MERCATOR       \
         *261121*0415*U*00401*000000071*0*P*>~\n\
         GS*SW*NORTHDOCK*MERCATOR*20261121*0415*71*X*004010~\n",
    );
    let mut sets = 0;
    while text.len() < size {
        sets += 1;
        set(&mut text, sets);
    }
    text.push_str(&format!("GE*{sets}*71~\nIEA*1*000000071~\n"));
    text.into_bytes()
}

fn set(text: &mut String, number: usize) {
    text.push_str(&format!(
        "ST*945*{number:04}~\nW06*F*SO-2026-{number:06}*20261121*SHP{number:07}**PO{number:05}~\n\
         N1*ST*HARBOUR LIGHTS TRADING CO*92*HL{number:04}~\nN3*18 QUAYSIDE ROW*UNIT 7~\n\
         N4*PORTLAND*ME*04101*US~\nN1*WH*NORTH DOCK WAREHOUSING*9*0451234560001~\n\
         N9*BM*BOL{number:08}~\nN9*CN*PRO{number:09}~\nG62*11*20261121~\n\
         W27*M*NDFX*NORTH DOCK FREIGHT*PP~\n"
    ));
    for line in 1..=20 {
        text.push_str(&format!(
            "LX*{line}~\nMAN*GM*00106141410000{line:06}~\n\
             W12*CC*{line}2*{line}2*0*CA**VN*HL-{line:05}*LOT{line:04}*{line}7.5*G*L*****UK*10614141{line:06}~\n\
             G69*LANTERN, STORM, GALVANISED {line}~\nN9*LT*LOT{line:04}~\n"
        ));
    }
    text.push_str(&format!("W03*240*1536*LB~\nSE*112*{number:04}~\n"));
}

/// What a mapping asks of the segments: a few elements of each, by number.
fn five_elements(segments: Tokenizer<'_>) -> usize {
    let mut total = 0;
    for segment in segments {
        match segment.id() {
            b"W12" => {
                total += segment.element(1).len()
                    + segment.element(3).len()
                    + segment.element(5).len()
                    + segment.element(8).len()
                    + segment.element(9).len();
            }
            b"N1" | b"N9" | b"MAN" => {
                total += segment.element(1).len() + segment.element(2).len();
            }
            _ => total += segment.element(1).len(),
        }
    }
    total
}

fn read(criterion: &mut Criterion) {
    let text = interchange(1024 * 1024);
    let mut group = criterion.benchmark_group("x12");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("tokenize", |bencher| {
        bencher.iter(|| {
            let tokens = Tokenizer::new(black_box(&text)).expect("an ISA");
            tokens.map(|segment| segment.element_count()).sum::<usize>()
        });
    });
    group.bench_function("tokenize and take five elements", |bencher| {
        bencher.iter(|| five_elements(Tokenizer::new(black_box(&text)).expect("an ISA")));
    });
    group.bench_function("read the envelope", |bencher| {
        bencher.iter(|| {
            let input = Input::new(black_box(&text));
            Reader::new(&input).expect("an ISA").count()
        });
    });
    group.bench_function("read the envelope, take five elements", |bencher| {
        bencher.iter(|| {
            let input = Input::new(black_box(&text));
            let interchanges = Reader::new(&input).expect("an ISA").interchanges();
            interchanges
                .flat_map(|interchange| {
                    interchange
                        .sets()
                        .map(|set| five_elements(set.segments()))
                        .collect::<Vec<_>>()
                })
                .sum::<usize>()
        });
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let text = interchange(1024 * 1024);
    let segments: Vec<Vec<String>> = Tokenizer::new(&text)
        .expect("an ISA")
        .filter(|segment| !segment.is("ISA"))
        .map(|segment| {
            let all = (0..=segment.element_count()).map(|number| segment.text(number));
            all.map(|element| element.into_owned()).collect()
        })
        .collect();
    let segments: Vec<Vec<&str>> = segments
        .iter()
        .map(|segment| segment.iter().map(String::as_str).collect())
        .collect();
    let mut group = criterion.benchmark_group("x12");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            let mut writer = Writer::new(Style::default()).expect("separators");
            for segment in black_box(&segments) {
                writer
                    .segment(segment[0], &segment[1..])
                    .expect("clean data");
            }
            writer.bytes().len()
        });
    });
    group.finish();
}

criterion_group!(benches, read, write);
criterion_main!(benches);
