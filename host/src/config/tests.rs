//! What can't be meant is named, and the example can be.

use super::*;

#[test]
fn the_example_is_a_configuration() {
    let checked = Config::parse(EXAMPLE, &Overrides::default()).unwrap();
    let north = &checked.partners[&PartnerName::parse("north-3pl").unwrap()];
    let terms = north.terms();
    assert_eq!(terms.acknowledgement_minutes("order"), Some(1_440));
    assert_eq!(terms.acknowledgement_minutes("shipment"), None);
}

#[test]
fn the_example_says_what_the_defaults_are() {
    use crate::process::policy::{InventoryConfig, OrderRules, ReturnRules};

    let process = Config::parse(EXAMPLE, &Overrides::default())
        .unwrap()
        .config
        .process;
    let order = process.order.map(Spanned::into_inner);
    assert_eq!(order, Some(OrderRules::default()));
    let returns = process.returns.map(Spanned::into_inner);
    assert_eq!(returns, Some(ReturnRules::default()));
    let InventoryConfig {
        tolerance_units,
        tolerance_percent,
        compare_lots,
        sequenced,
        ..
    } = process.inventory[0].get_ref();
    let silent: InventoryConfig = toml::from_str("node = 'south'").unwrap();
    assert_eq!(
        (tolerance_units, tolerance_percent, compare_lots, sequenced),
        (
            &silent.tolerance_units,
            &silent.tolerance_percent,
            &silent.compare_lots,
            &silent.sequenced
        )
    );
    let first = process.limits[0].get_ref();
    let silent: crate::process::timer::Limit =
        toml::from_str("level = 'acceptance'\nminutes = 1").unwrap();
    assert_eq!(first.warn_percent, silent.warn_percent);
}

/// A setting that the example leaves out would be known to nobody.
#[test]
fn the_example_has_every_setting_of_processes() {
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let process = example["process"].as_table().unwrap();
    let settings = |part: &str| -> BTreeSet<String> {
        match &process[part] {
            toml::Value::Array(all) => {
                let tables = all.iter().filter_map(toml::Value::as_table);
                tables.flat_map(|it| it.keys().cloned()).collect()
            }
            toml::Value::Table(table) => table.keys().cloned().collect(),
            other => panic!("{other}"),
        }
    };
    // What serde says of a field that nobody has names all that there are.
    fn known<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
        let Err(error) = toml::from_str::<T>("no-such-setting = 1") else {
            panic!("an unknown setting is refused");
        };
        let text = error.message().to_owned();
        text.split('`')
            .skip(3)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }
    use crate::process::{calendar, policy, routing, timer};
    assert_eq!(settings("calendar"), known::<calendar::Config>());
    assert_eq!(settings("limit"), known::<timer::Limit>());
    assert_eq!(settings("node"), known::<routing::Node>());
    assert_eq!(settings("routing"), known::<routing::Rule>());
    assert_eq!(settings("inventory"), known::<policy::InventoryConfig>());
    assert_eq!(settings("order"), known::<policy::OrderRules>());
    assert_eq!(settings("returns"), known::<policy::ReturnRules>());
    assert_eq!(
        process.keys().cloned().collect::<BTreeSet<_>>(),
        known::<Process>()
    );
}

#[test]
fn what_cannot_be_acknowledged_is_not_expected_to_be() {
    let faults = |kind: &str, endpoint: &str| {
        let text = format!(
            "[server]\ndata_directory = 'd'\nadapters_directory = 'a'\n\
             [partners.north]\nadapter = 'x12-3pl'\nexpects_acknowledgement = ['{kind}']\n\
             access.token_sha256 = ['{}']\n{endpoint}",
            "0".repeat(64)
        );
        match Config::parse(&text, &Overrides::default()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|it| it.setting).collect(),
        }
    };
    let setting = ["partners.north.expects_acknowledgement"];
    let folder = "endpoint.folder = 'f'";
    assert_eq!(faults("order", folder), Vec::<String>::new());
    assert_eq!(faults("orders", folder), setting);
    assert_eq!(faults("functional-acknowledgement", folder), setting);
    assert_eq!(faults("order", ""), setting);
}

#[test]
fn what_cannot_be_polled_or_verified_is_named() {
    let faults = |partner: &str| {
        let text = format!(
            "[server]\ndata_directory = 'd'\nadapters_directory = 'a'\n\
             [partners.bob]\nadapter = 'shipbob'\n{partner}"
        );
        match Config::parse(&text, &Overrides::default()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|it| it.setting).collect(),
        }
    };
    let (url, poll) = (
        "endpoint.url = 'https://bob.example'",
        "poll.interval_seconds = 60",
    );
    assert_eq!(faults(&format!("{url}\n{poll}")), Vec::<String>::new());
    assert_eq!(
        faults(&format!("endpoint.folder = 'f'\n{poll}")),
        ["partners.bob.poll"]
    );
    assert_eq!(
        faults(&format!("{url}\npoll.cron = 'daily'")),
        ["partners.bob.poll"]
    );
    let signature = |secrets: &str| {
        format!("access.signature = {{ kind = 'standard-webhooks', secrets = [{secrets}] }}")
    };
    assert_eq!(faults(&signature("'env:A', 'env:B'")), Vec::<String>::new());
    assert_eq!(faults(&signature("")), ["partners.bob.access.signature"]);
    let both = format!(
        "{}\naccess.token_sha256 = ['{}']",
        signature("'env:A'"),
        "0".repeat(64)
    );
    assert_eq!(faults(&both), ["partners.bob.access.signature"]);
}

#[test]
fn what_is_known_again_must_be_kept() {
    let check = |journal: &str| {
        let text = format!(
            "journal = {{ {journal} }}\n[server]\ndata_directory = 'd'\nadapters_directory = 'a'"
        );
        Config::parse(&text, &Overrides::default())
    };
    let faults = check("retention_days = 29").unwrap_err();
    assert_eq!(faults[0].setting, "journal.retention_days");
    let kept = check("retention_days = 30").unwrap().config.journal;
    assert_eq!(kept.retention(), Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(check("").unwrap().config.journal.retention(), None);
}

/// What the README shows is a configuration, as far as it says.
#[test]
fn the_readme_shows_configurations() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("\n## Processes\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks: Vec<_> = section
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block)
        .collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let server = "[server]\ndata_directory = 'd'\nadapters_directory = 'a'";
        let text = format!("{block}\n{server}");
        if let Err(faults) = Config::parse(&text, &Overrides::default()) {
            panic!("{faults:?}\n{text}");
        }
    }
}
