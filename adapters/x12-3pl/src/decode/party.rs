//! The N1 loop: a party with its names, address and contacts.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Elements, Fault, Segment, Spec};
use crossdock_sdk::{Address, Contact, IdScheme, Party, PartyRole};

use super::context::Context;
use crate::codes;
use crate::wire;

/// PER-01 that is written and read without a trace.
pub(crate) const CONTACT_FUNCTION: &str = "CN";

/// N4-05 of a region that is named rather than coded.
pub(crate) const REGION_QUALIFIER: &str = "SP";

/// Reads N1.
///
/// # Errors
/// [`ElementError::MandatoryMissing`] without a role.
pub(crate) fn begin(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Party, Fault> {
    let mut n1 = context.elements(segment);
    let code = n1.required(Spec::at(1).reference(98).length(2, 3))?;
    let name = n1.optional(Spec::at(2).reference(93).length(1, 60))?;
    let scheme = n1.optional(Spec::at(3).reference(66).length(1, 2))?;
    let id = n1.optional(Spec::at(4).reference(67).length(2, 80))?;
    if scheme.is_some() != id.is_some() {
        let (element, text) = if id.is_some() {
            (
                Spec::at(3).reference(66),
                "an id without its qualifier; kept",
            )
        } else {
            (
                Spec::at(4).reference(67),
                "a qualifier without its id; kept among the extras",
            )
        };
        n1.remark(element, ElementError::ConditionalMissing, text);
    }
    let mut party = Party::new(codes::read::<PartyRole>(&code));
    if !codes::is_first::<PartyRole>(&code) {
        wire::keep(&mut party.extras, segment, 1);
    }
    party.name = name.map(|name| name.into_owned());
    match (scheme, id) {
        (scheme, Some(id)) => {
            party.id = Some(id.into_owned());
            party.scheme = scheme.map(|scheme| codes::read::<IdScheme>(&scheme));
        }
        (Some(_), None) => wire::keep(&mut party.extras, segment, 3),
        (None, None) => {}
    }
    wire::keep_from(&mut party.extras, segment, 5);
    Ok(party)
}

/// Reads N2, N3, N4 or PER into the party; false for any other segment.
///
/// # Errors
/// As the elements'.
pub(crate) fn add(
    segment: &Segment<'_>,
    party: &mut Party,
    context: &mut Context<'_>,
) -> Result<bool, Fault> {
    match segment.id() {
        b"N2" => wire::keep_from(&mut party.extras, segment, 1),
        b"N3" => {
            let mut n3 = context.elements(segment);
            let first = n3.optional(Spec::at(1).reference(166).length(1, 55))?;
            let second = n3.optional(Spec::at(2).reference(166).length(1, 55))?;
            let address = party.address.get_or_insert_default();
            address.lines.extend(
                [first, second]
                    .into_iter()
                    .flatten()
                    .map(|line| line.into_owned()),
            );
        }
        b"N4" => place(segment, party, context)?,
        b"PER" => contact(segment, party, context)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn place(segment: &Segment<'_>, party: &mut Party, context: &mut Context<'_>) -> Result<(), Fault> {
    let mut n4 = context.elements(segment);
    let city = n4.optional(Spec::at(1).reference(19).length(2, 30))?;
    let region = n4.optional(Spec::at(2).reference(156).length(2, 2))?;
    let postal_code = n4.optional(Spec::at(3).reference(116).length(3, 15))?;
    let country = n4.optional(Spec::at(4).reference(26).length(2, 3))?;
    let lines = party
        .address
        .take()
        .map_or_else(Vec::new, |address| address.lines);
    party.address = Some(Address {
        lines,
        city: city.map(|city| city.into_owned()),
        region: region.map(|region| region.into_owned()),
        postal_code: postal_code.map(|code| code.into_owned()),
        country: country.map(|country| country.into_owned()),
    });
    let region = party.address.as_mut().map(|address| &mut address.region);
    match region {
        Some(region @ None)
            if segment.trimmed(5) == REGION_QUALIFIER.as_bytes() && segment.has(6) =>
        {
            *region = Some(text(segment.trimmed(6)).into_owned());
            wire::keep_from(&mut party.extras, segment, 7);
        }
        _ => wire::keep_from(&mut party.extras, segment, 5),
    }
    Ok(())
}

fn contact(
    segment: &Segment<'_>,
    party: &mut Party,
    context: &mut Context<'_>,
) -> Result<(), Fault> {
    let mut per = Elements::new(segment, &mut context.notes);
    let function = per.expected(Spec::at(1).reference(366).length(2, 2))?;
    let name = per.optional(Spec::at(2).reference(93).length(1, 60))?;
    if function.is_some_and(|function| function != CONTACT_FUNCTION) {
        wire::keep(&mut party.extras, segment, 1);
    }
    let mut contact = Contact {
        name: name.map(|name| name.into_owned()),
        ..Contact::default()
    };
    for pair in [3_u16, 5, 7] {
        let Some(number) = per.optional(Spec::at(pair + 1).reference(364).length(1, 256))? else {
            continue;
        };
        let place = match segment.trimmed(usize::from(pair)) {
            b"TE" if contact.phone.is_none() => &mut contact.phone,
            b"EM" if contact.email.is_none() => &mut contact.email,
            kind => {
                party
                    .extras
                    .push((format!("PER*{}", text(kind)), number.into_owned()));
                continue;
            }
        };
        *place = Some(number.into_owned());
    }
    wire::keep_from(&mut party.extras, segment, 9);
    if contact != Contact::default() {
        party.contacts.push(contact);
    }
    Ok(())
}
