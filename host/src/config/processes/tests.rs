//! Each thing that can't be meant is named, with its place and what to do.

use crate::config::{Checked, Config, Fault, Overrides};

/// An ERP, two warehouses, a service desk, a shop, and somebody without a role.
const PARTNERS: &str = "
[server]
data_directory = 'd'
adapters_directory = 'a'
[partners.sap]
adapter = 'sap'
role = 'erp'
endpoint.url = 'https://sap.example'
[partners.north-3pl]
adapter = 'x12-3pl'
role = 'warehouse'
node = 'north'
endpoint.folder = 'n'
[partners.south]
adapter = 'shipbob'
role = 'warehouse'
endpoint.url = 'https://south.example'
poll.interval_seconds = 900
[partners.desk]
adapter = 'salesforce'
role = 'crm'
endpoint.url = 'https://desk.example'
[partners.shop]
adapter = 'canonical-json'
role = 'shop'
endpoint.url = 'https://shop.example'
[partners.lake]
adapter = 'canonical-json'
endpoint.folder = 'l'
";

const NODES: &str = "
[[process.node]]
name = 'north'
[[process.node]]
name = 'south'
[[process.routing]]
name = 'all'
nodes = ['north', 'south']
";

fn parse(text: &str) -> Result<Checked, Vec<Fault>> {
    Config::parse(text, &Overrides::default())
}

fn with(settings: &str) -> String {
    format!("{PARTNERS}{NODES}{settings}")
}

/// The only fault of a configuration: setting, text, and the table or value that its
/// place begins with.
#[track_caller]
fn fault(text: &str) -> (String, String, String) {
    let faults = parse(text).expect_err("refused");
    let [fault] = faults.as_slice() else {
        panic!("{faults:?}");
    };
    let rest = &text[fault.span.clone().expect("a place").start..];
    let end = rest[1..].find("\n[").map_or(rest.len(), |end| end + 1);
    (
        fault.setting.clone(),
        fault.text.clone(),
        rest[..end].to_owned(),
    )
}

#[track_caller]
fn refused(settings: &str, setting: &str, says: &str, at: &str) {
    let text = with(settings);
    let (named, said, place) = fault(&text);
    assert_eq!(named, setting, "{said}");
    assert!(said.contains(says), "{said}");
    assert!(place.contains(at), "{place}");
}

#[test]
fn a_whole_policy_is_read() {
    let checked = parse(&with(
        "
        [[process.calendar]]
        name = 'north'
        time_zone = 'America/Chicago'
        hours = { monday = '08:00-17:00' }
        [[process.limit]]
        level = 'acceptance'
        partner = 'north'
        minutes = 60
        business_time = true
        [[process.limit]]
        level = 'order-acknowledgement'
        partner = 'erp'
        minutes = 30
        [[process.limit]]
        level = 'exception-resolution'
        partner = 'fulfilment'
        priority = 'urgent'
        minutes = 30
        [process.exception_owner]
        variance = 'stock'
        default = 'fulfilment'
        [process.order]
        release_by = 'order'
        [[process.inventory]]
        node = 'south'
        tolerance_units = '2'
        snapshot_every_minutes = 60
        [process.returns]
        credit_percent = { restock = 100 }
        ",
    ))
    .expect("a configuration");
    let policy = checked.policy;
    assert_eq!(
        policy.routing.names().collect::<Vec<_>>(),
        ["north", "south"]
    );
    assert!(policy.calendars.of("north").is_some());
    assert_eq!(policy.inventory("south").snapshot_every_minutes, Some(60));
    assert_eq!(policy.teams().collect::<Vec<_>>(), ["fulfilment", "stock"]);
}

#[test]
fn without_roles_nothing_is_asked_for() {
    let checked = parse("[server]\ndata_directory = 'd'\nadapters_directory = 'a'").expect("none");
    assert_eq!(checked.policy.routing.names().count(), 0);
}

#[test]
fn a_node_is_run_by_a_partner_that_can_be_sent_orders() {
    refused(
        "[[process.node]]\nname = 'west'\n",
        "process.node",
        "no partner runs node west",
        "'west'",
    );
    let text = with("").replace("endpoint.folder = 'n'", "folder.directory = 'n'");
    let (setting, said, place) = fault(&text);
    assert_eq!(setting, "process.node");
    assert!(said.contains("[partners.north-3pl.endpoint]"), "{said}");
    assert!(place.contains("'north'"), "{place}");
}

#[test]
fn routing_knows_every_warehouse_and_every_node() {
    refused(
        "[partners.west]\nadapter = 'x'\nrole = 'warehouse'\nendpoint.folder = 'w'\n",
        "partners.west.node",
        "add a [[process.node]] with name = \"west\"",
        "warehouse",
    );
    let text = with("").replace("['north', 'south']", "['north', 'soth']");
    let (setting, said, place) = fault(&text);
    assert_eq!(setting, "process.routing");
    assert!(said.contains("asks node soth"), "{said}");
    assert!(place.contains("soth"), "{place}");
    // Without routing, warehouses report stock and shipments only.
    assert!(parse(PARTNERS).is_ok());
}

#[test]
fn a_warehouse_that_orders_are_routed_to_takes_orders() {
    let takes = |kinds: &str| {
        with("").replace(
            "node = 'north'\n",
            &format!("node = 'north'\ntakes = {kinds}\n"),
        )
    };
    let (setting, said, place) = fault(&takes("['return-authorization']"));
    assert_eq!(setting, "partners.north-3pl.takes");
    assert!(said.contains("runs node north"), "{said}");
    assert!(place.contains("return-authorization"), "{place}");
    assert!(parse(&takes("['order']")).is_ok());
    // Where nothing is routed, it may take returns alone.
    let returns = takes("['return-authorization']").replace(NODES, "");
    assert!(parse(&returns).is_ok());
}

#[test]
fn there_is_one_erp_where_orders_are_routed() {
    refused(
        "[partners.oracle]\nadapter = 'x'\nrole = 'erp'\nendpoint.url = 'https://o.example'\n",
        "partners.sap.role",
        "oracle and sap are both the ERP",
        "erp",
    );
    let divided = "[partners.hub]\nadapter = 'x'\nrole = 'erp'\nendpoint.url = 'https://o.example'\ntakes = ['milestone']\n";
    let text = with(divided);
    assert_eq!(fault(&text).0, "partners.sap.role");
    let text = text.replacen("role = 'erp'\n", "role = 'erp'\ntakes = ['order']\n", 1);
    assert!(parse(&text).is_ok(), "{text}");
    let silent = "[partners.oracle]\nadapter = 'x'\nrole = 'erp'\nfolder.directory = 'o'\n";
    assert!(parse(&with(silent)).is_ok());
    let text = with("").replace("role = 'erp'\n", "");
    let (setting, said, place) = fault(&text);
    assert_eq!(setting, "process.node");
    assert!(said.contains("give one role = \"erp\""), "{said}");
    assert!(place.contains("'north'"), "{place}");
    let text = format!(
        "{}[process.order]\nkeep_waiting = true\n",
        PARTNERS.replace("role = 'erp'\n", "")
    );
    assert_eq!(fault(&text).0, "process.order");
}

#[test]
fn a_limit_is_for_somebody_who_is_waited_for() {
    let limit = |level: &str, rest: &str| {
        format!("[[process.limit]]\nlevel = '{level}'\nminutes = 60\n{rest}\n")
    };
    let setting = "process.limit";
    for (level, partner) in [
        // The ERP is waited for as such, whatever its partner is called.
        ("order-acknowledgement", "sap"),
        ("acceptance", "north-3pl"),
        ("acceptance", "erp"),
        ("delivery", "north"),
        ("exception-resolution", "erp"),
    ] {
        let says = format!("limit {level} is for {partner}, which is never waited for so");
        let rest = format!("partner = '{partner}'");
        refused(&limit(level, &rest), setting, &says, level);
    }
    for (level, partner) in [
        ("order-acknowledgement", "erp"),
        ("acceptance", "north"),
        ("delivery", "carrier"),
        ("return-receipt", "customer"),
        ("exception-resolution", "operations"),
    ] {
        let text = with(&limit(level, &format!("partner = '{partner}'")));
        assert!(parse(&text).is_ok(), "{level} {partner}");
    }
    refused(
        &limit("acceptance", "warn_percent = 0"),
        setting,
        "write 1 to 100",
        "acceptance",
    );
    refused(
        &limit("snapshot", ""),
        setting,
        "snapshot_every_minutes",
        "snapshot",
    );
    let unknown = parse(&with(&limit("aceptance", ""))).expect_err("refused");
    assert!(unknown[0].text.contains("acceptance"), "{unknown:?}");
    assert!(unknown[0].span.is_some());
}

#[test]
fn business_time_needs_a_calendar_of_everybody_concerned() {
    let limit = |level: &str, rest: &str| {
        format!(
            "[[process.limit]]\nlevel = '{level}'\nminutes = 60\nbusiness_time = true\n{rest}\n"
        )
    };
    let calendar = |name: &str| {
        format!(
            "[[process.calendar]]\nname = '{name}'\ntime_zone = 'UTC'\nhours = {{ monday = '08:00-16:00' }}\n"
        )
    };
    refused(
        &[calendar("north"), limit("acceptance", "")].concat(),
        "process.limit",
        "without a calendar is south;",
        "acceptance",
    );
    for fine in [
        [calendar("north"), limit("acceptance", "partner = 'north'")],
        [calendar("erp"), limit("release", "")],
        [calendar("operations"), limit("exception-resolution", "")],
    ] {
        assert!(parse(&with(&fine.concat())).is_ok(), "{fine:?}");
    }
}

#[test]
fn a_calendar_is_somebody_s_and_can_be_read() {
    let calendar = |name: &str, zone: &str, rest: &str| {
        format!("[[process.calendar]]\nname = '{name}'\ntime_zone = '{zone}'\n{rest}\n")
    };
    let hours = "hours = { monday = '08:00-16:00' }";
    let setting = "process.calendar";
    for (name, zone, rest, says) in [
        (
            "sap",
            "UTC",
            hours,
            "nobody who is waited for is called sap",
        ),
        ("north", "Mars/Olympus", hours, "IANA name"),
        ("north", "UTC", "", "no day has hours"),
        (
            "north",
            "UTC",
            "hours = { monday = '16:00-08:00' }",
            "end before they begin",
        ),
        (
            "north",
            "UTC",
            "hours = { monday = '08:00-16:00' }\nholidays = ['25.12.2026']",
            "write 2026-12-25",
        ),
    ] {
        refused(&calendar(name, zone, rest), setting, says, name);
    }
    let twice = [
        calendar("north", "UTC", hours),
        calendar("north", "UTC", hours),
    ]
    .concat();
    refused(&twice, setting, "stands twice", "north");
}

#[test]
fn exceptions_and_teams_are_named_rightly() {
    let setting = "process.exception_owner";
    refused(
        "[process.exception_owner]\nvariance = 'stock'\nvariences = 'other'\n",
        setting,
        "unknown variant `variences`",
        "other",
    );
    refused(
        "[process.exception_owner]\ndefault = ' '\n",
        setting,
        "default has no team",
        "' '",
    );
}

#[test]
fn stock_is_reported_by_a_warehouse_and_asked_for_where_it_can_be() {
    let inventory =
        |node: &str, rest: &str| format!("[[process.inventory]]\nnode = '{node}'\n{rest}\n");
    for (node, rest, says) in [
        ("west", "", "no partner runs node west"),
        (
            "north",
            "snapshot_every_minutes = 60",
            "[partners.north-3pl.poll]",
        ),
        ("south", "snapshot_every_minutes = 0", "for never"),
        ("south", "reconcile_at = '06:00'", "[[process.calendar]]"),
        ("south", "reconcile_at = 'dawn'", "write 14:30"),
        ("south", "tolerance_units = '-1'", "write 0 or more"),
        ("south", "tolerance_percent = 101", "write 0 to 100"),
    ] {
        refused(&inventory(node, rest), "process.inventory", says, node);
    }
    let twice = [inventory("south", ""), inventory("south", "")].concat();
    refused(&twice, "process.inventory", "stands twice", "south");
}

#[test]
fn no_more_than_the_price_is_credited() {
    refused(
        "[process.returns]\ncredit_percent = { restock = 110 }\n",
        "process.returns",
        "at most the whole price",
        "restock",
    );
}

#[test]
fn no_rule_sends_what_processes_send() {
    let rule = |kinds: &str, from: &str, to: &str| {
        format!("[[route]]\nname = 'r'\ndocument = {kinds}\nfrom = {from}\nto = {to}\n")
    };
    for (kinds, from, to, both) in [
        (
            "'order'",
            "['shop']",
            "['sap']",
            "send order from shop to sap",
        ),
        (
            "['milestone', 'service-case']",
            "['south']",
            "['lake', 'desk']",
            "send milestone from south to desk",
        ),
        ("'*'", "[]", "['sap']", "from desk to sap"),
        (
            "'inventory-snapshot'",
            "['north-3pl']",
            "['shop']",
            "send inventory-snapshot from north-3pl to shop",
        ),
        (
            "'invoice'",
            "['sap']",
            "['desk']",
            "send invoice from sap to desk",
        ),
    ] {
        refused(&rule(kinds, from, to), "route r", both, "document");
    }
    for (kinds, from, to) in [
        // A copy for somebody without a role, or from him.
        ("'*'", "[]", "['lake']"),
        ("'order'", "['lake']", "['sap']"),
        // What no process takes, at all or from such a partner.
        ("'inbound-notice'", "['sap']", "['north-3pl']"),
        ("'inventory-snapshot'", "['shop']", "['sap']"),
        // What a process takes and never sends to such a partner: an invoice of an order is
        // told nobody, stock that is reported not the ERP.
        ("'invoice'", "['sap']", "['shop']"),
        ("'inventory-snapshot'", "['north-3pl']", "['sap']"),
    ] {
        let text = with(&rule(kinds, from, to));
        assert!(parse(&text).is_ok(), "{:?}", parse(&text).map(|_| ()));
    }
}
