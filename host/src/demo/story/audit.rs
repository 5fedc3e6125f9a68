//! What is left when all is told: every order shipped and booked once, nothing
//! waiting, nothing repeated.

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
            .filter(|it| {
                ["waiting", "in_flight", "undecoded"]
                    .iter()
                    .any(|name| it[*name].as_u64().unwrap_or(0) > 0)
            })
            .map(|it| text(&it["name"]).to_owned())
            .collect();
        if busy.is_empty() {
            Ok(found)
        } else {
            Err(busy.join(", "))
        }
    })
    .await?;
    let mut rows = vec![["partner", "adapter", "delivered", "dead", "breaker"].map(str::to_owned)];
    rows.extend(array(&partners["partners"]).iter().map(|it| {
        let figure = |name: &str| it[name].to_string();
        let breaker = telling::breaker(it).to_owned();
        [
            text(&it["name"]).to_owned(),
            text(&it["adapter"]).to_owned(),
            figure("delivered"),
            figure("dead"),
            breaker,
        ]
    }));
    stage.screen.table(&rows);

    for order_no in &stage.orders {
        for (who, booked) in [
            ("ERP", stage.erp.shipments(order_no)),
            ("CRM", stage.crm.shipments(order_no)),
        ] {
            let once = matches!(&booked[..], [only] if only.repeats == 0);
            expect(
                once,
                format!("the {who} has one shipment of {order_no}"),
                || booked.len().to_string(),
            )?;
        }
    }
    let (orders, erp, crm) = (stage.orders.len(), stage.erp.told(), stage.crm.told());
    expect(
        erp == orders && crm == orders,
        format!("{orders} documents at the ERP and at the CRM"),
        || format!("{erp} and {crm}"),
    )?;
    let repeats = stage.north.repeats() + stage.south.depot(|depot| depot.repeats);
    expect(repeats == 0, "no warehouse was sent anything twice", || {
        repeats.to_string()
    })?;
    let refused: Vec<_> = stage
        .north
        .sent()
        .into_iter()
        .filter(|it| it.answer.status != 202)
        .collect();
    expect(
        refused.is_empty(),
        "every file of north-3pl was taken",
        || format!("{refused:?}"),
    )?;
    stage.screen.observed(&format!(
        "{orders} orders, each shipped once, each booked once by ERP and CRM"
    ));
    Ok(())
}
