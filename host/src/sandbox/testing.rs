//! A guest for tests: components in the shape of the contract, written as text.

use std::path::Path;

/// Puts `decode` and `start` into the guest and makes a component of it.
pub(crate) fn component(decode: &str, start: &str) -> Vec<u8> {
    let text = include_str!("testing/guest.wat")
        .replace("(; decode ;)", decode)
        .replace("(; start ;)", start);
    let mut module = wat::parse_str(&text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    wit_component::ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}
