//! What `wit-bindgen` makes of `wit/`: the only place where the contract becomes
//! Rust for guests.
//!
//! The types and the host's functions come from here; how values cross the border in
//! the exported functions is in `abi.rs`, which says why.
//!
//! Nothing here is written by hand and nothing outside this crate should name this
//! module, except the code that [`export!`](crate::export) expands to. The types are
//! re-exported by name from the crate's root; constructors for them are in
//! [`canonical`](crate::canonical).

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated: lifting and lowering values is unsafe by nature, and a helper \
              function has no text to inherit from the contract"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "partner-adapter",
    generate_all,
    generate_unused_types: true,
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "crossdock_sdk::bindings",
    skip: ["describe", "decode", "next", "poll"],
    additional_derives: [
        PartialEq,
        crossdock_sdk_derive::Abi,
        crossdock_sdk_derive::Serial,
    ],
});
