//! A whole host in this process, at a time of the test's choosing.

mod posted;

use std::{fs, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::{
    clock::Timestamp, config::Overrides, ingress::authenticate::Token, sandbox::testing::component,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Where a host runs.
struct Site {
    directory: tempfile::TempDir,
    clock: Clock,
    token: Token,
}

/// What was answered.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Site {
    /// With one partner, whose adapter reads anything and finds nothing in it.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let adapters = directory.path().join("adapters");
        fs::create_dir(&adapters).unwrap();
        fs::write(adapters.join("guest.wasm"), component("", "")).unwrap();
        Self {
            directory,
            clock: Clock::manual(Timestamp::from_millis(1_772_357_400_000)),
            token: Token::generate().unwrap(),
        }
    }

    async fn start(&self, settings: &str) -> Host {
        let path =
            |name: &str| toml::Value::from(self.directory.path().join(name).to_str().unwrap());
        let hash = self.token.hash().to_string();
        let text = format!(
            r#"
            {settings}
            [server]
            data_directory = {data}
            adapters_directory = {adapters}
            operator_token_sha256 = ["{hash}"]
            [listener]
            listen = "127.0.0.1:0"
            [sandbox]
            threads = 1
            instances_max = 4
            [partners.north]
            adapter = "guest"
            access.token_sha256 = ["{hash}"]
            "#,
            data = path("data"),
            adapters = path("adapters"),
        );
        let checked = Config::parse(&text, &Overrides::default()).unwrap();
        start(checked, self.clock.clone()).await.unwrap()
    }

    async fn ask(&self, host: &Host, method: &str, path: &str, body: &str) -> Answer {
        Self::ask_as(&self.token, host, method, path, &[], body).await
    }

    /// The same for whoever has this token, and with these headers.
    async fn ask_as(
        token: &Token,
        host: &Host,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut stream = TcpStream::connect(host.local_addr()).await.unwrap();
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n{headers}\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            token.expose(),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, host: &Host, path: &str) -> Answer {
        self.ask(host, "GET", path, "").await
    }

    /// Sends a message, waits until it is decoded, and gives its id.
    async fn send(&self, host: &Host) -> String {
        let answer = self
            .ask(host, "POST", "/v1/partners/north/messages", "x")
            .await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let id = answer["message_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/messages/{id}");
        self.until(host, &path, |it| it.body.contains("\"status\":\"decoded\""))
            .await;
        id
    }

    /// Asks until the answer is as wanted; each question wakes the engine.
    async fn until(&self, host: &Host, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let asking = async {
            loop {
                let answer = self.get(host, path).await;
                if wanted(&answer) {
                    return answer;
                }
                let partners = self.get(host, "/v1/partners").await;
                assert_eq!(partners.status, 200, "{}", partners.body);
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asking)
            .await
            .unwrap_or_else(|_| panic!("{path} never answers as wanted"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_retention_is_gone_and_a_start_does_not_bring_it_back() {
    let site = Site::new();
    let settings = "journal = { segment_bytes = 1, checkpoint_bytes = 1, retention_days = 40 }";
    let host = site.start(settings).await;
    let old = site.send(&host).await;
    site.clock.advance(41 * DAY);
    let new = site.send(&host).await;
    let gone = site
        .until(&host, &format!("/v1/messages/{old}"), |it| it.status != 200)
        .await;
    assert_eq!(gone.status, 410, "{}", gone.body);
    assert!(gone.body.contains("retention_days"), "{}", gone.body);
    let raw = format!("/v1/messages/{old}/raw");
    assert_eq!(site.get(&host, &raw).await.status, 410);
    let unknown = crate::message::MessageId::new(site.clock.now());
    let unknown = site.get(&host, &format!("/v1/messages/{unknown}")).await;
    assert_eq!(unknown.status, 404);
    let journal = site.directory.path().join("data/journal");
    let first = journal.join(format!("{:020}.journal", 1));
    let another = site.send(&host).await;
    host.stop().await.unwrap();
    assert!(!first.exists(), "its bytes are gone");

    for rebuilt in [false, true] {
        if rebuilt {
            fs::remove_dir_all(site.directory.path().join("data/view")).unwrap();
        }
        let host = site.start(settings).await;
        for (id, status) in [(&old, 410), (&new, 200), (&another, 200)] {
            let answer = site.get(&host, &format!("/v1/messages/{id}")).await;
            assert_eq!(answer.status, status, "{}", answer.body);
        }
        let list = site.get(&host, "/v1/messages").await;
        assert!(!list.body.contains(&old), "{}", list.body);
        host.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_host_counts_is_told_to_operators_alone() {
    let site = Site::new();
    let host = site.start("").await;
    site.send(&host).await;
    let refused = site
        .ask(&host, "POST", "/v1/partners/north/messages", "")
        .await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let page = site.get(&host, "/metrics").await;
    assert_eq!(page.status, 200);
    for line in [
        "crossdock_messages_accepted_total{partner=\"north\"} 1",
        "crossdock_messages_refused_total{partner=\"north\",code=\"body-empty\"} 1",
        "crossdock_guest_call_seconds_count{adapter=\"guest\",operation=\"decode\"} 1",
        "crossdock_journal_commits_total 2",
        "crossdock_journal_sync_seconds_count 2",
        "crossdock_messages_waiting 0",
        "crossdock_lane_waiting_deliveries{partner=\"north\"} 0",
    ] {
        let told = page.body.lines().any(|it| it.trim_end() == line);
        assert!(told, "{line} is missing in:\n{}", page.body);
    }
    let anybody = Site {
        token: Token::generate().unwrap(),
        ..site
    };
    assert_eq!(anybody.get(&host, "/metrics").await.status, 401);
    host.stop().await.unwrap();
}
