//! Line numbers, and order quantities that are told more than once.

use crossdock_sdk::x12::Place;
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::{Decimal, ShipmentLine};

use super::line::Line;
use super::pack::Pack;
use crate::decode::context::Context;
use crate::wire;

/// Gives every line its number: what the sender calls the order's line; else LX-01
/// where each LX holds one line; else the line's count. Numbers that had to be made
/// up beside the sender's own begin with `#`, so that no line is added to another one
/// by accident.
pub(super) fn number(lines: &mut [Line<'_>], packs: &[Pack<'_>], context: &mut Context<'_>) {
    for pack in packs {
        if let Some(number) = &pack.line_number {
            for line in lines.iter_mut().take(pack.lines_end).skip(pack.lines_start) {
                line.number.get_or_insert_with(|| number.clone());
            }
        }
    }
    let named = lines.iter().filter(|line| line.number.is_some()).count();
    let by_loop = named == 0 && loops_number_lines(packs);
    for (index, line) in lines.iter_mut().enumerate() {
        let number = match line.number.take() {
            Some(number) => number,
            None if by_loop => match packs.get(index) {
                Some(pack) => text(pack.number).into_owned(),
                None => (index + 1).to_string(),
            },
            None if named == 0 => (index + 1).to_string(),
            None => {
                let number = format!("#{}", index + 1);
                let remark = format!(
                    "nothing numbers this line, though others are numbered; it is called {number}"
                );
                context.remark("line-number-assumed", remark, line.place);
                number
            }
        };
        line.line.line_no = number;
    }
}

/// Whether each LX holds exactly one line and no pack, under a number of its own.
fn loops_number_lines(packs: &[Pack<'_>]) -> bool {
    let single = |pack: &Pack<'_>| {
        pack.lines_end == pack.lines_start + 1 && !pack.has_marks() && !pack.number.is_empty()
    };
    if !packs.iter().all(single) {
        return false;
    }
    let numbers: Vec<_> = packs.iter().map(|pack| text(pack.number)).collect();
    wire::by_number(numbers.len(), &|place| &numbers[place]).len() == packs.len()
}

/// Several W12 of one order line may each repeat what was ordered in all. Added up
/// that would be too much. It is recognised where all of them say the same, none of
/// them states a difference, each alone is short, and together they do not exceed it;
/// then only the first keeps the quantity. Anything less clear is left as it was sent.
pub(super) fn settle_repeated_orders(
    lines: &mut [ShipmentLine],
    same: &wire::Groups,
    context: &mut Context<'_>,
    place: Option<Place>,
) {
    for same in same.iter() {
        let [first, rest @ ..] = same else {
            continue;
        };
        if rest.is_empty() || !repeats_order(lines, same) {
            continue;
        }
        let number = lines
            .get(*first)
            .map(|line| line.line_no.clone())
            .unwrap_or_default();
        for index in rest {
            let Some(line) = lines.get_mut(*index) else {
                continue;
            };
            if let Some(ordered) = line.ordered.take() {
                line.extras
                    .push(("W12-02".to_owned(), ordered.value.to_string()));
            }
            line.difference = None;
        }
        let text = format!(
            "each of {} lines numbered {number} repeats the quantity ordered in all; only the first keeps it",
            same.len()
        );
        context.remark("ordered-repeated", text, place.unwrap_or_default());
    }
}

fn repeats_order(lines: &[ShipmentLine], same: &[usize]) -> bool {
    let mut total = Decimal::ZERO;
    let mut ordered: Option<Decimal> = None;
    for line in same.iter().filter_map(|index| lines.get(*index)) {
        let Some(own) = &line.ordered else {
            return false;
        };
        if line
            .difference
            .as_ref()
            .is_some_and(|difference| !difference.value.is_zero())
        {
            return false;
        }
        let known = ordered.get_or_insert(own.value);
        if !known.is_equal(own.value) || line.shipped.value.compare(own.value).is_ge() {
            return false;
        }
        match total.checked_add(line.shipped.value) {
            Ok(sum) => total = sum,
            Err(_) => return false,
        }
    }
    ordered.is_some_and(|ordered| total.compare(ordered).is_le())
}
