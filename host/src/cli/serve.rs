//! `crossdock serve`: configure, start, announce, run, drain.

use super::{Files, print, report::Failed};
use crate::{app, clock::Clock};

pub(super) async fn run(files: Files) -> Result<(), Failed> {
    let checked = files.load()?;
    let data = checked.config.server.data_directory.clone();
    let mut host = app::start(checked, Clock::System)
        .await
        .map_err(|error| Failed::with_remedy(&error, error.remedy()))?;
    tracing::info!(address = %host.local_addr(), data_directory = %data.display(), "messages are taken in");
    print::line(format!("crossdock listens at http://{}", host.local_addr()));
    let failed = tokio::select! {
        failed = host.failed() => Some(failed),
        () = told_to_stop() => None,
    };
    match &failed {
        Some(failed) => tracing::error!(%failed, "stopping"),
        None => tracing::info!("stopping: requests in flight are finished"),
    }
    let stopped = host.stop().await;
    match failed {
        Some(failed) => Err(Failed::work(failed)),
        None => stopped.map_err(Failed::work),
    }
}

/// Ready at SIGTERM or Ctrl-C.
async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        _ = interrupted => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => drop(terminated.recv().await),
        Err(error) => {
            tracing::warn!(%error, "SIGTERM can't be heard; Ctrl-C can");
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
