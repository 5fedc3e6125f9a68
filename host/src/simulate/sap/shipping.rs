//! API_OUTBOUND_DELIVERY_SRV: looking for deliveries, creating one with reference to a
//! sales order, picking it, posting its goods issue.

use crossdock_sdk::Decimal;
use serde_json::{Map, Value, json};

use super::{
    Delivery, DeliveryLine, KEPT_MAX, SHIPPING, Sap,
    entity::{Kind, check, entities, text},
    filter::Filter,
    odata::{Fault, key, not_allowed, not_found, numeral, unchanged},
};
use crate::{
    clock::Timestamp,
    simulate::wire::{Answer, Request},
};

const ITEM: &[(&str, Kind)] = &[
    ("DeliveryDocumentItem", Kind::Text(6)),
    ("ReferenceSDDocument", Kind::Text(10)),
    ("ReferenceSDDocumentItem", Kind::Text(6)),
    ("ActualDeliveryQuantity", Kind::Decimal),
    ("DeliveryQuantityUnit", Kind::Text(3)),
    ("Batch", Kind::Text(10)),
];

const HEADER: &[(&str, Kind)] = &[
    ("DeliveryDocument", Kind::Text(10)),
    ("DeliveryDocumentBySupplier", Kind::Text(35)),
    ("BillOfLading", Kind::Text(35)),
    ("ShippingPoint", Kind::Text(4)),
    ("OverallPickingStatus", Kind::Text(1)),
    ("OverallGoodsMovementStatus", Kind::Text(1)),
    ("to_DeliveryDocumentItem", Kind::List(ITEM)),
];

/// Answers a request; `rest` is the path below the service.
pub(super) fn answer(sap: &mut Sap, rest: &str, request: &Request, at: Timestamp) -> Answer {
    let resource = request.segments().pop().unwrap_or_default();
    if rest.trim_matches('/').contains('/') {
        return not_found(&resource);
    }
    match (request.method.as_str(), resource.as_str()) {
        ("GET", "A_OutbDeliveryHeader") => {
            let found = sap.deliveries_page(request);
            let found = found.unwrap_or_else(|fault| fault.answer());
            sap.sessions.give(request, found, at)
        }
        ("GET", other) => {
            let keys = key(other, "A_OutbDeliveryHeader");
            let found = keys.and_then(|keys| sap.delivery(&keys.first()?.1));
            let found = match found {
                Some(index) => Answer::json(200, &json!({ "d": sap.deliveries[index].json() })),
                None => not_found(other),
            };
            sap.sessions.give(request, found, at)
        }
        ("POST", resource) => {
            if let Err(refused) = sap.may_change(request, at) {
                return refused;
            }
            sap.repeatably(request, |sap| {
                let done = match resource {
                    "A_OutbDeliveryHeader" => sap.create_delivery(request),
                    "PickAllItems" => sap.act_on_delivery(request, Sap::pick),
                    "PostGoodsIssue" => sap.act_on_delivery(request, Sap::post_issue),
                    other => return not_found(other),
                };
                done.unwrap_or_else(|fault| fault.answer())
            })
        }
        _ => not_allowed(),
    }
}

// === impl Sap ===

impl Sap {
    fn delivery(&self, number: &str) -> Option<usize> {
        let mut deliveries = self.deliveries.iter();
        deliveries.position(|it| it.number == numeral(number))
    }

    fn deliveries_page(&self, request: &Request) -> Result<Answer, Fault> {
        let filter = match request.parameter("$filter") {
            Some(text) => Some(
                Filter::read(&text, HEADER)
                    .map_err(|text| Fault::new("005056A509B11EE1B9A8FEC11C22778E", text))?,
            ),
            None => None,
        };
        let all = self.deliveries.iter().map(Delivery::json);
        let meant = |entity: &Value| {
            let fields = entity.as_object();
            let holds = |it: &Filter| fields.is_some_and(|fields| it.holds(fields));
            filter.as_ref().is_none_or(holds)
        };
        let found: Vec<Value> = all.filter(meant).collect();
        let note = format!("{} deliveries", found.len());
        Ok(Answer::json(200, &json!({ "d": { "results": found } })).noted(note))
    }

    fn create_delivery(&mut self, request: &Request) -> Result<Answer, Fault> {
        let body = request.json().map_err(|error| {
            Fault::new("/IWBEP/CM_MGW_RT/176", format!("Malformed JSON: {error}"))
        })?;
        check(&body, HEADER)?;
        if self.deliveries.len() == KEPT_MAX {
            return Err(Fault::new("SY/530", "The simulated system is full"));
        }
        let items = entities(&body["to_DeliveryDocumentItem"])?;
        let mut order = None;
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let fields = item.as_object().cloned().unwrap_or_default();
            let (of, line) = self.delivered(&fields)?;
            if order.is_some_and(|order| order != of) {
                let text = "The items are of several sales orders";
                return Err(Fault::new("VL/303", text));
            }
            order = Some(of);
            lines.push(line);
        }
        let order = order.ok_or_else(|| Fault::new("VL/248", "Enter at least one item"))?;
        self.check_open(order, &lines)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let reference = match text("DeliveryDocumentBySupplier") {
            own if own.is_empty() => text("BillOfLading"),
            own => own,
        };
        self.changes += 1;
        let delivery = Delivery {
            number: format!("{}", 80_000_001 + self.deliveries.len()),
            order,
            lines,
            reference,
            picked: false,
            issued: None,
            billed: false,
            etag: format!("W/\"'{:08}'\"", self.changes),
        };
        let note = format!("delivery {} of {}", delivery.number, delivery.reference);
        let location = format!("{SHIPPING}/A_OutbDeliveryHeader('{}')", delivery.number);
        let answer = Answer::json(201, &json!({ "d": delivery.json() }))
            .with_header("location", location)
            .noted(note);
        self.deliveries.push(delivery);
        Ok(answer)
    }

    /// The order and the line that an item of a new delivery is about.
    fn delivered(&self, item: &Map<String, Value>) -> Result<(usize, DeliveryLine), Fault> {
        let number = numeral(text(item, "ReferenceSDDocument"));
        let order = self.orders.iter().position(|it| it.number == number);
        let order = order.ok_or_else(|| {
            let text = format!("Sales document {number} does not exist");
            Fault::new("VL/007", text).about("ReferenceSDDocument")
        })?;
        let wanted = numeral(text(item, "ReferenceSDDocumentItem"));
        let mut lines = self.orders[order].delivery_lines().into_iter();
        let line = lines.find(|it| it.item == wanted).ok_or_else(|| {
            let text = format!("Sales document {number} has no open item {wanted}");
            Fault::new("VL/018", text).about("ReferenceSDDocumentItem")
        })?;
        let quantity = text(item, "ActualDeliveryQuantity").parse::<Decimal>();
        let quantity = quantity
            .ok()
            .filter(|it| !it.is_negative() && !it.is_zero());
        let quantity = quantity.ok_or_else(|| {
            let text = format!("Item {wanted}: enter a delivery quantity");
            Fault::new("VL/150", text).about("ActualDeliveryQuantity")
        })?;
        Ok((order, DeliveryLine { quantity, ..line }))
    }

    /// No more is delivered than was ordered.
    fn check_open(&self, order: usize, lines: &[DeliveryLine]) -> Result<(), Fault> {
        let before = self.deliveries.iter().filter(|it| it.order == order);
        let all: Vec<&DeliveryLine> = before.flat_map(|it| &it.lines).chain(lines).collect();
        for ordered in self.orders[order].delivery_lines() {
            let mut of_item = all.iter().filter(|it| it.item == ordered.item);
            let sum = of_item.try_fold(Decimal::ZERO, |sum, it| sum.checked_add(it.quantity).ok());
            if sum.is_none_or(|sum| sum.compare(ordered.quantity).is_gt()) {
                let text = format!(
                    "Item {}: only {} were ordered",
                    ordered.item, ordered.quantity
                );
                return Err(Fault::new("VL/363", text).about("ActualDeliveryQuantity"));
            }
        }
        Ok(())
    }

    fn act_on_delivery(
        &mut self,
        request: &Request,
        act: fn(&mut Delivery) -> Result<(), Fault>,
    ) -> Result<Answer, Fault> {
        let named = request.parameter("DeliveryDocument").unwrap_or_default();
        let number = named.trim_matches('\'');
        let Some(index) = self.delivery(number) else {
            return Ok(not_found(number));
        };
        let delivery = &mut self.deliveries[index];
        if let Err(refused) = unchanged(request, &delivery.etag) {
            return Ok(refused);
        }
        act(delivery)?;
        self.changes += 1;
        delivery.etag = format!("W/\"'{:08}'\"", self.changes);
        let note = format!("{} {number}", request.path.rsplit('/').next().unwrap_or(""));
        Ok(Answer::json(200, &json!({ "d": delivery.json() })).noted(note))
    }

    fn pick(delivery: &mut Delivery) -> Result<(), Fault> {
        if delivery.picked {
            let text = format!("Delivery {} is picked already", delivery.number);
            return Err(Fault::new("VL/602", text));
        }
        delivery.picked = true;
        Ok(())
    }

    fn post_issue(delivery: &mut Delivery) -> Result<(), Fault> {
        let number = &delivery.number;
        if !delivery.picked {
            let text = format!("Delivery {number} has not yet been put away / picked (completely)");
            return Err(Fault::new("VL/609", text));
        }
        if delivery.issued.is_some() {
            let text = format!("Goods issue has been posted already for delivery {number}");
            return Err(Fault::new("VL/601", text));
        }
        let mut lines = delivery.lines.iter();
        let sum = lines.try_fold(Decimal::ZERO, |sum, it| sum.checked_add(it.quantity).ok());
        delivery.issued = Some(sum.unwrap_or(Decimal::ZERO));
        Ok(())
    }
}

// === impl Delivery ===

impl Delivery {
    fn json(&self) -> Value {
        let done = |done: bool| if done { "C" } else { "A" };
        json!({
            "__metadata": { "type": "API_OUTBOUND_DELIVERY_SRV.A_OutbDeliveryHeaderType", "etag": self.etag },
            "DeliveryDocument": self.number,
            // It came in one of the two, and is found by either.
            "DeliveryDocumentBySupplier": self.reference, "BillOfLading": self.reference,
            "OverallPickingStatus": done(self.picked), "OverallGoodsMovementStatus": done(self.issued.is_some()),
        })
    }
}
