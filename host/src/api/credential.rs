//! How a credential stands, as the API shows it: never a secret, never a token.

use serde::Serialize;

use crate::deliver::transport::Standing;

/// One credential. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// The name that adapters choose it by; null for the endpoint's own.
    pub name: Option<String>,
    /// Its kind in the configuration.
    pub kind: &'static str,
    /// Its token; absent for a kind that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// A token that is fetched when it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// When the one in hand was fetched; null when there is none.
    pub fetched_at: Option<String>,
    /// Until when it lives.
    pub expires_at: Option<String>,
    /// How often fetching succeeded since the host started.
    pub fetched: u64,
    /// How often it failed.
    pub failed: u64,
    /// The last failure since the one in hand was fetched; null when there is none.
    pub last_failure: Option<Failure>,
}

/// Why there was no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When.
    pub at: String,
    /// `token-refused` or `token-unavailable`.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

impl From<Standing> for Credential {
    fn from(standing: Standing) -> Self {
        let token = standing.token.map(|status| Token {
            fetched_at: status.fetched_at.map(|at| at.to_string()),
            expires_at: status.expires_at.map(|at| at.to_string()),
            fetched: status.fetched,
            failed: status.failed,
            last_failure: status.failure.map(|(at, failure)| Failure {
                at: at.to_string(),
                code: failure.code(),
                text: failure.to_string(),
            }),
        });
        Self {
            name: standing.name,
            kind: standing.kind,
            token,
        }
    }
}
