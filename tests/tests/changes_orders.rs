//! An order is changed and cancelled at every stage: whoever has it is told, and whoever
//! comes too late hears that.

use e2e::harness::{
    Behaviour,
    business::{Business, fact, heard, hears, in_short, order_stands, says},
    papers::{LINES, answer, cancel, change, order, shipment},
    until,
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_the_erp_and_the_node_that_has_the_order() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    hears(&business.north, &["order original SO-1"]).await;
    let both = ["order original SO-1", "order change SO-1"];
    let less = [("1", "TEA", 8), ("2", "CUP", 5)];
    says(api, "shop", &change("SO-1", 1, &less)).await;
    hears(&business.north, &both).await;
    hears(&business.erp, &both).await;
    let arrivals = business.north.taken();
    assert_eq!(arrivals[1].document["lines"][0]["quantity"]["value"], "8");
    says(api, "north", &answer("SO-1", "accepted", 3)).await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, &less)).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(fact(&shipped, "ordered"), "13");

    // Now it is too late, and who wants less is told so.
    let lesser = [("1", "TEA", 2), ("2", "CUP", 5)];
    says(api, "shop", &change("SO-1", 2, &lesser)).await;
    until("the shop to hear that it is too late", async || {
        let heard = heard(&business.shop);
        let said = heard.contains(&"answer accepted-with-changes SO-1".to_owned());
        if said {
            Ok(())
        } else {
            Err(format!("{heard:?}"))
        }
    })
    .await;
    let after = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(fact(&after, "shipped"), "13");
    host.finish().await;
    hears(&business.north, &both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_has_yet_is_cancelled_at_once() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "validating").await;
    let answer = api.tried("/v1/orders/SO-1/cancel", &Value::Null).await;
    assert_eq!(
        answer.status, 400,
        "a body that is no request: {}",
        answer.body
    );
    says(api, "shop", &cancel("SO-1")).await;
    order_stands(api, "SO-1", "cancelled").await;
    host.finish().await;
    hears(&business.erp, &["order original SO-1", "order cancel SO-1"]).await;
    hears(&business.shop, &["answer accepted SO-1"]).await;
    hears(&business.crm, &["told order-cancelled"]).await;
    hears(&business.north, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_taken_back_from_its_node() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    let body = serde_json::json!({ "reason": "found cheaper" });
    let posted = api.tried("/v1/orders/SO-1/cancel", &body).await;
    assert_eq!(posted.status, 202, "{}", posted.body);
    order_stands(api, "SO-1", "cancelled").await;
    host.finish().await;
    hears(
        &business.north,
        &["order original SO-1", "order cancel SO-1"],
    )
    .await;
    hears(&business.shop, &["answer accepted SO-1"; 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_refuses_the_cancel_keeps_the_order() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    business
        .north
        .script(|arrival| match in_short(&arrival.document).as_str() {
            "order cancel SO-1" => Behaviour::Answers(422, None),
            _ => Behaviour::Takes,
        });
    says(api, "shop", &cancel("SO-1")).await;
    hears(
        &business.shop,
        &["answer accepted SO-1", "answer rejected SO-1"],
    )
    .await;
    until("the ERP to hear of it", async || {
        let erp = heard(&business.erp);
        let told = erp.contains(&"answer rejected SO-1".to_owned());
        if told {
            Ok(())
        } else {
            Err(format!("{erp:?}"))
        }
    })
    .await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    order_stands(api, "SO-1", "shipped").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_order_that_left_in_part_the_rest_is_cancelled() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, &LINES[..1])).await;
    order_stands(api, "SO-1", "partly-shipped").await;
    says(api, "shop", &cancel("SO-1")).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(
        (fact(&shipped, "shipped"), fact(&shipped, "cancelled")),
        ("10", "5")
    );
    api.until_idle().await;
    let shop = heard(&business.shop);
    let partly = "answer accepted-with-changes SO-1".to_owned();
    assert!(shop.contains(&partly), "{shop:?}");

    // What has left altogether is not called back.
    business.accepted(api, "SO-2", &order("SO-2", LINES)).await;
    says(api, "north", &shipment("SH-2", "SO-2", 60, LINES)).await;
    order_stands(api, "SO-2", "shipped").await;
    says(api, "shop", &cancel("SO-2")).await;
    until("the shop to hear that it is too late", async || {
        let heard = heard(&business.shop);
        let said = heard.contains(&"answer rejected SO-2".to_owned());
        if said {
            Ok(())
        } else {
            Err(format!("{heard:?}"))
        }
    })
    .await;
    host.finish().await;
}
