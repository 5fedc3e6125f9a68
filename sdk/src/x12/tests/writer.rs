//! What is written, byte for byte, and what is refused.

use super::*;
use crate::x12::writer::{Forbidden, GroupStart, InterchangeStart, LineBreak, Usage, date, time};

/// Writes an interchange with one group and `sets` small 940s.
pub(super) fn envelope(writer: &mut Writer, version: &str, sets: usize) {
    let (date, time) = (
        Date::new(2026, 11, 21).expect("a date"),
        Time::parse(b"0415").expect("a time"),
    );
    let start = InterchangeStart::new(
        ("ZZ", "MERCATOR"),
        ("08", "9251190000"),
        date,
        time,
        version,
        71,
        Usage::Test,
    );
    writer.begin_interchange(&start).expect("an ISA");
    let group = GroupStart {
        functional_id: "OW",
        sender: "MERCATOR",
        receiver: "NORTHDOCK",
        date,
        time,
        control_number: 71,
        version: "004010",
    };
    writer.begin_group(&group).expect("a GS");
    for number in 1..=sets {
        writer
            .begin_set("940", &format!("{number:04}"), None)
            .expect("an ST");
        writer.segment("W05", &["N", "SO-1"]).expect("a segment");
        writer.end_set().expect("an SE");
    }
    writer.end_group().expect("a GE");
    writer.end_interchange().expect("an IEA");
}

fn written(style: Style, write: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::new(style).expect("separators");
    write(&mut writer);
    String::from_utf8(writer.finish().expect("all ended")).expect("text")
}

#[test]
fn an_interchange_of_4010() {
    let style = Style {
        line_break: LineBreak::Lf,
        ..Style::default()
    };
    insta::assert_snapshot!(written(style, |writer| envelope(writer, "00401", 2)), @r"
    ISA*00*          *00*          *ZZ*MERCATOR       *08*9251190000     *261121*0415*U*00401*000000071*0*T*>~
    GS*OW*MERCATOR*NORTHDOCK*20261121*0415*71*X*004010~
    ST*940*0001~
    W05*N*SO-1~
    SE*3*0001~
    ST*940*0002~
    W05*N*SO-1~
    SE*3*0002~
    GE*2*71~
    IEA*1*000000071~
    ");
}

#[test]
fn the_isa_has_its_106_bytes() {
    let text = written(Style::default(), |writer| envelope(writer, "00401", 0));
    assert_eq!(text.find("GS*"), Some(106));
}

#[test]
fn isa11_repeats_since_00402() {
    let repetition = Some(Separator::byte(b'^'));
    let separators = Separators {
        repetition,
        ..Separators::USUAL
    };
    let style = Style {
        separators,
        ..Style::default()
    };
    let text = written(style, |writer| envelope(writer, "00501", 1));
    assert!(text.contains("*0415*^*00501*"), "{text}");
    let text = written(style, |writer| envelope(writer, "00401", 1));
    assert!(text.contains("*0415*U*00401*"), "{text}");
}

#[test]
fn trailing_empty_elements_are_not_written() {
    let text = written(Style::default(), |writer| {
        writer
            .segment("W66", &["PP", "", "M", "", ""])
            .expect("a segment");
        writer.segment("N1", &["", ""]).expect("a segment");
        writer
            .begin("W12")
            .at(1, "CC")
            .at(3, "12")
            .at(8, "HL")
            .end()
            .expect("a segment");
        writer
            .begin("C")
            .composite(&["A", "", "B", ""])
            .composite(&["", ""])
            .element("D")
            .end()
            .expect("a segment");
        writer
            .begin("D")
            .composite(&["", "B"])
            .end()
            .expect("a segment");
    });
    assert_eq!(text, "W66*PP**M~N1~W12*CC**12*****HL~C*A>>B**D~D*>B~");
}

#[test]
fn data_with_a_separator_is_refused_and_nothing_of_the_segment_written() {
    let mut writer = Writer::new(Style::default()).expect("separators");
    for bad in ["A*B", "A~B", "A>B", "A\nB", "A\rB"] {
        let refusal = writer.segment("N1", &["ST", bad]);
        let expected = WriteError::ForbiddenCharacter {
            segment: SegmentId::from("N1"),
            element: 2,
            value: bad.to_owned(),
        };
        assert_eq!(refusal, Err(expected));
    }
    assert_eq!(writer.bytes(), b"");
    writer
        .segment("N1", &["ST", "A^B"])
        .expect("no repetition here");
}

#[test]
fn data_with_a_separator_can_be_replaced() {
    let style = Style {
        forbidden: Forbidden::Replace('?'),
        ..Style::default()
    };
    let text = written(style, |writer| {
        writer
            .segment("N1", &["ST", "A*B~C>D\r\nÉ"])
            .expect("a segment");
    });
    assert_eq!(text, "N1*ST*A?B?C?D??É~");
}

#[test]
fn unusable_styles_are_refused() {
    let refused = |separators: Separators, forbidden: Forbidden| {
        Writer::new(Style {
            separators,
            forbidden,
            ..Style::default()
        })
        .is_err()
    };
    let usual = Separators::USUAL;
    let same = Separators {
        terminator: Separator::byte(b'*'),
        ..usual
    };
    let letter = Separators {
        element: Separator::byte(b'A'),
        ..usual
    };
    let sign = Separators {
        component: Some(Separator::byte(b'-')),
        ..usual
    };
    let line = Separators {
        element: Separator::byte(b'\n'),
        ..usual
    };
    for separators in [same, letter, sign, line] {
        assert!(refused(separators, Forbidden::Refuse), "{separators:?}");
    }
    assert!(refused(usual, Forbidden::Replace('~')));
    assert!(refused(usual, Forbidden::Replace('\n')));
    assert!(!refused(usual, Forbidden::Replace(' ')));
}

#[test]
fn fields_that_do_not_fit_are_refused() {
    let mut writer = Writer::new(Style::default()).expect("separators");
    let (date, time) = (
        Date::new(2026, 11, 21).expect("a date"),
        Time::parse(b"0415").expect("a time"),
    );
    let start = InterchangeStart::new(
        ("ZZ", "A"),
        ("ZZ", "B"),
        date,
        time,
        "00401",
        1,
        Usage::Test,
    );
    let long = InterchangeStart {
        sender: ("ZZ", "SIXTEEN LETTERS "),
        ..start.clone()
    };
    let refusal = writer.begin_interchange(&long);
    assert_eq!(
        refusal,
        Err(WriteError::TooLong {
            field: "ISA06",
            max: 15
        })
    );
    let large = InterchangeStart {
        control_number: 1_000_000_000,
        ..start.clone()
    };
    let refusal = writer.begin_interchange(&large);
    assert_eq!(
        refusal,
        Err(WriteError::TooLong {
            field: "ISA13",
            max: 9
        })
    );
    let repeating = InterchangeStart {
        version: "00501",
        ..start
    };
    assert!(matches!(
        writer.begin_interchange(&repeating),
        Err(WriteError::InvalidSeparators(_))
    ));
    assert_eq!(writer.bytes(), b"");
}

#[test]
fn envelopes_out_of_order_are_refused() {
    let mut writer = Writer::new(Style::default()).expect("separators");
    assert!(matches!(writer.end_set(), Err(WriteError::OutOfOrder(_))));
    assert!(matches!(writer.end_group(), Err(WriteError::OutOfOrder(_))));
    assert!(matches!(
        writer.end_interchange(),
        Err(WriteError::OutOfOrder(_))
    ));
    writer.begin_set("940", "0001", None).expect("an ST");
    assert!(matches!(
        writer.begin_set("940", "0002", None),
        Err(WriteError::OutOfOrder(_))
    ));
    assert!(matches!(
        writer.clone().finish(),
        Err(WriteError::OutOfOrder(_))
    ));
    let twice = writer.begin("W05").at(2, "A").at(2, "B").end();
    assert!(matches!(twice, Err(WriteError::OutOfOrder(_))));
}

#[test]
fn raw_bytes_read_back() {
    let raw = [0_u8, b'~', b'*', b'\n', 0xff];
    let mut writer = Writer::new(Style::default()).expect("separators");
    writer.begin_set("841", "0001", None).expect("an ST");
    writer.binary(&raw);
    writer.end_set().expect("an SE");
    let text = writer.finish().expect("all ended");
    let segments: Vec<_> = Tokenizer::with_separators(&text, Separators::USUAL).collect();
    assert_eq!(segments[1].element(2), raw);
    assert_eq!(segments[2].raw(), b"SE*3*0001");
}

#[test]
fn dates_and_times_as_elements() {
    let day = Date::new(2026, 2, 3).expect("a date");
    assert_eq!(date(day), "20260203");
    for text in ["0415", "041509", "04150907"] {
        assert_eq!(time(Time::parse(text.as_bytes()).expect("a time")), text);
    }
}

proptest! {
    #[test]
    fn replaced_data_reads_back_with_the_same_shape(
        separators in separators(),
        elements in proptest::collection::vec(".{1,20}", 1..8),
    ) {
        let taken = [separators.element, separators.terminator];
        let replacement = ['?', '#', '%'].into_iter().find(|c| {
            let c = Separator::character(*c);
            !taken.contains(&c) && separators.component != Some(c) && separators.repetition != Some(c)
        });
        let forbidden = Forbidden::Replace(replacement.expect("one of three"));
        let mut writer = Writer::new(Style { separators, forbidden, ..Style::default() }).expect("separators");
        let values: Vec<_> = elements.iter().map(String::as_str).collect();
        writer.segment("N1", &values).expect("replaced");
        let text = writer.finish().expect("nothing open");
        let read = parsed(Tokenizer::with_separators(&text, separators));
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].len(), elements.len() + 1);
        for (read, value) in read[0][1..].iter().zip(&elements) {
            prop_assert_eq!(read.chars().count(), value.chars().count());
        }
    }
}
