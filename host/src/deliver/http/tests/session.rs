//! Tokens and cookies, over real connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A partner that answers each request by a function of the requests so far, and is
/// its own token endpoint at `/token`.
struct Scripted {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(answer: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::<String>::new()));
        let (log, answer) = (Arc::clone(&heard), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    let place = request.split(' ').nth(1).unwrap_or_default().to_owned();
                    let earlier = {
                        let mut heard = log.lock().expect("unpoisoned");
                        let same = |it: &&String| it.split(' ').nth(1) == Some(place.as_str());
                        let earlier = heard.iter().filter(same).count();
                        heard.push(request.clone());
                        earlier
                    };
                    let answer = answer(&request, earlier);
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, heard }
    }

    fn heard(&self, path: &str) -> Vec<String> {
        let heard = self.heard.lock().expect("unpoisoned");
        let matching = heard.iter().filter(|it| it.split(' ').nth(1) == Some(path));
        matching.cloned().collect()
    }

    fn client(&self, more: &str) -> Client {
        let text = format!(
            "kind = 'oauth2-client-credentials'\ntoken_url = 'http://{}/token'\nclient_id = 'us'\nclient_secret = 'env:SECRET'\n{more}",
            self.address
        );
        let credential: credentials::Config = toml::from_str(&text).expect("a credential");
        let credential = credential
            .resolve("partners.acme.endpoint.credential", &|_| {
                Some("s3cret".to_owned())
            })
            .expect("resolved");
        let url = format!("http://{}/", self.address);
        Client::new(Config {
            credential,
            ..config(&url)
        })
        .expect("a client")
    }
}

fn answered(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

fn token(number: usize) -> String {
    let body =
        format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":3600}}"#);
    answered("200 OK", "", &body)
}

fn bears(request: &str, token: &str) -> bool {
    request.contains(&format!("authorization: Bearer {token}\r\n"))
}

fn later(seconds: u64) -> Call<'static> {
    Call {
        now: NOW.plus(Duration::from_secs(seconds)),
        ..CALL
    }
}

async fn send(client: &Client, call: Call<'static>) -> Result<Response, TransportError> {
    client.perform(request("orders"), IDENTITY, call).await
}

#[tokio::test]
async fn one_token_is_fetched_for_all_and_never_shown() {
    let partner = Scripted::start(|request, earlier| {
        if request.starts_with("POST /token ") {
            return token(earlier);
        }
        answered("200 OK", "", "ok")
    })
    .await;
    let client = partner.client("");
    let sending: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { send(&client, CALL).await })
        })
        .collect();
    for sent in sending {
        let response = sent.await.expect("no panic").expect("answered");
        assert_eq!((response.status, response.again), (StatusCode::OK, false));
    }
    let asked = partner.heard("/token");
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].contains("authorization: Basic dXM6czNjcmV0\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        asked[0].ends_with("grant_type=client_credentials"),
        "{}",
        asked[0]
    );
    let orders = partner.heard("/orders");
    assert_eq!(orders.len(), 20);
    assert!(orders.iter().all(|it| bears(it, "token-0")));
    let shown = format!("{client:?}");
    assert!(
        !shown.contains("token-0") && !shown.contains("s3cret"),
        "{shown}"
    );
    let standing = &client.credentials()[0];
    let status = standing.token.as_ref().expect("a token");
    assert_eq!(status.fetched_at, Some(NOW));
    assert_eq!(
        status.expires_at,
        Some(NOW.plus(Duration::from_secs(3_600)))
    );
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_request_goes_once_more() {
    let partner = Scripted::start(|request, earlier| {
        if request.starts_with("POST /token ") {
            return token(earlier);
        }
        match bears(request, "token-1") {
            true => answered("201 Created", "", "ok"),
            false => answered(
                "401 Unauthorized",
                "",
                r#"[{"errorCode":"INVALID_SESSION_ID"}]"#,
            ),
        }
    })
    .await;
    let client = partner.client("");
    let response = send(&client, CALL).await.expect("answered");
    assert_eq!(
        (response.status, response.again),
        (StatusCode::CREATED, true)
    );
    let orders = partner.heard("/orders");
    assert_eq!(orders.len(), 2);
    assert!(
        orders
            .iter()
            .all(|it| it.contains("idempotency-key: delivery-1\r\n"))
    );
    let response = send(&client, CALL).await.expect("answered");
    assert!(!response.again);
    assert_eq!(partner.heard("/token").len(), 2);
}

#[tokio::test]
async fn a_partner_that_refuses_every_token_is_not_asked_for_ever() {
    let partner = Scripted::start(|request, earlier| {
        if request.starts_with("POST /token ") {
            return token(earlier);
        }
        answered("401 Unauthorized", "", "no")
    })
    .await;
    let client = partner.client("");
    for _ in 0..5 {
        let response = send(&client, CALL).await.expect("answered");
        assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    }
    // The first, and the one that took its place.
    assert_eq!(partner.heard("/token").len(), 2);
    assert_eq!(partner.heard("/orders").len(), 6);
}

#[tokio::test]
async fn a_token_is_used_while_its_renewal_fails() {
    let partner = Scripted::start(|request, earlier| {
        if request.starts_with("POST /token ") {
            return match earlier {
                0 => token(0),
                1 => answered("503 Service Unavailable", "retry-after: 9\r\n", ""),
                2 => answered("401 Unauthorized", "", r#"{"error":"invalid_client"}"#),
                _ => token(3),
            };
        }
        answered("200 OK", "", "ok")
    })
    .await;
    let client = partner.client("");
    let status = || client.credentials()[0].token.clone().expect("a token");
    send(&client, CALL).await.expect("answered");
    // It is renewed beside the request, which does not wait for that.
    send(&client, later(3_000)).await.expect("answered");
    while status().failed == 0 {
        tokio::task::yield_now().await;
    }
    send(&client, later(3_001)).await.expect("answered");
    assert_eq!(partner.heard("/token").len(), 2, "a failed renewal rests");
    assert!(
        partner
            .heard("/orders")
            .iter()
            .all(|it| bears(it, "token-0"))
    );

    let error = send(&client, later(3_600)).await.expect_err("no token");
    assert_eq!(error.code(), "token-refused");
    assert_eq!((error.fault(), error.retryable()), (Fault::Settings, false));
    assert_eq!(error.outcome(), Outcome::Ours);
    assert!(!error.may_have_arrived());
    // The failure stands for a moment: whoever comes at once gets the same.
    assert_eq!(
        send(&client, later(3_600)).await.expect_err("no token"),
        error
    );
    assert_eq!(partner.heard("/token").len(), 3);
    send(&client, later(3_620)).await.expect("answered");
    assert!(bears(&partner.heard("/orders")[3], "token-3"));
    assert_eq!((status().fetched, status().failed), (2, 2));
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_the_partners_fault_and_waits_are_told() {
    let partner = Scripted::start(|_, earlier| match earlier {
        0 => answered("429 Too Many Requests", "retry-after: 9\r\n", ""),
        1 => answered("200 OK", "", "<html>"),
        _ => String::new(),
    })
    .await;
    let client = partner.client("");
    let mut texts = Vec::new();
    for attempt in 0..3 {
        let error = send(&client, later(attempt * 10))
            .await
            .expect_err("no token");
        assert_eq!((error.fault(), error.retryable()), (Fault::Partner, true));
        assert_eq!(error.code(), "token-unavailable");
        let wait = (attempt == 0).then_some(Duration::from_secs(9));
        assert_eq!(error.outcome(), Outcome::Failed { retry_after: wait });
        texts.push(error.to_string());
    }
    assert_eq!(
        texts[0],
        "the token endpoint answered 429; it asks to be left alone for 9 s"
    );
    assert_eq!(texts[1], "the token endpoint's answer has no access_token");
    assert!(
        texts[2].starts_with("no token: the connection ended"),
        "{}",
        texts[2]
    );
    assert_eq!(partner.heard("/orders").len(), 0);
}

#[tokio::test]
async fn a_token_endpoint_is_bound_by_the_same_addresses_and_redirects_are_not_followed() {
    let partner = Scripted::start(|_, _| {
        answered(
            "307 Temporary Redirect",
            "location: http://169.254.169.254/\r\n",
            "",
        )
    })
    .await;
    let error = send(&partner.client(""), CALL).await.expect_err("no token");
    assert_eq!(error.to_string(), "the token endpoint answered 307");
    let text = "kind = 'oauth2-client-credentials'\ntoken_url = 'http://169.254.169.254/token'\nclient_id = 'us'\nclient_secret = 'env:SECRET'";
    let credential: credentials::Config = toml::from_str(text).expect("a credential");
    let credential = credential
        .resolve("credential", &|_| Some("s3cret".to_owned()))
        .expect("resolved");
    let refused = Client::new(Config {
        credential,
        ..config(&format!("http://{}/", partner.address))
    });
    let refused = refused.expect_err("an inner address");
    assert_eq!(
        refused.to_string(),
        "the token endpoint of credential: 169.254.169.254 is a cloud metadata address, which allow_networks does not include"
    );
    let elsewhere = "token_allow_networks = ['10.0.0.0/8']";
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| partner.client(elsewhere)));
    assert!(made.is_err(), "the token endpoint has networks of its own");
}

#[tokio::test]
async fn an_adapter_chooses_among_named_credentials() {
    let partner = Partner::answering(OK).await;
    let named = BTreeMap::from([("stock".to_owned(), bearer())]);
    let client = Client::new(Config {
        named,
        ..config(&partner.url())
    })
    .expect("a client");
    send(&client, CALL).await.expect("answered");
    let call = Call {
        credential: Some("stock"),
        ..CALL
    };
    send(&client, call).await.expect("answered");
    let heard = partner.received();
    assert_eq!(heard.matches("authorization: Bearer s3cret").count(), 1);
    let call = Call {
        credential: Some("orders"),
        ..CALL
    };
    let error = send(&client, call).await.expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "the adapter wants to sign with \"orders\"; the partner's credentials are stock"
    );
    assert_eq!((error.fault(), error.retryable()), (Fault::Settings, false));
    assert_eq!(partner.received(), heard, "nothing was sent");
}

#[tokio::test]
async fn a_conversation_keeps_its_cookies_and_no_other_gets_them() {
    let count = Arc::new(AtomicUsize::new(0));
    let partner = {
        let count = Arc::clone(&count);
        Scripted::start(move |request, _| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            match request.contains("cookie: ") {
                true => answered("200 OK", "", "ok"),
                false => answered(
                    "200 OK",
                    &format!("set-cookie: session={number}; path=/; HttpOnly\r\n"),
                    "ok",
                ),
            }
        })
        .await
    };
    let client = Client::new(config(&format!("http://{}/", partner.address))).expect("a client");
    let of = |conversation: &'static str| Call {
        conversation,
        ..CALL
    };
    for conversation in ["a", "b", "a", "b"] {
        let response = send(&client, of(conversation)).await.expect("answered");
        assert!(!response.headers.contains_key("set-cookie"));
    }
    let heard = partner.heard("/orders");
    assert!(!heard[0].contains("cookie: ") && !heard[1].contains("cookie: "));
    assert!(heard[2].contains("cookie: session=0\r\n"), "{}", heard[2]);
    assert!(heard[3].contains("cookie: session=1\r\n"), "{}", heard[3]);
    assert!(client.holds_cookies("a"));
    client.forget("a");
    assert!(!client.holds_cookies("a"));
    send(&client, of("a")).await.expect("answered");
    assert!(!partner.heard("/orders")[4].contains("cookie: "));
}
