//! A distributor's partners around a host: an ERP, a service desk, a shop and two
//! warehouses, all of which speak the canonical model and get what processes send them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use toml::Table;

use super::{
    Api, Host, Receiver, Site, array,
    papers::{THREE, return_as},
    text, until,
};

/// The north ships to Minnesota and its neighbours, the south everywhere.
const PROCESS: &str = r#"
    [[node]]
    name = "north"
    regions = [{ country = "US", postal = ["5"] }]
    [[node]]
    name = "south"
    priority = 1
    [[routing]]
    name = "all"
    nodes = ["north", "south"]
"#;

/// Its partners and their roles.
const ROLES: [(&str, &str); 5] = [
    ("erp", "erp"),
    ("crm", "crm"),
    ("shop", "shop"),
    ("north", "warehouse"),
    ("south", "warehouse"),
];

/// See the module.
pub struct Business {
    /// The system of record.
    pub erp: Arc<Receiver>,
    /// The service desk.
    pub crm: Arc<Receiver>,
    /// Who places orders.
    pub shop: Arc<Receiver>,
    /// The warehouse that is asked first.
    pub north: Arc<Receiver>,
    /// The other one.
    pub south: Arc<Receiver>,
    site: Site,
}

/// What an instance of a process is known by.
pub const ORDER: &str = "order-to-fulfilment";

// === impl Business ===

impl Business {
    /// Partners that take what comes.
    ///
    /// # Panics
    /// Never: the settings are TOML.
    pub async fn new() -> Self {
        let mut receivers = Vec::new();
        let process: Table = PROCESS.parse().expect("the settings are TOML");
        let mut site = Site::new().set("process", process);
        for (name, role) in ROLES {
            let receiver = Receiver::start().await;
            site = site
                .sender(name)
                .receiver(name, &receiver)
                .set(&format!("partners.{name}.role"), role);
            receivers.push(Arc::new(receiver));
        }
        let mut receivers = receivers.into_iter();
        let mut next = || receivers.next().expect("one for each");
        Self {
            erp: next(),
            crm: next(),
            shop: next(),
            north: next(),
            south: next(),
            site,
        }
    }

    /// With this setting.
    #[must_use]
    pub fn set(self, name: &str, value: impl Into<toml::Value>) -> Self {
        self.at(|site| site.set(name, value))
    }

    /// With this in place of a list of tables of `[process]`, written as TOML.
    ///
    /// # Panics
    /// When it is no TOML.
    #[must_use]
    pub fn with(self, list: &str, tables: &str) -> Self {
        let tables: Table = tables.parse().expect("tables are TOML");
        let tables = tables[list].clone();
        self.set(&format!("process.{list}"), tables)
    }

    /// With a limit of so many seconds for what this one has to do, and no other limit.
    #[must_use]
    pub fn limit(self, level: &str, on: &str, seconds: u32) -> Self {
        let limit =
            format!("[[limit]]\nlevel = \"{level}\"\npartner = \"{on}\"\nseconds = {seconds}\n");
        self.with("limit", &limit)
    }

    /// With more partners, or other ones.
    #[must_use]
    pub fn at(mut self, build: impl FnOnce(Site) -> Site) -> Self {
        self.site = build(self.site);
        self
    }

    /// Where its host runs.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Starts a host.
    pub async fn start(&self) -> Host {
        self.site.start().await
    }

    /// What a host says that does not start with these settings, on one line.
    ///
    /// # Panics
    /// When it starts, or ends for another reason.
    pub async fn refused(&self) -> String {
        const USAGE: i32 = 64;
        let mut host = self.site.launch(None);
        let ended = host.ready_or_ended().await;
        let ended = ended.expect("the settings are refused");
        let said = self.site.log();
        assert_eq!(ended.code(), Some(USAGE), "{said}");
        let said = said.replace('│', " ");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Places an order of the shop that the ERP accepts.
    pub async fn accepted(&self, api: &Api, order_no: &str, order: &Value) {
        says(api, "shop", order).await;
        stands(api, ORDER, &format!("order/{order_no}"), "validating").await;
        let accepted = super::papers::answer(order_no, "accepted", 1);
        says(api, "erp", &accepted).await;
    }
}

/// Sends a document as a message of its own and waits until it is read; gives what is told
/// of it.
pub async fn says(api: &Api, partner: &str, document: &Value) -> Value {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let key = format!("message-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let (id, _) = api.acknowledged(partner, &key, document).await;
    let message = until(format!("message {id} to be read"), async || {
        let message = api.message(&id).await;
        match text(&message["message"]["status"]) {
            "accepted" => Err(message.to_string()),
            _ => Ok(message),
        }
    })
    .await;
    assert_eq!(message["message"]["status"], "decoded", "{message:#}");
    message
}

/// Sends a document and waits until an instance has taken a step because of it; gives all
/// that is told of it then.
pub async fn moves(
    api: &Api,
    partner: &str,
    document: &Value,
    (process, key): (&str, &str),
) -> Value {
    let message = says(api, partner, document).await;
    let id = format!("{}/0", text(&message["message"]["id"]));
    until(
        format!("{key} to take a step because of {id}"),
        async || {
            let Some(found) = instance(api, process, key).await else {
                return Err("there is none".to_owned());
            };
            let mut steps = array(&found["history"]).iter();
            if steps.any(|step| step["cause"]["document"] == id) {
                Ok(found)
            } else {
                Err(format!("{found:#}"))
            }
        },
    )
    .await
}

/// Waits until an instance stands so; gives all that is told of it.
pub async fn stands(api: &Api, process: &str, key: &str, status: &str) -> Value {
    until(format!("{key} to be {status}"), async || {
        let Some(found) = instance(api, process, key).await else {
            return Err("there is none".to_owned());
        };
        if found["status"] == status {
            return Ok(found);
        }
        Err(format!("{found:#}"))
    })
    .await
}

/// Waits until an order stands so; gives its instance.
pub async fn order_stands(api: &Api, order_no: &str, status: &str) -> Value {
    stands(api, ORDER, &format!("order/{order_no}"), status).await
}

/// Waits until the return R-1 stands so; gives its instance.
pub async fn return_stands(api: &Api, status: &str) -> Value {
    stands(api, "return-to-credit", "return/R-1", status).await
}

/// One fact of an instance.
#[must_use]
pub fn fact<'a>(instance: &'a Value, name: &str) -> &'a str {
    text(&instance["facts"][name])
}

/// A host where the service desk has asked for the return of three, R-1, the ERP has
/// allowed it, and the north expects it.
pub async fn return_allowed(business: &Business) -> Host {
    let host = business.start().await;
    let api = host.api();
    says(api, "crm", &return_as("R-1", "requested", 0, THREE)).await;
    return_stands(api, "requested").await;
    says(api, "erp", &return_as("R-1", "authorized", 60, THREE)).await;
    return_stands(api, "authorized").await;
    hears(&business.north, &["return original authorized R-1"]).await;
    host
}

/// An instance, if there is one.
pub async fn instance(api: &Api, process: &str, key: &str) -> Option<Value> {
    api.find(&format!("/v1/processes/{process}/{key}")).await
}

/// The open exceptions of an instance.
pub async fn exceptions(api: &Api, key: &str) -> Vec<Value> {
    let found = api.get(&format!("/v1/exceptions?key={key}")).await;
    array(&found["exceptions"]).to_vec()
}

/// Their kinds, sorted.
pub async fn kinds(api: &Api, key: &str) -> Vec<String> {
    let found = exceptions(api, key).await;
    let mut kinds: Vec<_> = found
        .iter()
        .map(|it| text(&it["kind"]).to_owned())
        .collect();
    kinds.sort();
    kinds
}

/// Waits until the open exceptions of an instance are of these kinds.
pub async fn until_kinds(api: &Api, key: &str, expected: &[&str]) {
    until(
        format!("{key} to have the exceptions {expected:?}"),
        async || {
            let found = kinds(api, key).await;
            if found == expected {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            }
        },
    )
    .await;
}

/// Acts on the open exception of this kind; gives status and answer.
///
/// # Panics
/// When there is none.
pub async fn resolve(api: &Api, key: &str, kind: &str, action: &str) -> (u16, Value) {
    let found = exceptions(api, key).await;
    let exception = found.iter().find(|it| it["kind"] == kind);
    let exception = exception.unwrap_or_else(|| panic!("no {kind} of {key} in {found:?}"));
    let path = text(&exception["links"]["resolve"]).to_owned();
    let request = json!({ "action": action, "by": "ann" });
    let answer = api.tried(&path, &request).await;
    (answer.status, answer.body)
}

/// What a partner took, each in a few words, sorted: what goes to one partner about
/// different things has no order among itself.
#[must_use]
pub fn heard(receiver: &Receiver) -> Vec<String> {
    let taken = receiver.taken();
    let mut heard: Vec<_> = taken.iter().map(|it| in_short(&it.document)).collect();
    heard.sort();
    heard
}

/// Waits until a partner has taken exactly this, in any order, where a host died: a
/// request that it did not live to record leaves again, under the same key, and counts once.
///
/// # Panics
/// When it takes something else.
pub async fn hears_by_key(receiver: &Receiver, expected: &[&str]) {
    let mut expected: Vec<_> = expected.iter().map(|it| (*it).to_owned()).collect();
    expected.sort();
    until(format!("{expected:#?}"), async || {
        let taken = receiver.taken();
        let keyed: BTreeMap<_, _> = taken
            .iter()
            .map(|it| (it.key.clone(), in_short(&it.document)))
            .collect();
        let mut heard: Vec<_> = keyed.into_values().collect();
        heard.sort();
        if heard == expected {
            Ok(())
        } else {
            Err(format!("{heard:#?}"))
        }
    })
    .await;
}

/// Waits until a partner has taken exactly this, in any order, and returns as soon as it
/// has: looked at again after [`Host::finish`] it says that nothing follows.
///
/// # Panics
/// When it takes something else.
pub async fn hears(receiver: &Receiver, expected: &[&str]) {
    let mut expected: Vec<_> = expected.iter().map(|it| (*it).to_owned()).collect();
    expected.sort();
    until(format!("{expected:#?}"), async || {
        let heard = heard(receiver);
        if heard == expected {
            Ok(())
        } else {
            Err(format!("{heard:#?}"))
        }
    })
    .await;
}

/// A document in a few words.
#[must_use]
pub fn in_short(document: &Value) -> String {
    let of = |name: &str| text(&document[name]);
    match of("kind") {
        "order" => format!("order {} {}", of("purpose"), of("order_no")),
        "order-response" => format!("answer {} {}", of("decision"), of("order_no")),
        "shipment" => format!("shipment {}", of("shipment_id")),
        "milestone" => format!("milestone {} {}", of("shipment_id"), of("code")),
        "invoice" => format!("{} {}", of("invoice_type"), of("invoice_no")),
        "return-authorization" => {
            format!("return {} {} {}", of("purpose"), of("state"), of("rma_no"))
        }
        "return-receipt" => format!("receipt {}", of("receipt_no")),
        "return-disposition" => format!(
            "disposition {} {}",
            of("credit"),
            text(&document["credit_amount"]["amount"])
        ),
        "inventory-snapshot" => format!("stock {}", first_line(document, "/stocks/0/quantity")),
        "inventory-adjustment" => format!("adjustment {}", first_line(document, "/quantity")),
        "service-case" => format!("case {} {}", of("category"), of("status")),
        "notification" => format!("told {}", of("template")),
        other => format!("{other}: {document}"),
    }
}

fn first_line(document: &Value, quantity: &str) -> String {
    let line = &document["lines"][0];
    let value = line.pointer(quantity).map(|it| text(&it["value"]));
    format!(
        "{} {}",
        text(&line["items"][0]["value"]),
        value.unwrap_or_default()
    )
}
