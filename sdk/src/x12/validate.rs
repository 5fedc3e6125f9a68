//! Elements read as what they should be, with errors an acknowledgement can carry.
//!
//! [`Elements`] reads a segment by element number. What cannot be used comes back
//! as an error that names segment, element, component and data element error code;
//! what is merely not as the standard says (a name of 61 characters) is noted and
//! used, unless the reader is told to be strict.

use std::borrow::Cow;

use super::code::{ElementError, SegmentError};
use super::place::{Finding, Place, Severity};
use super::scan::plain;
use super::segment::{Segment, text, trim};
use super::value::{Date, Decimal, Time};

/// Notes that are kept of one transaction set; an acknowledgement names no more.
const NOTES_MAX: usize = 500;

/// An error about an element or segment, boxed since it is rare and large.
pub type Fault = Box<Finding>;

/// Which element to read, and what the standard says about it.
///
/// A bare number does where nothing else is known: `elements.required(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    number: u16,
    component: Option<u16>,
    reference: Option<u16>,
    length_min: u16,
    length_max: u16,
}

/// Reads the elements of one segment.
#[derive(Debug)]
pub struct Elements<'a, 'n> {
    segment: &'n Segment<'a>,
    loop_id: Option<&'static str>,
    /// What a wrong length means.
    length: Severity,
    notes: &'n mut Vec<Finding>,
}

// === impl Spec ===

impl Spec {
    /// Element `number`, from 1.
    pub const fn at(number: u16) -> Self {
        Self {
            number,
            component: None,
            reference: None,
            length_min: 0,
            length_max: u16::MAX,
        }
    }

    /// The component of the element, from 1.
    #[must_use]
    pub const fn component(self, component: u16) -> Self {
        Self {
            component: Some(component),
            ..self
        }
    }

    /// The X12 data element number, which AK4-02 tells the sender.
    #[must_use]
    pub const fn reference(self, reference: u16) -> Self {
        Self {
            reference: Some(reference),
            ..self
        }
    }

    /// Shortest and longest value the standard allows, in characters. The minus and
    /// the point of a number do not count.
    #[must_use]
    pub const fn length(self, min: u16, max: u16) -> Self {
        Self {
            length_min: min,
            length_max: max,
            ..self
        }
    }
}

impl Spec {
    fn bounds_length(&self) -> bool {
        self.length_min > 0 || self.length_max < u16::MAX
    }
}

impl From<u16> for Spec {
    fn from(number: u16) -> Self {
        Self::at(number)
    }
}

// === impl Elements ===

impl<'a, 'n> Elements<'a, 'n> {
    /// Reads `segment`; what is odd but usable goes to `notes`.
    pub fn new(segment: &'n Segment<'a>, notes: &'n mut Vec<Finding>) -> Self {
        Self {
            segment,
            loop_id: None,
            length: Severity::Note,
            notes,
        }
    }

    /// The same, naming the loop the segment is in (data element 447).
    #[must_use]
    pub fn in_loop(mut self, loop_id: &'static str) -> Self {
        self.loop_id = Some(loop_id);
        self
    }

    /// The same, but a value of wrong length is an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.length = Severity::Reject;
        self
    }

    /// The segment being read.
    pub fn segment(&self) -> &Segment<'a> {
        self.segment
    }

    /// The element as it stands, empty when absent.
    pub fn raw(&self, spec: impl Into<Spec>) -> &'a [u8] {
        let spec = spec.into();
        match spec.component {
            Some(component) => self
                .segment
                .component(usize::from(spec.number), usize::from(component)),
            None => self.segment.element(usize::from(spec.number)),
        }
    }

    /// The element without the blanks around it, empty when absent or blank.
    #[inline]
    fn trimmed(&self, spec: Spec) -> &'a [u8] {
        match spec.component {
            Some(_) => trim(self.raw(spec)),
            None => self.segment.trimmed(usize::from(spec.number)),
        }
    }

    /// Text that must be there (AN).
    ///
    /// # Errors
    /// [`ElementError::MandatoryMissing`] when absent or blank.
    pub fn required(&mut self, spec: impl Into<Spec>) -> Result<Cow<'a, str>, Fault> {
        let spec = spec.into();
        self.optional(spec)?.ok_or_else(|| self.missing(spec))
    }

    /// Text that the standard demands and that the document does without: where it is
    /// absent, that is noted.
    ///
    /// # Errors
    /// As [`Elements::optional`].
    pub fn expected(&mut self, spec: impl Into<Spec>) -> Result<Option<Cow<'a, str>>, Fault> {
        let spec = spec.into();
        let text = self.optional(spec)?;
        if text.is_none() {
            self.note_absence(spec);
        }
        Ok(text)
    }

    /// A decimal number (R) that the standard demands and that the document does without.
    ///
    /// # Errors
    /// As [`Decimal::parse`].
    pub fn expected_decimal(&mut self, spec: impl Into<Spec>) -> Result<Option<Decimal>, Fault> {
        let spec = spec.into();
        let number = self.decimal(spec)?;
        if number.is_none() {
            self.note_absence(spec);
        }
        Ok(number)
    }

    /// Text that may be there (AN), without blanks around it.
    ///
    /// # Errors
    /// Only in a strict reader: [`ElementError::TooShort`], [`ElementError::TooLong`].
    pub fn optional(&mut self, spec: impl Into<Spec>) -> Result<Option<Cow<'a, str>>, Fault> {
        let spec = spec.into();
        let raw = self.trimmed(spec);
        if raw.is_empty() {
            return Ok(None);
        }
        // Nearly all there is: each byte is a character, and none of control.
        if let Some(text) = plain(raw) {
            self.check_length(spec, raw.len())?;
            return Ok(Some(Cow::Borrowed(text)));
        }
        let text = text(raw);
        let length = self.look_at_characters(spec, &text);
        self.check_length(spec, length)?;
        Ok(Some(text))
    }

    /// A code that may be there (ID), translated by `known`.
    ///
    /// # Errors
    /// [`ElementError::InvalidCode`] when `known` does not know it.
    pub fn code<T>(
        &mut self,
        spec: impl Into<Spec>,
        known: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let spec = spec.into();
        let Some(code) = self.optional(spec)? else {
            return Ok(None);
        };
        match known(&code) {
            Some(value) => Ok(Some(value)),
            None => Err(self.fault(
                spec,
                ElementError::InvalidCode,
                format!("unknown code '{code}'"),
            )),
        }
    }

    /// A code that must be there (ID), translated by `known`.
    ///
    /// # Errors
    /// As [`Elements::code`], and [`ElementError::MandatoryMissing`].
    pub fn required_code<T>(
        &mut self,
        spec: impl Into<Spec>,
        known: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        let spec = spec.into();
        self.code(spec, known)?.ok_or_else(|| self.missing(spec))
    }

    /// A decimal number (R) that may be there.
    ///
    /// # Errors
    /// As [`Decimal::parse`].
    pub fn decimal(&mut self, spec: impl Into<Spec>) -> Result<Option<Decimal>, Fault> {
        self.number(spec.into(), Decimal::parse)
    }

    /// A decimal number (R) that must be there.
    ///
    /// # Errors
    /// As [`Decimal::parse`], and [`ElementError::MandatoryMissing`].
    pub fn required_decimal(&mut self, spec: impl Into<Spec>) -> Result<Decimal, Fault> {
        let spec = spec.into();
        self.decimal(spec)?.ok_or_else(|| self.missing(spec))
    }

    /// A number with `places` implied decimals (N0, N2, …) that may be there.
    ///
    /// # Errors
    /// As [`Decimal::parse_implied`].
    pub fn implied(&mut self, spec: impl Into<Spec>, places: u8) -> Result<Option<Decimal>, Fault> {
        self.number(spec.into(), |raw| Decimal::parse_implied(raw, places))
    }

    /// A number with `places` implied decimals that must be there.
    ///
    /// # Errors
    /// As [`Decimal::parse_implied`], and [`ElementError::MandatoryMissing`].
    pub fn required_implied(
        &mut self,
        spec: impl Into<Spec>,
        places: u8,
    ) -> Result<Decimal, Fault> {
        let spec = spec.into();
        self.implied(spec, places)?
            .ok_or_else(|| self.missing(spec))
    }

    /// A date (DT) that may be there. Noughts alone are none, and one with dashes or
    /// slashes is one; both are noted.
    ///
    /// # Errors
    /// [`ElementError::InvalidDate`].
    pub fn date(&mut self, spec: impl Into<Spec>) -> Result<Option<Date>, Fault> {
        let spec = spec.into();
        let raw = self.trimmed(spec);
        if !raw.is_empty() && raw.iter().all(|byte| *byte == b'0') {
            let text = "noughts instead of a date; read as none";
            self.remark(spec, ElementError::InvalidDate, text);
            return Ok(None);
        }
        let plain = without_marks(raw);
        let date = self.parsed(spec, |raw| match &plain {
            Some(digits) => Date::parse(digits),
            None => Date::parse(raw),
        })?;
        if let (Some(date), true) = (date, plain.is_some()) {
            let text = format!("a date is written CCYYMMDD; {date} was read");
            self.remark(spec, ElementError::InvalidDate, text);
        }
        Ok(date)
    }

    /// A date that must be there.
    ///
    /// # Errors
    /// [`ElementError::InvalidDate`], [`ElementError::MandatoryMissing`].
    pub fn required_date(&mut self, spec: impl Into<Spec>) -> Result<Date, Fault> {
        let spec = spec.into();
        self.date(spec)?.ok_or_else(|| self.missing(spec))
    }

    /// A time (TM) that may be there.
    ///
    /// # Errors
    /// [`ElementError::InvalidTime`].
    pub fn time(&mut self, spec: impl Into<Spec>) -> Result<Option<Time>, Fault> {
        self.parsed(spec.into(), Time::parse)
    }

    /// A time that must be there.
    ///
    /// # Errors
    /// [`ElementError::InvalidTime`], [`ElementError::MandatoryMissing`].
    pub fn required_time(&mut self, spec: impl Into<Spec>) -> Result<Time, Fault> {
        let spec = spec.into();
        self.time(spec)?.ok_or_else(|| self.missing(spec))
    }

    /// An error about an element of this segment, for a rule of the mapping's own.
    #[cold]
    pub fn fault(
        &self,
        spec: impl Into<Spec>,
        error: ElementError,
        text: impl Into<String>,
    ) -> Fault {
        Box::new(self.finding(spec.into(), Severity::Reject, error, text.into()))
    }

    /// An error about the segment as a whole.
    pub fn segment_fault(&self, error: SegmentError, text: impl Into<String>) -> Fault {
        Box::new(Finding::new(Severity::Reject, error, self.place(), text))
    }

    /// Notes something about an element that was used all the same.
    pub fn remark(&mut self, spec: impl Into<Spec>, error: ElementError, text: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            let note = self.finding(spec.into(), Severity::Note, error, text.into());
            self.notes.push(note);
        }
    }

    /// Counts the characters of a text, and notes those of control.
    #[cold]
    fn look_at_characters(&mut self, spec: Spec, text: &str) -> usize {
        if text.chars().any(char::is_control) {
            self.remark(
                spec,
                ElementError::InvalidCharacter,
                "control character in the text; kept",
            );
        }
        text.chars().count()
    }

    fn number(
        &mut self,
        spec: Spec,
        parse: impl FnOnce(&[u8]) -> Result<Decimal, ElementError>,
    ) -> Result<Option<Decimal>, Fault> {
        let value = self.parsed(spec, parse)?;
        if value.is_some() && spec.bounds_length() {
            let digits = self
                .raw(spec)
                .iter()
                .filter(|byte| byte.is_ascii_digit())
                .count();
            self.check_length(spec, digits)?;
        }
        Ok(value)
    }

    fn parsed<T>(
        &mut self,
        spec: Spec,
        parse: impl FnOnce(&[u8]) -> Result<T, ElementError>,
    ) -> Result<Option<T>, Fault> {
        let raw = self.trimmed(spec);
        if raw.is_empty() {
            return Ok(None);
        }
        match parse(raw) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.unreadable(spec, error)),
        }
    }

    #[inline]
    fn check_length(&mut self, spec: Spec, length: usize) -> Result<(), Fault> {
        let (min, max) = (usize::from(spec.length_min), usize::from(spec.length_max));
        if (min..=max).contains(&length) {
            return Ok(());
        }
        self.wrong_length(spec, length)
    }

    #[cold]
    fn wrong_length(&mut self, spec: Spec, length: usize) -> Result<(), Fault> {
        let (error, bound) = if length < usize::from(spec.length_min) {
            let bound = format!("at least {}", spec.length_min);
            (ElementError::TooShort, bound)
        } else {
            let bound = format!("at most {}", spec.length_max);
            (ElementError::TooLong, bound)
        };
        let kept = if self.length == Severity::Note {
            "; kept"
        } else {
            ""
        };
        let text = format!("{length} characters, {bound} expected{kept}");
        let finding = self.finding(spec, self.length, error, text);
        if finding.rejects() {
            return Err(Box::new(finding));
        }
        if self.notes.len() < NOTES_MAX {
            self.notes.push(finding);
        }
        Ok(())
    }

    fn place(&self) -> Place {
        Place {
            loop_id: self.loop_id,
            ..self.segment.place()
        }
    }

    #[cold]
    fn note_absence(&mut self, spec: Spec) {
        let text = "required by the standard, but absent or empty; read all the same";
        self.remark(spec, ElementError::MandatoryMissing, text);
    }

    #[cold]
    fn unreadable(&self, spec: Spec, error: ElementError) -> Fault {
        let found = text(self.raw(spec));
        self.fault(spec, error, format!("{}: '{found}'", error.meaning()))
    }

    #[cold]
    fn missing(&self, spec: Spec) -> Fault {
        self.fault(
            spec,
            ElementError::MandatoryMissing,
            "required, but absent or empty",
        )
    }

    #[cold]
    fn finding(
        &self,
        spec: Spec,
        severity: Severity,
        error: ElementError,
        text: String,
    ) -> Finding {
        let mut place = self.place().element(usize::from(spec.number));
        place.component = spec.component;
        let finding = Finding::new(severity, error, place, text).with_value(self.raw(spec));
        Finding {
            reference: spec.reference,
            ..finding
        }
    }
}

/// The digits of a date that begins with its year and has marks between its parts
/// (`2026-03-01`); where the year stands behind, nobody can say which part is the month.
fn without_marks(raw: &[u8]) -> Option<[u8; 8]> {
    match *raw {
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
        | [y1, y2, y3, y4, b'/', m1, m2, b'/', d1, d2] => Some([y1, y2, y3, y4, m1, m2, d1, d2]),
        _ => None,
    }
}
