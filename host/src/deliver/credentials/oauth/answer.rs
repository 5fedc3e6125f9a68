//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2).

use std::time::Duration;

use serde_json::Value;

use super::{Secret, Token};
use crate::deliver::Fault;

/// The longest life of a token that is believed: whatever lives longer is fetched
/// again once a day.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How much of an error's description a record keeps, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// Why a token endpoint gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It refuses us by one of its codes.
    #[error("the token endpoint refuses: {code}{}", of(.description.as_ref()))]
    Refused {
        /// `invalid_client` and the like, in its own words.
        code: String,
        /// What it says about it, shortened.
        description: Option<String>,
    },
    /// It answers something else than a token or a refusal.
    #[error("the token endpoint answered {status}")]
    Status {
        /// HTTP status.
        status: u16,
    },
    /// It grants something that is no usable token.
    #[error("the token endpoint's answer {rule}")]
    Unreadable {
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The assertion could not be signed.
    #[error("the assertion for the token endpoint could not be signed")]
    Unsigned,
}

fn of(description: Option<&String>) -> String {
    description.map_or(String::new(), |text| format!(" ({text})"))
}

// === impl Refusal ===

impl Refusal {
    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { code, .. } if passes(code) => Fault::Partner,
            Self::Refused { .. } => Fault::Settings,
            // 404 and its like: it is not the address of a token endpoint.
            Self::Status { status } if (300..500).contains(status) && !busy(*status) => {
                Fault::Settings
            }
            Self::Status { .. } | Self::Unreadable { .. } => Fault::Partner,
            Self::Unsigned => Fault::Host,
        }
    }

    /// Whether asking again may help without somebody changing our settings. A grant
    /// that is invalid now need not stay so: a clock is set right, a user or key is let
    /// in, or too many logins were counted (which Salesforce says so).
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Refused { code, .. } if code == "invalid_grant" => true,
            _ => self.fault() != Fault::Settings,
        }
    }
}

/// Codes of a server that can't do it now.
fn passes(code: &str) -> bool {
    matches!(
        code,
        "temporarily_unavailable" | "server_error" | "slow_down"
    )
}

fn busy(status: u16) -> bool {
    matches!(status, 408 | 425 | 429)
}

/// Reads an answer; `lifetime` is a token's whose answer does not say how long it
/// lives, and `secret` what must not be told on.
pub(super) fn read(
    status: u16,
    body: &[u8],
    lifetime: Duration,
    secret: Option<&Secret>,
) -> Result<(Token, Duration), Refusal> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if status != 200 {
        return Err(refusal(status, &answer, secret));
    }
    let unreadable = |rule| Refusal::Unreadable { rule };
    if let Some(kind) = answer["token_type"].as_str()
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(unreadable("has a token that is not of the type bearer"));
    }
    let text = answer["access_token"]
        .as_str()
        .ok_or_else(|| unreadable("has no access_token"))?;
    let token =
        Token::new(text).ok_or_else(|| unreadable("has a token that a header can't carry"))?;
    let life = seconds(&answer["expires_in"]).unwrap_or(lifetime);
    Ok((token, life.min(LIFE_MAX)))
}

/// Seconds, as a number or, against the standard, as text; nothing when there are none.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.min(LIFE_MAX.as_secs_f64()))
        .ok()
        .filter(|life| !life.is_zero())
}

fn refusal(status: u16, answer: &Value, secret: Option<&Secret>) -> Refusal {
    let is_code = |code: &&str| {
        code.len() <= 64
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let code = answer["error"].as_str().filter(is_code);
    match code {
        Some(code) if (400..500).contains(&status) && !busy(status) => Refusal::Refused {
            code: code.to_owned(),
            description: description(&answer["error_description"], secret),
        },
        _ => Refusal::Status { status },
    }
}

/// What the server says, unless it repeats our secret.
fn description(value: &Value, secret: Option<&Secret>) -> Option<String> {
    let text = value.as_str()?.trim();
    if text.is_empty() || secret.is_some_and(|secret| text.contains(secret.expose())) {
        return None;
    }
    let text = text.chars().map(|letter| match letter {
        letter if letter.is_control() => ' ',
        letter => letter,
    });
    Some(text.take(DESCRIPTION_CHARS_MAX).collect())
}
