//! A partner's settings, read with their types.
//!
//! Settings arrive as names and texts. What is missing or malformed is a [`Problem`]
//! that blames the settings, names the setting and says what was expected, so that
//! the person who wrote the file can mend it.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::near::nearest;
use crate::{Problem, Setting};

/// A partner's settings.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    entries: &'a [(String, String)],
}

/// The settings `NAME.KEY` of one table, such as `unit.CA`.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    entries: &'a [(String, String)],
    name: &'a str,
}

// === impl Settings ===

impl<'a> Settings<'a> {
    /// The settings of a message, a delivery or a poll.
    pub fn new(entries: &'a [(String, String)]) -> Settings<'a> {
        Settings { entries }
    }

    /// The setting's text; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.entries
            .iter()
            .find(|(entry, value)| entry == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The setting's text, or what holds when it is absent.
    pub fn get_or(&self, name: &str, default: &'a str) -> &'a str {
        self.get(name).unwrap_or(default)
    }

    /// The text of a setting that must be there.
    ///
    /// # Errors
    ///
    /// `setting-missing`.
    pub fn required(&self, name: &str) -> Result<&'a str, Problem> {
        self.get(name).ok_or_else(|| {
            Problem::settings(
                "setting-missing",
                format!("the setting `{name}` is missing"),
            )
            .with_remedy(format!("set `{name}` in the partner's settings"))
        })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// `setting-invalid` for any other text.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        self.parse(name, "true or false")
            .map(|value| value.unwrap_or(default))
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    ///
    /// `setting-invalid` for anything else.
    pub fn integer(
        &self,
        name: &str,
        default: u32,
        bounds: RangeInclusive<u32>,
    ) -> Result<u32, Problem> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        match self.parse(name, &expected)? {
            None => Ok(default),
            Some(value) if bounds.contains(&value) => Ok(value),
            Some(value) => Err(invalid(name, &value.to_string(), &expected)),
        }
    }

    /// Anything that can be read from a text; `expected` says what that is.
    ///
    /// # Errors
    ///
    /// `setting-invalid` when it can't.
    pub fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(invalid(name, text, expected)),
            },
        }
    }

    /// One of a few words.
    ///
    /// # Errors
    ///
    /// `setting-invalid`, with the words, for any other.
    pub fn choice(
        &self,
        name: &str,
        default: &'static str,
        words: &[&'static str],
    ) -> Result<&'static str, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        words
            .iter()
            .copied()
            .find(|word| *word == text)
            .ok_or_else(|| invalid(name, text, &format!("one of {}", words.join(", "))))
    }

    /// The settings `name.KEY`.
    pub fn table(&self, name: &'a str) -> Table<'a> {
        Table {
            entries: self.entries,
            name,
        }
    }

    /// Checks the settings against what the adapter says it reads: nothing required
    /// is missing, and nothing is there that nobody reads.
    ///
    /// # Errors
    ///
    /// `setting-missing` or `setting-unknown`, the latter with the name that may be
    /// meant.
    pub fn check(&self, described: &[Setting]) -> Result<(), Problem> {
        for setting in described.iter().filter(|setting| setting.required) {
            match setting.name.strip_suffix(".*") {
                None => drop(self.required(&setting.name)?),
                Some(table) if self.table(table).iter().next().is_none() => {
                    let text = format!("the table of settings `{table}` is empty");
                    return Err(Problem::settings("setting-missing", text));
                }
                Some(_) => {}
            }
        }
        for (name, _) in self.entries {
            let known = described
                .iter()
                .any(|setting| match setting.name.strip_suffix('*') {
                    Some(table) => name.starts_with(table) && name.len() > table.len(),
                    None => setting.name == *name,
                });
            if !known {
                return Err(unknown(name, described));
            }
        }
        Ok(())
    }
}

// === impl Table ===

impl<'a> Table<'a> {
    /// The text for a key; an empty one counts as absent.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.iter()
            .find(|(entry, _)| *entry == key)
            .map(|(_, value)| value)
    }

    /// The key whose text is `value`: the table read backwards. The first one wins.
    pub fn key_of(&self, value: &str) -> Option<&'a str> {
        self.iter()
            .find(|(_, text)| *text == value)
            .map(|(key, _)| key)
    }

    /// All keys with their texts, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let name = self.name;
        self.entries.iter().filter_map(move |(entry, value)| {
            let key = entry.strip_prefix(name)?.strip_prefix('.')?;
            (!value.is_empty()).then_some((key, value.as_str()))
        })
    }
}

fn invalid(name: &str, value: &str, expected: &str) -> Problem {
    let text = format!("the setting `{name}` is \"{value}\", expected {expected}");
    Problem::settings("setting-invalid", text).with_value(value)
}

fn unknown(name: &str, described: &[Setting]) -> Problem {
    let text = format!("the adapter has no setting `{name}`");
    let problem = Problem::settings("setting-unknown", text).with_value(name);
    match nearest(name, described.iter().map(|setting| setting.name.as_str())) {
        Some(near) => problem.with_remedy(format!("`{near}` may be meant")),
        None => problem.with_remedy("`crossdock adapter inspect` lists the settings it has"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blame;

    fn entries(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn reads_types_and_defaults() {
        let entries = entries(&[("strict", "true"), ("retries", "3"), ("empty", "")]);
        let settings = Settings::new(&entries);
        assert_eq!(settings.flag("strict", false), Ok(true));
        assert_eq!(settings.flag("absent", true), Ok(true));
        assert_eq!(settings.integer("retries", 9, 0..=5), Ok(3));
        assert_eq!(settings.integer("absent", 4, 0..=5), Ok(4));
        assert_eq!(settings.get("empty"), None);
        assert_eq!(settings.get_or("empty", "x"), "x");
    }

    #[test]
    fn blames_the_settings_and_names_what_was_expected() {
        let entries = entries(&[("strict", "yes"), ("retries", "7")]);
        let settings = Settings::new(&entries);
        let problem = settings.flag("strict", false).unwrap_err();
        assert_eq!(
            problem.text,
            "the setting `strict` is \"yes\", expected true or false"
        );
        assert_eq!(problem.blame, Blame::Settings);
        let problem = settings.integer("retries", 0, 0..=5).unwrap_err();
        assert_eq!(problem.code, "setting-invalid");
        assert_eq!(
            settings.required("sender-id").unwrap_err().code,
            "setting-missing"
        );
        let problem = settings
            .choice("strict", "no", &["no", "maybe"])
            .unwrap_err();
        assert!(problem.text.ends_with("expected one of no, maybe"));
    }

    #[test]
    fn reads_tables_both_ways() {
        let entries = entries(&[("unit.CA", "CS"), ("unit.EA", "EA"), ("unity", "1")]);
        let settings = Settings::new(&entries);
        let units = settings.table("unit");
        assert_eq!(units.get("CA"), Some("CS"));
        assert_eq!(units.get("PL"), None);
        assert_eq!(units.key_of("CS"), Some("CA"));
        assert_eq!(units.iter().count(), 2);
    }

    #[test]
    fn finds_settings_that_nobody_reads() {
        let described = [
            Setting::required("sender-id", "who sends"),
            Setting::optional("unit.*", "units"),
        ];
        let check = |pairs: &[(&str, &str)]| Settings::new(&entries(pairs)).check(&described);
        assert_eq!(check(&[("sender-id", "ACME"), ("unit.CA", "CS")]), Ok(()));
        assert_eq!(check(&[]).unwrap_err().code, "setting-missing");
        let problem = check(&[("sender-id", "ACME"), ("sender_ids", "x")]).unwrap_err();
        assert_eq!(problem.remedy.as_deref(), Some("`sender-id` may be meant"));
        assert_eq!(
            check(&[("sender-id", "A"), ("unit.", "x")])
                .unwrap_err()
                .code,
            "setting-unknown"
        );
    }
}
