//! What is left when all is told: every order shipped and booked once, nothing
//! waiting, nothing repeated.

use serde_json::Value;

use crate::demo::{
    api::{Unmet, array, expect, text, until},
    stage::Stage,
    telling,
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let partners = until("no work left in any lane", async || {
        let found = stage.api.get("/v1/partners").await?;
        let busy: Vec<_> = array(&found["partners"])
            .iter()
            .filter(|it| is_busy(it))
            .map(|it| text(&it["name"]).to_owned())
            .collect();
        let idle = busy.is_empty();
        idle.then_some(found).ok_or_else(|| busy.join(", "))
    })
    .await?;
    let mut rows = vec![["partner", "adapter", "delivered", "dead", "breaker"].map(str::to_owned)];
    rows.extend(array(&partners["partners"]).iter().map(row));
    stage.screen.table(&rows);
    once(stage)?;

    let houses = [&stage.north, &stage.systems.lakes];
    let repeats: usize = houses.iter().map(|it| it.repeats()).sum();
    let repeats = repeats + stage.south.depot(|depot| depot.repeats);
    expect(repeats == 0, "no warehouse was sent anything twice", || {
        repeats.to_string()
    })?;
    let mut refused = stage.north.sent();
    refused.retain(|it| it.answer.status != 202);
    let taken = refused.is_empty();
    expect(taken, "every file of north-3pl was taken", || {
        format!("{refused:?}")
    })?;
    stage.screen.observed(&format!(
        "{} orders of the ERP, each shipped once, each booked once by ERP and CRM",
        stage.orders.len()
    ));
    Ok(())
}

/// One shipment for each order, at the ERP and at the CRM, and nothing else.
fn once(stage: &Stage) -> Result<(), Unmet> {
    for order_no in &stage.orders {
        let booked = [
            ("ERP", stage.erp.shipments(order_no)),
            ("CRM", stage.crm.shipments(order_no)),
        ];
        for (who, booked) in booked {
            let once = matches!(&booked[..], [only] if only.repeats == 0);
            let expected = format!("the {who} has one shipment of {order_no}");
            expect(once, expected, || booked.len().to_string())?;
        }
    }
    let (orders, told) = (stage.orders.len(), [stage.erp.told(), stage.crm.told()]);
    let expected = format!("{orders} documents at the ERP and at the CRM");
    expect(told == [orders; 2], expected, || format!("{told:?}"))
}

fn is_busy(partner: &Value) -> bool {
    ["waiting", "in_flight", "undecoded"]
        .iter()
        .any(|name| partner[*name].as_u64().unwrap_or(0) > 0)
}

fn row(partner: &Value) -> [String; 5] {
    [
        text(&partner["name"]).to_owned(),
        text(&partner["adapter"]).to_owned(),
        partner["delivered"].to_string(),
        partner["dead"].to_string(),
        telling::breaker(partner).to_owned(),
    ]
}
