//! What partners are to the business: roles, and the nodes that warehouses run.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Fault, Partner};
use crate::{
    message::PartnerName,
    process::{Role, traffic::sends},
};

/// The longest name of a node, in bytes: it is part of business keys and timers.
const NODE_BYTES_MAX: usize = 64;

/// Names of those that processes wait for beside nodes: a node of such a name could not
/// be told from them.
const TAKEN: [&str; 4] = ["erp", "carrier", "customer", "crossdock"];

/// `role`: what a partner is to the business, as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleName {
    /// The system of record for commerce and finance.
    Erp,
    /// A warehouse, which runs a node.
    Warehouse,
    /// The service desk.
    Crm,
    /// A shop, a marketplace or a customer's EDI.
    Shop,
    /// Who carries the goods.
    Carrier,
}

// === impl Partner ===

impl Partner {
    /// What it is to the business; none for a partner that processes leave alone.
    #[must_use]
    pub fn role(&self, name: &PartnerName) -> Option<Role> {
        let role = self.role.as_ref()?;
        Some(match role.get_ref() {
            RoleName::Erp => Role::Erp,
            RoleName::Warehouse => Role::Warehouse {
                node: match &self.node {
                    Some(node) => node.get_ref().clone(),
                    None => name.as_str().to_owned(),
                },
            },
            RoleName::Crm => Role::Crm,
            RoleName::Shop => Role::Shop,
            RoleName::Carrier => Role::Carrier,
        })
    }
}

/// Whether roles and nodes can be meant so.
pub(super) fn check(partners: &BTreeMap<PartnerName, Partner>, faults: &mut Vec<Fault>) {
    let mut run_by: BTreeMap<String, &PartnerName> = BTreeMap::new();
    for (name, partner) in partners {
        faults.extend(check_takes(name, partner));
        let node = match (partner.role(name), &partner.node) {
            (Some(Role::Warehouse { node }), _) => node,
            (_, None) => continue,
            (_, Some(node)) => {
                faults.push(Fault {
                    setting: format!("partners.{name}.node"),
                    text:
                        "only a warehouse runs a node; write role = \"warehouse\" or leave node out"
                            .to_owned(),
                    span: Some(node.span()),
                });
                continue;
            }
        };
        let place = partner.node.as_ref().map(Spanned::span);
        let fault = |text| Fault {
            setting: format!("partners.{name}.node"),
            text,
            span: place
                .clone()
                .or_else(|| partner.role.as_ref().map(Spanned::span)),
        };
        if let Err(text) = check_node(&node) {
            faults.push(fault(text));
        } else if let Some(other) = run_by.insert(node.clone(), name) {
            faults.push(fault(format!(
                "{other} and {name} both run node {node}; give one of them a node of its own"
            )));
        }
    }
}

/// Whether the kinds that a partner takes are some, and of those that it would be sent.
fn check_takes(name: &PartnerName, partner: &Partner) -> Option<Fault> {
    let takes = partner.takes.as_ref()?;
    let role = partner.role(name);
    let sent = role.as_ref().map_or(&[][..], sends);
    let unsent = |kind: &&String| !sent.contains(&kind.as_str());
    let text = if role.is_none() {
        "processes send nothing to a partner without a role; add role or leave takes out".to_owned()
    } else if takes.get_ref().is_empty() {
        "it names nothing; leave takes out for all that its adapter writes, or endpoint for nothing"
            .to_owned()
    } else {
        format!(
            "processes never send it {}; with its role it is sent {}",
            takes.get_ref().iter().find(unsent)?,
            sent.join(", ")
        )
    };
    Some(Fault {
        setting: format!("partners.{name}.takes"),
        text,
        span: Some(takes.span()),
    })
}

fn check_node(node: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if node.is_empty() || node.len() > NODE_BYTES_MAX || !node.bytes().all(allowed) {
        return Err(format!(
            "a node's name is 1 to {NODE_BYTES_MAX} letters, digits, dashes, underscores and dots"
        ));
    }
    if TAKEN.contains(&node) {
        return Err(format!(
            "no node can be called {node}, since processes wait for {} by these names; give it another name",
            TAKEN.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{Config, Fault, Overrides},
        message::PartnerName,
        process::Role,
    };

    fn parse(partners: &str) -> Result<crate::config::Checked, Vec<Fault>> {
        let text = format!("[server]\ndata_directory = 'd'\nadapters_directory = 'a'\n{partners}");
        Config::parse(&text, &Overrides::default())
    }

    fn warehouse(name: &str, rest: &str) -> String {
        format!(
            "[partners.{name}]\nadapter = 'x12-3pl'\nendpoint.folder = '{name}'\n\
             role = 'warehouse'\n{rest}\n"
        )
    }

    #[test]
    fn a_warehouse_runs_the_node_that_it_names_or_is() {
        let text = [warehouse("north", ""), warehouse("south", "node = 'DC.02'")].concat();
        let checked = parse(&text).unwrap();
        let role = |name: &str| {
            let name = PartnerName::parse(name).unwrap();
            checked.partners[&name].role(&name)
        };
        let runs = |node: &str| {
            Some(Role::Warehouse {
                node: node.to_owned(),
            })
        };
        assert_eq!(role("north"), runs("north"));
        assert_eq!(role("south"), runs("DC.02"));
    }

    #[test]
    fn a_node_is_run_by_one_warehouse() {
        let text = [warehouse("north", ""), warehouse("south", "node = 'north'")].concat();
        let faults = parse(&text).unwrap_err();
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}");
        };
        assert_eq!(fault.setting, "partners.south.node");
        assert!(fault.text.contains("north and south both run node north"));
    }

    #[test]
    fn what_can_not_be_a_role_or_a_node_is_named() {
        let settings = |text: &str| -> Vec<String> {
            match parse(text) {
                Ok(_) => Vec::new(),
                Err(faults) => faults.into_iter().map(|it| it.setting).collect(),
            }
        };
        let erp = "[partners.sap]\nadapter = 'sap'\nendpoint.url = 'https://sap.example'\n";
        assert_eq!(settings(&format!("{erp}role = 'erp'")), [""; 0]);
        assert_eq!(
            settings(&format!("{erp}role = 'erp'\nnode = 'north'")),
            ["partners.sap.node"]
        );
        assert_eq!(
            settings(&format!("{erp}node = 'north'")),
            ["partners.sap.node"]
        );
        for node in ["", "a/b", "a b", "erp", "carrier"] {
            assert_eq!(
                settings(&warehouse("north", &format!("node = '{node}'"))),
                ["partners.north.node"],
                "{node:?}"
            );
        }
        for (role, takes) in [
            ("", "order"),
            ("role = 'erp'", ""),
            ("role = 'erp'", "orders"),
            ("role = 'erp'", "inventory-snapshot"),
        ] {
            let takes: Vec<&str> = takes.split(' ').filter(|it| !it.is_empty()).collect();
            assert_eq!(
                settings(&format!("{erp}{role}\ntakes = {takes:?}")),
                ["partners.sap.takes"],
                "{takes:?}"
            );
        }
        assert_eq!(
            settings(&format!("{erp}role = 'erp'\ntakes = ['order', 'shipment']")),
            [""; 0]
        );
        let faults = parse(&format!("{erp}role = 'bank'")).unwrap_err();
        assert!(faults[0].text.contains("warehouse"), "{faults:?}");
        assert!(faults[0].span.is_some());
    }
}
