//! A host's process, from its start to its end.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use super::{Api, until};

/// How the line begins that says where it listens.
const ANNOUNCEMENT: &str = "crossdock listens at ";

/// How much of a host's log a failed test shows, in bytes.
const SHOWN_BYTES_MAX: usize = 16_384;

/// A running host. A test says how it ends; one that forgets to fails.
pub struct Host {
    child: Child,
    ended: Option<ExitStatus>,
    output: PathBuf,
    log: PathBuf,
    api: Api,
}

// === impl Host ===

impl Host {
    pub(super) fn spawn(mut command: Command, directory: &Path, api: Api) -> Self {
        let output = directory.join("host.out");
        let log = directory.join("host.log");
        let file = |path: &Path| File::create(path).expect("a log can be written");
        api.address().forget();
        let child = command
            .stdin(Stdio::null())
            .stdout(file(&output))
            .stderr(file(&log))
            .spawn()
            .expect("the host's binary runs");
        Self {
            child,
            ended: None,
            output,
            log,
            api,
        }
    }

    /// Waits until it takes messages in.
    ///
    /// # Panics
    /// When it ends instead.
    #[must_use]
    pub async fn ready(mut self) -> Self {
        match self.ready_or_ended().await {
            None => self,
            Some(status) => panic!("the host ended with {status} instead of starting"),
        }
    }

    /// Waits until it takes messages in, or has ended.
    pub async fn ready_or_ended(&mut self) -> Option<ExitStatus> {
        until("the host to be ready", async || {
            if let Some(status) = self.poll() {
                return Ok(Some(status));
            }
            let output = fs::read_to_string(&self.output).unwrap_or_default();
            let address = output
                .split_once('\n')
                .and_then(|(line, _)| line.strip_prefix(ANNOUNCEMENT));
            self.api
                .address()
                .set(address.ok_or("it does not listen yet")?);
            match self.api.is_ready().await {
                true => Ok(None),
                false => Err("it is not ready yet".to_owned()),
            }
        })
        .await
    }

    /// Speaks with it.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Whether it has ended by itself.
    pub fn poll(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended
    }

    /// Waits until it ends by itself, or is told to by [`Host::terminate`].
    pub async fn end(&mut self) -> ExitStatus {
        until("the host to end", async || {
            self.poll().ok_or_else(|| "it runs".to_owned())
        })
        .await
    }

    /// Memory that the process holds, in KiB.
    ///
    /// # Panics
    /// When the system does not say.
    #[must_use]
    pub fn memory_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("a running process has a status");
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse().ok())
            .expect("it says its memory")
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill(mut self) {
        self.kill_if_running();
    }

    /// Asks it to stop, as an operator does.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn terminate(&self) {
        let told = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -TERM {}", self.child.id()))
            .status();
        assert!(
            told.expect("a shell runs").success(),
            "the host can't be told to stop"
        );
    }

    /// Stops it.
    ///
    /// # Panics
    /// When it does not end well.
    pub async fn stop(mut self) {
        self.terminate();
        let status = self.end().await;
        assert!(status.success(), "the host ended with {status}");
    }

    /// Waits until no work is left, and stops it.
    pub async fn finish(self) {
        self.api.until_idle().await;
        self.stop().await;
    }

    fn kill_if_running(&mut self) {
        if self.poll().is_none() {
            self.child.kill().expect("a child can be killed");
            self.ended = Some(self.child.wait().expect("a child can be waited for"));
        }
        self.api.address().forget();
    }
}

impl Drop for Host {
    #[expect(
        clippy::print_stderr,
        reason = "the log of a host explains why a test failed"
    )]
    fn drop(&mut self) {
        let forgotten = self.poll().is_none();
        self.kill_if_running();
        if thread::panicking() {
            let log = fs::read(&self.log).unwrap_or_default();
            let end = &log[log.len().saturating_sub(SHOWN_BYTES_MAX)..];
            eprintln!("--- the host's log\n{}---", String::from_utf8_lossy(end));
        } else {
            assert!(
                !forgotten,
                "the host still runs: a test ends it with finish, stop or kill"
            );
        }
    }
}
