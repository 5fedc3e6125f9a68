//! The records of a file journal in order, segment after segment.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;

use super::{
    Error, Sequence,
    catalog::Catalog,
    frame::Kind,
    segment::{Step, Walk},
};

/// The records from `next` to `last`. It holds one walk's buffer in memory,
/// however many there are.
pub(super) struct Records {
    catalog: Arc<Catalog>,
    next: Sequence,
    last: Sequence,
    walk: Option<(PathBuf, Walk)>,
}

// === impl Records ===

impl Records {
    pub(super) fn new(catalog: Arc<Catalog>, next: Sequence, last: Sequence) -> Self {
        Self {
            catalog,
            next,
            last,
            walk: None,
        }
    }

    fn step(&mut self) -> Result<Bytes, Error> {
        let (mut path, mut walk) = match self.walk.take() {
            Some(walk) => walk,
            None => self.catalog.walk_from(self.next)?,
        };
        let mut entered = false;
        loop {
            let damaged = |offset, why: &str| Error::Damaged {
                file: path.clone(),
                offset,
                sequence: self.next,
                why: why.to_owned(),
            };
            match walk.step().map_err(Error::io("read", &path))? {
                Step::Frame { head, .. } if head.kind != Kind::Record => {}
                Step::Frame {
                    offset,
                    head,
                    payload,
                } => {
                    if head.sequence != self.next {
                        let why = format!("record {} is here instead", head.sequence);
                        return Err(damaged(offset, &why));
                    }
                    let record = Bytes::copy_from_slice(payload);
                    self.walk = Some((path, walk));
                    return Ok(record);
                }
                Step::Bad(bad) => return Err(damaged(bad.offset, bad.why)),
                Step::End if entered => return Err(damaged(walk.offset(), "a record is missing")),
                Step::End => {
                    entered = true;
                    (path, walk) = self.catalog.walk_from(self.next)?;
                }
            }
        }
    }
}

impl Iterator for Records {
    type Item = Result<(Sequence, Bytes), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        let record = self.step().map(|record| (self.next, record));
        // An error ends the iteration: what lies behind a gap is not in order.
        self.next = match record {
            Ok(_) => self.next.next(),
            Err(_) => self.last.next(),
        };
        Some(record)
    }
}
