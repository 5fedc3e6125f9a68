//! What differs from partner to partner.

use crossdock_sdk::settings::Table;
use crossdock_sdk::{ItemScheme, PackageType, PartyRole, Problem, Settings, host};

use crate::codes;
use crossdock_sdk::Refusal;

mod delivery;
mod names;

pub(crate) use delivery::{DeliveryWriting, shipments_are_deliveries};
pub(crate) use names::{described, misspelled};

/// What decoding and polling need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'s> {
    pub(crate) strip_zeros: bool,
    pub(crate) keep_extras: bool,
    pub(crate) default_unit: Option<&'s str>,
    pub(crate) default_currency: Option<&'s str>,
    pub(crate) shipment_order_no: &'static str,
    /// Whether an invoice's order is the customer's purchase order, as ours are in SAP.
    pub(crate) invoice_by_purchase_order: bool,
    meanings: Table<'s>,
    tables: Tables<'s>,
}

/// What an IDoc is written with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdocWriting<'s> {
    pub(crate) path: &'s str,
    pub(crate) client: Option<&'s str>,
    /// SHPORD and SHPCON, or WHSORD and WHSCON.
    pub(crate) own_warehouse: bool,
    pub(crate) sender: [&'s str; 3],
    pub(crate) receiver: [&'s str; 3],
    pub(crate) message_code: Option<&'s str>,
    pub(crate) pad_numbers: bool,
    pub(crate) material_length: usize,
    pub(crate) delivery_type: Option<&'s str>,
    pub(crate) text_id: &'s str,
    pub(crate) confirm: &'s str,
    pub(crate) confirm_line: &'s str,
    tables: Tables<'s>,
}

/// What a sales order is created with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OdataWriting<'s> {
    pub(crate) path: &'s str,
    pub(crate) client: Option<&'s str>,
    pub(crate) order_type: &'s str,
    pub(crate) organization: &'s str,
    pub(crate) channel: &'s str,
    pub(crate) division: &'s str,
    pub(crate) sold_to: Option<&'s str>,
    pub(crate) by_customer_po: bool,
    pub(crate) look_first: bool,
    pub(crate) assign_items: bool,
    pub(crate) price_condition: Option<&'s str>,
    pub(crate) text_id: Option<&'s str>,
    pub(crate) text_language: &'s str,
    pub(crate) ship_to_address: &'static str,
    pub(crate) ship_to_function: &'s str,
    pub(crate) rejection_reason: Option<&'s str>,
    pub(crate) pad_numbers: bool,
    pub(crate) material_length: usize,
    tables: Tables<'s>,
}

/// The tables that are read in both directions.
#[derive(Clone, Copy, Debug)]
struct Tables<'s> {
    units: Table<'s>,
    items: Table<'s>,
    roles: Table<'s>,
    packages: Table<'s>,
    carriers: Table<'s>,
}

// === impl Reading ===

impl<'s> Reading<'s> {
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        let meanings = settings.table("meaning");
        for (key, word) in meanings.iter() {
            const WORDS: [&str; 3] = ["order", "shipment", "inbound-notice"];
            check(word, &format!("meaning.{key}"), &WORDS)?;
        }
        Ok(Self {
            strip_zeros: settings.flag("strip-zeros", true)?,
            keep_extras: settings.flag("keep-extras", true)?,
            default_unit: settings.get("default-unit"),
            default_currency: settings.get("default-currency"),
            shipment_order_no: settings.choice(
                "shipment-order-no",
                "auto",
                &["auto", "delivery", "reference", "purchase-order"],
            )?,
            invoice_by_purchase_order: settings.choice(
                "invoice-order-no",
                "sales-order",
                &["sales-order", "purchase-order"],
            )? == "purchase-order",
            meanings,
            tables: Tables::new(&settings)?,
        })
    }

    /// What a delivery of that message type and code means, where the settings say.
    pub(crate) fn meaning(&self, message_type: &str, code: &str) -> Option<&'s str> {
        self.meanings
            .get(&format!("{message_type}-{code}"))
            .or_else(|| self.meanings.get(message_type))
    }

    /// The canonical unit of one of SAP's: the partner's settings first, then the host's
    /// lookup table `unit`, then the list that holds for everybody.
    pub(crate) fn unit(&self, code: &str) -> Option<String> {
        if let Some(unit) = self.tables.units.get(code) {
            return Some(unit.to_owned());
        }
        host::lookup("unit", code).or_else(|| codes::unit(code).map(str::to_owned))
    }

    pub(crate) fn item_scheme(&self, qualifier: &str, number: &str) -> ItemScheme {
        let table = self.tables.items.get(qualifier);
        table
            .and_then(codes::scheme_by_name)
            .unwrap_or_else(|| codes::item_scheme(qualifier, number))
    }

    pub(crate) fn role(&self, code: &str) -> PartyRole {
        let table = self.tables.roles.get(code);
        table
            .and_then(codes::role_by_name)
            .unwrap_or_else(|| codes::role(code))
    }

    /// The package type of a packaging material or its type.
    pub(crate) fn package(&self, code: &str) -> Option<PackageType> {
        self.tables
            .packages
            .get(code)
            .and_then(codes::package_by_name)
    }

    pub(crate) fn carrier(&self, code: &str) -> Option<&'s str> {
        self.tables.carriers.get(code)
    }

    /// A number without the noughts that pad it, unless the settings keep them.
    pub(crate) fn number<'t>(&self, text: &'t str) -> &'t str {
        if self.strip_zeros {
            crossdock_sdk::idoc::value::strip_zeros(text)
        } else {
            text
        }
    }
}

// === impl IdocWriting ===

impl<'s> IdocWriting<'s> {
    /// # Errors
    /// `setting-missing`, `setting-invalid`.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        let warehouse = settings.choice("warehouse", "contractor", &["contractor", "own"])?;
        Ok(Self {
            path: path(&settings, "idoc-path", "/sap/bc/idoc_xml")?,
            client: settings.get("sap-client"),
            own_warehouse: warehouse == "own",
            sender: [
                settings.get_or("sender-port", "CROSSDOCK"),
                settings.get_or("sender-type", "LS"),
                settings.required("sender-partner")?,
            ],
            receiver: [
                settings.get_or("receiver-port", ""),
                settings.get_or("receiver-type", "LS"),
                settings.required("receiver-partner")?,
            ],
            message_code: settings.get("message-code"),
            pad_numbers: settings.flag("pad-numbers", false)?,
            material_length: material_length(&settings)?,
            delivery_type: settings.get("delivery-type"),
            text_id: settings.get_or("text-id", "0001"),
            confirm: settings.get_or("confirm", "PIC,PGI"),
            confirm_line: settings.get_or("confirm-line", "QUA"),
            tables: Tables::new(&settings)?,
        })
    }

    pub(crate) fn unit(&self, unit: &str) -> Option<String> {
        self.tables.sap_unit(unit)
    }

    /// The partner function of a role: the settings first.
    pub(crate) fn role_code<'r>(&'r self, role: &'r PartyRole) -> Option<&'r str> {
        let mut rows = self.tables.roles.iter();
        match rows.find(|(_, name)| codes::role_by_name(name).as_ref() == Some(role)) {
            Some((code, _)) => Some(code),
            None => codes::role_code(role),
        }
    }

    /// The partner's number of a carrier.
    pub(crate) fn carrier<'c>(&self, scac: &'c str) -> &'c str
    where
        's: 'c,
    {
        self.tables.carriers.key_of(scac).unwrap_or(scac)
    }

    /// The packaging material of a package type.
    pub(crate) fn package<'p>(&'p self, package: &'p PackageType) -> Option<&'p str> {
        let mut rows = self.tables.packages.iter();
        match rows.find(|(_, name)| codes::package_by_name(name).as_ref() == Some(package)) {
            Some((code, _)) => Some(code),
            None => match package {
                PackageType::Other(code) => Some(code),
                _ => None,
            },
        }
    }
}

// === impl OdataWriting ===

impl<'s> OdataWriting<'s> {
    /// # Errors
    /// `setting-missing`, `setting-invalid`.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Self, Refusal> {
        let settings = Settings::new(entries);
        Ok(Self {
            path: odata_path(&settings)?,
            client: settings.get("sap-client"),
            order_type: settings.get_or("sales-order-type", "OR"),
            organization: settings.required("sales-organization")?,
            channel: settings.required("distribution-channel")?,
            division: settings.required("organization-division")?,
            sold_to: settings.get("sold-to"),
            by_customer_po: by_customer_po(&settings)?,
            look_first: settings.flag("look-first", true)?,
            assign_items: settings.choice("item-number", "keep", &["keep", "assign"])? == "assign",
            price_condition: settings.get("price-condition"),
            text_id: settings.get("order-text-id"),
            text_language: settings.get_or("text-language", "EN"),
            ship_to_address: settings.choice(
                "ship-to-address",
                "refuse",
                &["refuse", "ignore", "send"],
            )?,
            ship_to_function: settings.get_or("ship-to-function", "SH"),
            rejection_reason: settings.get("rejection-reason"),
            pad_numbers: settings.flag("pad-numbers", false)?,
            material_length: material_length(&settings)?,
            tables: Tables::new(&settings)?,
        })
    }

    pub(crate) fn unit(&self, unit: &str) -> Option<String> {
        self.tables.sap_unit(unit)
    }
}

/// SAP's code of a unit is not known.
pub(crate) fn unit_unmapped(unit: &str, at: std::fmt::Arguments<'_>) -> Refusal {
    let text = format!("SAP's code of the unit {unit} is not known");
    Problem::settings("unit-unmapped", text)
        .at_pointer(at.to_string())
        .with_value(unit)
        .with_remedy(format!(
            "set `unit.CODE = {unit}` for the partner, or {}",
            host::add_a_row("unit-out")
        ))
        .into()
}

fn by_customer_po(settings: &Settings<'_>) -> Result<bool, Refusal> {
    let choice = settings.choice("purchase-order", "order-no", &["order-no", "customer-po"])?;
    Ok(choice == "customer-po")
}

/// The service's path, for those that only read.
pub(crate) fn odata_path<'s>(settings: &Settings<'s>) -> Result<&'s str, Refusal> {
    path(
        settings,
        "odata-path",
        "/sap/opu/odata/sap/API_SALES_ORDER_SRV",
    )
}

/// Whether orders go out as deliveries.
pub(crate) fn orders_are_deliveries(entries: &[(String, String)]) -> Result<bool, Refusal> {
    let settings = Settings::new(entries);
    Ok(settings.choice("orders", "sales-order", &["sales-order", "delivery"])? == "delivery")
}

// === impl Tables ===

impl<'s> Tables<'s> {
    fn new(settings: &Settings<'s>) -> Result<Self, Refusal> {
        let tables = Self {
            units: settings.table("unit"),
            items: settings.table("item"),
            roles: settings.table("role"),
            packages: settings.table("package"),
            carriers: settings.table("carrier"),
        };
        let known = |known: bool, name: String, word: &str, words: &str| {
            if known {
                return Ok(());
            }
            let text = format!("the setting `{name}` is \"{word}\", expected one of {words}");
            Err(Refusal::from(
                Problem::settings("setting-invalid", text).with_value(word),
            ))
        };
        for (code, word) in tables.items.iter() {
            let is_known = codes::scheme_by_name(word).is_some();
            let words = "sku, gtin, upc, ean, vendor, buyer, manufacturer, part";
            known(is_known, format!("item.{code}"), word, words)?;
        }
        for (code, word) in tables.roles.iter() {
            let is_known = codes::role_by_name(word).is_some();
            let words = "ship-to, bill-to, ship-from, warehouse, depositor, consignee, buyer, seller, carrier, manufacturer, end-customer";
            known(is_known, format!("role.{code}"), word, words)?;
        }
        for (code, word) in tables.packages.iter() {
            let is_known = codes::package_by_name(word).is_some();
            known(
                is_known,
                format!("package.{code}"),
                word,
                "carton, pallet, envelope",
            )?;
        }
        Ok(tables)
    }

    /// SAP's unit of a canonical one: the partner's settings first, then the host's
    /// lookup table `unit-out`, then the list that holds for everybody.
    fn sap_unit(&self, unit: &str) -> Option<String> {
        if let Some(code) = self.units.key_of(unit) {
            return Some(code.to_owned());
        }
        host::lookup("unit-out", unit).or_else(|| codes::sap_unit(unit).map(str::to_owned))
    }
}

fn check(word: &str, name: &str, words: &[&str]) -> Result<(), Refusal> {
    if words.contains(&word) {
        return Ok(());
    }
    let text = format!(
        "the setting `{name}` is \"{word}\", expected one of {}",
        words.join(", ")
    );
    Err(Problem::settings("setting-invalid", text)
        .with_value(word)
        .into())
}

fn path<'s>(
    settings: &Settings<'s>,
    name: &str,
    default: &'static str,
) -> Result<&'s str, Refusal> {
    let path = settings.get_or(name, default);
    if path.starts_with('/') && !path.ends_with('/') && !path.contains('?') {
        return Ok(path);
    }
    let text = format!(
        "the setting `{name}` is \"{path}\", expected a leading `/`, none at the end and no query"
    );
    Err(Problem::settings("setting-invalid", text)
        .with_value(path)
        .into())
}

fn material_length(settings: &Settings<'_>) -> Result<usize, Refusal> {
    Ok(
        match settings.choice("material-length", "0", &["0", "18", "40"])? {
            "18" => 18,
            "40" => 40,
            _ => 0,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn units_go_both_ways_and_settings_come_first() {
        let entries = entries(&[
            ("unit.PCE", "EA"),
            ("sender-partner", "A"),
            ("receiver-partner", "B"),
        ]);
        let reading = Reading::new(&entries).unwrap();
        assert_eq!(reading.unit("PCE").as_deref(), Some("EA"));
        assert_eq!(reading.unit("ST").as_deref(), Some("H87"));
        assert_eq!(reading.unit("UC"), None);
        let writing = IdocWriting::new(&entries).unwrap();
        assert_eq!(writing.unit("EA").as_deref(), Some("PCE"));
        assert_eq!(writing.unit("LBR").as_deref(), Some("LBR"));
        assert_eq!(writing.unit("XXX"), None);
    }

    #[test]
    fn bad_settings_are_named() {
        for (name, value) in [
            ("strip-zeros", "yes"),
            ("meaning.DESADV", "asn"),
            ("item.001", "stock"),
            ("role.SP", "payer"),
            ("package.0002", "box"),
            ("shipment-order-no", "po"),
        ] {
            let entries = entries(&[(name, value)]);
            let problem = Reading::new(&entries).unwrap_err();
            assert_eq!(problem.code, "setting-invalid");
            assert!(problem.text.contains(name), "{}", problem.text);
        }
        assert_eq!(IdocWriting::new(&[]).unwrap_err().code, "setting-missing");
        assert_eq!(OdataWriting::new(&[]).unwrap_err().code, "setting-missing");
        let slashed = entries(&[("odata-path", "/x/")]);
        assert!(
            OdataWriting::new(&slashed)
                .unwrap_err()
                .text
                .contains("odata-path")
        );
        let problem = misspelled(&entries(&[("strip_zeros", "true")])).unwrap();
        assert_eq!(
            problem.remedy.as_deref(),
            Some("`strip-zeros` may be meant")
        );
        assert_eq!(misspelled(&entries(&[("unit.KAR", "CT")])), None);
    }
}
