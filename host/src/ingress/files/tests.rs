//! Drop folders on a real file system, with time in the test's hand.

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::ingress::{
    Access, Config as Limits,
    sink::{AcceptError, NoRoom},
    testing::{TestSink, clock, ingress, north},
};

struct Inbox {
    directory: TempDir,
    folder: Folder<TestSink>,
    sink: Arc<TestSink>,
    now: Timestamp,
}

impl Inbox {
    async fn new() -> Self {
        Self::with(Limits::default(), 10_000).await
    }

    async fn with(limits: Limits, files_max: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sink = TestSink::open();
        let (ingress, _) = ingress(&limits, Access::default(), &sink);
        let config = Config {
            files_max,
            ..Config::new(directory.path())
        };
        let folder = Folder::open(ingress, north(), &config, &clock())
            .await
            .unwrap();
        Self {
            directory,
            folder,
            sink,
            now: Timestamp::from_millis(1_772_357_400_000),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.path("inbox").join(name), content).unwrap();
    }

    /// A look at the inbox, `later_ms` after the one before.
    async fn look(&mut self, later_ms: u64) -> Report {
        self.now = self.now.plus(Duration::from_millis(later_ms));
        self.folder.scan_once(self.now).await.unwrap()
    }

    /// Two looks, between which every file had its quiet time.
    async fn settle(&mut self) -> Report {
        self.look(0).await;
        self.look(2_000).await
    }

    fn names(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The only refused file, and the problem beside it.
    fn only_refusal(&self) -> (PathBuf, Value) {
        let (reasons, files): (Vec<_>, Vec<_>) = fs::read_dir(self.path("refused"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .partition(|path| path.as_os_str().as_bytes().ends_with(b".problem.json"));
        let ([reason], [file]) = (&reasons[..], &files[..]) else {
            panic!("{reasons:?} {files:?}")
        };
        let beside = [file.as_os_str().as_bytes(), b".problem.json"].concat();
        assert_eq!(reason.as_os_str().as_bytes(), beside);
        let problem = serde_json::from_slice(&fs::read(reason).unwrap()).unwrap();
        (file.clone(), problem)
    }
}

const ACCEPTED: Report = Report {
    accepted: 1,
    replayed: 0,
    refused: 0,
    waiting: 0,
};
const REPLAYED: Report = Report {
    accepted: 0,
    replayed: 1,
    refused: 0,
    waiting: 0,
};
const REFUSED: Report = Report {
    accepted: 0,
    replayed: 0,
    refused: 1,
    waiting: 0,
};
const WAITING: Report = Report {
    accepted: 0,
    replayed: 0,
    refused: 0,
    waiting: 1,
};

#[tokio::test]
async fn a_file_is_accepted_after_its_quiet_time_and_moved_to_done() {
    let mut inbox = Inbox::new().await;
    assert_eq!(inbox.names("."), ["done", "inbox", "outbox", "refused"]);
    inbox.put("945.edi", "ISA*00*");
    assert_eq!(inbox.look(0).await, WAITING);
    assert_eq!(inbox.look(1_999).await, WAITING);
    assert_eq!(inbox.look(1).await, ACCEPTED);
    assert_eq!(inbox.look(1).await, Report::default());
    let [message] = <[_; 1]>::try_from(inbox.sink.accepted()).unwrap();
    assert_eq!(message.body, "ISA*00*");
    assert_eq!(message.partner, north());
    assert_eq!(message.channel, Channel::Folder);
    assert_eq!(
        message.headers,
        [("file-name".to_owned(), "945.edi".to_owned())]
    );
    assert_eq!(
        message.idempotency_key,
        Some(format!("file:945.edi:{}", Digest::of(b"ISA*00*")))
    );
    assert_eq!(inbox.names("inbox"), Vec::<String>::new());
    assert_eq!(inbox.names("done"), ["20260301T093002.000Z-945.edi"]);
}

#[tokio::test]
async fn a_file_that_still_changes_waits_for_its_quiet_time_again() {
    let mut inbox = Inbox::new().await;
    inbox.put("a", "first");
    inbox.look(0).await;
    inbox.put("a", "first and second");
    assert_eq!(inbox.look(2_000).await, WAITING);
    // Another file under the same name, of the same length.
    inbox.put(".a", "third and fourth");
    fs::rename(inbox.path("inbox/.a"), inbox.path("inbox/a")).unwrap();
    assert_eq!(inbox.look(2_000).await, WAITING);
    assert_eq!(inbox.look(2_000).await, ACCEPTED);
    assert_eq!(inbox.sink.accepted()[0].body, "third and fourth");
}

#[tokio::test]
async fn names_of_unfinished_uploads_are_left_alone_until_renamed() {
    let mut inbox = Inbox::new().await;
    for name in [".hidden", "a.tmp", "a.part", "a.FilePart"] {
        inbox.put(name, "abc");
    }
    fs::create_dir(inbox.path("inbox/directory")).unwrap();
    assert_eq!(inbox.settle().await, Report::default());
    assert_eq!(inbox.names("inbox").len(), 5);
    fs::rename(inbox.path("inbox/a.part"), inbox.path("inbox/a")).unwrap();
    assert_eq!(inbox.settle().await, ACCEPTED);
}

#[tokio::test]
async fn the_oldest_comes_first_and_names_settle_a_tie() {
    let mut inbox = Inbox::new().await;
    for (name, age_s) in [("b", 10), ("c", 20), ("a", 10), ("d", 0)] {
        inbox.put(name, name);
        let modified = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000 - age_s);
        let file = fs::File::options()
            .write(true)
            .open(inbox.path("inbox").join(name))
            .unwrap();
        file.set_modified(modified).unwrap();
    }
    assert_eq!(inbox.settle().await.accepted, 4);
    let bodies: Vec<_> = inbox
        .sink
        .accepted()
        .into_iter()
        .map(|it| it.body)
        .collect();
    assert_eq!(bodies, ["c", "a", "b", "d"]);
}

#[tokio::test]
async fn a_crash_between_accepting_and_moving_has_one_effect() {
    let mut inbox = Inbox::new().await;
    inbox.put("a", "abc");
    assert_eq!(inbox.settle().await, ACCEPTED);
    // As a crash would have left it: accepted, and still in the inbox.
    inbox.put("a", "abc");
    assert_eq!(inbox.settle().await, REPLAYED);
    assert_eq!(inbox.sink.accepted().len(), 1);
    assert_eq!(inbox.names("inbox"), Vec::<String>::new());
    assert_eq!(inbox.names("done").len(), 2);
    // Another content under the same name is another message.
    inbox.put("a", "abcd");
    assert_eq!(inbox.settle().await, ACCEPTED);
}

#[tokio::test]
async fn without_room_the_file_stays() {
    let mut inbox = Inbox::new().await;
    inbox.put("a", "abc");
    let retry_after = Duration::from_secs(1);
    *inbox.sink.full.lock().unwrap() = Some(NoRoom { retry_after });
    assert_eq!(inbox.settle().await, WAITING);
    *inbox.sink.full.lock().unwrap() = None;
    let overloaded = Err(AcceptError::Overloaded { retry_after });
    inbox.sink.answers.lock().unwrap().push_back(overloaded);
    assert_eq!(inbox.look(1).await, WAITING);
    assert_eq!(inbox.names("inbox"), ["a"]);
    assert_eq!(inbox.look(1).await, ACCEPTED);
}

#[tokio::test]
async fn a_file_that_no_record_can_hold_is_refused_and_holds_up_nobody() {
    let mut inbox = Inbox::new().await;
    inbox.put("a", "abc");
    let too_large = AcceptError::TooLarge {
        bytes: 17,
        bytes_max: 16,
    };
    inbox.sink.answers.lock().unwrap().push_back(Err(too_large));
    assert_eq!(inbox.settle().await, REFUSED);
    assert_eq!(inbox.only_refusal().1["code"], "message-too-large");
}

#[tokio::test]
async fn no_file_overtakes_an_older_one_that_found_no_room() {
    let mut inbox = Inbox::new().await;
    for name in ["a", "b", "c"] {
        inbox.put(name, name);
    }
    inbox
        .sink
        .answers
        .lock()
        .unwrap()
        .push_back(Err(AcceptError::StorageFull));
    assert_eq!(
        inbox.settle().await,
        Report {
            waiting: 3,
            ..WAITING
        }
    );
    assert_eq!(inbox.look(1).await.accepted, 3);
    let bodies: Vec<_> = inbox
        .sink
        .accepted()
        .into_iter()
        .map(|it| it.body)
        .collect();
    assert_eq!(bodies, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_moved_does_not_hold_up_the_others() {
    let mut inbox = Inbox::new().await;
    inbox.put("a", "");
    inbox.put("b", "abc");
    fs::remove_dir(inbox.path("refused")).unwrap();
    inbox.look(0).await;
    inbox.now = inbox.now.plus(Duration::from_secs(2));
    let error = inbox.folder.scan_once(inbox.now).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert_eq!(inbox.sink.accepted()[0].body, "abc");
    assert_eq!(inbox.names("inbox"), ["a"]);
    fs::create_dir(inbox.path("refused")).unwrap();
    assert_eq!(inbox.look(1).await, REFUSED);
}

#[tokio::test]
async fn too_large_and_empty_files_are_refused_with_the_reason_beside_them() {
    let limits = Limits {
        body_bytes_max: 3,
        ..Limits::default()
    };
    let mut inbox = Inbox::with(limits.clone(), 100).await;
    inbox.put("fits", "abc");
    assert_eq!(inbox.settle().await, ACCEPTED);
    inbox.put("large", "abcd");
    assert_eq!(inbox.settle().await, REFUSED);
    let (file, problem) = inbox.only_refusal();
    assert!(file.to_str().unwrap().ends_with("Z-large"), "{file:?}");
    assert_eq!(problem["code"], "body-too-large");
    assert_eq!(problem["bytes_max"], 3);

    let mut inbox = Inbox::with(limits, 100).await;
    inbox.put("empty", "");
    assert_eq!(inbox.settle().await, REFUSED);
    assert_eq!(inbox.only_refusal().1["code"], "body-empty");
    assert_eq!(inbox.sink.accepted(), []);
}

#[tokio::test]
async fn links_and_special_files_are_refused_without_being_followed() {
    let mut inbox = Inbox::new().await;
    let secret = inbox.path("secret");
    fs::write(&secret, "do not send").unwrap();
    symlink(&secret, inbox.path("inbox/link")).unwrap();
    assert_eq!(inbox.settle().await, REFUSED);
    let (file, problem) = inbox.only_refusal();
    assert_eq!(problem["code"], "not-a-file");
    assert!(file.is_symlink());
    assert_eq!(fs::read_to_string(secret).unwrap(), "do not send");

    let mut inbox = Inbox::new().await;
    let _socket = UnixListener::bind(inbox.path("inbox/socket")).unwrap();
    assert_eq!(inbox.settle().await, REFUSED);
    assert_eq!(inbox.only_refusal().1["code"], "not-a-file");
    assert_eq!(inbox.sink.accepted(), []);
}

#[tokio::test]
async fn a_link_put_in_the_place_of_a_file_is_not_read() {
    let inbox = Inbox::new().await;
    inbox.put("a", "abc");
    let found = inbox.folder.disk.list(10).await.unwrap();
    fs::write(inbox.path("secret"), "xyz").unwrap();
    fs::remove_file(inbox.path("inbox/a")).unwrap();
    symlink(inbox.path("secret"), inbox.path("inbox/a")).unwrap();
    let read = inbox.folder.disk.read(&found[0], 10).await.unwrap();
    assert!(matches!(read, Read::Changed));
    fs::remove_file(inbox.path("inbox/a")).unwrap();
    let read = inbox.folder.disk.read(&found[0], 10).await.unwrap();
    assert!(matches!(read, Read::Changed));
}

#[tokio::test]
async fn names_that_cannot_travel_are_refused() {
    for name in [
        "a\nb".as_bytes(),
        b"a\xff",
        "x".repeat(201).as_bytes(),
        &[b'y'; 255],
    ] {
        let mut inbox = Inbox::new().await;
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(inbox.path("inbox").join(name), "abc").unwrap();
        assert_eq!(inbox.settle().await, REFUSED);
        assert_eq!(inbox.only_refusal().1["code"], "file-name-invalid");
        assert_eq!(inbox.names("inbox"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn nothing_in_done_is_ever_written_over() {
    let mut inbox = Inbox::new().await;
    fs::write(inbox.path("done/20260301T093002.000Z-a"), "older").unwrap();
    inbox.put("a", "abc");
    assert_eq!(inbox.settle().await, ACCEPTED);
    assert_eq!(
        inbox.names("done"),
        ["20260301T093002.000Z-2-a", "20260301T093002.000Z-a"]
    );
}

#[tokio::test]
async fn a_crowded_inbox_is_taken_in_turns() {
    let mut inbox = Inbox::with(Limits::default(), 2).await;
    for name in ["a", "b", "c", "d", "e"] {
        inbox.put(name, name);
    }
    for _ in 0..3 {
        inbox.settle().await;
    }
    assert_eq!(inbox.sink.accepted().len(), 5);
}

#[tokio::test]
async fn a_missing_inbox_is_an_error_that_names_it_and_heals() {
    let mut inbox = Inbox::new().await;
    let path = inbox.path("inbox");
    fs::remove_dir(&path).unwrap();
    let error = inbox.folder.scan_once(inbox.now).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot read {}", path.display()))
    );
    fs::create_dir(&path).unwrap();
    inbox.put("a", "abc");
    assert_eq!(inbox.settle().await, ACCEPTED);
}

#[tokio::test]
async fn running_takes_files_until_told_to_stop() {
    let inbox = Inbox::new().await;
    let config = Config {
        interval_ms: 1,
        quiet_ms: 0,
        ..Config::new(inbox.directory.path())
    };
    inbox.put("a", "abc");
    let ingress = Arc::clone(&inbox.folder.ingress);
    let folder = Folder::open(ingress, north(), &config, &clock())
        .await
        .unwrap();
    let moved = async {
        while inbox.names("done").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    folder.run(moved).await;
    assert_eq!(inbox.sink.accepted().len(), 1);
    assert_eq!(inbox.names("inbox"), Vec::<String>::new());
}
