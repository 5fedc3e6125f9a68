//! Syntactical answers.

use crate::{ElementNote, FunctionalAcknowledgement, SegmentNote, SetNote, Verdict};

impl ElementNote {
    /// What is wrong with an element, counted from 1: a code of X12 element 723.
    pub fn new(element: u16, code: impl Into<String>) -> ElementNote {
        ElementNote {
            element,
            component: None,
            reference: None,
            code: code.into(),
            value: None,
        }
    }
}

impl SegmentNote {
    /// A segment, by its id and its position in the set (ST is 1).
    pub fn new(segment: impl Into<String>, position: u32) -> SegmentNote {
        SegmentNote {
            segment: segment.into(),
            position,
            loop_id: None,
            code: None,
            elements: Vec::new(),
        }
    }
}

impl SetNote {
    /// The verdict on one transaction set.
    pub fn new(
        type_: impl Into<String>,
        control_number: impl Into<String>,
        verdict: Verdict,
    ) -> SetNote {
        SetNote {
            type_: type_.into(),
            control_number: control_number.into(),
            verdict,
            codes: Vec::new(),
            segments: Vec::new(),
        }
    }
}

impl FunctionalAcknowledgement {
    /// The verdict on a group, with no set counted or named yet.
    pub fn new(
        functional_id: impl Into<String>,
        group_control: impl Into<String>,
        verdict: Verdict,
    ) -> FunctionalAcknowledgement {
        FunctionalAcknowledgement {
            functional_id: functional_id.into(),
            group_control: group_control.into(),
            interchange_control: None,
            version: None,
            verdict,
            codes: Vec::new(),
            included: 0,
            received: 0,
            accepted: 0,
            sets: Vec::new(),
            extras: Vec::new(),
        }
    }
}
