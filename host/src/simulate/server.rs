//! A simulated partner's sockets: it listens on loopback at a port of its own, answers
//! as its script says, sends what the partner has to tell, and shows its books.
//!
//! It promises that nothing reaches the partner of a request that the script refuses,
//! closes or lets wait, so that what the partner has seen can be counted.
//!
//! `/__script`, `/__books` and `/__acts` are its own; the script is not about them.

mod control;

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Response, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use super::{
    books::{Books, Entry, Line, Sent},
    ingress::{Ingress, Message},
    partner::{Outgoing, Partner},
    script::{Cue, Director, Ending, Refusal, Script},
    wire::{Answer, Request},
};
use crate::clock::Clock;

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;

/// The longest body, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long to leave the accept loop alone when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The pause before a message is sent again that the host did not take.
const SEND_PAUSE: Duration = Duration::from_millis(200);

/// Messages that wait to be sent; beyond it the oldest is given up.
const OUTBOX_MAX: usize = 10_000;

/// How a simulator is run.
#[derive(Debug, Default)]
pub struct Options {
    /// Where it listens on 127.0.0.1; any free port for 0.
    pub port: u16,
    /// How it behaves from the beginning.
    pub script: Script,
    /// Who watches; lines are left out while nobody takes them.
    pub lines: Option<mpsc::Sender<Line>>,
}

/// A running partner; it ends when this is dropped.
#[derive(Debug)]
pub struct Simulator<P> {
    address: SocketAddr,
    scene: Arc<Scene<P>>,
    accepting: AbortHandle,
    sending: Option<AbortHandle>,
}

#[derive(Debug)]
struct Scene<P> {
    clock: Clock,
    inside: Mutex<Inside<P>>,
    /// Counts the scripts; requests that wait look again when it moves.
    scripts: watch::Sender<u64>,
    /// Rings when there may be something to send.
    bell: Notify,
    lines: Option<mpsc::Sender<Line>>,
}

#[derive(Debug)]
struct Inside<P> {
    partner: P,
    director: Director,
    books: Books,
    outbox: VecDeque<Outgoing>,
    /// Messages that nobody took in time.
    given_up: u64,
}

/// The connection is closed without a word.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("closed as the script says")]
struct Closed;

// === impl Simulator ===

impl<P: Partner> Simulator<P> {
    /// Opens a partner's gates.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn start(partner: P, options: Options, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let scene = Arc::new(Scene {
            clock,
            inside: Mutex::new(Inside {
                partner,
                director: Director::default(),
                books: Books::default(),
                outbox: VecDeque::new(),
                given_up: 0,
            }),
            scripts: watch::Sender::new(0),
            bell: Notify::new(),
            lines: options.lines,
        });
        scene.play(options.script);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&scene))).abort_handle();
        Ok(Self {
            address,
            scene,
            accepting,
            sending: None,
        })
    }

    /// From now on it sends what it has to tell.
    pub fn send_to(&mut self, way: Ingress) {
        let sending = tokio::spawn(send_all(Arc::clone(&self.scene), way)).abort_handle();
        if let Some(before) = self.sending.replace(sending) {
            before.abort();
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Behaves so, from this moment.
    pub fn play(&self, script: Script) {
        self.scene.play(script);
    }

    /// Looks inside, or changes something there; what is to be sent for it is sent.
    pub fn inside<T>(&self, act: impl FnOnce(&mut P) -> T) -> T {
        self.scene.act(act)
    }

    /// Has its people do something.
    ///
    /// # Errors
    /// Says what they can't do.
    pub fn act(&self, act: &Value) -> Result<Value, String> {
        let now = self.scene.clock.now();
        self.scene.act(|partner| partner.act(act, now))
    }

    /// The latest requests, in their order.
    #[must_use]
    pub fn received(&self) -> Vec<Entry> {
        self.scene.inside(|inside| inside.books.entries())
    }

    /// The latest messages that the host has taken or refused, in their order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.scene.inside(|inside| inside.books.sent())
    }
}

impl<P> Drop for Simulator<P> {
    fn drop(&mut self) {
        // Connections are tasks of the accept loop and end with it.
        self.accepting.abort();
        if let Some(sending) = &self.sending {
            sending.abort();
        }
    }
}

// === impl Scene ===

impl<P: Partner> Scene<P> {
    fn inside<T>(&self, act: impl FnOnce(&mut Inside<P>) -> T) -> T {
        act(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets the partner do something, and takes from it what it wants to send.
    fn act<T>(&self, act: impl FnOnce(&mut P) -> T) -> T {
        let done = self.inside(|inside| {
            let done = act(&mut inside.partner);
            inside.outbox.extend(inside.partner.outgoing());
            while inside.outbox.len() > OUTBOX_MAX {
                inside.outbox.pop_front();
                inside.given_up += 1;
            }
            done
        });
        self.bell.notify_one();
        done
    }

    fn play(&self, script: Script) {
        let business = script.business;
        self.inside(|inside| inside.director = Director::new(script));
        self.act(|partner| partner.do_business(business));
        self.scripts.send_modify(|number| *number += 1);
    }

    /// What is to be done with a request, once that is decided.
    async fn cue(&self, request: &Request) -> (Cue, u64) {
        let mut scripts = self.scripts.subscribe();
        loop {
            scripts.borrow_and_update();
            let target = request.target();
            let cue = self.inside(|inside| inside.director.direct(&request.method, &target));
            if cue.0 != Cue::Wait {
                return cue;
            }
            // An error means that the simulator has ended; so does this request then.
            if scripts.changed().await.is_err() {
                return (Cue::Close, 0);
            }
        }
    }

    /// The partner's answer; none where the connection is closed.
    async fn answer(&self, request: &Request) -> Option<Answer> {
        let (cue, delay_ms) = self.cue(request).await;
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        let work = || {
            let now = self.clock.now();
            self.act(|partner| partner.answer(request, now))
        };
        let refuse = |refusal: &Refusal| self.inside(|inside| inside.partner.refuse(refusal));
        match cue {
            Cue::Work => Some(work()),
            Cue::WorkThen(Ending::Fail) => {
                let done = work();
                let note = format!("{} (done, and answered 500)", done.note);
                Some(refuse(&Refusal::Failed).noted(note.trim()))
            }
            Cue::WorkThen(Ending::Close) => {
                work();
                None
            }
            Cue::Refuse(refusal) => Some(refuse(&refusal).noted("as the script says")),
            Cue::Close | Cue::Wait => None,
        }
    }

    fn write_down(&self, request: &Request, answer: Option<&Answer>, begun: Instant) {
        let entry = Entry {
            number: 0,
            at: self.clock.now(),
            method: request.method.clone(),
            target: request.target(),
            status: answer.map(|it| it.status),
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            note: answer.map_or_else(|| "closed".to_owned(), |it| it.note.clone()),
        };
        let entry = self.inside(|inside| inside.books.receive(entry));
        self.show(Line::Received(entry));
    }

    fn show(&self, line: Line) {
        if let Some(lines) = &self.lines {
            // Whoever watches too slowly misses some.
            drop(lines.try_send(line));
        }
    }

    /// The next message to send, and how often.
    fn next(&self) -> Option<(Outgoing, u32)> {
        self.inside(|inside| {
            let sends = inside.director.script().sends.clone();
            let outgoing = match sends.reversed {
                false => inside.outbox.pop_front(),
                true if inside.outbox.len() < 2 => None,
                true => inside.outbox.pop_back(),
            };
            outgoing.map(|it| (it, sends.copies))
        })
    }
}

async fn accept<P: Partner>(listener: TcpListener, scene: Arc<Scene<P>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = connection(stream, Arc::clone(&scene));
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection<P: Partner>(stream: TcpStream, scene: Arc<Scene<P>>) {
    let service = service_fn(move |request| respond(Arc::clone(&scene), request));
    // How a connection ends is its own affair: the caller tries again.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn respond<P: Partner>(
    scene: Arc<Scene<P>>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(written(Answer::empty(413))),
    };
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if control::is_meant(&request) {
        return Ok(written(control::answer(&scene, &request)));
    }
    let answer = scene.answer(&request).await;
    scene.write_down(&request, answer.as_ref(), begun);
    answer.map(written).ok_or(Closed)
}

fn written(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    if let Some(content_type) = answer.content_type {
        response = response.header(header::CONTENT_TYPE, content_type);
    }
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response
        .body(Full::new(answer.body.into()))
        .unwrap_or_else(|_| {
            // A status or header that HTTP does not have: a defect of the partner's.
            let mut broken = Response::new(Full::new(Bytes::new()));
            *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            broken
        })
}

/// Sends message after message; one that the host does not take is sent until it does.
async fn send_all<P: Partner>(scene: Arc<Scene<P>>, way: Ingress) {
    loop {
        let Some((outgoing, copies)) = scene.next() else {
            scene.bell.notified().await;
            continue;
        };
        let (kind, message) = (outgoing.kind.clone(), Message::from(outgoing));
        let (mut copy, mut told) = (0, false);
        while copy < copies {
            let answer = match way.send(message.clone()).await {
                Ok(answer) => answer,
                Err(said) => {
                    if !told {
                        scene.show(Line::Waits(kind.clone(), said));
                        told = true;
                    }
                    tokio::time::sleep(SEND_PAUSE).await;
                    continue;
                }
            };
            copy += 1;
            let sent = Sent {
                at: scene.clock.now(),
                kind: kind.clone(),
                key: message.key.clone(),
                answer,
            };
            scene.inside(|inside| inside.books.send(sent.clone()));
            scene.show(Line::Sent(sent));
        }
    }
}

#[cfg(test)]
mod tests;
