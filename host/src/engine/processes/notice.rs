//! What people are told, as a document.

use crate::{
    contract::{Contact, Document, Notification, NotificationChannel, Party, PartyRole},
    process::{Audience, Notice},
};

/// The document of a notice. `base` is what the instance began with; an order or a return
/// says whom to tell.
pub(super) fn document(notice: &Notice, base: Option<&Document>) -> Document {
    let (recipient, audience) = match notice.to {
        Audience::Customer => (base.and_then(customer), "customer"),
        Audience::CustomerService => (None, "customer-service"),
        Audience::Operations => (None, "operations"),
    };
    let recipient = recipient.unwrap_or(Contact {
        name: (notice.to != Audience::Customer).then(|| audience.to_owned()),
        phone: None,
        email: None,
    });
    let channel = match &recipient {
        Contact { email: Some(_), .. } => NotificationChannel::Email,
        Contact { phone: Some(_), .. } => NotificationChannel::Sms,
        _ => NotificationChannel::Portal,
    };
    let datum = |name: &str| {
        let found = notice.data.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    Document::Notification(Notification {
        dedupe_key: notice.dedupe_key.clone(),
        template: notice.template.clone(),
        channel,
        recipient,
        data: notice.data.clone(),
        order_no: datum("order_no"),
        extras: vec![("audience".to_owned(), audience.to_owned())],
    })
}

/// Whom an order or a return names to be told: who gets the goods before who pays.
fn customer(base: &Document) -> Option<Contact> {
    let parties = match base {
        Document::Order(order) => &order.parties,
        Document::ReturnAuthorization(authorization) => &authorization.parties,
        _ => return None,
    };
    let of = |role: PartyRole| parties.iter().filter(move |party| party.role == role);
    let named = of(PartyRole::ShipTo)
        .chain(of(PartyRole::Buyer))
        .chain(of(PartyRole::BillTo));
    let reachable = |contact: &&Contact| contact.email.is_some() || contact.phone.is_some();
    let contact = named
        .clone()
        .flat_map(|party| &party.contacts)
        .find(reachable);
    contact.cloned().or_else(|| named.map(name).next())
}

fn name(party: &Party) -> Contact {
    Contact {
        name: party.name.clone(),
        phone: None,
        email: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json;

    fn notice(to: Audience) -> Notice {
        Notice {
            template: "order-shipped".to_owned(),
            to,
            data: vec![("order_no".to_owned(), "SO-1".to_owned())],
            dedupe_key: "order/SO-1/customer/shipped/SH1".to_owned(),
        }
    }

    fn told(notice: &Notice, base: Option<&Document>) -> Notification {
        match document(notice, base) {
            Document::Notification(told) => told,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_customer_is_told_where_the_order_says() {
        let order = r#"{
            "kind": "order", "purpose": "original", "order_no": "SO-1",
            "lines": [{
                "line_no": "1", "quantity": { "value": "1", "unit": "EA" },
                "items": [{ "scheme": "sku", "value": "A" }]
            }]
        }"#;
        let Document::Order(mut order) = json::from_slice(order.as_bytes()).expect("JSON") else {
            panic!("an order");
        };
        let party = |role, email: Option<&str>| Party {
            role,
            name: Some("Somebody".to_owned()),
            id: None,
            scheme: None,
            address: None,
            contacts: vec![Contact {
                name: None,
                phone: None,
                email: email.map(str::to_owned),
            }],
            extras: Vec::new(),
        };
        order.parties = vec![
            party(PartyRole::BillTo, Some("pays@example.org")),
            party(PartyRole::ShipTo, Some("gets@example.org")),
        ];
        let base = Document::Order(order.clone());
        let customer = told(&notice(Audience::Customer), Some(&base));
        assert_eq!(
            customer.recipient.email.as_deref(),
            Some("gets@example.org")
        );
        assert_eq!(customer.channel, NotificationChannel::Email);
        assert_eq!(customer.order_no.as_deref(), Some("SO-1"));

        order.parties = vec![party(PartyRole::ShipTo, None)];
        let base = Document::Order(order);
        let customer = told(&notice(Audience::Customer), Some(&base));
        assert_eq!(customer.recipient.name.as_deref(), Some("Somebody"));
        assert_eq!(customer.channel, NotificationChannel::Portal);

        let desk = told(&notice(Audience::CustomerService), Some(&base));
        assert_eq!(desk.recipient.name.as_deref(), Some("customer-service"));
    }
}
