//! What the end-to-end tests share: [`harness`] starts the real binary between
//! partners that a test scripts. The tests are in `tests/`, one file a promise.

pub mod harness;
pub mod sandboxed;
