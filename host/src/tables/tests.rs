//! Tables through changes, starts and losses of the view.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Timestamp,
    journal::{
        CommitterConfig, CommitterThread, Journal as _, MemoryJournal, MemoryStore, Sequence,
    },
    record::TableUse,
    sandbox::Lookup as _,
    view::{self, Options},
};

type Rows = BTreeMap<String, String>;

/// A journal, and hosts that run on it one after another.
struct House {
    store: MemoryStore,
    clock: Clock,
    limits: Config,
}

/// One of them.
struct Host {
    tables: Arc<Tables>,
    partners: Arc<Partners>,
    view: View,
    thread: CommitterThread<Record>,
    _directory: tempfile::TempDir,
}

fn partner() -> PartnerName {
    PartnerName::parse("north").unwrap()
}

fn unit() -> TableName {
    TableName::parse("unit").unwrap()
}

fn rows(pairs: &[(&str, &str)]) -> Rows {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn table(rows: Rows) -> Table {
    Config::default().table(rows).unwrap()
}

fn configured(content: Option<Rows>) -> AllConfigured {
    let tables = content.map(|rows| {
        let configured = Configured {
            table: table(rows),
            source: TableSource::File,
            by: "unit.csv".to_owned(),
        };
        (unit(), configured)
    });
    BTreeMap::from([(partner(), tables.into_iter().collect())])
}

fn change(content: Option<Rows>, expected: Expected) -> Change {
    Change {
        partner: partner(),
        table: unit(),
        content: content.map(table),
        expected,
        by: "ann".to_owned(),
    }
}

impl House {
    fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            clock: Clock::manual(Timestamp::from_millis(1_772_357_400_000)),
            limits: Config::default(),
        }
    }

    /// Starts a host with a view that is built from the first record on.
    async fn start(&self, content: Option<Rows>) -> Host {
        let directory = tempfile::tempdir().unwrap();
        let view = View::open(&Options {
            directory: directory.path().join("view"),
            cache_bytes: 1 << 20,
        });
        let view = view.unwrap();
        let journal = MemoryJournal::open(&self.store, Sequence::ZERO).unwrap();
        let reader = journal.reader();
        view::catch_up(&view, reader.as_ref(), |_| {}).unwrap();
        let (committer, thread) = Committer::start(
            Box::new(journal),
            Box::new(view.clone()),
            Box::new(|_| {}),
            CommitterConfig::DEFAULT,
        )
        .unwrap();
        let partners = Arc::new(Partners::new([Partner {
            name: partner(),
            role: None,
            takes: None,
            adapter: "x12".to_owned(),
            settings: Vec::new(),
            tables: crate::partner::Tables::default(),
            endpoint: None,
            poll: None,
            acknowledge: false,
            terms: crate::partner::Terms::default(),
        }]));
        let parts = Parts {
            clock: self.clock.clone(),
            committer,
            view: view.clone(),
            journal: reader,
            partners: Arc::clone(&partners),
            limits: self.limits,
        };
        let tables = Tables::open(parts, &configured(content)).await.unwrap();
        Host {
            tables,
            partners,
            view,
            thread,
            _directory: directory,
        }
    }
}

impl Host {
    async fn put(&self, content: Option<Rows>) -> Result<Changed, ChangeError> {
        self.tables
            .change(change(content, Expected::Anything))
            .await
    }

    /// What guests see.
    fn seen(&self) -> Option<(u64, Rows)> {
        let now = self.partners.get(&partner()).unwrap().tables.now();
        let it = now.get("unit")?;
        let rows = it.table.rows();
        let rows = rows.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some((it.version, rows.collect()))
    }

    fn source(&self) -> Option<TableSource> {
        Some(self.view.table(&partner(), &unit())?.source)
    }

    fn stop(self) {
        self.thread.stop().unwrap();
    }
}

#[tokio::test]
async fn the_last_change_wins_wherever_it_comes_from() {
    let house = House::new();
    let from_file = rows(&[("CA", "CS")]);
    let host = house.start(Some(from_file.clone())).await;
    assert_eq!(host.seen(), Some((1, from_file.clone())));
    assert_eq!(host.source(), Some(TableSource::File));
    let by_hand = rows(&[("CA", "EA"), ("BX", "BX")]);
    let made = host.put(Some(by_hand.clone())).await.unwrap();
    let expected = Difference {
        added: 1,
        changed: 1,
        removed: 0,
    };
    assert_eq!((made.version, made.difference), (2, expected));
    assert_eq!(host.seen(), Some((2, by_hand.clone())));
    let again = host.put(Some(by_hand.clone())).await.unwrap();
    assert!(again.is_nothing());
    assert_eq!(again.version, 2, "what differs in nothing is no version");
    host.stop();

    // The file says what it said: the operator's table stays.
    let host = house.start(Some(from_file)).await;
    assert_eq!(host.seen(), Some((2, by_hand)));
    assert_eq!(host.source(), Some(TableSource::Api));
    host.stop();

    // The file says something else.
    let changed = rows(&[("CA", "CT")]);
    let host = house.start(Some(changed.clone())).await;
    assert_eq!(host.seen(), Some((3, changed)));
    let versions = host.view.table_versions(&partner(), &unit());
    let sources: Vec<_> = versions.iter().map(|it| it.source).collect();
    let expected = [TableSource::File, TableSource::Api, TableSource::File];
    assert_eq!(sources, expected);
    host.stop();

    // The file is gone, and nobody has changed the table since.
    let host = house.start(None).await;
    assert_eq!(host.seen(), None);
    let kept = rows(&[("X", "Y")]);
    host.put(Some(kept.clone())).await.unwrap();
    host.stop();
    let host = house.start(None).await;
    assert_eq!(host.seen(), Some((5, kept)));
    host.put(None).await.unwrap();
    assert_eq!(host.seen(), None);
    host.stop();
    let host = house.start(None).await;
    assert_eq!(host.seen(), None, "what was removed stays removed");
    assert_eq!(host.put(Some(rows(&[]))).await.unwrap().version, 7);
    host.stop();
}

#[tokio::test]
async fn a_table_that_an_operator_took_over_outlives_its_place_in_the_configuration() {
    let house = House::new();
    let host = house.start(Some(rows(&[("CA", "CS")]))).await;
    let by_hand = rows(&[("CA", "EA")]);
    host.put(Some(by_hand.clone())).await.unwrap();
    host.stop();
    let host = house.start(None).await;
    assert_eq!(host.seen(), Some((2, by_hand)));
    assert_eq!(host.tables.configured(&partner(), &unit()), None);
    host.stop();
}

#[tokio::test]
async fn a_change_is_made_only_if_what_it_replaces_is_there() {
    let house = House::new();
    let host = house.start(None).await;
    let put = async |expected| {
        let change = change(Some(rows(&[("CA", "CS")])), expected);
        host.tables.change(change).await.map(|it| it.version)
    };
    let conflict = |made: Result<u64, ChangeError>| match made {
        Err(ChangeError::Conflict { current }) => current,
        other => panic!("{other:?}"),
    };
    assert_eq!(conflict(put(Expected::Something).await), None);
    assert_eq!(conflict(put(Expected::Version(vec![1])).await), None);
    assert_eq!(put(Expected::Nothing).await.unwrap(), 1);
    assert_eq!(conflict(put(Expected::Nothing).await), Some(1));
    host.put(Some(rows(&[("CA", "EA")]))).await.unwrap();
    assert_eq!(conflict(put(Expected::Version(vec![1])).await), Some(2));
    assert_eq!(put(Expected::Version(vec![1, 2])).await.unwrap(), 3);
    let gone = change(None, Expected::Version(vec![3]));
    host.tables.change(gone.clone()).await.unwrap();
    let again = host.tables.change(Change {
        expected: Expected::Anything,
        ..gone
    });
    assert!(matches!(again.await, Err(ChangeError::Absent { .. })));
    host.stop();
}

#[tokio::test]
async fn of_two_who_change_the_same_version_one_is_told() {
    let house = House::new();
    let host = house.start(None).await;
    host.put(Some(rows(&[("CA", "CS")]))).await.unwrap();
    let put = |value: &str| {
        let change = change(Some(rows(&[("CA", value)])), Expected::Version(vec![1]));
        let tables = Arc::clone(&host.tables);
        async move { tables.change(change).await }
    };
    let (one, other) = tokio::join!(put("EA"), put("PC"));
    assert_eq!([&one, &other].iter().filter(|it| it.is_ok()).count(), 1);
    assert_eq!(host.seen().map(|(version, _)| version), Some(2));
    host.stop();
}

#[tokio::test]
async fn a_partner_has_so_many_tables_and_no_more() {
    let house = House {
        limits: Config {
            per_partner_max: 1,
            ..Config::default()
        },
        ..House::new()
    };
    let host = house.start(Some(rows(&[]))).await;
    let other = Change {
        table: TableName::parse("carrier").unwrap(),
        ..change(Some(rows(&[])), Expected::Anything)
    };
    let refused = host.tables.change(other).await;
    assert!(matches!(refused, Err(ChangeError::TooMany { most: 1 })));
    host.put(Some(rows(&[("CA", "CS")]))).await.unwrap();
    host.stop();
}

/// What can happen to a table.
#[derive(Clone, Debug)]
enum Happens {
    Put(Option<Rows>),
    Starts(Option<Rows>),
}

fn some_rows() -> impl Strategy<Value = Option<Rows>> {
    prop::option::of(prop::collection::btree_map("[a-b]", "[x-y]", 0..3))
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => some_rows().prop_map(Happens::Put),
        2 => some_rows().prop_map(Happens::Starts),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Against a model of the rule: the last change wins. Every version can be read back,
    /// whatever came after it, from a view that was built anew.
    #[test]
    fn versions_are_what_happened(all in prop::collection::vec(happens(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::new();
            let (mut said, mut current, mut by_hand) = (None::<Rows>, None::<Rows>, false);
            let mut versions: Vec<Option<Rows>> = Vec::new();
            let mut host = house.start(None).await;
            for it in all {
                match it {
                    Happens::Put(content) => {
                        let made = host.put(content.clone()).await;
                        assert_eq!(made.is_err(), content.is_none() && current.is_none());
                        if content != current {
                            versions.push(content.clone());
                            current = content;
                            by_hand = true;
                        }
                    }
                    Happens::Starts(content) => {
                        host.stop();
                        host = house.start(content.clone()).await;
                        match &content {
                            Some(rows) if said.as_ref() != Some(rows) => {
                                versions.push(content.clone());
                                (said, current, by_hand) = (content.clone(), content, false);
                            }
                            None if said.is_some() && !by_hand && current.is_some() => {
                                versions.push(None);
                                (said, current) = (None, None);
                            }
                            _ => {}
                        }
                    }
                }
                assert_eq!(host.seen().map(|(_, rows)| rows), current);
            }
            let rows = host.view.table_versions(&partner(), &unit());
            assert_eq!(rows.len(), versions.len());
            for (row, content) in rows.iter().zip(&versions) {
                let read = host.tables.content(row).unwrap();
                assert_eq!(read, content.clone().map(table));
                let used = TableUse { table: unit(), version: row.version };
                let then = host.tables.then(&partner(), &[used], Sequence::ZERO).unwrap();
                let call = then.call();
                for key in ["a", "b"] {
                    let expected = content.as_ref().and_then(|it| it.get(key)).cloned();
                    assert_eq!(call.lookup("unit", key), expected);
                }
                let after = host.tables.then(&partner(), &[], row.since.next()).unwrap();
                assert_eq!(after.get("unit").map(|it| &it.table), content.clone().map(table).as_ref());
            }
            host.stop();
        });
    }
}
