//! `crossdock service-levels`.

use clap::Args;
use serde_json::Value;

use super::{
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};

/// Of whom, and how far back.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How many days back
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Only of this partner or node
    #[arg(long)]
    partner: Option<String>,
    /// Only this level: acceptance, ship-by, return-to-credit
    #[arg(long)]
    level: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failed> {
    let query = [
        ("days", Some(arguments.days.to_string())),
        ("partner", arguments.partner),
        ("level", arguments.level),
    ];
    let Some(answer) = arguments
        .remote
        .ask_to_tell("/v1/service-levels", &query)
        .await?
    else {
        return Ok(());
    };
    let levels: Vec<_> = items(&answer["service_levels"]).map(row).collect();
    print::table(
        &[
            "level",
            "partner",
            "in time",
            "late",
            "attained",
            "median",
            "9 of 10",
            "99 of 100",
            "warned",
            "breached",
            "open",
        ],
        &levels,
    );
    let mut open = items(&answer["service_levels"])
        .flat_map(|level| items(&level["open_breaches"]).map(move |breach| (level, breach)))
        .peekable();
    if open.peek().is_some() {
        print::line("\ntakes longer than it may");
    }
    for (level, breach) in open {
        print::line(format!(
            "  {}  {} by {}, since {}, until {}",
            text(&breach["key"]),
            text(&level["level"]),
            text(&level["partner"]),
            text(&breach["since"]),
            text(&breach["until"]),
        ));
    }
    if answer["open_breaches_cut"] == true {
        print::note("there are more that are open; ask by --partner or --level");
    }
    Ok(())
}

fn row(level: &Value) -> Vec<String> {
    let attained = level["attainment_percent"].as_f64();
    vec![
        text(&level["level"]),
        text(&level["partner"]),
        text(&level["met_in_time"]),
        text(&level["late"]),
        attained.map_or("-".to_owned(), |it| format!("{it} %")),
        duration(&level["p50_ms"]),
        duration(&level["p90_ms"]),
        duration(&level["p99_ms"]),
        text(&level["warned"]),
        text(&level["breached"]),
        items(&level["open_breaches"]).count().to_string(),
    ]
}

/// A duration in its two largest units: `2 h 5 min`.
fn duration(millis: &Value) -> String {
    let Some(millis) = millis.as_u64() else {
        return "-".to_owned();
    };
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) => format!("{millis} ms"),
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes, _) => format!("{hours} h {} min", minutes % 60),
        (days, hours, ..) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        for (millis, told) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (7_500_000, "2 h 5 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(&json!(millis)), told);
        }
        assert_eq!(duration(&Value::Null), "-");
    }
}
