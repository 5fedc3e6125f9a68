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
    pub(super) salesforce: Token,
    /// The host presents these to partners.
    pub(super) to_erp: Token,
    pub(super) to_crm: Token,
    pub(super) to_north: Token,
    pub(super) to_sap: Token,
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
    /// SAP's address.
    pub(super) sap: String,
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
            salesforce: Token::generate()?,
            to_erp: Token::generate()?,
            to_crm: Token::generate()?,
            to_north: Token::generate()?,
            to_sap: Token::generate()?,
            to_salesforce: Token::generate()?,
            to_shipbob: Token::generate()?,
            shipbob_signing,
        })
    }

    /// Those that the host presents or checks, by the names of their files in `secrets/`.
    pub(super) fn presented(&self) -> [(&'static str, &str); 7] {
        [
            ("erp", self.to_erp.expose()),
            ("crm", self.to_crm.expose()),
            ("north-3pl", self.to_north.expose()),
            ("sap", self.to_sap.expose()),
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

/// Systems that speak dialects of their own.
fn others(places: &Places<'_>, tokens: &Tokens) -> String {
    let signing = secret(places, SIGNING);
    let partners = [
        (
            Kind::Sap,
            &places.sap,
            Access::Token(tokens.sap.hash().to_string()),
        ),
        (
            Kind::Salesforce,
            &places.salesforce,
            Access::Token(tokens.salesforce.hash().to_string()),
        ),
        (Kind::ShipBob, &places.shipbob, Access::Signature(&signing)),
    ];
    let texts = partners.map(|(kind, url, access)| {
        kind.configuration(&Connection {
            partner: kind.name(),
            url,
            secret: &secret(places, kind.name()),
            access,
            endpoint: PATIENCE,
        })
    });
    texts.join("\n")
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

const ROUTES: &str = r#"# Orders go where the goods are nearest.
[[route]]
name = "north"
document = "order"
from = ["erp", "sap"]
to = ["north-3pl"]
when = [{ field = "/parties/*/address/region", one_of = ["IL", "MI", "MN", "WI"] }]

[[route]]
name = "south"
document = "order"
from = ["erp"]
to = ["south-3pl"]
when = [{ field = "/parties/*/address/region", one_of = ["AL", "FL", "GA", "TX"] }]

[[route]]
name = "west"
document = "order"
from = ["sap"]
to = ["shipbob"]
when = [{ field = "/parties/*/address/region", one_of = ["CA", "NV", "OR", "WA"] }]

# What Salesforce sells is SAP's to release.
[[route]]
name = "sold"
document = "order"
from = ["salesforce"]
to = ["sap"]

# SAP's numbers are SAP's and Salesforce's to hear of.
[[route]]
name = "shipped for SAP"
document = "shipment"
from = ["north-3pl"]
to = ["sap", "salesforce"]
when = [{ field = "/order_no", starts_with = "7" }]

# ShipBob does not name SAP's items, so a person posts its goods issue.
[[route]]
name = "shipped by ShipBob"
document = ["shipment", "milestone"]
from = ["shipbob"]
to = ["salesforce"]

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
            sap: "http://127.0.0.1:4".to_owned(),
            salesforce: "http://127.0.0.1:5".to_owned(),
            shipbob: "http://127.0.0.1:6".to_owned(),
        };
        let text = text(&places, &tokens);
        let checked = Config::parse(&text, &Overrides::default()).unwrap();
        assert_eq!(checked.partners.len(), 8);
        let presented = tokens.presented().map(|(_, secret)| secret);
        let own = [&tokens.operator, &tokens.erp, &tokens.sap].map(Token::expose);
        let mut secrets = presented.iter().chain(&own);
        assert!(secrets.all(|secret| !text.contains(secret)));
    }
}
