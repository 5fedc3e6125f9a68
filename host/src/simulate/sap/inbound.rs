//! IDocs that come as XML: each is received under a number of SAP's own, then posted or
//! not. What became of it is its status, not the answer to the request.

use crossdock_sdk::{
    Decimal,
    idoc::{Idoc, Reader, Segment, value},
};

use super::{KEPT_MAX, Sap, outbound};
use crate::{
    clock::Timestamp,
    simulate::{
        script::Business,
        wire::{Answer, Request},
    },
};

/// An IDoc that came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// SAP's own number.
    pub(super) docnum: u64,
    /// The sender's, without the noughts in front.
    pub(super) number: String,
    /// `SHPCON`.
    pub(super) message_type: String,
    /// 51 not posted, 53 posted, 56 of nobody that is known.
    pub(super) status: &'static str,
    /// Why.
    pub(super) text: String,
    /// Whether the sender was told.
    pub(super) reported: bool,
}

fn page(status: u16, title: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    );
    Answer::of(status, "text/html; charset=utf-8", body)
}

/// Takes a message with its IDocs, all of them or none.
pub(super) fn answer(sap: &mut Sap, request: &Request, at: Timestamp) -> Answer {
    if request.method != "POST" {
        return page(405, "IDoc-XML-inbound error: POST expected");
    }
    if !["text/xml", "application/xml"]
        .iter()
        .any(|it| request.is_of_type(it))
    {
        return page(415, "IDoc-XML-inbound error: text/xml expected");
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return page(400, "IDoc-XML-inbound error: no UTF-8");
    };
    let read: Result<Vec<Idoc<'_>>, _> = match Reader::new(text) {
        Ok(reader) => reader.collect(),
        Err(error) => Err(error),
    };
    let idocs = match read {
        Ok(idocs) if !idocs.is_empty() => idocs,
        Ok(_) => return page(400, "IDoc-XML-inbound error: no IDoc"),
        Err(error) => {
            return page(400, "IDoc-XML-inbound error").noted(error.to_string());
        }
    };
    if sap.received.len() + idocs.len() > KEPT_MAX {
        return page(500, "IDoc-XML-inbound error: the simulated system is full");
    }
    let mut notes = Vec::new();
    for idoc in &idocs {
        let received = sap.receive(idoc);
        notes.push(format!(
            "{} {}: {} {}",
            received.message_type, received.number, received.status, received.text
        ));
        sap.received.push(received.clone());
        // A system that confirms each IDoc by itself; others report now and then.
        if sap.business == Business::Prompt
            && let Ok(body) = outbound::status(sap, &received, at)
        {
            sap.send("STATUS", body);
            if let Some(last) = sap.received.last_mut() {
                last.reported = true;
            }
        }
    }
    page(200, "IDoc-XML-inbound ok").noted(notes.join("; "))
}

/// A field of the control record.
fn control<'i>(idoc: &'i Idoc<'_>, field: &str) -> &'i str {
    let record = idoc.control();
    record.and_then(|it| it.get(field)).unwrap_or_default()
}

// === impl Sap ===

impl Sap {
    fn receive(&mut self, idoc: &Idoc<'_>) -> Received {
        self.number += 1;
        let message_type = control(idoc, "MESTYP").to_owned();
        let known = control(idoc, "SNDPRN") == self.system.partner
            && control(idoc, "RCVPRN") == self.system.logical_system;
        let (status, text) = if known {
            match message_type.as_str() {
                "SHPCON" | "WHSCON" => match self.confirm(idoc) {
                    Ok(text) => ("53", text),
                    Err(text) => ("51", text),
                },
                "SHPORD" | "WHSORD" | "DESADV" => ("53", "The delivery was created".to_owned()),
                _ => (
                    "56",
                    "EDI: Partner profile inbound not available".to_owned(),
                ),
            }
        } else {
            ("56", "EDI: Partner profile not available".to_owned())
        };
        Received {
            docnum: self.number,
            number: value::strip_zeros(control(idoc, "DOCNUM")).to_owned(),
            message_type,
            status,
            text,
            reported: false,
        }
    }

    /// Posts what a warehouse confirms: picking and goods issue, once.
    fn confirm(&mut self, idoc: &Idoc<'_>) -> Result<String, String> {
        let header = idoc.root().child("E1EDL20");
        let header = header.ok_or("Segment E1EDL20 is missing")?;
        let number = value::strip_zeros(header.get("VBELN").unwrap_or_default()).to_owned();
        let found = self.deliveries.iter_mut().find(|it| it.number == number);
        let delivery = found.ok_or_else(|| format!("Delivery {number} does not exist"))?;
        if delivery.issued.is_some() {
            return Err(format!(
                "Goods issue has been posted already for delivery {number}"
            ));
        }
        let mut issued = Decimal::ZERO;
        for segment in header.all("E1EDL24") {
            let item = item_of(segment, header);
            let line = delivery.lines.iter().find(|it| it.item == item);
            let line = line.ok_or_else(|| format!("Delivery {number} has no item {item}"))?;
            let material = value::strip_zeros(segment.get("MATNR").unwrap_or_default());
            if value::strip_zeros(&line.material) != material {
                return Err(format!("Item {item} is not material {material}"));
            }
            let picked = value::number(segment.get("LFIMG").unwrap_or("0"));
            let picked = picked.map_err(|_| format!("Item {item}: quantity is no number"))?;
            if picked.compare(line.quantity).is_gt() {
                return Err(format!(
                    "Delivery {number} item {item}: over-picking is not possible"
                ));
            }
            let sum = issued.checked_add(picked);
            issued = sum.map_err(|_| "The quantity does not fit".to_owned())?;
        }
        let verbs: Vec<&str> = header
            .all("E1EDL18")
            .filter_map(|it| it.get("QUALF"))
            .collect();
        if !verbs.contains(&"PGI") {
            return Ok(format!("Delivery {number} was picked"));
        }
        (delivery.picked, delivery.issued) = (true, Some(issued));
        Ok(format!("Goods issue posted for delivery {number}"))
    }
}

/// The delivery's item: that of the item above for a batch.
fn item_of<'i>(segment: Segment<'i, '_>, header: Segment<'i, '_>) -> &'i str {
    let above = segment.get("HIPOS").filter(|above| {
        header
            .all("E1EDL24")
            .any(|it| it.get("POSNR") == Some(above))
    });
    value::strip_zeros(above.or(segment.get("POSNR")).unwrap_or_default())
}
