//! How separators are learned from ISAs that are not as the standard draws them.

use super::*;

/// Separators of an ISA followed by a group whose segments end in `end`.
fn learned(isa16: &str, behind_isa: &str, end: &str) -> Separators {
    let text = format!(
        "{}GS*SW*A*B*20261121*0415*71*X*004010{end}ST*945*0001{end}W06*F*SO-1{end}",
        isa("00401", "U", isa16, behind_isa),
    );
    Separators::from_isa(text.as_bytes()).expect("an ISA")
}

fn shown(separators: Separators) -> String {
    let or_none = |separator: Option<Separator>| separator.map_or("-".into(), |s| s.to_string());
    let Separators {
        element,
        component,
        repetition,
        terminator,
    } = separators;
    format!(
        "{element} {} {} {terminator}",
        or_none(component),
        or_none(repetition)
    )
}

#[test]
fn an_isa_as_the_standard_draws_it() {
    assert_eq!(shown(learned(">", "~", "~")), "'*' '>' - '~'");
    assert_eq!(shown(learned(">", "~\r\n", "~\r\n")), "'*' '>' - '~'");
    assert_eq!(shown(learned("\\", "|", "|")), "'*' '\\' - '|'");
}

#[test]
fn a_line_break_can_terminate() {
    assert_eq!(shown(learned(">", "\n", "\n")), "'*' '>' - 0x0A");
    assert_eq!(shown(learned(">", "\r\n", "\r\n")), "'*' '>' - 0x0A");
    assert_eq!(shown(learned(">", "\r", "\r")), "'*' '>' - 0x0D");
}

#[test]
fn an_empty_isa16_leaves_the_terminator() {
    assert_eq!(shown(learned("", "~", "~")), "'*' - - '~'");
    assert_eq!(shown(learned("", "~\n", "~\n")), "'*' - - '~'");
    assert_eq!(shown(learned("", "~\r\n", "~\r\n")), "'*' - - '~'");
}

#[test]
fn the_segments_that_follow_correct_the_isa() {
    // The terminator behind the ISA is missing, or another one.
    assert_eq!(shown(learned(":", "\n", "~\n")), "'*' ':' - '~'");
    assert_eq!(shown(learned("", "\n", "~\n")), "'*' - - '~'");
    assert_eq!(shown(learned("#", "#\n", "~\n")), "'*' - - '~'");
    assert_eq!(shown(learned("{}", "{}\n", "~\n")), "'*' '{' - '~'");
}

#[test]
fn an_isa16_that_is_too_long_is_cut() {
    assert_eq!(shown(learned("::", "~\n", "~\n")), "'*' ':' - '~'");
    assert_eq!(shown(learned(":*EXTRA", "~\n", "~\n")), "'*' ':' - '~'");
}

#[test]
fn separators_of_several_bytes_and_unseen_ones() {
    assert_eq!(shown(learned(">", "…\n", "…\n")), "'*' '>' - '…'");
    assert_eq!(shown(learned("🚀", "~\n", "~\n")), "'*' '🚀' - '~'");
    assert_eq!(shown(learned("\x1f", "\x1c", "\x1c")), "'*' 0x1F - 0x1C");
    assert_eq!(
        shown(learned("\x7f", "\x15\n", "\x15\n")),
        "'*' 0x7F - 0x15"
    );
}

#[test]
fn a_tilde_can_separate_elements() {
    let text = isa("00401", "U", ">", "\n").replace('*', "~");
    let text = format!("{text}GS~SW~A~B~20261121~0415~71~X~004010\nST~945~0001\n");
    let separators = Separators::from_isa(text.as_bytes()).expect("an ISA");
    assert_eq!(shown(separators), "'~' '>' - 0x0A");
}

#[test]
fn an_isa_without_padding_is_read_by_counting() {
    let text = "ISA*00**00**ZZ*NORTHDOCK*ZZ*MERCATOR*261121*0415*^*00501*71*0*P*:~GS*SW*A~";
    let separators = Separators::from_isa(text.as_bytes()).expect("an ISA");
    assert_eq!(shown(separators), "'*' ':' '^' '~'");
}

#[test]
fn repetition_exists_since_00402() {
    let of = |version: &str, isa11: &str| {
        let text = format!("{}GS*SW*A~ST*945*1~", isa(version, isa11, ">", "~"));
        Separators::from_isa(text.as_bytes())
            .expect("an ISA")
            .repetition
            .map(|s| s.to_string())
    };
    assert_eq!(of("00401", "^"), None);
    assert_eq!(of("00402", "^"), Some("'^'".into()));
    assert_eq!(of("00501", "|"), Some("'|'".into()));
    // What senders leave there when they only changed the version.
    assert_eq!(of("00501", "U"), None);
    assert_eq!(of("00501", ">"), None);
    assert_eq!(of("00501", "~"), None);
}

#[test]
fn a_short_isa_is_cut_where_the_next_segment_begins() {
    let text = "ISA*00*          *00*          *08*NORTHDOCK      *ZZ*MERCATOR       *261121*0415~\n\
                GS*SW*A*B*20261121*0415*71*X*004010~\nST*945*0001~\nSE*2*0001~\n";
    let tokens = Tokenizer::new(text.as_bytes()).expect("an ISA");
    let ids: Vec<_> = tokens.map(|segment| segment.text(0).into_owned()).collect();
    assert_eq!(ids, ["ISA", "GS", "ST", "SE"]);
}

#[test]
fn what_is_no_isa_is_refused() {
    let refusal = |text: &str| Separators::from_isa(text.as_bytes()).expect_err("no ISA");
    assert_eq!(refusal(""), SeparatorsError::NoHeader);
    assert_eq!(refusal("UNB+UNOA:1"), SeparatorsError::NoHeader);
    assert_eq!(refusal("ISA"), SeparatorsError::InvalidElementSeparator);
    assert_eq!(
        refusal("ISAAC NEWTON"),
        SeparatorsError::InvalidElementSeparator
    );
    assert_eq!(
        refusal("ISA*00*~"),
        SeparatorsError::HeaderTooShort { found: 2 }
    );
}

#[test]
fn a_fragment_shows_its_separators() {
    let guess = |text: &str| shown(Separators::guess(text.as_bytes()).expect("a segment"));
    assert_eq!(guess("ST*945*0001~W06*F*1~SE*3*0001~"), "'*' - - '~'");
    assert_eq!(
        guess("ST|945|0001'\r\nW06|F|1:2'\r\nSE|3|0001'"),
        "'|' ':' - '''"
    );
    assert_eq!(
        guess("ST*945*0001\nN1*ST*HARBOUR INC.\nN3*1 QUAY ST.\nSE*4*0001"),
        "'*' - - 0x0A"
    );
    assert_eq!(
        guess("ST*945*0001\r\nW06*F*1\r\nSE*3*0001\r\n"),
        "'*' - - 0x0A"
    );
    assert_eq!(guess("W06*F*SO-1~"), "'*' - - '~'");
    assert_eq!(guess("W06*F*SO-1"), "'*' - - '~'");
    assert_eq!(guess("ST\x1d945\x1d1\x1cSE\x1d2\x1d1\x1c"), "0x1D - - 0x1C");
    assert_eq!(Separators::guess(b"hello"), Err(SeparatorsError::NoHeader));
    assert_eq!(Separators::guess(b"ST 945"), Err(SeparatorsError::NoHeader));
    assert_eq!(Separators::guess(b""), Err(SeparatorsError::NoHeader));
}
