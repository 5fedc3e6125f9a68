//! What holds of all commands, and that those about processes speak with a running host.

use clap::CommandFactory as _;

use super::*;
use crate::{app, clock::Clock, ingress::authenticate::Token};

fn filter_of(arguments: &[&str]) -> &'static str {
    log_filter(&Arguments::parse_from(arguments).command)
}

#[test]
fn the_demos_story_is_not_interrupted_by_logs() {
    let demo = filter_of(&["crossdock", "demo", "--once"]);
    assert_eq!(demo, "warn,crossdock::ingress=error");
    assert_eq!(filter_of(&["crossdock", "simulate", "sap"]), "warn");
    assert_eq!(filter_of(&["crossdock", "serve"]), "warn,crossdock=info");
}

/// The examples that `--help` shows, of this command and all below it.
fn examples(command: &clap::Command, found: &mut Vec<String>) {
    if let Some(help) = command.get_after_help() {
        let help = help.to_string();
        let lines = help
            .lines()
            .filter_map(|line| line.strip_prefix("  crossdock "));
        found.extend(lines.map(str::to_owned));
    }
    command.get_subcommands().for_each(|it| examples(it, found));
}

/// The words of a line as a shell would make them.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" > ").next().unwrap_or(line);
    let mut words = vec!["crossdock".to_owned()];
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_commands_are_well_formed_and_their_examples_are_commands() {
    Arguments::command().debug_assert();
    let mut found = Vec::new();
    examples(&Arguments::command(), &mut found);
    assert!(
        found.len() >= 14,
        "each command about processes has one: {found:?}"
    );
    for example in found {
        if let Err(error) = Arguments::try_parse_from(words(&example)) {
            panic!("{example}: {error}");
        }
    }
}

/// Runs a command as `main` does; the exit code.
fn done(arguments: Vec<String>) -> u8 {
    let arguments = Arguments::try_parse_from(arguments).expect("a command");
    // A thread of its own, since a command has a runtime of its own.
    let run = std::thread::spawn(move || run(arguments.command));
    run.join()
        .expect("it ends")
        .map_or_else(|failed| failed.exit_code(), |()| 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_about_processes_speak_with_a_running_host() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| toml::Value::from(directory.path().join(name).to_str().unwrap());
    std::fs::create_dir(directory.path().join("adapters")).unwrap();
    let token = Token::generate().unwrap();
    let text = format!(
        r#"
        [server]
        data_directory = {}
        adapters_directory = {}
        operator_token_sha256 = ["{}"]
        [listener]
        listen = "127.0.0.1:0"
        [sandbox]
        threads = 1
        instances_max = 4
        "#,
        path("data"),
        path("adapters"),
        token.hash()
    );
    let checked = Config::parse(&text, &Overrides::default()).unwrap();
    let host = app::start(checked, Clock::System).await.unwrap();
    let url = format!("http://{}", host.local_addr());
    let told = |line: &str, extra: &[&str]| {
        let mut arguments = words(line);
        let remote = ["--url", url.as_str(), "--token", token.expose()];
        arguments.extend(remote.iter().chain(extra).map(|it| (*it).to_owned()));
        done(arguments)
    };
    for line in [
        "orders list",
        "processes list",
        "exceptions list --closed",
        "inventory list",
        "service-levels --days 7",
    ] {
        assert_eq!((told(line, &[]), told(line, &["--json"])), (0, 0), "{line}");
    }
    for line in [
        "orders show SO/1 --why",
        "orders cancel SO-1 --line 2",
        "shipments show SH-1",
        "returns show R1",
        "exceptions show 'order/SO-1#1'",
        "exceptions resolve 'order/SO-1#1' retry",
        "processes show order-to-fulfilment order/SO-1",
        "processes migrate order-to-fulfilment order/SO-1 --to 2",
        "inventory reconciliation --node north --csv",
        "exceptions list --kind nonsense",
    ] {
        assert_eq!(told(line, &[]), 1, "{line}: there is none");
    }
    assert!(Arguments::try_parse_from(words("exceptions resolve 'a#1' shrug")).is_err());
    host.stop().await.unwrap();
}
