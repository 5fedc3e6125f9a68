//! 180, return merchandise authorization and notification, to an authorisation.
//!
//! The set is a header (BGN to LM) and one loop for each item (BLI), which may name
//! single units (QTY, LX, N9*SE). Whether the return is asked for, allowed or refused
//! is told by the disposition code of the header (RDR-01), else by its action code
//! (BGN-08), else by that of the items.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec, TransactionSet};
use crossdock_sdk::{
    Document, Extras, Party, PartyRole, ReturnAuthorization, ReturnReason, ReturnState,
};

use super::context::Context;
use super::{Mapped, numbering, party};
use crate::codes;
use crate::wire;
use line::Line;

mod line;

pub(crate) use line::{WORDS_SEPARATOR, disposition_words, reason_words};

/// Element 306 of a header that asks for permission: request.
pub(crate) const REQUEST: &str = "7";

/// Segments of the 180 that have no field and are kept element by element.
const KEPT: [&[u8]; 24] = [
    b"PER", b"SAC", b"G38", b"PKG", b"TD1", b"TD5", b"LM", b"LQ", b"PID", b"AMT", b"MEA", b"CRC",
    b"PRF", b"DD", b"GF", b"SDQ", b"N1", b"N2", b"N3", b"N4", b"FA1", b"FA2", b"QTY", b"CTT",
];

/// Reads a 180.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft {
        context,
        returned: ReturnAuthorization::new("", ReturnState::Requested),
        header: None,
        state: None,
        reason: None,
        party: None,
        lines: Vec::new(),
    };
    for segment in set.segments() {
        if let Err(fault) = draft.take(&segment) {
            draft.context.fault(*fault);
        }
    }
    draft.finish(set)
}

/// An authorisation as far as it was read.
struct Draft<'c> {
    context: Context<'c>,
    returned: ReturnAuthorization,
    /// Place of BGN, once it was read.
    header: Option<Place>,
    /// By RDR-01 or BGN-08.
    state: Option<ReturnState>,
    /// RDR-02 of the header, for lines that give none.
    reason: Option<ReturnReason>,
    party: Option<Party>,
    lines: Vec<Line>,
}

// === impl Draft ===

impl Draft<'_> {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if let Some(party) = &mut self.party {
            if party::add(segment, party, &mut self.context)? {
                return Ok(());
            }
            self.close_party();
        }
        let id = segment.id();
        if id == b"BLI" {
            return self.line(segment);
        }
        if let Some(line) = self.lines.last_mut()
            && line.take(segment, &mut self.context)?
        {
            return Ok(());
        }
        let in_header = self.lines.is_empty();
        match id {
            b"ST" | b"SE" => Ok(()),
            b"BGN" => self.identification(segment),
            b"RDR" if in_header => self.verdict(segment),
            b"PRF" if in_header => {
                let mut prf = self.context.elements(segment);
                let order_no = prf.required(Spec::at(1).reference(324).length(1, 22))?;
                self.returned.order_no = Some(order_no.into_owned());
                wire::keep_from(&mut self.returned.extras, segment, 2);
                Ok(())
            }
            b"DTM" if in_header => self.date(segment),
            b"N9" | b"REF" if in_header => {
                let ReturnAuthorization {
                    references, extras, ..
                } = &mut self.returned;
                references.extend(self.context.reference(segment, extras)?);
                Ok(())
            }
            b"N1" if in_header => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"NTE" | b"DTM" => {
                wire::keep_qualified(self.extras(), segment);
                Ok(())
            }
            _ => {
                if !KEPT.contains(&id) {
                    self.context.foreign(segment, "180");
                }
                wire::keep_from(self.extras(), segment, 1);
                Ok(())
            }
        }
    }

    fn identification(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let returned = &mut self.returned;
        if self.header.is_some() {
            self.context.repeated(segment, &mut returned.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        let dated = Spec::at(3).reference(373);
        let mut bgn = self.context.elements(segment);
        let purpose = bgn.required(Spec::at(1).reference(353).length(2, 2))?;
        let rma_no = bgn.required(Spec::at(2).reference(127).length(1, 50))?;
        let date = bgn.date(dated)?;
        let time = bgn.time(Spec::at(4).reference(337))?;
        let action = bgn.optional(Spec::at(8).reference(306).length(1, 2))?;
        if date.is_none() {
            let text = "no date, which the standard demands; read without";
            bgn.remark(dated, ElementError::MandatoryMissing, text);
        }
        returned.purpose = codes::read(&purpose);
        returned.rma_no = rma_no.into_owned();
        returned.issued_at = date.map(|date| wire::moment(date, time, segment.element(5)));
        self.state = match action.as_deref() {
            Some(REQUEST) => Some(ReturnState::Requested),
            Some("0" | "11") => Some(ReturnState::Authorized),
            Some("21") => Some(ReturnState::Denied),
            _ => None,
        };
        for element in [6, 7] {
            wire::keep(&mut returned.extras, segment, element);
        }
        if action.is_some_and(|action| action != REQUEST) {
            wire::keep(&mut returned.extras, segment, 8);
        }
        wire::keep_from(&mut returned.extras, segment, 9);
        Ok(())
    }

    /// RDR of the header: what becomes of the request, and why.
    fn verdict(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let returned = &mut self.returned;
        let mut rdr = self.context.elements(segment);
        let code = rdr.optional(Spec::at(1).reference(1292).length(2, 2))?;
        let reason = rdr.optional(Spec::at(2).reference(1293).length(2, 2))?;
        let answer = rdr.optional(Spec::at(3).reference(1294).length(2, 2))?;
        let words = rdr.optional(Spec::at(4).reference(352).length(1, 80))?;
        let state = code.as_deref().and_then(codes::return_state);
        let told = state.as_ref().and_then(codes::state_code);
        if told != code.as_deref() {
            wire::keep(&mut returned.extras, segment, 1);
        }
        self.state = state.or(self.state.take());
        if let Some(reason) = reason {
            self.reason = Some(codes::read(&reason));
            wire::keep(&mut returned.extras, segment, 2);
        }
        returned.reason = match (words, answer) {
            (Some(words), _) => {
                wire::keep(&mut returned.extras, segment, 3);
                Some(words.into_owned())
            }
            (None, answer) => answer.map(|code| code.into_owned()),
        };
        wire::keep_from(&mut returned.extras, segment, 5);
        Ok(())
    }

    fn date(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let (qualifier, moment) = self.context.long_date(segment)?;
        let returned = &mut self.returned;
        match moment {
            Some(moment) if qualifier == b"036" && returned.expires.is_none() => {
                returned.expires = moment.text.get(..10).map(str::to_owned);
                if moment.text.len() > 10 {
                    wire::keep_qualified(&mut returned.extras, segment);
                }
            }
            _ => wire::keep_qualified(&mut returned.extras, segment),
        }
        Ok(())
    }

    fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        let returned = &mut self.returned;
        if party.role == PartyRole::Warehouse && party.id.is_some() && returned.node.is_none() {
            returned.node.clone_from(&party.id);
        }
        returned.parties.push(party);
    }

    fn line(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        // Even a line that can't be read counts, or another would take its segments.
        let (line, fault) = match Line::read(segment, &mut self.context) {
            Ok(line) => (line, None),
            Err(fault) => (Line::unreadable(segment), Some(fault)),
        };
        self.lines.push(line);
        fault.map_or(Ok(()), Err)
    }

    fn extras(&mut self) -> &mut Extras {
        let line = self.lines.last_mut().map(|line| &mut line.line.extras);
        line.unwrap_or(&mut self.returned.extras)
    }

    // === the end ===

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        let place = self.header.unwrap_or_default();
        if self.header.is_none() {
            self.context.missing("BGN", 2, set.offset());
        }
        // Of a set that is refused anyway, nobody needs the rest.
        if self.context.is_sound() {
            self.settle(place);
        }
        let lines = self.lines.into_iter().map(|line| line.line).collect();
        let returned = ReturnAuthorization {
            lines,
            ..self.returned
        };
        self.context
            .finish(|| Document::ReturnAuthorization(returned))
    }

    fn settle(&mut self, place: Place) {
        let of_lines = || {
            let mut states = self.lines.iter().map(|line| line.state.clone());
            let first = states.next().flatten()?;
            states
                .all(|state| state.as_ref() == Some(&first))
                .then_some(first)
        };
        self.returned.state = match self.state.take().or_else(of_lines) {
            Some(state) => state,
            None => {
                let text = "neither RDR-01 nor BGN-08 says whether the return is asked for or allowed; taken as asked for".to_owned();
                self.context
                    .remark("return-state-assumed", text, place.element(8));
                ReturnState::Requested
            }
        };
        if self.lines.is_empty() {
            let text = "the return names no items (BLI)".to_owned();
            self.context.remark("return-without-lines", text, place);
        }
        let own = self
            .lines
            .iter_mut()
            .map(|line| (line.number.take(), line.place));
        let numbers = numbering::numbers(own, &mut self.context);
        for (line, number) in self.lines.iter_mut().zip(numbers) {
            line.line.line_no = number;
            line.settle(
                self.reason.as_ref(),
                &self.returned.state,
                &mut self.context,
            );
        }
    }
}
