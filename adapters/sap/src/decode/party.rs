//! Partners: E1EDKA1 and E1EDPA1 of orders and invoices, E1ADRM1 of deliveries.

use crossdock_sdk::idoc::Segment;
use crossdock_sdk::{Address, Contact, Extras, IdScheme, Party};

use super::context::Context;
use crate::wire;

/// What E1EDKA1 and E1EDPA1 have a field for.
const ORDER_FIELDS: [&str; 18] = [
    "PARVW",
    "PARTN",
    "NAME1",
    "STRAS",
    "STRS2",
    "ORT01",
    "PSTLZ",
    "LAND1",
    "REGIO",
    "TELF1",
    "BNAME",
    "ILNNR",
    "NAME2",
    "NAME3",
    "NAME4",
    "SPRAS",
    "SPRAS_ISO",
    "HAUSN",
];

/// What E1ADRM1 has a field for.
const DELIVERY_FIELDS: [&str; 16] = [
    "PARTNER_Q",
    "PARTNER_ID",
    "NAME1",
    "NAME2",
    "NAME3",
    "NAME4",
    "STREET1",
    "STREET2",
    "CITY1",
    "POSTL_COD1",
    "COUNTRY1",
    "REGION",
    "TELEPHONE1",
    "E_MAIL",
    "LANGUAGE",
    "HOUSE_SUPL",
];

/// A partner of an order or an invoice.
pub(super) fn of_order(segment: Segment<'_, '_>, context: &Context<'_>) -> Party {
    let get = |field: &str| segment.get(field).map(str::to_owned);
    let mut party = Party::new(
        context
            .config
            .role(segment.get("PARVW").unwrap_or_default()),
    );
    party.name = name(segment);
    identify(
        &mut party,
        segment.get("PARTN"),
        segment.get("ILNNR"),
        context,
    );
    if party.id.is_none() {
        // A plant has no partner number; SAP writes it where the vendor's would be.
        identify(&mut party, segment.get("LIFNR"), None, context);
    }
    party.address = address(
        segment,
        ["STRAS", "STRS2", "ORT01", "PSTLZ", "LAND1", "REGIO"],
    );
    let contact = Contact {
        name: get("BNAME"),
        phone: get("TELF1"),
        email: None,
    };
    if contact != Contact::default() {
        party.contacts.push(contact);
    }
    further_names(&mut party.extras, segment);
    if context.config.keep_extras {
        wire::keep(&mut party.extras, segment, &ORDER_FIELDS);
    }
    party
}

/// A partner of a delivery.
pub(super) fn of_delivery(segment: Segment<'_, '_>, context: &Context<'_>) -> Party {
    let get = |field: &str| segment.get(field).map(str::to_owned);
    let mut party = Party::new(
        context
            .config
            .role(segment.get("PARTNER_Q").unwrap_or_default()),
    );
    party.name = name(segment);
    identify(&mut party, segment.get("PARTNER_ID"), None, context);
    let fields = [
        "STREET1",
        "STREET2",
        "CITY1",
        "POSTL_COD1",
        "COUNTRY1",
        "REGION",
    ];
    party.address = address(segment, fields);
    let contact = Contact {
        name: None,
        phone: get("TELEPHONE1"),
        email: get("E_MAIL"),
    };
    if contact != Contact::default() {
        party.contacts.push(contact);
    }
    further_names(&mut party.extras, segment);
    if context.config.keep_extras {
        wire::keep(&mut party.extras, segment, &DELIVERY_FIELDS);
    }
    party
}

fn name(segment: Segment<'_, '_>) -> Option<String> {
    segment.get("NAME1").map(str::to_owned)
}

fn further_names(extras: &mut Extras, segment: Segment<'_, '_>) {
    for field in ["NAME2", "NAME3", "NAME4"] {
        wire::keep_field(extras, segment, field);
    }
}

/// SAP's number of the partner, else its global location number; the other one stays
/// among the extras.
fn identify(party: &mut Party, number: Option<&str>, gln: Option<&str>, context: &Context<'_>) {
    match (number, gln) {
        (Some(number), gln) => {
            party.id = Some(context.config.number(number).to_owned());
            party.scheme = Some(IdScheme::Organisation);
            let gln = gln.map(|gln| ("gln".to_owned(), gln.to_owned()));
            party.extras.extend(gln);
        }
        (None, Some(gln)) => {
            party.id = Some(gln.to_owned());
            party.scheme = Some(IdScheme::Gln);
        }
        (None, None) => {}
    }
}

fn address(segment: Segment<'_, '_>, fields: [&str; 6]) -> Option<Address> {
    let [street, second, city, postal_code, country, region] =
        fields.map(|field| segment.get(field).map(str::to_owned));
    let address = Address {
        lines: street.into_iter().chain(second).collect(),
        city,
        region,
        postal_code,
        country,
    };
    (address != Address::default()).then_some(address)
}
