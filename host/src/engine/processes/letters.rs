//! Documents that processes read: in memory while they are new, else in the journal.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use crossdock_sdk::json;

use super::super::{
    Parts,
    state::{self, State},
};
use crate::{
    contract,
    journal::Sequence,
    message::{CorrelationId, DocumentId, PartnerName},
    record::Record,
    view::{Waiting, Work},
};

/// A document that moves instances, and what is known of it.
pub(super) struct Letter {
    pub(super) id: DocumentId,
    pub(super) from: PartnerName,
    pub(super) document: Arc<contract::Document>,
    /// What makes it the same when it comes again.
    pub(super) identity: String,
    pub(super) correlation_id: CorrelationId,
    pub(super) traceparent: Option<String>,
}

/// How many records are at hand, and how long they are together, in bytes.
const FRESH_MAX: usize = 256;
const FRESH_BYTES_MAX: usize = 32 << 20;

/// Records whose documents move instances, while they are new.
#[derive(Default)]
pub(in crate::engine) struct Fresh(Mutex<VecDeque<(Sequence, Arc<Record>)>>);

/// Where documents are.
pub(super) struct Letters<'a> {
    parts: &'a Parts,
    state: &'a State,
}

// === impl Letters ===

impl<'a> Letters<'a> {
    pub(super) fn new(parts: &'a Parts, state: &'a State) -> Self {
        Self { parts, state }
    }

    /// The document of a piece of work.
    pub(super) fn of(&self, waiting: &Waiting) -> Option<Letter> {
        let Work::Document { document: id, from } = &waiting.work else {
            return None;
        };
        let record = self.record(waiting.id().sequence)?;
        let Record::Decoded(decoded) = &*record else {
            return None;
        };
        let written = decoded.documents.iter().find(|it| it.id == *id)?;
        let document = match self.state.kept(*id) {
            Some(document) => document,
            None => Arc::new(json::from_str(&written.content).ok()?),
        };
        let thread = written.thread.clone();
        Some(Letter {
            id: *id,
            from: from.clone(),
            document,
            identity: written.identity.key.to_string(),
            correlation_id: thread.unwrap_or_else(|| decoded.correlation_id.clone()),
            traceparent: decoded.traceparent.clone(),
        })
    }

    /// A document that had its effect, whenever that was.
    pub(super) fn document(&self, id: DocumentId) -> Option<Arc<contract::Document>> {
        if let Some(document) = self.state.kept(id) {
            return Some(document);
        }
        let row = self.parts.view.message(id.message)?;
        row.history.iter().find_map(|sequence| {
            let record = self.record(*sequence)?;
            let Record::Decoded(decoded) = &*record else {
                return None;
            };
            let written = decoded.documents.iter().find(|it| it.id == id)?;
            let document = json::from_str(&written.content).ok()?;
            Some(Arc::new(document))
        })
    }

    fn record(&self, sequence: Sequence) -> Option<Arc<Record>> {
        if let Some(record) = self.state.fresh.get(sequence) {
            return Some(record);
        }
        let read = state::read(self.parts.journal.as_ref(), sequence);
        match read {
            Ok(record) => {
                let record = Arc::new(record);
                self.state.fresh.keep(sequence, &record);
                Some(record)
            }
            Err(error) => {
                tracing::error!(%sequence, %error, "a record can't be read back");
                None
            }
        }
    }
}

// === impl Fresh ===

impl Fresh {
    /// A record that is at hand.
    fn get(&self, sequence: Sequence) -> Option<Arc<Record>> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = records.iter().rev().find(|(known, _)| *known == sequence);
        found.map(|(_, record)| Arc::clone(record))
    }

    /// Keeps a record at hand, for a while.
    pub(in crate::engine) fn keep(&self, sequence: Sequence, record: &Arc<Record>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.push_back((sequence, Arc::clone(record)));
        let mut bytes: usize = records.iter().map(|(_, record)| size(record)).sum();
        while records.len() > FRESH_MAX || (bytes > FRESH_BYTES_MAX && records.len() > 1) {
            match records.pop_front() {
                Some((_, oldest)) => bytes -= size(&oldest),
                None => return,
            }
        }
    }
}

fn size(record: &Record) -> usize {
    match record {
        Record::Decoded(decoded) => decoded.documents.iter().map(|it| it.content.len()).sum(),
        _ => 0,
    }
}
