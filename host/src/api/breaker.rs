//! A breaker as the API shows it: a named state with times that people can read.

use serde::Serialize;

use crate::deliver::breaker::{Phase, State};

/// Where a breaker stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// `closed`, `open`, `half-open`, `forced-open` or `forced-closed`.
    pub state: Phase,
    /// Since when, RFC 3339.
    pub since: String,
    /// When probes begin, RFC 3339; absent unless it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How often it opened without a steady time in between; absent when an operator
    /// moved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openings: Option<u32>,
    /// How many probes have succeeded; absent unless it is half-open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes_succeeded: Option<u32>,
}

impl From<&State> for Breaker {
    fn from(state: &State) -> Self {
        let (since, until, openings, probes_succeeded) = match *state {
            State::Closed { since, openings } => (since, None, Some(openings), None),
            State::Open {
                since,
                until,
                openings,
            } => (since, Some(until), Some(openings), None),
            State::HalfOpen {
                since,
                openings,
                successes,
            } => (since, None, Some(openings), Some(successes)),
            State::ForcedOpen { since } | State::ForcedClosed { since } => {
                (since, None, None, None)
            }
        };
        Self {
            state: state.phase(),
            since: since.to_string(),
            until: until.map(|at| at.to_string()),
            openings,
            probes_succeeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn states_have_names_and_times_are_readable() {
        let since = Timestamp::from_millis(1_772_357_400_000);
        let shown = |state: State| serde_json::to_value(Breaker::from(&state)).unwrap();
        let open = State::Open {
            since,
            until: since.plus(std::time::Duration::from_millis(5_250)),
            openings: 2,
        };
        assert_eq!(
            shown(open),
            json!({
                "state": "open",
                "since": "2026-03-01T09:30:00.000Z",
                "until": "2026-03-01T09:30:05.250Z",
                "openings": 2,
            })
        );
        let probing = State::HalfOpen {
            since,
            openings: 2,
            successes: 1,
        };
        assert_eq!(
            shown(probing),
            json!({
                "state": "half-open",
                "since": "2026-03-01T09:30:00.000Z",
                "openings": 2,
                "probes_succeeded": 1,
            })
        );
        assert_eq!(
            shown(State::ForcedOpen { since }),
            json!({ "state": "forced-open", "since": "2026-03-01T09:30:00.000Z" })
        );
    }
}
