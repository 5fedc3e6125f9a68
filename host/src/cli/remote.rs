//! Speaking with a running host.

use clap::Args;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
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

/// A request that is more than a path with JSON.
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    /// The entity tag that must be current.
    pub(super) if_match: Option<String>,
    /// Media type and bytes.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
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

    /// Asks for something; none is left to tell once it is printed as JSON.
    pub(super) async fn ask_to_tell(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Option<Value>, Failed> {
        Ok(self.untold(self.get(path, query).await?))
    }

    /// Has something done, only if the record of its last step is this one.
    pub(super) async fn act(
        &self,
        path: String,
        if_version: Option<u64>,
        body: &Value,
    ) -> Result<Option<Value>, Failed> {
        let sent = Sent {
            method: Method::POST,
            path,
            query: Vec::new(),
            if_match: if_version.map(|it| format!("\"{it}\"")),
            body: Some(("application/json", body.to_string().into_bytes())),
        };
        Ok(self.untold(self.send(sent).await?))
    }

    /// The answer, unless JSON is wanted: then it is printed.
    fn untold(&self, answer: Value) -> Option<Value> {
        if self.json {
            super::print::json(&answer);
            return None;
        }
        Some(answer)
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

    /// Has something done that is more than a POST of JSON.
    pub(super) async fn send(&self, sent: Sent) -> Result<Value, Failed> {
        let mut url = self.address(&sent.path)?;
        if !sent.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&sent.query);
        }
        let mut request = self.request(sent.method, url)?;
        if let Some(version) = sent.if_match {
            request = request.header("if-match", version);
        }
        if let Some((kind, body)) = sent.body {
            request = request.header("content-type", kind).body(body);
        }
        self.answer(request).await
    }

    /// Asks for something in a form that is no JSON.
    pub(super) async fn get_text(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
        kind: &str,
    ) -> Result<String, Failed> {
        let query = query
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let mut url = self.address(path)?;
        url.query_pairs_mut().extend_pairs(query);
        let request = self.request(Method::GET, url)?.header("accept", kind);
        let (status, text) = self.exchange(request).await?;
        if status.is_success() {
            return Ok(text);
        }
        Err(refused(status, &self.parsed(status, &text)?))
    }

    async fn ask(
        &self,
        method: Method,
        url: reqwest::Url,
        body: Option<String>,
    ) -> Result<Value, Failed> {
        let mut request = self.request(method, url)?;
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        self.answer(request).await
    }

    fn request(&self, method: Method, url: reqwest::Url) -> Result<RequestBuilder, Failed> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder();
        if url.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(Failed::work)?;
        let request = client.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value, Failed> {
        let (status, text) = self.exchange(request).await?;
        let value = self.parsed(status, &text)?;
        if status.is_success() {
            return Ok(value);
        }
        Err(refused(status, &value))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<(StatusCode, String), Failed> {
        let response = request.send().await.map_err(|error| {
            Failed::with_help(
                format!("no host answers at {}: {}", self.url, error.without_url()),
                "start one with `crossdock serve`, or name its address with --url or CROSSDOCK_URL",
            )
        })?;
        let status = response.status();
        Ok((status, response.text().await.map_err(Failed::work)?))
    }

    fn parsed(&self, status: StatusCode, text: &str) -> Result<Value, Failed> {
        serde_json::from_str(text).map_err(|_| {
            Failed::work(format!(
                "{} answered {status} and no JSON; is it a Crossdock host?",
                self.url
            ))
        })
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
