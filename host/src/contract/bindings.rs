//! The only place where code is generated from the contract.
//!
//! Everything else names these types through [`crate::contract`], so that a
//! change of the generator or of a module path stays inside this folder.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "partner-adapter",
    imports: { default: trappable },
    additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
});
