//! The headers of interchanges and groups, by the names of their fields.

use std::borrow::Cow;

use crate::x12::code::{GroupError, InterchangeError};
use crate::x12::place::{Finding, Severity};
use crate::x12::segment::{Segment, text};
use crate::x12::separators::Quirks;

/// An ISA.
#[derive(Clone, Debug)]
pub struct InterchangeHeader<'a> {
    segment: Segment<'a>,
    findings: Vec<Finding>,
}

/// A GS.
#[derive(Clone, Debug)]
pub struct GroupHeader<'a> {
    segment: Segment<'a>,
    findings: Vec<Finding>,
}

// === impl InterchangeHeader ===

impl<'a> InterchangeHeader<'a> {
    pub(crate) fn new(segment: Segment<'a>, quirks: Quirks) -> Self {
        let mut header = Self {
            segment,
            findings: Vec::new(),
        };
        header.report(quirks);
        header.judge();
        header
    }

    fn report(&mut self, quirks: Quirks) {
        if let Some(found) = quirks.element_count {
            self.note(
                InterchangeError::InvalidStructure,
                16,
                format!("ISA has {found} elements, 16 expected; read as far as it goes"),
            );
            // With one missing, no field can be told from the next.
            if found < 16
                && let Some(finding) = self.findings.last_mut()
            {
                finding.severity = Severity::Reject;
            }
        }
        if quirks.component_odd {
            let taken = match self.segment.separators().component {
                Some(component) => format!("{component} was taken"),
                None => "none was taken".to_owned(),
            };
            self.note(
                InterchangeError::InvalidComponentSeparator,
                16,
                format!("ISA16 should be one character, the component separator; {taken}"),
            );
        }
        if quirks.terminator_guessed {
            let terminator = self.segment.separators().terminator;
            self.note(
                InterchangeError::InvalidTerminator,
                16,
                format!("the terminator behind ISA is not the one in use; {terminator} was taken from the segments that follow"),
            );
        }
    }

    fn judge(&mut self) {
        let version = self.segment.trimmed(12);
        let known = version.len() == 5
            && version.iter().all(u8::is_ascii_digit)
            && (b"00200".as_slice()..=b"00899".as_slice()).contains(&version);
        if !known {
            let found = text(version);
            let message = format!("'{found}' is no known interchange version; read all the same");
            self.note(InterchangeError::InvalidVersion, 12, message);
        }
        let number = self.segment.trimmed(13);
        if number.is_empty() || number.len() > 9 || !number.iter().all(u8::is_ascii_digit) {
            let found = text(number);
            let message = format!("control number '{found}' should have 9 digits");
            self.note(InterchangeError::InvalidControlNumber, 13, message);
        }
    }

    fn note(&mut self, error: InterchangeError, element: usize, message: String) {
        let place = self.segment.place_of(element);
        let finding = Finding::new(Severity::Note, error, place, message);
        self.findings
            .push(finding.with_value(self.segment.element(element)));
    }

    fn field(&self, number: usize) -> Cow<'a, str> {
        text(self.segment.trimmed(number))
    }

    /// The segment itself.
    pub fn segment(&self) -> &Segment<'a> {
        &self.segment
    }

    /// What is odd about it.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// ISA05, the qualifier of the sender's id.
    pub fn sender_qualifier(&self) -> Cow<'a, str> {
        self.field(5)
    }

    /// ISA06 without its padding.
    pub fn sender(&self) -> Cow<'a, str> {
        self.field(6)
    }

    /// ISA07, the qualifier of the receiver's id.
    pub fn receiver_qualifier(&self) -> Cow<'a, str> {
        self.field(7)
    }

    /// ISA08 without its padding.
    pub fn receiver(&self) -> Cow<'a, str> {
        self.field(8)
    }

    /// ISA09, YYMMDD.
    pub fn date(&self) -> Cow<'a, str> {
        self.field(9)
    }

    /// ISA10, HHMM.
    pub fn time(&self) -> Cow<'a, str> {
        self.field(10)
    }

    /// ISA12, such as `00401`.
    pub fn version(&self) -> Cow<'a, str> {
        self.field(12)
    }

    /// ISA13.
    pub fn control_number(&self) -> Cow<'a, str> {
        self.field(13)
    }

    /// ISA14: whether a TA1 is asked for.
    pub fn wants_acknowledgement(&self) -> bool {
        self.segment.element(14) == b"1"
    }

    /// ISA15: `P` production, `T` test, `I` information.
    pub fn usage(&self) -> Cow<'a, str> {
        self.field(15)
    }
}

// === impl GroupHeader ===

impl<'a> GroupHeader<'a> {
    pub(crate) fn new(segment: Segment<'a>) -> Self {
        let mut findings = Vec::new();
        let version = segment.trimmed(8);
        let known = version.len() >= 6
            && version[..6].iter().all(u8::is_ascii_digit)
            && (b"002000".as_slice()..=b"008999".as_slice()).contains(&&version[..6]);
        if !known {
            let found = text(version);
            findings.push(
                Finding::new(
                    Severity::Note,
                    GroupError::UnsupportedVersion,
                    segment.place_of(8),
                    format!("'{found}' is no known version; read all the same"),
                )
                .with_value(version),
            );
        }
        let number = segment.trimmed(6);
        if number.is_empty() || number.len() > 9 || !number.iter().all(u8::is_ascii_digit) {
            let found = text(number);
            findings.push(
                Finding::new(
                    Severity::Note,
                    GroupError::InvalidControlNumber,
                    segment.place_of(6),
                    format!("control number '{found}' should have 1 to 9 digits"),
                )
                .with_value(number),
            );
        }
        Self { segment, findings }
    }

    fn field(&self, number: usize) -> Cow<'a, str> {
        text(self.segment.trimmed(number))
    }

    /// The segment itself.
    pub fn segment(&self) -> &Segment<'a> {
        &self.segment
    }

    /// What is odd about it.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// GS01, such as `SW`.
    pub fn functional_id(&self) -> Cow<'a, str> {
        self.field(1)
    }

    /// GS02, the application sender's code.
    pub fn sender(&self) -> Cow<'a, str> {
        self.field(2)
    }

    /// GS03, the application receiver's code.
    pub fn receiver(&self) -> Cow<'a, str> {
        self.field(3)
    }

    /// GS04, CCYYMMDD (YYMMDD before 004010).
    pub fn date(&self) -> Cow<'a, str> {
        self.field(4)
    }

    /// GS05, HHMM to HHMMSSDD.
    pub fn time(&self) -> Cow<'a, str> {
        self.field(5)
    }

    /// GS06.
    pub fn control_number(&self) -> Cow<'a, str> {
        self.field(6)
    }

    /// GS08, such as `004010` or `004010VICS`.
    pub fn version(&self) -> Cow<'a, str> {
        self.field(8)
    }

    /// Whether the group holds acknowledgements (GS01 `FA`), which are never
    /// acknowledged themselves.
    pub fn is_acknowledgement(&self) -> bool {
        self.segment.trimmed(1) == b"FA"
    }
}

/// The functional identifier (GS01, X12 data element 479) of the group that a
/// transaction set travels in, for the sets of order, warehouse and transport.
pub fn functional_id(set_id: &[u8]) -> Option<&'static str> {
    let id = match set_id {
        b"180" => "AN",
        b"204" => "SM",
        b"210" => "IM",
        b"214" => "QM",
        b"810" => "IN",
        b"820" => "RA",
        b"824" => "AG",
        b"832" => "SC",
        b"846" => "IB",
        b"850" => "PO",
        b"852" => "PD",
        b"855" => "PR",
        b"856" => "SH",
        b"860" => "PC",
        b"861" => "RC",
        b"864" => "TX",
        b"865" => "CA",
        b"940" => "OW",
        b"943" => "AR",
        b"944" => "RE",
        b"945" => "SW",
        b"947" => "AW",
        b"990" => "GF",
        b"997" | b"999" => "FA",
        _ => return None,
    };
    Some(id)
}
