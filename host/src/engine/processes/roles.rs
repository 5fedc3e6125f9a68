//! Who is what to the business.

use std::collections::BTreeMap;

use crate::{
    message::PartnerName,
    partner::Partners,
    process::{Origin, Receiver, Role},
};

/// Partners by role. What they are does not change while the host runs.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Roles {
    roles: BTreeMap<PartnerName, Role>,
    /// The kinds that processes send, for those that do not take all.
    takes: BTreeMap<PartnerName, Vec<String>>,
    /// Those of them that can be sent to, and those without a role that can.
    reached: Vec<PartnerName>,
}

// === impl Roles ===

impl Roles {
    pub(in crate::engine) fn new(partners: &Partners) -> Self {
        let with_role = |it: &std::sync::Arc<crate::partner::Partner>| {
            Some((it.name.clone(), it.role.clone()?))
        };
        Self {
            roles: partners.iter().filter_map(with_role).collect(),
            takes: partners
                .iter()
                .filter_map(|it| Some((it.name.clone(), it.takes.clone()?)))
                .collect(),
            reached: partners
                .iter()
                .filter(|it| it.endpoint.is_some())
                .map(|it| it.name.clone())
                .collect(),
        }
    }

    /// A partner as processes know it; none without a role.
    pub(in crate::engine) fn origin(&self, partner: &PartnerName) -> Option<Origin> {
        let role = self.roles.get(partner)?.clone();
        Some(Origin {
            partner: partner.clone(),
            role,
        })
    }

    /// The node that a partner runs.
    pub(super) fn node_of(&self, partner: &PartnerName) -> Option<&str> {
        self.roles.get(partner)?.node()
    }

    /// Partners that run a node, and which.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&PartnerName, &str)> {
        let roles = self.roles.iter();
        roles.filter_map(|(partner, role)| Some((partner, role.node()?)))
    }

    /// The partner that runs a node.
    pub(super) fn partner_of(&self, node: &str) -> Option<&PartnerName> {
        let found = self
            .roles
            .iter()
            .find(|(_, role)| role.node() == Some(node));
        found.map(|(partner, _)| partner)
    }

    /// Whether processes send such documents to a partner.
    pub(super) fn takes(&self, partner: &PartnerName, kind: &str) -> bool {
        let takes = self.takes.get(partner);
        takes.is_none_or(|kinds| kinds.iter().any(|it| it == kind))
    }

    /// The partners that a receiver stands for and that can be sent to.
    pub(super) fn receivers(&self, to: &Receiver) -> Vec<PartnerName> {
        let is = |partner: &PartnerName| match (to, self.roles.get(partner)) {
            (Receiver::Partner { partner: named }, _) => named == partner,
            (Receiver::Erp, Some(role)) => *role == Role::Erp,
            (Receiver::Crm, Some(role)) => *role == Role::Crm,
            (Receiver::Shops, Some(role)) => *role == Role::Shop,
            (Receiver::Node { node }, Some(role)) => role.node() == Some(node),
            (_, None) => false,
        };
        self.reached.iter().filter(|it| is(it)).cloned().collect()
    }
}
