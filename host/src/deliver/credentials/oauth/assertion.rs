//! Assertions: JSON Web Tokens that a private key signs (RFC 7519, 7515, 7523).

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Refusal, Secret};
use crate::clock::Timestamp;

/// How an assertion is signed (RFC 7518 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSA, PKCS #1 version 1.5, with SHA-256. The key has 2,048 bits or more.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on the curve P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// A private key.
#[derive(Clone)]
pub(super) enum Key {
    Rsa(Arc<RsaKeyPair>),
    Ecdsa(Arc<EcdsaKeyPair>),
}

/// What an assertion says.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: String,
    pub(super) key_id: Option<String>,
    pub(super) lifetime: Duration,
}

// === impl Key ===

impl Key {
    /// Reads a key from PEM; an error says what the key breaks and what to do.
    pub(super) fn from_pem(algorithm: Algorithm, pem: &Secret) -> Result<Self, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes())
            .map_err(|_| "not a private key in PEM (-----BEGIN PRIVATE KEY-----)")?;
        match (algorithm, &key) {
            (Algorithm::Rs256, PrivateKeyDer::Pkcs8(key)) => {
                RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Self::rsa)
            }
            (Algorithm::Rs256, PrivateKeyDer::Pkcs1(key)) => {
                RsaKeyPair::from_der(key.secret_pkcs1_der()).map(Self::rsa)
            }
            (Algorithm::Es256, PrivateKeyDer::Pkcs8(key)) => EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                key.secret_pkcs8_der(),
                &SystemRandom::new(),
            )
            .map(|key| Self::Ecdsa(Arc::new(key))),
            (Algorithm::Es256, PrivateKeyDer::Sec1(_)) => {
                return Err("a key of the older form; convert it: openssl pkcs8 -topk8 -nocrypt");
            }
            _ => return Err("not a key for the algorithm"),
        }
        .map_err(|_| match algorithm {
            Algorithm::Rs256 => "not an RSA key of 2,048 to 4,096 bits",
            Algorithm::Es256 => "not a key on the curve P-256 with its public half",
        })
    }

    fn rsa(key: RsaKeyPair) -> Self {
        Self::Rsa(Arc::new(key))
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Rs256,
            Self::Ecdsa(_) => Algorithm::Es256,
        }
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(key) => {
                let signature = key.sign(&random, text.as_bytes())?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[key]")
    }
}

// === impl Claims ===

impl Claims {
    /// The assertion: header, claims and signature, each in base64url. `unique` becomes
    /// its `jti`, by which a server may refuse one that comes twice.
    pub(super) fn signed(
        &self,
        key: &Key,
        now: Timestamp,
        unique: u128,
    ) -> Result<String, Refusal> {
        let mut header = json!({ "typ": "JWT", "alg": key.algorithm() });
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let seconds = |at: Timestamp| at.as_millis().div_euclid(1_000);
        let claims = json!({
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "iat": seconds(now),
            "exp": seconds(now.plus(self.lifetime)),
            "jti": format!("{unique:032x}"),
        });
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = key.sign(&text).map_err(|_| Refusal::Unsigned)?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Ok(format!("{text}.{signature}"))
    }
}
