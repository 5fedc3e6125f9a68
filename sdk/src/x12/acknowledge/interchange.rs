//! TA1: the answer to an interchange.

use crate::x12::code::{InterchangeError, InterchangeStatus};
use crate::x12::envelope::InterchangeHeader;
use crate::x12::place::{Code, Finding};
use crate::x12::segment::{Segment, text};
use crate::x12::writer::{WriteError, Writer};

/// The answer to one interchange, about its envelope only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterchangeAcknowledgement {
    /// TA1-01: ISA13 of the interchange.
    pub control_number: String,
    /// TA1-02: ISA09, YYMMDD.
    pub date: String,
    /// TA1-03: ISA10, HHMM.
    pub time: String,
    /// TA1-04.
    pub status: InterchangeStatus,
    /// TA1-05.
    pub error: InterchangeError,
}

impl InterchangeAcknowledgement {
    /// Judges an interchange by what was found about it: the gravest finding gives
    /// the note code, since TA1 has room for one.
    pub fn judge<'f>(
        header: &InterchangeHeader<'_>,
        findings: impl IntoIterator<Item = &'f Finding>,
    ) -> Self {
        let mut gravest: Option<(&Finding, InterchangeError)> = None;
        for finding in findings {
            let Code::Interchange(error) = finding.code else {
                continue;
            };
            if gravest.is_none_or(|(other, _)| finding.severity > other.severity) {
                gravest = Some((finding, error));
            }
        }
        let (status, error) = match gravest {
            None => (InterchangeStatus::Accepted, InterchangeError::None),
            Some((finding, error)) if finding.rejects() => (InterchangeStatus::Rejected, error),
            Some((_, error)) => (InterchangeStatus::AcceptedWithErrors, error),
        };
        Self {
            control_number: header.control_number().into_owned(),
            date: header.date().into_owned(),
            time: header.time().into_owned(),
            status,
            error,
        }
    }

    /// Reads a TA1 segment; unknown codes are kept as they are.
    pub fn read(segment: &Segment<'_>) -> Self {
        let field = |number: usize| text(segment.trimmed(number)).into_owned();
        Self {
            control_number: field(1),
            date: field(2),
            time: field(3),
            status: InterchangeStatus::from_code(&field(4)),
            error: InterchangeError::from_code(&field(5)),
        }
    }

    /// Writes the TA1 segment; it stands in an interchange, outside its groups.
    ///
    /// # Errors
    /// As the [`Writer`]'s.
    pub fn write(&self, writer: &mut Writer) -> Result<(), WriteError> {
        let segment = writer
            .begin("TA1")
            .copy(&self.control_number)
            .copy(&self.date);
        segment
            .copy(&self.time)
            .copy(self.status.code())
            .copy(self.error.code())
            .end()
    }
}
