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
    let at = |part: &str| quoted(places.root.join(part).display());
    let secret = |name: &str| quoted(format!("file:{}", places.root.join("secrets").join(name).display()));
    let hash = |token: &Token| quoted(token.hash());
    let endpoint = |partner: &str, url: &str| {
        format!(
            r#"[partners.{partner}.endpoint]
url = {url}
allow_networks = ["127.0.0.1/32"]
credential = {{ kind = "bearer", token = {secret} }}
{PATIENCE}"#,
            url = quoted(url),
            secret = secret(partner),
        )
    };
    format!(
        r#"# What `crossdock demo` runs with. `crossdock serve --config` takes the same.
[server]
data_directory = {data}
adapters_directory = {adapters}
operator_token_sha256 = [{operator}]

[listener]
listen = "127.0.0.1:{port}"
drain_timeout_ms = 2000

# Speaks our canonical documents as JSON, both ways.
[partners.erp]
adapter = "canonical-json"
access.token_sha256 = [{erp}]
{to_erp}
# Is only told.
[partners.crm]
adapter = "canonical-json"
{to_crm}
# X12 over HTTP.
[partners.north-3pl]
adapter = "x12-3pl"
access.token_sha256 = [{north}]
settings = {{ sender-id = "{US}", receiver-id = "{NORTH}", usage = "T" }}
{to_north}
# X12 through a drop folder.
[partners.south-3pl]
adapter = "x12-3pl"
folder = {{ directory = {south}, interval_ms = 50, quiet_ms = 200 }}
settings = {{ sender-id = "{US}", receiver-id = "{SOUTH}", usage = "T" }}
endpoint.folder = {south}

# Has an adapter that never ends when it is told to loop.
[partners.looper]
adapter = "misbehaving"
access.token_sha256 = [{looper}]

# Orders go where the goods are nearest.
[[route]]
name = "north"
document = "order"
from = ["erp"]
to = ["north-3pl"]
when = [{{ field = "/parties/*/address/region", one_of = ["IL", "MI", "MN", "WI"] }}]

[[route]]
name = "south"
document = "order"
from = ["erp"]
to = ["south-3pl"]
when = [{{ field = "/parties/*/address/region", one_of = ["AL", "FL", "GA", "TX"] }}]

# Whoever sells and whoever answers the customer hears of every shipment.
[[route]]
name = "shipped"
document = "shipment"
from = ["north-3pl", "south-3pl"]
to = ["erp", "crm"]
"#,
        data = at("data"),
        adapters = at("adapters"),
        operator = hash(&tokens.operator),
        port = places.port,
        erp = hash(&tokens.erp),
        to_erp = endpoint("erp", &places.erp),
        to_crm = endpoint("crm", &places.crm),
        north = hash(&tokens.north),
        to_north = endpoint("north-3pl", &places.north),
        south = at("south-3pl"),
        looper = hash(&tokens.looper),
    )
}

/// Retries after tenths of a second, and a breaker that opens after three failures,
/// for about a second.
const PATIENCE: &str = "\
retry = { first_ms = 100, max_ms = 400 }
retry_budget = { floor_per_minute = 6000, burst_max = 100 }
breaker = { failures_max = 3, open_ms = 800, open_ms_max = 1600, probe_successes = 1 }
";

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
            root: Path::new("/tmp/a \"quoted\" name"),
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
