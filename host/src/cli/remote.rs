//! Speaking with a running host.

use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use super::report::Failed;

/// Where the host is, and what opens it.
#[derive(Clone, Debug, Args)]
pub(super) struct Remote {
    /// The host's address
    #[arg(
        long,
        env = "CROSSDOCK_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    url: String,
    /// The operator's token; better given in the environment
    #[arg(
        long,
        env = "CROSSDOCK_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

// === impl Remote ===

impl Remote {
    /// Asks for something.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Value, Failed> {
        let query: Vec<_> = query
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
            .collect();
        let mut url = self.address(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.ask(Method::GET, url, None).await
    }

    /// Has something done.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        let url = self.address(path)?;
        self.ask(Method::POST, url, Some(body.to_string())).await
    }

    fn address(&self, path: &str) -> Result<reqwest::Url, Failed> {
        let base = self.url.trim_end_matches('/');
        reqwest::Url::parse(&format!("{base}{path}")).map_err(|error| {
            Failed::with_help(
                format!("{:?} is no address: {error}", self.url),
                "--url http://host:port, or CROSSDOCK_URL",
            )
        })
    }

    async fn ask(
        &self,
        method: Method,
        url: reqwest::Url,
        body: Option<String>,
    ) -> Result<Value, Failed> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder();
        if url.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(Failed::work)?;
        let mut request = client.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let response = request.send().await.map_err(|error| {
            Failed::with_help(
                format!("no host answers at {}: {}", self.url, error.without_url()),
                "start one with `crossdock serve`, or name its address with --url or CROSSDOCK_URL",
            )
        })?;
        let status = response.status();
        let text = response.text().await.map_err(Failed::work)?;
        let value: Value = serde_json::from_str(&text).map_err(|_| {
            Failed::work(format!(
                "{} answered {status} and no JSON; is it a Crossdock host?",
                self.url
            ))
        })?;
        if status.is_success() {
            return Ok(value);
        }
        Err(refused(status, &value))
    }
}

fn refused(status: StatusCode, problem: &Value) -> Failed {
    let title = problem["title"].as_str().unwrap_or("refused");
    let detail = problem["detail"].as_str().unwrap_or_default();
    let text = format!("{title} ({}): {detail}", status.as_u16());
    if status == StatusCode::UNAUTHORIZED {
        return Failed::with_help(text, "set CROSSDOCK_TOKEN to the operator's token");
    }
    Failed::work(text)
}

/// A text of an answer; a dash where there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => super::print::inert(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
