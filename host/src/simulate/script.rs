//! How a simulated partner behaves, and how that changes while it runs.
//!
//! A [`Script`] is what somebody writes: JSON, from a file or by `PUT /__script`. A
//! [`Director`] plays it: pure in (script, requests so far), so that a flapping partner
//! flaps the same way every time.

use serde::{Deserialize, Serialize};

/// The longest pause before an answer, in milliseconds.
pub const DELAY_MS_MAX: u64 = 600_000;

/// The most times that one message is sent.
pub const COPIES_MAX: u32 = 20;

/// How a partner behaves; what is left out is as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What becomes of requests.
    pub answers: Answers,
    /// How many requests it leaves alone first.
    pub answers_after: u32,
    /// For how many requests; then they are accepted again. Absent: until it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers_max: Option<u32>,
    /// How long each answer takes, in milliseconds.
    pub delay_ms: u64,
    /// Which requests this is about; the others are accepted at once.
    pub only: Only,
    /// Whether the partner does its business by itself.
    pub business: Business,
    /// How it sends.
    pub sends: Sends,
}

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answers {
    /// It is answered as the partner sees fit.
    #[default]
    Accept,
    /// It is refused for good, in the partner's own form.
    Reject {
        /// Why.
        reason: String,
    },
    /// 503: the partner can't, and does nothing.
    Unavailable {
        /// Whether it says when to come again.
        #[serde(default)]
        retry_after_seconds: Option<u32>,
    },
    /// Too many requests, in the partner's own form; it does nothing.
    RateLimited {
        /// When to come again.
        #[serde(default)]
        retry_after_seconds: u32,
    },
    /// The connection is closed without a word; nothing reached the partner.
    Down,
    /// No answer until the script changes; then what that says.
    Hang,
    /// So many requests are accepted, then so many answered 503, and so on.
    Flap {
        /// Accepted in a row.
        accepted: u32,
        /// Refused in a row.
        refused: u32,
    },
    /// The work is done, and answered 500.
    FailAfterWork,
    /// The work is done, and the connection closed without a word.
    LoseAnswer,
}

/// Which requests a script is about: those that have all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Only {
    /// Of this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// With this in path or query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
}

/// Whether a partner does its business by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Business {
    /// At once: what is ordered is shipped, what was received is confirmed.
    #[default]
    Prompt,
    /// When it is told to, by `POST /__acts`.
    Told,
}

/// How a partner sends what it has to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sends {
    /// How often each message is sent, under the same id (1).
    pub copies: u32,
    /// The latest first; one is held back until there is another.
    pub reversed: bool,
}

/// A script that can't be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no script.
    #[error("this is no script: {0}; `{{}}` is one, and GET /__script shows the present one")]
    Unreadable(String),
    /// A number is out of bounds.
    #[error("`{name}` is {least} to {most}")]
    Bounds {
        /// Which.
        name: &'static str,
        /// At least.
        least: u64,
        /// At most.
        most: u64,
    },
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Let the partner answer.
    Work,
    /// Let the partner work, and say something else.
    WorkThen(Ending),
    /// Say no.
    Refuse(Refusal),
    /// Close the connection.
    Close,
    /// Wait for another script.
    Wait,
}

/// How a request ends of which the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// 500.
    Fail,
    /// Without a word.
    Close,
}

/// Why a request is refused; the partner has its own form for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not wanted.
    Rejected(String),
    /// Not now.
    Unavailable {
        /// When to come again, in seconds.
        retry_after: Option<u32>,
    },
    /// Too many.
    RateLimited {
        /// When to come again, in seconds.
        retry_after: u32,
    },
    /// Something broke: 500.
    Failed,
}

/// Plays a script.
#[derive(Clone, Debug, Default)]
pub struct Director {
    script: Script,
    /// Requests that the script was about.
    seen: u32,
}

// === impl Script ===

impl Script {
    /// A partner that answers so.
    #[must_use]
    pub fn answering(answers: Answers) -> Self {
        Self {
            answers,
            ..Self::default()
        }
    }

    /// The same, but not for the first so many requests.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.answers_after = requests;
        self
    }

    /// The same for so many requests.
    #[must_use]
    pub fn times(mut self, requests: u32) -> Self {
        self.answers_max = Some(requests);
        self
    }

    /// The same for requests of that method whose path or query holds this.
    #[must_use]
    pub fn only(mut self, method: &str, path_contains: &str) -> Self {
        self.only = Only {
            method: Some(method.to_owned()),
            path_contains: Some(path_contains.to_owned()),
        };
        self
    }

    /// The same, doing business only when told.
    #[must_use]
    pub fn told(mut self) -> Self {
        self.business = Business::Told;
        self
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let script: Self =
            serde_json::from_slice(json).map_err(|error| Error::Unreadable(error.to_string()))?;
        let bound = |name, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(Error::Bounds { name, least, most })
        };
        bound("delay_ms", script.delay_ms, 0, DELAY_MS_MAX)?;
        let copies = u64::from(script.sends.copies);
        bound("sends.copies", copies, 1, COPIES_MAX.into())?;
        if let Some(times) = script.answers_max {
            bound("answers_max", times.into(), 1, u32::MAX.into())?;
        }
        if let Answers::Flap { accepted, refused } = script.answers {
            bound("answers.accepted", accepted.into(), 1, 1_000_000)?;
            bound("answers.refused", refused.into(), 1, 1_000_000)?;
        }
        Ok(script)
    }
}

impl Default for Sends {
    fn default() -> Self {
        Self {
            copies: 1,
            reversed: false,
        }
    }
}

// === impl Only ===

impl Only {
    fn means(&self, method: &str, target: &str) -> bool {
        let method_fits = self.method.as_ref();
        let path_fits = self.path_contains.as_ref();
        method_fits.is_none_or(|it| it.eq_ignore_ascii_case(method))
            && path_fits.is_none_or(|it| target.contains(it.as_str()))
    }
}

// === impl Director ===

impl Director {
    /// Begins to play a script.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self { script, seen: 0 }
    }

    /// What is played, with what is left of it.
    #[must_use]
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// What is to be done with a request, and how long that takes in milliseconds.
    pub fn direct(&mut self, method: &str, target: &str) -> (Cue, u64) {
        if !self.script.only.means(method, target) {
            return (Cue::Work, 0);
        }
        if self.script.answers_after > 0 {
            self.script.answers_after -= 1;
            return (Cue::Work, 0);
        }
        let cue = match &self.script.answers {
            Answers::Accept => Cue::Work,
            Answers::Reject { reason } => Cue::Refuse(Refusal::Rejected(reason.clone())),
            Answers::Unavailable {
                retry_after_seconds,
            } => Cue::Refuse(Refusal::Unavailable {
                retry_after: *retry_after_seconds,
            }),
            Answers::RateLimited {
                retry_after_seconds,
            } => Cue::Refuse(Refusal::RateLimited {
                retry_after: *retry_after_seconds,
            }),
            Answers::Down => Cue::Close,
            // Waits for another script, also when this one is over with it.
            Answers::Hang => Cue::Wait,
            Answers::Flap { accepted, refused } => {
                let round = accepted.saturating_add(*refused).max(1);
                if self.seen % round < *accepted {
                    Cue::Work
                } else {
                    Cue::Refuse(Refusal::Unavailable { retry_after: None })
                }
            }
            Answers::FailAfterWork => Cue::WorkThen(Ending::Fail),
            Answers::LoseAnswer => Cue::WorkThen(Ending::Close),
        };
        self.seen = self.seen.wrapping_add(1);
        if let Some(left) = &mut self.script.answers_max {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.script.answers = Answers::Accept;
                self.script.answers_max = None;
            }
        }
        (cue, self.script.delay_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(script: Script, requests: usize) -> Vec<Cue> {
        let mut director = Director::new(script);
        (0..requests)
            .map(|_| director.direct("POST", "/order").0)
            .collect()
    }

    #[test]
    fn an_empty_script_is_a_good_partner() {
        let script = Script::read(b"{}").unwrap();
        assert_eq!(script, Script::default());
        assert_eq!(cues(script, 2), [Cue::Work, Cue::Work]);
    }

    #[test]
    fn what_is_scripted_for_some_requests_ends_after_them() {
        let script = Script::answering(Answers::FailAfterWork).times(2);
        let failed = Cue::WorkThen(Ending::Fail);
        let expected = [failed.clone(), failed, Cue::Work];
        assert_eq!(cues(script.clone(), 3), expected);
        assert_eq!(cues(script.after(2), 5)[2..], expected);
    }

    #[test]
    fn flaps_in_rounds() {
        let json = br#"{"answers":{"kind":"flap","accepted":2,"refused":1}}"#;
        let no = Cue::Refuse(Refusal::Unavailable { retry_after: None });
        assert_eq!(
            cues(Script::read(json).unwrap(), 4),
            [Cue::Work, Cue::Work, no, Cue::Work]
        );
    }

    #[test]
    fn others_are_not_meant() {
        let script = Script::answering(Answers::Down).only("post", "/order");
        let mut director = Director::new(script);
        assert_eq!(director.direct("GET", "/order").0, Cue::Work);
        assert_eq!(director.direct("POST", "/token").0, Cue::Work);
        assert_eq!(director.direct("POST", "/order?a=b").0, Cue::Close);
    }

    #[test]
    fn refuses_what_cannot_be_played() {
        for (json, word) in [
            (&br#"{"answers":{"kind":"sulk"}}"#[..], "sulk"),
            (br#"{"sends":{"copies":0}}"#, "sends.copies"),
            (br#"{"delay_ms":600001}"#, "delay_ms"),
            (br#"{"answers_max":0}"#, "answers_max"),
            (
                br#"{"answers":{"kind":"flap","accepted":1,"refused":0}}"#,
                "answers.refused",
            ),
            (br#"{"delay":1}"#, "delay"),
        ] {
            let error = Script::read(json).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
