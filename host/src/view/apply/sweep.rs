//! The part of the fold that gives rows up: those that are no longer known again, and
//! those about messages whose records the journal gives up.
//!
//! It goes through the tables a few rows a record, where the record before it stopped,
//! so that no commit waits long for it. What it removes depends on rows and record
//! alone; that it comes late to a row makes no difference, for nobody is shown a row
//! whose time is over.

use super::{Base, Fold, decode, encode};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{DeliveryId, MessageId},
    record::{GivenUp, Subject, Swept},
    view::{
        keys,
        processes::{self, ExceptionRow, InstanceRow, ReportRow, joined, piece, pieces},
        rows::{
            DeadLetterRow, DeadLetterStatus, DeliveryRow, IdempotencyRow, IdentityRow, KeptRow,
            MessageRow, SeenRow, SeriesRow, ThreadRow,
        },
        standing,
        tables::TableRow,
    },
};

/// All tables that rows are given up in, in the order of their keys.
const TABLES: [u8; 18] = [
    processes::SENT,
    processes::EXCEPTIONS,
    processes::LEVELS,
    processes::INSTANCES,
    processes::REPORTS,
    keys::AWAITED,
    keys::CORRELATION,
    keys::DELIVERIES,
    keys::CONTROL,
    keys::IDEMPOTENCY,
    keys::BUSINESS,
    keys::TABLES,
    keys::MESSAGES,
    keys::SEEN,
    keys::SERIES,
    keys::THREAD,
    keys::DEAD_LETTERS,
    keys::IDENTITY,
];

/// Those of them whose rows have a time of their own.
const TIMED: [u8; 6] = [
    processes::LEVELS,
    keys::CONTROL,
    keys::IDEMPOTENCY,
    keys::SEEN,
    keys::SERIES,
    keys::IDENTITY,
];

/// For how many days before what is known again it is told how service levels went.
const LEVEL_DAYS: u32 = 366;

/// Which rows are given up.
struct Rule<'a> {
    base: &'a dyn Base,
    known_since: Timestamp,
    /// Messages that were accepted before this are gone.
    before: Sequence,
    /// The first day that is told of.
    first_day: u32,
}

// === impl Fold ===

impl Fold {
    /// Needs a base that has all that was written before.
    pub(super) fn swept(&mut self, base: &dyn Base, swept: &Swept) {
        // They may be among what is given up; all of them are written.
        self.forget();
        if let Some(given_up) = &swept.given_up {
            self.given_up(base, given_up);
        }
        let kept: Option<KeptRow> = base.get(keys::KEPT).as_deref().and_then(decode);
        let given_up = swept.given_up.as_ref().map(|it| (it.before, it.since));
        let kept = given_up.or(kept.map(|it| (it.before, it.since)));
        let before = kept.map(|(before, _)| before);
        let oldest = processes::day(swept.known_since).saturating_sub(LEVEL_DAYS);
        let rule = Rule {
            base,
            known_since: swept.known_since,
            before: before.unwrap_or(Sequence::ZERO),
            first_day: kept.map_or(oldest, |(_, since)| oldest.max(processes::day(since))),
        };
        let stopped_at = base.get(keys::CURSOR).unwrap_or_default();
        let mut room = swept.rows_max as usize;
        for table in TABLES {
            let passed = stopped_at.first().is_some_and(|it| *it > table);
            let idle = before.is_none() && !TIMED.contains(&table);
            if passed || idle {
                continue;
            }
            let mut from = vec![table];
            if stopped_at.first() == Some(&table) {
                from = stopped_at.to_vec();
                from.push(0);
            }
            let rows = base.range(from, vec![table + 1], room);
            room -= rows.len();
            for (key, row) in rows.iter().filter(|(key, row)| rule.is_over(key, row)) {
                self.remove(key.to_vec());
                for piece in rule.pieces_of(key, row) {
                    self.remove(piece);
                }
            }
            if let (0, Some((last, _))) = (room, rows.last()) {
                self.put(keys::CURSOR.to_vec(), last.to_vec());
                return;
            }
        }
        self.remove(keys::CURSOR.to_vec());
    }

    fn given_up(&mut self, base: &dyn Base, given_up: &GivenUp) {
        // A view that was built from what is left lacks what came before.
        let begins: Option<Sequence> = base.get(keys::BEGINS).as_deref().and_then(decode);
        for (partner, earlier) in &given_up.partners {
            if begins == Some(given_up.before) {
                standing::precede(earlier, self.partner(base, partner));
            }
            self.put(keys::base(partner), encode(earlier));
        }
        let row = KeptRow {
            before: given_up.before,
            since: given_up.since,
        };
        self.put(keys::KEPT.to_vec(), encode(&row));
    }
}

// === impl Rule ===

impl Rule<'_> {
    fn is_over(&self, key: &[u8], row: &[u8]) -> bool {
        let over = match *key.first().unwrap_or(&0) {
            keys::IDEMPOTENCY => decode::<IdempotencyRow>(row).map(|it| self.is_old(it.at)),
            keys::IDENTITY => decode::<IdentityRow>(row).map(|it| self.is_old(it.at)),
            keys::SEEN => decode::<SeenRow>(row).map(|it| self.is_old(it.at)),
            keys::SERIES => decode::<SeriesRow>(row).map(|it| self.is_old(it.at)),
            processes::SENT | keys::AWAITED => {
                let id = key.len().checked_sub(20).and_then(|at| key.get(at..));
                id.and_then(delivery_id).map(|it| self.is_delivery_gone(it))
            }
            processes::INSTANCES => {
                decode::<InstanceRow>(row).map(|it| it.finished && it.sequence < self.before)
            }
            processes::EXCEPTIONS => self
                .exception(key)
                .map(|it| it.exception.closed && it.sequence < self.before),
            processes::LEVELS => processes::day_of(key).map(|day| day < self.first_day),
            processes::REPORTS => decode::<ReportRow>(row).map(|it| it.sequence < self.before),
            keys::CONTROL => delivery_id(row).map(|it| self.is_settled_and_old(it)),
            keys::MESSAGES => decode::<MessageRow>(row).map(|it| it.accepted < self.before),
            keys::DELIVERIES => key
                .get(1..)
                .and_then(delivery_id)
                .map(|it| self.is_delivery_gone(it)),
            keys::BUSINESS | keys::CORRELATION => {
                let id = key.len().checked_sub(16).and_then(|at| key.get(at..));
                message_id(id).map(|it| self.is_gone(it))
            }
            keys::THREAD => decode::<ThreadRow>(row).map(|it| self.is_gone(it.message)),
            keys::TABLES => decode::<TableRow>(row).map(|it| it.sequence < self.before),
            keys::DEAD_LETTERS => decode::<DeadLetterRow>(row).map(|it| {
                let is_gone = match it.subject {
                    Subject::Message(id) => self.is_gone(id),
                    Subject::Delivery(id) => self.is_delivery_gone(id),
                };
                it.status != DeadLetterStatus::Waiting && is_gone
            }),
            _ => None,
        };
        over.unwrap_or(false)
    }

    /// The exception whose first piece this is.
    fn exception(&self, key: &[u8]) -> Option<ExceptionRow> {
        let (of, piece) = key.split_at_checked(key.len().checked_sub(2)?)?;
        (piece == [0, 0]).then_some(())?;
        decode(&joined(of, |key| self.base.get(key).map(|it| it.to_vec()))?)
    }

    /// Rows that go with one that goes.
    fn pieces_of(&self, key: &[u8], row: &[u8]) -> Vec<Vec<u8>> {
        let keys_of = |of: &[u8], first: &[u8]| {
            let all = pieces(of, &[], Some(first));
            all.into_iter().map(|(key, _)| key).collect()
        };
        match key.first() {
            Some(&processes::EXCEPTIONS) => key
                .len()
                .checked_sub(2)
                .map_or_else(Vec::new, |end| keys_of(&key[..end], row)),
            Some(&processes::INSTANCES) => {
                let mut state = key.to_vec();
                state[0] = processes::STATES;
                state.push(0);
                match self.base.get(&piece(&state, 0)) {
                    Some(first) => keys_of(&state, &first),
                    None => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    fn is_old(&self, at: Timestamp) -> bool {
        at < self.known_since
    }

    fn is_settled_and_old(&self, id: DeliveryId) -> bool {
        let row = self.base.get(&keys::delivery(id));
        let row: Option<DeliveryRow> = row.as_deref().and_then(decode);
        row.is_none_or(|it| it.settled() && self.is_old(it.queued_at))
    }

    /// Processes cause deliveries long after the message that they are counted with.
    fn is_delivery_gone(&self, id: DeliveryId) -> bool {
        let row = self.base.get(&keys::delivery(id));
        let row: Option<DeliveryRow> = row.as_deref().and_then(decode);
        let is_over = |it: DeliveryRow| it.settled() && it.queued < self.before;
        self.is_gone(id.message) && row.is_none_or(is_over)
    }

    fn is_gone(&self, id: MessageId) -> bool {
        let row = self.base.get(&keys::message(id));
        let row: Option<MessageRow> = row.as_deref().and_then(decode);
        row.is_none_or(|it| it.accepted < self.before)
    }
}

fn message_id(bytes: Option<&[u8]>) -> Option<MessageId> {
    Some(MessageId::from_bytes(bytes?.try_into().ok()?))
}

fn delivery_id(bytes: &[u8]) -> Option<DeliveryId> {
    let (message, ordinal) = bytes.split_at_checked(16)?;
    Some(DeliveryId {
        message: message_id(Some(message))?,
        ordinal: u32::from_be_bytes(ordinal.try_into().ok()?),
    })
}
