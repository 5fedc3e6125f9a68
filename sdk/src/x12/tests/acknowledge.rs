//! Answers: made from findings, written, read back.

use super::*;
use crate::x12::code::{
    ElementError, GroupStatus, InterchangeError, InterchangeStatus, SegmentError, SetError,
    SetStatus,
};
use crate::x12::writer::LineBreak;

/// The answer to the first group of a text, with these findings for set 0002.
fn answer(text: &str, extra: &[Finding]) -> Acknowledgement {
    let input = Input::new(text.as_bytes());
    let interchange = Reader::new(&input)
        .expect("an ISA")
        .interchanges()
        .next()
        .expect("one");
    Acknowledgement::of_group(&interchange.groups[0], |set| {
        if set.control_number() == b"0002" {
            extra.to_vec()
        } else {
            Vec::new()
        }
    })
    .expect("no group of acknowledgements")
}

fn lines(write: impl FnOnce(&mut Writer) -> Result<(), WriteError>) -> String {
    let style = Style {
        line_break: LineBreak::Lf,
        ..Style::default()
    };
    let mut writer = Writer::new(style).expect("separators");
    write(&mut writer).expect("an answer");
    String::from_utf8(writer.finish().expect("all ended")).expect("text")
}

/// Reads an answer that stands alone.
fn read(text: &str) -> (Acknowledgement, Vec<Finding>) {
    let input = Input::new(text.as_bytes());
    let found = Reader::fragment(&input)
        .expect("a segment")
        .interchanges()
        .next()
        .expect("one");
    let set = found.sets().next().expect("a set").clone();
    Acknowledgement::read(&set).expect("an answer")
}

fn bad_quantity() -> Finding {
    let place = Place::segment(SegmentId::from("W12"), 4, 0)
        .in_loop("0310")
        .element(3)
        .component(1);
    Finding::new(
        Severity::Reject,
        ElementError::InvalidCharacter,
        place,
        "no number",
    )
    .with_value(b"1O*~>")
    .with_reference(382)
}

const TWO: [&str; 2] = ["W06*F*SO-1~\n", "W06*F*SO-2~\nLX*1~\nW12*CC*12*1O~\n"];

#[test]
fn a_sound_group_is_accepted() {
    let answer = answer(&interchange(&TWO), &[]);
    insta::assert_snapshot!(lines(|writer| answer.write_997(writer, "0001")), @r"
    ST*997*0001~
    AK1*SW*71~
    AK2*945*0001~
    AK5*A~
    AK2*945*0002~
    AK5*A~
    AK9*A*2*2*2~
    SE*8*0001~
    ");
}

#[test]
fn one_bad_set_is_rejected_with_its_reasons() {
    let missing = Finding::new(
        Severity::Reject,
        SegmentError::MandatoryMissing,
        Place::segment(SegmentId::from("W03"), 5, 0),
        "W03 is missing",
    );
    let answer = answer(
        &interchange(&TWO),
        &[missing, bad_quantity(), bad_quantity()],
    );
    insta::assert_snapshot!(lines(|writer| answer.write_997(writer, "0001")), @r"
    ST*997*0001~
    AK1*SW*71~
    AK2*945*0001~
    AK5*A~
    AK2*945*0002~
    AK3*W12*4*0310*8~
    AK4*3>1*382*6*1O~
    AK4*3>1*382*6*1O~
    AK3*W03*5**3~
    AK5*R*5~
    AK9*P*2*2*1~
    SE*12*0001~
    ");
}

#[test]
fn errors_that_were_forgiven_are_told() {
    let text = interchange(&TWO)
        .replace("SE*5*0002", "SE*9*0002")
        .replace("GE*2*71", "GE*3*72");
    let answer = answer(&text, &[]);
    assert_eq!(answer.status, GroupStatus::AcceptedWithErrors);
    insta::assert_snapshot!(lines(|writer| answer.write_997(writer, "0001")), @r"
    ST*997*0001~
    AK1*SW*71~
    AK2*945*0001~
    AK5*A~
    AK2*945*0002~
    AK5*E*4~
    AK9*E*3*2*2*5*4~
    SE*8*0001~
    ");
}

#[test]
fn a_group_without_a_good_set_is_rejected() {
    let text = interchange(&["W06*F~\n"]).replace("SE*3*0001~\n", "");
    let answer = answer(&text, &[]);
    assert_eq!(
        (answer.status, answer.accepted, answer.received),
        (GroupStatus::Rejected, 0, 1)
    );
    assert_eq!(answer.sets[0].errors, [SetError::TrailerMissing]);
}

#[test]
fn no_more_codes_are_written_than_there_is_room_for() {
    let codes = SetError::ALL
        .iter()
        .map(|error| Finding::new(Severity::Note, *error, Place::default(), ""));
    let answer = answer(&interchange(&TWO), &codes.collect::<Vec<_>>());
    let text = lines(|writer| answer.write_997(writer, "0001"));
    assert!(text.contains("AK5*E*1*2*3*4*5~"), "{text}");
}

#[test]
fn acknowledgements_are_never_acknowledged() {
    let text = interchange(&["AK1*OW*5~\nAK9*A*1*1*1~\n"])
        .replace("GS*SW", "GS*FA")
        .replace("*945*", "*997*");
    let input = Input::new(text.as_bytes());
    let interchange = Reader::new(&input)
        .expect("an ISA")
        .interchanges()
        .next()
        .expect("one");
    assert_eq!(
        Acknowledgement::of_group(&interchange.groups[0], |_| Vec::new()),
        None
    );
    // Not even one that strayed into another group.
    let strayed = text.replace("GS*FA", "GS*SW");
    let answer = answer(&strayed, &[]);
    assert_eq!(answer.sets, []);
}

#[test]
fn an_answer_reads_back_as_it_was_written() {
    let text = interchange(&TWO).replace("GE*2*71", "GE*3*72");
    let mut answer = answer(&text, &[bad_quantity()]);
    let written = lines(|writer| answer.write_997(writer, "0001"));
    // Separators in the copy of a bad value became blanks, and those at its end are
    // not told apart from padding.
    answer.sets[1].segments[0].elements[0].copy = "1O".into();
    let (read, odd) = read(&written);
    assert_eq!(read, answer);
    assert_eq!(odd, []);
}

#[test]
fn a_999_carries_version_and_convention() {
    let text = interchange(&TWO)
        .replace("*X*004010", "*X*005010")
        .replace("ST*945*0001~", "ST*945*0001*NDX-945~");
    let answer = answer(&text, &[bad_quantity()]);
    let written = lines(|writer| answer.write_999(writer, "0001", "005010X231A1"));
    insta::assert_snapshot!(written, @r"
    ST*999*0001*005010X231A1~
    AK1*SW*71*005010~
    AK2*945*0001*NDX-945~
    IK5*A~
    AK2*945*0002~
    IK3*W12*4*0310*8~
    IK4*3>1*382*6*1O~
    IK5*R*5~
    AK9*P*2*2*1~
    SE*10*0001~
    ");
}

#[test]
fn a_999_from_a_partner_is_read_with_its_contexts() {
    let (read, odd) = read(
        "ST*999*0001*005010X231A1~AK1*SW*71*005010~AK2*945*0002~IK3*W12*4**8~CTX*W06-02:SO-2~\
         IK4*3:1*382*6*1O~CTX*SITUATIONAL TRIGGER*W12*4~IK5*R*5*I5~AK9*P*2*2*1~SE*10*0001~",
    );
    assert_eq!(odd, []);
    let note = &read.sets[0].segments[0];
    assert_eq!(note.context, ["CTX*W06-02:SO-2"]);
    assert_eq!(note.elements[0].context, ["CTX*SITUATIONAL TRIGGER*W12*4"]);
    assert_eq!(
        (note.elements[0].element, note.elements[0].component),
        (3, Some(1))
    );
    assert_eq!(
        read.sets[0].errors,
        [SetError::SegmentsInError, SetError::ImplementationErrors]
    );
}

#[test]
fn the_status_of_a_set_that_was_sent() {
    let (partly, _) = read("ST*997*1~AK1*OW*5~AK2*940*0002~AK5*R*5~AK9*P*3*3*2~SE*6*1~");
    assert_eq!(partly.status_of("940", "2"), SetStatus::Rejected);
    assert_eq!(partly.status_of("940", "0003"), SetStatus::Accepted);
    let (whole, _) = read("ST*997*1~AK1*OW*5~AK9*R*3*3*0*2~SE*4*1~");
    assert_eq!(whole.status_of("940", "0002"), SetStatus::Rejected);
    let (good, _) = read("ST*997*1~AK1*OW*5~AK9*A*3*3*3~SE*4*1~");
    assert_eq!(good.status_of("940", "0002"), SetStatus::Accepted);
}

#[test]
fn careless_answers_are_understood_as_far_as_they_go() {
    let (read, odd) = read(
        "ST*997*1~AK5*A~AK3*N1*2~AK1*OW*5~AK2*940*0001~AK3*N1*x**8~AK4**ABC*<BAD>~\
         AK5*Q~AK5*A~AK2*940*0002~ZZZ*1~AK9*?*x*2*1~SE*12*1~",
    );
    let codes: Vec<_> = odd
        .iter()
        .map(|finding| (finding.place.segment.as_str(), finding.code.code()))
        .collect();
    assert_eq!(
        codes,
        [
            ("AK5", "7"),
            ("AK3", "7"),
            ("AK5", "7"),
            ("AK5", "5"),
            ("ZZZ", "2"),
            ("AK9", "6"),
            ("AK9", "7"),
        ]
    );
    assert!(!read.sets[0].is_accepted());
    assert!(!read.sets[1].is_accepted());
    assert_eq!(read.sets[0].segments[0].elements[0].error.code(), "<BA");
    assert_eq!(read.status_of("940", "0009"), SetStatus::Rejected);
}

#[test]
fn an_answer_to_nothing_is_an_error() {
    for text in [
        "ST*997*1~SE*2*1~",
        "ST*997*1~AK1*OW*5~SE*3*1~",
        "ST*997*1~AK9*A*1*1*1~SE*3*1~",
    ] {
        let input = Input::new(text.as_bytes());
        let found = Reader::fragment(&input)
            .expect("a segment")
            .interchanges()
            .next()
            .expect("one");
        let fault =
            Acknowledgement::read(&found.groups[0].sets[0]).expect_err("nothing acknowledged");
        assert_eq!(fault.code, Code::Segment(SegmentError::MandatoryMissing));
    }
}

#[test]
fn a_ta1_answers_the_envelope() {
    let judged = |text: &str| {
        let input = Input::new(text.as_bytes());
        let found = Reader::new(&input)
            .expect("an ISA")
            .interchanges()
            .next()
            .expect("one");
        let answer = InterchangeAcknowledgement::judge(
            found.header.as_ref().expect("an ISA"),
            found.findings(),
        );
        let written = lines(|writer| answer.write(writer));
        let segment = Tokenizer::with_separators(written.as_bytes(), Separators::USUAL)
            .next()
            .expect("one");
        assert_eq!(InterchangeAcknowledgement::read(&segment), answer);
        (answer.status, answer.error, written)
    };
    let (status, error, written) = judged(&interchange(&TWO));
    assert_eq!(
        (status, error),
        (InterchangeStatus::Accepted, InterchangeError::None)
    );
    assert_eq!(written, "TA1*000000071*261121*0415*A*000~\n");
    let (status, error, _) =
        judged(&interchange(&TWO).replace("IEA*1*000000071", "IEA*1*000000072"));
    assert_eq!(
        (status, error),
        (
            InterchangeStatus::AcceptedWithErrors,
            InterchangeError::ControlNumberMismatch
        )
    );
    let short = "ISA*00*          *00*          *08*NORTHDOCK      *ZZ*MERCATOR       *261121*0415~\nGS*SW*A~\n";
    let (status, error, _) = judged(short);
    assert_eq!(
        (status, error),
        (
            InterchangeStatus::Rejected,
            InterchangeError::InvalidStructure
        )
    );
}
