//! Being asked to end.

/// Ready when the process is asked to end: Ctrl-C, or SIGTERM.
pub(crate) async fn asked_to_end() {
    // Without a way to be asked there is nothing to wait for.
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
        interrupt.await;
    }
    #[cfg(not(unix))]
    interrupt.await;
}
