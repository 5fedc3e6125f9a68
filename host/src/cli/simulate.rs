//! `crossdock simulate`: a partner that is not there, for those who write or connect its
//! adapter.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::{print, report::Failed};
use crate::{
    clock::Clock,
    ingress::authenticate::Token,
    interrupt::asked_to_end,
    message::PartnerName,
    simulate::{
        books::Line,
        connection::{self, Access, Connection, Kind},
        ingress::{self, Ingress},
        partner::Partner,
        script::Script,
        server::{Options, Simulator},
    },
};

/// Lines that wait to be printed; what is more than that is not shown.
const LINES_MAX: usize = 1_024;

/// Where secrets of an earlier run are given again.
const SECRET: &str = "SIMULATED_PARTNER_SECRET";
const SENDER: &str = "SIMULATED_PARTNER_SENDER";

/// What to simulate.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which partner
    #[arg(value_name = "PARTNER")]
    which: Which,
    /// Port to listen at on 127.0.0.1; any free one if absent
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Where the host is, to send it what the partner has to tell; nothing is sent if absent
    #[arg(long, value_name = "URL")]
    host_url: Option<String>,
    /// What the partner is called in the host's configuration; its kind if absent
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
    /// How it behaves from the beginning: JSON, as PUT /__script takes it
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The secret that the host presents to it; a new one if absent
    #[arg(long, env = SECRET, hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
    /// The token or signing secret by which the host knows it; a new one if absent
    #[arg(long, env = SENDER, hide_env_values = true, value_name = "SECRET")]
    sender: Option<String>,
}

/// A partner, by the name of its adapter.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// SAP S/4HANA: sales orders over OData, IDocs
    Sap,
    /// Salesforce: records, queries, events
    Salesforce,
    /// ShipBob: orders, stock, signed webhooks
    Shipbob,
    /// A warehouse that takes X12 over HTTP
    #[value(name = "x12-3pl")]
    X12,
}

/// What proves who is who.
struct Secrets {
    /// The host to the partner.
    secret: String,
    /// The partner to the host.
    sender: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failed> {
    let secrets = Secrets::of(&arguments)?;
    let script = match &arguments.script {
        Some(path) => read_script(path)?,
        None => Script::default(),
    };
    let secret = secrets.secret.clone();
    match arguments.which {
        Which::Sap => {
            play(
                connection::sap(&secret),
                Kind::Sap,
                arguments,
                secrets,
                script,
            )
            .await
        }
        Which::Salesforce => {
            let org = connection::salesforce(&secret);
            play(org, Kind::Salesforce, arguments, secrets, script).await
        }
        Which::Shipbob => {
            let account = connection::shipbob(&secret);
            play(account, Kind::ShipBob, arguments, secrets, script).await
        }
        Which::X12 => {
            let house = connection::warehouse(&secret);
            play(house, Kind::X12, arguments, secrets, script).await
        }
    }
}

fn read_script(path: &Path) -> Result<Script, Failed> {
    let json = fs::read(path).map_err(|error| {
        Failed::work(format!(
            "the script {} can't be read: {error}",
            path.display()
        ))
    })?;
    Script::read(&json).map_err(|error| Failed::work(format!("{}: {error}", path.display())))
}

async fn play<P: Partner>(
    partner: P,
    kind: Kind,
    arguments: Arguments,
    secrets: Secrets,
    script: Script,
) -> Result<(), Failed> {
    let name = arguments.partner.as_deref().unwrap_or(kind.name());
    PartnerName::parse(name).map_err(|error| Failed::work(format!("--partner: {error}")))?;
    let host = arguments.host_url.as_deref();
    // Made also when nothing is sent: the host is told the same secret.
    let sending = way(kind, host.unwrap_or_default(), name, &secrets)?;
    let (lines, mut shown) = mpsc::channel(LINES_MAX);
    let acts = partner.acts();
    let port = arguments.port.unwrap_or(0);
    let options = Options {
        port,
        script,
        lines: Some(lines),
    };
    let started = Simulator::start(partner, options, Clock::System).await;
    let mut simulator = started.map_err(|error| {
        Failed::work(format!(
            "the partner can't listen at 127.0.0.1:{port}: {error}; --port chooses another port"
        ))
    })?;
    introduce(kind, name, &simulator.url(), &secrets, acts);
    if host.is_some() {
        simulator.send_to(sending);
    } else {
        print::line("Nothing is sent: --host-url says where the host is.");
    }
    let mut stopped = std::pin::pin!(asked_to_end());
    loop {
        tokio::select! {
            () = &mut stopped => return Ok(()),
            line = shown.recv() => match line {
                Some(line) => print::line(print::inert(&said(&line))),
                None => return Ok(()),
            },
        }
    }
}

fn way(kind: Kind, host: &str, name: &str, secrets: &Secrets) -> Result<Ingress, Failed> {
    let client = ingress::client().map_err(Failed::work)?;
    let host = host.trim_end_matches('/');
    match kind {
        Kind::ShipBob => Ingress::signed(client, host, name, &secrets.sender, Clock::System)
            .map_err(|error| Failed::work(format!("--sender or {SENDER}: {error}"))),
        Kind::X12 => Ok(Ingress::new(client, host, name, &secrets.sender)),
        Kind::Sap | Kind::Salesforce => Ok(Ingress::keyless(client, host, name, &secrets.sender)),
    }
}

/// Says what is there, how a host is connected, and how it is made to misbehave.
fn introduce(
    kind: Kind,
    name: &str,
    url: &str,
    secrets: &Secrets,
    acts: &[(&'static str, &'static str)],
) {
    let variable = variable(name);
    let (secret, signing) = (format!("env:{variable}"), format!("env:{variable}_SIGNING"));
    let access = match kind {
        Kind::ShipBob => Access::Signature(&signing),
        _ => Access::Token(format!("{:x}", Sha256::digest(&secrets.sender))),
    };
    print::line(format!("{} is simulated at {url}", kind.name()));
    for line in kind.serves() {
        print::line(format!("  {line}"));
    }
    print::line("\nIn the host's environment (new with each run, unless given):");
    print::line(format!("  export {variable}='{}'", secrets.secret));
    if kind == Kind::ShipBob {
        print::line(format!("  export {variable}_SIGNING='{}'", secrets.sender));
    }
    print::line("\nIn crossdock.toml, with routes to and from it:\n");
    let connection = Connection {
        partner: name,
        url,
        secret: &secret,
        access,
        role: "",
        settings: "",
        endpoint: "",
    };
    for line in kind.configuration(&connection).lines() {
        print::line(format!("  {line}").trim_end());
    }
    print::line("\nAgain with the same secrets:");
    print::line(format!("  export {SECRET}='{}'", secrets.secret));
    print::line(format!("  export {SENDER}='{}'", secrets.sender));
    print::line("\nMake it misbehave, and look what it holds:");
    print::line(format!(
        "  curl -X PUT {url}/__script -d '{}'",
        kind.nasty()
    ));
    print::line(format!("  curl -X PUT {url}/__script -d '{{}}'"));
    print::line(format!("  curl {url}/__books"));
    print::line("\nHave its people do something:");
    if kind != Kind::Salesforce {
        print::line(format!(
            "  curl -X PUT {url}/__script -d '{{\"business\":\"told\"}}'   # until then it does its business by itself"
        ));
    }
    for (example, words) in acts {
        print::line(format!("  curl {url}/__acts -d '{example}'   # {words}"));
    }
    print::line("\nCtrl-C ends it.\n");
}

/// An environment variable for the partner's secret; no shell takes one that begins with
/// a digit.
fn variable(name: &str) -> String {
    let digit = name.starts_with(|it: char| it.is_ascii_digit());
    let name = name.to_uppercase().replace('-', "_");
    format!("{}{name}_SECRET", if digit { "_" } else { "" })
}

/// A line of the log.
fn said(line: &Line) -> String {
    match line {
        Line::Received(entry) => {
            let status = entry
                .status
                .map_or_else(|| "closed".to_owned(), |it| it.to_string());
            format!(
                "{}  received {} {} -> {status} in {} ms  {}",
                entry.at, entry.method, entry.target, entry.took_ms, entry.note
            )
        }
        Line::Sent(sent) => {
            let known = if sent.answer.replayed {
                ", known already"
            } else {
                ""
            };
            format!(
                "{}  sent {} {} -> {} {}{known}",
                sent.at, sent.kind, sent.key, sent.answer.status, sent.answer.message_id
            )
        }
        Line::Waits(kind, why) => format!(
            "{kind} waits to be sent: {why}; it is offered until the host at --host-url takes or refuses it"
        ),
    }
}

// === impl Secrets ===

impl Secrets {
    fn of(arguments: &Arguments) -> Result<Self, Failed> {
        let token = || Token::generate().map_err(Failed::work);
        let secret = match &arguments.secret {
            Some(secret) => secret.clone(),
            None => token()?.expose().to_owned(),
        };
        let sender = match (&arguments.sender, arguments.which) {
            (Some(sender), _) => sender.clone(),
            (None, Which::Shipbob) => ingress::signing_secret().map_err(Failed::work)?,
            (None, _) => token()?.expose().to_owned(),
        };
        Ok(Self { secret, sender })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::*;
    use crate::config::{Config, Overrides};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(line: &[&str]) -> Arguments {
        let line = Line::try_parse_from([&["simulate"], line].concat());
        line.unwrap().arguments
    }

    #[test]
    fn what_it_prints_connects_a_host() {
        for kind in [Kind::Sap, Kind::Salesforce, Kind::ShipBob, Kind::X12] {
            let access = match kind {
                Kind::ShipBob => Access::Signature("env:SIGNING"),
                _ => Access::Token(format!("{:x}", Sha256::digest("token"))),
            };
            let text = kind.configuration(&Connection {
                partner: "elsewhere",
                url: "http://127.0.0.1:4711",
                secret: "env:SECRET",
                access,
                role: "",
                settings: "",
                endpoint: "",
            });
            let text = format!(
                "[server]\ndata_directory = \"data\"\nadapters_directory = \"adapters\"\n\n{text}"
            );
            let checked = Config::parse(&text, &Overrides::default()).unwrap();
            assert_eq!(checked.partners.len(), 1, "{text}");
            assert!(Script::read(kind.nasty().as_bytes()).is_ok());
        }
    }

    #[test]
    fn every_act_that_it_prints_is_json_and_named() {
        let partners: [Box<dyn Partner>; 4] = [
            Box::new(connection::sap("s")),
            Box::new(connection::salesforce("s")),
            Box::new(connection::shipbob("s")),
            Box::new(connection::warehouse("s")),
        ];
        for mut partner in partners {
            assert!(!partner.acts().is_empty());
            for (example, _) in partner.acts() {
                let act: Value = serde_json::from_str(example).unwrap();
                let done = partner.act(&act, crate::clock::Timestamp::EPOCH);
                // It may be about an order that is not there, but it is known.
                let error = done.err().unwrap_or_default();
                assert!(!error.contains("/__acts"), "{error}");
            }
        }
    }

    #[test]
    fn secrets_are_new_unless_they_are_given() {
        let first = Secrets::of(&arguments(&["shipbob"])).unwrap();
        let second = Secrets::of(&arguments(&["shipbob"])).unwrap();
        assert_ne!(first.secret, second.secret);
        assert!(first.sender.starts_with("whsec_"));
        let given = arguments(&["x12-3pl", "--secret", "a", "--sender", "b"]);
        let given = Secrets::of(&given).unwrap();
        assert_eq!((given.secret.as_str(), given.sender.as_str()), ("a", "b"));
    }

    #[test]
    fn a_script_that_can_not_be_played_is_named_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script.json");
        fs::write(&path, r#"{"answers":{"kind":"sulk"}}"#).unwrap();
        let failed = format!("{:?}", read_script(&path).unwrap_err());
        assert!(
            failed.contains("script.json") && failed.contains("sulk"),
            "{failed}"
        );
        assert!(read_script(&directory.path().join("none")).is_err());
    }
}
