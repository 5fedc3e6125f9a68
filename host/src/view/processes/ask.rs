//! What is asked of the view about processes.

use std::{collections::BTreeMap, ops::Range};

use super::{
    BreachRow, ExceptionRow, InstanceRow, LevelRow, ReportRow, Timer, Waiting,
    keys::{self, names},
    long::joined,
};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::DeliveryId,
    process::exception::{Kind, Severity},
    record::WorkId,
    view::{
        View,
        apply::{Base as _, decode},
        query::delivery_id,
    },
};

/// How many rows a search looks at before it stops.
const LOOKED_AT_MAX: usize = 200_000;

/// Processes that make documents of what they began with: until they are done, the
/// journal keeps it.
const BEGINNING_NEEDED: [&str; 2] = ["order-to-fulfilment", "return-to-credit"];

/// Which instances.
#[derive(Clone, Debug, Default)]
pub struct InstanceFilter {
    /// Of this process.
    pub process: Option<String>,
    /// Whose keys begin so.
    pub key_prefix: Option<String>,
    /// Standing so, in the process's words.
    pub status: Option<String>,
    /// Whether nothing is left to do.
    pub finished: Option<bool>,
    /// That wait for this, by the name of the level.
    pub waits_for: Option<String>,
    /// With these facts.
    pub facts: Vec<(String, String)>,
    /// That changed at or after.
    pub since: Option<Timestamp>,
    /// That changed before.
    pub until: Option<Timestamp>,
    /// After this process and key: the last one of the page before.
    pub after: Option<(String, String)>,
    /// How many at most.
    pub limit: usize,
}

/// Instances that a search found.
#[derive(Clone, Debug, Default)]
pub struct InstancePage {
    /// Process, key and row.
    pub rows: Vec<(String, String, InstanceRow)>,
    /// Where it stopped, if it did not see all: a page may be short, or empty, and not be
    /// the last.
    pub next: Option<(String, String)>,
}

/// How many instances there are of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceCount {
    /// Where something is left to do.
    pub live: u64,
    /// Where nothing is.
    pub finished: u64,
    /// Whether its process has more instances than were counted.
    pub is_cut: bool,
}

/// Which exceptions.
#[derive(Clone, Debug, Default)]
pub struct ExceptionFilter {
    /// Of this sort.
    pub kind: Option<Kind>,
    /// As bad as this, or worse.
    pub severity: Option<Severity>,
    /// That this team has to act on.
    pub owner: Option<String>,
    /// Of the instance with this business key.
    pub key: Option<String>,
    /// Also those that are over.
    pub closed: bool,
    /// Only those that should have been over at this moment.
    pub overdue_at: Option<Timestamp>,
    /// After this id: the last one of the page before.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// Exceptions that a search found.
#[derive(Clone, Debug, Default)]
pub struct ExceptionPage {
    /// By id.
    pub rows: Vec<ExceptionRow>,
    /// Where it stopped, if it did not see all: a page may be short, or empty, and not be
    /// the last.
    pub next: Option<String>,
}

// === impl InstanceFilter ===

impl InstanceFilter {
    fn wants(&self, row: &InstanceRow) -> bool {
        let waits = |level: &String| row.waits.iter().any(|it| it.level.name() == level);
        self.status.as_ref().is_none_or(|it| *it == row.status)
            && self.finished.is_none_or(|it| it == row.finished)
            && self.waits_for.as_ref().is_none_or(waits)
            && self.since.is_none_or(|it| row.changed_at >= it)
            && self.until.is_none_or(|it| row.changed_at < it)
            && self
                .facts
                .iter()
                .all(|(name, value)| row.fact(name) == Some(value.as_str()))
    }
}

// === impl ExceptionFilter ===

impl ExceptionFilter {
    fn wants(&self, row: &ExceptionRow) -> bool {
        let it = &row.exception;
        self.kind.is_none_or(|kind| kind == it.kind)
            && self.severity.is_none_or(|least| it.severity >= least)
            && self.owner.as_ref().is_none_or(|owner| *owner == it.owner)
            && self.key.as_ref().is_none_or(|key| *key == it.key)
            && (self.closed || !it.closed)
            && self
                .overdue_at
                .is_none_or(|now| !it.closed && it.due.is_some_and(|due| due < now))
    }
}

impl View {
    /// The first record that processes need: work that waits, and what an open instance
    /// began with that makes its documents of it.
    pub(in crate::view) fn needed_by_processes(&self) -> Option<Sequence> {
        let waiting = self.waiting_work(None, 1).into_iter();
        let waiting = waiting.map(|it| it.id().sequence);
        let open = BEGINNING_NEEDED.into_iter().flat_map(|process| {
            self.scan(&keys::instance(process, ""))
                .filter_map(|(_, value)| decode::<InstanceRow>(&value))
                .filter(|row| !row.finished)
                .filter_map(|row| Some(self.message(row.origin?.message)?.accepted))
        });
        waiting.chain(open).min()
    }

    /// All instances of a process that have something left to do, by key.
    pub fn open_instances(
        &self,
        process: &str,
    ) -> impl Iterator<Item = (String, InstanceRow)> + use<> {
        let rows = self.scan(&keys::instance(process, ""));
        rows.filter_map(|(key, value)| {
            let row: InstanceRow = decode(&value)?;
            let key = names(&key).into_iter().nth(1)?;
            (!row.finished).then_some((key, row))
        })
    }

    /// Open instances of other processes whose last step is in a record before this one.
    #[must_use]
    pub fn instances_to_carry(&self, before: Sequence, limit: usize) -> Vec<(String, String)> {
        self.scan(&[keys::INSTANCES])
            .filter_map(|(key, value)| {
                let mut names = names(&key).into_iter();
                let (process, key) = (names.next()?, names.next()?);
                let row: InstanceRow = decode(&value)?;
                let is_carried = !row.finished && row.stated < before;
                let wanted = is_carried && !BEGINNING_NEEDED.contains(&process.as_str());
                wanted.then_some((process, key))
            })
            .take(limit)
            .collect()
    }

    /// An instance's timers that have not come due: name and when.
    #[must_use]
    pub fn timers_of(&self, process: &str, key: &str) -> Vec<(String, Timestamp)> {
        self.scan(&keys::timers_of(process, key))
            .filter_map(|(key, value)| Some((names(&key).into_iter().nth(2)?, decode(&value)?)))
            .collect()
    }

    /// An instance.
    #[must_use]
    pub fn instance(&self, process: &str, key: &str) -> Option<InstanceRow> {
        self.row(&keys::instance(process, key))
    }

    /// An instance's state: MessagePack, as its process has it.
    #[must_use]
    pub fn state_of(&self, process: &str, key: &str) -> Option<Vec<u8>> {
        self.long(&keys::state(process, key))
    }

    /// Instances by process and key, and where to go on if there may be more.
    #[must_use]
    pub fn instance_page(&self, filter: &InstanceFilter) -> InstancePage {
        let mut page = InstancePage::default();
        let rows = self.range(filter.range()).filter_map(|(key, value)| {
            let mut names = names(&key).into_iter();
            let row: InstanceRow = decode(&value)?;
            Some((names.next()?, names.next()?, row))
        });
        for (looked_at, (process, key, row)) in (1..).zip(rows) {
            let place = (process.clone(), key.clone());
            if filter.wants(&row) {
                page.rows.push((process, key, row));
            }
            if page.rows.len() >= filter.limit || looked_at == LOOKED_AT_MAX {
                page.next = Some(place);
                break;
            }
        }
        page
    }

    /// Instances by process and key.
    #[must_use]
    pub fn instances(&self, filter: &InstanceFilter) -> Vec<(String, String, InstanceRow)> {
        self.instance_page(filter).rows
    }

    /// How many instances each version of each process has.
    #[must_use]
    pub fn count_instances(&self) -> BTreeMap<(String, u32), InstanceCount> {
        let mut counts = BTreeMap::new();
        let mut from = vec![keys::INSTANCES];
        // Each process has its own share of the rows that are looked at, so that one with
        // many does not hide the others.
        while let Some(process) = self.process_from(from) {
            from = keys::instance(&process, "");
            if let Some(last) = from.last_mut() {
                *last = last.saturating_add(1);
            }
            self.count_versions(&process, &mut counts);
        }
        counts
    }

    /// The first process with an instance at or behind this key.
    fn process_from(&self, from: Vec<u8>) -> Option<String> {
        let mut rows = self.range(from..vec![keys::INSTANCES + 1]);
        names(&rows.next()?.0).into_iter().next()
    }

    fn count_versions(&self, process: &str, counts: &mut BTreeMap<(String, u32), InstanceCount>) {
        let mut rows = self.scan(&keys::instance(process, ""));
        for (_, value) in rows.by_ref().take(LOOKED_AT_MAX) {
            let Some(row) = decode::<InstanceRow>(&value) else {
                continue;
            };
            let count = counts.entry((process.to_owned(), row.version)).or_default();
            if row.finished {
                count.finished += 1;
            } else {
                count.live += 1;
            }
        }
        if rows.next().is_some() {
            for (_, count) in counts.iter_mut().filter(|((it, _), _)| it == process) {
                count.is_cut = true;
            }
        }
    }

    /// The deliveries that an instance asked for, or one of its commands.
    #[must_use]
    pub fn sent_by(&self, process: &str, key: &str, command: Option<&str>) -> Vec<DeliveryId> {
        let rows = self.scan(&keys::sent_by(process, key, command));
        rows.take(LOOKED_AT_MAX)
            .filter_map(|(key, _)| delivery_id(key.get(key.len().checked_sub(20)?..)?))
            .collect()
    }

    /// Timers that are due at `now`, the longest due first.
    #[must_use]
    pub fn due_timers(&self, now: Timestamp, limit: usize) -> Vec<Timer> {
        let mut end = vec![keys::TIMERS];
        end.extend_from_slice(&keys::millis(now.plus(std::time::Duration::from_millis(1))));
        let rows = self.range(vec![keys::TIMERS]..end);
        rows.filter_map(|(key, _)| timer(&key))
            .take(limit)
            .collect()
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        let mut rows = self.range(vec![keys::TIMERS]..vec![keys::TIMERS + 1]);
        timer(&rows.next()?.0).map(|it| it.due)
    }

    /// Work that records left for processes, oldest first, from after `after`.
    #[must_use]
    pub fn waiting_work(&self, after: Option<WorkId>, limit: usize) -> Vec<Waiting> {
        let mut from = after.map_or(vec![keys::WORK], keys::work);
        if after.is_some() {
            from.push(0);
        }
        let rows = self.range(from..vec![keys::WORK + 1]);
        rows.filter_map(|(key, value)| {
            Some(Waiting {
                id: work_id(&key)?,
                work: decode(&value)?,
                left: None,
            })
        })
        .take(limit)
        .collect()
    }

    /// When a process last asked for a node's stock.
    #[must_use]
    pub fn stock_asked_at(&self, node: &str) -> Option<Timestamp> {
        self.row(&keys::asked(node))
    }

    /// An exception.
    #[must_use]
    pub fn exception(&self, id: &str) -> Option<ExceptionRow> {
        decode(&self.long(&keys::exception(id))?)
    }

    /// Exceptions by id.
    #[must_use]
    pub fn exceptions(&self, filter: &ExceptionFilter) -> Vec<ExceptionRow> {
        self.exception_page(filter).rows
    }

    /// Exceptions by id, and where to go on if there may be more.
    #[must_use]
    pub fn exception_page(&self, filter: &ExceptionFilter) -> ExceptionPage {
        let table = if filter.closed {
            keys::EXCEPTIONS
        } else {
            keys::OPEN
        };
        let mut from = vec![table];
        if let Some(after) = &filter.after {
            from.extend_from_slice(after.as_bytes());
            // Behind the pieces of that one.
            from.extend_from_slice(if filter.closed { &[1] } else { &[0] });
        } else if let Some(key) = &filter.key {
            from.extend_from_slice(key.as_bytes());
        }
        let rows = self.range(from..vec![table + 1]);
        let mut last = String::new();
        let mut looked_at = 0;
        let found: Vec<ExceptionRow> = rows
            .take(LOOKED_AT_MAX)
            .inspect(|_| looked_at += 1)
            .filter_map(|(key, _)| {
                let id = names(&key).into_iter().next()?;
                let is_new = id != last;
                last.clone_from(&id);
                is_new.then_some(id)
            })
            .take_while(|id| filter.key.as_ref().is_none_or(|key| id.starts_with(key)))
            .filter_map(|id| self.exception(&id))
            .filter(|row| filter.wants(row))
            .take(filter.limit)
            .collect();
        let is_cut = found.len() == filter.limit || looked_at == LOOKED_AT_MAX;
        ExceptionPage {
            rows: found,
            next: is_cut.then_some(last),
        }
    }

    /// How service levels went since a moment, by level and whose turn it was.
    #[must_use]
    pub fn levels(&self, since: Timestamp) -> BTreeMap<(String, String), LevelRow> {
        let first = keys::day(since);
        let mut levels: BTreeMap<(String, String), LevelRow> = BTreeMap::new();
        for (key, value) in self.scan(&[keys::LEVELS]).take(LOOKED_AT_MAX) {
            let mut names = names(&key).into_iter();
            let (Some(day), Some(level), Some(on), Some(row)) = (
                keys::day_of(&key),
                names.next(),
                names.next(),
                decode::<LevelRow>(&value),
            ) else {
                continue;
            };
            if day >= first {
                levels.entry((level, on)).or_default().add(&row);
            }
        }
        levels
    }

    /// What takes longer than it may and is wanted, by level and whose turn it is.
    #[must_use]
    pub fn breaches(&self, wanted: impl Fn(&BreachRow) -> bool, limit: usize) -> Vec<BreachRow> {
        self.scan(&[keys::BREACHES])
            .take(LOOKED_AT_MAX)
            .filter_map(|(_, value)| decode::<BreachRow>(&value))
            .filter(wanted)
            .take(limit)
            .collect()
    }

    /// A node's reconciliation reports, newest first.
    #[must_use]
    pub fn reports(&self, node: &str, limit: usize) -> Vec<ReportRow> {
        let rows = self.scan(&keys::reports_of(node)).rev();
        rows.filter_map(|(_, value)| decode(&value))
            .take(limit)
            .collect()
    }

    fn long(&self, key: &[u8]) -> Option<Vec<u8>> {
        joined(key, |key| self.get(key).map(|row| row.to_vec()))
    }
}

impl InstanceFilter {
    /// The keys among which they are.
    fn range(&self) -> Range<Vec<u8>> {
        let prefix = match (&self.process, &self.key_prefix) {
            (Some(process), prefix) => {
                keys::instance(process, prefix.as_deref().unwrap_or_default())
            }
            (None, _) => vec![keys::INSTANCES],
        };
        let mut end = prefix.clone();
        if let Some(last) = end.last_mut() {
            *last = last.saturating_add(1);
        }
        let mut from = prefix;
        if let Some((process, key)) = &self.after {
            let mut after = keys::instance(process, key);
            after.push(0);
            from = from.max(after);
        }
        let end = end.max(from.clone());
        from..end
    }
}

fn timer(key: &[u8]) -> Option<Timer> {
    let due = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let mut names = names(key.get(8..)?).into_iter();
    Some(Timer {
        due: Timestamp::from_millis(i64::try_from(due).ok()?),
        process: names.next()?,
        key: names.next()?,
        name: names.next()?,
    })
}

fn work_id(key: &[u8]) -> Option<WorkId> {
    let sequence = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let ordinal = u32::from_be_bytes(key.get(9..13)?.try_into().ok()?);
    Some(WorkId {
        sequence: Sequence::from_u64(sequence),
        ordinal,
    })
}
