//! The demo's configuration, as the file that somebody would write for it.
//!
//! It is a file on purpose: what the demo shows can be had with nothing but these
//! settings. Waits are shorter than anybody would choose for real partners, so that
//! a story with an outage in it ends soon.

use std::{fmt::Display, path::Path};

use toml::Value;

use crate::ingress::authenticate::{NoRandomness, Token};

/// What the host is called in X12.
pub(super) const US: &str = "ACMEDIST";
/// What the warehouse in the north is called in X12.
pub(super) const NORTH: &str = "NORTH3PL";
/// What the warehouse in the south is called in X12.
pub(super) const SOUTH: &str = "SOUTH3PL";

/// The tokens of this run. None of them exists before or after it.
pub(super) struct Tokens {
    /// Opens the API.
    pub(super) operator: Token,
    /// Partners present these to the host.
    pub(super) erp: Token,
    pub(super) north: Token,
    pub(super) looper: Token,
    /// The host presents these to partners.
    pub(super) to_erp: Token,
    pub(super) to_crm: Token,
    pub(super) to_north: Token,
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
}

// === impl Tokens ===

impl Tokens {
    /// New ones.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        Ok(Self {
            operator: Token::generate()?,
            erp: Token::generate()?,
            north: Token::generate()?,
            looper: Token::generate()?,
            to_erp: Token::generate()?,
            to_crm: Token::generate()?,
            to_north: Token::generate()?,
        })
    }

    /// Those that the host presents, by the names of their files in `secrets/`.
    pub(super) fn presented(&self) -> [(&'static str, &Token); 3] {
        [
            ("erp", &self.to_erp),
            ("crm", &self.to_crm),
            ("north-3pl", &self.to_north),
        ]
    }
}

/// The text of the configuration.
pub(super) fn text(places: &Places<'_>, tokens: &Tokens) -> String {
    [
        server(places, tokens),
        systems(places, tokens),
        warehouses(places, tokens),
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

/// Retries come after tenths of a second, and a breaker opens after three failures,
/// for about a second.
fn endpoint(places: &Places<'_>, partner: &str, url: &str) -> String {
    let secret = places.root.join("secrets").join(partner);
    format!(
        r#"[partners.{partner}.endpoint]
url = {url}
allow_networks = ["127.0.0.1/32"]
credential = {{ kind = "bearer", token = {token} }}
retry = {{ first_ms = 100, max_ms = 400 }}
retry_budget = {{ floor_per_minute = 6000, burst_max = 100 }}
breaker = {{ failures_max = 3, open_ms = 800, open_ms_max = 1600, probe_successes = 1 }}
"#,
        url = quoted(url),
        token = quoted(format!("file:{}", secret.display())),
    )
}

const ROUTES: &str = r#"# Orders go where the goods are nearest.
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
        };
        let text = text(&places, &tokens);
        let checked = Config::parse(&text, &Overrides::default()).unwrap();
        assert_eq!(checked.partners.len(), 5);
        let secrets = [&tokens.operator, &tokens.erp, &tokens.to_north];
        assert!(secrets.iter().all(|token| !text.contains(token.expose())));
    }
}
