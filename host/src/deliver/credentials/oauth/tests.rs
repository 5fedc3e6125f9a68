use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};

use super::*;
use crate::deliver::{
    Fault,
    credentials::{Config, Credential},
};

const NOW: Timestamp = Timestamp::from_millis(1_772_357_400_500);
const RSA: &str = include_str!("tests/rsa-only-for-tests.pem");

fn grant_with(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Grant, String> {
    let config: Config = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let credential = config
        .resolve("credential", environment)
        .map_err(|error| error.to_string())?;
    match credential {
        Credential::Token(grant) => Ok(*grant),
        other => panic!("{other:?}"),
    }
}

fn grant(text: &str) -> Result<Grant, String> {
    grant_with(text, &|name| match name {
        "SECRET" => Some("s3cret+ &".to_owned()),
        "RSA" => Some(RSA.to_owned()),
        _ => None,
    })
}

fn client_credentials(more: &str) -> Grant {
    let text = format!(
        "kind = 'oauth2-client-credentials'\ntoken_url = 'https://auth.example/token?tenant=1'\nclient_id = 'we:us'\nclient_secret = 'env:SECRET'\n{more}"
    );
    grant(&text).expect("a grant")
}

const JWT: &str = "kind = 'oauth2-jwt-bearer'\ntoken_url = 'https://login.salesforce.com/services/oauth2/token'\nissuer = '3MVG9'\nsubject = 'crossdock@example.com'\naudience = 'https://login.salesforce.com'\n";

fn pairs(form: &str) -> Vec<(String, String)> {
    let url = Url::parse(&format!("http://x/?{form}")).expect("a form");
    url.query_pairs().into_owned().collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_client_shows_its_secret_in_the_header_or_in_the_body() {
    let grant = client_credentials(
        "scope = 'read write'\naudience = 'stock'\nparameters = { resource = 'r' }",
    );
    let asking = grant.ask(NOW, 1).expect("a request");
    let value = asking.authorization.expect("a header");
    assert!(value.is_sensitive());
    let encoded = value
        .to_str()
        .expect("text")
        .strip_prefix("Basic ")
        .expect("basic");
    let decoded = BASE64_STANDARD.decode(encoded).expect("base64");
    // Each half as in a form: only the colon between them is bare.
    assert_eq!(decoded, b"we%3Aus:s3cret%2B+%26");
    let expected = [
        pair("grant_type", "client_credentials"),
        pair("scope", "read write"),
        pair("audience", "stock"),
        pair("resource", "r"),
    ];
    assert_eq!(pairs(&asking.body), expected);

    let grant = client_credentials("client_authentication = 'body'");
    let asking = grant.ask(NOW, 1).expect("a request");
    assert_eq!(asking.authorization, None);
    let expected = [
        pair("grant_type", "client_credentials"),
        pair("client_id", "we:us"),
        pair("client_secret", "s3cret+ &"),
    ];
    assert_eq!(pairs(&asking.body), expected);
    assert_eq!(
        grant.url().query(),
        Some("tenant=1"),
        "the endpoint keeps its own query"
    );
    assert!(!format!("{grant:?}").contains("s3cret"));
}

/// The parts of an assertion, once its signature is found to be right.
fn verified(
    assertion: &str,
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
) -> [Value; 2] {
    let (text, signature) = assertion.rsplit_once('.').expect("three parts");
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    UnparsedPublicKey::new(algorithm, key)
        .verify(text.as_bytes(), &decode(signature))
        .expect("signed by the key");
    let (header, claims) = text.split_once('.').expect("three parts");
    [header, claims].map(|part| serde_json::from_slice(&decode(part)).expect("json"))
}

#[test]
fn an_assertion_says_what_salesforce_wants_to_hear() {
    let grant = grant(&format!(
        "{JWT}private_key = 'env:RSA'\nalgorithm = 'RS256'\nkey_id = 'k1'"
    ))
    .expect("a grant");
    let asking = grant.ask(NOW, 0xabc).expect("a request");
    assert_eq!(asking.authorization, None);
    let form = pairs(&asking.body);
    assert_eq!(
        form[0],
        pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
    );
    assert_eq!((form[1].0.as_str(), form.len()), ("assertion", 2));
    let key = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).expect("a key");
    let key = ring::signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("a key");
    let [header, claims] = verified(
        &form[1].1,
        &RSA_PKCS1_2048_8192_SHA256,
        key.public_key().as_ref(),
    );
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(
        claims,
        json!({
            "iss": "3MVG9",
            "sub": "crossdock@example.com",
            "aud": "https://login.salesforce.com",
            "iat": 1_772_357_400,
            "exp": 1_772_357_580,
            "jti": "00000000000000000000000000000abc",
        })
    );
}

#[test]
fn an_assertion_may_be_signed_on_a_curve() {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .expect("a key");
    let encoded = BASE64_STANDARD.encode(made.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n");
    let text = format!("{JWT}private_key = 'env:EC'\nalgorithm = 'ES256'");
    let grant = grant_with(&text, &|_| Some(pem.clone())).expect("a grant");
    let asking = grant.ask(NOW, 1).expect("a request");
    let key = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        made.as_ref(),
        &SystemRandom::new(),
    )
    .expect("a key");
    let [header, _] = verified(
        &pairs(&asking.body)[1].1,
        &ECDSA_P256_SHA256_FIXED,
        key.public_key().as_ref(),
    );
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT" }));
    // The same key is none for the other algorithm.
    let text = text.replace("ES256", "RS256");
    let error = grant_with(&text, &|_| Some(pem.clone())).expect_err("no RSA key");
    assert_eq!(
        error,
        "credential.private_key: not an RSA key of 2,048 to 4,096 bits"
    );
}

#[test]
fn settings_that_can_t_work_are_refused_without_telling_secrets() {
    let client =
        "kind = 'oauth2-client-credentials'\nclient_id = 'us'\nclient_secret = 'env:SECRET'\n";
    let url = "token_url = 'https://auth.example/token'\n";
    let cases = [
        (
            format!("{client}token_url = 'auth.example'"),
            "credential.token_url: not a url",
        ),
        (
            format!("{client}token_url = 'ftp://auth.example'"),
            "credential.token_url: must begin with http:// or https://",
        ),
        (
            format!("{client}token_url = 'https://a:b@auth.example'"),
            "credential.token_url: must not hold a user name, a password or a fragment",
        ),
        (
            format!("{client}{url}token_timeout_ms = 0"),
            "credential.token_timeout_ms: must be at least 1",
        ),
        (
            format!("{client}{url}parameters = {{ client_secret = 'x' }}"),
            "credential.parameters.client_secret: has a setting of its own, or is the host's",
        ),
        (
            format!(
                "{}client_id = 'us'\nclient_secret = 'env:NONE'\n{url}",
                "kind = 'oauth2-client-credentials'\n"
            ),
            "credential.client_secret: the environment variable NONE is not set",
        ),
        (
            format!("{JWT}private_key = 'env:SECRET'\nalgorithm = 'RS256'"),
            "credential.private_key: not a private key in PEM (-----BEGIN PRIVATE KEY-----)",
        ),
        (
            format!("{JWT}private_key = 'env:RSA'\nalgorithm = 'ES256'"),
            "credential.private_key: not a key on the curve P-256 with its public half",
        ),
        (
            format!("{JWT}private_key = 'env:RSA'\nalgorithm = 'RS256'\nassertion_lifetime_ms = 1"),
            "credential.assertion_lifetime_ms: must be between 1,000 and 3,600,000",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(grant(&text).expect_err(&text), message);
    }
    assert!(
        grant(&format!(
            "{JWT}private_key = 'env:RSA'\nalgorithm = 'HS256'"
        ))
        .is_err()
    );
    assert!(grant(&format!("{client}{url}secret = 'x'")).is_err());
}

fn read(status: u16, body: &str) -> Result<(Token, Duration), Refusal> {
    client_credentials("token_lifetime_ms = 60000").read(status, body.as_bytes())
}

#[test]
fn a_token_lives_as_long_as_its_answer_says() {
    let cases = [
        (
            r#"{"access_token":"t","token_type":"Bearer","expires_in":1800}"#,
            1_800,
        ),
        (
            r#"{"access_token":"t","token_type":"bearer","expires_in":"1800"}"#,
            1_800,
        ),
        (
            r#"{"access_token":"t","instance_url":"https://x.my.salesforce.com"}"#,
            60,
        ),
        (r#"{"access_token":"t","expires_in":0}"#, 60),
        (r#"{"access_token":"t","expires_in":-5}"#, 60),
        (r#"{"access_token":"t","expires_in":1e300}"#, 86_400),
    ];
    for (body, seconds) in cases {
        let (token, life) = read(200, body).expect(body);
        assert_eq!(token, Token::new("t").expect("a token"));
        assert_eq!(life, Duration::from_secs(seconds), "{body}");
    }
    let mut headers = http::HeaderMap::new();
    read(200, cases[0].0)
        .expect("a token")
        .0
        .apply(&mut headers);
    assert_eq!(headers["authorization"], "Bearer t");
    assert!(headers["authorization"].is_sensitive());
}

/// Answers that are refusals: status, body, whose fault, whether to come again, text.
const REFUSALS: [(u16, &str, Fault, bool, &str); 9] = [
    (
        401,
        r#"{"error":"invalid_client"}"#,
        Fault::Settings,
        false,
        "the token endpoint refuses: invalid_client",
    ),
    (
        400,
        r#"{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}"#,
        Fault::Settings,
        true,
        "the token endpoint refuses: invalid_grant (user hasn't approved this consumer)",
    ),
    // It repeats the secret.
    (
        400,
        r#"{"error":"invalid_client","error_description":"no client with secret s3cret+ & here"}"#,
        Fault::Settings,
        false,
        "the token endpoint refuses: invalid_client",
    ),
    (
        400,
        r#"{"error":"temporarily_unavailable"}"#,
        Fault::Partner,
        true,
        "the token endpoint refuses: temporarily_unavailable",
    ),
    (
        400,
        r#"{"error":"a b\n"}"#,
        Fault::Settings,
        false,
        "the token endpoint answered 400",
    ),
    (
        404,
        "<html>",
        Fault::Settings,
        false,
        "the token endpoint answered 404",
    ),
    (
        302,
        "",
        Fault::Settings,
        false,
        "the token endpoint answered 302",
    ),
    (
        429,
        r#"{"error":"invalid_client"}"#,
        Fault::Partner,
        true,
        "the token endpoint answered 429",
    ),
    (
        503,
        "",
        Fault::Partner,
        true,
        "the token endpoint answered 503",
    ),
];

#[test]
fn a_refusal_says_whose_fault_it_is_and_whether_to_come_again() {
    for (status, body, fault, retryable, text) in REFUSALS {
        let refusal = read(status, body).expect_err(body);
        assert_eq!(refusal.to_string(), text);
        assert_eq!(
            (refusal.fault(), refusal.retryable()),
            (fault, retryable),
            "{text}"
        );
    }
}

#[test]
fn what_is_granted_must_be_a_token_that_a_header_can_carry() {
    let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(20_000));
    let cases = [
        ("<html>", "has no access_token"),
        (
            r#"{"access_token":""}"#,
            "has a token that a header can't carry",
        ),
        (&long, "has a token that a header can't carry"),
        (
            r#"{"access_token":"t","token_type":"mac"}"#,
            "has a token that is not of the type bearer",
        ),
    ];
    for (body, rule) in cases {
        let refusal = read(200, body).expect_err(body);
        assert_eq!(refusal, Refusal::Unreadable { rule });
        assert_eq!(
            (refusal.fault(), refusal.retryable()),
            (Fault::Partner, true)
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_is_too_odd_to_be_read(status: u16, body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        drop(client_credentials("").read(status, &body));
    }

    #[test]
    fn no_member_of_an_answer_is_too_odd(kind in ".{0,20}", token in ".{0,40}", life: f64, error in ".{0,80}") {
        let body = json!({ "token_type": kind, "access_token": token, "expires_in": life, "error": error, "error_description": error });
        for status in [200, 400] {
            drop(client_credentials("").read(status, body.to_string().as_bytes()));
        }
    }
}
