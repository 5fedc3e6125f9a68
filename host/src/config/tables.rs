//! The tables of a partner that stand in the configuration or in files it names.

use std::collections::{BTreeMap, btree_map::Entry};

use toml::Spanned;

use super::{Fault, Partner};
use crate::{
    lookup::{self, TableName},
    message::PartnerName,
    record::TableSource,
    tables::Configured,
};

/// Reads all tables of a partner; what is wrong with one is a fault, not the end.
pub(super) fn read(
    partner: &PartnerName,
    spanned: &Spanned<Partner>,
    limits: &lookup::Config,
    faults: &mut Vec<Fault>,
) -> BTreeMap<TableName, Configured> {
    let within = spanned.get_ref();
    let mut fault = |setting: String, text: String, span| {
        faults.push(Fault {
            setting: format!("partners.{partner}.{setting}"),
            text,
            span: Some(span),
        });
    };
    let mut read = BTreeMap::new();
    for (name, rows) in &within.tables {
        let setting = format!("tables.{name}");
        let table = TableName::parse(name)
            .map_err(|error| error.to_string())
            .and_then(|name| {
                let table = limits.table(rows.clone());
                Ok((name, table.map_err(|fault| fault.to_string())?))
            });
        match table {
            Ok((name, table)) => {
                let configured = Configured {
                    table,
                    source: TableSource::Configuration,
                    by: "the configuration".to_owned(),
                };
                read.insert(name, configured);
            }
            Err(text) => fault(setting, text, spanned.span()),
        }
    }
    for (name, file) in &within.table_files {
        let setting = format!("table_files.{name}");
        let table = TableName::parse(name)
            .map_err(|error| error.to_string())
            .and_then(|name| {
                let table = lookup::read_file(file.get_ref(), limits);
                Ok((name, table.map_err(|error| error.to_string())?))
            });
        let (name, table) = match table {
            Ok(read) => read,
            Err(text) => {
                fault(setting, text, file.span());
                continue;
            }
        };
        match read.entry(name.clone()) {
            Entry::Vacant(place) => {
                place.insert(Configured {
                    table,
                    source: TableSource::File,
                    by: file.get_ref().display().to_string(),
                });
            }
            Entry::Occupied(_) => {
                let text = format!(
                    "[partners.{partner}.tables.{name}] is the same table; keep one of them"
                );
                fault(setting, text, file.span());
            }
        }
    }
    if read.len() > limits.per_partner_max {
        let text = format!(
            "{} tables, at most {} are taken (tables.per_partner_max)",
            read.len(),
            limits.per_partner_max
        );
        fault("tables".to_owned(), text, spanned.span());
    }
    read
}

#[cfg(test)]
mod tests {
    use super::super::{Checked, Config, Overrides};
    use super::*;

    fn parse(settings: &str) -> Result<Checked, Vec<Fault>> {
        let text = format!(
            "{settings}\n[server]\ndata_directory = 'd'\nadapters_directory = 'a'\n\
             [partners.north]\nadapter = 'x'\nendpoint.folder = 'f'\n"
        );
        Config::parse(&text, &Overrides::default())
    }

    fn fault(settings: &str) -> String {
        let faults = parse(settings).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        format!("{}: {}", faults[0].setting, faults[0].text)
    }

    #[test]
    fn tables_come_from_the_configuration_and_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("carrier.csv");
        std::fs::write(&file, "key,value\nUPSN,UPS\n").unwrap();
        let carrier = toml::Value::from(file.to_str().unwrap());
        let checked = parse(&format!(
            "[partners.north.tables.unit]\nCA = 'CS'\n[partners.north.table_files]\ncarrier = {carrier}"
        ));
        let checked = checked.unwrap();
        let (_, tables) = checked.tables.first_key_value().unwrap();
        let said: Vec<_> = tables
            .iter()
            .map(|(name, it)| (name.as_str(), it.source, it.table.len()))
            .collect();
        let expected = [
            ("carrier", TableSource::File, 1),
            ("unit", TableSource::Configuration, 1),
        ];
        assert_eq!(said, expected);

        let twice = fault(&format!(
            "[partners.north.tables.unit]\nCA = 'CS'\n[partners.north.table_files]\nunit = {carrier}"
        ));
        assert!(twice.contains("keep one of them"), "{twice}");
        std::fs::write(&file, "key,value\nUPSN,UPS\nUPSN,FDX\n").unwrap();
        let bad = fault(&format!(
            "[partners.north.table_files]\ncarrier = {carrier}"
        ));
        assert!(
            bad.contains("carrier.csv, line 3, column 1: the key \"UPSN\""),
            "{bad}"
        );
    }

    #[test]
    fn tables_have_bounds_that_fit_the_journal() {
        let long = fault("tables.key_bytes_max = 1\n[partners.north.tables.unit]\nCA = 'CS'");
        assert!(long.contains("tables.key_bytes_max"), "{long}");
        let many = fault("tables.per_partner_max = 0\n[partners.north.tables.unit]\nCA = 'CS'");
        assert!(many.contains("tables.per_partner_max"), "{many}");
        let name = fault("[partners.north.tables.'a b']\nCA = 'CS'");
        assert!(name.contains("table name"), "{name}");
        let large = fault("tables.table_bytes_max = 16777216");
        assert!(large.contains("journal.record_bytes_max"), "{large}");
    }
}
