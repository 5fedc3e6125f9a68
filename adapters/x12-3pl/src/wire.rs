//! How the dialect spells what several documents share: moments, zones, numbers,
//! the names of extras, and findings told as problems.
//!
//! Everything here is a plain function of its arguments; nothing reads settings.

use std::borrow::Cow;

use crossdock_sdk::x12::code::{ElementError, GroupError, SegmentError, SetError};
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{self, Code, Date, Finding, Segment, Time};
use crossdock_sdk::{Decimal, ElementPlace, Extras, Moment, Place, Problem};

/// The contract's decimal; both keep at most 18 digits and the sender's scale.
pub(crate) fn exact(value: x12::Decimal) -> Decimal {
    Decimal {
        coefficient: value.coefficient,
        scale: value.scale,
    }
}

// === moments ===

/// A day, a local time or a time with an offset, as precise as the elements 373,
/// 337 and 623 make it. A zone that does not fix an offset (`ET`, `LT`) leaves the
/// time local and is kept in `raw`.
pub(crate) fn moment(date: Date, time: Option<Time>, zone: &[u8]) -> Moment {
    let Some(time) = time else {
        return Moment::local(date.to_string());
    };
    let zone = zone.trim_ascii();
    match zone_offset(zone) {
        Some(0) => Moment::zoned(format!("{date}T{time}+00:00")),
        Some(hours) => {
            let sign = if hours < 0 { '-' } else { '+' };
            Moment::zoned(format!("{date}T{time}{sign}{:02}:00", hours.unsigned_abs()))
        }
        None if zone.is_empty() => Moment::local(format!("{date}T{time}")),
        None => Moment::local(format!("{date}T{time}"))
            .with_raw(format!("{date} {time} {}", text(zone))),
    }
}

/// Hours east of UTC for an element 623, where it fixes them. 01 to 12 stand for P01
/// to P12, 13 to 24 for M12 to M01; the North American letters say whether it is
/// summer (`ED`) or not (`ES`).
fn zone_offset(zone: &[u8]) -> Option<i8> {
    let hours = match zone {
        b"UT" | b"GM" => 0,
        b"AD" => -3,
        b"AS" | b"ED" => -4,
        b"ES" | b"CD" => -5,
        b"CS" | b"MD" => -6,
        b"MS" | b"PD" => -7,
        b"PS" => -8,
        [tens @ b'0'..=b'2', ones @ b'0'..=b'9'] => {
            let number = ((tens - b'0') * 10 + (ones - b'0')) as i8;
            match number {
                1..=12 => number,
                13..=24 => number - 25,
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(hours)
}

/// Element 623 for whole hours east of UTC; absent beyond half a day.
fn zone_code(hours: i8) -> Option<String> {
    match hours {
        0 => Some("UT".to_owned()),
        1..=12 => Some(format!("{hours:02}")),
        -12..=-1 => Some(format!("{}", 25 + hours)),
        _ => None,
    }
}

/// A moment as X12 can say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) date: Date,
    pub(crate) time: Option<Time>,
    /// Element 623; empty for local time.
    pub(crate) zone: String,
}

/// Reads an ISO 8601 text (`2026-03-01`, `2026-03-01T09:30:00`, either with or
/// without an offset). Absent when it is none, or finer than hundredths of a second,
/// or of an offset that X12 has no code for.
pub(crate) fn spoken(moment: &str) -> Option<Spoken> {
    let date = iso_date(moment.get(..10)?)?;
    let Some(rest) = moment.get(10..).filter(|rest| !rest.is_empty()) else {
        return Some(Spoken {
            date,
            time: None,
            zone: String::new(),
        });
    };
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let end = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(end);
    let zone = match offset {
        "" => String::new(),
        "Z" | "z" => "UT".to_owned(),
        _ => zone_code(whole_hours(offset)?)?,
    };
    Some(Spoken {
        date,
        time: Some(iso_time(clock)?),
        zone,
    })
}

/// Reads `2026-03-01`.
pub(crate) fn iso_date(text: &str) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else {
        return None;
    };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
    Date::parse(&digits).ok()
}

/// Reads `09:30`, `09:30:00` and `09:30:00.25`.
pub(crate) fn iso_time(text: &str) -> Option<Time> {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits: Vec<u8> = match *clock.as_bytes() {
        [h1, h2, b':', m1, m2] => vec![h1, h2, m1, m2],
        [h1, h2, b':', m1, m2, b':', s1, s2] => vec![h1, h2, m1, m2, s1, s2],
        _ => return None,
    };
    let mut time = Time::parse(&digits).ok()?;
    let fraction = fraction.trim_end_matches('0');
    time.hundredths = match *fraction.as_bytes() {
        [] => 0,
        [tenths @ b'0'..=b'9'] => (tenths - b'0') * 10,
        [tenths @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tenths - b'0') * 10 + (ones - b'0'),
        _ => return None,
    };
    Some(time)
}

fn whole_hours(offset: &str) -> Option<i8> {
    let (negative, digits) = match offset.as_bytes() {
        [b'+', digits @ ..] => (false, digits),
        [b'-', digits @ ..] => (true, digits),
        _ => return None,
    };
    let (tens, ones) = match digits {
        [tens, ones] | [tens, ones, b':', b'0', b'0'] | [tens, ones, b'0', b'0'] => (tens, ones),
        _ => return None,
    };
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let hours = ((tens - b'0') * 10 + (ones - b'0')) as i8;
    Some(if negative { -hours } else { hours })
}

// === extras ===

/// An element by its name, `W06-07`.
pub(crate) fn element_name(segment: &str, element: usize) -> String {
    let mut name = String::with_capacity(segment.len() + 3);
    name.push_str(segment);
    name.push('-');
    if element < 10 {
        name.push('0');
    }
    name.push_str(&element.to_string());
    name
}

/// An element of a segment that its first element qualifies, by name: `N9*LT-04`.
pub(crate) fn qualified_name(segment: &Segment<'_>, qualifier: &str, element: usize) -> String {
    let mut name = text(segment.id()).into_owned();
    name.push('*');
    name.push_str(qualifier);
    element_name(&name, element)
}

/// Keeps one element under its name, if there is anything in it.
pub(crate) fn keep(extras: &mut Extras, segment: &Segment<'_>, element: usize) {
    let value = segment.trimmed(element);
    if !value.is_empty() {
        let name = element_name(&text(segment.id()), element);
        extras.push((name, text(value).into_owned()));
    }
}

/// Keeps all elements from `first` on.
pub(crate) fn keep_from(extras: &mut Extras, segment: &Segment<'_>, first: usize) {
    for element in first..=segment.element_count() {
        keep(extras, segment, element);
    }
}

/// Keeps a segment that its first element qualifies: `G62*10` with the rest of it,
/// joined by `*` whatever the separator was.
pub(crate) fn keep_qualified(extras: &mut Extras, segment: &Segment<'_>) {
    let mut name = text(segment.id()).into_owned();
    name.push('*');
    name.push_str(&text(segment.trimmed(1)));
    let mut value = String::new();
    for element in 2..=segment.element_count() {
        if element > 2 {
            value.push('*');
        }
        value.push_str(&text(segment.trimmed(element)));
    }
    value.truncate(value.trim_end_matches('*').len());
    extras.push((name, value));
}

/// The extra of this name.
pub(crate) fn extra<'e>(extras: &'e Extras, name: &str) -> Option<&'e str> {
    extras
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

// === numbers ===

/// Places grouped by the numbers of what stands there.
pub(crate) struct Groups {
    /// All places, those of a group one after another.
    places: Vec<usize>,
    /// Where each group ends among them.
    ends: Vec<usize>,
}

impl Groups {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Each group's places in their order, the groups in that of their numbers, shorter
    /// ones first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[usize]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let group = self.places.get(start..*end).unwrap_or_default();
            start = *end;
            group
        })
    }
}

/// Places 0 to `count` - 1 grouped by the number that `number` gives each. One function
/// for all callers, since sorting is large.
pub(crate) fn by_number<'n>(count: usize, number: &dyn Fn(usize) -> &'n str) -> Groups {
    let mut places: Vec<usize> = (0..count).collect();
    let key = |place: &usize| (number(*place).len(), number(*place));
    // Numbers mostly come in their order, which is seen at a glance.
    if !places.is_sorted_by_key(key) {
        places.sort_by(|one, other| key(one).cmp(&key(other)));
    }
    let mut ends = Vec::with_capacity(count);
    for (end, place) in (1..).zip(&places) {
        let next = places.get(end);
        if next.is_none_or(|next| number(*next) != number(*place)) {
            ends.push(end);
        }
    }
    Groups { places, ends }
}

// === problems ===

/// A finding as the contract tells it. The sender is to blame, always: what a
/// finding names was in its file.
pub(crate) fn problem(finding: &Finding) -> Problem {
    let mut problem = Problem::partner_data(name(&finding.code), finding.text.as_str())
        .at(place(&finding.place))
        .with_acknowledgement_code(finding.code.code())
        .with_extra("code-list", finding.code.list());
    if !finding.value.is_empty() {
        problem = problem.with_value(&finding.value);
    }
    match remedy(finding) {
        Some(remedy) => problem.with_remedy(remedy),
        None => problem,
    }
}

/// A place as the contract tells it.
pub(crate) fn place(place: &x12::Place) -> Place {
    if place.segment.as_str().is_empty() {
        return Place::Offset(place.offset as u64);
    }
    Place::Element(ElementPlace {
        segment: place.segment.as_str().to_owned(),
        ordinal: place.ordinal,
        element: place.element,
        component: place.component,
        offset: place.offset as u64,
    })
}

/// The stable name of an acknowledgement code.
fn name(code: &Code) -> &'static str {
    match code {
        Code::Interchange(_) => "interchange-envelope",
        Code::Group(error) => match error {
            GroupError::TrailerMissing => "group-trailer-missing",
            GroupError::ControlNumberMismatch => "group-control-mismatch",
            GroupError::CountMismatch => "group-count-mismatch",
            GroupError::UnsupportedVersion => "group-version-unknown",
            _ => "group-envelope",
        },
        Code::Set(error) => match error {
            SetError::Unsupported => "set-unsupported",
            SetError::TrailerMissing => "set-trailer-missing",
            SetError::ControlNumberMismatch => "set-control-mismatch",
            SetError::CountMismatch => "set-count-mismatch",
            SetError::InvalidIdentifier => "set-id-invalid",
            SetError::InvalidControlNumber => "set-control-invalid",
            SetError::NotInGroup => "set-without-envelope",
            SetError::ControlNumberNotUnique => "set-control-repeated",
            _ => "set-error",
        },
        Code::Segment(error) => match error {
            SegmentError::Unrecognized => "segment-unrecognized",
            SegmentError::Unexpected | SegmentError::OutOfSequence => "segment-out-of-sequence",
            SegmentError::MandatoryMissing => "segment-missing",
            SegmentError::OverMaximumUse | SegmentError::LoopOverMaximum => "segment-repeated",
            SegmentError::NotInSet => "segment-not-in-set",
            _ => "segment-error",
        },
        Code::Element(error) => match error {
            ElementError::MandatoryMissing => "element-missing",
            ElementError::ConditionalMissing => "element-missing-conditional",
            ElementError::TooMany => "element-too-many",
            ElementError::TooShort => "element-too-short",
            ElementError::TooLong => "element-too-long",
            ElementError::InvalidCharacter => "element-character-invalid",
            ElementError::InvalidCode => "element-code-invalid",
            ElementError::InvalidDate => "element-date-invalid",
            ElementError::InvalidTime => "element-time-invalid",
            _ => "element-error",
        },
    }
}

/// What helps: for what forbids a document always, else where it is not simply "send
/// it right".
fn remedy(finding: &Finding) -> Option<Cow<'static, str>> {
    let remedy = match &finding.code {
        Code::Set(SetError::Unsupported) => {
            "route this transaction set to a partner whose adapter reads it"
        }
        Code::Set(SetError::CountMismatch) if finding.rejects() => {
            "the sender must count the segments from ST to SE, both included; `strict-envelope = false` keeps a set of which only SE01 is wrong"
        }
        Code::Set(SetError::CountMismatch) => {
            "look whether segments are missing; the sender must count those from ST to SE, both included"
        }
        Code::Set(SetError::ControlNumberMismatch) if finding.rejects() => {
            "the sender must repeat ST02 in SE02; `strict-envelope = false` keeps a set of which only SE02 is wrong"
        }
        Code::Set(SetError::ControlNumberMismatch) => "the sender must repeat ST02 in SE02",
        Code::Set(SetError::TrailerMissing) => "ask the sender for the complete file",
        Code::Element(error) if finding.rejects() => {
            return Some(element_remedy(*error, &finding.place).into());
        }
        Code::Segment(_) if finding.rejects() => {
            let segment = finding.place.segment.as_str();
            return Some(format!("the sender must send the set anew with {segment}").into());
        }
        _ => return None,
    };
    Some(remedy.into())
}

fn element_remedy(error: ElementError, place: &x12::Place) -> String {
    let segment = place.segment.as_str();
    let element = place.element.map_or(0, usize::from);
    let name = element_name(segment, element);
    let what = match error {
        ElementError::MandatoryMissing | ElementError::ConditionalMissing => "fill",
        ElementError::InvalidDate => "send a date (CCYYMMDD) in",
        ElementError::InvalidTime => "send a time (HHMM) in",
        ElementError::InvalidCharacter => "send a number in",
        ElementError::TooLong | ElementError::TooShort => "check its elements up to",
        _ => "correct",
    };
    format!("the sender must {what} {name} and send the set anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(date: &str, time: &str, zone: &str) -> Moment {
        let time = (!time.is_empty()).then(|| Time::parse(time.as_bytes()).unwrap());
        moment(Date::parse(date.as_bytes()).unwrap(), time, zone.as_bytes())
    }

    #[test]
    fn zones_become_offsets_only_where_they_fix_one() {
        assert_eq!(said("20260301", "", "UT"), Moment::local("2026-03-01"));
        assert_eq!(
            said("20260301", "0930", ""),
            Moment::local("2026-03-01T09:30:00")
        );
        assert_eq!(
            said("20260301", "0930", "UT"),
            Moment::zoned("2026-03-01T09:30:00+00:00")
        );
        assert_eq!(
            said("20260301", "0930", "CS"),
            Moment::zoned("2026-03-01T09:30:00-06:00")
        );
        assert_eq!(
            said("20260301", "0930", "19"),
            Moment::zoned("2026-03-01T09:30:00-06:00")
        );
        assert_eq!(
            said("20260301", "0930", "02"),
            Moment::zoned("2026-03-01T09:30:00+02:00")
        );
        let eastern = said("20260301", "0930", "ET");
        assert!(!eastern.zoned);
        assert_eq!(eastern.raw.as_deref(), Some("2026-03-01 09:30:00 ET"));
    }

    #[test]
    fn what_is_spoken_reads_back() {
        for text in [
            "2026-03-01",
            "2026-03-01T09:30:00",
            "2026-03-01T09:30:15.25",
            "2026-03-01T09:30:00+00:00",
            "2026-03-01T09:30:00-06:00",
            "2026-03-01T09:30:00-12:00",
            "2026-03-01T23:59:59+12:00",
        ] {
            let Spoken { date, time, zone } = spoken(text).unwrap();
            assert_eq!(moment(date, time, zone.as_bytes()).text, text);
        }
        assert_eq!(spoken("2026-03-01T09:30:00Z").unwrap().zone, "UT");
        assert_eq!(spoken("2026-03-01T09:30").unwrap().time, iso_time("09:30"));
    }

    #[test]
    fn what_x12_cannot_say_is_not_spoken() {
        for text in [
            "",
            "2026-03",
            "2026-02-30",
            "yesterday",
            "2026-03-01T25:00:00",
            "2026-03-01T09:30:00.125",
            "2026-03-01T09:30:00+05:30",
            "2026-03-01T09:30:00+14:00",
            "2026-03-01T09:30:00-",
            "2026-03-0é",
        ] {
            assert_eq!(spoken(text), None, "{text}");
        }
    }
}
