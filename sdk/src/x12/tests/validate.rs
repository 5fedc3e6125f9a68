//! Elements read as values, and what is said when they are none.

use super::*;
use crate::x12::code::{ElementError, SegmentError};

const QUANTITY: Spec = Spec::at(3).reference(382).length(1, 10);

/// Reads one segment of a set.
fn reading<T>(segment: &str, read: impl FnOnce(&mut Elements<'_, '_>) -> T) -> (T, Vec<Finding>) {
    let text = format!("ST*945*0001~LX*1~{segment}~");
    let tokens = Tokenizer::with_separators(text.as_bytes(), Separators::USUAL);
    let segment = tokens.last().expect("a segment");
    let mut notes = Vec::new();
    let mut elements = Elements::new(&segment, &mut notes).in_loop("0310");
    let value = read(&mut elements);
    (value, notes)
}

#[test]
fn values_of_a_line() {
    let (line, notes) = reading("W12*CC*12*-13.000*.5*CA**20261121*0415*10500", |line| {
        Ok::<_, Fault>((
            line.required_code(1, |code| (code == "CC").then_some("complete"))?,
            line.required_decimal(QUANTITY)?.to_string(),
            line.decimal(4)?.map(|decimal| decimal.to_string()),
            line.optional(6)?.map(|text| text.into_owned()),
            line.required_date(7)?.to_string(),
            line.required_time(8)?.to_string(),
            line.required_implied(9, 2)?.to_string(),
        ))
    });
    let line = line.expect("all good");
    assert_eq!(
        line,
        (
            "complete",
            "-13.000".into(),
            Some("0.5".into()),
            None,
            "2026-11-21".into(),
            "04:15:00".into(),
            "105.00".into(),
        )
    );
    assert_eq!(notes, []);
}

#[test]
fn an_error_names_its_place_and_copies_the_value() {
    let (fault, _) = reading("W12*CC*12*1O", |line| {
        line.required_decimal(QUANTITY).expect_err("no number")
    });
    assert_eq!(
        fault.to_string(),
        "W12-03 (segment 3, loop 0310, byte 17): invalid character in data element: '1O'"
    );
    assert_eq!(fault.code, Code::Element(ElementError::InvalidCharacter));
    assert_eq!((fault.reference, fault.value.as_str()), (Some(382), "1O"));
    assert!(fault.rejects());
}

#[test]
fn each_kind_of_error_has_its_code() {
    let code = |segment: &str, read: fn(&mut Elements<'_, '_>) -> Result<(), Fault>| {
        reading(segment, |line| {
            read(line).expect_err("bad").code.code().to_owned()
        })
        .0
    };
    assert_eq!(code("G62*10", |g62| g62.required(2).map(drop)), "1");
    assert_eq!(
        code("G62*10*   ", |g62| g62.required_date(2).map(drop)),
        "1"
    );
    assert_eq!(code("G62*10*20260230", |g62| g62.date(2).map(drop)), "8");
    assert_eq!(
        code("G62*10*20260228*I*2460", |g62| g62.time(4).map(drop)),
        "9"
    );
    assert_eq!(
        code("G62*ZZ", |g62| g62.code(1, |_| None::<()>).map(drop)),
        "7"
    );
    assert_eq!(code("TDS*105.00", |tds| tds.implied(1, 2).map(drop)), "6");
    assert_eq!(
        code("TDS*1234567890123456789", |tds| tds.implied(1, 2).map(drop)),
        "5"
    );
}

#[test]
fn a_wrong_length_is_noted_unless_the_reader_is_strict() {
    let spec = Spec::at(2).reference(93).length(2, 5);
    for (value, code) in [("HARBOUR", "5"), ("H", "4")] {
        let (name, notes) = reading(&format!("N1*ST*{value}"), |n1| {
            n1.required(spec).map(|name| name.into_owned())
        });
        assert_eq!(name.as_deref(), Ok(value));
        assert_eq!(notes.len(), 1);
        assert_eq!((notes[0].code.code(), notes[0].rejects()), (code, false));
    }
    let text = "ST*945*0001~N1*ST*HARBOUR~";
    let segment = Tokenizer::with_separators(text.as_bytes(), Separators::USUAL)
        .last()
        .expect("one");
    let mut notes = Vec::new();
    let fault = Elements::new(&segment, &mut notes)
        .strict()
        .required(spec)
        .expect_err("too long");
    assert_eq!(fault.code, Code::Element(ElementError::TooLong));
}

#[test]
fn the_sign_and_the_point_are_not_counted_as_length() {
    let (value, notes) = reading("W12*CC*12*-123456789.5", |line| {
        line.required_decimal(QUANTITY).is_ok()
    });
    assert!(value);
    assert_eq!(notes, []);
}

#[test]
fn components_have_their_own_place() {
    let (fault, _) = reading("SLN*1*PC>X", |sln| {
        sln.required_decimal(Spec::at(2).component(2))
            .expect_err("no number")
    });
    assert!(
        fault
            .to_string()
            .starts_with("SLN-02-2 (segment 3, loop 0310"),
        "{fault}"
    );
}

#[test]
fn rules_of_a_mapping_use_the_same_form() {
    let (fault, notes) = reading("W12*CC*12*10*1*EA", |line| {
        line.remark(
            4,
            ElementError::Exclusion,
            "difference does not add up; kept",
        );
        line.segment_fault(
            SegmentError::OverMaximumUse,
            "W12 occurs twice under one LX",
        )
    });
    assert_eq!(
        fault.to_string(),
        "W12 (segment 3, loop 0310, byte 17): W12 occurs twice under one LX"
    );
    assert_eq!(notes[0].code.list(), "723");
}

#[test]
fn what_is_demanded_but_not_needed_is_noted_where_absent() {
    let (read, notes) = reading("W12***7", |line| {
        let text = line.expected(1).expect("no fault");
        let numbers = [2, 3].map(|number| line.expected_decimal(number).expect("no fault"));
        (text.is_some(), numbers.map(|number| number.is_some()))
    });
    assert_eq!(read, (false, [false, true]));
    let told: Vec<_> = notes
        .iter()
        .map(|note| (note.place.element, note.code, note.rejects()))
        .collect();
    let missing = Code::Element(ElementError::MandatoryMissing);
    assert_eq!(told, [(Some(1), missing, false), (Some(2), missing, false)]);
}

#[test]
fn a_date_is_read_where_only_one_can_be_meant() {
    for (element, expected, noted) in [
        ("20261121", Some("2026-11-21"), 0),
        ("261121", Some("2026-11-21"), 0),
        ("2026-11-21", Some("2026-11-21"), 1),
        ("2026/11/21", Some("2026-11-21"), 1),
        ("00000000", None, 1),
        ("", None, 0),
    ] {
        let (date, notes) = reading(&format!("G62*11*{element}"), |line| line.date(2));
        let date = date.expect("no fault").map(|date| date.to_string());
        assert_eq!(date.as_deref(), expected, "{element}");
        assert_eq!(notes.len(), noted, "{element}");
    }
    for element in [
        "11/21/2026",
        "21.11.2026",
        "2026-02-30",
        "2026-11/21",
        "20261121000000",
    ] {
        let (date, _) = reading(&format!("G62*11*{element}"), |line| line.date(2));
        let fault = date.expect_err("no date");
        assert_eq!(
            fault.code,
            Code::Element(ElementError::InvalidDate),
            "{element}"
        );
    }
}
