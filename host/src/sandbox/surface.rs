//! What a component asks for and offers, read without compiling it.
//!
//! An adapter's import list is its list of capabilities. It is read first, so that
//! a component that wants too much is refused in milliseconds and by name.

use wasmparser::{Parser, Payload};

/// The names at the outside of a component, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Surface {
    /// What it asks of its host.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// A name such as `crossdock:partner/host@0.1.0`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceName<'a> {
    pub(super) package: &'a str,
    pub(super) interface: &'a str,
    pub(super) version: Option<&'a str>,
}

// === impl Surface ===

impl Surface {
    /// Reads a component's outside; what is nested in it has none of its own.
    ///
    /// # Errors
    /// When the bytes are no well-formed component.
    pub(super) fn read(component: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut surface = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        surface.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        surface.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    /// The version of the contract that the component was built for, from its
    /// exports or else its imports; absent when it names none.
    #[must_use]
    pub fn contract_version(&self) -> Option<&str> {
        let names = self.exports.iter().chain(&self.imports);
        names
            .filter_map(|name| InterfaceName::parse(name))
            .find(|name| name.package == crate::contract::PACKAGE)
            .and_then(|name| name.version)
    }
}

// === impl InterfaceName ===

impl<'a> InterfaceName<'a> {
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (package, rest) = name.split_once('/')?;
        let (interface, version) = match rest.split_once('@') {
            Some((interface, version)) => (interface, Some(version)),
            None => (rest, None),
        };
        Some(Self {
            package,
            interface,
            version,
        })
    }

    /// The part of the version that decides on compatibility: the first number
    /// that is not zero, with what stands before it.
    pub(super) fn track(version: &str) -> &str {
        let mut dots = version.match_indices('.').map(|(at, _)| at);
        let first = dots.next().unwrap_or(version.len());
        if &version[..first] != "0" {
            return &version[..first];
        }
        &version[..dots.next().unwrap_or(version.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name = InterfaceName::parse("crossdock:partner/host@0.1.0").unwrap();
        assert_eq!(name.package, "crossdock:partner");
        assert_eq!((name.interface, name.version), ("host", Some("0.1.0")));
        assert_eq!(InterfaceName::parse("run"), None);
        assert_eq!(InterfaceName::track("0.1.7"), "0.1");
        assert_eq!(InterfaceName::track("2.1.7"), "2");
    }

    #[test]
    fn only_the_outside_counts() {
        let bytes = wat::parse_str(
            r#"(component
                (import "crossdock:partner/types@0.1.0" (instance))
                (component (import "wasi:cli/environment@0.2.0" (instance)))
                (core module (import "env" "x" (func)))
                (instance $i)
                (export "crossdock:partner/adapter@0.1.0" (instance $i)))"#,
        )
        .unwrap();
        let surface = Surface::read(&bytes).unwrap();
        assert_eq!(surface.imports, ["crossdock:partner/types@0.1.0"]);
        assert_eq!(surface.exports, ["crossdock:partner/adapter@0.1.0"]);
        assert_eq!(surface.contract_version(), Some("0.1.0"));
        assert!(Surface::read(&bytes[..bytes.len() - 1]).is_err());
    }
}
