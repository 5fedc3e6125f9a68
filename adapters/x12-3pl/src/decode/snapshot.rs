//! 846, inventory inquiry or advice, to a snapshot of a node's stock.
//!
//! The set is a header (BIA to LM), one loop for each item (LIN), and a count (CTT).
//! What a figure (QTY) counts is told by a code that partners use as they like, so it
//! is read by the partner's table and the standard's own names; a code in neither is
//! refused by name, once for all its figures.

use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Date, Fault, Place, Segment, Spec, TransactionSet};
use crossdock_sdk::{
    Decimal, Document, Extras, InventorySnapshot, Moment, Party, PartyRole, Problem,
};

use super::context::Context;
use super::{Mapped, party};
use crate::codes::{self, Figure};
use crate::wire::{self, exact};
use line::Line;

mod line;

/// Segments of the 846 that have no field and are kept element by element.
const KEPT: [&[u8]; 20] = [
    b"CUR", b"PER", b"MEA", b"LM", b"LQ", b"PID", b"PKG", b"CTP", b"SAC", b"MAN", b"CS", b"DD",
    b"G53", b"PCT", b"LDT", b"SLN", b"SCH", b"N2", b"N3", b"N4",
];

/// The name of a store's figures (SDQ) in the table `stock`.
const PER_STORE: &str = "SDQ";

/// Reads an 846.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft {
        context,
        area: Area::Header,
        snapshot: InventorySnapshot::new("", Moment::local("")),
        header: None,
        party: None,
        ship_from: None,
        lines: Vec::new(),
        unmapped: Vec::new(),
        count: None,
    };
    for segment in set.segments() {
        if let Err(fault) = draft.take(&segment) {
            draft.context.fault(*fault);
        }
    }
    draft.finish(set)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    Header,
    /// Behind a LIN.
    Line,
    /// Behind a QTY of that line.
    Figure,
    /// Behind an N1 of that line.
    Location,
    /// Behind CTT.
    Summary,
}

/// A snapshot as far as it was read.
struct Draft<'c> {
    context: Context<'c>,
    area: Area,
    snapshot: InventorySnapshot,
    /// Place of BIA, once it was read.
    header: Option<Place>,
    party: Option<Party>,
    /// The ship-from's id, should no warehouse be named.
    ship_from: Option<String>,
    lines: Vec<Line>,
    /// Qualifiers that were refused already.
    unmapped: Vec<String>,
    /// CTT-01 and where it stands.
    count: Option<(Decimal, Place)>,
}

// === impl Draft ===

impl Draft<'_> {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if let Some(party) = &mut self.party {
            // The one set whose parties have references.
            if segment.is("REF") {
                wire::keep_qualified(&mut party.extras, segment);
                return Ok(());
            }
            if party::add(segment, party, &mut self.context)? {
                return Ok(());
            }
            self.close_party();
        }
        match segment.id() {
            b"ST" | b"SE" | b"LS" | b"LE" => Ok(()),
            b"BIA" => self.identification(segment),
            b"N1" if self.area == Area::Header => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"LIN" => {
                self.area = Area::Line;
                // Even a line that can't be read counts, or another would take its
                // segments.
                let (line, fault) = match Line::read(segment, &mut self.context) {
                    Ok(line) => (line, None),
                    Err(fault) => (Line::unreadable(segment), Some(fault)),
                };
                self.lines.push(line);
                fault.map_or(Ok(()), Err)
            }
            b"CTT" => self.summary(segment),
            _ => match self.lines.last_mut().filter(|_| self.area != Area::Summary) {
                Some(_) => self.of_line(segment),
                None => {
                    match segment.id() {
                        b"DTM" | b"REF" => {
                            wire::keep_qualified(&mut self.snapshot.extras, segment);
                        }
                        _ => self.keep(segment),
                    }
                    Ok(())
                }
            },
        }
    }

    fn identification(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let snapshot = &mut self.snapshot;
        if self.header.is_some() {
            self.context.repeated(segment, &mut snapshot.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        let mut bia = self.context.elements(segment);
        let purpose = bia.required(Spec::at(1).reference(353).length(2, 2))?;
        let report = bia.expected(Spec::at(2).reference(755).length(2, 2))?;
        let number = bia.required(Spec::at(3).reference(127).length(1, 50))?;
        let date: Date = bia.required_date(Spec::at(4).reference(373))?;
        let time = bia.time(Spec::at(5).reference(337))?;
        snapshot.purpose = codes::read(&purpose);
        snapshot.report_type = report.map(|report| report.into_owned());
        snapshot.snapshot_id = number.into_owned();
        snapshot.as_of = wire::moment(date, time, b"");
        wire::keep_from(&mut snapshot.extras, segment, 6);
        Ok(())
    }

    fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        let node = match party.role {
            PartyRole::Warehouse => &mut self.snapshot.node,
            _ => &mut self.ship_from,
        };
        let says = matches!(party.role, PartyRole::Warehouse | PartyRole::ShipFrom);
        if says && node.is_none() {
            node.clone_from(&party.id);
        }
        self.snapshot.parties.push(party);
    }

    /// What stands in the loop of an item.
    fn of_line(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let Some(line) = self.lines.last_mut() else {
            return Ok(());
        };
        let context = &mut self.context;
        match segment.id() {
            b"QTY" => {
                self.area = Area::Figure;
                self.figure(segment)
            }
            b"SDQ" => line.split(segment, context),
            b"UIT" => line.unit(segment, self.area == Area::Figure, context),
            b"DTM" => line.date(segment, self.area == Area::Figure, context),
            b"REF" if self.area == Area::Location => {
                wire::keep_qualified(&mut line.line.extras, segment);
                Ok(())
            }
            b"REF" => line.refer(segment, self.area == Area::Figure, context),
            b"N1" => {
                self.area = Area::Location;
                line.locate(segment, context)
            }
            _ => {
                self.keep(segment);
                Ok(())
            }
        }
    }

    fn figure(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let qualifier = self
            .context
            .elements(segment)
            .required(Spec::at(1).reference(673).length(2, 2))?;
        let Some(line) = self.lines.last_mut() else {
            return Ok(());
        };
        match self.context.config.figure(&qualifier) {
            Some(Figure::Kind(kind)) => line.figure(segment, kind, &mut self.context),
            Some(Figure::Ignored) => {
                line.ignored = true;
                wire::keep_qualified(&mut line.line.extras, segment);
                Ok(())
            }
            None => {
                self.refuse_kind(&qualifier, segment.place_of(1));
                Ok(())
            }
        }
    }

    fn refuse_kind(&mut self, qualifier: &str, place: Place) {
        if self.unmapped.iter().any(|known| known == qualifier) {
            return;
        }
        self.unmapped.push(qualifier.to_owned());
        let what = match qualifier {
            PER_STORE => "nothing says what the figures per store (SDQ) count".to_owned(),
            _ => format!("nothing says what figures of the quantity qualifier {qualifier} count"),
        };
        let problem = Problem::settings("stock-kind-unmapped", what)
            .at(wire::place(&place))
            .with_value(qualifier)
            .with_remedy(format!(
                "set `stock.{qualifier}` for the partner to what they count (`on-hand`, `available`, …), or to `ignore`"
            ));
        self.context.refuse(problem);
    }

    fn summary(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        self.area = Area::Summary;
        let count = self
            .context
            .elements(segment)
            .expected_decimal(Spec::at(1).reference(354))?;
        let place = segment.place().element(1);
        self.count = count.map(|count| (exact(count), place));
        wire::keep_from(&mut self.snapshot.extras, segment, 2);
        Ok(())
    }

    fn keep(&mut self, segment: &Segment<'_>) {
        let id = segment.id();
        if !KEPT.contains(&id) {
            self.context.foreign(segment, "846");
        }
        wire::keep_from(self.extras(), segment, 1);
    }

    fn extras(&mut self) -> &mut Extras {
        let line = match self.area {
            Area::Header | Area::Summary => None,
            _ => self.lines.last_mut().map(|line| &mut line.line.extras),
        };
        line.unwrap_or(&mut self.snapshot.extras)
    }

    // === the end ===

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        let place = self.header.unwrap_or_default();
        if self.header.is_none() {
            self.context.missing("BIA", 2, set.offset());
        } else if self.lines.is_empty() {
            self.context.missing("LIN", place.ordinal + 1, set.offset());
        }
        if let Some((stated, place)) = self.count {
            let count = self.lines.len();
            if stated.to_integer() != i64::try_from(count).ok() {
                let text = format!("CTT-01 says {stated} items, {count} were read");
                self.context.remark("total-mismatch", text, place);
            }
        }
        // Of a set that is refused anyway, nobody needs the stocks.
        if self.context.is_sound() {
            self.settle();
        }
        let snapshot = self.snapshot;
        self.context
            .finish(|| Document::InventorySnapshot(snapshot))
    }

    fn settle(&mut self) {
        let snapshot = &mut self.snapshot;
        snapshot.node = snapshot.node.take().or(self.ship_from.take());
        for mut line in std::mem::take(&mut self.lines) {
            let per_store = match line.kind_per_store(&self.context) {
                Ok(kind) => kind,
                Err(place) => {
                    self.refuse_kind(PER_STORE, place);
                    continue;
                }
            };
            let ignored = line.ignored;
            let (place, items) = (line.place, line.line.items.clone());
            let lines = line.settle(per_store, &mut self.context);
            let snapshot = &mut self.snapshot;
            if lines.is_empty() && !ignored && self.context.is_sound() {
                let items: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
                let items = items.join(" ");
                let text = format!("item {items} has no figures, so it has no line");
                self.context.remark("line-without-stock", text, place);
                snapshot.extras.push(("LIN".to_owned(), items));
            }
            snapshot.lines.extend(lines);
        }
    }
}

/// The text of an element, without blanks around it; absent when empty.
fn filled(raw: &[u8]) -> Option<String> {
    let raw = raw.trim_ascii();
    (!raw.is_empty()).then(|| text(raw).into_owned())
}
