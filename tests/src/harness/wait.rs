//! Looking until something is seen.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// How long anything may take. Each step takes milliseconds; this is for machines
/// that have other things to do.
pub const WAIT: Duration = Duration::from_secs(60);

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks until it sees; a look that does not see says what there is instead.
///
/// # Panics
/// When it has taken longer than [`WAIT`].
pub async fn until<T>(
    expected: impl Display,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + WAIT;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("expected {expected}; seen after {WAIT:?}: {seen}")
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// Looks until it is so.
///
/// # Panics
/// As [`until`].
pub async fn eventually(expected: impl Display, mut is_so: impl FnMut() -> bool) {
    until(expected, async || {
        if is_so() {
            Ok(())
        } else {
            Err("it is not so".to_owned())
        }
    })
    .await;
}
