use serde_json::json;

use super::*;
use crate::{
    clock::Timestamp,
    simulate::{
        ingress,
        script::{Answers, Business},
    },
};

/// A partner that counts.
#[derive(Debug, Default)]
struct Counter {
    requests: u64,
    business: Business,
}

impl Partner for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn answer(&mut self, request: &Request, _: Timestamp) -> Answer {
        self.requests += 1;
        Answer::json(200, &json!({ "body": request.body.len() })).noted("counted")
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        match refusal {
            Refusal::Rejected(_) => Answer::empty(422),
            Refusal::Unavailable { .. } => Answer::empty(503),
            Refusal::RateLimited { retry_after } => {
                Answer::empty(429).with_header("retry-after", retry_after)
            }
            Refusal::Failed => Answer::empty(500),
        }
    }

    fn act(&mut self, act: &Value, _: Timestamp) -> Result<Value, String> {
        self.requests += act["add"].as_u64().ok_or("`add` is missing")?;
        Ok(json!(self.requests))
    }

    fn effects(&self) -> Value {
        json!({ "requests": self.requests })
    }

    fn do_business(&mut self, business: Business) {
        self.business = business;
    }
}

async fn counter() -> (Simulator<Counter>, reqwest::Client) {
    let clock = Clock::manual(Timestamp::EPOCH);
    let started = Simulator::start(Counter::default(), Options::default(), clock).await;
    (started.unwrap(), ingress::client().unwrap())
}

async fn ask(client: &reqwest::Client, simulator: &Simulator<Counter>) -> Option<u16> {
    let sent = client.post(simulator.url()).body("hello").send().await;
    sent.ok().map(|response| response.status().as_u16())
}

#[tokio::test]
async fn answers_as_the_script_says() {
    let (simulator, client) = counter().await;
    assert_eq!(ask(&client, &simulator).await, Some(200));
    let limited = Answers::RateLimited {
        retry_after_seconds: 7,
    };
    for (answers, status, reached) in [
        (
            Answers::Unavailable {
                retry_after_seconds: None,
            },
            Some(503),
            false,
        ),
        (limited, Some(429), false),
        (Answers::Down, None, false),
        (Answers::FailAfterWork, Some(500), true),
        (Answers::LoseAnswer, None, true),
        (Answers::Accept, Some(200), true),
    ] {
        let before = simulator.inside(|it| it.requests);
        simulator.play(Script::answering(answers.clone()));
        assert_eq!(ask(&client, &simulator).await, status, "{answers:?}");
        let after = simulator.inside(|it| it.requests);
        assert_eq!(after > before, reached, "{answers:?}");
    }
    let notes: Vec<_> = simulator
        .received()
        .into_iter()
        .map(|it| (it.status, it.note))
        .collect();
    assert_eq!(
        notes[4],
        (Some(500), "counted (done, and answered 500)".to_owned())
    );
    assert_eq!(notes[5], (None, "closed".to_owned()));
}

#[tokio::test]
async fn one_that_hangs_answers_when_the_script_changes() {
    let (simulator, client) = counter().await;
    simulator.play(Script::answering(Answers::Hang));
    let asking = ask(&client, &simulator);
    tokio::pin!(asking);
    // Whoever waits for another script has subscribed to it.
    while simulator.scene.scripts.receiver_count() == 0 {
        tokio::select! {
            biased;
            answer = &mut asking => panic!("answered {answer:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(simulator.inside(|it| it.requests), 0);
    simulator.play(Script::default());
    assert_eq!(asking.await, Some(200));
}

#[tokio::test]
async fn is_told_and_asked_over_http_even_when_it_is_down() {
    let (simulator, client) = counter().await;
    let url = simulator.url();
    let script = r#"{"answers":{"kind":"down"},"business":"told"}"#;
    let put = client.put(format!("{url}/__script")).body(script);
    assert_eq!(put.send().await.unwrap().status(), 200);
    assert_eq!(ask(&client, &simulator).await, None);
    assert_eq!(simulator.inside(|it| it.business), Business::Told);
    let wrong = client.put(format!("{url}/__script")).body("{\"a\":1}");
    assert_eq!(wrong.send().await.unwrap().status(), 400);

    let act = client.post(format!("{url}/__acts")).body(r#"{"add":5}"#);
    assert_eq!(act.send().await.unwrap().text().await.unwrap(), "5");
    let act = client.post(format!("{url}/__acts")).body("{}");
    assert_eq!(act.send().await.unwrap().status(), 422);
    let books = client.get(format!("{url}/__books")).send().await.unwrap();
    let books: Value = serde_json::from_slice(&books.bytes().await.unwrap()).unwrap();
    assert_eq!(books["effects"], json!({ "requests": 5 }));
    assert_eq!(books["received_total"], 1);
    assert_eq!(books["received"][0]["status"], Value::Null);
}
