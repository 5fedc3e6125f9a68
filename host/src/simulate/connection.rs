//! How a host is connected to a simulated partner: the partner with what it knows at the
//! beginning, and the part of a configuration that fits it.

use std::fmt::{self, Display};

use toml::Value;

use super::{
    salesforce::Salesforce,
    sap::{Sap, System},
    shipbob::ShipBob,
    x12::{House, depot::Depot},
};

/// What the host is called in X12, and the warehouse.
pub const US: &str = "ACMEDIST";
/// See [`US`].
pub const WAREHOUSE: &str = "NORTH3PL";

/// Items that everybody knows.
const ITEMS: [&str; 2] = ["KETTLE", "MUG"];

/// Customers by number and name.
const CUSTOMERS: [(&str, &str); 2] = [("17100001", "Lake Shop"), ("17100002", "Bay Shop")];

/// Pieces of each item on a shelf.
const STOCK: u64 = 1_000;

/// ShipBob's channel.
const CHANNEL: u64 = 101;

/// The user of the host in SAP, and its app in Salesforce.
const USER: &str = "CROSSDOCK";

/// A partner that is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SAP S/4HANA.
    Sap,
    /// Salesforce.
    Salesforce,
    /// ShipBob.
    ShipBob,
    /// A 3PL with X12 over HTTP.
    X12,
}

/// What a configuration says of a partner. Secrets are references: `env:NAME`.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// What the partner is called in the configuration.
    pub partner: &'a str,
    /// Where it is.
    pub url: &'a str,
    /// What the host presents to it.
    pub secret: &'a str,
    /// How it proves who it is.
    pub access: Access<'a>,
    /// What it is to the business: `role = "erp"`, or nothing.
    pub role: &'a str,
    /// Further lines of its settings.
    pub settings: &'a str,
    /// Further lines of its endpoint.
    pub endpoint: &'a str,
}

/// How a partner proves who it is.
#[derive(Clone, Debug)]
pub enum Access<'a> {
    /// It sends nothing.
    None,
    /// By the token with this SHA-256.
    Token(String),
    /// By a signature under this secret.
    Signature(&'a str),
}

/// SAP, with customers and materials.
#[must_use]
pub fn sap(password: &str) -> Sap {
    Sap::new(System::new(USER, &CUSTOMERS, &ITEMS), password)
}

/// The same, confirming orders (ORDRSP) in place of sending deliveries for them.
#[must_use]
pub fn confirming_sap(password: &str) -> Sap {
    Sap::new(System::new(USER, &CUSTOMERS, &ITEMS).confirming(), password)
}

/// Salesforce, with accounts and products.
#[must_use]
pub fn salesforce(client_secret: &str) -> Salesforce {
    Salesforce::new(USER, client_secret, &CUSTOMERS, &ITEMS)
}

/// ShipBob, with stock.
#[must_use]
pub fn shipbob(token: &str) -> ShipBob {
    ShipBob::new(token, CHANNEL, &ITEMS.map(|sku| (sku, STOCK)))
}

/// A warehouse, with stock.
#[must_use]
pub fn warehouse(token: &str) -> House {
    let depot = Depot::new(WAREHOUSE, US, 'N', &ITEMS.map(|sku| (sku, STOCK)));
    House::new(depot, token)
}

// === impl Kind ===

impl Kind {
    /// The adapter that speaks with it, and what it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sap => "sap",
            Self::Salesforce => "salesforce",
            Self::ShipBob => "shipbob",
            Self::X12 => "x12-3pl",
        }
    }

    /// What it serves, for people.
    #[must_use]
    pub fn serves(self) -> &'static [&'static str] {
        match self {
            Self::Sap => &[
                "GET, POST /sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder (token by X-CSRF-Token: Fetch)",
                "PATCH     /sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrderItem(…)",
                "GET, POST /sap/opu/odata/sap/API_OUTBOUND_DELIVERY_SRV;v=0002/A_OutbDeliveryHeader, PickAllItems, PostGoodsIssue",
                "POST      /sap/bc/idoc_xml",
                "sends     SHPORD (DELVRY07), ORDERS and ORDRSP (ORDERS05), INVOIC (INVOIC02), STATUS, ALEAUD",
            ],
            Self::Salesforce => &[
                "POST               /services/oauth2/token (client credentials)",
                "GET, PATCH, POST   /services/data/v62.0/sobjects/…, /composite/sobjects/…",
                "GET                /services/data/v62.0/query?q=…",
                "sends              platform events, as an event relay does",
            ],
            Self::ShipBob => &[
                "GET, POST /2026-01/order, POST /2026-01/order/ID:cancel",
                "GET       /2026-01/inventory-level",
                "GET, POST /2026-01/return, POST /2026-01/return/ID:cancel",
                "sends     order.shipped, order.shipment.delivered, order.shipment.exception, return.completed",
            ],
            Self::X12 => &[
                "POST  /, a 940 or 997 as the body",
                "sends 997, 945, 846, 944",
            ],
        }
    }

    /// The part of a configuration that connects a host to it.
    #[must_use]
    pub fn configuration(self, connection: &Connection<'_>) -> String {
        let Connection {
            partner,
            url,
            secret,
            access,
            role,
            settings,
            endpoint,
        } = connection;
        // Headers that the adapter has to see.
        let forwarded = match self {
            Self::ShipBob => {
                "access.forward_headers = [\"x-webhook-topic\", \"webhook-id\", \"webhook-timestamp\"]\n"
            }
            Self::Sap | Self::Salesforce | Self::X12 => "",
        };
        format!(
            r#"[partners.{partner}]
adapter = "{name}"
{role}
{forwarded}{access}
[partners.{partner}.settings]
{own}{settings}
[partners.{partner}.endpoint]
url = {address}
allow_networks = ["127.0.0.1/32"]
credential = {credential}
{endpoint}"#,
            name = self.name(),
            own = self.settings(),
            address = quoted(url),
            credential = self.credential(url, &quoted(secret)),
        )
    }

    /// How the host authenticates; `secret` is a TOML value.
    fn credential(self, url: &str, secret: &str) -> String {
        match self {
            Self::Sap => {
                format!(r#"{{ kind = "basic", username = "{USER}", password = {secret} }}"#)
            }
            Self::Salesforce => {
                let token_url = quoted(format!("{url}/services/oauth2/token"));
                format!(
                    r#"{{ kind = "oauth2-client-credentials", token_url = {token_url}, client_id = "{USER}", client_secret = {secret} }}"#
                )
            }
            Self::ShipBob | Self::X12 => format!(r#"{{ kind = "bearer", token = {secret} }}"#),
        }
    }

    /// What its adapter has to be told.
    fn settings(self) -> String {
        match self {
            Self::Sap => r#"sender-partner = "CROSSDOCK"
receiver-partner = "S4HCLNT100"
sap-client = "100"
sales-organization = "1710"
distribution-channel = "10"
organization-division = "00"
sold-to = "17100001"
ship-to-address = "send"
"#
            .to_owned(),
            Self::Salesforce => r#""key.timeline" = "Crossdock_Key__c"
"account-key" = "Customer_No__c"
"pricebook-entry-key" = "SKU__c"
"status.shipped" = "Shipped"
"status.delivered" = "Delivered"
"field.tracking" = "Tracking__c"
"event.Order_Release__e" = "order"
"event.Return_Request__e" = "return"
currency = "USD"
"#
            .to_owned(),
            Self::ShipBob => format!("channel-id = \"{CHANNEL}\"\n"),
            Self::X12 => {
                format!("sender-id = \"{US}\"\nreceiver-id = \"{WAREHOUSE}\"\nusage = \"T\"\n")
            }
        }
    }

    /// A change of its behaviour that shows something of it, as JSON.
    #[must_use]
    pub fn nasty(self) -> &'static str {
        match self {
            Self::Sap | Self::Salesforce => {
                r#"{"answers":{"kind":"fail-after-work"},"answers_max":1}"#
            }
            Self::ShipBob => r#"{"sends":{"copies":2}}"#,
            Self::X12 => r#"{"answers":{"kind":"flap","accepted":1,"refused":3}}"#,
        }
    }
}

impl Display for Access<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Token(hash) => writeln!(formatter, "access.token_sha256 = [{}]", quoted(hash)),
            Self::Signature(secret) => writeln!(
                formatter,
                "access.signature = {{ kind = \"standard-webhooks\", secrets = [{}] }}",
                quoted(secret)
            ),
        }
    }
}

fn quoted(text: impl Display) -> String {
    Value::String(text.to_string()).to_string()
}
