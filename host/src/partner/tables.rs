//! What a partner's guests look into.
//!
//! Tables are swapped as a whole, and a call keeps the ones it began with: within one
//! call the same question gets the same answer. What a call looked into is remembered,
//! so that it can be repeated later.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    lookup::{Table, TableName},
    record::TableUse,
    sandbox::Lookup,
};

/// Tables that are not there and that a call is remembered to have asked for: their names
/// are the guest's, so there must be an end.
const ABSENT_MAX: usize = 16;

/// A partner's tables, as they are now.
#[derive(Debug, Default)]
pub struct Tables(RwLock<Snapshot>);

/// Tables as they were at one moment, by name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Snapshot(Arc<[Versioned]>);

/// A table and which version it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// What it is called.
    pub name: TableName,
    /// Counts its contents.
    pub version: u64,
    /// Its content.
    pub table: Table,
}

/// What one call looks into.
#[derive(Debug)]
pub struct Call {
    tables: Snapshot,
    /// Whether each of them was looked into.
    looked: Box<[AtomicBool]>,
    /// Names that were asked for and are not there.
    absent: Mutex<BTreeSet<TableName>>,
}

// === impl Tables ===

impl Tables {
    /// As they are now.
    #[must_use]
    pub fn now(&self) -> Snapshot {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts others in their place; calls under way keep theirs.
    pub fn set(&self, tables: Snapshot) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tables;
    }

    /// Puts one in the place of that of the same name.
    pub fn replace(&self, name: &TableName, by: Option<Versioned>) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let others = current.0.iter().filter(|it| it.name != *name).cloned();
        *current = others.chain(by).collect();
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// What a call begins with.
    #[must_use]
    pub fn call(&self) -> Arc<Call> {
        Arc::new(Call {
            looked: self.0.iter().map(|_| AtomicBool::new(false)).collect(),
            absent: Mutex::default(),
            tables: self.clone(),
        })
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Versioned> {
        self.find(name).and_then(|index| self.0.get(index))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Versioned> {
        self.0.iter()
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0
            .binary_search_by(|it| it.name.as_str().cmp(name))
            .ok()
    }
}

/// In any order; of two with one name the first counts.
impl FromIterator<Versioned> for Snapshot {
    fn from_iter<I: IntoIterator<Item = Versioned>>(tables: I) -> Self {
        let mut tables: Vec<_> = tables.into_iter().collect();
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        tables.dedup_by(|later, first| later.name == first.name);
        Self(tables.into())
    }
}

// === impl Call ===

impl Call {
    /// What was looked into so far, by name.
    #[must_use]
    pub fn used(&self) -> Vec<TableUse> {
        let looked = self.tables.0.iter().zip(&self.looked);
        let looked = looked.filter(|(_, looked)| looked.load(Ordering::Relaxed));
        let mut used: Vec<_> = looked
            .map(|(it, _)| TableUse {
                table: it.name.clone(),
                version: it.version,
            })
            .collect();
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        used.extend(absent.iter().map(|name| TableUse {
            table: name.clone(),
            version: 0,
        }));
        used.sort();
        used
    }
}

impl Lookup for Call {
    fn lookup(&self, table: &str, key: &str) -> Option<String> {
        let Some(index) = self.tables.find(table) else {
            // What can't be a name can't be a table later either.
            if let Ok(name) = TableName::parse(table) {
                let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
                if absent.len() < ABSENT_MAX {
                    absent.insert(name);
                }
            }
            return None;
        };
        self.looked[index].store(true, Ordering::Relaxed);
        self.tables.0[index].table.get(key).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::Config;

    fn versioned(name: &str, version: u64, value: &str) -> Versioned {
        let rows = [("CA".to_owned(), value.to_owned())];
        Versioned {
            name: TableName::parse(name).unwrap(),
            version,
            table: Config::default().table(rows).unwrap(),
        }
    }

    fn used(call: &Call) -> Vec<(String, u64)> {
        let used = call.used().into_iter();
        used.map(|it| (it.table.to_string(), it.version)).collect()
    }

    #[test]
    fn a_call_keeps_the_tables_it_began_with_and_says_which_it_looked_into() {
        let tables = Tables::default();
        let both = [versioned("unit", 3, "CS"), versioned("carrier", 1, "UPS")];
        tables.set(both.into_iter().collect());
        let before = tables.now().call();
        assert!(used(&before).is_empty());
        assert_eq!(before.lookup("unit", "CA").as_deref(), Some("CS"));
        tables.replace(
            &TableName::parse("unit").unwrap(),
            Some(versioned("unit", 4, "EA")),
        );
        assert_eq!(before.lookup("unit", "CA").as_deref(), Some("CS"));
        assert_eq!(before.lookup("unit", "XX"), None);
        assert_eq!(used(&before), [("unit".to_owned(), 3)]);
        let after = tables.now().call();
        assert_eq!(after.lookup("unit", "CA").as_deref(), Some("EA"));
        assert_eq!(after.lookup("carrier", "CA").as_deref(), Some("UPS"));
        assert_eq!(
            used(&after),
            [("carrier".to_owned(), 1), ("unit".to_owned(), 4)]
        );
        tables.replace(&TableName::parse("unit").unwrap(), None);
        assert_eq!(tables.now().call().lookup("unit", "CA"), None);
    }

    #[test]
    fn what_is_asked_for_in_vain_is_remembered_within_bounds() {
        let call = Snapshot::default().call();
        for number in 0..100 {
            assert_eq!(call.lookup(&format!("t{number:03}"), "x"), None);
        }
        assert_eq!(call.lookup("no name", "x"), None);
        let used = used(&call);
        assert_eq!(used.len(), ABSENT_MAX);
        assert!(used.iter().all(|(_, version)| *version == 0));
    }
}
