//! A message to documents, each IDoc or sales order judged alone.

use crossdock_sdk::idoc::{self, Idoc, Kind, Reader, Segment, text};
use crossdock_sdk::{
    Decoded, DecodedDocument, Document, DocumentError, Inbound, Place, Problem, Source,
};

use crate::settings::{self, Reading};
use context::Context;
use crossdock_sdk::Refusal;

mod context;
mod delivery;
mod invoice;
mod order;
mod party;
mod response;
pub(crate) mod sales_order;
mod status;

/// Remarks kept for one document; an IDoc that is odd everywhere repeats itself.
const FINDINGS_MAX: usize = 100;

/// What is XML of SAP's or for SAP, and no IDoc: the root's name, and what it is.
const OTHER_DIALECTS: [(&str, &str); 8] = [
    ("OrderRequest", "an order of SAP's B2B services over SOAP"),
    (
        "OrderConfRequest",
        "an order confirmation of SAP's B2B services over SOAP",
    ),
    (
        "DeliveryRequest",
        "a delivery of SAP's B2B services over SOAP",
    ),
    (
        "InvoiceRequest",
        "an invoice of SAP's B2B services over SOAP",
    ),
    (
        "logisticsInventoryReportMessage",
        "a GS1 XML logistics inventory report",
    ),
    (
        "warehousingInboundNotificationMessage",
        "a GS1 XML warehousing inbound notification",
    ),
    (
        "warehousingOutboundNotificationMessage",
        "a GS1 XML warehousing outbound notification",
    ),
    ("cXML", "a cXML message"),
];

/// Reads a message.
///
/// # Errors
/// When nothing of it is an IDoc or a sales order, or the settings are wrong.
pub(crate) fn decode(message: &Inbound) -> Result<Decoded, Refusal> {
    if let Some(problem) = settings::misspelled(&message.settings) {
        return Err(problem.into());
    }
    let config = Reading::new(&message.settings)?;
    let body = message.body.trim_ascii_start();
    if matches!(body.first(), Some(b'{' | b'[')) {
        return sales_order::decode(&message.body, &config);
    }
    if body.starts_with(b"EDI_DC") {
        let text = "the message is a flat IDoc file, this adapter reads IDocs as XML";
        return Err(Problem::partner_data("not-xml", text)
            .at(Place::Offset(0))
            .with_remedy("give the port in SAP the type XML (transaction WE21)")
            .into());
    }
    let text = text::decode(&message.body).map_err(Problem::from)?;
    let reader = Reader::new(&text).map_err(|error| refused(error, None))?;
    let mut walk = Walk {
        config,
        received_at: &message.received_at,
        decoded: Decoded::default(),
        position: 0,
    };
    let root = reader.root();
    for idoc in reader {
        match idoc {
            Ok(idoc) => walk.idoc(&idoc),
            Err(error) if walk.position == 0 && error.kind() == Kind::NotIdoc => {
                return Err(refused(error, Some(root)));
            }
            Err(error) => {
                let source = walk.source(None);
                walk.push(Err(DocumentError {
                    problems: vec![error.into()],
                    source,
                }));
            }
        }
    }
    walk.finish(root)
}

/// Why a message is no IDoc; a dialect that is known is named.
fn refused(error: idoc::Error, root: Option<&str>) -> Refusal {
    let known = OTHER_DIALECTS.iter().find(|(name, _)| Some(*name) == root);
    match known {
        Some((name, what)) => {
            let text =
                format!("{name} is {what}, which this adapter does not read; it reads IDocs");
            Problem::partner_data("dialect-unsupported", text)
                .at(Place::Xpath(format!("/{name}")))
                .with_value(name)
                .with_remedy("have the sender's side map it to an IDoc, or give the partner an adapter for that dialect")
                .into()
        }
        None => Problem::from(error).into(),
    }
}

/// The walk through a message.
struct Walk<'m> {
    config: Reading<'m>,
    received_at: &'m str,
    decoded: Decoded,
    position: u32,
}

/// What a mapping made of an IDoc.
pub(crate) struct Mapped {
    /// Empty when anything forbids it; several where an IDoc confirms several others.
    pub(crate) documents: Vec<Document>,
    /// Why not, or what was odd.
    pub(crate) problems: Vec<Problem>,
}

// === impl Walk ===

impl Walk<'_> {
    fn idoc(&mut self, idoc: &Idoc<'_>) {
        let mapped = self.map(idoc);
        let source = self.source(Some(idoc));
        if mapped.documents.is_empty() {
            return self.push(Err(DocumentError {
                problems: mapped.problems,
                source,
            }));
        }
        let mut findings = mapped.problems;
        for document in mapped.documents {
            let source = Source {
                position: self.position,
                ..source.clone()
            };
            // What was odd is said once.
            let findings = std::mem::take(&mut findings);
            self.push(Ok(DecodedDocument {
                document,
                source,
                findings,
            }));
        }
    }

    fn map(&self, idoc: &Idoc<'_>) -> Mapped {
        let mut context = Context::new(&self.config, self.received_at);
        let Some(control) = idoc.control() else {
            context.fault(
                Problem::partner_data("control-missing", "the IDoc has no control record EDI_DC40")
                    .at(Place::Xpath(idoc.root().path_of("EDI_DC40")))
                    .with_remedy("send the IDoc as SAP's port wrote it"),
            );
            return context.refuse();
        };
        let kind = message_type(control);
        let idoc_type = control.get("IDOCTYP").unwrap_or(idoc.wrapper());
        match (family(idoc_type), kind) {
            (Family::Orders, "ORDRSP") => response::map(idoc, context),
            (Family::Orders, "ORDERS" | "ORDCHG" | "") => order::map(idoc, context),
            (Family::Delivery, _) => delivery::map(idoc, control, context),
            (Family::Invoice, "INVOIC" | "") => invoice::map(idoc, context),
            (Family::Status, _) => status::map_status(idoc, context),
            (Family::Audit, _) => status::map_audit(idoc, context),
            _ => {
                let text = format!(
                    "this adapter does not read message type {kind} in IDoc type {idoc_type}; it reads ORDERS, ORDCHG and ORDRSP in ORDERS05, deliveries in DELVRY03 to DELVRY07, INVOIC in INVOIC01 and INVOIC02, STATUS and ALEAUD"
                );
                context.fault(
                    Problem::adapter("message-unsupported", text)
                        .at(Place::Xpath(control.path_of("MESTYP")))
                        .with_value(kind)
                        .with_remedy(
                            "do not distribute this message type to us (transaction WE20)",
                        ),
                );
                context.refuse()
            }
        }
    }

    fn source(&self, idoc: Option<&Idoc<'_>>) -> Source {
        let control = idoc.and_then(Idoc::control);
        let get = |field: &str| {
            let text = control.and_then(|control| control.get(field));
            text.map(str::to_owned)
        };
        Source {
            version: get("IDOCTYP").or_else(|| idoc.map(|idoc| idoc.wrapper().to_owned())),
            type_: control
                .map(message_type)
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned),
            interchange_control: get("REFINT"),
            group_control: get("SERIAL"),
            transaction_control: get("DOCNUM"),
            ..Source::new("idoc", self.position)
        }
    }

    fn push(&mut self, result: Result<DecodedDocument, DocumentError>) {
        self.position += 1;
        self.decoded.documents.push(result);
    }

    fn finish(self, root: &str) -> Result<Decoded, Refusal> {
        if self.decoded.documents.is_empty() {
            let text = format!("the message {root} holds no IDOC");
            return Err(Problem::partner_data("message-empty", text)
                .at(Place::Xpath(format!("/{root}")))
                .with_remedy("ask the sender for the complete file")
                .into());
        }
        Ok(self.decoded)
    }
}

/// MESTYP, which some hand-made IDocs leave to STDMES.
fn message_type<'i>(control: Segment<'i, '_>) -> &'i str {
    control
        .get("MESTYP")
        .or_else(|| control.get("STDMES"))
        .unwrap_or_default()
}

/// What IDoc types have in common, whatever their version or a customer's prefix
/// (`ZORDERS05`).
enum Family {
    Orders,
    Delivery,
    Invoice,
    Status,
    Audit,
    Unknown,
}

fn family(idoc_type: &str) -> Family {
    let has = |name: &str| idoc_type.contains(name);
    if has("ORDERS0") {
        Family::Orders
    } else if has("DELVRY0") {
        Family::Delivery
    } else if has("INVOIC0") {
        Family::Invoice
    } else if has("SYSTAT0") || has("STATUS0") {
        Family::Status
    } else if has("ALEAUD0") {
        Family::Audit
    } else {
        Family::Unknown
    }
}
