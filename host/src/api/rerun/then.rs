//! What was read of a message when it counted.
//!
//! A message that went round again was read more than once. What counts of a document is
//! what was recorded when it had its effect: that it was found again later adds nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    api::timeline,
    clock::Timestamp,
    journal::{Reader, Sequence},
    message::{Digest, DocumentId},
    record::{AdapterRef, Decoded, Disposition, Document, Failure, Record, TableUse},
    view::{MessageRow, View},
};

/// What the host says of a message beside others: of the numbers of its envelopes. A
/// message that is read alone has none of it.
const SAID_BESIDE_OTHERS: [&str; 9] = [
    "interchange-duplicate",
    "interchange-conflict",
    "interchange-gap",
    "interchange-out-of-sequence",
    "group-duplicate",
    "group-conflict",
    "group-gap",
    "group-out-of-sequence",
    "envelopes-not-looked-at",
];

/// What was read then, by whom and with what.
pub(super) struct Then {
    /// The record that says it.
    pub(super) sequence: Sequence,
    pub(super) at: Timestamp,
    pub(super) adapter: Option<AdapterRef>,
    pub(super) tables: Vec<TableUse>,
    pub(super) read: Read,
}

/// What was read of a message, in a form that can be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Read {
    /// By their places in the message.
    pub(super) documents: BTreeMap<u32, Held>,
    /// Why nothing of it could be read; null when something could.
    pub(super) failure: Value,
    /// What was odd about the message as a whole.
    pub(super) findings: Value,
    /// What the sender was answered on the same connection; null for nothing.
    pub(super) reply: Value,
    /// What the sender is owed.
    pub(super) acknowledgements: Value,
}

/// One place of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    Document {
        kind: String,
        business_key: String,
        /// SHA-256 of its canonical JSON.
        digest: Digest,
        /// Absent where no record has it.
        content: Option<Value>,
        findings: Value,
    },
    Refused {
        source: String,
        problems: Value,
    },
}

// === impl Then ===

impl Then {
    /// From the records of a message; none when it was not read yet.
    pub(super) fn tell(
        view: &View,
        reader: &dyn Reader,
        row: &MessageRow,
    ) -> Result<Option<Self>, timeline::Error> {
        let mut then: Option<Self> = None;
        for sequence in &row.history {
            match Record::from_bytes(&reader.read(*sequence)?)? {
                Record::Decoded(decoded) => {
                    let before = then.as_ref().map(|it| &it.read);
                    if before.is_some() && says_nothing_new(&decoded) {
                        continue;
                    }
                    let read = Read::then(view, reader, &decoded, before)?;
                    then = Some(Self {
                        sequence: *sequence,
                        at: decoded.at,
                        adapter: Some(decoded.adapter),
                        tables: decoded.tables,
                        read,
                    });
                }
                Record::Undecodable(it) => {
                    // What was read of it before still counts.
                    let counts = then.as_ref().is_none_or(|it| it.read.documents.is_empty());
                    if counts {
                        then = Some(Self {
                            sequence: *sequence,
                            at: it.at,
                            read: Read::of(&Record::Undecodable(it.clone())),
                            adapter: it.adapter,
                            tables: it.tables,
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(then)
    }
}

// === impl Read ===

impl Read {
    /// What a record says by itself.
    pub(super) fn of(record: &Record) -> Self {
        match record {
            Record::Decoded(decoded) => {
                let documents = decoded.documents.iter();
                let documents = documents.map(|it| (it.id.position, Held::of(it)));
                let refused = decoded.refused.iter().map(|it| {
                    let held = Held::Refused {
                        source: it.source.clone(),
                        problems: json!(it.problems),
                    };
                    (it.position, held)
                });
                let owed = decoded.deliveries.iter();
                let owed = owed.filter_map(|it| it.content.as_deref());
                Self {
                    documents: documents.chain(refused).collect(),
                    failure: Value::Null,
                    findings: own(&decoded.findings),
                    reply: decoded.reply.as_ref().map_or(Value::Null, |reply| {
                        json!({
                            "status": reply.status,
                            "content_type": reply.content_type,
                            "body": String::from_utf8_lossy(&reply.body),
                        })
                    }),
                    acknowledgements: owed.map(parsed).collect(),
                }
            }
            Record::Undecodable(it) => Self {
                failure: json!(it.failure),
                findings: json!([]),
                acknowledgements: json!([]),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// The same, with documents that it repeats taken from where they were recorded.
    fn then(
        view: &View,
        reader: &dyn Reader,
        decoded: &Decoded,
        before: Option<&Self>,
    ) -> Result<Self, timeline::Error> {
        let mut read = Self::of(&Record::Decoded(decoded.clone()));
        for document in &decoded.documents {
            let Disposition::Duplicate { of } = document.disposition else {
                continue;
            };
            let position = document.id.position;
            if of == document.id {
                let earlier = before.and_then(|it| it.documents.get(&position));
                if let Some(earlier @ Held::Document { .. }) = earlier {
                    read.documents.insert(position, earlier.clone());
                }
            } else if of.message != document.id.message
                && let Some(Held::Document { content, .. }) = read.documents.get_mut(&position)
            {
                *content = recorded(view, reader, of)?;
            }
        }
        Ok(read)
    }
}

// === impl Held ===

impl Held {
    fn of(document: &Document) -> Self {
        let kept = !document.content.is_empty();
        Self::Document {
            kind: document.kind.clone(),
            business_key: document.business_key.clone(),
            digest: document.identity.content,
            content: kept.then(|| parsed(&document.content)),
            findings: json!(document.findings),
        }
    }
}

/// Findings that are about the message itself.
fn own(findings: &[Failure]) -> Value {
    let own = findings
        .iter()
        .filter(|it| !SAID_BESIDE_OTHERS.contains(&it.code.as_str()));
    own.map(|it| json!(it)).collect()
}

/// Whether all that was read was there already by this message itself.
fn says_nothing_new(decoded: &Decoded) -> bool {
    let repeats = |it: &Document| it.disposition == Disposition::Duplicate { of: it.id };
    !decoded.documents.is_empty()
        && decoded.refused.is_empty()
        && decoded.documents.iter().all(repeats)
}

/// A document of another message, as far as that is kept.
fn recorded(
    view: &View,
    reader: &dyn Reader,
    id: DocumentId,
) -> Result<Option<Value>, timeline::Error> {
    let Some(row) = view.message(id.message) else {
        return Ok(None);
    };
    for sequence in &row.history {
        if let Record::Decoded(decoded) = Record::from_bytes(&reader.read(*sequence)?)? {
            let documents = decoded.documents.iter();
            let mut same = documents.filter(|it| it.id == id && !it.content.is_empty());
            if let Some(document) = same.next() {
                return Ok(Some(parsed(&document.content)));
            }
        }
    }
    Ok(None)
}

fn parsed(content: &str) -> Value {
    serde_json::from_str(content).unwrap_or_default()
}
