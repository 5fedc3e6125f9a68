//! What stands before and after the story: who takes part, what was seen, and what
//! to try next.

use super::{
    erp::{self, Customer},
    screen::{Screen, span},
    stage::Stage,
    story::Played,
};

/// Says who takes part.
pub(super) fn introduce(stage: &mut Stage) {
    let cast = [
        ("host", "carries the messages", stage.url.clone()),
        ("erp", "sends orders, books shipments", stage.erp.url()),
        ("crm", "is told of shipments", stage.crm.url()),
        ("north-3pl", "X12 over HTTP", stage.north.url()),
        (
            "south-3pl",
            "X12 through a drop folder",
            stage.folder.display().to_string(),
        ),
        (
            "sap",
            "OData with CSRF tokens, IDocs",
            stage.systems.sap.url(),
        ),
        ("sap-hub", "our documents as JSON", stage.systems.hub.url()),
        (
            "salesforce",
            "REST with OAuth2, events",
            stage.systems.salesforce.url(),
        ),
        (
            "shipbob",
            "REST, signed webhooks",
            stage.systems.shipbob.url(),
        ),
        ("lakes-3pl", "X12 over HTTP", stage.systems.lakes.url()),
        ("looper", "has an adapter that never ends", String::new()),
    ];
    stage.screen.heading("On this machine");
    for (name, about, place) in cast {
        stage.screen.item(name, &format!("{about:<30}  {place}"));
    }
    let started = span(stage.started_in);
    stage
        .screen
        .aside(&format!("the host started in {started}"));
}

/// Says what was observed.
pub(super) fn sum_up(screen: &mut Screen, played: &[Played]) {
    let took = played.iter().map(|it| it.took).sum();
    screen.heading("Observed in the host's API and in the partners' books");
    let mut rows = vec![["step", "took", "shows"].map(str::to_owned)];
    rows.extend(
        played
            .iter()
            .map(|it| [it.name.to_owned(), span(it.took), it.title.to_owned()]),
    );
    rows.push(["all".to_owned(), span(took), String::new()]);
    screen.table(&rows);
}

/// Says what can be tried while all of it is running.
pub(super) fn invite(stage: &mut Stage) {
    let url = stage.url.clone();
    let (operator, from_erp) = (
        stage.tokens.operator.expose().to_owned(),
        stage.tokens.erp.expose().to_owned(),
    );
    let order = stage.erp.order(Customer::LakeShop, &[("KETTLE", 2)]);
    let body = erp::body(&order).map(|body| String::from_utf8_lossy(&body).into_owned());
    let body = body.unwrap_or_default();
    let order_no = &order.order_no;
    let program = std::env::current_exe();
    let program = program.map_or_else(|_| "crossdock".to_owned(), |it| it.display().to_string());
    let configuration = stage.configuration.display().to_string();
    let screen = &mut stage.screen;
    screen.heading("Try it: the host and its partners stay up until Ctrl-C");
    screen.verbatim("The tokens are of this run only:");
    screen.verbatim(&format!("export CROSSDOCK_URL={url}"));
    screen.verbatim(&format!(
        "export CROSSDOCK_TOKEN={operator}   # the operator's"
    ));
    screen.verbatim(&format!("export ERP_TOKEN={from_erp}"));
    screen.heading("Send an order as the ERP");
    screen.verbatim(&format!(
        "curl -sS $CROSSDOCK_URL/v1/partners/erp/messages -H \"Authorization: Bearer $ERP_TOKEN\" \\\n  \
         -H 'Content-Type: application/json' -H 'Idempotency-Key: mine-1' -H 'X-Correlation-Id: {order_no}' \\\n  \
         -d '{body}'"
    ));
    screen.heading("Read what happened to it");
    screen.verbatim(&format!(
        "curl -sS \"$CROSSDOCK_URL/v1/messages?correlation_id={order_no}\" -H \"Authorization: Bearer $CROSSDOCK_TOKEN\""
    ));
    screen.verbatim(
        "curl -sS $CROSSDOCK_URL/v1/messages/MESSAGE_ID -H \"Authorization: Bearer $CROSSDOCK_TOKEN\"",
    );
    for command in [
        "messages show MESSAGE_ID",
        "dead-letters list",
        "partners show north-3pl",
        "orders show 70000104 --why",
        "exceptions list",
    ] {
        screen.verbatim(&format!("{program} {command}"));
    }
    screen.heading("The configuration of this run");
    screen.verbatim(&configuration);
}
