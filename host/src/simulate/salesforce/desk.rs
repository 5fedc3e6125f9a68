//! What people in the org do: place an order and publish it, ask for a return.

use serde_json::{Value, json};

use super::{Fault, PRICEBOOK, Salesforce};
use crate::{
    clock::Timestamp,
    simulate::partner::{Outgoing, text_of},
};

// === impl Salesforce ===

impl Salesforce {
    pub(super) fn place_order(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        let key = text_of(act, "key")?;
        if self.order(key).is_some() {
            return Err(format!("there is an order {key} already"));
        }
        let number = text_of(act, "account")?;
        let account = self.store.by_key("Account", "Customer_No__c", number);
        let account = account
            .first()
            .ok_or_else(|| format!("there is no account {number}"))?;
        let ship_to = &act["ship_to"];
        let field = |name: &str| ship_to[name].clone();
        let order = json!({
            "AccountId": account.id, "EffectiveDate": at.to_string()[..10], "Status": "Draft",
            "Pricebook2Id": PRICEBOOK, "Crossdock_Key__c": key, "PoNumber": act["po_number"],
            "ShippingStreet": field("street"), "ShippingCity": field("city"), "ShippingState": field("state"),
            "ShippingPostalCode": field("postal_code"), "ShippingCountry": field("country"),
        });
        let lines = act["lines"].as_array().filter(|it| !it.is_empty());
        let lines = lines.ok_or("`lines` is missing, a list")?.clone();
        let before = self.store.clone();
        let made = self.make_order(&order, &lines, at);
        match made {
            Ok(id) => Ok(json!({ "id": id })),
            Err(fault) => {
                self.store = before;
                Err(format!("{}: {}", fault.code, fault.message))
            }
        }
    }

    fn make_order(
        &mut self,
        order: &Value,
        lines: &[Value],
        at: Timestamp,
    ) -> Result<String, Fault> {
        let id = self.store.insert("Order", order, at)?;
        for line in lines {
            let item = json!({
                "OrderId": id, "PricebookEntry": { "SKU__c": line["sku"] },
                "Quantity": line["quantity"], "UnitPrice": line["price"].as_f64().unwrap_or(1.0),
            });
            self.store.insert("OrderItem", &item, at)?;
        }
        self.store
            .update("Order", &id, &json!({ "Status": "Activated" }), at)?;
        Ok(id)
    }

    /// A platform event about an order, as an event relay sends it: in an envelope of an
    /// event bus.
    pub(super) fn publish(&mut self, key: &str, at: Timestamp) -> Result<Value, String> {
        let found = self.store.by_key("Order", "Crossdock_Key__c", key);
        let order = found
            .first()
            .ok_or_else(|| format!("there is no order {key}"))?;
        let lines = self.store.items(&order.id).into_iter().map(|item| {
            json!({
                "OrderItemNumber": item.fields["OrderItemNumber"], "Quantity": item.fields["Quantity"],
                "Product2": { "ProductCode": self.store.sku(item) },
            })
        });
        let lines = lines.collect::<Value>().to_string();
        let mut payload = order.fields.clone();
        payload.retain(|_, value| !value.is_null());
        payload.remove("TotalAmount");
        // What a flow that publishes the event looks up, since an event has no relations.
        if let Some(account) = self.store.by_id(order.text("AccountId")) {
            for (field, of) in [
                ("Account_Name__c", "Name"),
                ("Account_Number__c", "AccountNumber"),
            ] {
                payload.insert(field.to_owned(), account.text(of).into());
            }
        }
        payload.insert("Lines__c".to_owned(), lines.into());
        Ok(self.relay("Order_Release__e", &payload.into(), at))
    }

    /// A customer wants to send goods back; the event has the fields of a ReturnOrder.
    pub(super) fn request_return(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        let (rma_no, key) = (text_of(act, "rma_no")?, text_of(act, "key")?);
        let found = self.store.by_key("Order", "Crossdock_Key__c", key);
        let order = found
            .first()
            .ok_or_else(|| format!("there is no order {key}"))?;
        let sold = self.store.items(&order.id);
        let asked = act["lines"].as_array().filter(|it| !it.is_empty());
        let mut lines = Vec::new();
        for (index, line) in asked
            .ok_or("`lines` is missing, a list")?
            .iter()
            .enumerate()
        {
            let sku = text_of(line, "sku")?;
            if !sold.iter().any(|item| self.store.sku(item) == sku) {
                return Err(format!("order {key} has no {sku}"));
            }
            lines.push(json!({
                "ReturnOrderLineItemNumber": format!("{:010}", index + 1),
                "QuantityReturned": line["quantity"], "ReasonForReturn": line["reason"],
                "Product2": { "ProductCode": sku },
            }));
        }
        let payload = json!({
            "CreatedDate": at.to_string(), "ReturnOrderNumber": rma_no, "Order_Number__c": key,
            "Status": "Submitted", "Description": act["text"],
            "Lines__c": Value::from(lines).to_string(),
        });
        Ok(self.relay("Return_Request__e", &payload, at))
    }

    /// An event in the envelope of an event bus.
    fn relay(&mut self, name: &str, payload: &Value, at: Timestamp) -> Value {
        self.events += 1;
        let uuid = format!("{:08x}-0000-4000-8000-{:012x}", self.events, at.as_millis());
        let body = json!({
            "version": "0", "id": uuid, "detail-type": name, "source": "aws.partner/salesforce.com",
            "time": at.to_string(),
            "detail": { "payload": payload, "schemaId": "simulated", "event": { "EventUuid": uuid } },
        });
        self.outbox.push(Outgoing {
            kind: name.to_owned(),
            key: uuid,
            correlation_id: None,
            content_type: "application/json",
            headers: Vec::new(),
            body: body.to_string().into(),
        });
        json!({ "events": self.events })
    }
}
