//! The structure, and what is said about it when it is broken.

use super::*;

/// Control numbers of the sets found, with whether they may be used.
fn sets(text: &str) -> Vec<(String, bool)> {
    let input = Input::new(text.as_bytes());
    let reader = Reader::new(&input).expect("an ISA");
    let found = reader.interchanges().flat_map(|interchange| {
        let all = interchange.sets().map(|set| {
            (
                String::from_utf8_lossy(set.control_number()).into_owned(),
                !set.is_rejected(),
            )
        });
        all.collect::<Vec<_>>()
    });
    found.collect()
}

fn good(numbers: &[&str]) -> Vec<(String, bool)> {
    numbers
        .iter()
        .map(|number| ((*number).to_owned(), true))
        .collect()
}

const THREE: [&str; 3] = ["W06*F*SO-1~\n", "W06*F*SO-2~\n", "W06*F*SO-3~\n"];

#[test]
fn a_sound_interchange_has_no_findings() {
    let text = interchange(&THREE);
    assert_eq!(findings(text.as_bytes()), Vec::<String>::new());
    assert_eq!(sets(&text), good(&["0001", "0002", "0003"]));
}

#[test]
fn headers_are_read_by_name() {
    let text = interchange(&THREE);
    let input = Input::new(text.as_bytes());
    let found = Reader::new(&input)
        .expect("an ISA")
        .interchanges()
        .next()
        .expect("one");
    let isa = found.header.as_ref().expect("an ISA");
    assert_eq!(
        (&*isa.sender_qualifier(), &*isa.sender()),
        ("ZZ", "NORTHDOCK")
    );
    assert_eq!(
        (&*isa.receiver_qualifier(), &*isa.receiver()),
        ("ZZ", "MERCATOR")
    );
    assert_eq!(
        (&*isa.date(), &*isa.time(), &*isa.version()),
        ("261121", "0415", "00401")
    );
    assert_eq!((&*isa.control_number(), &*isa.usage()), ("000000071", "P"));
    assert!(!isa.wants_acknowledgement());
    let gs = found.groups[0].header.as_ref().expect("a GS");
    assert_eq!((&*gs.functional_id(), &*gs.control_number()), ("SW", "71"));
    assert_eq!((&*gs.version(), gs.is_acknowledgement()), ("004010", false));
    let set = &found.groups[0].sets[1];
    assert_eq!(
        (set.id(), set.functional_id(), set.version()),
        (&b"945"[..], &b"SW"[..], &b"004010"[..])
    );
    assert_eq!(set.raw(), b"ST*945*0002~\nW06*F*SO-2~\nSE*3*0002~");
    assert_eq!(set.segment_count(), 3);
}

#[test]
fn a_wrong_count_is_noted_and_the_set_kept() {
    let text = interchange(&THREE).replace("SE*3*0002", "SE*12*0002");
    assert_eq!(sets(&text), good(&["0001", "0002", "0003"]));
    let told = findings(text.as_bytes());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("note 718 4: SE-01 (segment 3, byte "),
        "{told:?}"
    );
    assert!(
        told[0].ends_with("SE01 says '12' segments, 3 were read and kept"),
        "{told:?}"
    );
}

#[test]
fn a_policy_can_reject_a_wrong_count() {
    let text = interchange(&THREE).replace("SE*3*0002", "SE*x*0002");
    let input = Input::new(text.as_bytes());
    let policy = Policy {
        count: Severity::Reject,
        ..Policy::default()
    };
    let reader = Reader::new(&input).expect("an ISA").with_policy(policy);
    let rejected: Vec<_> = reader
        .filter_map(|event| match event {
            Event::Set(set) => Some(set.is_rejected()),
            _ => None,
        })
        .collect();
    assert_eq!(rejected, [false, true, false]);
}

#[test]
fn a_foreign_control_number_rejects_its_set_alone() {
    let text = interchange(&THREE).replace("SE*3*0002", "SE*3*0009");
    let verdicts: Vec<_> = sets(&text).into_iter().map(|(_, usable)| usable).collect();
    assert_eq!(verdicts, [true, false, true]);
    let told = findings(text.as_bytes());
    assert!(
        told[0].ends_with("SE02 is '0009', ST02 is '0002'"),
        "{told:?}"
    );
    assert!(told[0].starts_with("reject 718 3: SE-02"), "{told:?}");
}

#[test]
fn padding_of_control_numbers_does_not_matter() {
    let text = interchange(&THREE)
        .replace("SE*3*0002", "SE*3*2")
        .replace("GE*3*71", "GE*03*000071 ")
        .replace("IEA*1*000000071", "IEA*1*71");
    assert_eq!(findings(text.as_bytes()), Vec::<String>::new());
}

#[test]
fn a_missing_trailer_rejects_its_set_alone() {
    let text = interchange(&THREE).replace("SE*3*0002~\n", "");
    let verdicts: Vec<_> = sets(&text).into_iter().map(|(_, usable)| usable).collect();
    assert_eq!(verdicts, [true, false, true]);
    let told = findings(text.as_bytes());
    assert!(
        told[0].starts_with("reject 718 2: ST (segment 1, byte "),
        "{told:?}"
    );
}

#[test]
fn missing_trailers_of_group_and_interchange_keep_the_sets() {
    let text = interchange(&THREE);
    let cut = &text[..text.find("GE*3").expect("there")];
    assert_eq!(sets(cut), good(&["0001", "0002", "0003"]));
    let told = findings(cut.as_bytes());
    assert!(told[0].starts_with("note I18 023: ISA"), "{told:?}");
    assert!(told[1].starts_with("note 716 3: GS"), "{told:?}");
    assert!(told[1].ends_with("no GE ends what began here; 3 transaction sets were read and kept"));
}

#[test]
fn trailers_with_wrong_counts_and_numbers() {
    let text = interchange(&THREE)
        .replace("GE*3*71", "GE*2*72")
        .replace("IEA*1*000000071", "IEA*4*1");
    assert_eq!(sets(&text), good(&["0001", "0002", "0003"]));
    let told: Vec<_> = findings(text.as_bytes());
    let codes: Vec<_> = told
        .iter()
        .map(|line| line.split(':').next().unwrap_or_default())
        .collect();
    assert_eq!(
        codes,
        ["note I18 021", "note I18 001", "note 716 5", "note 716 4"]
    );
}

#[test]
fn a_control_number_that_occurs_twice_is_noted() {
    let text = interchange(&THREE).replace("*0002~", "*0001~");
    let told = findings(text.as_bytes());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("note 718 23: ST-02"), "{told:?}");
    // In another group it is nothing special.
    let twice = format!("{0}{0}", interchange(&["W06*F*SO-1~\n"]));
    assert_eq!(findings(twice.as_bytes()), Vec::<String>::new());
}

#[test]
fn several_groups_and_interchanges() {
    let one = interchange(&["W06*F*SO-1~\n"]);
    let group = &one[one.find("GS*").expect("there")..one.find("IEA*").expect("there")];
    let two = one.replace("IEA*1", &format!("{group}IEA*2"));
    let text = format!("{two}{one}");
    assert_eq!(findings(text.as_bytes()), Vec::<String>::new());
    let input = Input::new(text.as_bytes());
    let shape: Vec<_> = Reader::new(&input)
        .expect("an ISA")
        .interchanges()
        .map(|interchange| {
            interchange
                .groups
                .iter()
                .map(|g| g.sets.len())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(shape, [vec![1, 1], vec![1]]);
}

#[test]
fn segments_outside_sets_are_skipped_and_told_once() {
    let text = interchange(&THREE).replace("GE*3", "N1*ST*A~\nN3*B~\nN4*C~\nGE*3");
    assert_eq!(sets(&text), good(&["0001", "0002", "0003"]));
    let told = findings(text.as_bytes());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("segment 'N1' and 2 more stands outside"),
        "{told:?}"
    );
}

#[test]
fn a_set_outside_a_group_is_read() {
    let text = isa("00401", "U", ">", "~") + "ST*945*0001~W06*F*SO-1~SE*3*0001~IEA*0*000000071~";
    assert_eq!(sets(&text), good(&["0001"]));
    let told = findings(text.as_bytes());
    assert!(told[0].starts_with("note 718 18: ST"), "{told:?}");
}

#[test]
fn a_set_in_the_wrong_group_is_noted() {
    let text = interchange(&THREE).replace("GS*SW", "GS*PO");
    let told = findings(text.as_bytes());
    assert_eq!(told.len(), 3);
    assert!(
        told[0].ends_with("945 belongs in a group SW, this one is PO; kept"),
        "{told:?}"
    );
}

#[test]
fn glued_segments_are_pointed_out() {
    let text = interchange(&["W01*750*CA***\nPI*001089~\n"]);
    let told = findings(text.as_bytes());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("note 720 8: W01-05 (segment 2, byte "),
        "{told:?}"
    );
    assert!(told[0].contains("segment PI"), "{told:?}");
    // A line break in a text is only that.
    assert_eq!(
        findings(interchange(&["MTX**SEE\nN1-04 BELOW~\n"]).as_bytes()),
        Vec::<String>::new()
    );
}

#[test]
fn unknown_versions_are_noted() {
    let text = interchange(&THREE)
        .replace("*00401*", "*99999*")
        .replace("*X*004010", "*X*999999");
    let told = findings(text.as_bytes());
    assert!(told[0].starts_with("note I18 017: ISA-12"), "{told:?}");
    assert!(told[1].starts_with("note 716 2: GS-08"), "{told:?}");
    assert_eq!(sets(&text), good(&["0001", "0002", "0003"]));
}

#[test]
fn a_ta1_is_an_event_of_its_own() {
    let text = interchange(&THREE).replace("~\nGS*", "~\nTA1*000000070*261120*0410*A*000~\nGS*");
    let input = Input::new(text.as_bytes());
    let found = Reader::new(&input)
        .expect("an ISA")
        .interchanges()
        .next()
        .expect("one");
    assert_eq!(found.acknowledgements.len(), 1);
    assert_eq!(found.findings().count(), 0);
}

#[test]
fn fragments_are_read_on_demand_and_say_so() {
    let text = "ST*945*0001~\nW06*F*SO-1~\nSE*3*0001~\nST*945*0002~\nW06*F*SO-2~\nSE*4*0002~\n";
    let input = Input::new(text.as_bytes());
    assert_eq!(Reader::new(&input).err(), Some(SeparatorsError::NoHeader));
    let found: Vec<_> = Reader::fragment(&input)
        .expect("a segment")
        .interchanges()
        .collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].header.is_none());
    let sets: Vec<_> = found[0].sets().collect();
    assert_eq!(sets.len(), 2);
    assert!(
        sets[0].findings()[0]
            .text
            .contains("terminator '~' were guessed")
    );
    assert_eq!(sets[1].findings()[1].code.code(), "4");
}

#[test]
fn bare_segments_are_one_set_without_an_st() {
    let text = "W06*F*SO-1\nLX*1\nW12*CC*12\n";
    let input = Input::new(text.as_bytes());
    let found = Reader::fragment(&input)
        .expect("a segment")
        .interchanges()
        .next()
        .expect("one");
    let set = &found.groups[0].sets[0];
    assert_eq!((set.id(), set.segment_count()), (&b""[..], 3));
    let ordinals: Vec<_> = set.segments().map(|segment| segment.ordinal()).collect();
    assert_eq!(ordinals, [1, 2, 3]);
    assert!(!set.is_rejected());
}

/// What each set must be, whatever happens to its neighbours.
fn bodies(count: usize) -> Vec<String> {
    (1..=count)
        .map(|n| format!("W06*F*SO-{n}~\nLX*1~\nW12*CC*{n}*{n}*0*EA~\n"))
        .collect()
}

proptest! {
    #[test]
    fn damage_in_one_set_never_costs_another(
        victim in 0_usize..5,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::bool::ANY,
    ) {
        let bodies = bodies(5);
        let text = interchange(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
        let start = text.find(&format!("ST*945*{:04}", victim + 1)).expect("there");
        // All of the set but the terminator and line break at its end.
        let end = start + text[start..].find("SE*").expect("there") + "SE*5*0001".len();
        let mut bytes = text.clone().into_bytes();
        for (index, byte) in &damage {
            bytes[start + index.index(end - start)] = *byte;
        }
        if cut {
            let (index, _) = &damage[0];
            let from = start + index.index(end - start);
            bytes.drain(from..end);
        }
        let input = Input::new(&bytes);
        let found: Vec<_> = Reader::new(&input).expect("an ISA").interchanges().collect();
        for (index, body) in bodies.iter().enumerate().filter(|(index, _)| *index != victim) {
            let number = format!("{:04}", index + 1);
            let whole = format!("ST*945*{number}~\n{body}SE*5*{number}~");
            let kept = found.iter().flat_map(|i| i.sets()).any(|set| {
                set.raw() == whole.as_bytes() && !set.is_rejected()
            });
            prop_assert!(kept, "set {} lost in {}", number, String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_cut_text_keeps_every_set_before_the_cut(at in any::<prop::sample::Index>()) {
        let bodies = bodies(4);
        let text = interchange(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
        let isa = isa("00401", "U", ">", "~").len();
        let cut = isa + at.index(text.len() - isa);
        let complete = text[..cut].matches("SE*5*000").count();
        let input = Input::new(&text.as_bytes()[..cut]);
        let mut usable = 0;
        for event in Reader::new(&input).expect("an ISA") {
            if let Event::Set(set) = event {
                usable += usize::from(!set.is_rejected());
            }
        }
        // The one that was being cut may have lost nothing but its terminator.
        prop_assert!(usable == complete || usable + 1 == complete);
    }

    #[test]
    fn any_bytes_are_read_to_their_end(
        bytes in proptest::collection::vec(
            proptest::sample::select(b"*~>\r\n STGEIAN10W".to_vec()),
            0..300,
        ),
    ) {
        let mut text = isa("00401", "U", ">", "~").into_bytes();
        text.extend_from_slice(&bytes);
        let input = Input::new(&text);
        let events = Reader::new(&input).expect("an ISA").count();
        prop_assert!(events <= text.len());
        let fragment = Input::new(&bytes);
        if let Ok(reader) = Reader::fragment(&fragment) {
            prop_assert!(reader.count() <= bytes.len() + 2);
        }
    }
}
