//! The contract that every journal keeps: one suite, run for each implementation.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Error, Expect, FileJournal, Journal, MemoryJournal, MemoryStore, Options, Sequence};

/// What the journals of this suite take at most, in bytes.
const RECORD_BYTES_MAX: usize = 100;

/// Where a journal lives, and how it is opened again after its writer is gone.
trait Home {
    fn new() -> Self;
    fn open(&self, at_least: Sequence) -> Result<Box<dyn Journal>, Error>;
}

struct Directory(tempfile::TempDir);

impl Home for Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, at_least: Sequence) -> Result<Box<dyn Journal>, Error> {
        let options = Options {
            // A few records, so that everything also happens across segments.
            segment_bytes: 256,
            record_bytes_max: RECORD_BYTES_MAX,
            ..Options::new(self.0.path())
        };
        let expect = Expect {
            at_least,
            verify_from: Sequence::ZERO,
        };
        FileJournal::open(options, expect).map(|(journal, _)| Box::new(journal) as _)
    }
}

impl Home for MemoryStore {
    fn new() -> Self {
        Self::default()
    }

    fn open(&self, at_least: Sequence) -> Result<Box<dyn Journal>, Error> {
        let journal = MemoryJournal::open(self, at_least)?;
        Ok(Box::new(journal.with_record_bytes_max(RECORD_BYTES_MAX)))
    }
}

fn at(sequence: u64) -> Sequence {
    Sequence::from_u64(sequence)
}

fn record(number: u64) -> Bytes {
    Bytes::from(format!("record {number}"))
}

fn append(journal: &mut dyn Journal, numbers: std::ops::RangeInclusive<u64>) {
    let first = at(*numbers.start());
    let records: Vec<_> = numbers.map(record).collect();
    assert_eq!(journal.append(&records).unwrap(), first);
}

fn replayed(journal: &dyn Journal, from: u64) -> Vec<(u64, Bytes)> {
    let records = journal.reader().replay(at(from));
    records
        .map(|record| record.unwrap())
        .map(|(sequence, bytes)| (sequence.get(), bytes))
        .collect()
}

fn numbered(numbers: std::ops::RangeInclusive<u64>) -> Vec<(u64, Bytes)> {
    numbers.map(|number| (number, record(number))).collect()
}

fn an_empty_journal_holds_nothing<H: Home>() {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    let reader = journal.reader();
    assert_eq!((reader.first(), reader.last()), (at(1), Sequence::ZERO));
    assert_eq!(replayed(&*journal, 0), []);
    assert!(matches!(reader.read(at(1)), Err(Error::Absent { .. })));
    assert!(matches!(reader.read(at(0)), Err(Error::Absent { .. })));
    assert_eq!(journal.append(&[]).unwrap(), at(1), "nothing was appended");
    assert_eq!(journal.last(), Sequence::ZERO);
}

fn records_come_back_in_order_and_by_place<H: Home>() {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    let reader = journal.reader();
    append(&mut *journal, 1..=1);
    append(&mut *journal, 2..=9);
    append(&mut *journal, 10..=30);
    assert_eq!((reader.first(), reader.last()), (at(1), at(30)));
    for number in (1..=30).rev() {
        assert_eq!(reader.read(at(number)).unwrap(), record(number));
    }
    for from in [0, 1, 2, 9, 10, 29, 30] {
        assert_eq!(replayed(&*journal, from), numbered(from.max(1)..=30));
    }
    assert_eq!(replayed(&*journal, 31), []);
    assert!(matches!(reader.read(at(31)), Err(Error::Absent { .. })));
    assert!(reader.size_bytes() > 30 * 8);
}

fn a_reader_sees_later_records_and_a_replay_ends_where_it_began_to_end<H: Home>() {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    append(&mut *journal, 1..=3);
    let reader = journal.reader();
    let mut replay = reader.replay(at(2));
    assert_eq!(replay.next().unwrap().unwrap(), (at(2), record(2)));
    append(&mut *journal, 4..=20);
    assert_eq!(replay.next().unwrap().unwrap(), (at(3), record(3)));
    assert!(replay.next().is_none());
    assert_eq!(reader.last(), at(20));
    journal.close().unwrap();
    assert_eq!(
        reader.read(at(20)).unwrap(),
        record(20),
        "also after the close"
    );
}

fn a_closed_journal_goes_on_where_it_ended<H: Home>() {
    let home = H::new();
    for round in 0..5 {
        let mut journal = home.open(at(round * 7)).unwrap();
        assert_eq!(journal.last(), at(round * 7));
        append(&mut *journal, round * 7 + 1..=round * 7 + 7);
        journal.close().unwrap();
    }
    let journal = home.open(at(35)).unwrap();
    assert_eq!(replayed(&*journal, 0), numbered(1..=35));
}

fn an_abandoned_journal_keeps_what_was_appended<H: Home>() {
    let home = H::new();
    for round in 0..5 {
        let mut journal = home.open(at(round * 7)).unwrap();
        append(&mut *journal, round * 7 + 1..=round * 7 + 7);
        drop(journal);
    }
    let journal = home.open(at(35)).unwrap();
    assert_eq!(replayed(&*journal, 0), numbered(1..=35));
}

fn a_second_writer_is_refused<H: Home>() {
    let home = H::new();
    let journal = home.open(Sequence::ZERO).unwrap();
    assert!(matches!(
        home.open(Sequence::ZERO),
        Err(Error::Locked { .. })
    ));
    drop(journal);
    home.open(Sequence::ZERO).unwrap();
}

fn an_end_before_what_is_known_is_refused<H: Home>() {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    append(&mut *journal, 1..=4);
    journal.close().unwrap();
    let Err(error) = home.open(at(5)) else {
        panic!("the journal opened")
    };
    assert!(matches!(error, Error::Behind { .. }));
    assert!(error.to_string().contains("crossdock rebuild"), "{error}");
    home.open(at(4)).unwrap();
}

fn a_record_has_a_size_limit<H: Home>() {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    assert_eq!(journal.record_bytes_max(), RECORD_BYTES_MAX);
    let largest = Bytes::from(vec![1; RECORD_BYTES_MAX]);
    let larger = Bytes::from(vec![1; RECORD_BYTES_MAX + 1]);
    let refused = journal.append(&[record(1), larger]);
    assert!(matches!(refused, Err(Error::TooLarge { bytes: 101, .. })));
    assert_eq!(journal.last(), Sequence::ZERO, "nothing of it was appended");
    let records = [Bytes::new(), largest, Bytes::new()];
    assert_eq!(journal.append(&records).unwrap(), at(1));
    let reader = journal.reader();
    for (number, record) in (1..).zip(records) {
        assert_eq!(reader.read(at(number)).unwrap(), record);
    }
}

fn old_records_can_be_given_up<H: Home>() {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    let reader = journal.reader();
    for number in 1..=40 {
        append(&mut *journal, number..=number);
    }
    let size = reader.size_bytes();
    let boundary = reader.boundary(at(30));
    assert_eq!(reader.boundary(boundary), boundary);
    let first = journal.drop_before(at(30)).unwrap();
    assert_eq!(first, boundary);
    assert_eq!(reader.boundary(at(1)), first, "what is gone is gone");
    assert!(first > at(1) && first <= at(30));
    assert_eq!(reader.first(), first);
    assert!(reader.size_bytes() < size);
    assert_eq!(replayed(&*journal, 0), numbered(first.get()..=40));
    assert!(matches!(reader.read(at(1)), Err(Error::Absent { .. })));
    let gone: Vec<_> = reader.replay(at(1)).collect();
    assert!(matches!(gone[..], [Err(Error::Absent { .. })]));
    assert_eq!(journal.drop_before(at(2)).unwrap(), first, "no way back");
    drop(journal);
    let mut journal = home.open(at(40)).unwrap();
    assert_eq!(journal.reader().first(), first);
    append(&mut *journal, 41..=41);
    assert_eq!(replayed(&*journal, 0), numbered(first.get()..=41));
    assert!(journal.drop_before(at(1000)).unwrap() <= at(42));
    assert_eq!(journal.append(&[record(42)]).unwrap(), at(42));
}

/// What can be done to a journal.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Close,
    Abandon,
    DropBefore(u64),
    Read(u64),
    Replay(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(0..=RECORD_BYTES_MAX, 0..6).prop_map(Step::Append),
        1 => Just(Step::Close),
        1 => Just(Step::Abandon),
        1 => (0_u64..60).prop_map(Step::DropBefore),
        2 => (0_u64..60).prop_map(Step::Read),
        1 => (0_u64..60).prop_map(Step::Replay),
    ];
    prop::collection::vec(step, 1..40)
}

fn any_steps_equal_a_plain_list<H: Home>(steps: Vec<Step>) {
    let home = H::new();
    let mut journal = home.open(Sequence::ZERO).unwrap();
    let mut model: Vec<Bytes> = Vec::new();
    let mut first = 1;
    for step in steps {
        match step {
            Step::Append(sizes) => {
                let next = model.len() as u64 + 1;
                let fill = u8::try_from(next % 251).unwrap();
                let records: Vec<_> = sizes.iter().map(|&size| vec![fill; size].into()).collect();
                assert_eq!(journal.append(&records).unwrap(), at(next));
                model.extend(records);
            }
            Step::Close => {
                journal.close().unwrap();
                journal = home.open(at(model.len() as u64)).unwrap();
            }
            Step::Abandon => {
                drop(journal);
                journal = home.open(at(model.len() as u64)).unwrap();
            }
            Step::DropBefore(sequence) => {
                let kept = journal.drop_before(at(sequence)).unwrap().get();
                let asked = sequence.max(first).min(model.len() as u64 + 1);
                assert!(kept >= first && kept <= asked);
                first = kept;
            }
            Step::Read(sequence) => match journal.reader().read(at(sequence)) {
                Ok(record) => {
                    assert!(sequence >= first);
                    assert_eq!(record, model[usize::try_from(sequence).unwrap() - 1]);
                }
                Err(_) => assert!(sequence < first || sequence > model.len() as u64),
            },
            Step::Replay(from) if from >= first || from == 0 => {
                let from = from.max(first);
                let expected = (1..).zip(model.clone()).filter(|(at, _)| *at >= from);
                assert_eq!(replayed(&*journal, from), expected.collect::<Vec<_>>());
            }
            Step::Replay(from) => {
                assert!(journal.reader().replay(at(from)).all(|gone| gone.is_err()))
            }
        }
        assert_eq!(journal.last(), at(model.len() as u64));
        assert_eq!(journal.reader().first(), at(first));
    }
}

macro_rules! contract {
    ($name:ident, $home:ty: $($promise:ident),* $(,)?) => {
        mod $name {
            use super::*;

            $(#[test]
            fn $promise() {
                super::$promise::<$home>();
            })*

            proptest! {
                // Every case syncs dozens of times.
                #![proptest_config(ProptestConfig::with_cases(64))]
                #[test]
                fn any_steps_equal_a_plain_list(steps in steps()) {
                    super::any_steps_equal_a_plain_list::<$home>(steps);
                }
            }
        }
    };
    ($($name:ident: $home:ty),* $(,)?) => {
        $(contract! {
            $name, $home:
            an_empty_journal_holds_nothing,
            records_come_back_in_order_and_by_place,
            a_reader_sees_later_records_and_a_replay_ends_where_it_began_to_end,
            a_closed_journal_goes_on_where_it_ended,
            an_abandoned_journal_keeps_what_was_appended,
            a_second_writer_is_refused,
            an_end_before_what_is_known_is_refused,
            a_record_has_a_size_limit,
            old_records_can_be_given_up,
        })*
    };
}

contract! {
    file: Directory,
    memory: MemoryStore,
}
