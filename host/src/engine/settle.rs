//! From what an adapter read to the record of it: identity, routing, deliveries.
//!
//! Pure in (message, what was read, what is known): the engine journals the record
//! before anything follows from it.

mod acknowledgements;
mod control_numbers;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use crossdock_sdk::json;

use crate::{
    clock::Timestamp,
    contract::{self, DecodedDocument, DocumentError, Problem},
    message::{
        CorrelationId, DeadLetterId, DeliveryId, Digest, DocumentId, MessageId, PartnerName,
        RawMessage,
    },
    partner::Terms,
    process::{self, Origin},
    record::{
        Acknowledges, AdapterRef, Decoded, Disposition, Document, Failure, Identity, Log, Queued,
        Record, Refused, Reply, TableUse, Undecodable,
    },
    route::Table,
    view::{IdentityRow, SeenRow, SeriesRow},
};
use control_numbers::Numbered;

/// What the engine knows beyond the message.
pub(super) trait Known {
    /// The first document of an identity within the idempotency window, also one
    /// whose record is on its way to the journal.
    fn identity(&self, key: &Digest) -> Option<IdentityRow>;
    /// The newest delivery of a kind of document to a partner about a business event.
    fn last_sent(&self, to: &PartnerName, kind: &str, business_key: &str) -> Option<DeliveryId>;
    /// A number of a series of envelopes that was there within the idempotency window,
    /// also one whose record is on its way to the journal.
    fn seen(&self, series: &Digest, number: &str) -> Option<SeenRow>;
    /// How far a series has come, likewise.
    fn series(&self, series: &Digest) -> Option<SeriesRow>;
    /// What is agreed with a partner.
    fn terms(&self, partner: &PartnerName) -> &Terms;
    /// The delivery that bore a control number.
    fn delivery_by_control(&self, partner: &PartnerName, number: u64) -> Option<DeliveryId>;
    /// The correlation id of the first message about a business event, also of one whose
    /// record is on its way to the journal.
    fn thread(&self, business_key: &str) -> Option<CorrelationId>;
    /// The correlation id that a delivery bears.
    fn correlation_of(&self, delivery: DeliveryId) -> Option<CorrelationId>;
    /// Whether nothing that its receiver said of a delivery holds: none came, or it was
    /// sent round again since.
    fn is_unanswered(&self, _delivery: DeliveryId) -> bool {
        false
    }
    /// Gives out the partner's next control number.
    fn control_number(&mut self, partner: &PartnerName) -> u64;
    /// A partner as processes know it; none without a role.
    fn origin(&self, _partner: &PartnerName) -> Option<Origin> {
        None
    }
    /// How many deliveries the message has caused before (it is decoded again).
    fn deliveries_of(&self, message: MessageId) -> u32;
    /// Whether the partner has somewhere to send its acknowledgements to, and wants
    /// them.
    fn acknowledged(&self, partner: &PartnerName) -> bool;
}

/// What an adapter made of a message.
#[derive(Debug)]
pub(super) enum Read {
    /// It read it.
    Decoded {
        /// What it holds.
        decoded: Box<contract::Decoded>,
        /// Fuel used.
        fuel_used: u64,
        /// What is odd about documents beside earlier ones, by their positions.
        compared: Vec<(u32, Failure)>,
    },
    /// It could not.
    Refused(Failure),
}

/// The end of a call that read a message.
pub(super) struct Reading {
    /// Who read it; none when there is no adapter of the name.
    pub(super) adapter: Option<AdapterRef>,
    pub(super) read: Read,
    pub(super) log: Log,
    /// What it looked into.
    pub(super) tables: Vec<TableUse>,
}

/// Who read a message, and what is known of the call.
struct By {
    adapter: Option<AdapterRef>,
    log: Log,
    tables: Vec<TableUse>,
}

/// The record, and the documents that will be sent: they are needed soon.
pub(super) struct Settled {
    pub(super) message: MessageId,
    pub(super) partner: PartnerName,
    pub(super) record: Arc<Record>,
    pub(super) documents: Vec<(DocumentId, contract::Document)>,
    /// Identities that the record will make known.
    pub(super) identities: Vec<(Digest, IdentityRow)>,
    /// Business events that begin with it.
    pub(super) threads: Vec<(String, CorrelationId)>,
    /// Numbers of envelopes that it will make known, and how far their series come.
    pub(super) numbers: HashMap<(Digest, String), SeenRow>,
    pub(super) series: HashMap<Digest, SeriesRow>,
}

struct Settling<'a, K: Known> {
    message: &'a RawMessage,
    table: &'a Table,
    known: &'a mut K,
    now: Timestamp,
    made: HashMap<Digest, IdentityRow>,
    numbers: HashMap<(Digest, String), SeenRow>,
    series: HashMap<Digest, SeriesRow>,
    ordinal: u32,
    compared: Vec<(u32, Failure)>,
    deliveries: Vec<Queued>,
    acknowledges: Vec<Acknowledges>,
    kept: Vec<(DocumentId, contract::Document)>,
}

/// What is sent on.
struct Sent<'a> {
    id: DocumentId,
    business_key: &'a str,
    /// In place of the message's own.
    correlation_id: Option<CorrelationId>,
}

/// Makes the record of a decode.
pub(super) fn settle<K: Known>(
    message: &RawMessage,
    reading: Reading,
    table: &Table,
    known: &mut K,
    now: Timestamp,
) -> Settled {
    let Reading {
        adapter,
        read,
        log,
        tables,
    } = reading;
    let by = By {
        adapter,
        log,
        tables,
    };
    let (decoded, compared, fuel_used, adapter) = match (read, &by.adapter) {
        (
            Read::Decoded {
                decoded,
                fuel_used,
                compared,
            },
            Some(adapter),
        ) => (decoded, compared, fuel_used, adapter.clone()),
        (Read::Decoded { .. }, None) => {
            let failure = Failure::host("an adapter that is not there answered");
            return undecodable(message, by, failure, now);
        }
        (Read::Refused(failure), _) => return undecodable(message, by, failure, now),
    };
    let mut settling = Settling {
        ordinal: known.deliveries_of(message.id),
        compared,
        message,
        table,
        known,
        now,
        made: HashMap::new(),
        numbers: HashMap::new(),
        series: HashMap::new(),
        deliveries: Vec::new(),
        acknowledges: Vec::new(),
        kept: Vec::new(),
    };
    settling.record(*decoded, fuel_used, adapter, by)
}

fn undecodable(message: &RawMessage, by: By, failure: Failure, now: Timestamp) -> Settled {
    Settled {
        message: message.id,
        partner: message.partner.clone(),
        record: Arc::new(Record::Undecodable(Undecodable {
            message: message.id,
            partner: message.partner.clone(),
            at: now,
            adapter: by.adapter,
            failure,
            dead_letter: DeadLetterId::new(now),
            log: by.log,
            tables: by.tables,
        })),
        documents: Vec::new(),
        identities: Vec::new(),
        threads: Vec::new(),
        numbers: HashMap::new(),
        series: HashMap::new(),
    }
}

impl<K: Known> Settling<'_, K> {
    fn record(
        &mut self,
        decoded: contract::Decoded,
        fuel_used: u64,
        adapter: AdapterRef,
        by: By,
    ) -> Settled {
        let mut documents = Vec::with_capacity(decoded.documents.len());
        let mut refused = Vec::new();
        let mut numbered = self.number(&decoded.envelopes);
        for (position, document) in decoded.documents.into_iter().enumerate() {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            match document {
                Ok(document) => match self.document(position, document, &numbered) {
                    Ok(document) => documents.push(document),
                    Err(document) => refused.push(document),
                },
                Err(error) => refused.push(refuse(position, &error)),
            }
        }
        let mut findings: Vec<_> = decoded.findings.iter().map(contract::failure).collect();
        findings.append(&mut numbered.findings);
        let owed = numbered.owed(decoded.acknowledgements);
        self.acknowledge(&owed, &mut findings);
        let threads = documents.iter().filter(|it| contract::begins_event(it));
        let threads = threads
            .map(|it| (it.business_key.clone(), self.message.correlation_id.clone()))
            .collect();
        let waits = !refused.is_empty()
            || documents.iter().any(|document| {
                matches!(
                    document.disposition,
                    Disposition::Unrouted | Disposition::Conflict { .. }
                )
            });
        Settled {
            message: self.message.id,
            partner: self.message.partner.clone(),
            record: Arc::new(Record::Decoded(Decoded {
                message: self.message.id,
                partner: self.message.partner.clone(),
                correlation_id: self.message.correlation_id.clone(),
                traceparent: self.message.traceparent.clone(),
                at: self.now,
                adapter,
                fuel_used,
                log: by.log,
                tables: by.tables,
                documents,
                refused,
                findings,
                deliveries: std::mem::take(&mut self.deliveries),
                acknowledges: std::mem::take(&mut self.acknowledges),
                envelopes: numbered.envelopes,
                reply: decoded.reply.map(|reply| Reply {
                    status: reply.status,
                    content_type: reply.content_type,
                    body: reply.body.into(),
                }),
                dead_letter: waits.then(|| DeadLetterId::new(self.now)),
            })),
            documents: std::mem::take(&mut self.kept),
            identities: self.made.drain().collect(),
            threads,
            numbers: std::mem::take(&mut self.numbers),
            series: std::mem::take(&mut self.series),
        }
    }

    /// What becomes of a document; deliveries and answers that follow from it are noted.
    fn disposition(
        &mut self,
        sent: &Sent<'_>,
        document: &contract::Document,
        content: &str,
        identity: &Identity,
    ) -> Disposition {
        match self.seen(identity) {
            Some(row) if row.document == sent.id && !row.routed => {
                self.route(sent, document, content)
            }
            // Read again, by whatever adapter: it had its effect.
            Some(row) if row.document == sent.id => Disposition::Duplicate { of: row.document },
            Some(row) if row.content == identity.content => {
                if row.document.message != self.message.id {
                    self.answer_anew(sent.id, document);
                }
                Disposition::Duplicate { of: row.document }
            }
            Some(row) => Disposition::Conflict { with: row.document },
            None => self.route(sent, document, content),
        }
    }

    fn document(
        &mut self,
        position: u32,
        decoded: DecodedDocument,
        numbered: &Numbered,
    ) -> Result<Document, Refused> {
        let id = DocumentId {
            message: self.message.id,
            position,
        };
        let from = &self.message.partner;
        let document = decoded.document;
        let kind = contract::kind(&document);
        let business_key = contract::business_key(&document, from);
        let refused = |problems| Refused {
            position,
            source: source(&decoded.source),
            problems,
        };
        if let Some(failure) = numbered.refusal(position) {
            return Err(refused(vec![failure.clone()]));
        }
        let checked = contract::check(&document);
        if !checked.refused.is_empty() {
            return Err(refused([checked.refused, checked.findings].concat()));
        }
        let compared = self.compared.iter().filter(|(of, _)| *of == position);
        let told = decoded.findings.iter().map(contract::failure);
        let told = told
            .chain(checked.findings)
            .chain(self.unmatched(&document));
        let findings = told.chain(compared.map(|(_, failure)| failure.clone()));
        let findings = findings.collect();
        let content = json::to_string(&document).map_err(|error| {
            refused(vec![Failure {
                code: "no-json-form".to_owned(),
                blame: "adapter".to_owned(),
                ..Failure::host(error.to_string())
            }])
        })?;
        let identity = contract::identity(&document, from, &content);
        let thread = self.thread(&document, &business_key);
        let sent = Sent {
            id,
            business_key: &business_key,
            correlation_id: self.continued(thread.as_ref()),
        };
        let disposition = self.disposition(&sent, &document, &content, &identity);
        let routed = disposition == Disposition::Routed;
        if routed || disposition == Disposition::Unrouted {
            self.know(id, &identity, routed);
        }
        let processed = routed && self.is_processed(&document);
        let repeats = matches!(disposition, Disposition::Duplicate { .. });
        if routed {
            self.kept.push((id, document));
        }
        Ok(Document {
            id,
            kind: kind.to_owned(),
            business_key,
            identity,
            disposition,
            thread,
            content: if repeats { String::new() } else { content },
            processed,
            findings,
            source: source(&decoded.source),
        })
    }

    /// Whether processes take it in: they concern themselves with what partners with a
    /// role send.
    fn is_processed(&self, document: &contract::Document) -> bool {
        let origin = self.known.origin(&self.message.partner);
        origin.is_some_and(|origin| !process::addresses(document, &origin).is_empty())
    }

    fn know(&mut self, document: DocumentId, identity: &Identity, routed: bool) {
        let row = IdentityRow {
            document,
            content: identity.content,
            at: self.now,
            routed,
        };
        self.made.insert(identity.key, row);
    }

    fn seen(&self, identity: &Identity) -> Option<IdentityRow> {
        self.made
            .get(&identity.key)
            .copied()
            .or_else(|| self.known.identity(&identity.key))
    }

    /// How the business event began that the document belongs to, if it did before.
    fn thread(&self, document: &contract::Document, business_key: &str) -> Option<CorrelationId> {
        match document {
            contract::Document::FunctionalAcknowledgement(acknowledgement) => {
                let delivery = self.spoken_of(acknowledgement)?;
                self.known.correlation_of(delivery)
            }
            _ if contract::is_one_event(contract::kind(document)) => {
                self.known.thread(business_key)
            }
            _ => None,
        }
    }

    /// What requests bear: the id that the partner gave the message, else that of the
    /// business event.
    fn continued(&self, thread: Option<&CorrelationId>) -> Option<CorrelationId> {
        let own = &self.message.correlation_id;
        let is_fresh = *own == CorrelationId::from(self.message.id);
        thread.filter(|it| is_fresh && *it != own).cloned()
    }

    fn route(
        &mut self,
        sent: &Sent<'_>,
        document: &contract::Document,
        content: &str,
    ) -> Disposition {
        let kind = contract::kind(document);
        let settles = matches!(document, contract::Document::FunctionalAcknowledgement(_));
        self.answer(sent.id, document);
        let from = &self.message.partner;
        let value = if self.table.asks_for_content(kind, from) {
            serde_json::from_str(content).unwrap_or_default()
        } else {
            serde_json::Value::Null
        };
        let Some(decision) = self.table.decide(kind, from, &value) else {
            return if settles || self.is_processed(document) {
                Disposition::Routed
            } else {
                Disposition::Unrouted
            };
        };
        for to in decision.to {
            self.queue(sent, to, kind, &decision.rule, None);
        }
        Disposition::Routed
    }

    fn queue(
        &mut self,
        sent: &Sent<'_>,
        to: PartnerName,
        kind: &str,
        rule: &str,
        content: Option<String>,
    ) {
        self.ordinal += 1;
        let acknowledgement_minutes = self.known.terms(&to).acknowledgement_minutes(kind);
        self.deliveries.push(Queued {
            id: DeliveryId {
                message: self.message.id,
                ordinal: self.ordinal,
            },
            document: sent.id,
            control_number: self.known.control_number(&to),
            to,
            business_key: sent.business_key.to_owned(),
            kind: kind.to_owned(),
            rule: rule.to_owned(),
            correlation_id: sent.correlation_id.clone(),
            content,
            acknowledgement_minutes,
            command: None,
        });
    }
}

// === impl Failure ===

impl Failure {
    /// Something that is the host's own fault.
    pub(crate) fn host(text: impl Into<String>) -> Self {
        Self {
            code: "host".to_owned(),
            text: text.into(),
            blame: "host".to_owned(),
            place: None,
            remedy: None,
            value: None,
            acknowledgement_code: None,
        }
    }

    /// Something that the configuration has wrong.
    pub(crate) fn settings(code: &str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            blame: "settings".to_owned(),
            remedy: Some(remedy.into()),
            ..Self::host(text)
        }
    }
}

fn refuse(position: u32, error: &DocumentError) -> Refused {
    let mut problems: Vec<_> = error.problems.iter().map(contract::failure).collect();
    if problems.is_empty() {
        problems.push(contract::failure(&Problem {
            code: "refused".to_owned(),
            text: "the adapter refused the document and gave no reason".to_owned(),
            place: contract::Place::Whole,
            blame: contract::Blame::Adapter,
            retryable: false,
            remedy: None,
            value: None,
            acknowledgement_code: None,
            extras: Vec::new(),
        }));
    }
    Refused {
        position,
        source: source(&error.source),
        problems,
    }
}

/// Where a document stood, on one line.
fn source(source: &contract::Source) -> String {
    let mut text = source.format.clone();
    let parts = [
        ("", &source.type_),
        ("version ", &source.version),
        ("interchange ", &source.interchange_control),
        ("group ", &source.group_control),
        ("transaction ", &source.transaction_control),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            text.push(' ');
            text.push_str(name);
            text.push_str(part);
        }
    }
    text
}
