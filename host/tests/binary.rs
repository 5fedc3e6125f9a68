//! The binary starts. It being tested here also has `cargo test --workspace` build it,
//! which the end-to-end tests run.

use std::process::Command;

#[test]
fn the_binary_says_what_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_crossdock"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said.trim(),
        concat!("crossdock ", env!("CARGO_PKG_VERSION"))
    );
}
