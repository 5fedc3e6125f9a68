//! ISA to IEA: headers from the caller's fields, trailers from what was counted.

use super::{Level, WriteError, Writer, date, short_date};
use crate::x12::value::{Date, Time};

/// The largest control number: nine digits.
const CONTROL_NUMBER_MAX: u32 = 999_999_999;

/// The fields of an ISA. Shorter values are padded to the field's width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterchangeStart<'a> {
    /// ISA01 and ISA02: `00` and blanks mean no authorization information.
    pub authorization: (&'a str, &'a str),
    /// ISA03 and ISA04: `00` and blanks mean no security information.
    pub security: (&'a str, &'a str),
    /// ISA05 and ISA06: qualifier and id.
    pub sender: (&'a str, &'a str),
    /// ISA07 and ISA08: qualifier and id.
    pub receiver: (&'a str, &'a str),
    /// ISA09.
    pub date: Date,
    /// ISA10.
    pub time: Time,
    /// ISA12, such as `00401` or `00501`; also decides ISA11 (`U` before 00402, the
    /// repetition separator since).
    pub version: &'a str,
    /// ISA13, at most 999 999 999.
    pub control_number: u32,
    /// ISA14: whether a TA1 is asked for.
    pub wants_acknowledgement: bool,
    /// ISA15.
    pub usage: Usage,
}

/// ISA15, the usage indicator (X12 data element I14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// `P`
    Production,
    /// `T`
    Test,
    /// `I`
    Information,
}

/// The fields of a GS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStart<'a> {
    /// GS01, such as `OW`; see [`functional_id`](crate::x12::envelope::functional_id).
    pub functional_id: &'a str,
    /// GS02, the application sender's code.
    pub sender: &'a str,
    /// GS03, the application receiver's code.
    pub receiver: &'a str,
    /// GS04.
    pub date: Date,
    /// GS05.
    pub time: Time,
    /// GS06, at most 999 999 999.
    pub control_number: u32,
    /// GS08, such as `004010` or `005010X231A1`.
    pub version: &'a str,
}

// === impl InterchangeStart ===

impl<'a> InterchangeStart<'a> {
    /// An interchange without authorization or security information that asks for
    /// no TA1.
    pub fn new(
        sender: (&'a str, &'a str),
        receiver: (&'a str, &'a str),
        date: Date,
        time: Time,
        version: &'a str,
        control_number: u32,
        usage: Usage,
    ) -> Self {
        Self {
            authorization: ("00", ""),
            security: ("00", ""),
            sender,
            receiver,
            date,
            time,
            version,
            control_number,
            wants_acknowledgement: false,
            usage,
        }
    }
}

// === impl Usage ===

impl Usage {
    /// The code as it travels.
    pub fn code(self) -> &'static str {
        match self {
            Self::Production => "P",
            Self::Test => "T",
            Self::Information => "I",
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Writes ISA.
    ///
    /// # Errors
    /// [`WriteError::TooLong`] when a field does not fit its width,
    /// [`WriteError::InvalidSeparators`] when the version needs a separator that the
    /// style does not have, [`WriteError::OutOfOrder`] inside another interchange.
    pub fn begin_interchange(&mut self, start: &InterchangeStart<'_>) -> Result<(), WriteError> {
        if self.interchange.is_some() {
            return Err(WriteError::OutOfOrder(
                "an interchange inside an interchange",
            ));
        }
        let separators = self.style.separators;
        let missing = WriteError::InvalidSeparators;
        let component = separators
            .component
            .ok_or(missing("no component separator"))?;
        let repeats = start.version >= "00402";
        let repetition = match separators.repetition {
            Some(repetition) if repeats => repetition,
            None if repeats => return Err(missing("no repetition separator, needed since 00402")),
            _ => crate::x12::separators::Separator::byte(b'U'),
        };
        let control_number = control_number("ISA13", start.control_number, 9)?;
        let from = self.out.len();
        let mut isa = self.begin("ISA");
        let (date, time) = (short_date(start.date), hours_minutes(start.time));
        let fields: [(&'static str, &str, usize); 10] = [
            ("ISA01", start.authorization.0, 2),
            ("ISA02", start.authorization.1, 10),
            ("ISA03", start.security.0, 2),
            ("ISA04", start.security.1, 10),
            ("ISA05", start.sender.0, 2),
            ("ISA06", start.sender.1, 15),
            ("ISA07", start.receiver.0, 2),
            ("ISA08", start.receiver.1, 15),
            ("ISA09", &date, 6),
            ("ISA10", &time, 4),
        ];
        for (field, value, width) in fields {
            if value.chars().count() > width {
                isa.error
                    .get_or_insert(WriteError::TooLong { field, max: width });
            }
            isa = isa.element(format!("{value:<width$}"));
        }
        // The two elements that are separators go past the check for them.
        isa.number += 1;
        isa.pay();
        isa.writer.out.extend_from_slice(repetition.as_bytes());
        let asked = if start.wants_acknowledgement {
            "1"
        } else {
            "0"
        };
        if start.version.chars().count() != 5 {
            isa.error.get_or_insert(WriteError::TooLong {
                field: "ISA12",
                max: 5,
            });
        }
        isa = isa
            .element(start.version)
            .element(&control_number)
            .element(asked);
        isa = isa.element(start.usage.code());
        isa.number += 1;
        isa.pay();
        isa.writer.out.extend_from_slice(component.as_bytes());
        isa.end().inspect_err(|_| self.out.truncate(from))?;
        self.interchange = Some(Level {
            control_number,
            count: 0,
        });
        Ok(())
    }

    /// Writes GS.
    ///
    /// # Errors
    /// [`WriteError::ForbiddenCharacter`], [`WriteError::TooLong`];
    /// [`WriteError::OutOfOrder`] inside another group.
    pub fn begin_group(&mut self, start: &GroupStart<'_>) -> Result<(), WriteError> {
        if self.group.is_some() {
            return Err(WriteError::OutOfOrder("a group inside a group"));
        }
        let control_number = control_number("GS06", start.control_number, 1)?;
        self.segment(
            "GS",
            &[
                start.functional_id,
                start.sender,
                start.receiver,
                &date(start.date),
                &hours_minutes(start.time),
                &control_number,
                "X",
                start.version,
            ],
        )?;
        self.group = Some(Level {
            control_number,
            count: 0,
        });
        if let Some(interchange) = &mut self.interchange {
            interchange.count += 1;
        }
        Ok(())
    }

    /// Writes ST. `control_number` has four to nine characters; `convention` is ST03,
    /// which exists since 005010.
    ///
    /// # Errors
    /// [`WriteError::ForbiddenCharacter`], [`WriteError::TooLong`];
    /// [`WriteError::OutOfOrder`] inside another set.
    pub fn begin_set(
        &mut self,
        id: &str,
        control_number: &str,
        convention: Option<&str>,
    ) -> Result<(), WriteError> {
        if self.set.is_some() {
            return Err(WriteError::OutOfOrder(
                "a transaction set inside a transaction set",
            ));
        }
        if control_number.chars().count() > 9 {
            return Err(WriteError::TooLong {
                field: "ST02",
                max: 9,
            });
        }
        self.segment("ST", &[id, control_number, convention.unwrap_or_default()])?;
        // ST itself counts, and was written before there was a set to count in.
        self.set = Some(Level {
            control_number: control_number.to_owned(),
            count: 1,
        });
        if let Some(group) = &mut self.group {
            group.count += 1;
        }
        Ok(())
    }

    /// Writes SE.
    ///
    /// # Errors
    /// [`WriteError::OutOfOrder`] outside a set.
    pub fn end_set(&mut self) -> Result<(), WriteError> {
        let set = self
            .set
            .take()
            .ok_or(WriteError::OutOfOrder("no transaction set to end"))?;
        self.segment("SE", &[&(set.count + 1).to_string(), &set.control_number])
    }

    /// Writes GE.
    ///
    /// # Errors
    /// [`WriteError::OutOfOrder`] outside a group or inside a set.
    pub fn end_group(&mut self) -> Result<(), WriteError> {
        if self.set.is_some() {
            return Err(WriteError::OutOfOrder("a transaction set was not ended"));
        }
        let group = self
            .group
            .take()
            .ok_or(WriteError::OutOfOrder("no group to end"))?;
        self.segment("GE", &[&group.count.to_string(), &group.control_number])
    }

    /// Writes IEA.
    ///
    /// # Errors
    /// [`WriteError::OutOfOrder`] outside an interchange or inside a group.
    pub fn end_interchange(&mut self) -> Result<(), WriteError> {
        if self.group.is_some() || self.set.is_some() {
            return Err(WriteError::OutOfOrder("a group was not ended"));
        }
        let level = self.interchange.take();
        let interchange = level.ok_or(WriteError::OutOfOrder("no interchange to end"))?;
        self.segment(
            "IEA",
            &[&interchange.count.to_string(), &interchange.control_number],
        )
    }
}

fn control_number(field: &'static str, number: u32, width: usize) -> Result<String, WriteError> {
    if number > CONTROL_NUMBER_MAX {
        return Err(WriteError::TooLong { field, max: 9 });
    }
    Ok(format!("{number:0>width$}"))
}

/// HHMM, as the headers have it.
fn hours_minutes(time: Time) -> String {
    format!("{:02}{:02}", time.hour, time.minute)
}
