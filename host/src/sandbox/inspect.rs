//! What a component is, for a person: names, types of work, size, digest.

use serde::Serialize;

use super::{Adapter, AdmitError, Sandbox, Surface};
use crate::{
    contract::{Description, PartnerKind},
    message::Digest,
};

/// What a component is.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// Lower-case words with dashes.
    pub name: String,
    /// The adapter's own version.
    pub version: String,
    /// What sort of partner it is for.
    pub kind: String,
    /// The dialects it speaks.
    pub formats: Vec<String>,
    /// Kinds of document that it reads.
    pub decodes: Vec<String>,
    /// Kinds of document that it sends.
    pub encodes: Vec<String>,
    /// The settings it reads.
    pub settings: Vec<SettingInspection>,
    /// SHA-256 of the component.
    pub digest: String,
    /// Size of the component, in bytes.
    pub size_bytes: usize,
    /// The version of the contract it was built for.
    pub contract_version: Option<String>,
    /// What it asks of the host, and what it offers.
    #[serde(flatten)]
    pub surface: Surface,
}

/// A setting that an adapter reads.
#[derive(Clone, Debug, Serialize)]
pub struct SettingInspection {
    /// Its name.
    pub name: String,
    /// What it does.
    pub meaning: String,
    /// Used when it is absent.
    pub default: Option<String>,
    /// Whether the adapter refuses to work without it.
    pub required: bool,
}

impl Sandbox {
    /// Says what a component is, after it passed the gate.
    ///
    /// # Errors
    /// As [`Sandbox::admit`].
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, AdmitError> {
        let surface = self.surface(bytes)?;
        let (adapter, _) = self.admit(bytes)?;
        Ok(Inspection::of(&adapter, surface))
    }
}

// === impl Inspection ===

impl Inspection {
    fn of(adapter: &Adapter, surface: Surface) -> Self {
        let Description {
            name,
            version,
            kind,
            formats,
            decodes,
            encodes,
            settings,
            extras: _,
        } = adapter.description().clone();
        let setting = |setting: crate::contract::Setting| SettingInspection {
            name: setting.name,
            meaning: setting.meaning,
            default: setting.default,
            required: setting.required,
        };
        Self {
            name,
            version,
            kind: word(kind),
            formats,
            decodes,
            encodes,
            settings: settings.into_iter().map(setting).collect(),
            digest: Digest::to_string(&adapter.digest()),
            size_bytes: adapter.size_bytes(),
            contract_version: surface.contract_version().map(str::to_owned),
            surface,
        }
    }
}

fn word(kind: PartnerKind) -> String {
    let word = match kind {
        PartnerKind::Erp => "erp",
        PartnerKind::Warehouse => "warehouse",
        PartnerKind::Crm => "crm",
        PartnerKind::Shop => "shop",
        PartnerKind::Carrier => "carrier",
        PartnerKind::Other(word) => return word,
    };
    word.to_owned()
}
