//! The demo's configuration, as the file that somebody would write for it.
//!
//! It is a file on purpose: what the demo shows can be had with nothing but these
//! settings. Waits are shorter than anybody would choose for real partners, so that
//! a story with an outage in it ends soon.

use std::{fmt::Display, path::Path};

use toml::Value;

use crate::{
    ingress::authenticate::{NoRandomness, Token},
    simulate::{
        connection::{Access, Connection, Kind},
        ingress,
    },
};

/// What the host is called in X12.
pub(super) const US: &str = "ACMEDIST";
/// What the warehouse in the north is called in X12.
pub(super) const NORTH: &str = "NORTH3PL";
/// What the warehouse in the south is called in X12.
pub(super) const SOUTH: &str = "SOUTH3PL";
/// What the warehouse at the lakes is called in X12.
pub(super) const LAKES: &str = "LAKES3PL";

/// The file with ShipBob's signing secret.
const SIGNING: &str = "shipbob-signing";

/// The tokens of this run. None of them exists before or after it.
pub(super) struct Tokens {
    /// Opens the API.
    pub(super) operator: Token,
    /// Partners present these to the host.
    pub(super) erp: Token,
    pub(super) north: Token,
    pub(super) looper: Token,
    pub(super) sap: Token,
    pub(super) hub: Token,
    pub(super) lakes: Token,
    pub(super) salesforce: Token,
    /// The host presents these to partners.
    pub(super) to_erp: Token,
    pub(super) to_crm: Token,
    pub(super) to_north: Token,
    pub(super) to_sap: Token,
    pub(super) to_hub: Token,
    pub(super) to_lakes: Token,
    pub(super) to_salesforce: Token,
    pub(super) to_shipbob: Token,
    /// ShipBob signs with this.
    pub(super) shipbob_signing: String,
}

/// What the configuration speaks of.
pub(super) struct Places<'a> {
    /// The run's own directory.
    pub(super) root: &'a Path,
    /// Where the host listens; 0 for any free port.
    pub(super) port: u16,
    /// The ERP's address.
    pub(super) erp: String,
    /// The CRM's address.
    pub(super) crm: String,
    /// The address of the warehouse in the north.
    pub(super) north: String,
    /// The address of the warehouse at the lakes.
    pub(super) lakes: String,
    /// SAP's address.
    pub(super) sap: String,
    /// The address of SAP's hub.
    pub(super) hub: String,
    /// Salesforce's address.
    pub(super) salesforce: String,
    /// ShipBob's address.
    pub(super) shipbob: String,
}

// === impl Tokens ===

impl Tokens {
    /// New ones.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        let shipbob_signing = ingress::signing_secret()?;
        Ok(Self {
            operator: Token::generate()?,
            erp: Token::generate()?,
            north: Token::generate()?,
            looper: Token::generate()?,
            sap: Token::generate()?,
            hub: Token::generate()?,
            lakes: Token::generate()?,
            salesforce: Token::generate()?,
            to_erp: Token::generate()?,
            to_crm: Token::generate()?,
            to_north: Token::generate()?,
            to_sap: Token::generate()?,
            to_hub: Token::generate()?,
            to_lakes: Token::generate()?,
            to_salesforce: Token::generate()?,
            to_shipbob: Token::generate()?,
            shipbob_signing,
        })
    }

    /// Those that the host presents or checks, by the names of their files in `secrets/`.
    pub(super) fn presented(&self) -> [(&'static str, &str); 9] {
        [
            ("erp", self.to_erp.expose()),
            ("crm", self.to_crm.expose()),
            ("north-3pl", self.to_north.expose()),
            ("sap", self.to_sap.expose()),
            ("sap-hub", self.to_hub.expose()),
            ("lakes-3pl", self.to_lakes.expose()),
            ("salesforce", self.to_salesforce.expose()),
            ("shipbob", self.to_shipbob.expose()),
            (SIGNING, &self.shipbob_signing),
        ]
    }
}

/// The text of the configuration.
pub(super) fn text(places: &Places<'_>, tokens: &Tokens) -> String {
    [
        server(places, tokens),
        systems(places, tokens),
        warehouses(places, tokens),
        others(places, tokens),
        one_company(places, tokens),
        PROCESSES.to_owned(),
        ROUTES.to_owned(),
    ]
    .join("\n")
}

fn server(places: &Places<'_>, tokens: &Tokens) -> String {
    format!(
        r#"# What `crossdock demo` runs with; `crossdock serve --config` takes the same.
[server]
data_directory = {data}
adapters_directory = {adapters}
operator_token_sha256 = [{operator}]

[listener]
listen = "127.0.0.1:{port}"
drain_timeout_ms = 2000
"#,
        data = quoted(places.root.join("data").display()),
        adapters = quoted(places.root.join("adapters").display()),
        operator = quoted(tokens.operator.hash()),
        port = places.port,
    )
}

fn systems(places: &Places<'_>, tokens: &Tokens) -> String {
    format!(
        r#"# Speaks our canonical documents as JSON, both ways.
[partners.erp]
adapter = "canonical-json"
access.token_sha256 = [{erp}]
{to_erp}
# Is only told.
[partners.crm]
adapter = "canonical-json"
{to_crm}
# Has an adapter that never ends when it is told to loop.
[partners.looper]
adapter = "misbehaving"
access.token_sha256 = [{looper}]
"#,
        erp = quoted(tokens.erp.hash()),
        to_erp = endpoint(places, "erp", &places.erp),
        to_crm = endpoint(places, "crm", &places.crm),
        looper = quoted(tokens.looper.hash()),
    )
}

fn warehouses(places: &Places<'_>, tokens: &Tokens) -> String {
    format!(
        r#"# X12 over HTTP.
[partners.north-3pl]
adapter = "x12-3pl"
access.token_sha256 = [{north}]
settings = {{ sender-id = "{US}", receiver-id = "{NORTH}", usage = "T" }}
{to_north}
# X12 through a drop folder.
[partners.south-3pl]
adapter = "x12-3pl"
folder = {{ directory = {folder}, interval_ms = 50, quiet_ms = 200 }}
settings = {{ sender-id = "{US}", receiver-id = "{SOUTH}", usage = "T" }}
endpoint.folder = {folder}
"#,
        north = quoted(tokens.north.hash()),
        to_north = endpoint(places, "north-3pl", &places.north),
        folder = quoted(places.root.join("south-3pl").display()),
    )
}

/// Systems that speak dialects of their own, and what each is to the business.
fn others(places: &Places<'_>, tokens: &Tokens) -> String {
    let signing = secret(places, SIGNING);
    let partners = [
        (
            Kind::Sap,
            &places.sap,
            Access::Token(tokens.sap.hash().to_string()),
            "role = \"erp\"\ntakes = [\"order\", \"shipment\"]",
            // Each shipment is booked as a delivery of its own, and the order's number is
            // ours everywhere.
            "shipments = \"outbound-delivery\"\ninvoice-order-no = \"purchase-order\"",
        ),
        (
            Kind::Salesforce,
            &places.salesforce,
            Access::Token(tokens.salesforce.hash().to_string()),
            "role = \"crm\"",
            "",
        ),
        (
            Kind::ShipBob,
            &places.shipbob,
            Access::Signature(&signing),
            "role = \"warehouse\"\nnode = \"west\"",
            "\"node.west\" = \"10\"",
        ),
    ];
    let texts = partners.map(|(kind, url, access, role, settings)| {
        kind.configuration(&Connection {
            partner: kind.name(),
            url,
            secret: &secret(places, kind.name()),
            access,
            role,
            settings,
            endpoint: PATIENCE,
        })
    });
    texts.join("\n")
}

/// What belongs to SAP's company beside: its hub, and its warehouse at the lakes.
fn one_company(places: &Places<'_>, tokens: &Tokens) -> String {
    format!(
        r#"# SAP's integration hub has adopted our documents, for what IDocs are not set up for here:
# stock, returns, credits, milestones.
[partners.sap-hub]
adapter = "canonical-json"
role = "erp"
takes = ["order-response", "milestone", "return-authorization", "return-receipt", "return-disposition", "inventory-adjustment"]
access.token_sha256 = [{hub}]
{to_hub}
[partners.lakes-3pl]
adapter = "x12-3pl"
role = "warehouse"
node = "lakes"
access.token_sha256 = [{lakes}]
settings = {{ sender-id = "{US}", receiver-id = "{LAKES}", usage = "T" }}
{to_lakes}"#,
        hub = quoted(tokens.hub.hash()),
        to_hub = endpoint(places, "sap-hub", &places.hub),
        lakes = quoted(tokens.lakes.hash()),
        to_lakes = endpoint(places, "lakes-3pl", &places.lakes),
    )
}

/// Where a secret is.
fn secret(places: &Places<'_>, name: &str) -> String {
    let path = places.root.join("secrets").join(name);
    format!("file:{}", path.display())
}

/// Retries come after tenths of a second, and a breaker opens after three failures,
/// for about a second.
const PATIENCE: &str = "\
retry = { first_ms = 100, max_ms = 400 }
retry_budget = { floor_per_minute = 6000, burst_max = 100 }
breaker = { failures_max = 3, open_ms = 800, open_ms_max = 1600, probe_successes = 1 }
";

fn endpoint(places: &Places<'_>, partner: &str, url: &str) -> String {
    format!(
        r#"[partners.{partner}.endpoint]
url = {url}
allow_networks = ["127.0.0.1/32"]
credential = {{ kind = "bearer", token = {token} }}
{PATIENCE}"#,
        url = quoted(url),
        token = quoted(secret(places, partner)),
    )
}

/// How SAP's company wants its orders, stock and returns treated.
const PROCESSES: &str = r#"# SAP's acceptance releases an order; who confirms that nothing left has refused it.
[process.order]
release_by = "answer"
nothing_shipped = "reroute"

[[process.node]]
name = "lakes"
regions = [{ country = "US", postal = ["5"] }]

[[process.node]]
name = "west"
priority = 1

[[process.routing]]
name = "upper Midwest"
when = { country = ["US"], postal = ["5"] }
nodes = ["lakes", "west"]

[[process.routing]]
name = "everywhere else"
nodes = ["west"]

# An item that is five pieces off is corrected; more is for somebody to look at.
[[process.inventory]]
node = "lakes"
tolerance_units = 5

# What can be sold again is given back in full, what can't is not.
[process.returns.credit_percent]
restock = 100
scrap = 0

[process.exception_owner]
variance = "inventory-control"
default = "operations"
"#;

const ROUTES: &str = r#"# What no process takes: this company's ERP says itself who ships.
# Orders go where the goods are nearest.
[[route]]
name = "north"
document = "order"
from = ["erp"]
to = ["north-3pl"]
when = [{ field = "/parties/*/address/region", one_of = ["IL", "MI", "MN", "WI"] }]

[[route]]
name = "south"
document = "order"
from = ["erp"]
to = ["south-3pl"]
when = [{ field = "/parties/*/address/region", one_of = ["AL", "FL", "GA", "TX"] }]

# Whoever sells and whoever answers the customer hears of every shipment.
[[route]]
name = "shipped"
document = "shipment"
from = ["north-3pl", "south-3pl"]
to = ["erp", "crm"]
"#;

fn quoted(text: impl Display) -> String {
    Value::String(text.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    #[test]
    fn is_a_configuration_without_faults_that_holds_no_token() {
        let tokens = Tokens::generate().unwrap();
        let places = Places {
            root: Path::new("/some/a \"quoted\" name"),
            port: 0,
            erp: "http://127.0.0.1:1".to_owned(),
            crm: "http://127.0.0.1:2".to_owned(),
            north: "http://127.0.0.1:3".to_owned(),
            lakes: "http://127.0.0.1:7".to_owned(),
            sap: "http://127.0.0.1:4".to_owned(),
            hub: "http://127.0.0.1:8".to_owned(),
            salesforce: "http://127.0.0.1:5".to_owned(),
            shipbob: "http://127.0.0.1:6".to_owned(),
        };
        let text = text(&places, &tokens);
        let checked = Config::parse(&text, &Overrides::default()).unwrap();
        assert_eq!(checked.partners.len(), 10);
        let presented = tokens.presented().map(|(_, secret)| secret);
        let own = [&tokens.operator, &tokens.erp, &tokens.sap].map(Token::expose);
        let mut secrets = presented.iter().chain(&own);
        assert!(secrets.all(|secret| !text.contains(secret)));
    }
}
