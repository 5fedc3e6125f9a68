//! A party as an N1 loop: N1, N2, N3, N4, PER.

use crossdock_sdk::{Address, Contact, Extras, IdScheme, Party, PartyRole, host};

use super::script::{Script, unsayable, wrap};
use crate::codes;
use crate::decode::party::{CONTACT_FUNCTION, REGION_QUALIFIER};
use crate::settings::Writing;
use crate::wire;
use crossdock_sdk::Refusal;

/// N1-02 and N2.
const NAME_CHARS_MAX: usize = 60;

/// N3 occurs twice, with two lines each.
const LINES_MAX: usize = 4;

/// Element 364.
const NUMBER_CHARS_MAX: usize = 80;

/// N1 loops of a header: how often the standard lets them occur.
const PARTIES_MAX: usize = 10;

/// Writes the loops of all parties, and one for the node where none of them is it.
///
/// # Errors
/// When a party says what X12 can't, or there are too many.
pub(super) fn write_all(
    parties: &[Party],
    node: Option<&str>,
    (max, config): (Option<usize>, &Writing<'_>),
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    for (index, party) in parties.iter().enumerate() {
        write(party, index, script)?;
    }
    let is_node = |party: &Party| {
        party.role == PartyRole::Warehouse
            || (party.role == PartyRole::ShipTo && party.id.as_deref() == node)
    };
    let node = node.filter(|_| !parties.iter().any(is_node));
    let count = parties.len() + usize::from(node.is_some());
    let max = max.unwrap_or(PARTIES_MAX);
    if count > max {
        let text = format!("{count} parties, X12 takes at most {max}");
        return Err(unsayable("too-many", format_args!("/parties"), text));
    }
    let Some(node) = node else { return Ok(()) };
    let id = host::lookup("location", node).unwrap_or_else(|| node.to_owned());
    let id = script.required(&id, 80, format_args!("/node"))?;
    script.segment("N1", &["WH", "", config.warehouse_qualifier, &id])
}

/// Writes one loop.
///
/// # Errors
/// When the party says what X12 can't.
fn write(party: &Party, index: usize, script: &mut Script<'_>) -> Result<(), Refusal> {
    let at = format_args!("/parties/{index}");
    let extras = &party.extras;
    let role = script.code(
        &party.role,
        (extras, "N1-01"),
        2..=3,
        format_args!("{at}/role"),
    )?;
    let (name, second_name) = names(party.name.as_deref().unwrap_or_default(), index, script)?;
    let id = script.optional(party.id.as_deref(), 80, format_args!("{at}/id"))?;
    if name.is_empty() && id.is_empty() {
        let text = "a party needs a name or an id";
        return Err(unsayable("value-missing", format_args!("{at}/name"), text));
    }
    let scheme = match id.is_empty() {
        true => wire::extra(extras, "N1-03").unwrap_or_default(),
        false => scheme_code(party.scheme.as_ref()),
    };
    if !scheme.is_empty() {
        script.plain_code(scheme, 1..=2, format_args!("{at}/scheme"))?;
    }
    let [relation, entity] = [("N1-05", 2), ("N1-06", 3)]
        .map(|(name, max)| script.extra(extras, name, max, format_args!("{at}/extras")));
    script.segment("N1", &[role, &name, scheme, &id, &relation?, &entity?])?;
    write_names(&second_name, extras, index, script)?;
    if let Some(address) = &party.address {
        write_address(address, extras, index, script)?;
    }
    write_contacts(&party.contacts, extras, index, script)
}

/// The name, and what of it does not fit into N1-02.
fn names(name: &str, index: usize, script: &Script<'_>) -> Result<(String, String), Refusal> {
    let at = format_args!("/parties/{index}/name");
    let pieces = wrap(name, NAME_CHARS_MAX, 2);
    let (first, second) = match pieces.as_deref() {
        Some([first, second]) => (*first, *second),
        _ => (name, ""),
    };
    let first = script.text(first, NAME_CHARS_MAX, at)?.into_owned();
    Ok((first, script.text(second, NAME_CHARS_MAX, at)?.into_owned()))
}

/// N2: the rest of a long name, or the further names that were read.
fn write_names(
    second_name: &str,
    extras: &Extras,
    index: usize,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    if !second_name.is_empty() {
        script.segment("N2", &[second_name])?;
    }
    let mut pending: Option<std::borrow::Cow<'_, str>> = None;
    for (name, value) in extras {
        let at = format_args!("/parties/{index}/extras");
        match name.as_str() {
            "N2-01" => {
                if let Some(first) = pending.take() {
                    script.segment("N2", &[&first])?;
                }
                pending = Some(script.text(value, NAME_CHARS_MAX, at)?);
            }
            "N2-02" => {
                let first = pending.take().unwrap_or_default();
                let second = script.text(value, NAME_CHARS_MAX, at)?;
                script.segment("N2", &[&first, &second])?;
            }
            _ => {}
        }
    }
    match pending {
        Some(first) => script.segment("N2", &[&first]),
        None => Ok(()),
    }
}

fn write_address(
    address: &Address,
    extras: &Extras,
    index: usize,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let at = format_args!("/parties/{index}/address");
    if address.lines.len() > LINES_MAX {
        let text = format!(
            "{} lines, X12 takes at most {LINES_MAX}",
            address.lines.len()
        );
        return Err(unsayable("too-many", format_args!("{at}/lines"), text));
    }
    for (pair, lines) in address.lines.chunks(2).enumerate() {
        let mut said = Vec::with_capacity(2);
        for (line, text) in lines.iter().enumerate() {
            let number = pair * 2 + line;
            said.push(script.required(text, 55, format_args!("{at}/lines/{number}"))?);
        }
        let said: Vec<&str> = said.iter().map(|line| &**line).collect();
        script.segment("N3", &said)?;
    }
    let city = script.optional(address.city.as_deref(), 30, format_args!("{at}/city"))?;
    let region = script.optional(address.region.as_deref(), 30, format_args!("{at}/region"))?;
    let postal_code = script.optional(
        address.postal_code.as_deref(),
        15,
        format_args!("{at}/postal_code"),
    )?;
    let country = script.optional(address.country.as_deref(), 3, format_args!("{at}/country"))?;
    // N4-02 has two characters; a region by its name goes where locations are named.
    let short = region.chars().count() <= 2;
    let (code, [qualifier, location]) = if short {
        let [qualifier, location] = [("N4-05", 2), ("N4-06", 30)].map(|(name, max)| {
            script.extra(extras, name, max, format_args!("/parties/{index}/extras"))
        });
        (&*region, [qualifier?.into_owned(), location?.into_owned()])
    } else {
        (
            "",
            [REGION_QUALIFIER.to_owned(), region.clone().into_owned()],
        )
    };
    let elements = [&*city, code, &postal_code, &country, &qualifier, &location];
    if elements.iter().all(|element| element.is_empty()) {
        return Ok(());
    }
    script.segment("N4", &elements)
}

fn write_contacts(
    contacts: &[Contact],
    extras: &Extras,
    index: usize,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let at = format_args!("/parties/{index}");
    let function = script.plain_code(
        wire::extra(extras, "PER-01").unwrap_or(CONTACT_FUNCTION),
        2..=2,
        format_args!("{at}/extras"),
    )?;
    // Numbers of other kinds stand with the first contact, or alone.
    let mut others = extras
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("PER*")?, value.as_str())));
    for (number, contact) in contacts.iter().enumerate() {
        let at = format_args!("{at}/contacts/{number}");
        let name = script.optional(contact.name.as_deref(), 60, format_args!("{at}/name"))?;
        let phone = script.optional(
            contact.phone.as_deref(),
            NUMBER_CHARS_MAX,
            format_args!("{at}/phone"),
        )?;
        let email = script.optional(
            contact.email.as_deref(),
            NUMBER_CHARS_MAX,
            format_args!("{at}/email"),
        )?;
        let mut elements = vec![function, &*name];
        for (kind, value) in [("TE", &*phone), ("EM", &*email)] {
            if !value.is_empty() {
                elements.extend([kind, value]);
            }
        }
        if elements.len() == 2 && name.is_empty() {
            continue;
        }
        let more = if number == 0 && elements.len() < 8 {
            others.next()
        } else {
            None
        };
        let said = match more {
            Some((kind, value)) => Some((kind, other(kind, value, index, script)?)),
            None => None,
        };
        if let Some((kind, value)) = &said {
            elements.extend([*kind, &**value]);
        }
        script.segment("PER", &elements)?;
    }
    for (kind, value) in others {
        let value = other(kind, value, index, script)?;
        script.segment("PER", &[function, "", kind, &value])?;
    }
    Ok(())
}

/// A number of a kind that the contract has no field for.
fn other(kind: &str, value: &str, index: usize, script: &Script<'_>) -> Result<String, Refusal> {
    let at = format_args!("/parties/{index}/extras");
    script.plain_code(kind, 2..=2, at)?;
    Ok(script.required(value, NUMBER_CHARS_MAX, at)?.into_owned())
}

/// The scheme that is written for an id without one: mutually defined.
fn scheme_code(scheme: Option<&IdScheme>) -> &str {
    scheme.map_or("ZZ", codes::write)
}
