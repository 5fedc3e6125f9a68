//! The partner's settings, as reading and as writing need them.
//!
//! One table in `names` says what exists, for `describe`, for the check of names and
//! for the README. Each direction parses what it needs once.

use crossdock_sdk::x12::writer::{Forbidden, LineBreak, Usage};
use crossdock_sdk::x12::{Separator, Separators, Style};
use crossdock_sdk::{AdjustmentReason, ItemScheme, Problem, Settings, StockKind, host};

use crate::codes::{self, Figure};
use crossdock_sdk::Refusal;

mod names;
mod tables;

pub(crate) use names::{described, misspelled};
use tables::Tables;

/// N9 qualifier of a return's authorisation: returned goods authorisation number.
const RMA_QUALIFIER: &str = "RZ";

/// What decoding needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'s> {
    pub(crate) strict_envelope: bool,
    pub(crate) accept_fragments: bool,
    pub(crate) acknowledge: bool,
    pub(crate) assume_ship_date: bool,
    pub(crate) assume_return_quantity: bool,
    pub(crate) shipment_is_bill_of_lading: bool,
    pub(crate) line_qualifier: &'s str,
    pub(crate) note_code: &'s str,
    pub(crate) price_qualifier: Option<&'s str>,
    pub(crate) currency: &'s str,
    pub(crate) default_unit: Option<&'s str>,
    pub(crate) lot_date: LotDate,
    rma_qualifier: &'s str,
    tables: Tables<'s>,
}

/// What the date of a lot's reference (N9-04) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LotDate {
    /// Nothing that is agreed on.
    Unknown,
    /// Its last good day.
    Expiry,
    /// The day it was made.
    Manufactured,
}

/// What encoding needs.
#[derive(Clone, Debug)]
pub(crate) struct Writing<'s> {
    pub(crate) sender: (&'s str, &'s str),
    pub(crate) receiver: (&'s str, &'s str),
    pub(crate) group_sender: &'s str,
    pub(crate) group_receiver: &'s str,
    pub(crate) version: &'s str,
    pub(crate) usage: Usage,
    style: Style,
    pub(crate) path: &'s str,
    pub(crate) implementation_acknowledgement: bool,
    pub(crate) line_qualifier: &'s str,
    pub(crate) note_code: &'s str,
    pub(crate) warehouse_qualifier: &'s str,
    pub(crate) rma_qualifier: &'s str,
    pub(crate) lot_date: LotDate,
    pub(crate) price_qualifier: Option<&'s str>,
    pub(crate) currency: &'s str,
    tables: Tables<'s>,
}

// === impl Reading ===

impl<'s> Reading<'s> {
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        Ok(Self {
            strict_envelope: settings.flag("strict-envelope", false)?,
            accept_fragments: settings.flag("accept-fragments", true)?,
            acknowledge: settings.flag("acknowledge", true)?,
            assume_ship_date: settings.choice(
                "missing-ship-date",
                "assume",
                &["assume", "refuse"],
            )? == "assume",
            assume_return_quantity: settings.choice(
                "missing-return-quantity",
                "assume",
                &["assume", "refuse"],
            )? == "assume",
            shipment_is_bill_of_lading: settings.flag("shipment-is-bill-of-lading", false)?,
            line_qualifier: settings.get_or("line-qualifier", "LI"),
            note_code: settings.get_or("note-code", "WHI"),
            price_qualifier: settings.get("price-qualifier"),
            currency: settings.get_or("currency", "USD"),
            default_unit: settings.get("default-unit"),
            lot_date: LotDate::new(&settings)?,
            rma_qualifier: settings.get_or("rma-qualifier", RMA_QUALIFIER),
            tables: Tables::new(&settings)?,
        })
    }

    /// The canonical unit of an element 355: the partner's settings first, then the
    /// host's lookup table `unit`, then the list that holds for everybody.
    pub(crate) fn unit(&self, code: &str) -> Option<String> {
        if let Some(unit) = self.tables.units.get(code) {
            return Some(unit.to_owned());
        }
        host::lookup("unit", code).or_else(|| codes::unit(code).map(str::to_owned))
    }

    /// The canonical scheme of an element 235, and whether writing gives the same
    /// qualifier again.
    pub(crate) fn item_scheme(&self, qualifier: &str) -> (ItemScheme, bool) {
        let table = &self.tables.items;
        match table.get(qualifier).and_then(codes::item_scheme) {
            Some(scheme) => (scheme, true),
            None => (
                codes::read(qualifier),
                codes::is_first::<ItemScheme>(qualifier),
            ),
        }
    }

    /// The canonical SCAC of a carrier code.
    pub(crate) fn carrier(&self, code: &str) -> String {
        self.tables.carriers.get(code).unwrap_or(code).to_owned()
    }

    /// The canonical service of a routing text, where the settings know it.
    pub(crate) fn service(&self, routing: &str) -> Option<&'s str> {
        self.tables.services.get(routing)
    }

    /// What a figure of an element 673 counts: the partner's settings first, then
    /// what the standard says. Absent where neither knows it.
    pub(crate) fn figure(&self, qualifier: &str) -> Option<Figure> {
        match self.tables.stock.get(qualifier) {
            Some(tables::IGNORED) => Some(Figure::Ignored),
            Some(name) => codes::stock_kind(name).map(Figure::Kind),
            None => codes::figure(qualifier).map(Figure::Kind),
        }
    }

    /// A stock status by the partner's word or code for it.
    pub(crate) fn status(&self, code: &str) -> StockKind {
        let known = self.tables.statuses.get(code).and_then(codes::stock_kind);
        known.unwrap_or_else(|| StockKind::Other(code.to_owned()))
    }

    /// The canonical reason of an element 181, and whether the code says no more.
    pub(crate) fn reason(&self, code: &str) -> (AdjustmentReason, bool) {
        match self
            .tables
            .reasons
            .get(code)
            .and_then(codes::adjustment_reason)
        {
            Some(reason) => (reason, false),
            None => (codes::read(code), codes::is_first::<AdjustmentReason>(code)),
        }
    }

    /// Whether an N9 of this qualifier names the authorisation of a return. `RZ` is
    /// the standard's; warehouses send `RA` and `RM` as well.
    pub(crate) fn is_rma(&self, qualifier: &str) -> bool {
        qualifier == self.rma_qualifier || matches!(qualifier, "RA" | "RM")
    }
}

// === impl LotDate ===

impl LotDate {
    fn new(settings: &Settings<'_>) -> Result<Self, Refusal> {
        let words = ["unknown", "expiry", "manufactured"];
        Ok(match settings.choice("lot-date", "unknown", &words)? {
            "expiry" => Self::Expiry,
            "manufactured" => Self::Manufactured,
            _ => Self::Unknown,
        })
    }
}

// === impl Writing ===

impl<'s> Writing<'s> {
    /// # Errors
    /// `setting-missing`, `setting-invalid`.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        let sender = settings.required("sender-id")?;
        let receiver = settings.required("receiver-id")?;
        let set = settings.choice("acknowledgement-set", "997", &["997", "999"])?;
        Ok(Self {
            sender: (settings.get_or("sender-qualifier", "ZZ"), sender),
            receiver: (settings.get_or("receiver-qualifier", "ZZ"), receiver),
            group_sender: settings.get_or("group-sender", sender),
            group_receiver: settings.get_or("group-receiver", receiver),
            version: version(&settings)?,
            usage: match settings.choice("usage", "P", &["P", "T"])? {
                "T" => Usage::Test,
                _ => Usage::Production,
            },
            style: style(&settings)?,
            path: settings.get_or("path", ""),
            implementation_acknowledgement: set == "999",
            line_qualifier: settings.get_or("line-qualifier", "LI"),
            note_code: settings.get_or("note-code", "WHI"),
            warehouse_qualifier: settings.get_or("warehouse-qualifier", "91"),
            rma_qualifier: settings.get_or("rma-qualifier", RMA_QUALIFIER),
            lot_date: LotDate::new(&settings)?,
            price_qualifier: settings.get("price-qualifier"),
            currency: settings.get_or("currency", "USD"),
            tables: Tables::new(&settings)?,
        })
    }

    /// How a text of this version is written: before 00402 nothing repeats, and the
    /// character is data like any other.
    pub(crate) fn style(&self, version: &str) -> Style {
        let mut style = self.style;
        if version < "00402" {
            style.separators.repetition = None;
        }
        style
    }

    /// ISA12 for a GS08: `00401` for `004010`, with suffix or without.
    pub(crate) fn interchange_version(version: &str) -> &str {
        version.get(..5).unwrap_or("00401")
    }

    /// The element 355 of a canonical unit: the partner's settings first, then the
    /// host's lookup table `unit-out`, then the list that holds for everybody. A code
    /// that the settings give another meaning is not taken from that list.
    pub(crate) fn unit(&self, unit: &str) -> Option<String> {
        if let Some(code) = self.tables.units.key_of(unit) {
            return Some(code.to_owned());
        }
        host::lookup("unit-out", unit).or_else(|| {
            let code = codes::x12_unit(unit)?;
            self.tables
                .units
                .get(code)
                .is_none()
                .then(|| code.to_owned())
        })
    }

    /// The element 235 of a canonical scheme.
    pub(crate) fn item_qualifier<'v>(&'v self, scheme: &'v ItemScheme) -> &'v str {
        let mut rows = self.tables.items.iter();
        match rows.find(|(_, name)| codes::item_scheme(name).as_ref() == Some(scheme)) {
            Some((qualifier, _)) => qualifier,
            None => codes::write(scheme),
        }
    }

    /// The partner's code of a SCAC.
    pub(crate) fn carrier<'v>(&self, scac: &'v str) -> &'v str
    where
        's: 'v,
    {
        self.tables.carriers.key_of(scac).unwrap_or(scac)
    }

    /// The partner's routing text of a service.
    pub(crate) fn service<'v>(&self, service: &'v str) -> &'v str
    where
        's: 'v,
    {
        self.tables.services.key_of(service).unwrap_or(service)
    }
}

/// GS08: six digits of a version that the mapping is right for, and a suffix.
fn version<'s>(settings: &Settings<'s>) -> Result<&'s str, Refusal> {
    let version = settings.get_or("version", "004010");
    let known = matches!(version.get(..6), Some("004010" | "005010")) && version.len() <= 12;
    if known && version.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(version);
    }
    let text = format!(
        "the setting `version` is \"{version}\", expected 004010 or 005010, with a suffix or without"
    );
    Err(Problem::settings("setting-invalid", text)
        .with_value(version)
        .into())
}

fn style(settings: &Settings<'_>) -> Result<Style, Refusal> {
    let separators = Separators {
        element: separator(settings, "element-separator", "*")?,
        component: Some(separator(settings, "component-separator", ">")?),
        repetition: Some(separator(settings, "repetition-separator", "^")?),
        terminator: separator(settings, "segment-terminator", "~")?,
    };
    let line_break = match settings.choice("newline", "none", &["none", "lf", "crlf"])? {
        "lf" => LineBreak::Lf,
        "crlf" => LineBreak::CrLf,
        _ => LineBreak::None,
    };
    let forbidden = match settings.get("replace-separators") {
        None => Forbidden::Refuse,
        Some(text) => Forbidden::Replace(character(text).ok_or_else(|| {
            let text =
                format!("the setting `replace-separators` is \"{text}\", expected one character");
            Problem::settings("setting-invalid", text)
        })?),
    };
    Ok(Style {
        separators,
        line_break,
        forbidden,
    })
}

fn separator(
    settings: &Settings<'_>,
    name: &str,
    default: &'static str,
) -> Result<Separator, Refusal> {
    let text = settings.get_or(name, default);
    character(text).map(Separator::character).ok_or_else(|| {
        let text = format!(
            "the setting `{name}` is \"{text}\", expected one character or its code such as 0x1D"
        );
        Problem::settings("setting-invalid", text).into()
    })
}

/// One character, itself or by its code.
fn character(text: &str) -> Option<char> {
    if let Some(code) = text.strip_prefix("0x") {
        return u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
    }
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::names::DESCRIBED;
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    const IDS: [(&str, &str); 2] = [("sender-id", "US"), ("receiver-id", "THEM")];

    #[test]
    fn the_defaults_are_those_described() {
        let entries = entries(&IDS);
        let reading = Reading::new(&entries).unwrap();
        let writing = Writing::new(&entries).unwrap();
        let default = |name: &str| DESCRIBED.iter().find(|row| row.0 == name).unwrap().2;
        assert_eq!(Some(reading.line_qualifier), default("line-qualifier"));
        assert_eq!(Some(reading.note_code), default("note-code"));
        assert_eq!(Some(reading.currency), default("currency"));
        assert_eq!(Some(writing.version), default("version"));
        assert_eq!(Some(writing.usage.code()), default("usage"));
        assert_eq!(Some(writing.path), default("path"));
        assert_eq!(
            Some(writing.warehouse_qualifier),
            default("warehouse-qualifier")
        );
        assert_eq!(
            default("strict-envelope"),
            Some(if reading.strict_envelope {
                "true"
            } else {
                "false"
            })
        );
        let style = writing.style.separators;
        assert_eq!(
            Some(style.element),
            default("element-separator")
                .and_then(character)
                .map(Separator::character)
        );
        assert_eq!(
            style.component,
            default("component-separator")
                .and_then(character)
                .map(Separator::character)
        );
        assert_eq!(
            style.repetition,
            default("repetition-separator")
                .and_then(character)
                .map(Separator::character)
        );
        assert_eq!(
            Some(style.terminator),
            default("segment-terminator")
                .and_then(character)
                .map(Separator::character)
        );
    }

    #[test]
    fn units_go_both_ways_and_settings_come_first() {
        let entries = entries(&[IDS[0], IDS[1], ("unit.CA", "XCS"), ("unit.Z1", "EA")]);
        let reading = Reading::new(&entries).unwrap();
        assert_eq!(reading.unit("CA").as_deref(), Some("XCS"));
        assert_eq!(reading.unit("LB").as_deref(), Some("LBR"));
        assert_eq!(reading.unit("Q9"), None);
        host::fake::set_lookup("unit", "Q9", "NMP");
        assert_eq!(reading.unit("Q9").as_deref(), Some("NMP"));
        let writing = Writing::new(&entries).unwrap();
        assert_eq!(writing.unit("XCS").as_deref(), Some("CA"));
        assert_eq!(writing.unit("EA").as_deref(), Some("Z1"));
        // `CA` now means something else to this partner.
        assert_eq!(writing.unit("CS"), None);
    }

    #[test]
    fn item_qualifiers_can_be_given_another_meaning() {
        let entries = entries(&[IDS[0], IDS[1], ("item.VN", "sku")]);
        let reading = Reading::new(&entries).unwrap();
        assert_eq!(reading.item_scheme("VN"), (ItemScheme::Sku, true));
        assert_eq!(reading.item_scheme("VP"), (ItemScheme::Vendor, false));
        assert_eq!(
            reading.item_scheme("ZZ"),
            (ItemScheme::Other("ZZ".to_owned()), true)
        );
        let writing = Writing::new(&entries).unwrap();
        assert_eq!(writing.item_qualifier(&ItemScheme::Sku), "VN");
        assert_eq!(writing.item_qualifier(&ItemScheme::Gtin), "UK");
    }

    #[test]
    fn bad_settings_are_named() {
        for (name, value) in [
            ("version", "003050"),
            ("version", "004010 UCS"),
            ("usage", "X"),
            ("segment-terminator", "~~"),
            ("newline", "cr"),
            ("item.VN", "stock"),
            ("stock.33", "sellable"),
            ("reason.06", "theft"),
            ("lot-date", "N9-04"),
            ("replace-separators", "  "),
        ] {
            let entries = entries(&[IDS[0], IDS[1], (name, value)]);
            let problem = Writing::new(&entries).unwrap_err();
            assert_eq!(problem.code, "setting-invalid");
            assert!(problem.text.contains(name), "{}", problem.text);
        }
        assert_eq!(Writing::new(&[]).unwrap_err().code, "setting-missing");
        let problem = misspelled(&entries(&[("strict_envelope", "no")])).unwrap();
        assert_eq!(
            problem.remedy.as_deref(),
            Some("`strict-envelope` may be meant")
        );
        assert_eq!(misspelled(&entries(&[("unit.CA", "CS"), IDS[0]])), None);
    }
}
