//! Segments: what is one, where it is, what it holds.

use super::*;

fn ids(tokens: Tokenizer<'_>) -> Vec<String> {
    tokens.map(|segment| segment.text(0).into_owned()).collect()
}

#[test]
fn a_mark_and_blanks_before_the_isa_are_skipped() {
    let text = format!("\u{feff} \r\n\t{}", interchange(&["W06*F*SO-1~\n"]));
    let mut tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let first = tokens.next().expect("a segment");
    assert_eq!((first.id(), first.offset()), (&b"ISA"[..], 7));
    assert_eq!(ids(tokens), ["GS", "ST", "W06", "SE", "GE", "IEA"]);
}

#[test]
fn what_a_gateway_left_before_the_isa_is_skipped_and_told() {
    let text = format!(
        "Content-Type: application/EDI-X12\r\n\r\n{}",
        interchange(&[])
    );
    let told = findings(text.as_bytes());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("37 bytes before the first ISA"),
        "{told:?}"
    );
}

#[test]
fn line_breaks_behind_terminators_are_no_data() {
    let text = interchange(&["W06*F*SO-1~\r\n\r\nN1*ST*A~~\n~"]).replace("SE*5", "SE*4");
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    assert_eq!(
        ids(tokens),
        ["ISA", "GS", "ST", "W06", "N1", "SE", "GE", "IEA"]
    );
}

#[test]
fn carriage_returns_before_a_terminating_line_feed_are_no_data() {
    let text = interchange(&["W06*F*SO-1~\n"]).replace("~\n", "\r\n");
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let segments = parsed(tokens);
    assert_eq!(segments[3], ["W06", "F", "SO-1"]);
    assert_eq!(segments[6], ["IEA", "1", "000000071"]);
}

#[test]
fn the_last_segment_may_lack_its_terminator() {
    let text = interchange(&["W06*F*SO-1~\n"]);
    let text = text.trim_end_matches("~\n");
    let last = Tokenizer::new(text.as_bytes())
        .expect("an ISA")
        .last()
        .expect("a segment");
    assert_eq!(last.element(2), b"000000071");
    assert!(!last.is_terminated());
}

#[test]
fn each_isa_brings_its_own_separators() {
    let second = interchange(&["N1*ST*B>C~\n"])
        .replace('*', "|")
        .replace("~\n", "'");
    let text = format!("{}{second}", interchange(&["N1*ST*A>B~\n"]));
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let names: Vec<_> = tokens
        .filter(|s| s.is("N1"))
        .map(|s| s.component(2, 2).to_vec())
        .collect();
    assert_eq!(names, [b"B", b"C"]);
}

#[test]
fn an_isa_behind_a_cut_interchange_is_found() {
    let cut = interchange(&["W06*F*SO-1~\n"]);
    let cut = &cut[..cut.find("SO-1").expect("there") + 2];
    let text = format!("{cut}\n{}", interchange(&["W06*F*SO-2~\n"]));
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    assert_eq!(
        ids(tokens.clone()),
        [
            "ISA", "GS", "ST", "W06", "ISA", "GS", "ST", "W06", "SE", "GE", "IEA"
        ]
    );
    assert_eq!(
        tokens
            .filter(|s| s.is("W06"))
            .map(|s| s.text(2))
            .collect::<Vec<_>>(),
        ["SO", "SO-2"]
    );
}

#[test]
fn a_trailer_without_a_terminator_does_not_swallow_the_next_set() {
    let text = interchange(&["W06*F*SO-1~\n", "W06*F*SO-2~\n"]);
    let text = text
        .replace("SE*3*0001~", "SE*3*0001")
        .replace("SE*3*0002~", "SE*3*0002");
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    assert_eq!(
        ids(tokens),
        [
            "ISA", "GS", "ST", "W06", "SE", "ST", "W06", "SE", "GE", "IEA"
        ]
    );
}

#[test]
fn ordinals_count_from_st() {
    let text = interchange(&["W06*F*SO-1~\nLX*1~\n", "W06*F*SO-2~\n"]);
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let ordinals: Vec<_> = tokens.map(|segment| segment.ordinal()).collect();
    assert_eq!(ordinals, [0, 0, 1, 2, 3, 4, 1, 2, 3, 0, 0]);
}

#[test]
fn raw_bytes_of_a_stated_length_are_not_looked_at() {
    let body = "BIN*13*AB~ST*945*9~\r~\nBDS*ASB*5*~~***~\nBIN*0*~\n";
    let text = interchange(&[body]);
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let binary: Vec<_> = tokens
        .filter(|segment| segment.is("BIN") || segment.is("BDS"))
        .map(|segment| {
            (
                segment.element_count(),
                segment.element(segment.element_count()).to_vec(),
            )
        })
        .collect();
    assert_eq!(
        binary,
        [
            (2, b"AB~ST*945*9~\r".to_vec()),
            (3, b"~~***".to_vec()),
            (2, vec![])
        ]
    );
}

#[test]
fn a_wrong_length_of_raw_bytes_falls_back_to_the_terminator() {
    for length in ["3", "400", "11a", "", "99999999999999999999"] {
        let text = interchange(&[&format!("BIN*{length}*HELLO WORLD~\n")]);
        let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
        assert_eq!(
            ids(tokens.clone()),
            ["ISA", "GS", "ST", "BIN", "SE", "GE", "IEA"],
            "{length}"
        );
        let told = findings(text.as_bytes());
        assert!(
            told[0].starts_with("note 723 6: BIN-01 (segment 2, byte "),
            "{told:?}"
        );
    }
}

#[test]
fn elements_past_the_index_are_found_by_search() {
    let elements: Vec<_> = (1..=40).map(|n| format!("E{n}")).collect();
    let text = interchange(&[&format!("SDQ*{}~\n", elements.join("*"))]);
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let segment = tokens
        .into_iter()
        .find(|segment| segment.is("SDQ"))
        .expect("there");
    assert_eq!(segment.element_count(), 40);
    assert_eq!(
        segment
            .elements()
            .map(|e| String::from_utf8_lossy(e).into_owned())
            .collect::<Vec<_>>(),
        elements
    );
    assert_eq!(segment.element(41), b"");
    assert_eq!(segment.element(1000), b"");
}

#[test]
fn segments_of_more_than_64_kib_keep_their_elements() {
    let long = "X".repeat(70_000);
    let text = interchange(&[&format!("MTX*A*{long}*B*C~\nN1*ST~\n")]);
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let segments: Vec<_> = tokens.collect();
    let mtx = segments[3];
    assert_eq!(mtx.element_count(), 4);
    assert_eq!((mtx.element(1), mtx.element(2).len()), (&b"A"[..], 70_000));
    assert_eq!((mtx.element(3), mtx.element(4)), (&b"B"[..], &b"C"[..]));
    assert_eq!(segments[4].id(), b"N1");
}

#[test]
fn components_and_repetitions() {
    let text = format!(
        "{}GS*FA*A~ST*997*1~AK3*N>1^2>>3*^*~",
        isa("00501", "^", ">", "~")
    );
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let segment = tokens.last().expect("a segment");
    let repetitions: Vec<_> = segment.repetitions(1).collect();
    assert_eq!(repetitions, [&b"N>1"[..], b"2>>3"]);
    assert_eq!(
        segment.components_of(repetitions[1]).collect::<Vec<_>>(),
        [&b"2"[..], b"", b"3"]
    );
    assert_eq!(segment.repetitions(2).collect::<Vec<_>>(), [&b""[..], b""]);
    assert_eq!(segment.components(3).count(), 0);
    assert_eq!(segment.component(1, 1), b"N");
    assert_eq!(segment.component(1, 0), b"");
    assert_eq!(segment.component(1, 9), b"");
}

#[test]
fn text_that_is_no_utf8_is_latin1() {
    let mut text = interchange(&["N1*ST*QU?BEC~\n"]).into_bytes();
    let at = text.iter().position(|byte| *byte == b'?').expect("there");
    text[at] = 0xc9;
    let mut tokens = Tokenizer::new(&text).expect("an ISA");
    let segment = tokens.find(|segment| segment.is("N1")).expect("there");
    assert_eq!(segment.text(2), "QUÉBEC");
}

#[test]
fn wrapped_lines_are_joined_and_places_stay_those_of_the_file() {
    let plain = interchange(&["N1*ST*HARBOUR LIGHTS~", "W06*F*SO-2~"]).replace('\n', "");
    for (width, line_break) in [(80, "\n"), (80, "\r\n"), (21, "\n"), (132, "\n")] {
        let lines: Vec<_> = plain
            .as_bytes()
            .chunks(width)
            .map(String::from_utf8_lossy)
            .collect();
        let wrapped = lines.join(line_break) + line_break;
        let input = Input::new(wrapped.as_bytes());
        assert_eq!(input.wrapped_at(), Some(width));
        assert_eq!(input.bytes(), plain.as_bytes());
        for segment in input.tokenizer().expect("an ISA") {
            let first = segment.raw()[0];
            assert_eq!(wrapped.as_bytes()[segment.offset()], first, "{segment:?}");
        }
        assert_eq!(findings(wrapped.as_bytes()), Vec::<String>::new());
    }
}

#[test]
fn lines_that_are_segments_are_not_joined() {
    let same = "REF*ZZ*1234567890123456789~\n".repeat(20);
    for text in [interchange(&[&same]), same.clone(), same.replace('~', "")] {
        assert_eq!(Input::new(text.as_bytes()).wrapped_at(), None);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        (separators, segments) in separators().prop_flat_map(|s| (Just(s), segments(s))),
        line_break in proptest::sample::select(vec![
            crate::x12::writer::LineBreak::None,
            crate::x12::writer::LineBreak::Lf,
            crate::x12::writer::LineBreak::CrLf,
        ]),
    ) {
        let style = Style { separators, line_break, ..Style::default() };
        let mut writer = Writer::new(style).expect("separators");
        for segment in &segments {
            let elements: Vec<_> = segment[1..].iter().map(String::as_str).collect();
            writer.segment(&segment[0], &elements).expect("clean data");
        }
        let text = writer.finish().expect("nothing open");
        let read = parsed(Tokenizer::with_separators(&text, separators));
        prop_assert_eq!(read, segments);
    }

    #[test]
    fn separators_of_a_written_interchange_are_learned(separators in separators()) {
        let mut writer = Writer::new(Style { separators, ..Style::default() }).expect("separators");
        super::writer::envelope(&mut writer, "00501", 1);
        let text = writer.finish().expect("all ended");
        prop_assert_eq!(Separators::from_isa(&text), Ok(separators));
        let input = Input::new(&text);
        let found: Vec<_> = Reader::new(&input).expect("an ISA").interchanges().collect();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(found[0].findings().count(), 0);
        prop_assert_eq!(found[0].sets().count(), 1);
    }

    #[test]
    fn any_bytes_come_to_an_end_and_every_segment_is_where_it_says(
        head in proptest::bool::ANY,
        bytes in proptest::collection::vec(
            prop_oneof![
                3 => proptest::sample::select(b"*~>^\r\n ABINSTEGXO0129".to_vec()),
                1 => any::<u8>(),
            ],
            0..400,
        ),
    ) {
        let mut text = if head { isa("00501", "^", ">", "~").into_bytes() } else { Vec::new() };
        text.extend_from_slice(&bytes);
        let tokens = match Tokenizer::new(&text) {
            Ok(tokens) => tokens,
            Err(_) => Tokenizer::with_separators(&text, Separators::USUAL),
        };
        let mut end = 0;
        for segment in tokens {
            prop_assert!(segment.offset() >= end);
            end = segment.offset() + segment.raw().len();
            prop_assert_eq!(&text[segment.offset()..end], segment.raw());
            prop_assert!(!segment.raw().is_empty());
            let joined: usize = segment.elements().map(<[u8]>::len).sum();
            let separators = segment.element_count() * segment.separators().element.len();
            prop_assert_eq!(segment.id().len() + joined + separators, segment.raw().len());
        }
        let _ = Tokenizer::fragment(&text).map(Iterator::count);
    }
}
