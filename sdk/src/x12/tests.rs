//! Promises that take several parts of the module: each trap real files set, and
//! properties over arbitrary bytes.

use proptest::prelude::*;

use super::separators::Separator;
use super::*;

mod acknowledge;
mod envelope;
mod samples;
mod separators;
mod tokenizer;
mod validate;
mod writer;

/// An ISA with these characters in the places of ISA11, ISA16 and the terminator.
fn isa(version: &str, isa11: &str, isa16: &str, terminator: &str) -> String {
    format!(
        "ISA*00*          *00*          *ZZ*NORTHDOCK      *ZZ*MERCATOR       \
         *261121*0415*{isa11}*{version}*000000071*0*P*{isa16}{terminator}"
    )
}

/// An interchange with one group of 945s, one for each body.
fn interchange(bodies: &[&str]) -> String {
    let mut text = isa("00401", "U", ">", "~");
    text.push_str("\nGS*SW*NORTHDOCK*MERCATOR*20261121*0415*71*X*004010~\n");
    for (index, body) in bodies.iter().enumerate() {
        text.push_str(&format!("ST*945*{:04}~\n", index + 1));
        text.push_str(body);
        let count = body.matches('~').count() + 2;
        text.push_str(&format!("SE*{count}*{:04}~\n", index + 1));
    }
    text.push_str(&format!("GE*{}*71~\nIEA*1*000000071~\n", bodies.len()));
    text
}

/// Ids and elements of all segments, as text.
fn parsed(tokens: Tokenizer<'_>) -> Vec<Vec<String>> {
    tokens
        .map(|segment| {
            let all = (0..=segment.element_count()).map(|n| segment.text(n).into_owned());
            all.collect()
        })
        .collect()
}

/// The findings of everything in the text, as `list code: sentence`.
fn findings(text: &[u8]) -> Vec<String> {
    let input = Input::new(text);
    let reader = Reader::new(&input).expect("an ISA");
    let mut all = Vec::new();
    for interchange in reader.interchanges() {
        let mut found: Vec<Finding> = interchange.findings().cloned().collect();
        for group in &interchange.groups {
            found.extend(group.findings().cloned());
            found.extend(
                group
                    .sets
                    .iter()
                    .flat_map(|set| set.findings().iter().cloned()),
            );
        }
        all.extend(found.iter().map(|finding| {
            let severity = if finding.rejects() { "reject" } else { "note" };
            format!(
                "{severity} {} {}: {finding}",
                finding.code.list(),
                finding.code.code()
            )
        }));
    }
    all
}

/// A separator people could choose: seen, unseen, of one byte or several.
fn separator() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => proptest::sample::select(vec!['*', '|', '~', '^', ':', '>', '!', '\'', '\\', '+']),
        2 => proptest::sample::select(vec!['\x1c', '\x1d', '\x1e', '\x1f', '\x7f', '\x15', '\t']),
        2 => any::<char>().prop_filter("not data", |c| {
            !c.is_ascii_alphanumeric() && !matches!(c, ' ' | '.' | '-' | '\r' | '\n')
        }),
    ]
}

/// Four different separators.
fn separators() -> impl Strategy<Value = Separators> {
    (separator(), separator(), separator(), separator())
        .prop_filter("all different", |(a, b, c, d)| {
            a != b && a != c && a != d && b != c && b != d && c != d
        })
        .prop_map(|(element, component, repetition, terminator)| Separators {
            element: Separator::character(element),
            component: Some(Separator::character(component)),
            repetition: Some(Separator::character(repetition)),
            terminator: Separator::character(terminator),
        })
}

/// Text without any of these separators or a line break.
fn data(separators: Separators) -> impl Strategy<Value = String> {
    let text = prop_oneof![3 => "[A-Z0-9 .,-]{0,12}", 1 => "\\PC{0,12}", 1 => ".{0,40}"];
    text.prop_map(move |text| {
        let Separators {
            element,
            component,
            repetition,
            terminator,
        } = separators;
        let all = [Some(element), component, repetition, Some(terminator)];
        let forbidden = |character: char| {
            matches!(character, '\r' | '\n')
                || all
                    .into_iter()
                    .flatten()
                    .any(|s| s == Separator::character(character))
        };
        text.chars()
            .filter(|character| !forbidden(*character))
            .collect()
    })
}

/// Segments of arbitrary data, without trailing empty elements.
fn segments(separators: Separators) -> impl Strategy<Value = Vec<Vec<String>>> {
    let ids = ["N1", "W12", "REF", "PO1", "MTX", "ISB", "G62"];
    let id = proptest::sample::select(ids.map(str::to_owned).to_vec());
    let elements = proptest::collection::vec(data(separators), 0..40);
    let segment = (id, elements).prop_map(|(id, elements)| {
        let used = elements.iter().rposition(|element| !element.is_empty());
        let mut segment = vec![id];
        segment.extend(elements.into_iter().take(used.map_or(0, |last| last + 1)));
        segment
    });
    proptest::collection::vec(segment, 0..12)
}
