//! What proves to be a partner's, and that nothing else does.

use axum::http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::message::Digest;

/// The example that the libraries of Standard Webhooks are tested with.
const STANDARD: &str =
    "kind = 'standard-webhooks'\nsecrets = ['env:OTHER_STANDARD', 'env:STANDARD']";
const STANDARD_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const STANDARD_TIME: &str = "1614265330";
const STANDARD_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const STANDARD_BODY: &str = r#"{"test": 2432232314}"#;
const STANDARD_NOW: i64 = 1_614_265_330_000;

/// Signatures that another program (Python's `hmac`) made.
const BODY: &str = r#"{"id":820982911946154508}"#;
const SHOP: &str = "kind = 'hmac-body'\nsecrets = ['env:SHOP']\nheader = 'X-Shopify-Hmac-Sha256'";
const SHOP_SIGNATURE: &str = "kyauR7z5PN9Fi5kJNx+tmte5DekaBCSeY7jm9KFrRrA=";
const SHOP_SIGNATURE_HEX: &str = "9326ae47bcf93cdf458b9909371fad9ad7b90de91a04249e63b8e6f4a16b46b0";
const DESK: &str = "kind = 'hmac-timestamp-body'\nsecrets = ['env:DESK']\n\
    header = 'X-Zendesk-Webhook-Signature'\n\
    timestamp_header = 'X-Zendesk-Webhook-Signature-Timestamp'";
const DESK_TIME: &str = "2021-07-25T10:00:00Z";
const DESK_SIGNATURE: &str = "WZPmQvTOMx2N1IbVPyolDKV0pHbXWzej37YEpPfV4pw=";
const DESK_NOW: i64 = 1_627_207_200_000;

const GRAPH: &str = "kind = 'shared-token'\nsecrets = ['env:TOKEN']\n\
    pointer = '/value/*/clientState'\nhandshake = 'validation-token'";

fn environment(name: &str) -> Option<String> {
    let secret = match name {
        "STANDARD" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "OTHER_STANDARD" => "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "SHORT" => "whsec_c2hvcnQ=",
        "SHOP" => "0123456789abcdef0123456789abcdef",
        "DESK" => "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
        "TOKEN" => "s3cret-state",
        _ => return None,
    };
    Some(secret.to_owned())
}

fn resolve(text: &str) -> Result<Verifier, secret::Error> {
    let config: Config = toml::from_str(text).expect("a signature");
    config.resolve("partners.acme.access.signature", &environment)
}

fn verifier(text: &str) -> Verifier {
    resolve(text).expect("sound settings")
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn verify(
    verifier: &Verifier,
    now: i64,
    pairs: &[(&str, &str)],
    body: &str,
) -> Result<Option<String>, Reason> {
    let claim = verifier.claim(&headers(pairs), Timestamp::from_millis(now))?;
    let verified = verifier.verify(&claim, body.as_bytes())?;
    Ok(verified.key)
}

fn standard<'a>(id: &'a str, time: &'a str, signature: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("webhook-id", id),
        ("webhook-timestamp", time),
        ("webhook-signature", signature),
    ]
}

fn shop(signature: &str) -> [(&'static str, &str); 1] {
    [("x-shopify-hmac-sha256", signature)]
}

fn desk<'a>(time: &'a str, signature: &'a str) -> [(&'static str, &'a str); 2] {
    [
        ("x-zendesk-webhook-signature", signature),
        ("x-zendesk-webhook-signature-timestamp", time),
    ]
}

#[test]
fn the_published_example_of_standard_webhooks_is_verified() {
    let sent = standard(STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE);
    let verified = verify(&verifier(STANDARD), STANDARD_NOW, &sent, STANDARD_BODY);
    assert_eq!(verified, Ok(Some(STANDARD_ID.to_owned())));
}

#[test]
fn of_several_signatures_one_must_fit_and_other_versions_are_left_aside() {
    let verifier = verifier(STANDARD);
    let wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let check = |signatures: &str| {
        let sent = standard(STANDARD_ID, STANDARD_TIME, signatures);
        verify(&verifier, STANDARD_NOW, &sent, STANDARD_BODY).map(drop)
    };
    let asymmetric = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    let several = format!("{wrong} {asymmetric} {STANDARD_SIGNATURE} {wrong}");
    assert_eq!(check(&several), Ok(()));
    assert_eq!(check(wrong), Err(Reason::Wrong));
    let second = STANDARD_SIGNATURE.replace("v1,", "v2,");
    let many = format!("{wrong} ").repeat(16) + STANDARD_SIGNATURE;
    for malformed in [asymmetric, &second, "", "v1,", "v1,AAAA", &many] {
        let reason = Reason::HeaderMalformed(WEBHOOK_SIGNATURE);
        assert_eq!(check(malformed), Err(reason), "{malformed}");
    }
}

#[test]
fn a_header_that_is_missing_or_comes_twice_proves_nothing() {
    let verifier = verifier(STANDARD);
    let all = standard(STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE);
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        let (name, _) = some.remove(missing);
        let name: HeaderName = name.parse().unwrap();
        let found = verify(&verifier, STANDARD_NOW, &some, STANDARD_BODY);
        assert_eq!(found, Err(Reason::HeaderMissing(name.clone())));
        let mut twice = all.to_vec();
        twice.push(all[missing]);
        let found = verify(&verifier, STANDARD_NOW, &twice, STANDARD_BODY);
        assert_eq!(found, Err(Reason::HeaderMalformed(name)));
    }
}

#[test]
fn the_window_of_time_is_open_to_both_sides_and_no_further() {
    let verifier = verifier(STANDARD);
    let at = |ms| {
        let sent = standard(STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE);
        verify(&verifier, STANDARD_NOW + ms, &sent, STANDARD_BODY).map(drop)
    };
    assert_eq!(at(300_000), Ok(()));
    assert_eq!(at(-300_000), Ok(()));
    assert_eq!(at(301_000), Err(Reason::Stale(301)));
    assert_eq!(at(-301_000), Err(Reason::Stale(-301)));
    assert_eq!(
        at(i64::MAX - STANDARD_NOW).map_err(|it| it.code()),
        Err("timestamp-stale")
    );
}

#[test]
fn a_time_has_one_form_and_one_end() {
    for (text, millis) in [
        ("0", Some(0)),
        ("1614265330", Some(1_614_265_330_000)),
        ("2021-07-25T10:00:00Z", Some(DESK_NOW)),
        ("2021-07-25T12:00:00.5+02:00", Some(DESK_NOW + 500)),
        ("2021-07-25T12:00:00+02", None),
        ("2021-07-25T10:00:00", None),
        ("2021-07-25 10:00:00Z", None),
        ("2021-07-25", None),
        ("161426533012", None),
        ("-1614265330", None),
        ("+1614265330", None),
        ("1614265330.5", None),
        ("", None),
        ("Z", None),
    ] {
        let found = moment::either(text).map(Timestamp::as_millis);
        assert_eq!(found, millis, "{text}");
    }
    assert_eq!(moment::seconds("2021-07-25T10:00:00Z"), None);
}

#[test]
fn a_signed_body_is_verified_in_each_writing_and_is_its_own_key() {
    let key = Some(format!("signed:{}", Digest::of(BODY.as_bytes())));
    let hex = format!("{SHOP}\nencoding = 'hex'\nprefix = 'sha256='");
    let hex = verifier(&hex);
    let plain = verifier(SHOP);
    for (verifier, signature) in [
        (&plain, SHOP_SIGNATURE.to_owned()),
        (&plain, SHOP_SIGNATURE.trim_end_matches('=').to_owned()),
        (&hex, format!("sha256={SHOP_SIGNATURE_HEX}")),
        (
            &hex,
            format!("sha256={}", SHOP_SIGNATURE_HEX.to_uppercase()),
        ),
    ] {
        let found = verify(verifier, 0, &shop(&signature), BODY);
        assert_eq!(found, Ok(key.clone()), "{signature}");
    }
    for (verifier, signature) in [
        (&plain, ""),
        (&plain, SHOP_SIGNATURE_HEX),
        (&hex, SHOP_SIGNATURE_HEX),
        (&hex, "sha256="),
        (&hex, &format!("sha256={}", "é".repeat(32))),
    ] {
        let sent = headers(&[]);
        let mut sent = sent;
        let value = HeaderValue::from_bytes(signature.as_bytes()).unwrap();
        sent.insert("x-shopify-hmac-sha256", value);
        let found = verifier.claim(&sent, Timestamp::EPOCH).unwrap_err();
        assert_eq!(found.code(), "header-malformed", "{signature}");
    }
}

#[test]
fn the_senders_id_is_the_key_where_it_can_be_one() {
    let verifier = verifier(&format!("{SHOP}\nid_header = 'X-Shopify-Webhook-Id'"));
    let key = |ids: &[&str]| {
        let mut sent = shop(SHOP_SIGNATURE).to_vec();
        sent.extend(ids.iter().map(|id| ("x-shopify-webhook-id", *id)));
        verify(&verifier, 0, &sent, BODY).unwrap().unwrap()
    };
    assert_eq!(key(&["b54557e4"]), "b54557e4");
    let digest = format!("signed:{}", Digest::of(BODY.as_bytes()));
    for none in [&[][..], &[""], &["a b"], &["a", "b"], &[&"x".repeat(256)]] {
        assert_eq!(key(none), digest, "{none:?}");
    }
}

#[test]
fn a_signed_time_and_body_are_verified_and_are_their_own_key() {
    let verifier = verifier(DESK);
    let key = verify(&verifier, DESK_NOW, &desk(DESK_TIME, DESK_SIGNATURE), BODY);
    let digest = Digest::of(format!("{DESK_TIME}{BODY}").as_bytes());
    assert_eq!(key, Ok(Some(format!("signed:{digest}"))));
    let late = verify(
        &verifier,
        DESK_NOW + 400_000,
        &desk(DESK_TIME, DESK_SIGNATURE),
        BODY,
    );
    assert_eq!(late, Err(Reason::Stale(400)));
}

#[test]
fn a_token_in_a_header_is_compared_whole() {
    let verifier =
        verifier("kind = 'shared-token'\nsecrets = ['env:SHOP', 'env:TOKEN']\nheader = 'x-token'");
    let check = |token: &str| verify(&verifier, 0, &[("x-token", token)], "x");
    assert_eq!(check("s3cret-state"), Ok(None));
    for wrong in ["", "s3cret-stat", "s3cret-state2", "S3cret-state"] {
        assert_eq!(check(wrong), Err(Reason::Wrong), "{wrong}");
    }
    let missing = verify(&verifier, 0, &[], "x").unwrap_err();
    assert_eq!(missing.code(), "header-missing");
}

#[test]
fn a_token_in_the_body_must_stand_wherever_the_pointer_leads() {
    let verifier = verifier(GRAPH);
    let check = |body: &str| verify(&verifier, 0, &[], body);
    let right = r#"{"clientState":"s3cret-state","x":{"clientState":"no"}}"#;
    let wrong = r#"{"clientState":"other"}"#;
    assert_eq!(
        check(&format!(r#"{{"a":[1,{{}}],"value":[{right},{right}]}}"#)),
        Ok(None)
    );
    for body in [
        format!(r#"{{"value":[{wrong}]}}"#),
        format!(r#"{{"value":[{right},{wrong}]}}"#),
        format!(r#"{{"value":[{right},{wrong}]"#),
    ] {
        assert_eq!(check(&body), Err(Reason::Wrong), "{body}");
    }
    for body in [
        String::new(),
        "x".to_owned(),
        "{}".to_owned(),
        r#"{"value":[]}"#.to_owned(),
        r#"{"value":{}}"#.to_owned(),
        r#"{"value":"s3cret-state"}"#.to_owned(),
        r#"{"value":[{"clientState":["s3cret-state"]}]}"#.to_owned(),
        r#"{"value":[{"clientState":null}]}"#.to_owned(),
        format!(r#"{{"value":[{right},{{}}]}}"#),
        format!(r#"{{"value":[{right},7]}}"#),
        format!(r#"{{"value":[{right}],"value":[{right}]}}"#),
        format!(r#"{{"value":[{right}]}} {{}}"#),
        format!(r#"{{"value":[{right}]"#),
        format!(r#"{{"value":[{right}],"deep":{}"#, "[".repeat(100_000)),
    ] {
        let shown: String = body.chars().take(80).collect();
        assert_eq!(check(&body), Err(Reason::TokenMissing), "{shown}");
    }
}

#[test]
fn a_decoy_takes_what_the_verifier_takes_and_believes_none_of_it() {
    for (text, now, sent, body) in [
        (
            STANDARD,
            STANDARD_NOW,
            standard(STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE).to_vec(),
            STANDARD_BODY,
        ),
        (SHOP, 0, shop(SHOP_SIGNATURE).to_vec(), BODY),
        (
            DESK,
            DESK_NOW,
            desk(DESK_TIME, DESK_SIGNATURE).to_vec(),
            BODY,
        ),
        (
            GRAPH,
            0,
            Vec::new(),
            r#"{"value":[{"clientState":"s3cret-state"}]}"#,
        ),
    ] {
        let verifier = verifier(text);
        assert!(verify(&verifier, now, &sent, body).is_ok());
        let decoy = verifier.decoy().unwrap();
        assert_eq!(
            verify(&decoy, now, &sent, body),
            Err(Reason::Wrong),
            "{text}"
        );
        assert_eq!(
            verify(&decoy, now + 9_000_000, &[], body),
            verify(&verifier, now + 9_000_000, &[], body).and(Err(Reason::Wrong))
        );
        assert_eq!(decoy.handshake(), None);
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    let two = "secrets = ['env:SHOP']";
    let cases = [
        (
            "kind = 'hmac-body'\nsecrets = []\nheader = 'x'".to_owned(),
            "secrets: name one secret, or two during a rotation",
        ),
        (
            "kind = 'hmac-body'\nsecrets = ['env:A', 'env:B', 'env:C']\nheader = 'x'".to_owned(),
            "secrets: name one secret, or two during a rotation",
        ),
        (
            format!("kind = 'hmac-body'\n{two}\nheader = 'a b'"),
            "header: not the name of a header",
        ),
        (
            format!("kind = 'hmac-body'\n{two}\nheader = 'x'\nid_header = ''"),
            "id_header: not the name of a header",
        ),
        (
            format!(
                "kind = 'hmac-timestamp-body'\n{two}\nheader = 'x'\ntimestamp_header = 'y'\ntolerance_seconds = 0"
            ),
            "tolerance_seconds: between 1 and 86400",
        ),
        (
            format!(
                "kind = 'hmac-timestamp-body'\n{two}\nheader = 'x'\ntimestamp_header = 'y'\nseparator = '{}'",
                "s".repeat(65)
            ),
            "separator: at most 64 bytes",
        ),
        (
            format!("kind = 'shared-token'\n{two}"),
            "header: say either header or pointer",
        ),
        (
            format!("kind = 'shared-token'\n{two}\nheader = 'x'\npointer = '/a'"),
            "header: say either header or pointer",
        ),
        (
            format!("kind = 'shared-token'\n{two}\npointer = 'a'"),
            "pointer: a JSON pointer of at most 16 parts, as /value/*/clientState",
        ),
    ];
    for (text, message) in cases {
        let config: Config = toml::from_str(&text).unwrap();
        let error = config.check("signature").unwrap_err().to_string();
        assert_eq!(error, format!("signature.{message}"), "{text}");
    }
    for (text, message) in [
        (
            "kind = 'standard-webhooks'\nsecrets = ['env:SHORT']",
            "the secret is not base64 of 24 to 64 bytes, with or without whsec_",
        ),
        (
            "kind = 'standard-webhooks'\nsecrets = ['env:TOKEN']",
            "the secret is not base64 of 24 to 64 bytes, with or without whsec_",
        ),
        (
            "kind = 'standard-webhooks'\nsecrets = ['env:NOWHERE']",
            "the environment variable NOWHERE is not set",
        ),
    ] {
        let error = resolve(text).unwrap_err().to_string();
        assert!(
            error.contains(message) && !error.contains("s3cret"),
            "{error}"
        );
    }
    for text in [
        "kind = 'standard-webhooks'\nsecrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']",
        "kind = 'hmac-md5'\nsecrets = ['env:SHOP']",
        "kind = 'standard-webhooks'\nsecrets = ['env:SHOP']\nheader = 'x'",
    ] {
        let error = toml::from_str::<Config>(text).expect_err(text);
        assert!(!error.message().contains("MfKQ"), "{}", error.message());
    }
}

#[test]
fn neither_secrets_nor_right_signatures_are_printed() {
    let verifier = verifier(STANDARD);
    let sent = headers(&standard(STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE));
    let claim = verifier
        .claim(&sent, Timestamp::from_millis(STANDARD_NOW))
        .unwrap();
    let printed = format!("{verifier:?} {claim:?} {:?}", self::verifier(GRAPH));
    for secret in ["MfKQ", "g0hM", "s3cret", "[131, 72, 76"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever bit of a signed request is turned over, it proves nothing any more.
    #[test]
    fn one_flipped_bit_anywhere_is_refused(place in any::<prop::sample::Index>(), bit in 0_u8..7) {
        let verifier = verifier(STANDARD);
        let mut parts = [STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE, STANDARD_BODY]
            .map(|part| part.as_bytes().to_vec());
        let at = place.index(parts.iter().map(Vec::len).sum());
        let all = parts.iter_mut().flat_map(|part| part.iter_mut());
        let byte = all.into_iter().nth(at).unwrap();
        *byte ^= 1 << bit;
        let [id, time, signature, body] = parts;
        let mut sent = HeaderMap::new();
        for (name, value) in [(WEBHOOK_ID, id), (WEBHOOK_TIMESTAMP, time), (WEBHOOK_SIGNATURE, signature)] {
            // A server never sees a header with a control character in it.
            let Ok(value) = HeaderValue::from_bytes(&value) else {
                return Ok(());
            };
            sent.append(name, value);
        }
        let now = Timestamp::from_millis(STANDARD_NOW);
        let found = verifier.claim(&sent, now).and_then(|claim| verifier.verify(&claim, &body));
        prop_assert!(found.is_err());
    }

    #[test]
    fn one_flipped_bit_of_a_signed_time_or_body_is_refused(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let verifier = verifier(DESK);
        let mut signed = format!("{DESK_TIME}{BODY}").into_bytes();
        let at = place.index(signed.len());
        signed[at] ^= 1 << bit;
        let (time, body) = signed.split_at(DESK_TIME.len());
        let Ok(time) = HeaderValue::from_bytes(time) else {
            return Ok(());
        };
        let mut sent = headers(&[("x-zendesk-webhook-signature", DESK_SIGNATURE)]);
        sent.append("x-zendesk-webhook-signature-timestamp", time);
        let now = Timestamp::from_millis(DESK_NOW);
        let found = verifier.claim(&sent, now).and_then(|claim| verifier.verify(&claim, body));
        prop_assert!(found.is_err());
    }

    /// Where nothing stands between time and body, moving the border between them makes
    /// no other request of a captured one.
    #[test]
    fn a_border_that_moves_between_time_and_body_is_refused(
        seconds in 1_600_000_000_i64..1_900_000_000,
        body in "[0-9]{1,8}[a-z]{0,3}",
        border in any::<prop::sample::Index>(),
    ) {
        let verifier = verifier(DESK);
        let whole = format!("{seconds}{body}");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, environment("DESK").unwrap().as_bytes());
        let mac = ring::hmac::sign(&key, whole.as_bytes());
        let signature = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, mac.as_ref());
        let border = border.index(whole.len());
        let (time, rest) = whole.split_at(border);
        let found = verify(&verifier, seconds * 1_000, &desk(time, &signature), rest);
        prop_assert_eq!(found.is_ok(), time == seconds.to_string());
    }

    #[test]
    fn no_header_and_no_body_makes_it_panic(value in "\\PC{0,80}", body in any::<Vec<u8>>()) {
        for text in [STANDARD, SHOP, DESK, GRAPH] {
            let verifier = verifier(text);
            let mut sent = HeaderMap::new();
            for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "x-shopify-hmac-sha256", "x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"] {
                if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                    sent.append(name, value);
                }
            }
            let found = verifier.claim(&sent, Timestamp::EPOCH).and_then(|claim| verifier.verify(&claim, &body));
            prop_assert!(found.is_err());
        }
    }
}
