//! Who carries: W27 of what leaves, W08 of what came.

use std::borrow::Cow;

use crossdock_sdk::x12::{Fault, Segment, Spec};
use crossdock_sdk::{Carrier, Extras, TransportMode};

use super::context::Context;
use crate::codes;
use crate::wire;

/// Where a segment has the elements of its carrier, beside -01 to -03.
struct Layout {
    /// Element 146; 0 where there is none.
    payment: u16,
    /// Elements 206 and 207.
    equipment: [u16; 2],
    /// Those without a field.
    kept: &'static [usize],
    /// The first of the rest, none of which has a field.
    rest: usize,
}

const W27: Layout = Layout {
    payment: 4,
    equipment: [6, 7],
    kept: &[5],
    rest: 8,
};

const W08: Layout = Layout {
    payment: 0,
    equipment: [4, 5],
    kept: &[],
    rest: 6,
};

/// Reads W27; absent when it says nothing.
///
/// # Errors
/// As the elements'.
pub(crate) fn sending(
    segment: &Segment<'_>,
    extras: &mut Extras,
    context: &mut Context<'_>,
) -> Result<Option<Carrier>, Fault> {
    read(segment, &W27, extras, context)
}

/// Reads W08; absent when it says nothing.
///
/// # Errors
/// As the elements'.
pub(crate) fn receiving(
    segment: &Segment<'_>,
    extras: &mut Extras,
    context: &mut Context<'_>,
) -> Result<Option<Carrier>, Fault> {
    read(segment, &W08, extras, context)
}

fn read(
    segment: &Segment<'_>,
    layout: &Layout,
    extras: &mut Extras,
    context: &mut Context<'_>,
) -> Result<Option<Carrier>, Fault> {
    let config = context.config;
    let mut elements = context.elements(segment);
    let mode = elements.expected(Spec::at(1).reference(91).length(1, 2))?;
    let scac = elements.optional(Spec::at(2).reference(140).length(2, 4))?;
    let routing = elements.optional(Spec::at(3).reference(387).length(1, 35))?;
    let payment = match layout.payment {
        0 => None,
        at => elements.optional(Spec::at(at).reference(146).length(2, 2))?,
    };
    let [initial, number] = layout.equipment;
    let initial = elements.optional(Spec::at(initial).reference(206).length(1, 4))?;
    let number = elements.optional(Spec::at(number).reference(207).length(1, 15))?;
    let is_plain = |mode: &str| codes::is_first::<TransportMode>(mode);
    if !mode.as_deref().is_none_or(is_plain) {
        wire::keep(extras, segment, 1);
    }
    for element in layout.kept {
        wire::keep(extras, segment, *element);
    }
    wire::keep_from(extras, segment, layout.rest);
    let service = routing
        .as_deref()
        .and_then(|routing| config.service(routing));
    let carrier = Carrier {
        scac: scac.map(|scac| config.carrier(&scac)),
        name: routing.filter(|_| service.is_none()).map(Cow::into_owned),
        service: service.map(str::to_owned),
        mode: mode.map(|mode| codes::read(&mode)),
        payment: payment.map(|payment| codes::read(&payment)),
        equipment: match (initial, number) {
            (Some(initial), Some(number)) => Some(format!("{initial} {number}")),
            (one, other) => one.or(other).map(Cow::into_owned),
        },
    };
    Ok(Some(carrier).filter(|carrier| *carrier != Carrier::default()))
}
