//! A 997 or 999 from its structure.

use super::{Acknowledgement, CODES_MAX, ElementNote, SegmentNote, SetAcknowledgement};
use crate::x12::writer::{SegmentWriter, WriteError, Writer};

/// Which of the two transaction sets is written.
#[derive(Clone, Copy)]
enum Kind {
    Functional,
    Implementation,
}

impl Acknowledgement {
    /// Writes the answer as transaction set 997 with this control number. The
    /// envelope around it (GS01 `FA`) is the caller's.
    ///
    /// # Errors
    /// As the [`Writer`]'s.
    pub fn write_997(&self, writer: &mut Writer, control_number: &str) -> Result<(), WriteError> {
        writer.begin_set("997", control_number, None)?;
        self.write(writer, Kind::Functional)?;
        writer.end_set()
    }

    /// Writes the answer as transaction set 999 with this control number and
    /// convention (ST03, such as `005010X231A1`).
    ///
    /// # Errors
    /// As the [`Writer`]'s.
    pub fn write_999(
        &self,
        writer: &mut Writer,
        control_number: &str,
        convention: &str,
    ) -> Result<(), WriteError> {
        writer.begin_set("999", control_number, Some(convention))?;
        self.write(writer, Kind::Implementation)?;
        writer.end_set()
    }

    fn write(&self, writer: &mut Writer, kind: Kind) -> Result<(), WriteError> {
        let version = self.version.as_deref().unwrap_or_default();
        let group = writer.begin("AK1").copy(&self.functional_id);
        group.copy(&self.control_number).copy(version).end()?;
        for set in &self.sets {
            set.write(writer, kind)?;
        }
        let totals = writer.begin("AK9").copy(self.status.code());
        let totals = totals
            .value(self.included)
            .value(self.received)
            .value(self.accepted);
        codes(totals, self.errors.iter().map(|error| error.code())).end()
    }
}

impl SetAcknowledgement {
    fn write(&self, writer: &mut Writer, kind: Kind) -> Result<(), WriteError> {
        let convention = self.convention.as_deref().unwrap_or_default();
        let set = writer
            .begin("AK2")
            .copy(&self.id)
            .copy(&self.control_number);
        set.copy(convention).end()?;
        for note in &self.segments {
            note.write(writer, kind)?;
        }
        let tag = match kind {
            Kind::Functional => "AK5",
            Kind::Implementation => "IK5",
        };
        let status = writer.begin(tag).copy(self.status.code());
        codes(status, self.errors.iter().map(|error| error.code())).end()
    }
}

impl SegmentNote {
    fn write(&self, writer: &mut Writer, kind: Kind) -> Result<(), WriteError> {
        let (segment_tag, element_tag) = match kind {
            Kind::Functional => ("AK3", "AK4"),
            Kind::Implementation => ("IK3", "IK4"),
        };
        let segment = writer.begin(segment_tag).copy(&self.id).value(self.ordinal);
        let segment = segment.copy(self.loop_id.as_deref().unwrap_or_default());
        codes(segment, self.errors.iter().map(|error| error.code())).end()?;
        for note in &self.elements {
            note.write(writer, element_tag)?;
        }
        Ok(())
    }
}

impl ElementNote {
    fn write(&self, writer: &mut Writer, tag: &str) -> Result<(), WriteError> {
        let number = |number: Option<u16>| number.map(|n| n.to_string()).unwrap_or_default();
        let (element, component) = (self.element.to_string(), number(self.component));
        let position = [element.as_str(), &component, &number(self.repetition)];
        let element = writer
            .begin(tag)
            .composite(&position)
            .element(number(self.reference));
        element.copy(self.error.code()).copy(&self.copy).end()
    }
}

/// As many codes as the segment has room for.
fn codes<'w, 'c>(
    segment: SegmentWriter<'w>,
    codes: impl Iterator<Item = &'c str>,
) -> SegmentWriter<'w> {
    codes
        .take(CODES_MAX)
        .fold(segment, |segment, code| segment.copy(code))
}
