//! The lots of a line, and the dates that belong to them.
//!
//! A line tells its lots in several ways: in an element of its own, as references
//! (N9*LT) that may say how much is of the lot, as one of its product numbers. Their
//! dates (G62*36 expires, G62*94 was made) stand beside or behind them, and which
//! date is whose is settled only when all of the line was read.

use crossdock_sdk::x12::{Fault, Place, Segment, Spec};
use crossdock_sdk::{Extras, Lot, LotQuantity, Moment, Quantity};

use super::context::Context;
use crate::settings::LotDate;
use crate::wire;

/// The lots of a line as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Lots {
    list: Vec<LotQuantity>,
    dates: Vec<Dated>,
}

/// A date that belongs to a lot.
#[derive(Debug)]
struct Dated {
    expiry: bool,
    moment: Moment,
    /// Lots that were read before it.
    lots: usize,
    /// Whether the segment before it was the last of those.
    adjacent: bool,
    ordinal: u32,
}

// === impl Lots ===

impl Lots {
    /// A lot, unless it is known; then only what is new about it.
    pub(crate) fn add(&mut self, number: String, quantity: Option<Quantity>) {
        let known = self.list.iter_mut().find(|it| it.lot.number == number);
        match known {
            Some(known) => known.quantity = known.quantity.take().or(quantity),
            None => {
                if self.list.is_empty() {
                    // Most lines have one; room for four would be the next step.
                    self.list.reserve_exact(1);
                }
                self.list.push(LotQuantity::new(Lot::new(number), quantity));
            }
        }
    }

    /// The same from N9*LT, whose date (N9-04) may be agreed to be the lot's.
    ///
    /// # Errors
    /// When that date is none.
    pub(crate) fn add_reference(
        &mut self,
        segment: &Segment<'_>,
        (number, quantity): (String, Option<Quantity>),
        extras: &mut Extras,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let agreed = context.config.lot_date;
        let mut date = None;
        if agreed != LotDate::Unknown {
            date = context
                .elements(segment)
                .date(Spec::at(4).reference(373))?
                .map(|date| date.to_string());
        }
        self.add(number.clone(), quantity);
        let known = self.list.iter_mut().find(|it| it.lot.number == number);
        if let (Some(date), Some(known)) = (date, known) {
            let place = match agreed {
                LotDate::Manufactured => &mut known.lot.manufactured,
                _ => &mut known.lot.expiry,
            };
            if place.is_none() {
                *place = Some(date);
                // It has its field, so it is no extra.
                if extras.last().is_some_and(|(name, _)| name == "N9*LT-04") {
                    extras.pop();
                }
            }
        }
        Ok(())
    }

    /// Reads G62: 36 expires, 94 was made; any other date goes to the extras.
    ///
    /// # Errors
    /// When date or time is none.
    pub(crate) fn date(
        &mut self,
        segment: &Segment<'_>,
        extras: &mut Extras,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let (qualifier, moment) = context.date(segment)?;
        let expiry = match qualifier {
            b"36" => true,
            b"94" => false,
            _ => {
                wire::keep_qualified(extras, segment);
                return Ok(());
            }
        };
        let Some(moment) = moment else {
            wire::keep_qualified(extras, segment);
            return Ok(());
        };
        let lots = self.list.len();
        let before = self.dates.last();
        let adjacent = before.is_none_or(|before| {
            before.lots != lots || (before.adjacent && before.ordinal + 1 == segment.ordinal())
        });
        self.dates.push(Dated {
            expiry,
            moment,
            lots,
            adjacent,
            ordinal: segment.ordinal(),
        });
        Ok(())
    }

    /// The lots with their dates; a date that could be of several is kept among the
    /// extras, with a remark at `place`.
    pub(crate) fn settle(
        &mut self,
        place: Place,
        extras: &mut Extras,
        context: &mut Context<'_>,
    ) -> Vec<LotQuantity> {
        if !self.dates.is_empty() {
            let dates = std::mem::take(&mut self.dates);
            for expiry in [true, false] {
                let these: Vec<&Dated> =
                    dates.iter().filter(|date| date.expiry == expiry).collect();
                self.settle_dates(&these, (place, expiry), extras, context);
            }
        }
        std::mem::take(&mut self.list)
    }

    /// Gives the dates of one kind to the lots: one each in order, or each to the lot
    /// that stands right before it.
    fn settle_dates(
        &mut self,
        dates: &[&Dated],
        (place, expiry): (Place, bool),
        extras: &mut Extras,
        context: &mut Context<'_>,
    ) {
        let lots = self.list.len();
        // Between the lots rather than behind all of them.
        let interleaved = dates.iter().any(|date| date.lots < lots);
        for (index, date) in dates.iter().enumerate() {
            let one_each = dates.len() == lots;
            let after_each = date.adjacent && (date.lots == 1 || interleaved);
            let target = if one_each {
                Some(index)
            } else if after_each {
                date.lots.checked_sub(1)
            } else {
                None
            };
            let day = date.moment.text.get(..10).unwrap_or_default().to_owned();
            let lot = target.and_then(|target| self.list.get_mut(target));
            let field = lot.map(|known| {
                if expiry {
                    &mut known.lot.expiry
                } else {
                    &mut known.lot.manufactured
                }
            });
            match field {
                Some(field @ None) => *field = Some(day),
                _ => {
                    let name = if expiry { "G62*36" } else { "G62*94" };
                    extras.push((name.to_owned(), day));
                    if lots > 1 {
                        let text = format!(
                            "{name} could belong to any of {lots} lots; kept among the extras"
                        );
                        context.remark("lot-date-ambiguous", text, place);
                    }
                }
            }
        }
    }
}
