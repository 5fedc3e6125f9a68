//! Routing rules beside processes: what processes send, no rule may send as well.

use std::collections::BTreeMap;

use toml::Spanned;

use super::{Fault, Partner};
use crate::{
    contract,
    message::PartnerName,
    process::{
        Role,
        traffic::{sends, takes},
    },
    route::Rule,
};

/// Whether a rule would send what processes send. Copies for partners without a role are
/// nobody's concern, and so is what no process takes from whom the rule listens to, or sends
/// to whom it names.
pub(super) fn check(
    rules: &[Spanned<Rule>],
    partners: &BTreeMap<PartnerName, Partner>,
    faults: &mut Vec<Fault>,
) {
    let roles: BTreeMap<&str, Role> = partners
        .iter()
        .filter_map(|(name, partner)| Some((name.as_str(), partner.role(name)?)))
        .collect();
    for (index, spanned) in rules.iter().enumerate() {
        let rule = spanned.get_ref();
        let Some(both) = overlap(rule, &roles) else {
            continue;
        };
        let Overlap { kinds, from, to } = both;
        faults.push(Fault {
            setting: format!("route {}", rule.name_at(index)),
            text: format!(
                "both the processes and this rule would send {} from {from} to {to}; remove the rule, what it has in common with them, or the role of {from} or {to}",
                kinds.join(", ")
            ),
            span: Some(spanned.span()),
        });
    }
}

/// What a rule and the processes have in common, at the first pair of partners.
struct Overlap<'a> {
    kinds: Vec<&'static str>,
    from: &'a str,
    to: &'a str,
}

fn overlap<'a>(rule: &Rule, roles: &'a BTreeMap<&'a str, Role>) -> Option<Overlap<'a>> {
    let named = |names: &[String], name: &str| names.iter().any(|it| it == name);
    for (from, sender) in roles {
        if !rule.from.is_empty() && !named(&rule.from, from) {
            continue;
        }
        for (to, receiver) in roles.iter().filter(|(to, _)| named(&rule.to, to)) {
            let kinds: Vec<_> = contract::KINDS
                .iter()
                .copied()
                .filter(|kind| rule.document.contains(kind) && both(sender, receiver, kind))
                .collect();
            if !kinds.is_empty() {
                return Some(Overlap { kinds, from, to });
            }
        }
    }
    None
}

/// Whether it is up to processes that such a document gets from the one to the other:
/// whether, when and in which form. What they never send to the other, a rule may.
fn both(sender: &Role, receiver: &Role, kind: &str) -> bool {
    takes(sender, kind) && sends(receiver).contains(&kind)
}
