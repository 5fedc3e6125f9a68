//! A directory with a configuration, in which hosts run one after another.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crossdock::{
    app,
    clock::{Clock, Timestamp},
    config::{Config, Overrides},
    ingress::authenticate::Token,
};
use serde_json::Value;
use tempfile::TempDir;
use toml::Table;

use super::{
    Api, Books, Folder, Host, Receiver, adapters,
    api::{self, Address},
    binary,
};

/// What a partner's endpoint is like, unless a test says otherwise: everything that
/// takes seconds in production takes milliseconds here.
const ENDPOINT: &str = r#"
    timeout_ms = 10000
    connect_timeout_ms = 5000
    allow_networks = ["127.0.0.0/8"]
    retry = { first_ms = 10, max_ms = 100, attempts_max = 10000 }
    retry_budget = { percent = 100, floor_per_minute = 60000, burst_max = 1000 }
    breaker = { failures_max = 5, failed_percent = 101, slow_percent = 101, open_ms = 100, open_ms_max = 400, probe_successes = 1 }
"#;

/// A host's surroundings, and what it leaves behind.
pub struct Site {
    directory: TempDir,
    settings: Table,
    tokens: BTreeMap<String, String>,
    operator: String,
    address: Address,
}

/// A command that was run to its end.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What it left with; absent when a signal ended it.
    pub code: Option<i32>,
    /// What it answered, on standard output.
    pub answer: String,
    /// What it said beside, on standard error, on one line without its frame.
    pub said: String,
}

// === impl Site ===

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// An empty one: no partner, no route.
    ///
    /// # Panics
    /// When there is no room for a directory.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("crossdock-e2e-")
            .tempdir()
            .expect("a directory can be made");
        let operator = token();
        let site = Self {
            settings: Table::new(),
            tokens: BTreeMap::new(),
            address: Address::default(),
            operator: operator.expose().to_owned(),
            directory,
        };
        let data = site.text("data");
        let adapters = site.text("adapters");
        site.set("server.data_directory", data)
            .set("server.adapters_directory", adapters)
            .set(
                "server.operator_token_sha256",
                vec![operator.hash().to_string()],
            )
            .set("listener.listen", "127.0.0.1:0")
            .set("listener.drain_timeout_ms", 5_000)
            .set("sandbox.threads", 2)
            .set("sandbox.instances_max", 16)
    }

    /// A partner that sends by HTTP and has no endpoint.
    #[must_use]
    pub fn sender(mut self, name: &str) -> Self {
        let token = token();
        self.tokens
            .insert(name.to_owned(), token.expose().to_owned());
        self.set(&format!("partners.{name}.adapter"), "canonical-json")
            .set(
                &format!("partners.{name}.access.token_sha256"),
                vec![token.hash().to_string()],
            )
    }

    /// A partner that is sent to by HTTP.
    ///
    /// # Panics
    /// Never: the defaults are TOML.
    #[must_use]
    pub fn receiver(self, name: &str, receiver: &Receiver) -> Self {
        self.endpoint(name, &receiver.url())
    }

    /// A partner that is sent to at this address.
    ///
    /// # Panics
    /// Never: the defaults are TOML.
    #[must_use]
    pub fn endpoint(self, name: &str, url: &str) -> Self {
        let endpoint: Table = ENDPOINT.parse().expect("the defaults are TOML");
        self.set(&format!("partners.{name}.adapter"), "canonical-json")
            .set(&format!("partners.{name}.endpoint"), endpoint)
            .set(&format!("partners.{name}.endpoint.url"), url)
    }

    /// A partner that is asked for news every so many seconds.
    ///
    /// # Panics
    /// Never: the defaults are TOML.
    #[must_use]
    pub fn polled(self, name: &str, adapter: &str, books: &Books, interval_seconds: i64) -> Self {
        let endpoint: Table = ENDPOINT.parse().expect("the defaults are TOML");
        self.set(&format!("partners.{name}.adapter"), adapter)
            .set(&format!("partners.{name}.endpoint"), endpoint)
            .set(&format!("partners.{name}.endpoint.url"), books.url())
            .set(
                &format!("partners.{name}.poll.interval_seconds"),
                interval_seconds,
            )
            .set(&format!("partners.{name}.poll.jitter_seconds"), 0)
    }

    /// A partner that is a directory, both ways.
    #[must_use]
    pub fn folder(self, name: &str) -> Self {
        let directory = self.text(&format!("exchange/{name}"));
        self.set(&format!("partners.{name}.adapter"), "canonical-json")
            .set(
                &format!("partners.{name}.folder.directory"),
                directory.as_str(),
            )
            .set(&format!("partners.{name}.folder.interval_ms"), 10)
            .set(&format!("partners.{name}.folder.quiet_ms"), 30)
            .set(&format!("partners.{name}.endpoint.folder"), directory)
            .set(&format!("partners.{name}.endpoint.retry.first_ms"), 10)
            .set(&format!("partners.{name}.endpoint.retry.max_ms"), 100)
    }

    /// Sends documents of a kind that come from these partners to those.
    ///
    /// # Panics
    /// When `route` was set to something that is no list.
    #[must_use]
    pub fn route(mut self, document: &str, from: &[&str], to: &[&str]) -> Self {
        let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mut rule = Table::new();
        rule.insert("document".to_owned(), document.into());
        rule.insert("from".to_owned(), list(from).into());
        rule.insert("to".to_owned(), list(to).into());
        let routes = self
            .settings
            .entry("route")
            .or_insert_with(|| Vec::<Table>::new().into());
        routes
            .as_array_mut()
            .expect("routes are a list")
            .push(rule.into());
        self
    }

    /// Sets one setting by its full name.
    ///
    /// # Panics
    /// When a part of the name is a setting that holds no settings.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<toml::Value>) -> Self {
        let mut table = &mut self.settings;
        let (within, last) = name.rsplit_once('.').unwrap_or(("", name));
        for part in within.split('.').filter(|part| !part.is_empty()) {
            let inner = table.entry(part).or_insert_with(|| Table::new().into());
            table = inner
                .as_table_mut()
                .unwrap_or_else(|| panic!("{part} of {name} is no table"));
        }
        table.insert(last.to_owned(), value.into());
        self
    }

    /// Starts a host and waits until it takes messages in.
    pub async fn start(&self) -> Host {
        self.launch(None).ready().await
    }

    /// Starts a host within the test whose clock stands at this moment. What it leaves is
    /// as old as it says when the next host runs here. A test stops it.
    ///
    /// # Panics
    /// When the configuration is refused or the host does not start.
    pub async fn start_at(&self, moment: Timestamp) -> app::Host {
        self.furnish();
        let file = self.path("crossdock.toml");
        let checked = Config::load(&file, &Overrides::default())
            .unwrap_or_else(|error| panic!("the configuration is refused: {error}"));
        let host = app::start(checked, Clock::manual(moment)).await;
        let host = host.unwrap_or_else(|error| panic!("the host does not start: {error}"));
        self.address.set(&format!("http://{}", host.local_addr()));
        host
    }

    /// Starts a host that is to die at a named point, and waits for nothing.
    ///
    /// # Panics
    /// When the host can't be run.
    #[must_use]
    pub fn launch(&self, failpoint: Option<&str>) -> Host {
        self.furnish();
        let mut command = self.command(&["serve", "--config", &self.text("crossdock.toml")]);
        if let Some(failpoint) = failpoint {
            command.env(crossdock::failpoint::VARIABLE, failpoint);
        }
        Host::spawn(command, self.directory.path(), self.api())
    }

    /// Runs a command of the command line to its end.
    ///
    /// # Panics
    /// When it can't be run.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.furnish();
        let mut command = self.command(arguments);
        command
            .env("CROSSDOCK_CONFIG", self.text("crossdock.toml"))
            .env("CROSSDOCK_URL", self.address.get())
            .env("CROSSDOCK_TOKEN", &self.operator)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("waiting does not fail")
            .expect("the host's binary runs");
        let said = String::from_utf8_lossy(&output.stderr).replace('│', " ");
        Ran {
            code: output.status.code(),
            answer: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: said.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// What a command answers that is given `--json`.
    ///
    /// # Panics
    /// When it fails, or answers no JSON.
    pub async fn ask(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ran.code, Some(0), "{arguments:?} fails: {}", ran.said);
        serde_json::from_str(&ran.answer)
            .unwrap_or_else(|error| panic!("{arguments:?} answers no JSON: {error}"))
    }

    /// The token that a partner sends with.
    ///
    /// # Panics
    /// When it does not send.
    #[must_use]
    pub fn token(&self, partner: &str) -> &str {
        self.tokens.get(partner).expect("the partner sends")
    }

    /// Speaks with whichever host runs here.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(
            self.address.clone(),
            self.operator.clone(),
            self.tokens.clone(),
        )
    }

    /// The other side of a partner's drop folder.
    #[must_use]
    pub fn folder_of(&self, partner: &str) -> Folder {
        Folder::at(self.path(&format!("exchange/{partner}")))
    }

    /// What the host that started last has logged.
    ///
    /// # Panics
    /// When none has started.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.path("host.log")).expect("a host has started");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Keeps a secret where only the host's user can read it; gives the reference to
    /// it.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn secret(&self, name: &str, secret: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;

        let path = self.path(name);
        fs::write(&path, secret).expect("a secret can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .expect("a file can be protected");
        format!("file:{}", path.display())
    }

    /// Whether this text stands in any file that hosts have left here: journal, view,
    /// logs. The files of [`Site::secret`] are left out.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        let directories = [self.path("data/journal"), self.path("data/view")];
        let logs = [self.path("host.log"), self.path("host.out")];
        let files = directories.iter().flat_map(|it| files(it)).chain(logs);
        files
            .filter_map(|file| fs::read(file).ok())
            .any(|bytes| bytes.windows(text.len()).any(|it| it == text.as_bytes()))
    }

    /// Asserts that none of these texts is kept in a file or told by the API.
    ///
    /// # Panics
    /// When one is; and when there is nothing to look in, or no order `SO-1` came.
    pub async fn tells_nothing_of(&self, secrets: &[&str]) {
        let api = self.api();
        let mut told = Vec::new();
        for message in api.messages().await {
            told.push(api.message(api::text(&message["id"])).await.to_string());
        }
        told.push(api.get("/v1/partners").await.to_string());
        told.push(api.get("/v1/dead-letters?replayed=true").await.to_string());
        assert!(told.iter().any(|it| it.contains("deliveries")), "{told:?}");
        for secret in secrets {
            assert!(!self.holds(secret), "{secret} is in a file");
            assert!(
                !told.iter().any(|it| it.contains(secret)),
                "{secret} is told"
            );
        }
        // What is looked for could be found.
        assert!(self.holds("SO-1"));
    }

    /// A path below the site's directory.
    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    fn text(&self, below: &str) -> String {
        self.path(below)
            .into_os_string()
            .into_string()
            .expect("temporary paths are text")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary::path());
        let inherited = std::env::vars_os()
            .filter(|(name, _)| name.to_string_lossy().starts_with("CROSSDOCK_"));
        for (name, _) in inherited {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.directory.path());
        command
    }

    /// Writes the configuration and puts the adapters there that it names.
    fn furnish(&self) {
        let text = toml::to_string(&self.settings).expect("settings are TOML");
        fs::write(self.path("crossdock.toml"), text).expect("the configuration can be written");
        let adapters = self.path("adapters");
        if !adapters.exists() {
            let partners = self
                .settings
                .get("partners")
                .and_then(toml::Value::as_table);
            let partners = partners.into_iter().flat_map(Table::values);
            let names = partners
                .filter_map(|it| it.get("adapter")?.as_str())
                .collect();
            adapters::furnish(&names, &adapters, &self.path("data/compiled"));
        }
    }
}

/// All files below a directory.
fn files(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => files(&path),
            path => vec![path],
        })
        .collect()
}

fn token() -> Token {
    Token::generate().expect("the system gives randomness")
}
