//! Acknowledgements that a 997 and a 999 can say.

use crossdock_sdk::{ElementNote, FunctionalAcknowledgement, SegmentNote, SetNote, Verdict};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

prop_compose! {
    fn element()(
        element in 1_u16..31,
        component in of(1_u16..4),
        reference in of(1_u32..1700),
        code in select(vec!["1", "2", "5", "7", "8"]),
        value in of("[A-Z0-9.-]{1,20}"),
    ) -> ElementNote {
        ElementNote { component, reference, value, ..ElementNote::new(element, code) }
    }
}

prop_compose! {
    fn segment()(
        id in select(vec!["W01", "N9", "G62", "LX"]),
        position in 1_u32..500,
        loop_id in of("[0-9]{4}"),
        code in select(vec!["1", "2", "3", "6"]),
        elements in vec(element(), 0..3),
    ) -> SegmentNote {
        // Either the segment is wrong or its elements are.
        let code = elements.is_empty().then(|| code.to_owned());
        SegmentNote { loop_id, code, elements, ..SegmentNote::new(id, position) }
    }
}

prop_compose! {
    fn set()(
        number in 1_u32..9999,
        kind in select(vec!["940", "943", "180"]),
        verdict in select(vec![Verdict::Accepted, Verdict::AcceptedWithErrors, Verdict::Rejected]),
        code in select(vec!["1", "3", "4", "5"]),
        segments in vec(segment(), 1..4),
    ) -> SetNote {
        let clean = verdict == Verdict::Accepted;
        SetNote {
            codes: if clean { Vec::new() } else { vec![code.to_owned()] },
            segments: if clean { Vec::new() } else { segments },
            ..SetNote::new(kind, format!("{number:04}"), verdict)
        }
    }
}

prop_compose! {
    pub(crate) fn acknowledgement()(
        functional_id in select(vec!["OW", "AR", "AN"]),
        group in 1_u32..999_999_999,
        verdict in select(vec![
            Verdict::Accepted,
            Verdict::AcceptedWithErrors,
            Verdict::PartiallyAccepted,
            Verdict::Rejected,
        ]),
        code in of(select(vec!["4", "5"])),
        sets in vec(set(), 1..5),
    ) -> FunctionalAcknowledgement {
        let count = sets.len() as u32;
        let refused = sets.iter().filter(|set| set.verdict == Verdict::Rejected).count() as u32;
        FunctionalAcknowledgement {
            // AK1-03, which names it, exists since 005010.
            version: Some("005010".to_owned()),
            codes: code.into_iter().map(str::to_owned).collect(),
            included: count,
            received: count,
            accepted: count - refused,
            sets,
            ..FunctionalAcknowledgement::new(functional_id, group.to_string(), verdict)
        }
    }
}
