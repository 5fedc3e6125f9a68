//! The gate: what may become an adapter.
//!
//! A component is admitted only if it is one, asks for nothing but the contract's
//! imports, offers the contract's functions with exactly our types, fits the
//! sandbox, and can say what it is. A refusal names the item that is wrong and
//! what to do about it; nothing of a refused component stays.

use wasmtime::component::Component;

use super::{
    Sandbox,
    cache::Compiled,
    error::GuestError,
    instance::{Adapter, LinkError, Program},
    limits::{MEMORIES_MAX, TABLES_MAX},
    surface::{InterfaceName, Surface},
};
use crate::{
    contract::{self, Description},
    message::Digest,
};

/// The longest text in a description, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// The most entries of a list in a description.
const ENTRIES_MAX: usize = 256;

/// The longest name or version of an adapter, in bytes: they are parts of paths,
/// URLs and metric labels.
const NAME_BYTES_MAX: usize = 64;

/// Where foreign imports come from, by the beginning of their names.
const ORIGINS: [(&str, &str); 8] = [
    ("wasi:clocks/", "std::time::SystemTime or Instant"),
    (
        "wasi:random/",
        "std's HashMap, or a crate such as rand, getrandom or uuid",
    ),
    ("wasi:filesystem/", "std::fs"),
    (
        "wasi:cli/",
        "println!, std::env, or std's own start-up and panic path",
    ),
    ("wasi:sockets/", "std::net or an HTTP client"),
    ("wasi:http/", "an HTTP client"),
    ("wasi:io/", "std's standard streams"),
    ("wasi:", "a library that expects WASI"),
];

/// Why a component is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// There are no bytes.
    #[error("the file is empty")]
    Empty,
    /// There are too many.
    #[error("the component has {size} bytes, more than {limit} (setting component_bytes_max)")]
    TooLarge {
        /// How many there are.
        size: usize,
        /// How many are taken.
        limit: usize,
    },
    /// It is compiled already: native code, which is not looked at and never taken.
    #[error("the file holds native code; only WebAssembly components are taken")]
    Native,
    /// It is something else.
    #[error("the file is no WebAssembly")]
    NotWasm,
    /// It is what a compiler makes, before it is made a component.
    #[error("the file is a core module, not a component")]
    CoreModule,
    /// It is damaged or uses what the sandbox does not offer.
    #[error("the component is not valid: {detail}")]
    Malformed {
        /// What is wrong.
        detail: String,
    },
    /// It asks for more than the contract gives.
    #[error("the component imports {}, and an adapter may import nothing but {}", .imports.join(", "), contract::PACKAGE)]
    ForeignImport {
        /// Everything that it may not ask for.
        imports: Vec<String>,
    },
    /// It was built for another version of the contract.
    #[error(
        "the component was built for version {found} of {}; this host serves {served}",
        contract::PACKAGE
    )]
    ContractVersion {
        /// Its version.
        found: String,
        /// Ours.
        served: &'static str,
    },
    /// It does not offer what an adapter offers.
    #[error("the component does not export {missing}; it exports {}", if .exported.is_empty() { "nothing".to_owned() } else { .exported.join(", ") })]
    MissingExport {
        /// What is missing.
        missing: &'static str,
        /// What there is.
        exported: Vec<String>,
    },
    /// Its types are not ours.
    #[error(
        "the component's types differ from {} {}: {detail}",
        contract::PACKAGE,
        contract::VERSION
    )]
    Incompatible {
        /// Which one, and how.
        detail: String,
    },
    /// It consists of more parts than the sandbox holds.
    #[error("the component has {found} {what}, more than {limit}")]
    TooManyParts {
        /// Memories or tables.
        what: &'static str,
        /// How many there are.
        found: u32,
        /// How many are allowed.
        limit: u32,
    },
    /// Asked what it is, it gave no answer.
    #[error("the component can't describe itself: {0}")]
    Describe(#[from] GuestError),
    /// What it says of itself breaks a rule.
    #[error("the component's description is not valid: {item} {rule}")]
    Description {
        /// Which item.
        item: String,
        /// What it must be.
        rule: &'static str,
    },
}

// === impl AdmitError ===

impl AdmitError {
    /// A stable word for the reason: `foreign-import`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::Native => "native-code",
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::Malformed { .. } => "malformed",
            Self::ForeignImport { .. } => "foreign-import",
            Self::ContractVersion { .. } => "contract-version",
            Self::MissingExport { .. } => "missing-export",
            Self::Incompatible { .. } => "incompatible",
            Self::TooManyParts { .. } => "too-many-parts",
            Self::Describe(_) => "describe",
            Self::Description { .. } => "description",
        }
    }

    /// What to do about it; absent when the message says it all.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let rebuild = "build it with `crossdock adapter build FOLDER`, which compiles for \
                       wasm32-unknown-unknown and makes a component that imports only the contract";
        match self {
            Self::CoreModule | Self::NotWasm | Self::Native => Some(rebuild.to_owned()),
            Self::ForeignImport { imports } => {
                let mut origins: Vec<_> = imports.iter().map(|name| origin(name)).collect();
                origins.sort_unstable();
                origins.dedup();
                Some(format!(
                    "such an import usually comes from {}, or from building for wasm32-wasip1 or \
                     wasm32-wasip2; remove the use, or {rebuild}",
                    origins.join("; ")
                ))
            }
            Self::ContractVersion { served, .. } => Some(format!(
                "rebuild it with a crossdock-sdk that is made for {} {served}",
                contract::PACKAGE
            )),
            Self::MissingExport { .. } => Some(
                "implement the SDK's `Adapter` trait and name the type in its export macro, then \
                 rebuild"
                    .to_owned(),
            ),
            Self::Incompatible { .. } => Some(
                "rebuild it with the wit folder of this version of Crossdock, unchanged".to_owned(),
            ),
            _ => None,
        }
    }
}

impl From<LinkError> for AdmitError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Types(error) => Self::Incompatible {
                detail: format!("{error:#}"),
            },
            LinkError::Start(error) => Self::Describe(error),
        }
    }
}

fn origin(import: &str) -> &'static str {
    let known = ORIGINS.iter().find(|(start, _)| import.starts_with(start));
    known.map_or("a library made for another host", |(_, origin)| origin)
}

impl Sandbox {
    /// Admits a component and makes it ready to be called.
    ///
    /// Compiles it unless its compiled form is kept, which takes up to a second or
    /// two; call it where that does no harm.
    ///
    /// # Errors
    /// Says which rule the component breaks, and what to do.
    pub fn admit(&self, bytes: &[u8]) -> Result<(Adapter, Compiled), AdmitError> {
        self.surface(bytes)?;
        let digest = Digest::of(bytes);
        let (component, compiled) = self.compile(digest, bytes)?;
        check_parts(&component)?;
        let program = Program::link(&self.engine, &self.config, &self.linker, &component, digest)?;
        let description = program.describe(digest, &self.config.limits())?.value;
        check_description(&description)?;
        let adapter = Adapter::new(digest, bytes.len(), description, program);
        Ok((adapter, compiled))
    }

    /// The first half of the gate, which needs no compiler: what the component is
    /// and what it asks for.
    ///
    /// # Errors
    /// Says which rule the component breaks.
    pub fn surface(&self, bytes: &[u8]) -> Result<Surface, AdmitError> {
        let limit = self.config.component_bytes_max;
        if bytes.is_empty() {
            return Err(AdmitError::Empty);
        }
        if bytes.len() > limit {
            let size = bytes.len();
            return Err(AdmitError::TooLarge { size, limit });
        }
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(AdmitError::Native);
        }
        if wasmparser::Parser::is_core_wasm(bytes) {
            return Err(AdmitError::CoreModule);
        }
        if !wasmparser::Parser::is_component(bytes) {
            return Err(AdmitError::NotWasm);
        }
        let surface = Surface::read(bytes).map_err(|error| AdmitError::Malformed {
            detail: error.to_string(),
        })?;
        check_imports(&surface)?;
        check_version(&surface)?;
        check_exports(&surface)?;
        Ok(surface)
    }

    fn compile(&self, digest: Digest, bytes: &[u8]) -> Result<(Component, Compiled), AdmitError> {
        let engine = self.engine.wasmtime();
        let compiled = match &self.cache {
            Some(cache) => cache.component(engine, digest, bytes),
            None => Component::new(engine, bytes).map(|component| (component, Compiled::New)),
        };
        compiled.map_err(|error| AdmitError::Malformed {
            detail: format!("{error:#}"),
        })
    }
}

fn check_imports(surface: &Surface) -> Result<(), AdmitError> {
    let foreign = |name: &&String| {
        InterfaceName::parse(name).is_none_or(|name| !name.package.starts_with("crossdock:"))
    };
    let imports: Vec<_> = surface.imports.iter().filter(foreign).cloned().collect();
    if imports.is_empty() {
        return Ok(());
    }
    Err(AdmitError::ForeignImport { imports })
}

fn check_version(surface: &Surface) -> Result<(), AdmitError> {
    let served = contract::VERSION;
    match surface.contract_version() {
        Some(found) if InterfaceName::track(found) != InterfaceName::track(served) => {
            let found = found.to_owned();
            Err(AdmitError::ContractVersion { found, served })
        }
        _ => Ok(()),
    }
}

fn check_exports(surface: &Surface) -> Result<(), AdmitError> {
    let is_adapter = |name: &String| {
        InterfaceName::parse(name)
            .is_some_and(|it| it.package == contract::PACKAGE && it.interface == "adapter")
    };
    if surface.exports.iter().any(is_adapter) {
        return Ok(());
    }
    Err(AdmitError::MissingExport {
        missing: contract::ADAPTER_INTERFACE,
        exported: surface.exports.clone(),
    })
}

fn check_parts(component: &Component) -> Result<(), AdmitError> {
    // Absent when the component imports modules; those were refused before.
    let Some(parts) = component.resources_required() else {
        return Err(AdmitError::Malformed {
            detail: "it imports modules or components".to_owned(),
        });
    };
    let counts = [
        ("memories", parts.num_memories, MEMORIES_MAX),
        ("tables", parts.num_tables, TABLES_MAX),
    ];
    match counts.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(AdmitError::TooManyParts { what, found, limit }),
        None => Ok(()),
    }
}

fn check_description(description: &Description) -> Result<(), AdmitError> {
    let wrong = |item: &str, rule| AdmitError::Description {
        item: item.to_owned(),
        rule,
    };
    let name = &description.name;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(word) {
        let rule = "must be 1 to 64 lowercase letters, digits and dashes";
        return Err(wrong("name", rule));
    }
    let version = &description.version;
    if version.is_empty()
        || version.len() > NAME_BYTES_MAX
        || !version.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(wrong("version", "must be 1 to 64 visible ASCII characters"));
    }
    let lists = [
        ("formats", &description.formats),
        ("decodes", &description.decodes),
        ("encodes", &description.encodes),
    ];
    for (item, list) in lists {
        if list.len() > ENTRIES_MAX || list.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(wrong(item, "may have 256 entries of 1024 bytes"));
        }
    }
    if description.settings.len() > ENTRIES_MAX {
        return Err(wrong("settings", "may have 256 entries"));
    }
    for setting in &description.settings {
        let default = setting.default.as_ref().map_or(0, String::len);
        if setting.name.is_empty()
            || setting.name.len() + setting.meaning.len() + default > TEXT_BYTES_MAX
        {
            return Err(wrong(
                "settings",
                "need a name and may have 1024 bytes each",
            ));
        }
    }
    Ok(())
}
