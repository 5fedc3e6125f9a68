//! What an idle host holds that has many adapters.
//!
//! They are one adapter under many names: its name is replaced in the component, so
//! that each is a component of its own, with compiled code of its own.

use std::fs;

use crossdock::sandbox::{Config, Sandbox};
use e2e::harness::Site;

const ADAPTERS: usize = 100;
const NAME: &str = "canonical-json";

/// Measures and prints.
pub(crate) async fn measure() {
    println!("resident memory, idle");
    let site = Site::new().sender("erp");
    let host = site.start().await;
    println!("  1 adapter: {} MiB", host.memory_kib() / 1024);
    host.finish().await;
    let original = fs::read(site.path(&format!("adapters/{NAME}.wasm"))).expect("it was built");
    let sandbox = Sandbox::new(Config::default(), Some(site.path("data/compiled")))
        .expect("guests can be run");
    for number in 1..ADAPTERS {
        let name = format!("canonical-{number:04}");
        let component = renamed(&original, &name);
        // Compiling them takes minutes, which no start should be measured with.
        sandbox.admit(&component).expect("a renamed adapter is one");
        fs::write(site.path(&format!("adapters/{name}.wasm")), component)
            .expect("a component can be written");
    }
    let host = site.start().await;
    println!("  {ADAPTERS} adapters: {} MiB", host.memory_kib() / 1024);
    host.finish().await;
    println!();
}

fn renamed(component: &[u8], name: &str) -> Vec<u8> {
    assert_eq!(name.len(), NAME.len(), "the length can't change");
    let mut renamed = component.to_vec();
    let mut at = 0;
    while let Some(found) = renamed[at..]
        .windows(NAME.len())
        .position(|window| window == NAME.as_bytes())
    {
        at += found;
        renamed[at..at + name.len()].copy_from_slice(name.as_bytes());
    }
    renamed
}
