//! The header of a 945: W06, N1, W27, G72, N9.

use std::borrow::Cow;

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::{Fault, Finding, Place, Segment, Severity, Spec};
use crossdock_sdk::{Charge, Money, PartyRole, Purpose};

use super::Draft;
use crate::decode::carrier;
use crate::wire::{self, exact};

/// W06-02.
const ORDER_NO: Spec = Spec::at(2).reference(285).length(1, 22);

/// N9 of an order's number (element 128).
const ORDER_REFERENCE: &str = "OQ";

impl<'a> Draft<'a, '_> {
    pub(super) fn identification(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        if self.header.is_some() {
            self.context.repeated(segment, &mut self.shipment.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        self.reporting = segment.trimmed(1);
        let mut w06 = self.context.elements(segment);
        // First, so that a fault in another element does not hide that they are there.
        let order_no = w06.optional(ORDER_NO)?;
        self.shipment.order_no = order_no.map_or_else(String::new, Cow::into_owned);
        let customer_po = w06.optional(Spec::at(6).reference(324).length(1, 22))?;
        self.shipment.customer_po = customer_po.map(Cow::into_owned);
        let code = w06.required(Spec::at(1).reference(514).length(1, 1))?;
        self.ship_date = w06.date(Spec::at(3).reference(373))?;
        let shipment_id = w06.optional(Spec::at(4).reference(145).length(1, 30))?;
        let agent_id = w06.optional(Spec::at(5).reference(531).length(1, 12))?;
        let shipment = &mut self.shipment;
        shipment.purpose = match &*code {
            // Full detail, original, no exceptions, exceptions only.
            "F" | "J" | "N" | "X" => Purpose::Original,
            _ => Purpose::Other(code.clone().into_owned()),
        };
        if matches!(&*code, "J" | "N" | "X") {
            wire::keep(&mut shipment.extras, segment, 1);
        }
        match (shipment_id, agent_id) {
            (Some(id), agent_id) => {
                shipment.shipment_id = id.into_owned();
                if agent_id.is_some() {
                    wire::keep(&mut shipment.extras, segment, 5);
                }
            }
            (None, Some(id)) => shipment.shipment_id = id.into_owned(),
            (None, None) => {}
        }
        if self.context.config.shipment_is_bill_of_lading && !shipment.shipment_id.is_empty() {
            shipment.bill_of_lading = Some(shipment.shipment_id.clone());
        }
        wire::keep_from(&mut shipment.extras, segment, 7);
        Ok(())
    }

    pub(super) fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        let node = match party.role {
            PartyRole::Warehouse => true,
            PartyRole::ShipFrom => self.shipment.node.is_none(),
            _ => false,
        };
        if node && party.id.is_some() {
            self.shipment.node.clone_from(&party.id);
        }
        self.shipment.parties.push(party);
    }

    pub(super) fn carrier(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let extras = &mut self.shipment.extras;
        let known = carrier::sending(segment, extras, &mut self.context)?;
        self.shipment.carrier = known.or(self.shipment.carrier.take());
        Ok(())
    }

    pub(super) fn charge(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let mut g72 = self.context.elements(segment);
        let code = g72
            .required(Spec::at(1).reference(340).length(1, 3))?
            .into_owned();
        let amount = g72.implied(Spec::at(8).reference(610).length(1, 15), 2)?;
        let Some(amount) = amount else {
            wire::keep_from(&mut self.shipment.extras, segment, 1);
            return Ok(());
        };
        let amount = Money::new(exact(amount), self.context.config.currency);
        self.shipment.charges.push(Charge::new(code, amount));
        for element in (2..=segment.element_count()).filter(|element| *element != 8) {
            wire::keep(&mut self.shipment.extras, segment, element);
        }
        Ok(())
    }

    pub(super) fn header_reference(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let shipment = &mut self.shipment;
        let Some(reference) = self.context.reference(segment, &mut shipment.extras)? else {
            return Ok(());
        };
        let plain = reference.description.is_none() && !reference.value.is_empty();
        match reference.qualifier.as_str() {
            "BM" if plain && shipment.bill_of_lading.is_none() => {
                shipment.bill_of_lading = Some(reference.value);
            }
            "CN" if plain && shipment.pro_number.is_none() => {
                shipment.pro_number = Some(reference.value);
            }
            "2I" if plain => shipment.tracking.push(reference.value),
            _ => shipment.references.push(reference),
        }
        Ok(())
    }

    /// Settles when it left, for which order and under which number.
    pub(super) fn settle_header(&mut self) {
        let place = self.header.unwrap_or_default();
        self.settle_order_no(place);
        let shipment = &mut self.shipment;
        if shipment.expected_delivery.is_none() {
            shipment.expected_delivery = self.scheduled.take();
        } else if let Some(scheduled) = self.scheduled.take() {
            shipment.extras.push(("G62*70".to_owned(), scheduled.text));
        }
        if shipment.shipment_id.is_empty() && !shipment.order_no.is_empty() {
            let number = shipment
                .bill_of_lading
                .as_ref()
                .unwrap_or(&shipment.order_no)
                .clone();
            let text = format!("no shipment number in W06-04 or W06-05; {number} was taken");
            shipment.shipment_id = number;
            self.context
                .remark("shipment-id-assumed", text, place.element(4));
        }
        shipment.shipped_at = match (self.ship_date, self.shipped.take()) {
            (None, Some(moment)) => moment,
            // The same day, with its time.
            (Some(date), Some(moment)) if moment.text.starts_with(&date.to_string()) => moment,
            (Some(date), other) => {
                if let Some(other) = other {
                    let text = format!(
                        "W06-03 says that it left on {date}, G62*11 says {}; the former was taken",
                        other.text
                    );
                    shipment.extras.push(("G62*11".to_owned(), other.text));
                    self.context
                        .remark("ship-date-contradiction", text, place.element(3));
                }
                wire::moment(date, None, b"")
            }
            (None, None) => self.context.assume_ship_date(place),
        };
    }

    /// The order's number where W06-02 is empty, which the standard allows: another
    /// element that names it, else the purchase order it was made from.
    fn settle_order_no(&mut self, place: Place) {
        let shipment = &mut self.shipment;
        if !shipment.order_no.is_empty() {
            return;
        }
        let referred = shipment.references.iter().find(|reference| {
            reference.qualifier == ORDER_REFERENCE && !reference.value.is_empty()
        });
        let (from, number) = match (referred, &shipment.customer_po) {
            (Some(reference), _) => ("N9*OQ", reference.value.clone()),
            (None, Some(number)) => ("W06-06, the purchase order", number.clone()),
            (None, None) => {
                let text = "nothing names the order: neither W06-02 nor W06-06 nor N9*OQ";
                let error = ElementError::ConditionalMissing;
                let fault = Finding::new(Severity::Reject, error, place.element(2), text);
                self.context.fault(fault.with_reference(285));
                return;
            }
        };
        let text = format!("no order number in W06-02; {number} was taken from {from}");
        shipment.order_no = number;
        self.context
            .remark("order-no-assumed", text, place.element(2));
    }
}
